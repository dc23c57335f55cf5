//! The seal record: what a sealed part consists of, and the proof that it is all there.
//!
//! In: the figures of one part. Out: JSON text under a checksum of its own.
//! Invariant: a text of which one byte changed is refused.

use serde::{Deserialize, Serialize};

/// One sealed part: raw segments that follow each other, and the files they became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealRecord {
    /// The version of this format.
    pub format: u32,
    /// Position of the first event.
    pub base: u64,
    /// The position after the last event.
    pub end: u64,
    /// Time of recording of the first event. Units: microseconds since 1970.
    pub first_recorded_at: i64,
    /// Time of recording of the last event. Units: microseconds since 1970.
    pub last_recorded_at: i64,
    /// The raw segments, in the order of positions.
    pub segments: Vec<SealedSegment>,
    /// The Parquet files, by day, then family.
    pub files: Vec<SealedFile>,
}

/// One raw segment that was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedSegment {
    /// The name its file had.
    pub name: String,
    /// Its header, hexadecimal.
    pub header: String,
    /// Position of its first event.
    pub base: u64,
    /// The position after its last event.
    pub end: u64,
    /// Header and frames. Units: bytes.
    pub bytes: u64,
    /// Frames in it.
    pub frames: u64,
    /// BLAKE3 of its last frame, hexadecimal: what the next segment's header carries.
    pub last_frame: String,
    /// BLAKE3 of header and frames, hexadecimal.
    pub blake3: String,
}

/// One Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedFile {
    /// Where it is in the store: `day=…/family=…/….parquet`.
    pub path: String,
    /// The UTC day on which its events were recorded, such as `2026-11-21`.
    pub day: String,
    /// The family of its events.
    pub family: String,
    /// Its length. Units: bytes.
    pub bytes: u64,
    /// BLAKE3 of it, hexadecimal.
    pub blake3: String,
    /// Events in it.
    pub events: u64,
    /// Bytes of its footer, the last eight of the file included.
    pub footer_bytes: u64,
    /// CRC32C of its footer.
    pub footer_crc32c: u32,
    /// Its row groups, by position.
    pub row_groups: Vec<RowGroupEntry>,
}

/// One row group of a Parquet file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowGroupEntry {
    /// Where its bytes begin.
    pub offset: u64,
    /// Its length. Units: bytes.
    pub bytes: u64,
    /// CRC32C of its bytes.
    pub crc32c: u32,
    /// Events in it.
    pub events: u64,
    /// Position of its first event.
    pub first: u64,
    /// Position of its last event.
    pub last: u64,
}
