//! The extended protocol: parse, bind, describe, execute; parameters, portions of rows.
//!
//! Invariant: a statement that is kept is understood anew for each use but its first, so that it
//! sees what was recorded since; its columns stay what they were.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::arrow::record_batch::RecordBatch;
use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::data::{DataRow, NoData, ParameterDescription};
use pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};
use pgwire::messages::response::EmptyQueryResponse;

use super::command::{Command, command};
use super::connection::{Connection, KEPT};
use super::fault::{Failed, Fault};
use super::frontend::{Bind, Target};
use super::params::Wanted;
use super::rows::{Columns, Cursor};
use super::settings::Settings;
use crate::query::{self, Params, Session};

/// A statement that was parsed, or none where the text was empty.
#[derive(Clone)]
pub(super) struct Prepared {
    pub(super) command: Command,
    is_empty: bool,
    wanted: Wanted,
    schema: Option<Arc<Schema>>,
    /// Understood, and not used yet.
    fresh: Option<(Session, query::Prepared)>,
}

/// A statement with its values.
pub(super) struct Portal {
    prepared: Prepared,
    params: Params,
    formats: Vec<i16>,
    running: Running,
}

enum Running {
    NotYet,
    Rows(Box<Cursor>),
    Shown(std::vec::IntoIter<DataRow>),
    Over,
}

impl Prepared {
    /// Understands a statement.
    pub(super) async fn new(
        connection: &Connection,
        command: Command,
        types: &[u32],
    ) -> Result<Self, Failed> {
        let Command::Question(statement) = &command else {
            let wanted = Wanted::new(&std::collections::BTreeMap::new(), types)?;
            return Ok(Self { command, is_empty: false, wanted, schema: None, fresh: None });
        };
        let session = connection.session().await?;
        let dialect = connection.server.catalog.dialect(connection);
        let question = session.prepare_parsed(statement, &dialect).await?;
        let wanted = Wanted::new(&question.params, types)?;
        let schema = Some(question.schema.clone());
        let fresh = Some((session, question));
        Ok(Self { command, is_empty: false, wanted, schema, fresh })
    }

    /// A text without a statement.
    fn empty() -> Self {
        Self {
            command: Command::Accepted(""),
            is_empty: true,
            wanted: Wanted::default(),
            schema: None,
            fresh: None,
        }
    }

    /// The question to run, as of now.
    pub(super) async fn question(
        &mut self,
        connection: &Connection,
    ) -> Result<(Session, query::Prepared), Failed> {
        if let Some(fresh) = self.fresh.take() {
            return Ok(fresh);
        }
        let Command::Question(statement) = &self.command else {
            return Err(Fault::new("XX000", "no question").into());
        };
        let session = connection.session().await?;
        let dialect = connection.server.catalog.dialect(connection);
        let question = session.prepare_parsed(statement, &dialect).await?;
        let types = |schema: &Schema| -> Vec<_> {
            schema.fields().iter().map(|field| field.data_type().clone()).collect()
        };
        if self.schema.as_ref().is_some_and(|schema| types(schema) != types(&question.schema)) {
            return Err(Fault::new("0A000", "cached plan must not change result type").into());
        }
        Ok((session, question))
    }

    /// The columns of its rows; nothing where it has none.
    async fn columns(
        &self,
        connection: &Connection,
        formats: &[i16],
    ) -> Result<Option<Columns>, Failed> {
        Ok(match (&self.command, &self.schema) {
            (Command::Question(_), Some(schema)) => Some(Columns::new(schema, formats)?),
            (Command::Show(_) | Command::ShowAll, _) => {
                Some(shown(connection, &self.command).await?.0)
            }
            _ => None,
        })
    }
}

impl Connection {
    pub(super) async fn parse(
        &mut self,
        name: String,
        sql: &str,
        types: &[u32],
    ) -> Result<(), Failed> {
        if !name.is_empty() && self.statements.contains_key(&name) {
            let said = format!("prepared statement {name:?} already exists");
            return Err(Fault::new("42P05", said).into());
        }
        if self.statements.len() >= KEPT {
            let said = format!("{KEPT} prepared statements are kept; close one");
            return Err(Fault::new("53000", said).into());
        }
        let mut statements = self.server.catalog.parse(sql)?;
        let prepared = match (statements.pop(), statements.is_empty()) {
            (None, _) => Prepared::empty(),
            (Some(statement), true) => {
                let command = command(statement)?;
                self.refuse_in_failed(&command)?;
                Prepared::new(self, command, types).await?
            }
            (Some(_), false) => {
                let said = "cannot insert multiple commands into a prepared statement";
                return Err(Fault::new("42601", said).into());
            }
        };
        self.statements.insert(name, prepared);
        Ok(self.wire.put(&Backend::ParseComplete(ParseComplete::new()))?)
    }

    pub(super) async fn bind(&mut self, bind: Bind) -> Result<(), Failed> {
        let name = &bind.statement;
        let Some(kept) = self.statements.get_mut(name) else {
            let said = format!("prepared statement {name:?} does not exist");
            return Err(Fault::new("26000", said).into());
        };
        // Who uses it first gets it as it was understood; the next one looks again.
        let prepared = kept.clone();
        kept.fresh = None;
        self.refuse_in_failed(&prepared.command)?;
        if self.portals.len() >= KEPT && !self.portals.contains_key(&bind.portal) {
            return Err(Fault::new("53000", format!("{KEPT} portals are kept; close one")).into());
        }
        let params = prepared.wanted.values(&bind)?;
        // Formats that do not fit are refused before anything runs.
        drop(prepared.columns(self, &bind.results).await?);
        let portal = Portal { prepared, params, formats: bind.results, running: Running::NotYet };
        self.portals.insert(bind.portal, portal);
        Ok(self.wire.put(&Backend::BindComplete(BindComplete::new()))?)
    }

    pub(super) async fn describe(&mut self, target: Target, name: &str) -> Result<(), Failed> {
        let missing = || match target {
            Target::Statement => {
                Fault::new("26000", format!("prepared statement {name:?} does not exist"))
            }
            Target::Portal => Fault::new("34000", format!("portal {name:?} does not exist")),
        };
        let columns = match target {
            Target::Statement => {
                let prepared = self.statements.get(name).ok_or_else(missing)?;
                let columns = prepared.columns(self, &[]).await?;
                let types = ParameterDescription::new(prepared.wanted.oids());
                self.wire.put(&Backend::ParameterDescription(types))?;
                columns
            }
            Target::Portal => {
                let portal = self.portals.get(name).ok_or_else(missing)?;
                portal.prepared.columns(self, &portal.formats).await?
            }
        };
        Ok(self.wire.put(&match columns {
            Some(columns) => Backend::RowDescription(columns.description()),
            None => Backend::NoData(NoData::new()),
        })?)
    }

    pub(super) async fn execute(&mut self, name: &str, most: usize) -> Result<(), Failed> {
        // Taken out while it runs: one that fails is gone.
        let Some(mut portal) = self.portals.remove(name) else {
            return Err(Fault::new("34000", format!("portal {name:?} does not exist")).into());
        };
        if portal.prepared.is_empty {
            self.portals.insert(name.to_owned(), portal);
            return Ok(self.wire.put(&Backend::EmptyQueryResponse(EmptyQueryResponse::new()))?);
        }
        self.refuse_in_failed(&portal.prepared.command)?;
        let tag = portal.prepared.command.tag();
        match &portal.prepared.command {
            Command::Question(_) | Command::Show(_) | Command::ShowAll => {}
            command => {
                let command = command.clone();
                let tag = self.obey(&command).await?;
                return self.complete(tag);
            }
        }
        if matches!(portal.running, Running::NotYet) {
            portal.running = self.begin(&mut portal).await?;
        }
        let mut count = 0;
        loop {
            if most > 0 && count == most {
                self.portals.insert(name.to_owned(), portal);
                return Ok(self.wire.put(&Backend::PortalSuspended(PortalSuspended::new()))?);
            }
            let row = match &mut portal.running {
                Running::Rows(cursor) => cursor.next().await?,
                Running::Shown(rows) => rows.next(),
                Running::NotYet | Running::Over => None,
            };
            let Some(row) = row else { break };
            self.put_row(row).await?;
            count += 1;
        }
        portal.running = Running::Over;
        self.portals.insert(name.to_owned(), portal);
        match tag {
            "SHOW" => self.complete(tag),
            tag => self.complete(&format!("{tag} {count}")),
        }
    }

    async fn begin(&self, portal: &mut Portal) -> Result<Running, Failed> {
        if !matches!(portal.prepared.command, Command::Question(_)) {
            let (_, rows) = shown(self, &portal.prepared.command).await?;
            return Ok(Running::Shown(rows.into_iter()));
        }
        let (session, question) = portal.prepared.question(self).await?;
        let columns = Columns::new(&question.schema, &portal.formats)?;
        let params = std::mem::take(&mut portal.params);
        let running = session.run(&question, params).await?;
        Ok(Running::Rows(Box::new(Cursor::new(running.rows, columns))))
    }

    pub(super) fn close(&mut self, target: Target, name: &str) -> Result<(), Failed> {
        match target {
            Target::Statement => drop(self.statements.remove(name)),
            Target::Portal => drop(self.portals.remove(name)),
        }
        Ok(self.wire.put(&Backend::CloseComplete(CloseComplete::new()))?)
    }
}

/// The answer of SHOW.
pub(super) async fn shown(
    connection: &Connection,
    command: &Command,
) -> Result<(Columns, Vec<DataRow>), Failed> {
    let session = connection.session().await?;
    let value = |name: &str| match Settings::of_engine(name) {
        Some(name) => session.show(name),
        None => connection.settings.show(name),
    };
    let (columns, values) = match command {
        Command::Show(name) => {
            let value = value(name).ok_or_else(|| {
                let said = format!("unrecognized configuration parameter {name:?}");
                Fault::new("42704", said)
            })?;
            (Columns::texts(&[name])?, vec![vec![value]])
        }
        _ => {
            let all = connection.settings.all().into_iter();
            let all = all.map(|(name, shown)| {
                vec![name.to_owned(), value(name).unwrap_or(shown), String::new()]
            });
            (Columns::texts(&["name", "setting", "description"])?, all.collect())
        }
    };
    let columns_of =
        |at: usize| values.iter().map(|row: &Vec<String>| row.get(at).cloned()).collect();
    let arrays = (0..columns.fields.len()).map(|at| {
        let texts: datafusion::arrow::array::StringArray = columns_of(at);
        Arc::new(texts) as datafusion::arrow::array::ArrayRef
    });
    let names = columns.fields.iter().map(|field| field.name().to_owned());
    let batch = RecordBatch::try_from_iter(names.zip(arrays))
        .map_err(|error| Fault::new("XX000", error.to_string()))?;
    let mut encoder = columns.encoder(&batch)?;
    let mut rows = Vec::new();
    while let Some(row) = encoder.next_row() {
        rows.push(row.map_err(Fault::from)?);
    }
    Ok((columns, rows))
}
