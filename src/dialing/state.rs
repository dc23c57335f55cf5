//! The dialer's state, its decisions, and how facts change it.

use std::collections::{BTreeMap, BTreeSet};

use super::carrier::{CARRIER_POLICY, Carrier, winner};
use super::lead::{Lead, LeadState, retry_at};
use crate::base::{AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, SubjectId, Timestamp};
use crate::compliance::{Compliance, Person, is_allowed};
use crate::event::{
    AgentState, AttemptEnded, AttemptStarted, CampaignCompleted, CampaignSettings,
    CampaignStateName, CarrierChosen, CarrierFailed, ComplianceChecked, DialCapacity, DialDecided,
    DialRefused, Event, Handler, LegEnded, LegKind,
};

/// The version of the dial decision; it stands in every one.
pub const DIAL_POLICY: &str = "progressive-1";

/// A campaign as the dialer sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Campaign {
    /// Where it stands.
    pub state: CampaignStateName,
    /// What it runs under.
    pub settings: CampaignSettings,
    /// Leads on the list.
    pub leads: u64,
    /// Leads not to be dialled again.
    pub closed_leads: u64,
    /// Attempts made.
    pub attempts: u64,
    new: BTreeSet<(u64, LeadId)>,
    retries: BTreeSet<(Timestamp, LeadId)>,
}

/// An attempt that is not over.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAttempt {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The lead.
    pub lead_id: LeadId,
    /// The person.
    pub subject_id: SubjectId,
    /// 1 for the first.
    pub attempt_number: u32,
    /// Carriers asked for this attempt, in order.
    pub tried: Vec<CarrierId>,
    /// Who talks.
    pub handler: Option<Handler>,
    /// Whether the customer's side was answered.
    pub is_answered: bool,
}

/// Why nothing is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The campaign does not run.
    NotRunning,
    /// Nobody is free to talk.
    NoHandler,
    /// No carrier has a free channel.
    NoLine,
    /// Attempts are open, nothing else is due.
    InFlight,
    /// The next retry is due then.
    Until(Timestamp),
}

/// What the dialer wants.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, for as long as a dial takes")]
#[derive(Clone, Debug, PartialEq)]
pub enum DialDecision {
    /// Dial this lead.
    Dial {
        /// The decision.
        decided: DialDecided,
        /// The rules that were asked.
        checked: ComplianceChecked,
        /// The attempt that begins with it.
        started: AttemptStarted,
    },
    /// A rule forbids the next lead.
    Refuse(DialRefused),
    /// Nothing now.
    Wait(Wait),
    /// Every lead is closed.
    Complete(CampaignCompleted),
}

/// The dialer's state: a fold of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dialing {
    campaigns: BTreeMap<CampaignId, Campaign>,
    leads: BTreeMap<LeadId, Lead>,
    attempts: BTreeMap<CallId, OpenAttempt>,
    carriers: BTreeMap<CarrierId, Carrier>,
    agents: BTreeMap<AgentId, AgentState>,
    open_legs: BTreeMap<LegId, CarrierId>,
}

impl Dialing {
    /// All campaigns.
    pub const fn campaigns(&self) -> &BTreeMap<CampaignId, Campaign> {
        &self.campaigns
    }

    /// All leads.
    pub const fn leads(&self) -> &BTreeMap<LeadId, Lead> {
        &self.leads
    }

    /// Attempts that are not over.
    pub const fn open_attempts(&self) -> &BTreeMap<CallId, OpenAttempt> {
        &self.attempts
    }

    /// All carriers.
    pub const fn carriers(&self) -> &BTreeMap<CarrierId, Carrier> {
        &self.carriers
    }

    /// Calls a campaign's robot talks in.
    pub fn robot_channels_in_use(&self, campaign_id: &CampaignId) -> u32 {
        let in_use = self.attempts.values().filter(|attempt| {
            attempt.handler == Some(Handler::Robot) && attempt.campaign_id == *campaign_id
        });
        u32::try_from(in_use.count()).unwrap_or(u32::MAX)
    }

    /// Decides what a campaign dials next. Takes the call's id from outside, as ids carry chance.
    pub fn decide_dial(
        &self,
        compliance: &Compliance,
        campaign_id: &CampaignId,
        call_id: CallId,
        now: Timestamp,
        position: u64,
    ) -> DialDecision {
        let Some(campaign) = self.campaigns.get(campaign_id) else {
            return DialDecision::Wait(Wait::NotRunning);
        };
        if campaign.state != CampaignStateName::Running {
            return DialDecision::Wait(Wait::NotRunning);
        }
        if let Some(completed) = completion(campaign_id, campaign) {
            return DialDecision::Complete(completed);
        }
        let Some(lead_id) = campaign.next_lead(now) else {
            return DialDecision::Wait(campaign.next_due().map_or(Wait::InFlight, Wait::Until));
        };
        let Some(lead) = self.leads.get(&lead_id) else {
            return DialDecision::Wait(Wait::InFlight);
        };
        let person = Person { subject_id: lead.subject_id, phone_hash: &lead.phone_hash };
        let rules = compliance.check(&person);
        let subject_id = lead.subject_id;
        if !is_allowed(&rules) {
            let campaign_id = campaign_id.clone();
            return DialDecision::Refuse(DialRefused {
                lead_id,
                campaign_id,
                subject_id,
                position,
                rules,
            });
        }
        let capacity = self.capacity(campaign_id, campaign);
        if capacity.pending_dials >= capacity.free_robot_channels + capacity.free_agents {
            return DialDecision::Wait(Wait::NoHandler);
        }
        if capacity.free_line_channels == 0 {
            return DialDecision::Wait(Wait::NoLine);
        }
        let attempt_number = lead.attempts + 1;
        DialDecision::Dial {
            decided: DialDecided {
                call_id,
                campaign_id: campaign_id.clone(),
                lead_id,
                subject_id,
                attempt_number,
                position,
                decided_at: now,
                policy: DIAL_POLICY.to_owned(),
                capacity,
                candidates: campaign.dialable(now),
            },
            checked: ComplianceChecked { call_id, lead_id, subject_id, position, rules },
            started: AttemptStarted {
                call_id,
                campaign_id: campaign_id.clone(),
                lead_id,
                subject_id,
                attempt_number,
            },
        }
    }

    /// Chooses the carrier of an open attempt's next leg.
    pub fn choose_carrier(
        &self,
        call_id: CallId,
        leg_id: LegId,
        now: Timestamp,
        position: u64,
    ) -> CarrierChosen {
        let tried = self.attempts.get(&call_id).map_or(&[][..], |attempt| &attempt.tried);
        let candidates: Vec<_> = self
            .carriers
            .iter()
            .map(|(id, carrier)| carrier.candidate(id, tried.contains(id)))
            .collect();
        let chosen = winner(&candidates).map(|candidate| candidate.carrier_id.clone());
        CarrierChosen {
            call_id,
            leg_id,
            position,
            decided_at: now,
            policy: CARRIER_POLICY.to_owned(),
            candidates,
            chosen,
        }
    }

    /// The carriers that must be taken out, by what their calls showed.
    pub fn judge_carriers(&self) -> Vec<CarrierFailed> {
        let failed = self.carriers.iter().filter_map(|(id, carrier)| {
            let reason = carrier.must_be_taken_out()?.to_owned();
            Some(CarrierFailed { carrier_id: id.clone(), reason })
        });
        failed.collect()
    }

    fn capacity(&self, campaign_id: &CampaignId, campaign: &Campaign) -> DialCapacity {
        let pending = self.attempts.values().filter(|attempt| attempt.handler.is_none()).count();
        let available = self.agents.values().filter(|state| **state == AgentState::Available);
        DialCapacity {
            free_robot_channels: campaign
                .settings
                .robot_channels
                .saturating_sub(self.robot_channels_in_use(campaign_id)),
            free_agents: u32::try_from(available.count()).unwrap_or(u32::MAX),
            pending_dials: u32::try_from(pending).unwrap_or(u32::MAX),
            free_line_channels: self.carriers.values().map(Carrier::free_channels).sum(),
        }
    }

    /// Takes a fact in. Cannot fail and cannot decide.
    pub fn apply(&mut self, event: &Event, occurred_at: Timestamp) {
        match event {
            Event::CampaignCreated(fact) => {
                let campaign = Campaign::new(fact.settings.clone());
                self.campaigns.entry(fact.campaign_id.clone()).or_insert(campaign);
            }
            Event::CampaignStarted(fact) => {
                self.set_campaign(&fact.campaign_id, CampaignStateName::Running);
            }
            Event::CampaignPaused(fact) => {
                self.set_campaign(&fact.campaign_id, CampaignStateName::Paused);
            }
            Event::CampaignResumed(fact) => {
                self.set_campaign(&fact.campaign_id, CampaignStateName::Running);
            }
            Event::CampaignCompleted(fact) => {
                self.set_campaign(&fact.campaign_id, CampaignStateName::Completed);
            }
            Event::LeadImported(fact) => self.lead_imported(fact),
            Event::DialRefused(fact) => self.close_lead(fact.lead_id),
            Event::AttemptStarted(fact) => self.attempt_started(fact),
            Event::AttemptEnded(fact) => self.attempt_ended(fact, occurred_at),
            Event::HandlerChosen(fact) => {
                // A transfer nobody could take leaves whoever talks.
                if let (Some(attempt), Some(chosen)) =
                    (self.attempts.get_mut(&fact.call_id), &fact.chosen)
                {
                    attempt.handler = Some(chosen.clone());
                }
            }
            Event::CallAnswered(fact) => {
                if let Some(attempt) = self.attempts.get_mut(&fact.call_id) {
                    attempt.is_answered = true;
                }
            }
            Event::AgentSignedIn(fact) => {
                self.agents.insert(fact.agent_id.clone(), AgentState::Available);
            }
            Event::AgentStateChanged(fact) => {
                self.agents.insert(fact.agent_id.clone(), fact.to);
            }
            Event::AgentSignedOut(fact) => {
                self.agents.insert(fact.agent_id.clone(), AgentState::SignedOut);
            }
            _ => self.apply_to_carriers(event),
        }
    }

    fn apply_to_carriers(&mut self, event: &Event) {
        match event {
            Event::CarrierAdded(fact) => {
                let fresh = Carrier::new(fact.weight, fact.channels);
                let carrier = self.carriers.entry(fact.carrier_id.clone()).or_insert(fresh);
                carrier.weight = fact.weight;
                carrier.channels = fact.channels;
                carrier.is_unregistered = false;
                carrier.begins_anew();
            }
            Event::CarrierRegistered(fact) => self.set_registered(&fact.carrier_id, true),
            Event::CarrierRegistrationLost(fact) => self.set_registered(&fact.carrier_id, false),
            Event::CarrierFailed(fact) => {
                if let Some(carrier) = self.carriers.get_mut(&fact.carrier_id) {
                    carrier.is_up = false;
                    carrier.down_reason = Some(fact.reason.clone());
                }
            }
            Event::CarrierRecovered(fact) => {
                if let Some(carrier) = self.carriers.get_mut(&fact.carrier_id) {
                    carrier.begins_anew();
                }
            }
            Event::CarrierChosen(fact) => self.carrier_chosen(fact),
            Event::LegStarted(fact) => {
                if let LegKind::Customer(carrier_id) = &fact.kind {
                    self.open_legs.insert(fact.leg_id, carrier_id.clone());
                    if let Some(carrier) = self.carriers.get_mut(carrier_id) {
                        carrier.channels_in_use += 1;
                    }
                }
            }
            Event::LegProgressed(fact) => {
                if let Some(carrier) = self.carrier_of(fact.leg_id) {
                    carrier.succeeded();
                }
            }
            Event::LegAnswered(fact) => {
                if let Some(carrier) = self.carrier_of(fact.leg_id) {
                    carrier.succeeded();
                }
            }
            Event::LegEnded(fact) => self.leg_ended(fact),
            _ => {}
        }
    }

    fn set_registered(&mut self, carrier_id: &CarrierId, is_registered: bool) {
        if let Some(carrier) = self.carriers.get_mut(carrier_id) {
            carrier.is_unregistered = !is_registered;
        }
    }

    fn carrier_of(&mut self, leg_id: LegId) -> Option<&mut Carrier> {
        self.carriers.get_mut(self.open_legs.get(&leg_id)?)
    }

    fn set_campaign(&mut self, campaign_id: &CampaignId, state: CampaignStateName) {
        if let Some(campaign) = self.campaigns.get_mut(campaign_id) {
            campaign.state = state;
        }
    }

    fn lead_imported(&mut self, fact: &crate::event::LeadImported) {
        let Some(campaign) = self.campaigns.get_mut(&fact.campaign_id) else { return };
        campaign.leads += 1;
        campaign.new.insert((fact.list_order, fact.lead_id));
        self.leads.insert(
            fact.lead_id,
            Lead {
                campaign_id: fact.campaign_id.clone(),
                subject_id: fact.subject_id,
                phone_hash: fact.phone_hash.clone(),
                list_order: fact.list_order,
                attempts: 0,
                state: LeadState::New,
                last_disposition: None,
            },
        );
    }

    /// Takes a lead out of whichever queue it stands in and gives it a new state.
    fn move_lead(&mut self, lead_id: LeadId, to: LeadState) {
        let Some(lead) = self.leads.get_mut(&lead_id) else { return };
        let Some(campaign) = self.campaigns.get_mut(&lead.campaign_id) else { return };
        match lead.state {
            LeadState::New => {
                campaign.new.remove(&(lead.list_order, lead_id));
            }
            LeadState::RetryAt(due) => {
                campaign.retries.remove(&(due, lead_id));
            }
            LeadState::Closed => campaign.closed_leads -= 1,
            LeadState::InFlight(_) => {}
        }
        match to {
            LeadState::RetryAt(due) => {
                campaign.retries.insert((due, lead_id));
            }
            LeadState::Closed => campaign.closed_leads += 1,
            LeadState::New => {
                campaign.new.insert((lead.list_order, lead_id));
            }
            LeadState::InFlight(_) => {}
        }
        lead.state = to;
    }

    fn close_lead(&mut self, lead_id: LeadId) {
        self.move_lead(lead_id, LeadState::Closed);
    }

    fn attempt_started(&mut self, fact: &AttemptStarted) {
        self.move_lead(fact.lead_id, LeadState::InFlight(fact.call_id));
        if let Some(lead) = self.leads.get_mut(&fact.lead_id) {
            lead.attempts = fact.attempt_number;
        }
        if let Some(campaign) = self.campaigns.get_mut(&fact.campaign_id) {
            campaign.attempts += 1;
        }
        self.attempts.insert(
            fact.call_id,
            OpenAttempt {
                campaign_id: fact.campaign_id.clone(),
                lead_id: fact.lead_id,
                subject_id: fact.subject_id,
                attempt_number: fact.attempt_number,
                tried: Vec::new(),
                handler: None,
                is_answered: false,
            },
        );
    }

    fn attempt_ended(&mut self, fact: &AttemptEnded, occurred_at: Timestamp) {
        self.attempts.remove(&fact.call_id);
        let Some(lead) = self.leads.get_mut(&fact.lead_id) else { return };
        lead.last_disposition = Some(fact.disposition);
        let attempts = lead.attempts;
        let rule = self.campaigns.get(&fact.campaign_id).map(|campaign| &campaign.settings.retry);
        let due = rule.and_then(|rule| retry_at(rule, attempts, fact.disposition, occurred_at));
        self.move_lead(fact.lead_id, due.map_or(LeadState::Closed, LeadState::RetryAt));
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
        }
    }

    fn leg_ended(&mut self, fact: &LegEnded) {
        let Some(carrier_id) = self.open_legs.remove(&fact.leg_id) else { return };
        let Some(carrier) = self.carriers.get_mut(&carrier_id) else { return };
        carrier.channels_in_use = carrier.channels_in_use.saturating_sub(1);
        match (&fact.failure, fact.sip_status) {
            (Some(failure), _) => carrier.failed(failure.clone()),
            (None, Some(status @ 500..=599)) => carrier.failed(format!("sip_{status}")),
            (None, Some(_)) => carrier.succeeded(),
            (None, None) => {}
        }
    }
}

impl Campaign {
    const fn new(settings: CampaignSettings) -> Self {
        Self {
            state: CampaignStateName::Created,
            settings,
            leads: 0,
            closed_leads: 0,
            attempts: 0,
            new: BTreeSet::new(),
            retries: BTreeSet::new(),
        }
    }

    /// Due retries first, oldest first; then the list in order.
    fn next_lead(&self, now: Timestamp) -> Option<LeadId> {
        let due = self.retries.first().filter(|(due, _)| *due <= now).map(|(_, lead)| *lead);
        due.or_else(|| self.new.first().map(|(_, lead)| *lead))
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.retries.first().map(|(due, _)| *due)
    }

    fn dialable(&self, now: Timestamp) -> u64 {
        let due = self.retries.iter().take_while(|(due, _)| *due <= now).count();
        (due + self.new.len()) as u64
    }
}

fn completion(campaign_id: &CampaignId, campaign: &Campaign) -> Option<CampaignCompleted> {
    let is_complete = campaign.leads > 0 && campaign.closed_leads == campaign.leads;
    is_complete.then(|| CampaignCompleted {
        campaign_id: campaign_id.clone(),
        leads: campaign.leads,
        attempts: campaign.attempts,
    })
}
