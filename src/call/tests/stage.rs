//! A call and what its test has seen of it: facts by name, commands still to be obeyed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, Millis, Rng, SubjectId, Timestamp,
};
use crate::call::{Call, CallCommand, CallInput, CallOutput, CallSetup, LegOver};
use crate::conversation::{Input, PromptId, Script};
use crate::dialing::{LinePrice, Prices};
use crate::event::{AttemptEnded, CallEnded, Event, Handler, LegEnded, RoutePurpose};
use crate::media::MediaStatistics;
use crate::sip::Party;

pub(super) const RING: Millis = Millis(20_000);
pub(super) const AGENT_RING: Millis = Millis(8_000);
pub(super) const WRAP_UP: Millis = Millis(4_000);

fn script() -> Arc<Script> {
    static SCRIPT: OnceLock<Arc<Script>> = OnceLock::new();
    let text = include_str!("../../../scripts/business_loan_en.toml");
    SCRIPT.get_or_init(|| Arc::new(Script::parse("shipped", text).expect("a good script"))).clone()
}

/// The shipped script, but whoever found nobody free is asked the first question again.
pub(super) fn forgiving_script() -> Arc<Script> {
    let text = include_str!("../../../scripts/business_loan_en.toml");
    let last = "on.transfer_failed.go = \"bye_call_back\"";
    assert!(text.contains(last), "the script changed");
    let text = text.replace(last, "on.transfer_failed.go = \"hook\"");
    // Every node must be reached from somewhere.
    let text = text.replace("close = \"bye_silent\"", "close = \"bye_call_back\"");
    Arc::new(Script::parse("forgiving", &text).expect("a good script"))
}

pub(super) fn agent(name: &str) -> AgentId {
    AgentId::new(name).expect("a good id")
}

pub(super) fn carrier(name: &str) -> CarrierId {
    CarrierId::new(name).expect("a good id")
}

/// A call of lead 1, on its second attempt.
pub(super) fn call(now: Timestamp) -> Call {
    call_of(script(), now)
}

/// 1.2 cents a minute over north, 18 dollars an hour for ann.
fn prices() -> Prices {
    let line = LinePrice { per_minute_milli: 1_200, billed_s: 1 };
    Prices {
        currency: "USD".to_owned(),
        lines: [(carrier("north"), line)].into(),
        agents: [(agent("ann"), 1_800)].into(),
    }
}

fn call_of(script: Arc<Script>, now: Timestamp) -> Call {
    let mut rng = Rng::from_seed(7);
    let setup = CallSetup {
        call_id: CallId::generate(now, &mut rng),
        campaign_id: CampaignId::new("loan").expect("a good id"),
        lead_id: LeadId::generate(now, &mut rng),
        subject_id: SubjectId::generate(now, &mut rng),
        phone_hash: "hash".to_owned(),
        attempt_number: 2,
        script,
        portrait: BTreeMap::new(),
        ring_timeout: RING,
        agent_ring: AGENT_RING,
        wrap_up: WRAP_UP,
        prices: Arc::new(prices()),
        post_dial_delays: Arc::default(),
    };
    Call::new(setup, now)
}

pub(super) struct Stage {
    pub(super) call: Call,
    pub(super) now: Timestamp,
    pub(super) facts: Vec<Event>,
    /// Commands nobody looked at yet.
    commands: Vec<CallCommand>,
    is_done: bool,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self::of(script())
    }

    fn of(script: Arc<Script>) -> Self {
        let now = Timestamp::EPOCH.plus(Millis(1_000_000));
        let (facts, commands) = (Vec::new(), Vec::new());
        let mut stage = Self { call: call_of(script, now), now, facts, commands, is_done: false };
        stage.drain();
        stage
    }

    fn drain(&mut self) {
        while let Some(output) = self.call.poll_output() {
            assert!(!self.is_done, "{output:?} after the end");
            match output {
                CallOutput::Fact(fact) => self.facts.push(fact),
                CallOutput::Command(command) => {
                    self.is_done = command == CallCommand::Done;
                    self.commands.push(command);
                }
            }
        }
    }

    pub(super) fn give(&mut self, input: CallInput) {
        self.call.handle(self.now, input);
        self.drain();
    }

    /// Time passes; timers run when they are due.
    pub(super) fn wait(&mut self, ms: u64) {
        let until = self.now.plus(Millis(ms));
        while let Some(due) = self.call.poll_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.call.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    /// The commands since the last look.
    pub(super) fn commands(&mut self) -> Vec<CallCommand> {
        std::mem::take(&mut self.commands)
    }

    /// The first command since the last look that is such a one; the others stay.
    pub(super) fn take<T>(&mut self, wanted: impl Fn(&CallCommand) -> Option<T>) -> T {
        let found = self.commands.iter().enumerate().find_map(|(at, it)| Some((at, wanted(it)?)));
        let Some((at, found)) = found else { panic!("not among {:?}", self.commands) };
        self.commands.remove(at);
        found
    }

    /// The leg a carrier is wanted for gets one; its INVITE goes out.
    pub(super) fn dial(&mut self, over: &str) -> LegId {
        let leg_id = self.wants_carrier();
        self.give(CallInput::CarrierChosen { leg_id, carrier_id: Some(carrier(over)) });
        self.take(|it| match it {
            CallCommand::InviteCustomer { leg_id: leg, carrier_id, ring_timeout } => {
                assert_eq!((*leg, carrier_id.as_str(), *ring_timeout), (leg_id, over, RING));
                Some(())
            }
            _ => None,
        });
        leg_id
    }

    pub(super) fn wants_carrier(&mut self) -> LegId {
        self.take(|it| match it {
            CallCommand::WantCarrier { leg_id, .. } => Some(*leg_id),
            _ => None,
        })
    }

    /// The same with how long it may wait.
    pub(super) fn asks_for_carrier(&mut self) -> (LegId, Timestamp) {
        self.take(|it| match it {
            CallCommand::WantCarrier { leg_id, wait_until } => Some((*leg_id, *wait_until)),
            _ => None,
        })
    }

    /// No command is left but that all is done.
    pub(super) fn wants_nothing(&self) -> bool {
        self.commands.iter().all(|it| *it == CallCommand::Done)
    }

    pub(super) fn wants_handler(&mut self) -> RoutePurpose {
        self.take(|it| match it {
            CallCommand::WantHandler { purpose } => Some(*purpose),
            _ => None,
        })
    }

    pub(super) fn hangs_up(&mut self) -> LegId {
        self.take(|it| match it {
            CallCommand::HangUp { leg_id } => Some(*leg_id),
            _ => None,
        })
    }

    /// What the robot says next, begun.
    pub(super) fn says(&mut self) -> (LegId, PromptId, String) {
        let (leg_id, prompt, text) = self.take(|it| match it {
            CallCommand::Play { leg_id, prompt, text } => Some((*leg_id, *prompt, text.clone())),
            _ => None,
        });
        self.give(CallInput::Heard { leg_id, input: Input::PromptStarted { prompt } });
        (leg_id, prompt, text)
    }

    /// Says it to its end.
    pub(super) fn says_all(&mut self) -> String {
        let (leg_id, prompt, text) = self.says();
        self.wait(3_000);
        let input = Input::PromptEnded { prompt, played: Millis(3_000), completed: true };
        self.give(CallInput::Heard { leg_id, input });
        text
    }

    /// The customer presses a key; what plays stops where the robot wants it to.
    pub(super) fn presses(&mut self, leg_id: LegId, digit: char) {
        self.give(CallInput::Digit { leg_id, digit });
        self.stops_talking(leg_id);
    }

    /// What was to be stopped is over.
    pub(super) fn stops_talking(&mut self, leg_id: LegId) {
        let stopped: Vec<_> = self
            .commands
            .iter()
            .filter_map(|it| match it {
                CallCommand::StopPlaying { prompt, .. } => Some(*prompt),
                _ => None,
            })
            .collect();
        self.commands.retain(|it| !matches!(it, CallCommand::StopPlaying { .. }));
        for prompt in stopped {
            let input = Input::PromptEnded { prompt, played: Millis(500), completed: false };
            self.give(CallInput::Heard { leg_id, input });
        }
    }

    pub(super) fn answer(&mut self, leg_id: LegId) {
        self.give(CallInput::Answered { leg_id, codec: "PCMU" });
    }

    pub(super) fn over(&mut self, leg_id: LegId, over: LegOver) {
        let statistics = MediaStatistics { packets_sent: 5, ..MediaStatistics::default() };
        self.give(CallInput::Over { leg_id, over, statistics });
    }

    pub(super) fn refuse(&mut self, leg_id: LegId, status: u16) {
        self.over(leg_id, LegOver::refused(status, None));
    }

    pub(super) fn bye(&mut self, leg_id: LegId, by: Party) {
        self.over(leg_id, LegOver::Ended { by, q850: Some(16) });
    }

    pub(super) fn handler(&mut self, purpose: RoutePurpose, handler: Option<Handler>) {
        assert_eq!(self.wants_handler(), purpose);
        self.give(CallInput::HandlerChosen { purpose, handler });
    }

    /// Dialled, rung, answered after three seconds.
    pub(super) fn answered() -> (Self, LegId) {
        Self::answered_of(script())
    }

    fn answered_of(script: Arc<Script>) -> (Self, LegId) {
        let mut stage = Self::of(script);
        let leg_id = stage.dial("north");
        stage.give(CallInput::Progress { leg_id, status: 180 });
        stage.wait(3_000);
        stage.answer(leg_id);
        (stage, leg_id)
    }

    /// The robot talks: nobody said hello, so its first prompt plays.
    pub(super) fn robot() -> (Self, LegId) {
        Self::robot_of(script())
    }

    /// The same with another script.
    pub(super) fn robot_of(script: Arc<Script>) -> (Self, LegId) {
        let (mut stage, leg_id) = Self::answered_of(script);
        stage.handler(RoutePurpose::Answer, Some(Handler::Robot));
        stage.wait(2_500);
        (stage, leg_id)
    }

    /// The agent's phone rings.
    pub(super) fn rings(&mut self, purpose: RoutePurpose, name: &str) -> LegId {
        self.handler(purpose, Some(Handler::Agent(agent(name))));
        self.take(|it| match it {
            CallCommand::InviteAgent { leg_id, agent_id, ring_timeout } => {
                assert_eq!((agent_id.as_str(), *ring_timeout), (name, AGENT_RING));
                Some(*leg_id)
            }
            _ => None,
        })
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        self.facts.iter().map(Event::name).collect()
    }

    pub(super) fn count(&self, name: &str) -> usize {
        self.names().into_iter().filter(|one| *one == name).count()
    }

    /// The agents' moves as `name: from > to`.
    pub(super) fn moves(&self) -> Vec<String> {
        let moves = self.facts.iter().filter_map(|fact| match fact {
            Event::AgentStateChanged(it) => {
                Some(format!("{}: {} > {}", it.agent_id, it.from.as_str(), it.to.as_str()))
            }
            _ => None,
        });
        moves.collect()
    }

    /// Whether it is the right party, and who says so.
    pub(super) fn parties(&self) -> Vec<(bool, &str)> {
        let parties = self.facts.iter().filter_map(|fact| match fact {
            Event::PartyIdentified(it) => Some((it.is_right_party, it.source.as_str())),
            _ => None,
        });
        parties.collect()
    }

    /// What was paid, to whom, and how much.
    pub(super) fn costs(&self) -> Vec<(&str, &str, u64)> {
        let costs = self.facts.iter().filter_map(|fact| match fact {
            Event::CostBooked(it) => Some((it.kind.as_str(), it.payee.as_str(), it.amount_milli)),
            _ => None,
        });
        costs.collect()
    }

    pub(super) fn legs_ended(&self) -> Vec<&LegEnded> {
        let legs = self.facts.iter().filter_map(|fact| match fact {
            Event::LegEnded(it) => Some(it),
            _ => None,
        });
        legs.collect()
    }

    pub(super) fn call_ended(&self) -> &CallEnded {
        let found = self.facts.iter().find_map(|fact| match fact {
            Event::CallEnded(it) => Some(it),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no CallEnded in {:?}", self.names()))
    }

    /// The end of the attempt, after which the call is done.
    pub(super) fn attempt(&self) -> &AttemptEnded {
        assert!(self.is_done, "not done; {:?}", self.names());
        match self.facts.last() {
            Some(Event::AttemptEnded(it)) => it,
            other => panic!("{other:?} is last"),
        }
    }
}
