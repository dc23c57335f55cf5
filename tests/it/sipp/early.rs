//! What the network says before anybody answers: heard by the real program, told as a cause, and
//! answered by nothing but what keeps the way open.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::thread::JoinHandle;
use std::time::Duration;

use ledgerline::media::Clip;
use serde_json::json;

use super::gateway::Gateway;
use super::peer::Sipp;
use super::platform::Stage;
use ledgerline::base::Millis;

/// What waits for the next packet to send is as long as one: the socket keeps the time.
const PACKET: Duration = Duration::from_millis(20);

/// A gateway in the network that plays a clip once, to whoever sends it something.
struct Player {
    port: u16,
    thread: JoinHandle<Vec<Vec<u8>>>,
}

impl Player {
    fn start(clip: &Clip) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a media port");
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let port = socket.local_addr().expect("an address").port();
        let audio = clip.to_ulaw();
        Self { port, thread: std::thread::spawn(move || play(&socket, &audio)) }
    }

    /// The arguments that put it into a scenario's session description.
    fn media(&self, key: &str) -> [String; 3] {
        ["-key".to_owned(), key.to_owned(), self.port.to_string()]
    }

    /// The payloads that came while it played.
    fn came(self) -> Vec<Vec<u8>> {
        self.thread.join().expect("it played")
    }
}

fn play(socket: &UdpSocket, audio: &[u8]) -> Vec<Vec<u8>> {
    let mut packet = [0; 2_048];
    let (length, to) = socket.recv_from(&mut packet).expect("something that opens the way");
    let mut came = vec![packet[12..length].to_vec()];
    socket.set_read_timeout(Some(PACKET)).expect("a timeout");
    for (number, frame) in audio.chunks_exact(160).enumerate() {
        let mut out = vec![0x80, 0];
        out.extend((number as u16).to_be_bytes());
        out.extend((number as u32 * 160).to_be_bytes());
        out.extend(0x0bad_cafe_u32.to_be_bytes());
        out.extend(frame);
        drop(socket.send_to(&out, to));
        match socket.recv_from(&mut packet) {
            Ok((length, _)) => came.push(packet[12..length].to_vec()),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            // A leg that is over refuses.
            Err(_) => return came,
        }
    }
    came
}

fn sound(parts: &[(u32, u64)]) -> Clip {
    let part = |(hz, length): &(u32, u64)| match hz {
        0 => Clip::silence(Millis(*length)),
        hz => Clip::tone(*hz, Millis(*length), 9_000),
    };
    let parts = parts.iter().map(part);
    parts.reduce(|before, next| before.followed_by(&next)).expect("a sound")
}

/// One call over a carrier that plays this and then gives up; what the log says came of it.
fn heard(parts: &[(u32, u64)]) -> (String, String) {
    let mut stage = Stage::new(1);
    let network = Player::start(&sound(parts));
    let sipp = Sipp::carrier(stage.path(), "early.xml", &network.media("gateway_port"));
    let log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);
    let came = network.came();
    assert!(came.len() <= 10, "{} packets before any answer", came.len());
    for payload in came {
        assert!(payload.iter().all(|byte| *byte == 0xff), "nothing is said: {payload:?}");
    }
    let leg = log.one("LegEnded");
    assert!(leg["packets_received"].as_u64() > Some(40), "{leg}");
    assert_eq!((&leg["sip_status"], log.all("TurnSpoken").len()), (&json!(480), 0));
    let attempt = log.one("AttemptEnded");
    let word = |field: &str| attempt[field].as_str().unwrap_or_default().to_owned();
    (word("disposition"), word("reason"))
}

#[test]
fn three_tones_before_the_answer_say_that_there_is_no_such_number() {
    let (disposition, reason) = heard(&[(985, 380), (1_371, 280), (1_777, 380), (0, 1_000)]);
    assert_eq!((&*disposition, &*reason), ("invalid_number", "early_no_such_number"));
}

#[test]
fn a_busy_tone_before_the_answer_says_that_the_customer_talks() {
    let turn = [(425, 500), (0, 500)];
    let (disposition, reason) = heard(&turn.repeat(3));
    assert_eq!((&*disposition, &*reason), ("busy", "early_busy"));
}

#[test]
fn ring_back_before_the_answer_says_nothing() {
    let (disposition, reason) = heard(&[(425, 1_000), (0, 2_000)]);
    assert_eq!((&*disposition, &*reason), ("no_answer", ""));
}

#[test]
fn who_answers_is_told_from_the_early_media_of_another_fork() {
    let mut stage = Stage::new(1);
    let first = Player::start(&sound(&[(425, 500), (0, 500)].repeat(6)));
    let second = Gateway::pressing("19");
    let gateway = ["-key".to_owned(), "gateway_port".to_owned(), second.port.to_string()];
    let media = [&first.media("first_port")[..], &gateway].concat();
    let sipp = Sipp::carrier(stage.path(), "forks.xml", &media);
    let log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);
    drop(first.came());
    assert!(second.heard() > 100, "the robot was to be heard");
    assert_eq!(log.fields("TurnHeard", "digits"), [&json!("1"), &json!("9")]);
    let attempt = log.one("AttemptEnded");
    assert_eq!(
        (&attempt["disposition"], &attempt["reason"]),
        (&json!("answered_human"), &json!(null))
    );
}
