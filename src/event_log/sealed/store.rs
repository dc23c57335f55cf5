//! Where sealed files are kept.
//!
//! In: Parquet files and seal records. Out: stretches of them, and the list of parts that are
//! whole. Where the folder's files are is its own affair: those of a log may be in an object
//! store, but for the records, so that opening a log asks no server.
//! Invariant: a record is written only after its files are durable, and removed before they are.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::SealError;
use super::cache::Cache;
use super::folder;
use super::group::{Footer, Rows};
use super::seal_record::{SealRecord, SealedFile};
use crate::event_log::contract::ReadError;
use crate::event_log::storage::{
    SegmentFile, Storage, StoreUnavailable, WriteFailure, read_full, read_to_end,
};

/// Memory for decoded row groups unless said otherwise. Units: bytes.
const CACHE_BYTES: u64 = 48 << 20;

/// A folder with seal records, and the Parquet files beside them or in an object store. Clones
/// are the same store.
#[derive(Clone)]
pub struct SealedStore {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Arc<dyn Storage>,
    cache: Mutex<Cache<Key, Cached>>,
}

/// What is kept in memory, by the path of the file.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Footer(String),
    Positions(String, usize),
    Rows(String, usize),
}

#[derive(Clone)]
pub(super) enum Cached {
    Footer(Arc<Footer>),
    Positions(Arc<Vec<u64>>),
    Rows(Arc<Rows>),
}

impl SealedStore {
    /// Records and Parquet files in one folder: `sealed` in the log's folder.
    pub fn new(folder: Arc<dyn Storage>) -> Self {
        let cache = Mutex::new(Cache::new(CACHE_BYTES));
        Self { inner: Arc::new(Inner { folder, cache }) }
    }

    /// The store that the files go to, where that is not the local disk.
    pub(super) fn remote(&self) -> Option<&str> {
        self.inner.folder.remote()
    }

    /// Sets how much memory decoded row groups may take, and forgets those there are.
    /// Units: bytes.
    pub fn set_cache_bytes(&self, bytes: u64) {
        *self.cache() = Cache::new(bytes);
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache<Key, Cached>> {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The parts that are whole, by position; where a merge was not tidied up, the merged part
    /// and not those it was made of.
    ///
    /// # Errors
    /// [`ReadError::Io`]; [`ReadError::Corrupt`] where a record is damaged, or events are
    /// missing between two; [`ReadError::Unavailable`] where files are in a store and none is
    /// configured.
    pub fn records(&self) -> Result<Vec<SealRecord>, ReadError> {
        let mut records: Vec<SealRecord> = Vec::new();
        for record in self.all_records()? {
            if let Some(store) = &record.store
                && self.remote().is_none()
                && record.files.iter().any(|file| !self.inner.folder.path(&file.path).exists())
            {
                let what = "has sealed parts of this log, and the configuration names no store; \
                            set `sealing.store` to it, or to where its objects were moved";
                return Err(ReadError::Unavailable {
                    server: store.clone(),
                    what: what.to_owned(),
                });
            }
            // By base, the widest first.
            let next = records.last().map_or(record.base, |last| last.end);
            if record.end <= next && !records.is_empty() {
                continue;
            }
            if record.base != next {
                return Err(self.corrupt(
                    &record.name(),
                    0,
                    next,
                    "the part before it is missing, or overlaps",
                ));
            }
            records.push(record);
        }
        Ok(records)
    }

    /// Every record there is, by base, the widest first.
    fn all_records(&self) -> Result<Vec<SealRecord>, ReadError> {
        let names = self.inner.folder.list().map_err(|source| self.failed("", 0, source))?;
        let mut records = Vec::new();
        for name in names.iter().filter(|name| SealRecord::is_name(name)) {
            records.push(self.record(name)?);
        }
        records.sort_by_key(|record| (record.base, std::cmp::Reverse(record.end)));
        Ok(records)
    }

    fn record(&self, name: &str) -> Result<SealRecord, ReadError> {
        let read = folder::open(&self.inner.folder, name).and_then(|file| read_to_end(&*file, 0));
        let text = read.map_err(|source| self.failed(name, 0, source))?;
        let record = SealRecord::decode(&text).map_err(|what| self.corrupt(name, 0, 0, what))?;
        if record.name() == name {
            Ok(record)
        } else {
            Err(self.corrupt(name, 0, record.base, "it is the record of another part"))
        }
    }

    /// Removes what crashes left behind: temporary files, parts that a merged one replaces, and
    /// files in the folder that no record names. Only while nothing is sealed or merged, and only
    /// once the log was opened: then every position is known to be in a record or a raw segment,
    /// so that a file without a record is not all there is of it. Gives the number of files.
    ///
    /// # Errors
    /// What could not be read, or removed.
    pub fn clean(&self) -> Result<u64, SealError> {
        let whole = self.records()?;
        let mut removed = 0;
        for record in self.all_records()? {
            if !whole.contains(&record) {
                self.remove(&record)?;
                removed += 1;
            }
        }
        let named: HashSet<&str> = whole
            .iter()
            .flat_map(|record| record.files.iter().map(|file| file.path.as_str()))
            .collect();
        let root = &self.inner.folder;
        let listed = folder::list(root, &["day=", "family="]).and_then(|mut paths| {
            paths.retain(|path| !named.contains(path.as_str()));
            let unfinished = root.list()?.into_iter();
            paths.extend(unfinished.filter(|name| name.ends_with(folder::UNFINISHED)));
            Ok(paths)
        });
        for path in listed.map_err(|source| self.failed("", 0, source))? {
            folder::remove(root, &path)?;
            removed += 1;
        }
        Ok(removed)
    }

    /// Removes a part that a merged one has replaced: its record first, then its files.
    ///
    /// # Errors
    /// What could not be removed; [`Self::clean`] does it later.
    pub fn remove(&self, record: &SealRecord) -> Result<(), WriteFailure> {
        folder::remove(&self.inner.folder, &record.name())?;
        for file in &record.files {
            folder::remove(&self.inner.folder, &file.path)?;
        }
        Ok(())
    }

    /// Stores a Parquet file, durable once it returns.
    pub(super) fn put(&self, file: &SealedFile, bytes: Bytes) -> Result<(), SealError> {
        Ok(folder::write(&self.inner.folder, &file.path, &bytes)?)
    }

    /// Writes the record of a part: from now on it counts.
    pub(super) fn commit(&self, record: &SealRecord) -> Result<(), SealError> {
        let text = record.encode();
        Ok(folder::write(&self.inner.folder, &record.name(), &text)?)
    }

    fn open(&self, file: &SealedFile) -> Result<Arc<dyn SegmentFile>, ReadError> {
        folder::open(&self.inner.folder, &file.path)
            .map_err(|source| self.failed(&file.path, 0, source))
    }

    /// The length of a file as it is.
    pub(super) fn size(&self, file: &SealedFile) -> Result<u64, ReadError> {
        self.open(file)?.size().map_err(|source| self.failed(&file.path, 0, source))
    }

    /// Reads a stretch of a file; short where the file ends.
    pub(super) fn read(
        &self,
        file: &SealedFile,
        offset: u64,
        bytes: u64,
    ) -> Result<Bytes, ReadError> {
        let len = usize::try_from(bytes.min(file.bytes)).unwrap_or(usize::MAX);
        let mut buffer = vec![0; len];
        let read = read_full(&*self.open(file)?, &mut buffer, offset)
            .map_err(|source| self.failed(&file.path, offset, source))?;
        buffer.truncate(read);
        Ok(buffer.into())
    }

    /// Reads a stretch of a file and compares its checksum.
    pub(super) fn read_checked(
        &self,
        file: &SealedFile,
        (offset, bytes, crc32c): (u64, u64, u32),
        position: u64,
    ) -> Result<Bytes, ReadError> {
        let mut is_second = false;
        loop {
            let stretch = self.read(file, offset, bytes)?;
            if stretch.len() as u64 == bytes && crc32c::crc32c(&stretch) == crc32c {
                return Ok(stretch);
            }
            // What a store has may be better than what was kept of it.
            if is_second || !folder::forget(&self.inner.folder, &file.path) {
                break;
            }
            is_second = true;
        }
        Err(self.corrupt(&file.path, offset, position, "checksum of the seal record"))
    }

    /// How a file is named in messages.
    pub(super) fn path(&self, path: &str) -> String {
        self.inner.folder.path(path).display().to_string()
    }

    pub(super) fn corrupt(
        &self,
        path: &str,
        offset: u64,
        position: u64,
        what: &'static str,
    ) -> ReadError {
        ReadError::Corrupt { path: self.path(path), offset, position, what }
    }

    fn failed(&self, path: &str, offset: u64, source: std::io::Error) -> ReadError {
        if let Some(store) = source.get_ref().and_then(|it| it.downcast_ref::<StoreUnavailable>()) {
            let StoreUnavailable { server, what, .. } = store.clone();
            return ReadError::Unavailable { server, what };
        }
        ReadError::Io { path: self.path(path), offset, source: Arc::new(source) }
    }
}
