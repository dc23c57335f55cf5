//! Calls: the platform's own core is told what SIP and media would tell it, and its commands
//! are carried out by the simulated world.

mod hearing;

use std::collections::{BTreeMap, VecDeque};

use super::HistoryError;
use super::draw::{quantile, span};
use super::lines::Line;
use super::stage::{AGENT_RING, Due, RING, Stage, WRAP_UP};
use super::talk::{self, Act, Mind, Reach};
use crate::base::{AgentId, CallId, CarrierId, EventId, LegId, Millis, Ppm, Timestamp};
use crate::call::{Call, CallCommand, CallInput, CallOutput, CallSetup, LegOver};
use crate::conversation::{Language, PromptId};
use crate::event::{
    AgentState, AgentStateChanged, AnswerClassified, AnswerReviewed, AnswerVerdict, AttemptStarted,
    CommitmentMade, Disposition, Event, Handler, LegReleased, Portrait, RoutePurpose,
};
use crate::runtime::Draft;
use crate::sip::Party;

/// How long it rings until somebody answers. Units: ms.
const PICK_UP_MS: [u64; 6] = [1_500, 4_000, 6_500, 9_500, 14_000, 21_000];
/// How long an agent's phone rings. Units: ms.
const AGENT_PICK_UP_MS: [u64; 4] = [900, 1_800, 2_800, 6_500];
/// From the meeting agreed to until it is a sale. Units: ms.
const SALE_AFTER_MS: [u64; 5] = [7_200_000, 21_600_000, 86_400_000, 108_000_000, 172_800_000];
/// What a sale is worth. Units: minor units of the currency.
const SALE_MINOR: [u64; 5] = [19_900, 49_900, 89_900, 180_000, 640_000];
/// From our BYE to its answer, and how long it is sent again. Units: ms.
const BYE_MS: [u64; 5] = [16, 34, 58, 120, 640];
const BYE_TIMEOUT: Millis = Millis(32_000);
/// One BYE in so many is never answered.
const BYE_LOST_ONE_IN: u64 = 400;
/// One call in so many is listened to afterwards.
const REVIEWED_MACHINES_ONE_IN: u64 = 12;
const REVIEWED_OTHERS_ONE_IN: u64 = 100;
/// From the call to that. Units: ms.
const REVIEW_AFTER_MS: [u64; 4] = [3_600_000, 14_400_000, 64_800_000, 93_600_000];
/// From a command to what it does. Units: ms.
const WIRE: Millis = Millis(40);
/// One agent's phone in so many is not answered.
const AGENT_MISSES_ONE_IN: u64 = 50;

/// Something due in a call.
#[derive(Debug)]
pub(super) enum CallDue {
    /// A timer of the core.
    Wake,
    Input(CallInput),
    /// A leg is over.
    Over(LegId, LegOver),
    /// The platform's hang-up has arrived.
    HungUp(LegId),
    /// The customer is tired of waiting.
    Impatient,
}

/// A leg that was invited.
struct Leg {
    answered: Option<Timestamp>,
    line: Option<usize>,
}

/// A call and the people in it.
pub(super) struct Talking {
    call: Call,
    pub(super) campaign: usize,
    reach: Reach,
    mind: Mind,
    plan: VecDeque<Act>,
    language: Language,
    customer: Option<LegId>,
    legs: BTreeMap<LegId, Leg>,
    playing: BTreeMap<PromptId, (Timestamp, Millis)>,
    is_bridged: bool,
    cause: Option<EventId>,
    wake: Option<Timestamp>,
}

impl Stage<'_> {
    /// A call begins, as in the runtime.
    pub(super) async fn begin_call(
        &mut self,
        number: usize,
        started: &AttemptStarted,
        cause: Option<EventId>,
    ) -> Result<(), HistoryError> {
        let Some(campaign) = self.campaigns.get(number) else { return Ok(()) };
        let Some(place) = self.leads.get(&started.lead_id).copied() else { return Ok(()) };
        let Some(person) = self.people.get(place).copied() else { return Ok(()) };
        let lead = self.journal.live.dialing.leads().get(&started.lead_id);
        let outcomes = &self.options.outcomes;
        let stratum = usize::from(person.stratum);
        let is_cellular =
            outcomes.strata().get(stratum).is_some_and(|it| it.contact_type == "cellular");
        let rng = &mut self.world_rng;
        let answering = super::calendar::answering(self.now, campaign.market);
        let reach = if person.is_invalid {
            Reach::Invalid
        } else {
            talk::reach(is_cellular, answering, rng)
        };
        let mind = talk::mind(|rng| outcomes.buys(stratum, rng), rng);
        let plan = talk::plan(mind, rng);
        let setup = CallSetup {
            call_id: started.call_id,
            campaign_id: campaign.id.clone(),
            lead_id: started.lead_id,
            subject_id: started.subject_id,
            phone_hash: lead.map(|lead| lead.phone_hash.clone()).unwrap_or_default(),
            attempt_number: started.attempt_number,
            script: campaign.script.clone(),
            // The scripts of histories have no placeholders.
            portrait: Portrait::new(),
            ring_timeout: RING,
            agent_ring: AGENT_RING,
            wrap_up: WRAP_UP,
            prices: self.prices.clone(),
            post_dial_delays: std::sync::Arc::default(),
        };
        let language = campaign.market.language;
        let call = Call::new(setup, self.now);
        self.serial += 1;
        let talking = Talking {
            call,
            campaign: number,
            reach,
            mind,
            plan,
            language,
            customer: None,
            legs: BTreeMap::new(),
            playing: BTreeMap::new(),
            is_bridged: false,
            cause,
            wake: None,
        };
        self.calls.insert(self.serial, talking);
        Box::pin(self.drive(self.serial)).await
    }

    /// Something happens in a call.
    pub(super) async fn call_due(&mut self, serial: u64, due: CallDue) -> Result<(), HistoryError> {
        let now = self.now;
        let Some(talking) = self.calls.get_mut(&serial) else { return Ok(()) };
        match due {
            CallDue::Wake => {
                talking.wake = None;
                talking.call.handle_timeout(now);
            }
            CallDue::Input(input) => {
                if let CallInput::Answered { leg_id, .. } = &input {
                    talking.answered(*leg_id, now);
                }
                let has_answered = matches!(&input, CallInput::Answered { leg_id, .. } if talking.customer == Some(*leg_id));
                talking.call.handle(now, input);
                if has_answered {
                    self.says_hello(serial);
                }
            }
            CallDue::Over(leg_id, over) => self.over(serial, leg_id, over),
            CallDue::HungUp(leg_id) => {
                let is_up = talking.legs.get(&leg_id).is_some_and(|leg| leg.answered.is_some());
                let over = if is_up {
                    self.releases(serial, leg_id);
                    LegOver::Ended { by: Party::Local, q850: None }
                } else {
                    LegOver::Cancelled
                };
                self.over(serial, leg_id, over);
            }
            CallDue::Impatient => {
                let waits = !talking.is_bridged && talking.playing.is_empty();
                if let (true, Some(leg_id)) = (waits, talking.customer) {
                    self.over(serial, leg_id, LegOver::Ended { by: Party::Remote, q850: None });
                }
            }
        }
        Box::pin(self.drive(serial)).await
    }

    /// Takes the outputs of a call that took something in, until there are no more: facts
    /// first, then commands, then what decisions led to.
    async fn drive(&mut self, serial: u64) -> Result<(), HistoryError> {
        let mut has_leg_ended = false;
        loop {
            let mut commands = self.gather(serial, &mut has_leg_ended).await?;
            if commands.is_empty() {
                break;
            }
            while let Some(command) = commands.pop_front() {
                let is_choice = matches!(command, CallCommand::WantCarrier { .. });
                self.obey(serial, command).await?;
                if is_choice {
                    commands.extend(self.gather(serial, &mut has_leg_ended).await?);
                }
            }
        }
        if has_leg_ended {
            self.judge_carriers().await?;
        }
        let Some(talking) = self.calls.get_mut(&serial) else { return Ok(()) };
        if let Some(due) = talking.call.poll_timeout()
            && talking.wake.is_none_or(|wake| due < wake)
        {
            talking.wake = Some(due);
            self.queue.put(due, Due::Call(serial, CallDue::Wake));
        }
        Ok(())
    }

    async fn gather(
        &mut self,
        serial: u64,
        has_leg_ended: &mut bool,
    ) -> Result<VecDeque<CallCommand>, HistoryError> {
        let now = self.now;
        let mut commands = VecDeque::new();
        let mut drafts = Vec::new();
        let Some(talking) = self.calls.get_mut(&serial) else { return Ok(commands) };
        while let Some(output) = talking.call.poll_output() {
            match output {
                CallOutput::Fact(event) => {
                    drafts.push(Draft::new(event, now, "call").because_of(talking.cause));
                }
                CallOutput::Command(command) => commands.push_back(command),
            }
        }
        let events: Vec<Event> =
            drafts.iter().filter(|it| is_of_note(&it.event)).map(|it| it.event.clone()).collect();
        self.journal.append(drafts, now).await?;
        for event in events {
            *has_leg_ended |= matches!(event, Event::LegEnded(_));
            self.noted(serial, event);
        }
        Ok(commands)
    }

    /// What the rest of the world does about a fact of a call.
    fn noted(&mut self, serial: u64, event: Event) {
        let now = self.now;
        match event {
            Event::AttemptEnded(fact) => {
                self.report.contacts += u64::from(fact.disposition == Disposition::AnsweredHuman);
                self.follows_up(serial, &fact);
                if let Some(number) = self.calls.get(&serial).map(|talking| talking.campaign) {
                    self.attempt_over(number, fact.lead_id);
                }
                self.want_dial(now);
            }
            Event::AgentStateChanged(AgentStateChanged { agent_id, to, .. }) => match to {
                AgentState::WrapUp => self.agent_rests(&agent_id, Millis(0)),
                AgentState::Break => self.agent_rests(&agent_id, Millis(60_000)),
                _ => self.want_dial(now),
            },
            Event::CommitmentMade(fact) => self.meeting(serial, fact),
            Event::AnswerClassified(fact) => self.reviews(serial, &fact),
            Event::DoNotCallAdded(_) => self.report.opt_outs += 1,
            _ => {}
        }
    }

    /// A meeting was agreed to; some become sales, which the office records afterwards.
    fn meeting(&mut self, serial: u64, fact: CommitmentMade) {
        self.report.appointments += 1;
        self.confirms(serial, &fact);
        let buys = self.calls.get(&serial).map(|talking| talking.mind);
        if buys != Some(Mind::Agrees { buys: true }) {
            return;
        }
        self.report.sales += 1;
        let at = self.now.plus(span(&mut self.world_rng, &SALE_AFTER_MS));
        let amount_minor = Some(quantile(&mut self.world_rng, &SALE_MINOR) / 100 * 100);
        let currency = Some(self.prices.currency.clone());
        let sale = CommitmentMade { kind: "sale".to_owned(), amount_minor, currency, ..fact };
        self.later(at, Draft::new(sale, at, "office"));
    }

    /// Our BYE is answered a little later, or never.
    fn releases(&mut self, serial: u64, leg_id: LegId) {
        let Some(call_id) = self.calls.get(&serial).map(|talking| talking.call.id()) else {
            return;
        };
        let rng = &mut self.world_rng;
        let (sip_status, after_ms) = if rng.below(BYE_LOST_ONE_IN) == 0 {
            (None, BYE_TIMEOUT)
        } else {
            (Some(200), span(rng, &BYE_MS))
        };
        let at = self.now.plus(after_ms);
        let fact = LegReleased { call_id, leg_id, sip_status, after_ms };
        self.later(at, Draft::new(fact, at, "runtime"));
    }

    /// Some calls are listened to afterwards, above all those that a machine seems to have
    /// answered.
    fn reviews(&mut self, serial: u64, fact: &AnswerClassified) {
        let Some(talking) = self.calls.get(&serial) else { return };
        let campaign_id = talking.call.setup().campaign_id.clone();
        let answered_by = match talking.reach {
            Reach::Machine => AnswerVerdict::Machine,
            _ => AnswerVerdict::Human,
        };
        let one_in = match fact.verdict {
            AnswerVerdict::Machine => REVIEWED_MACHINES_ONE_IN,
            _ => REVIEWED_OTHERS_ONE_IN,
        };
        if self.world_rng.below(one_in) > 0 {
            return;
        }
        let at = self.now.plus(span(&mut self.world_rng, &REVIEW_AFTER_MS));
        let (call_id, reviewed_by) = (fact.call_id, "quality".to_owned());
        let review = AnswerReviewed { call_id, campaign_id, answered_by, reviewed_by };
        self.later(at, Draft::new(review, at, "office"));
    }

    fn later(&mut self, at: Timestamp, draft: Draft) {
        self.queue.put(at, Due::Fact(Box::new(draft)));
    }

    async fn obey(&mut self, serial: u64, command: CallCommand) -> Result<(), HistoryError> {
        match command {
            CallCommand::WantCarrier { leg_id, .. } => self.choose_carrier(serial, leg_id).await?,
            CallCommand::WantHandler { purpose } => self.choose_handler(serial, purpose).await?,
            CallCommand::InviteCustomer { leg_id, carrier_id, .. } => {
                self.invite_customer(serial, leg_id, &carrier_id);
            }
            CallCommand::InviteAgent { leg_id, .. } => self.invite_agent(serial, leg_id),
            CallCommand::HangUp { leg_id } => self.after(serial, WIRE, CallDue::HungUp(leg_id)),
            CallCommand::Play { prompt, text, .. } => self.play(serial, prompt, &text),
            CallCommand::StopPlaying { prompt, .. } => self.stop_playing(serial, prompt),
            CallCommand::Connect { hears } => {
                // The customer's leg is the older one, and so the first.
                if let Some(first) = hears.first() {
                    self.bridge(serial, first.listener, first.speaker);
                }
            }
            // Nobody holds, passes calls on or listens in here.
            CallCommand::PlayHold { .. }
            | CallCommand::StopHold { .. }
            | CallCommand::WantAgent { .. }
            | CallCommand::RingPhone { .. }
            | CallCommand::AnswerPhone { .. }
            | CallCommand::RejectPhone { .. }
            | CallCommand::AcceptRefer { .. }
            | CallCommand::RefuseRefer { .. }
            | CallCommand::NotifyRefer { .. } => {}
            CallCommand::Done => {
                self.calls.remove(&serial);
            }
        }
        Ok(())
    }

    async fn choose_carrier(&mut self, serial: u64, leg_id: LegId) -> Result<(), HistoryError> {
        let Some(talking) = self.calls.get(&serial) else { return Ok(()) };
        let (call_id, cause) = (talking.call.id(), talking.cause);
        let (now, position) = (self.now, self.journal.position());
        let decision = self.journal.live.dialing.choose_carrier(call_id, leg_id, now, position);
        let carrier_id = decision.chosen.clone();
        let draft = Draft::new(decision, now, "dialer").because_of(cause);
        let cause = self.journal.append(vec![draft], now).await?;
        self.decided(serial, cause, CallInput::CarrierChosen { leg_id, carrier_id });
        Ok(())
    }

    async fn choose_handler(
        &mut self,
        serial: u64,
        purpose: RoutePurpose,
    ) -> Result<(), HistoryError> {
        let Some(talking) = self.calls.get(&serial) else { return Ok(()) };
        let (call_id, cause): (CallId, _) = (talking.call.id(), talking.cause);
        let (now, position) = (self.now, self.journal.position());
        let routing = &self.journal.live.routing;
        let decision = routing.choose_handler(call_id, purpose, now, position);
        let handler = decision.chosen.clone();
        let mut drafts = vec![Draft::new(decision, now, "router").because_of(cause)];
        if let Some(Handler::Agent(agent_id)) = &handler {
            drafts.push(Draft::new(rings(agent_id, call_id), now, "router").because_of(cause));
            let wait = Millis(self.world_rng.between(4_000, 15_000));
            if talking.mind == Mind::HangsUp {
                self.after(serial, wait, CallDue::Impatient);
            }
        }
        let cause = self.journal.append(drafts, now).await?;
        self.want_dial(now);
        self.decided(serial, cause, CallInput::HandlerChosen { purpose, handler });
        Ok(())
    }

    fn decided(&mut self, serial: u64, cause: Option<EventId>, input: CallInput) {
        if let Some(talking) = self.calls.get_mut(&serial) {
            talking.cause = cause.or(talking.cause);
            talking.call.handle(self.now, input);
        }
    }

    fn after(&mut self, serial: u64, wait: Millis, due: CallDue) {
        self.queue.put(self.now.plus(wait), Due::Call(serial, due));
    }

    /// INVITE goes out: what comes back, and when.
    fn invite_customer(&mut self, serial: u64, leg_id: LegId, carrier_id: &CarrierId) {
        let number = self.lines.iter().position(|line| line.id == *carrier_id);
        let Some(talking) = self.calls.get_mut(&serial) else { return };
        talking.customer = Some(leg_id);
        talking.legs.insert(leg_id, Leg { answered: None, line: number });
        let reach = talking.reach;
        let Some(line) = number.and_then(|number| self.lines.get(number)) else { return };
        let rng = &mut self.world_rng;
        if let Some(outage) = line.outage(self.now) {
            let (over, wait) = Line::failure(outage.trouble, rng);
            self.after(serial, wait, CallDue::Over(leg_id, over));
            return;
        }
        let delay = line.post_dial_delay(rng);
        let refused = |status, q850| LegOver::refused(status, Some(q850));
        let (rings, over) = match reach {
            Reach::Busy => (None, Some((delay, refused(486, 17)))),
            Reach::Invalid => (None, Some((delay, refused(404, 1)))),
            Reach::SwitchedOff => (None, Some((delay, refused(480, 20)))),
            Reach::Congestion => (None, Some((delay, refused(503, 34)))),
            Reach::Rejected => {
                let rung = Millis(delay.0 + rng.between(2_000, 12_000));
                (Some(delay), Some((rung, refused(603, 21))))
            }
            Reach::NoAnswer if rng.chance(Ppm(150_000)) => {
                let rung = Millis(delay.0 + rng.between(14_000, 19_000));
                (Some(delay), Some((rung, refused(480, 19))))
            }
            Reach::NoAnswer => (Some(delay), Some((RING, LegOver::Cancelled))),
            Reach::Human | Reach::Machine => (Some(delay), None),
        };
        if let Some(delay) = rings {
            self.after(serial, delay, CallDue::Input(CallInput::Progress { leg_id, status: 180 }));
        }
        if let Some((wait, over)) = over {
            self.after(serial, wait, CallDue::Over(leg_id, over));
            return;
        }
        let pick_up = match reach {
            Reach::Machine => Millis(self.world_rng.between(12_000, 18_000)),
            _ => span(&mut self.world_rng, &PICK_UP_MS),
        };
        // Whoever is slower than the platform's patience would not be an answer.
        let wait = Millis((delay.0 + pick_up.0).min(RING.0 - 200));
        let codec = "PCMU";
        self.after(serial, wait, CallDue::Input(CallInput::Answered { leg_id, codec }));
    }

    /// An agent's phone rings.
    fn invite_agent(&mut self, serial: u64, leg_id: LegId) {
        let Some(talking) = self.calls.get_mut(&serial) else { return };
        talking.legs.insert(leg_id, Leg { answered: None, line: None });
        let rng = &mut self.world_rng;
        if rng.below(AGENT_MISSES_ONE_IN) == 0 {
            self.after(serial, AGENT_RING, CallDue::Over(leg_id, LegOver::Cancelled));
            return;
        }
        let wait = span(rng, &AGENT_PICK_UP_MS);
        let input = CallInput::Answered { leg_id, codec: "PCMU" };
        self.after(serial, wait, CallDue::Input(input));
    }

    /// Agent and customer talk; then the agent keys in what came of it.
    fn bridge(&mut self, serial: u64, customer: LegId, agent: LegId) {
        let Some(talking) = self.calls.get_mut(&serial) else { return };
        talking.is_bridged = true;
        let rng = &mut self.world_rng;
        let by_remote = LegOver::Ended { by: Party::Remote, q850: Some(16) };
        if talking.reach == Reach::Machine {
            let long = Millis(rng.between(3_000, 9_000));
            self.after(serial, long, CallDue::Over(agent, by_remote));
            return;
        }
        let long = span(rng, talk::talk_with_agent(talking.mind));
        let keyed = talk::keyed(talking.mind);
        let customer_first = rng.chance(Ppm(500_000));
        let writes = Millis(rng.between(1_500, 12_000));
        let (keys_at, over) = if customer_first {
            (Millis(long.0 + writes.0), customer)
        } else {
            (Millis(long.0.saturating_sub(1_500)), agent)
        };
        for (after, digit) in [(0, keyed), (400, '#')] {
            let input = CallInput::Digit { leg_id: agent, digit };
            self.after(serial, Millis(keys_at.0 + after), CallDue::Input(input));
        }
        self.after(serial, long, CallDue::Over(over, by_remote));
    }

    /// A leg is over: the core is told, with what its packets came to.
    fn over(&mut self, serial: u64, leg_id: LegId, over: LegOver) {
        let Some(talking) = self.calls.get_mut(&serial) else { return };
        let Some(leg) = talking.legs.remove(&leg_id) else { return };
        let long = leg.answered.map_or(Millis(0), |at| self.now.since(at));
        let line = leg.line.and_then(|number| self.lines.get(number)).or(self.lines.first());
        let statistics = line
            .filter(|_| leg.answered.is_some())
            .map(|line| line.packets(long, &mut self.world_rng))
            .unwrap_or_default();
        talking.call.handle(self.now, CallInput::Over { leg_id, over, statistics });
    }
}

impl Talking {
    fn answered(&mut self, leg_id: LegId, now: Timestamp) {
        if let Some(leg) = self.legs.get_mut(&leg_id) {
            leg.answered = Some(now);
        }
    }
}

/// Facts that something else follows from.
const fn is_of_note(event: &Event) -> bool {
    matches!(
        event,
        Event::AttemptEnded(_)
            | Event::LegEnded(_)
            | Event::AgentStateChanged(_)
            | Event::CommitmentMade(_)
            | Event::AnswerClassified(_)
            | Event::DoNotCallAdded(_)
    )
}

fn rings(agent_id: &AgentId, call_id: CallId) -> AgentStateChanged {
    AgentStateChanged {
        agent_id: agent_id.clone(),
        from: AgentState::Available,
        to: AgentState::Ringing,
        call_id: Some(call_id),
        reason: None,
    }
}
