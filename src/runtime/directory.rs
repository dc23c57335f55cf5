//! What the runtime needs of the facts besides the live state: where people can be reached, in
//! ciphertext, what scripts may say of them, and which legs are open.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::INBOX;
use super::recorder::RecordingTable;
use crate::base::{AgentId, CallId, CampaignId, EventId, LeadId, LegId, SubjectId};
use crate::event::{AgentState, AttemptStarted, Event, LegKind, Portrait, Recorded, StreamName};

/// A fold of the log.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    ciphertexts: BTreeMap<SubjectId, String>,
    portraits: BTreeMap<LeadId, Portrait>,
    by_phone_hash: BTreeMap<String, SubjectId>,
    /// Lead files on record, by campaign and hash.
    files: BTreeSet<(CampaignId, String)>,
    /// Who is on which list.
    listed: BTreeMap<CampaignId, BTreeSet<SubjectId>>,
    /// Revisions of offers in the inbox of each campaign.
    offers: BTreeMap<CampaignId, BTreeMap<EventId, u64>>,
    open_legs: BTreeMap<LegId, (CallId, LegKind)>,
    open_attempts: BTreeMap<CallId, AttemptStarted>,
    agents: BTreeMap<AgentId, AgentState>,
    /// Which recordings there are.
    pub(crate) recordings: RecordingTable,
}

impl Directory {
    /// Takes the next fact in.
    pub(crate) fn apply(&mut self, recorded: &Recorded, event: &Event) {
        self.recordings.apply(event);
        match event {
            Event::SubjectRegistered(fact) => {
                self.ciphertexts.insert(fact.subject_id, fact.ciphertext.clone());
                self.by_phone_hash.insert(fact.phone_hash.clone(), fact.subject_id);
            }
            Event::LeadImported(fact) => {
                self.portraits.insert(fact.lead_id, fact.portrait.clone());
                let listed = self.listed.entry(fact.campaign_id.clone()).or_default();
                listed.insert(fact.subject_id);
            }
            Event::LeadOffered(fact)
                if recorded.stream == StreamName::of(INBOX, &fact.campaign_id) =>
            {
                let offers = self.offers.entry(fact.campaign_id.clone()).or_default();
                offers.insert(recorded.event_id, recorded.revision);
            }
            Event::LeadsImported(fact) => {
                self.files.insert((fact.campaign_id.clone(), fact.file_hash.clone()));
            }
            Event::LegStarted(fact) => {
                self.open_legs.insert(fact.leg_id, (fact.call_id, fact.kind.clone()));
            }
            Event::LegEnded(fact) => {
                self.open_legs.remove(&fact.leg_id);
            }
            Event::AttemptStarted(fact) => {
                self.open_attempts.insert(fact.call_id, fact.clone());
            }
            Event::AttemptEnded(fact) => {
                self.open_attempts.remove(&fact.call_id);
            }
            Event::AgentSignedIn(fact) => {
                self.agents.insert(fact.agent_id.clone(), AgentState::Available);
            }
            Event::AgentStateChanged(fact) => {
                self.agents.insert(fact.agent_id.clone(), fact.to);
            }
            Event::AgentSignedOut(fact) => {
                self.agents.remove(&fact.agent_id);
            }
            _ => {}
        }
    }

    /// How a person can be reached, sealed.
    pub(crate) fn ciphertext(&self, subject_id: SubjectId) -> Option<&str> {
        self.ciphertexts.get(&subject_id).map(String::as_str)
    }

    /// What scripts may say of a lead.
    pub(crate) fn portrait(&self, lead_id: LeadId) -> Portrait {
        self.portraits.get(&lead_id).cloned().unwrap_or_default()
    }

    /// Who a number belongs to.
    pub(crate) fn subject(&self, phone_hash: &str) -> Option<SubjectId> {
        self.by_phone_hash.get(phone_hash).copied()
    }

    /// Whether a person is on a campaign's list.
    pub(crate) fn is_listed(&self, campaign_id: &CampaignId, subject_id: SubjectId) -> bool {
        self.listed.get(campaign_id).is_some_and(|listed| listed.contains(&subject_id))
    }

    /// The revision of an offer in a campaign's inbox.
    pub(crate) fn offer(&self, campaign_id: &CampaignId, event_id: EventId) -> Option<u64> {
        self.offers.get(campaign_id)?.get(&event_id).copied()
    }

    /// Whether anybody is known.
    pub(crate) fn has_people(&self) -> bool {
        !self.ciphertexts.is_empty()
    }

    /// Whether a lead file is on record.
    pub(crate) fn has_file(&self, campaign_id: &CampaignId, file_hash: &str) -> bool {
        self.files.contains(&(campaign_id.clone(), file_hash.to_owned()))
    }

    /// Legs without an end, each with its call.
    pub(crate) fn open_legs(&self) -> impl Iterator<Item = (LegId, CallId, &LegKind)> {
        self.open_legs.iter().map(|(leg, (call, kind))| (*leg, *call, kind))
    }

    /// The call of a customer's leg without an end.
    pub(crate) fn customer_call(&self, leg_id: LegId) -> Option<&AttemptStarted> {
        let (call_id, kind) = self.open_legs.get(&leg_id)?;
        self.open_attempts.get(call_id).filter(|_| matches!(kind, LegKind::Customer(_)))
    }

    /// Attempts without an end.
    pub(crate) fn open_attempts(&self) -> impl Iterator<Item = &AttemptStarted> {
        self.open_attempts.values()
    }

    /// Agents who are signed in.
    pub(crate) fn agents(&self) -> &BTreeMap<AgentId, AgentState> {
        &self.agents
    }
}

/// Leads of a campaign by the keyed hash of their number.
pub(crate) fn listed(
    live: &crate::projection::live::LiveState,
    campaign_id: &CampaignId,
) -> BTreeSet<String> {
    let leads = live.dialing.leads().values();
    leads
        .filter(|lead| lead.campaign_id == *campaign_id)
        .map(|lead| lead.phone_hash.clone())
        .collect()
}
