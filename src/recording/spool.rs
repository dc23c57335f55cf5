//! The spool: where chunks of all recordings go first, one behind the other.
//!
//! In: headers and sealed chunks. Out: the same, also after a crash. One file is written at a
//! time, and one sync makes durable what all calls gave since the last one. A file goes once none
//! of its recordings is needed any more.
//! Invariants: what was synced is found again; a file is only ever appended to by the process that
//! made it; a torn tail is left out when it is read; a write that fails leaves the file as it was.
//! Format: entries of kind (1 byte), recording id (16), length of the body (4), the body, CRC32C
//! (4); numbers are little endian. Kinds: 1 header, 2 chunk, 3 not needed any more, 0 nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use super::header::Header;
use super::seal::Chunk;
use crate::base::RecordingId;

/// A file is finished once it is longer. Units: bytes.
const FILE_BYTES: u64 = 64 << 20;
/// Kind, id and length.
const HEAD: usize = 21;
/// The checksum.
const SUM: usize = 4;
/// What is written to see whether the disk takes anything.
const PROBE: [u8; 4_096] = [0; 4_096];

const NOTHING: u8 = 0;
const BEGIN: u8 = 1;
const CHUNK: u8 = 2;
const DONE: u8 = 3;

/// The spool cannot take or give something.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It is as long as it may be.
    #[error("spool {bytes} bytes more: it has {held} of {limit} bytes that wait to be stored")]
    Full {
        /// What was to be written.
        bytes: u64,
        /// What is there.
        held: u64,
        /// What may be there.
        limit: u64,
    },
    /// The disk says no.
    #[error("use spool file {path}: {source}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl SpoolError {
    /// The reason as facts have it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Full { .. } => "disk_full",
            Self::Disk { source, .. } if source.kind() == io::ErrorKind::StorageFull => "disk_full",
            Self::Disk { .. } => "disk_failed",
        }
    }
}

/// Where something lies.
#[derive(Clone, Debug)]
struct Place {
    file: Arc<File>,
    offset: u64,
    bytes: usize,
}

impl Place {
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes];
        self.file.read_exact_at(&mut bytes, self.offset)?;
        Ok(bytes)
    }
}

/// A recording in the spool.
#[derive(Clone, Debug)]
pub(super) struct Spooled {
    /// Its beginning.
    pub(super) header: Header,
    places: Vec<Place>,
    /// Chunks it has.
    pub(super) chunks: u32,
    /// How long they are. Units: ms.
    pub(super) millis: u64,
    /// Whether the last one is there.
    pub(super) is_ended: bool,
}

impl Spooled {
    /// The object it makes.
    pub(super) fn object(&self) -> io::Result<Vec<u8>> {
        let mut bytes = self.header.encode().to_vec();
        for place in &self.places {
            bytes.extend(place.read()?);
        }
        Ok(bytes)
    }
}

/// One file of the spool.
#[derive(Debug, Default)]
struct Segment {
    bytes: u64,
    /// Recordings with something in it.
    needed: BTreeSet<RecordingId>,
}

/// An entry that waits for the next sync.
struct Pending {
    recording_id: RecordingId,
    /// Where its body begins in what waits, and its length.
    body: (usize, usize),
    what: What,
}

enum What {
    Begin(Header),
    Chunk { number: u32, millis: u64, is_last: bool },
    Done,
}

impl What {
    fn of(chunk: &Chunk) -> Self {
        let (number, millis, is_last) = (chunk.number, chunk.millis(), chunk.is_last());
        Self::Chunk { number, millis, is_last }
    }
}

/// The spool of one process.
pub struct Spool {
    folder: PathBuf,
    limit: u64,
    segments: BTreeMap<u64, Segment>,
    /// The number of the newest file there ever was.
    last: u64,
    current: Option<(u64, Arc<File>)>,
    waiting: Vec<u8>,
    pending: Vec<Pending>,
    recordings: BTreeMap<RecordingId, Spooled>,
    torn_bytes: u64,
}

impl Spool {
    /// Opens a folder, making it where it is missing, and reads what an earlier process left.
    /// `limit` is how much may wait there. Units: bytes.
    ///
    /// # Errors
    /// [`SpoolError::Disk`], with the path.
    pub fn open(folder: &Path, limit: u64) -> Result<Self, SpoolError> {
        let failed = |source| SpoolError::Disk { path: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut spool = Self {
            folder: folder.to_owned(),
            limit,
            segments: BTreeMap::new(),
            last: 0,
            current: None,
            waiting: Vec::new(),
            pending: Vec::new(),
            recordings: BTreeMap::new(),
            torn_bytes: 0,
        };
        let mut numbers = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".spool"));
            numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        numbers.sort_unstable();
        spool.last = numbers.last().copied().unwrap_or(0);
        for number in numbers {
            let path = spool.path(number);
            spool.read(number).map_err(|source| SpoolError::Disk { path, source })?;
        }
        spool.forget_finished();
        Ok(spool)
    }

    /// Recordings that are there, in the order of their ids.
    pub(super) fn recordings(&self) -> impl Iterator<Item = &Spooled> {
        self.recordings.values()
    }

    /// One of them.
    pub(super) fn recording(&self, id: RecordingId) -> Option<&Spooled> {
        self.recordings.get(&id)
    }

    /// Bytes of unfinished writes that were left out when it was opened.
    pub const fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// A recording begins. Durable with the next sync, as everything.
    pub(super) fn begin(&mut self, header: &Header) {
        self.add(BEGIN, header.recording_id, &header.encode(), What::Begin(*header));
    }

    /// Its next chunk.
    pub(super) fn chunk(&mut self, id: RecordingId, chunk: &Chunk) {
        self.add(CHUNK, id, &chunk.encode(), What::of(chunk));
    }

    /// It is not needed any more.
    pub(super) fn done(&mut self, id: RecordingId) {
        if self.recordings.contains_key(&id) {
            self.add(DONE, id, &[], What::Done);
        }
    }

    fn add(&mut self, kind: u8, id: RecordingId, body: &[u8], what: What) {
        let start = self.waiting.len();
        put_entry(&mut self.waiting, kind, id, body);
        self.pending.push(Pending { recording_id: id, body: (start + HEAD, body.len()), what });
    }

    /// Makes durable what was added. Where that fails, what was added is forgotten.
    ///
    /// # Errors
    /// [`SpoolError`]; the spool is as it was before.
    pub fn sync(&mut self) -> Result<(), SpoolError> {
        let bytes = std::mem::take(&mut self.waiting);
        let pending = std::mem::take(&mut self.pending);
        if bytes.is_empty() {
            return Ok(());
        }
        // What frees room must not need any.
        let is_new_sound = pending.iter().any(|entry| !matches!(entry.what, What::Done));
        let (number, file, offset) = self.write(&bytes, is_new_sound)?;
        for entry in pending {
            let (start, length) = entry.body;
            let place = Place { file: file.clone(), offset: offset + start as u64, bytes: length };
            self.take_in(number, entry.recording_id, entry.what, place);
        }
        self.forget_finished();
        Ok(())
    }

    /// Sees whether the disk takes anything again.
    ///
    /// # Errors
    /// [`SpoolError`]: not yet.
    pub(super) fn probe(&mut self) -> Result<(), SpoolError> {
        let mut bytes = Vec::with_capacity(HEAD + PROBE.len() + SUM);
        put_entry(&mut bytes, NOTHING, RecordingId(Uuid::nil()), &PROBE);
        self.write(&bytes, true).map(drop)
    }

    /// Appends and syncs. Gives the file and where in it the bytes begin.
    fn write(
        &mut self,
        bytes: &[u8],
        is_limited: bool,
    ) -> Result<(u64, Arc<File>, u64), SpoolError> {
        let held: u64 = self.segments.values().map(|segment| segment.bytes).sum();
        let added = bytes.len() as u64;
        if is_limited && held + added > self.limit {
            return Err(SpoolError::Full { bytes: added, held, limit: self.limit });
        }
        let (number, file) = self.current()?;
        let path = self.path(number);
        let segment = self.segments.entry(number).or_default();
        let offset = segment.bytes;
        let written = (&*file).write_all(bytes).and_then(|()| file.sync_data());
        if let Err(source) = written {
            // The file is not used any more, whatever state it is in; its tail is torn.
            drop(file.set_len(offset));
            self.current = None;
            return Err(SpoolError::Disk { path, source });
        }
        segment.bytes = offset + added;
        Ok((number, file, offset))
    }

    /// The file that is written, a new one where it is long enough.
    fn current(&mut self) -> Result<(u64, Arc<File>), SpoolError> {
        if let Some((number, file)) = &self.current
            && self.segments.get(number).is_some_and(|segment| segment.bytes < FILE_BYTES)
        {
            return Ok((*number, file.clone()));
        }
        self.last += 1;
        let number = self.last;
        let path = self.path(number);
        let failed = |source| SpoolError::Disk { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create_new(true).mode(0o600);
        let file = Arc::new(options.open(&path).map_err(failed)?);
        File::open(&self.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        self.segments.insert(number, Segment::default());
        self.current = Some((number, file.clone()));
        Ok((number, file))
    }

    fn read(&mut self, number: u64) -> io::Result<()> {
        let path = self.path(number);
        let bytes = std::fs::read(&path)?;
        let file = Arc::new(File::open(&path)?);
        let mut offset = 0;
        self.segments.insert(number, Segment { bytes: bytes.len() as u64, ..Segment::default() });
        while let Some((kind, id, body)) = read_entry(bytes.get(offset..).unwrap_or_default()) {
            let what = match kind {
                BEGIN => Header::decode(body).map(What::Begin),
                CHUNK => Chunk::decode(body).map(|(chunk, _)| What::of(&chunk)),
                DONE => Some(What::Done),
                _ => None,
            };
            let start = (offset + HEAD) as u64;
            let place = Place { file: file.clone(), offset: start, bytes: body.len() };
            if let Some(what) = what {
                self.take_in(number, id, what, place);
            }
            offset += HEAD + body.len() + SUM;
        }
        self.torn_bytes += (bytes.len() - offset) as u64;
        Ok(())
    }

    fn take_in(&mut self, number: u64, id: RecordingId, what: What, place: Place) {
        match what {
            What::Begin(header) => {
                let (places, chunks, millis, is_ended) = (Vec::new(), 0, 0, false);
                let spooled = Spooled { header, places, chunks, millis, is_ended };
                self.recordings.insert(id, spooled);
            }
            What::Chunk { number, millis, is_last } => {
                let Some(spooled) = self.recordings.get_mut(&id) else { return };
                // One whose sync failed may be there nevertheless, and be followed by its end.
                if number != spooled.chunks || spooled.is_ended {
                    return;
                }
                spooled.places.push(place);
                spooled.chunks += 1;
                spooled.millis += millis;
                spooled.is_ended |= is_last;
            }
            What::Done => {
                self.recordings.remove(&id);
                for segment in self.segments.values_mut() {
                    segment.needed.remove(&id);
                }
                return;
            }
        }
        self.segments.entry(number).or_default().needed.insert(id);
    }

    /// Removes files that nothing needs. Oldest first, and not beyond one that is needed: what
    /// says that a recording is done lies behind its chunks.
    fn forget_finished(&mut self) {
        while let Some((number, segment)) = self.segments.first_key_value() {
            if !segment.needed.is_empty() {
                return;
            }
            let number = *number;
            if self.current.as_ref().is_some_and(|(current, _)| *current == number) {
                self.current = None;
            }
            // One that stays is read again at the next start, and found to be of no use.
            drop(std::fs::remove_file(self.path(number)));
            self.segments.remove(&number);
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:010}.spool"))
    }
}

fn put_entry(to: &mut Vec<u8>, kind: u8, id: RecordingId, body: &[u8]) {
    let start = to.len();
    to.push(kind);
    to.extend(id.0.as_bytes());
    to.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    to.extend(body);
    let sum = crc32c::crc32c(to.get(start..).unwrap_or_default());
    to.extend(sum.to_le_bytes());
}

/// The first entry of some bytes: kind, recording, body; nothing where it is not whole.
fn read_entry(bytes: &[u8]) -> Option<(u8, RecordingId, &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (id, rest) = rest.split_first_chunk::<16>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (body, rest) = rest.split_at_checked(length)?;
    let (sum, _) = rest.split_first_chunk::<SUM>()?;
    if crc32c::crc32c(bytes.get(..HEAD + length)?) != u32::from_le_bytes(*sum) {
        return None;
    }
    Some((*kind, RecordingId(Uuid::from_bytes(*id)), body))
}
