//! The log that a configuration names: on files below the data folder, or on a server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::config::{Config, LogAddress};
use crate::base::Clock;
use crate::event_log::{
    EmbeddedLog, EventLog, FolderLock, LogFolder, LogOptions, OpenError, OpenReport,
};

/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// There is none here: the wrong folder, most likely.
    #[error(
        "read the log: {0} does not exist; name the data folder with --data-dir, such as demo-data after `ledgerline demo`"
    )]
    Missing(PathBuf),
    /// The files cannot be used.
    #[error(transparent)]
    Files(#[from] OpenError),
    /// The data folder cannot be made.
    #[error("create {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store for sealed files cannot be used.
    #[cfg(feature = "s3")]
    #[error("sealing.store: {0}")]
    Store(#[from] crate::event_log::StoreUnavailable),
    /// The server cannot be used.
    #[cfg(feature = "kurrentdb")]
    #[error(transparent)]
    Server(#[from] crate::kurrentdb::backend::ConnectError),
    /// The program cannot speak to servers.
    #[cfg(not(feature = "kurrentdb"))]
    #[error(
        "open the log on {0}: this program was built without the feature kurrentdb; leave out `log` in the configuration, or build with it"
    )]
    NoClient(String),
}

/// A log that one process alone writes to.
pub(crate) struct OpenLog {
    pub(crate) log: Arc<dyn EventLog>,
    /// Bytes of an unfinished group that were cut off; a server sees to its own.
    pub(crate) torn_tail_bytes: u64,
    /// Keeps a second platform away from the same people. The embedded log has its own.
    _hold: Option<FolderLock>,
}

/// How a log in the data folder uses its files.
fn log_options(config: &Config) -> LogOptions {
    let age = Duration::from_secs(config.sealing.after_hours * 3_600);
    LogOptions {
        seal_after_bytes: Some(config.sealing.after_mib << 20),
        seal_after_age: Some(age),
        roll_after_age: Some(age),
        ..LogOptions::default()
    }
}

/// Opens the log to write to it.
///
/// # Errors
/// See [`LogError`]; where another process writes to it from this data folder, too.
pub(crate) async fn open_log(config: &Config, clock: Arc<dyn Clock>) -> Result<OpenLog, LogError> {
    let Some(address) = &config.log else {
        let (log, report) = open_embedded(config, clock).await?;
        let torn_tail_bytes = report.torn_tail_bytes;
        return Ok(OpenLog { log: Arc::new(log), torn_tail_bytes, _hold: None });
    };
    let folder = &config.data_dir;
    std::fs::create_dir_all(folder)
        .map_err(|source| LogError::Folder { path: folder.clone(), source })?;
    let hold = FolderLock::take(&folder.join("log.lock"))?;
    Ok(OpenLog { log: connect(address).await?, torn_tail_bytes: 0, _hold: Some(hold) })
}

/// Opens the log to read it, also while a platform writes to it.
///
/// # Errors
/// See [`LogError`].
pub async fn read_log(config: &Config) -> Result<Arc<dyn EventLog>, LogError> {
    if let Some(address) = &config.log {
        return connect(address).await;
    }
    let folder = config.data_dir.join("log");
    if !folder.is_dir() {
        return Err(LogError::Missing(folder));
    }
    let folder = log_folder(config)?;
    // A store may have to be asked, and is waited for.
    let opened = tokio::task::spawn_blocking(move || EmbeddedLog::open_read_only(folder)).await;
    Ok(Arc::new(done(opened)?.0))
}

/// Opens the log in the data folder to write to it.
///
/// # Errors
/// See [`LogError`].
pub async fn open_embedded(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<(EmbeddedLog, OpenReport), LogError> {
    let path = config.data_dir.join("log");
    std::fs::create_dir_all(&path)
        .map_err(|source| LogError::Folder { path: path.clone(), source })?;
    let (folder, options) = (log_folder(config)?, log_options(config));
    let opened = tokio::task::spawn_blocking(move || EmbeddedLog::open(folder, options, clock));
    Ok(done(opened.await)?)
}

/// Where the log in the data folder is, and its sealed files.
///
/// # Errors
/// [`LogError::Store`] where the store's settings cannot be used.
pub fn log_folder(config: &Config) -> Result<LogFolder, LogError> {
    let path = config.data_dir.join("log");
    #[cfg(feature = "s3")]
    if let Some(place) = config.sealing.place() {
        let cache = config.sealing.cache_mib << 20;
        let folder = LogFolder::with_store(&path, place.objects()?, cache);
        return folder.map_err(|source| LogError::Folder { path, source });
    }
    Ok(LogFolder::local(&path))
}

fn done<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    match ended.map_err(tokio::task::JoinError::into_panic) {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[cfg(feature = "kurrentdb")]
async fn connect(address: &LogAddress) -> Result<Arc<dyn EventLog>, LogError> {
    use super::clock::system_rng;
    use crate::kurrentdb::backend::{Address, KurrentLog, Options};

    let place = Address {
        connection: address.connection(),
        credentials: address.credentials(),
        server: address.server(),
        files: address.files(),
    };
    let log = KurrentLog::open(&place, Options::default(), system_rng().fork("log")).await?;
    Ok(Arc::new(log))
}

#[cfg(not(feature = "kurrentdb"))]
async fn connect(address: &LogAddress) -> Result<Arc<dyn EventLog>, LogError> {
    Err(LogError::NoClient(address.server()))
}
