//! Session keys at work on one packet whose index is known.
//!
//! In: a buffer, what of it is encrypted and what is only authenticated, SSRC and index. Out: the
//! buffer changed in place. Invariant: a packet that is not genuine stays as it was.
//! Sources: RFC 3711 §4.1.1 and §4.2 (AES-CM, HMAC-SHA1), RFC 7714 §8 and §9 (AES-GCM).

use aes::Aes128Enc;
use aes_gcm::Aes128Gcm;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

use super::key::{MasterKey, Profile, SALT, counter_mode};

/// Bytes of the key that authenticates. Source: RFC 3711 §8.2, table 1.
const AUTHENTICATION_KEY: usize = 20;
/// Bytes of the largest tag.
pub(super) const TAG_MAX: usize = 16;

/// What session keys are for; the numbers are labels of RFC 3711 §4.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Rtp = 0,
    Rtcp = 3,
}

/// The session keys of one direction and one use.
#[derive(Clone)]
pub(super) struct SessionCipher {
    salt: [u8; SALT],
    tag_length: usize,
    keys: Keys,
}

#[derive(Clone)]
enum Keys {
    CounterMode { cipher: Aes128Enc, hmac: Hmac<Sha1> },
    Galois(Aes128Gcm),
}

impl SessionCipher {
    pub(super) fn new(master: &MasterKey, wanted: Use) -> Self {
        let label = wanted as u8;
        let key: [u8; 16] = master.derive(label);
        let mut salt: [u8; SALT] = master.derive(label + 2);
        for byte in salt.iter_mut().skip(master.profile.salt_length()) {
            *byte = 0;
        }
        let tag_length = match (master.profile, wanted) {
            (Profile::AeadAes128Gcm, _) => 16,
            (Profile::AesCm128HmacSha1_32, Use::Rtp) => 4,
            // Source: RFC 4568 §6.2.2: the tag of SRTCP stays at 80 bits.
            _ => 10,
        };
        let keys = match master.profile {
            Profile::AeadAes128Gcm => Keys::Galois(Aes128Gcm::new(&key.into())),
            _ => Keys::CounterMode {
                cipher: Aes128Enc::new(&key.into()),
                hmac: Self::keyed(&master.derive(label + 1)),
            },
        };
        Self { salt, tag_length, keys }
    }

    fn keyed(key: &[u8; AUTHENTICATION_KEY]) -> Hmac<Sha1> {
        let mut block = [0; 64];
        for (place, byte) in block.iter_mut().zip(key) {
            *place = *byte;
        }
        // HMAC fills a short key up with zeros to this block anyway.
        <Hmac<Sha1> as KeyInit>::new(&block.into())
    }

    /// Bytes of the tag.
    pub(super) const fn tag_length(&self) -> usize {
        self.tag_length
    }

    /// True where the tag stands straight behind the ciphertext and the SRTCP index behind both;
    /// otherwise the index is in between. Source: RFC 7714 §9, RFC 3711 §3.4.
    pub(super) const fn seals_in_one(&self) -> bool {
        matches!(self.keys, Keys::Galois(_))
    }

    /// Encrypts and authenticates.
    ///
    /// `clear` is authenticated as it is; `secret` is encrypted. `trailer` is the rollover
    /// counter (RTP) or the index word (RTCP). `index` is that of the packet: of 48 bits, or 31.
    pub(super) fn seal(
        &self,
        wanted: Use,
        ssrc: u32,
        index: u64,
        trailer: [u8; 4],
        clear: &[u8],
        secret: &mut [u8],
    ) -> [u8; TAG_MAX] {
        match &self.keys {
            Keys::CounterMode { cipher, hmac } => {
                counter_mode(cipher, &self.counter_start(ssrc, index), secret);
                tag_of(hmac, clear, secret, trailer)
            }
            Keys::Galois(cipher) => {
                let nonce = self.nonce(ssrc, index);
                let mut space = [0; 12];
                let associated = associated(wanted, clear, trailer, &mut space);
                cipher
                    .encrypt_inout_detached(&nonce.into(), associated, InOutBuf::from(secret))
                    .map(Into::into)
                    .unwrap_or_default() // only payloads beyond 64 GiB fail
            }
        }
    }

    /// Checks, then decrypts; false where it is not genuine.
    #[expect(clippy::too_many_arguments, reason = "as sealing has, and the tag")]
    pub(super) fn open(
        &self,
        wanted: Use,
        ssrc: u32,
        index: u64,
        trailer: [u8; 4],
        clear: &[u8],
        secret: &mut [u8],
        tag: &[u8],
    ) -> bool {
        if tag.len() != self.tag_length {
            return false;
        }
        match &self.keys {
            Keys::CounterMode { cipher, hmac } => {
                let mut hmac = hmac.clone();
                hmac.update(clear);
                hmac.update(secret);
                hmac.update(&trailer);
                // In constant time.
                if hmac.verify_truncated_left(tag).is_err() {
                    return false;
                }
                counter_mode(cipher, &self.counter_start(ssrc, index), secret);
                true
            }
            Keys::Galois(cipher) => {
                let Ok(tag) = <[u8; TAG_MAX]>::try_from(tag) else {
                    return false;
                };
                let nonce = self.nonce(ssrc, index);
                let mut space = [0; 12];
                let associated = associated(wanted, clear, trailer, &mut space);
                let secret = InOutBuf::from(secret);
                cipher
                    .decrypt_inout_detached(&nonce.into(), associated, secret, &tag.into())
                    .is_ok()
            }
        }
    }

    /// (salt · 2¹⁶) ⊕ (SSRC · 2⁶⁴) ⊕ (index · 2¹⁶). Source: RFC 3711 §4.1.1.
    fn counter_start(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mixed = (u128::from(ssrc) << 64) ^ (u128::from(index) << 16);
        let mut start = mixed.to_be_bytes();
        for (place, byte) in start.iter_mut().zip(self.salt) {
            *place ^= byte;
        }
        start
    }

    /// 2 zero bytes, SSRC, 6 bytes of index, all ⊕ salt. Source: RFC 7714 §8.1 and §9.1.
    fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let mixed = (u128::from(ssrc) << 80) ^ (u128::from(index) << 32);
        let mut nonce = [0; 12];
        for ((place, byte), salt) in nonce.iter_mut().zip(mixed.to_be_bytes()).zip(self.salt) {
            *place = byte ^ salt;
        }
        nonce
    }
}

fn tag_of(hmac: &Hmac<Sha1>, clear: &[u8], secret: &[u8], trailer: [u8; 4]) -> [u8; TAG_MAX] {
    let mut hmac = hmac.clone();
    hmac.update(clear);
    hmac.update(secret);
    hmac.update(&trailer);
    let mut tag = [0; TAG_MAX];
    for (place, byte) in tag.iter_mut().zip(hmac.finalize().into_bytes()) {
        *place = byte;
    }
    tag
}

/// What AES-GCM authenticates beside the ciphertext: of RTP the header; of RTCP its first 8 bytes
/// and the index word. Source: RFC 7714 §8.2 and §9.2.
fn associated<'a>(
    wanted: Use,
    clear: &'a [u8],
    trailer: [u8; 4],
    space: &'a mut [u8; 12],
) -> &'a [u8] {
    if wanted == Use::Rtp {
        return clear;
    }
    for (place, byte) in space.iter_mut().zip(clear.iter().take(8).chain(&trailer)) {
        *place = *byte;
    }
    space
}

#[cfg(test)]
mod tests;
