//! Over TCP and TLS: what our messages say, and what is not sent again.

use super::*;
use crate::sip::{FailureCause, Hop, Transport};

const TCP: &str = "192.0.2.10:5062";

fn by_tcp() -> Hop {
    Hop { transport: Transport::Tcp, address: peer() }
}

impl Bench {
    /// Messages since the last look, and where they went.
    pub(super) fn transmitted(&mut self) -> Vec<(Hop, String)> {
        let mut sent = Vec::new();
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    sent.push((to, String::from_utf8(bytes).unwrap()))
                }
                Output::Event(event) => self.events.push(event),
            }
        }
        sent
    }
}

/// A call with an offer of a length.
fn invitation(seed: u64, lines: usize) -> Invite {
    Invite {
        leg: LegId::generate(Timestamp::EPOCH, &mut Rng::from_seed(seed)),
        to: peer().into(),
        others: Vec::new(),
        host: None,
        called: "15555550123".to_owned(),
        identity: Identity::of("+15555550100"),
        credentials: None,
        sdp: "a=x\r\n".repeat(lines),
        ring_timeout: Millis(20_000),
    }
}

/// A bench that speaks TCP, and calls a peer by it.
fn calling() -> (Bench, String) {
    let mut bench = Bench::new();
    bench.ua.speak_streams(Some(TCP.parse().unwrap()), None, true);
    bench.ua.invite(bench.now, Invite { to: by_tcp(), ..invitation(9, 1) });
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    let invite = sent.concat();
    (bench, invite)
}

#[test]
fn a_message_names_the_transport_it_goes_by() {
    let (_, invite) = calling();
    assert!(header(&invite, "Via").starts_with("SIP/2.0/TCP 192.0.2.10:5062;branch="), "{invite}");
    assert!(header(&invite, "Via").ends_with(";alias"), "{invite}");
    assert!(header(&invite, "Contact").ends_with("@192.0.2.10:5062;transport=tcp>"), "{invite}");
}

#[test]
fn nothing_is_sent_again_over_a_stream_and_the_time_runs_all_the_same() {
    let (mut bench, _) = calling();
    bench.wait(1_199);
    assert!(bench.sent().is_empty(), "timer A runs");
    bench.wait(1);
    assert!(matches!(bench.events()[..], [UaEvent::Failed { .. }]));
}

#[test]
fn a_stream_that_breaks_before_an_answer_fails_the_call_at_once() {
    let (mut bench, _) = calling();
    bench.ua.transport_failed(bench.now, by_tcp());
    let events = bench.events();
    let is_it =
        |event: &UaEvent| matches!(event, UaEvent::Failed { cause: FailureCause::Transport, .. });
    assert!(events.iter().any(is_it), "{events:?}");
}

#[test]
fn one_peer_by_two_transports_is_two_hops() {
    let (mut bench, _) = calling();
    bench.ua.transport_failed(bench.now, peer());
    assert_eq!(bench.events(), []);
}

#[test]
fn what_is_too_long_for_a_datagram_goes_by_tcp_and_by_udp_where_the_peer_takes_none() {
    let mut bench = Bench::new();
    bench.ua.speak_streams(Some(TCP.parse().unwrap()), None, true);
    bench.ua.invite(bench.now, invitation(9, 400));
    let tried = bench.transmitted();
    assert_eq!(tried.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [by_tcp()]);
    bench.ua.transport_failed(bench.now, by_tcp());
    let again = bench.transmitted();
    assert_eq!(again.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [peer().into()]);
    assert!(header(&again[0].1, "Via").starts_with("SIP/2.0/UDP "), "{}", again[0].1);
    assert_eq!(bench.events(), [], "the call goes on");
    bench.wait(500);
    assert_eq!(bench.transmitted().len(), 1, "timer A runs again");
}

#[test]
fn a_second_long_request_does_not_try_a_stream_in_vain() {
    let mut bench = Bench::new();
    bench.ua.speak_streams(None, None, true);
    bench.ua.invite(bench.now, invitation(9, 400));
    bench.ua.transport_failed(bench.now, by_tcp());
    drop(bench.transmitted());
    bench.ua.invite(bench.now, invitation(10, 400));
    assert_eq!(bench.transmitted()[0].0, peer().into());
}

#[test]
fn an_answer_goes_back_over_the_connection_of_its_request() {
    let mut bench = Bench::new();
    let from = Hop { transport: Transport::Tls, address: "203.0.113.9:40112".parse().unwrap() };
    let text = "OPTIONS sip:192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/TLS 10.0.0.5:5061;branch=z9hG4bKo\r\n\
        From: <sip:x@10.0.0.5>;tag=o\r\nTo: <sip:192.0.2.10>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\
        Content-Length: 0\r\n\r\n";
    bench.ua.receive(bench.now, from, text.as_bytes());
    assert_eq!(bench.transmitted()[0].0, from);
}
