//! One run as it is read: a header and the fence in memory, the rest by `pread`.
//!
//! Invariant: nothing read from the file is used before its checksum was compared, and a
//! checksum covers the place it was written for, so that a block cannot pass for another one.

use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use super::StreamKey;
use super::fence::{BLOCK_KEYS, BlockPlace, FENCE, Fence};
use crate::event_log::cache_file::{IndexError, array_at, read_exactly, take_varint};
use crate::event_log::frame::Hash;
use crate::event_log::storage::{SegmentFile, Storage};

/// Bytes before the first block.
pub(super) const HEADER: usize = 128;
/// Positions that stand in the block itself; a stream with more has chunks.
pub(super) const INLINE_MAX: usize = 64;
/// Positions of one chunk, the last of a stream excepted.
pub(super) const CHUNK: usize = 1_024;
/// Bytes of a chunk in the list of chunks: offset, length, checksum.
pub(super) const CHUNK_PLACE: usize = 16;
/// No varint is longer.
const VARINT_MAX: usize = 10;
/// Bytes of a block are fewer than this: its length fields have 16 bits.
const BLOCK_MAX: u32 = 1 << 16;
const MAGIC: &[u8; 8] = b"LGSTRRUN";
const VERSION: u16 = 1;

/// Which positions a run covers, and of which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::event_log) struct Identity {
    /// 0 for a segment, one more for each merge.
    pub(in crate::event_log) level: u16,
    /// The log.
    pub(in crate::event_log) log: Uuid,
    /// The first position.
    pub(in crate::event_log) start: u64,
    /// The position after the last one.
    pub(in crate::event_log) end: u64,
    /// BLAKE3 of the last frame of it, which stands for all events up to there.
    pub(in crate::event_log) last_frame: Hash,
}

/// Where the fence is, and how much there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) fence: u64,
    pub(super) blocks: u32,
    pub(super) keys: u64,
    /// Of the fence.
    pub(super) crc: u32,
}

/// What a run says of one stream.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    key: u128,
    pub(super) first_revision: u64,
    pub(super) count: u64,
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "only a check of the whole file compares it")
    )]
    pub(super) first: u64,
    pub(super) last: u64,
    spot: Spot,
}

#[derive(Clone, Debug)]
enum Spot {
    /// All of them.
    Here(Vec<u64>),
    /// Where the list of chunks is.
    Chunks(u64),
}

/// A block of keys, its checksum already compared.
pub(super) struct Block {
    bytes: Vec<u8>,
    count: usize,
}

pub(in crate::event_log) struct Run {
    identity: Identity,
    path: String,
    file: Arc<dyn SegmentFile>,
    extent: Extent,
    seed: u32,
    fence: Fence,
}

/// The name of the file that covers positions from `start` to before `end`.
pub(super) fn run_name(start: u64, end: u64) -> String {
    format!("streams-{start:020}-{end:020}.idx")
}

/// What a file covers, by its name; nothing where it is no run.
pub(super) fn run_stretch(name: &str) -> Option<(u64, u64)> {
    let (start, end) = name.strip_prefix("streams-")?.strip_suffix(".idx")?.split_once('-')?;
    let stretch = (start.parse().ok()?, end.parse().ok()?);
    (run_name(stretch.0, stretch.1) == name && stretch.0 < stretch.1).then_some(stretch)
}

impl Identity {
    pub(super) fn name(&self) -> String {
        run_name(self.start, self.end)
    }

    /// What every checksum of the run begins with.
    pub(super) fn seed(&self) -> u32 {
        let log = crc32c::crc32c(self.log.as_bytes());
        let start = crc32c::crc32c_append(log, &self.start.to_le_bytes());
        crc32c::crc32c_append(start, &self.end.to_le_bytes())
    }

    /// The header of a run.
    pub(super) fn encode(&self, extent: &Extent) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.level.to_le_bytes());
        bytes.extend_from_slice(&(HEADER as u32).to_le_bytes());
        bytes.extend_from_slice(self.log.as_bytes());
        bytes.extend_from_slice(&self.start.to_le_bytes());
        bytes.extend_from_slice(&self.end.to_le_bytes());
        bytes.extend_from_slice(&self.last_frame);
        bytes.extend_from_slice(&extent.keys.to_le_bytes());
        bytes.extend_from_slice(&extent.fence.to_le_bytes());
        bytes.extend_from_slice(&extent.blocks.to_le_bytes());
        bytes.extend_from_slice(&extent.crc.to_le_bytes());
        bytes.resize(HEADER - 4, 0);
        let own = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&own.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<(Self, Extent), &'static str> {
        let (header, _) = bytes.split_first_chunk::<HEADER>().ok_or("it is cut short")?;
        if !header.starts_with(MAGIC) {
            return Err("it has a wrong magic");
        }
        let (checked, crc) = header.split_at(HEADER - 4);
        if crc != crc32c::crc32c(checked).to_le_bytes() {
            return Err("checksum of the header");
        }
        let short = |at| u16::from_le_bytes(array_at(header, at).unwrap_or_default());
        let number = |at| u32::from_le_bytes(array_at(header, at).unwrap_or_default());
        let long = |at| u64::from_le_bytes(array_at(header, at).unwrap_or_default());
        if short(8) != VERSION {
            return Err("it has another version");
        }
        let identity = Self {
            level: short(10),
            log: Uuid::from_bytes(array_at(header, 16).unwrap_or_default()),
            start: long(32),
            end: long(40),
            last_frame: array_at(header, 48).unwrap_or_default(),
        };
        let extent =
            Extent { keys: long(80), fence: long(88), blocks: number(96), crc: number(100) };
        Ok((identity, extent))
    }
}

/// The checksum of what stands at an offset.
pub(super) fn checksum(seed: u32, offset: u64, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &offset.to_le_bytes()), bytes)
}

impl Entry {
    /// The revision after the last one here.
    pub(super) fn next_revision(&self) -> u64 {
        self.first_revision.saturating_add(self.count)
    }
}

/// Reads positions: the first counted from `start`, each other from the one before.
fn take_positions(
    bytes: &mut &[u8],
    count: u64,
    identity: &Identity,
    out: &mut Vec<u64>,
) -> Option<()> {
    let mut last = None;
    for _ in 0..count {
        let step = take_varint(bytes)?;
        let position = last.unwrap_or(identity.start).checked_add(step)?;
        if position >= identity.end || (last.is_some() && step == 0) {
            return None;
        }
        out.push(position);
        last = Some(position);
    }
    Some(())
}

impl Block {
    /// Keys in it.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Its key of a number.
    pub(super) fn key(&self, number: usize) -> Option<u128> {
        (number < self.count).then_some(())?;
        array_at(&self.bytes, 2 + number * 16).map(u128::from_be_bytes)
    }

    /// What is said of the key of a number.
    pub(super) fn entry(&self, number: usize, identity: &Identity) -> Option<Entry> {
        let ends = 2 + self.count * 16;
        let bodies = ends + self.count * 2;
        let end_of = |number: usize| {
            array_at(&self.bytes, ends + number * 2)
                .map(|end| bodies + usize::from(u16::from_le_bytes(end)))
        };
        let start = number.checked_sub(1).map_or(Some(bodies), end_of)?;
        let mut body = self.bytes.get(start..end_of(number)?)?;
        let first_revision = take_varint(&mut body)?;
        let count = take_varint(&mut body)?;
        first_revision.checked_add(count)?;
        let key = self.key(number)?;
        if count > identity.end - identity.start {
            return None;
        }
        let entry = if count <= INLINE_MAX as u64 {
            let mut positions = Vec::with_capacity(INLINE_MAX);
            take_positions(&mut body, count, identity, &mut positions)?;
            let (first, last) = (*positions.first()?, *positions.last()?);
            Entry { key, first_revision, count, first, last, spot: Spot::Here(positions) }
        } else {
            let mut ends = Vec::with_capacity(2);
            take_positions(&mut body, 2, identity, &mut ends)?;
            let spot = Spot::Chunks(take_varint(&mut body)?);
            let (first, last) = (*ends.first()?, *ends.last()?);
            Entry { key, first_revision, count, first, last, spot }
        };
        body.is_empty().then_some(entry)
    }
}

impl Run {
    /// Opens a file: compares header and fence, and keeps the fence.
    ///
    /// # Errors
    /// Where it cannot be read, or is not a whole run of this log.
    pub(super) fn open(storage: &dyn Storage, name: &str, log: Uuid) -> Result<Self, IndexError> {
        let path = storage.path(name).display().to_string();
        let damaged = |what| IndexError::Damaged { path: path.clone(), what };
        let failed = |source| IndexError::Read { path: path.clone(), source };
        let file = storage.open(name, false).map_err(failed)?;
        let bytes = read_exactly(&*file, &path, HEADER, 0)?;
        let (identity, extent) = Identity::decode(&bytes).map_err(damaged)?;
        if identity.log != log {
            return Err(damaged("it is of another log"));
        }
        if identity.name() != name {
            return Err(damaged("it covers other positions than its name says"));
        }
        let size = extent.fence.checked_add(u64::from(extent.blocks) * FENCE as u64);
        if Some(file.size().map_err(failed)?) != size {
            return Err(damaged("it has a wrong length"));
        }
        let fence = read_fence(&*file, &path, &identity, &extent)?;
        Ok(Self { seed: identity.seed(), identity, path, file, extent, fence })
    }

    /// A run that was just written.
    pub(super) fn written(
        identity: Identity,
        path: String,
        file: Arc<dyn SegmentFile>,
        extent: Extent,
        fence: Fence,
    ) -> Self {
        Self { seed: identity.seed(), identity, path, file, extent, fence }
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn blocks(&self) -> usize {
        self.fence.len()
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.fence.memory()
    }

    pub(super) fn damaged(&self, what: &'static str) -> IndexError {
        IndexError::Damaged { path: self.path.clone(), what }
    }

    /// What the run has of a stream.
    ///
    /// # Errors
    /// Where the file cannot be read or fails a check.
    pub(super) fn find(&self, key: StreamKey) -> Result<Option<Entry>, IndexError> {
        let Some(number) = self.fence.find(key.0) else { return Ok(None) };
        let block = self.block(number)?;
        let (mut low, mut high) = (0, block.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match block.key(middle) {
                Some(found) if found == key.0 => {
                    let entry = block.entry(middle, &self.identity);
                    return entry.ok_or_else(|| self.damaged("an entry")).map(Some);
                }
                Some(found) if found < key.0 => low = middle + 1,
                _ => high = middle,
            }
        }
        Ok(None)
    }

    /// Reads a block of keys.
    ///
    /// # Errors
    /// Where the file cannot be read or fails a check.
    pub(super) fn block(&self, number: usize) -> Result<Block, IndexError> {
        let place = self.fence.place(number).ok_or_else(|| self.damaged("a block is missing"))?;
        let BlockPlace { offset, len } = place;
        let is_inside = offset >= HEADER as u64
            && offset.checked_add(u64::from(len)).is_some_and(|end| end <= self.extent.fence);
        if !is_inside || len >= BLOCK_MAX {
            return Err(self.damaged("place of a block"));
        }
        let mut bytes = read_exactly(&*self.file, &self.path, len as usize, offset)?;
        let crc = bytes.split_off(bytes.len().saturating_sub(4));
        if crc != checksum(self.seed, offset, &bytes).to_le_bytes() {
            return Err(self.damaged("checksum of a block"));
        }
        let count = array_at(&bytes, 0).map_or(0, u16::from_le_bytes);
        let block = Block { bytes, count: usize::from(count) };
        if block.len() == 0 || block.len() > BLOCK_KEYS {
            return Err(self.damaged("number of keys of a block"));
        }
        Ok(block)
    }

    /// Adds the positions of revisions to `out`, as far as they are here.
    ///
    /// # Errors
    /// Where the file cannot be read or fails a check.
    pub(super) fn positions(
        &self,
        entry: &Entry,
        revisions: Range<u64>,
        out: &mut Vec<u64>,
    ) -> Result<(), IndexError> {
        let index = |revision: u64| revision.saturating_sub(entry.first_revision).min(entry.count);
        let (start, end) = (index(revisions.start), index(revisions.end));
        if start >= end {
            return Ok(());
        }
        let chunks = match &entry.spot {
            Spot::Here(positions) => {
                let wanted = usize::try_from(start).ok().zip(usize::try_from(end).ok());
                let wanted = wanted.and_then(|(start, end)| positions.get(start..end));
                out.extend_from_slice(wanted.unwrap_or_default());
                return Ok(());
            }
            Spot::Chunks(list) => *list,
        };
        let size = CHUNK as u64;
        for chunk in start / size..end.div_ceil(size) {
            let before = out.len();
            let count = (entry.count - chunk * size).min(size);
            self.chunk(entry.key, chunks, chunk, count, out)?;
            if chunk + 1 == end.div_ceil(size) {
                let surplus = chunk * size + count - end;
                out.truncate(out.len().saturating_sub(usize::try_from(surplus).unwrap_or(0)));
            }
            if chunk == start / size {
                let surplus = usize::try_from(start % size).unwrap_or(0);
                out.drain(before..(before + surplus).min(out.len()));
            }
        }
        Ok(())
    }

    /// Adds the positions of one chunk.
    fn chunk(
        &self,
        key: u128,
        list: u64,
        chunk: u64,
        count: u64,
        out: &mut Vec<u64>,
    ) -> Result<(), IndexError> {
        let place_at = chunk
            .checked_mul(CHUNK_PLACE as u64)
            .and_then(|at| list.checked_add(at))
            .filter(|at| *at < self.extent.fence)
            .ok_or_else(|| self.damaged("place of a list of chunks"))?;
        let place = read_exactly(&*self.file, &self.path, CHUNK_PLACE, place_at)?;
        let offset = u64::from_le_bytes(array_at(&place, 0).unwrap_or_default());
        let len = u32::from_le_bytes(array_at(&place, 8).unwrap_or_default());
        let crc = u32::from_le_bytes(array_at(&place, 12).unwrap_or_default());
        if len as usize > CHUNK * VARINT_MAX || offset > self.extent.fence {
            return Err(self.damaged("place of a chunk"));
        }
        let bytes = read_exactly(&*self.file, &self.path, len as usize, offset)?;
        if crc != chunk_checksum(self.seed, key, chunk, offset, &bytes) {
            return Err(self.damaged("checksum of a chunk"));
        }
        let mut rest = bytes.as_slice();
        take_positions(&mut rest, count, &self.identity, out)
            .filter(|()| rest.is_empty())
            .ok_or_else(|| self.damaged("a chunk"))
    }

    /// Reads everything there is.
    ///
    /// # Errors
    /// Where the file cannot be read or fails a check.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), IndexError> {
        let mut last = None;
        let (mut keys, mut events) = (0, 0);
        for number in 0..self.blocks() {
            let block = self.block(number)?;
            for at in 0..block.len() {
                let key = block.key(at).filter(|key| last.is_none_or(|last| last < *key));
                let Some(key) = key else { return Err(self.damaged("order of keys")) };
                if self.fence.find(key) != Some(number) {
                    return Err(self.damaged("a filter"));
                }
                let entry = block.entry(at, &self.identity);
                let entry = entry.ok_or_else(|| self.damaged("an entry"))?;
                self.check_entry(&entry)?;
                last = Some(key);
                keys += 1;
                events += entry.count;
            }
        }
        if keys != self.extent.keys || events != self.identity.end - self.identity.start {
            return Err(self.damaged("number of keys or events"));
        }
        Ok(())
    }

    #[cfg(test)]
    fn check_entry(&self, entry: &Entry) -> Result<(), IndexError> {
        let mut positions = Vec::new();
        let mut before = None;
        let mut revision = entry.first_revision;
        while revision < entry.next_revision() {
            let next = revision.saturating_add(CHUNK as u64).min(entry.next_revision());
            positions.clear();
            self.positions(entry, revision..next, &mut positions)?;
            let edges = (positions.first().copied(), positions.last().copied());
            let (Some(first), Some(last)) = edges else {
                return Err(self.damaged("positions of a stream"));
            };
            let fits = match before {
                None => first == entry.first,
                Some(before) => before < first,
            };
            if !fits {
                return Err(self.damaged("order of positions"));
            }
            before = Some(last);
            revision = next;
        }
        if before == Some(entry.last) { Ok(()) } else { Err(self.damaged("last position")) }
    }
}

/// The checksum of the positions of one chunk of a stream.
pub(super) fn chunk_checksum(seed: u32, key: u128, chunk: u64, offset: u64, bytes: &[u8]) -> u32 {
    let stream = crc32c::crc32c_append(seed, &key.to_be_bytes());
    checksum(crc32c::crc32c_append(stream, &chunk.to_le_bytes()), offset, bytes)
}

/// Reads the fence in pieces, so that opening a large run takes no more memory than it keeps.
fn read_fence(
    file: &dyn SegmentFile,
    path: &str,
    identity: &Identity,
    extent: &Extent,
) -> Result<Fence, IndexError> {
    const PIECE: u32 = 2_048;
    let damaged = |what| IndexError::Damaged { path: path.to_owned(), what };
    let mut crc = crc32c::crc32c_append(identity.seed(), &extent.fence.to_le_bytes());
    let mut fence = Fence::with_capacity(extent.blocks as usize);
    let mut done = 0;
    while done < extent.blocks {
        let count = (extent.blocks - done).min(PIECE);
        let offset = extent.fence + u64::from(done) * FENCE as u64;
        let bytes = read_exactly(file, path, count as usize * FENCE, offset)?;
        crc = crc32c::crc32c_append(crc, &bytes);
        if !bytes.as_chunks().0.iter().all(|block| fence.decode(block)) {
            return Err(damaged("order of blocks"));
        }
        done += count;
    }
    if crc != extent.crc {
        return Err(damaged("checksum of the fence"));
    }
    Ok(fence)
}
