//! Files of an object store, with a cache of whole files on the local disk.
//!
//! In: files to keep, written in memory first. Out: files that can be read like local ones.
//! Invariants: a file is fetched once, however many ask for it at the same time; while the store
//! does not answer, most who ask are told at once. What is in the cache is not believed by
//! whoever reads it: it may be dropped, and is then fetched anew.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Runtime;

use super::objects::Objects;
use crate::event_log::sealed::Cache;
use crate::event_log::storage::{SegmentFile, Storage, StoreUnavailable, write_full};

/// For so long after a failure, what is not in the cache is not asked for.
const REST: Duration = Duration::from_secs(5);
/// What the name of a file in the cache ends with until it is whole.
const UNFINISHED: &str = ".tmp";

/// Files below a prefix of a bucket.
pub(super) struct RemoteFiles {
    objects: Objects,
    /// None once it ends.
    runtime: Option<Runtime>,
    folder: Option<Arc<dyn Storage>>,
    state: Mutex<State>,
    is_down: Arc<AtomicBool>,
}

struct State {
    /// What lies in the cache's folder, by its name there.
    cached: Cache<String, ()>,
    /// Files that somebody has open, whether they still lie there or not.
    open: HashMap<String, Weak<Held>>,
    /// The one that was fetched last and could not be written to the folder.
    unkept: Option<Arc<Held>>,
    /// Who fetches a file holds its gate.
    gates: HashMap<String, Arc<Mutex<()>>>,
    /// Files that are being written.
    begun: HashMap<String, Arc<Unfinished>>,
}

impl RemoteFiles {
    /// What lies in the folder from an earlier time is used again.
    pub(super) fn new(
        objects: Objects,
        folder: Option<Arc<dyn Storage>>,
        cache_bytes: u64,
    ) -> io::Result<Self> {
        let mut cached = Cache::new(cache_bytes);
        if let Some(folder) = &folder {
            let mut names = folder.list().unwrap_or_default();
            names.sort_unstable();
            for name in names.into_iter().filter(|name| !name.ends_with(UNFINISHED)) {
                let Ok(bytes) = folder.open(&name, false).and_then(|file| file.size()) else {
                    continue;
                };
                for (gone, ()) in cached.insert(name, (), bytes) {
                    drop(folder.remove(&gone));
                }
            }
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("event-log-store")
            .enable_all()
            .build()?;
        let state = State {
            cached,
            open: HashMap::new(),
            unkept: None,
            gates: HashMap::new(),
            begun: HashMap::new(),
        };
        Ok(Self {
            objects,
            runtime: Some(runtime),
            folder,
            state: Mutex::new(state),
            is_down: Arc::default(),
        })
    }

    pub(super) fn place(&self) -> &str {
        &self.objects.place
    }

    /// How a file is named in messages.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.objects.place)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the store on a thread of its own, so that it does not matter which one asks.
    fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreUnavailable>> + Send + 'static,
    ) -> io::Result<T> {
        let ended = || io::Error::other(self.objects.says("was left alone".to_owned(), false));
        let runtime = self.runtime.as_ref().ok_or_else(ended)?;
        let (answer, answered) = mpsc::sync_channel(1);
        runtime.spawn(async move { drop(answer.send(work.await)) });
        let answer = answered.recv().map_err(|_| ended())?;
        let is_down = answer.as_ref().is_err_and(|error| error.is_down);
        let was_down = self.is_down.swap(is_down, Ordering::Relaxed);
        if is_down && !was_down {
            let is_down = self.is_down.clone();
            runtime.spawn(async move {
                tokio::time::sleep(REST).await;
                is_down.store(false, Ordering::Relaxed);
            });
        }
        answer.map_err(io::Error::other)
    }

    /// Stores a whole file.
    pub(super) fn put(&self, path: &str, bytes: Bytes) -> io::Result<()> {
        let (objects, path) = (self.objects.clone(), path.to_owned());
        self.wait(async move { objects.put(&path, bytes).await })
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &str) -> io::Result<()> {
        let was_begun = self.state().begun.remove(path).is_some();
        if was_begun || path.ends_with(UNFINISHED) {
            return Ok(());
        }
        self.forget(path);
        let (objects, path) = (self.objects.clone(), path.to_owned());
        self.wait(async move { objects.remove(&path).await })
    }

    /// A new file, which is in memory until it is finished.
    pub(super) fn begin(&self, path: &str) -> Arc<dyn SegmentFile> {
        let file = Arc::new(Unfinished::default());
        self.state().begun.insert(path.to_owned(), file.clone());
        file
    }

    /// Stores a file that was begun, under its final name.
    pub(super) fn finish(&self, from: &str, to: &str) -> io::Result<()> {
        let begun = self.state().begun.remove(from).ok_or(io::ErrorKind::NotFound)?;
        let bytes = Bytes::from(std::mem::take(&mut *begun.bytes()));
        self.put(to, bytes.clone())?;
        // It is read back soon, to prove that it is whole.
        self.keep(to, bytes);
        Ok(())
    }

    /// Opens a file; fetches it where it is not here.
    pub(super) fn open(&self, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let name = cached_name(path);
        if let Some(file) = self.cached(&name) {
            return Ok(file);
        }
        let gate = self.state().gates.entry(name.clone()).or_default().clone();
        let one = gate.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.cached(&name) {
            return Ok(file);
        }
        let fetched = self.fetch(path).map(|bytes| self.keep(path, bytes));
        self.state().gates.remove(&name);
        drop(one);
        Ok(fetched?)
    }

    fn fetch(&self, path: &str) -> io::Result<Bytes> {
        if self.is_down.load(Ordering::Relaxed) {
            let key = self.objects.key(path);
            let what = format!("cannot read {key}: it did not answer a moment ago");
            return Err(io::Error::other(self.objects.says(what, true)));
        }
        let (objects, path) = (self.objects.clone(), path.to_owned());
        self.wait(async move { objects.get(&path).await })
    }

    fn cached(&self, name: &str) -> Option<Arc<Held>> {
        let mut state = self.state();
        if let Some(held) = state.open.get(name).and_then(Weak::upgrade) {
            state.cached.get(&name.to_owned());
            return Some(held);
        }
        state.cached.get(&name.to_owned())?;
        let Some(Ok(file)) = self.folder.as_ref().map(|folder| folder.open(name, false)) else {
            state.cached.remove(&name.to_owned());
            return None;
        };
        let held = Arc::new(Held(Content::File(file)));
        state.enter(name, &held);
        Some(held)
    }

    /// Puts a file into the cache's folder; where that cannot be, it is kept for a while.
    fn keep(&self, path: &str, bytes: Bytes) -> Arc<Held> {
        let name = cached_name(path);
        let len = bytes.len() as u64;
        let written = self.folder.as_ref().and_then(|folder| write(&**folder, &name, &bytes).ok());
        let mut state = self.state();
        let Some(file) = written else {
            let held = Arc::new(Held(Content::Memory(bytes)));
            state.enter(&name, &held);
            state.unkept = Some(held.clone());
            return held;
        };
        let held = Arc::new(Held(Content::File(file)));
        state.enter(&name, &held);
        for (gone, ()) in state.cached.insert(name, (), len) {
            // Whoever has it open reads on.
            drop(self.folder.as_ref().map(|folder| folder.remove(&gone)));
        }
        held
    }

    /// Drops a file from the cache.
    pub(super) fn forget(&self, path: &str) -> bool {
        let name = cached_name(path);
        let mut state = self.state();
        state.unkept = None;
        let was_open = state.open.remove(&name).is_some();
        let was_cached = state.cached.remove(&name).is_some();
        drop(self.folder.as_ref().map(|folder| folder.remove(&name)));
        was_open || was_cached
    }
}

impl Drop for RemoteFiles {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not to be waited for, least of all on a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}

impl State {
    fn enter(&mut self, name: &str, held: &Arc<Held>) {
        self.open.retain(|_, held| held.strong_count() > 0);
        self.open.insert(name.to_owned(), Arc::downgrade(held));
    }
}

fn cached_name(path: &str) -> String {
    path.replace('/', "+")
}

/// Writes a file whole. A crash may leave part of it: its reader compares checksums.
fn write(folder: &dyn Storage, name: &str, bytes: &[u8]) -> io::Result<Arc<dyn SegmentFile>> {
    // Two processes may fetch the same file.
    let unfinished = format!("{name}.{}{UNFINISHED}", std::process::id());
    drop(folder.remove(&unfinished));
    let written = folder
        .create(&unfinished)
        .and_then(|file| write_full(&*file, bytes, 0))
        .and_then(|()| folder.rename(&unfinished, name))
        .and_then(|()| folder.open(name, false));
    if written.is_err() {
        drop(folder.remove(&unfinished));
    }
    written
}

/// A file that was fetched.
struct Held(Content);

enum Content {
    File(Arc<dyn SegmentFile>),
    Memory(Bytes),
}

impl SegmentFile for Held {
    fn size(&self) -> io::Result<u64> {
        match &self.0 {
            Content::File(file) => file.size(),
            Content::Memory(bytes) => Ok(bytes.len() as u64),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &self.0 {
            Content::File(file) => file.read_at(buffer, offset),
            Content::Memory(bytes) => Ok(copy(bytes, buffer, offset)),
        }
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_size(&self, _size: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// A file that is being written.
#[derive(Default)]
struct Unfinished(Mutex<Vec<u8>>);

impl Unfinished {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SegmentFile for Unfinished {
    fn size(&self) -> io::Result<u64> {
        Ok(self.bytes().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        Ok(copy(&self.bytes(), buffer, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut content = self.bytes();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(|_| io::ErrorKind::FileTooLarge)?;
        self.bytes().resize(size, 0);
        Ok(())
    }

    /// Durable is what was finished.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Copies what there is from an offset on; says how much.
fn copy(bytes: &[u8], buffer: &mut [u8], offset: u64) -> usize {
    let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..));
    let count = rest.map_or(0, <[u8]>::len).min(buffer.len());
    if let (Some(from), Some(to)) =
        (rest.and_then(|rest| rest.get(..count)), buffer.get_mut(..count))
    {
        to.copy_from_slice(from);
    }
    count
}
