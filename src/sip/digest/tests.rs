use super::*;

fn credentials() -> Credentials {
    Credentials { user: "Mufasa".to_owned(), password: "Circle Of Life".to_owned() }
}

/// RFC 2617 §3.5.
#[test]
fn answers_the_example_of_the_rfc() {
    let challenge = DigestChallenge::read(
        "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
         nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\", opaque=\"5ccc069c403ebaf9f0171e9517f40e41\"",
    )
    .unwrap();
    let value = challenge.answer(&credentials(), "GET", "/dir/index.html", "0a4f113b");
    assert!(value.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{value}");
    assert!(value.contains("opaque=\"5ccc069c403ebaf9f0171e9517f40e41\""), "{value}");
    assert!(value.ends_with("qop=auth, nc=00000001, cnonce=\"0a4f113b\""), "{value}");
}

#[test]
fn refuses_what_it_cannot_answer() {
    for value in [
        "Basic realm=\"a\"",
        "Digest realm=\"a\"",
        "Digest nonce=\"a\"",
        "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-256",
        "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
        "",
    ] {
        assert_eq!(DigestChallenge::read(value), None, "{value}");
    }
}

#[test]
fn checks_proof_age_and_peer_of_a_nonce() {
    let keeper = Doorkeeper::new([7; 16]);
    let challenge = Challenge {
        realm: "ledger".to_owned(),
        user: "Mufasa".to_owned(),
        password: "Circle Of Life".to_owned(),
    };
    let peer = "192.0.2.1:5060".parse().unwrap();
    let start = Timestamp::from_micros(1_000_000);
    let asked = DigestChallenge::read(&keeper.challenge(&challenge, start, peer, false)).unwrap();
    assert!(!asked.stale);
    let good = asked.answer(&credentials(), "INVITE", "sip:a@b", "c");
    let verify =
        |value: &str, method, now, peer| keeper.verify(&challenge, value, method, now, peer);
    assert_eq!(verify(&good, "INVITE", start, peer), Verdict::Good);
    assert_eq!(verify(&good, "BYE", start, peer), Verdict::Bad);
    assert_eq!(verify(&good.replace("sip:a", "sip:b"), "INVITE", start, peer), Verdict::Bad);
    let late = start.plus(Millis::from_secs(61));
    assert_eq!(verify(&good, "INVITE", late, peer), Verdict::Stale);
    let other = "192.0.2.2:5060".parse().unwrap();
    assert_eq!(verify(&good, "INVITE", start, other), Verdict::Stale);
    let wrong = Credentials { password: "no".to_owned(), ..credentials() };
    let wrong = asked.answer(&wrong, "INVITE", "sip:a@b", "c");
    assert_eq!(verify(&wrong, "INVITE", start, peer), Verdict::Bad);
    let stale = DigestChallenge::read(&keeper.challenge(&challenge, start, peer, true)).unwrap();
    assert!(stale.stale);
}
