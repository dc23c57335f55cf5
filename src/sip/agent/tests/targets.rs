//! A peer with several targets: the next one is asked where one is dead.

use super::super::super::{FailureCause, Hop, Transport};
use super::*;

const HOST: &str = "voip.example";

fn target(place: u8) -> Hop {
    SocketAddr::from(([203, 0, 113, place], 5060)).into()
}

fn words(sent: &[(Hop, String)]) -> Vec<(Hop, &str)> {
    sent.iter().map(|(to, text)| (*to, text.split(' ').next().unwrap())).collect()
}

/// Calls a peer that has the targets 1 to `count`; its INVITE.
fn call(bench: &mut Bench, count: u8) -> (LegId, String) {
    let leg = LegId::generate(bench.now, &mut Rng::from_seed(9));
    let invite = Invite {
        leg,
        to: target(1),
        others: (2..=count).map(target).collect(),
        host: Some(HOST.to_owned()),
        called: "15555550123".to_owned(),
        identity: Identity::of("+15555550100"),
        credentials: None,
        sdp: OFFER.to_owned(),
        ring_timeout: Millis(20_000),
    };
    bench.ua.invite(bench.now, invite);
    (leg, first(bench, 1))
}

/// The only message since the last look: an INVITE to a target.
fn first(bench: &mut Bench, place: u8) -> String {
    let sent = bench.transmitted();
    assert_eq!(words(&sent), [(target(place), "INVITE")]);
    sent[0].1.clone()
}

fn hear(bench: &mut Bench, place: u8, text: &str) {
    bench.ua.receive(bench.now, target(place), text.replace('\n', "\r\n").as_bytes());
}

fn failed(place: u8, retry_after: Option<Millis>) -> UaEvent {
    UaEvent::TargetFailed { to: target(place), retry_after }
}

#[test]
fn a_silent_target_gives_way_to_the_next_with_the_same_call() {
    let mut bench = Bench::new();
    let (leg, before) = call(&mut bench, 2);
    assert!(before.starts_with("INVITE sip:15555550123@voip.example SIP/2.0\r\n"), "{before}");
    bench.wait(1_199);
    assert!(bench.transmitted().iter().all(|(to, _)| *to == target(1)), "sent again");
    bench.wait(1);
    let after = first(&mut bench, 2);
    assert_eq!(bench.events(), [failed(1, None)]);
    let parts = |text: &str| text.lines().filter(|line| !line.starts_with("Via:")).count();
    let same = before.lines().filter(|line| after.lines().any(|other| other == *line)).count();
    assert_eq!(same, parts(&before), "all but Via is the same");
    assert_ne!(header(&before, "Via"), header(&after, "Via"));
    // The second one answers.
    hear(&mut bench, 2, &answer(&after, "180 Ringing", "", ""));
    let contact = "Contact: <sip:x@203.0.113.2>\n";
    hear(&mut bench, 2, &answer(&after, "200 OK", contact, OFFER));
    assert_eq!(words(&bench.transmitted()), [(target(2), "ACK")]);
    let events = bench.events();
    assert!(matches!(events.last(), Some(UaEvent::Answered { .. })), "{events:?}");
    // The first one wakes up: nobody is to be rung twice.
    hear(&mut bench, 1, &answer(&before, "180 Ringing", "", ""));
    assert_eq!(words(&bench.transmitted()), [(target(1), "CANCEL")]);
    let late = answer(&before, "200 OK", "Contact: <sip:x@203.0.113.1>\n", "");
    hear(&mut bench, 1, &late.replace("tag=", "tag=late"));
    assert_eq!(words(&bench.transmitted()), [(target(1), "ACK"), (target(1), "BYE")]);
    assert_eq!(bench.events(), [], "and nobody hears of it");
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(words(&bench.transmitted()), [(target(2), "BYE")]);
    bench.assert_nothing_left();
}

#[test]
fn a_target_that_cannot_be_reached_costs_no_time() {
    let mut bench = Bench::new();
    call(&mut bench, 4);
    for place in 1..4 {
        bench.ua.transport_failed(bench.now, target(place));
        first(&mut bench, place + 1);
    }
    bench.ua.transport_failed(bench.now, target(4));
    let events = bench.events();
    assert_eq!(events[..4], [1, 2, 3, 4].map(|place| failed(place, None)));
    let is_it = matches!(events[4], UaEvent::Failed { cause: FailureCause::Transport, .. });
    assert!(is_it, "{events:?}");
    bench.assert_nothing_left();
}

#[test]
fn a_target_that_takes_no_calls_is_acknowledged_and_left() {
    let mut bench = Bench::new();
    let (_, request) = call(&mut bench, 2);
    hear(&mut bench, 1, &answer(&request, "100 Trying", "", ""));
    hear(&mut bench, 1, &answer(&request, "503 Busy", "Retry-After: 60\n", ""));
    let sent = bench.transmitted();
    assert_eq!(words(&sent), [(target(1), "ACK"), (target(2), "INVITE")]);
    assert!(bench.events().contains(&failed(1, Some(Millis(60_000)))));
    // Nor does this one: it is the last, and its word stands.
    hear(&mut bench, 2, &answer(&sent[1].1, "503 Busy", "", ""));
    let events = bench.events();
    assert_eq!(events[0], failed(2, None));
    assert!(matches!(events[1], UaEvent::Refused { status: 503, .. }), "{events:?}");
    bench.assert_nothing_left();
}

#[test]
fn what_rang_or_was_refused_by_the_called_party_is_not_asked_again() {
    for (provisional, status) in [("180 Ringing", "503 Busy"), ("100 Trying", "486 Busy Here")] {
        let mut bench = Bench::new();
        let (_, request) = call(&mut bench, 2);
        hear(&mut bench, 1, &answer(&request, provisional, "", ""));
        hear(&mut bench, 1, &answer(&request, status, "", ""));
        assert_eq!(words(&bench.transmitted()), [(target(1), "ACK")], "{status}");
        let events = bench.events();
        assert!(matches!(events.last(), Some(UaEvent::Refused { .. })), "{events:?}");
    }
}

#[test]
fn a_leg_finds_a_target_or_fails_within_twice_the_time_one_may_be_silent() {
    let mut bench = Bench::new();
    call(&mut bench, 5);
    let start = bench.now;
    bench.ua.transport_failed(bench.now, target(1));
    bench.wait(2_399);
    let asked: std::collections::BTreeSet<_> =
        bench.transmitted().into_iter().map(|(to, _)| to).collect();
    assert_eq!(asked, [2, 3].map(target).into());
    bench.wait(1);
    let events = bench.events();
    let is_it =
        matches!(events.last(), Some(UaEvent::Failed { cause: FailureCause::NoProvisional, .. }));
    assert!(is_it, "{events:?}");
    assert!(bench.now.since(start) < Millis(3_000));
    bench.assert_nothing_left();
}

#[test]
fn a_timer_that_is_seen_late_is_none_the_less_in_time() {
    let mut bench = Bench::new();
    call(&mut bench, 3);
    bench.now = bench.now.plus(Millis(1_480));
    bench.ua.handle_timeout(bench.now);
    let asked: Vec<_> = bench.transmitted().into_iter().map(|(to, _)| to).collect();
    assert_eq!(asked.last(), Some(&target(2)));
    let start = bench.now;
    bench.wait(1_200);
    assert!(matches!(bench.events().last(), Some(UaEvent::Failed { .. })));
    assert!(bench.now.since(start) < Millis(1_520), "3 s in all");
}

#[test]
fn who_hangs_up_asks_nobody_else() {
    let mut bench = Bench::new();
    let (leg, _) = call(&mut bench, 2);
    bench.ua.hang_up(bench.now, leg, None);
    bench.wait(60_000);
    assert!(bench.transmitted().iter().all(|(to, _)| *to == target(1)));
    assert!(matches!(bench.events()[..], [UaEvent::Cancelled { .. }]));
}

#[test]
fn targets_may_be_spoken_to_in_different_ways() {
    let mut bench = Bench::new();
    let leg = LegId::generate(bench.now, &mut Rng::from_seed(9));
    let by_tls = Hop { transport: Transport::Tls, ..target(1) };
    let invite = Invite {
        leg,
        to: by_tls,
        others: vec![target(2)],
        host: None,
        called: "15555550123".to_owned(),
        identity: Identity::of("+15555550100"),
        credentials: None,
        sdp: OFFER.to_owned(),
        ring_timeout: Millis(20_000),
    };
    bench.ua.invite(bench.now, invite);
    let sent = bench.transmitted();
    assert!(header(&sent[0].1, "Via").starts_with("SIP/2.0/TLS "));
    bench.ua.transport_failed(bench.now, by_tls);
    let sent = first(&mut bench, 2);
    assert!(header(&sent, "Via").starts_with("SIP/2.0/UDP "));
    assert!(!header(&sent, "Contact").contains("transport"));
}
