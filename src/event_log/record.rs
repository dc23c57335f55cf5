//! One event as bytes. The layout stands byte by byte in `docs/log-format.md`.
//!
//! In: a [`NewEvent`] with its place. Out: bytes, and from bytes a borrowed [`RecordView`].
//! Invariant: arbitrary bytes never panic; a record read at another position, or with another
//! time of recording, than it was written with fails its checksum.

use uuid::Uuid;

use crate::base::{EventId, Timestamp};
use crate::event::{Actor, ContentType, NewEvent, Recorded, StreamName};

/// Bytes before the first field: length and checksum.
const PREFIX: usize = 8;
const HAS_CORRELATION: u8 = 1;
const HAS_CAUSATION: u8 = 2;
/// From format version 2 on.
const HAS_METADATA: u8 = 4;
/// From format version 2 on.
const IS_BINARY: u8 = 8;

/// What the log adds to an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    pub(super) position: u64,
    pub(super) recorded_at: Timestamp,
}

/// A record in a buffer.
#[derive(Debug)]
pub(super) struct RecordView<'a> {
    /// Bytes it takes, its prefix included.
    pub(super) len: usize,
    pub(super) revision: u64,
    pub(super) event_id: EventId,
    schema_version: u16,
    occurred_at: Timestamp,
    content_type: ContentType,
    pub(super) tail: TailView<'a>,
}

/// What is wrong with a record.
pub(super) type RecordFault = &'static str;

/// An upper bound of the bytes an event takes.
pub(super) fn size_bound(stream: &StreamName, event: &NewEvent) -> usize {
    stream.as_str().len()
        + event.event_type.len()
        + event.actor.as_str().len()
        + event.data.len()
        + event.metadata.len()
        + 128
}

/// What a record says before its tail, as far as the one who appends knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    flags: u8,
    pub(super) event_id: EventId,
    schema_version: u16,
    occurred_at: Timestamp,
}

/// The fields of a record from the stream name on, in a buffer.
#[derive(Debug)]
pub(super) struct TailView<'a> {
    pub(super) stream: &'a str,
    event_type: &'a str,
    actor: &'a str,
    correlation_id: Option<Uuid>,
    causation_id: Option<EventId>,
    metadata: &'a [u8],
    data: &'a [u8],
}

/// Adds the part of a record that does not depend on its place, and says what goes before it.
pub(super) fn encode_tail(out: &mut Vec<u8>, stream: &str, event: &NewEvent) -> Lead {
    put_text(out, stream);
    put_text(out, &event.event_type);
    put_text(out, event.actor.as_str());
    let mut flags = 0;
    if let Some(id) = event.correlation_id {
        flags |= HAS_CORRELATION;
        out.extend_from_slice(id.as_bytes());
    }
    if let Some(id) = event.causation_id {
        flags |= HAS_CAUSATION;
        out.extend_from_slice(id.0.as_bytes());
    }
    if !event.metadata.is_empty() {
        flags |= HAS_METADATA;
        put_varint(out, event.metadata.len() as u64);
        out.extend_from_slice(&event.metadata);
    }
    if event.content_type == ContentType::Binary {
        flags |= IS_BINARY;
    }
    out.extend_from_slice(&event.data);
    Lead {
        flags,
        event_id: event.event_id,
        schema_version: event.schema_version,
        occurred_at: event.occurred_at,
    }
}

/// Adds a record, given its place and its tail.
pub(super) fn finish(out: &mut Vec<u8>, stamp: Stamp, revision: u64, lead: &Lead, tail: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    out.push(lead.flags);
    out.extend_from_slice(lead.event_id.0.as_bytes());
    put_varint(out, revision);
    put_varint(out, u64::from(lead.schema_version));
    let lag = stamp.recorded_at.as_micros().wrapping_sub(lead.occurred_at.as_micros());
    put_varint(out, zigzag(lag));
    out.extend_from_slice(tail);
    let len = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(record) = out.get_mut(start..) {
        let crc = checksum(stamp, record.get(PREFIX..).unwrap_or_default());
        for (to, from) in
            record.iter_mut().zip(len.to_le_bytes().into_iter().chain(crc.to_le_bytes()))
        {
            *to = from;
        }
    }
}

/// Adds a record to a buffer.
pub(super) fn encode(
    out: &mut Vec<u8>,
    stamp: Stamp,
    stream: &str,
    revision: u64,
    event: &NewEvent,
) {
    let mut tail = Vec::new();
    let lead = encode_tail(&mut tail, stream, event);
    finish(out, stamp, revision, &lead, &tail);
}

/// Reads the record at the start of a buffer.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(bytes: &[u8], stamp: Stamp) -> Result<RecordView<'_>, RecordFault> {
    let mut prefix = Cursor(bytes);
    let len = u32::from_le_bytes(prefix.array()?) as usize;
    let crc = u32::from_le_bytes(prefix.array()?);
    let body = bytes.get(PREFIX..len).ok_or("record length")?;
    if checksum(stamp, body) != crc {
        return Err("record checksum");
    }
    let mut fields = Cursor(body);
    let [flags] = fields.array()?;
    let event_id = EventId(Uuid::from_bytes(fields.array()?));
    let revision = fields.varint()?;
    let schema_version = u16::try_from(fields.varint()?).map_err(|_| "schema version")?;
    let lag = unzigzag(fields.varint()?);
    let tail = decode_tail(flags, fields.0)?;
    let content_type = content_type(flags);
    let occurred_at = Timestamp::from_micros(stamp.recorded_at.as_micros().wrapping_sub(lag));
    Ok(RecordView { len, revision, event_id, schema_version, occurred_at, content_type, tail })
}

/// Reads the fields from the stream name on, as [`encode_tail`] wrote them.
///
/// # Errors
/// What is wrong with them.
fn decode_tail(flags: u8, bytes: &[u8]) -> Result<TailView<'_>, RecordFault> {
    let mut fields = Cursor(bytes);
    Ok(TailView {
        stream: fields.text()?,
        event_type: fields.text()?,
        actor: fields.text()?,
        correlation_id: match flags & HAS_CORRELATION {
            0 => None,
            _ => Some(Uuid::from_bytes(fields.array()?)),
        },
        causation_id: match flags & HAS_CAUSATION {
            0 => None,
            _ => Some(EventId(Uuid::from_bytes(fields.array()?))),
        },
        metadata: match flags & HAS_METADATA {
            0 => &[],
            _ => fields.block()?,
        },
        data: fields.0,
    })
}

impl Lead {
    /// The event that this and its tail were made of.
    ///
    /// # Errors
    /// What is wrong with the tail.
    pub(super) fn to_new(self, tail: &[u8]) -> Result<NewEvent, RecordFault> {
        let tail = decode_tail(self.flags, tail)?;
        Ok(NewEvent {
            event_id: self.event_id,
            event_type: tail.event_type.to_owned(),
            schema_version: self.schema_version,
            occurred_at: self.occurred_at,
            correlation_id: tail.correlation_id,
            causation_id: tail.causation_id,
            actor: Actor::recorded(tail.actor),
            data: tail.data.to_vec(),
            content_type: content_type(self.flags),
            metadata: tail.metadata.to_vec(),
        })
    }
}

const fn content_type(flags: u8) -> ContentType {
    match flags & IS_BINARY {
        0 => ContentType::Json,
        _ => ContentType::Binary,
    }
}

/// The stream's name at the start of a tail.
///
/// # Errors
/// What is wrong with it.
pub(super) fn stream_of(tail: &[u8]) -> Result<&str, RecordFault> {
    Cursor(tail).text()
}

impl RecordView<'_> {
    /// The event as a reader gets it.
    ///
    /// # Errors
    /// Where the stream has an impossible name.
    pub(super) fn to_recorded(&self, stamp: Stamp) -> Result<Recorded, RecordFault> {
        Ok(Recorded {
            position: stamp.position,
            stream: StreamName::new(self.tail.stream).map_err(|_| "stream name")?,
            revision: self.revision,
            recorded_at: stamp.recorded_at,
            event_id: self.event_id,
            event_type: self.tail.event_type.to_owned(),
            schema_version: self.schema_version,
            occurred_at: self.occurred_at,
            correlation_id: self.tail.correlation_id,
            causation_id: self.tail.causation_id,
            actor: Actor::recorded(self.tail.actor),
            data: bytes::Bytes::copy_from_slice(self.tail.data),
            content_type: self.content_type,
            metadata: bytes::Bytes::copy_from_slice(self.tail.metadata),
        })
    }
}

/// The place is part of what is checked, so that a record cannot pass for another one.
fn checksum(stamp: Stamp, body: &[u8]) -> u32 {
    let mut place = [0; 16];
    let (position, time) = place.split_at_mut(8);
    position.copy_from_slice(&stamp.position.to_le_bytes());
    time.copy_from_slice(&stamp.recorded_at.as_micros().to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), body)
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// Seven bits a byte, least significant first; the high bit says that more follow.
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small numbers of either sign become small numbers.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// What is left of a buffer.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], RecordFault> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("record is too short")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordFault> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or("record is too short")?;
        self.0 = rest;
        Ok(*taken)
    }

    fn varint(&mut self) -> Result<u64, RecordFault> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("number is too long")
    }

    fn block(&mut self) -> Result<&'a [u8], RecordFault> {
        let len = usize::try_from(self.varint()?).map_err(|_| "text length")?;
        self.take(len)
    }

    fn text(&mut self) -> Result<&'a str, RecordFault> {
        std::str::from_utf8(self.block()?).map_err(|_| "text is not UTF-8")
    }
}
