//! Transfers: REFER by either side, NOTIFY, and INVITE with Replaces.

use super::super::super::Party;
use super::super::super::digest::DigestChallenge;
use super::super::super::{DigestHash, FailureCause};
use super::called::{confirmed, request};
use super::caller::answered;
use super::*;

const TO_BOB: &str = "Refer-To: <sip:bob@192.0.2.10>\n";

fn refer(number: u32, to: &str, more: &str) -> String {
    request("REFER", number, &format!("z9hG4bKr{number}"), to, more)
}

/// The part of a NOTIFY that says how far it is.
fn news(notify: &str) -> (&str, &str) {
    assert!(notify.starts_with("NOTIFY sip:ann@203.0.113.8:5066 "), "{notify}");
    assert_eq!(header(notify, "Content-Type"), "message/sipfrag;version=2.0");
    let (_, body) = notify.split_once("\r\n\r\n").expect("a body");
    (header(notify, "Subscription-State"), body.trim_end())
}

/// A leg whose peer asked for a transfer to Bob, which was accepted; and the first NOTIFY.
fn referred() -> (Bench, LegId, String, String) {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&refer(11, &to, TO_BOB));
    let user = "bob".to_owned();
    assert_eq!(bench.events(), [UaEvent::Referred { leg, user, replaces: None }]);
    assert_eq!(bench.sent().len(), 0, "the application decides");
    bench.ua.accept_refer(bench.now, leg);
    let mut sent = bench.sent();
    let first = sent.remove(1);
    assert!(sent[0].starts_with("SIP/2.0 202 Accepted\r\n"), "{sent:?}");
    (bench, leg, to, first)
}

#[test]
fn a_blind_transfer_is_accepted_and_told() {
    let (mut bench, leg, to, first) = referred();
    assert_eq!(news(&first), ("active;expires=180", "SIP/2.0 100 Trying"));
    assert_eq!(header(&first, "Event"), "refer");
    bench.hear(&refer(11, &to, TO_BOB));
    assert_eq!((bench.lines(), bench.events().len()), (vec!["202 Accepted".to_owned()], 0));
    bench.ua.notify_refer(bench.now, leg, 180);
    bench.ua.notify_refer(bench.now, leg, 200);
    assert_eq!(bench.sent().len(), 0, "one NOTIFY after the other");
    bench.hear(&answer(&first, "200 OK", "", ""));
    let sent = bench.sent();
    assert_eq!(sent.len(), 1, "what was said last");
    assert_eq!(news(&sent[0]), ("terminated;reason=noresource", "SIP/2.0 200 OK"));
    bench.hear(&answer(&sent[0], "200 OK", "", ""));
    bench.ua.notify_refer(bench.now, leg, 486);
    assert_eq!(bench.sent().len(), 0, "an end stays one");
    bench.hear(&refer(12, &to, TO_BOB));
    bench.ua.accept_refer(bench.now, leg);
    assert_eq!(header(&bench.sent()[1], "Event"), "refer;id=12", "the second in the dialog");
    bench.ua.hang_up(bench.now, leg, None);
    bench.assert_nothing_left();
}

#[test]
fn a_transfer_may_be_refused_and_is_after_a_while() {
    let (mut bench, leg, to) = confirmed();
    bench.hear(&refer(11, &to, TO_BOB));
    bench.hear(&refer(12, &to, TO_BOB));
    assert_eq!(bench.lines(), ["491 Request Pending"]);
    bench.ua.refuse_refer(bench.now, leg, 486);
    assert_eq!(bench.lines(), ["486 Busy Here"]);
    bench.hear(&refer(13, &to, TO_BOB));
    bench.wait(1_999);
    assert_eq!(bench.sent().len(), 0);
    bench.wait(1);
    assert_eq!(bench.lines(), ["603 Decline"]);
    bench.ua.accept_refer(bench.now, leg);
    bench.ua.notify_refer(bench.now, leg, 200);
    assert_eq!(bench.sent().len(), 0, "too late");
    bench.ua.hang_up(bench.now, leg, None);
    bench.assert_nothing_left();
}

#[test]
fn a_transfer_without_a_clear_target_is_refused() {
    for (more, expected) in [
        ("", "400 Bad Request"),
        ("Refer-To: <sip:a@b>\nRefer-To: <sip:c@d>\n", "400 Bad Request"),
        ("Refer-To: sip:a@b, sip:c@d\n", "400 Bad Request"),
        ("Refer-To: nonsense\n", "400 Bad Request"),
        ("Refer-To: <https://example.org/>\n", "416 Unsupported Uri Scheme"),
        ("Refer-To: <sip:a@b;method=BYE>\n", "403 Forbidden"),
        ("Refer-To: <sip:a@b?Replaces=call-1>\n", "400 Bad Request"),
        (
            "Refer-To: <sip:a@b?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz>\n",
            "481 Call/Transaction Does Not Exist",
        ),
    ] {
        let (mut bench, leg, to) = confirmed();
        bench.hear(&refer(11, &to, more));
        assert_eq!((bench.lines(), bench.events()), (vec![expected.to_owned()], vec![]), "{more}");
        bench.ua.hang_up(bench.now, leg, None);
        bench.assert_nothing_left();
    }
}

#[test]
fn a_peer_that_hangs_up_after_its_refer_is_still_told() {
    let (mut bench, leg, to, first) = referred();
    bench.hear(&request("BYE", 12, "z9hG4bKb", &to, ""));
    assert_eq!(bench.lines(), ["200 OK"]);
    assert!(matches!(bench.events()[..], [UaEvent::Ended { by: Party::Remote, .. }]));
    bench.hear(&answer(&first, "200 OK", "", ""));
    bench.ua.notify_refer(bench.now, leg, 200);
    let last = bench.sent().remove(0);
    assert_eq!(news(&last), ("terminated;reason=noresource", "SIP/2.0 200 OK"));
    bench.hear(&answer(&last, "481 Gone", "", ""));
    assert_eq!(bench.events(), []);
    bench.assert_nothing_left();
}

#[test]
fn a_transfer_nobody_finishes_ends_by_itself() {
    let (mut bench, leg, to, first) = referred();
    bench.hear(&answer(&first, "200 OK", "", ""));
    bench.hear(&request("BYE", 12, "z9hG4bKb", &to, ""));
    bench.sent();
    bench.wait(180_000);
    let last = bench.sent().remove(0);
    assert_eq!(news(&last), ("terminated;reason=noresource", "SIP/2.0 408 Request Timeout"));
    bench.ua.notify_refer(bench.now, leg, 200);
    bench.assert_nothing_left();
}

#[test]
fn who_is_hung_up_hears_first_what_became_of_the_transfer() {
    let (mut bench, leg, _, _) = referred();
    bench.ua.notify_refer(bench.now, leg, 200);
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(bench.lines(), ["NOTIFY", "BYE"]);
    bench.assert_nothing_left();
}

#[test]
fn a_peer_that_answers_no_notify_keeps_its_call() {
    let (mut bench, leg, _, first) = referred();
    bench.hear(&answer(&first, "481 Gone", "", ""));
    bench.ua.notify_refer(bench.now, leg, 200);
    assert_eq!((bench.sent().len(), bench.events().len()), (0, 0));
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(bench.lines(), ["BYE"]);
    bench.assert_nothing_left();
}

#[test]
fn an_attended_transfer_names_another_leg_of_ours() {
    let (mut bench, leg, to) = confirmed();
    let second = INVITE_2.replace("call-1", "call-2").replace("tag=ann", "tag=ann2");
    bench.hear(&second);
    let Some(UaEvent::Incoming { leg: other, .. }) = bench.events().pop() else { panic!() };
    bench.ua.answer(bench.now, other, "v=1".to_owned());
    let other_to = header(&bench.sent()[1], "To").to_owned();
    let replaces = format!("call-2%3Bto-tag%3D{}%3Bfrom-tag%3Dann2", tag_of(&other_to));
    bench.hear(&refer(11, &to, &format!("Refer-To: <sip:bob@192.0.2.10?Replaces={replaces}>\n")));
    let user = "bob".to_owned();
    assert_eq!(bench.events(), [UaEvent::Referred { leg, user, replaces: Some(other) }]);
}

const INVITE_2: &str = "INVITE sip:bob@192.0.2.10 SIP/2.0
Via: SIP/2.0/UDP 203.0.113.9:5062;branch=z9hG4bKn1
From: <sip:ann@203.0.113.8>;tag=ann
To: <sip:bob@192.0.2.10>
Call-ID: call-1
CSeq: 1 INVITE
Contact: <sip:ann@203.0.113.8:5066>
Content-Type: application/sdp
Content-Length: 3

v=0";

fn tag_of(to: &str) -> String {
    to.split_once(";tag=").expect("a tag").1.to_owned()
}

/// An INVITE of a third party that wants to replace what stands in its header.
fn replacing(replaces: &str) -> String {
    let invite = INVITE_2.replace("call-1", "call-3").replace("tag=ann", "tag=carl");
    let invite = invite.replace("z9hG4bKn1", "z9hG4bKn3");
    invite.replace("Content-Type", &format!("Replaces: {replaces}\nContent-Type"))
}

#[test]
fn a_call_takes_the_place_of_another() {
    let (mut bench, old, to) = confirmed();
    bench.hear(&replacing(&format!("call-1;to-tag={};from-tag=ann", tag_of(&to))));
    let events = bench.events();
    let [UaEvent::Incoming { leg: new, replaces, phone: None, .. }] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(replaces, Some(old));
    assert_eq!(bench.lines(), ["100 Trying"], "the old one goes on meanwhile");
    bench.ua.answer(bench.now, new, "v=1".to_owned());
    assert_eq!(bench.lines(), ["200 OK", "BYE"]);
    let end = UaEvent::Ended { leg: old, by: Party::Local, q850: None };
    assert_eq!(bench.events(), [UaEvent::Replaced { old, new }, end]);
    bench.ua.hang_up(bench.now, new, None);
    bench.assert_nothing_left();
}

#[test]
fn a_call_that_replaces_nothing_is_refused() {
    let gone = "481 Call/Transaction Does Not Exist";
    for (replaces, expected) in [
        ("call-1;from-tag=ann", "400 Bad Request"),
        (";to-tag=TAG;from-tag=ann", "400 Bad Request"),
        ("call-1;to-tag=TAG;from-tag=ann\nReplaces: call-9;to-tag=a;from-tag=b", "400 Bad Request"),
        ("call-1;to-tag=TAG;from-tag=ann\nJoin: call-9;to-tag=a;from-tag=b", "400 Bad Request"),
        ("call-9;to-tag=TAG;from-tag=ann", gone),
        ("call-1;to-tag=other;from-tag=ann", gone),
        ("call-1;to-tag=TAG;from-tag=other", gone),
        ("call-1;to-tag=TAG;from-tag=ann;early-only", "486 Busy Here"),
    ] {
        let (mut bench, leg, to) = confirmed();
        bench.hear(&replacing(&replaces.replace("TAG", &tag_of(&to))));
        assert_eq!(
            (bench.lines(), bench.events()),
            (vec![expected.to_owned()], vec![]),
            "{replaces}"
        );
        bench.ua.hang_up(bench.now, leg, None);
        bench.assert_nothing_left();
    }
}

#[test]
fn what_is_over_is_not_replaced() {
    let (mut bench, leg, to) = confirmed();
    bench.ua.hang_up(bench.now, leg, None);
    bench.sent();
    bench.hear(&replacing(&format!("call-1;to-tag={};from-tag=ann", tag_of(&to))));
    assert_eq!(bench.lines(), ["603 Decline"]);
}

#[test]
fn only_who_called_may_have_an_early_dialog_replaced() {
    let mut bench = Bench::new();
    bench.hear(INVITE_2);
    let Some(UaEvent::Incoming { leg, .. }) = bench.events().pop() else { panic!() };
    bench.ua.ring(bench.now, leg);
    let to = header(&bench.sent()[1], "To").to_owned();
    bench.hear(&replacing(&format!("call-1;to-tag={};from-tag=ann", tag_of(&to))));
    assert_eq!(bench.lines(), ["481 Call/Transaction Does Not Exist"]);

    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.drain();
    bench.events.clear();
    let ours = header(&invite, "From").split_once(";tag=").expect("a tag").1.to_owned();
    let call_id = header(&invite, "Call-ID");
    bench.hear(&replacing(&format!("{call_id};to-tag={ours};from-tag=peer;early-only")));
    let events = bench.events();
    let [UaEvent::Incoming { leg: new, replaces, .. }] = events[..] else { panic!("{events:?}") };
    assert_eq!(replaces, Some(leg));
    bench.sent();
    bench.ua.answer(bench.now, new, "v=1".to_owned());
    assert_eq!(bench.lines(), ["200 OK", "CANCEL"], "nobody need answer there any more");
}

#[test]
fn a_phone_proves_who_calls() {
    let mut bench = Bench::new();
    let ann = Credentials { user: "ann".to_owned(), password: "p".to_owned() };
    bench.ua.admit_phones("phones", &[DigestHash::Md5], vec![ann.clone()]);
    bench.hear(INVITE_2);
    let refusal = bench.sent().remove(0);
    assert!(refusal.starts_with("SIP/2.0 401 "), "{refusal}");
    assert_eq!((bench.events(), bench.ua.live_transactions()), (vec![], 0));
    let asked = DigestChallenge::read(header(&refusal, "WWW-Authenticate")).expect("a challenge");
    let mut try_with = |password: &str, branch: &str| {
        let with = Credentials { password: password.to_owned(), ..ann.clone() };
        let proof = asked.answer(&with, "INVITE", "sip:bob@192.0.2.10", "c", 1);
        let more = format!("Authorization: {proof}\nContact");
        bench.hear(&INVITE_2.replace("Contact", &more).replace("z9hG4bKn1", branch));
        bench.events()
    };
    assert_eq!(try_with("wrong", "z9hG4bKw"), []);
    let events = try_with("p", "z9hG4bKg");
    let [UaEvent::Incoming { phone, called, .. }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((phone.as_deref(), called.as_str()), (Some("ann"), "bob"));
}

#[test]
fn we_refer_and_hear_how_it_goes() {
    let (mut bench, leg, ack) = answered();
    bench.ua.refer(bench.now, leg, "bob", None);
    let refer = bench.sent().remove(0);
    assert_eq!(header(&refer, "Refer-To"), "<sip:bob@192.0.2.10:5060>");
    bench.hear(&answer(&refer, "202 Accepted", "", ""));
    bench.ua.refer(bench.now, leg, "carl", None);
    assert_eq!(bench.sent().len(), 0, "one at a time");
    // The peer's side of the dialog.
    let notify = |number: u32, event: &str, state: &str, body: &str| {
        format!(
            "NOTIFY sip:x@192.0.2.10 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKn{number}\n\
             From: {}\nTo: {}\nCall-ID: {}\nCSeq: {number} NOTIFY\nEvent: {event}\n\
             Subscription-State: {state}\nContent-Type: message/sipfrag\n\
             Content-Length: {}\n\n{body}",
            header(&ack, "To"),
            header(&ack, "From"),
            header(&ack, "Call-ID"),
            body.len(),
        )
    };
    bench.hear(&notify(1, "presence", "active", ""));
    assert_eq!(bench.lines(), ["489 Bad Event"]);
    bench.hear(&notify(2, "refer", "active;expires=60", "SIP/2.0 100 Trying"));
    bench.hear(&notify(3, "refer", "terminated;reason=noresource", "SIP/2.0 486 Busy Here"));
    let progress = |status| UaEvent::ReferProgress { leg, status };
    assert_eq!(bench.events(), [progress(100), progress(486)]);
    assert_eq!(bench.lines(), ["200 OK", "200 OK"]);
    bench.hear(&notify(4, "refer", "active", "SIP/2.0 200 OK"));
    assert_eq!(bench.lines(), ["481 Call/Transaction Does Not Exist"]);
    bench.ua.refer(bench.now, leg, "carl", None);
    bench.sent();
    bench.wait(32_000);
    assert_eq!(bench.events(), [progress(408)], "nobody answers that one");
    bench.ua.refer(bench.now, leg, "dora", Some(leg));
    let refer = bench.sent().pop().expect("a REFER");
    let to = header(&refer, "Refer-To");
    assert!(to.starts_with("<sip:x@203.0.113.5:5080?Replaces="), "{to}");
    assert!(to.contains("%3Bto-tag%3Dpeer%3Bfrom-tag%3D"), "{to}");
    bench.ua.hang_up(bench.now, leg, None);
    let end = bench.events();
    assert!(
        !end.iter()
            .any(|event| matches!(event, UaEvent::Failed { cause: FailureCause::Timeout, .. }))
    );
    bench.assert_nothing_left();
}
