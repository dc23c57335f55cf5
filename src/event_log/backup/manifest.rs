//! The manifest: what a backup consists of.
//!
//! Invariant: a manifest of which one byte changed is refused, since it carries its own hash.

use serde::{Deserialize, Serialize};

use crate::base::hex;
use crate::event_log::head::SignedHead;

/// What a manifest calls itself.
const FORMAT: &str = "ledgerline-log-backup-1";

/// What a backup consists of, as `backup.json` says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupManifest {
    /// What this document is, and its version.
    pub format: String,
    /// The version of the program that wrote it.
    pub program: String,
    /// Which log: BLAKE3 of the header of its first segment, hexadecimal.
    pub log: String,
    /// When the backup was finished.
    pub made_at: String,
    /// Events in it.
    pub events: u64,
    /// BLAKE3 of the last frame, hexadecimal.
    pub head_hash: String,
    /// When the last frame was recorded.
    pub recorded_at: String,
    /// The same, signed, where there was a key.
    pub head: Option<SignedHead>,
    /// Sealed parts, in the order of positions.
    pub sealed: Vec<BackupSealed>,
    /// Raw segments behind them, in the order of positions.
    pub segments: Vec<BackupSegment>,
    /// BLAKE3 of this document with nothing in this field, hexadecimal.
    pub blake3: String,
}

/// One sealed part of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSealed {
    /// Position of its first event.
    pub base: u64,
    /// The position after its last event.
    pub end: u64,
    /// BLAKE3 of its last frame, hexadecimal.
    pub last_frame: String,
    /// When its last frame was recorded. Units: microseconds since 1970.
    pub recorded_at: i64,
    /// The raw segments it was made of. Units: bytes.
    pub raw_bytes: u64,
    /// How many they were.
    pub raw_segments: u64,
    /// The seal record.
    pub record: BackupPiece,
    /// The Parquet files.
    pub files: Vec<BackupPiece>,
}

/// One segment of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupSegment {
    /// The name of its file in the log.
    pub name: String,
    /// Position of its first event.
    pub base: u64,
    /// The position after its last event in this backup.
    pub end: u64,
    /// Header and frames in this backup. Units: bytes.
    pub bytes: u64,
    /// BLAKE3 of its last frame, or of its header where it has none, hexadecimal.
    pub last_frame: String,
    /// When its last frame was recorded; without one, that of the segment before. Units:
    /// microseconds since 1970.
    pub recorded_at: i64,
    /// Another segment follows it, so nothing will be added.
    pub is_finished: bool,
    /// What it is put together from, in this order.
    pub pieces: Vec<BackupPiece>,
}

/// One file of the backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupPiece {
    /// Its name, relative to the manifest.
    pub file: String,
    /// Its length. Units: bytes.
    pub bytes: u64,
    /// BLAKE3 of it, hexadecimal.
    pub blake3: String,
}

impl BackupManifest {
    /// The format written here.
    pub(super) fn format() -> String {
        FORMAT.to_owned()
    }

    /// The document, with its own hash.
    pub(super) fn to_json(&self) -> String {
        let mut sealed = self.clone();
        sealed.blake3 = sealed.hash();
        sealed.text()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn from_json(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text)
            .map_err(|error| format!("it is no manifest of a backup ({error})"))?;
        if manifest.format != FORMAT {
            return Err(format!(
                "its format is {:?}, this program knows {FORMAT}",
                manifest.format
            ));
        }
        if manifest.hash() != manifest.blake3 || manifest.text() != text {
            return Err("it was changed after it was written: its own hash does not fit".to_owned());
        }
        for file in manifest.files() {
            let inside = file.strip_prefix(super::FILES).unwrap_or_default();
            if inside.is_empty() || inside.split('/').any(|part| part.is_empty() || part == "..") {
                return Err(format!("it names {file:?}, which no backup has"));
            }
        }
        Ok(manifest)
    }

    /// Every file it names.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let sealed =
            self.sealed.iter().flat_map(|part| std::iter::once(&part.record).chain(&part.files));
        let raw = self.segments.iter().flat_map(|segment| &segment.pieces);
        sealed.chain(raw).map(|piece| piece.file.as_str())
    }

    /// Bytes of all files it names.
    pub fn bytes(&self) -> u64 {
        let sealed =
            self.sealed.iter().flat_map(|part| std::iter::once(&part.record).chain(&part.files));
        let raw = self.segments.iter().flat_map(|segment| &segment.pieces);
        sealed.chain(raw).map(|piece| piece.bytes).sum()
    }

    fn hash(&self) -> String {
        let mut open = self.clone();
        open.blake3 = String::new();
        hex(blake3::hash(open.text().as_bytes()).as_bytes())
    }

    fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
