//! Quality every few seconds, so that a leg that sounded bad for a while shows.
//!
//! In: the counts of a leg so far, and the time. Out: [`QualityInterval`], one behind the other
//! without a gap. Invariant: the packets of all intervals add up to those of the leg.

use super::Quality;
use crate::base::{Millis, Timestamp};
use crate::media::{Codec, MediaStatistics};

/// How a leg did in some seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QualityInterval {
    /// From when.
    pub from: Timestamp,
    /// Up to when.
    pub to: Timestamp,
    /// How good it sounded; nothing where no packet came.
    pub quality: Option<Quality>,
    /// Packets that came.
    pub packets_received: u64,
    /// Packets that never came.
    pub packets_lost: u64,
    /// Interarrival jitter at its end (RFC 3550 A.8), in microseconds.
    pub jitter_us: u64,
    /// The round trip, where a report of ours was answered.
    pub round_trip_ms: Option<Millis>,
}

/// Cuts a leg into intervals.
#[derive(Clone, Copy, Debug)]
pub(in crate::media) struct QualityMeter {
    length: Millis,
    from: Timestamp,
    before: MediaStatistics,
}

impl QualityMeter {
    /// The first interval begins now; each has this length.
    pub(in crate::media) fn new(now: Timestamp, length: Millis) -> Self {
        Self { length, from: now, before: MediaStatistics::default() }
    }

    /// When the interval ends.
    pub(in crate::media) fn poll_timeout(&self) -> Timestamp {
        self.from.plus(self.length)
    }

    /// The interval that ends now, whether or not it is full.
    pub(in crate::media) fn cut(
        &mut self,
        now: Timestamp,
        heard: &MediaStatistics,
        codec: Codec,
    ) -> QualityInterval {
        let before = std::mem::replace(&mut self.before, *heard);
        let from = std::mem::replace(&mut self.from, now);
        let since = MediaStatistics {
            packets_received: heard.packets_received.saturating_sub(before.packets_received),
            // A packet that was late and came makes up for one lost before.
            packets_lost: heard.packets_lost.saturating_sub(before.packets_lost),
            loss_runs: heard.loss_runs.saturating_sub(before.loss_runs),
            ..*heard
        };
        QualityInterval {
            from,
            to: now,
            quality: Quality::of(&since, codec),
            packets_received: since.packets_received,
            packets_lost: since.packets_lost,
            jitter_us: since.jitter_us,
            round_trip_ms: since.round_trip_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(received: u64, lost: u64) -> MediaStatistics {
        MediaStatistics {
            packets_received: received,
            packets_lost: lost,
            jitter_us: 2_000,
            round_trip_ms: Some(Millis(80)),
            ..MediaStatistics::default()
        }
    }

    #[test]
    fn intervals_count_what_is_new_and_add_up() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut meter = QualityMeter::new(at(0), Millis(5_000));
        assert_eq!(meter.poll_timeout(), at(5));
        let good = meter.cut(at(5), &heard(250, 0), Codec::Pcmu);
        let bad = meter.cut(at(10), &heard(450, 50), Codec::Pcmu);
        let none = meter.cut(at(12), &heard(450, 50), Codec::Pcmu);
        assert_eq!((bad.from, bad.to, none.from, none.to), (at(5), at(10), at(10), at(12)));
        assert_eq!((bad.packets_received, bad.packets_lost), (200, 50));
        let r = |interval: QualityInterval| interval.quality.map(|quality| quality.r_milli);
        assert!(r(good) > Some(90_000), "{good:?}");
        assert!(r(bad) < Some(60_000), "20 % of packets lost: {bad:?}");
        assert_eq!(none.quality, None);
        // The whole leg hides what the interval shows.
        let whole = Quality::of(&heard(450, 50), Codec::Pcmu).map(|quality| quality.r_milli);
        assert!(whole > r(bad));
    }
}
