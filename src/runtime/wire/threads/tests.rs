mod memory;

use std::net::UdpSocket;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::base::{Millis, Timestamp};
use crate::media::{
    Clip, Codec, Digit, MediaEvent, Negotiated, Packet, Pair as TapPair, Tap, TelephoneEvent,
    read_packet,
};
use crate::runtime::clock::SystemClock;

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn threads(count: usize, ports: Option<&str>) -> MediaThreads {
    let ports = ports.map(|text| text.parse().expect("a range"));
    let threads = NonZeroUsize::new(count);
    let options = MediaOptions { threads, ports, ..MediaOptions::default() };
    MediaThreads::start(LOOPBACK, options, Arc::new(SystemClock::new()), &mut Rng::from_seed(5))
        .expect("threads")
}

/// A leg and the phone it talks to.
struct Call {
    leg: MediaLeg,
    phone: UdpSocket,
    /// Of the phone's next packet.
    number: u16,
}

impl Call {
    fn new(threads: &MediaThreads, seed: u64, news: &UnboundedSender<MediaNews>) -> Self {
        let mut rng = Rng::from_seed(seed);
        let leg_id = LegId::generate(Timestamp::EPOCH, &mut rng);
        let settings = MediaSettings { detect_progress: false, ..MediaSettings::default() };
        let leg = threads.open(leg_id, settings, rng, news.clone()).expect("ports");
        let phone = UdpSocket::bind((LOOPBACK, 0)).expect("a port");
        phone.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
        let remote = phone.local_addr().expect("its address");
        let telephone_event = Some(TelephoneEvent { payload_type: 101, clock_rate: 8_000 });
        leg.set_remote(Negotiated { telephone_event, ..Negotiated::plain(remote, Codec::Pcmu) });
        Self { leg, phone, number: 0 }
    }

    /// The level of the next packet the phone hears, and the packet's number.
    fn hear(&self) -> (u8, u16) {
        let mut buffer = [0; 2_048];
        let length = self.phone.recv(&mut buffer).expect("a packet within five seconds");
        let Packet { header, payload } = read_packet(&buffer[..length]).expect("RTP");
        assert_eq!(payload.len(), 160, "20 ms");
        (payload[80], header.sequence_number)
    }

    /// What the phone hears next that is not silence, and not one of these.
    fn hear_other(&self, known: &[u8]) -> u8 {
        let mut levels = std::iter::from_fn(|| Some(self.hear().0)).take(250);
        levels.find(|level| *level != 0xFF && !known.contains(level)).expect("it is heard")
    }

    /// Sends 20 ms of one level from the phone.
    fn say(&mut self, byte: u8) {
        let mut packet = vec![0x80, 0];
        packet.extend(self.number.to_be_bytes());
        packet.extend((u32::from(self.number) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 9]);
        packet.extend([byte; 160]);
        self.number += 1;
        self.phone.send_to(&packet, self.leg.local()).expect("sent");
    }

    /// Presses a key on the phone for as short as can be.
    fn press(&mut self, key: u8) {
        let mut packet = vec![0x80, 101];
        packet.extend(self.number.to_be_bytes());
        packet.extend((u32::from(self.number) * 160).to_be_bytes());
        packet.extend([0, 0, 0, 9, key, 0x8A, 3, 0x20]);
        self.number += 1;
        self.phone.send_to(&packet, self.leg.local()).expect("sent");
    }
}

fn next(news: &mut UnboundedReceiver<MediaNews>) -> MediaEvent {
    news.blocking_recv().expect("news").event
}

#[test]
fn a_clip_arrives_at_the_phone_and_its_end_is_told() {
    let (news, mut heard) = unbounded_channel();
    let call = Call::new(&threads(1, None), 1, &news);
    assert_eq!(call.leg.local().port() % 2, 0, "RTP is on the even port");
    let (_, first) = call.hear();
    call.leg.play(7, Clip::new(vec![8_000; 480]));
    let loud = call.hear_other(&[]);
    let played = Clip::from_ulaw(&[loud]).samples()[0];
    assert!((7_700..8_300).contains(&played), "{played}");
    assert!(matches!(next(&mut heard), MediaEvent::PlayStarted { id: 7, .. }));
    assert!(matches!(next(&mut heard), MediaEvent::PlayEnded { id: 7, completed: true, .. }));
    let (_, later) = call.hear();
    let statistics = call.leg.statistics();
    assert!(statistics.packets_sent >= u64::from(later.wrapping_sub(first)), "{statistics:?}");
}

#[test]
fn bridged_legs_hear_each_other_within_a_thread_and_across() {
    for count in [1, 2] {
        let threads = threads(count, None);
        let (news, _heard) = unbounded_channel();
        let (mut one, other) = (Call::new(&threads, 1, &news), Call::new(&threads, 2, &news));
        one.leg.bridge_to(&other.leg);
        other.leg.bridge_to(&one.leg);
        for _ in 0..10 {
            one.say(0x20);
            one.hear();
        }
        assert_eq!(other.hear_other(&[]), 0x20, "{count} threads");
        assert!(one.leg.statistics().packets_received >= 5);
    }
}

#[test]
fn keys_go_over_the_bridge() {
    let threads = threads(1, None);
    let (news, mut heard) = unbounded_channel();
    let (mut one, other) = (Call::new(&threads, 1, &news), Call::new(&threads, 2, &news));
    one.leg.bridge_to(&other.leg);
    one.press(5);
    let digit = Digit::from_code(5).expect("a key");
    let event = std::iter::from_fn(|| Some(next(&mut heard)))
        .find(|event| matches!(event, MediaEvent::Digit { .. }));
    assert!(matches!(event, Some(MediaEvent::Digit { digit: found, .. }) if found == digit));
    let mut buffer = [0; 2_048];
    let relayed = (0..250).any(|_| {
        let length = other.phone.recv(&mut buffer).expect("a packet");
        read_packet(&buffer[..length]).is_ok_and(|packet| packet.header.payload_type == 101)
    });
    assert!(relayed, "the other phone hears the key");
}

/// Each thread holds what leads to the other; neither may live on for it.
#[test]
fn bridged_legs_end_when_both_are_dropped() {
    let (news, mut heard) = unbounded_channel();
    let threads = threads(2, None);
    let (one, other) = (Call::new(&threads, 1, &news), Call::new(&threads, 2, &news));
    one.leg.bridge_to(&other.leg);
    other.leg.bridge_to(&one.leg);
    drop((one, other, news));
    assert!(heard.blocking_recv().is_none(), "a leg held the last sender");
    drop(threads);
}

/// Fifty presses a millisecond would be heard; nobody reads them.
#[test]
fn a_flood_of_keys_is_bounded() {
    let (news, mut heard) = unbounded_channel();
    let mut call = Call::new(&threads(1, None), 1, &news);
    for number in 0..6 * 256_u16 {
        call.press((number % 16) as u8);
        if number % 8 == 0 {
            // Paces the flood, so that it is not the socket's buffer that bounds it.
            call.hear();
        }
    }
    let received = call.leg.statistics().packets_received;
    assert!(received > 300, "{received} arrived");
    drop((call, news));
    let count = std::iter::from_fn(|| heard.blocking_recv()).count();
    assert!((256..300).contains(&count), "{count} pieces of news for {received} packets");
}

#[test]
fn ports_come_from_the_range_and_are_given_back() {
    let range = "47110-47115";
    let threads = threads(1, Some(range));
    let (news, mut heard) = unbounded_channel();
    let calls: Vec<Call> = (0..3).map(|seed| Call::new(&threads, seed, &news)).collect();
    let mut ports: Vec<u16> = calls.iter().map(|call| call.leg.local().port()).collect();
    ports.sort_unstable();
    assert_eq!(ports, [47_110, 47_112, 47_114]);
    let mut rng = Rng::from_seed(4);
    let leg_id = LegId::generate(Timestamp::EPOCH, &mut rng);
    let refused = threads.open(leg_id, MediaSettings::default(), rng, news.clone());
    let error = refused.expect_err("no more ports").to_string();
    assert!(error.contains("all 3 pairs of ports in 47110-47115 are taken"), "{error}");
    drop((calls, news));
    assert!(heard.blocking_recv().is_none());
    let pool = threads.ports.as_ref().expect("a pool").pool.lock().expect("its lock");
    assert!(format!("{pool:?}").contains("taken: {}"), "all are given back: {pool:?}");
}

struct Recorder(Sender<TapPair>);

impl Tap for Recorder {
    fn pair(&mut self, pair: &TapPair) {
        let _ = self.0.send(*pair);
    }
}

#[test]
fn a_tap_has_both_sides_up_to_the_end() {
    let (news, _heard) = unbounded_channel();
    let mut call = Call::new(&threads(1, None), 1, &news);
    let (pairs, taken) = channel();
    call.leg.record_to(Box::new(Recorder(pairs)));
    call.leg.play(1, Clip::new(vec![9_000; 3_200]));
    for _ in 0..30 {
        call.say(0x30);
        call.hear();
    }
    drop(call);
    let pairs: Vec<TapPair> = taken.into_iter().collect();
    assert!(pairs.len() >= 29, "{} pairs", pairs.len());
    assert!(pairs.windows(2).all(|two| two[1].at == two[0].at.plus(Millis(20))));
    let heard = Clip::from_ulaw(&[0x30]).samples()[0];
    assert!(pairs.iter().filter(|pair| pair.heard[0] == heard).count() >= 25);
    assert_eq!(pairs.iter().filter(|pair| pair.sent[0] == 9_000).count(), 20);
}

#[test]
fn a_supervisor_hears_both_and_is_heard_by_whom_it_speaks_to() {
    let threads = threads(2, None);
    let (news, _heard) = unbounded_channel();
    let call = |seed| Call::new(&threads, seed, &news);
    let (mut agent, mut customer, mut supervisor) = (call(1), call(2), call(3));
    agent.leg.speak_to(&[(&customer.leg, 0, true), (&supervisor.leg, 0, false)]);
    customer.leg.speak_to(&[(&agent.leg, 0, true), (&supervisor.leg, 1, false)]);
    let mut talk = |is_heard_by_agent: bool, is_heard_by_customer: bool| {
        let to = [(&agent.leg, 1, false), (&customer.leg, 1, false)];
        let to = [is_heard_by_agent, is_heard_by_customer].into_iter().zip(to);
        let to: Vec<_> = to.filter_map(|(is_heard, to)| is_heard.then_some(to)).collect();
        supervisor.leg.speak_to(&to);
        let mut heard = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..40 {
            agent.say(0x90);
            customer.say(0xA0);
            supervisor.say(0xB0);
            for (levels, call) in heard.iter_mut().zip([&agent, &customer, &supervisor]) {
                levels.push(call.hear().0);
            }
        }
        heard.map(|levels| most_often(&levels[10..]))
    };
    let sum = |bytes: &[u8]| {
        let all = bytes.iter().map(|byte| Clip::from_ulaw(&[*byte]).samples()[0]).sum::<i16>();
        Clip::new(vec![all]).to_ulaw()[0]
    };
    let both = sum(&[0x90, 0xA0]);
    assert_eq!(talk(false, false), [0xA0, 0x90, both], "listens");
    assert_eq!(talk(true, false), [sum(&[0xA0, 0xB0]), 0x90, both], "whispers");
    assert_eq!(talk(true, true), [sum(&[0xA0, 0xB0]), sum(&[0x90, 0xB0]), both], "barges in");
}

fn most_often(levels: &[u8]) -> u8 {
    let count = |level: &u8| levels.iter().filter(|other| *other == level).count();
    levels.iter().copied().max_by_key(count).expect("levels")
}
