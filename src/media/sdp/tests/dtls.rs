//! Keys by DTLS, as descriptions agree on them.

use super::*;
use crate::media::dtls::{CertificateHash, DtlsPeer, DtlsRole, Fingerprint};

fn certificate(byte: u8) -> Fingerprint {
    Fingerprint::new(CertificateHash::Sha256, &[byte; 32]).expect("32 bytes")
}

fn by_dtls(byte: u8) -> Capabilities {
    Capabilities { dtls: Some(certificate(byte)), ..Capabilities::default() }
}

/// One that offers keys in descriptions and takes both.
fn either(byte: u8, is_required: bool) -> Capabilities {
    Capabilities { dtls: Some(certificate(byte)), ..with_keys(byte, is_required) }
}

#[test]
fn two_of_us_agree_on_certificates_and_on_who_begins() {
    let (caller, callee) = (by_dtls(1), by_dtls(2));
    let offered = caller.offer(local(), 1);
    assert!(offered.contains("m=audio 40000 UDP/TLS/RTP/SAVP 0 8 101\r\n"), "{offered}");
    assert!(offered.contains("a=setup:actpass\r\n") && !offered.contains("a=crypto"), "{offered}");
    assert!(offered.contains(&format!("a=fingerprint:{}\r\n", certificate(1))), "{offered}");
    assert!(offered.contains("a=rtcp-mux\r\n"), "one handshake for both: {offered}");
    let (answered, theirs) = callee.answer(&offered, local(), 2).expect("an offer of ours");
    assert!(answered.contains("UDP/TLS/RTP/SAVP 0") && answered.contains("a=setup:active\r\n"));
    let ours = accept(&answered, &offered).expect("an answer of ours");
    let peer = |role, byte| Some(DtlsPeer { role, fingerprint: certificate(byte) });
    assert_eq!(ours.dtls, peer(DtlsRole::Server, 2));
    assert_eq!(theirs.dtls, peer(DtlsRole::Client, 1));
    assert!(ours.rtcp_mux && theirs.rtcp_mux && ours.crypto.is_none());

    // Later offers of both sides keep certificates and roles.
    let held = caller.offer_again(local(), 1, 1, Direction::SendOnly, Some(&offered));
    let (answered, again) =
        callee.answer_again(&held, local(), 2, 1, Some(&theirs)).expect("a later offer");
    assert_eq!(again.dtls, theirs.dtls);
    assert_eq!(accept_again(&answered, &held, Some(&ours)).map(|a| a.dtls), Ok(ours.dtls));
    let back = callee.offer_again(local(), 2, 2, Direction::SendRecv, Some(&answered));
    let (answered, again) =
        caller.answer_again(&back, local(), 1, 2, Some(&ours)).expect("a later offer");
    assert_eq!(again.dtls, ours.dtls);
    assert!(answered.contains("a=setup:passive\r\n"), "{answered}");
    assert_eq!(accept_again(&answered, &back, Some(&theirs)).map(|a| a.dtls), Ok(theirs.dtls));
}

/// An offer as others write it: for the session, and with feedback.
fn of_others(protocol: &str, session: &str, media: &str) -> String {
    audio(&format!("m=audio 6000 {protocol} 0"), media)
        .replace("t=0 0\r\n", &format!("t=0 0\r\n{session}"))
}

#[test]
fn offers_of_others_are_understood() {
    let one = format!("a=fingerprint:SHA-256 {}\r\n", &certificate(7).to_string()[8..]);
    let weak =
        "a=fingerprint:sha-1 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13\r\n";
    for (protocol, session, media, want) in [
        ("UDP/TLS/RTP/SAVPF", one.clone(), "a=setup:actpass".to_owned(), DtlsRole::Client),
        ("UDP/TLS/RTP/SAVP", format!("{one}a=setup:active\r\n"), String::new(), DtlsRole::Server),
        (
            "UDP/TLS/RTP/SAVP",
            String::new(),
            format!("{weak}{one}a=tls-id:abc\r\na=setup:passive"),
            DtlsRole::Client,
        ),
        ("RTP/SAVPF", String::new(), format!("{one}a=setup:passive"), DtlsRole::Client),
        ("RTP/AVP", String::new(), format!("{one}a=setup:actpass"), DtlsRole::Client),
        ("UDP/TLS/RTP/SAVP", String::new(), one.clone(), DtlsRole::Server),
    ] {
        let offered = of_others(protocol, &session, &media);
        for capabilities in [by_dtls(1), either(1, false), either(1, true)] {
            let (answered, agreed) = capabilities
                .answer(&offered, local(), 5)
                .unwrap_or_else(|e| panic!("{e}: {offered}"));
            assert_eq!(agreed.dtls, Some(DtlsPeer { role: want, fingerprint: certificate(7) }));
            assert!(answered.contains(&format!(" {protocol} 0")), "{answered}");
            assert!(!agreed.rtcp_mux && !answered.contains("rtcp-mux"), "not offered: {answered}");
        }
    }
}

#[test]
fn who_does_not_say_whom_to_expect_is_refused() {
    let refused = Err(SdpError::Dtls { line: 6 });
    let demand = by_dtls(1).offer(local(), 1);
    assert_eq!(Capabilities::default().answer(&demand, local(), 2).map(drop), refused);
    assert_eq!(with_keys(2, false).answer(&demand, local(), 2).map(drop), refused);
    let open = Capabilities::default().offer(local(), 1);
    assert_eq!(by_dtls(1).answer(&open, local(), 2).map(drop), refused);
    let described = with_keys(2, true).offer(local(), 1);
    assert_eq!(by_dtls(1).answer(&described, local(), 2).map(drop), refused);
    for more in ["", "a=setup:holdconn\r\na=fingerprint:sha-1 AB"] {
        let offered = of_others("UDP/TLS/RTP/SAVP", "", more);
        assert_eq!(by_dtls(1).answer(&offered, local(), 2).map(drop), refused, "{more}");
    }
    let nobody = format!("a=setup:holdconn\r\na=fingerprint:{}", certificate(3));
    for more in ["a=setup:active", &nobody, ""] {
        let answered = audio("m=audio 6000 UDP/TLS/RTP/SAVP 0", more);
        assert_eq!(accept(&answered, &demand).map(drop), refused, "{more}");
    }
}

#[test]
fn whoever_can_do_both_offers_keys_and_takes_certificates() {
    let offered = either(1, true).offer(local(), 1);
    assert!(offered.contains("RTP/SAVP ") && offered.contains("a=crypto:1 "), "{offered}");
    assert!(!offered.contains("a=fingerprint") && !offered.contains("UDP/TLS"), "{offered}");
    let (_, agreed) = either(2, false).answer(&offered, local(), 2).expect("keys");
    assert!(agreed.crypto.is_some() && agreed.dtls.is_none());
    // After an offer by DTLS, later ones of ours are so, too.
    let (answered, agreed) =
        either(2, false).answer(&by_dtls(1).offer(local(), 1), local(), 2).expect("both");
    assert!(agreed.dtls.is_some() && agreed.crypto.is_none());
    let again = either(2, false).offer_again(local(), 2, 1, Direction::SendRecv, Some(&answered));
    assert!(again.contains("a=fingerprint") && !again.contains("a=crypto"), "{again}");
    // And what is encrypted stays so.
    let open = Capabilities::default().offer(local(), 1);
    let undone = either(2, false).answer_again(&open, local(), 2, 2, Some(&agreed));
    assert_eq!(undone.map(drop), Err(SdpError::Srtp { line: 6 }));
}
