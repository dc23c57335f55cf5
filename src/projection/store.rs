//! Views on disk: Parquet files in a folder for each definition, and a manifest for each view.
//!
//! In: rows by window. Out: files below `projections/`, and what the manifest names. Invariants:
//! what the manifest names is complete, because files are written beside, renamed, and named only
//! then; nothing is synced, as the log has everything: what a power cut takes away is found by
//! its hash at the next look and made again; a file's name carries the hash of what is in it, so one that is named never
//! changes; so a kill at any moment leaves the view as it was, with files nobody names, which
//! the next change removes. A definition that is still being built has a manifest of its own in
//! its folder, and takes over by one rename. One process writes at a time; a second one waits.
//! Files of the last dozen manifests stay, for whoever is reading them.
//! Deliberately absent: knowing what is in the rows.

mod file;
mod manifest;
mod mirror;
#[cfg(test)]
pub(crate) mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use datafusion::arrow::record_batch::RecordBatch;

pub(crate) use self::file::{Encoded, decode, encode};
pub(crate) use self::manifest::{Manifest, StoredColumn, StoredFile, StoredWindow};
pub(crate) use self::mirror::Copies;
#[cfg(feature = "s3")]
pub(crate) use self::mirror::{Mirror, Passed};
use super::view::View;
use crate::base::Timestamp;

const MANIFEST: &str = "manifest.json";
const SHADOW: &str = "shadow.json";
const LAST_ERROR: &str = "last_error";

/// A view cannot be stored or read back.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk failed.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A manifest is no manifest.
    #[error("read {path}: {source}; `ledgerline projections rebuild` makes it again")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// A manifest of a program that is not written yet.
    #[error("read {path}: its format {format} is not known here; use the newer program")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it says.
        format: u32,
    },
    /// A Parquet file cannot be written or read.
    #[error("{action} {path}: {source}; the next refresh sets it aside and makes it again")]
    Parquet {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { action, path: path.to_owned(), source }
}

/// Files whose content was compared with their hash: size and time of change at that moment.
type Compared = Arc<Mutex<BTreeMap<PathBuf, (u64, SystemTime)>>>;

/// Where views are stored.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
    compared: Compared,
    /// When each view was refreshed last by this process.
    refreshed: Arc<Mutex<BTreeMap<String, Timestamp>>>,
    /// How far the copies in an object store are.
    copies: Copies,
    #[cfg(test)]
    steps: steps::Steps,
}

impl Store {
    /// The store below a data folder.
    pub(crate) fn below(data_dir: &Path) -> Self {
        Self {
            folder: data_dir.join("projections"),
            compared: Compared::default(),
            refreshed: Arc::default(),
            copies: Copies::default(),
            #[cfg(test)]
            steps: steps::Steps::default(),
        }
    }

    /// A store that is killed at a step.
    #[cfg(test)]
    pub(crate) fn with_steps(data_dir: &Path, steps: steps::Steps) -> Self {
        Self { steps, ..Self::below(data_dir) }
    }

    /// What a test may let fail, or change, before it is done.
    #[cfg(test)]
    fn step(&self, action: &'static str, path: &Path) -> Result<(), StoreError> {
        self.steps.pass(action, path).map_err(io_error(action, path))
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests let a step fail")]
    const fn step(&self, _: &'static str, _: &Path) -> Result<(), StoreError> {
        Ok(())
    }

    /// The folder of one view.
    pub(crate) fn folder(&self, view: &View) -> PathBuf {
        self.folder.join(view.layer.as_str()).join(&view.name)
    }

    /// A file that a manifest names.
    pub(crate) fn path(&self, view: &View, file: &StoredFile) -> PathBuf {
        self.folder(view).join(&file.file)
    }

    /// Takes the right to write, waiting for another process where there is one; closing the
    /// file gives it back. Nothing where the folder cannot be written.
    pub(crate) async fn lock(&self) -> Result<Option<File>, StoreError> {
        let store = self.clone();
        // It may wait for long, and whoever holds it may need this very thread.
        let locked = tokio::task::spawn_blocking(move || store.lock_blocking()).await;
        locked.unwrap_or_else(|error| Err(io_error("lock", &self.folder)(io::Error::other(error))))
    }

    fn lock_blocking(&self) -> Result<Option<File>, StoreError> {
        let path = self.folder.join("lock");
        let opened = std::fs::create_dir_all(&self.folder).and_then(|()| File::create(&path));
        let file = match opened {
            Ok(file) => file,
            Err(error) if is_read_only(&error) => return Ok(None),
            Err(error) => return Err(io_error("create", &path)(error)),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => file.lock().map_err(io_error("lock", &path))?,
            Err(TryLockError::Error(error)) => return Err(io_error("lock", &path)(error)),
        }
        Ok(Some(file))
    }

    /// What is served of a view; nothing where it never was made.
    pub(crate) fn manifest(&self, view: &View) -> Result<Option<Manifest>, StoreError> {
        manifest::read(&self.folder(view).join(MANIFEST))
    }

    /// The positions that a view, and a definition of it that is being built, stand at.
    pub(crate) fn positions(&self, view: &View) -> Vec<u64> {
        let served = self.manifest(view).ok().flatten();
        let stored = served.into_iter().chain(self.shadow(view));
        stored.filter_map(|manifest| manifest.position).collect()
    }

    /// What there is of a definition that is being built; nothing where there is none.
    pub(crate) fn shadow(&self, view: &View) -> Option<Manifest> {
        // One that cannot be read is as good as none: the log has everything.
        manifest::read(&self.folder(view).join(version(view)).join(SHADOW)).ok().flatten()
    }

    /// Writes rows as one file beside what is there.
    pub(crate) fn write(
        &self,
        view: &View,
        label: &str,
        rows: &RecordBatch,
    ) -> Result<(String, Encoded), StoreError> {
        let folder = self.folder(view).join(version(view));
        let encoded = encode(rows).map_err(|source| StoreError::Parquet {
            action: "write",
            path: folder.join(label),
            source: Box::new(source),
        })?;
        let name = encoded.name(label);
        self.replace(&folder, &name, &encoded.bytes)?;
        let path = folder.join(&name);
        if let Some(stamp) = stamp(&path) {
            self.compared().insert(path, stamp);
        }
        Ok((format!("{}/{name}", version(view)), encoded))
    }

    /// Makes a manifest the one that is served, and removes files nobody needs.
    pub(crate) fn commit(&self, view: &View, manifest: &Manifest) -> Result<(), StoreError> {
        let folder = self.folder(view);
        let text = manifest.text(&folder.join(MANIFEST))?;
        self.replace(&folder, MANIFEST, &text)?;
        self.remove_strays(view, manifest);
        Ok(())
    }

    /// Keeps what there is of a definition that is being built.
    pub(crate) fn keep_shadow(&self, view: &View, manifest: &Manifest) -> Result<(), StoreError> {
        let folder = self.folder(view).join(version(view));
        let text = manifest.text(&folder.join(SHADOW))?;
        self.replace(&folder, SHADOW, &text)
    }

    /// Written beside, then renamed, so that a kill leaves the old file or the new one. Not
    /// synced: what a power cut takes is found by its hash, and made again from the log.
    fn replace(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        std::fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        let path = folder.join(name);
        let beside = folder.join(format!("{name}.tmp"));
        self.step("create", &beside)?;
        let mut file = File::create(&beside).map_err(io_error("create", &beside))?;
        let (half, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(half).map_err(io_error("write", &beside))?;
        self.step("write", &beside)?;
        file.write_all(rest).map_err(io_error("write", &beside))?;
        self.step("rename", &beside)?;
        std::fs::rename(&beside, &path).map_err(io_error("rename", &beside))
    }

    /// What cannot be removed now is removed next time.
    fn remove_strays(&self, view: &View, manifest: &Manifest) {
        let folder = self.folder(view);
        let mut named: BTreeSet<&str> =
            manifest.files.values().map(|file| file.file.as_str()).collect();
        named.extend(manifest.previous.iter().flatten().map(String::as_str));
        self.remove_below(&folder, "", &named);
        for name in names(&folder) {
            if folder.join(&name).is_dir() {
                self.remove_below(&folder.join(&name), &format!("{name}/"), &named);
                // Only an empty one goes.
                drop(std::fs::remove_dir(folder.join(&name)));
            }
        }
    }

    fn remove_below(&self, folder: &Path, prefix: &str, named: &BTreeSet<&str>) {
        for name in names(folder) {
            let is_ours = [".parquet", ".tmp"].iter().any(|end| name.ends_with(end))
                || (!prefix.is_empty() && name == SHADOW);
            let path = folder.join(&name);
            if is_ours && !named.contains(format!("{prefix}{name}").as_str()) {
                if self.step("remove", &path).is_ok() {
                    drop(std::fs::remove_file(&path));
                }
                self.compared().remove(&path);
            }
        }
    }

    fn compared(&self) -> std::sync::MutexGuard<'_, BTreeMap<PathBuf, (u64, SystemTime)>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows of one file.
    pub(crate) fn read(&self, view: &View, file: &StoredFile) -> Result<RecordBatch, StoreError> {
        let path = self.path(view, file);
        let bytes = std::fs::read(&path).map_err(io_error("open", &path))?;
        decode(bytes).map_err(|source| StoreError::Parquet { action: "read", path, source })
    }

    /// What is wrong with a file that a manifest names; nothing where it is as it was written.
    /// Its content is read once for each time it was changed.
    pub(crate) fn damage(&self, view: &View, file: &StoredFile) -> Option<String> {
        let path = self.path(view, file);
        let Some(stamp) = stamp(&path) else { return Some("it is not there".to_owned()) };
        if self.compared().get(&path) == Some(&stamp) {
            return None;
        }
        let damage = self.compare(view, file);
        if damage.is_none() {
            self.compared().insert(path, stamp);
        }
        damage
    }

    /// The same, with its content read in any case.
    pub(crate) fn compare(&self, view: &View, file: &StoredFile) -> Option<String> {
        let bytes = match std::fs::read(self.path(view, file)) {
            Ok(bytes) => bytes,
            Err(error) => return Some(error.to_string()),
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if length != file.bytes {
            return Some(format!("it has {length} bytes, {} were written", file.bytes));
        }
        let hash = blake3::hash(&bytes).to_hex();
        (hash.as_str() != file.blake3)
            .then(|| "its bytes are not those that were written".to_owned())
    }

    /// Keeps a damaged file for whoever wants to know why, and gives its new place below
    /// `projections/`. The place it stood at may be written again.
    pub(crate) fn set_aside(&self, view: &View, file: &StoredFile) -> Result<String, StoreError> {
        let path = self.path(view, file);
        let name = format!("aside/{}-{}", view.table(), file.file.replace('/', "-"));
        let aside = self.folder.join(&name);
        let folder = self.folder.join("aside");
        std::fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        self.compared().remove(&path);
        self.step("rename", &path)?;
        match std::fs::rename(&path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(name),
            other => other.map(|()| name).map_err(io_error("rename", &path)),
        }
    }

    /// Whether a view wants to be refreshed again.
    pub(crate) fn is_due(&self, view: &View, now: Timestamp) -> bool {
        let refreshed = self.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
        let every = i64::try_from(view.refresh.0.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let last = refreshed.get(&view.table());
        last.is_none_or(|last| now.as_micros().saturating_sub(last.as_micros()) >= every)
    }

    /// Remembers when a view was refreshed.
    pub(crate) fn note_refresh(&self, view: &View, now: Timestamp) {
        let mut refreshed = self.refreshed.lock().unwrap_or_else(PoisonError::into_inner);
        refreshed.insert(view.table(), now);
    }

    /// How far the copies in an object store are.
    pub(crate) const fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Takes over what another process wrote down of them.
    pub(crate) fn look_at_copies(&self) {
        self.copies.look(&self.folder);
    }

    /// Keeps a copy of the views in an object store.
    #[cfg(feature = "s3")]
    pub(crate) fn mirror(&self, objects: crate::event_log::Objects) -> Mirror {
        Mirror::new(&self.folder, objects, self.copies.clone())
    }

    /// Takes the right to write to the object store, where no other process has it: closing the
    /// file gives it back.
    #[cfg(feature = "s3")]
    pub(crate) fn try_lock_mirror(&self) -> Result<Option<File>, StoreError> {
        let path = self.folder.join("store.lock");
        let opened = std::fs::create_dir_all(&self.folder).and_then(|()| File::create(&path));
        let file = opened.map_err(io_error("create", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
        }
    }

    /// The same, waiting for another process where there is one.
    #[cfg(feature = "s3")]
    pub(crate) async fn lock_mirror(&self) -> Result<File, StoreError> {
        let path = self.folder.join("store.lock");
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::create(&path).map_err(io_error("create", &path))?;
            file.lock().map_err(io_error("lock", &path))?;
            Ok(file)
        });
        locked
            .await
            .unwrap_or_else(|error| Err(io_error("lock", &self.folder)(io::Error::other(error))))
    }

    /// Why the last refresh of a view failed; nothing where it did not.
    pub(crate) fn last_error(&self, view: &View) -> Option<String> {
        std::fs::read_to_string(self.folder(view).join(LAST_ERROR)).ok()
    }

    /// Remembers how a refresh went. A note for people: it may get lost.
    pub(crate) fn note_error(&self, view: &View, error: Option<&str>) {
        let path = self.folder(view).join(LAST_ERROR);
        match error {
            Some(error) => {
                drop(std::fs::create_dir_all(self.folder(view)));
                drop(std::fs::write(path, error));
            }
            None => drop(std::fs::remove_file(path)),
        }
    }
}

/// The folder of a definition.
fn version(view: &View) -> String {
    view.definition.chars().take(12).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.len(), metadata.modified().ok()?))
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
