//! The telephony of the real program judged by SIPp, kamailio and baresip, which others wrote.
//!
//! SIPp plays the carrier (or the caller of our simulated one) on loopback; the verdict is its
//! exit code on one side and the event log on the other. Needs the Debian packages `sip-tester`,
//! `kamailio`, `kamailio-tls-modules`, `baresip-core`, `dnsmasq-base`, `openssl`, `sipsak` and
//! `tshark`, and SIPVicious below `target/peers/sip`.

mod baresip;
mod caller;
mod capture;
#[cfg(all(feature = "analytics", feature = "dashboard"))]
mod console;
mod dnsmasq;
mod early;
mod encrypted;
mod gateway;
mod hostile;
mod http;
mod kamailio;
mod named;
mod natted;
mod peer;
mod phones;
mod pitch;
mod platform;
mod playback;
mod recorded;
mod recorded_badly;
mod registered;
mod secured;
mod simulated;
mod transfers;

use ledgerline::media::Direction;
use serde_json::{Value, json};

use self::caller::Caller;
use self::gateway::Gateway;
use self::peer::{Sipp, Verdict, free_port};
use self::platform::{Log, Stage};
use self::simulated::{OurAgent, OurCarrier};

fn count(fact: &Value, field: &str) -> u64 {
    fact[field].as_u64().unwrap_or_default()
}

/// The arguments that put a gateway into a scenario's session description.
fn media(gateway: &Gateway) -> [String; 3] {
    ["-key".to_owned(), "gateway_port".to_owned(), gateway.port.to_string()]
}

#[test]
fn a_customer_answers_listens_and_hangs_up() {
    let mut stage = Stage::new(1);
    let media = ["-rtp_echo".to_owned(), "-mp".to_owned(), free_port().to_string()];
    let sipp = Sipp::carrier(stage.path(), "answer.xml", &media);
    let log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);

    assert_eq!(log.one("LegAnswered")["codec"], "PCMU");
    assert_eq!(log.fields("LegProgressed", "sip_status"), [&json!(180)]);
    assert!(!log.all("TurnSpoken").is_empty(), "the robot spoke");
    let leg = log.one("LegEnded");
    assert!(count(leg, "packets_sent") > 50, "{leg}");
    assert!(count(leg, "packets_received") > 50, "echo comes back: {leg}");
    assert_eq!(leg["hung_up_by"], "customer");
    assert_eq!(leg["q850_cause"], 16);
    let attempt = log.one("AttemptEnded");
    assert_eq!(attempt["disposition"], "answered_human");
    assert_eq!(attempt["sip_status"], 200);
    assert_eq!(log.one("CallEnded")["hung_up_by"], "customer");
}

#[test]
fn keys_are_heard_and_the_robot_says_goodbye() {
    let mut stage = Stage::new(1);
    let gateway = Gateway::pressing("19");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);
    assert!(gateway.heard() > 100, "the robot was to be heard");

    assert_eq!(log.fields("TurnHeard", "digits"), [&json!("1"), &json!("9")]);
    let call_id = &log.one("OptOutHeard")["call_id"];
    assert_eq!(&log.one("DoNotCallAdded")["call_id"], call_id);
    assert_eq!(log.one("CallEnded")["hung_up_by"], "platform");
    assert_eq!(log.one("AttemptEnded")["level"], "X");
}

#[test]
fn a_carrier_that_speaks_tcp_gets_whole_calls_over_one_connection() {
    let mut stage = Stage::new(1);
    let gateway = Gateway::pressing("19");
    let sipp = Sipp::carrier_by_tcp(stage.path(), "keys.xml", &media(&gateway));
    let log = stage.carrier(sipp.sip, "transport = \"tcp\"").run();
    let messages = sipp.messages();
    sipp.verdict().expect(1);
    assert!(messages.contains("Via: SIP/2.0/TCP "), "{messages}");
    assert_eq!(messages.matches("INVITE sip:").count(), 1, "sent once: {messages}");
    assert_eq!(log.one("CallEnded")["hung_up_by"], "platform");
}

#[test]
fn refusals_are_told_apart() {
    let mut stage = Stage::new(3);
    let sipp = Sipp::carrier(stage.path(), "refuse.xml", &[]);
    let log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(3);

    let attempts = log.all("AttemptEnded").into_iter();
    let mut ends: Vec<_> = attempts
        .map(|fact| {
            (fact["disposition"].as_str(), fact["sip_status"].as_u64(), fact["q850_cause"].as_u64())
        })
        .collect();
    ends.sort_unstable();
    assert_eq!(
        ends,
        [
            (Some("busy"), Some(486), Some(17)),
            (Some("invalid_number"), Some(404), Some(1)),
            (Some("rejected"), Some(603), Some(21)),
        ]
    );
    assert!(log.all("CallEnded").is_empty());
}

/// Who we are to the carrier.
const KNOWN: &str = "user = \"ledgerline\"\npassword = \"open sesame\"";

/// A carrier that asks; what its verdict and the log say.
fn asked(scenario: &str, more: &str, check: impl FnOnce(&str)) -> (Verdict, Log) {
    let mut stage = Stage::new(1);
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), scenario, &media(&gateway));
    let log = stage.carrier(sipp.sip, more).run();
    check(&sipp.messages());
    (sipp.verdict(), log)
}

#[test]
fn a_carrier_that_asks_who_calls_is_told() {
    let (verdict, log) = asked("digest.xml", KNOWN, |_| {});
    verdict.expect(1);
    assert_eq!(log.all("LegStarted").len(), 1, "one leg, asked twice");
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
    assert!(!log.text().contains("sesame"), "the password stays out of the log");
}

#[test]
fn a_proxy_that_asks_who_calls_is_told() {
    let (verdict, log) = asked("proxy.xml", KNOWN, |messages| {
        let header = messages.lines().find_map(|line| line.strip_prefix("Proxy-Authorization: "));
        let header = header.expect("credentials");
        let field = |name: &str| {
            let start = header.find(&format!("{name}=")).expect(name) + name.len() + 1;
            let rest = header[start..].trim_start_matches('"');
            rest.split(['"', ',']).next().expect(name).to_owned()
        };
        // RFC 2617 §3.2.2.1, with qop.
        let known = md5("ledgerline:carrier.invalid:open sesame");
        let asked = md5(&format!("INVITE:{}", field("uri")));
        let words = ["nonce", "nc", "cnonce", "qop"].map(field).join(":");
        assert_eq!(field("response"), md5(&format!("{known}:{words}:{asked}")));
    });
    verdict.expect(1);
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
}

fn md5(text: &str) -> String {
    use md5::Digest as _;
    md5::Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_carrier_that_does_not_know_us_is_no_contact() {
    let wrong = KNOWN.replace("open sesame", "wrong");
    let (verdict, log) = asked("digest.xml", &wrong, |_| {});
    assert_eq!(verdict.whole_calls, 0);
    assert_eq!(log.one("AttemptEnded")["disposition"], "carrier_failed");
    assert_eq!(log.one("AttemptEnded")["sip_status"], 403);
}

#[test]
fn a_line_that_went_dead_is_hung_up() {
    let mut stage = Stage::new(1);
    // Nobody reads or sends there.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    let media = ["-key".to_owned(), "gateway_port".to_owned(), port];
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media);
    let log = stage.carrier(sipp.sip, "").sip("media_timeout_ms = 3000").run();
    sipp.verdict().expect(1);

    let leg = log.one("LegEnded");
    assert_eq!(leg["failure"], "media_timeout");
    assert_eq!(count(leg, "packets_received"), 0);
    assert_eq!(log.one("CallEnded")["hung_up_by"], "carrier");
    let talk = count(log.one("AttemptEnded"), "talk_ms");
    assert!((3_000..6_000).contains(&talk), "{talk} ms");
}

#[test]
fn a_customer_who_holds_is_not_hung_up() {
    let mut stage = Stage::new(1);
    let media = ["-rtp_echo".to_owned(), "-mp".to_owned(), free_port().to_string()];
    let sipp = Sipp::carrier(stage.path(), "hold.xml", &media);
    let log = stage.carrier(sipp.sip, "").sip("media_timeout_ms = 2500").run();
    sipp.verdict().expect(1);

    let leg = log.one("LegEnded");
    assert_eq!((&leg["failure"], &leg["hung_up_by"]), (&Value::Null, &json!("customer")));
    let talk = count(log.one("AttemptEnded"), "talk_ms");
    assert!(talk > 5_000, "held and resumed: {talk} ms");
}

#[test]
fn the_next_carrier_gets_the_call_of_one_that_is_dead() {
    let mut stage = Stage::new(1);
    // Listens and never answers.
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let log = stage.carrier(dead.local_addr().expect("an address"), "").carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);

    assert_eq!(log.fields("CarrierChosen", "chosen"), [&json!("peer-0"), &json!("peer-1")]);
    assert_eq!(log.fields("LegEnded", "failure"), [&json!("no_provisional"), &Value::Null]);
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
    assert_eq!(log.one("AttemptStarted")["attempt_number"], 1);
}

/// The first carrier is not there. The second begins one call a second, and has just begun the
/// other one.
#[test]
fn a_carrier_that_begins_few_calls_a_second_is_waited_for() {
    let mut stage = Stage::new(2);
    let closed = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let log = stage.carrier(closed, "").carrier(sipp.sip, "calls_per_second = 1").run();
    sipp.verdict().expect(2);

    assert!(log.fields("CarrierChosen", "chosen").iter().all(|chosen| chosen.is_string()));
    let ends = log.fields("AttemptEnded", "disposition");
    assert_eq!(ends, [&json!("answered_human"), &json!("answered_human")]);
}

#[test]
fn who_wants_a_person_is_joined_with_one() {
    let mut stage = Stage::new(1);
    let agent = OurAgent::start();
    let gateway = Gateway::pressing("0");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    let log = stage.carrier(sipp.sip, "").agent(agent.phone).run();
    sipp.verdict().expect(1);

    let bridged = log.one("CallBridged");
    assert_eq!(bridged["agent_leg_id"], log.fields("LegAnswered", "leg_id")[1].clone());
    assert_eq!(log.fields("LegAnswered", "codec"), [&json!("PCMU"), &json!("PCMU")]);
    for leg in log.all("LegEnded") {
        assert!(count(leg, "packets_received") > 20, "{leg}");
    }
    let moves = ["ringing", "talking", "wrap_up"].map(Value::from);
    assert_eq!(log.fields("AgentStateChanged", "to")[..3], moves.each_ref());
    assert_eq!(log.one("CallEnded")["hung_up_by"], "agent");
}

#[test]
fn a_peer_that_is_held_agrees_after_a_glare() {
    let stage = Stage::new(1);
    let sipp = Sipp::carrier(stage.path(), "held.xml", &[]);
    let agreed = Caller::hold_and_resume(sipp.sip);
    sipp.verdict().expect(1);
    assert_eq!(agreed, [Direction::SendOnly, Direction::SendRecv]);
}

/// A carrier with a scenario of its own; the customer hangs up in the end.
fn talks(scenario: &str) {
    let mut stage = Stage::new(1);
    let media = ["-rtp_echo".to_owned(), "-mp".to_owned(), free_port().to_string()];
    let sipp = Sipp::carrier(stage.path(), scenario, &media);
    let log = stage.carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);
    assert_eq!(log.one("LegEnded")["hung_up_by"], "customer");
    assert!(count(log.one("LegEnded"), "packets_received") > 20, "echo comes back");
}

#[test]
fn early_media_that_must_arrive_is_acknowledged() {
    talks("prack.xml");
}

#[test]
fn a_session_interval_too_brief_is_asked_again() {
    talks("session.xml");
}

#[test]
fn our_simulated_carrier_rings_reliably_grants_a_session_timer_and_is_held() {
    our_carrier_answers("reliable.xml");
}

#[test]
fn our_simulated_carrier_answers_a_caller_others_wrote() {
    our_carrier_answers("call.xml");
}

fn our_carrier_answers(scenario: &str) {
    let stage = Stage::new(40);
    let carrier = OurCarrier::start(&stage.path().join("leads.csv"));
    let number = carrier.who_answers();
    let gateway = Gateway::pressing("");
    let mut arguments = media(&gateway).to_vec();
    arguments.extend(["-m", "1", "-s", &number].map(str::to_owned));
    arguments.push(carrier.sip.to_string());
    let mut sipp = Sipp::start(stage.path(), scenario, &arguments);
    sipp.wait().expect(1);
    let messages = sipp.messages();
    assert!(messages.contains("SIP/2.0 180"), "{messages}");
    assert!(gateway.heard() > 10, "somebody said hello");
}
