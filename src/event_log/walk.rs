//! Walks over every byte of a log, sealed or not, and compares every checksum and link.
//!
//! In: a folder of segments, also one that a process writes to. Out: each header and frame with
//! its hash, in order, and how far the log goes; or the first byte that cannot be explained.
//! Invariants: nothing is changed; the memory taken does not grow with the log, a frame and
//! what follows the last one being the most that is held, or one rebuilt segment; the rule for what is a torn tail is
//! that of opening.
//! Deliberately absent: revisions, which need a table of all streams: `verify` has one.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::contract::ReadError;
use super::damage::first_bad;
use super::frame::{self, FRAME_HEADER, Fault, FrameView, Hash, SEGMENT_HEADER, SegmentHeader};
use super::load::{Damage, OpenError, segment_base};
use super::mark::Mark;
use super::record::{self, RecordView, Stamp};
use super::sealed::{SealedPart, SealedStore};
use super::storage::{SegmentFile, Storage, read_full};
use crate::base::Timestamp;

/// Bytes read at once.
const READ: usize = 1 << 20;
/// How often a frame is looked at that a writer may be writing.
const LOOKS_MAX: u32 = 5;

/// What a walk comes by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    /// A record of a frame whose checksum fits; the frame follows.
    Record {
        /// The file.
        path: &'a str,
        /// Where in it.
        offset: u64,
        position: u64,
        record: &'a RecordView<'a>,
    },
    /// A segment begins.
    Segment {
        /// BLAKE3 of its header.
        hash: Hash,
    },
    /// A frame, whole and in its place.
    Frame {
        /// Where in its file.
        offset: u64,
        frame: FrameView<'a>,
        /// BLAKE3 of it.
        hash: Hash,
    },
}

/// What is told of each thing; a break ends the walk there.
pub(super) type Visit<'a> = &'a mut dyn FnMut(Seen<'_>) -> ControlFlow<()>;

/// How far a walk came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walked {
    /// BLAKE3 of the first segment's header: which log it is. Nothing in an empty folder.
    pub(super) log: Option<Hash>,
    pub(super) segments: u64,
    pub(super) frames: u64,
    /// The position after the last event.
    pub(super) next: u64,
    /// Bytes of headers and frames.
    pub(super) bytes: u64,
    /// Hash of the last frame, or header where none follows it; zeros where there is nothing.
    pub(super) previous: Hash,
    /// Of the last frame, or of making the first segment.
    pub(super) recorded_at: Timestamp,
    /// Bytes after the last frame that are none, without the zeros at the end.
    pub(super) torn: u64,
    /// What is wrong with them, if they are to be a frame.
    pub(super) tail: Option<TornTail>,
}

/// What stands behind the last whole frame, or in the place of the last segment's header.
#[derive(Clone, Copy, Debug)]
pub(super) struct TornTail {
    /// Position of the first event of the segment.
    pub(super) base: u64,
    /// Where in its file.
    pub(super) offset: u64,
    /// The first event that cannot be read.
    pub(super) position: u64,
    pub(super) what: &'static str,
}

impl Default for Walked {
    fn default() -> Self {
        Self {
            log: None,
            segments: 0,
            frames: 0,
            next: 0,
            bytes: 0,
            previous: [0; 32],
            recorded_at: Timestamp::EPOCH,
            torn: 0,
            tail: None,
        }
    }
}

/// The segment files of a folder in the order of positions.
///
/// # Errors
/// What the system says.
pub(super) fn segment_names(storage: &dyn Storage) -> Result<Vec<(u64, String)>, OpenError> {
    let names = storage.list().map_err(|source| OpenError::Io {
        action: "list",
        path: storage.path("").display().to_string(),
        source,
    })?;
    let mut names: Vec<_> =
        names.into_iter().filter_map(|name| Some((segment_base(&name)?, name))).collect();
    names.sort_unstable();
    Ok(names)
}

/// Where the sealed parts are, below the log's folder.
pub(super) const SEALED: &str = "sealed";
/// How often the parts are listed again, since one was sealed meanwhile and its segments gone.
const LISTS_MAX: u32 = 4;

/// A stretch of a log as it is kept.
pub(super) enum LogPart {
    /// Finished segments as Parquet files.
    Sealed(SealedPart),
    /// A segment file.
    Raw {
        /// Position of its first event.
        base: u64,
        name: String,
    },
}

/// What a log is kept in, in the order of positions: sealed parts, then segments.
///
/// # Errors
/// What the system says; a seal record that is damaged.
pub(super) fn parts(storage: &Arc<dyn Storage>) -> Result<Vec<LogPart>, OpenError> {
    let names = segment_names(&**storage)?;
    let mut parts = Vec::new();
    let mut sealed_end = 0;
    if let Some(store) = sealed_store(storage)? {
        for record in store.records().map_err(unreadable)? {
            sealed_end = record.end;
            parts.push(LogPart::Sealed(SealedPart::open(record, store.clone())));
        }
    }
    // What was sealed and is not removed yet is not needed any more.
    let raw = names.into_iter().filter(|(base, _)| *base >= sealed_end);
    parts.extend(raw.map(|(base, name)| LogPart::Raw { base, name }));
    Ok(parts)
}

/// The sealed parts of a log; nothing where it has none. Makes no folder.
fn sealed_store(storage: &Arc<dyn Storage>) -> Result<Option<SealedStore>, OpenError> {
    let failed = |source| OpenError::Io {
        action: "list",
        path: storage.path(SEALED).display().to_string(),
        source,
    };
    if !storage.list().map_err(failed)?.iter().any(|name| name == SEALED) {
        return Ok(None);
    }
    Ok(Some(SealedStore::new(storage.folder(SEALED).map_err(failed)?)))
}

/// What reading a sealed part says, as opening would say it.
pub(super) fn unreadable(error: ReadError) -> OpenError {
    match error {
        ReadError::Corrupt { path, offset, position, what } => {
            OpenError::Corrupt(Damage { path, offset, position, what })
        }
        ReadError::Io { path, source, .. } => {
            OpenError::Io { action: "read", path, source: io::Error::new(source.kind(), source) }
        }
        ReadError::Unavailable { server, what } => {
            OpenError::Io { action: "read", path: server, source: io::Error::other(what) }
        }
        ReadError::Look(error) => OpenError::Io {
            action: "read",
            path: "the log".to_owned(),
            source: io::Error::other(error),
        },
    }
}

/// Walks a log from the first event to the end.
///
/// # Errors
/// [`OpenError::Corrupt`] with the first byte that cannot be explained; what the disk says.
pub(super) fn walk(storage: &Arc<dyn Storage>, visit: Visit<'_>) -> Result<Walked, OpenError> {
    let mut walked = Walked::default();
    let mut lists = 1;
    // Before the segments: what it says was there by then.
    let mark = Mark::read(&**storage);
    let mut changed = None;
    let visit: Visit<'_> = &mut |step| {
        if let Seen::Frame { offset, frame, hash } = &step
            && let Some(mark) = mark
            && frame.header.base + u64::from(frame.header.count) == mark.next
            && *hash != mark.hash
        {
            changed = Some(*offset);
        }
        visit(step)
    };
    'list: loop {
        let parts = parts(storage)?;
        for (number, part) in parts.iter().enumerate() {
            let is_last = number + 1 == parts.len();
            let flow = match part {
                LogPart::Raw { base, .. } if walked.is_past(*base) => continue,
                LogPart::Raw { base, name } => walked.file(&**storage, *base, name, is_last, visit),
                LogPart::Sealed(part) => walked.sealed(part, &path_of(&**storage, part), visit),
            };
            match flow {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return Ok(walked),
                Err(OpenError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotFound && lists < LISTS_MAX =>
                {
                    lists += 1;
                    continue 'list;
                }
                Err(error) => return Err(error),
            }
        }
        break;
    }
    match (mark, changed) {
        (Some(mark), Some(offset)) => {
            Err(mark.behind(&**storage, mark.changed(&**storage, offset)))
        }
        (Some(mark), None) => mark.check_walked(&**storage, &walked).map(|()| walked),
        (None, _) => Ok(walked),
    }
}

/// How a sealed part is named in messages: by its record.
pub(super) fn path_of(storage: &dyn Storage, part: &SealedPart) -> String {
    storage.path(&format!("{SEALED}/{}", part.record().name())).display().to_string()
}

/// Bytes that are read like a file.
struct Rebuilt(bytes::Bytes);

impl SegmentFile for Rebuilt {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = self.0.get(at..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(read)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_size(&self, _size: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A stretch of a file in memory.
struct Window<'a> {
    input: &'a dyn SegmentFile,
    buffer: Vec<u8>,
    /// Where in the buffer the next thing begins.
    at: usize,
    /// The place of that in the file.
    offset: u64,
}

impl Window<'_> {
    /// What follows: at least `wanted` bytes, unless the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<&[u8]> {
        let have = self.buffer.len() - self.at;
        if have < wanted {
            self.buffer.drain(..self.at);
            self.at = 0;
            let goal = wanted.max(READ);
            self.buffer.resize(goal, 0);
            let rest = self.buffer.get_mut(have..).unwrap_or_default();
            let read = read_full(self.input, rest, self.offset + have as u64)?;
            self.buffer.truncate(have + read);
        }
        Ok(self.buffer.get(self.at..).unwrap_or_default())
    }

    fn pass(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.buffer.len());
        self.offset += bytes as u64;
    }

    /// Forgets what was read, since it may have been written meanwhile.
    fn forget(&mut self) {
        self.buffer.clear();
        self.at = 0;
    }

    /// All that follows.
    fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.forget();
        super::storage::read_to_end(self.input, self.offset)
    }
}

/// Why bytes are no next frame.
struct Bad {
    /// Where in the file.
    offset: u64,
    /// The first event that cannot be read.
    position: u64,
    fault: Fault,
    /// The bytes are no frame at all, rather than one in the wrong place.
    half: bool,
}

impl Walked {
    /// Whether what begins at this position was walked over already.
    fn is_past(&self, base: u64) -> bool {
        self.log.is_some() && base < self.next
    }

    /// Walks over a sealed part: compares its files with its record, and rebuilds its segments,
    /// one after the other, to compare every link. Holds one segment.
    pub(super) fn sealed(
        &mut self,
        part: &SealedPart,
        path: &str,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, OpenError> {
        for file in &part.record().files {
            part.verify_file(file).map_err(unreadable)?;
        }
        for (number, segment) in part.record().segments.iter().enumerate() {
            if self.is_past(segment.base) {
                continue;
            }
            let bytes = Rebuilt(part.rebuild_raw(number).map_err(unreadable)?);
            let flow = self.segment(&bytes, segment.base, path, false, visit)?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Walks over one segment file, which must follow what was walked over before.
    pub(super) fn file(
        &mut self,
        storage: &dyn Storage,
        base: u64,
        name: &str,
        last: bool,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, OpenError> {
        let path = storage.path(name).display().to_string();
        let file: Arc<dyn SegmentFile> = storage
            .open(name, false)
            .map_err(|source| OpenError::Io { action: "open", path: path.clone(), source })?;
        self.segment(&*file, base, &path, last, visit)
    }

    /// As [`Self::file`], for a segment from anywhere.
    pub(super) fn segment(
        &mut self,
        input: &dyn SegmentFile,
        base: u64,
        path: &str,
        last: bool,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, OpenError> {
        let failed = |source| OpenError::Io { action: "read", path: path.to_owned(), source };
        let mut window = Window { input, buffer: Vec::new(), at: 0, offset: 0 };
        let next = self.next;
        let corrupt = |offset, what| {
            let path = path.to_owned();
            OpenError::Corrupt(Damage { path, offset, position: next, what })
        };
        let bytes = window.fill(SEGMENT_HEADER).map_err(failed)?;
        let header = match SegmentHeader::decode(bytes) {
            Ok(header) => header,
            Err(Fault::Version(version)) => return Err(newer(path, version)),
            Err(Fault::Damaged(what)) => {
                let all = window.rest().map_err(failed)?;
                // A segment that was being made when the machine stopped.
                if last && base == next && frame::any_valid(&all, None).is_none() {
                    self.tail = Some(TornTail { base, offset: 0, position: next, what });
                    return Ok(ControlFlow::Continue(()));
                }
                return Err(corrupt(0, what));
            }
        };
        if base != next || header.base != base {
            return Err(corrupt(32, "a segment before this one is missing"));
        }
        if header.previous != self.previous {
            return Err(corrupt(48, "it does not follow the segment before"));
        }
        let hash = frame::hash(bytes.get(..SEGMENT_HEADER).unwrap_or_default());
        window.pass(SEGMENT_HEADER);
        if self.log.is_none() {
            self.log = Some(hash);
            self.recorded_at = header.created_at;
        }
        self.segments += 1;
        self.bytes += SEGMENT_HEADER as u64;
        self.previous = hash;
        (self.torn, self.tail) = (0, None);
        if visit(Seen::Segment { hash }).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        self.frames(&mut window, &header, path, last, visit)
    }

    fn frames(
        &mut self,
        window: &mut Window<'_>,
        segment: &SegmentHeader,
        path: &str,
        last: bool,
        visit: Visit<'_>,
    ) -> Result<ControlFlow<()>, OpenError> {
        let failed = |source| OpenError::Io { action: "read", path: path.to_owned(), source };
        let (mut sequence, mut looks) = (0, 1);
        loop {
            let bytes = next_frame(window).map_err(failed)?;
            if bytes.is_empty() {
                return Ok(ControlFlow::Continue(()));
            }
            let offset = window.offset;
            let bytes = window.buffer.get(window.at..).unwrap_or_default();
            match self.frame(bytes, (path, offset), segment, sequence, visit) {
                Ok((_, flow)) if flow.is_break() => return Ok(flow),
                Ok((found, _)) => {
                    let hash = frame::hash(found.bytes);
                    let len = found.bytes.len();
                    self.frames += 1;
                    self.bytes += len as u64;
                    self.next = found.header.base + u64::from(found.header.count);
                    self.previous = hash;
                    self.recorded_at = found.header.recorded_at;
                    let flow = visit(Seen::Frame { offset, frame: found, hash });
                    if flow.is_break() {
                        return Ok(flow);
                    }
                    window.pass(len);
                    (sequence, looks) = (sequence + 1, 1);
                }
                Err(bad) => {
                    let rest = window.rest().map_err(failed)?;
                    let is_end = last
                        && (frame::is_blank(&rest)
                            || frame::any_valid(&rest, Some(segment.segment)).is_none());
                    match bad.fault {
                        Fault::Version(version) => return Err(newer(path, version)),
                        Fault::Damaged(what) if is_end => {
                            let (base, offset, position) = (segment.base, bad.offset, bad.position);
                            self.tail = Some(TornTail { base, offset, position, what });
                            let end = rest.iter().rposition(|byte| *byte != 0);
                            self.torn = end.map_or(0, |at| at as u64 + 1);
                            return Ok(ControlFlow::Continue(()));
                        }
                        // Its writer may have been at work between two reads.
                        Fault::Damaged(_) if last && bad.half && looks < LOOKS_MAX => looks += 1,
                        Fault::Damaged(what) => {
                            let (offset, position) = (bad.offset, bad.position);
                            let path = path.to_owned();
                            return Err(OpenError::Corrupt(Damage {
                                path,
                                offset,
                                position,
                                what,
                            }));
                        }
                    }
                }
            }
        }
    }

    /// The frame at the start of the bytes, if it is whole and the next one.
    fn frame<'a>(
        &self,
        bytes: &'a [u8],
        (path, offset): (&str, u64),
        segment: &SegmentHeader,
        sequence: u64,
        visit: Visit<'_>,
    ) -> Result<(FrameView<'a>, ControlFlow<()>), Bad> {
        let found = frame::decode(bytes).map_err(|fault| {
            let (at, position) = first_bad(bytes, self.next);
            Bad { offset: offset + at as u64, position, fault, half: true }
        })?;
        let header = &found.header;
        let wrong = |at: usize, position, what| Bad {
            offset: offset + at as u64,
            position,
            fault: Fault::Damaged(what),
            half: false,
        };
        if header.segment != segment.segment {
            return Err(wrong(8, self.next, "frame of another segment"));
        }
        if header.base != self.next {
            return Err(wrong(24, self.next, "frame has a wrong position"));
        }
        if header.sequence != sequence {
            return Err(wrong(80, self.next, "frame is out of order"));
        }
        if header.previous != self.previous {
            return Err(wrong(40, self.next, "frame does not follow the one before"));
        }
        let (mut at, mut position) = (FRAME_HEADER, header.base);
        for _ in 0..header.count {
            let stamp = Stamp { position, recorded_at: header.recorded_at };
            let body = found.bytes.get(at..).unwrap_or_default();
            let record = record::decode(body, stamp).map_err(|what| wrong(at, position, what))?;
            let offset = offset + at as u64;
            let flow = visit(Seen::Record { path, offset, position, record: &record });
            if flow.is_break() {
                return Ok((found, flow));
            }
            at += record.len;
            position += 1;
        }
        if !frame::is_blank(found.bytes.get(at..).unwrap_or_default()) {
            return Err(wrong(at, position, "bytes after the last record"));
        }
        Ok((found, ControlFlow::Continue(())))
    }
}

/// Brings the next frame into the window as a whole, as far as its length can be believed.
fn next_frame<'a>(window: &'a mut Window<'_>) -> io::Result<&'a [u8]> {
    let header = window.fill(FRAME_HEADER)?;
    let whole = frame::claim(header).map_or(0, |claim| FRAME_HEADER.saturating_add(claim.body));
    let wanted = if whole > frame::FRAME_MAX { FRAME_HEADER } else { whole.max(FRAME_HEADER) };
    window.fill(wanted)
}

fn newer(path: &str, version: u16) -> OpenError {
    OpenError::Version { path: path.to_owned(), version, known: frame::FORMAT_VERSION }
}
