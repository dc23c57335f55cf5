//! From files to an index: what opening, refreshing and verifying have in common.
//!
//! In: segment files as a crash, a bad disk or another process may have left them. Out: the
//! index and the place where the next frame goes, or the first byte that cannot be explained.
//! Invariant: what cannot be read is a torn tail only if it is in the last segment and no whole
//! frame of that segment follows it. Anything else is damage, and damage is never cut away.
//! Reading changes no file; `repair` does.

use std::sync::Arc;

use uuid::Uuid;

use super::frame::{self, FRAME_HEADER, Fault, Hash, SEGMENT_HEADER, SegmentHeader};
use super::hash;
use super::index::{Index, Segment};
use super::record::{self, RecordView, Stamp};
use super::storage::{SegmentFile, Storage, read_to_end};
use crate::base::Timestamp;

/// How often a reader looks at a frame that a writer may be writing.
const LOOKS_MAX: u32 = 5;

/// Bytes that should be events and are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is damaged at byte {offset}, where position {position} should be ({what})")]
pub struct Damage {
    /// The file.
    pub path: String,
    /// The first byte that cannot be explained.
    pub offset: u64,
    /// The first event that cannot be read.
    pub position: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "open log: {path} is held by {holder}; stop that process, or open the log for reading only"
    )]
    Locked {
        /// The lock file.
        path: String,
        /// The process, as far as the lock file says.
        holder: String,
    },
    /// Events that were acknowledged may be unreadable.
    #[error(
        "open log: {0}; it is not a torn tail, so nothing was cut: keep the folder, restore this file from a backup, and run `ledgerline log verify`"
    )]
    Corrupt(#[source] Damage),
    /// A newer program wrote it.
    #[error(
        "open log: {path} has format version {version}, this program knows {known}; use the program that wrote it"
    )]
    Version {
        /// The file.
        path: String,
        /// The version found.
        version: u16,
        /// The version known.
        known: u16,
    },
    /// An option that cannot be.
    #[error("open log: {0}")]
    Options(&'static str),
    /// The disk failed.
    #[error("open log: {action} {path} ({source})")]
    Io {
        /// `read`, `lock` and the like.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

/// Where the next frame goes.
#[derive(Clone)]
pub(super) struct Tail {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) segment: Uuid,
    /// Offset of the next frame.
    pub(super) end: u64,
    /// Frames in the file.
    pub(super) sequence: u64,
    /// Hash of the last frame or header.
    pub(super) previous: Hash,
    /// Offset of the last frame, the header where there is none.
    pub(super) last_frame: u64,
    /// Bytes after `end` that are no frame, without the zeros at the end of the file.
    pub(super) torn: u64,
}

/// Segment files in the order they were written, read as far as they are whole.
pub(super) struct Loader {
    storage: Arc<dyn Storage>,
    write: bool,
    /// Compare every hash, not just those at the ends of segments.
    chain: bool,
    pub(super) tail: Option<Tail>,
    /// The last segment was created, but its header did not become durable.
    pub(super) unborn: Option<String>,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) recorded_at: Timestamp,
}

/// Why bytes are no next frame.
struct Bad {
    /// Where in them.
    at: usize,
    /// The first event that cannot be read.
    position: u64,
    fault: Fault,
}

/// The name of the segment that begins at a position.
pub(super) fn segment_name(base: u64) -> String {
    format!("segment-{base:020}.log")
}

pub(super) fn segment_base(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(".log")?;
    if digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        digits.parse().ok()
    } else {
        None
    }
}

impl Loader {
    pub(super) fn new(storage: Arc<dyn Storage>, write: bool, chain: bool) -> Self {
        Self {
            storage,
            write,
            chain,
            tail: None,
            unborn: None,
            frames: 0,
            bytes: 0,
            recorded_at: Timestamp::from_micros(i64::MIN),
        }
    }

    /// Reads on from where it is, to the last whole frame.
    pub(super) fn advance(&mut self, index: &mut Index) -> Result<(), OpenError> {
        let mut names: Vec<_> = self
            .storage
            .list()
            .map_err(|source| self.failed("list", "", source))?
            .into_iter()
            .filter_map(|name| Some((segment_base(&name)?, name)))
            .collect();
        names.sort_unstable();
        self.unborn = None;
        let known = self.tail.as_ref().map(|tail| tail.name.clone());
        if let Some(known) = known {
            let Some(place) = names.iter().position(|(_, name)| *name == known) else {
                return Err(self.corrupt(&known, 0, index.next, "segment file is gone"));
            };
            names.drain(..=place);
            self.go_on(index, names.is_empty())?;
        }
        let count = names.len();
        for (number, (base, name)) in names.into_iter().enumerate() {
            self.start(index, base, name, number + 1 == count)?;
        }
        Ok(())
    }

    /// Reads a segment from its header.
    fn start(
        &mut self,
        index: &mut Index,
        base: u64,
        name: String,
        last: bool,
    ) -> Result<(), OpenError> {
        let file = self
            .storage
            .open(&name, self.write && last)
            .map_err(|source| self.failed("open", &name, source))?;
        let mut bytes =
            read_to_end(&*file, 0).map_err(|source| self.failed("read", &name, source))?;
        let header = match SegmentHeader::decode(&bytes) {
            Ok(header) => header,
            Err(Fault::Version(version)) => return Err(self.newer(&name, version)),
            Err(Fault::Damaged(_))
                if last && base == index.next && frame::any_valid(&bytes, None).is_none() =>
            {
                self.unborn = Some(name);
                return Ok(());
            }
            Err(Fault::Damaged(what)) => return Err(self.corrupt(&name, 0, index.next, what)),
        };
        let previous = self.tail.as_ref().map_or([0; 32], |tail| tail.previous);
        if base != index.next || header.base != base {
            return Err(self.corrupt(
                &name,
                32,
                index.next,
                "a segment before this one is missing",
            ));
        }
        if header.previous != previous {
            return Err(self.corrupt(
                &name,
                48,
                index.next,
                "it does not follow the segment before",
            ));
        }
        let path = self.storage.path(&name).display().to_string();
        index.segments.push(Segment::new(path.clone(), Some(file.clone()), base));
        let head = bytes.get(..SEGMENT_HEADER).unwrap_or_default();
        self.bytes += SEGMENT_HEADER as u64;
        self.tail = Some(Tail {
            name,
            path,
            file,
            segment: header.segment,
            end: SEGMENT_HEADER as u64,
            sequence: 0,
            previous: frame::hash(head),
            last_frame: 0,
            torn: 0,
        });
        bytes.drain(..SEGMENT_HEADER.min(bytes.len()));
        self.take_in(index, bytes, last)
    }

    /// Reads on in a segment that was read before.
    fn go_on(&mut self, index: &mut Index, last: bool) -> Result<(), OpenError> {
        let bytes = self.rest()?;
        self.take_in(index, bytes, last)
    }

    /// What the last segment read from has after its last whole frame.
    fn rest(&self) -> Result<Vec<u8>, OpenError> {
        let Some(tail) = &self.tail else { return Ok(Vec::new()) };
        read_to_end(&*tail.file, tail.end).map_err(|source| self.failed("read", &tail.name, source))
    }

    /// Enters what stands in these bytes. A reader looks again where a frame is not whole but
    /// a later one is: its writer may have been at work between the reading of the two.
    fn take_in(
        &mut self,
        index: &mut Index,
        mut bytes: Vec<u8>,
        last: bool,
    ) -> Result<(), OpenError> {
        let mut looks = 1;
        loop {
            let end = |loader: &Self| loader.tail.as_ref().map_or(0, |tail| tail.end);
            let start = end(self);
            let found = self.walk(index, &bytes, last);
            let done = usize::try_from(end(self) - start).unwrap_or(usize::MAX);
            let half = frame::decode(bytes.get(done..).unwrap_or_default()).is_err();
            if !matches!(found, Err(OpenError::Corrupt(_)) if last && half && !self.write)
                || looks == LOOKS_MAX
            {
                return found;
            }
            looks += 1;
            bytes = self.rest()?;
        }
    }

    /// Enters frame after frame, and explains what follows the last one.
    fn walk(&mut self, index: &mut Index, mut bytes: &[u8], last: bool) -> Result<(), OpenError> {
        let Some(mut tail) = self.tail.take() else { return Ok(()) };
        let mut newest: &[u8] = &[];
        let found = loop {
            if bytes.is_empty() {
                break None;
            }
            match self.enter(index, &tail, bytes) {
                Ok(frame) => {
                    let (done, rest) = bytes.split_at(frame.len());
                    bytes = rest;
                    newest = done;
                    tail.last_frame = tail.end;
                    tail.end += done.len() as u64;
                    tail.sequence += 1;
                    if self.chain {
                        tail.previous = frame::hash(newest);
                    }
                }
                Err(bad) => break Some(bad),
            }
        };
        if !newest.is_empty() {
            tail.previous = frame::hash(newest);
        }
        tail.torn = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at as u64 + 1);
        let (name, end, segment) = (tail.name.clone(), tail.end, tail.segment);
        self.tail = Some(tail);
        match found {
            None => Ok(()),
            Some(Bad { fault: Fault::Version(version), .. }) => Err(self.newer(&name, version)),
            Some(Bad { fault: Fault::Damaged(_), .. })
                if last
                    && (frame::is_blank(bytes)
                        || frame::any_valid(bytes, Some(segment)).is_none()) =>
            {
                Ok(())
            }
            Some(Bad { at, position, fault: Fault::Damaged(what) }) => {
                Err(self.corrupt(&name, end + at as u64, position, what))
            }
        }
    }

    /// Enters the frame at the start of the bytes.
    fn enter<'a>(
        &mut self,
        index: &mut Index,
        tail: &Tail,
        bytes: &'a [u8],
    ) -> Result<&'a [u8], Bad> {
        let found = frame::decode(bytes).map_err(|fault| {
            let (at, position) = first_bad(bytes, index.next);
            Bad { at, position, fault }
        })?;
        let header = &found.header;
        let base = index.next;
        let wrong = |at, what| Err(Bad { at, position: base, fault: Fault::Damaged(what) });
        if header.segment != tail.segment {
            return wrong(8, "frame of another segment");
        }
        if header.base != index.next {
            return wrong(24, "frame has a wrong position");
        }
        if header.sequence != tail.sequence {
            return wrong(80, "frame is out of order");
        }
        if (self.chain || tail.sequence == 0) && header.previous != tail.previous {
            return wrong(40, "frame does not follow the one before");
        }
        index.begin_frame(header.base, header.recorded_at);
        let mut at = FRAME_HEADER;
        for _ in 0..header.count {
            let stamp = Stamp { position: index.next, recorded_at: header.recorded_at };
            let body = found.bytes.get(at..).unwrap_or_default();
            let entered = record::decode(body, stamp).and_then(|record| {
                enter_record(index, &record, tail.end + at as u64).map(|()| record.len)
            });
            match entered {
                Ok(len) => at += len,
                Err(what) => {
                    let fault = Fault::Damaged(what);
                    return Err(Bad { at, position: index.next, fault });
                }
            }
        }
        if !frame::is_blank(found.bytes.get(at..).unwrap_or_default()) {
            return wrong(at, "bytes after the last record");
        }
        self.frames += 1;
        self.bytes += found.bytes.len() as u64;
        self.recorded_at = self.recorded_at.max(header.recorded_at);
        Ok(found.bytes)
    }

    fn path(&self, name: &str) -> String {
        self.storage.path(name).display().to_string()
    }

    fn failed(&self, action: &'static str, name: &str, source: std::io::Error) -> OpenError {
        OpenError::Io { action, path: self.path(name), source }
    }

    fn newer(&self, name: &str, version: u16) -> OpenError {
        OpenError::Version { path: self.path(name), version, known: frame::FORMAT_VERSION }
    }

    fn corrupt(&self, name: &str, offset: u64, position: u64, what: &'static str) -> OpenError {
        OpenError::Corrupt(Damage { path: self.path(name), offset, position, what })
    }
}

fn enter_record(
    index: &mut Index,
    record: &RecordView<'_>,
    offset: u64,
) -> Result<(), &'static str> {
    let stream = record.tail.stream;
    index.enter(stream, hash::of_name(stream), record.revision, record.event_id, offset, record.len)
}

/// The first record of a damaged frame whose own checksum fails, where the records before it
/// are whole; else the frame's first byte and event.
pub(super) fn first_bad(bytes: &[u8], base: u64) -> (usize, u64) {
    let Some(claim) = frame::claim(bytes) else { return (0, base) };
    let end = FRAME_HEADER.saturating_add(claim.body).min(bytes.len());
    let (mut at, mut position) = (FRAME_HEADER, base);
    for _ in 0..claim.count {
        let body = bytes.get(at..end).unwrap_or_default();
        match record::decode(body, Stamp { position, recorded_at: claim.recorded_at }) {
            Ok(record) => {
                at += record.len;
                position += 1;
            }
            Err(_) if position > base && !frame::is_blank(body) => return (at, position),
            Err(_) => break,
        }
    }
    (0, base)
}
