//! Timestamps of any clock as a count of samples at 8 kHz.
//!
//! In: timestamps of packets with the rate of their clock. Out: the same moments in samples.
//! Invariants: equal distances stay equal, however often either count wraps; at 8 kHz a timestamp
//! is its own count. Source: RFC 3550 §5.1.

use crate::media::SAMPLE_RATE;

/// Follows one source.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SampleClock {
    /// A timestamp, and the samples it stood for.
    anchor: Option<(u32, u32)>,
}

impl SampleClock {
    /// The samples that a timestamp stands for.
    pub(super) fn samples(&mut self, timestamp: u32, clock_rate: u32) -> u32 {
        let each = (clock_rate / SAMPLE_RATE).max(1);
        if each == 1 {
            self.anchor = None;
            return timestamp;
        }
        let Some((at, samples)) = self.anchor else {
            self.anchor = Some((timestamp, timestamp / each));
            return timestamp / each;
        };
        let ahead = (timestamp.wrapping_sub(at) as i32).div_euclid(each as i32);
        // The anchor moves by whole samples only, so that nothing is rounded away for good.
        let moved = at.wrapping_add_signed(ahead.wrapping_mul(each as i32));
        let samples = samples.wrapping_add_signed(ahead);
        self.anchor = Some((moved, samples));
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_stay_through_both_wraps() {
        let mut clock = SampleClock::default();
        let mut timestamp = u32::MAX - 5_000;
        let mut before = clock.samples(timestamp, 48_000);
        for _ in 0..100_000 {
            timestamp = timestamp.wrapping_add(960);
            let now = clock.samples(timestamp, 48_000);
            assert_eq!(now.wrapping_sub(before), 160);
            before = now;
        }
        let late = clock.samples(timestamp.wrapping_sub(2 * 960), 48_000);
        assert_eq!(before.wrapping_sub(late), 320);
        assert_eq!(clock.samples(timestamp.wrapping_add(3), 48_000), before);
        assert_eq!(clock.samples(77, 8_000), 77);
    }
}
