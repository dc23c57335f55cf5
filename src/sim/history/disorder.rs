//! Facts that reach the log late, and twice: what a node leaves behind that was cut off from the
//! log for a while, or that did not hear the answer to an append.
//!
//! In: facts on their way to the log. Out: those that go on now, and those that come later.
//! Invariants: only facts that no decision waits for are held back or repeated, so that the
//! world goes on as it would have; a late fact keeps the moment it happened; a repeated one has
//! the same fields and an event id of its own.

use std::collections::BTreeMap;

use super::draw::span;
use crate::base::{CallId, Ppm, Rng, Timestamp};
use crate::event::Event;
use crate::runtime::Draft;

/// How late, by evenly spaced quantiles: five minutes to a day and a half. Units: ms.
const LATE_MS: [u64; 9] = [
    300_000,
    600_000,
    1_200_000,
    2_700_000,
    5_400_000,
    10_800_000,
    28_800_000,
    64_800_000,
    129_600_000,
];
/// How soon the same comes again, by evenly spaced quantiles. Units: ms.
const AGAIN_MS: [u64; 5] = [200, 1_000, 5_000, 60_000, 600_000];

/// Holds facts back.
pub(super) struct Disorder {
    late: Ppm,
    duplicate: Ppm,
    rng: Rng,
    /// Facts of calls that are cut off, until the call is over.
    held: BTreeMap<CallId, Vec<Draft>>,
    /// Facts to come, and when.
    due: Vec<(Timestamp, Vec<Draft>)>,
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Disturbed {
    pub(super) late: u64,
    pub(super) duplicates: u64,
}

impl Disorder {
    pub(super) const fn new(late: Ppm, duplicate: Ppm, rng: Rng) -> Self {
        Self { late, duplicate, rng, held: BTreeMap::new(), due: Vec::new() }
    }

    /// Decides for a call that begins whether what is said in it comes late.
    pub(super) fn call_begins(&mut self, call_id: CallId) {
        if self.rng.chance(self.late) {
            self.held.insert(call_id, Vec::new());
        }
    }

    /// Takes out of a batch what comes later; decides what comes again.
    pub(super) fn disturb(&mut self, drafts: &mut Vec<Draft>, now: Timestamp) -> Disturbed {
        let mut disturbed = Disturbed::default();
        let mut over = None;
        let mut index = 0;
        while let Some(draft) = drafts.get(index) {
            if let Event::AttemptEnded(fact) = &draft.event {
                over = Some(fact.call_id);
            }
            if !can_wait(&draft.event) {
                index += 1;
                continue;
            }
            if let Some(held) = draft.event.call_id().and_then(|id| self.held.get_mut(&id)) {
                held.push(drafts.remove(index));
                disturbed.late += 1;
            } else if comes_alone(&draft.event) && self.rng.chance(self.late) {
                let after = span(&mut self.rng, &LATE_MS);
                self.due.push((now.plus(after), vec![drafts.remove(index)]));
                disturbed.late += 1;
            } else {
                if self.rng.chance(self.duplicate) {
                    let after = span(&mut self.rng, &AGAIN_MS);
                    self.due.push((now.plus(after), vec![draft.clone()]));
                    disturbed.duplicates += 1;
                }
                index += 1;
            }
        }
        if let Some(mut held) = over.and_then(|call_id| self.held.remove(&call_id)) {
            // The node sends what it kept as it finds it.
            for place in (1..held.len()).rev() {
                held.swap(place, self.rng.below(place as u64 + 1) as usize);
            }
            let after = span(&mut self.rng, &LATE_MS);
            self.due.push((now.plus(after), held));
        }
        disturbed
    }

    /// What is to come, and when; each is given once.
    pub(super) fn take_due(&mut self) -> Vec<(Timestamp, Vec<Draft>)> {
        std::mem::take(&mut self.due)
    }
}

/// Facts no decision is taken by, and that mean the same when they come twice.
const fn can_wait(event: &Event) -> bool {
    matches!(
        event,
        Event::TurnSpoken(_)
            | Event::TurnHeard(_)
            | Event::IntentTagged(_)
            | Event::PartyIdentified(_)
            | Event::IntentionLevelSet(_)
            | Event::CommitmentMade(_)
            | Event::LineSampled(_)
            | Event::MessageDelivered(_)
            | Event::MessageFailed(_)
    )
}

/// Facts that no call takes with it when it is cut off.
const fn comes_alone(event: &Event) -> bool {
    event.call_id().is_none()
        || matches!(event, Event::MessageDelivered(_) | Event::MessageFailed(_))
}
