//! Raw segments from sealed parts, and the proof that nothing changed.
//!
//! In: a sealed part. Out: the bytes of its raw segments, frame by frame; the first difference
//! from the seal record. Memory: one frame, besides decoded row groups.

use bytes::Bytes;

use super::group::{Depth, Rows};
use super::part::SealedPart;
use super::seal_record::{SealedFile, SealedSegment};
use crate::base::{hex, unhex};
use crate::event::{NewEvent, Recorded};
use crate::event_log::contract::ReadError;
use crate::event_log::frame::{self, FrameHeader, Hash, SegmentHeader};
use crate::event_log::load::Damage;
use crate::event_log::record::{self, Stamp};

/// Why a sealed part is not what was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealedDamage {
    /// A file, byte and position.
    #[error("{0}")]
    Damaged(#[source] Damage),
    /// It could not be read.
    #[error("{0}")]
    Unreadable(#[source] ReadError),
}

impl From<ReadError> for SealedDamage {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Corrupt { path, offset, position, what } => {
                Self::Damaged(Damage { path, offset, position, what })
            }
            other => Self::Unreadable(other),
        }
    }
}

/// A segment while it is written again.
struct Rebuilt<'s> {
    sink: &'s mut dyn FnMut(&[u8]),
    header: SegmentHeader,
    previous: Hash,
    frames: u64,
    frame: Vec<u8>,
    open: Option<FrameHeader>,
}

impl Rebuilt<'_> {
    fn row(&mut self, rows: &Rows, row: usize) -> Result<(), &'static str> {
        let event = rows.event(row).ok_or("a row is not whole")?;
        if let Some(version) = rows.frame_version(row) {
            self.finish();
            frame::begin(&mut self.frame);
            self.open = Some(FrameHeader {
                version,
                segment: self.header.segment,
                base: event.position,
                recorded_at: event.recorded_at,
                previous: self.previous,
                count: 0,
                sequence: self.frames,
            });
        }
        let frame = self.open.as_mut().ok_or("no frame begins before this event")?;
        if frame.recorded_at != event.recorded_at {
            return Err("an event was recorded at another time than its frame");
        }
        frame.count = frame.count.checked_add(1).ok_or("a frame has too many events")?;
        let stamp = Stamp { position: event.position, recorded_at: event.recorded_at };
        let (stream, revision) = (event.stream.clone(), event.revision);
        record::encode(&mut self.frame, stamp, stream.as_str(), revision, &as_new(event));
        Ok(())
    }

    fn finish(&mut self) {
        if let Some(header) = self.open.take() {
            self.previous = frame::finish(&mut self.frame, &header);
            (self.sink)(&self.frame);
            self.frames += 1;
        }
    }
}

fn as_new(event: Recorded) -> NewEvent {
    NewEvent {
        event_id: event.event_id,
        event_type: event.event_type,
        schema_version: event.schema_version,
        occurred_at: event.occurred_at,
        correlation_id: event.correlation_id,
        causation_id: event.causation_id,
        actor: event.actor,
        data: event.data.into(),
        content_type: event.content_type,
        metadata: event.metadata.into(),
    }
}

/// The header of a sealed segment.
pub(in crate::event_log) fn header(segment: &SealedSegment) -> Option<(Vec<u8>, SegmentHeader)> {
    let bytes = unhex(&segment.header)?;
    let header = SegmentHeader::decode(&bytes).ok()?;
    Some((bytes, header))
}

impl SealedPart {
    /// Rebuilds a raw segment of this part, counted from 0: header and frames as they were,
    /// compared with their hash. Blocks.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn rebuild_raw(&self, segment: usize) -> Result<Bytes, ReadError> {
        let mut bytes = Vec::new();
        self.rebuild_into(segment, &mut |stretch| bytes.extend_from_slice(stretch))?;
        Ok(bytes.into())
    }

    /// Gives a raw segment of this part stretch by stretch; an error at the end means that all
    /// of it is void. Blocks.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    pub fn rebuild_into(
        &self,
        segment: usize,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        let name = self.record().name();
        let wrong = |position, what| self.store().corrupt(&name, 0, position, what);
        let Some(entry) = self.record().segments.get(segment) else {
            return Err(wrong(self.end(), "there are fewer segments in this part"));
        };
        let (head, header) =
            header(entry).ok_or_else(|| wrong(entry.base, "the segment's header"))?;
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        let mut sink = |stretch: &[u8]| {
            hasher.update(stretch);
            bytes += stretch.len() as u64;
            sink(stretch);
        };
        sink(&head);
        let mut rebuilt = Rebuilt {
            sink: &mut sink,
            header,
            previous: frame::hash(&head),
            frames: 0,
            frame: Vec::new(),
            open: None,
        };
        self.walk(entry.base..entry.end, Depth::Events, false, &mut |rows, row| {
            rebuilt.row(rows, row)
        })?;
        rebuilt.finish();
        let (last_frame, frames) = (rebuilt.previous, rebuilt.frames);
        let same = bytes == entry.bytes
            && frames == entry.frames
            && hex(&last_frame) == entry.last_frame
            && hex(hasher.finalize().as_bytes()) == entry.blake3;
        if same {
            Ok(())
        } else {
            Err(wrong(entry.base, "the rebuilt segment is not the one that was sealed"))
        }
    }

    /// Compares every file with the record, and every rebuilt segment and link of the chain.
    /// `previous` is the hash of the last frame before this part (zeros where there is none);
    /// gives that of the last frame in it. Blocks.
    ///
    /// # Errors
    /// The first bad file, with the byte and position.
    pub fn verify(&self, previous: [u8; 32]) -> Result<[u8; 32], SealedDamage> {
        for file in &self.record().files {
            self.verify_file(file)?;
        }
        let mut previous = previous;
        let name = self.record().name();
        for (number, entry) in self.record().segments.iter().enumerate() {
            let wrong = |what| self.store().corrupt(&name, 0, entry.base, what);
            let (_, header) = header(entry).ok_or_else(|| wrong("the segment's header"))?;
            if header.base != entry.base {
                return Err(wrong("the segment's header has another position").into());
            }
            if header.previous != previous {
                return Err(wrong("it does not follow the segment before").into());
            }
            self.rebuild_into(number, &mut |_| {})?;
            let last = unhex(&entry.last_frame).and_then(|hash| Hash::try_from(hash).ok());
            previous = last.ok_or_else(|| wrong("the hash of the last frame"))?;
        }
        Ok(previous)
    }

    /// Compares a file with its lengths, checksums and hash.
    pub(in crate::event_log) fn verify_file(&self, file: &SealedFile) -> Result<(), ReadError> {
        let (offsets, first) = (file.row_groups.first(), self.base());
        let first = offsets.map_or(first, |group| group.first);
        let last = file.row_groups.last().map_or(first, |group| group.last);
        let whole = self.store().size(file)?;
        if whole != file.bytes {
            let at = whole.min(file.bytes);
            return Err(self.store().corrupt(&file.path, at, last, "length of the file"));
        }
        for group in &file.row_groups {
            let stretch = (group.offset, group.bytes, group.crc32c);
            self.store().read_checked(file, stretch, group.first)?;
        }
        let footer = file.bytes - file.footer_bytes;
        let stretch = (footer, file.footer_bytes, file.footer_crc32c);
        self.store().read_checked(file, stretch, first)?;
        let all = self.store().read(file, 0, file.bytes)?;
        if hex(blake3::hash(&all).as_bytes()) == file.blake3 {
            return Ok(());
        }
        // Neither a row group nor the footer: the magic at the start, or the page index.
        let index = file.row_groups.last().map_or(0, |group| group.offset + group.bytes);
        let at = if all.starts_with(b"PAR1") { index } else { 0 };
        Err(self.store().corrupt(&file.path, at, first, "hash of the file"))
    }
}
