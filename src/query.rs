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
mod reference;
mod register;
mod saved;

use std::path::{Path, PathBuf};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::ParamValues;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use tokio::sync::Mutex;

pub use self::answer::Answer;
pub use self::reference::markdown;
pub use self::saved::{Kpi, Param, SavedQuery, saved_queries};
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

/// Answers questions about one data folder.
pub struct Engine {
    data_dir: PathBuf,
    reader: LogReader,
    store: Store,
    views: Vec<View>,
    state: Mutex<State>,
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
        let engine = Self {
            data_dir: data_dir.to_owned(),
            reader,
            store: Store::below(data_dir),
            views: views().map_err(sql::Error::from)?,
            state: Mutex::new(State::default()),
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

    /// Answers a question in SQL.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for anything but a question, [`Error::Sql`] where the engine refuses.
    pub async fn sql(&self, text: &str) -> Result<Vec<RecordBatch>, Error> {
        Ok(Box::pin(self.run(text, Vec::new())).await?.1)
    }

    /// Answers a question in SQL, as rows for people and programs.
    ///
    /// # Errors
    /// As for [`Engine::sql`].
    pub async fn ask(&self, text: &str) -> Result<Answer, Error> {
        let (schema, batches) = Box::pin(self.run(text, Vec::new())).await?;
        Ok(Answer::of(&schema, &batches)?)
    }

    /// Answers a saved question.
    ///
    /// # Errors
    /// [`Error::UnknownQuery`], [`Error::Param`], and as for [`Engine::sql`].
    pub async fn saved(&self, name: &str, params: &[(String, String)]) -> Result<Answer, Error> {
        let saved = SavedQuery::find(name)?;
        let values = saved.bind(params)?;
        let (schema, batches) = Box::pin(self.run(&saved.sql, values)).await?;
        Ok(Answer::of(&schema, &batches)?)
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

    async fn run(
        &self,
        text: &str,
        params: Vec<(String, String)>,
    ) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
        let context = Box::pin(self.context()).await?;
        Box::pin(answer_in(&context, text, params)).await
    }

    /// The engine with every table in it.
    async fn context(&self) -> Result<SessionContext, Error> {
        let mut state = self.state.lock().await;
        if let Some(context) = &state.context {
            return Ok(context.clone());
        }
        let tables = state.tables.batches().map_err(sql::Error::from)?;
        let context = sql::session(tables)?;
        let status = sql::status(&context, &self.store, &self.views, &state.tables);
        let status = Box::pin(status).await?;
        register::views(&context, &self.store, &self.views).await?;
        register::system(&context, &status)?;
        register::live(&context, sql::live_tables(&state.live)?)?;
        state.context = Some(context.clone());
        Ok(context)
    }
}

/// Answers a question with the tables of one engine.
async fn answer_in(
    context: &SessionContext,
    text: &str,
    params: Vec<(String, String)>,
) -> Result<(SchemaRef, Vec<RecordBatch>), Error> {
    let plan = context.state().create_logical_plan(text).await?;
    let options =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    options.verify_plan(&plan).map_err(|_| Error::ReadOnly)?;
    let mut frame = context.execute_logical_plan(plan).await?;
    if !params.is_empty() {
        let values = params.into_iter().map(|(name, value)| (name, ScalarValue::from(value)));
        frame = frame.with_param_values(ParamValues::from(values.collect::<Vec<_>>()))?;
    }
    let schema = frame.schema().inner().clone();
    let batches = frame.collect().await?;
    Ok((schema, batches))
}

#[cfg(test)]
mod tests;
