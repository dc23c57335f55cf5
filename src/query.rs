//! SQL over events, folds and views.
//!
//! In: a data folder and questions in SQL. Out: rows, true at one log position. Base tables
//! (`events`, `attempts`, …) and `live.*` are folded from the log in memory; views
//! (`operational.*`, `funnel.*`, `strategic.*`) are read from their Parquet files, after they
//! were brought up to the head; `system.projections` says how far each view is.
//! Invariants: a question changes nothing; the log is only read, also while another process
//! writes it; every table of one question stands at the position of the last refresh.
//! Deliberately absent: the formulas, which stand in `queries/`, and any server.

mod answer;
mod as_of;
mod data_test;
mod encode;
mod limits;
mod params;
mod reference;
mod register;
mod saved;
mod session;
mod snapshot;

use std::path::{Path, PathBuf};
use std::time::Duration;

use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use tokio::sync::Mutex;

pub use self::answer::Answer;
pub use self::as_of::{AsOf, AsOfError};
pub use self::data_test::DataTestOutcome;
pub use self::encode::{Encoded, Encoding};
use self::limits::Desk;
pub use self::limits::{Limits, Rows};
pub use self::params::Params;
pub use self::reference::markdown;
pub use self::saved::{Kpi, Param, SavedQuery, saved_queries};
pub use self::session::{Prepared, Running, Session};
use self::snapshot::{Past, Snapshot};
use crate::projection::front_matter::FrontMatterError;
use crate::projection::live::LiveState;
use crate::projection::sql::{self, LogReader, Refreshed, View, ViewStatus, refresh_all, views};
use crate::projection::store::Store;
use crate::projection::tables::Tables;

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
            Self::Ended | Self::Threads(_) => "ended",
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
    state: Mutex<State>,
    past: Past,
    desk: Desk,
}

/// The folds at one position.
#[derive(Default)]
struct State {
    tables: Tables,
    live: LiveState,
    /// Made by the first question after a refresh.
    context: Option<SessionContext>,
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
    /// can be written.
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
        let engine = Self {
            data_dir: data_dir.to_owned(),
            reader,
            store: Store::below(data_dir),
            views: views(),
            state: Mutex::new(State::default()),
            past: Past::default(),
            desk: Desk::new(limits)?,
        };
        drop(Box::pin(engine.refresh()).await?);
        Ok(engine)
    }

    /// The data folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The last log position the answers are true at; nothing where the log is empty.
    pub async fn position(&self) -> Option<u64> {
        self.state.lock().await.tables.position()
    }

    /// Takes in what was written since, and brings every view up to it: one entry for each,
    /// none where the folder cannot be written. A view that fails holds no other one up.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn refresh(&self) -> Result<Vec<Refreshed>, Error> {
        let mut state = self.state.lock().await;
        let lock = self.store.lock().await.map_err(sql::Error::from)?;
        self.reader.look().await?;
        let before = state.tables.position();
        let State { tables, live, context } = &mut *state;
        // The reader hands facts out in order, so the live state takes each.
        let follow = |recorded: &crate::event::Recorded| drop(live.apply(recorded));
        self.reader.advance(tables, None, follow).await?;
        if tables.position() != before {
            *context = None;
        }
        let Some(lock) = lock else { return Ok(Vec::new()) };
        let refresh = refresh_all(&lock, &self.store, &self.views, &[], tables);
        let refreshed = Box::pin(refresh).await?;
        if refreshed.iter().any(|view| view.computed > 0 || view.is_rebuilt) {
            *context = None;
        }
        Ok(refreshed)
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

    /// How far every view is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self) -> Result<Vec<ViewStatus>, Error> {
        let mut state = self.state.lock().await;
        let tables = state.tables.batches().map_err(sql::Error::from)?;
        let context = sql::session(tables)?;
        let status = sql::status(&context, &self.store, &self.views, &state.tables);
        Ok(Box::pin(status).await?)
    }

    async fn answer(
        &self,
        text: &str,
        params: Vec<(String, String)>,
        as_of: AsOf,
    ) -> Result<Answer, Error> {
        let settings = session::Settings { as_of, ..self.settings() };
        let prepared = self.prepare(text, settings).await?;
        let params = Params::texts(params);
        self.start(&prepared, params, settings.timeout).await?.collect().await
    }

    /// Every table as of the last refresh.
    async fn head(&self) -> Result<Snapshot, Error> {
        let mut state = self.state.lock().await;
        let position = state.tables.position();
        if let Some(context) = &state.context {
            return Ok(Snapshot { position, context: context.clone() });
        }
        let tables = state.tables.batches().map_err(sql::Error::from)?;
        let context = sql::session(tables)?;
        let status = sql::status(&context, &self.store, &self.views, &state.tables);
        let status = Box::pin(status).await?;
        register::views(&context, &self.store, &self.views)?;
        register::system(&context, &status)?;
        register::live(&context, sql::live_tables(&state.live)?)?;
        self.register(&context);
        state.context = Some(context.clone());
        Ok(Snapshot { position, context })
    }
}

#[cfg(test)]
mod tests;
