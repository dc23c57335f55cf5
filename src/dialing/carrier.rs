//! Carriers: smooth weighted round robin over those that may be used, by load and health.
//!
//! In: what the carriers' calls showed. Out: candidates with their weight and veto. Invariant: a
//! carrier that is not proven has one undecided call at most. Deliberately absent: the order of
//! carriers by price.
//!
//! Source: nginx's smooth weighted round robin: every eligible peer's credit grows by its
//! effective weight, the largest credit wins and pays the sum of all effective weights.

use std::collections::VecDeque;

use super::policy::CarrierPolicy;
use super::sim_card::SimCards;
use crate::base::{CarrierId, Millis, Ppm, Timestamp};
use crate::event::{CarrierAdded, CarrierCandidate, Veto};

/// Consecutive failures of calls after which a carrier is taken out.
const FAILURES_TO_TAKE_OUT: u32 = 2;
/// The longest that a carrier's Retry-After is believed: a wrong value must not cost a day.
const SUSPENSION_MAX: Millis = Millis(3_600_000);
/// How long a carrier may leave a call without a ring, where nothing else is said. Mobile
/// networks take 3 to 6 s. Source: RFC 6076 §4.2 for the term, post-dial delay.
pub const POST_DIAL_DELAY_MAX: Millis = Millis(8_000);
/// What calls per second are counted over.
const SECOND: Millis = Millis(1_000);

/// The reason of a carrier taken out because it left OPTIONS without answer.
pub const OPTIONS_TIMEOUT: &str = "options_timeout";

/// Until when a carrier is left alone that asked for it (RFC 3261 §20.33, §21.5.4).
pub fn suspended_until(now: Timestamp, retry_after: Millis) -> Timestamp {
    now.plus(retry_after.min(SUSPENSION_MAX))
}

/// How far a carrier is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing is known since it was added: one call at a time until it answers anything.
    Unproven,
    /// It works as far as is known.
    Proven,
    /// It is back from a rest: one call at a time until one gets through.
    OnTrial,
}

/// A carrier as the dialer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Carrier {
    /// Its configured share.
    pub weight: u32,
    /// Calls at once.
    pub channels: u32,
    /// Calls begun within any second, where it is limited.
    pub calls_per_second: Option<u32>,
    /// Customer legs open.
    pub channels_in_use: u32,
    /// Whether it may be used.
    pub is_up: bool,
    /// Why it was taken out.
    pub down_reason: Option<String>,
    /// Until when it asked to be left alone.
    pub suspended_until: Option<Timestamp>,
    /// How far it is trusted.
    pub trust: Trust,
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
    /// Its SIM cards, where it is a GSM gateway.
    pub sims: SimCards,
    /// Open legs begun while it was not proven.
    trials: u32,
    /// When the last calls began, as many as a second may have, oldest first.
    starts: VecDeque<Timestamp>,
    /// Health by the rules of `swrr-1`, which old decisions were taken with.
    first_health: Ppm,
}

impl Carrier {
    pub(super) fn new() -> Self {
        Self {
            weight: 0,
            channels: 0,
            calls_per_second: None,
            channels_in_use: 0,
            is_up: true,
            down_reason: None,
            suspended_until: None,
            trust: Trust::Unproven,
            is_unregistered: false,
            credit: 0,
            health: Ppm::ONE,
            consecutive_failures: 0,
            last_failure: None,
            sims: SimCards::default(),
            trials: 0,
            starts: VecDeque::new(),
            first_health: Ppm::ONE,
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

    /// Calls that could begin over it at this moment.
    pub fn free_lines(&self, now: Timestamp) -> u32 {
        if self.must_wait(now).is_some() {
            return 0;
        }
        let most = if self.trust == Trust::Proven { u32::MAX } else { 1 };
        let in_this_second = match self.calls_per_second {
            Some(limit) => limit.saturating_sub(self.begun_within_second(now)),
            None => u32::MAX,
        };
        let sims = if self.sims.is_empty() { u32::MAX } else { self.sims.free(now) };
        self.free_channels().min(in_this_second).min(most).min(sims)
    }

    /// When it could be used again by time alone, where it is only time that it lacks.
    pub(super) fn free_from(&self, now: Timestamp) -> Option<Timestamp> {
        if self.free_channels() == 0 {
            return None;
        }
        match self.must_wait(now) {
            Some("suspended") => self.suspended_until,
            Some("rate") => {
                let limit = usize::try_from(self.calls_per_second?).unwrap_or(usize::MAX);
                let first = self.starts.get(self.starts.len().checked_sub(limit)?)?;
                Some(first.plus(SECOND))
            }
            Some("no_sim") => self.sims.free_from(now),
            _ => None,
        }
    }

    /// Why it must be taken out, where it must.
    pub(super) fn must_be_taken_out(&self) -> Option<&str> {
        let reason = self.last_failure.as_deref()?;
        let enough = if self.trust == Trust::OnTrial { 1 } else { FAILURES_TO_TAKE_OUT };
        (self.is_up && self.consecutive_failures >= enough).then_some(reason)
    }

    pub(super) fn candidate(
        &self,
        policy: CarrierPolicy,
        id: &CarrierId,
        is_tried: bool,
        now: Timestamp,
    ) -> CarrierCandidate {
        let waits = match policy {
            CarrierPolicy::Swrr1 => None,
            CarrierPolicy::Swrr2 => self.must_wait(now),
        };
        let veto = if !self.is_up {
            Some("down")
        } else if self.is_unregistered {
            Some("unregistered")
        } else if is_tried {
            Some("tried")
        } else if waits.is_some() {
            waits
        } else if self.free_channels() == 0 {
            Some("channels_full")
        } else {
            None
        };
        CarrierCandidate {
            carrier_id: id.clone(),
            weight: self.weight,
            effective_weight: self.effective_weight(policy),
            credit: self.credit,
            channels_in_use: self.channels_in_use,
            veto: veto.map(|reason| Veto(reason.to_owned())),
        }
    }

    /// The veto of `swrr-2` where it is up but must be left alone at this moment.
    fn must_wait(&self, now: Timestamp) -> Option<&'static str> {
        if self.suspended_until.is_some_and(|until| now < until) {
            return Some("suspended");
        }
        if self.trust != Trust::Proven && self.trials > 0 {
            return Some("half_open");
        }
        let is_at_limit = |limit| self.begun_within_second(now) >= limit;
        if self.calls_per_second.is_some_and(is_at_limit) {
            return Some("rate");
        }
        (!self.sims.is_empty() && self.sims.free(now) == 0).then_some("no_sim")
    }

    fn begun_within_second(&self, now: Timestamp) -> u32 {
        let begun = self.starts.iter().filter(|start| start.plus(SECOND) > now).count();
        u32::try_from(begun).unwrap_or(u32::MAX)
    }

    /// Weight × health × half to all of it by free channels. Units: thousandths.
    fn effective_weight(&self, policy: CarrierPolicy) -> i64 {
        let health = match policy {
            CarrierPolicy::Swrr1 => self.first_health,
            CarrierPolicy::Swrr2 => self.health,
        };
        let headroom = Ppm::ratio(u64::from(self.free_channels()), u64::from(self.channels.max(1)));
        let load = 500_000 + i64::from(headroom.0) / 2;
        let weight = i64::from(self.weight) * 1_000;
        (weight * i64::from(health.0) / 1_000_000 * load / 1_000_000).max(1)
    }

    /// Its limits as they are said now. A restart gives it a new chance.
    pub(super) fn added(&mut self, fact: &CarrierAdded) {
        self.weight = fact.weight;
        self.channels = fact.channels;
        self.calls_per_second = fact.calls_per_second;
        self.is_unregistered = false;
        self.sims.begin_anew();
        self.begins_anew();
        self.trust = Trust::Unproven;
    }

    pub(super) fn taken_out(&mut self, reason: &str) {
        self.is_up = false;
        self.down_reason = Some(reason.to_owned());
    }

    /// It answers: for the first time, or again. Whose calls failed is tried with one of them.
    pub(super) fn recovered(&mut self) {
        let failed_calls =
            !self.is_up && self.down_reason.as_deref().is_some_and(|it| it != OPTIONS_TIMEOUT);
        if failed_calls {
            self.trust = Trust::OnTrial;
        } else if self.trust == Trust::Unproven || !self.is_up {
            self.trust = Trust::Proven;
        }
        self.begins_anew();
    }

    pub(super) fn suspended(&mut self, until: Timestamp) {
        self.suspended_until = self.suspended_until.max(Some(until));
        self.trust = Trust::OnTrial;
    }

    /// A call begins over it. Whether it is a trial.
    pub(super) fn begun(&mut self, at: Timestamp) -> bool {
        self.channels_in_use += 1;
        if let Some(limit) = self.calls_per_second {
            self.starts.push_back(at);
            while u64::try_from(self.starts.len()).unwrap_or(u64::MAX) > u64::from(limit) {
                self.starts.pop_front();
            }
        }
        let is_trial = self.trust != Trust::Proven;
        self.trials += u32::from(is_trial);
        is_trial
    }

    /// A call over it is over.
    pub(super) fn freed(&mut self, was_trial: bool) {
        self.channels_in_use = self.channels_in_use.saturating_sub(1);
        self.trials = self.trials.saturating_sub(u32::from(was_trial));
    }

    /// Up, and what failed before is forgiven, or it would be taken out again at once.
    fn begins_anew(&mut self) {
        self.is_up = true;
        self.down_reason = None;
        self.consecutive_failures = 0;
        self.last_failure = None;
    }

    /// It delivered a call.
    pub(super) fn succeeded(&mut self, was_trial: bool) {
        self.consecutive_failures = 0;
        self.last_failure = None;
        self.health = grown(self.health);
        if was_trial {
            self.trust = Trust::Proven;
        }
    }

    /// It did not deliver a call.
    pub(super) fn failed(&mut self, reason: String) {
        self.consecutive_failures += 1;
        self.last_failure = Some(reason);
        self.health = shrunk(self.health);
    }

    /// As `swrr-1` counted: whether a call succeeded.
    pub(super) fn first_counts(&mut self, is_success: bool) {
        self.first_health =
            if is_success { grown(self.first_health) } else { shrunk(self.first_health) };
    }
}

const fn grown(health: Ppm) -> Ppm {
    Ppm(health.0 + (Ppm::ONE.0.saturating_sub(health.0)) / 4)
}

const fn shrunk(health: Ppm) -> Ppm {
    Ppm(health.0 - health.0 / 4)
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
