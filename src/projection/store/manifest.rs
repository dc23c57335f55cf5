//! What a manifest says of a view: definition, position, windows, files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{StoreError, io_error};

/// Manifests whose files are kept: at a change every five seconds, those of a minute, which is
/// how long a question may take.
const KEPT: usize = 12;

/// The format written here.
const FORMAT: u32 = 2;

/// What is stored of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of this file's own shape.
    pub(crate) format: u32,
    /// The view.
    pub(crate) view: String,
    /// SHA-256 of what it was made by.
    pub(crate) definition: String,
    /// The SQL file it was made by: it serves on where a newer one is refused.
    pub(crate) text: String,
    /// The columns of its files, for readers of a view that has none yet.
    #[serde(default)]
    pub(crate) columns: Vec<StoredColumn>,
    /// The position this definition was built at.
    pub(crate) since: Option<u64>,
    /// The last log position that is in it; nothing where the log was empty.
    pub(crate) position: Option<u64>,
    /// The event at that position, to notice another log.
    pub(crate) event_id: Option<String>,
    /// Rows of its inputs at that position.
    pub(crate) rows_in: u64,
    /// By the window's number, for a span of time its start in µs.
    pub(crate) windows: BTreeMap<i64, StoredWindow>,
    /// By the first window in each.
    pub(crate) files: BTreeMap<i64, StoredFile>,
    /// Windows that are not computed yet: only while it is being built.
    pub(crate) pending: BTreeSet<i64>,
    /// Files of manifests before this one, the latest first, for whoever is still reading them.
    pub(crate) previous: Vec<BTreeSet<String>>,
    /// What people should know of it.
    pub(crate) note: Option<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredColumn {
    /// Its name.
    pub(crate) name: String,
    /// `int64`, `text`, `moment` (µs, UTC), `bool` or `binary`.
    pub(crate) kind: String,
    /// Its unit; empty where it has none.
    pub(crate) unit: String,
}

/// One window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredWindow {
    /// The position it was computed at last.
    pub(crate) position: Option<u64>,
    /// Rows in it; 0 where it had some and has none now.
    pub(crate) rows: u64,
}

/// One stored file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredFile {
    /// The file below the manifest's folder.
    pub(crate) file: String,
    /// The last window in it.
    pub(crate) last: i64,
    /// Windows in it.
    pub(crate) windows: usize,
    /// Rows in it.
    pub(crate) rows: u64,
    /// Bytes in it.
    pub(crate) bytes: u64,
    /// Their BLAKE3.
    pub(crate) blake3: String,
}

impl Manifest {
    /// Names of the files.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.files.values().map(|file| file.file.clone()).collect()
    }

    /// What the next manifest keeps for whoever reads this one, or one shortly before it.
    pub(crate) fn readers(&self) -> Vec<BTreeSet<String>> {
        std::iter::once(self.names()).chain(self.previous.iter().cloned()).take(KEPT).collect()
    }

    /// Rows in all files.
    pub(crate) fn rows(&self) -> u64 {
        self.files.values().map(|file| file.rows).sum()
    }

    pub(super) fn text(&self, path: &Path) -> Result<Vec<u8>, StoreError> {
        let manifest = Self { format: FORMAT, ..self.clone() };
        serde_json::to_vec_pretty(&manifest)
            .map_err(|source| StoreError::Manifest { path: path.to_owned(), source })
    }
}

pub(super) fn read(path: &Path) -> Result<Option<Manifest>, StoreError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("read", path)(error)),
    };
    parse(path, &text).map(Some)
}

/// Reads the text of a manifest.
pub(super) fn parse(path: &Path, text: &[u8]) -> Result<Manifest, StoreError> {
    let manifest: Result<Manifest, _> = serde_json::from_slice(text);
    let manifest =
        manifest.map_err(|source| StoreError::Manifest { path: path.to_owned(), source })?;
    if manifest.format != FORMAT {
        let (path, format) = (path.to_owned(), manifest.format);
        return Err(StoreError::Format { path, format });
    }
    Ok(manifest)
}
