//! Writes a run: keys in their order, each with its positions, in constant memory but the fence.

use std::sync::atomic::{AtomicBool, Ordering};

use super::StreamKey;
use super::fence::{BLOCK_KEYS, BlockPlace, FENCE, Fence, filter};
use super::hot::Generation;
use super::run::{
    CHUNK, CHUNK_PLACE, Extent, HEADER, INLINE_MAX, Identity, Run, checksum, chunk_checksum,
};
use crate::event_log::cache_file::{CacheFile, IndexError};
use crate::event_log::record::put_varint;
use crate::event_log::storage::Storage;

/// The file of a run on its way.
pub(super) struct RunWriter<'a> {
    identity: Identity,
    seed: u32,
    file: CacheFile<'a>,
    fence: Fence,
    keys: Vec<u128>,
    ends: Vec<u16>,
    bodies: Vec<u8>,
    last_key: Option<u128>,
    key_count: u64,
    events: u64,
    stop: &'a AtomicBool,
}

/// The run of a finished segment.
///
/// # Errors
/// What the disk refuses, or [`IndexError::Stopped`].
pub(super) fn from_segment(
    storage: &dyn Storage,
    identity: Identity,
    segment: &Generation,
    stop: &AtomicBool,
) -> Result<Run, IndexError> {
    let mut writer = RunWriter::create(storage, identity, stop)?;
    for (key, first_revision, positions) in segment.sorted() {
        writer.entry(key, first_revision, positions.map(Ok))?;
    }
    writer.finish()
}

/// Bytes of positions as they stand in the file: the first counted from `start`, each other from
/// the one before.
fn put_positions(positions: &[u64], start: u64, out: &mut Vec<u8>) {
    let mut last = start;
    for position in positions {
        put_varint(out, position - last);
        last = *position;
    }
}

impl<'a> RunWriter<'a> {
    pub(super) fn create(
        storage: &'a dyn Storage,
        identity: Identity,
        stop: &'a AtomicBool,
    ) -> Result<Self, IndexError> {
        Ok(Self {
            identity,
            seed: identity.seed(),
            file: CacheFile::create(storage, identity.name(), HEADER)?,
            fence: Fence::default(),
            keys: Vec::with_capacity(BLOCK_KEYS),
            ends: Vec::with_capacity(BLOCK_KEYS),
            bodies: Vec::new(),
            last_key: None,
            key_count: 0,
            events: 0,
            stop,
        })
    }

    fn wrong(&self, what: &'static str) -> IndexError {
        IndexError::Damaged { path: self.file.path(), what }
    }

    /// Adds a stream. Keys come in their order, positions ascending.
    ///
    /// # Errors
    /// Where they do not, what reading them or the disk refuses, or [`IndexError::Stopped`].
    pub(super) fn entry(
        &mut self,
        key: StreamKey,
        first_revision: u64,
        positions: impl Iterator<Item = Result<u64, IndexError>>,
    ) -> Result<(), IndexError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(IndexError::Stopped { path: self.file.path() });
        }
        if self.last_key.is_some_and(|last| last >= key.0) {
            return Err(self.wrong("order of keys"));
        }
        self.last_key = Some(key.0);
        let mut chunk = Vec::new();
        let mut places = Vec::new();
        let (mut count, mut first, mut last) = (0, self.identity.start, None);
        for position in positions {
            let position = position?;
            if position < last.map_or(self.identity.start, |last| last + 1)
                || position >= self.identity.end
            {
                return Err(self.wrong("order of positions"));
            }
            if chunk.len() == CHUNK {
                self.chunk(key.0, &mut chunk, &mut places)?;
            }
            chunk.push(position);
            if count == 0 {
                first = position;
            }
            last = Some(position);
            count += 1;
        }
        let Some(last) = last else { return Err(self.wrong("stream without events")) };
        put_varint(&mut self.bodies, first_revision);
        put_varint(&mut self.bodies, count);
        if count <= INLINE_MAX as u64 {
            put_positions(&chunk, self.identity.start, &mut self.bodies);
        } else {
            self.chunk(key.0, &mut chunk, &mut places)?;
            put_positions(&[first, last], self.identity.start, &mut self.bodies);
            put_varint(&mut self.bodies, self.file.offset());
            self.file.put(&places)?;
        }
        let end = u16::try_from(self.bodies.len()).map_err(|_| self.wrong("block is too long"))?;
        self.keys.push(key.0);
        self.ends.push(end);
        self.key_count += 1;
        self.events += count;
        if self.keys.len() == BLOCK_KEYS { self.block() } else { Ok(()) }
    }

    /// Writes positions of a long stream, and notes where.
    fn chunk(
        &mut self,
        key: u128,
        positions: &mut Vec<u64>,
        places: &mut Vec<u8>,
    ) -> Result<(), IndexError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(IndexError::Stopped { path: self.file.path() });
        }
        let number = (places.len() / CHUNK_PLACE) as u64;
        let mut bytes = Vec::new();
        put_positions(positions, self.identity.start, &mut bytes);
        positions.clear();
        let offset = self.file.offset();
        let crc = chunk_checksum(self.seed, key, number, offset, &bytes);
        places.extend_from_slice(&offset.to_le_bytes());
        places.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        places.extend_from_slice(&crc.to_le_bytes());
        self.file.put(&bytes)
    }

    /// Writes the block of the keys gathered.
    fn block(&mut self) -> Result<(), IndexError> {
        let Some(first) = self.keys.first().copied() else { return Ok(()) };
        let mut bytes = Vec::with_capacity(8 + self.keys.len() * 18 + self.bodies.len());
        bytes.extend_from_slice(&(self.keys.len() as u16).to_le_bytes());
        for key in &self.keys {
            bytes.extend_from_slice(&key.to_be_bytes());
        }
        for end in &self.ends {
            bytes.extend_from_slice(&end.to_le_bytes());
        }
        bytes.extend_from_slice(&self.bodies);
        let offset = self.file.offset();
        bytes.extend_from_slice(&checksum(self.seed, offset, &bytes).to_le_bytes());
        let place = BlockPlace { offset, len: bytes.len() as u32 };
        if !self.fence.push(first, place, filter(self.keys.iter().copied())) {
            return Err(self.wrong("order of blocks"));
        }
        self.keys.clear();
        self.ends.clear();
        self.bodies.clear();
        self.file.put(&bytes)
    }

    /// Writes the fence and the header, and makes the file durable.
    ///
    /// # Errors
    /// What the disk refuses, and where a position of the stretch is in no stream.
    pub(super) fn finish(mut self) -> Result<Run, IndexError> {
        self.block()?;
        if self.events != self.identity.end - self.identity.start {
            return Err(self.wrong("number of events"));
        }
        let blocks =
            u32::try_from(self.fence.len()).map_err(|_| self.wrong("it has too many blocks"))?;
        let fence = self.file.offset();
        let mut crc = crc32c::crc32c_append(self.seed, &fence.to_le_bytes());
        let mut bytes = Vec::with_capacity(FENCE);
        for block in 0..self.fence.len() {
            bytes.clear();
            self.fence.encode(block, &mut bytes);
            crc = crc32c::crc32c_append(crc, &bytes);
            self.file.put(&bytes)?;
        }
        let extent = Extent { fence, blocks, keys: self.key_count, crc };
        self.fence.shrink();
        let path = self.file.path();
        let file = self.file.publish(&self.identity.encode(&extent))?;
        Ok(Run::written(self.identity, path, file, extent, self.fence))
    }
}
