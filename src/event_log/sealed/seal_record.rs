//! The seal record: what a sealed part consists of, and the proof that it is all there.
//!
//! In: the figures of one part. Out: JSON text under a checksum of its own.
//! Invariant: a text of which one byte changed is refused.

use serde::{Deserialize, Serialize};

use crate::base::hex;
use crate::event_log::frame;

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
    /// The store the files went to, such as `s3://bucket/prefix`; none for the local disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Tombstones and metadata of streams in it, by position, where the files are in a store:
    /// a writer need not ask it. None where they are not listed, as they are too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_events: Option<Vec<StreamEvent>>,
}

/// An event that says something of a whole stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamEvent {
    /// Its position.
    pub position: u64,
    /// Its type.
    pub event_type: String,
    /// Whether its data are said to be JSON.
    pub is_json: bool,
    /// Its data, hexadecimal.
    pub data: String,
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

/// What stands before the record's hash, and between hash and record.
const HEAD: &str = "{\"blake3\":\"";
const MIDDLE: &str = "\",\"record\":";
const END: &str = "}\n";

impl SealRecord {
    /// The version of parts on the local disk.
    pub const FORMAT: u32 = 1;
    /// The version of parts in a store.
    pub const FORMAT_STORE: u32 = 2;

    /// The name of its file: `<base>-<end>.json`, 20 digits each.
    pub fn name(&self) -> String {
        format!("{:020}-{:020}.json", self.base, self.end)
    }

    /// Whether a file is named like a record.
    pub(super) fn is_name(name: &str) -> bool {
        let Some((base, end)) = name.strip_suffix(".json").and_then(|name| name.split_once('-'))
        else {
            return false;
        };
        let is_number = |text: &str| text.len() == 20 && text.bytes().all(|c| c.is_ascii_digit());
        is_number(base) && is_number(end)
    }

    /// What is known without a file of the event at a position of this part: some where it says
    /// something of its stream. None where nothing is known.
    pub fn stream_event(&self, position: u64) -> Option<Option<&StreamEvent>> {
        let listed = self.stream_events.as_ref()?;
        let found = listed.binary_search_by_key(&position, |event| event.position);
        Some(found.ok().and_then(|at| listed.get(at)))
    }

    /// Bytes of the raw segments.
    pub fn raw_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Bytes of the Parquet files.
    pub fn sealed_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// The record as text, under its hash.
    ///
    /// # Panics
    /// Never: the fields are plain values.
    #[expect(clippy::expect_used, reason = "plain structs always serialise")]
    pub fn encode(&self) -> Vec<u8> {
        let body = serde_json::to_string(self).expect("plain structs always serialise");
        let hash = hex(&frame::hash(body.as_bytes()));
        format!("{HEAD}{hash}{MIDDLE}{body}{END}").into_bytes()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn decode(text: &[u8]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "the seal record is damaged";
        let text = std::str::from_utf8(text).map_err(|_| DAMAGED)?;
        let rest = text.strip_prefix(HEAD).and_then(|rest| rest.strip_suffix(END));
        let (hash, body) = rest.and_then(|rest| rest.split_once(MIDDLE)).ok_or(DAMAGED)?;
        if hash != hex(&frame::hash(body.as_bytes())) {
            return Err("the seal record's checksum");
        }
        let format: Format = serde_json::from_str(body).map_err(|_| DAMAGED)?;
        if !matches!(format.format, Self::FORMAT | Self::FORMAT_STORE) {
            return Err("a newer program wrote the seal record");
        }
        let record: Self = serde_json::from_str(body).map_err(|_| DAMAGED)?;
        if record.is_sound() { Ok(record) } else { Err("the seal record contradicts itself") }
    }

    /// Whether the ranges it names fit together.
    fn is_sound(&self) -> bool {
        let is_in_store = self.format == Self::FORMAT_STORE;
        let listed = self.stream_events.as_deref().unwrap_or_default();
        let is_sorted = listed.is_sorted_by(|one, next| one.position < next.position);
        if is_in_store != self.store.is_some() || !is_sorted {
            return false;
        }
        let mut next = self.base;
        for segment in &self.segments {
            if segment.base != next || segment.end < next {
                return false;
            }
            next = segment.end;
        }
        let mut events = 0u64;
        for file in &self.files {
            let mut count = 0u64;
            let mut last = None;
            for group in &file.row_groups {
                let in_order = last.is_none_or(|last| last < group.first)
                    && group.first <= group.last
                    && self.base <= group.first
                    && group.last < self.end
                    && group.offset.checked_add(group.bytes).is_some_and(|end| end <= file.bytes);
                if !in_order {
                    return false;
                }
                last = Some(group.last);
                count = count.saturating_add(group.events);
            }
            if count != file.events || file.footer_bytes > file.bytes {
                return false;
            }
            events = events.saturating_add(count);
        }
        next == self.end && self.base < self.end && events == self.end - self.base
    }
}

/// The version alone, whatever else a newer program wrote.
#[derive(Deserialize)]
struct Format {
    format: u32,
}
