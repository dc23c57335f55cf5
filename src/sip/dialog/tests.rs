use super::*;

const INVITE: &str = "INVITE sip:1@203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa\r\n\
    From: <sip:a@192.0.2.10>;tag=a\r\nTo: <sip:1@203.0.113.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";

/// Where requests in a dialog go, by the Contact of the 2xx, what else stands in it, and where it
/// came from.
fn check(contact: &str, more: &str, from: &str, wanted: &str) {
    let invite = Message::read(INVITE.as_bytes()).expect("an INVITE");
    let response = format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bKa\r\nFrom: <sip:a@192.0.2.10>;tag=a\r\n\
         To: <sip:1@203.0.113.1>;tag=b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <{contact}>\r\n{more}\r\n"
    );
    let response = Message::read(response.as_bytes()).expect("a response");
    let peer: std::net::SocketAddr = from.parse().expect("an address");
    let dialog = Dialog::of_caller(&invite, &response, peer.into());
    assert_eq!(dialog.next_hop().to_string(), wanted, "{contact} {more}");
    assert_eq!(dialog.target(), contact, "the target stands in the request all the same");
}

#[test]
fn a_contact_out_of_reach_gives_way_to_where_the_peer_wrote_from() {
    let world = "203.0.113.1:5070";
    for contact in [
        "sip:1@10.0.0.5:5060",
        "sip:1@192.168.1.5",
        "sip:1@172.16.0.5:5080;ob",
        "sip:1@100.64.3.4",
        "sip:1@169.254.1.1",
        "sip:1@127.0.0.1:5060",
        "sip:1@[fd00::5]",
        "sip:1@[fe80::5]:5060",
        "sip:1@[::1]",
        "sip:1@0.0.0.0",
        "sip:1@sbc.example.com",
    ] {
        check(contact, "", world, world);
    }
}

#[test]
fn a_contact_within_reach_is_kept_to() {
    check("sip:1@203.0.113.2:5080", "", "203.0.113.1:5060", "203.0.113.2:5080");
    // A network of our own, and the same machine.
    check("sip:1@10.1.0.5:5080", "", "192.168.1.1:5060", "10.1.0.5:5080");
    check("sip:1@127.0.0.1:5080", "", "127.0.0.1:5060", "127.0.0.1:5080");
    check("sip:1@203.0.113.2:5080", "", "10.0.0.1:5060", "203.0.113.2:5080");
    // A machine that names itself to a peer on its own link.
    check("sip:1@127.0.0.1:5080", "", "10.0.0.1:5060", "10.0.0.1:5060");
}

#[test]
fn a_route_goes_before_everything_else() {
    let route = "Record-Route: <sip:203.0.113.9:5062;lr>\r\n";
    check("sip:1@10.0.0.5", route, "203.0.113.1:5060", "203.0.113.9:5062");
    let inner = "Record-Route: <sip:10.0.0.9;lr>\r\n";
    check("sip:1@10.0.0.5", inner, "203.0.113.1:5060", "10.0.0.9:5060");
}
