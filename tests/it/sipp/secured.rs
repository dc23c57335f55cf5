//! SIP over TLS both ways: to a carrier's proxy and from an agent's phone that others wrote.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::json;

use super::baresip::Baresip;
use super::gateway::Gateway;
use super::kamailio::Kamailio;
use super::peer::{Sipp, free_port};
use super::platform::Stage;
use super::registered::wait_until_it_answers;
use super::{count, media};
use crate::support::certify;

const TRUNK: &str = "register = true\ndomain = \"carrier.example\"\nuser = \"trunk\"\n\
    password = \"open sesame\"\nregister_expires_s = 60\ntransport = \"tls\"";

#[test]
fn a_carrier_over_tls_is_registered_with_and_called() {
    let mut stage = Stage::new(1);
    certify(stage.path());
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let kamailio = Kamailio::secured(sipp.sip, stage.path());
    wait_until_it_answers(kamailio.sip);
    let log = stage.sip("tls_ca = \"ca.pem\"").carrier(kamailio.tls, TRUNK).run();
    let messages = sipp.messages();
    sipp.verdict().expect(1);

    assert_eq!(log.all("CarrierRegistered").len(), 1, "{}", kamailio.log());
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
    assert_eq!(log.one("CallEnded")["hung_up_by"], "platform");
    assert!(messages.contains("Via: SIP/2.0/TLS 127.0.0.1:"), "it came over TLS: {messages}");
    let route = format!("sip:{};transport=tls", kamailio.tls);
    assert!(messages.contains(&route), "the proxy stays between over TLS: {messages}");
}

#[test]
fn a_carrier_whose_certificate_nobody_vouches_for_gets_no_call() {
    let mut stage = Stage::new(1);
    let foreign = stage.path().join("foreign");
    fs::create_dir(&foreign).expect("a folder");
    certify(stage.path());
    certify(&foreign);
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let kamailio = Kamailio::secured(sipp.sip, &foreign);
    wait_until_it_answers(kamailio.sip);
    let log = stage
        .sip("tls_ca = \"ca.pem\"")
        .carrier(kamailio.tls, "transport = \"tls\"")
        .carrier(sipp.sip, "")
        .run();
    sipp.verdict().expect(1);

    let legs = log.fields("LegStarted", "kind");
    assert_eq!(legs.last(), Some(&&json!({"customer": "peer-1"})), "{legs:?}");
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
    assert!(!kamailio.log().contains("call:"), "nothing was said to it: {}", kamailio.log());
    let said = fs::read_to_string(stage.path().join("run.err")).expect("what it said");
    let certificate: Vec<_> = said.lines().filter(|line| line.contains("certificate")).collect();
    assert_eq!(certificate.len(), 1, "said, and once: {said}");
    assert!(certificate[0].contains(&kamailio.tls.to_string()), "{certificate:?}");
}

#[test]
fn a_phone_over_tls_takes_calls() {
    let mut stage = Stage::new(1);
    certify(stage.path());
    let gateway = Gateway::waiting_to_press("0");
    let customer = gateway.permission();
    let sipp = Sipp::carrier(stage.path(), "agent.xml", &media(&gateway));
    let [plain, secured] =
        [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let folder = stage.path().to_owned();
    let phone = std::thread::spawn(move || {
        wait_until_it_answers(plain);
        let phone = Baresip::over_tls(&folder, secured, "ann", "open-ann");
        phone.hand_when_registered();
        customer.give();
        phone
    });
    let log = stage
        .carrier(sipp.sip, "")
        .agents("[[agents]]\nid = \"ann\"\nuser = \"ann\"\npassword = \"open-ann\"\n")
        .listen(plain)
        .sip(&format!("tls = \"{secured}\"\ntls_cert = \"server.pem\"\ntls_key = \"server.key\""))
        .run();
    let phone = phone.join().expect("a phone");
    sipp.verdict().expect(1);

    assert_eq!(log.one("PhoneRegistered")["agent_id"], "ann", "{}", phone.log());
    let bridged = log.one("CallBridged");
    assert_eq!(bridged["agent_leg_id"], log.fields("LegAnswered", "leg_id")[1].clone());
    for leg in log.all("LegEnded") {
        assert!(count(leg, "packets_received") > 20, "{leg}");
    }
    assert_eq!(log.one("AgentSignedIn")["agent_id"], json!("ann"));
}

/// What `openssl s_client` says of our TLS port.
fn s_client(address: SocketAddr, folder: &std::path::Path, more: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(["s_client", "-brief", "-verify_return_error", "-CAfile"])
        .arg(folder.join("ca.pem"))
        .args(["-connect", &address.to_string()])
        .args(more)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program openssl: apt-get install openssl");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn openssl_agrees_on_nothing_old_with_us() {
    let mut stage = Stage::new(1);
    certify(stage.path());
    let [plain, secured] =
        [free_port(), free_port()].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    // The call lasts until the customer may press a key.
    let gateway = Gateway::waiting_to_press("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let running = stage
        .carrier(sipp.sip, "")
        .listen(plain)
        .sip(&format!("tls = \"{secured}\"\ntls_cert = \"server.pem\"\ntls_key = \"server.key\""))
        .start();
    wait_until_it_answers(plain);
    for (version, wanted) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let said = s_client(secured, stage.path(), &[version]);
        assert!(said.contains(&format!("Protocol version: {wanted}")), "{said}");
        assert!(said.contains("Verification: OK"), "{said}");
    }
    for version in ["-tls1_1", "-tls1"] {
        let said = s_client(secured, stage.path(), &[version, "-cipher", "DEFAULT@SECLEVEL=0"]);
        assert!(!said.contains("CONNECTION ESTABLISHED"), "{said}");
    }
    gateway.permission().give();
    assert_eq!(running.end().one("AttemptEnded")["disposition"], "answered_human");
    sipp.verdict().expect(1);
}
