//! Agents' phones: what they ask of us in a call, and calls they make.
//!
//! In: REFER, hold and INVITE as SIP tells them. Out: inputs for the call they belong to, and
//! what its commands come to. Only a phone that registered may call, only another agent may be
//! called or be passed a call, and only while the phone's owner talks to a customer.

use super::legs::Leg;
use super::watch::Seen;
use super::{Engine, EngineError};
use crate::base::{AgentId, CallId, LegId};
use crate::call::{CallInput, Hearing, LegOver, TransferTarget};
use crate::event::{AgentState, AgentStateChanged};
use crate::media::{Capabilities, Clip, MediaEvent, MediaStatistics};
use crate::runtime::journal::Draft;
use crate::sip::UaCommand;

/// What a phone asks for that wants the call passed on to whoever is free.
const QUEUE: &str = "queue";
/// What the tone of hold plays as; prompts are numbered from the other end.
const HOLD: u64 = u64::MAX;
/// The tone of hold: two soft notes, then silence, so that the customer knows that the line is up.
const HOLD_NOTES: [(u32, i16); 2] = [(440, 1_200), (349, 1_200)];

/// A call of a phone that was not answered yet.
pub(super) struct PhoneCall {
    call_id: CallId,
    offer: String,
    /// What we can do with it.
    capabilities: Capabilities,
}

/// The tone of hold, eight seconds of it.
fn hold_tone() -> Clip {
    let note = |(hz, amplitude)| Clip::tone(hz, crate::base::Millis(300), amplitude);
    let silence = Clip::silence(crate::base::Millis(3_400));
    let [high, low] = HOLD_NOTES.map(note);
    high.followed_by(&silence).followed_by(&low).followed_by(&silence)
}

impl Engine {
    /// A phone calls. Others are not let in.
    pub(super) fn phone_calls(
        &mut self,
        leg_id: LegId,
        phone: Option<&str>,
        called: &str,
        offer: Option<String>,
    ) {
        let from = phone.and_then(|user| self.agent_with(user));
        let to = self.agent_called(called);
        let talks = |from: &AgentId| {
            self.calls.iter().find(|(_, slot)| slot.call.is_with(from)).map(|(id, _)| id)
        };
        let call_id = from.as_ref().and_then(talks);
        let status = match (&from, &to, call_id, &offer) {
            (None, ..) => 403,
            (_, None, ..) => 404,
            (_, _, None, _) => 480,
            // We have nothing to offer a phone that asks for it.
            (_, _, _, None) => 488,
            _ => 0,
        };
        let (Some(from), Some(to), Some(call_id), Some(offer)) = (from, to, call_id, offer) else {
            return self.parts.line.send(UaCommand::Reject { leg: leg_id, status, q850: None });
        };
        let capabilities = self.with_phone_of(&from);
        self.phone_legs.insert(leg_id, PhoneCall { call_id, offer, capabilities });
        self.give_call(call_id, CallInput::Consult { leg_id, from, to });
    }

    /// A phone asks to have its call passed on.
    pub(super) fn referred(&mut self, leg_id: LegId, user: &str, replaces: Option<LegId>) {
        let Some(call_id) = self.legs.get(&leg_id).map(|leg| leg.call_id) else {
            return self.parts.line.send(UaCommand::RefuseRefer { leg: leg_id, status: 603 });
        };
        let target = match (replaces, self.agent_called(user)) {
            (Some(other), _) => TransferTarget::Leg(other),
            (None, Some(agent_id)) => TransferTarget::Agent(agent_id),
            (None, None) if user == QUEUE => TransferTarget::Queue,
            (None, None) => {
                tracing::warn!(%call_id, %leg_id, "a transfer to nobody here is refused");
                TransferTarget::Forbidden
            }
        };
        self.give_call(call_id, CallInput::Referred { leg_id, target });
    }

    /// Who is called by that name: an agent's id, or what the agent's phone registers as.
    fn agent_called(&self, name: &str) -> Option<AgentId> {
        let agents = self.parts.agents.iter().filter(|agent| !agent.is_supervisor());
        let mut agents = agents.filter(|agent| {
            agent.id.as_str() == name || agent.user.as_deref().is_some_and(|user| user == name)
        });
        agents.next().map(|agent| agent.id.clone())
    }

    /// Tells a call that one of its legs is held, or not any more.
    pub(super) fn tell_hold(&mut self, leg_id: LegId, was_held: bool) {
        let is_held = self.legs.get(&leg_id).is_some_and(|leg| leg.is_held);
        match (was_held, is_held) {
            (false, true) => self.give(leg_id, CallInput::Held { leg_id }),
            (true, false) => self.give(leg_id, CallInput::Resumed { leg_id }),
            _ => {}
        }
    }

    /// Takes an agent for a call, where the agent is free. In the same append, so that nobody
    /// else is given the same agent.
    pub(super) async fn take_agent(
        &mut self,
        call_id: CallId,
        agent_id: AgentId,
    ) -> Result<(), EngineError> {
        let Some(cause) = self.calls.get(call_id).map(|slot| slot.cause) else { return Ok(()) };
        let journal = &mut self.parts.journal;
        let known = journal.live.routing.agents().get(&agent_id);
        let is_free = known.is_some_and(|agent| agent.state == AgentState::Available);
        if is_free {
            let fact = AgentStateChanged {
                agent_id: agent_id.clone(),
                from: AgentState::Available,
                to: AgentState::Ringing,
                call_id: Some(call_id),
                reason: None,
            };
            let draft = Draft::new(fact, journal.now(), "call").because_of(cause);
            journal.append(vec![draft]).await?;
        }
        self.give_call(call_id, CallInput::AgentTaken { agent_id, is_free });
        Ok(())
    }

    /// Accepts the call of a phone.
    pub(super) async fn answer_phone(&mut self, leg_id: LegId) {
        let Some(PhoneCall { call_id, offer, capabilities }) = self.phone_legs.remove(&leg_id)
        else {
            return;
        };
        let reject = |status| UaCommand::Reject { leg: leg_id, status, q850: None };
        let over = LegOver::BadSession;
        let (media, local) = match self.open_media(leg_id, Vec::new()) {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(%call_id, %error, "no media port");
                self.parts.line.send(reject(500));
                let statistics = MediaStatistics::default();
                return self.give_call(call_id, CallInput::Over { leg_id, over, statistics });
            }
        };
        let now = self.parts.journal.now();
        let session_id = self.rng.bits() >> 1;
        let mut leg = Leg::new(call_id, leg_id, (media, local), session_id, &self.news_sender);
        leg.capabilities = capabilities;
        match leg.capabilities.answer(&offer, local, leg.session_id) {
            Ok((sdp, negotiated)) => {
                leg.described.clone_from(&sdp);
                let codec = negotiated.codec.name();
                leg.seen = Some(Seen::new(now));
                leg.agree(now, negotiated);
                self.legs.insert(leg_id, leg);
                self.parts.line.send(UaCommand::Answer { leg: leg_id, sdp });
                self.give(leg_id, CallInput::Answered { leg_id, codec });
            }
            Err(error) => {
                tracing::warn!(%leg_id, %error, "a phone offers nothing that can be used");
                self.parts.line.send(reject(488));
                let statistics = MediaStatistics::default();
                self.give_call(call_id, CallInput::Over { leg_id, over, statistics });
            }
        }
    }

    /// A call of a phone ended before it was answered. Whether it was one.
    pub(super) fn phone_over(&mut self, leg_id: LegId, over: LegOver) -> bool {
        let Some(PhoneCall { call_id, .. }) = self.phone_legs.remove(&leg_id) else {
            return false;
        };
        let statistics = MediaStatistics::default();
        self.give_call(call_id, CallInput::Over { leg_id, over, statistics });
        true
    }

    /// Joins the legs of a call as it says, and no others.
    pub(super) fn connect(&self, call_id: CallId, hears: &[Hearing]) {
        let of_call = || self.legs.iter().filter(|(_, leg)| leg.call_id == call_id);
        for (speaker, leg) in of_call() {
            let listeners: Vec<_> = hears
                .iter()
                .filter(|one| one.speaker == *speaker)
                .filter_map(|one| {
                    let others = hears.iter().filter(|other| other.listener == one.listener);
                    let port = others.take_while(|other| other.speaker != *speaker).count();
                    let listener = self.legs.get(&one.listener)?;
                    Some((listener.media.as_ref(), port, one.with_keys))
                })
                .collect();
            leg.media.speak_to(&listeners);
        }
    }

    /// Begins or ends the tone of hold on a leg.
    pub(super) fn hold_music(&mut self, leg_id: LegId, on: bool) {
        let tone = self.hold_tone.get_or_insert_with(hold_tone).clone();
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.has_hold_tone = on;
        if on {
            leg.media.play(HOLD, tone);
        } else {
            leg.media.stop_playing();
        }
    }

    /// Plays the tone of hold once more at its end. Whether the event was about it.
    pub(super) fn is_hold_tone(&mut self, leg_id: LegId, event: &MediaEvent) -> bool {
        match event {
            MediaEvent::PlayStarted { id: HOLD, .. } => true,
            MediaEvent::PlayEnded { id: HOLD, completed, .. } => {
                let goes_on = self.legs.get(&leg_id).is_some_and(|leg| leg.has_hold_tone);
                if *completed && goes_on {
                    self.hold_music(leg_id, true);
                }
                true
            }
            _ => false,
        }
    }
}
