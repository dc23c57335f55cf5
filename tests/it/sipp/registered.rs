//! Registration both ways: a carrier's registrar that others wrote, and phones that others wrote.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use serde_json::{Value, json};

use super::baresip::Baresip;
use super::gateway::Gateway;
use super::kamailio::Kamailio;
use super::peer::{Sipp, free_port};
use super::platform::Stage;
use super::{count, media};

/// Asks with OPTIONS until an answer comes.
pub(super) fn wait_until_it_answers(there: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let here = socket.local_addr().expect("an address");
    let mut answer = [0; 2_048];
    for number in 1..600 {
        let ask = format!(
            "OPTIONS sip:{there} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK-{number};rport\r\n\
             From: <sip:test@{here}>;tag=ask\r\nTo: <sip:{there}>\r\nCall-ID: {number}@{here}\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        // A port that is still closed refuses; the next datagram says more.
        drop(socket.send_to(ask.as_bytes(), there));
        if socket.recv_from(&mut answer).is_ok() {
            return;
        }
    }
    panic!("nobody answers at {there}");
}

const TRUNK: &str = "register = true\ndomain = \"carrier.example\"\nuser = \"trunk\"\n\
    password = \"open sesame\"\nregister_expires_s = 60\ncaller = \"+12025550123\"\n\
    identity = \"asserted\"\nprivate = true\ntech_prefix = \"77\"";

#[test]
fn a_carrier_that_wants_registration_is_registered_with_and_called() {
    let mut stage = Stage::new(1);
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let kamailio = Kamailio::before(sipp.sip, stage.path());
    wait_until_it_answers(kamailio.sip);
    let log = stage.carrier(kamailio.sip, TRUNK).run();
    let messages = sipp.messages();
    sipp.verdict().expect(1);

    assert_eq!(log.one("CarrierRegistrationLost")["reason"], "starting");
    let held = count(log.one("CarrierRegistered"), "expires_ms");
    assert_eq!(held, 120_000, "it grants two minutes at least: {}", kamailio.log());
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
    let invite = messages.lines().find(|line| line.starts_with("INVITE ")).expect("a call");
    assert!(invite.starts_with("INVITE sip:771202555011"), "after the prefix: {invite}");
    for line in [
        "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=",
        "P-Asserted-Identity: <sip:+12025550123@carrier.example>",
        "Privacy: id",
    ] {
        assert!(messages.contains(line), "{line}: {messages}");
    }
    let said = kamailio.log();
    assert!(said.contains("registrar: trunk expires 0"), "taken back at the end: {said}");
    assert!(!log.text().contains("sesame"), "the password stays out of the log");
}

#[test]
fn a_carrier_that_refuses_registration_gets_no_calls() {
    let mut stage = Stage::new(1);
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let kamailio = Kamailio::before(sipp.sip, stage.path());
    wait_until_it_answers(kamailio.sip);
    let wrong = TRUNK.replace("open sesame", "wrong");
    let log = stage.carrier(kamailio.sip, &wrong).carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);

    let lost = log.all("CarrierRegistrationLost");
    assert_eq!((lost.len(), &lost[1]["reason"]), (2, &json!("refused")));
    assert_eq!(lost[1]["sip_status"], 401);
    let choice = log.one("CarrierChosen");
    assert_eq!(choice["chosen"], "peer-1");
    assert_eq!(choice["candidates"][0]["veto"], "unregistered");
}

#[test]
fn a_phone_that_registers_takes_calls_and_one_with_a_wrong_password_does_not() {
    let mut stage = Stage::new(1);
    let gateway = Gateway::waiting_to_press("0");
    let customer = gateway.permission();
    let sipp = Sipp::carrier(stage.path(), "agent.xml", &media(&gateway));
    let registrar = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let phone = |id: &str| {
        format!("[[agents]]\nid = \"{id}\"\nuser = \"{id}\"\npassword = \"open-{id}\"\n")
    };
    let folder = stage.path().to_owned();
    let phones = std::thread::spawn(move || {
        wait_until_it_answers(registrar);
        let phones = [("ann", "open-ann"), ("bob", "wrong")]
            .map(|(user, password)| Baresip::start(&folder, registrar, user, password));
        phones[0].hand_when_registered();
        customer.give();
        phones
    });
    let log =
        stage.carrier(sipp.sip, "").agents(&(phone("ann") + &phone("bob"))).listen(registrar).run();
    let [ann, bob] = phones.join().expect("the phones");
    sipp.verdict().expect(1);

    let registered = log.one("PhoneRegistered");
    assert_eq!(registered["agent_id"], "ann", "{}", ann.log());
    assert_eq!(registered["expires_ms"], 60_000);
    assert!(bob.log().contains("401"), "{}", bob.log());
    assert_eq!(log.one("AgentSignedIn")["phone"], registered["phone"]);
    let bridged = log.one("CallBridged");
    assert_eq!(bridged["agent_leg_id"], log.fields("LegAnswered", "leg_id")[1].clone());
    for leg in log.all("LegEnded") {
        assert!(count(leg, "packets_received") > 20, "{leg}");
    }
    let moves = ["ringing", "talking", "wrap_up"].map(Value::from);
    assert_eq!(log.fields("AgentStateChanged", "to")[..3], moves.each_ref());
    assert!(!log.text().contains("open-"), "passwords stay out of the log");
}
