//! One caller's questions, with what was set for them.
//!
//! In: SQL, settings, parameters. Out: rows, true at one log position that is told with them.
//! Invariants: nothing but questions is answered; every table of one question stands at the same
//! position. Everything that asks, be it a shell, a server or a report, goes through here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
#[cfg(feature = "sql-servers")]
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
#[cfg(feature = "sql-servers")]
use datafusion::sql::sqlparser::ast::Statement;
use futures::StreamExt as _;

use super::as_of::AsOf;
use super::limits::Rows;
use super::params::Params;
use super::snapshot::{Need, Wanted};
use super::{Answer, Engine, Error};

/// A caller's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) as_of: AsOf,
    /// What must be in the tables before a question is answered.
    pub(super) min_position: Option<u64>,
    pub(super) timeout: Duration,
}

/// One caller's questions.
#[derive(Clone)]
pub struct Session {
    engine: Arc<Engine>,
    settings: Settings,
}

/// What a server adds to the engine for the dialect of its clients.
#[cfg(feature = "sql-servers")]
pub(super) trait Dialect: Send + Sync {
    /// The engine that understands the dialect, with the same tables.
    fn adapt(&self, context: SessionContext) -> Result<SessionContext, DataFusionError>;
}

/// A question as it comes.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    Text(&'a str),
    #[cfg(feature = "sql-servers")]
    Parsed(&'a Statement, &'a dyn Dialect),
}

/// A question that was understood.
#[derive(Clone)]
pub struct Prepared {
    context: SessionContext,
    plan: LogicalPlan,
    /// Its columns.
    pub schema: SchemaRef,
    /// Its parameters by name, with their types where those follow from the question.
    pub params: BTreeMap<String, Option<DataType>>,
    /// The last log position that it sees; nothing where the log is empty.
    pub position: Option<u64>,
}

/// A question that is being answered.
#[derive(Debug)]
pub struct Running {
    /// Its columns.
    pub schema: SchemaRef,
    /// The last log position that it sees; nothing where the log is empty.
    pub position: Option<u64>,
    /// Its rows. Dropping them ends it.
    pub rows: Rows,
}

impl Session {
    /// A session with the settings of the engine.
    pub fn new(engine: Arc<Engine>) -> Self {
        let settings = engine.settings();
        Self { engine, settings }
    }

    /// Sets `as_of` (`head`, a position, or a time), `statement_timeout` (milliseconds, or with a
    /// unit such as `5s`; no more than the engine allows), or `min_position` (a position that
    /// must be in the tables before a question is answered, for who has just appended; `none`).
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such setting, or it cannot be so.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let wrong = |problem: String| Error::Setting { name: name.to_owned(), problem };
        match name.to_ascii_lowercase().as_str() {
            "as_of" => {
                let as_of = value.parse::<AsOf>();
                self.settings.as_of = as_of.map_err(|error| wrong(error.to_string()))?;
            }
            "statement_timeout" => {
                let most = self.engine.settings().timeout;
                let asked = duration(value).ok_or_else(|| {
                    wrong("wanted milliseconds such as 5000, or 5s, or 2min".to_owned())
                })?;
                // As in PostgreSQL, 0 means no limit of one's own.
                self.settings.timeout = if asked.is_zero() { most } else { asked.min(most) };
            }
            "min_position" => {
                self.settings.min_position = match value.trim() {
                    "none" => None,
                    digits => Some(digits.parse().map_err(|_| {
                        wrong("wanted a log position such as 1200, or none".to_owned())
                    })?),
                };
            }
            _ => {
                let there = "is unknown; there are as_of, statement_timeout and min_position";
                return Err(wrong(there.to_owned()));
            }
        }
        Ok(())
    }

    /// What a setting is.
    pub fn show(&self, name: &str) -> Option<String> {
        match name.to_ascii_lowercase().as_str() {
            "as_of" => Some(self.settings.as_of.to_string()),
            "statement_timeout" => Some(format!("{}ms", self.settings.timeout.as_millis())),
            "min_position" => {
                let position = self.settings.min_position.map(|position| position.to_string());
                Some(position.unwrap_or_else(|| "none".to_owned()))
            }
            _ => None,
        }
    }

    /// The engine with every table at the session's moment of the log.
    pub(super) async fn context(&self) -> Result<SessionContext, Error> {
        let (engine, settings) = (&self.engine, self.settings);
        let environment = engine.desk.environment()?;
        let snapshot = match settings.as_of {
            AsOf::Head => {
                engine.ready(settings.timeout).await?;
                engine.every_table(environment).await?
            }
            as_of => Box::pin(engine.past(as_of, &Need::default(), environment)).await?,
        };
        Ok(snapshot.context)
    }

    /// Understands a question, at the head as it is now or as of what was set.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] for anything but a question, [`Error::Sql`] where it is wrong.
    pub async fn prepare(&self, sql: &str) -> Result<Prepared, Error> {
        self.engine.prepare(Asked::Text(sql), self.settings).await
    }

    /// Understands a question that a server parsed by itself.
    ///
    /// # Errors
    /// As for [`Session::prepare`].
    #[cfg(feature = "sql-servers")]
    pub(super) async fn prepare_parsed(
        &self,
        statement: &Statement,
        dialect: &dyn Dialect,
    ) -> Result<Prepared, Error> {
        self.engine.prepare(Asked::Parsed(statement, dialect), self.settings).await
    }

    /// Begins to answer, once it is its turn.
    ///
    /// # Errors
    /// [`Error::Busy`] where too many wait, [`Error::Sql`] where parameters do not fit.
    pub async fn run(&self, prepared: &Prepared, params: Params) -> Result<Running, Error> {
        self.engine.start(prepared, params, self.settings.timeout).await
    }

    /// Understands a question and begins to answer it.
    ///
    /// # Errors
    /// As the two before.
    pub async fn query(&self, sql: &str, params: Params) -> Result<Running, Error> {
        let prepared = self.prepare(sql).await?;
        self.run(&prepared, params).await
    }
}

impl Prepared {
    /// The same question with values in the place of its parameters, and the columns it then has.
    ///
    /// # Errors
    /// [`Error::Sql`] where a parameter has no value.
    pub fn bind(&self, params: Params) -> Result<Self, Error> {
        let plan = self.plan.clone().with_param_values(params.0)?;
        let schema = plan.schema().inner().clone();
        let context = self.context.clone();
        Ok(Self { context, plan, schema, params: BTreeMap::new(), position: self.position })
    }
}

impl Running {
    /// All rows at once.
    ///
    /// # Errors
    /// What the rows end with.
    pub async fn collect(mut self) -> Result<Answer, Error> {
        let mut answer = Answer::of(&self.schema, &[])?;
        while let Some(batch) = self.rows.next().await {
            answer.extend(&[batch?])?;
        }
        Ok(answer)
    }
}

impl Running {
    /// The first rows, and whether they are all.
    ///
    /// # Errors
    /// What the rows end with.
    pub async fn first(mut self, most: usize) -> Result<(Answer, bool), Error> {
        let mut answer = Answer::of(&self.schema, &[])?;
        while let Some(batch) = self.rows.next().await {
            let batch = batch?;
            let left = most - answer.rows.len();
            if batch.num_rows() > left {
                answer.extend(&[batch.slice(0, left)])?;
                return Ok((answer, false));
            }
            answer.extend(&[batch])?;
        }
        Ok((answer, true))
    }
}

impl Engine {
    pub(super) fn settings(&self) -> Settings {
        Settings { as_of: AsOf::Head, min_position: None, timeout: self.desk.limits().timeout }
    }

    pub(super) async fn prepare(
        &self,
        asked: Asked<'_>,
        settings: Settings,
    ) -> Result<Prepared, Error> {
        self.past.forget_unsettled();
        let statement = match asked {
            Asked::Text(sql) => {
                let dialect = self.template.config().options().sql_parser.dialect;
                self.template.sql_to_statement(sql, &dialect)?
            }
            #[cfg(feature = "sql-servers")]
            Asked::Parsed(statement, _) => {
                datafusion::sql::parser::Statement::Statement(Box::new(statement.clone()))
            }
        };
        let environment = self.desk.environment()?;
        let snapshot = match settings.as_of {
            AsOf::Head => {
                self.ready(settings.timeout).await?;
                if let Some(position) = settings.min_position {
                    self.reach(position, settings.timeout).await?;
                }
                Box::pin(self.head(&statement, environment)).await?
            }
            as_of => {
                let need = self.need(&statement)?;
                Box::pin(self.past(as_of, &need, environment)).await?
            }
        };
        let context = snapshot.context;
        #[cfg(feature = "sql-servers")]
        let context = match asked {
            Asked::Parsed(_, dialect) => dialect.adapt(context)?,
            Asked::Text(_) => context,
        };
        let plan = loop {
            match Box::pin(context.state().statement_to_plan(statement.clone())).await {
                Ok(plan) => break plan,
                // A table as of another moment is made, and the question understood anew.
                Err(error) => match Wanted::of(&error) {
                    Some(it) => drop(Box::pin(self.make(it.as_of, &it.need)).await?),
                    None => return Err(error.into()),
                },
            }
        };
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        options.verify_plan(&plan).map_err(|_| Error::ReadOnly)?;
        // One that is used as two types that fit has none here, and is bound all the same.
        let mut types = plan.get_parameter_types().unwrap_or_default();
        let names = plan.get_parameter_names()?.into_iter();
        let params = names.map(|name| (name.clone(), types.remove(&name).flatten())).collect();
        let schema = plan.schema().inner().clone();
        Ok(Prepared { context, plan, schema, params, position: snapshot.position })
    }

    pub(super) async fn start(
        &self,
        prepared: &Prepared,
        params: Params,
        timeout: Duration,
    ) -> Result<Running, Error> {
        let frame = prepared.context.execute_logical_plan(prepared.plan.clone()).await?;
        let frame = match prepared.params.is_empty() {
            true => frame,
            false => frame.with_param_values(params.0)?,
        };
        let schema = frame.schema().inner().clone();
        let seat = self.desk.seat().await?;
        let limits = self.desk.limits().clone();
        let rows = self.desk.start(seat, timeout, |sender, gate| async move {
            let told = |error| Error::of_run(error, &limits);
            let context = Arc::new(frame.task_ctx());
            let plan = Box::pin(frame.create_physical_plan()).await.map_err(told)?;
            let plan = gate.put_in(plan).map_err(told)?;
            let mut stream = execute_stream(plan, context).map_err(told)?;
            while let Some(batch) = stream.next().await {
                if sender.send(Ok(batch.map_err(told)?)).await.is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        Ok(Running { schema, position: prepared.position, rows })
    }
}

/// A time as PostgreSQL writes it.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let number: u64 = digits.parse().ok()?;
    match text.get(digits.len()..)?.trim() {
        "" | "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        "h" => number.checked_mul(3_600).map(Duration::from_secs),
        _ => None,
    }
}
