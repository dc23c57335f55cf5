use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::base::Rng;
use crate::sip::{Challenge, Output, Timers, UserAgentConfig};

const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn from(last: u8) -> SocketAddr {
    (Ipv4Addr::new(203, 0, 113, last), 5060).into()
}

fn agent() -> UserAgent {
    let config = UserAgentConfig {
        local: "192.0.2.10:5060".parse().unwrap(),
        product: "Ledgerline".to_owned(),
        timers: Timers::default(),
        challenge: Some(Challenge {
            realm: "r".to_owned(),
            user: "u".to_owned(),
            password: "p".to_owned(),
        }),
        refuse_calls: None,
    };
    let mut agent = UserAgent::new(config, Rng::from_seed(3));
    agent.screen_strangers(vec!["203.0.113.200".parse().unwrap()]);
    agent
}

fn request(method: &str, number: u32, more: &str) -> Vec<u8> {
    format!(
        "{method} sip:15555550100@192.0.2.10 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK{number}\r\n\
         From: <sip:eve@203.0.113.9>;tag=e\r\nTo: <sip:15555550100@192.0.2.10>\r\n\
         Call-ID: {number}\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Answers and events since the last look.
fn drain(agent: &mut UserAgent) -> (Vec<String>, Vec<UaEvent>) {
    let (mut sent, mut events) = (Vec::new(), Vec::new());
    while let Some(output) = agent.poll_output() {
        match output {
            Output::Transmit { bytes, .. } => sent.push(String::from_utf8(bytes).unwrap()),
            Output::Event(event) => events.push(event),
        }
    }
    (sent, events)
}

#[test]
fn a_stranger_gets_as_many_answers_as_it_may_and_is_told_of_once() {
    let mut agent = agent();
    for number in 0..1_000 {
        agent.receive(START, from(9), &request("OPTIONS", number, ""));
    }
    let (sent, events) = drain(&mut agent);
    assert_eq!(sent.len(), 20, "what may come at once");
    let reason = ScreenReason::TooMany;
    assert_eq!(events, [UaEvent::Screened { from: from(9).ip(), reason, dropped: 1 }]);
    assert_eq!(agent.screened(), Screened { too_many: 980, ..Screened::default() });
    // Another source is not held up by it, and a second later it may ask for ten more.
    agent.receive(START, from(10), &request("OPTIONS", 1, ""));
    assert_eq!(drain(&mut agent).0.len(), 1);
    let later = START.plus(Millis::from_secs(1));
    for number in 0..50 {
        agent.receive(later, from(9), &request("REGISTER", number, ""));
    }
    assert_eq!(drain(&mut agent).0.len(), 10);
    // A minute later it is told of again, with what was dropped in between.
    let minute = START.plus(Millis::from_secs(61));
    for number in 0..21 {
        agent.receive(minute, from(9), &request("INVITE", number, ""));
    }
    let (_, events) = drain(&mut agent);
    assert_eq!(events, [UaEvent::Screened { from: from(9).ip(), reason, dropped: 979 + 40 + 1 }]);
}

#[test]
fn carriers_are_not_held_up_and_what_belongs_to_calls_has_room_of_its_own() {
    let mut agent = agent();
    for number in 0..1_000 {
        agent.receive(START, from(200), &request("OPTIONS", number, ""));
    }
    assert_eq!(drain(&mut agent).0.len(), 1_000);
    for number in 0..100 {
        agent.receive(START, from(9), &request("OPTIONS", number, ""));
    }
    drain(&mut agent);
    agent.receive(START, from(9), &request("BYE", 1, ""));
    let (sent, _) = drain(&mut agent);
    assert!(sent[0].starts_with("SIP/2.0 481 "), "{sent:?}");
}

#[test]
fn noise_is_counted_and_told_of_once_a_minute() {
    let mut agent = agent();
    for _ in 0..50 {
        agent.receive(START, from(9), b"hello\r\n\r\n");
        agent.receive(START, from(9), b"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n");
    }
    let (_, events) = drain(&mut agent);
    let malformed = events.iter().filter(|one| matches!(one, UaEvent::Malformed { .. })).count();
    assert_eq!((malformed, agent.screened().malformed), (1, 70), "20 of the first, 50 BYEs");
}

#[test]
fn calls_where_nobody_may_call_are_counted() {
    let config = UserAgentConfig {
        local: "192.0.2.10:5060".parse().unwrap(),
        product: "Ledgerline".to_owned(),
        timers: Timers::default(),
        challenge: None,
        refuse_calls: Some(403),
    };
    let mut agent = UserAgent::new(config, Rng::from_seed(3));
    agent.screen_strangers(Vec::new());
    for number in 0..3 {
        agent.receive(START, from(9), &request("INVITE", number, ""));
    }
    agent.receive(START, from(9), &request("OPTIONS", 4, ""));
    assert_eq!(drain(&mut agent).0.len(), 4);
    assert_eq!(agent.screened(), Screened { calls: 3, ..Screened::default() });
}

/// An INVITE with a proof for the challenge that the agent gives.
fn wrong(agent: &mut UserAgent, now: Timestamp, peer: SocketAddr, number: u32) -> Vec<u8> {
    agent.receive(now, peer, &request("INVITE", number, ""));
    let (sent, _) = drain(agent);
    let nonce = sent[0].split("nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    let proof = format!(
        "Proxy-Authorization: Digest username=\"u\", realm=\"r\", nonce=\"{nonce}\", \
         uri=\"sip:15555550100@192.0.2.10\", response=\"{number:032x}\", algorithm=MD5\r\n"
    );
    request("INVITE", number, &proof)
}

#[test]
fn who_proves_wrongly_too_often_is_shut_out_for_a_while() {
    let mut agent = agent();
    let mut now = START;
    for number in 0..10 {
        let try_it = wrong(&mut agent, now, from(9), number);
        agent.receive(now, from(9), &try_it);
        let (sent, events) = drain(&mut agent);
        assert!(sent[0].starts_with("SIP/2.0 407 "));
        assert_eq!(events.len(), usize::from(number == 9));
        now = now.plus(Millis::from_secs(2));
    }
    for _ in 0..5 {
        agent.receive(now, from(9), &request("INVITE", 99, ""));
    }
    assert_eq!(drain(&mut agent).0.len(), 0);
    assert_eq!((agent.screened().wrong_proofs, agent.screened().shut_out), (10, 5));
    // A flood of forged addresses does not let it in.
    for number in 0..20_000_u32 {
        let forged: SocketAddr = (Ipv4Addr::from(0x0A00_0000 + number), 5060).into();
        agent.receive(now, forged, b"x");
    }
    drain(&mut agent);
    agent.receive(now, from(9), &request("INVITE", 99, ""));
    assert_eq!(drain(&mut agent).0.len(), 0);
    let after = now.plus(SHUT_OUT);
    agent.receive(after, from(9), &request("INVITE", 99, ""));
    assert_eq!(drain(&mut agent).0.len(), 1);
}

#[test]
fn who_is_known_may_change_and_what_is_known_of_strangers_stays() {
    let mut agent = agent();
    for _ in 0..100 {
        agent.receive(START, from(7), b"junk");
    }
    let dropped = agent.screened().too_many;
    assert!(dropped > 0);
    let known = Network::single(from(7).ip());
    agent.screen_strangers(vec![known]);
    agent.receive(START, from(7), b"junk");
    assert_eq!(agent.screened().too_many, dropped, "no stranger any more");
    agent.screen_strangers(Vec::new());
    agent.receive(START, from(7), b"junk");
    assert_eq!(agent.screened().too_many, dropped + 1, "a stranger as before");
}

#[test]
fn nobody_is_shut_out_by_who_forges_its_address() {
    let mut agent = agent();
    for number in 0..15 {
        // The nonce was given to another address than it comes from.
        let try_it = wrong(&mut agent, START, from(9), number);
        agent.receive(START, from(77), &try_it);
        assert_eq!(drain(&mut agent).1, []);
    }
    assert_eq!(agent.screened().wrong_proofs, 0);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut sources = Sources::default();
    for number in 0..100_000_u32 {
        sources.of(IpAddr::from(Ipv4Addr::from(number)), START).wrong = 3;
    }
    assert!(sources.len() <= 3 * 4_096, "{}", sources.len());
    let one = |last: u16| IpAddr::from([0x2001, 0xdb8, 1, 2, 0, 0, 0, last]);
    sources.of(one(1), START).wrong = 7;
    assert_eq!(sources.of(one(2), START).wrong, 7, "one customer's addresses are one source");
    assert_eq!(sources.of("2001:db8:1:3::1".parse().unwrap(), START).wrong, 0);
}

#[test]
fn the_first_word_tells_what_is_new() {
    for new in [&b"INVITE x"[..], b"\r\n\r\nREGISTER x", b"junk", b"OPTIONS", b"invite x"] {
        assert!(is_new(new));
    }
    for other in [&b"BYE x"[..], b"ACK x", b"SIP/2.0 200 OK", b"sip/2.0 200", b"\r\n\r\n", b""] {
        assert!(!is_new(other));
    }
}
