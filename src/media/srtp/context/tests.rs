use proptest::prelude::*;

use super::*;
use crate::media::srtp::{Profile, TRAILER_MAX};

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

fn key(profile: Profile, text: &str) -> MasterKey {
    MasterKey::from_bytes(profile, &bytes(text)).expect("the right length")
}

/// The key that libsrtp's tests have, which are RFC 3711's.
fn known(profile: Profile) -> MasterKey {
    match profile {
        Profile::AeadAes128Gcm => {
            key(profile, "000102030405060708090a0b0c0d0e0f a0a1a2a3a4a5a6a7a8a9aaab")
        }
        _ => key(profile, "e1f97a0d3e018be0d64fa32c06de4139 0ec675ad498afeebb6960b3aabe6"),
    }
}

/// A packet of 20 ms of G.711 with this number.
fn packet(number: u64, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 0];
    packet.extend((number as u16).to_be_bytes());
    packet.extend((number as u32).wrapping_mul(160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..160).map(|at| at as u8 ^ number as u8));
    packet
}

fn report(ssrc: u32) -> Vec<u8> {
    let mut report = bytes("80c90001");
    report.extend(ssrc.to_be_bytes());
    report.extend(bytes("81ca0002 01020304 01026162 00000000"));
    report
}

fn protect(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + TRAILER_MAX, 0);
    let length = sender.protect(&mut buffer, plain.len()).expect("protected");
    buffer.truncate(length);
    buffer
}

fn protect_rtcp(sender: &mut SrtpSender, plain: &[u8]) -> Vec<u8> {
    let mut buffer = plain.to_vec();
    buffer.resize(plain.len() + TRAILER_MAX, 0);
    let length = sender.protect_rtcp(&mut buffer, plain.len()).expect("protected");
    buffer.truncate(length);
    buffer
}

fn open(receiver: &mut SrtpReceiver, secret: &[u8]) -> Result<Vec<u8>, SrtpError> {
    let mut buffer = secret.to_vec();
    let length = receiver.unprotect(&mut buffer)?;
    buffer.truncate(length);
    Ok(buffer)
}

#[test]
fn known_packets_are_protected_as_other_implementations_do() {
    let plain = bytes("800f1234decafbadcafebabe abababababababababababababababab");
    for (profile, wanted) in [
        (
            Profile::AesCm128HmacSha1_80,
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            Profile::AesCm128HmacSha1_32,
            "800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc",
        ),
        (
            Profile::AeadAes128Gcm,
            "800f1234decafbadcafebabe c5002ede04cfdd2eb91159e0880aa06e \
             d2976826f796b201df3131a127e8a392",
        ),
    ] {
        let secret = protect(&mut SrtpSender::new(&known(profile)), &plain);
        assert_eq!(secret, bytes(wanted), "{profile:?}");
        let mut receiver = SrtpReceiver::new(&known(profile));
        assert_eq!(open(&mut receiver, &secret), Ok(plain.clone()));
    }
}

#[test]
fn known_reports_are_protected_as_other_implementations_do() {
    let plain = bytes("81c8000bcafebabe abababababababababababababababab");
    for (profile, wanted) in [
        (
            Profile::AesCm128HmacSha1_80,
            "81c8000bcafebabe 7128035be487b9bdbef89041f977a5a8 80000001 993e08cd54d6c1230798",
        ),
        (
            Profile::AeadAes128Gcm,
            "81c8000bcafebabe c98b8b5df0392a55852b6c21ac8e7025 \
             c52c6fbea2b3b446ea31123ba88ce61e 80000001",
        ),
    ] {
        let secret = protect_rtcp(&mut SrtpSender::new(&known(profile)), &plain);
        assert_eq!(secret, bytes(wanted), "{profile:?}");
    }
}

#[test]
fn numbers_turn_over_and_the_packets_are_still_opened() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) =
            (SrtpSender::new(&known(profile)), SrtpReceiver::new(&known(profile)));
        for number in (65_000..200_000).step_by(97) {
            let plain = packet(number, 7);
            let secret = protect(&mut sender, &plain);
            assert_ne!(secret[12..172], plain[12..172]);
            assert_eq!(open(&mut receiver, &secret), Ok(plain), "{profile:?} {number}");
        }
    }
}

#[test]
fn packets_out_of_order_around_a_turn_are_opened_once() {
    let mut sender = SrtpSender::new(&known(Profile::AesCm128HmacSha1_80));
    let mut receiver = SrtpReceiver::new(&known(Profile::AesCm128HmacSha1_80));
    let secrets: Vec<_> =
        (65_530..65_546).map(|number| protect(&mut sender, &packet(number, 7))).collect();
    for at in [0, 8, 5, 6, 7, 15, 1, 14, 9] {
        assert!(open(&mut receiver, &secrets[at]).is_ok(), "{at}");
        assert_eq!(
            open(&mut receiver, &secrets[at]),
            Err(SrtpError::Replayed { index: 65_530 + at as u64 })
        );
    }
}

#[test]
fn nothing_forged_is_taken_or_remembered() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) =
            (SrtpSender::new(&known(profile)), SrtpReceiver::new(&known(profile)));
        let secret = protect(&mut sender, &packet(1, 7));
        for at in 0..secret.len() {
            let mut forged = secret.clone();
            forged[at] ^= 0x01;
            let before = forged.clone();
            assert!(receiver.unprotect(&mut forged).is_err(), "{profile:?} {at}");
            assert_eq!(forged, before, "left as it was");
        }
        assert!(open(&mut receiver, &secret).is_ok(), "the true one still is");
        let other = MasterKey::from_entropy(profile, &[9; 30]);
        let mut stranger = SrtpReceiver::new(&other);
        assert_eq!(open(&mut stranger, &secret), Err(SrtpError::Authentication));
    }
}

#[test]
fn an_index_is_never_protected_twice() {
    let mut sender = SrtpSender::new(&known(Profile::AesCm128HmacSha1_80));
    let mut buffer = [0; 256];
    let mut send = |number, ssrc| {
        let plain = packet(number, ssrc);
        buffer[..plain.len()].copy_from_slice(&plain);
        sender.protect(&mut buffer, plain.len())
    };
    assert!(send(10, 7).is_ok());
    assert_eq!(send(10, 7), Err(SrtpError::Order { index: 10, last: 10 }));
    assert!(send(9, 7).is_err());
    assert!(send(11, 8).is_err(), "another source");
    assert!(send(11, 7).is_ok());
}

#[test]
fn a_new_source_is_a_stream_of_its_own() {
    let master = known(Profile::AesCm128HmacSha1_80);
    let mut receiver = SrtpReceiver::new(&master);
    for ssrc in 0..10 {
        let mut sender = SrtpSender::new(&master);
        for number in 100..103 {
            let secret = protect(&mut sender, &packet(number, ssrc));
            assert!(open(&mut receiver, &secret).is_ok());
            assert!(open(&mut receiver, &secret).is_err());
        }
    }
}

#[test]
fn reports_are_opened_once_and_only_encrypted() {
    for profile in Profile::ALL {
        let (mut sender, mut receiver) =
            (SrtpSender::new(&known(profile)), SrtpReceiver::new(&known(profile)));
        for _ in 0..3 {
            let secret = protect_rtcp(&mut sender, &report(7));
            let mut buffer = secret.clone();
            let length = receiver.unprotect_rtcp(&mut buffer).expect("genuine");
            assert_eq!(buffer[..length], report(7));
            let mut again = secret.clone();
            assert!(matches!(receiver.unprotect_rtcp(&mut again), Err(SrtpError::Replayed { .. })));
            for at in 0..secret.len() {
                let mut forged = secret.clone();
                forged[at] ^= 0x80;
                assert!(receiver.unprotect_rtcp(&mut forged).is_err(), "{profile:?} {at}");
            }
        }
    }
}

#[test]
fn sources_and_extensions_stay_readable() {
    let mut plain = bytes("91000001 00000000 00000007 0000000a bede0001 10aa0000");
    plain.extend([0x55; 20]);
    for profile in Profile::ALL {
        let secret = protect(&mut SrtpSender::new(&known(profile)), &plain);
        assert_eq!(secret[..24], plain[..24]);
        assert_ne!(secret[24..44], plain[24..44]);
        let mut receiver = SrtpReceiver::new(&known(profile));
        assert_eq!(open(&mut receiver, &secret), Ok(plain.clone()));
    }
}

#[test]
fn a_buffer_without_room_is_refused() {
    let mut sender = SrtpSender::new(&known(Profile::AeadAes128Gcm));
    let mut plain = packet(1, 7);
    let length = plain.len();
    let wanted = SrtpError::Short { length, wanted: length + 16 };
    assert_eq!(sender.protect(&mut plain, length), Err(wanted));
}

#[test]
fn nothing_of_a_key_is_shown() {
    let master = known(Profile::AesCm128HmacSha1_80);
    let shown = format!("{:?} {:?}", SrtpSender::new(&master), SrtpReceiver::new(&master));
    assert_eq!(shown, "SrtpSender { last: None, .. } SrtpReceiver { taken: 0, .. }");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(
        input in proptest::collection::vec(any::<u8>(), 0..100), gcm in any::<bool>(),
    ) {
        let profile = if gcm { Profile::AeadAes128Gcm } else { Profile::AesCm128HmacSha1_80 };
        let mut receiver = SrtpReceiver::new(&known(profile));
        prop_assert!(receiver.unprotect(&mut input.clone()).is_err());
        prop_assert!(receiver.unprotect_rtcp(&mut input.clone()).is_err());
        let mut sender = SrtpSender::new(&known(profile));
        let mut buffer = input.clone();
        buffer.resize(input.len() + TRAILER_MAX, 0);
        let _ = sender.protect(&mut buffer.clone(), input.len());
        let _ = sender.protect_rtcp(&mut buffer, input.len());
    }
}
