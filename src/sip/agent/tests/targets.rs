//! A peer with several targets: the next one is asked where one is dead.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::test_runner::TestCaseError;

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
    let asked: BTreeSet<_> = bench.transmitted().into_iter().map(|(to, _)| to).collect();
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

/// What a target does with an INVITE.
#[derive(Clone, Copy, Debug)]
enum Manner {
    Unreachable,
    Silent,
    /// 503 after so long.
    Unavailable(u64),
    /// Rings after so long, and answers half a second later.
    Rings(u64),
}

fn any_manner() -> impl Strategy<Value = Manner> {
    prop_oneof![
        Just(Manner::Unreachable),
        Just(Manner::Silent),
        (0..3_000_u64).prop_map(Manner::Unavailable),
        (0..9_000_u64).prop_map(Manner::Rings),
    ]
}

/// Targets with manners of their own, and what became of the phone behind each.
struct Targets {
    bench: Bench,
    manners: Vec<Manner>,
    /// What they are going to say: when, who, status and request.
    due: BTreeMap<(Timestamp, u8, &'static str), String>,
    ringing: BTreeSet<u8>,
    talking: BTreeSet<u8>,
    asked: Vec<u8>,
}

impl Targets {
    fn place(hop: Hop) -> u8 {
        let std::net::IpAddr::V4(address) = hop.address.ip() else { panic!("{hop}") };
        address.octets()[3]
    }

    fn later(&mut self, ms: u64, place: u8, status: &'static str, request: &str) {
        let at = self.bench.now.plus(Millis(ms));
        self.due.insert((at, place, status), request.to_owned());
    }

    /// What the user agent sent reaches the targets.
    fn deliver(&mut self) {
        loop {
            let sent = self.bench.transmitted();
            if sent.is_empty() {
                return;
            }
            for (to, text) in sent {
                self.take(Self::place(to), &text);
            }
        }
    }

    fn take(&mut self, place: u8, text: &str) {
        let manner = self.manners[usize::from(place) - 1];
        match text.split(' ').next().expect("a word") {
            "INVITE" if self.asked.contains(&place) => {}
            "INVITE" => {
                self.asked.push(place);
                match manner {
                    Manner::Unreachable => {
                        self.bench.ua.transport_failed(self.bench.now, target(place));
                    }
                    Manner::Silent => {}
                    Manner::Unavailable(ms) => self.later(ms, place, "503 Busy", text),
                    Manner::Rings(ms) => {
                        self.later(ms, place, "180 Ringing", text);
                        self.later(ms + 500, place, "200 OK", text);
                    }
                }
            }
            "CANCEL" => {
                self.later(10, place, "200 OK", text);
                let invite = |key: &(Timestamp, u8, &str), request: &String| {
                    key.1 == place && request.starts_with("INVITE")
                };
                let answer = self.due.iter().find(|(key, request)| invite(key, request));
                let answer = answer.map(|(key, request)| (*key, request.clone()));
                if let Some((key, request)) = answer {
                    self.due.remove(&key);
                    self.ringing.remove(&place);
                    self.later(20, place, "487 Request Terminated", &request);
                }
            }
            "BYE" => {
                self.talking.remove(&place);
                self.later(10, place, "200 OK", text);
            }
            _ => {}
        }
    }

    fn say(&mut self, place: u8, status: &str, request: &str) {
        let is_invite = request.starts_with("INVITE");
        match status {
            "180 Ringing" => drop(self.ringing.insert(place)),
            "200 OK" if is_invite => {
                self.ringing.remove(&place);
                self.talking.insert(place);
            }
            _ => {}
        }
        let contact = format!("Contact: <sip:x@203.0.113.{place}>\n");
        let body = if is_invite && status == "200 OK" { OFFER } else { "" };
        let text =
            answer(request, status, &contact, body).replace("tag=peer", &format!("tag=t{place}"));
        hear(&mut self.bench, place, &text);
    }

    /// Lets everything happen for so long.
    fn run(&mut self, ms: u64) {
        let until = self.bench.now.plus(Millis(ms));
        loop {
            self.deliver();
            let said = self.due.first_key_value().map(|(key, _)| key.0);
            let timer = self.bench.ua.poll_timeout();
            let Some(next) = said.into_iter().chain(timer).min().filter(|at| *at <= until) else {
                self.bench.now = until;
                return;
            };
            self.bench.now = next.max(self.bench.now);
            if said == Some(next) {
                let ((_, place, status), request) = self.due.pop_first().expect("there is one");
                self.say(place, status, &request);
            } else {
                self.bench.ua.handle_timeout(self.bench.now);
            }
        }
    }
}

/// One call to targets of these manners, hung up after a minute.
fn one_call(manners: Vec<Manner>, hangs_up_after: Option<u64>) -> Result<(), TestCaseError> {
    let mut bench = Bench::new();
    let count = u8::try_from(manners.len()).expect("few");
    let (leg, request) = call(&mut bench, count);
    let (due, ringing, talking) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    let mut targets = Targets { bench, manners, due, ringing, talking, asked: Vec::new() };
    targets.take(1, &request);
    targets.run(hangs_up_after.unwrap_or(60_000));
    if hangs_up_after.is_none() {
        // At most the one that the leg is answered by is left with somebody on the phone.
        let events = targets.bench.events();
        let is_answered = events.iter().any(|one| matches!(one, UaEvent::Answered { .. }));
        prop_assert_eq!(targets.talking.len(), usize::from(is_answered), "{:?}", events);
        prop_assert!(targets.ringing.is_empty(), "{:?}", targets.ringing);
        let ends = events.iter().filter(|one| one.is_terminal()).count();
        prop_assert_eq!(ends, usize::from(!is_answered));
        prop_assert!(targets.asked.is_sorted(), "each once, in order: {:?}", targets.asked);
    }
    targets.bench.ua.hang_up(targets.bench.now, leg, None);
    targets.run(300_000);
    prop_assert!(targets.talking.is_empty() && targets.ringing.is_empty());
    let ua = &targets.bench.ua;
    prop_assert_eq!((ua.live_transactions(), ua.live_dialogs()), (0, 0));
    Ok(())
}

proptest! {
    /// Whatever targets do and whenever the caller gives up: nobody is left on a phone.
    #[test]
    fn nobody_is_left_ringing(
        manners in proptest::collection::vec(any_manner(), 1..6),
        gives_up: bool,
        after in any::<u16>(),
    ) {
        one_call(manners, gives_up.then_some(u64::from(after) % 12_000))?;
    }
}
