//! Segment headers and frames as bytes. The layout stands byte by byte in `docs/log-format.md`.
//!
//! One frame is what one group commit wrote: several appends, made durable by one sync.
//! Invariant: arbitrary bytes never panic; every byte of a frame, padding included, is under
//! its checksum, and the hash of every frame is in the one after it.

use uuid::Uuid;

use crate::base::Timestamp;

/// The version of the files this program writes. It reads every earlier one: version 2 added two
/// flags to records.
pub(super) const FORMAT_VERSION: u16 = 2;
/// The first version there was.
const FIRST_VERSION: u16 = 1;
/// Bytes before the first frame.
pub(super) const SEGMENT_HEADER: usize = 128;
/// Bytes before the first record of a frame.
pub(super) const FRAME_HEADER: usize = 96;
/// Frames start at multiples of this.
pub(super) const ALIGN: usize = 16;
/// No frame is longer: what a length field may claim before it is believed.
pub(super) const FRAME_MAX: usize = 64 << 20;

const SEGMENT_MAGIC: &[u8; 8] = b"LGLOGSEG";
const FRAME_MAGIC: &[u8; 4] = b"LGFR";

/// BLAKE3 of everything a frame or header is made of.
pub(super) type Hash = [u8; 32];

/// What is wrong with a header or frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A newer program wrote it.
    Version(u16),
    /// It cannot be used, and why.
    Damaged(&'static str),
}

/// The start of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// The format it was written in.
    pub(super) version: u16,
    /// Tells this file's frames from what else lay on the disk.
    pub(super) segment: Uuid,
    /// The position of its first event.
    pub(super) base: u64,
    pub(super) created_at: Timestamp,
    /// The hash of the last frame before this file; zeros in the first file.
    pub(super) previous: Hash,
}

/// The start of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The format it was written in.
    pub(super) version: u16,
    pub(super) segment: Uuid,
    /// The position of its first event.
    pub(super) base: u64,
    pub(super) recorded_at: Timestamp,
    /// The hash of the frame before, of the segment header for the first frame of a file.
    pub(super) previous: Hash,
    /// Events in it.
    pub(super) count: u32,
    /// Its place in the file, from 0.
    pub(super) sequence: u64,
}

/// A frame in a buffer, its checksum already compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameView<'a> {
    pub(super) header: FrameHeader,
    /// All of it.
    pub(super) bytes: &'a [u8],
}

/// The hash a following frame or header carries.
pub(super) fn hash(bytes: &[u8]) -> Hash {
    *blake3::hash(bytes).as_bytes()
}

impl SegmentHeader {
    /// The header as bytes.
    pub(super) fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        put(&mut bytes, 0, SEGMENT_MAGIC);
        put(&mut bytes, 8, &self.version.to_le_bytes());
        put(&mut bytes, 12, &(SEGMENT_HEADER as u32).to_le_bytes());
        put(&mut bytes, 16, self.segment.as_bytes());
        put(&mut bytes, 32, &self.base.to_le_bytes());
        put(&mut bytes, 40, &self.created_at.as_micros().to_le_bytes());
        put(&mut bytes, 48, &self.previous);
        let crc = crc32c::crc32c(bytes.get(..124).unwrap_or_default());
        put(&mut bytes, 124, &crc.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let (header, _) = bytes
            .split_first_chunk::<SEGMENT_HEADER>()
            .ok_or(Fault::Damaged("segment header is too short"))?;
        if get::<8>(header, 0) != *SEGMENT_MAGIC {
            return Err(Fault::Damaged("segment header has a wrong magic"));
        }
        let (checked, crc) = header.split_at(124);
        if crc != crc32c::crc32c(checked).to_le_bytes() {
            return Err(Fault::Damaged("segment header checksum"));
        }
        let version = u16::from_le_bytes(get(header, 8));
        if !(FIRST_VERSION..=FORMAT_VERSION).contains(&version) {
            return Err(Fault::Version(version));
        }
        Ok(Self {
            version,
            segment: Uuid::from_bytes(get(header, 16)),
            base: u64::from_le_bytes(get(header, 32)),
            created_at: Timestamp::from_micros(i64::from_le_bytes(get(header, 40))),
            previous: get(header, 48),
        })
    }
}

/// Makes room for the header of a frame that is built in this buffer.
pub(super) fn begin(out: &mut Vec<u8>) {
    out.clear();
    out.resize(FRAME_HEADER, 0);
}

/// Pads the records, fills in the header and returns the frame's hash.
pub(super) fn finish(out: &mut Vec<u8>, header: &FrameHeader) -> Hash {
    out.resize(out.len().next_multiple_of(ALIGN), 0);
    let body = u32::try_from(out.len() - FRAME_HEADER).unwrap_or(u32::MAX);
    put(out, 0, FRAME_MAGIC);
    put(out, 4, &header.version.to_le_bytes());
    put(out, 8, header.segment.as_bytes());
    put(out, 24, &header.base.to_le_bytes());
    put(out, 32, &header.recorded_at.as_micros().to_le_bytes());
    put(out, 40, &header.previous);
    put(out, 72, &body.to_le_bytes());
    put(out, 76, &header.count.to_le_bytes());
    put(out, 80, &header.sequence.to_le_bytes());
    let crc = frame_checksum(out);
    put(out, 92, &crc.to_le_bytes());
    hash(out)
}

/// Reads the frame at the start of a buffer.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(bytes: &[u8]) -> Result<FrameView<'_>, Fault> {
    let (header, _) = bytes
        .split_first_chunk::<FRAME_HEADER>()
        .ok_or(Fault::Damaged("frame header is too short"))?;
    if get::<4>(header, 0) != *FRAME_MAGIC {
        return Err(Fault::Damaged("frame has a wrong magic"));
    }
    let body = u32::from_le_bytes(get(header, 72)) as usize;
    let whole = FRAME_HEADER + body;
    if whole > FRAME_MAX || !body.is_multiple_of(ALIGN) {
        return Err(Fault::Damaged("frame has an impossible length"));
    }
    let frame = bytes.get(..whole).ok_or(Fault::Damaged("frame is cut short"))?;
    if get::<4>(header, 92) != frame_checksum(frame).to_le_bytes() {
        return Err(Fault::Damaged("frame checksum"));
    }
    let version = u16::from_le_bytes(get(header, 4));
    if !(FIRST_VERSION..=FORMAT_VERSION).contains(&version) {
        return Err(Fault::Version(version));
    }
    Ok(FrameView {
        header: FrameHeader {
            version,
            segment: Uuid::from_bytes(get(header, 8)),
            base: u64::from_le_bytes(get(header, 24)),
            recorded_at: Timestamp::from_micros(i64::from_le_bytes(get(header, 32))),
            previous: get(header, 40),
            count: u32::from_le_bytes(get(header, 76)),
            sequence: u64::from_le_bytes(get(header, 80)),
        },
        bytes: frame,
    })
}

/// What a frame header says, whether or not its checksum fits.
pub(super) struct Claim {
    pub(super) recorded_at: Timestamp,
    /// Bytes after the header.
    pub(super) body: usize,
    pub(super) count: u32,
}

/// Reads what a damaged frame says of itself, to find the damage in it.
pub(super) fn claim(bytes: &[u8]) -> Option<Claim> {
    let (header, _) = bytes.split_first_chunk::<FRAME_HEADER>()?;
    Some(Claim {
        recorded_at: Timestamp::from_micros(i64::from_le_bytes(get(header, 32))),
        body: u32::from_le_bytes(get(header, 72)) as usize,
        count: u32::from_le_bytes(get(header, 76)),
    })
}

/// Whether a whole, valid frame of a segment (of any, where none is given) starts anywhere here.
pub(super) fn any_valid(bytes: &[u8], segment: Option<Uuid>) -> Option<usize> {
    (0..bytes.len()).step_by(ALIGN).find(|at| {
        bytes.get(*at..).is_some_and(|rest| {
            rest.starts_with(FRAME_MAGIC)
                && match decode(rest) {
                    Ok(frame) => segment.is_none_or(|segment| segment == frame.header.segment),
                    Err(Fault::Version(_)) => true,
                    Err(Fault::Damaged(_)) => false,
                }
        })
    })
}

/// Whether there is nothing but zeros: what lies ahead of the last frame.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    bytes.chunks(ZEROS.len()).all(|chunk| ZEROS.get(..chunk.len()) == Some(chunk))
}

/// Over everything but the checksum itself, which stands at 92 to 96.
fn frame_checksum(frame: &[u8]) -> u32 {
    let head = crc32c::crc32c(frame.get(..92).unwrap_or_default());
    crc32c::crc32c_append(head, frame.get(FRAME_HEADER..).unwrap_or_default())
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

fn get<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk::<N>()).copied().unwrap_or([0; N])
}
