//! Calls: their facts are gathered, their commands carried out.

use super::{Engine, EngineError};
use crate::base::{CallId, CarrierId, EventId, LegId, Millis, Timestamp};
use crate::call::{CallCommand, CallInput, CallOutput, LegOver};
use crate::dialing::barred;
use crate::event::{Actor, AgentState, AgentStateChanged, Handler, RoutePurpose};
use crate::media::MediaStatistics;
use crate::runtime::config::SimConfig;
use crate::runtime::journal::Draft;
use crate::sip::{FailureCause, Identity, UaCommand};

/// How a gateway is told which SIM a call takes; nothing of both for a carrier without SIMs.
#[derive(Default)]
struct SimSelector {
    prefix: String,
    headers: Vec<(String, String)>,
}

impl SimSelector {
    fn of(sim: Option<&SimConfig>) -> Self {
        sim.map_or_else(Self::default, |sim| Self {
            prefix: sim.prefix.clone().unwrap_or_default(),
            headers: sim.header_field().into_iter().collect(),
        })
    }
}

impl Engine {
    /// Takes the outputs of all calls that took something in: facts wait for the append,
    /// commands are given back.
    pub(super) fn gather(&mut self) -> Vec<(CallId, CallCommand)> {
        let now = self.parts.journal.now();
        let mut commands = Vec::new();
        for call_id in std::mem::take(&mut self.stirred) {
            while let Some((output, cause)) = self.calls.poll_output(call_id) {
                match output {
                    CallOutput::Fact(event) => self.drafts.push(Draft {
                        event_id: None,
                        correlation: None,
                        event,
                        at: now,
                        actor: Actor::part("call"),
                        cause,
                    }),
                    CallOutput::Command(command) => commands.push((call_id, command)),
                }
            }
        }
        commands
    }

    pub(super) async fn obey(
        &mut self,
        call_id: CallId,
        command: CallCommand,
    ) -> Result<(), EngineError> {
        let now = self.parts.journal.now();
        match command {
            CallCommand::WantCarrier { leg_id, wait_until } => {
                self.choose_carrier(call_id, leg_id, wait_until).await?;
            }
            CallCommand::WantHandler { purpose } => self.choose_handler(call_id, purpose).await?,
            CallCommand::InviteCustomer { leg_id, carrier_id, ring_timeout } => {
                self.invite_customer(call_id, leg_id, &carrier_id, ring_timeout).await;
            }
            CallCommand::InviteAgent { leg_id, agent_id, ring_timeout } => {
                let identity = Identity::of(self.parts.sip.caller.clone());
                match self.phone_to_ring(&agent_id) {
                    Some((to, called)) => {
                        let target = super::legs::Target {
                            to,
                            others: Vec::new(),
                            host: None,
                            called,
                            identity,
                            credentials: None,
                            headers: Vec::new(),
                            media_networks: Vec::new(),
                            capabilities: self.with_phone_of(&agent_id),
                        };
                        self.invite(call_id, leg_id, target, ring_timeout).await;
                    }
                    None => self.never_left(call_id, leg_id),
                }
            }
            CallCommand::HangUp { leg_id } => self.parts.line.hang_up(leg_id, None),
            CallCommand::Play { leg_id, prompt, text } => {
                let voice = self.calls.get(call_id).map(|slot| slot.voice.clone());
                if let (Some(leg), Some(voice)) = (self.legs.get_mut(&leg_id), voice) {
                    leg.speaker.say(&leg.media, prompt.0, text, voice, now);
                }
            }
            CallCommand::StopPlaying { leg_id, .. } => {
                if let Some(leg) = self.legs.get_mut(&leg_id) {
                    leg.speaker.stop(&leg.media, now);
                }
            }
            CallCommand::Connect { hears } => self.connect(call_id, &hears),
            CallCommand::PlayHold { leg_id } => self.hold_music(leg_id, true),
            CallCommand::StopHold { leg_id } => self.hold_music(leg_id, false),
            CallCommand::WantAgent { agent_id } => self.take_agent(call_id, agent_id).await?,
            CallCommand::RingPhone { leg_id } => {
                self.parts.line.send(UaCommand::Ring { leg: leg_id });
            }
            CallCommand::AnswerPhone { leg_id } => self.answer_phone(leg_id).await,
            CallCommand::RejectPhone { leg_id, status } => {
                self.parts.line.send(UaCommand::Reject { leg: leg_id, status, q850: None });
            }
            CallCommand::AcceptRefer { leg_id } => {
                self.parts.line.send(UaCommand::AcceptRefer { leg: leg_id });
            }
            CallCommand::RefuseRefer { leg_id, status } => {
                self.parts.line.send(UaCommand::RefuseRefer { leg: leg_id, status });
            }
            CallCommand::NotifyRefer { leg_id, status } => {
                self.parts.line.send(UaCommand::NotifyRefer { leg: leg_id, status });
            }
            CallCommand::Done => {
                self.calls.remove(call_id);
            }
        }
        Ok(())
    }

    /// Chooses a carrier, or has the call wait for one that has its turn in time.
    async fn choose_carrier(
        &mut self,
        call_id: CallId,
        leg_id: LegId,
        wait_until: Timestamp,
    ) -> Result<(), EngineError> {
        let journal = &mut self.parts.journal;
        let (now, position) = (journal.now(), journal.position());
        let turn = journal.live.dialing.turn_of(call_id, now);
        if let Some(until) = turn.filter(|turn| *turn <= wait_until) {
            self.give_call(call_id, CallInput::CarrierWaits { leg_id, until });
            return Ok(());
        }
        let decision = journal.live.dialing.choose_carrier(call_id, leg_id, now, position);
        let carrier_id = decision.chosen.clone();
        let cause = self.calls.get(call_id).and_then(|slot| slot.cause);
        let draft = Draft::new(decision, now, "dialer").because_of(cause);
        let ids = journal.append(vec![draft]).await?;
        self.decided(call_id, ids.first().copied());
        self.give_call(call_id, CallInput::CarrierChosen { leg_id, carrier_id });
        Ok(())
    }

    async fn choose_handler(
        &mut self,
        call_id: CallId,
        purpose: RoutePurpose,
    ) -> Result<(), EngineError> {
        let Some(slot) = self.calls.get(call_id) else { return Ok(()) };
        let cause = slot.cause;
        let journal = &mut self.parts.journal;
        let (now, position) = (journal.now(), journal.position());
        let decision = journal.live.routing.choose_handler(call_id, purpose, now, position);
        let handler = decision.chosen.clone();
        let mut drafts = vec![Draft::new(decision, now, "router").because_of(cause)];
        if let Some(Handler::Agent(agent_id)) = &handler {
            // In the same append, so that nobody else is given the same agent.
            let fact = AgentStateChanged {
                agent_id: agent_id.clone(),
                from: AgentState::Available,
                to: AgentState::Ringing,
                call_id: Some(call_id),
                reason: None,
            };
            drafts.push(Draft::new(fact, now, "router").because_of(cause));
        }
        let ids = journal.append(drafts).await?;
        self.decided(call_id, ids.first().copied());
        self.give_call(call_id, CallInput::HandlerChosen { purpose, handler });
        Ok(())
    }

    fn decided(&mut self, call_id: CallId, cause: Option<EventId>) {
        self.calls.decided(call_id, cause);
    }

    async fn invite_customer(
        &mut self,
        call_id: CallId,
        leg_id: LegId,
        carrier_id: &CarrierId,
        ring_timeout: Millis,
    ) {
        let now = self.parts.journal.now();
        let carrier = self.parts.carriers.iter().find(|carrier| carrier.id == *carrier_id);
        let phone = self.calls.get(call_id).and_then(|slot| slot.phone.as_ref());
        let (Some(carrier), Some(phone)) = (carrier, phone) else {
            self.never_left(call_id, leg_id);
            return;
        };
        // The last gate: nothing below this line looks at what is dialled.
        if let Some(why) = barred(phone.reveal()) {
            tracing::error!(%call_id, why = why.as_str(), "a number that must not be dialled");
            let over = LegOver::Barred;
            let statistics = MediaStatistics::default();
            self.give_call(call_id, CallInput::Over { leg_id, over, statistics });
            return;
        }
        let chosen = self.parts.journal.live.dialing.sim_of(leg_id);
        let sim = chosen.and_then(|id| carrier.sims.iter().find(|sim| sim.id == *id));
        let sim = SimSelector::of(sim);
        let mut order = self.targets.order(carrier_id, now).into_iter();
        let Some(to) = order.next() else {
            self.never_left(call_id, leg_id);
            return;
        };
        let target = super::legs::Target {
            to,
            others: order.collect(),
            host: carrier.host(),
            called: format!("{}{}", sim.prefix, carrier.called(phone.reveal())),
            headers: sim.headers,
            identity: carrier.identity(&self.parts.sip),
            credentials: carrier.credentials(),
            media_networks: carrier.media_networks.clone(),
            capabilities: carrier.srtp.capabilities(&self.parts.capabilities),
        };
        self.invite(call_id, leg_id, target, ring_timeout).await;
    }

    /// A leg that could not even be tried.
    pub(super) fn never_left(&mut self, call_id: CallId, leg_id: LegId) {
        let over = LegOver::Failed { cause: FailureCause::Transport };
        let statistics = MediaStatistics::default();
        self.give_call(call_id, CallInput::Over { leg_id, over, statistics });
    }
}
