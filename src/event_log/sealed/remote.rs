//! Sealed files in an object store, with a cache of whole files on the local disk.
//!
//! In: Parquet files and records to keep. Out: files that can be read like local ones.
//! Invariants: what is uploaded is read back and compared before it counts; what is fetched is
//! compared with the seal record before it is read; no message has a credential, nor what a
//! server answered, since that may repeat one.
//! Deliberately absent: listing the store, which opening a log never needs.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;

use super::cache::Cache;
use super::folder;
use super::seal_record::{SealRecord, SealedFile};
use crate::base::hex;
use crate::event_log::contract::ReadError;
use crate::event_log::storage::{SegmentFile, Storage, WriteFailure};

/// An object store, and the folder where files fetched from it are kept.
pub struct RemoteFiles {
    objects: Objects,
    /// For callers that block.
    runtime: Handle,
    folder: Arc<dyn Storage>,
    state: Arc<Mutex<State>>,
}

/// Objects below a prefix of a bucket.
#[derive(Clone)]
pub struct Objects {
    /// How it is named in messages, such as `s3://bucket/prefix at https://…`: no credentials.
    pub name: String,
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// What every key begins with; may be empty.
    pub prefix: Path,
}

/// A file of the cache, open.
pub struct CachedFile(Arc<dyn SegmentFile>);

struct State {
    /// By name in the cache folder.
    files: Cache<String, ()>,
    /// Files that somebody holds, whether they are still in the folder or not.
    held: HashMap<String, Weak<CachedFile>>,
}

impl Objects {
    fn key(&self, path: &str) -> Path {
        let parts = path.split('/').map(object_store::path::PathPart::from);
        self.prefix.parts().chain(parts).collect()
    }

    /// Stores an object, reads it back and compares it.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`], also where what is read back is something else.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<(), ReadError> {
        let key = self.key(path);
        let put = self.store.put(&key, bytes.clone().into()).await;
        put.map_err(|error| self.unavailable("store", path, &error))?;
        if self.get(path).await? == bytes {
            Ok(())
        } else {
            Err(self.says(format!("gives back something else than was stored as {key}")))
        }
    }

    /// Reads an object.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`].
    pub async fn get(&self, path: &str) -> Result<Bytes, ReadError> {
        let failed = |error| self.unavailable("read", path, &error);
        let answer = self.store.get(&self.key(path)).await.map_err(failed)?;
        answer.bytes().await.map_err(failed)
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`].
    pub async fn remove(&self, path: &str) -> Result<(), ReadError> {
        match self.store.delete(&self.key(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.unavailable("remove", path, &error)),
        }
    }

    fn unavailable(&self, action: &str, path: &str, error: &object_store::Error) -> ReadError {
        let why = why(error);
        self.says(format!("cannot {action} {}: {why}", self.key(path)))
    }

    fn says(&self, what: String) -> ReadError {
        ReadError::Unavailable { server: self.name.clone(), what }
    }
}

/// The kind of failure, without what the server said.
fn why(error: &object_store::Error) -> String {
    use object_store::Error as E;
    let kind = match error {
        E::NotFound { .. } => "there is no such object",
        E::PermissionDenied { .. } => "these credentials may not do that",
        E::Unauthenticated { .. } => "the credentials are missing or not accepted",
        _ => "the store does not answer, or refuses",
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return format!("{kind} ({})", error.kind());
        }
        cause = error.source();
    }
    kind.to_owned()
}

impl RemoteFiles {
    /// Files in an object store. `folder` keeps what was fetched, up to `cache_bytes`; what is in
    /// it from an earlier time is used again. `runtime` is what blocking callers wait with.
    ///
    /// # Errors
    /// [`ReadError::Io`] where the folder cannot be listed.
    pub fn new(
        objects: Objects,
        folder: Arc<dyn Storage>,
        cache_bytes: u64,
        runtime: Handle,
    ) -> Result<Self, ReadError> {
        let mut files = Cache::new(cache_bytes);
        let failed = |source| ReadError::Io {
            path: folder.path("").display().to_string(),
            offset: 0,
            source: Arc::new(source),
        };
        let mut names = folder.list().map_err(failed)?;
        names.sort_unstable();
        for name in names.iter().filter(|name| name.ends_with(".parquet")) {
            let bytes = folder.open(name, false).and_then(|file| file.size()).map_err(failed)?;
            for (gone, ()) in files.insert(name.clone(), (), bytes) {
                drop(folder.remove(&gone));
            }
        }
        for name in names.iter().filter(|name| name.ends_with(folder::UNFINISHED)) {
            folder.remove(name).map_err(failed)?;
        }
        let state = Arc::new(Mutex::new(State { files, held: HashMap::new() }));
        Ok(Self { objects, runtime, folder, state })
    }

    /// Two files have one name only if they are the same.
    fn cached_name(file: &SealedFile) -> String {
        format!("{}.parquet", file.blake3)
    }

    /// How a file is named in messages.
    pub(super) fn name_of(&self, path: &str) -> String {
        format!("{} {}", self.objects.name, self.objects.key(path))
    }

    /// Opens a file that is held, or in the cache.
    pub(super) fn open(&self, file: &SealedFile) -> Result<Arc<dyn SegmentFile>, ReadError> {
        match self.cached(file) {
            Some(cached) => Ok(cached.0.clone()),
            None => Err(self
                .objects
                .says(format!("was not asked for {} yet", self.objects.key(&file.path)))),
        }
    }

    fn cached(&self, file: &SealedFile) -> Option<Arc<CachedFile>> {
        let name = Self::cached_name(file);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = state.held.get(&name).and_then(Weak::upgrade) {
            state.files.get(&name);
            return Some(held);
        }
        state.files.get(&name)?;
        let opened = self.folder.open(&name, false).ok().filter(|opened| {
            // Cut short by a crash, or by hand.
            opened.size().is_ok_and(|size| size == file.bytes)
        });
        let Some(opened) = opened else {
            state.files.remove(&name);
            return None;
        };
        let cached = Arc::new(CachedFile(opened));
        state.held.retain(|_, held| held.strong_count() > 0);
        state.held.insert(name, Arc::downgrade(&cached));
        Some(cached)
    }

    /// Drops a file from the cache, because it is damaged there.
    pub(super) fn forget(&self, file: &SealedFile) {
        let name = Self::cached_name(file);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.files.remove(&name);
        state.held.remove(&name);
        drop(self.folder.remove(&name));
    }

    /// A file, from the cache or from the store.
    pub(super) async fn fetch(&self, file: &SealedFile) -> Result<Arc<CachedFile>, ReadError> {
        if let Some(cached) = self.cached(file) {
            return Ok(cached);
        }
        let bytes = self.objects.get(&file.path).await?;
        let (folder, state, file) = (self.folder.clone(), self.state.clone(), file.clone());
        let name = self.name_of(&file.path);
        let kept = tokio::task::spawn_blocking(move || keep(&folder, &state, &file, name, &bytes));
        match kept.await {
            Ok(kept) => kept,
            Err(_) => Err(self.objects.says("was asked while the program ended".to_owned())),
        }
    }

    pub(super) fn fetch_blocking(&self, file: &SealedFile) -> Result<Arc<CachedFile>, ReadError> {
        self.wait(self.fetch(file))
    }

    /// Uploads a file, reads it back, compares it and keeps it in the cache.
    pub(super) fn put(&self, file: &SealedFile, bytes: Bytes) -> Result<(), ReadError> {
        self.wait(self.objects.put(&file.path, bytes))?;
        self.fetch_blocking(file).map(drop)
    }

    pub(super) fn put_record(&self, name: &str, text: Vec<u8>) -> Result<(), ReadError> {
        self.wait(self.objects.put(name, text.into()))
    }

    /// Removes the record's copy, then the files.
    pub(super) fn remove(&self, record: &SealRecord) -> Result<(), WriteFailure> {
        let mut paths = vec![record.name()];
        paths.extend(record.files.iter().map(|file| file.path.clone()));
        for path in paths {
            self.wait(self.objects.remove(&path)).map_err(|error| WriteFailure {
                action: "remove",
                path: self.name_of(&path),
                source: io::Error::other(error),
            })?;
        }
        for file in &record.files {
            self.forget(file);
        }
        Ok(())
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }
}

/// Compares a fetched file with the seal record, and puts it into the cache.
fn keep(
    folder: &Arc<dyn Storage>,
    state: &Mutex<State>,
    file: &SealedFile,
    path: String,
    bytes: &[u8],
) -> Result<Arc<CachedFile>, ReadError> {
    let position = file.row_groups.first().map_or(0, |group| group.first);
    if bytes.len() as u64 != file.bytes || hex(blake3::hash(bytes).as_bytes()) != file.blake3 {
        let what = "hash of the file";
        return Err(ReadError::Corrupt { path, offset: 0, position, what });
    }
    let name = RemoteFiles::cached_name(file);
    let failed = |source| ReadError::Io {
        path: folder.path(&name).display().to_string(),
        offset: 0,
        source: Arc::new(source),
    };
    folder::write(folder, &name, bytes).map_err(|failure| failed(failure.source))?;
    let cached = Arc::new(CachedFile(folder.open(&name, false).map_err(failed)?));
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    state.held.insert(name.clone(), Arc::downgrade(&cached));
    for (gone, ()) in state.files.insert(name, (), file.bytes) {
        // Whoever holds it reads on; a file that stays behind is found at the next start.
        drop(folder.remove(&gone));
    }
    Ok(cached)
}
