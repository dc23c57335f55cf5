//! From files to an index: what opening, refreshing and verifying have in common.
//!
//! In: segment files as a crash, a bad disk or another process may have left them. Out: the
//! index and the place where the next frame goes, or the first byte that cannot be explained.
//! Invariant: what cannot be read is a torn tail only if it is in the last segment and no whole
//! frame of that segment follows it. Anything else is damage, and damage is never cut away.
//! Reading changes no file; `repair` does.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::damage::first_bad;
use super::frame::{self, FRAME_HEADER, Fault, Hash, SEGMENT_HEADER, SegmentHeader};
use super::index::{Index, Part};
use super::keeper;
pub use super::open_error::{Damage, OpenError};
use super::record::{self, RecordView, Stamp};
use super::rescan::from_hex;
use super::sealed::{SealedPart, SealedStore};
use super::segment_table::{SegmentFacts, load_facts};
use super::storage::{SegmentFile, Storage, read_full, read_to_end};
use super::stream_runs::{StreamKey, StreamRuns};
use crate::base::Timestamp;

/// How often a reader looks at a frame that a writer may be writing.
const LOOKS_MAX: u32 = 5;

/// Where the next frame goes.
#[derive(Clone)]
pub(super) struct Tail {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) segment: Uuid,
    /// Position of its first event.
    pub(super) base: u64,
    pub(super) header_hash: Hash,
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

/// How a log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To write to it: damage is not waited for.
    Write,
    /// Beside a process that writes.
    Read,
}

/// The parts of a log in the order they were written, read as far as they are whole.
pub(super) struct Loader {
    storage: Arc<dyn Storage>,
    purpose: Purpose,
    /// The folder of the index, where there is one.
    pub(super) caches: Option<Arc<dyn Storage>>,
    pub(super) runs: Option<StreamRuns>,
    /// What was sealed, and where its files are.
    pub(super) sealed: Option<SealedStore>,
    begun: bool,
    /// Hash of the last frame before the tail.
    previous: Hash,
    pub(super) tail: Option<Tail>,
    /// The last segment was created, but its header did not become durable.
    pub(super) unborn: Option<String>,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) recorded_at: Timestamp,
}

/// A segment file, and what its table says of it where that fits.
struct Found {
    base: u64,
    name: String,
    known: Option<(SegmentHeader, SegmentFacts)>,
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
    /// The folders of index and sealed parts are made where they are missing, but by a reader.
    pub(super) fn new(storage: Arc<dyn Storage>, purpose: Purpose) -> Self {
        let mut loader = Self {
            caches: None,
            runs: None,
            sealed: None,
            storage,
            purpose,
            begun: false,
            previous: [0; 32],
            tail: None,
            unborn: None,
            frames: 0,
            bytes: 0,
            recorded_at: Timestamp::from_micros(i64::MIN),
        };
        loader.find_folders();
        loader
    }

    /// Looks for the folders that are not known yet.
    pub(super) fn find_folders(&mut self) {
        let names = match self.purpose {
            Purpose::Write => Vec::new(),
            Purpose::Read => self.storage.list().unwrap_or_default(),
        };
        let folder = |name: &str| {
            let there = self.purpose == Purpose::Write || names.iter().any(|known| known == name);
            // The index is a cache: a log without one is slower, that is all.
            if there { self.storage.folder(name).ok() } else { None }
        };
        let caches = self.caches.take().or_else(|| folder("index"));
        let sealed = self.sealed.take().or_else(|| folder("sealed").map(SealedStore::new));
        (self.caches, self.sealed) = (caches, sealed);
    }

    /// Whether the file that is read from is one of these.
    pub(super) fn tail_is_among(&self, names: &[String]) -> bool {
        self.tail.as_ref().is_none_or(|tail| names.contains(&tail.name))
    }

    /// Where the part begins that is read from, and the hash of the frame before; `next` is the
    /// position of the next event.
    pub(super) fn link(&self, next: u64) -> (u64, Hash) {
        (self.tail.as_ref().map_or(next, |tail| tail.base), self.previous)
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
        if let Some(known) = self.tail.as_ref().map(|tail| tail.name.clone()) {
            let Some(place) = names.iter().position(|(_, name)| *name == known) else {
                return Err(self.corrupt(&known, 0, index.next, "segment file is gone"));
            };
            names.drain(..=place);
            self.go_on(index, names.is_empty())?;
        }
        let found = if self.begun {
            names.retain(|(base, _)| *base >= index.next);
            names.into_iter().map(|(base, name)| Found { base, name, known: None }).collect()
        } else {
            self.begun = true;
            self.begin(index, names)?
        };
        let count = found.len();
        for (number, found) in found.into_iter().enumerate() {
            let last = number + 1 == count;
            self.finish(index)?;
            let covered = self.runs.as_ref().map_or(0, StreamRuns::covered_until);
            match found.known {
                Some((header, facts)) if !last && facts.base + facts.count <= covered => {
                    self.follows(index, found.base, &found.name, &header)?;
                    self.take_over(index, found.name, facts);
                }
                _ => self.start(index, found.base, found.name, last)?,
            }
        }
        Ok(())
    }

    /// Takes in what is sealed, and opens the files of the index.
    fn begin(
        &mut self,
        index: &mut Index,
        names: Vec<(u64, String)>,
    ) -> Result<Vec<Found>, OpenError> {
        let records = match &self.sealed {
            Some(store) => store.records().map_err(OpenError::Sealed)?,
            None => Vec::new(),
        };
        let sealed_end = records.last().map_or(0, |record| record.end);
        let mut ends: HashMap<u64, Hash> = HashMap::new();
        let mut log = None;
        for segment in records.iter().flat_map(|record| &record.segments) {
            let header = from_hex(&segment.header);
            if log.is_none() {
                log = SegmentHeader::decode(&header).ok().map(|header| header.segment);
            }
            if let Some(hash) = from_hex(&segment.last_frame).first_chunk() {
                ends.insert(segment.end, *hash);
            }
        }
        // What was sealed and not removed yet is not needed any more.
        if self.purpose == Purpose::Write {
            for (_, name) in names.iter().filter(|(base, _)| *base < sealed_end) {
                drop(self.storage.remove(name));
            }
        }
        let mut found: Vec<_> = names
            .into_iter()
            .filter(|(base, _)| *base >= sealed_end)
            .map(|(base, name)| Found { base, name, known: None })
            .collect();
        let count = found.len();
        for one in found.iter_mut().take(count.saturating_sub(1)) {
            one.known = self.known(one.base, &one.name);
            if let Some((_, facts)) = &one.known {
                ends.insert(facts.base + facts.count, facts.last_hash);
            }
        }
        if log.is_none()
            && self.caches.is_some()
            && let Some(first) = found.first()
        {
            log = self.header(&first.name).map(|(header, ..)| header.segment);
        }
        if let (Some(caches), Some(log)) = (&self.caches, log) {
            let belongs = |end: u64, hash: &Hash| ends.get(&end) == Some(hash);
            if let Ok((runs, unusable)) = StreamRuns::open(caches.clone(), log, &belongs) {
                if self.purpose == Purpose::Write {
                    // What cannot be removed now can be the next time.
                    drop(runs.remove_unusable(&unusable));
                }
                index.covered_until(runs.covered_until());
                self.runs = Some(runs);
            }
        }
        for record in records {
            let Some(store) = self.sealed.clone() else { break };
            self.recorded_at =
                self.recorded_at.max(Timestamp::from_micros(record.last_recorded_at));
            let hash = ends.get(&record.end).copied().unwrap_or_default();
            self.frames += record.segments.iter().map(|segment| segment.frames).sum::<u64>();
            self.bytes += record.segments.iter().map(|segment| segment.bytes).sum::<u64>();
            let part = Arc::new(SealedPart::open(record, store));
            self.take_sealed(index, part, hash)?;
        }
        Ok(found)
    }

    fn take_sealed(
        &mut self,
        index: &mut Index,
        part: Arc<SealedPart>,
        hash: Hash,
    ) -> Result<(), OpenError> {
        if part.base() != index.next {
            let name = format!("sealed/{}", part.record().name());
            return Err(self.corrupt(&name, 0, index.next, "a part before this one is missing"));
        }
        let end = part.end();
        index.parts.push(Part::Sealed(part.clone()));
        if end > index.hot.next() {
            let mut wrong = None;
            part.keys(&mut |key| {
                let stream = StreamKey::of(key.stream.as_str());
                if let Err(what) = index.enter_sealed(stream, key.revision, key.event_id) {
                    wrong.get_or_insert((key.position, what));
                }
            })
            .map_err(OpenError::Sealed)?;
            if let Some((position, what)) = wrong {
                return Err(self.corrupt("sealed", 0, position, what));
            }
            index.seal_active();
        }
        index.skip_to(end);
        self.previous = hash;
        Ok(())
    }

    /// What the header of a segment file says, its hash, and how long the file is.
    fn header(&self, name: &str) -> Option<(SegmentHeader, Hash, u64)> {
        let file = self.storage.open(name, false).ok()?;
        let mut bytes = [0; SEGMENT_HEADER];
        read_full(&*file, &mut bytes, 0).ok()?;
        let header = SegmentHeader::decode(&bytes).ok()?;
        Some((header, frame::hash(&bytes), file.size().ok()?))
    }

    /// What the table of a finished segment says, if it is of this file.
    fn known(&self, base: u64, name: &str) -> Option<(SegmentHeader, SegmentFacts)> {
        let facts = load_facts(&**self.caches.as_ref()?, base).ok()?;
        let (header, hash, size) = self.header(name)?;
        let fits = facts.segment == header.segment
            && facts.header_hash == hash
            && facts.end == size
            && facts.base == header.base;
        fits.then_some((header, facts))
    }

    /// Whether a segment begins where the one before ends.
    fn follows(
        &self,
        index: &Index,
        base: u64,
        name: &str,
        header: &SegmentHeader,
    ) -> Result<(), OpenError> {
        if base != index.next || header.base != base {
            let what = "a segment before this one is missing";
            return Err(self.corrupt(name, 32, index.next, what));
        }
        if header.previous != self.previous {
            let what = "it does not follow the segment before";
            return Err(self.corrupt(name, 48, index.next, what));
        }
        Ok(())
    }

    /// Takes a finished segment as its table says.
    fn take_over(&mut self, index: &mut Index, name: String, facts: SegmentFacts) {
        let path = self.path(&name);
        index.begin(name, path);
        index.finish(facts);
        if let Some(raw) = index.raw_mut(facts.base) {
            raw.table = None;
        }
        index.skip_to(facts.base + facts.count);
        self.previous = facts.last_hash;
        self.recorded_at = self.recorded_at.max(facts.recorded_at);
        self.bytes += facts.end;
    }

    /// The segment read last is not the last one: says so in the index.
    fn finish(&mut self, index: &mut Index) -> Result<(), OpenError> {
        let Some(tail) = self.tail.take() else { return Ok(()) };
        self.previous = tail.previous;
        let facts = SegmentFacts {
            segment: tail.segment,
            base: tail.base,
            count: index.next - tail.base,
            end: tail.end,
            header_hash: tail.header_hash,
            last_hash: tail.previous,
            recorded_at: self.recorded_at,
        };
        index.finish(facts);
        let Some(caches) = &self.caches else { return Ok(()) };
        let stored = load_facts(&**caches, facts.base).is_ok_and(|stored| stored == facts);
        if stored && let Some(raw) = index.raw_mut(facts.base) {
            raw.table = None;
        }
        if self.purpose == Purpose::Write
            && let Some(runs) = &self.runs
            && index.hot.memory() > keeper::HOT_BYTES_MAX
        {
            // Where the disk refuses, it stays in memory.
            drop(keeper::cover_all(index, runs, &**caches));
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
            .open(&name, self.purpose == Purpose::Write && last)
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
        self.follows(index, base, &name, &header)?;
        let path = self.path(&name);
        index.begin(name.clone(), path.clone());
        let hash = frame::hash(bytes.get(..SEGMENT_HEADER).unwrap_or_default());
        self.bytes += SEGMENT_HEADER as u64;
        self.tail = Some(Tail {
            name,
            path,
            file,
            segment: header.segment,
            base,
            header_hash: hash,
            end: SEGMENT_HEADER as u64,
            sequence: 0,
            previous: hash,
            last_frame: 0,
            torn: 0,
        });
        bytes.drain(..SEGMENT_HEADER.min(bytes.len()));
        self.take_in(index, bytes, last)
    }

    /// Hash of the last frame, of the last header where there is none; zeros in an empty log.
    pub(super) fn last_hash(&self) -> Hash {
        self.tail.as_ref().map_or(self.previous, |tail| tail.previous)
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
            if !matches!(found, Err(OpenError::Corrupt(_)) if last && half && self.purpose != Purpose::Write)
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
        if tail.sequence == 0 && header.previous != tail.previous {
            return wrong(40, "frame does not follow the one before");
        }
        if let Err(what) = index.begin_frame(tail.end, header.recorded_at) {
            return wrong(0, what);
        }
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
    let key = StreamKey::of(record.tail.stream);
    index.enter(key, record.revision, record.event_id, offset, record.len)
}
