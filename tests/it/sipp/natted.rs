//! A carrier behind an address translator that it does not know of.

use std::net::{IpAddr, UdpSocket};
use std::path::Path;

use super::gateway::Gateway;
use super::media;
use super::peer::Sipp;
use super::platform::Stage;

/// An address of this machine that others could reach it at. Nothing is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket
        .connect("198.51.100.1:9")
        .expect("a route: the machine needs a network besides loopback");
    socket.local_addr().expect("an address").ip()
}

#[test]
fn a_contact_that_nobody_can_reach_does_not_lose_the_call() {
    let mut stage = Stage::new(1);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let honest = std::fs::read_to_string(root.join("tests/sipp/keys.xml")).expect("a scenario");
    let lying = honest.replace("@[local_ip]:[local_port]>", "@127.0.0.1:9>");
    assert_ne!(lying, honest);
    let scenario = stage.path().join("lying.xml");
    std::fs::write(&scenario, lying).expect("a scenario");
    let gateway = Gateway::pressing("9");
    let scenario = scenario.to_str().expect("UTF-8");
    let sipp = Sipp::carrier_at(own_address(), stage.path(), scenario, &media(&gateway));
    let log = stage.carrier(sipp.sip, "").run();
    let messages = sipp.messages();
    // It hears the ACK, and the BYE of a robot that says goodbye.
    sipp.verdict().expect(1);
    assert_eq!(log.one("CallEnded")["hung_up_by"], "platform");
    assert_eq!(log.one("LegReleased")["sip_status"], 200);
    assert!(messages.contains("ACK sip:carrier@127.0.0.1:9 SIP/2.0"), "{messages}");
}
