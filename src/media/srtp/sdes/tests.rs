use proptest::prelude::*;

use super::*;

fn line(tag: u32, profile: Profile, byte: u8) -> CryptoLine {
    CryptoLine { tag, key: MasterKey::from_entropy(profile, &[byte; 30]) }
}

fn written(line: &CryptoLine) -> String {
    let mut text = String::new();
    line.write(&mut text);
    text
}

#[test]
fn what_is_written_is_read_again() {
    for profile in Profile::ALL {
        let line = line(3, profile, 0x5A);
        let text = written(&line);
        assert!(text.starts_with(&format!("3 {} inline:", profile.name())), "{}", profile.name());
        assert_eq!(read(&text), Ok(Some(line)));
    }
}

#[test]
fn the_example_of_the_rfc_is_read() {
    // RFC 4568 §6.1, with a lifetime; and without the padding some leave out.
    let text = "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20";
    let found = read(text).expect("well written").expect("spoken here");
    assert_eq!((found.tag, found.key.profile()), (1, Profile::AesCm128HmacSha1_80));
    assert_eq!(&found.key.bytes()[..4], b"wDfv");
    let text = written(&line(1, Profile::AeadAes128Gcm, 1));
    assert!(text.ends_with("=="));
    assert_eq!(read(text.trim_end_matches('=')), read(&text));
}

#[test]
fn lines_that_ask_for_what_is_not_spoken_here_are_passed_over() {
    let key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let good = format!("1 AES_CM_128_HMAC_SHA1_80 {key}");
    for extra in ["", "|2^31", " WSH=64", " -EXTRA"] {
        assert!(read(&format!("{good}{extra}")).expect("well written").is_some(), "{extra}");
    }
    for other in [
        format!("1 AES_256_CM_HMAC_SHA1_80 {key}"),
        format!("1 F8_128_HMAC_SHA1_80 {key}"),
        format!("{good}|2^20|1:4"),
        format!("{good};{key}"),
        format!("{good} KDR=1"),
        format!("{good} UNENCRYPTED_SRTCP"),
        "1 AES_CM_128_HMAC_SHA1_80 other:abc".to_owned(),
    ] {
        assert_eq!(read(&other), Ok(None));
    }
}

#[test]
fn lines_badly_written_are_errors_that_show_no_key() {
    let secret = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSo";
    for (text, wanted) in [
        (format!("x AES_CM_128_HMAC_SHA1_80 inline:{secret}"), CryptoError::Tag),
        (format!("1234567890 AES_CM_128_HMAC_SHA1_80 inline:{secret}"), CryptoError::Tag),
        (String::new(), CryptoError::Tag),
        ("1 AES_CM_128_HMAC_SHA1_80".to_owned(), CryptoError::Field),
        (
            format!("1 AES_CM_128_HMAC_SHA1_80 inline:{secret}"),
            CryptoError::Key { suite: "AES_CM_128_HMAC_SHA1_80", wanted: 30 },
        ),
        (
            format!("1 AEAD_AES_128_GCM inline:{secret}!"),
            CryptoError::Key { suite: "AEAD_AES_128_GCM", wanted: 28 },
        ),
    ] {
        let error = read(&text).expect_err("badly written");
        assert_eq!(error, wanted);
        assert!(!error.to_string().contains(&secret[..6]), "{error}");
    }
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,80}", rest in "[A-Za-z0-9+/=|:;]{0,60}") {
        let _ = read(&text);
        let _ = read(&format!("1 AES_CM_128_HMAC_SHA1_80 inline:{rest}"));
    }

    #[test]
    fn every_key_is_read_again(entropy in any::<[u8; 30]>(), tag in 0..1_000_000_000_u32) {
        for profile in Profile::ALL {
            let line = CryptoLine { tag, key: MasterKey::from_entropy(profile, &entropy) };
            prop_assert_eq!(read(&written(&line)), Ok(Some(line)));
        }
    }
}
