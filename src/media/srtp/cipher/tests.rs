use super::*;

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits")).collect()
}

/// Session keys as they are, without a master.
fn galois(key: &str, salt: &str) -> SessionCipher {
    let key: [u8; 16] = bytes(key).try_into().expect("16 bytes");
    let mut padded = [0; SALT];
    padded[..12].copy_from_slice(&bytes(salt));
    SessionCipher { salt: padded, tag_length: 16, keys: Keys::Galois(Aes128Gcm::new(&key.into())) }
}

#[test]
fn aes_gcm_protects_rtp_as_rfc_7714_shows() {
    // §16.1.1.
    let cipher = galois("000102030405060708090a0b0c0d0e0f", "517569642070726f2071756f");
    let header = bytes("8040f17b 8041f8d3 5501a0b2");
    let plain = bytes(
        "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573",
    );
    let mut secret = plain.clone();
    let tag = cipher.seal(Use::Rtp, 0x5501_a0b2, 0xf17b, [0; 4], &header, &mut secret);
    let wanted = bytes(
        "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833",
    );
    assert_eq!(secret, wanted);
    assert_eq!(tag.to_vec(), bytes("899d7f27 beb16a91 52cf765e e4390cce"));
    assert!(cipher.open(Use::Rtp, 0x5501_a0b2, 0xf17b, [0; 4], &header, &mut secret, &tag));
    assert_eq!(secret, plain);
}
