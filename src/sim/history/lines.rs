//! Carriers: when they fail, how long they take to ring, what their packets suffer.
//!
//! In: how many, how long, a seed. Out: [`Line`]s. Invariant: what a carrier does at a moment
//! follows from its plan, whoever asks. The figures are chosen, not measured.

use super::draw::{quantile, span, weighted};
use super::world::carrier_slug;
use crate::base::{CarrierId, IdError, Millis, Rng, Timestamp};
use crate::call::LegOver;
use crate::dialing::LinePrice;
use crate::media::MediaStatistics;
use crate::sip::FailureCause;

/// One in so many days of a carrier has an outage.
const OUTAGE_ONE_IN_DAYS: u64 = 3;
/// How long they last, by evenly spaced quantiles. Units: ms.
const OUTAGE_MS: [u64; 6] = [60_000, 240_000, 600_000, 1_500_000, 3_600_000, 9_000_000];
const DAY: Millis = Millis(86_400_000);
/// One packet in so many milliseconds (RFC 3551 §4.5.14, 20 ms).
const PACKET_MS: u64 = 20;

/// What goes wrong in an outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It answers 503.
    Refuses,
    /// It does not answer at all.
    Silent,
    /// It cannot be reached.
    Unreachable,
}

/// A stretch of time in which a carrier takes no call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
    pub(super) trouble: Trouble,
}

/// A carrier.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) id: CarrierId,
    pub(super) weight: u32,
    pub(super) channels: u32,
    outages: Vec<Outage>,
    /// Post-dial delay by evenly spaced quantiles. Units: ms.
    ringing_ms: [u64; 4],
    /// Units: packets lost of a million.
    loss_ppm: u64,
    jitter_us: u64,
    /// Round trip of the sound. Units: ms.
    round_trip_ms: u64,
    /// A carrier that failed calls rests until then.
    pub(super) rests_until: Timestamp,
}

impl Line {
    /// Plans a carrier's days.
    pub(super) fn plan(
        number: usize,
        channels: u32,
        (start, days): (Timestamp, u32),
        rng: &mut Rng,
    ) -> Result<Self, IdError> {
        let mut outages = Vec::new();
        for day in 0..u64::from(days) {
            if rng.below(OUTAGE_ONE_IN_DAYS) > 0 {
                continue;
            }
            let from = start.plus(Millis(DAY.0 * day + rng.below(DAY.0)));
            let troubles = [Trouble::Refuses, Trouble::Silent, Trouble::Unreachable];
            let drawn = weighted(rng, [5, 4, 1].into_iter());
            let trouble = troubles.get(drawn).copied().unwrap_or(Trouble::Refuses);
            outages.push(Outage { from, until: from.plus(span(rng, &OUTAGE_MS)), trouble });
        }
        outages.sort_by_key(|outage| outage.from);
        let pace = 100 + 25 * number as u64;
        Ok(Self {
            id: CarrierId::new(carrier_slug(number))?,
            weight: 3_u32.saturating_sub(u32::try_from(number).unwrap_or(3)).max(1),
            channels,
            outages,
            ringing_ms: [400, 1_100, 1_900, 5_200].map(|ms| ms * pace / 100),
            loss_ppm: 800 + 1_400 * number as u64,
            jitter_us: 900 + 700 * number as u64,
            round_trip_ms: 34 + 45 * number as u64,
            rests_until: Timestamp::EPOCH,
        })
    }

    pub(super) fn outages(&self) -> &[Outage] {
        &self.outages
    }

    /// The outage at a moment.
    pub(super) fn outage(&self, at: Timestamp) -> Option<&Outage> {
        self.outages.iter().find(|outage| outage.from <= at && at < outage.until)
    }

    /// How a dial fails in this outage, and after which time.
    pub(super) fn failure(trouble: Trouble, rng: &mut Rng) -> (LegOver, Millis) {
        match trouble {
            Trouble::Refuses => {
                let over = LegOver::refused(503, Some(41));
                (over, Millis(rng.between(60, 400)))
            }
            Trouble::Silent => {
                (LegOver::Failed { cause: FailureCause::NoProvisional }, Millis(1_200))
            }
            Trouble::Unreachable => (LegOver::Failed { cause: FailureCause::Transport }, Millis(5)),
        }
    }

    /// From INVITE to the first ring.
    pub(super) fn post_dial_delay(&self, rng: &mut Rng) -> Millis {
        span(rng, &self.ringing_ms)
    }

    /// What came of the packets of a leg that was up for so long.
    pub(super) fn packets(&self, length: Millis, rng: &mut Rng) -> MediaStatistics {
        let sent = length.0 / PACKET_MS;
        let loss = self.loss_ppm * quantile(rng, &[0, 300, 800, 1_400, 6_000]) / 1_000;
        let lost = (sent * loss + rng.below(1_000_000)) / 1_000_000;
        MediaStatistics {
            packets_sent: sent,
            packets_received: sent.saturating_sub(lost),
            packets_lost: lost,
            jitter_us: self.jitter_us * quantile(rng, &[600, 900, 1_200, 4_000]) / 1_000,
            round_trip_ms: Some(Millis(
                self.round_trip_ms * quantile(rng, &[800, 950, 1_100, 2_600]) / 1_000,
            )),
            ..MediaStatistics::default()
        }
    }

    /// What the nth carrier asks for a minute: the better the dearer.
    pub(super) fn price(number: usize) -> LinePrice {
        let dearness = 4_u64.saturating_sub(number as u64).max(1);
        let billed_s = if number.is_multiple_of(2) { 1 } else { 6 };
        LinePrice { per_minute_milli: 500 + 180 * dearness, billed_s }
    }
}
