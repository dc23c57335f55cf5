//! When a group writes how far it is.
//!
//! Invariant: a place is written only if it and all before it are done; one write at a time.
//!
//! Source: KurrentDB, "Checkpointing"; its issues 1301 and 1890 tell what a checkpoint past an
//! unfinished event does.

use super::settings::Settings;
use crate::base::{Millis, Timestamp};

#[derive(Debug)]
pub(crate) struct Checkpoint {
    after: Millis,
    min: u64,
    max: u64,
    /// The last place written.
    last: Option<u64>,
    /// Everything below this place is known durably to be done.
    saved: u64,
    /// What is being written.
    writing: Option<u64>,
    written_at: Timestamp,
    /// Events since, that groups wrote of themselves.
    own: u64,
}

impl Checkpoint {
    pub(crate) fn new(settings: &Settings, last: Option<u64>, next: u64, now: Timestamp) -> Self {
        Self {
            after: settings.checkpoint_after,
            min: u64::from(settings.min_checkpoint_count.max(1)),
            max: u64::from(settings.max_checkpoint_count.max(1)),
            last,
            saved: next,
            writing: None,
            written_at: now,
            own: 0,
        }
    }

    /// The group passed an event that a group wrote.
    pub(crate) fn pass_own(&mut self) {
        self.own += 1;
    }

    /// The place to write now, if one is due. `floor` is the first place that is not done.
    pub(crate) fn take(&mut self, floor: u64, now: Timestamp) -> Option<u64> {
        if self.due(floor).is_none_or(|at| at > now) {
            return None;
        }
        self.writing = Some(floor);
        self.written_at = now;
        floor.checked_sub(1)
    }

    /// The place that a last checkpoint would name, where it would say more than the one before.
    pub(crate) fn unsaved(&self, floor: u64) -> Option<u64> {
        if self.done(floor) > 0 { floor.checked_sub(1) } else { None }
    }

    /// When a place is due to be written; nothing where too little was done.
    pub(crate) fn due(&self, floor: u64) -> Option<Timestamp> {
        let done = self.done(floor);
        if self.writing.is_some() || done == 0 {
            return None;
        }
        if done >= self.max {
            return Some(self.written_at);
        }
        (done >= self.min && self.after > Millis(0)).then(|| self.written_at.plus(self.after))
    }

    /// What became of the write; `next` is the next place that will be read.
    pub(crate) fn written(&mut self, is_written: bool, next: u64) {
        let Some(floor) = self.writing.take() else { return };
        if is_written {
            self.saved = floor;
            self.last = floor.checked_sub(1);
            // Those that the write left behind are counted with it; more of them above it
            // only put the next write off.
            self.own = self.own.min(next.saturating_sub(floor));
        }
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    fn done(&self, floor: u64) -> u64 {
        floor.saturating_sub(self.saved).saturating_sub(self.own)
    }
}
