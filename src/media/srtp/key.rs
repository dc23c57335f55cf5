//! Master keys, and the session keys that follow from them.
//!
//! In: a master key and its salt. Out: the keys that packets are protected with. Invariant:
//! `Debug` tells the profile and nothing of the key. Sources: RFC 3711 §4.3 (derivation),
//! RFC 4568 §6.2 and RFC 7714 §12 and §14.2 (profiles).

use std::fmt;

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;

/// Bytes of a master or session key.
pub(super) const KEY: usize = 16;
/// Bytes of the salt that AES-CM takes; AES-GCM takes two fewer.
pub(super) const SALT: usize = 14;

/// How packets are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// AES-128 in counter mode with a tag of 80 bits.
    AesCm128HmacSha1_80,
    /// The same with a tag of 32 bits on RTP.
    AesCm128HmacSha1_32,
    /// AES-128 in Galois/counter mode with a tag of 128 bits.
    AeadAes128Gcm,
}

impl Profile {
    /// All that are spoken here, in the order they are offered: what every peer knows first.
    pub const ALL: [Self; 3] =
        [Self::AesCm128HmacSha1_80, Self::AeadAes128Gcm, Self::AesCm128HmacSha1_32];

    /// The name in SDP. Source: RFC 4568 §6.2, RFC 7714 §14.2.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
            Self::AeadAes128Gcm => "AEAD_AES_128_GCM",
        }
    }

    /// The profile of a name; the case of letters does not count (RFC 4568 §9.2).
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name().eq_ignore_ascii_case(name))
    }

    /// Bytes of a key without its salt.
    pub const KEY_LENGTH: usize = KEY;

    /// Bytes of key and salt together.
    pub const fn key_length(self) -> usize {
        KEY + self.salt_length()
    }

    pub(super) const fn salt_length(self) -> usize {
        match self {
            Self::AeadAes128Gcm => 12,
            _ => SALT,
        }
    }
}

/// A master key with its salt, for one direction of one stream.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MasterKey {
    pub(super) profile: Profile,
    pub(super) key: [u8; KEY],
    /// Padded with zeros where the profile takes fewer.
    pub(super) salt: [u8; SALT],
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("profile", &self.profile).finish_non_exhaustive()
    }
}

impl MasterKey {
    /// A key from its bytes, the salt behind the key; nothing where their number is not
    /// [`Profile::key_length`].
    pub fn from_bytes(profile: Profile, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != profile.key_length() {
            return None;
        }
        let (key, rest) = bytes.split_first_chunk::<KEY>()?;
        let mut salt = [0; SALT];
        salt.get_mut(..rest.len())?.copy_from_slice(rest);
        Some(Self { profile, key: *key, salt })
    }

    /// A key from random bytes, of which the profile takes as many as it needs.
    pub fn from_entropy(profile: Profile, entropy: &[u8; KEY + SALT]) -> Self {
        let (key, salt) = entropy.split_first_chunk::<KEY>().unwrap_or((&[0; KEY], &[]));
        let mut padded = [0; SALT];
        for (place, byte) in padded.iter_mut().zip(salt).take(profile.salt_length()) {
            *place = *byte;
        }
        Self { profile, key: *key, salt: padded }
    }

    /// How packets are protected with it.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Key and salt, one behind the other; only the first [`Profile::key_length`] count.
    pub(super) fn bytes(&self) -> [u8; KEY + SALT] {
        let mut bytes = [0; KEY + SALT];
        for (place, byte) in bytes.iter_mut().zip(self.key.iter().chain(&self.salt)) {
            *place = *byte;
        }
        bytes
    }

    /// Derives one key: `label` says what for. Source: RFC 3711 §4.3.1 and §4.3.3, with a
    /// derivation rate of zero.
    pub(super) fn derive<const N: usize>(&self, label: u8) -> [u8; N] {
        let mut start = [0; 16];
        for (place, byte) in start.iter_mut().zip(self.salt) {
            *place = byte;
        }
        start[7] ^= label;
        let mut derived = [0; N];
        let cipher = Aes128Enc::new(&self.key.into());
        counter_mode(&cipher, &start, &mut derived);
        derived
    }
}

/// Adds the key stream that begins at a counter block. Source: RFC 3711 §4.1.1.
pub(super) fn counter_mode(cipher: &Aes128Enc, start: &[u8; 16], bytes: &mut [u8]) {
    CtrCore::<&Aes128Enc, Ctr128BE>::inner_iv_init(cipher, start.into())
        .apply_keystream_partial(bytes.into());
}

#[cfg(test)]
mod tests;
