//! Files that can be made again: written whole under another name, believed by their checksums.
//!
//! In: the bytes of a cache, one behind the other, and its header last. Out: a file that is
//! durable, name and all, or an error and nothing that could be taken for the file.
//! Invariant: under the final name there is never a half-written file; a file that was not
//! published is removed, or is left with the temporary name that nobody reads.
//! Deliberately absent: repair. What fails a check is deleted and made again from the segments.

use std::io;
use std::sync::Arc;

use super::storage::{SegmentFile, Storage, WriteFailure, read_full, write_full};

/// What the name of a file ends in until it is durable.
pub(super) const TEMPORARY: &str = ".tmp";
/// Bytes gathered for one write.
const WRITE_BYTES: usize = 256 << 10;
/// Bytes after which a file is synced though it is not finished: a sync of the log that comes
/// behind a large one waits for it. Units: bytes.
const SYNC_BYTES: u64 = 1 << 20;

/// Why a cache of the log cannot be used or made.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A check failed; nothing of the file is believed.
    #[error(
        "use index file {path}: {what}; rebuild it: delete the file and open the log, which makes it again from the segments"
    )]
    Damaged {
        /// The file.
        path: String,
        /// Which check.
        what: &'static str,
    },
    /// It does not follow what is there; our bug, or another process at work.
    #[error("add index file {path}: it begins at position {start}, the index ends at {covered}")]
    NotNext {
        /// The file that was to be made.
        path: String,
        /// Where it begins.
        start: u64,
        /// Where it should begin.
        covered: u64,
    },
    /// The disk failed while a file was read.
    #[error("read index file {path} ({source})")]
    Read {
        /// The file or folder.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The disk failed while a file was made. The log itself is not touched by that.
    #[error("make index file: {0}")]
    Write(#[from] WriteFailure),
    /// It was asked to stop before it was done. Nothing has changed.
    #[error("make index file {path}: stopped before it was done")]
    Stopped {
        /// The file that was to be made.
        path: String,
    },
}

/// A file on its way.
pub(super) struct CacheFile<'a> {
    storage: &'a dyn Storage,
    name: String,
    temporary: String,
    file: Arc<dyn SegmentFile>,
    buffer: Vec<u8>,
    /// Bytes in the file, without the buffer.
    written: u64,
    synced: u64,
    published: bool,
}

impl<'a> CacheFile<'a> {
    /// Begins a file, its first `header` bytes left out for [`Self::publish`].
    ///
    /// # Errors
    /// What the disk refuses.
    pub(super) fn create(
        storage: &'a dyn Storage,
        name: String,
        header: usize,
    ) -> Result<Self, IndexError> {
        let temporary = format!("{name}{TEMPORARY}");
        let failed = |action| {
            let path = storage.path(&temporary).display().to_string();
            move |source| WriteFailure { action, path, source }
        };
        match storage.remove(&temporary) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove")(error).into()),
        }
        let file = storage.create(&temporary).map_err(failed("create"))?;
        let buffer = vec![0; header];
        Ok(Self { storage, name, temporary, file, buffer, written: 0, synced: 0, published: false })
    }

    /// Where the next byte goes.
    pub(super) fn offset(&self) -> u64 {
        self.written + self.buffer.len() as u64
    }

    /// How the file is named in messages.
    pub(super) fn path(&self) -> String {
        self.storage.path(&self.name).display().to_string()
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// What the disk refuses.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BYTES {
            self.flush()?;
        }
        if self.written - self.synced >= SYNC_BYTES {
            self.file.sync().map_err(|source| self.failed("sync", source))?;
            self.synced = self.written;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        write_full(&*self.file, &self.buffer, self.written)
            .map_err(|source| self.failed("write", source))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Writes the header, makes the file durable and gives it its name.
    ///
    /// # Errors
    /// What the disk refuses. The file may then stand there all the same, whole.
    pub(super) fn publish(mut self, header: &[u8]) -> Result<Arc<dyn SegmentFile>, IndexError> {
        self.flush()?;
        write_full(&*self.file, header, 0).map_err(|source| self.failed("write", source))?;
        self.file.sync().map_err(|source| self.failed("sync", source))?;
        self.storage
            .rename(&self.temporary, &self.name)
            .map_err(|source| self.failed("rename", source))?;
        self.published = true;
        self.storage
            .sync_directory()
            .map_err(|source| self.failed("sync the folder of", source))?;
        self.storage
            .open(&self.name, false)
            .map_err(|source| IndexError::Read { path: self.path(), source })
    }

    fn failed(&self, action: &'static str, source: io::Error) -> IndexError {
        let path = self.storage.path(&self.temporary).display().to_string();
        WriteFailure { action, path, source }.into()
    }
}

impl Drop for CacheFile<'_> {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed when it is begun again, or at the next start.
            drop(self.storage.remove(&self.temporary));
        }
    }
}

/// The bytes at a place, or nothing where they end before.
pub(super) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// Takes a number of seven bits a byte from the front.
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Reads a stretch that must be there.
///
/// # Errors
/// Where the file ends before, or cannot be read.
pub(super) fn read_exactly(
    file: &dyn SegmentFile,
    path: &str,
    len: usize,
    offset: u64,
) -> Result<Vec<u8>, IndexError> {
    let mut bytes = vec![0; len];
    let read = read_full(file, &mut bytes, offset)
        .map_err(|source| IndexError::Read { path: path.to_owned(), source })?;
    if read < len {
        return Err(IndexError::Damaged { path: path.to_owned(), what: "it is cut short" });
    }
    Ok(bytes)
}
