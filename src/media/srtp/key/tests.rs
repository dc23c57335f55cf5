use super::*;

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    assert_eq!(digits.len(), 2 * N);
    std::array::from_fn(|at| {
        let pair = std::str::from_utf8(&digits[2 * at..2 * at + 2]).expect("digits");
        u8::from_str_radix(pair, 16).expect("digits")
    })
}

#[test]
fn the_key_stream_is_that_of_rfc_3711_b_2() {
    let cipher = Aes128Enc::new(&bytes("2B7E151628AED2A6ABF7158809CF4F3C").into());
    let mut start: [u8; 16] = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000");
    let mut stream = [0; 48];
    counter_mode(&cipher, &start, &mut stream);
    let wanted: [u8; 48] = bytes(
        "E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB \
         41E95B3BB0A2E8DD477901E4FCA894C0",
    );
    assert_eq!(stream, wanted);
    // A million and more bytes on.
    (start[14], start[15]) = (0xFE, 0xFF);
    let mut stream = [0; 48];
    counter_mode(&cipher, &start, &mut stream);
    let wanted: [u8; 48] = bytes(
        "EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE \
         6A2CC3787889374FBEB4C81B17BA6C44",
    );
    assert_eq!(stream, wanted);
}

#[test]
fn session_keys_are_those_of_rfc_3711_b_3() {
    let master: [u8; 30] = bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6");
    let master = MasterKey::from_bytes(Profile::AesCm128HmacSha1_80, &master).expect("30 bytes");
    assert_eq!(master.derive::<16>(0), bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(master.derive::<14>(2), bytes("30CBBC08863D8C85D49DB34A9AE1"));
    let wanted: [u8; 94] = bytes(
        "CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE \
         E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25 \
         6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2",
    );
    assert_eq!(master.derive::<94>(1), wanted);
}

#[test]
fn a_key_has_as_many_bytes_as_its_profile_wants_and_shows_none() {
    for profile in Profile::ALL {
        for length in 0..40 {
            let key = MasterKey::from_bytes(profile, &vec![0xA5; length]);
            assert_eq!(key.is_some(), length == profile.key_length(), "{profile:?} {length}");
        }
        let key = MasterKey::from_entropy(profile, &[0xA5; 30]);
        let bytes = key.bytes();
        assert_eq!(MasterKey::from_bytes(profile, &bytes[..profile.key_length()]), Some(key));
        let shown = format!("{key:?}").to_lowercase();
        assert!(!shown.contains("165") && !shown.contains("a5"), "{shown}");
        assert_eq!(Profile::named(&profile.name().to_lowercase()), Some(profile));
    }
}
