use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::{Millis, Ppm, Rng};
use crate::media::{
    Clip, Codec, Frame, MediaEvent, MediaPort, MediaSession, MediaSettings, MediaSink, Negotiated,
    Pair,
};

/// The clock that identities are made by; sessions have the line's.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

fn identity() -> Arc<DtlsIdentity> {
    Arc::new(DtlsIdentity::generate(&Still).expect("a certificate"))
}

fn address(end: usize) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 10 + end as u8], 40_000))
}

fn next(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port() + 1)
}

/// What a session did.
#[derive(Default)]
struct Noted {
    sent: Vec<(MediaPort, SocketAddr, Vec<u8>)>,
    events: Vec<MediaEvent>,
    loud: u32,
}

impl MediaSink for Noted {
    fn transmit(&mut self, port: MediaPort, to: SocketAddr, packet: &[u8]) {
        self.sent.push((port, to, packet.to_vec()));
    }

    fn event(&mut self, event: MediaEvent) {
        self.events.push(event);
    }

    fn frame(&mut self, frame: &Frame) {
        self.loud += u32::from(frame.iter().any(|sample| sample.unsigned_abs() > 2_000));
    }

    fn pair(&mut self, _pair: &Pair) {}
}

struct End {
    session: MediaSession,
    identity: Arc<DtlsIdentity>,
    noted: Noted,
}

/// What the network does.
#[derive(Clone, Copy, Default)]
struct Weather {
    loss: Ppm,
    copies: Ppm,
    jitter_ms: u64,
}

/// Two sessions and the network between them.
struct Line {
    now: Timestamp,
    ends: [End; 2],
    weather: Weather,
    rng: Rng,
    flying: BTreeMap<(i64, u64), (usize, MediaPort, Vec<u8>)>,
    count: u64,
    /// When there was a packet of audio in the air for the first time.
    first_audio: Option<Timestamp>,
}

impl Line {
    fn new(seed: u64, weather: Weather) -> Self {
        let rng = Rng::from_seed(seed);
        let ends = ["one", "other"].map(|name| {
            let settings = MediaSettings { detect_progress: false, ..MediaSettings::default() };
            let mut session = MediaSession::new(settings, rng.fork(name));
            let identity = identity();
            session.set_handshakes(identity.clone());
            session.set_forwarding(true);
            End { session, identity, noted: Noted::default() }
        });
        let (now, flying) = (Timestamp::EPOCH, BTreeMap::new());
        Self { now, ends, weather, rng, flying, count: 0, first_audio: None }
    }

    /// What session descriptions would say to an end; the first one begins.
    fn agreed(&self, end: usize, is_muxed: bool) -> Negotiated {
        let role = if end == 0 { DtlsRole::Client } else { DtlsRole::Server };
        let fingerprint = self.ends[1 - end].identity.fingerprint();
        let plain = Negotiated::plain(address(1 - end), Codec::Pcmu);
        let remote_rtcp = if is_muxed { plain.remote } else { next(plain.remote) };
        let dtls = Some(DtlsPeer { role, fingerprint });
        Negotiated { rtcp_mux: is_muxed, remote_rtcp, dtls, ..plain }
    }

    fn agree(&mut self, is_muxed: bool) {
        for end in 0..2 {
            let agreed = self.agreed(end, is_muxed);
            self.ends[end].session.set_remote(self.now, &agreed);
        }
    }

    fn play(&mut self, end: usize, length: Millis) {
        let clip = Clip::tone(500, length, 8_000);
        let End { session, noted, .. } = &mut self.ends[end];
        session.play(self.now, 1, clip, noted);
    }

    fn run(&mut self, time: Millis) {
        let until = self.now.plus(time);
        loop {
            self.take_up();
            let arrival = self.flying.keys().next().map(|(at, _)| Timestamp::from_micros(*at));
            let due = self.ends.iter().filter_map(|end| end.session.poll_timeout()).min();
            let Some(at) = arrival.into_iter().chain(due).min().filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            while let Some(entry) = self.flying.first_entry() {
                if Timestamp::from_micros(entry.key().0) > self.now {
                    break;
                }
                let (to, port, mut bytes) = entry.remove();
                let from = match port {
                    MediaPort::Rtp => address(1 - to),
                    MediaPort::Rtcp => next(address(1 - to)),
                };
                let End { session, noted, .. } = &mut self.ends[to];
                session.receive(self.now, port, from, &mut bytes, noted);
            }
            for End { session, noted, .. } in &mut self.ends {
                if session.poll_timeout().is_some_and(|due| due <= self.now) {
                    session.handle_timeout(self.now, noted);
                }
            }
        }
    }

    /// Puts what was sent into the air.
    fn take_up(&mut self) {
        for end in 0..2 {
            for (port, to, bytes) in std::mem::take(&mut self.ends[end].noted.sent) {
                if !is_handshake(&bytes) {
                    self.first_audio.get_or_insert(self.now);
                }
                let wanted = address(1 - end);
                assert!(to == wanted || to == next(wanted), "to nobody else: {to}");
                let times = if self.rng.chance(self.weather.loss) {
                    0
                } else {
                    1 + u32::from(self.rng.chance(self.weather.copies))
                };
                for _ in 0..times {
                    let late = self.rng.below(self.weather.jitter_ms + 1);
                    self.count += 1;
                    let at = self.now.plus(Millis(5 + late)).as_micros();
                    self.flying.insert((at, self.count), (1 - end, port, bytes.clone()));
                }
            }
        }
    }

    fn heard(&self, end: usize) -> u32 {
        self.ends[end].noted.loud
    }

    fn failures(&self, end: usize) -> Vec<DtlsFailure> {
        let failure = |event: &MediaEvent| match event {
            MediaEvent::NoKeys(failure) => Some(*failure),
            _ => None,
        };
        self.ends[end].noted.events.iter().filter_map(failure).collect()
    }
}

fn is_handshake(bytes: &[u8]) -> bool {
    crate::media::dtls::is_dtls(bytes)
}

#[test]
fn keys_are_agreed_on_and_nothing_said_is_lost() {
    for is_muxed in [true, false] {
        let mut line = Line::new(1, Weather::default());
        line.agree(is_muxed);
        for end in 0..2 {
            line.play(end, Millis(1_000));
        }
        line.run(Millis(12_000));
        for end in 0..2 {
            assert_eq!(line.failures(end), [], "muxed: {is_muxed}");
            assert!(line.heard(end) >= 50, "all of a second: {}", line.heard(end));
            let statistics = line.ends[end].session.statistics();
            assert_eq!((statistics.unauthentic, statistics.malformed), (0, 0), "{statistics:?}");
            assert!(statistics.round_trip_ms.is_some(), "RTCP has keys, too: {is_muxed}");
        }
        let since = line.first_audio.expect("audio").since(Timestamp::EPOCH);
        assert!(since < Millis(60), "five ways there and back of 10 ms each: {since:?}");
    }
}

#[test]
fn a_bad_network_delays_keys_and_prevents_none() {
    let bad = Weather { loss: Ppm(150_000), copies: Ppm(200_000), jitter_ms: 120 };
    let mut slowest = Millis(0);
    for seed in 0..40 {
        let mut line = Line::new(seed, bad);
        line.agree(true);
        line.run(Millis(9_900));
        assert_eq!([line.failures(0), line.failures(1)], [[], []], "seed {seed}");
        let first = line.first_audio.unwrap_or_else(|| panic!("seed {seed}: no keys"));
        slowest = slowest.max(first.since(Timestamp::EPOCH));
        line.play(0, Millis(1_000));
        line.run(Millis(2_000));
        assert!(line.heard(1) > 20, "seed {seed}: {}", line.heard(1));
    }
    assert!(slowest > Millis(500), "it was bad: {slowest:?}");
}

#[test]
fn a_certificate_that_was_not_told_of_ends_it_without_a_sound() {
    for liar in 0..2 {
        let mut line = Line::new(7, Weather::default());
        let honest = 1 - liar;
        let fingerprint = identity().fingerprint();
        for end in 0..2 {
            let mut agreed = line.agreed(end, true);
            if end == honest {
                agreed.dtls = agreed.dtls.map(|peer| DtlsPeer { fingerprint, ..peer });
            }
            line.ends[end].session.set_remote(line.now, &agreed);
            line.play(end, Millis(1_000));
        }
        line.run(Millis(15_000));
        assert_eq!(line.failures(honest), [DtlsFailure::Fingerprint], "told once");
        assert!(
            line.ends[honest]
                .noted
                .events
                .iter()
                .all(|e| !matches!(e, MediaEvent::PlayStarted { .. }))
        );
        assert_eq!([line.heard(0), line.heard(1)], [0, 0]);
        assert_eq!(line.ends[honest].session.statistics().packets_sent, 0);
    }
}

#[test]
fn a_peer_that_says_nothing_is_waited_for_ten_seconds() {
    for end in 0..2 {
        let mut line = Line::new(3, Weather::default());
        let agreed = line.agreed(end, true);
        line.ends[end].session.set_remote(line.now, &agreed);
        line.weather.loss = Ppm(1_000_000);
        line.run(Millis(3_000));
        assert_eq!(line.failures(end), []);
        line.run(Millis(8_000));
        assert_eq!(line.failures(end), [DtlsFailure::Handshake]);
        assert_eq!(line.first_audio, None, "nothing in the open");
    }
}

#[test]
fn a_stranger_gets_no_answer() {
    let mut line = Line::new(4, Weather::default());
    let hello = {
        let mut other = Line::new(5, Weather::default());
        let agreed = other.agreed(0, true);
        other.ends[0].session.set_remote(other.now, &agreed);
        let End { session, noted, .. } = &mut other.ends[0];
        session.handle_timeout(other.now, noted);
        noted.sent[0].2.clone()
    };
    line.agree(true);
    let stranger = SocketAddr::from(([203, 0, 113, 9], 40_000));
    let End { session, noted, .. } = &mut line.ends[1];
    session.receive(line.now, MediaPort::Rtp, stranger, &mut hello.clone(), noted);
    assert!(noted.sent.is_empty());
    assert_eq!(session.statistics().strangers, 1);
    line.run(Millis(1_000));
    assert!(line.first_audio.is_some(), "the peer is served");
}

#[test]
fn who_begins_before_the_answer_is_here_does_not_wait() {
    let mut line = Line::new(6, Weather::default());
    let agreed = line.agreed(0, false);
    line.ends[0].session.set_remote(line.now, &agreed);
    line.run(Millis(100));
    let agreed = line.agreed(1, false);
    line.ends[1].session.set_remote(line.now, &agreed);
    line.run(Millis(100));
    assert!(line.first_audio.is_some(), "within 100 ms, where it is sent again after 500");
}

#[test]
fn later_offers_keep_keys_and_another_certificate_brings_others() {
    let mut line = Line::new(8, Weather::default());
    line.agree(true);
    line.run(Millis(1_000));
    let before = line.ends.each_ref().map(|end| end.session.statistics().packets_received);
    line.agree(true);
    line.run(Millis(1_000));
    for (end, before) in line.ends.iter().zip(before) {
        let statistics = end.session.statistics();
        assert_eq!((statistics.unauthentic, statistics.packets_lost), (0, 0));
        assert!(statistics.packets_received >= before + 49, "it goes on: {statistics:?}");
    }
    // One side is another machine now, and begins.
    let newcomer = identity();
    line.ends[0].session.set_handshakes(newcomer.clone());
    line.ends[0].identity = newcomer;
    let (one, other) = (line.agreed(0, true), line.agreed(1, true));
    let fresh = DtlsPeer { role: DtlsRole::Server, ..one.dtls.expect("a peer") };
    line.ends[0].session.set_remote(line.now, &Negotiated { dtls: Some(fresh), ..one });
    let begins = DtlsPeer { role: DtlsRole::Client, ..other.dtls.expect("a peer") };
    line.ends[1].session.set_remote(line.now, &Negotiated { dtls: Some(begins), ..other });
    line.run(Millis(300));
    let heard = line.heard(1);
    line.play(0, Millis(1_000));
    line.run(Millis(1_500));
    assert!(line.heard(1) >= heard + 45, "with new keys: {}", line.heard(1) - heard);
    assert_eq!([line.failures(0), line.failures(1)], [[], []]);
}

/// Everything both ends of a whole handshake sent, in order, by who sent it.
fn flights() -> Vec<(usize, Vec<u8>)> {
    let mut line = Line::new(9, Weather::default());
    line.agree(true);
    let mut all = Vec::new();
    for _ in 0..40 {
        line.take_up();
        all.extend(line.flying.values().map(|(to, _, bytes)| (1 - to, bytes.clone())));
        line.run(Millis(5));
    }
    all.retain(|(_, bytes)| is_handshake(bytes));
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn broken_records_break_nothing_but_their_handshake(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        noise in prop::collection::vec((20_u8..64, prop::collection::vec(any::<u8>(), 0..60)), 0..4),
    ) {
        let flights = flights();
        prop_assert!(flights.len() >= 5, "{}", flights.len());
        let mut line = Line::new(10, Weather::default());
        line.agree(true);
        for (number, (from, bytes)) in flights.iter().enumerate() {
            let mut bytes = bytes.clone();
            for (which, place, value) in &flips {
                if which.index(flights.len()) == number {
                    let at = place.index(bytes.len());
                    bytes[at] = *value;
                }
            }
            bytes.truncate(1 + cut.index(bytes.len() * 4));
            line.run(Millis(10));
            let End { session, noted, .. } = &mut line.ends[1 - from];
            session.receive(line.now, MediaPort::Rtp, address(*from), &mut bytes, noted);
        }
        for (first, rest) in noise {
            let mut bytes = [vec![first], rest].concat();
            let End { session, noted, .. } = &mut line.ends[1];
            session.receive(line.now, MediaPort::Rtp, address(0), &mut bytes, noted);
        }
        line.run(Millis(12_000));
        prop_assert!(line.failures(0).len() <= 1 && line.failures(1).len() <= 1);
    }
}

/// Both ends of it and two certificates; built for speed it is a millisecond or two.
#[test]
fn a_handshake_costs_little() {
    const TIMES: u32 = 20;
    let began = instant();
    for seed in 0..TIMES {
        let mut line = Line::new(u64::from(seed), Weather::default());
        line.agree(true);
        line.run(Millis(100));
        assert!(line.first_audio.is_some());
    }
    let each = began.elapsed() / TIMES;
    assert!(each < Duration::from_millis(250), "{each:?}");
}
