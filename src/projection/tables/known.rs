//! Which facts and which things of a call were there lately.
//!
//! In: recorded facts in order of position. Out: whether one says the same as one before it,
//! under an event id of its own; and where the row of a turn, a tag or a commitment is. A node
//! that did not hear the answer to an append sends it again, so the same comes twice.
//!
//! Invariants: what is remembered follows from the facts alone; a fact that comes again within a
//! day is known, one that comes after two days is a new one, so that memory holds two days
//! however long the log is.

use std::collections::{BTreeMap, HashSet};

use crate::base::{CallId, Millis, Timestamp};
use crate::event::Recorded;

/// How long a generation takes facts in.
const GENERATION: Millis = Millis(86_400_000);

/// What a row of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Something said or heard.
    Turn,
    /// A meaning found in it.
    IntentTag,
    /// Something agreed to.
    Commitment,
}

/// The facts of one or two days.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Until when the present generation takes facts in.
    until: Timestamp,
    now: Generation,
    before: Generation,
}

#[derive(Clone, Debug, Default)]
struct Generation {
    /// Digests of what facts say; asked whether one is in it, never walked.
    facts: HashSet<u64>,
    /// The rows of each call.
    calls: BTreeMap<CallId, Vec<(Part, usize)>>,
}

impl Known {
    /// Remembers a fact; false where it was known.
    pub(super) fn is_new(&mut self, recorded: &Recorded) -> bool {
        // The log's own clock: it never goes back.
        if recorded.recorded_at >= self.until {
            self.before = std::mem::take(&mut self.now);
            if recorded.recorded_at >= self.until.plus(GENERATION) {
                self.before = Generation::default();
            }
            self.until = recorded.recorded_at.plus(GENERATION);
        }
        let digest = digest(recorded);
        !self.before.facts.contains(&digest) && self.now.facts.insert(digest)
    }

    /// Remembers where a row of a call is.
    pub(super) fn add(&mut self, call_id: CallId, part: Part, place: usize) {
        self.now.calls.entry(call_id).or_default().push((part, place));
    }

    /// Where the rows of a call are.
    pub(super) fn places(&self, call_id: CallId, part: Part) -> impl Iterator<Item = usize> {
        let of_call = [self.now.calls.get(&call_id), self.before.calls.get(&call_id)];
        let places = of_call.into_iter().flatten().flatten();
        places.filter(move |(kind, _)| *kind == part).map(|(_, place)| *place)
    }
}

/// What a fact says, and when it happened; not under which id, nor when the log took it.
fn digest(recorded: &Recorded) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(recorded.stream.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(recorded.event_type.as_bytes());
    hasher.update(&[0]);
    hasher.update(&recorded.occurred_at.as_micros().to_le_bytes());
    hasher.update(&recorded.data);
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
