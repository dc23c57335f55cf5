//! A disk in memory that loses what was not synced, piece by piece, and fails on demand.
//!
//! What it is as unkind as: a crash keeps any subset of the 512-byte pieces written since the
//! last sync, and may tear a piece; a name that was not synced may be gone; a sync that fails
//! keeps some pieces and forgets the others, which still read as if they were there and are
//! not tried again by the next sync (the page cache after a failed fsync on ext4 and XFS).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::base::Rng;
use crate::event_log::{SegmentFile, Storage};

const SECTOR: usize = 512;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing is written, EIO.
    WriteError,
    /// No file can grow any more, ENOSPC, until the fault is cleared.
    Full,
    /// A part is written, which is no error.
    ShortWrite,
    /// A part is written, then EIO.
    TornWrite,
    /// EIO; see the module.
    SyncError,
    /// The machine stops.
    Crash,
}

enum Change {
    Write(usize, Vec<u8>),
    Size(usize),
}

#[derive(Default)]
struct Stored {
    /// What a read gives.
    cache: Vec<u8>,
    /// What a crash leaves.
    durable: Vec<u8>,
    is_named: bool,
    pending: Vec<Change>,
}

/// A change of names that a crash may take back.
enum Undo {
    Rename { from: String, to: String, replaced: Option<Stored> },
    Remove { name: String, file: Stored },
}

struct State {
    files: BTreeMap<String, Stored>,
    /// What files without a name any more have for those who opened them before.
    removed: BTreeMap<String, Vec<u8>>,
    /// Since the directory was synced, oldest first.
    undo: Vec<Undo>,
    rng: Rng,
    /// Descriptors from before a crash are dead.
    epoch: u64,
    /// What goes wrong, after how many writes and syncs to which it applies.
    armed: Option<(Fault, u64)>,
    /// Errors do not strike the mark and files in folders of the log; a crash always may.
    spares_folders: bool,
    operations: u64,
}

/// A folder of the disk. Clones are the same disk.
#[derive(Clone)]
pub(super) struct Disk {
    state: Arc<Mutex<State>>,
    /// What every name of this folder begins with.
    prefix: String,
    /// Since which crash it is held; whoever held it before can do nothing more. None outlives
    /// them all.
    epoch: Option<u64>,
}

struct Handle {
    disk: Disk,
    name: String,
    epoch: u64,
}

impl Disk {
    pub(super) fn new(seed: u64) -> Self {
        let state = Arc::new(Mutex::new(State {
            files: BTreeMap::new(),
            removed: BTreeMap::new(),
            undo: Vec::new(),
            rng: Rng::from_seed(seed),
            epoch: 0,
            armed: None,
            spares_folders: false,
            operations: 0,
        }));
        Self { state, prefix: String::new(), epoch: None }
    }

    pub(super) fn arm(&self, fault: Fault, after: u64) {
        self.state().armed = Some((fault, after));
    }

    /// Whether errors strike the mark and the files of the index and of sealed parts as well.
    pub(super) fn strike_folders(&self, strike: bool) {
        self.state().spares_folders = !strike;
    }

    /// How often the machine stopped.
    pub(super) fn crashes(&self) -> u64 {
        self.state().epoch
    }

    /// Nothing goes wrong any more. Tells whether something would have.
    pub(super) fn disarm(&self) -> bool {
        self.state().armed.take().is_some()
    }

    /// Stops the machine and starts it again.
    pub(super) fn crash(&self) {
        self.state().crash();
    }

    /// The disk as a program sees it that starts now: gone for it with the next crash.
    pub(super) fn started(&self) -> Self {
        Self { epoch: Some(self.state().epoch), ..self.clone() }
    }

    /// The state, unless the machine stopped since.
    fn running(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state();
        if self.epoch.is_some_and(|epoch| epoch != state.epoch) {
            return Err(gone());
        }
        Ok(state)
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while the disk is held")
    }
}

impl State {
    /// The fault that strikes now, of those that this operation can have.
    fn fault(&mut self, name: &str, possible: &[Fault]) -> Option<Fault> {
        self.operations += 1;
        let (fault, after) = self.armed?;
        let is_beside = name.contains('/') || name == crate::event_log::mark::MARK;
        let is_spared = self.spares_folders && fault != Fault::Crash && is_beside;
        if is_spared || !possible.contains(&fault) {
            return None;
        }
        if after > 0 {
            self.armed = Some((fault, after - 1));
            return None;
        }
        if fault != Fault::Full {
            self.armed = None;
        }
        Some(fault)
    }

    fn crash(&mut self) {
        self.epoch += 1;
        self.removed.clear();
        let undone = self.rng.below(self.undo.len() as u64 + 1);
        for _ in 0..undone {
            match self.undo.pop() {
                Some(Undo::Rename { from, to, replaced }) => {
                    if let Some(file) = self.files.remove(&to) {
                        self.files.insert(from, file);
                    }
                    if let Some(file) = replaced {
                        self.files.insert(to, file);
                    }
                }
                Some(Undo::Remove { name, file }) => {
                    self.files.insert(name, file);
                }
                None => {}
            }
        }
        self.undo.clear();
        let Self { files, rng, .. } = self;
        files.retain(|_, file| file.is_named || rng.below(2) == 0);
        for file in files.values_mut() {
            file.is_named = true;
            for change in std::mem::take(&mut file.pending) {
                match change {
                    Change::Write(at, bytes) => {
                        let len = match rng.below(4) {
                            0 => 0,
                            1 => usize::try_from(rng.below(bytes.len() as u64)).expect("a sector"),
                            _ => bytes.len(),
                        };
                        put(&mut file.durable, at, &bytes[..len]);
                    }
                    Change::Size(size) if rng.below(2) == 0 => file.durable.resize(size, 0),
                    Change::Size(_) => {}
                }
            }
            file.cache.clone_from(&file.durable);
        }
    }
}

fn put(to: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if !bytes.is_empty() {
        let end = at + bytes.len();
        if to.len() < end {
            to.resize(end, 0);
        }
        to[at..end].copy_from_slice(bytes);
    }
}

fn gone() -> io::Error {
    io::Error::other("the machine stopped")
}

impl Stored {
    fn write(&mut self, at: usize, bytes: &[u8]) {
        put(&mut self.cache, at, bytes);
        let mut from = 0;
        while from < bytes.len() {
            let len = (SECTOR - (at + from) % SECTOR).min(bytes.len() - from);
            self.pending.push(Change::Write(at + from, bytes[from..from + len].to_vec()));
            from += len;
        }
    }

    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            match change {
                Change::Write(at, bytes) => put(&mut self.durable, at, &bytes),
                Change::Size(size) => self.durable.resize(size, 0),
            }
        }
        assert!(self.durable.len() <= self.cache.len());
    }

    /// Contents are lost at random; sizes go through the journal and are kept for later.
    fn fail_sync(&mut self, rng: &mut Rng) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write(at, bytes) if rng.below(2) == 0 => put(&mut self.durable, at, &bytes),
                Change::Write(..) => {}
                Change::Size(size) => self.pending.push(Change::Size(size)),
            }
        }
    }
}

impl Handle {
    fn with<T>(&self, work: impl FnOnce(&mut State, &str) -> io::Result<T>) -> io::Result<T> {
        let mut state = self.disk.state();
        if state.epoch != self.epoch || !state.files.contains_key(&self.name) {
            return Err(gone());
        }
        work(&mut state, &self.name)
    }

    /// Reads of the contents, also where the name is gone.
    fn look<T>(&self, work: impl FnOnce(&[u8]) -> T) -> io::Result<T> {
        let state = self.disk.state();
        if state.epoch != self.epoch {
            return Err(gone());
        }
        let there = state.files.get(&self.name).map(|file| &file.cache);
        let bytes = there.or_else(|| state.removed.get(&self.name)).ok_or_else(gone)?;
        Ok(work(bytes))
    }
}

fn file<'a>(files: &'a mut BTreeMap<String, Stored>, name: &str) -> io::Result<&'a mut Stored> {
    files.get_mut(name).ok_or_else(gone)
}

impl SegmentFile for Handle {
    fn size(&self) -> io::Result<u64> {
        self.look(|bytes| bytes.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.look(|bytes| {
            let rest = bytes.get(usize::try_from(offset).expect("small")..).unwrap_or_default();
            let len = rest.len().min(buffer.len());
            buffer[..len].copy_from_slice(&rest[..len]);
            len
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        use Fault::{Crash, Full, ShortWrite, TornWrite, WriteError};
        let at = usize::try_from(offset).expect("small");
        self.with(|state, name| {
            let fault = state.fault(name, &[WriteError, Full, ShortWrite, TornWrite, Crash]);
            let part = usize::try_from(state.rng.below(bytes.len() as u64)).expect("small");
            let file = file(&mut state.files, name)?;
            let grows = at + bytes.len() > file.cache.len();
            match fault.filter(|fault| *fault != Full || grows) {
                None => file.write(at, bytes),
                Some(ShortWrite) => {
                    file.write(at, &bytes[..part.max(1)]);
                    return Ok(part.max(1));
                }
                Some(TornWrite) => {
                    file.write(at, &bytes[..part]);
                    return Err(io::Error::from_raw_os_error(5));
                }
                Some(Crash) => {
                    file.write(at, &bytes[..part]);
                    state.crash();
                    return Err(gone());
                }
                Some(Full) => return Err(io::Error::from_raw_os_error(28)),
                Some(_) => return Err(io::Error::from_raw_os_error(5)),
            }
            Ok(bytes.len())
        })
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).expect("small");
        self.with(|state, name| {
            if state.fault(name, &[Fault::Crash]).is_some() {
                state.crash();
                return Err(gone());
            }
            let file = file(&mut state.files, name)?;
            file.cache.resize(size, 0);
            file.pending.push(Change::Size(size));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|state, name| {
            let fault = state.fault(name, &[Fault::SyncError, Fault::Crash]);
            let State { files, rng, .. } = state;
            let file = file(files, name)?;
            match fault {
                None => file.sync(),
                Some(Fault::SyncError) => {
                    file.fail_sync(rng);
                    return Err(io::Error::from_raw_os_error(5));
                }
                Some(_) => {
                    state.crash();
                    return Err(gone());
                }
            }
            Ok(())
        })
    }
}

impl Storage for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.running()?;
        let paths = state.files.keys().filter_map(|name| name.strip_prefix(&self.prefix));
        let names: BTreeSet<_> = paths.filter_map(|path| path.split('/').next()).collect();
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn open(&self, name: &str, _write: bool) -> io::Result<Arc<dyn SegmentFile>> {
        let state = self.running()?;
        let name = self.name(name);
        if !state.files.contains_key(&name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(Arc::new(Handle { disk: self.clone(), name, epoch: state.epoch }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let mut state = self.running()?;
        let name = self.name(name);
        if state.files.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.files.insert(name.clone(), Stored::default());
        Ok(Arc::new(Handle { disk: self.clone(), name, epoch: state.epoch }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.running()?;
        if state.fault("", &[Fault::Crash]).is_some() {
            state.crash();
            return Err(gone());
        }
        let (from, to) = (self.name(from), self.name(to));
        let file = state.files.remove(&from).ok_or(io::ErrorKind::NotFound)?;
        let replaced = state.files.insert(to.clone(), file);
        state.undo.push(Undo::Rename { from, to, replaced });
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.running()?;
        if state.fault("", &[Fault::Crash]).is_some() {
            state.crash();
            return Err(gone());
        }
        let name = self.name(name);
        let file = state.files.remove(&name).ok_or(io::ErrorKind::NotFound)?;
        state.removed.insert(name.clone(), file.cache.clone());
        state.undo.push(Undo::Remove { name, file });
        Ok(())
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>> {
        let prefix = format!("{}{name}/", self.prefix);
        Ok(Arc::new(Self { state: self.state.clone(), prefix, epoch: self.epoch }))
    }

    fn sync_directory(&self) -> io::Result<()> {
        let mut state = self.running()?;
        if state.fault("", &[Fault::Crash]).is_some() {
            state.crash();
            return Err(gone());
        }
        state.undo.clear();
        for file in state.files.values_mut() {
            file.is_named = true;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from("/disk").join(self.name(name))
    }
}
