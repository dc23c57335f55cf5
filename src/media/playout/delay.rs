//! How long frames are to wait, from how unevenly they came.
//!
//! In: the arrival of each frame and its place. Out: the delay wanted, and how long a frame has
//! waited. Invariants: 20 to 200 ms; the two clocks may drift apart, as only the last two seconds
//! count. Source: RFC 3550 §6.4.1 (transit).

use crate::base::Timestamp;

/// Frames whose transit is remembered: two seconds.
const WINDOW: usize = 100;
/// Share of frames that are to be in time. Units: percent.
const IN_TIME: usize = 95;
/// Frames after which the delay is reckoned again, unless one comes late.
const EVERY: u32 = 10;
/// The least and the most delay. Units: µs.
pub(super) const LEAST: i64 = 20_000;
pub(super) const MOST: i64 = 200_000;
/// What is added to the spread: frames are asked for in steps of 20 ms. Units: µs.
const STEP: i64 = 20_000;
/// The length of a sample. Units: µs.
const SAMPLE: i64 = 125;

/// The transit of the last frames: arrival less place, so that only differences mean anything.
#[derive(Clone, Debug)]
pub(super) struct Delay {
    transits: Vec<i64>,
    /// Where the next one goes.
    place: usize,
    since: u32,
    /// The shortest transit remembered.
    least: i64,
    target: i64,
}

impl Default for Delay {
    fn default() -> Self {
        Self { transits: Vec::with_capacity(WINDOW), place: 0, since: 0, least: 0, target: LEAST }
    }
}

impl Delay {
    /// A frame came. Its place is in samples since the first.
    pub(super) fn arrived(&mut self, now: Timestamp, samples: i64) {
        let transit = now.as_micros() - samples * SAMPLE;
        match self.transits.get_mut(self.place) {
            Some(old) => *old = transit,
            None => self.transits.push(transit),
        }
        self.place = (self.place + 1) % WINDOW;
        self.since += 1;
        if self.since >= EVERY || self.transits.len() < EVERY as usize || transit < self.least {
            self.reckon();
        }
    }

    /// The delay wanted. Units: µs.
    pub(super) fn target(&self) -> i64 {
        self.target
    }

    /// How long a frame has waited that came as soon as any. Units: µs.
    pub(super) fn waited(&self, now: Timestamp, samples: i64) -> i64 {
        now.as_micros() - samples * SAMPLE - self.least
    }

    fn reckon(&mut self) {
        self.since = 0;
        let mut sorted = [i64::MAX; WINDOW];
        let Some(sorted) = sorted.get_mut(..self.transits.len()) else {
            return;
        };
        sorted.copy_from_slice(&self.transits);
        sorted.sort_unstable();
        let late = (sorted.len() * IN_TIME / 100).min(sorted.len().saturating_sub(1));
        if let (Some(least), Some(late)) = (sorted.first(), sorted.get(late)) {
            self.least = *least;
            self.target = (late - least + STEP).clamp(LEAST, MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(jitter: impl Fn(i64) -> i64, frames: i64) -> Delay {
        let mut delay = Delay::default();
        for number in 0..frames {
            let now = Timestamp::from_micros(1_000_000 + number * 20_000 + jitter(number));
            delay.arrived(now, number * 160);
        }
        delay
    }

    #[test]
    fn an_even_stream_needs_the_least() {
        assert_eq!(fed(|_| 0, 200).target(), LEAST);
        assert_eq!(fed(|_| 0, 1).target(), LEAST);
    }

    #[test]
    fn the_delay_covers_all_but_the_latest_few() {
        // Every tenth is 60 ms late: more than 5 %.
        assert_eq!(fed(|number| if number % 10 == 0 { 60_000 } else { 0 }, 200).target(), 80_000);
        // Every fiftieth: fewer.
        assert_eq!(fed(|number| if number % 50 == 0 { 60_000 } else { 0 }, 200).target(), LEAST);
        assert_eq!(fed(|number| number % 2 * 900_000, 200).target(), MOST);
    }

    #[test]
    fn clocks_that_drift_apart_do_not_pass_for_jitter() {
        // 200 ppm: 0.4 ms in two seconds.
        let target = fed(|number| number * 4, 50_000).target();
        assert!(target < LEAST + 1_000, "{target}");
    }
}
