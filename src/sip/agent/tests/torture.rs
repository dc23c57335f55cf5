//! Torture messages (RFC 4475, RFC 5118): each becomes what `tests/torture/index.toml` says.

use proptest::prelude::*;

use super::super::super::digest::prove;
use super::super::super::message::{Message, StartLine};
use super::super::super::{Challenge, DigestHash};
use super::robust::mutate;
use super::*;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/torture");

#[derive(serde::Deserialize)]
struct Index {
    message: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    file: String,
    section: String,
    expected: String,
    called: Option<String>,
    proved: Option<u16>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        std::fs::read(format!("{FOLDER}/{}", self.file)).unwrap()
    }

    fn name(&self) -> String {
        format!("{} ({})", self.file, self.section)
    }
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(format!("{FOLDER}/index.toml")).unwrap();
    toml::from_str::<Index>(&text).unwrap().message
}

fn user() -> Credentials {
    Credentials { user: "user".to_owned(), password: "secret".to_owned() }
}

/// One that takes calls and registrations.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.ua.admit_phones("example.com", &[DigestHash::Md5], vec![user()]);
    bench
}

/// The one a message is for: calls of strangers are challenged where phones register.
fn bench_for(message: &[u8]) -> Bench {
    if message.starts_with(b"INVITE") { Bench::with(config()) } else { bench() }
}

/// What came of a datagram: answers, each with its status, and events.
fn heard(bench: &mut Bench, bytes: &[u8]) -> (Vec<(u16, Message)>, Vec<UaEvent>) {
    bench.ua.receive(bench.now, peer(), bytes);
    let (mut answers, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = bench.ua.poll_output() {
        match output {
            Output::Transmit { bytes, .. } => {
                let answer = Message::read(&bytes).unwrap();
                let StartLine::Response { status, .. } = answer.start else {
                    panic!("a request in answer to one");
                };
                answers.push((status, answer));
            }
            Output::Event(event) => events.push(event),
        }
    }
    (answers, events)
}

#[test]
fn each_message_becomes_what_the_index_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let bytes = case.bytes();
        let mut bench = bench_for(&bytes);
        let (answers, events) = heard(&mut bench, &bytes);
        let statuses: Vec<u16> = answers.iter().map(|(status, _)| *status).collect();
        let malformed = events.iter().any(|event| matches!(event, UaEvent::Malformed { .. }));
        let called = events.iter().find_map(|event| match event {
            UaEvent::Incoming { called, .. } => Some(called.clone()),
            _ => None,
        });
        let found = match (&statuses[..], malformed, &called) {
            ([100], false, Some(_)) => "call".to_owned(),
            ([], false, None) => "ignored".to_owned(),
            ([], true, None) => "dropped".to_owned(),
            ([status], malformed, None) if malformed == matches!(status, 400 | 505) => {
                status.to_string()
            }
            other => format!("{other:?}"),
        };
        if found != case.expected || called != case.called {
            let said = format!("{found} {called:?} {events:?}");
            wrong.push(format!("{}: {said}, wanted {}", case.name(), case.expected));
        }
        if found != "call" {
            assert_eq!(bench.ua.live_transactions(), 0, "{}", case.name());
        }
    }
    assert_eq!(wrong, [""; 0], "{}", wrong.join("\n"));
}

/// RFC 3261 §8.2.6.2: what an answer copies is the same byte for byte.
#[test]
fn answers_give_back_what_identifies_their_request() {
    for case in cases() {
        let bytes = case.bytes();
        let Ok(request) = Message::read(&bytes) else { continue };
        for (status, answer) in heard(&mut bench(), &bytes).0 {
            for name in ["From", "Call-ID", "CSeq"] {
                let (asked, given) = (request.all(name).take(1), answer.all(name));
                assert!(asked.eq(given), "{}: {name} of {status}", case.name());
            }
            assert_eq!(request.list("Via").count(), answer.list("Via").count(), "{}", case.name());
        }
    }
}

#[test]
fn registrations_that_look_odd_are_taken_as_they_should() {
    let mut proved = 0;
    for case in cases() {
        let Some(wanted) = case.proved else { continue };
        let mut bench = bench();
        let bytes = case.bytes();
        let (answers, _) = heard(&mut bench, &bytes);
        let (_, challenge) = &answers[0];
        let request = Message::read(&bytes).unwrap();
        let via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKproof".to_owned();
        let again = prove(&request, challenge, &user(), via, "0123456789").unwrap();
        let (answers, _) = heard(&mut bench, &again.write());
        assert_eq!(answers[0].0, wanted, "{}", case.name());
        proved += 1;
    }
    assert!(proved > 3);
}

#[test]
fn there_are_forty_nine_messages_and_those_of_ipv6() {
    let cases = cases();
    let of = |rfc: &str| cases.iter().filter(|case| case.file.starts_with(rfc)).count();
    assert_eq!((of("rfc4475/"), of("rfc5118/")), (49, 11));
    for folder in ["rfc4475", "rfc5118"] {
        let files = std::fs::read_dir(format!("{FOLDER}/{folder}")).unwrap().count();
        assert_eq!(files, of(&format!("{folder}/")), "{folder} has files the index does not name");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn mutated_torture_never_panics_and_leaves_nothing(
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        changes in prop::collection::vec(any::<(usize, u8, u8)>(), 0..8),
        challenged in any::<bool>(),
    ) {
        let cases = cases();
        let mut config = config();
        config.challenge = challenged.then(|| Challenge {
            realm: "r".to_owned(), user: "u".to_owned(), password: "p".to_owned(),
        });
        let mut bench = Bench::with(config);
        bench.ua.admit_phones("example.com", &[DigestHash::Md5], vec![user()]);
        for pick in picks {
            let bytes = mutate(&pick.get(&cases).bytes(), &changes);
            bench.ua.receive(bench.now, peer(), &bytes);
        }
        let mut legs = Vec::new();
        while let Some(output) = bench.ua.poll_output() {
            if let Output::Event(event) = output {
                legs.extend(event.leg());
            }
        }
        for leg in legs {
            bench.ua.answer(bench.now, leg, "v=1".to_owned());
            bench.ua.hang_up(bench.now, leg, None);
        }
        let end = bench.now.plus(Millis(400_000));
        while let Some(at) = bench.ua.poll_timeout().filter(|at| *at <= end) {
            bench.ua.handle_timeout(at);
        }
        prop_assert_eq!(bench.ua.live_transactions(), 0);
    }
}
