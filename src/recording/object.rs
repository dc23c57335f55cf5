//! A whole recording as one object: the header, then chunks up to the last one.
//!
//! In: bytes, and the key where the sound is wanted. Out: the sound, or what is wrong with it and
//! at which second.

use super::BYTES_PER_MILLI;
use super::header::Header;
use super::seal::{Chunk, RecordingKey, Sealer};
use crate::base::{Millis, RecordingId};

/// A recording cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// It does not begin as recordings do.
    #[error("read the recording: it does not begin with the header of an lrec-1 object")]
    NotRecording,
    /// Another recording than was asked for.
    #[error("read the recording: it is recording {found}, wanted {wanted}")]
    Other {
        /// What was asked for.
        wanted: RecordingId,
        /// What lies there.
        found: RecordingId,
    },
    /// A chunk is not as it was written.
    #[error("read the recording: it is damaged at second {second}")]
    Damaged {
        /// From 0.
        second: u64,
    },
    /// A chunk is missing, or they stand in another order.
    #[error("read the recording: sound is missing at second {second}")]
    Gap {
        /// From 0.
        second: u64,
    },
    /// It stops before its end.
    #[error("read the recording: it was cut at second {second}, and no end follows")]
    NoEnd {
        /// From 0.
        second: u64,
    },
    /// Something follows its end.
    #[error("read the recording: {bytes} bytes follow its end")]
    Trailing {
        /// How many.
        bytes: usize,
    },
    /// The first chunk is whole but does not open.
    #[error("read the recording: the key does not fit it")]
    WrongKey,
}

/// What a recording says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its beginning.
    pub header: Header,
    /// How long it is. Units: ms.
    pub duration_ms: Millis,
    /// How much of that stands for what was dropped. Units: ms; 0 where it was not opened.
    pub dropped_ms: Millis,
    /// Whether its end is missing: the process died, or the disk was full.
    pub is_cut: bool,
    /// Both channels by turns, as the codec writes them; empty where it was not opened.
    pub audio: Vec<u8>,
}

/// Checks checksums, order and end, without a key.
///
/// # Errors
/// [`ObjectError`]: the first thing that is not so.
pub fn check(bytes: &[u8]) -> Result<Opened, ObjectError> {
    walk(bytes, None)
}

/// Opens and checks all of it.
///
/// # Errors
/// [`ObjectError`]: the first thing that is not so.
pub fn open(bytes: &[u8], key: &RecordingKey) -> Result<Opened, ObjectError> {
    walk(bytes, Some(key))
}

fn walk(bytes: &[u8], key: Option<&RecordingKey>) -> Result<Opened, ObjectError> {
    let header = Header::decode(bytes).ok_or(ObjectError::NotRecording)?;
    let mut rest = bytes.get(Header::LEN..).unwrap_or_default();
    let sealer = key.map(|key| Sealer::new(key, &header));
    let (mut millis, mut dropped, mut audio) = (0, 0, Vec::new());
    let mut expected = 0;
    loop {
        let second = millis / 1_000;
        if rest.is_empty() {
            return Err(ObjectError::NoEnd { second });
        }
        let (chunk, next) = Chunk::decode(rest).ok_or(ObjectError::Damaged { second })?;
        if chunk.number != expected {
            return Err(ObjectError::Gap { second });
        }
        if let Some(sealer) = &sealer {
            let sound = sealer.open(&chunk).ok_or(match expected {
                0 => ObjectError::WrongKey,
                _ => ObjectError::Damaged { second },
            })?;
            if sound.audio.len() % BYTES_PER_MILLI != 0 {
                return Err(ObjectError::Damaged { second });
            }
            dropped += u64::from(sound.dropped_ms);
            audio.extend(sound.audio);
        }
        millis += chunk.millis();
        if chunk.is_last() {
            if !next.is_empty() {
                return Err(ObjectError::Trailing { bytes: next.len() });
            }
            let (duration_ms, dropped_ms) = (Millis(millis), Millis(dropped));
            return Ok(Opened { header, duration_ms, dropped_ms, is_cut: chunk.is_cut(), audio });
        }
        expected += 1;
        rest = next;
    }
}

/// Where a recording lies in its store: by the day its id was made, UTC.
pub fn path_of(recording_id: RecordingId) -> String {
    let day = recording_id.made_at().unwrap_or_default().to_string();
    let day = day.get(..10).unwrap_or("1970-01-01").replace('-', "/");
    format!("{day}/{recording_id}.lrec")
}
