mod codecs;
mod control;
mod early;
mod line;
mod secure;

use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::base::{Millis, Ppm, Rng, Timestamp};
use line::{End, Line, Probe, Sent, Weather, address, agreed};

const BAD: Weather = Weather { loss: Ppm(100_000), copies: Ppm(30_000), jitter: Millis(50) };

fn digits(end: &End) -> String {
    end.events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Digit { digit, .. } => Some(digit.as_char()),
            _ => None,
        })
        .collect()
}

/// Starts and ends of clips: id, and how it ended.
fn plays(events: &[MediaEvent]) -> Vec<(u64, Option<(Millis, bool)>)> {
    events
        .iter()
        .filter_map(|event| match *event {
            MediaEvent::PlayStarted { id, .. } => Some((id, None)),
            MediaEvent::PlayEnded { id, played, completed, .. } => {
                Some((id, Some((played, completed))))
            }
            _ => None,
        })
        .collect()
}

fn speech(end: &End) -> Vec<Option<Millis>> {
    end.events
        .iter()
        .filter_map(|event| match *event {
            MediaEvent::SpeechStarted { .. } => Some(None),
            MediaEvent::SpeechEnded { duration, .. } => Some(Some(duration)),
            _ => None,
        })
        .collect()
}

fn press(line: &mut Line, keys: &str) {
    for key in keys.chars() {
        let digit = Digit::try_from(key).expect("a key");
        line.ends[0].session.send_digit(line.now, digit, Millis(100));
    }
}

/// Two pitches that are no key's and no network's.
fn voice(length: Millis) -> Clip {
    key_tones(500, 1_700, length)
}

#[test]
fn a_clip_arrives_sample_by_sample_and_is_heard_as_speech() {
    let mut line = Line::new(1, Weather::default());
    line.run(Millis(200));
    line.ends[1].session.set_forwarding(true);
    let clip = voice(Millis(1_010));
    line.ends[0].session.play(line.now, 7, clip.clone());
    line.run(Millis(2_000));

    let heard: Vec<i16> = line.ends[1].frames.concat();
    let wanted = Clip::from_ulaw(&clip.to_ulaw());
    let start = heard.iter().position(|sample| *sample != 0).expect("something is heard");
    // The first sample of a sine is 0.
    assert_eq!(heard[start - 1..start - 1 + wanted.samples().len()], *wanted.samples());
    assert_eq!(plays(&line.ends[0].events), [(7, None), (7, Some((Millis(1_010), true)))]);
    assert_eq!(speech(&line.ends[1]), [None, Some(Millis(1_020))]);
    assert_eq!(line.ends[1].events.first(), Some(&MediaEvent::FirstPacket));
}

#[test]
fn statistics_say_what_the_network_did() {
    for seed in 0..10 {
        let mut line = Line::new(seed, Weather { loss: Ppm(100_000), ..Weather::default() });
        line.run(Millis(10_000));
        let [a, b] = &line.ends;
        let (sent, heard) = (a.session.statistics(), b.session.statistics());
        assert_eq!(sent.packets_sent, 501);
        assert_eq!(sent.packets_sent, a.sent.len() as u64);
        // What was just sent still flies, and a loss at either edge cannot be known.
        assert_eq!(heard.packets_received, b.reached);
        let known = heard.packets_received + heard.packets_lost;
        assert!((495..=501).contains(&known), "seed {seed}: {heard:?}");
        assert!((25..=85).contains(&heard.packets_lost), "seed {seed}: {heard:?}");
        assert_eq!((heard.jitter_us, heard.malformed), (0, 0), "seed {seed}");
    }
}

#[test]
fn jitter_is_measured() {
    let mut line = Line::new(3, Weather { jitter: Millis(10), ..Weather::default() });
    line.run(Millis(10_000));
    // Two delays evenly spread over 10 ms differ by a third of that on average.
    let jitter = line.ends[1].session.statistics().jitter_us;
    assert!((2_000..=5_000).contains(&jitter), "{jitter}");
}

#[test]
fn each_key_press_is_one_digit_on_a_bad_line() {
    for seed in 0..40 {
        let mut line = Line::new(seed, BAD);
        line.run(Millis(100));
        press(&mut line, "1123#4456*0DDDA");
        line.run(Millis(5_000));
        assert_eq!(digits(&line.ends[1]), "1123#4456*0DDDA", "seed {seed}");
    }
}

#[test]
fn speech_is_one_stretch_on_a_bad_line() {
    for seed in 0..40 {
        let mut line = Line::new(seed, BAD);
        line.run(Millis(500));
        line.ends[0].session.play(line.now, 1, voice(Millis(2_000)));
        line.run(Millis(4_000));
        let [None, Some(duration)] = speech(&line.ends[1])[..] else {
            panic!("seed {seed}: {:?}", speech(&line.ends[1]));
        };
        assert!((1_800..=2_160).contains(&duration.0), "seed {seed}: {duration:?}");
    }
}

#[test]
fn a_digit_pauses_the_clip() {
    let mut line = Line::new(5, Weather::default());
    line.ends[0].session.play(line.now, 1, voice(Millis(400)));
    line.run(Millis(190));
    press(&mut line, "5");
    line.run(Millis(1_000));
    let sent = &line.ends[0].sent;
    let at = sent.iter().position(|(_, packet)| packet.header.payload_type == 101).expect("sent");
    assert_eq!(at, 10);
    let event = &sent[at..at + 7];
    assert!(event.iter().all(|(_, packet)| packet.header.payload_type == 101));
    assert!(event.iter().all(|(_, packet)| packet.header.timestamp == event[0].1.header.timestamp));
    assert_eq!(sent[at + 7].1.header.payload_type, 0);
    // 400 ms of clip and 140 ms of digit: it ends with the step after.
    let ended = line.ends[0].events.iter().find_map(|event| match *event {
        MediaEvent::PlayEnded { at, played, completed: true, .. } => Some((at, played)),
        _ => None,
    });
    let start = sent[0].0;
    assert_eq!(ended, Some((start.plus(Millis(540)), Millis(400))));
}

#[test]
fn markers_stand_where_talk_begins() {
    let mut line = Line::new(6, Weather::default());
    line.run(Millis(90));
    line.ends[0].session.play(line.now, 1, voice(Millis(100)));
    line.run(Millis(200));
    press(&mut line, "1");
    line.run(Millis(400));
    let marked = line.ends[0].sent.iter().enumerate();
    let marked = marked.filter(|(_, (_, packet))| packet.header.marker);
    // First of all, the clip, the digit, and the silence after it.
    assert_eq!(marked.map(|(number, _)| number).collect::<Vec<_>>(), [0, 5, 15, 22]);
}

#[test]
fn late_wake_ups_do_not_add_up() {
    let mut rng = Rng::from_seed(9);
    let start = Timestamp::from_micros(123_456_789);
    let mut session = Probe::new(MediaSettings::default(), rng.fork("session"));
    session.set_remote(start, &agreed(address(1), Direction::SendRecv));
    let mut sent = Vec::new();
    while let Some(due) = session.poll_timeout().filter(|due| *due < start.plus(Millis(10_000))) {
        session.handle_timeout(due.plus(Millis(rng.below(70))));
        sent.extend(transmitted(&mut session));
    }
    assert!((500..=503).contains(&sent.len()), "{}", sent.len());
    // The next step, or a report before it.
    assert!(session.poll_timeout() <= Some(start.plus(Millis(sent.len() as u64 * 20))));
    for (number, packet) in (0_u32..).zip(&sent) {
        let first = &sent[0].header;
        let timestamp = first.timestamp.wrapping_add(number * 160);
        let sequence_number = first.sequence_number.wrapping_add(number as u16);
        assert_eq!(packet.header.timestamp, timestamp);
        assert_eq!(packet.header.sequence_number, sequence_number);
    }
}

#[test]
fn a_stall_is_skipped_and_the_clip_goes_on_where_it_was() {
    let start = Timestamp::from_micros(5);
    let mut session = Probe::new(MediaSettings::default(), Rng::from_seed(1));
    session.set_remote(start, &agreed(address(1), Direction::SendRecv));
    session.play(start, 1, voice(Millis(200)));
    session.handle_timeout(start);
    session.handle_timeout(start.plus(Millis(1_013)));
    assert_eq!(session.poll_timeout(), Some(start.plus(Millis(1_020))));
    let [first, second] = &transmitted(&mut session)[..] else { panic!("two packets") };
    assert_eq!(second.header.timestamp.wrapping_sub(first.header.timestamp), 50 * 160);
    assert_eq!(second.header.sequence_number.wrapping_sub(first.header.sequence_number), 1);
    assert!(second.header.marker);
    let wanted = Codec::Pcmu.encode(&voice(Millis(200)).samples()[160..320]);
    assert_eq!(second.payload, wanted);
}

#[test]
fn nothing_is_sent_on_hold_and_the_clip_waits() {
    for direction in [Direction::RecvOnly, Direction::Inactive] {
        let mut line = Line::new(8, Weather::default());
        line.ends[0].session.play(line.now, 1, voice(Millis(400)));
        line.run(Millis(190));
        line.ends[0].session.set_remote(line.now, &agreed(address(1), direction));
        press(&mut line, "7");
        line.run(Millis(1_000));
        assert_eq!(line.ends[0].sent.len(), 10, "{direction:?}");
        line.ends[0].session.set_remote(line.now, &agreed(address(1), Direction::SendRecv));
        line.run(Millis(1_000));
        let ended = (1, Some((Millis(400), true)));
        assert_eq!(plays(&line.ends[0].events), [(1, None), ended], "{direction:?}");
        assert_eq!(digits(&line.ends[1]), "7", "{direction:?}");
        // The timestamp ran on meanwhile.
        let header = |number: usize| &line.ends[0].sent[number].1.header;
        assert!(header(10).marker);
        assert_eq!(header(10).timestamp.wrapping_sub(header(9).timestamp), 51 * 160);
    }
}

#[test]
fn nothing_is_heard_where_the_direction_is_out_only() {
    for direction in [Direction::SendOnly, Direction::Inactive] {
        let mut line = Line::new(9, Weather::default());
        line.ends[1].session.set_forwarding(true);
        line.ends[1].session.set_remote(line.now, &agreed(address(0), direction));
        line.ends[0].session.play(line.now, 1, voice(Millis(500)));
        press(&mut line, "1");
        line.run(Millis(2_000));
        let end = &line.ends[1];
        assert_eq!(end.events, [MediaEvent::FirstPacket], "{direction:?}");
        assert!(end.frames.is_empty(), "{direction:?}");
        assert!(end.session.statistics().packets_received > 90, "{direction:?}");
        assert_eq!(end.sent.is_empty(), direction == Direction::Inactive);
    }
}

#[test]
fn a_stream_that_stops_ends_speech() {
    let mut line = Line::new(10, Weather::default());
    line.ends[0].session.play(line.now, 1, voice(Millis(5_000)));
    line.run(Millis(1_000));
    line.ends[0].session.set_remote(line.now, &agreed(address(1), Direction::Inactive));
    line.run(Millis(1_000));
    assert!(matches!(speech(&line.ends[1])[..], [None, Some(_)]), "{:?}", line.ends[1].events);
}

#[test]
fn a_beep_is_a_tone_and_no_speech() {
    for seed in 0..40 {
        let mut line = Line::new(seed, BAD);
        line.run(Millis(300));
        line.ends[0].session.play(line.now, 1, Clip::tone(1_000, Millis(400), 8_000));
        line.run(Millis(2_000));
        let heard = line.ends[1].events.iter().filter_map(|event| match event {
            MediaEvent::ProgressHeard { progress, .. } => Some(*progress),
            _ => None,
        });
        let [Progress::Beep { hz, duration }] = heard.collect::<Vec<_>>()[..] else {
            panic!("seed {seed}: one beep")
        };
        assert!(hz.abs_diff(1_000) < 10, "seed {seed}: {hz}");
        assert!((300..=440).contains(&duration.0), "seed {seed}: {duration:?}");
        assert_eq!(speech(&line.ends[1]), [], "seed {seed}");
    }
}

/// The tones of a key, as a phone without telephone-events sends them.
fn key_tones(low: u32, high: u32, length: Millis) -> Clip {
    let (low, high) = (Clip::tone(low, length, 6_000), Clip::tone(high, length, 6_000));
    let samples = low.samples().iter().zip(high.samples()).map(|(one, other)| one + other);
    Clip::new(samples.collect::<Vec<i16>>())
}

#[test]
fn keys_pressed_as_tones_are_digits_and_no_speech() {
    for seed in 0..20 {
        let weather = Weather { loss: Ppm(20_000), jitter: Millis(40), ..Weather::default() };
        let mut line = Line::new(seed, weather);
        line.run(Millis(200));
        for (low, high) in [(697, 1_209), (770, 1_336), (941, 1_477)] {
            line.ends[0].session.play(line.now, 1, key_tones(low, high, Millis(150)));
            line.run(Millis(450));
        }
        line.run(Millis(500));
        let end = &line.ends[1];
        assert_eq!(digits(end), "15#", "seed {seed}");
        let paths = end.events.iter().filter_map(|event| match event {
            MediaEvent::Digit { path, .. } => Some(*path),
            _ => None,
        });
        assert!(paths.into_iter().all(|path| path == DigitPath::InBand), "seed {seed}");
        assert_eq!(speech(end), [], "seed {seed}");
    }
}

#[test]
fn tones_beside_telephone_events_are_the_same_press() {
    let mut line = Line::new(3, Weather::default());
    line.run(Millis(100));
    for _ in 0..2 {
        // A gateway lets 60 ms through before it notices, and the rest after the event.
        line.ends[0].session.play(line.now, 1, key_tones(770, 1_336, Millis(200)));
        line.run(Millis(60));
        press(&mut line, "5");
        line.run(Millis(900));
    }
    assert_eq!(digits(&line.ends[1]), "55");
}

#[test]
fn a_press_as_tones_before_the_stream_stops_is_heard() {
    let mut line = Line::new(4, Weather::default());
    line.ends[0].session.play(line.now, 1, key_tones(852, 1_209, Millis(500)));
    line.run(Millis(200));
    line.ends[0].session.set_remote(line.now, &agreed(address(1), Direction::Inactive));
    line.run(Millis(1_000));
    assert_eq!(digits(&line.ends[1]), "7");
}

#[test]
fn a_replaced_clip_ends_even_before_its_first_frame() {
    let now = Timestamp::from_micros(0);
    let mut session = Probe::new(MediaSettings::default(), Rng::from_seed(1));
    session.play(now, 1, voice(Millis(100)));
    session.play(now, 2, Clip::silence(Millis(0)));
    session.set_remote(now, &agreed(address(1), Direction::SendRecv));
    session.handle_timeout(now);
    session.stop_playing(now);
    let events: Vec<MediaEvent> = std::iter::from_fn(|| session.poll_output())
        .filter_map(|output| match output {
            MediaOutput::Event(event) => Some(event),
            _ => None,
        })
        .collect();
    let wanted =
        [(1, None), (1, Some((Millis(0), false))), (2, None), (2, Some((Millis(0), true)))];
    assert_eq!(plays(&events), wanted);
}

#[test]
fn the_bridge_keeps_the_newest_100_ms() {
    let now = Timestamp::from_micros(0);
    let settings = MediaSettings { silence_when_idle: false, ..MediaSettings::default() };
    let mut session = Probe::new(settings, Rng::from_seed(1));
    session.set_remote(now, &agreed(address(1), Direction::SendRecv));
    (1..=8).for_each(|level| session.feed([level * 1_000; FRAME_SAMPLES]));
    (0..10).for_each(|step| session.handle_timeout(now.plus(Millis(step * 20))));
    let levels: Vec<i16> = transmitted(&mut session)
        .iter()
        .filter_map(|packet| Codec::Pcmu.decode(&packet.payload).next())
        .map(|sample| (sample + 500) / 1_000)
        .collect();
    assert_eq!(levels, [4, 5, 6, 7, 8]);
}

/// One packet from a port of the peer's host, numbered by its time; where the answer goes.
fn hear_from(session: &mut Probe, millis: u64, from: SocketAddr, kind: u8) -> SocketAddr {
    let now = Timestamp::from_micros(0).plus(Millis(millis));
    let bytes = packet::write(kind, false, millis as u16 / 20, 0, 5, &[0xFF; 160]);
    session.receive(now, from, &bytes);
    session.handle_timeout(now);
    let sent = std::iter::from_fn(|| session.poll_output()).filter_map(|output| match output {
        MediaOutput::Transmit { port: MediaPort::Rtp, to, .. } => Some(to),
        _ => None,
    });
    sent.last().expect("one packet each 20 ms")
}

#[test]
fn audio_follows_the_peer_to_another_port() {
    let mut session = Probe::new(MediaSettings::default(), Rng::from_seed(1));
    let start = Timestamp::from_micros(0);
    session.set_remote(start, &agreed(address(1), Direction::SendRecv));
    let mut send = |millis, port, kind| hear_from(&mut session, millis, address(port), kind);
    assert_eq!(send(0, 2, 77), address(1), "RTCP does not latch");
    assert_eq!(send(20, 2, 13), address(1), "comfort noise does not latch");
    assert_eq!(send(40, 2, 0), address(1), "one packet may be a stray");
    assert_eq!(send(60, 2, 0), address(1), "two as well");
    assert_eq!(send(80, 2, 0), address(2), "three in sequence are the peer");
    assert_eq!(send(100, 3, 0), address(2), "another port comes too late");
    assert_eq!(send(120, 1, 0), address(1), "the agreed one wins");
    session.set_remote(start, &agreed(address(4), Direction::SendRecv));
    let statistics = session.statistics();
    assert_eq!((statistics.packets_received, statistics.strangers), (2, 1));
    assert_eq!(hear_from(&mut session, 140, address(4), 77), address(4), "agreed anew");
}

#[test]
fn a_stranger_hears_nothing_and_is_not_heard_however_silent_the_peer() {
    let stranger: SocketAddr = "203.0.113.5:4002".parse().expect("an address");
    let mut session = Probe::new(MediaSettings::default(), Rng::from_seed(1));
    let start = Timestamp::from_micros(0);
    let early = packet::write(0, false, 1, 0, 5, &[0xFF; 160]);
    session.receive(start, stranger, &early);
    assert_eq!(session.poll_output(), None, "nobody is heard before there is a peer");
    session.set_remote(start, &agreed(address(1), Direction::SendRecv));
    for step in 0..300 {
        assert_eq!(hear_from(&mut session, 20 * step, stranger, 0), address(1));
    }
    let statistics = session.statistics();
    assert_eq!((statistics.packets_received, statistics.strangers), (0, 300));
}

#[test]
fn relays_in_the_carriers_networks_are_the_peer() {
    let relay: SocketAddr = "198.51.100.9:7000".parse().expect("an address");
    let peer_networks = vec!["198.51.100.0/24".parse().expect("a network")];
    let settings = MediaSettings { peer_networks, ..MediaSettings::default() };
    let mut session = Probe::new(settings, Rng::from_seed(1));
    session.set_remote(Timestamp::from_micros(0), &agreed(address(1), Direction::SendRecv));
    let sent = [0, 20, 40].map(|millis| hear_from(&mut session, millis, relay, 0));
    assert_eq!(sent, [address(1), address(1), relay]);
}

#[test]
fn digits_are_dropped_where_the_other_side_takes_none() {
    let mut line = Line::new(12, Weather::default());
    let deaf = Negotiated { telephone_event: None, ..agreed(address(1), Direction::SendRecv) };
    press(&mut line, "1");
    line.ends[0].session.set_remote(line.now, &deaf);
    press(&mut line, "2");
    line.run(Millis(500));
    assert!(line.ends[0].sent.iter().all(|(_, packet)| packet.header.payload_type == 0));
}

#[test]
fn a_recording_has_both_sides_and_ends_with_what_is_open() {
    let mut line = Line::new(2, Weather { loss: Ppm(0), jitter: Millis(30), ..Weather::default() });
    line.run(Millis(90));
    for end in &mut line.ends {
        end.session.set_recording(true);
    }
    let clip = voice(Millis(400));
    line.ends[0].session.play(line.now, 1, clip.clone());
    line.run(Millis(1_000));
    for end in &mut line.ends {
        end.session.set_recording(false);
    }
    line.run(Millis(100));
    let [said, heard] = &line.ends;
    let said: Vec<i16> = said.pairs.iter().flat_map(|pair| pair.sent).collect();
    assert_eq!(said.len(), 50 * FRAME_SAMPLES, "1000 ms");
    assert_eq!(said[..3_200], *clip.samples());
    let wanted = Clip::from_ulaw(&clip.to_ulaw());
    let heard: Vec<i16> = heard.pairs.iter().flat_map(|pair| pair.heard).collect();
    let start = heard.iter().position(|sample| *sample != 0).expect("something is heard") - 1;
    assert!(start <= 800, "{start} samples late");
    assert_eq!(heard[start..start + 3_200], *wanted.samples());
    assert!(line.ends[1].frames.is_empty(), "nothing is forwarded for it");
}

fn transmitted(session: &mut Probe) -> Vec<Sent> {
    std::iter::from_fn(|| session.poll_output())
        .filter_map(|output| match output {
            MediaOutput::Transmit { port: MediaPort::Rtp, bytes, .. } => Some(Sent::read(&bytes)),
            _ => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn arbitrary_packets_never_panic(
        packets in prop::collection::vec(
            (
                prop::sample::select(vec![0_u8, 8, 13, 101, 127]),
                any::<(bool, u16, u32)>(),
                0_u32..2,
                prop::collection::vec(any::<u8>(), 0..500),
                any::<bool>(),
                0_u64..3_000,
            ),
            0..60,
        ),
    ) {
        let mut now = Timestamp::from_micros(0);
        let mut session = Probe::new(MediaSettings::default(), Rng::from_seed(1));
        session.set_forwarding(true);
        session.set_remote(now, &agreed(address(1), Direction::SendRecv));
        for (kind, (marker, number, timestamp), source, payload, is_raw, later) in packets {
            now = now.plus(Millis(later));
            let bytes = if is_raw {
                payload
            } else {
                packet::write(kind, marker, number % 64, timestamp, source, &payload)
            };
            session.receive(now, address(1), &bytes);
            session.handle_timeout(now);
            prop_assert!(session.poll_timeout().is_some_and(|at| at > now));
            while session.poll_output().is_some() {}
        }
        let _ = session.statistics();
    }

    #[test]
    fn plays_are_paired_and_sent_whatever_happens(
        steps in prop::collection::vec((0_u8..6, 0_u64..200), 1..60),
    ) {
        let mut line = Line::new(1, Weather::default());
        let mut given = 0;
        for (what, millis) in steps {
            let session = &mut line.ends[0].session;
            match what {
                0 | 1 => {
                    given += 1;
                    session.play(line.now, given, voice(Millis(millis)));
                }
                2 => session.stop_playing(line.now),
                3 => session.set_remote(line.now, &agreed(address(1), Direction::Inactive)),
                4 => session.set_remote(line.now, &agreed(address(1), Direction::SendRecv)),
                _ => press(&mut line, "3"),
            }
            line.run(Millis(millis));
        }
        line.ends[0].session.stop_playing(line.now);
        line.run(Millis(0));
        let plays = plays(&line.ends[0].events);
        prop_assert_eq!(plays.len() as u64, 2 * given);
        for (id, pair) in (1..).zip(plays.chunks(2)) {
            prop_assert!(matches!(pair, [(a, None), (b, Some(_))] if *a == id && *b == id));
        }
    }
}
