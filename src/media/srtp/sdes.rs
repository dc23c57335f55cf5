//! Keys in session descriptions: `a=crypto` lines.
//!
//! In: the value of a line. Out: its tag and key, or what is wrong with it; and back.
//! Invariants: no error shows a key; there is no `Display`, so that no line is printed by
//! accident. Deliberately absent: master key identifiers and session parameters that change the
//! protection: lines that ask for them are passed over, as those of unknown suites are.
//! Source: RFC 4568 §6.1 (inline keys), §6.3 (parameters), §9.2 (grammar).

use std::fmt::Write;

use super::key::{MasterKey, Profile};

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Longest tag, in digits. Source: RFC 4568 §9.2.
const TAG_DIGITS: usize = 9;
/// Most bytes of key and salt.
const KEY_MAX: usize = 30;
/// Random bytes that the keys of a dialog are made of.
pub const SRTP_ENTROPY: usize = 3 * KEY_MAX;

/// The keys of one leg: each end protects with its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// What we protect with.
    pub local: MasterKey,
    /// What the other end protects with.
    pub remote: MasterKey,
}

/// The keys of one dialog, one for each profile: an offer shows them all, and the other side
/// picks one. Later offers in the dialog show the same, so that nothing is agreed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SrtpKeys {
    /// Whether the call fails rather than run in the open.
    pub is_required: bool,
    keys: [MasterKey; 3],
}

impl SrtpKeys {
    /// Keys from random bytes of the operating system's: nothing weaker will do.
    pub fn from_entropy(is_required: bool, entropy: &[u8; SRTP_ENTROPY]) -> Self {
        let (parts, _) = entropy.as_chunks::<KEY_MAX>();
        let part = |at: usize| parts.get(at).unwrap_or(&[0; KEY_MAX]);
        let [first, second, third] = Profile::ALL;
        let keys = [(first, 0), (second, 1), (third, 2)]
            .map(|(profile, at)| MasterKey::from_entropy(profile, part(at)));
        Self { is_required, keys }
    }

    /// The lines of an offer.
    pub(in crate::media) fn lines(self) -> [CryptoLine; 3] {
        let [first, second, third] = self.keys;
        [(1, first), (2, second), (3, third)].map(|(tag, key)| CryptoLine { tag, key })
    }

    /// The line of an answer to a line of theirs.
    pub(in crate::media) fn answering(self, theirs: &CryptoLine) -> CryptoLine {
        let [first, ..] = self.keys;
        let is_same = |key: &MasterKey| key.profile() == theirs.key.profile();
        let key = self.keys.into_iter().find(is_same).unwrap_or(first);
        CryptoLine { tag: theirs.tag, key }
    }
}

/// One `a=crypto` line that is understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoLine {
    /// Its number, which the answer repeats.
    pub tag: u32,
    /// Its key.
    pub key: MasterKey,
}

/// A line is not written as RFC 4568 has it. Nothing of the line is shown: it holds a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CryptoError {
    /// No number in front.
    #[error("read a=crypto: no tag, wanted 1 to 9 digits")]
    Tag,
    /// Fewer than three fields.
    #[error("read a=crypto: a field is missing, wanted a tag, a suite and inline:KEY")]
    Field,
    /// The key is no base64, or not as long as the suite's.
    #[error("read a=crypto: the key of {suite} is not {wanted} bytes in base64")]
    Key {
        /// The suite.
        suite: &'static str,
        /// Bytes of key and salt.
        wanted: usize,
    },
}

impl CryptoLine {
    /// Adds the value of the line to a session description.
    pub fn write(&self, text: &mut String) {
        let profile = self.key.profile();
        // Writing into a String does not fail.
        let _ = write!(text, "{} {} inline:", self.tag, profile.name());
        let bytes = self.key.bytes();
        encode(bytes.get(..profile.key_length()).unwrap_or_default(), text);
    }
}

/// Reads the value of one line; nothing where it is well written and asks for what is not spoken
/// here.
///
/// # Errors  What is wrong with it.
pub fn read(value: &str) -> Result<Option<CryptoLine>, CryptoError> {
    let mut fields = value.split_ascii_whitespace();
    let tag = fields
        .next()
        .filter(|tag| tag.len() <= TAG_DIGITS && tag.bytes().all(|byte| byte.is_ascii_digit()));
    let tag = tag.and_then(|tag| tag.parse().ok()).ok_or(CryptoError::Tag)?;
    let (Some(suite), Some(keys)) = (fields.next(), fields.next()) else {
        return Err(CryptoError::Field);
    };
    let Some(profile) = Profile::named(suite) else {
        return Ok(None);
    };
    // A hint about the window changes nothing here, and what begins with "-" may be ignored.
    if fields.any(|parameter| !parameter.starts_with("WSH=") && !parameter.starts_with('-')) {
        return Ok(None);
    }
    let inline = match keys.split_at_checked(7) {
        Some((method, inline)) if method.eq_ignore_ascii_case("inline:") => inline,
        _ => return Ok(None),
    };
    // Several keys, or one with an identifier, put that identifier into each packet.
    if inline.contains(';') || inline.contains(':') {
        return Ok(None);
    }
    let encoded = inline.split('|').next().unwrap_or_default();
    let wrong = CryptoError::Key { suite: profile.name(), wanted: profile.key_length() };
    let (bytes, length) = decode(encoded).ok_or(wrong)?;
    let key = MasterKey::from_bytes(profile, bytes.get(..length).unwrap_or_default());
    Ok(Some(CryptoLine { tag, key: key.ok_or(wrong)? }))
}

fn encode(bytes: &[u8], text: &mut String) {
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = (word >> (18 - 6 * place)) as usize & 63;
            let filled = place <= group.len();
            let character = BASE64.get(digit).copied().filter(|_| filled).unwrap_or(b'=');
            text.push(char::from(character));
        }
    }
}

/// The bytes that base64 stands for, with or without its padding.
fn decode(text: &str) -> Option<([u8; KEY_MAX], usize)> {
    let text = text.trim_end_matches('=');
    let length = text.len() * 6 / 8;
    let mut bytes = [0; KEY_MAX];
    if length > KEY_MAX {
        return None;
    }
    let (mut word, mut bits, mut places) = (0_u32, 0, bytes.iter_mut());
    for character in text.bytes() {
        let digit = BASE64.iter().position(|digit| *digit == character)?;
        word = word << 6 | digit as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            *places.next()? = (word >> bits) as u8;
        }
    }
    Some((bytes, length))
}

#[cfg(test)]
mod tests;
