//! SQL over events, folds and views.
//!
//! In: a data folder and questions in SQL. Out: rows, true at one log position. Base tables
//! (`events`, `attempts`, …) and `live.*` are folded from the log in memory; views
//! (`operational.*`, `funnel.*`, `strategic.*`) are read from their Parquet files, as of their
//! last refresh; `system.projections` says how far each view is.
//! Invariants: a question changes nothing; the log is only read, also while another process
//! writes it; all base tables of one question stand at one position, and no question waits for
//! a view. Deliberately absent: the formulas, which stand in `queries/`, and any server.

mod answer;
mod as_of;
pub mod catalog;
mod data_test;
mod door;
mod encode;
#[cfg(feature = "sql-servers")]
pub mod flight;
mod folder;
mod follow;
mod gate;
mod head;
mod limits;
mod live;
mod mirror;
mod params;
#[cfg(feature = "sql-servers")]
pub mod postgres;
mod priority;
mod reference;
mod register;
mod saved;
mod schemas;
mod session;
mod snapshot;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwap;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use tokio::sync::{Mutex, watch};

pub use self::answer::Answer;
pub use self::as_of::{AsOf, AsOfError};
pub use self::data_test::DataTestOutcome;
pub use self::door::Sessions;
pub use self::encode::{Encoded, Encoding};
pub use self::folder::ParquetFolders;
use self::follow::Follower;
use self::head::{Head, Published, Shown};
use self::limits::Desk;
pub use self::limits::{Limits, Rows};
use self::live::RunningLive;
#[cfg(feature = "s3")]
pub use self::mirror::Mirroring;
pub use self::params::Params;
pub use self::reference::markdown;
pub use self::saved::{Kpi, Param, SavedQuery, check_queries, saved_queries};
pub use self::session::{Prepared, Running, Session};
use self::snapshot::Past;
pub(crate) use self::snapshot::Pin;
use crate::base::Timestamp;
use crate::projection::front_matter::FrontMatterError;
use crate::projection::sql::{
    self, LogReader, Pace, Refreshed, View, ViewStatus, refresh_all, refresh_due, views,
};
use crate::projection::store::Store;
use crate::projection::tables::{Kept, Tables};

/// A question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Views or base tables cannot be made.
    #[error(transparent)]
    Projection(#[from] sql::Error),
    /// The question is wrong, or the engine failed.
    #[error("run SQL: {}", sql::one_line(.0))]
    Sql(Box<DataFusionError>),
    /// The statement would change something.
    #[error(
        "run SQL: only questions are answered here (SELECT, EXPLAIN, SHOW, DESCRIBE); facts are appended by the platform alone"
    )]
    ReadOnly,
    /// It took too much memory, or too much disk.
    #[error(
        "run SQL: the question needs more than {memory_mib} MiB of memory, or more than {spill_mib} MiB of disk to spill to; ask for fewer rows or columns, or group before joining"
    )]
    Resources {
        /// Memory that one question may take. Units: MiB.
        memory_mib: usize,
        /// Disk that one question may take. Units: MiB.
        spill_mib: u64,
    },
    /// It took too long.
    #[error("run SQL: no end within {} ms; ask for less, or set statement_timeout", .0.as_millis())]
    Timeout(Duration),
    /// Too many questions wait.
    #[error("run SQL: {running} questions run and {waiting} wait; ask again later")]
    Busy {
        /// Questions at once.
        running: usize,
        /// Questions that may wait.
        waiting: usize,
    },
    /// The engine has ended.
    #[error("run SQL: the engine has ended")]
    Ended,
    /// Our own mistake, in the middle of a question.
    #[error("run SQL: the engine failed")]
    Panicked(#[source] tokio::task::JoinError),
    /// The base tables cannot be put on disk.
    #[error("keep the base tables in the folder facts")]
    Keep(#[source] std::io::Error),
    /// The tables did not come so far in time.
    #[error(
        "run SQL: the tables {} after {} ms, and position {wanted} was asked for",
        .reached.map_or_else(|| "were empty".to_owned(), |at| format!("stood at position {at}")),
        .within.as_millis()
    )]
    Stale {
        /// What was asked for.
        wanted: u64,
        /// Where the tables stood.
        reached: Option<u64>,
        /// How long was waited.
        within: Duration,
    },
    /// There are no threads to be had.
    #[error("run SQL: start the threads that questions run on")]
    Threads(#[source] std::io::Error),
    /// The log does not go so far.
    #[error(
        "as of {position}: the log {}",
        .head.map_or_else(|| "is empty".to_owned(), |head| format!("ends at position {head}"))
    )]
    Ahead {
        /// What was asked for.
        position: u64,
        /// The last position there is.
        head: Option<u64>,
    },
    /// A setting that is not there, or cannot be so.
    #[error("set {name}: {problem}")]
    Setting {
        /// The setting.
        name: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A saved question's head is wrong.
    #[error(transparent)]
    FrontMatter(#[from] FrontMatterError),
    /// No saved question has this name.
    #[error("find saved question {name:?}: there are {known}")]
    UnknownQuery {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A parameter is missing, or not one of the question's.
    #[error("run saved question {query}: {problem}")]
    Param {
        /// The question.
        query: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(source: datafusion::arrow::error::ArrowError) -> Self {
        DataFusionError::from(source).into()
    }
}

impl From<DataFusionError> for Error {
    fn from(source: DataFusionError) -> Self {
        Self::Sql(Box::new(source))
    }
}

impl From<crate::event_log::ReadError> for Error {
    fn from(source: crate::event_log::ReadError) -> Self {
        Self::Projection(source.into())
    }
}

impl Error {
    /// An error of a question that ran, in the words of whoever asked.
    fn of_run(error: DataFusionError, limits: &Limits) -> Self {
        match error.find_root() {
            DataFusionError::ResourcesExhausted(_) => Self::Resources {
                memory_mib: limits.memory_bytes >> 20,
                spill_mib: limits.spill_bytes >> 20,
            },
            _ => error.into(),
        }
    }

    /// A name that stays, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Projection(_) | Self::FrontMatter(_) => "projection",
            Self::Sql(_) => "sql",
            Self::ReadOnly => "read_only",
            Self::Resources { .. } => "resources",
            Self::Timeout(_) => "timeout",
            Self::Busy { .. } => "busy",
            Self::Ended | Self::Threads(_) | Self::Panicked(_) | Self::Keep(_) => "ended",
            Self::Stale { .. } => "stale",
            Self::Ahead { .. } => "as_of",
            Self::Setting { .. } => "setting",
            Self::UnknownQuery { .. } => "unknown_query",
            Self::Param { .. } => "param",
        }
    }
}

/// Answers questions about one data folder.
pub struct Engine {
    data_dir: PathBuf,
    reader: LogReader,
    store: Store,
    views: Vec<View>,
    /// What the log is folded into. Held for some thousand events at most once it is followed.
    fold: Mutex<Tables>,
    /// The live state, some milliseconds behind the base tables.
    live: Mutex<RunningLive>,
    /// Where base tables are on disk.
    kept: Kept,
    /// The base tables as questions see them.
    head: ArcSwap<Head>,
    /// How far they are.
    published: watch::Sender<Published>,
    /// The views as questions see them.
    shown: ArcSwap<Shown>,
    /// One refresh of the views at a time.
    refreshing: Arc<Mutex<()>>,
    /// What all contexts have in common.
    template: SessionState,
    past: Past,
    desk: Desk,
    /// Where the log is followed; ends when it is dropped.
    follower: OnceLock<Follower>,
}

impl Engine {
    /// Opens a data folder with the embedded log in it; see [`Engine::over`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open(data_dir: &Path) -> Result<Self, Error> {
        Box::pin(Self::over(LogReader::open(data_dir)?, data_dir)).await
    }

    /// Reads a log to the head and brings the views in a data folder up to it where the folder
    /// can be written. What comes later is seen after a [`Engine::refresh`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn over(reader: LogReader, data_dir: &Path) -> Result<Self, Error> {
        Box::pin(Self::with_limits(reader, data_dir, Limits::default())).await
    }

    /// The same, with limits of one's own.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn with_limits(
        reader: LogReader,
        data_dir: &Path,
        limits: Limits,
    ) -> Result<Self, Error> {
        let engine = Self::new(reader, data_dir, limits)?;
        Box::pin(engine.resume(Pace::USUAL)).await?;
        drop(Box::pin(engine.refresh()).await?);
        Ok(engine)
    }

    /// An engine that has seen nothing yet.
    fn new(reader: LogReader, data_dir: &Path, limits: Limits) -> Result<Self, Error> {
        let past = Past::default();
        Ok(Self {
            data_dir: data_dir.to_owned(),
            reader,
            store: Store::below(data_dir),
            views: views(),
            fold: Mutex::default(),
            live: Mutex::default(),
            kept: Kept::below(data_dir),
            head: ArcSwap::default(),
            published: watch::Sender::new(Published::default()),
            shown: ArcSwap::default(),
            refreshing: Arc::default(),
            template: head::template(&past)?,
            past,
            desk: Desk::new(limits)?,
            follower: OnceLock::new(),
        })
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The last log position the answers are true at; nothing where the log is empty.
    pub async fn position(&self) -> Option<u64> {
        self.head.load().tables.position()
    }

    /// Takes in what was written since, and brings every view up to it: one entry for each,
    /// none where the folder cannot be written. A view that fails holds no other one up.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn refresh(&self) -> Result<Vec<Refreshed>, Error> {
        Box::pin(self.refresh_at(None)).await
    }

    /// The same for the views that want to be refreshed at this time. Gives whether one is
    /// still behind, and wants to be refreshed later.
    async fn refresh_due(&self, now: Timestamp) -> Result<bool, Error> {
        let refreshed = Box::pin(self.refresh_at(Some(now))).await?;
        let head = self.position().await;
        let is_behind = |view: &Refreshed| view.pending > 0 || view.position < head;
        Ok(refreshed.iter().any(|view| view.error.is_none() && is_behind(view)))
    }

    async fn refresh_at(&self, now: Option<Timestamp>) -> Result<Vec<Refreshed>, Error> {
        let _alone = self.refreshing.lock().await;
        let (_, refreshed) = Box::pin(self.refresh_alone(now)).await?;
        Ok(refreshed)
    }

    /// The same, for who holds the lock. Gives the tables that the views were brought up to.
    async fn refresh_alone(
        &self,
        now: Option<Timestamp>,
    ) -> Result<(Tables, Vec<Refreshed>), Error> {
        // Taken before the tables are brought to the head, so that what another process stored
        // is never ahead of them.
        let lock = self.store.lock().await.map_err(sql::Error::from)?;
        let mut tables = Box::pin(self.catch_up()).await?.tables.frozen();
        let mut refreshed = Vec::new();
        if let Some(lock) = lock {
            let (store, views) = (&self.store, &self.views);
            refreshed = match now {
                None => Box::pin(refresh_all(&lock, store, views, &[], &mut tables)).await?,
                Some(now) => Box::pin(refresh_due(&lock, store, views, &mut tables, now)).await?,
            };
        }
        Box::pin(self.show(&mut tables)).await?;
        Ok((tables, refreshed))
    }

    /// Answers a question in SQL, as rows for people and programs.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for anything but a question, [`Error::Sql`] where the engine refuses.
    pub async fn ask(&self, text: &str) -> Result<Answer, Error> {
        self.ask_as_of(text, AsOf::Head).await
    }

    /// The same, as of a moment of the log.
    ///
    /// # Errors
    /// As for [`Engine::ask`], and [`Error::Ahead`].
    pub async fn ask_as_of(&self, text: &str, as_of: AsOf) -> Result<Answer, Error> {
        Box::pin(self.answer(text, Vec::new(), as_of)).await
    }

    /// Answers a saved question.
    ///
    /// # Errors
    /// [`Error::UnknownQuery`], [`Error::Param`], and as for [`Engine::sql`].
    pub async fn saved(&self, name: &str, params: &[(String, String)]) -> Result<Answer, Error> {
        self.saved_as_of(name, params, AsOf::Head).await
    }

    /// The same, as of a moment of the log.
    ///
    /// # Errors
    /// As for [`Engine::saved`], and [`Error::Ahead`].
    pub async fn saved_as_of(
        &self,
        name: &str,
        params: &[(String, String)],
        as_of: AsOf,
    ) -> Result<Answer, Error> {
        let saved = SavedQuery::find(name)?;
        let values = saved.bind(params)?;
        Box::pin(self.answer(&saved.sql, values, as_of)).await
    }

    /// How far every view is, as of its last refresh.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self) -> Result<Vec<ViewStatus>, Error> {
        let tables = self.head.load().tables.clone();
        Ok(self.with_copies(self.shown.load().status_at(&tables)))
    }

    async fn answer(
        &self,
        text: &str,
        params: Vec<(String, String)>,
        as_of: AsOf,
    ) -> Result<Answer, Error> {
        let settings = session::Settings { as_of, ..self.settings() };
        let prepared = self.prepare(session::Asked::Text(text), settings).await?;
        let params = Params::texts(params);
        self.start(&prepared, params, settings.timeout).await?.collect().await
    }
}

#[cfg(test)]
mod tests;
