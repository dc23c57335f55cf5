//! What holds whatever happens, in whatever order.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::stage::{agent, call, carrier};
use crate::base::{AgentId, LegId, Millis, Timestamp};
use crate::call::{Call, CallCommand, CallInput, CallOutput, LegOver, TransferTarget};
use crate::conversation::{Input, PromptId, Tone};
use crate::event::{AgentState, Event, Handler, RoutePurpose, SupervisionMode};
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
    Hold(usize),
    Resume(usize),
    Refer(usize, u8),
    Consult(u8),
    Supervise(u8),
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
        Just(Input::WordStarted { ago: Millis(60) }),
        (0u64..4_000).prop_map(|it| Input::WordEnded { duration: Millis(it), ago: Millis(120) }),
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
        2 => leg().prop_map(H::Hold),
        2 => leg().prop_map(H::Resume),
        4 => (leg(), 0u8..5).prop_map(|(leg, target)| H::Refer(leg, target)),
        3 => (0u8..4).prop_map(H::Consult),
        2 => (0u8..3).prop_map(H::Supervise),
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
    /// Legs that phones made.
    phones: Vec<LegId>,
    /// How many transfers each leg has been promised and not yet been told the end of.
    promised: BTreeMap<LegId, u32>,
    /// Facts that come in pairs, as they stand.
    holds: BTreeMap<LegId, u32>,
    transfers: u32,
    supervisions: u32,
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
            phones: Vec::new(),
            promised: BTreeMap::new(),
            holds: BTreeMap::new(),
            transfers: 0,
            supervisions: 0,
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
            Event::LegHeld(it) => assert!(self.holds.insert(it.leg_id, 1).is_none()),
            Event::LegResumed(it) => assert!(self.holds.remove(&it.leg_id).is_some()),
            Event::TransferStarted(_) => self.transfers += 1,
            Event::TransferCompleted(_) => self.transfers -= 1,
            Event::TransferFailed(it) if it.target.is_none() && it.after_ms == Millis(0) => {
                self.transfers = self.transfers.saturating_sub(1);
            }
            Event::TransferFailed(_) => self.transfers -= 1,
            Event::SupervisionStarted(_) => self.supervisions += 1,
            Event::SupervisionEnded(_) => self.supervisions -= 1,
            _ => {}
        }
        self.facts.push(fact);
    }

    fn obey(&mut self, command: CallCommand) {
        match command {
            CallCommand::WantCarrier { leg_id, .. } => {
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
            CallCommand::WantAgent { agent_id } => {
                let is_free = self.agents.get(&agent_id) == Some(&AgentState::Available);
                if is_free {
                    self.agents.insert(agent_id.clone(), AgentState::Ringing);
                }
                self.call.handle(self.now, CallInput::AgentTaken { agent_id, is_free });
            }
            CallCommand::AnswerPhone { leg_id } => {
                if let Some(up) = self.wire.get_mut(&leg_id) {
                    *up = true;
                    self.call.handle(self.now, CallInput::Answered { leg_id, codec: "PCMA" });
                }
            }
            CallCommand::RejectPhone { leg_id, .. } => self.hung_up.push(leg_id),
            CallCommand::AcceptRefer { leg_id } => *self.promised.entry(leg_id).or_default() += 1,
            CallCommand::NotifyRefer { leg_id, .. } => {
                let open = self.promised.get_mut(&leg_id).expect("a transfer that was promised");
                *open = open.checked_sub(1).expect("told once");
            }
            CallCommand::Connect { hears } => {
                let sides: Vec<_> = hears.iter().map(|one| (one.listener, one.speaker)).collect();
                assert!(sides.iter().all(|(listener, speaker)| listener != speaker));
            }
            CallCommand::PlayHold { .. }
            | CallCommand::StopHold { .. }
            | CallCommand::RingPhone { .. }
            | CallCommand::RefuseRefer { .. }
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

    #[expect(clippy::too_many_lines, reason = "an arm for each happening")]
    fn happen(&mut self, happening: Happening) {
        use Happening as H;
        let pick = |at: usize, is_up: bool| {
            let may = |leg_id: &LegId| is_up || !self.phones.contains(leg_id);
            let legs: Vec<_> =
                self.wire.iter().filter(|(leg_id, up)| **up == is_up && may(leg_id)).collect();
            legs.get(at % legs.len().max(1)).map(|(leg_id, _)| **leg_id)
        };
        let (ringing, up) = match &happening {
            H::Progress(at, _)
            | H::Answer(at)
            | H::Refuse(at, _)
            | H::Fail(at)
            | H::BadSession(at) => (pick(*at, false), None),
            H::Bye(at)
            | H::Silence(at)
            | H::Key(at, _)
            | H::Heard(at, _)
            | H::Hold(at)
            | H::Resume(at)
            | H::Refer(at, _) => (None, pick(*at, true)),
            H::Turn | H::Wait(_) | H::Stop | H::Consult(_) | H::Supervise(_) => (None, None),
        };
        match (happening, ringing.or(up)) {
            (H::Turn, _) => self.turn(),
            (H::Wait(ms), _) => self.wait(ms),
            (H::Stop, _) => self.call.handle(self.now, CallInput::Stop { reason: "shutdown" }),
            (H::Consult(who), _) => {
                let leg_id = LegId(uuid::Uuid::from_u128(u128::from(self.phones.len() as u64) + 7));
                let (from, to) = if who % 2 == 0 { ("ann", "bob") } else { ("bob", "ann") };
                self.phones.push(leg_id);
                self.wire.insert(leg_id, false);
                let (from, to) = (agent(from), agent(to));
                self.call.handle(self.now, CallInput::Consult { leg_id, from, to });
            }
            (H::Supervise(mode), _) => {
                let mode = match mode {
                    0 => SupervisionMode::Listen,
                    1 => SupervisionMode::Whisper,
                    _ => SupervisionMode::Barge,
                };
                self.call.handle(self.now, CallInput::Supervise { agent_id: agent("sam"), mode });
            }
            (_, None) => {}
            (H::Hold(_), Some(leg_id)) => self.call.handle(self.now, CallInput::Held { leg_id }),
            (H::Resume(_), Some(leg_id)) => {
                self.call.handle(self.now, CallInput::Resumed { leg_id });
            }
            (H::Refer(_, target), Some(leg_id)) => {
                let target = match (target, self.phones.last()) {
                    (0, _) => TransferTarget::Agent(agent("bob")),
                    (1, _) => TransferTarget::Agent(agent("ann")),
                    (2, _) => TransferTarget::Queue,
                    (3, Some(phone)) => TransferTarget::Leg(*phone),
                    _ => TransferTarget::Forbidden,
                };
                self.call.handle(self.now, CallInput::Referred { leg_id, target });
            }
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
        prop_assert!(world.holds.is_empty(), "held to the end: {:?}", world.holds);
        prop_assert!(world.promised.values().all(|open| *open == 0), "{:?}", world.promised);
        prop_assert_eq!((world.transfers, world.supervisions), (0, 0));
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
