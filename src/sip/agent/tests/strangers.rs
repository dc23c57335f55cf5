//! Requests of strangers: one answer for one datagram, and nothing remembered.

use super::super::super::Challenge;
use super::*;

fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:15555550100@192.0.2.10 SIP/2.0\n\
         Via: SIP/2.0/UDP 203.0.113.9:5062;branch={branch};rport\nMax-Forwards: 70\n\
         From: <sip:15555550123@203.0.113.8>;tag=ann\nTo: <sip:15555550100@192.0.2.10>\n\
         Call-ID: call-1\nCSeq: 1 {method}\n{more}\n"
    )
}

/// What a bench says to a request and its copy; nothing may be left of either.
fn said(mut bench: Bench, text: &str) -> String {
    bench.hear(text);
    bench.hear(text);
    let sent = bench.sent();
    assert_eq!(sent.len(), 2, "one answer each: {sent:?}");
    assert_eq!(header(&sent[0], "To"), header(&sent[1], "To"), "one tag for all copies");
    assert_eq!((bench.ua.live_transactions(), bench.ua.live_dialogs()), (0, 0), "{text}");
    assert_eq!(bench.ua.poll_timeout(), None, "nothing is sent again");
    assert_eq!(bench.events(), []);
    sent[0].lines().next().unwrap_or_default().replace("SIP/2.0 ", "")
}

fn challenging() -> Bench {
    let challenge =
        Challenge { realm: "r".to_owned(), user: "u".to_owned(), password: "p".to_owned() };
    Bench::with(UserAgentConfig { challenge: Some(challenge), ..config() })
}

#[test]
fn refusals_and_challenges_leave_nothing_behind() {
    let closed = || Bench::with(UserAgentConfig { refuse_calls: Some(403), ..config() });
    let invite = request("INVITE", "z9hG4bK1", "");
    assert_eq!(said(challenging(), &invite), "407 Proxy Authentication Required");
    assert_eq!(said(closed(), &invite), "403 Forbidden");
    let check = |text: &str, expected: &str| assert_eq!(said(Bench::new(), text), expected);
    check(&request("OPTIONS", "z9hG4bK1", ""), "200 OK");
    check(&request("BYE", "z9hG4bK1", ""), "481 Call/Transaction Does Not Exist");
    check(&request("CANCEL", "z9hG4bK1", ""), "481 Call/Transaction Does Not Exist");
    check(&request("REGISTER", "z9hG4bK1", ""), "405 Method Not Allowed");
    check(&request("INVITE", "z9hG4bK1", "Require: x\n"), "420 Bad Extension");
    let inside = invite.replace("192.0.2.10>", "192.0.2.10>;tag=gone");
    check(&inside, "481 Call/Transaction Does Not Exist");
}

#[test]
fn a_flood_costs_no_memory_and_is_not_made_louder() {
    let mut bench = challenging();
    for number in 0..2_000 {
        let text = request("INVITE", &format!("z9hG4bK{number}"), "");
        bench.hear(&text);
        let sent = bench.sent();
        assert_eq!(sent.len(), 1);
        assert!(sent[0].len() < text.len() + 400, "{} of {}", sent[0].len(), text.len());
    }
    assert_eq!(bench.ua.live_transactions(), 0);
    bench.wait(60_000);
    assert_eq!(bench.sent().len(), 0);
}

#[test]
fn the_ack_of_a_refusal_is_no_news() {
    let mut bench = challenging();
    bench.hear(&request("INVITE", "z9hG4bK1", ""));
    let to = header(&bench.sent()[0], "To").to_owned();
    bench.hear(
        &request("ACK", "z9hG4bK1", "")
            .replace("To: <sip:15555550100@192.0.2.10>", &format!("To: {to}")),
    );
    assert_eq!((bench.sent().len(), bench.events().len()), (0, 0));
}

#[test]
fn a_call_that_comes_a_second_way_is_refused() {
    let mut bench = Bench::new();
    bench.hear(&request("INVITE", "z9hG4bK1", ""));
    assert_eq!(bench.lines(), ["100 Trying"]);
    bench.hear(&request("INVITE", "z9hG4bK2", ""));
    assert_eq!(bench.lines(), ["482 Loop Detected"]);
    bench.hear(&request("INVITE", "z9hG4bK3", "").replace("call-1", "call-2"));
    assert_eq!(bench.lines(), ["100 Trying"]);
}

#[test]
fn a_branch_of_the_cookie_alone_tells_no_request_from_another() {
    let mut bench = Bench::new();
    bench.hear(&request("INVITE", "z9hG4bK", ""));
    bench.hear(&request("INVITE", "z9hG4bK", "").replace("call-1", "call-2"));
    assert_eq!(bench.lines(), ["100 Trying", "100 Trying"]);
    assert_eq!(bench.ua.live_dialogs(), 2);
}

#[test]
fn a_name_that_is_no_utf_8_comes_back_as_it_was() {
    let mut bench = Bench::new();
    let text = request("OPTIONS", "z9hG4bK1", "").replace('\n', "\r\n");
    let mut bytes = Vec::new();
    for part in text.split("From: ").flat_map(|part| [part.as_bytes(), b"From: M\xfcller "]) {
        bytes.extend_from_slice(part);
    }
    bytes.truncate(bytes.len() - b"From: M\xfcller ".len());
    bench.ua.receive(bench.now, peer(), &bytes);
    let Some(Output::Transmit { bytes, .. }) = bench.ua.poll_output() else { panic!("no answer") };
    let name = b"From: M\xfcller <sip:15555550123@203.0.113.8>;tag=ann\r\n";
    assert!(bytes.windows(name.len()).any(|part| part == name));
}
