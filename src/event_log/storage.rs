//! Files as the log sees them, so that a test can put failing ones in their place.
//!
//! Invariant: a frame is written and synced through one and the same descriptor, since a
//! second one can miss the error of a write that failed behind the first one's back.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of segment files.
pub trait Storage: Send + Sync + 'static {
    /// The names of all files in it.
    ///
    /// # Errors
    /// What the system says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens a file for reading, and for writing where `write` is set.
    ///
    /// # Errors
    /// What the system says.
    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn SegmentFile>>;
    /// Makes a new, empty file. It must not exist.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>>;
    /// Gives a file another name, over a file that has it already. Durable, as all names are,
    /// once the directory is synced; until then a crash leaves either state.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// What the system says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// A folder in this one, made where it is missing.
    ///
    /// # Errors
    /// What the system says.
    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>>;
    /// Makes the names of files durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync_directory(&self) -> io::Result<()>;
    /// How a file is named in messages.
    fn path(&self, name: &str) -> PathBuf;
    /// Where finished files go that are not kept on this machine, such as `s3://bucket/prefix`:
    /// reading one may take seconds, and fail with [`StoreUnavailable`] inside.
    fn remote(&self) -> Option<&str> {
        None
    }
    /// Drops what is kept here of a file that is elsewhere, since it is damaged here: the next
    /// opening fetches it anew. Says whether there was anything to drop.
    fn forget(&self, name: &str) -> bool {
        let _ = name;
        false
    }
}

/// A store that is not on this machine does not answer, or refuses: the source of an
/// [`io::Error`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{server} {what}")]
pub struct StoreUnavailable {
    /// The store, without credentials.
    pub server: String,
    /// What it does not do.
    pub what: String,
    /// It gave no answer, rather than one that refuses.
    pub is_down: bool,
}

/// One open file.
pub trait SegmentFile: Send + Sync + 'static {
    /// Its length in bytes.
    ///
    /// # Errors
    /// What the system says.
    fn size(&self) -> io::Result<u64>;
    /// Reads once at an offset; may read less than asked for, 0 at the end.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes once at an offset; may write less than asked for.
    ///
    /// # Errors
    /// What the system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Cuts or grows the file.
    ///
    /// # Errors
    /// What the system says.
    fn set_size(&self, size: u64) -> io::Result<()>;
    /// Makes contents, and a length needed to read them, durable.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// What the disk refused to do.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}{}", full(.source))]
pub struct WriteFailure {
    /// `write`, `sync`, `create` and the like.
    pub action: &'static str,
    /// The file.
    pub path: String,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

fn full(source: &io::Error) -> String {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ": the disk is full; free some space and start again, nothing acknowledged is lost"
                .to_owned()
        }
        _ => format!(" ({source})"),
    }
}

/// Reads a whole stretch; short where the file ends.
pub(super) fn read_full(
    file: &dyn SegmentFile,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes a whole stretch, in as many writes as it takes.
pub(super) fn write_full(file: &dyn SegmentFile, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(rest, offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => done += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads from an offset to the end of the file.
pub(super) fn read_to_end(file: &dyn SegmentFile, offset: u64) -> io::Result<Vec<u8>> {
    let len = file.size()?.saturating_sub(offset);
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?];
    let read = read_full(file, &mut bytes, offset)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// A folder on the local disk.
#[derive(Clone, Debug)]
pub struct DiskStorage {
    folder: PathBuf,
}

impl DiskStorage {
    /// Files in this folder. It must exist.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

impl Storage for DiskStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn SegmentFile>> {
        let file = OpenOptions::new().read(true).write(write).open(self.path(name))?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn SegmentFile>> {
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).open(self.path(name))?;
        Ok(Arc::new(DiskFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(name))
    }

    fn folder(&self, name: &str) -> io::Result<Arc<dyn Storage>> {
        let folder = self.path(name);
        match std::fs::create_dir(&folder) {
            Ok(()) => self.sync_directory()?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        Ok(Arc::new(Self { folder }))
    }

    fn sync_directory(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

struct DiskFile(File);

impl SegmentFile for DiskFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(&self.0, bytes, offset)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    /// fdatasync: it writes the length too where that is needed to read the contents back.
    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
