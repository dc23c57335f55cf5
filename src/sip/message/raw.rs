//! Bytes that are no UTF-8, kept in a text.
//!
//! Each stands as one character of a range for private use, U+EF80 to U+EFFF, so that what an
//! answer copies is the same byte for byte (RFC 3261 §8.2.6.2): old switches write names in
//! ISO 8859-1. Characters of that range in the input count as such bytes, too. Invariant:
//! `encode(decode(bytes)) == bytes`.

/// The character of byte 0; only those from 0x80 on are in use.
const BASE: u32 = 0xEF00;
/// All characters of the range begin with it in UTF-8.
const LEAD: u8 = 0xEE;

/// Bytes as text.
pub(super) fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&LEAD) => text.to_owned(),
        _ => decode_odd(bytes),
    }
}

/// The bytes a text stands for.
pub(super) fn encode(text: String) -> Vec<u8> {
    if !text.as_bytes().contains(&LEAD) {
        return text.into_bytes();
    }
    let mut bytes = Vec::with_capacity(text.len());
    for char in text.chars() {
        match byte_of(char) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

fn decode_odd(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let stand_in = |byte: &u8| char::from_u32(BASE + u32::from(*byte));
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            if byte_of(char).is_some() {
                text.extend(char.encode_utf8(&mut [0; 4]).as_bytes().iter().filter_map(stand_in));
            } else {
                text.push(char);
            }
        }
        text.extend(chunk.invalid().iter().filter_map(stand_in));
    }
    text
}

fn byte_of(char: char) -> Option<u8> {
    u8::try_from(u32::from(char).checked_sub(BASE)?).ok().filter(|byte| *byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_in_iso_8859_1_come_back() {
        let bytes = b"\"M\xfcller\" <sip:m@example.com>";
        assert!(decode(bytes).starts_with("\"M\u{EFFC}ller\" <"));
        assert_eq!(encode(decode(bytes)), bytes);
        assert_eq!(decode("Müller".as_bytes()), "Müller");
    }

    proptest! {
        #[test]
        fn every_byte_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert_eq!(encode(decode(&bytes)), bytes);
        }

        #[test]
        fn so_does_the_range_that_stands_in(text in "[\u{EF70}-\u{F010}aé]{0,20}") {
            prop_assert_eq!(encode(decode(text.as_bytes())), text.into_bytes());
        }
    }
}
