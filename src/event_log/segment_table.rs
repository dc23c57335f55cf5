//! Where the events of one segment are: a cache beside the segment file.
//!
//! In: frames and records in the order of positions, as the writer makes them or a loader reads
//! them. Out: offset, length and time of recording of a position; of a finished segment also
//! what a loader would learn by reading it, so that it need not.
//! Invariants: records of a frame stand one behind the other, so that the end of each is all
//! that is kept; a file is used only if every byte passes the checksums.
//! Deliberately absent: whether the facts fit the segment file and its neighbours. Who opens a
//! log compares segment id, header hash, length, and the hash that the next header carries.
//! Memory: 4 bytes an event and 16 a frame. The bytes stand in `docs/log-format.md`.

use uuid::Uuid;

use super::cache_file::{CacheFile, IndexError, array_at, read_exactly};
use super::frame::{FRAME_HEADER, Hash};
use super::storage::Storage;
use crate::base::Timestamp;

const MAGIC: &[u8; 8] = b"LGSEGIDX";
const VERSION: u16 = 1;
const HEADER: usize = 144;
/// Bytes of a frame in the file.
const FRAME: usize = 16;

/// What is known of a finished segment without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentFacts {
    /// The id in its header.
    pub(super) segment: Uuid,
    /// Position of its first event.
    pub(super) base: u64,
    /// Events in it.
    pub(super) count: u64,
    /// Offset after its last frame: the length of the file.
    pub(super) end: u64,
    /// BLAKE3 of its header.
    pub(super) header_hash: Hash,
    /// BLAKE3 of its last frame, which the next header carries.
    pub(super) last_hash: Hash,
    /// When its last event was recorded.
    pub(super) recorded_at: Timestamp,
}

/// Where one record is in its segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordPlace {
    pub(super) offset: u32,
    pub(super) len: u32,
    pub(super) recorded_at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct FramePlace {
    /// Its first event, counted from the base.
    first: u32,
    /// Where its first record begins.
    records: u32,
    recorded_at: Timestamp,
}

/// The places of the events of one segment.
#[derive(Debug)]
pub(super) struct SegmentTable {
    base: u64,
    frames: Vec<FramePlace>,
    /// Where each record ends. It begins where the one before ends, or its frame's records do.
    ends: Vec<u32>,
}

impl SegmentTable {
    /// The table of a segment without events.
    pub(super) fn new(base: u64) -> Self {
        Self { base, frames: Vec::new(), ends: Vec::new() }
    }

    /// Notes that a frame begins at an offset; the records that follow are in it.
    ///
    /// # Errors
    /// Where the segment is longer than a table can hold.
    pub(super) fn begin_frame(
        &mut self,
        offset: u64,
        recorded_at: Timestamp,
    ) -> Result<(), &'static str> {
        let first = u32::try_from(self.ends.len()).map_err(|_| "segment has too many events")?;
        let records = u32::try_from(offset.saturating_add(FRAME_HEADER as u64))
            .map_err(|_| "segment is too long")?;
        self.frames.push(FramePlace { first, records, recorded_at });
        Ok(())
    }

    /// Enters the next record of the last frame.
    ///
    /// # Errors
    /// Where it does not stand behind the one before, or the segment is too long.
    pub(super) fn record(&mut self, offset: u64, len: usize) -> Result<(), &'static str> {
        let frame = self.frames.last().ok_or("record before the first frame")?;
        let start = match self.ends.last() {
            Some(end) if self.ends.len() > frame.first as usize => *end,
            _ => frame.records,
        };
        if u64::from(start) != offset {
            return Err("record does not stand behind the one before");
        }
        let end = u32::try_from(len).ok().and_then(|len| start.checked_add(len));
        self.ends.push(end.ok_or("segment is too long")?);
        Ok(())
    }

    /// Position of its first event.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// The position after its last event.
    #[cfg(test)]
    pub(super) fn next(&self) -> u64 {
        self.base + self.ends.len() as u64
    }

    /// Where an event is, if it is in this segment.
    pub(super) fn place(&self, position: u64) -> Option<RecordPlace> {
        let number = u32::try_from(position.checked_sub(self.base)?).ok()?;
        let end = *self.ends.get(number as usize)?;
        let frame = self.frames.partition_point(|frame| frame.first <= number);
        let frame = self.frames.get(frame.checked_sub(1)?)?;
        let offset = if frame.first == number {
            frame.records
        } else {
            *self.ends.get(number.checked_sub(1)? as usize)?
        };
        Some(RecordPlace { offset, len: end.checked_sub(offset)?, recorded_at: frame.recorded_at })
    }
}

/// The name of the table of the segment that begins at a position.
pub(super) fn table_name(base: u64) -> String {
    format!("segment-{base:020}.idx")
}

/// Makes the table of a finished segment durable.
///
/// # Errors
/// What the disk refuses, and [`IndexError::NotNext`] where table and facts differ.
pub(super) fn write_table(
    storage: &dyn Storage,
    facts: &SegmentFacts,
    table: &SegmentTable,
) -> Result<(), IndexError> {
    let mut file = CacheFile::create(storage, table_name(facts.base), HEADER)?;
    if table.base != facts.base || table.ends.len() as u64 != facts.count {
        let (path, start, covered) = (file.path(), table.base, facts.base);
        return Err(IndexError::NotNext { path, start, covered });
    }
    let mut crc = 0;
    let mut put = |bytes: &[u8]| {
        crc = crc32c::crc32c_append(crc, bytes);
        file.put(bytes)
    };
    for frame in &table.frames {
        put(&frame.first.to_le_bytes())?;
        put(&frame.records.to_le_bytes())?;
        put(&frame.recorded_at.as_micros().to_le_bytes())?;
    }
    for end in &table.ends {
        put(&end.to_le_bytes())?;
    }
    let header = encode_header(facts, table.frames.len() as u64, crc);
    file.publish(&header).map(drop)
}

/// Reads what a table says of its segment, and nothing else of it.
///
/// # Errors
/// Where it is not there, cannot be read, or fails a check.
pub(super) fn load_facts(storage: &dyn Storage, base: u64) -> Result<SegmentFacts, IndexError> {
    let (path, file) = open(storage, base)?;
    let bytes = read_exactly(&*file, &path, HEADER, 0)?;
    let size = file.size().map_err(|source| IndexError::Read { path: path.clone(), source })?;
    let header = decode_header(&bytes).map_err(|what| damaged(&path, what))?;
    if header.facts.base != base || Some(size) != header.file_size() {
        return Err(damaged(&path, "it has a wrong length or position"));
    }
    Ok(header.facts)
}

/// Reads a table.
///
/// # Errors
/// Where it is not there, cannot be read, fails a check, or is not of this segment.
pub(super) fn load_table(
    storage: &dyn Storage,
    facts: &SegmentFacts,
) -> Result<SegmentTable, IndexError> {
    let (path, file) = open(storage, facts.base)?;
    let size = file.size().map_err(|source| IndexError::Read { path: path.clone(), source })?;
    let size = usize::try_from(size).map_err(|_| damaged(&path, "it is too long"))?;
    let bytes = read_exactly(&*file, &path, size, 0)?;
    let header = decode_header(&bytes).map_err(|what| damaged(&path, what))?;
    if header.facts != *facts {
        return Err(damaged(&path, "it is the table of another segment"));
    }
    if Some(size as u64) != header.file_size() {
        return Err(damaged(&path, "it has a wrong length"));
    }
    let body = bytes.get(HEADER..).unwrap_or_default();
    if crc32c::crc32c(body) != header.crc {
        return Err(damaged(&path, "checksum of the places"));
    }
    let split = usize::try_from(header.frames).unwrap_or(usize::MAX).saturating_mul(FRAME);
    let (frames, ends) = body.split_at_checked(split).unwrap_or_default();
    let frames = frames
        .as_chunks::<FRAME>()
        .0
        .iter()
        .map(|frame| FramePlace {
            first: u32::from_le_bytes(array_at(frame, 0).unwrap_or_default()),
            records: u32::from_le_bytes(array_at(frame, 4).unwrap_or_default()),
            recorded_at: Timestamp::from_micros(i64::from_le_bytes(
                array_at(frame, 8).unwrap_or_default(),
            )),
        })
        .collect();
    let ends = ends.as_chunks::<4>().0.iter().map(|end| u32::from_le_bytes(*end)).collect();
    Ok(SegmentTable { base: facts.base, frames, ends })
}

type Opened = (String, std::sync::Arc<dyn super::storage::SegmentFile>);

fn open(storage: &dyn Storage, base: u64) -> Result<Opened, IndexError> {
    let name = table_name(base);
    let path = storage.path(&name).display().to_string();
    let file = storage
        .open(&name, false)
        .map_err(|source| IndexError::Read { path: path.clone(), source })?;
    Ok((path, file))
}

fn damaged(path: &str, what: &'static str) -> IndexError {
    IndexError::Damaged { path: path.to_owned(), what }
}

struct Header {
    facts: SegmentFacts,
    frames: u64,
    /// Of everything after the header.
    crc: u32,
}

impl Header {
    fn file_size(&self) -> Option<u64> {
        let frames = self.frames.checked_mul(FRAME as u64)?;
        self.facts.count.checked_mul(4)?.checked_add(frames)?.checked_add(HEADER as u64)
    }
}

fn encode_header(facts: &SegmentFacts, frames: u64, crc: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&(HEADER as u32).to_le_bytes());
    bytes.extend_from_slice(facts.segment.as_bytes());
    bytes.extend_from_slice(&facts.base.to_le_bytes());
    bytes.extend_from_slice(&facts.count.to_le_bytes());
    bytes.extend_from_slice(&facts.end.to_le_bytes());
    bytes.extend_from_slice(&facts.recorded_at.as_micros().to_le_bytes());
    bytes.extend_from_slice(&facts.header_hash);
    bytes.extend_from_slice(&facts.last_hash);
    bytes.extend_from_slice(&frames.to_le_bytes());
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes.resize(HEADER - 4, 0);
    let own = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&own.to_le_bytes());
    bytes
}

fn decode_header(bytes: &[u8]) -> Result<Header, &'static str> {
    let (header, _) = bytes.split_first_chunk::<HEADER>().ok_or("it is cut short")?;
    if !header.starts_with(MAGIC) {
        return Err("it has a wrong magic");
    }
    let (checked, crc) = header.split_at(HEADER - 4);
    if crc != crc32c::crc32c(checked).to_le_bytes() {
        return Err("checksum of the header");
    }
    if u16::from_le_bytes(array_at(header, 8).unwrap_or_default()) != VERSION {
        return Err("it has another version");
    }
    let number = |at| u64::from_le_bytes(array_at(header, at).unwrap_or_default());
    Ok(Header {
        facts: SegmentFacts {
            segment: Uuid::from_bytes(array_at(header, 16).unwrap_or_default()),
            base: number(32),
            count: number(40),
            end: number(48),
            recorded_at: Timestamp::from_micros(number(56).cast_signed()),
            header_hash: array_at(header, 64).unwrap_or_default(),
            last_hash: array_at(header, 96).unwrap_or_default(),
        },
        frames: number(128),
        crc: u32::from_le_bytes(array_at(header, 136).unwrap_or_default()),
    })
}
