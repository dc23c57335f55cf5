//! One call composed from the cores: from the dial to the last word.
//!
//! In: [`CallInput`]s: decisions taken for the call, what SIP said of its legs, what was heard
//! on them. Out: [`CallOutput`]s: facts to log, and commands that may be carried out once the
//! facts before them are durable.
//! Invariants: exactly one `AttemptEnded` per call, after the end of every leg; `CallEnded`
//! exactly where the call was answered; an opt-out leaves the do-not-call entry in the same
//! turn; nothing comes out after [`CallCommand::Done`].
//! Deliberately absent: sockets and clocks (the runtime), choosing lead, carrier or handler
//! (`dialing` and `routing`), and turn-taking (`conversation`).

mod agent;
mod consult;
mod customer;
mod ending;
mod hearing;
mod io;
mod supervise;
mod talk;
mod tones;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

pub use hearing::Hearing;
pub use io::{CallCommand, CallInput, CallOutput, LegOver};
pub use tones::{early_tone, tone};
pub use transfer::TransferTarget;

use self::agent::AgentSide;
use self::consult::Consult;
use self::customer::CustomerSide;
use self::supervise::Supervisor;
use self::talk::Talk;
use self::transfer::{Departing, Transfer};
use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, Millis, SubjectId, Timestamp,
};
use crate::conversation::Script;
#[cfg(doc)]
use crate::dialing::POST_DIAL_DELAY_MAX;
use crate::dialing::Prices;
use crate::event::{
    CostBooked, CostKind, Event, Handler, HangUpParty, IntentionLevel, PartyIdentified, Portrait,
    RoutePurpose,
};
use crate::media::MediaStatistics;

/// What a call is about.
#[derive(Clone, Debug)]
pub struct CallSetup {
    /// The call.
    pub call_id: CallId,
    /// Its campaign.
    pub campaign_id: CampaignId,
    /// Its lead.
    pub lead_id: LeadId,
    /// The person.
    pub subject_id: SubjectId,
    /// Keyed hash of the person's number, for the do-not-call list.
    pub phone_hash: String,
    /// How many attempts the lead has had, this one included.
    pub attempt_number: u32,
    /// What the robot says.
    pub script: Arc<Script>,
    /// What is known of the person, for the script's placeholders.
    pub portrait: Portrait,
    /// How long to let the customer's phone ring.
    pub ring_timeout: Millis,
    /// How long to let an agent's phone ring.
    pub agent_ring: Millis,
    /// How long an agent may still key the outcome in once the customer has hung up.
    pub wrap_up: Millis,
    /// What lines and agents cost.
    pub prices: Arc<Prices>,
    /// How long carriers may leave a call without a ring; [`POST_DIAL_DELAY_MAX`] where none is
    /// said.
    pub post_dial_delays: Arc<BTreeMap<CarrierId, Millis>>,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    setup: CallSetup,
    customer: CustomerSide,
    agent: AgentSide,
    /// When the agent's leg is hung up, once the customer is gone.
    agent_until: Option<Timestamp>,
    /// A blind transfer under way.
    transfer: Option<Transfer>,
    /// An agent asks another one.
    consult: Option<Consult>,
    /// Legs of agents who passed the call on.
    departing: Vec<Departing>,
    supervisor: Option<Supervisor>,
    /// Legs whose other end holds, and since when.
    holds: BTreeMap<LegId, Timestamp>,
    /// Who hears whom, as last said.
    hears: BTreeSet<Hearing>,
    /// The customer's leg while the tone of hold plays there.
    waits: Option<LegId>,
    talk: Talk,
    /// Who talks or is about to.
    handler: Option<Handler>,
    /// Somebody did talk: the robot began, or a person was joined.
    was_served: bool,
    /// Who began the end.
    ended_by: Option<HangUpParty>,
    /// Set by the robot or by a person.
    level: Option<(IntentionLevel, String)>,
    /// Whether the one who talks is the one who was called, where that is known.
    is_right_party: Option<bool>,
    /// A sale that an agent keyed in, and what it is worth in minor units.
    sale: Option<Option<u64>>,
    /// The platform wants it over.
    is_stopping: bool,
    is_done: bool,
    /// Why, where the disposition alone does not say.
    reason: Option<String>,
    /// Legs so far.
    legs: u32,
    /// Carriers that said there is no such number.
    bad_numbers: u32,
    outputs: VecDeque<CallOutput>,
}

impl Call {
    /// A call whose dial is decided and recorded. Asks for a carrier at once.
    pub fn new(setup: CallSetup, now: Timestamp) -> Self {
        let mut call = Self {
            setup,
            customer: CustomerSide::Over,
            agent: AgentSide::None,
            agent_until: None,
            transfer: None,
            consult: None,
            departing: Vec::new(),
            supervisor: None,
            holds: BTreeMap::new(),
            hears: BTreeSet::new(),
            waits: None,
            talk: Talk::default(),
            handler: None,
            was_served: false,
            ended_by: None,
            level: None,
            is_right_party: None,
            sale: None,
            is_stopping: false,
            is_done: false,
            reason: None,
            legs: 0,
            bad_numbers: 0,
            outputs: VecDeque::new(),
        };
        call.want_carrier(now);
        call
    }

    /// The call's id.
    pub const fn id(&self) -> CallId {
        self.setup.call_id
    }

    /// What the call is about.
    pub const fn setup(&self) -> &CallSetup {
        &self.setup
    }

    /// Whether that agent talks to the customer.
    pub fn is_with(&self, agent: &AgentId) -> bool {
        matches!(&self.agent, AgentSide::Talking { agent_id, .. } if agent_id == agent)
    }

    /// Whether the customer is on the line.
    pub const fn is_up(&self) -> bool {
        self.customer.is_up() && self.ended_by.is_none()
    }

    /// The supervisor who is joined, or is rung to be.
    pub fn supervisor(&self) -> Option<&AgentId> {
        self.supervisor.as_ref().map(|one| &one.agent_id)
    }

    /// Takes one input in.
    pub fn handle(&mut self, now: Timestamp, input: CallInput) {
        if self.is_done {
            return;
        }
        match input {
            CallInput::CarrierChosen { leg_id, carrier_id } => {
                self.carrier_chosen(now, leg_id, carrier_id);
            }
            CallInput::CarrierWaits { leg_id, until } => self.carrier_waits(leg_id, until),
            CallInput::HandlerChosen { purpose, handler } => {
                self.handler_chosen(now, purpose, handler);
            }
            CallInput::Progress { leg_id, status } => self.progress(now, leg_id, status),
            CallInput::Answered { leg_id, codec } => self.answered(now, leg_id, codec),
            CallInput::Over { leg_id, over, statistics } => {
                self.leg_over(now, leg_id, over, statistics);
            }
            CallInput::Digit { leg_id, digit } => {
                if self.agent.has(leg_id) {
                    self.agent_digit(digit);
                } else if self.is_supervisors(leg_id) {
                    self.supervisor_digit(digit);
                } else if self.customer.has(leg_id) {
                    self.hear(now, crate::conversation::Input::Key(digit));
                }
            }
            CallInput::Heard { leg_id, input } => {
                if self.customer.has(leg_id) {
                    self.hear(now, input);
                }
            }
            CallInput::EarlyTone { leg_id, tone } => self.heard_early(leg_id, tone),
            CallInput::Held { leg_id } => self.held(now, leg_id),
            CallInput::Resumed { leg_id } => self.resumed(now, leg_id),
            CallInput::Referred { leg_id, target } => self.referred(now, leg_id, target),
            CallInput::AgentTaken { agent_id, is_free } => {
                self.agent_taken(now, agent_id, is_free);
            }
            CallInput::Consult { leg_id, from, to } => self.consult(now, leg_id, &from, to),
            CallInput::Supervise { agent_id, mode } => self.supervise(now, agent_id, mode),
            CallInput::Stop { reason } => self.stop(now, reason),
        }
        self.reconnect();
        self.settle();
    }

    /// Whether this leg is a supervisor's.
    fn is_supervisors(&self, leg_id: LegId) -> bool {
        self.supervisor.as_ref().is_some_and(|one| one.leg_id == leg_id)
    }

    fn leg_over(
        &mut self,
        now: Timestamp,
        leg_id: LegId,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        self.resumed(now, leg_id);
        if self.agent.has(leg_id) {
            self.agent_over(now, over, statistics);
        } else if self.customer.has(leg_id) {
            self.customer_over(now, over, statistics);
        } else if self.transfer.as_ref().is_some_and(|one| one.has(leg_id)) {
            self.transfer_leg_over(now, over, statistics);
        } else if self.consult.as_ref().is_some_and(|one| one.agent_of(leg_id).is_some()) {
            self.consult_over(now, leg_id, over, statistics);
        } else if self.is_supervisors(leg_id) {
            self.supervisor_over(now, over, statistics);
        } else {
            self.departed(now, leg_id, over, statistics);
        }
    }

    /// Lets due timers run.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.talk_timeout(now);
        self.dial_timeout(now);
        if self.agent_until.is_some_and(|until| until <= now) {
            self.hang_up_agent();
        }
        self.reconnect();
        self.settle();
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.is_done {
            return None;
        }
        let dial = self.customer.poll_timeout();
        self.talk.poll_timeout().into_iter().chain(self.agent_until).chain(dial).min()
    }

    /// The next output.
    pub fn poll_output(&mut self) -> Option<CallOutput> {
        self.outputs.pop_front()
    }

    fn fact(&mut self, event: impl Into<Event>) {
        self.outputs.push_back(CallOutput::Fact(event.into()));
    }

    fn command(&mut self, command: CallCommand) {
        self.outputs.push_back(CallOutput::Command(command));
    }

    /// An id for one more leg.
    fn next_leg(&mut self, now: Timestamp) -> LegId {
        self.legs += 1;
        LegId::of_call(now, self.setup.call_id, self.legs)
    }

    /// Records whether the right party talks, where that is news.
    fn identify(&mut self, is_right_party: bool, source: &str) {
        if self.is_right_party.replace(is_right_party) == Some(is_right_party) {
            return;
        }
        self.fact(PartyIdentified {
            call_id: self.setup.call_id,
            campaign_id: self.setup.campaign_id.clone(),
            lead_id: self.setup.lead_id,
            is_right_party,
            source: source.to_owned(),
        });
    }

    /// Records what a leg cost that was up since a moment, where it has a price.
    fn book(&mut self, kind: CostKind, payee: String, amount: Option<u64>, since: Timestamp) {
        let Some(amount_milli) = amount else { return };
        self.fact(CostBooked {
            campaign_id: self.setup.campaign_id.clone(),
            call_id: self.setup.call_id,
            kind,
            payee,
            amount_milli,
            currency: self.setup.prices.currency.clone(),
            incurred_at: since,
        });
    }

    /// The decision who talks came back.
    fn handler_chosen(&mut self, now: Timestamp, purpose: RoutePurpose, chosen: Option<Handler>) {
        if self.transfer.as_ref().is_some_and(Transfer::wants_handler) {
            return self.transfer_chosen(now, chosen);
        }
        match chosen {
            Some(Handler::Robot) if self.customer.is_up() && !self.is_stopping => {
                self.handler = Some(Handler::Robot);
                self.was_served = true;
                self.begin_talk(now);
            }
            Some(Handler::Agent(agent_id)) => self.ring_agent(now, agent_id),
            Some(Handler::Robot) => {}
            None if self.talk.is_open() => {
                self.hear(now, crate::conversation::Input::TransferFailed);
            }
            None => {
                let reason = match purpose {
                    RoutePurpose::Answer => "no_handler",
                    RoutePurpose::Transfer => "no_agent",
                };
                self.reason = Some(reason.to_owned());
                self.hang_up_customer(HangUpParty::Platform);
            }
        }
    }

    /// Hangs up whatever is up, because the platform is asked to.
    fn stop(&mut self, now: Timestamp, reason: &'static str) {
        if self.is_stopping {
            return;
        }
        self.is_stopping = true;
        self.release_others(now);
        self.reason = Some(reason.to_owned());
        match self.customer {
            CustomerSide::Choosing(_) => self.customer = CustomerSide::Over,
            CustomerSide::Over => self.hang_up_agent(),
            CustomerSide::Dialling(_) | CustomerSide::Up { .. } => {
                self.hang_up_customer(HangUpParty::Platform);
            }
        }
        self.hear(now, crate::conversation::Input::HungUp);
    }
}

#[cfg(test)]
mod tests;
