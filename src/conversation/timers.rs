//! The named moments a conversation may be waiting for.

use std::collections::BTreeMap;

use crate::base::Timestamp;

/// What is to happen when the moment comes. The order is the order in which timers due at the
/// same moment fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The answer classifier wants to look at the time.
    Answer,
    /// Speech over a prompt has gone on long enough to stop it.
    BargeIn,
    /// The person has paused long enough for the turn to be over.
    TurnEnd,
    /// Nobody said anything.
    Silence,
    /// Nobody answered the wish for a person.
    Transfer,
    /// No beep came.
    Beep,
    /// The conversation may not go on.
    TimeLimit,
    /// Not even the farewell may go on.
    Grace,
}

/// At most one moment per [`Timer`].
#[derive(Clone, Debug, Default)]
pub(super) struct Timers(BTreeMap<Timer, Timestamp>);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.0.insert(timer, at);
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The next moment anything is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.values().min().copied()
    }

    /// Takes the earliest timer that is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (&timer, _) = self
            .0
            .iter()
            .filter(|(_, at)| **at <= now)
            .min_by_key(|(timer, at)| (**at, **timer))?;
        self.0.remove(&timer);
        Some(timer)
    }
}
