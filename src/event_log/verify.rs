//! Walks a whole log, compares every checksum and every link of the chain.

use std::path::Path;
use std::sync::Arc;

use super::index::Index;
use super::load::{Damage, Loader, OpenError, Purpose};
use super::storage::DiskStorage;

/// What a walk over the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segment files.
    pub segments: u64,
    /// Frames, one per group commit.
    pub frames: u64,
    /// Events.
    pub events: u64,
    /// Bytes of headers and frames.
    pub bytes: u64,
    /// BLAKE3 of the last frame, hexadecimal: two logs with the same hash are the same log.
    pub head_hash: String,
    /// Bytes of a group that was not finished: not an error, the next start cuts them.
    pub torn_tail_bytes: u64,
}

/// Why a log is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The first bad byte.
    #[error("verify log: {0}")]
    Damaged(#[source] Damage),
    /// It could not be walked.
    #[error("verify log")]
    Unreadable(#[source] OpenError),
}

/// Walks the log in a folder without changing it, also while a process writes to it.
///
/// A log from whose end whole frames were taken away verifies: keep `head_hash` elsewhere to
/// notice that.
///
/// # Errors
/// [`VerifyError`] with the first byte that cannot be explained.
pub fn verify(folder: &Path) -> Result<VerifyReport, VerifyError> {
    let mut index = Index::of_lengths();
    let mut loader = Loader::new(Arc::new(DiskStorage::new(folder)), Purpose::Verify);
    loader.advance(&mut index).map_err(|error| match error {
        OpenError::Corrupt(damage) => VerifyError::Damaged(damage),
        other => VerifyError::Unreadable(other),
    })?;
    let tail = loader.tail.as_ref();
    Ok(VerifyReport {
        segments: index.parts.len() as u64,
        frames: loader.frames,
        events: index.next,
        bytes: loader.bytes,
        head_hash: if index.parts.is_empty() { String::new() } else { hex(&loader.last_hash()) },
        torn_tail_bytes: tail.map_or(0, |tail| tail.torn),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
