//! Before anybody answers: what comes is heard, and nothing is said.

use super::*;

/// A session, the time, and what came out of it.
struct Early {
    session: Probe,
    now: Timestamp,
    sent: Vec<(SocketAddr, Sent)>,
    events: Vec<MediaEvent>,
    frames: Vec<Frame>,
    number: u16,
}

impl Early {
    fn new() -> Self {
        let settings = MediaSettings::default();
        Self {
            session: Probe::new(settings, Rng::from_seed(1)),
            now: Timestamp::from_micros(1_000_000_000),
            sent: Vec::new(),
            events: Vec::new(),
            frames: Vec::new(),
            number: 0,
        }
    }

    /// Each of these sends this sound, 20 ms at a time.
    fn hear(&mut self, from: &[(SocketAddr, u32)], samples: &[i16]) {
        for frame in samples.chunks_exact(160) {
            let frame = Clip::new(frame.to_vec()).to_ulaw();
            self.number += 1;
            for (source, ssrc) in from {
                let time = u32::from(self.number) * 160;
                let packet = packet::write(0, false, self.number, time, *ssrc, &frame);
                self.session.receive(self.now, *source, &packet);
            }
            self.now = self.now.plus(Millis(20));
            self.session.handle_timeout(self.now);
            while let Some(output) = self.session.poll_output() {
                match output {
                    MediaOutput::Transmit { to, bytes, .. } => {
                        self.sent.push((to, Sent::read(&bytes)));
                    }
                    MediaOutput::Event(event) => self.events.push(event),
                    MediaOutput::Frame(frame) => self.frames.push(frame),
                    MediaOutput::Pair(_) => {}
                }
            }
        }
    }

    fn tones(&self) -> Vec<Progress> {
        let tone = |event: &MediaEvent| match event {
            MediaEvent::ProgressHeard { progress, .. } => Some(*progress),
            _ => None,
        };
        self.events.iter().filter_map(tone).collect()
    }
}

fn sound(parts: &[(u32, u64)]) -> Vec<i16> {
    let part = |(hz, length): &(u32, u64)| Clip::tone(*hz, Millis(*length), 9_000);
    parts.iter().flat_map(|one| part(one).samples().to_vec()).collect()
}

/// The three tones before "this number is not in service".
fn vacant() -> Vec<i16> {
    sound(&[(985, 380), (1_371, 280), (1_777, 380), (0, 400)])
}

#[test]
fn tones_are_heard_and_only_silence_goes_out_until_somebody_answers() {
    let mut early = Early::new();
    let peer = (address(1), 7);
    early.session.set_early_remote(early.now, &agreed(address(1), Direction::SendRecv));
    early.session.play(early.now, 1, voice(Millis(60)));
    early.session.feed([9_000; 160]);
    early.session.send_digit(early.now, Digit::try_from('1').expect("a key"), Millis(100));
    early.session.set_forwarding(true);
    early.hear(&[peer], &vacant());
    early.hear(&[peer], &[0; 160 * 50]);
    assert_eq!(early.tones(), [Progress::Sit(SitKind::VacantCode)]);
    assert!(early.frames.iter().filter(|frame| frame.iter().any(|it| *it != 0)).count() > 40);
    // Two and a half seconds: one packet each half second, and nothing in it.
    assert!((4..=6).contains(&early.sent.len()), "{} packets", early.sent.len());
    for (to, sent) in &early.sent {
        assert_eq!(*to, address(1));
        assert!(sent.payload.iter().all(|byte| *byte == 0xFF), "silence");
    }
    // It is answered: every 20 ms, and who answers is listened to from the beginning.
    early.sent.clear();
    early.session.set_remote(early.now, &agreed(address(1), Direction::SendRecv));
    early.events.clear();
    early.hear(&[peer], &vacant());
    assert_eq!(early.tones(), [Progress::Sit(SitKind::VacantCode)], "again");
    assert!(early.sent.len() > 60, "{} packets", early.sent.len());
    let statistics = early.session.statistics();
    assert_eq!((statistics.packets_lost, statistics.strangers), (0, 0));
}

#[test]
fn of_several_forks_the_last_one_is_heard_alone() {
    let other: SocketAddr = "198.51.100.7:4000".parse().expect("an address");
    let mut early = Early::new();
    early.session.set_early_remote(early.now, &agreed(address(1), Direction::SendRecv));
    early.hear(&[(address(1), 7)], &sound(&[(425, 400)]));
    early.session.set_early_remote(early.now, &agreed(other, Direction::SendRecv));
    // The first one goes on with three tones, and the other one is silent.
    early.hear(&[(address(1), 7)], &vacant());
    early.hear(&[(other, 8)], &[0; 160 * 50]);
    assert_eq!(early.tones(), []);
    assert_eq!(early.session.statistics().strangers, 72);
    assert_eq!(early.sent.last().map(|(to, _)| *to), Some(other));
    early.hear(&[(other, 8)], &vacant());
    assert_eq!(early.tones(), [Progress::Sit(SitKind::VacantCode)]);
}

#[test]
fn of_two_forks_behind_one_address_the_one_agreed_is_heard() {
    let mut early = Early::new();
    early.session.set_early_remote(early.now, &agreed(address(1), Direction::SendRecv));
    early.hear(&[(address(1), 7)], &sound(&[(0, 200)]));
    early.session.set_early_remote(early.now, &agreed(address(2), Direction::SendRecv));
    let packets = early.session.statistics().packets_received;
    early.hear(&[(address(2), 8), (address(1), 7)], &vacant());
    assert_eq!(early.tones(), [Progress::Sit(SitKind::VacantCode)], "not mixed with itself");
    let received = early.session.statistics().packets_received - packets;
    assert_eq!(received, 72, "of one of them");
}
