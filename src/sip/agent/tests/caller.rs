//! Calls we make.

use super::super::super::{Assertion, FailureCause, Party};
use super::*;

const CONTACT: &str = "Contact: <sip:x@203.0.113.5:5080>\n";
const REPLY: &str = "v=0";

fn credentials() -> Option<Credentials> {
    Some(Credentials { user: "u".to_owned(), password: "p".to_owned() })
}

/// A bench with an answered call, its leg and its ACK.
pub(super) fn answered() -> (Bench, LegId, String) {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.hear(&answer(&invite, "200 OK", CONTACT, REPLY));
    assert_eq!(
        bench.events(),
        [UaEvent::Progress { leg, status: 180 }, UaEvent::Answered { leg, sdp: REPLY.to_owned() },]
    );
    let ack = bench.sent().remove(0);
    (bench, leg, ack)
}

#[test]
fn invite_is_sent_again_with_doubling_pauses() {
    let mut slow = config();
    slow.timers.no_provisional = Millis(40_000);
    let mut bench = Bench::with(slow);
    let (leg, invite) = bench.call(None);
    assert_eq!(header(&invite, "To"), "<sip:15555550123@198.51.100.7:5060>");
    assert!(header(&invite, "From").starts_with("<sip:+15555550100@192.0.2.10:5060>;tag="));
    assert_eq!(header(&invite, "CSeq"), "1 INVITE");
    for pause in [500, 1_000, 2_000, 4_000] {
        bench.wait(pause - 1);
        assert_eq!(bench.sent().len(), 0);
        bench.wait(1);
        assert_eq!(bench.sent(), std::slice::from_ref(&invite));
    }
    bench.hear(&answer(&invite, "100 Trying", "", ""));
    bench.wait(8_000);
    assert_eq!(bench.sent().len(), 0);
    assert_eq!(bench.events(), [UaEvent::Progress { leg, status: 100 }]);
}

#[test]
fn a_private_caller_stands_only_where_the_carrier_takes_it_out() {
    let mut bench = Bench::new();
    let identity = Identity {
        caller: "+15555550100".to_owned(),
        domain: Some("carrier.example".to_owned()),
        assertion: Assertion::Asserted,
        is_private: true,
    };
    assert!(!format!("{identity:?}").contains("5555550100"));
    let shown = Identity {
        assertion: Assertion::Preferred,
        is_private: false,
        domain: None,
        ..identity.clone()
    };
    let invite = bench.call_as(identity);
    assert!(
        header(&invite, "From").starts_with("\"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=")
    );
    assert_eq!(header(&invite, "P-Asserted-Identity"), "<sip:+15555550100@carrier.example>");
    assert_eq!(header(&invite, "Privacy"), "id");
    assert_eq!(invite.matches("5555550100").count(), 1, "{invite}");
    let invite = bench.call_as(shown);
    assert!(header(&invite, "From").starts_with("<sip:+15555550100@192.0.2.10:5060>;tag="));
    assert_eq!(header(&invite, "P-Preferred-Identity"), "<sip:+15555550100@192.0.2.10:5060>");
    assert!(!invite.contains("Privacy"));
}

#[test]
fn nothing_in_time_fails_and_stops_sending() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.wait(1_200);
    let failed = UaEvent::Failed { leg, cause: FailureCause::NoProvisional };
    assert_eq!(bench.events(), [failed]);
    bench.sent();
    bench.wait(3_000);
    assert_eq!(bench.sent().len(), 0);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    assert_eq!(bench.lines(), ["CANCEL"]);
    bench.hear(&answer(&invite, "487 Request Terminated", "", ""));
    assert_eq!(bench.lines(), ["ACK"]);
    assert_eq!(bench.events(), []);
    bench.assert_nothing_left();
}

#[test]
fn late_answer_after_no_provisional_is_hung_up() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.wait(1_300);
    assert_eq!(bench.events().len(), 1);
    bench.sent();
    bench.hear(&answer(&invite, "200 OK", CONTACT, REPLY));
    let sent = bench.sent();
    assert!(sent[0].starts_with("ACK sip:x@203.0.113.5:5080 "));
    assert!(sent[1].starts_with("BYE sip:x@203.0.113.5:5080 "));
    assert_eq!(header(&sent[1], "CSeq"), "2 BYE");
    bench.hear(&answer(&sent[1], "200 OK", "", ""));
    bench.assert_nothing_left();
    let after = Millis(0);
    assert_eq!(bench.events(), [UaEvent::Released { leg, status: Some(200), after }]);
}

#[test]
fn refusal_is_acknowledged_every_time_and_reported_once() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    let more = "Reason: Q.850;cause=17\nRetry-After: 30\n";
    let refusal = answer(&invite, "486 Busy Here", more, "");
    bench.hear(&refusal);
    bench.hear(&refusal);
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert_eq!(header(&sent[0], "Via"), header(&invite, "Via"));
    assert_eq!(header(&sent[0], "CSeq"), "1 ACK");
    assert!(header(&sent[0], "To").ends_with(";tag=peer"));
    assert_eq!(
        bench.events(),
        [UaEvent::Refused {
            leg,
            status: 486,
            reason: "Busy Here".to_owned(),
            q850: Some(17),
            retry_after: Some(Millis::from_secs(30)),
        }]
    );
    bench.assert_nothing_left();
}

#[test]
fn answer_is_acknowledged_every_time() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    let more = "Record-Route: <sip:203.0.113.1;lr>, <sip:203.0.113.2:5090;lr>\n\
                Contact: <sip:x@203.0.113.5:5080>\n";
    let accept = answer(&invite, "200 OK", more, REPLY);
    bench.hear(&accept);
    bench.hear(&accept);
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0], sent[1]);
    assert!(sent[0].starts_with("ACK sip:x@203.0.113.5:5080 SIP/2.0\r\n"));
    assert_eq!(header(&sent[0], "Route"), "<sip:203.0.113.2:5090;lr>");
    assert_ne!(header(&sent[0], "Via"), header(&invite, "Via"));
    assert_eq!(bench.events(), [UaEvent::Answered { leg, sdp: REPLY.to_owned() }]);
    bench.ua.hang_up(bench.now, leg, Some(16));
    let mut hops = Vec::new();
    while let Some(output) = bench.ua.poll_output() {
        if let Output::Transmit { to, .. } = output {
            hops.push(to.to_string());
        }
    }
    assert_eq!(hops, ["203.0.113.2:5090"]);
}

#[test]
fn bye_ends_at_once_and_is_sent_until_answered() {
    let (mut bench, leg, ack) = answered();
    bench.ua.hang_up(bench.now, leg, Some(31));
    bench.ua.hang_up(bench.now, leg, Some(31));
    assert_eq!(bench.events(), [UaEvent::Ended { leg, by: Party::Local, q850: Some(31) }]);
    let bye = bench.sent();
    assert_eq!(bye.len(), 1);
    assert_eq!(header(&bye[0], "Reason"), "Q.850;cause=31");
    assert_eq!(header(&bye[0], "To"), header(&ack, "To"));
    bench.wait(1_500);
    assert_eq!(bench.lines(), ["BYE", "BYE"]);
    assert_eq!(bench.events(), [], "nothing yet of the answer");
    bench.hear(&answer(&bye[0], "200 OK", "", ""));
    let released = UaEvent::Released { leg, status: Some(200), after: Millis(1_500) };
    assert_eq!(bench.events(), [released]);
    bench.hear(&answer(&bye[0], "200 OK", "", ""));
    bench.wait(5_000);
    assert_eq!(bench.lines().len(), 0);
    assert_eq!(bench.events(), [], "a second answer is no news");
    bench.assert_nothing_left();
}

#[test]
fn unanswered_bye_is_given_up() {
    let (mut bench, leg, _) = answered();
    bench.ua.hang_up(bench.now, leg, None);
    bench.assert_nothing_left();
    assert_eq!(bench.lines().len(), 11); // 0, .5, 1.5, 3.5, then every 4 s up to 31.5 s.
    let ended = UaEvent::Ended { leg, by: Party::Local, q850: None };
    let released = UaEvent::Released { leg, status: None, after: Millis(32_000) };
    assert_eq!(bench.events(), [ended, released]);
}

#[test]
fn remote_bye_ends_with_its_cause() {
    let (mut bench, leg, ack) = answered();
    let bye = format!(
        "BYE sip:x@192.0.2.10 SIP/2.0\nVia: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKb\nFrom: {}\n\
         To: {}\nCall-ID: {}\nCSeq: 7 BYE\nReason: Q.850;cause=16;text=\"x\"\n\n",
        header(&ack, "To"),
        header(&ack, "From"),
        header(&ack, "Call-ID")
    );
    bench.hear(&bye);
    bench.hear(&bye);
    assert_eq!(bench.lines(), ["200 OK", "200 OK"]);
    assert_eq!(bench.events(), [UaEvent::Ended { leg, by: Party::Remote, q850: Some(16) }]);
    bench
        .hear(&bye.replace("z9hG4bKb", "z9hG4bKc").replace(&header(&ack, "Call-ID")[..8], "other"));
    assert_eq!(bench.lines(), ["481 Call/Transaction Does Not Exist"]);
    bench.assert_nothing_left();
}

#[test]
fn cancel_waits_for_a_provisional() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.ua.hang_up(bench.now, leg, None);
    assert_eq!(bench.lines().len(), 0);
    bench.hear(&answer(&invite, "100 Trying", "", ""));
    let cancel = bench.sent();
    assert_eq!(cancel.len(), 1);
    assert_eq!(header(&cancel[0], "Via"), header(&invite, "Via"));
    assert_eq!(header(&cancel[0], "CSeq"), "1 CANCEL");
    bench.hear(&answer(&cancel[0], "200 OK", "", ""));
    assert_eq!(bench.events(), []);
    bench.hear(&answer(&invite, "487 Request Terminated", "", ""));
    assert_eq!(bench.events(), [UaEvent::Cancelled { leg, by: Party::Local }]);
    assert_eq!(bench.lines(), ["ACK"]);
    bench.assert_nothing_left();
}

#[test]
fn ring_timeout_cancels_and_a_crossing_answer_is_hung_up() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.wait(19_999);
    assert_eq!(bench.lines().len(), 0);
    bench.wait(1);
    assert_eq!(bench.lines(), ["CANCEL"]);
    bench.events();
    bench.hear(&answer(&invite, "200 OK", CONTACT, REPLY));
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    assert_eq!(bench.events(), [UaEvent::Cancelled { leg, by: Party::Local }]);
    bench.assert_nothing_left();
}

#[test]
fn ignored_cancel_is_reported_all_the_same() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.ua.hang_up(bench.now, leg, None);
    bench.events();
    bench.wait(4_000);
    assert_eq!(bench.events(), [UaEvent::Cancelled { leg, by: Party::Local }]);
    bench.assert_nothing_left();
    assert_eq!(bench.events(), []);
}

#[test]
fn challenge_is_answered_once() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(credentials());
    let asked = "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\n";
    bench.hear(&answer(&invite, "407 Proxy Authentication Required", asked, ""));
    let sent = bench.sent();
    assert!(sent[0].starts_with("ACK "));
    assert_eq!(header(&sent[1], "CSeq"), "2 INVITE");
    assert_eq!(header(&sent[1], "Call-ID"), header(&invite, "Call-ID"));
    assert_eq!(header(&sent[1], "From"), header(&invite, "From"));
    assert_ne!(header(&sent[1], "Via"), header(&invite, "Via"));
    assert!(header(&sent[1], "Proxy-Authorization").starts_with("Digest username=\"u\""));
    bench.hear(&answer(&sent[1], "407 Proxy Authentication Required", asked, ""));
    let cause = FailureCause::AuthenticationRefused;
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause }]);
    assert_eq!(bench.lines(), ["ACK"]);
    bench.assert_nothing_left();
}

#[test]
fn stale_nonce_is_tried_once_more_and_the_ack_carries_the_proof() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(credentials());
    let asked = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\n";
    bench.hear(&answer(&invite, "401 Unauthorized", asked, ""));
    let second = bench.sent().remove(1);
    let asked = "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\", stale=TRUE\n";
    bench.hear(&answer(&second, "401 Unauthorized", asked, ""));
    let third = bench.sent().remove(1);
    assert_eq!(third.matches("Authorization:").count(), 1);
    bench.hear(&answer(&third, "200 OK", CONTACT, REPLY));
    let ack = bench.sent().remove(0);
    assert_eq!(header(&ack, "CSeq"), "3 ACK");
    assert_eq!(header(&ack, "Authorization"), header(&third, "Authorization"));
    assert_eq!(bench.events(), [UaEvent::Answered { leg, sdp: REPLY.to_owned() }]);
}

#[test]
fn a_proxy_and_the_far_side_behind_it_both_get_a_proof() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(credentials());
    let asked = "Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"n\", qop=\"auth\"\n";
    bench.hear(&answer(&invite, "407 Proxy Authentication Required", asked, ""));
    let second = bench.sent().remove(1);
    let asked = "WWW-Authenticate: Digest realm=\"far\", nonce=\"m\", algorithm=MD5\n\
        WWW-Authenticate: Digest realm=\"far\", nonce=\"o\", algorithm=SHA-256\n";
    bench.hear(&answer(&second, "401 Unauthorized", asked, ""));
    let third = bench.sent().remove(1);
    assert_eq!(header(&third, "Proxy-Authorization"), header(&second, "Proxy-Authorization"));
    assert!(header(&third, "Authorization").contains("nonce=\"o\""), "the stronger one");
    bench.hear(&answer(&third, "200 OK", CONTACT, REPLY));
    assert_eq!(bench.events(), [UaEvent::Answered { leg, sdp: REPLY.to_owned() }]);
}

#[test]
fn challenge_without_credentials_is_a_refusal() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(None);
    bench.hear(&answer(&invite, "401 Unauthorized", "", ""));
    assert!(matches!(bench.events()[..], [UaEvent::Refused { status: 401, .. }]));
}

#[test]
fn answer_without_description_is_of_no_use() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "200 OK", CONTACT, ""));
    assert_eq!(bench.lines(), ["ACK", "BYE"]);
    assert_eq!(bench.events(), [UaEvent::Failed { leg, cause: FailureCause::BadResponse }]);
    bench.assert_nothing_left();
}

#[test]
fn second_answer_of_a_forking_proxy_is_hung_up() {
    let mut bench = Bench::new();
    let (_, invite) = bench.call(None);
    let accept = answer(&invite, "200 OK", CONTACT, REPLY);
    bench.hear(&accept);
    bench.hear(&accept.replace("tag=peer", "tag=other"));
    assert_eq!(bench.lines(), ["ACK", "ACK", "BYE"]);
    assert_eq!(bench.events().len(), 1);
    bench.hear(&accept.replace("tag=peer", "tag=other"));
    assert_eq!(bench.lines(), ["ACK"]);
}

#[test]
fn unreachable_peer_fails_the_leg() {
    let mut bench = Bench::new();
    let (leg, _) = bench.call(None);
    bench.ua.options(bench.now, peer());
    bench.ua.transport_failed(bench.now, "192.0.2.99:5060".parse::<SocketAddr>().unwrap());
    assert_eq!(bench.events(), []);
    bench.ua.transport_failed(bench.now, peer());
    assert_eq!(
        bench.events(),
        [
            UaEvent::Failed { leg, cause: FailureCause::Transport },
            UaEvent::OptionsTimedOut { to: peer().into() },
        ]
    );
    assert_eq!((bench.ua.live_transactions(), bench.ua.live_dialogs()), (0, 0));
}

#[test]
fn a_moment_without_network_ends_no_call_that_rings_or_talks() {
    let mut bench = Bench::new();
    let (leg, invite) = bench.call(None);
    bench.hear(&answer(&invite, "180 Ringing", "", ""));
    bench.ua.transport_failed(bench.now, peer());
    assert_eq!(bench.events(), [UaEvent::Progress { leg, status: 180 }]);
    bench.hear(&answer(&invite, "200 OK", &format!("Contact: <sip:x@{PEER}>\n"), REPLY));
    assert_eq!(bench.events(), [UaEvent::Answered { leg, sdp: REPLY.to_owned() }]);
    bench.ua.hang_up(bench.now, leg, None);
    bench.events();
    bench.sent();
    bench.ua.transport_failed(bench.now, peer());
    bench.wait(500);
    assert_eq!(bench.lines(), ["BYE"], "it is sent again all the same");
    bench.assert_nothing_left();
}

#[test]
fn options_are_answered_or_given_up() {
    let mut bench = Bench::new();
    bench.ua.options(bench.now, peer());
    let options = bench.sent().remove(0);
    bench.hear(&answer(&options, "200 OK", "", ""));
    let answered = UaEvent::OptionsAnswered { to: peer().into(), status: 200 };
    assert_eq!(bench.events(), std::slice::from_ref(&answered));
    bench.ua.options(bench.now, peer());
    let options = bench.sent().remove(0);
    let elsewhere: SocketAddr = "198.51.100.8:5060".parse().unwrap();
    let text = answer(&options, "200 OK", "", "").replace('\n', "\r\n");
    bench.ua.receive(bench.now, elsewhere, text.as_bytes());
    assert_eq!(bench.events(), [answered], "a pair of gateways answers for its first address");
    bench.ua.options(bench.now, peer());
    bench.wait(1_999);
    assert_eq!(bench.events(), []);
    bench.wait(1);
    assert_eq!(bench.events(), [UaEvent::OptionsTimedOut { to: peer().into() }]);
    bench.assert_nothing_left();
}
