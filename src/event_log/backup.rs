//! Copies of a log elsewhere: taken while the platform runs, each run adding what is new, and
//! brought back up to any position or moment.
//!
//! In: a log's folder and a place, which is a folder or a bucket. Out: pieces of segments and a
//! manifest with the hash of each; from these a log that opens and goes on. The layout stands in
//! `docs/log-format.md`.
//!
//! Invariants: what is copied are whole frames that were synced first and whose checksums and
//! links were compared on the way; no file that a manifest names is ever changed, and the
//! manifest is replaced whole after everything it names is durable, so an interrupted backup
//! leaves the one before as it was; a restore writes to a new folder only, and that folder has
//! its name only once everything in it was compared.
//!
//! Deliberately absent: the keys. A backup that held them would undo an erasure; they are kept
//! apart. Nor is there a lock on a bucket: let one backup at a time go to one prefix.

mod folder;
mod manifest;
#[cfg(feature = "s3")]
mod object;
mod restore;
mod take;

use std::io;
use std::path::PathBuf;

use super::head::HeadError;
use super::load::{Damage, OpenError};

pub use folder::FolderPlace;
pub use manifest::{BackupManifest, BackupPiece, BackupSealed, BackupSegment};
#[cfg(feature = "s3")]
pub use object::ObjectPlace;
pub use restore::{RestoreReport, Until, restore};
pub use take::{BackupReport, backup};

/// The manifest's name.
const MANIFEST: &str = "backup.json";
/// What the names of all other files begin with.
const FILES: &str = "log/";

/// Where backups lie. Names are relative, with `/` between folders. Methods block.
pub trait BackupPlace {
    /// The content of a file, from its beginning; nothing where there is no such file.
    ///
    /// # Errors
    /// What the system or the store says.
    fn read<'a>(&'a self, name: &str) -> io::Result<Option<Box<dyn io::Read + 'a>>>;
    /// Puts a file there, over one of the same name: whole and durable when it returns, as it
    /// was when it fails.
    ///
    /// # Errors
    /// What the system or the store says, or the source.
    fn write(&self, name: &str, source: &mut dyn io::Read) -> io::Result<()>;
    /// The names of all files there.
    ///
    /// # Errors
    /// What the system or the store says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Removes a file; one that is gone already is fine.
    ///
    /// # Errors
    /// What the system or the store says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Whether nobody else writes here meanwhile, so that files which no manifest names are
    /// rubbish.
    fn is_held(&self) -> bool;
    /// How a file is named in messages; the place itself where the name is empty.
    fn path(&self, name: &str) -> String;
}

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something else lies there.
    #[error(
        "back up to {place}: it holds {found} and no {MANIFEST}, so it is no backup; choose an empty folder or prefix"
    )]
    NotABackup {
        /// The place.
        place: String,
        /// One of the files there.
        found: String,
    },
    /// A backup of another log lies there.
    #[error(
        "back up to {place}: it holds the log {found}, and this is the log {wanted}; choose another place"
    )]
    AnotherLog {
        /// The place.
        place: String,
        /// The log in the backup, hexadecimal.
        found: String,
        /// The log to back up, hexadecimal.
        wanted: String,
    },
    /// The log is not the one that was backed up, or was cut or restored since.
    #[error(
        "back up to {place}: it holds {events} events, and this log is not the same up to there (from position {position} on, at the latest); choose another place and keep this one"
    )]
    Diverged {
        /// The place.
        place: String,
        /// Events in the backup.
        events: u64,
        /// No later than here the two differ, or the log ends.
        position: u64,
    },
    /// Another process backs up to the same folder.
    #[error("back up to {0}: another backup to it is running")]
    Held(String),
    /// The place refused.
    #[error("{action} {path}{}", told(.source))]
    Place {
        /// `read`, `write` and the like.
        action: &'static str,
        /// The file.
        path: String,
        /// What the system or the store says.
        #[source]
        source: io::Error,
    },
    /// The log cannot be read, or is damaged.
    #[error("back up the log")]
    Log(#[source] OpenError),
    /// No segment.
    #[error("back up the log: there is none in {0}")]
    NoLog(PathBuf),
    /// It cannot be signed.
    #[error("sign the backup")]
    Head(#[source] HeadError),
    /// There is no manifest.
    #[error(
        "restore from {0}: there is no {MANIFEST}, so it is no backup, or none that was finished"
    )]
    NoBackup(String),
    /// The manifest cannot be used.
    #[error("read {path}: {what}")]
    Manifest {
        /// The manifest.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// A file of the backup is not what was written.
    #[error("restore {path}: {what}; the backup is damaged, take another one")]
    BadFile {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Restored bytes are no log.
    #[error("restore: {0}; the backup is damaged, take another one")]
    BadLog(#[source] Damage),
    /// Restoring goes to a new folder only.
    #[error(
        "restore to {folder}: it holds {found}; name an empty folder or one that does not exist"
    )]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// Something in it.
        found: String,
    },
    /// The backup does not go so far.
    #[error("restore up to position {wanted}: the backup ends {}", ends(*.events))]
    TooFar {
        /// The position asked for.
        wanted: u64,
        /// Events in the backup.
        events: u64,
    },
}

fn told(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": the disk is full; make room and start again, the backup before is as it was"
                .to_owned()
        }
        _ => format!(" ({source})"),
    }
}

fn ends(events: u64) -> String {
    match events.checked_sub(1) {
        Some(last) => format!("with position {last}"),
        None => "before the first event".to_owned(),
    }
}

/// The first manifest of a place; nothing where it has none.
fn manifest_of(place: &dyn BackupPlace) -> Result<Option<BackupManifest>, BackupError> {
    let path = || place.path(MANIFEST);
    let failed = |source| BackupError::Place { action: "read", path: path(), source };
    let Some(mut file) = place.read(MANIFEST).map_err(failed)? else { return Ok(None) };
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    let manifest = BackupManifest::from_json(&text)
        .map_err(|what| BackupError::Manifest { path: path(), what })?;
    Ok(Some(manifest))
}

impl BackupManifest {
    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// [`BackupError::NoBackup`], [`BackupError::Manifest`], or what the place says.
    pub fn of(place: &dyn BackupPlace) -> Result<Self, BackupError> {
        manifest_of(place)?.ok_or_else(|| BackupError::NoBackup(place.path("")))
    }
}

#[cfg(test)]
mod tests;
