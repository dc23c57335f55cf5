//! The simple protocol: one text, any number of statements, one after the other.

use pgwire::messages::PgWireBackendMessage as Backend;
use pgwire::messages::data::DataRow;
use pgwire::messages::response::EmptyQueryResponse;

use super::command::{Command, command};
use super::connection::Connection;
use super::extended::{Prepared, shown};
use super::fault::Failed;
use super::rows::{Columns, Cursor};
use crate::query::Params;

impl Connection {
    /// Runs a text's statements in their order; one that fails is the last.
    pub(super) async fn simple(&mut self, sql: &str) -> Result<(), Failed> {
        // As in PostgreSQL: the statement and portal without a name are gone.
        self.statements.remove("");
        self.portals.remove("");
        let statements = self.server.catalog.parse(sql)?;
        if statements.is_empty() {
            return Ok(self.wire.put(&Backend::EmptyQueryResponse(EmptyQueryResponse::new()))?);
        }
        for statement in statements {
            let command = command(statement)?;
            self.refuse_in_failed(&command)?;
            match &command {
                Command::Question(_) => {
                    let prepared = Prepared::new(self, command, &[]).await?;
                    self.answer(prepared).await?;
                }
                Command::Show(_) | Command::ShowAll => {
                    let (columns, rows) = shown(self, &command).await?;
                    self.wire.put(&Backend::RowDescription(columns.description()))?;
                    for row in rows {
                        self.wire.put(&Backend::DataRow(row))?;
                    }
                    self.complete(command.tag())?;
                }
                _ => {
                    let tag = self.obey(&command).await?;
                    self.complete(tag)?;
                }
            }
        }
        Ok(())
    }

    async fn answer(&mut self, mut prepared: Prepared) -> Result<(), Failed> {
        let (session, question) = prepared.question(self).await?;
        let columns = Columns::new(&question.schema, &[])?;
        let running = session.run(&question, Params::default()).await?;
        self.wire.put(&Backend::RowDescription(columns.description()))?;
        let mut cursor = Cursor::new(running.rows, columns);
        let mut count = 0u64;
        while let Some(row) = cursor.next().await? {
            self.put_row(row).await?;
            count += 1;
        }
        self.complete(&format!("{} {count}", prepared.command.tag()))
    }

    /// Puts a row behind what waits, and waits where that is much.
    pub(super) async fn put_row(&mut self, row: DataRow) -> Result<(), Failed> {
        self.wire.put(&Backend::DataRow(row))?;
        Ok(self.wire.make_room().await?)
    }
}
