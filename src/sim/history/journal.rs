//! The one writer of a simulated history: facts into the log and the live state, as the
//! runtime's journal does it, but in virtual time and without waiting for each append.
//!
//! In: drafts and the moment. Out: appends in groups; the live state at the position they will
//! have. Invariants: the log's clock moves only while nothing is on its way, so that the same
//! history is recorded at the same moments; positions are foretold and compared with what the
//! log answers. Deliberately absent: other writers.

use super::HistoryError;
use super::clock::VirtualClock;
use super::disorder::Disorder;
use crate::base::{EventId, IdSequence, Millis, Rng, Timestamp};
use crate::event::{ExpectedRevision, NewEvent};
use crate::event_log::{EmbeddedLog, PendingAppend, StreamAppend};
use crate::projection::live::LiveState;
use crate::runtime::{Draft, stream_of};

/// Facts that are handed to the log at once, at least.
const GROUP: usize = 1_024;
/// Facts wait no longer than this for others. Units: virtual ms.
const GATHER: Millis = Millis(60_000);

/// Writes facts and follows them.
pub(super) struct Journal<'a> {
    log: &'a EmbeddedLog,
    clock: &'a VirtualClock,
    ids: IdSequence,
    node: String,
    /// The live state up to the last fact.
    pub(super) live: LiveState,
    pub(super) disorder: Disorder,
    next: u64,
    waiting: Vec<(u64, Vec<StreamAppend>)>,
    waiting_since: Option<Timestamp>,
    waiting_from: u64,
    on_way: Vec<(u64, PendingAppend)>,
    /// Facts that came late, facts that came twice.
    pub(super) late: u64,
    pub(super) duplicates: u64,
}

impl<'a> Journal<'a> {
    pub(super) fn new(
        log: &'a EmbeddedLog,
        clock: &'a VirtualClock,
        (mut ids, disorder): (Rng, Disorder),
        node: String,
    ) -> Self {
        Self {
            log,
            clock,
            ids: IdSequence::new(&mut ids),
            node,
            live: LiveState::default(),
            disorder,
            next: 0,
            waiting: Vec::new(),
            waiting_since: None,
            waiting_from: 0,
            on_way: Vec::new(),
            late: 0,
            duplicates: 0,
        }
    }

    /// The position decisions are taken at.
    pub(super) fn position(&self) -> u64 {
        self.live.position().unwrap_or(0)
    }

    /// Facts appended so far.
    pub(super) const fn events(&self) -> u64 {
        self.next
    }

    /// Appends facts, less those that come late.
    pub(super) async fn append(
        &mut self,
        mut drafts: Vec<Draft>,
        now: Timestamp,
    ) -> Result<Option<EventId>, HistoryError> {
        let disturbed = self.disorder.disturb(&mut drafts, now);
        self.late += disturbed.late;
        self.duplicates += disturbed.duplicates;
        self.append_as_is(drafts, now).await
    }

    /// Appends facts in this order, grouped by event stream. Gives the first one's id.
    pub(super) async fn append_as_is(
        &mut self,
        drafts: Vec<Draft>,
        now: Timestamp,
    ) -> Result<Option<EventId>, HistoryError> {
        if drafts.is_empty() {
            return Ok(None);
        }
        let mut first = None;
        let mut parts: Vec<(StreamAppend, Vec<Draft>)> = Vec::with_capacity(1);
        for draft in drafts {
            let event_id = EventId::next(draft.at, &mut self.ids);
            first.get_or_insert(event_id);
            let stream = stream_of(&self.node, &draft.event);
            let event = NewEvent::of(&draft.event, event_id, draft.at, draft.actor.clone())
                .because_of(draft.cause);
            match parts.iter_mut().find(|(part, _)| part.stream == stream) {
                Some((part, drafts)) => {
                    part.events.push(event);
                    drafts.push(draft);
                }
                None => {
                    let expected = ExpectedRevision::Any;
                    let part = StreamAppend { stream, expected, events: vec![event] };
                    parts.push((part, vec![draft]));
                }
            }
        }
        let begin = self.next;
        let mut batch = Vec::with_capacity(parts.len());
        for (part, drafts) in parts {
            for draft in drafts {
                self.live.take(self.next, now, draft.at, &draft.event)?;
                self.next += 1;
            }
            batch.push(part);
        }
        self.waiting.push((begin, batch));
        self.waiting_since.get_or_insert(now);
        if self.next - self.waiting_from >= GROUP as u64 {
            self.flush(now).await?;
        }
        Ok(first)
    }

    /// When what waits has to go, where that was before now.
    pub(super) fn overdue(&self, now: Timestamp) -> Option<Timestamp> {
        let due = self.waiting_since?.plus(GATHER);
        (due <= now).then_some(due)
    }

    /// Hands what waits to the log, once it has what it was handed before.
    pub(super) async fn flush(&mut self, now: Timestamp) -> Result<(), HistoryError> {
        self.settle().await?;
        self.clock.advance(now);
        for (begin, batch) in std::mem::take(&mut self.waiting) {
            let pending = self.log.submit(batch).await?;
            self.on_way.push((begin, pending));
        }
        self.waiting_since = None;
        self.waiting_from = self.next;
        Ok(())
    }

    /// Waits until the log has what it was handed.
    pub(super) async fn settle(&mut self) -> Result<(), HistoryError> {
        for (foretold, pending) in self.on_way.drain(..) {
            let got = pending.await?.first().map(|part| part.first_position);
            if got != Some(foretold) {
                return Err(HistoryError::Position { foretold, got });
            }
        }
        Ok(())
    }
}
