//! Where recordings are kept: a folder, or an S3-compatible store.
//!
//! In: paths and whole objects. Out: the same bytes, later. Invariants: an object counts as stored
//! once it was read back and is the same; one that was removed is gone, whether it was there or
//! not. All methods block, and are not to be called from a task of a runtime.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

#[cfg(feature = "s3")]
use crate::event_log::{Objects, StoreUnavailable};

/// The store cannot do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file of the folder.
    #[error("{action} {path}: {source}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is read back is something else.
    #[error("store {0}: it gives back something else than was written")]
    Different(PathBuf),
    /// The S3-compatible store.
    #[cfg(feature = "s3")]
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
    /// It lies in another store than this one.
    #[error("read {location}: the store is {store}; wanted `recording.store` as it was then")]
    Elsewhere {
        /// Where it lies.
        location: String,
        /// The store that is configured.
        store: String,
    },
}

/// Where recordings are kept.
#[derive(Debug)]
pub struct Store {
    name: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Folder(PathBuf),
    #[cfg(feature = "s3")]
    Objects(Objects, Waiting),
}

/// Waits for a store.
#[cfg(feature = "s3")]
#[derive(Debug)]
struct Waiting(Option<tokio::runtime::Runtime>);

#[cfg(feature = "s3")]
impl Waiting {
    fn on<T>(
        &self,
        work: impl Future<Output = Result<T, StoreUnavailable>>,
    ) -> Result<T, StoreError> {
        let ended = || StoreUnavailable {
            server: "the store".to_owned(),
            what: "was left alone".to_owned(),
            is_down: false,
        };
        Ok(self.0.as_ref().ok_or_else(ended)?.block_on(work)?)
    }
}

#[cfg(feature = "s3")]
impl Drop for Waiting {
    /// Also where a runtime must not be waited for, as in a task of another one.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Store {
    /// A folder, which is made when it is needed. `name` is what locations begin with.
    pub fn folder(folder: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), place: Place::Folder(folder.to_owned()) }
    }

    /// An S3-compatible store. Reaches nothing yet.
    ///
    /// # Errors
    /// Where the system has no means to wait for it.
    #[cfg(feature = "s3")]
    pub fn objects(objects: Objects) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| StoreError::Disk {
            action: "reach",
            path: PathBuf::from(&objects.name),
            source,
        })?;
        let name = objects.place.clone();
        Ok(Self { name, place: Place::Objects(objects, Waiting(Some(runtime))) })
    }

    /// What facts call the place of a path.
    pub fn location(&self, path: &str) -> String {
        format!("{}/{path}", self.name)
    }

    /// The path of a location.
    ///
    /// # Errors
    /// [`StoreError::Elsewhere`] where it is not in this store.
    pub fn path<'l>(&self, location: &'l str) -> Result<&'l str, StoreError> {
        let below = location.strip_prefix(&self.name).and_then(|rest| rest.strip_prefix('/'));
        below.ok_or_else(|| StoreError::Elsewhere {
            location: location.to_owned(),
            store: self.name.clone(),
        })
    }

    /// Keeps an object, reads it back and compares.
    ///
    /// # Errors
    /// [`StoreError`]; it may be tried again.
    pub fn put(&self, path: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        match &self.place {
            Place::Folder(folder) => put_file(&folder.join(path), &bytes),
            #[cfg(feature = "s3")]
            Place::Objects(objects, wait) => wait.on(objects.put(path, bytes.into())),
        }
    }

    /// An object's bytes.
    ///
    /// # Errors
    /// [`StoreError`], also where there is none.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, StoreError> {
        match &self.place {
            Place::Folder(folder) => {
                let path = folder.join(path);
                fs::read(&path).map_err(failed("read", &path))
            }
            #[cfg(feature = "s3")]
            Place::Objects(objects, wait) => Ok(wait.on(objects.get(path))?.to_vec()),
        }
    }

    /// Removes an object; one that is not there is no error.
    ///
    /// # Errors
    /// [`StoreError`]; it may be tried again.
    pub fn remove(&self, path: &str) -> Result<(), StoreError> {
        match &self.place {
            Place::Folder(folder) => {
                let path = folder.join(path);
                match fs::remove_file(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    ended => {
                        ended.and_then(|()| sync_folder(&path)).map_err(failed("remove", &path))
                    }
                }
            }
            #[cfg(feature = "s3")]
            Place::Objects(objects, wait) => wait.on(objects.remove(path)),
        }
    }
}

fn failed<'p>(action: &'static str, path: &'p Path) -> impl Fn(io::Error) -> StoreError + 'p {
    move |source| StoreError::Disk { action, path: path.to_owned(), source }
}

/// Writes beside, syncs, renames, and reads back.
fn put_file(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let fresh = path.with_extension("lrec.new");
    let write = || {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        fs::rename(&fresh, path)?;
        sync_folder(path)
    };
    write().map_err(failed("store", path))?;
    if fs::read(path).map_err(failed("read back", path))? == bytes {
        Ok(())
    } else {
        Err(StoreError::Different(path.to_owned()))
    }
}

/// Makes a change of names durable, in the folder of a file and those above that may be new.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Day, month and year.
    for folder in path.ancestors().skip(1).take(4) {
        if folder.as_os_str().is_empty() {
            break;
        }
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
