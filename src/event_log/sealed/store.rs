//! Where sealed files are kept.
//!
//! In: Parquet files and seal records. Out: stretches of them, and the list of parts that are
//! whole. Records are always in a local folder, so that opening a log asks no server; Parquet
//! files are beside them, or in an object store with a copy of the record.
//! Invariant: a record is written only after its files are durable, and removed before they are.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::SealError;
use super::cache::Cache;
use super::folder;
use super::group::{Footer, Rows};
#[cfg(feature = "s3")]
use super::remote::RemoteFiles;
use super::seal_record::{SealRecord, SealedFile};
use crate::event_log::contract::ReadError;
use crate::event_log::storage::{SegmentFile, Storage, WriteFailure, read_full, read_to_end};

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
    #[cfg(feature = "s3")]
    remote: Option<RemoteFiles>,
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
    pub fn local(folder: Arc<dyn Storage>) -> Self {
        Self::new(Inner {
            folder,
            #[cfg(feature = "s3")]
            remote: None,
            cache: Mutex::new(Cache::new(CACHE_BYTES)),
        })
    }

    /// Records in a folder, Parquet files in an object store.
    #[cfg(feature = "s3")]
    pub fn remote(folder: Arc<dyn Storage>, remote: RemoteFiles) -> Self {
        let cache = Mutex::new(Cache::new(CACHE_BYTES));
        Self::new(Inner { folder, remote: Some(remote), cache })
    }

    fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Sets how much memory decoded row groups may take, and forgets those there are.
    /// Units: bytes.
    pub fn set_cache_bytes(&self, bytes: u64) {
        *self.cache() = Cache::new(bytes);
    }

    pub(super) fn cache(&self) -> MutexGuard<'_, Cache<Key, Cached>> {
        self.inner.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object store, where the files are in one.
    #[cfg(feature = "s3")]
    pub(super) fn remote_files(&self) -> Option<&RemoteFiles> {
        self.inner.remote.as_ref()
    }

    /// The parts that are whole, by position; where a merge was not tidied up, the merged part
    /// and not those it was made of.
    ///
    /// # Errors
    /// [`ReadError::Io`]; [`ReadError::Corrupt`] where a record is damaged, or events are
    /// missing between two.
    pub fn records(&self) -> Result<Vec<SealRecord>, ReadError> {
        let mut records: Vec<SealRecord> = Vec::new();
        for record in self.all_records()? {
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
    /// files in the folder that no record names. Only while nothing is sealed or merged. Gives
    /// the number of files.
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
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote {
            return remote.remove(record);
        }
        for file in &record.files {
            folder::remove(&self.inner.folder, &file.path)?;
        }
        Ok(())
    }

    /// Stores a Parquet file, durable once it returns.
    pub(super) fn put(&self, file: &SealedFile, bytes: Bytes) -> Result<(), SealError> {
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote {
            return Ok(remote.put(file, bytes)?);
        }
        Ok(folder::write(&self.inner.folder, &file.path, &bytes)?)
    }

    /// Writes the record of a part: from now on it counts.
    pub(super) fn commit(&self, record: &SealRecord) -> Result<(), SealError> {
        let text = record.encode();
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote {
            remote.put_record(&record.name(), text.clone())?;
        }
        Ok(folder::write(&self.inner.folder, &record.name(), &text)?)
    }

    fn open(&self, file: &SealedFile) -> Result<Arc<dyn SegmentFile>, ReadError> {
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote {
            return remote.open(file);
        }
        folder::open(&self.inner.folder, &file.path)
            .map_err(|source| self.failed(&file.path, 0, source))
    }

    /// Fetches a file that is not local. Blocks; never from async code.
    pub(super) fn fetch(&self, file: &SealedFile) -> Result<(), ReadError> {
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote {
            return remote.fetch_blocking(file).map(drop);
        }
        let _ = file;
        Ok(())
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
        let stretch = self.read(file, offset, bytes)?;
        if stretch.len() as u64 == bytes && crc32c::crc32c(&stretch) == crc32c {
            return Ok(stretch);
        }
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote {
            // What the store has may be better than what the cache has.
            remote.forget(file);
        }
        Err(self.corrupt(&file.path, offset, position, "checksum of the seal record"))
    }

    /// How a file is named in messages.
    pub(super) fn path(&self, path: &str) -> String {
        #[cfg(feature = "s3")]
        if let Some(remote) = &self.inner.remote
            && !SealRecord::is_name(path)
        {
            return remote.name_of(path);
        }
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
        ReadError::Io { path: self.path(path), offset, source: Arc::new(source) }
    }
}
