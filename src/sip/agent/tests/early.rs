//! Early dialogs and provisional answers that must arrive (RFC 3262), both sides.

use super::super::super::FailureCause;
use super::called::request;
use super::*;

const CONTACT: &str = "Contact: <sip:x@203.0.113.5:5080>\n";

fn reliable(number: u32) -> String {
    format!("{CONTACT}Require: 100rel\nRSeq: {number}\n")
}

#[test]
fn a_reliable_answer_gets_one_prack_and_its_description_counts() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    let early = answer(&invite, "183 Session Progress", &reliable(7), "v=early");
    bench.hear(&early);
    let prack = bench.sent().remove(0);
    assert!(prack.starts_with("PRACK sip:x@203.0.113.5:5080 "), "{prack}");
    assert_eq!((header(&prack, "RAck"), header(&prack, "CSeq")), ("7 1 INVITE", "2 PRACK"));
    assert!(header(&prack, "To").ends_with(";tag=peer"));
    bench.hear(&answer(&prack, "200 OK", "", ""));
    bench.hear(&early);
    bench.hear(&answer(&invite, "180 Ringing", &reliable(9), ""));
    assert_eq!(bench.sent().len(), 0, "a copy, and one that overtook another");
    let heard = UaEvent::EarlyMedia { leg, sdp: "v=early".to_owned() };
    assert_eq!(bench.events(), [UaEvent::Progress { leg, status: 183 }, heard]);
    bench.hear(&answer(&invite, "180 Ringing", &reliable(8), ""));
    assert_eq!(header(&bench.sent()[0], "RAck"), "8 1 INVITE");
    bench.hear(&answer(&invite, "200 OK", CONTACT, ""));
    assert_eq!(header(&bench.sent()[0], "CSeq"), "1 ACK");
    let answered = UaEvent::Answered { leg, sdp: "v=early".to_owned() };
    assert_eq!(bench.events(), [UaEvent::Progress { leg, status: 180 }, answered]);
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(header(&bench.sent()[0], "CSeq"), "4 BYE");
    bench.assert_nothing_left();
}

#[test]
fn forks_are_told_apart() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    let of = |tag: &str, text: String| text.replace("tag=peer", &format!("tag={tag}"));
    let progress = |number, sdp| answer(&invite, "183 Session Progress", &reliable(number), sdp);
    bench.hear(&of("one", progress(7, "v=one")));
    bench.hear(&of("two", progress(7, "v=two").replace("203.0.113.5", "203.0.113.6")));
    bench.hear(&of("two", progress(8, "")));
    let sent = bench.sent();
    let seen: Vec<_> =
        sent.iter().map(|text| (header(text, "RAck"), header(text, "CSeq"))).collect();
    let wanted = [("7 1 INVITE", "2 PRACK"), ("7 1 INVITE", "2 PRACK"), ("8 1 INVITE", "3 PRACK")];
    assert_eq!(seen, wanted);
    assert!(header(&sent[0], "To").ends_with("tag=one"));
    assert!(header(&sent[1], "To").ends_with("tag=two"));
    bench.hear(&of("one", answer(&invite, "183 Session Progress", &reliable(8), "v=one")));
    let sdps = bench.events().into_iter().filter_map(|event| match event {
        UaEvent::EarlyMedia { sdp, .. } => Some(sdp),
        _ => None,
    });
    assert_eq!(sdps.collect::<Vec<_>>(), ["v=one", "v=two"], "each once");
    bench.sent();
    bench.hear(&of("two", answer(&invite, "200 OK", CONTACT, "")));
    let events = bench.events();
    assert_eq!(events.last(), Some(&UaEvent::Answered { leg, sdp: "v=two".to_owned() }));
    bench.sent();
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(header(&bench.sent()[0], "CSeq"), "4 BYE");
}

#[test]
fn requests_inside_an_early_dialog_are_answered() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "183 Session Progress", &reliable(7), "v=early"));
    let prack = bench.sent().remove(0);
    let inside = |method: &str, number: u32, body: &str| {
        format!(
            "{method} sip:x@192.0.2.10 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bK{number}\n\
             From: {}\nTo: {}\nCall-ID: {}\nCSeq: {number} {method}\n\
             Contact: <sip:new@203.0.113.7>\nContent-Type: application/sdp\n\n{body}",
            header(&prack, "To"),
            header(&prack, "From"),
            header(&prack, "Call-ID"),
        )
    };
    bench.hear(&inside("UPDATE", 3, ""));
    bench.hear(&inside("UPDATE", 4, "v=other"));
    bench.hear(&inside("INFO", 2, ""));
    bench.hear(&inside("BYE", 5, ""));
    let wanted = ["200 OK", "488 Not Acceptable Here", "500 Server Internal Error"];
    assert_eq!(bench.lines()[..3], wanted);
    bench.hear(&answer(&invite, "200 OK", CONTACT, ""));
    assert_eq!(bench.events().last(), Some(&UaEvent::Answered { leg, sdp: "v=early".to_owned() }));
    bench.sent();
    bench.hear(&inside("INFO", 1, ""));
    assert_eq!(bench.lines(), ["500 Server Internal Error"], "the numbers go on");
}

/// A bench with an incoming call that rings reliably, and what it sent.
fn rings() -> (Bench, LegId, String) {
    let mut bench = Bench::new();
    let invite = request("INVITE", 10, "z9hG4bKi", "<sip:x@192.0.2.10>", "Require: 100rel\n");
    bench.hear(&invite);
    let Some(leg) = bench.events().first().and_then(UaEvent::leg) else { panic!("no call") };
    bench.sent();
    bench.ua.ring(bench.now, leg);
    let ringing = bench.sent().remove(0);
    assert!(ringing.starts_with("SIP/2.0 180 ") && ringing.contains("Require: 100rel\r\n"));
    (bench, leg, ringing)
}

#[test]
fn ringing_is_sent_until_its_prack_comes() {
    let (mut bench, leg, ringing) = rings();
    bench.wait(1_500);
    assert_eq!(bench.sent(), [ringing.clone(), ringing.clone()]);
    let (to, number) = (header(&ringing, "To").to_owned(), header(&ringing, "RSeq"));
    bench.hear(&request("PRACK", 11, "z9hG4bKp", &to, "RAck: 1 10 BYE\n"));
    assert_eq!(bench.lines(), ["481 Call/Transaction Does Not Exist"]);
    let rack = format!("RAck: {number} 10 INVITE\n");
    bench.hear(&request("PRACK", 12, "z9hG4bKq", &to, &rack));
    assert_eq!(bench.lines(), ["200 OK"]);
    bench.wait(20_000);
    assert_eq!(bench.sent().len(), 0);
    bench.ua.answer(bench.now, leg, "v=1".to_owned());
    assert_eq!(bench.lines(), ["200 OK"]);
    bench.hear(&request("ACK", 10, "z9hG4bKa", &to, ""));
    bench.ua.hang_up(bench.now, leg, None);
    bench.assert_nothing_left();
}

#[test]
fn ringing_nobody_acknowledges_ends_the_call() {
    let (mut bench, leg, _) = rings();
    bench.wait(32_000);
    assert_eq!(bench.lines().last().map(String::as_str), Some("504 Server Time Out"));
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::Timeout }]);
    bench.assert_nothing_left();
}
