//! Which fact changes which row.

use super::Tables;
use super::call::{Attempt, Leg};
use super::choice::{Asked, Candidate, ComplianceCheck, Decision, DoNotCall};
use super::cost::Cost;
use super::joined::Call;
use super::list::{Campaign, Lead};
use super::message::Message;
use super::state::LineSample;
use super::talk::{Commitment, IntentTag, Turn};
use crate::base::Timestamp;
use crate::event::{AgentState, Event, Handler, LegKind};
use crate::projection::table::int;

impl Tables {
    /// One fact. The match names every fact, so a new one has to be thought of here.
    #[expect(clippy::too_many_lines, reason = "a line for each fact")]
    pub(super) fn apply_event(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::PlatformStarted(_) => self.close_agents(self.last_at, position),
            Event::PlatformStopped(_) => self.close_agents(at, position),
            Event::CampaignCreated(_)
            | Event::CampaignStarted(_)
            | Event::CampaignPaused(_)
            | Event::CampaignResumed(_)
            | Event::CampaignCompleted(_)
            | Event::LeadsImported(_)
            | Event::LeadImported(_) => self.apply_to_lists(event, at, position),
            Event::DialRefused(_)
            | Event::DoNotCallAdded(_)
            | Event::DialDecided(_)
            | Event::ComplianceChecked(_)
            | Event::CarrierChosen(_)
            | Event::HandlerChosen(_) => self.apply_to_choices(event, at, position),
            Event::AttemptStarted(_)
            | Event::CallAnswered(_)
            | Event::AnswerClassified(_)
            | Event::AnswerReviewed(_)
            | Event::PartyIdentified(_)
            | Event::CallBridged(_)
            | Event::CallEnded(_)
            | Event::AttemptEnded(_) => self.apply_to_calls(event, at, position),
            Event::LegStarted(_)
            | Event::LegProgressed(_)
            | Event::LegAnswered(_)
            | Event::LegEnded(_)
            | Event::LegReleased(_)
            | Event::LegResumed(_) => self.apply_to_legs(event, at, position),
            Event::TurnSpoken(_)
            | Event::TurnHeard(_)
            | Event::IntentTagged(_)
            | Event::TransferRequested(_)
            | Event::OptOutHeard(_)
            | Event::CommitmentMade(_)
            | Event::IntentionLevelSet(_) => self.apply_to_talk(event, at, position),
            Event::AgentSignedIn(_)
            | Event::AgentStateChanged(_)
            | Event::AgentSignedOut(_)
            | Event::CarrierAdded(_)
            | Event::CarrierFailed(_)
            | Event::CarrierRecovered(_)
            | Event::LineSampled(_) => self.apply_to_states(event, at, position),
            Event::CostBooked(fact) => {
                self.costs.push(Cost::of(fact, position));
            }
            Event::MessageSent(_)
            | Event::MessageDelivered(_)
            | Event::MessageFailed(_)
            | Event::MessageReceived(_) => self.apply_to_messages(event, at, position),
            // In `events` only.
            Event::ConfigurationLoaded(_)
            | Event::LegHeld(_)
            | Event::TransferStarted(_)
            | Event::TransferCompleted(_)
            | Event::TransferFailed(_)
            | Event::SupervisionStarted(_)
            | Event::SupervisionModeChanged(_)
            | Event::SupervisionEnded(_)
            | Event::CarrierSuspended(_)
            | Event::LegQualitySampled(_)
            | Event::SimCardAdded(_)
            | Event::SimCardSampled(_)
            | Event::SimCardRested(_)
            | Event::CarrierRegistered(_)
            | Event::CarrierRegistrationLost(_)
            | Event::PhoneRegistered(_)
            | Event::PhoneUnregistered(_)
            | Event::RecordingStarted(_)
            | Event::RecordingStored(_)
            | Event::RecordingFailed(_)
            | Event::RecordingDeleted(_)
            | Event::RecordingPlayed(_)
            | Event::RecordingExported(_)
            | Event::LeadRowRejected(_)
            | Event::LeadOffered(_)
            | Event::VoicemailLeft(_)
            | Event::SubjectRegistered(_)
            | Event::ReportMade(_)
            | Event::ReportSending(_)
            | Event::ReportSent(_)
            | Event::ReportSendFailed(_)
            | Event::ReportSendUnknown(_) => {}
        }
    }

    fn apply_to_lists(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::CampaignCreated(fact) => {
                let row = Campaign::created(fact, at, position);
                if let Some(place) = self.places.campaigns.get(&fact.campaign_id) {
                    if let Some(old) = self.campaigns.change(*place) {
                        *old = row.instead_of(old);
                    }
                    return;
                }
                let place = self.campaigns.push(row);
                self.places.campaigns.insert(fact.campaign_id.clone(), place);
            }
            Event::CampaignStarted(fact) => self.campaign(&fact.campaign_id, position, |row| {
                row.state = "running";
                row.started_at = row.started_at.or(Some(at));
            }),
            Event::CampaignPaused(fact) => {
                self.campaign(&fact.campaign_id, position, |row| row.state = "paused");
            }
            Event::CampaignResumed(fact) => {
                self.campaign(&fact.campaign_id, position, |row| row.state = "running");
            }
            Event::CampaignCompleted(fact) => self.campaign(&fact.campaign_id, position, |row| {
                row.state = "completed";
                row.completed_at = Some(at);
            }),
            Event::LeadsImported(fact) => {
                self.campaign(&fact.campaign_id, position, |row| {
                    row.rejected_rows += int(fact.rejected);
                    row.duplicate_rows += int(fact.duplicates);
                });
                if let Some(cost) = Cost::of_leads(fact, at, position) {
                    self.costs.push(cost);
                }
            }
            Event::LeadImported(fact) => {
                let row = Lead::imported(fact, at, position);
                if let Some(place) = self.places.leads.get(&fact.lead_id) {
                    if let Some(old) = self.leads.change(*place) {
                        *old = row.instead_of(old);
                    }
                    return;
                }
                let place = self.leads.push(row);
                self.places.leads.insert(fact.lead_id, place);
                self.campaign(&fact.campaign_id, position, |row| row.leads += 1);
            }
            _ => {}
        }
    }

    fn apply_to_choices(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::DialRefused(fact) => {
                let asked = Asked {
                    call_id: None,
                    campaign_id: Some(fact.campaign_id.to_string()),
                    lead_id: fact.lead_id.to_string(),
                    subject_id: fact.subject_id.to_string(),
                    state_position: fact.position,
                    at,
                    position,
                };
                for row in ComplianceCheck::of(&asked, &fact.rules) {
                    self.checks.push(row);
                }
                self.lead(fact.lead_id, position, |row| row.is_refused = true);
            }
            Event::ComplianceChecked(fact) => {
                let lead = self.places.leads.get(&fact.lead_id);
                let lead = lead.and_then(|place| self.leads.get(*place));
                let asked = Asked {
                    call_id: Some(fact.call_id.to_string()),
                    campaign_id: lead.map(|lead| lead.campaign_id.clone()),
                    lead_id: fact.lead_id.to_string(),
                    subject_id: fact.subject_id.to_string(),
                    state_position: fact.position,
                    at,
                    position,
                };
                for row in ComplianceCheck::of(&asked, &fact.rules) {
                    self.checks.push(row);
                }
            }
            Event::DoNotCallAdded(fact) => {
                self.do_not_call.push(DoNotCall::of(fact, at, position));
            }
            Event::DialDecided(fact) => {
                self.decisions.push(Decision::dial(fact, position));
            }
            Event::CarrierChosen(fact) => {
                let campaign_id = self.campaign_of(fact.call_id);
                self.decisions.push(Decision::carrier(fact, campaign_id, position));
                for row in Candidate::carriers(fact, position) {
                    self.candidates.push(row);
                }
            }
            Event::HandlerChosen(fact) => {
                let campaign_id = self.campaign_of(fact.call_id);
                self.decisions.push(Decision::handler(fact, campaign_id, position));
                for row in Candidate::handlers(fact, position) {
                    self.candidates.push(row);
                }
                // An agent counts from the bridge on: until then the agent's phone only rings.
                if let Some(robot @ Handler::Robot) = &fact.chosen {
                    self.attempt(fact.call_id, position, |row| row.handled_by(robot));
                }
            }
            _ => {}
        }
    }

    fn apply_to_calls(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::AttemptStarted(fact) => {
                if self.places.attempts.contains_key(&fact.call_id) {
                    self.attempt(fact.call_id, position, |row| row.started_again(fact));
                    return;
                }
                let origin = self.origin(fact.lead_id);
                let place = self.attempts.push(Attempt::started(fact, origin, at, position));
                self.places.attempts.insert(fact.call_id, place);
                self.places.call_leads.insert(fact.call_id, fact.lead_id);
                self.lead(fact.lead_id, position, |row| {
                    row.attempts += 1;
                    row.last_attempt_at = Some(at);
                });
            }
            Event::CallAnswered(fact) => {
                self.attempt(fact.call_id, position, |row| row.answered(fact, at));
                let attempt = self.places.attempts.get(&fact.call_id);
                if let Some(attempt) = attempt.and_then(|place| self.attempts.get(*place))
                    && !self.places.calls.contains_key(&fact.call_id)
                {
                    let place = self.calls.push(Call::answered(attempt, at, position));
                    self.places.calls.insert(fact.call_id, place);
                }
            }
            Event::AnswerClassified(fact) => {
                self.attempt(fact.call_id, position, |row| row.classified(fact));
                self.call(fact.call_id, position, |row| row.classified(fact));
            }
            Event::AnswerReviewed(fact) => self.attempt(fact.call_id, position, |row| {
                row.reviewed_as = Some(fact.answered_by.as_str());
            }),
            Event::PartyIdentified(fact) => {
                let is_right = Some(fact.is_right_party);
                self.attempt(fact.call_id, position, |row| row.is_right_party = is_right);
                self.call(fact.call_id, position, |row| row.is_right_party = is_right);
            }
            Event::CallBridged(fact) => {
                self.attempt(fact.call_id, position, |row| row.bridged(fact, at));
                self.call(fact.call_id, position, |row| row.bridged(fact, at));
            }
            Event::CallEnded(fact) => {
                self.attempt(fact.call_id, position, |row| row.call_ended(fact));
                self.call(fact.call_id, position, |row| row.call_ended(fact));
            }
            Event::AttemptEnded(fact) => {
                self.attempt(fact.call_id, position, |row| row.ended(fact, at));
                self.call(fact.call_id, position, |row| row.ended(fact, at));
                self.lead(fact.lead_id, position, |row| row.attempt_ended(fact));
            }
            _ => {}
        }
    }

    fn apply_to_legs(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::LegStarted(fact) => {
                if self.places.legs.contains_key(&fact.leg_id) {
                    self.leg(fact.leg_id, position, |row| row.started_again(fact));
                    return;
                }
                let campaign_id = self.campaign_of(fact.call_id);
                let place = self.legs.push(Leg::started(fact, campaign_id, at, position));
                self.places.legs.insert(fact.leg_id, place);
                if let LegKind::Customer(carrier) = &fact.kind {
                    self.attempt(fact.call_id, position, |row| {
                        row.carrier_id = Some(carrier.to_string());
                        row.carrier_tries += 1;
                    });
                }
            }
            Event::LegProgressed(fact) => {
                self.leg(fact.leg_id, position, |row| row.progressed(fact));
            }
            Event::LegAnswered(fact) => {
                self.leg(fact.leg_id, position, |row| row.answered(fact, at));
            }
            Event::LegEnded(fact) => {
                self.leg(fact.leg_id, position, |row| row.ended(fact, at));
                self.call(fact.call_id, position, |row| match &fact.kind {
                    LegKind::Customer(_) => row.customer_leg_ended(fact),
                    LegKind::Agent(_) => row.agent_leg_ended(at),
                    LegKind::Supervisor(_) => {}
                });
            }
            Event::LegResumed(fact) => {
                if let LegKind::Agent(_) = fact.kind {
                    self.call(fact.call_id, position, |row| row.resumed(fact));
                }
            }
            Event::LegReleased(fact) => {
                self.leg(fact.leg_id, position, |row| row.released(fact));
            }
            _ => {}
        }
    }

    fn apply_to_talk(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::TurnSpoken(fact) => {
                let place = self.place(fact.call_id, at, position);
                if self.put_turn(fact.call_id, Turn::spoken(fact, place)) {
                    self.attempt(fact.call_id, position, |row| {
                        row.turns += 1;
                        row.stage = Some(fact.stage.clone());
                    });
                    self.call(fact.call_id, position, |row| row.spoken(at, fact.played_ms));
                }
            }
            Event::TurnHeard(fact) => {
                let place = self.place(fact.call_id, at, position);
                if self.put_turn(fact.call_id, Turn::heard(fact, place)) {
                    self.attempt(fact.call_id, position, |row| row.turns += 1);
                }
            }
            Event::IntentTagged(fact) => {
                let place = self.place(fact.call_id, at, position);
                self.put_intent_tag(fact.call_id, IntentTag::of(fact, place));
            }
            Event::TransferRequested(fact) => self.attempt(fact.call_id, position, |row| {
                row.transfer_reason = Some(fact.reason.clone());
            }),
            Event::OptOutHeard(fact) => {
                self.attempt(fact.call_id, position, |row| row.is_opted_out = true);
                if let Some(lead_id) = self.places.call_leads.get(&fact.call_id).copied() {
                    self.lead(lead_id, position, |row| row.is_opted_out = true);
                }
            }
            Event::CommitmentMade(fact) => {
                let lead_at = self.origin(fact.lead_id).imported_at;
                self.put_commitment(fact.call_id, Commitment::of(fact, lead_at, at, position));
                self.attempt(fact.call_id, position, |row| {
                    row.commitment = Some(fact.kind.clone());
                    row.is_committed = true;
                });
                self.lead(fact.lead_id, position, |row| row.is_committed = true);
            }
            Event::IntentionLevelSet(fact) => {
                self.attempt(fact.call_id, position, |row| row.level_set(fact));
                self.lead(fact.lead_id, position, |row| row.level = Some(fact.level.as_str()));
            }
            _ => {}
        }
    }

    fn apply_to_messages(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::MessageSent(fact) => {
                self.put_message(fact.message_id, Message::sent(fact, at, position));
            }
            Event::MessageDelivered(fact) => {
                self.message(fact.message_id, position, |row| row.delivered(fact, at));
            }
            Event::MessageFailed(fact) => {
                self.message(fact.message_id, position, |row| row.failed(fact, at));
            }
            Event::MessageReceived(fact) => {
                let row = Message::received(fact, at, position);
                if let Some(lead_id) = fact.lead_id.filter(|_| row.is_opted_out) {
                    self.lead(lead_id, position, |row| row.is_opted_out = true);
                }
                self.put_message(fact.message_id, row);
                if let Some(answered) = fact.in_reply_to {
                    self.message(answered, position, |row| row.answered(at));
                }
            }
            _ => {}
        }
    }

    fn apply_to_states(&mut self, event: &Event, at: Timestamp, position: i64) {
        match event {
            Event::AgentSignedIn(fact) => {
                let skill = Some(i64::from(fact.skill_ppm.0));
                self.agent_enters(&fact.agent_id, "available", at, position);
                self.agent(&fact.agent_id, position, |row| row.skill_ppm = skill);
            }
            Event::AgentStateChanged(fact) => {
                if fact.to == AgentState::SignedOut {
                    self.agent_leaves(&fact.agent_id, at, position);
                } else {
                    self.agent_enters(&fact.agent_id, fact.to.as_str(), at, position);
                    if let (AgentState::WrapUp, Some(call_id)) = (fact.to, fact.call_id) {
                        self.places.wrap_ups.insert(fact.agent_id.clone(), (call_id, at));
                    }
                    self.agent(&fact.agent_id, position, |row| {
                        row.call_id = fact.call_id.map(|id| id.to_string());
                        row.reason.clone_from(&fact.reason);
                    });
                }
            }
            Event::AgentSignedOut(fact) => self.agent_leaves(&fact.agent_id, at, position),
            Event::CarrierAdded(fact) => {
                self.carrier_enters(&fact.carrier_id, "up", None, at, position);
                self.carrier(&fact.carrier_id, position, |row| {
                    row.weight = Some(i64::from(fact.weight));
                    row.channels = Some(i64::from(fact.channels));
                });
            }
            Event::CarrierFailed(fact) => {
                let reason = Some(fact.reason.clone());
                self.carrier_enters(&fact.carrier_id, "down", reason, at, position);
            }
            Event::CarrierRecovered(fact) => {
                self.carrier_enters(&fact.carrier_id, "up", None, at, position);
            }
            Event::LineSampled(fact) => {
                self.samples.push(LineSample {
                    carrier_id: fact.carrier_id.to_string(),
                    sampled_at: at,
                    channels_in_use: i64::from(fact.channels_in_use),
                    channels: i64::from(fact.channels),
                    last_position: position,
                });
            }
            _ => {}
        }
    }
}
