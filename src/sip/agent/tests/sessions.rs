//! Session timers (RFC 4028), both ways.

use super::super::super::FailureCause;
use super::called::{confirmed, request};
use super::*;

const CONTACT: &str = "Contact: <sip:x@203.0.113.5:5080>\nAllow: INVITE, UPDATE\n";

/// A bench with a call answered by these session headers.
fn agreed(more: &str) -> (Bench, LegId) {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    assert_eq!(header(&invite, "Session-Expires"), "1800");
    assert_eq!(header(&invite, "Supported"), "100rel, timer");
    bench.hear(&answer(&invite, "200 OK", &format!("{CONTACT}{more}"), "v=0"));
    bench.events();
    bench.sent();
    (bench, leg)
}

#[test]
fn the_refresher_sends_update_at_half_the_interval() {
    let (mut bench, leg) = agreed("Session-Expires: 90;refresher=uac\n");
    for round in 2..6 {
        bench.wait(44_999);
        assert_eq!(bench.sent().len(), 0);
        bench.wait(1);
        let update = bench.sent().remove(0);
        assert!(update.starts_with("UPDATE sip:x@203.0.113.5:5080 "), "{update}");
        assert_eq!(header(&update, "CSeq"), format!("{round} UPDATE"));
        assert_eq!(header(&update, "Session-Expires"), "90;refresher=uac");
        let more = format!("{CONTACT}Session-Expires: 90;refresher=uac\n");
        bench.hear(&answer(&update, "200 OK", &more, ""));
    }
    assert_eq!(bench.events(), []);
    bench.ua.hang_up(bench.now, leg, None);
    bench.assert_nothing_left();
}

#[test]
fn a_peer_without_update_is_refreshed_by_reinvite() {
    let more = "Session-Expires: 90;refresher=uac\nAllow: INVITE\n";
    let (mut bench, leg) = agreed(&format!("{more}X: "));
    bench.wait(45_000);
    let update = bench.sent().remove(0);
    bench.hear(&answer(&update, "405 Method Not Allowed", "", ""));
    bench.wait(5_000);
    let invite = bench.sent().remove(0);
    assert!(invite.starts_with("INVITE ") && invite.ends_with(OFFER), "{invite}");
    assert_eq!(header(&invite, "Session-Expires"), "90;refresher=uac");
    bench.hear(&answer(&invite, "200 OK", "Session-Expires: 90;refresher=uac\n", "v=0"));
    let (offer, sdp) = (OFFER.to_owned(), "v=0".to_owned());
    assert_eq!(bench.events(), [UaEvent::OfferAnswered { leg, offer, sdp }]);
    bench.sent();
    bench.wait(45_000);
    assert_eq!(bench.lines(), ["INVITE"]);
}

#[test]
fn a_session_the_peer_does_not_refresh_ends() {
    let (mut bench, leg) = agreed("Session-Expires: 90;refresher=uas\n");
    bench.wait(59_999);
    assert_eq!((bench.sent().len(), bench.events().len()), (0, 0));
    bench.wait(1);
    assert_eq!(bench.lines(), ["BYE"]);
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::Timeout }]);
    bench.assert_nothing_left();
}

#[test]
fn a_refresh_nobody_answers_ends_the_session() {
    let (mut bench, leg) = agreed("Session-Expires: 1800;refresher=uac\n");
    bench.wait(900_000);
    assert_eq!(bench.lines(), ["UPDATE"]);
    bench.wait(32_000);
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::Timeout }]);
    bench.assert_nothing_left();
}

#[test]
fn without_an_agreed_interval_there_is_none() {
    let (mut bench, leg) = agreed("");
    bench.wait(86_400_000);
    assert_eq!((bench.sent().len(), bench.events().len()), (0, 0));
    bench.ua.hang_up(bench.now, leg, None);
    bench.assert_nothing_left();
}

#[test]
fn an_interval_too_brief_for_the_peer_is_asked_again() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "422 Session Interval Too Small", "Min-SE: 3600\n", ""));
    let sent = bench.sent();
    assert!(sent[0].starts_with("ACK "));
    assert_eq!(header(&sent[1], "CSeq"), "2 INVITE");
    assert_eq!(header(&sent[1], "Call-ID"), header(&invite, "Call-ID"));
    assert_eq!((header(&sent[1], "Session-Expires"), header(&sent[1], "Min-SE")), ("3600", "3600"));
    bench.hear(&answer(&sent[1], "422 Session Interval Too Small", "Min-SE: 3600\n", ""));
    let events = bench.events();
    let [UaEvent::Refused { leg: refused, status: 422, .. }] = &events[..] else {
        panic!("asked for what it was given: {events:?}")
    };
    assert_eq!(*refused, leg);
    bench.assert_nothing_left();
}

#[test]
fn the_called_side_grants_and_keeps_to_it() {
    let check = |asked: &str, granted: &str, refreshes: bool| {
        let (mut bench, leg, to) = confirmed();
        bench.hear(&request("UPDATE", 11, "z9hG4bKu", &to, asked));
        let ok = bench.sent().remove(0);
        assert_eq!(header(&ok, "Session-Expires"), granted);
        assert_eq!(ok.contains("Require: timer"), !refreshes);
        bench.wait(59_999);
        if refreshes {
            let sent = bench.lines();
            assert_eq!(sent.first().map(String::as_str), Some("INVITE"), "{sent:?}");
        } else {
            assert_eq!(bench.sent().len(), 0);
            bench.wait(1);
            assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::Timeout }]);
        }
        bench.assert_nothing_left();
    };
    check("Supported: timer\nSession-Expires: 90\n", "90;refresher=uac", false);
    check("Supported: timer\nSession-Expires: 90;refresher=uas\n", "90;refresher=uas", true);
    check("Session-Expires: 60\n", "90;refresher=uas", true);
}

#[test]
fn an_interval_too_brief_for_us_gets_422() {
    let brief = "Supported: timer\nSession-Expires: 60\n";
    let mut bench = Bench::new();
    bench.hear(&request("INVITE", 10, "z9hG4bKi", "<sip:x@192.0.2.10>", brief));
    let refusal = bench.sent().remove(0);
    assert!(refusal.starts_with("SIP/2.0 422 "), "{refusal}");
    assert_eq!(header(&refusal, "Min-SE"), "90");
    assert_eq!(bench.events(), []);
    let (mut bench, _, to) = confirmed();
    bench.hear(&request("UPDATE", 11, "z9hG4bKu", &to, brief));
    assert!(bench.lines()[0].starts_with("422 "));
}
