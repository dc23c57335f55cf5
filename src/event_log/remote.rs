//! A log's folder of which the sealed files are in an object store.
//!
//! In: what sealing asks of a folder. Out: the same as from a folder on the disk. Segments, the
//! index and the seal records stay on the local disk, with a copy of each record beside its
//! files; Parquet files go to the store, and through a bounded cache on their way back. A file
//! that lies in the local folder is read from there: a log may have been sealed on the disk
//! before.
//! Invariant: a file counts as renamed once the store has given back the same bytes. All methods
//! that reach the store block, on a thread that is no part of a runtime or of any other one.

mod files;
mod objects;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use files::RemoteFiles;
pub use objects::{Listed, Objects, S3Options};

use super::storage::{SegmentFile, Storage};

/// The folder of a log that holds what is sealed.
const SEALED: &str = "sealed";
/// The folder of a log for files that were fetched.
const CACHE: &str = "cache";

/// A log's folder, with its sealed files in an object store.
pub struct RemoteStorage {
    local: Arc<dyn Storage>,
    files: Arc<RemoteFiles>,
}

impl RemoteStorage {
    /// `cache_bytes` is how much of what was fetched is kept below `local`; where nothing can be
    /// written there, nothing is kept. Reaches no store yet.
    ///
    /// # Errors
    /// What the system says where there is no thread to be had.
    pub fn new(local: Arc<dyn Storage>, objects: Objects, cache_bytes: u64) -> io::Result<Self> {
        let files = Arc::new(RemoteFiles::new(objects, local.folder(CACHE).ok(), cache_bytes)?);
        Ok(Self { local, files })
    }
}

impl Storage for RemoteStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        self.local.list()
    }

    /// Also by the path of a file below.
    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn SegmentFile>> {
        let Some((folders, name)) = name.rsplit_once('/') else {
            return self.local.open(name, write);
        };
        let mut names = folders.split('/');
        let first = self.folder(names.next().unwrap_or_default());
        let folder = names.try_fold(first?, |folder, name| folder.folder(name))?;
        folder.open(name, write)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.local.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.local.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.local.remove(name)
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>> {
        let folder = self.local.folder(name)?;
        if name == SEALED {
            return Ok(Arc::new(Sealed { local: folder, files: self.files.clone() }));
        }
        Ok(folder)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.local.sync_directory()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.local.path(name)
    }

    fn remote(&self) -> Option<&str> {
        Some(self.files.place())
    }
}

/// Seal records, with folders of Parquet files below.
struct Sealed {
    local: Arc<dyn Storage>,
    files: Arc<RemoteFiles>,
}

impl Storage for Sealed {
    fn list(&self) -> io::Result<Vec<String>> {
        self.local.list()
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn SegmentFile>> {
        self.local.open(name, write)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        self.local.create(name)
    }

    /// The copy goes first: what counts here has all that it needs there.
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.local.open(from, false)?;
        self.files.put(to, super::storage::read_to_end(&*file, 0)?.into())?;
        self.local.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.local.remove(name)?;
        self.local.sync_directory()?;
        self.files.remove(name)
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>> {
        let local = Some(self.local.clone());
        Ok(Arc::new(Below::new(local.as_ref(), name.to_owned(), name, &self.files)))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.local.sync_directory()
    }

    fn path(&self, name: &str) -> PathBuf {
        let local = self.local.path(name);
        if name.contains('/') && !local.exists() {
            return PathBuf::from(self.files.url(name));
        }
        local
    }

    fn remote(&self) -> Option<&str> {
        Some(self.files.place())
    }
}

/// A folder of Parquet files, by its path below the sealed ones.
struct Below {
    /// Where files lie that were sealed on the disk.
    local: Option<Arc<dyn Storage>>,
    path: String,
    files: Arc<RemoteFiles>,
}

impl Below {
    fn new(
        above: Option<&Arc<dyn Storage>>,
        path: String,
        name: &str,
        files: &Arc<RemoteFiles>,
    ) -> Self {
        let is_there = |above: &&Arc<dyn Storage>| {
            above.list().is_ok_and(|names| names.iter().any(|known| known == name))
        };
        // Asking for a folder makes it, and there is nothing to make it for.
        let local = above.filter(is_there).and_then(|above| above.folder(name).ok());
        Self { local, path, files: files.clone() }
    }

    fn key(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    fn is_local(&self, name: &str) -> bool {
        self.local.as_ref().is_some_and(|local| local.open(name, false).is_ok())
    }
}

impl Storage for Below {
    /// What lies on the disk alone: what is in the store, the seal records say.
    fn list(&self) -> io::Result<Vec<String>> {
        self.local.as_ref().map_or(Ok(Vec::new()), |local| local.list())
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn SegmentFile>> {
        if write {
            return Err(io::ErrorKind::Unsupported.into());
        }
        match self.local.as_ref().map(|local| local.open(name, false)) {
            Some(Ok(file)) => Ok(file),
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Some(Err(_)) | None => self.files.open(&self.key(name)),
        }
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(self.files.begin(&self.key(name)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.finish(&self.key(from), &self.key(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if let Some(local) = &self.local {
            match local.remove(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        self.files.remove(&self.key(name))
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>> {
        Ok(Arc::new(Self::new(self.local.as_ref(), self.key(name), name, &self.files)))
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.local.as_ref().map_or(Ok(()), |local| local.sync_directory())
    }

    fn path(&self, name: &str) -> PathBuf {
        match &self.local {
            Some(local) if self.is_local(name) => local.path(name),
            _ => PathBuf::from(self.files.url(&self.key(name))),
        }
    }

    fn remote(&self) -> Option<&str> {
        Some(self.files.place())
    }

    fn forget(&self, name: &str) -> bool {
        !self.is_local(name) && self.files.forget(&self.key(name))
    }
}
