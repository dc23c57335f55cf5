//! Calls whose both ends are phones that others wrote, through the whole platform: encrypted, and
//! in codecs with more than the telephone's band. Who hears whom is told by pitch.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use ledgerline::base::Millis;
use ledgerline::media::Clip;
use serde_json::{Value, json};

use super::baresip::{Baresip, Traits};
use super::capture::Capture;
use super::count;
use super::peer::{Sipp, free_port};
use super::pitch::{heard_by, tenths};
use super::platform::{Log, Stage};
use super::registered::wait_until_it_answers;

/// What the agent says. Units: Hz.
const AGENT: u32 = 400;
/// What the customer says, once the agent is there.
const CUSTOMER: u32 = 700;
/// Whom the campaign calls.
const NUMBER: &str = "+12025550110";
/// Something a person says that is spoken as people do.
const SPOKEN: &str = "assets/prompts/52ac0ba3217199a4841b32a6d3cc30ac.ulaw";

/// A short word as people say it, time to listen, and the customer's pitch until the end.
fn greeting() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(SPOKEN);
    let spoken = std::fs::read(path).expect("a prompt");
    let word = Clip::from_ulaw(&spoken[..6_000]);
    let listens = Clip::silence(Millis(6_000));
    let pitch = Clip::tone(CUSTOMER, Millis(60_000), 6_000);
    word.followed_by(&listens).followed_by(&pitch).to_wav()
}

/// What a call is like.
#[derive(Clone, Copy)]
struct Kind {
    /// How both phones encrypt.
    encryption: Option<&'static str>,
    /// What the carrier and the agent are set to.
    srtp: &'static str,
    codecs: &'static str,
    /// What the platform may speak, where that is not G.711.
    spoken: Option<&'static str>,
}

/// Nothing special.
const PLAIN: Kind =
    Kind { encryption: None, srtp: "off", codecs: "PCMU/8000/1,PCMA/8000/1", spoken: None };

/// What came of a call.
struct Came {
    /// Where the phones' recordings are.
    _stage: Stage,
    log: Log,
    customer: Baresip,
    agent: Baresip,
    /// Packets of media that a display filter takes.
    packets: Box<dyn Fn(&str) -> Vec<String>>,
}

/// A customer who asks for a person, talks with an agent and is hung up on.
fn call(kind: Kind) -> Came {
    let mut stage = Stage::new(1);
    let traits = Traits { encryption: kind.encryption, codecs: kind.codecs, ..Traits::default() };
    let speech = greeting();
    // RTCP has a port of its own there; at the agent's it has not.
    let customer = Baresip::called(stage.path(), NUMBER, &Traits { speech, ..traits.clone() });
    let mut customer_hand = customer.hand();
    let registrar = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let srtp = kind.srtp;
    let ann = format!(
        "[[agents]]\nid = \"ann\"\nuser = \"ann\"\npassword = \"open-ann\"\nsrtp = \"{srtp}\"\n"
    );
    let ports = free_port();
    let (first, last) = (ports, ports + 15);
    let spoken = kind.spoken.map_or_else(String::new, |codecs| format!("codecs = [{codecs}]\n"));
    let media = format!("[media]\nports = \"{first}-{last}\"\n{spoken}");
    stage
        .carrier(customer.sip, &format!("srtp = \"{srtp}\""))
        .agents(&(ann + &media))
        .listen(registrar);
    let folder = stage.path().to_owned();
    let capture = Capture::start(&stage, registrar.port(), &format!("portrange {first}-{last}"));
    let running = stage.start();
    wait_until_it_answers(registrar);
    let speech = Traits::saying(AGENT).speech;
    let mux = Traits { speech, rtcp_mux: true, ..traits };
    let agent = Baresip::registered(&folder, registrar, "ann", "open-ann", &mux);
    let mut agent_hand = agent.hand();
    customer_hand.wait_for("CALL_ESTABLISHED");
    // The robot says who it is, and what to press.
    customer_hand.listen(4_000);
    customer_hand.press("sndcode", "0");
    agent_hand.wait_for("CALL_ESTABLISHED");
    // What it hears after a hold this phone does not write down.
    agent_hand.listen(5_000);
    agent_hand.press("hold", "");
    agent_hand.listen(700);
    agent_hand.press("resume", "");
    agent_hand.listen(1_500);
    agent_hand.press("hangup", "");
    customer_hand.wait_for("CALL_CLOSED");
    let log = running.end();
    Came { _stage: stage, log, customer, agent, packets: Box::new(capture.judge()) }
}

impl Came {
    /// Everybody heard everybody, and the log says so.
    fn expect(&self, codec: &str) {
        let Self { log, customer, agent, .. } = self;
        let told = || format!("{}\n{}\n{}", log.text(), customer.log(), agent.log());
        assert_eq!(
            log.fields("LegAnswered", "codec"),
            [&json!(codec), &json!(codec)],
            "{}",
            told()
        );
        let verdict = &log.all("AnswerClassified")[0]["verdict"];
        assert_eq!(verdict, "human", "{}", told());
        assert_eq!(log.one("CallEnded")["handler"], json!({"agent": "ann"}), "{}", told());
        assert_eq!((log.all("LegHeld").len(), log.all("LegResumed").len()), (1, 1), "{}", told());
        for leg in log.all("LegEnded") {
            assert_eq!(leg["failure"], Value::Null, "{leg}");
            assert!(count(leg, "packets_received") > 150, "{leg} {}", told());
        }
        for (phone, hz) in [(customer, AGENT), (agent, CUSTOMER)] {
            let long = tenths(&heard_by(phone), hz);
            assert!(long >= 15, "{hz} Hz heard in {long} tenths of a second: {}", told());
        }
    }

    /// No packet of G.711 went over the wire that others can read: such have 12 bytes of header
    /// and 160 of audio. Protected ones have a tag of 10 or 16 bytes.
    fn expect_no_plain_audio(&self) {
        for phone in [&self.customer, &self.agent] {
            let (first, last) = (phone.rtp, phone.rtp + 7);
            let of_length = |bytes: u32| {
                let datagram = 8 + 12 + 160 + bytes;
                let filter = format!("udp.port in {{{first}..{last}}} && udp.length == {datagram}");
                (self.packets)(&filter).len()
            };
            assert_eq!(of_length(0), 0, "in the open at {first}");
            let sealed = of_length(10) + of_length(16);
            assert!(sealed > 300, "{sealed} packets at {first}");
        }
    }
}

#[test]
fn a_call_between_plain_phones() {
    let came = call(PLAIN);
    came.expect("PCMU");
}

#[test]
fn a_call_encrypted_by_keys_in_session_descriptions() {
    let came = call(Kind { encryption: Some("srtp-mand"), srtp: "require", ..PLAIN });
    came.expect("PCMU");
    came.expect_no_plain_audio();
}

#[test]
fn a_call_encrypted_by_dtls() {
    let came = call(Kind { encryption: Some("dtls_srtp"), srtp: "dtls", ..PLAIN });
    came.expect("PCMU");
    came.expect_no_plain_audio();
    for phone in [&came.customer, &came.agent] {
        let log = phone.log();
        assert!(log.contains("verified sha-256 fingerprint OK"), "{log}");
        assert!(log.contains("DTLS-SRTP complete (audio/RTP)"), "{log}");
        assert!(!log.contains("crypto:"), "no keys in SIP: {log}");
    }
    let has_two = |phone: &Baresip| phone.log().contains("DTLS-SRTP complete (audio/RTCP)");
    assert!(has_two(&came.customer) && !has_two(&came.agent), "RTCP apart there and not here");
}

#[test]
fn a_call_in_g722() {
    call(Kind { codecs: "G722/16000/1", spoken: Some("\"g722\""), ..PLAIN }).expect("G722");
}

/// These phones have keys at 8,000 steps a second alone, which go with G.711 in an offer.
#[test]
fn a_call_in_opus() {
    call(Kind { codecs: "opus/48000/2", spoken: Some("\"opus\", \"pcmu\""), ..PLAIN })
        .expect("opus");
}

/// OpenSSL at the other end of a handshake, with a certificate of its own.
struct OpenSsl {
    child: Child,
    port: u16,
    fingerprint: String,
}

impl OpenSsl {
    fn start(folder: &Path) -> Self {
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=peer.invalid"])
            .arg("-keyout")
            .arg(folder.join("peer.key"))
            .arg("-out")
            .arg(folder.join("peer.crt"))
            .output()
            .expect("openssl is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(folder.join("peer.crt"))
            .output()
            .expect("openssl is there");
        let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let fingerprint = told.split_once('=').expect("a fingerprint").1.to_owned();
        let port = free_port();
        let log = std::fs::File::create(folder.join("openssl.log")).expect("a file");
        let child = Command::new("openssl")
            .args(["s_server", "-dtls1_2", "-verify", "1", "-accept", &format!("127.0.0.1:{port}")])
            .args(["-use_srtp", "SRTP_AES128_CM_SHA1_80", "-cert"])
            .arg(folder.join("peer.crt"))
            .arg("-key")
            .arg(folder.join("peer.key"))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("the same file"))
            .stderr(log)
            .spawn()
            .expect("openssl starts");
        Self { child, port, fingerprint }
    }
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A customer who is OpenSSL, told of by this fingerprint; its log, and what it said.
fn openssl(told: impl Fn(&str) -> String) -> (Log, String) {
    let mut stage = Stage::new(1);
    let peer = OpenSsl::start(stage.path());
    let media = [
        "-key".to_owned(),
        "gateway_port".to_owned(),
        peer.port.to_string(),
        "-key".to_owned(),
        "fingerprint".to_owned(),
        told(&peer.fingerprint),
    ];
    let sipp = Sipp::carrier(stage.path(), "dtls.xml", &media);
    let log = stage.carrier(sipp.sip, "srtp = \"dtls\"").sip("media_timeout_ms = 3000").run();
    sipp.verdict().expect(1);
    let said = std::fs::read_to_string(stage.path().join("openssl.log")).unwrap_or_default();
    (log, said)
}

#[test]
fn a_peer_with_another_certificate_than_it_told_of_gets_no_call() {
    let (log, said) = openssl(|fingerprint| fingerprint.replace("A", "B").replace("1", "2"));
    let leg = log.one("LegEnded");
    assert_eq!(leg["failure"], "dtls_fingerprint", "{leg} {said}");
    assert_eq!((count(leg, "packets_sent"), count(leg, "packets_received")), (0, 0), "{leg}");
    assert!(log.all("TurnSpoken").is_empty(), "nothing was said");
    assert_eq!(log.one("AttemptEnded")["disposition"], "abandoned");
    assert!(said.contains("bad certificate"), "it is told why: {said}");
}

#[test]
fn a_peer_with_the_certificate_it_told_of_is_talked_to() {
    let (log, said) = openssl(str::to_owned);
    let leg = log.one("LegEnded");
    // It agrees on keys, and then says nothing with them.
    assert_eq!(leg["failure"], "media_timeout", "{leg} {said}");
    assert!(count(leg, "packets_sent") > 50, "{leg} {said}");
    assert!(said.contains("SRTP_AES128_CM_SHA1_80"), "{said}");
}
