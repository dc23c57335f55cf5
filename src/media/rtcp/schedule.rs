//! When the next report is due.
//!
//! In: the size of each report sent or heard, who sends, and the time. Out: the moment of the
//! next one. Invariants: no two reports lie closer together than a half of the least interval,
//! stretched as RFC 3550 has it; the draws come from the generator given, so the same inputs
//! give the same moments.
//! Deliberately absent: the reduced minimum of 360 s over the bandwidth, and counting members:
//! a call has two.
//! Source: RFC 3550 §6.2, §6.3 and A.7.

use crate::base::{Millis, Rng, Timestamp};

/// The least interval. Source: RFC 3550 §6.2.
const LEAST: Millis = Millis(5_000);
/// Bytes a second that reports may take, of all members: 5 % of a G.711 stream's 80 kbit/s with
/// IP, UDP and RTP headers.
const BANDWIDTH: f64 = 500.0;
/// Bytes of the headers below RTCP (IPv4 and UDP) that count as its size. RFC 3550 §6.2.
const HEADERS: f64 = 28.0;
/// What reconsideration takes off the mean is made good by this: e − 3/2. RFC 3550 §6.3.1.
const COMPENSATION: f64 = 1.218_28;
/// Draws are this fine.
const STEPS: u64 = 1 << 20;

/// The timer of one end.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    rng: Rng,
    /// When the last report went, or when the session began: `tp`.
    last: Timestamp,
    next: Timestamp,
    /// Average size of a compound, headers included: `avg_rtcp_size`. Units: bytes.
    average: f64,
    is_initial: bool,
    members: u32,
}

impl Schedule {
    /// A timer that begins now. `size` is that of the first report, in bytes.
    pub(super) fn new(now: Timestamp, size: usize, rng: Rng) -> Self {
        let average = size as f64 + HEADERS;
        let mut schedule =
            Self { rng, last: now, next: now, average, is_initial: true, members: 1 };
        schedule.next = now.plus(schedule.interval());
        schedule
    }

    /// When to call [`Self::is_due`].
    pub(super) fn poll_timeout(&self) -> Timestamp {
        self.next
    }

    /// True where a report goes out now. Otherwise the timer was set anew.
    pub(super) fn is_due(&mut self, now: Timestamp) -> bool {
        if now < self.next {
            return false;
        }
        // §6.3.6: the interval is drawn again before anything is sent.
        let reconsidered = self.last.plus(self.interval());
        if reconsidered > now {
            self.next = reconsidered;
            return false;
        }
        true
    }

    /// A report of so many bytes went out.
    pub(super) fn sent(&mut self, now: Timestamp, size: usize) {
        self.weigh(size);
        self.last = now;
        self.is_initial = false;
        self.next = now.plus(self.interval());
    }

    /// A report of so many bytes came. The other end is a member from now on.
    pub(super) fn heard(&mut self, size: usize) {
        self.weigh(size);
        self.members = 2;
    }

    /// The other end left: what remains of the wait shrinks with the members. §6.3.4.
    pub(super) fn left(&mut self, now: Timestamp) {
        if self.members == 2 {
            self.members = 1;
            self.next = now.plus(Millis(self.next.since(now).0 / 2));
            self.last = Timestamp::from_micros(
                now.as_micros() - i64::try_from(now.since(self.last).0 * 500).unwrap_or(0),
            );
        }
    }

    fn weigh(&mut self, size: usize) {
        self.average += (size as f64 + HEADERS - self.average) / 16.0;
    }

    /// `T`: between a half and one and a half of the calculated interval, over e − 3/2.
    fn interval(&mut self) -> Millis {
        let least = if self.is_initial { LEAST.0 / 2 } else { LEAST.0 } as f64;
        let calculated = (f64::from(self.members) * self.average / BANDWIDTH * 1_000.0).max(least);
        let share = self.rng.below(STEPS) as f64 / STEPS as f64 + 0.5;
        // Finite and small: at most a few minutes.
        Millis((calculated * share / COMPENSATION) as u64)
    }
}

#[cfg(test)]
mod tests;
