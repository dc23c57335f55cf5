//! All carriers: which of them a leg goes over, which must be taken out, and what facts say of
//! them.
//!
//! In: facts, the moment. Out: [`CarrierChosen`], [`CarrierFailed`]. Invariant: a carrier is
//! tried at most once per attempt. Deliberately absent: probing, which is the runtime's.

use super::carrier::{Carrier, winner};
use super::ending::{Blame, LegEnding, blame};
use super::policy::CarrierPolicy;
use super::sim_card;
use super::state::Dialing;
use crate::base::{CallId, CarrierId, LegId, Millis, SimId, Timestamp};
use crate::event::{
    CarrierChosen, CarrierFailed, Event, LegEnded, LegKind, LegStarted, SimCardRested,
};

/// A customer leg that is not over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OpenLeg {
    carrier_id: CarrierId,
    /// The SIM it goes over, where its carrier is a GSM gateway.
    sim_id: Option<SimId>,
    /// Begun while its carrier was not proven.
    is_trial: bool,
    has_rung: bool,
    answered_at: Option<Timestamp>,
}

impl Dialing {
    /// Chooses the carrier of an open attempt's next leg.
    pub fn choose_carrier(
        &self,
        call_id: CallId,
        leg_id: LegId,
        now: Timestamp,
        position: u64,
    ) -> CarrierChosen {
        self.choose_carrier_by(CarrierPolicy::CURRENT, call_id, leg_id, now, position)
    }

    /// The same by the rules of a version.
    pub fn choose_carrier_by(
        &self,
        policy: CarrierPolicy,
        call_id: CallId,
        leg_id: LegId,
        now: Timestamp,
        position: u64,
    ) -> CarrierChosen {
        let tried = self.attempts.get(&call_id).map_or(&[][..], |attempt| &attempt.tried);
        let candidates: Vec<_> = self
            .carriers
            .iter()
            .map(|(id, carrier)| carrier.candidate(policy, id, tried.contains(id), now))
            .collect();
        let chosen = winner(&candidates).map(|candidate| candidate.carrier_id.clone());
        let carrier = chosen.as_ref().and_then(|id| self.carriers.get(id));
        let sims = match policy {
            CarrierPolicy::Swrr1 => Vec::new(),
            CarrierPolicy::Swrr2 => carrier.map(|it| it.sims.candidates(now)).unwrap_or_default(),
        };
        let sim = sim_card::winner(&sims).cloned();
        CarrierChosen {
            call_id,
            leg_id,
            position,
            decided_at: now,
            policy: policy.name().to_owned(),
            candidates,
            chosen,
            sims,
            sim,
        }
    }

    /// When a carrier that an open attempt has not tried may begin a call again by time alone:
    /// the first of those that lack nothing else, such as one that begins so many calls a second.
    /// Nothing where one may at once, or none will.
    pub fn turn_of(&self, call_id: CallId, now: Timestamp) -> Option<Timestamp> {
        let tried = self.attempts.get(&call_id).map_or(&[][..], |attempt| &attempt.tried);
        let untried = || self.carriers.iter().filter(|(id, _)| !tried.contains(id));
        if untried().any(|(_, carrier)| carrier.free_lines(now) > 0) {
            return None;
        }
        untried().filter_map(|(_, carrier)| carrier.free_from(now)).min()
    }

    /// The carriers that must be taken out, by what their calls showed.
    pub fn judge_carriers(&self) -> Vec<CarrierFailed> {
        let failed = self.carriers.iter().filter_map(|(id, carrier)| {
            let reason = carrier.must_be_taken_out()?.to_owned();
            Some(CarrierFailed { carrier_id: id.clone(), reason })
        });
        failed.collect()
    }

    /// SIM cards that must rest, by what their calls showed.
    pub fn judge_sims(&self, now: Timestamp) -> Vec<SimCardRested> {
        let all = self.carriers.iter().flat_map(|(carrier_id, carrier)| {
            carrier.sims.must_rest(now).map(|(sim_id, until)| SimCardRested {
                carrier_id: carrier_id.clone(),
                sim_id: sim_id.clone(),
                until,
                reason: "failures".to_owned(),
            })
        });
        all.collect()
    }

    /// The SIM that an open leg goes over.
    pub fn sim_of(&self, leg_id: LegId) -> Option<&SimId> {
        self.open_legs.get(&leg_id)?.sim_id.as_ref()
    }

    fn apply_to_sims(&mut self, event: &Event) {
        let carrier_id = match event {
            Event::SimCardAdded(fact) => &fact.carrier_id,
            Event::SimCardSampled(fact) => &fact.carrier_id,
            Event::SimCardRested(fact) => &fact.carrier_id,
            _ => return,
        };
        let Some(carrier) = self.carriers.get_mut(carrier_id) else { return };
        match event {
            Event::SimCardAdded(fact) => carrier.sims.added(fact),
            Event::SimCardSampled(fact) => carrier.sims.sampled(fact),
            Event::SimCardRested(fact) => carrier.sims.rested(&fact.sim_id, fact.until),
            _ => {}
        }
    }

    fn set_registered(&mut self, carrier_id: &CarrierId, is_registered: bool) {
        if let Some(carrier) = self.carriers.get_mut(carrier_id) {
            carrier.is_unregistered = !is_registered;
        }
    }

    pub(super) fn apply_to_carriers(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::CarrierAdded(fact) => {
                let carrier =
                    self.carriers.entry(fact.carrier_id.clone()).or_insert_with(Carrier::new);
                carrier.added(fact);
            }
            Event::CarrierFailed(fact) => {
                if let Some(carrier) = self.carriers.get_mut(&fact.carrier_id) {
                    carrier.taken_out(&fact.reason);
                }
            }
            Event::CarrierRecovered(fact) => {
                if let Some(carrier) = self.carriers.get_mut(&fact.carrier_id) {
                    carrier.recovered();
                }
            }
            Event::CarrierRegistered(fact) => self.set_registered(&fact.carrier_id, true),
            Event::CarrierRegistrationLost(fact) => self.set_registered(&fact.carrier_id, false),
            Event::CarrierSuspended(fact) => {
                if let Some(carrier) = self.carriers.get_mut(&fact.carrier_id) {
                    carrier.suspended(fact.until);
                }
            }
            Event::CarrierChosen(fact) => self.carrier_chosen(fact),
            Event::LegStarted(fact) => {
                if let LegKind::Customer(carrier_id) = &fact.kind {
                    self.leg_started(fact, carrier_id, at);
                }
            }
            Event::LegProgressed(fact) => self.leg_delivered(fact.leg_id, None),
            Event::LegAnswered(fact) => self.leg_delivered(fact.leg_id, Some(at)),
            Event::LegEnded(fact) => self.leg_ended(fact, at),
            _ => self.apply_to_sims(event),
        }
    }

    fn carrier_chosen(&mut self, fact: &CarrierChosen) {
        let eligible = || fact.candidates.iter().filter(|candidate| candidate.veto.is_none());
        let sum: i64 = eligible().map(|candidate| candidate.effective_weight).sum();
        for candidate in eligible() {
            if let Some(carrier) = self.carriers.get_mut(&candidate.carrier_id) {
                carrier.credit = candidate.credit + candidate.effective_weight;
                if fact.chosen.as_ref() == Some(&candidate.carrier_id) {
                    carrier.credit -= sum;
                }
            }
        }
        if let (Some(attempt), Some(chosen)) =
            (self.attempts.get_mut(&fact.call_id), fact.chosen.clone())
        {
            attempt.tried.push(chosen);
            attempt.sim = fact.sim.clone().map(|sim_id| (fact.leg_id, sim_id));
        }
    }

    fn leg_started(&mut self, fact: &LegStarted, carrier_id: &CarrierId, at: Timestamp) {
        let leg_id = fact.leg_id;
        let attempt = self.attempts.get_mut(&fact.call_id);
        let choice = attempt.and_then(|attempt| attempt.sim.take());
        let sim_id = choice.filter(|(leg, _)| *leg == leg_id).map(|(_, sim_id)| sim_id);
        let carrier = self.carriers.get_mut(carrier_id);
        let is_trial = carrier.is_some_and(|carrier| {
            if let Some(sim_id) = &sim_id {
                carrier.sims.begun(sim_id, at);
            }
            carrier.begun(at)
        });
        let carrier_id = carrier_id.clone();
        let leg = OpenLeg { carrier_id, sim_id, is_trial, has_rung: false, answered_at: None };
        self.open_legs.insert(leg_id, leg);
    }

    /// It rings, or it was answered at a moment.
    fn leg_delivered(&mut self, leg_id: LegId, answered_at: Option<Timestamp>) {
        let Some(leg) = self.open_legs.get_mut(&leg_id) else { return };
        let Some(carrier) = self.carriers.get_mut(&leg.carrier_id) else { return };
        carrier.first_counts(true);
        if !leg.has_rung && leg.answered_at.is_none() {
            carrier.succeeded(leg.is_trial);
            if let Some(sim_id) = &leg.sim_id {
                carrier.sims.counts(sim_id, true);
            }
        }
        leg.has_rung |= answered_at.is_none();
        leg.answered_at = leg.answered_at.or(answered_at);
    }

    fn leg_ended(&mut self, fact: &LegEnded, at: Timestamp) {
        let Some(leg) = self.open_legs.remove(&fact.leg_id) else { return };
        let Some(carrier) = self.carriers.get_mut(&leg.carrier_id) else { return };
        carrier.freed(leg.is_trial);
        if let Some(sim_id) = &leg.sim_id {
            let talk = leg.answered_at.map_or(Millis(0), |since| at.since(since));
            carrier.sims.freed(sim_id, at, talk);
        }
        match (&fact.failure, fact.sip_status) {
            (Some(_), _) | (None, Some(500..=599)) => carrier.first_counts(false),
            (None, Some(_)) => carrier.first_counts(true),
            (None, None) => {}
        }
        if leg.has_rung || leg.answered_at.is_some() {
            // What the carrier did was counted then.
            return;
        }
        let ending = LegEnding {
            sip_status: fact.sip_status,
            q850_cause: fact.q850_cause,
            failure: fact.failure.as_deref(),
            has_rung: false,
            tone: None,
        };
        let by = blame(ending);
        if let (Some(sim_id), true) = (&leg.sim_id, by != Blame::Nobody) {
            carrier.sims.counts(sim_id, by == Blame::Customer);
        }
        match (by, &fact.failure, fact.sip_status) {
            (Blame::Carrier, Some(failure), _) => carrier.failed(failure.clone()),
            (Blame::Carrier, None, status) => {
                carrier.failed(format!("sip_{}", status.unwrap_or_default()));
            }
            (Blame::Customer, ..) => carrier.succeeded(leg.is_trial),
            (Blame::Nobody, ..) => {}
        }
    }
}
