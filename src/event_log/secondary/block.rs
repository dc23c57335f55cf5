//! Which positions the system streams have in a stretch of the log: gathered in memory, then a
//! file that is made once.
//!
//! In: the events of a stretch, in the order of positions. Out: of a system stream the number of
//! its entries there, and their positions.
//! Invariants: an entry and a set of positions are used only if their checksums hold; a block
//! ends where a segment ends, and names the hash of the frame that ends there.
//! Deliberately absent: names. A system stream is known by its key, as any stream in the index.
//! Memory: gathered, about 2 bytes a position and 130 a system stream; of a file, nothing but
//! where it begins and ends. The bytes stand in `docs/log-format.md`.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::names::{self, NameKey};
use crate::event::Recorded;
use crate::event_log::cache_file::{CacheFile, IndexError, array_at, read_exactly};
use crate::event_log::frame::Hash;
use crate::event_log::storage::{SegmentFile, Storage};

const MAGIC: &[u8; 8] = b"LGSECIDX";
const VERSION: u16 = 1;
const HEADER: usize = 96;
/// Bytes of a system stream in the directory.
const ENTRY: usize = 40;

/// What is in memory of the stretch that no file has.
#[derive(Debug)]
pub(super) struct Gathered {
    /// Position of its first event.
    start: u64,
    /// The position after its last event.
    next: u64,
    /// Positions counted from the start.
    sets: BTreeMap<NameKey, RoaringBitmap>,
}

impl Gathered {
    /// A stretch without events.
    pub(super) fn new(start: u64) -> Self {
        Self { start, next: start, sets: BTreeMap::new() }
    }

    /// Position of its first event.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The position after its last event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Enters the next event.
    ///
    /// # Panics
    /// At 2^32 events, which no segment holds.
    pub(super) fn enter(&mut self, event: &Recorded) {
        let offset = u32::try_from(self.next - self.start);
        let Ok(offset) = offset else { unreachable!("a block ends with a segment") };
        names::of(event, &mut |name| {
            self.sets.entry(NameKey::of(name)).or_default().insert(offset);
        });
        self.next += 1;
    }

    /// Entries of a system stream.
    pub(super) fn count(&self, key: NameKey) -> u64 {
        self.sets.get(&key).map_or(0, RoaringBitmap::len)
    }

    /// The positions of entries, counted within this stretch.
    pub(super) fn positions(&self, key: NameKey, entries: Range<u64>, out: &mut Vec<u64>) {
        if let Some(set) = self.sets.get(&key) {
            take(set, self.start, entries, out);
        }
    }

    /// The bytes of the file. `last` is the hash of the frame that ends at [`Self::next`].
    pub(super) fn encode(&mut self, last: &Hash) -> io::Result<Vec<u8>> {
        let names = self.sets.len();
        let mut sets = Vec::new();
        let mut bytes = vec![0; HEADER];
        let first = (HEADER + names * ENTRY) as u64;
        for (key, set) in &mut self.sets {
            set.optimize();
            let at = sets.len();
            set.serialize_into(&mut sets)?;
            let set_bytes = sets.get(at..).unwrap_or_default();
            let entry = Entry {
                offset: first + at as u64,
                len: u32::try_from(set_bytes.len()).map_err(io::Error::other)?,
                count: u32::try_from(set.len()).map_err(io::Error::other)?,
                crc: crc32c::crc32c(set_bytes),
            };
            bytes.extend_from_slice(&entry.encode(*key));
        }
        bytes.append(&mut sets);
        let header = Header {
            start: self.start,
            end: self.next,
            last: *last,
            names: names as u64,
            len: bytes.len() as u64,
        };
        if let Some(place) = bytes.get_mut(..HEADER) {
            place.copy_from_slice(&header.encode());
        }
        Ok(bytes)
    }
}

/// Adds the positions of some members of a set.
fn take(set: &RoaringBitmap, start: u64, entries: Range<u64>, out: &mut Vec<u64>) {
    let count = usize::try_from(entries.end.saturating_sub(entries.start)).unwrap_or(usize::MAX);
    let first = u32::try_from(entries.start).ok().and_then(|first| set.select(first));
    if let Some(first) = first.filter(|_| count > 0) {
        out.extend(set.range(first..).take(count).map(|offset| start + u64::from(offset)));
    }
}

/// The name of the file of a stretch.
fn block_name(start: u64, end: u64) -> String {
    format!("secondary-{start:020}-{end:020}.idx")
}

/// The stretch that a file is of.
pub(super) fn block_stretch(name: &str) -> Option<Range<u64>> {
    let (start, end) = name.strip_prefix("secondary-")?.strip_suffix(".idx")?.split_once('-')?;
    let range = start.parse().ok()?..end.parse().ok()?;
    (block_name(range.start, range.end) == name && !range.is_empty()).then_some(range)
}

/// Removes the file of a stretch. One that cannot be removed now is found again the next time.
pub(super) fn remove(storage: &dyn Storage, stretch: &Range<u64>) {
    drop(storage.remove(&block_name(stretch.start, stretch.end)));
}

/// Where the bytes of a block are.
#[derive(Clone)]
enum Place {
    File(Arc<dyn Storage>),
    /// Where no file can be made, or the one that was made cannot be believed.
    Memory(Arc<Vec<u8>>),
}

/// A stretch of the log that is not gathered any more.
#[derive(Clone)]
pub(super) struct Block {
    start: u64,
    end: u64,
    /// System streams in its directory.
    names: u64,
    place: Place,
}

impl Block {
    /// Makes a file of what was gathered.
    ///
    /// # Errors
    /// What the disk refuses.
    pub(super) fn write(storage: &Arc<dyn Storage>, bytes: &[u8]) -> Result<Self, IndexError> {
        let path = || storage.path("secondary").display().to_string();
        let header =
            Header::decode(bytes).map_err(|what| IndexError::Damaged { path: path(), what })?;
        let name = block_name(header.start, header.end);
        let mut file = CacheFile::create(&**storage, name, HEADER)?;
        let (first, rest) = bytes.split_at_checked(HEADER).unwrap_or_default();
        file.put(rest)?;
        file.publish(first)?;
        Ok(Self::new(&header, Place::File(storage.clone())))
    }

    /// Keeps what was gathered in memory, in the form of a file.
    pub(super) fn held(bytes: Vec<u8>) -> Option<Self> {
        let header = Header::decode(&bytes).ok()?;
        Some(Self::new(&header, Place::Memory(Arc::new(bytes))))
    }

    /// Opens a file, and gives the hash of the frame that ends where it ends.
    ///
    /// # Errors
    /// Where it cannot be read or fails a check.
    pub(super) fn open(
        storage: &Arc<dyn Storage>,
        stretch: &Range<u64>,
    ) -> Result<(Self, Hash), IndexError> {
        let (path, file) = open(&**storage, stretch)?;
        let bytes = read_exactly(&*file, &path, HEADER, 0)?;
        let size = file.size().map_err(|source| IndexError::Read { path: path.clone(), source })?;
        let header = Header::decode(&bytes);
        let header = header.map_err(|what| IndexError::Damaged { path: path.clone(), what })?;
        if header.start != stretch.start || header.end != stretch.end || header.len != size {
            return Err(IndexError::Damaged { path, what: "it has a wrong length or position" });
        }
        Ok((Self::new(&header, Place::File(storage.clone())), header.last))
    }

    fn new(header: &Header, place: Place) -> Self {
        Self { start: header.start, end: header.end, names: header.names, place }
    }

    /// Removes the file, if it is one.
    pub(super) fn remove(&self) {
        if let Place::File(storage) = &self.place {
            remove(&**storage, &(self.start..self.end));
        }
    }

    /// Whether no file is read for it.
    #[cfg(test)]
    pub(super) fn is_held(&self) -> bool {
        matches!(self.place, Place::Memory(_))
    }

    /// Position of its first event.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The position after its last event.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Entries of a system stream.
    ///
    /// # Errors
    /// Where the file cannot be read or fails a check.
    pub(super) fn count(&self, key: NameKey) -> Result<u64, IndexError> {
        let found = self.bytes()?.find(self.names, key)?;
        Ok(found.map_or(0, |entry| u64::from(entry.count)))
    }

    /// Adds the positions of entries, counted within this block.
    ///
    /// # Errors
    /// Where the file cannot be read or fails a check.
    pub(super) fn positions(
        &self,
        key: NameKey,
        entries: Range<u64>,
        out: &mut Vec<u64>,
    ) -> Result<(), IndexError> {
        let bytes = self.bytes()?;
        let Some(entry) = bytes.find(self.names, key)? else { return Ok(()) };
        let set = bytes.read(entry.len as usize, entry.offset)?;
        if crc32c::crc32c(&set) != entry.crc {
            return Err(bytes.damaged("checksum of a set of positions"));
        }
        let set = RoaringBitmap::deserialize_from(&*set)
            .map_err(|_| bytes.damaged("a set of positions does not decode"))?;
        if set.len() != u64::from(entry.count) {
            return Err(bytes.damaged("a set of positions has another size"));
        }
        take(&set, self.start, entries, out);
        Ok(())
    }

    fn bytes(&self) -> Result<Bytes<'_>, IndexError> {
        Ok(match &self.place {
            Place::File(storage) => {
                let (path, file) = open(&**storage, &(self.start..self.end))?;
                Bytes::File(path, file)
            }
            Place::Memory(bytes) => Bytes::Memory(bytes),
        })
    }
}

type Opened = (String, Arc<dyn SegmentFile>);

fn open(storage: &dyn Storage, stretch: &Range<u64>) -> Result<Opened, IndexError> {
    let name = block_name(stretch.start, stretch.end);
    let path = storage.path(&name).display().to_string();
    match storage.open(&name, false) {
        Ok(file) => Ok((path, file)),
        Err(source) => Err(IndexError::Read { path, source }),
    }
}

/// The bytes of a block, to be read from.
enum Bytes<'a> {
    File(String, Arc<dyn SegmentFile>),
    Memory(&'a [u8]),
}

impl Bytes<'_> {
    fn read(&self, len: usize, offset: u64) -> Result<Vec<u8>, IndexError> {
        match self {
            Self::File(path, file) => read_exactly(&**file, path, len, offset),
            Self::Memory(bytes) => {
                let at = usize::try_from(offset).unwrap_or(usize::MAX);
                let found = bytes.get(at..).and_then(|rest| rest.get(..len));
                found.map(<[u8]>::to_vec).ok_or_else(|| self.damaged("it is cut short"))
            }
        }
    }

    fn damaged(&self, what: &'static str) -> IndexError {
        let path = match self {
            Self::File(path, _) => path.clone(),
            Self::Memory(_) => "the secondary index in memory".to_owned(),
        };
        IndexError::Damaged { path, what }
    }

    /// What the directory, in the order of keys, says of a system stream.
    fn find(&self, names: u64, key: NameKey) -> Result<Option<Entry>, IndexError> {
        let (mut first, mut last) = (0, names);
        while first < last {
            let middle = first + (last - first) / 2;
            let bytes = self.read(ENTRY, HEADER as u64 + middle * ENTRY as u64)?;
            let (found, entry) =
                Entry::decode(&bytes).ok_or_else(|| self.damaged("checksum of the directory"))?;
            match found.cmp(&key) {
                std::cmp::Ordering::Equal => return Ok(Some(entry)),
                std::cmp::Ordering::Less => first = middle + 1,
                std::cmp::Ordering::Greater => last = middle,
            }
        }
        Ok(None)
    }
}

/// A system stream in the directory of a block.
struct Entry {
    /// Where its set of positions is.
    offset: u64,
    len: u32,
    /// Entries in it.
    count: u32,
    /// Of the set.
    crc: u32,
}

impl Entry {
    fn encode(&self, key: NameKey) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENTRY);
        bytes.extend_from_slice(&key.0);
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.crc.to_le_bytes());
        let own = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&own.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(NameKey, Self)> {
        let (checked, crc) = bytes.split_at_checked(ENTRY - 4)?;
        if crc != crc32c::crc32c(checked).to_le_bytes() {
            return None;
        }
        let number = |at| Some(u32::from_le_bytes(array_at(bytes, at)?));
        let entry = Self {
            offset: u64::from_le_bytes(array_at(bytes, 16)?),
            len: number(24)?,
            count: number(28)?,
            crc: number(32)?,
        };
        Some((NameKey(array_at(bytes, 0)?), entry))
    }
}

struct Header {
    start: u64,
    end: u64,
    last: Hash,
    names: u64,
    /// Of the file.
    len: u64,
}

impl Header {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 2]);
        bytes.extend_from_slice(&(HEADER as u32).to_le_bytes());
        bytes.extend_from_slice(&self.start.to_le_bytes());
        bytes.extend_from_slice(&self.end.to_le_bytes());
        bytes.extend_from_slice(&self.last);
        bytes.extend_from_slice(&self.names.to_le_bytes());
        bytes.extend_from_slice(&self.len.to_le_bytes());
        bytes.resize(HEADER - 4, 0);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        array_at(&bytes, 0).unwrap_or([0; HEADER])
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
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
        Ok(Self {
            start: number(16),
            end: number(24),
            last: array_at(header, 32).unwrap_or_default(),
            names: number(64),
            len: number(72),
        })
    }
}
