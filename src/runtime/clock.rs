//! Time and chance as they really are.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::base::{Clock, Rng, Timestamp};

/// The machine's clock: set once at start, then counted on, so that it never goes backwards.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    started: Instant,
    offset_us: i64,
}

impl SystemClock {
    /// Reads the wall clock.
    #[expect(clippy::disallowed_methods, reason = "this is where time comes in")]
    pub fn new() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset_us = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        Self { started: Instant::now(), offset_us }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(self.offset_us.saturating_add(passed))
    }
}

/// The present moment of the machine's steady clock, for code of others that counts by it.
#[expect(clippy::disallowed_methods, reason = "this is where time comes in")]
pub fn instant() -> Instant {
    Instant::now()
}

/// Fills a buffer from the operating system's generator.
///
/// # Panics
/// Where the system has none: keys without randomness would protect nobody.
#[expect(clippy::expect_used, reason = "no randomness, no keys")]
pub fn system_random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system gives random bytes");
}

/// A generator seeded from the operating system.
pub fn system_rng() -> Rng {
    let mut seed = [0; 8];
    system_random(&mut seed);
    Rng::from_seed(u64::from_le_bytes(seed))
}
