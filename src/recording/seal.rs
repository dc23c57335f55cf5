//! Chunks of a recording, sealed one by one.
//!
//! In: sound and the key of the recording. Out: chunks that open only in their place. The header,
//! the number and whether it is the last one are bound in, so that a chunk which was moved,
//! left out or flipped does not open. A nonce is a number of one recording, and each recording has
//! a key of its own, so none is used twice; the end that a recovery writes has numbers of its own,
//! as the chunk with the same one may have been written before the crash.

use chacha20poly1305::aead::{Aead, KeyInit as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};

use super::header::Header;

/// The last chunk.
const LAST: u8 = 1;
/// Written by a recovery: what came before it may have been longer.
const CUT: u8 = 2;
/// Number, flags, length and checksum around the sealed bytes.
const FRAME: usize = 13;
/// What Poly1305 adds.
const TAG: usize = 16;
/// Before the sound: how much of it is silence in the place of what was dropped, in ms.
const DROPPED: usize = 4;
/// No chunk is longer: an hour.
const SEALED_MAX: usize = super::BYTES_PER_MILLI * 3_600_000;

/// The key of one recording, derived from its subject's.
pub type RecordingKey = [u8; 32];

/// A sealed chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// From 0.
    pub(super) number: u32,
    flags: u8,
    sealed: Vec<u8>,
}

/// What is in a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sound {
    /// Silence that stands for what was dropped. Units: ms.
    pub(super) dropped_ms: u32,
    /// Both channels by turns: what was heard, what was sent.
    pub(super) audio: Vec<u8>,
}

/// Seals and opens the chunks of one recording.
pub(super) struct Sealer {
    cipher: ChaCha20Poly1305,
    header: [u8; Header::LEN],
}

impl Sealer {
    pub(super) fn new(key: &RecordingKey, header: &Header) -> Self {
        Self { cipher: ChaCha20Poly1305::new(&(*key).into()), header: header.encode() }
    }

    pub(super) fn seal(&self, number: u32, sound: &Sound, is_last: bool) -> Option<Chunk> {
        self.seal_as(number, sound, if is_last { LAST } else { 0 })
    }

    /// The end of a recording whose own end is lost.
    pub(super) fn seal_cut(&self, number: u32) -> Option<Chunk> {
        self.seal_as(number, &Sound::default(), LAST | CUT)
    }

    /// Nothing only where a chunk is too long for the cipher, which none is.
    fn seal_as(&self, number: u32, sound: &Sound, flags: u8) -> Option<Chunk> {
        let mut clear = Vec::with_capacity(DROPPED + sound.audio.len());
        clear.extend(sound.dropped_ms.to_le_bytes());
        clear.extend(&sound.audio);
        let bound = self.bound(number, flags);
        let payload = Payload { msg: &clear, aad: &bound };
        let sealed = self.cipher.encrypt(&nonce(number, flags), payload).ok()?;
        Some(Chunk { number, flags, sealed })
    }

    /// Nothing where the chunk is not what was sealed, or not with this key.
    pub(super) fn open(&self, chunk: &Chunk) -> Option<Sound> {
        let bound = self.bound(chunk.number, chunk.flags);
        let payload = Payload { msg: &chunk.sealed, aad: &bound };
        let clear = self.cipher.decrypt(&nonce(chunk.number, chunk.flags), payload).ok()?;
        let (dropped, audio) = clear.split_first_chunk::<DROPPED>()?;
        Some(Sound { dropped_ms: u32::from_le_bytes(*dropped), audio: audio.to_vec() })
    }

    fn bound(&self, number: u32, flags: u8) -> Vec<u8> {
        let mut bound = self.header.to_vec();
        bound.extend(number.to_le_bytes());
        bound.push(flags);
        bound
    }
}

impl Chunk {
    pub(super) const fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    pub(super) const fn is_cut(&self) -> bool {
        self.flags & CUT != 0
    }

    /// How long its sound is. Units: ms.
    pub(super) fn millis(&self) -> u64 {
        (self.sealed.len().saturating_sub(TAG + DROPPED) / super::BYTES_PER_MILLI) as u64
    }

    /// Number, flags and length, the sealed bytes, and the CRC32C of all of them.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FRAME + self.sealed.len());
        bytes.extend(self.number.to_le_bytes());
        bytes.push(self.flags);
        bytes.extend(u32::try_from(self.sealed.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(&self.sealed);
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// The first chunk of some bytes and what follows it; nothing where a bit of it is not so.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (number, rest) = bytes.split_first_chunk::<4>()?;
        let (flags, rest) = rest.split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if length > SEALED_MAX {
            return None;
        }
        let (sealed, rest) = rest.split_at_checked(length)?;
        let (sum, rest) = rest.split_first_chunk::<4>()?;
        let body = bytes.get(..FRAME - 4 + length)?;
        if crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let chunk =
            Self { number: u32::from_le_bytes(*number), flags: *flags, sealed: sealed.to_vec() };
        Some((chunk, rest))
    }
}

fn nonce(number: u32, flags: u8) -> Nonce {
    let [a, b, c, d] = number.to_le_bytes();
    Nonce::from([a, b, c, d, flags & CUT, 0, 0, 0, 0, 0, 0, 0])
}
