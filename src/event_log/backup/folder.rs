//! Backups in a folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::{BackupError, BackupPlace};

/// What a file is called until it is whole.
const UNFINISHED: &str = ".part";
/// Held by whoever backs up to the folder.
const LOCK: &str = "backup.lock";

/// A folder that backups go to.
#[derive(Debug)]
pub struct FolderPlace {
    folder: PathBuf,
    /// Only where it was opened to be written.
    lock: Option<File>,
}

impl FolderPlace {
    /// Opens a folder for a backup, making it where it is missing, and holds it against another
    /// one.
    ///
    /// # Errors
    /// [`BackupError::Held`], [`BackupError::Place`].
    pub fn write_to(folder: &Path) -> Result<Self, BackupError> {
        let failed = |action, path: &Path| {
            let path = path.display().to_string();
            move |source| BackupError::Place { action, path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
        let path = folder.join(LOCK);
        let lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), lock: Some(lock) }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(BackupError::Held(folder.display().to_string()))
            }
            Err(std::fs::TryLockError::Error(source)) => Err(failed("lock", &path)(source)),
        }
    }

    /// Opens a folder for a restore.
    pub fn read_from(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), lock: None }
    }

    fn collect(&self, below: &str, names: &mut Vec<String>) -> io::Result<()> {
        for entry in std::fs::read_dir(self.folder.join(below))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if below.is_empty() { name } else { format!("{below}/{name}") };
            if entry.file_type()?.is_dir() {
                self.collect(&name, names)?;
            } else if name != LOCK {
                names.push(name);
            }
        }
        Ok(())
    }
}

impl BackupPlace for FolderPlace {
    fn read<'a>(&'a self, name: &str) -> io::Result<Option<Box<dyn Read + 'a>>> {
        match File::open(self.folder.join(name)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn write(&self, name: &str, source: &mut dyn Read) -> io::Result<()> {
        let path = self.folder.join(name);
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.exists() {
            std::fs::create_dir_all(folder)?;
            File::open(&self.folder)?.sync_all()?;
        }
        let mut fresh = path.clone().into_os_string();
        fresh.push(UNFINISHED);
        let mut file = File::create(&fresh)?;
        let written = io::copy(source, &mut file)
            .and_then(|_| file.sync_all())
            .and_then(|()| std::fs::rename(&fresh, &path));
        if written.is_err() {
            // The first failure is the one to tell; what is left over, the next run removes.
            drop(std::fs::remove_file(&fresh));
        }
        written?;
        File::open(folder)?.sync_all()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        self.collect("", &mut names)?;
        names.sort();
        Ok(names)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.folder.join(name)).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })
    }

    fn is_held(&self) -> bool {
        self.lock.is_some()
    }

    fn path(&self, name: &str) -> String {
        if name.is_empty() {
            return self.folder.display().to_string();
        }
        self.folder.join(name).display().to_string()
    }
}
