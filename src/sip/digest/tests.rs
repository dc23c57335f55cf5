use proptest::prelude::*;

use super::algorithm::{Algorithm, Proof};
use super::*;
use crate::base::{Millis, Timestamp};
use crate::sip::event::Credentials;
use crate::sip::message::Message;

const URI: &str = "sip:registrar.example";
const REALM: &str = "ledger";

fn credentials() -> Credentials {
    Credentials { user: "Mufasa".to_owned(), password: "Circle Of Life".to_owned() }
}

/// RFC 2617 §3.5.
#[test]
fn answers_the_example_of_rfc_2617() {
    let challenge = DigestChallenge::read(
        "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
    )
    .unwrap();
    let value = challenge.answer(&credentials(), "GET", "/dir/index.html", "0a4f113b", 1);
    assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{value}");
    assert!(value.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""), "{value}");
    assert!(value.ends_with("qop=auth, nc=00000001, cnonce=\"0a4f113b\""), "{value}");
}

/// RFC 7616 §3.9.1: one nonce, both hashes.
#[test]
fn answers_the_examples_of_rfc_7616() {
    let credentials = Credentials { password: "Circle of Life".to_owned(), ..credentials() };
    let challenge = |algorithm: &str| {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
             opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    };
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let challenge = DigestChallenge::read(&challenge(algorithm)).unwrap();
        let value = challenge.answer(&credentials, "GET", "/dir/index.html", cnonce, 1);
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
        assert!(value.contains(&format!("algorithm={algorithm}")), "{value}");
    }
}

/// RFC 7616 §3.4.2: the session's key is the plain key hashed with both nonces.
#[test]
fn a_session_hashes_its_key_once_more() {
    for (algorithm, plain) in
        [(Algorithm::Md5Sess, Algorithm::Md5), (Algorithm::Sha256Sess, Algorithm::Sha256)]
    {
        let proof = Proof {
            algorithm,
            user: "u",
            realm: "r",
            password: "p",
            nonce: "n",
            cnonce: "c",
            count: Some("00000001"),
        };
        let by_hand = |text: &str| match plain {
            Algorithm::Md5 => crate::base::hex(&<md5::Md5 as md5::Digest>::digest(text)),
            _ => crate::base::hex(&<sha2::Sha256 as sha2::Digest>::digest(text)),
        };
        let key = by_hand(&format!("{}:n:c", by_hand("u:r:p")));
        let wanted = by_hand(&format!("{key}:n:00000001:c:auth:{}", by_hand("BYE:sip:a")));
        assert_eq!(proof.response("BYE", "sip:a"), wanted, "{algorithm:?}");
    }
}

#[test]
fn refuses_what_it_cannot_answer() {
    for value in [
        "Basic realm=\"a\"",
        "Digest realm=\"a\"",
        "Digest nonce=\"a\"",
        "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-512-256",
        "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
        "",
    ] {
        assert_eq!(DigestChallenge::read(value), None, "{value}");
    }
}

#[test]
fn the_strongest_challenge_of_each_realm_is_answered() {
    let values = [
        "Digest realm=\"a\", nonce=\"1\"",
        "Digest realm=\"b\", nonce=\"2\", algorithm=MD5-sess",
        "Digest realm=\"a\", nonce=\"3\", algorithm=sha-256",
        "Digest realm=\"a\", nonce=\"4\", algorithm=SHA-512-256",
        "Digest realm=\"b\", nonce=\"5\", algorithm=MD5",
    ];
    let chosen = DigestChallenge::strongest(values.into_iter());
    let answers: Vec<String> =
        chosen.iter().map(|one| one.answer(&credentials(), "BYE", URI, "c", 1)).collect();
    assert_eq!(answers.len(), 2);
    assert!(answers[0].contains("nonce=\"3\"") && answers[0].contains("algorithm=SHA-256"));
    assert!(answers[1].contains("nonce=\"2\"") && answers[1].contains("algorithm=MD5-sess"));
}

fn refusal(status: u16, header: &str, realm: &str, stale: bool) -> Message {
    let stale = if stale { ", stale=true" } else { "" };
    Message::response(status).with(header, format!("Digest realm=\"{realm}\", nonce=\"n\"{stale}"))
}

fn again(request: &Message, response: &Message) -> Option<Message> {
    prove(request, response, &credentials(), "SIP/2.0/UDP x;branch=z9hG4bKy".to_owned(), "c")
}

#[test]
fn a_proxy_and_the_server_behind_it_get_a_proof_each() {
    let request = Message::request("INVITE", URI).with("CSeq", "1 INVITE");
    let proxy = refusal(407, "Proxy-Authenticate", "proxy", false);
    let once = again(&request, &proxy).unwrap();
    let twice = again(&once, &refusal(401, "WWW-Authenticate", "server", false)).unwrap();
    assert_eq!(twice.header("CSeq"), Some("3 INVITE"));
    assert_eq!(twice.all("Proxy-Authorization").count(), 1);
    assert_eq!(twice.all("Authorization").count(), 1);
    let inner = again(&twice, &refusal(407, "Proxy-Authenticate", "inner", false)).unwrap();
    assert_eq!(inner.all("Proxy-Authorization").count(), 2, "one of each proxy");
    assert!(again(&inner, &proxy).is_none(), "the password was not accepted");
    let stale = again(&inner, &refusal(407, "Proxy-Authenticate", "proxy", true)).unwrap();
    assert_eq!(stale.all("Proxy-Authorization").count(), 2, "only the nonce was old");
}

/// A door, and what is said at it.
struct Door {
    keeper: Doorkeeper,
    now: Timestamp,
    peer: std::net::SocketAddr,
}

impl Door {
    fn new() -> Self {
        let peer = "192.0.2.1:5060".parse().unwrap();
        let now = Timestamp::from_micros(1_000_000);
        Self { keeper: Doorkeeper::new([7; 16]), now, peer }
    }

    const fn asked<'a>(&self, method: &'a str, uri: &'a str) -> Asked<'a> {
        let algorithms = &[Algorithm::Sha256, Algorithm::Md5];
        Asked { realm: REALM, algorithms, method, uri, peer: self.peer }
    }

    fn challenges(&mut self) -> [DigestChallenge; 2] {
        let asked = self.asked("REGISTER", URI);
        let values = self.keeper.challenge(asked, self.now, false);
        [0, 1].map(|which: usize| DigestChallenge::read(&values[which]).unwrap())
    }

    fn verify(&mut self, value: &str, method: &str, uri: &str) -> Verdict {
        let asked = self.asked(method, uri);
        let known = |user: &str| (user == "Mufasa").then_some("Circle Of Life");
        self.keeper.verify(value, asked, self.now, known)
    }
}

#[test]
fn a_proof_holds_for_its_user_method_target_and_peer() {
    for which in [0, 1] {
        let mut door = Door::new();
        let asked = &door.challenges()[which];
        assert!(!asked.stale);
        let good = asked.answer(&credentials(), "REGISTER", URI, "c", 1);
        for (value, method, uri) in [
            (good.clone(), "INVITE", URI),
            (good.replace("response=\"", "response=\"0"), "REGISTER", URI),
            (good.clone(), "REGISTER", "sip:elsewhere.example"),
            (good.replace("Mufasa", "Scar"), "REGISTER", URI),
            (good.replace("algorithm=", "algorithm=X-"), "REGISTER", URI),
            (good.replace(REALM, "other"), "REGISTER", URI),
            (String::new(), "REGISTER", URI),
        ] {
            assert_eq!(door.verify(&value, method, uri), Verdict::Bad, "{value}");
        }
        let wrong = Credentials { password: "no".to_owned(), ..credentials() };
        let wrong = asked.answer(&wrong, "REGISTER", URI, "c", 1);
        assert_eq!(door.verify(&wrong, "REGISTER", URI), Verdict::Bad);
        let here = std::mem::replace(&mut door.peer, "192.0.2.2:5060".parse().unwrap());
        assert_eq!(door.verify(&good, "REGISTER", URI), Verdict::Stale, "another peer's nonce");
        door.peer = here;
        assert_eq!(door.keeper.kept(), 0, "strangers leave nothing behind");
        assert_eq!(door.verify(&good, "REGISTER", URI), Verdict::Good);
    }
}

#[test]
fn a_proof_works_once_and_the_next_count_after_it() {
    let mut door = Door::new();
    let [asked, _] = door.challenges();
    let proof = |count| asked.answer(&credentials(), "REGISTER", URI, "c", count);
    assert_eq!(door.verify(&proof(1), "REGISTER", URI), Verdict::Good);
    assert_eq!(door.verify(&proof(1), "REGISTER", URI), Verdict::Stale, "replayed");
    assert_eq!(door.verify(&proof(3), "REGISTER", URI), Verdict::Good);
    assert_eq!(door.verify(&proof(2), "REGISTER", URI), Verdict::Stale, "older than the last");
    door.now = door.now.plus(Millis::from_secs(61));
    assert_eq!(door.verify(&proof(4), "REGISTER", URI), Verdict::Stale, "too old");
    let [fresh, _] = door.challenges();
    let value = fresh.answer(&credentials(), "REGISTER", URI, "c", 1);
    assert_eq!(door.verify(&value, "REGISTER", URI), Verdict::Good);
    assert_eq!(door.keeper.kept(), 1, "dead nonces are dropped");
}

#[test]
fn a_proof_without_qop_works_once() {
    let mut door = Door::new();
    let asked = door.asked("REGISTER", URI);
    let value = door.keeper.challenge(asked, door.now, false)[1].clone();
    let old = DigestChallenge::read(&value.replace(", qop=\"auth\"", "")).unwrap();
    let value = old.answer(&credentials(), "REGISTER", URI, "c", 1);
    assert!(!value.contains("nc="));
    assert_eq!(door.verify(&value, "REGISTER", URI), Verdict::Good);
    assert_eq!(door.verify(&value, "REGISTER", URI), Verdict::Stale);
}

#[test]
fn counts_are_bounded_and_what_is_forgotten_cannot_be_replayed() {
    let mut door = Door::new();
    let mut first = None;
    for _ in 0..10_001 {
        door.now = Timestamp::from_micros(door.now.as_micros() + 10);
        let [_, asked] = door.challenges();
        let value = asked.answer(&credentials(), "REGISTER", URI, "c", 1);
        assert_eq!(door.verify(&value, "REGISTER", URI), Verdict::Good);
        first.get_or_insert(value);
    }
    assert_eq!(door.keeper.kept(), 10_000);
    assert_eq!(door.verify(&first.unwrap(), "REGISTER", URI), Verdict::Stale);
}

proptest! {
    #[test]
    fn whatever_is_said_at_the_door_proves_nothing(value in "(Digest )?[ -~]{0,120}") {
        let mut door = Door::new();
        prop_assert_eq!(door.verify(&value, "REGISTER", URI), Verdict::Bad);
        drop(DigestChallenge::read(&value));
    }
}
