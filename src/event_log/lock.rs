//! Holds a folder against other processes.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;

use super::load::OpenError;

/// A folder that is held until this is dropped.
///
/// The lock belongs to the open file, which a child process inherits for the moment between
/// fork and exec: letting go says so explicitly instead of closing and hoping (flock(2)).
#[derive(Debug)]
pub struct FolderLock(File);

impl FolderLock {
    /// Takes the lock, and writes into its file who holds it.
    ///
    /// # Errors
    /// [`OpenError::Locked`] where another process holds it, [`OpenError::Io`] where the file
    /// cannot be used.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |action| {
            let path = path.display().to_string();
            move |source| OpenError::Io { action, path, source }
        };
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(failed("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The lock is held whether or not its holder can be named.
                drop(file.read_to_string(&mut holder));
                let holder = match holder.trim() {
                    "" => "another process".to_owned(),
                    process => format!("process {process}"),
                };
                return Err(OpenError::Locked { path: path.display().to_string(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock")(source)),
        }
        let mut lock = Self(file);
        lock.0.set_len(0).map_err(failed("write"))?;
        writeln!(lock.0, "{}", std::process::id()).map_err(failed("write"))?;
        Ok(lock)
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing the file frees it as well, once nobody has a copy.
        drop(self.0.unlock());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a child between fork and exec does: it has a copy of the open file.
    #[test]
    fn a_copy_of_the_open_file_does_not_keep_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let lock = FolderLock::take(&path).expect("nobody holds it");
        assert!(matches!(FolderLock::take(&path), Err(OpenError::Locked { .. })));
        let copy = lock.0.try_clone().expect("a copy");
        drop(lock);
        drop(FolderLock::take(&path).expect("nobody holds it any more"));
        drop(copy);
    }
}
