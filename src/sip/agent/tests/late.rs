//! Answers that come after their INVITE was given up.

use super::*;

const CONTACT: &str = "Contact: <sip:x@203.0.113.5:5080>\n";

/// A bench whose INVITE nobody answered until its transaction was over.
fn given_up() -> (Bench, String) {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(None);
    bench.wait(33_000);
    assert_eq!(bench.events().len(), 1);
    assert_eq!((bench.ua.live_transactions(), bench.ua.live_dialogs()), (0, 0));
    bench.sent();
    (bench, invite)
}

#[test]
fn an_answer_after_three_minutes_is_hung_up() {
    let (mut bench, invite) = given_up();
    bench.wait(180_000);
    let accept = answer(&invite, "200 OK", CONTACT, "v=0");
    bench.hear(&accept);
    let sent = bench.sent();
    assert!(sent[0].starts_with("ACK sip:x@203.0.113.5:5080 "), "{sent:?}");
    assert!(sent[1].starts_with("BYE sip:x@203.0.113.5:5080 "), "{sent:?}");
    assert_eq!(header(&sent[1], "CSeq"), "102 BYE");
    bench.hear(&accept);
    assert_eq!(bench.lines(), ["ACK"], "one BYE each fork");
    bench.hear(&accept.replace("tag=peer", "tag=other"));
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    bench.hear(&answer(&sent[1], "200 OK", "", ""));
    assert_eq!(bench.events(), [], "the leg is over");
    bench.assert_nothing_left();
}

#[test]
fn a_phone_that_rings_late_is_told_to_stop() {
    let (mut bench, invite) = given_up();
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    let cancel = bench.sent();
    assert_eq!(cancel.len(), 1);
    assert_eq!(header(&cancel[0], "Via"), header(&invite, "Via"));
    assert_eq!(header(&cancel[0], "CSeq"), "1 CANCEL");
    bench.hear(&answer(&cancel[0], "200 OK", "", ""));
    bench.hear(&answer(&invite, "487 Request Terminated", "", ""));
    assert_eq!(bench.lines(), ["ACK"]);
    bench.assert_nothing_left();
}

#[test]
fn a_cancelled_call_that_is_answered_at_last_is_hung_up() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.ua.hang_up(bench.now, leg, None);
    bench.wait(60_000);
    bench.sent();
    bench.hear(&answer(&invite, "200 OK", CONTACT, "v=0"));
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    bench.assert_nothing_left();
}

#[test]
fn a_fork_that_answers_after_a_refusal_is_hung_up() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(None);
    bench.hear(&answer(&invite, "486 Busy Here", "", ""));
    bench.hear(&answer(&invite, "200 OK", CONTACT, "v=0").replace("tag=peer", "tag=other"));
    assert_eq!(bench.lines(), ["ACK", "ACK", "BYE"]);
    bench.assert_nothing_left();
}

#[test]
fn what_is_kept_is_bounded_in_time_and_number() {
    let (mut bench, invite) = given_up();
    bench.wait(240_000);
    bench.hear(&answer(&invite, "200 OK", CONTACT, "v=0"));
    assert_eq!(bench.sent().len(), 0, "nobody answers after four minutes");
    assert_eq!(bench.ua.late.len(), 0);
    for _ in 0..17_000 {
        bench.call(None);
        bench.ua.transport_failed(bench.now, peer());
        bench.drain();
        bench.sent.clear();
    }
    assert_eq!(bench.ua.late.len(), 16_384);
}
