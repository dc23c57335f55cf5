//! Where a log is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::storage::{DiskStorage, Storage};

/// The folder of a log, and where its sealed files are.
#[derive(Clone)]
pub struct LogFolder {
    path: PathBuf,
    storage: Arc<dyn Storage>,
}

impl LogFolder {
    /// Everything in one folder.
    pub fn local(path: &Path) -> Self {
        Self { path: path.to_owned(), storage: Arc::new(DiskStorage::new(path)) }
    }

    /// Sealed files in an object store, the rest in a folder, which must exist. At most so many
    /// bytes of what is fetched are kept in it, too. Reaches no store yet.
    ///
    /// # Errors
    /// What the system says where there is no thread to be had.
    #[cfg(feature = "s3")]
    pub fn with_store(
        path: &Path,
        objects: super::remote::Objects,
        cache_bytes: u64,
    ) -> std::io::Result<Self> {
        let local = Arc::new(DiskStorage::new(path));
        let storage = super::remote::RemoteStorage::new(local, objects, cache_bytes)?;
        Ok(Self { path: path.to_owned(), storage: Arc::new(storage) })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        self.storage.clone()
    }
}

impl From<&Path> for LogFolder {
    fn from(path: &Path) -> Self {
        Self::local(path)
    }
}

impl From<&PathBuf> for LogFolder {
    fn from(path: &PathBuf) -> Self {
        Self::local(path)
    }
}

impl From<&Self> for LogFolder {
    fn from(folder: &Self) -> Self {
        folder.clone()
    }
}
