//! What holds whatever happens, in whatever order.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::stage::{agent, call, carrier};
use crate::base::{AgentId, LegId, Millis, Timestamp};
use crate::call::{Call, CallCommand, CallInput, CallOutput, LegOver};
use crate::conversation::{Input, PromptId, Tone};
use crate::event::{AgentState, Event, Handler, RoutePurpose};
use crate::media::MediaStatistics;
use crate::sip::{FailureCause, Party};

/// Something that happens. Legs are picked among those on the wire.
#[derive(Clone, Debug)]
enum Happening {
    /// The runtime takes the outputs and carries the commands out.
    Turn,
    Progress(usize, u16),
    Answer(usize),
    Refuse(usize, u16),
    Fail(usize),
    BadSession(usize),
    Bye(usize),
    Silence(usize),
    Key(usize, char),
    Heard(usize, Input),
    Wait(u64),
    Stop,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening as H;
    let leg = || 0usize..3;
    let status = prop::sample::select(vec![404u16, 486, 487, 488, 500, 503, 603]);
    let key = prop::sample::select(vec!['0', '0', '1', '2', '9', '#', '*', 'A']);
    let prompt = || (0u64..12).prop_map(PromptId);
    let heard = prop_oneof![
        prompt().prop_map(|prompt| Input::PromptStarted { prompt }),
        (prompt(), any::<bool>()).prop_map(|(prompt, completed)| Input::PromptEnded {
            prompt,
            played: Millis(900),
            completed
        }),
        Just(Input::SpeechStarted),
        (0u64..4_000).prop_map(|it| Input::SpeechEnded { duration: Millis(it) }),
        Just(Input::ToneHeard { tone: Tone::Beep }),
    ];
    let happening = prop_oneof![
        12 => Just(H::Turn),
        2 => (leg(), 100u16..190).prop_map(|(leg, status)| H::Progress(leg, status)),
        8 => leg().prop_map(H::Answer),
        2 => (leg(), status).prop_map(|(leg, status)| H::Refuse(leg, status)),
        2 => leg().prop_map(H::Fail),
        1 => leg().prop_map(H::BadSession),
        2 => leg().prop_map(H::Bye),
        1 => leg().prop_map(H::Silence),
        6 => (leg(), key).prop_map(|(leg, key)| H::Key(leg, key)),
        8 => (leg(), heard).prop_map(|(leg, input)| H::Heard(leg, input)),
        6 => (0u64..5_000).prop_map(H::Wait),
        1 => Just(H::Stop),
    ];
    prop::collection::vec(happening, 0..60)
}

/// The runtime and everything behind it, with its own idea of what must hold.
struct World {
    call: Call,
    now: Timestamp,
    /// Decisions to come: what is free then.
    choices: VecDeque<u8>,
    /// Legs on the wire, and whether they are up.
    wire: BTreeMap<LegId, bool>,
    /// Legs that were told to hang up; SIP says so a moment later.
    hung_up: Vec<LegId>,
    started: BTreeMap<LegId, u32>,
    agents: BTreeMap<AgentId, AgentState>,
    facts: Vec<Event>,
    is_done: bool,
}

impl World {
    fn new(choices: Vec<u8>) -> Self {
        let now = Timestamp::EPOCH.plus(Millis(1_000_000));
        Self {
            call: call(now),
            now,
            choices: choices.into(),
            wire: BTreeMap::new(),
            hung_up: Vec::new(),
            started: BTreeMap::new(),
            agents: ["ann", "bob"].map(|name| (agent(name), AgentState::Available)).into(),
            facts: Vec::new(),
            is_done: false,
        }
    }

    fn choice(&mut self) -> u8 {
        self.choices.pop_front().unwrap_or(0)
    }

    /// As the engine does: all outputs are taken, facts recorded, then commands obeyed.
    fn turn(&mut self) {
        loop {
            let mut commands = Vec::new();
            while let Some(output) = self.call.poll_output() {
                assert!(!self.is_done, "{output:?} after the end");
                match output {
                    CallOutput::Fact(fact) => self.record(fact),
                    CallOutput::Command(command) => {
                        self.is_done = command == CallCommand::Done;
                        commands.push(command);
                    }
                }
            }
            let is_idle = commands.is_empty();
            commands.into_iter().for_each(|command| self.obey(command));
            for leg_id in std::mem::take(&mut self.hung_up) {
                match self.wire.get(&leg_id) {
                    Some(true) => {
                        self.over(leg_id, LegOver::Ended { by: Party::Local, q850: None })
                    }
                    Some(false) => self.over(leg_id, LegOver::Cancelled),
                    None => {}
                }
            }
            if is_idle {
                return;
            }
        }
    }

    fn record(&mut self, fact: Event) {
        match &fact {
            Event::LegStarted(it) => assert!(self.started.insert(it.leg_id, 0).is_none()),
            Event::LegEnded(it) => {
                *self.started.get_mut(&it.leg_id).expect("a leg that started") += 1;
            }
            Event::AgentStateChanged(it) => {
                let known = self.agents.insert(it.agent_id.clone(), it.to);
                assert_eq!(known, Some(it.from), "{} moves from where it is", it.agent_id);
            }
            _ => {}
        }
        self.facts.push(fact);
    }

    fn obey(&mut self, command: CallCommand) {
        match command {
            CallCommand::WantCarrier { leg_id } => {
                let is_any = self.choice() % 4 != 3;
                let carrier_id = is_any.then(|| carrier("north"));
                self.call.handle(self.now, CallInput::CarrierChosen { leg_id, carrier_id });
            }
            CallCommand::WantHandler { purpose } => self.choose_handler(purpose),
            CallCommand::InviteCustomer { leg_id, .. }
            | CallCommand::InviteAgent { leg_id, .. } => {
                if self.choice() % 8 == 7 {
                    let cause = FailureCause::Transport;
                    self.give_over(leg_id, LegOver::Failed { cause });
                } else {
                    self.wire.insert(leg_id, false);
                }
            }
            CallCommand::HangUp { leg_id } => self.hung_up.push(leg_id),
            CallCommand::Bridge { .. }
            | CallCommand::Play { .. }
            | CallCommand::StopPlaying { .. }
            | CallCommand::Done => {}
        }
    }

    fn choose_handler(&mut self, purpose: RoutePurpose) {
        let wanted = match self.choice() % 5 {
            0 | 1 => Some(agent("ann")),
            2 => Some(agent("bob")),
            _ => None,
        };
        let free = wanted.filter(|one| self.agents.get(one) == Some(&AgentState::Available));
        let handler = match (free, purpose) {
            (Some(one), _) => {
                self.agents.insert(one.clone(), AgentState::Ringing);
                Some(Handler::Agent(one))
            }
            (None, RoutePurpose::Answer) if self.choice() % 4 != 3 => Some(Handler::Robot),
            (None, _) => None,
        };
        self.call.handle(self.now, CallInput::HandlerChosen { purpose, handler });
    }

    fn over(&mut self, leg_id: LegId, over: LegOver) {
        if self.wire.remove(&leg_id).is_some() {
            self.give_over(leg_id, over);
        }
    }

    fn give_over(&mut self, leg_id: LegId, over: LegOver) {
        let statistics = MediaStatistics::default();
        self.call.handle(self.now, CallInput::Over { leg_id, over, statistics });
    }

    fn happen(&mut self, happening: Happening) {
        use Happening as H;
        let pick = |at: usize, is_up: bool| {
            let legs: Vec<_> = self.wire.iter().filter(|(_, up)| **up == is_up).collect();
            legs.get(at % legs.len().max(1)).map(|(leg_id, _)| **leg_id)
        };
        let (ringing, up) = match &happening {
            H::Progress(at, _)
            | H::Answer(at)
            | H::Refuse(at, _)
            | H::Fail(at)
            | H::BadSession(at) => (pick(*at, false), None),
            H::Bye(at) | H::Silence(at) | H::Key(at, _) | H::Heard(at, _) => {
                (None, pick(*at, true))
            }
            H::Turn | H::Wait(_) | H::Stop => (None, None),
        };
        match (happening, ringing.or(up)) {
            (H::Turn, _) => self.turn(),
            (H::Wait(ms), _) => self.wait(ms),
            (H::Stop, _) => self.call.handle(self.now, CallInput::Stop { reason: "shutdown" }),
            (_, None) => {}
            (H::Progress(_, status), Some(leg_id)) => {
                self.call.handle(self.now, CallInput::Progress { leg_id, status });
            }
            (H::Answer(_), Some(leg_id)) => {
                self.wire.insert(leg_id, true);
                self.call.handle(self.now, CallInput::Answered { leg_id, codec: "PCMA" });
            }
            (H::Refuse(_, status), Some(leg_id)) => {
                self.over(leg_id, LegOver::refused(status, None));
            }
            (H::Fail(_), Some(leg_id)) => {
                self.over(leg_id, LegOver::Failed { cause: FailureCause::NoProvisional });
            }
            (H::BadSession(_), Some(leg_id)) => self.over(leg_id, LegOver::BadSession),
            (H::Bye(_), Some(leg_id)) => {
                self.over(leg_id, LegOver::Ended { by: Party::Remote, q850: None });
            }
            (H::Silence(_), Some(leg_id)) => self.over(leg_id, LegOver::MediaTimeout),
            (H::Key(_, digit), Some(leg_id)) => {
                self.call.handle(self.now, CallInput::Digit { leg_id, digit });
            }
            (H::Heard(_, input), Some(leg_id)) => {
                self.call.handle(self.now, CallInput::Heard { leg_id, input });
            }
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.plus(Millis(ms));
        if self.call.poll_timeout().is_some_and(|due| due <= self.now) {
            self.call.handle_timeout(self.now);
        }
    }

    /// The platform stops; whoever is still on the line hangs up.
    fn finish(&mut self) {
        self.turn();
        self.call.handle(self.now, CallInput::Stop { reason: "shutdown" });
        self.turn();
        while let Some(leg_id) = self.wire.keys().next().copied() {
            self.over(leg_id, LegOver::Ended { by: Party::Remote, q850: None });
            self.turn();
        }
    }

    fn count(&self, name: &str) -> usize {
        self.facts.iter().filter(|fact| fact.name() == name).count()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_call_ends_once_and_leaves_nobody_behind(
        happenings in happenings(),
        choices in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut world = World::new(choices);
        for happening in happenings {
            world.happen(happening);
        }
        world.finish();
        prop_assert!(world.is_done);
        prop_assert_eq!(world.call.poll_timeout(), None);
        prop_assert_eq!(world.count("AttemptEnded"), 1);
        prop_assert_eq!(world.facts.last().map(Event::name), Some("AttemptEnded"));
        prop_assert_eq!(world.count("CallEnded"), usize::from(world.count("CallAnswered") > 0));
        prop_assert_eq!(world.count("OptOutHeard"), world.count("DoNotCallAdded"));
        for (leg_id, ends) in &world.started {
            prop_assert_eq!(*ends, 1, "{} began and ended", leg_id);
        }
        for (agent_id, state) in &world.agents {
            let is_back =
                matches!(state, AgentState::Available | AgentState::WrapUp | AgentState::Break);
            prop_assert!(is_back, "{} is left {}", agent_id, state.as_str());
        }
    }
}
