//! Calls we get.

use super::super::super::digest::DigestChallenge;
use super::super::super::{Challenge, FailureCause, Party};
use super::*;

const INVITE: &str = "INVITE sip:%2B15555550100@192.0.2.10 SIP/2.0
Via: SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bKi1;rport
Via: SIP/2.0/UDP 203.0.113.8;branch=z9hG4bKi0
Record-Route: <sip:203.0.113.9:5062;lr>
Max-Forwards: 70
f: \"Ann\" <sip:15555550123@203.0.113.8>;tag=ann
t: <sip:15555550100@192.0.2.10>
i: call-1
CSeq: 10 INVITE
m: <sip:ann@203.0.113.8:5066>
c: application/sdp
l: 3

v=0";

pub(super) fn request(method: &str, number: u32, branch: &str, to: &str, more: &str) -> String {
    format!(
        "{method} sip:x@192.0.2.10 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.9:5062;branch={branch}\n\
         From: <sip:15555550123@203.0.113.8>;tag=ann\nTo: {to}\nCall-ID: call-1\n\
         CSeq: {number} {method}\n{more}\n"
    )
}

/// A bench with an incoming call.
fn called() -> (Bench, LegId) {
    let mut bench = Bench::new();
    bench.hear(INVITE);
    let Some(leg) = bench.events().first().and_then(UaEvent::leg) else { panic!("no call") };
    assert_eq!(bench.lines(), ["100 Trying"]);
    (bench, leg)
}

/// A bench with an answered incoming call, and its To value.
pub(super) fn confirmed() -> (Bench, LegId, String) {
    let (mut bench, leg) = called();
    bench.ua.answer(bench.now, leg, "v=1".to_owned());
    let to = header(&bench.sent()[0], "To").to_owned();
    bench.hear(&request("ACK", 10, "z9hG4bKa", &to, ""));
    assert_eq!(bench.events(), [UaEvent::Confirmed { leg }]);
    (bench, leg, to)
}

#[test]
fn call_is_reported_and_tried() {
    let mut bench = Bench::new();
    bench.hear(INVITE);
    let events = bench.events();
    let [UaEvent::Incoming { from, called, caller, sdp, .. }] = &events[..] else { panic!() };
    assert_eq!((*from, called.as_str()), (peer().into(), "+15555550100"));
    assert_eq!((caller.as_str(), sdp.as_deref()), ("15555550123", Some("v=0")));
    assert!(!format!("{events:?}").contains("555555"));
    let event = Output::Event(events[0].clone());
    assert!(!format!("{event:?}").contains("555555"));
    let trying = bench.sent().remove(0);
    assert_eq!(
        header(&trying, "Via"),
        "SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bKi1;rport=5060;received=198.51.100.7"
    );
    assert_eq!(trying.matches("Via: ").count(), 2);
    assert_eq!(header(&trying, "To"), "<sip:15555550100@192.0.2.10>");
    bench.hear(INVITE);
    assert_eq!(bench.sent(), [trying]);
    assert_eq!(bench.events(), []);
}

#[test]
fn answer_is_sent_until_acknowledged() {
    let (mut bench, leg) = called();
    bench.ua.ring(bench.now, leg);
    let ringing = bench.sent().remove(0);
    assert!(ringing.starts_with("SIP/2.0 180 Ringing\r\n"));
    bench.ua.answer(bench.now, leg, "v=1".to_owned());
    let ok = bench.sent().remove(0);
    assert_eq!(header(&ok, "To"), header(&ringing, "To"));
    assert_eq!(header(&ok, "Record-Route"), "<sip:203.0.113.9:5062;lr>");
    assert_eq!(header(&ok, "Contact"), "<sip:192.0.2.10:5060>");
    bench.hear(INVITE);
    assert_eq!(bench.sent().len(), 0);
    bench.wait(1_500);
    assert_eq!(bench.sent(), [ok.clone(), ok.clone()]);
    bench.hear(&request("ACK", 10, "z9hG4bKa", header(&ok, "To"), ""));
    bench.hear(&request("ACK", 10, "z9hG4bKa", header(&ok, "To"), ""));
    assert_eq!(bench.events(), [UaEvent::Confirmed { leg }]);
    bench.wait(30_000);
    assert_eq!(bench.sent().len(), 0);
    bench.ua.hang_up(bench.now, leg, None);
    let bye = bench.sent().remove(0);
    assert!(bye.starts_with("BYE sip:ann@203.0.113.8:5066 SIP/2.0\r\n"));
    assert_eq!(header(&bye, "Route"), "<sip:203.0.113.9:5062;lr>");
    assert_eq!(header(&bye, "From"), header(&ok, "To"));
    bench.hear(&answer(&bye, "200 OK", "", ""));
    bench.assert_nothing_left();
}

#[test]
fn answer_nobody_acknowledges_fails_with_bye() {
    let (mut bench, leg) = called();
    bench.ua.answer(bench.now, leg, "v=1".to_owned());
    bench.wait(31_999);
    assert_eq!(bench.events(), []);
    bench.sent();
    bench.wait(1);
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::Timeout }]);
    assert_eq!(bench.lines(), ["BYE"]);
    bench.assert_nothing_left();
}

#[test]
fn hanging_up_before_the_ack_sends_bye_after_it() {
    let (mut bench, leg) = called();
    bench.ua.answer(bench.now, leg, "v=1".to_owned());
    let to = header(&bench.sent()[0], "To").to_owned();
    bench.ua.hang_up(bench.now, leg, Some(16));
    assert_eq!(bench.sent().len(), 0);
    bench.hear(&request("ACK", 10, "z9hG4bKa", &to, ""));
    assert_eq!(bench.lines(), ["BYE"]);
    assert_eq!(bench.events(), [UaEvent::Ended { leg, by: Party::Local, q850: Some(16) }]);
    bench.assert_nothing_left();
}

#[test]
fn cancel_is_answered_and_ends_the_call() {
    let (mut bench, leg) = called();
    let to = "<sip:15555550100@192.0.2.10>";
    bench.hear(&request("CANCEL", 10, "z9hG4bKi1", to, ""));
    assert_eq!(bench.events(), [UaEvent::Cancelled { leg, by: Party::Remote }]);
    let sent = bench.sent();
    assert!(sent[0].starts_with("SIP/2.0 200 OK\r\n"));
    assert!(sent[1].starts_with("SIP/2.0 487 Request Terminated\r\n"));
    bench.wait(500);
    assert_eq!(bench.sent(), [sent[1].clone()]);
    bench.hear(&request("ACK", 10, "z9hG4bKi1", header(&sent[1], "To"), ""));
    bench.ua.answer(bench.now, leg, "v=1".to_owned());
    bench.wait(10_000);
    assert_eq!(bench.sent().len(), 0);
    bench.assert_nothing_left();
}

#[test]
fn without_rport_answers_go_to_the_port_the_caller_names() {
    let hops = |via: &str| {
        let mut bench = Bench::new();
        bench.hear(&INVITE.replace("203.0.113.9:5062;branch=z9hG4bKi1;rport", via));
        let mut hops = Vec::new();
        while let Some(output) = bench.ua.poll_output() {
            if let Output::Transmit { to, .. } = output {
                hops.push(to.to_string());
            }
        }
        hops
    };
    assert_eq!(hops("203.0.113.9:5062;branch=z9hG4bKi1"), ["198.51.100.7:5062"]);
    assert_eq!(hops("gateway.invalid;branch=z9hG4bKi1"), ["198.51.100.7:5060"]);
    assert_eq!(hops("203.0.113.9:5062;branch=z9hG4bKi1;rport"), [PEER]);
}

#[test]
fn stray_cancel_gets_481() {
    let mut bench = Bench::new();
    bench.hear(&request("CANCEL", 10, "z9hG4bKi1", "<sip:x@192.0.2.10>", ""));
    assert_eq!(bench.lines(), ["481 Call/Transaction Does Not Exist"]);
}

#[test]
fn refusal_carries_the_cause() {
    let (mut bench, leg) = called();
    bench.ua.reject(bench.now, leg, 486, Some(17));
    let sent = bench.sent();
    assert!(sent[0].starts_with("SIP/2.0 486 Busy Here\r\n"));
    assert_eq!(header(&sent[0], "Reason"), "Q.850;cause=17");
    assert_eq!(bench.events(), [UaEvent::Ended { leg, by: Party::Local, q850: Some(17) }]);
    bench.assert_nothing_left();
}

#[test]
fn bye_before_the_answer_is_a_cancellation() {
    let (mut bench, leg) = called();
    bench.ua.ring(bench.now, leg);
    let to = header(&bench.sent()[0], "To").to_owned();
    bench.hear(&request("BYE", 11, "z9hG4bKb", &to, ""));
    assert_eq!(bench.lines(), ["200 OK", "487 Request Terminated"]);
    assert_eq!(bench.events(), [UaEvent::Cancelled { leg, by: Party::Remote }]);
}

#[test]
fn requests_inside_a_call_are_answered_and_bye_ends() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&request("INFO", 12, "z9hG4bKt", &to, ""));
    bench.hear(&request("UPDATE", 13, "z9hG4bKu", &to, ""));
    bench.hear(&request("OPTIONS", 14, "z9hG4bKv", &to, ""));
    bench.hear(&request("SUBSCRIBE", 15, "z9hG4bKw", &to, ""));
    bench.hear(&request("INFO", 9, "z9hG4bKx", &to, ""));
    assert_eq!(
        bench.lines(),
        ["200 OK", "200 OK", "200 OK", "405 Method Not Allowed", "500 Server Internal Error"]
    );
    bench.hear(&request("BYE", 16, "z9hG4bKy", &to, "Reason: Q.850;cause=16\n"));
    assert_eq!(bench.events(), [UaEvent::Ended { leg, by: Party::Remote, q850: Some(16) }]);
    bench.assert_nothing_left();
}

#[test]
fn requests_outside_any_call() {
    let check = |text: &str, expected: &str| {
        let mut bench = Bench::new();
        bench.hear(text);
        let lines = bench.lines();
        assert_eq!(lines, [expected], "{text}");
        bench.assert_nothing_left();
    };
    let to = "<sip:x@192.0.2.10>";
    let plain = |method: &str, more: &str| request(method, 1, "z9hG4bK1", to, more);
    check(&plain("OPTIONS", ""), "200 OK");
    check(&plain("BYE", ""), "481 Call/Transaction Does Not Exist");
    check(&plain("REFER", ""), "403 Forbidden");
    check(&plain("REGISTER", ""), "405 Method Not Allowed");
    check(&plain("NEWMETHOD", ""), "501 Not Implemented");
    check(&plain("invite", ""), "501 Not Implemented");
    check(&plain("INVITE", "Require: 100rel, join\n"), "420 Bad Extension");
    check(&plain("INVITE", "Content-Type: text/plain\nl: 1\n\nx"), "415 Unsupported Media Type");
    check(&plain("INVITE", "Max-Forwards: many\n"), "400 Bad Request");
    check(&plain("INVITE", "Content-Length: 5\n"), "400 Bad Request");
    check(
        &plain("INVITE", "").replace("sip:x@192.0.2.10 ", "http://x "),
        "416 Unsupported Uri Scheme",
    );
    check(
        &plain("INVITE", "").replace(" SIP/2.0\nVia", " SIP/7.0\nVia"),
        "505 Version Not Supported",
    );
    check(&plain("INVITE", "").replace("1 INVITE", "1 BYE"), "400 Bad Request");
    check(&plain("INVITE", "").replace("Call-ID: call-1\n", ""), "400 Bad Request");
    check(&plain("INVITE", "").replace("tag=ann", "tag=ann\nTo: <sip:y@z>"), "400 Bad Request");
    check(
        &request("INVITE", 1, "z9hG4bK1", "<sip:x@y>;tag=gone", ""),
        "481 Call/Transaction Does Not Exist",
    );
}

#[test]
fn what_cannot_be_answered_is_only_reported() {
    let to = "<sip:x@192.0.2.10>";
    let no_via = request("INVITE", 1, "z9hG4bK1", to, "").replace("Via:", "X:");
    let bad_ack = request("ACK", 1, "z9hG4bK1", to, "").replace("CSeq: 1 ACK", "CSeq: x");
    for text in [no_via.as_str(), bad_ack.as_str(), "junk\n\n", "SIP/2.0 200 OK\n\n"] {
        let mut bench = Bench::new();
        bench.hear(text);
        assert_eq!(bench.sent().len(), 0, "{text}");
        assert!(matches!(bench.events()[..], [UaEvent::Malformed { .. }]), "{text}");
    }
}

#[test]
fn challenged_invite_must_prove_itself() {
    let challenge =
        Challenge { realm: "r".to_owned(), user: "u".to_owned(), password: "p".to_owned() };
    let mut bench = Bench::with(UserAgentConfig { challenge: Some(challenge), ..config() });
    bench.hear(INVITE);
    let refusal = bench.sent().remove(0);
    assert!(refusal.starts_with("SIP/2.0 407 "));
    assert_eq!(bench.events(), []);
    let asked = DigestChallenge::read(header(&refusal, "Proxy-Authenticate")).unwrap();
    let mut try_with = |password: &str, branch: &str| {
        let credentials = Credentials { user: "u".to_owned(), password: password.to_owned() };
        let proof = asked.answer(&credentials, "INVITE", "sip:%2B15555550100@192.0.2.10", "c", 1);
        let more = format!("Proxy-Authorization: {proof}\nMax-Forwards");
        bench.hear(&INVITE.replace("Max-Forwards", &more).replace("z9hG4bKi1", branch));
        (bench.lines(), bench.events().len())
    };
    assert_eq!(
        try_with("wrong", "z9hG4bKw"),
        (vec!["407 Proxy Authentication Required".to_owned()], 0)
    );
    assert_eq!(try_with("p", "z9hG4bKg"), (vec!["100 Trying".to_owned()], 1));
    let refused = (vec!["407 Proxy Authentication Required".to_owned()], 0);
    assert_eq!(try_with("p", "z9hG4bKagain"), refused, "a proof that somebody read on the way");
}
