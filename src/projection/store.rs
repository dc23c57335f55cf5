//! Views on disk: one Parquet file for each window, and a manifest for each view.
//!
//! In: rows by window. Out: files below `projections/`, and what the manifest names. Invariants:
//! what the manifest names is complete, because files are written beside, synced, renamed, and
//! named only then; a file that is named never changes, because its name carries position and
//! definition; so a kill at any moment leaves the view as it was, with files nobody names, which
//! the next refresh removes. One process writes at a time; a second one waits. Files of the
//! manifest before stay until the next change, for whoever is reading them. Deliberately absent:
//! knowing what is in the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use super::view::View;

const MANIFEST: &str = "manifest.json";
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
    /// A Parquet file cannot be written or read.
    #[error("{action} {path}: {source}; `ledgerline projections rebuild` makes it again")]
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

fn parquet_error<E>(action: &'static str, path: &Path) -> impl FnOnce(E) -> StoreError
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    move |source| StoreError::Parquet { action, path: path.to_owned(), source: source.into() }
}

/// What is stored of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The view.
    pub(crate) view: String,
    /// SHA-256 of what it was made by.
    pub(crate) definition: String,
    /// The last log position that is in it; nothing where the log was empty.
    pub(crate) position: Option<u64>,
    /// The event at that position, to notice another log.
    pub(crate) event_id: Option<String>,
    /// By the window's start. Units: µs.
    pub(crate) windows: BTreeMap<i64, WindowFile>,
    /// Files of the manifest before this one.
    pub(crate) previous: BTreeSet<String>,
}

/// One stored window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WindowFile {
    /// The window, such as `2026-11-21T09`.
    pub(crate) window: String,
    /// The file beside the manifest.
    pub(crate) file: String,
    /// Rows in it.
    pub(crate) rows: u64,
    /// Bytes in it.
    pub(crate) bytes: u64,
}

/// Where views are stored.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store below a data folder.
    pub(crate) fn below(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("projections") }
    }

    /// The folder of one view.
    pub(crate) fn folder(&self, view: &View) -> PathBuf {
        self.folder.join(view.layer.as_str()).join(&view.name)
    }

    /// The file of one window.
    pub(crate) fn path(&self, view: &View, file: &WindowFile) -> PathBuf {
        self.folder(view).join(&file.file)
    }

    /// Takes the right to write, waiting for another process where there is one; closing the
    /// file gives it back. Nothing where the folder cannot be written.
    pub(crate) async fn lock(&self) -> Result<Option<File>, StoreError> {
        let store = self.clone();
        // It may wait for long, and whoever holds it may need this very thread.
        let locked = tokio::task::spawn_blocking(move || store.lock_blocking()).await;
        locked.unwrap_or_else(|error| {
            Err(StoreError::Io {
                action: "lock",
                path: self.folder.clone(),
                source: io::Error::other(error),
            })
        })
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

    /// What is stored of a view; nothing where it never was.
    pub(crate) fn manifest(&self, view: &View) -> Result<Option<Manifest>, StoreError> {
        let path = self.folder(view).join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        let manifest = serde_json::from_slice(&text);
        manifest.map(Some).map_err(|source| StoreError::Manifest { path, source })
    }

    /// Writes one window beside what is there.
    pub(crate) fn write_window(
        &self,
        view: &View,
        start: i64,
        position: Option<u64>,
        rows: &RecordBatch,
    ) -> Result<WindowFile, StoreError> {
        let window = view.width.label(start);
        let position = position.map_or_else(|| "none".to_owned(), |at| at.to_string());
        let short: String = view.definition.chars().take(8).collect();
        // A colon would not do in a file name everywhere, and the label has none.
        let name = format!("{window}-{position}-{short}.parquet");
        let mut bytes = Vec::new();
        let path = self.folder(view).join(&name);
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None)
            .map_err(parquet_error("write", &path))?;
        writer.write(rows).map_err(parquet_error("write", &path))?;
        writer.close().map_err(parquet_error("write", &path))?;
        self.replace(view, &name, &bytes)?;
        let count = u64::try_from(rows.num_rows()).unwrap_or(u64::MAX);
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Ok(WindowFile { window, file: name, rows: count, bytes: size })
    }

    /// Makes a manifest the one that counts, and removes files nobody needs.
    pub(crate) fn commit(&self, view: &View, manifest: &Manifest) -> Result<(), StoreError> {
        let path = self.folder(view).join(MANIFEST);
        let text = serde_json::to_vec_pretty(manifest)
            .map_err(|source| StoreError::Manifest { path, source })?;
        self.replace(view, MANIFEST, &text)?;
        self.remove_strays(view, manifest);
        Ok(())
    }

    /// Beside, synced, renamed, the folder synced.
    fn replace(&self, view: &View, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = self.folder(view);
        std::fs::create_dir_all(&folder).map_err(io_error("create", &folder))?;
        let path = folder.join(name);
        let beside = folder.join(format!("{name}.tmp"));
        let mut file = File::create(&beside).map_err(io_error("create", &beside))?;
        file.write_all(bytes).map_err(io_error("write", &beside))?;
        file.sync_all().map_err(io_error("sync", &beside))?;
        std::fs::rename(&beside, &path).map_err(io_error("rename", &beside))?;
        File::open(&folder).and_then(|it| it.sync_all()).map_err(io_error("sync", &folder))
    }

    /// What cannot be removed now is removed next time.
    fn remove_strays(&self, view: &View, manifest: &Manifest) {
        let named: BTreeSet<&str> =
            manifest.windows.values().map(|window| window.file.as_str()).collect();
        let Ok(entries) = std::fs::read_dir(self.folder(view)) else { return };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_ours = name.ends_with(".parquet") || name.ends_with(".tmp");
            if is_ours && !named.contains(name.as_str()) && !manifest.previous.contains(&name) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    /// The rows of one window.
    pub(crate) fn read_window(
        &self,
        view: &View,
        window: &WindowFile,
    ) -> Result<Vec<RecordBatch>, StoreError> {
        let path = self.path(view, window);
        let file = File::open(&path).map_err(io_error("open", &path))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(parquet_error("read", &path))?
            .build()
            .map_err(parquet_error("read", &path))?;
        reader.collect::<Result<_, _>>().map_err(parquet_error("read", &path))
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

fn is_read_only(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}
