//! Offers inside a dialog, by either side.

use super::super::super::{FailureCause, Party};
use super::called::{confirmed, request};
use super::caller::answered;
use super::*;

const MOVED: &str = "Contact: <sip:moved@203.0.113.44:5070>\n";

fn with_sdp(method: &str, number: u32, branch: &str, to: &str, sdp: &str) -> String {
    let more =
        format!("{MOVED}Content-Type: application/sdp\nContent-Length: {}\n\n{sdp}", sdp.len());
    let text = request(method, number, branch, to, &more);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

#[test]
fn a_reinvite_is_answered_by_the_application() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&with_sdp("INVITE", 11, "z9hG4bKr", &to, "v=hold"));
    assert_eq!(bench.events(), [UaEvent::Offered { leg, sdp: Some("v=hold".to_owned()) }]);
    assert_eq!(bench.lines(), ["100 Trying"]);
    bench.ua.answer_offer(bench.now, leg, "v=held".to_owned());
    let ok = bench.sent().remove(0);
    assert!(ok.starts_with("SIP/2.0 200 OK\r\n") && ok.ends_with("\r\n\r\nv=held"), "{ok}");
    bench.wait(500);
    assert_eq!(bench.sent(), [ok], "until it is acknowledged");
    bench.hear(&request("ACK", 11, "z9hG4bKs", &to, ""));
    bench.wait(5_000);
    assert_eq!((bench.sent().len(), bench.events().len()), (0, 0));
    bench.ua.hang_up(bench.now, leg, None);
    assert!(bench.sent()[0].starts_with("BYE sip:moved@203.0.113.44:5070 "), "the peer moved");
    bench.assert_nothing_left();
}

#[test]
fn an_update_with_an_offer_is_answered_without_an_ack() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&with_sdp("UPDATE", 11, "z9hG4bKr", &to, "v=hold"));
    assert_eq!(bench.events(), [UaEvent::Offered { leg, sdp: Some("v=hold".to_owned()) }]);
    bench.ua.answer_offer(bench.now, leg, "v=held".to_owned());
    let sent = bench.sent();
    assert!(sent.len() == 1 && sent[0].ends_with("\r\n\r\nv=held"), "{sent:?}");
    bench.wait(5_000);
    assert_eq!(bench.sent().len(), 0);
    bench.hear(&request("UPDATE", 12, "z9hG4bKu", &to, ""));
    assert_eq!(bench.lines(), ["200 OK"], "one without offer needs nobody");
    assert_eq!(bench.events(), []);
}

#[test]
fn a_refused_or_forgotten_offer_changes_nothing() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&with_sdp("INVITE", 11, "z9hG4bKr", &to, "v=video"));
    bench.ua.refuse_offer(bench.now, leg, 488);
    assert_eq!(bench.lines(), ["100 Trying", "488 Not Acceptable Here"]);
    bench.hear(&request("ACK", 11, "z9hG4bKr", &to, ""));
    bench.hear(&with_sdp("UPDATE", 12, "z9hG4bKu", &to, "v=video"));
    bench.wait(1_999);
    assert_eq!(bench.sent().len(), 0);
    bench.wait(1);
    assert_eq!(bench.lines(), ["488 Not Acceptable Here"]);
    bench.ua.answer_offer(bench.now, leg, "v=late".to_owned());
    assert_eq!(bench.sent().len(), 0, "too late");
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(bench.lines(), ["BYE"]);
    bench.assert_nothing_left();
}

#[test]
fn a_reinvite_without_an_offer_is_given_one_and_the_ack_answers_it() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&request("INVITE", 11, "z9hG4bKr", &to, ""));
    assert_eq!(bench.events(), [UaEvent::Offered { leg, sdp: None }]);
    bench.ua.answer_offer(bench.now, leg, "v=ours".to_owned());
    assert!(bench.sent()[1].ends_with("\r\n\r\nv=ours"));
    bench.hear(&with_sdp("ACK", 11, "z9hG4bKs", &to, "v=theirs"));
    let (offer, sdp) = ("v=ours".to_owned(), "v=theirs".to_owned());
    assert_eq!(bench.events(), [UaEvent::OfferAnswered { leg, offer, sdp }]);
}

#[test]
fn offers_do_not_overtake_each_other() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&with_sdp("UPDATE", 11, "z9hG4bKr", &to, "v=1st"));
    bench.hear(&with_sdp("UPDATE", 12, "z9hG4bKu", &to, "v=2nd"));
    let refusal = bench.sent().remove(0);
    assert!(refusal.starts_with("SIP/2.0 500 "), "{refusal}");
    assert!(header(&refusal, "Retry-After").parse::<u32>().unwrap() <= 10);
    bench.ua.offer(bench.now, leg, "v=mine".to_owned());
    assert_eq!(bench.sent().len(), 0, "ours waits");
    bench.ua.answer_offer(bench.now, leg, "v=ok".to_owned());
    assert_eq!(bench.lines(), ["200 OK", "INVITE"]);
    bench.hear(&with_sdp("INVITE", 13, "z9hG4bKv", &to, "v=3rd"));
    assert_eq!(bench.lines(), ["491 Request Pending"]);
}

#[test]
fn hold_is_a_reinvite_of_ours() {
    let (mut bench, leg, _) = answered();
    bench.ua.offer(bench.now, leg, "v=hold".to_owned());
    let invite = bench.sent().remove(0);
    assert!(invite.starts_with("INVITE sip:x@203.0.113.5:5080 "), "{invite}");
    assert_eq!(header(&invite, "CSeq"), "2 INVITE");
    assert_eq!(header(&invite, "Contact"), "<sip:+15555550100@192.0.2.10:5060>");
    bench.ua.offer(bench.now, leg, "v=resume".to_owned());
    assert_eq!(bench.sent().len(), 0, "one at a time");
    let accept = answer(&invite, "200 OK", "Contact: <sip:y@203.0.113.6>\n", "v=held");
    bench.hear(&accept);
    let sent = bench.sent();
    assert!(sent[0].starts_with("ACK sip:y@203.0.113.6 "), "the target is new: {sent:?}");
    assert_eq!(header(&sent[0], "CSeq"), "2 ACK");
    assert_eq!(header(&sent[1], "CSeq"), "3 INVITE");
    let (offer, sdp) = ("v=hold".to_owned(), "v=held".to_owned());
    assert_eq!(bench.events(), [UaEvent::OfferAnswered { leg, offer, sdp }]);
    bench.hear(&accept);
    assert_eq!(bench.lines(), ["ACK"], "for each copy");
    bench.hear(&answer(&sent[1], "488 Not Acceptable Here", "", ""));
    assert_eq!(bench.lines(), ["ACK"]);
    assert_eq!(bench.events(), [UaEvent::OfferRefused { leg, status: 488 }]);
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(header(&bench.sent()[0], "CSeq"), "4 BYE");
    bench.assert_nothing_left();
}

#[test]
fn after_a_glare_the_offer_is_made_again() {
    let (mut bench, leg, _) = answered();
    bench.ua.offer(bench.now, leg, "v=hold".to_owned());
    let invite = bench.sent().remove(0);
    bench.hear(&answer(&invite, "491 Request Pending", "", ""));
    assert_eq!(bench.lines(), ["ACK"]);
    bench.wait(2_099);
    assert_eq!(bench.sent().len(), 0, "we made the Call-ID: 2.1 s at least");
    bench.wait(1_901);
    let again = bench.sent();
    assert_eq!(header(&again[0], "CSeq"), "3 INVITE");
    assert!(again[0].ends_with("v=hold"));
    assert_eq!(bench.events(), []);
}

#[test]
fn a_challenged_offer_is_proven() {
    let mut bench = Bench::new();
    let known = Credentials { user: "u".to_owned(), password: "p".to_owned() };
    let (leg, invite) = bench.call(Some(known));
    bench.hear(&answer(&invite, "200 OK", MOVED, "v=0"));
    bench.ua.offer(bench.now, leg, "v=hold".to_owned());
    let invite = bench.sent().remove(1);
    let asked = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\"\n";
    bench.hear(&answer(&invite, "407 Proxy Authentication Required", asked, ""));
    let proven = bench.sent().remove(1);
    assert_eq!(header(&proven, "CSeq"), "3 INVITE");
    assert!(header(&proven, "Proxy-Authorization").contains("username=\"u\""));
    bench.hear(&answer(&proven, "200 OK", MOVED, "v=held"));
    let ack = bench.sent().remove(0);
    assert!(header(&ack, "Proxy-Authorization").contains("username=\"u\""));
    assert_eq!(bench.events().len(), 2);
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(header(&bench.sent()[0], "CSeq"), "4 BYE");
    bench.assert_nothing_left();
}

#[test]
fn a_dialog_the_peer_does_not_know_is_over() {
    let (mut bench, leg, _) = answered();
    bench.ua.offer(bench.now, leg, "v=hold".to_owned());
    let invite = bench.sent().remove(0);
    bench.hear(&answer(&invite, "481 Call/Transaction Does Not Exist", "", ""));
    assert_eq!(bench.events(), [UaEvent::Ended { leg, by: Party::Remote, q850: None }]);
    bench.assert_nothing_left();

    let (mut bench, leg, _) = answered();
    bench.ua.offer(bench.now, leg, "v=hold".to_owned());
    bench.wait(32_000);
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::Timeout }]);
    bench.assert_nothing_left();
}

#[test]
fn a_call_that_ends_meanwhile_answers_what_is_asked() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&with_sdp("INVITE", 11, "z9hG4bKr", &to, "v=hold"));
    bench.hear(&request("BYE", 12, "z9hG4bKb", &to, ""));
    assert_eq!(bench.lines(), ["100 Trying", "200 OK", "487 Request Terminated"]);
    bench.ua.answer_offer(bench.now, leg, "v=late".to_owned());
    assert_eq!(bench.sent().len(), 0);
    bench.assert_nothing_left();

    let (mut bench, leg, to) = confirmed();
    bench.hear(&with_sdp("UPDATE", 11, "z9hG4bKr", &to, "v=hold"));
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(bench.lines(), ["487 Request Terminated", "BYE"]);
    bench.assert_nothing_left();
}
