//! SIM cards of a GSM gateway: which of them a call goes over, and which must rest.
//!
//! In: what a carrier's SIMs are allowed, and what calls and samples showed. Out: one candidate
//! for each SIM with its veto; the least used share wins. Invariants: caps follow from the log
//! alone, so that a restart forgets none of them; a SIM has one call at a time.
//! Deliberately absent: asking a gateway for balance and signal, which no SIP message carries:
//! whoever knows them records `SimCardSampled`.

use std::collections::BTreeMap;

use crate::base::{Millis, SimId, Timestamp, UtcOffset};
use crate::event::{SimCandidate, SimCardAdded, SimCardSampled, Veto};

/// Failures in a row after which a SIM rests: networks bar cards that dial on against refusals.
const FAILURES_TO_REST: u32 = 3;
/// How long it rests then.
const REST_AFTER_FAILURES: Millis = Millis(15 * 60_000);

/// A SIM as the dialer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SimCard {
    limits: SimCardAdded,
    /// The day that is counted: days since the epoch in the SIM's own time.
    day: i64,
    /// Calls begun that day.
    pub day_calls: u32,
    /// Talk of that day. Units: ms.
    pub day_talk: Millis,
    /// What is left on it, where that was sampled. Units: thousandths of the minor unit.
    pub balance_milli: Option<i64>,
    /// Its signal, where that was sampled. Units: dBm.
    pub signal_dbm: Option<i32>,
    /// Until when it gets no call.
    pub rest_until: Option<Timestamp>,
    /// Whether a call is open over it.
    pub is_in_use: bool,
    failures: u32,
    is_offered: bool,
}

impl SimCard {
    fn new(limits: SimCardAdded) -> Self {
        Self {
            limits,
            day: i64::MIN,
            day_calls: 0,
            day_talk: Millis(0),
            balance_milli: None,
            signal_dbm: None,
            rest_until: None,
            is_in_use: false,
            failures: 0,
            is_offered: true,
        }
    }

    fn day_of(&self, at: Timestamp) -> i64 {
        day(at, self.limits.utc_offset)
    }

    /// Calls and talk of the day a moment falls in.
    fn used(&self, now: Timestamp) -> (u32, Millis) {
        if self.day_of(now) == self.day { (self.day_calls, self.day_talk) } else { (0, Millis(0)) }
    }

    fn candidate(&self, sim_id: &SimId, now: Timestamp) -> SimCandidate {
        let (calls, talk) = self.used(now);
        let limits = &self.limits;
        let talk_max = limits.seconds_per_day.map(|seconds| u64::from(seconds) * 1_000);
        let is_below = |value: Option<i64>, least: Option<i64>| {
            value.zip(least).is_some_and(|(value, least)| value < least)
        };
        let veto = if !self.is_offered {
            Some("not_configured")
        } else if self.is_in_use {
            Some("in_use")
        } else if self.rest_until.is_some_and(|until| now < until) {
            Some("resting")
        } else if limits.calls_per_day.is_some_and(|most| calls >= most) {
            Some("daily_calls")
        } else if talk_max.is_some_and(|most| talk.0 >= most) {
            Some("daily_seconds")
        } else if is_below(self.balance_milli, limits.balance_min_milli) {
            Some("low_balance")
        } else if is_below(self.signal_dbm.map(i64::from), limits.signal_min_dbm.map(i64::from)) {
            Some("no_signal")
        } else {
            None
        };
        SimCandidate {
            sim_id: sim_id.clone(),
            used_ppm: share(calls, limits.calls_per_day, talk, talk_max),
            calls_today: calls,
            talk_today_ms: talk,
            veto: veto.map(|reason| Veto(reason.to_owned())),
        }
    }

    /// When it may be used again by time alone, where it is only time that it lacks.
    fn free_from(&self, sim_id: &SimId, now: Timestamp) -> Option<Timestamp> {
        let veto = self.candidate(sim_id, now).veto?.0;
        match veto.as_str() {
            "resting" => self.rest_until,
            "daily_calls" | "daily_seconds" => {
                let midnight = (self.day_of(now) + 1).saturating_mul(DAY_US);
                Some(Timestamp::from_micros(midnight - self.limits.utc_offset.micros()))
            }
            _ => None,
        }
    }

    fn begun(&mut self, at: Timestamp) {
        let today = self.day_of(at);
        if today != self.day {
            (self.day, self.day_calls, self.day_talk) = (today, 0, Millis(0));
        }
        self.day_calls += 1;
        self.is_in_use = true;
    }

    /// Its call is over. The talk counts for the day it ends in: a cap is kept, not shared out.
    fn freed(&mut self, at: Timestamp, talk: Millis) {
        let today = self.day_of(at);
        if today != self.day {
            (self.day, self.day_calls, self.day_talk) = (today, 0, Millis(0));
        }
        self.day_talk = Millis(self.day_talk.0.saturating_add(talk.0));
        self.is_in_use = false;
        if self.limits.rest_ms > Millis(0) {
            self.rest_until = self.rest_until.max(Some(at.plus(self.limits.rest_ms)));
        }
    }
}

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

fn day(at: Timestamp, offset: UtcOffset) -> i64 {
    at.as_micros().saturating_add(offset.micros()).div_euclid(DAY_US)
}

/// The larger of both shares. Without any cap it is calls of 1,000, so that they take turns.
fn share(calls: u32, calls_max: Option<u32>, talk: Millis, talk_max: Option<u64>) -> u32 {
    let of = |part: u64, whole: u64| crate::base::Ppm::ratio(part, whole.max(1)).0;
    let by_calls = of(u64::from(calls), u64::from(calls_max.unwrap_or(1_000)));
    by_calls.max(talk_max.map_or(0, |most| of(talk.0, most)))
}

/// The SIMs of one carrier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SimCards(BTreeMap<SimId, SimCard>);

impl SimCards {
    /// Whether the carrier is no gateway.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&SimId, &SimCard)> {
        self.0.iter()
    }

    /// All as candidates, in order of id.
    pub(super) fn candidates(&self, now: Timestamp) -> Vec<SimCandidate> {
        self.0.iter().map(|(id, sim)| sim.candidate(id, now)).collect()
    }

    /// SIMs that could take a call at this moment.
    pub(super) fn free(&self, now: Timestamp) -> u32 {
        let free = self.0.iter().filter(|(id, sim)| sim.candidate(id, now).veto.is_none());
        u32::try_from(free.count()).unwrap_or(u32::MAX)
    }

    /// When the first of them is free again by time alone.
    pub(super) fn free_from(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.iter().filter_map(|(id, sim)| sim.free_from(id, now)).min()
    }

    /// SIMs that must rest, and until when.
    pub(super) fn must_rest(&self, now: Timestamp) -> impl Iterator<Item = (&SimId, Timestamp)> {
        let failing = self.0.iter().filter(move |(_, sim)| {
            let rests = sim.rest_until.is_some_and(|until| now.plus(sim.limits.rest_ms) < until);
            sim.failures >= FAILURES_TO_REST && !rests
        });
        failing.map(move |(id, _)| (id, now.plus(REST_AFTER_FAILURES)))
    }

    /// The carrier's SIMs are told anew: those that are not are not offered.
    pub(super) fn begin_anew(&mut self) {
        self.0.values_mut().for_each(|sim| sim.is_offered = false);
    }

    pub(super) fn added(&mut self, fact: &SimCardAdded) {
        let sim = self.0.entry(fact.sim_id.clone()).or_insert_with(|| SimCard::new(fact.clone()));
        sim.limits = fact.clone();
        sim.is_offered = true;
    }

    pub(super) fn sampled(&mut self, fact: &SimCardSampled) {
        if let Some(sim) = self.0.get_mut(&fact.sim_id) {
            sim.balance_milli = fact.balance_milli.or(sim.balance_milli);
            sim.signal_dbm = fact.signal_dbm.or(sim.signal_dbm);
        }
    }

    pub(super) fn rested(&mut self, sim_id: &SimId, until: Timestamp) {
        if let Some(sim) = self.0.get_mut(sim_id) {
            sim.rest_until = sim.rest_until.max(Some(until));
            sim.failures = 0;
        }
    }

    pub(super) fn begun(&mut self, sim_id: &SimId, at: Timestamp) {
        if let Some(sim) = self.0.get_mut(sim_id) {
            sim.begun(at);
        }
    }

    pub(super) fn freed(&mut self, sim_id: &SimId, at: Timestamp, talk: Millis) {
        if let Some(sim) = self.0.get_mut(sim_id) {
            sim.freed(at, talk);
        }
    }

    /// Counts whether a call over it was delivered.
    pub(super) fn counts(&mut self, sim_id: &SimId, is_success: bool) {
        if let Some(sim) = self.0.get_mut(sim_id) {
            sim.failures = if is_success { 0 } else { sim.failures + 1 };
        }
    }
}

/// The winner: the least used share; ties go to the first id.
pub(super) fn winner(candidates: &[SimCandidate]) -> Option<&SimId> {
    let free = candidates.iter().filter(|one| one.veto.is_none());
    free.min_by_key(|one| one.used_ppm).map(|one| &one.sim_id)
}
