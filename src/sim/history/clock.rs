//! The log's clock in virtual time: it stands until it is moved.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::base::{Clock, Timestamp};

/// A clock that somebody else moves.
#[derive(Debug)]
pub struct VirtualClock(AtomicI64);

impl VirtualClock {
    /// A clock that shows this moment.
    pub const fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_micros()))
    }

    /// Moves it on; never back.
    pub fn advance(&self, now: Timestamp) {
        self.0.fetch_max(now.as_micros(), Ordering::SeqCst);
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}
