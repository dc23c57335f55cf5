//! Rows of a base table on disk: one Parquet file for each group.
//!
//! In: the batches of a group. Out: a file whose name says which group it is and which event
//! changed it last, so that a name never has two contents. Invariants: a file is written beside,
//! synced and renamed, so it is whole or not there; what is read back has the checksum of what
//! was written, or it counts for nothing.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::arrow::{ArrowWriter, ProjectionMask};
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use serde::{Deserialize, Serialize};

use super::Span;

/// Rows of one row group: what a reader skips or reads.
const ROW_GROUP: usize = 16_384;
/// Rows of one batch that is read.
const BATCH: usize = 8_192;

/// What a manifest says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Its name below the folder of all base tables.
    pub(crate) file: String,
    /// Rows in it.
    pub(crate) rows: usize,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its BLAKE3, hexadecimal.
    pub(crate) blake3: String,
    /// What its rows lie in.
    pub(crate) span: Span,
}

/// A group of rows on disk.
#[derive(Debug)]
pub(crate) struct ColdFile {
    path: PathBuf,
    entry: FileEntry,
    /// It could not be read although it was there.
    is_damaged: AtomicBool,
}

impl ColdFile {
    /// A file that a manifest names, below a folder.
    pub(crate) fn new(folder: &Path, entry: FileEntry) -> Arc<Self> {
        let path = folder.join(&entry.file);
        Arc::new(Self { path, entry, is_damaged: AtomicBool::new(false) })
    }

    /// What the manifest says of it.
    pub(crate) const fn entry(&self) -> &FileEntry {
        &self.entry
    }

    /// Whether it lies in a folder.
    pub(crate) fn is_below(&self, folder: &Path) -> bool {
        self.path.starts_with(folder)
    }

    /// Whether it could not be read.
    pub(crate) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Relaxed)
    }

    /// Whether it is not there any more: who wrote it needs it no longer.
    pub(crate) fn is_gone(&self) -> bool {
        !self.path.exists()
    }

    /// Remembers that it cannot be read.
    pub(super) fn set_damaged(&self) {
        tracing::warn!(path = %self.path.display(), "damaged; the base tables are folded anew");
        self.is_damaged.store(true, Ordering::Relaxed);
    }

    /// Whether it is as it was written.
    pub(crate) fn is_whole(&self) -> bool {
        let hash = || -> io::Result<blake3::Hash> {
            let mut hasher = blake3::Hasher::new();
            io::copy(&mut File::open(&self.path)?, &mut hasher)?;
            Ok(hasher.finalize())
        };
        hash().is_ok_and(|hash| hash.to_hex().as_str() == self.entry.blake3)
    }

    /// Its rows, of the columns with these places.
    ///
    /// # Errors
    /// Where it is not there, or no Parquet file.
    pub(crate) fn read(
        &self,
        columns: Option<&[usize]>,
    ) -> Result<ParquetRecordBatchReader, ArrowError> {
        let named = |error: &dyn std::fmt::Display| {
            ArrowError::ParquetError(format!("read {}: {error}", self.path.display()))
        };
        let file = File::open(&self.path).map_err(|error| named(&error))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file);
        let mut reader = reader.map_err(|error| named(&error))?.with_batch_size(BATCH);
        if let Some(columns) = columns {
            let mask = ProjectionMask::roots(reader.parquet_schema(), columns.iter().copied());
            reader = reader.with_projection(mask);
        }
        reader.build().map_err(|error| named(&error))
    }
}

/// Writes a group's rows; says what a manifest says of it.
///
/// # Errors
/// Where the disk fails or is full.
pub(crate) fn write(
    folder: &Path,
    name: String,
    span: Span,
    batches: &[RecordBatch],
) -> io::Result<FileEntry> {
    let bytes = encode(batches)?;
    replace(&folder.join(&name), &bytes)?;
    Ok(FileEntry {
        file: name,
        rows: batches.iter().map(RecordBatch::num_rows).sum(),
        bytes: bytes.len() as u64,
        blake3: blake3::hash(&bytes).to_hex().to_string(),
        span,
    })
}

/// A group's rows as they are written: the same rows give the same bytes.
///
/// # Errors
/// Where they cannot be.
pub(crate) fn encode(batches: &[RecordBatch]) -> io::Result<Vec<u8>> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .set_created_by("ledgerline".to_owned())
        .build();
    let mut bytes = Vec::new();
    if let Some(first) = batches.first() {
        let writer = ArrowWriter::try_new(&mut bytes, first.schema(), Some(properties));
        let mut writer = writer.map_err(io::Error::other)?;
        for batch in batches {
            writer.write(batch).map_err(io::Error::other)?;
        }
        writer.close().map_err(io::Error::other)?;
    }
    Ok(bytes)
}

/// Puts a file in its place: beside, synced, renamed, the folder synced.
///
/// # Errors
/// Where the disk fails or is full.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    std::fs::create_dir_all(folder)?;
    let beside = path.with_extension("tmp");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()
}
