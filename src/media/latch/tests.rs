use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

const AGREED: &str = "192.0.2.1:4002";

struct Stage {
    latch: Latch,
    now: Timestamp,
    number: u16,
}

fn place(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn stage(allowed: &[&str]) -> Stage {
    let networks = allowed.iter().map(|text| text.parse().expect("a network")).collect();
    let mut latch = Latch::new(networks);
    latch.set_remote(place(AGREED));
    Stage { latch, now: Timestamp::from_micros(0), number: 65_534 }
}

impl Stage {
    /// The next packet of this source's stream, 20 ms later.
    fn packet(&mut self, from: &str) -> Admission {
        self.now = self.now.plus(Millis(20));
        self.number = self.number.wrapping_add(1);
        self.admit(from, 5, 0, self.number)
    }

    fn admit(&mut self, from: &str, ssrc: u32, payload_type: u8, number: u16) -> Admission {
        let source = place(from);
        let seen = Seen { source, ssrc, payload_type, number, is_good: payload_type != 13 };
        self.latch.admit(self.now, seen)
    }

    fn source(&self) -> Option<SocketAddr> {
        self.latch.source()
    }
}

use Admission::{OnTrial, Peer, Stranger};

#[test]
fn nobody_is_heard_before_a_remote_is_agreed() {
    let mut stage = stage(&["0.0.0.0/0"]);
    stage.latch = Latch::new(vec!["0.0.0.0/0".parse().expect("all of them")]);
    for _ in 0..10 {
        assert_eq!(stage.packet(AGREED), Stranger);
    }
    assert_eq!((stage.source(), stage.latch.strangers()), (None, 0));
}

#[test]
fn the_agreed_address_is_believed_at_once() {
    let mut stage = stage(&[]);
    assert_eq!(stage.packet(AGREED), Peer);
    assert_eq!(stage.packet("[::ffff:192.0.2.1]:4002"), Peer);
}

#[test]
fn another_port_of_the_peer_is_believed_after_three_in_sequence() {
    let mut stage = stage(&[]);
    let moved = "192.0.2.1:61000";
    assert_eq!([(); 4].map(|()| stage.packet(moved)), [OnTrial, OnTrial, Peer, Peer]);
    assert_eq!(stage.source(), Some(place(moved)));
    assert_eq!(stage.latch.strangers(), 0);
}

#[test]
fn numbers_streams_and_types_out_of_sequence_prove_nothing() {
    let mut stage = stage(&[]);
    let moved = "192.0.2.1:61000";
    for (ssrc, payload_type, number) in
        [(5, 0, 1), (5, 0, 2), (6, 0, 3), (6, 8, 4), (6, 8, 6), (6, 8, 7), (6, 13, 8)]
    {
        assert_eq!(stage.admit(moved, ssrc, payload_type, number), OnTrial);
    }
    assert_eq!(stage.admit("192.0.2.1:61002", 6, 8, 8), OnTrial, "another port begins anew");
    assert_eq!(stage.source(), None);
}

#[test]
fn strangers_are_never_heard_however_long_they_send_and_the_peer_is_silent() {
    let mut stage = stage(&["198.51.100.0/24"]);
    assert_eq!(stage.packet(AGREED), Peer);
    for _ in 0..500 {
        assert_eq!(stage.packet("203.0.113.66:4002"), Stranger);
    }
    assert_eq!(stage.source(), Some(place(AGREED)));
    assert_eq!(stage.latch.strangers(), 500);
}

#[test]
fn an_allowed_network_may_take_over_only_from_silence() {
    let mut stage = stage(&["198.51.100.0/24"]);
    let relay = "198.51.100.7:9000";
    for _ in 0..5 {
        assert_eq!(stage.packet(AGREED), Peer);
        assert_eq!(stage.packet(relay), Stranger);
    }
    stage.now = stage.now.plus(Millis(2_000));
    assert_eq!([(); 3].map(|()| stage.packet(relay)), [OnTrial, OnTrial, Peer]);
    assert_eq!(stage.packet(AGREED), Peer, "the agreed one takes over again at once");
    assert_eq!(stage.packet(relay), Stranger);
}

#[test]
fn a_new_agreement_begins_anew_and_the_same_one_changes_nothing() {
    let mut stage = stage(&[]);
    assert_eq!([(); 3].map(|()| stage.packet("192.0.2.1:61000")), [OnTrial, OnTrial, Peer]);
    stage.latch.set_remote(place(AGREED));
    assert_eq!(stage.source(), Some(place("192.0.2.1:61000")));
    stage.latch.set_remote(place("192.0.2.9:4002"));
    assert_eq!(stage.source(), None);
    assert_eq!(stage.packet("192.0.2.1:61000"), Stranger);
}

proptest! {
    #[test]
    fn only_the_agreed_address_and_allowed_networks_are_ever_sent_to(
        packets in prop::collection::vec(
            (any::<u8>(), 0_u16..3, 0_u16..8, any::<bool>(), 0_u64..3_000),
            0..200,
        ),
    ) {
        let mut stage = stage(&["192.0.2.64/26"]);
        for (host, port, number, is_good, later) in packets {
            stage.now = stage.now.plus(Millis(later));
            let ip = IpAddr::from([192, 0, 2, host]);
            let source = SocketAddr::new(ip, 4_002 + port);
            let seen = Seen { source, ssrc: 1, payload_type: 0, number, is_good };
            let is_peers = host == 1 || (64..128).contains(&host);
            let admission = stage.latch.admit(stage.now, seen);
            prop_assert!(is_peers || admission == Stranger);
            if let Some(SocketAddr::V4(known)) = stage.source() {
                let host = known.ip().octets()[3];
                prop_assert!(host == 1 || (64..128).contains(&host));
            }
        }
    }
}
