//! Carriers: smooth weighted round robin over those that are up, by load and health.
//!
//! Source: nginx's smooth weighted round robin: every eligible peer's credit grows by its
//! effective weight, the largest credit wins and pays the sum of all effective weights.

use crate::base::Ppm;
use crate::event::{CarrierCandidate, Veto};

/// The version of the choice below; it stands in every decision.
pub const CARRIER_POLICY: &str = "swrr-1";

/// Consecutive failures of calls after which a carrier is taken out.
const FAILURES_TO_TAKE_OUT: u32 = 2;

/// A carrier as the dialer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrier {
    /// Its configured share.
    pub weight: u32,
    /// Calls at once.
    pub channels: u32,
    /// Customer legs open.
    pub channels_in_use: u32,
    /// Whether it may be used.
    pub is_up: bool,
    /// Why it was taken out.
    pub down_reason: Option<String>,
    /// Whether it wants a registration that it does not have.
    pub is_unregistered: bool,
    /// The running credit of the round robin.
    pub credit: i64,
    /// Recent success: grows by a quarter of what is missing, falls by a quarter.
    pub health: Ppm,
    /// Failures since the last success.
    pub consecutive_failures: u32,
    /// The last failure's stable name.
    pub last_failure: Option<String>,
}

impl Carrier {
    pub(super) fn new(weight: u32, channels: u32) -> Self {
        Self {
            weight,
            channels,
            channels_in_use: 0,
            is_up: true,
            down_reason: None,
            is_unregistered: false,
            credit: 0,
            health: Ppm::ONE,
            consecutive_failures: 0,
            last_failure: None,
        }
    }

    /// Channels not in use; none while it is down or lacks its registration.
    pub fn free_channels(&self) -> u32 {
        if self.is_up && !self.is_unregistered {
            self.channels.saturating_sub(self.channels_in_use)
        } else {
            0
        }
    }

    /// Why it must be taken out, where it must.
    pub(super) fn must_be_taken_out(&self) -> Option<&str> {
        let reason = self.last_failure.as_deref()?;
        let is_enough = self.consecutive_failures >= FAILURES_TO_TAKE_OUT;
        (self.is_up && is_enough).then_some(reason)
    }

    pub(super) fn candidate(
        &self,
        id: &crate::base::CarrierId,
        is_tried: bool,
    ) -> CarrierCandidate {
        let veto = if !self.is_up {
            Some("down")
        } else if self.is_unregistered {
            Some("unregistered")
        } else if is_tried {
            Some("tried")
        } else if self.free_channels() == 0 {
            Some("channels_full")
        } else {
            None
        };
        CarrierCandidate {
            carrier_id: id.clone(),
            weight: self.weight,
            effective_weight: self.effective_weight(),
            credit: self.credit,
            channels_in_use: self.channels_in_use,
            veto: veto.map(|reason| Veto(reason.to_owned())),
        }
    }

    /// Weight × health × half to all of it by free channels. Units: thousandths.
    fn effective_weight(&self) -> i64 {
        let headroom = Ppm::ratio(u64::from(self.free_channels()), u64::from(self.channels.max(1)));
        let load = 500_000 + i64::from(headroom.0) / 2;
        let weight = i64::from(self.weight) * 1_000;
        (weight * i64::from(self.health.0) / 1_000_000 * load / 1_000_000).max(1)
    }

    /// Up, and what failed before is forgiven, or it would be taken out again at once.
    pub(super) fn begins_anew(&mut self) {
        self.is_up = true;
        self.down_reason = None;
        self.consecutive_failures = 0;
        self.last_failure = None;
    }

    pub(super) fn succeeded(&mut self) {
        self.consecutive_failures = 0;
        self.last_failure = None;
        self.health = Ppm(self.health.0 + (Ppm::ONE.0.saturating_sub(self.health.0)) / 4);
    }

    pub(super) fn failed(&mut self, reason: String) {
        self.consecutive_failures += 1;
        self.last_failure = Some(reason);
        self.health = Ppm(self.health.0 - self.health.0 / 4);
    }
}

/// The winner among candidates: the largest credit after this round; ties go to the first id.
pub(super) fn winner(candidates: &[CarrierCandidate]) -> Option<&CarrierCandidate> {
    let mut best: Option<&CarrierCandidate> = None;
    for candidate in candidates.iter().filter(|candidate| candidate.veto.is_none()) {
        let credit = candidate.credit + candidate.effective_weight;
        if best.is_none_or(|best| credit > best.credit + best.effective_weight) {
            best = Some(candidate);
        }
    }
    best
}
