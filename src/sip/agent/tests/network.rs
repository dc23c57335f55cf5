//! Two user agents over a network that loses, doubles and reorders, in virtual time.

use std::collections::{BTreeMap, BTreeSet};

use super::super::super::{Challenge, FailureCause};
use super::*;
use crate::base::Ppm;

/// What the network and the people do wrong.
#[derive(Clone, Copy)]
struct Weather {
    loss: Ppm,
    double: Ppm,
    delay_max_ms: u64,
}

#[derive(Default)]
struct Ends {
    incoming: Vec<LegId>,
    terminal: BTreeMap<LegId, UaEvent>,
    released: BTreeSet<LegId>,
    answered: u32,
    confirmed: u32,
    agreed: u32,
    refused: u32,
    referred: u32,
    progress: Vec<u16>,
}

impl Ends {
    fn note(&mut self, event: &UaEvent) {
        let Some(leg) = event.leg() else {
            panic!("{event:?}");
        };
        if let UaEvent::Released { .. } = event {
            assert!(self.terminal.contains_key(&leg), "{event:?} before the end");
            assert!(self.released.insert(leg), "{event:?} a second time");
            return;
        }
        assert!(!self.terminal.contains_key(&leg), "{event:?} after the end");
        if event.is_terminal() {
            self.terminal.insert(leg, event.clone());
        }
        match event {
            UaEvent::Incoming { .. } => self.incoming.push(leg),
            UaEvent::Answered { .. } => self.answered += 1,
            UaEvent::Confirmed { .. } => self.confirmed += 1,
            UaEvent::OfferAnswered { .. } => self.agreed += 1,
            UaEvent::OfferRefused { .. } => self.refused += 1,
            UaEvent::Referred { .. } => self.referred += 1,
            UaEvent::ReferProgress { status, .. } => self.progress.push(*status),
            _ => {}
        }
    }
}

/// Something that lies in the future.
enum Due {
    Datagram { to: usize, bytes: Vec<u8> },
    Ring(LegId),
    Answer(LegId),
    Reject(LegId),
    HangUp(usize, LegId),
    Offer(usize, LegId),
    AnswerOffer(usize, LegId),
    RefuseOffer(usize, LegId),
    Refer(usize, LegId),
    AnswerRefer(usize, LegId, bool),
    NotifyRefer(usize, LegId, u16),
}

struct World {
    rng: Rng,
    weather: Weather,
    now: Timestamp,
    agents: [UserAgent; 2],
    due: BTreeMap<(Timestamp, u64), Due>,
    serial: u64,
    legs: Vec<LegId>,
    ends: [Ends; 2],
    /// How often each kind of message was sent.
    kinds: BTreeMap<String, u32>,
}

const ADDRESSES: [&str; 2] = ["192.0.2.1:5060", "192.0.2.2:5060"];

impl World {
    fn new(seed: u64, weather: Weather) -> Self {
        let rng = Rng::from_seed(seed);
        let agent = |index: usize| {
            let challenge = (index == 1 && seed.is_multiple_of(3)).then(|| Challenge {
                realm: "r".to_owned(),
                user: "u".to_owned(),
                password: "p".to_owned(),
            });
            let local = ADDRESSES[index].parse().unwrap();
            let timers = Timers {
                no_provisional: Millis(8_000),
                session_expires: Millis::from_secs(90),
                ..Timers::default()
            };
            let config = UserAgentConfig { local, timers, challenge, ..config() };
            UserAgent::new(config, rng.fork(ADDRESSES[index]))
        };
        Self {
            agents: [agent(0), agent(1)],
            rng,
            weather,
            now: Timestamp::from_micros(1_700_000_000_000_000),
            due: BTreeMap::new(),
            serial: 0,
            legs: Vec::new(),
            ends: [Ends::default(), Ends::default()],
            kinds: BTreeMap::new(),
        }
    }

    fn later(&mut self, ms: u64, due: Due) {
        self.serial += 1;
        self.due.insert((self.now.plus(Millis(ms)), self.serial), due);
    }

    fn call(&mut self) {
        let leg = LegId::generate(self.now, &mut self.rng);
        let password = if self.rng.below(8) == 0 { "wrong" } else { "p" };
        let invite = Invite {
            leg,
            to: ADDRESSES[1].parse::<SocketAddr>().unwrap().into(),
            others: Vec::new(),
            host: None,
            called: "15555550123".to_owned(),
            identity: Identity::of("15555550100"),
            credentials: Some(Credentials { user: "u".to_owned(), password: password.to_owned() }),
            sdp: OFFER.to_owned(),
            ring_timeout: Millis(self.rng.between(500, 15_000)),
        };
        self.legs.push(leg);
        self.agents[0].invite(self.now, invite);
        self.drain();
    }

    fn drain(&mut self) {
        for index in 0..2 {
            while let Some(output) = self.agents[index].poll_output() {
                match output {
                    Output::Transmit { to, bytes } => self.send(to.address, bytes),
                    Output::Event(event) => self.happened(index, &event),
                }
            }
        }
    }

    fn send(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        let text = String::from_utf8_lossy(&bytes);
        let kind = text.trim_start_matches("SIP/2.0 ").split(' ').next().unwrap_or_default();
        *self.kinds.entry(kind.to_owned()).or_default() += 1;
        let to = usize::from(to.to_string() == ADDRESSES[1]);
        let copies = if self.rng.chance(self.weather.double) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.rng.chance(self.weather.loss) {
                let delay = self.rng.between(1, self.weather.delay_max_ms);
                self.later(delay, Due::Datagram { to, bytes: bytes.clone() });
            }
        }
    }

    fn happened(&mut self, index: usize, event: &UaEvent) {
        self.ends[index].note(event);
        match event {
            UaEvent::Incoming { leg, .. } => {
                let ms = self.rng.between(0, 12_000);
                self.later(ms / 4, Due::Ring(*leg));
                let refuses = self.rng.below(4) == 0;
                self.later(ms, if refuses { Due::Reject(*leg) } else { Due::Answer(*leg) });
                if self.rng.below(2) == 0 {
                    let ms = self.rng.between(0, 30_000);
                    self.later(ms, Due::HangUp(1, *leg));
                }
            }
            UaEvent::Offered { leg, sdp } => {
                let ms = self.rng.between(0, 2_500);
                let refuses = sdp.is_some() && self.rng.below(5) == 0;
                let due = if refuses { Due::RefuseOffer } else { Due::AnswerOffer };
                self.later(ms, due(index, *leg));
            }
            UaEvent::Referred { leg, .. } => self.referred(index, *leg),
            UaEvent::Confirmed { leg } => self.offers(index, *leg),
            UaEvent::Answered { leg, .. } => {
                self.offers(index, *leg);
                // Some talk long enough for their sessions to be refreshed.
                let most = if self.rng.below(4) == 0 { 400_000 } else { 20_000 };
                let ms = self.rng.between(0, most);
                self.later(ms, Due::HangUp(0, *leg));
            }
            UaEvent::Progress { leg, .. } if self.rng.below(10) == 0 => {
                let ms = self.rng.between(0, 3_000);
                self.later(ms, Due::HangUp(0, *leg));
            }
            _ => {}
        }
    }

    /// A side takes or refuses a transfer, or forgets it; and says, or forgets, what came of it.
    fn referred(&mut self, index: usize, leg: LegId) {
        let ms = self.rng.between(0, 2_500);
        let accepts = self.rng.below(5) > 0;
        self.later(ms, Due::AnswerRefer(index, leg, accepts));
        for status in [180, if self.rng.below(2) == 0 { 200 } else { 486 }] {
            if self.rng.below(6) > 0 {
                let ms = ms + self.rng.between(0, 8_000);
                self.later(ms, Due::NotifyRefer(index, leg, status));
            }
        }
    }

    /// A side changes its mind about the session up to twice, and may want the call transferred.
    fn offers(&mut self, index: usize, leg: LegId) {
        for _ in 0..self.rng.below(3) {
            let ms = self.rng.between(0, 6_000);
            self.later(ms, Due::Offer(index, leg));
        }
        for _ in 0..self.rng.below(3) {
            let ms = self.rng.between(0, 9_000);
            self.later(ms, Due::Refer(index, leg));
        }
    }

    fn run(&mut self) {
        for _ in 0..200_000 {
            let timeouts = self.agents.iter().filter_map(UserAgent::poll_timeout);
            let queued = self.due.keys().next().map(|(at, _)| *at);
            let Some(at) = timeouts.chain(queued).min() else { return };
            self.now = at.max(self.now);
            while let Some(entry) = self.due.first_entry().filter(|one| one.key().0 <= self.now) {
                match entry.remove() {
                    Due::Datagram { to, bytes } => {
                        let from: SocketAddr = ADDRESSES[1 - to].parse().unwrap();
                        self.agents[to].receive(self.now, from, &bytes);
                    }
                    Due::Ring(leg) => self.agents[1].ring(self.now, leg),
                    Due::Answer(leg) => self.agents[1].answer(self.now, leg, "v=2".to_owned()),
                    Due::Reject(leg) => self.agents[1].reject(self.now, leg, 486, Some(17)),
                    Due::HangUp(index, leg) => self.agents[index].hang_up(self.now, leg, Some(16)),
                    Due::Offer(index, leg) => {
                        self.agents[index].offer(self.now, leg, "v=3".to_owned());
                    }
                    Due::AnswerOffer(index, leg) => {
                        self.agents[index].answer_offer(self.now, leg, "v=4".to_owned());
                    }
                    Due::Refer(index, leg) => {
                        self.agents[index].refer(self.now, leg, "bob", None);
                    }
                    Due::AnswerRefer(index, leg, true) => {
                        self.agents[index].accept_refer(self.now, leg);
                    }
                    Due::AnswerRefer(index, leg, false) => {
                        self.agents[index].refuse_refer(self.now, leg, 603);
                    }
                    Due::NotifyRefer(index, leg, status) => {
                        self.agents[index].notify_refer(self.now, leg, status);
                    }
                    Due::RefuseOffer(index, leg) => {
                        self.agents[index].refuse_offer(self.now, leg, 488);
                    }
                }
                self.drain();
            }
            for agent in &mut self.agents {
                agent.handle_timeout(self.now);
            }
            self.drain();
        }
        panic!("the world does not come to rest");
    }
}

fn play(seed: u64, weather: Weather) -> World {
    let mut world = World::new(seed, weather);
    for _ in 0..6 {
        world.call();
    }
    world.run();
    let live = |ua: &UserAgent| (ua.live_transactions(), ua.live_dialogs());
    assert_eq!(world.agents.each_ref().map(live), [(0, 0), (0, 0)], "seed {seed}");
    for leg in &world.legs {
        assert!(world.ends[0].terminal.contains_key(leg), "seed {seed}: {leg:?} has no end");
    }
    for leg in &world.ends[1].incoming {
        assert!(world.ends[1].terminal.contains_key(leg), "seed {seed}: {leg:?} has no end");
    }
    world
}

#[test]
fn every_leg_ends_once_in_foul_weather() {
    for seed in 0..150 {
        let loss = Ppm(u32::try_from(seed % 5).unwrap() * 100_000);
        play(seed, Weather { loss, double: Ppm(200_000), delay_max_ms: 900 });
    }
}

#[test]
fn fair_weather_connects_calls() {
    let (mut answered, mut confirmed, mut agreed, mut refused) = (0, 0, 0, 0);
    let (mut referred, mut progress) = (0, BTreeMap::<u16, u32>::new());
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..30 {
        let world = play(seed, Weather { loss: Ppm(0), double: Ppm(0), delay_max_ms: 20 });
        for end in world.ends.iter().flat_map(|ends| ends.terminal.values()) {
            let broken = matches!(end, UaEvent::Failed { cause, .. }
                if *cause != FailureCause::AuthenticationRefused);
            assert!(!broken, "seed {seed}: {end:?}");
        }
        answered += world.ends[0].answered;
        confirmed += world.ends[1].confirmed;
        agreed += world.ends.iter().map(|ends| ends.agreed).sum::<u32>();
        for ends in &world.ends {
            referred += ends.referred;
            for status in &ends.progress {
                *progress.entry(*status).or_default() += 1;
            }
        }
        for (kind, count) in world.kinds {
            *kinds.entry(kind).or_default() += count;
        }
        refused += world.ends.iter().map(|ends| ends.refused).sum::<u32>();
    }
    // Refusals, short ring timeouts and impatience on either side stop most of the 180.
    assert!(answered > 36, "{answered}");
    assert_eq!(answered, confirmed);
    assert!(agreed > 20 && refused > 3, "offers inside calls: {agreed} agreed, {refused} refused");
    assert!(referred > 20, "{referred} transfers");
    for status in [100, 180, 200, 486, 603] {
        assert!(progress.contains_key(&status), "transfers told of: {progress:?}");
    }
    // Reliable ringing, refreshed sessions, offers that meet.
    for (kind, least) in [("PRACK", 30), ("UPDATE", 10), ("491", 1), ("488", 3)] {
        assert!(kinds.get(kind).is_some_and(|count| *count >= least), "{kind}: {kinds:?}");
    }
}

#[test]
fn same_seed_same_course() {
    let weather = Weather { loss: Ppm(300_000), double: Ppm(200_000), delay_max_ms: 900 };
    let course = |world: World| (world.now, world.serial, world.ends[0].terminal.clone());
    assert_eq!(course(play(7, weather)), course(play(7, weather)));
}
