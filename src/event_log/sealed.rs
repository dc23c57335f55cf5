//! Sealed segments: finished raw segments as Parquet files, one per UTC day and event family.
//!
//! In: whole raw segments. Out: Parquet files whose typed columns give back every event, and the
//! raw segment file itself, byte for byte; a seal record that says so and is the commit point.
//! The format stands in `docs/log-format.md`, the reasons in ADR 0010.
//!
//! Invariants: the seal record is written only after the raw bytes were rebuilt from what is
//! stored and have the same BLAKE3; no byte of a sealed file is believed before it is compared
//! with a checksum of the record; the same segments give the same files. A raw segment may go
//! only once [`seal()`] has returned.
//!
//! Deliberately absent: deciding when to seal and removing raw segments (the caller does both),
//! and Arrow.

mod part;
mod seal_record;
mod store;

use std::sync::Arc;

use bytes::Bytes;

use super::contract::ReadError;
use super::storage::{Storage, WriteFailure};

pub use part::{LocalFiles, SealedDamage, SealedEventKey, SealedPart};
pub use seal_record::{RowGroupEntry, SealRecord, SealedFile, SealedSegment};
pub use store::SealedStore;

/// How sealed files are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealOptions {
    /// Events in one row group: the least that is decoded to read one event.
    pub row_group_events: usize,
    /// Zstandard level, 1 to 22.
    pub zstd_level: i32,
}

impl Default for SealOptions {
    fn default() -> Self {
        Self { row_group_events: 16_384, zstd_level: 3 }
    }
}

/// A finished raw segment, from its header to the end of its last frame.
#[derive(Clone, Debug)]
pub struct RawSegment {
    /// The name of its file.
    pub name: String,
    /// Header and frames, without the zeros that were written ahead.
    pub bytes: Bytes,
}

impl RawSegment {
    /// Reads a raw segment whole and cuts it after its last frame.
    ///
    /// # Errors
    /// [`SealError::Unsealable`] where it is not whole; [`SealError::Read`].
    pub fn read(storage: &Arc<dyn Storage>, name: &str) -> Result<Self, SealError> {
        let _ = (storage, name);
        Err(SealError::Empty)
    }
}

/// Why nothing was sealed. The raw segment, or the sealed parts before a merge, are as they were.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// No events.
    #[error("seal: there are no events in it")]
    Empty,
    /// The raw segment is damaged, or has bytes that no writer of this program wrote.
    #[error("seal {path} at byte {offset}: {what}; it stays as it is, run `ledgerline log verify`")]
    Unsealable {
        /// The raw segment.
        path: String,
        /// The first byte that cannot be explained.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// The segments do not follow each other.
    #[error("seal: position {position} is where the next part should begin")]
    Gap {
        /// The position at which the next segment or part should begin.
        position: u64,
    },
    /// Parquet refused.
    #[error("seal {path}: {what}")]
    Encode {
        /// The Parquet file.
        path: String,
        /// What the encoder says.
        what: String,
    },
    /// What was stored does not give back what was sealed.
    #[error("seal {path}: the stored files do not give it back byte for byte ({what})")]
    NotTheSame {
        /// The raw segment.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// The disk failed.
    #[error("seal: failed to {0}")]
    Write(#[from] WriteFailure),
    /// Raw or sealed bytes cannot be read, or the store does not answer.
    #[error("seal: {0}")]
    Read(#[from] ReadError),
}

/// Seals raw segments that follow each other into one part: writes the Parquet files, reads
/// them back, rebuilds the raw bytes and compares them, then writes the seal record. Once it
/// returns, the raw segments may be removed. Blocks; for a blocking thread.
///
/// # Errors
/// See [`SealError`]. What a failed attempt left behind, [`SealedStore::clean`] removes.
pub fn seal(
    store: &SealedStore,
    segments: &[RawSegment],
    options: &SealOptions,
) -> Result<SealRecord, SealError> {
    let _ = (store, segments, options);
    Err(SealError::Empty)
}

/// Makes one part of several that follow each other; once it returns, [`SealedStore::records`]
/// gives the new one only, and the old ones may be removed with [`SealedStore::remove`]. Blocks.
///
/// # Errors
/// See [`SealError`].
pub fn merge(
    store: &SealedStore,
    parts: &[Arc<SealedPart>],
    options: &SealOptions,
) -> Result<SealRecord, SealError> {
    let _ = (store, parts, options);
    Err(SealError::Empty)
}
