//! What the server says of itself and its tables.
//!
//! In: a command of Flight SQL. Out: one batch in the schema that FlightSql.proto gives.
//! Invariant: the schema told with the flight is that of the batch. Keys are answered with no
//! rows: nothing here is enforced by one.

mod server;
mod types;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_flight::sql::metadata::{GetCatalogsBuilder, GetDbSchemasBuilder, GetTablesBuilder};
use arrow_flight::sql::{
    Command, CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::RecordBatch;
use tonic::Status;

use super::error;
use crate::query::catalog::{self, CATALOG, TableInfo};
use crate::query::{Error, Session};

/// Folded from the log.
const TABLE: &str = "TABLE";
/// A stored view: a query's result.
const VIEW: &str = "VIEW";

/// The columns of the answer to a command; nothing where it is not one about the server.
pub(super) fn schema(command: &Command) -> Result<Option<SchemaRef>, Status> {
    let schema = match command {
        Command::CommandGetCatalogs(_) => GetCatalogsBuilder::new().schema(),
        Command::CommandGetDbSchemas(of) => GetDbSchemasBuilder::from(of.clone()).schema(),
        Command::CommandGetTables(of) => GetTablesBuilder::from(of.clone()).schema(),
        Command::CommandGetTableTypes(of) => of.into_builder().schema(),
        Command::CommandGetSqlInfo(_) => server::info()?.schema(),
        Command::CommandGetXdbcTypeInfo(_) => types::info()?.schema(),
        Command::CommandGetPrimaryKeys(_) => primary_keys(),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => foreign_keys(),
        _ => return Ok(None),
    };
    Ok(Some(schema))
}

/// The answer to a command; nothing where it is not one about the server.
pub(super) async fn answer(
    command: Command,
    session: &Session,
) -> Result<Option<RecordBatch>, Status> {
    let batch = match command {
        Command::CommandGetCatalogs(command) => catalogs(command),
        Command::CommandGetDbSchemas(command) => schemas(command, &listed(session).await?),
        Command::CommandGetTables(command) => tables(command, &listed(session).await?),
        Command::CommandGetTableTypes(command) => table_types(command),
        Command::CommandGetSqlInfo(command) => command.into_builder(server::info()?).build(),
        Command::CommandGetXdbcTypeInfo(command) => command.into_builder(types::info()?).build(),
        Command::CommandGetPrimaryKeys(_) => Ok(RecordBatch::new_empty(primary_keys())),
        Command::CommandGetExportedKeys(_)
        | Command::CommandGetImportedKeys(_)
        | Command::CommandGetCrossReference(_) => Ok(RecordBatch::new_empty(foreign_keys())),
        _ => return Ok(None),
    };
    batch.map(Some).map_err(failed)
}

fn failed(error: arrow_flight::error::FlightError) -> Status {
    match error {
        arrow_flight::error::FlightError::Arrow(error) => error::refused(&Error::from(error)),
        other => other.into(),
    }
}

async fn listed(session: &Session) -> Result<Vec<TableInfo>, Status> {
    session.tables().await.map_err(|error| error::refused(&error))
}

type Batch = arrow_flight::error::Result<RecordBatch>;

fn catalogs(command: CommandGetCatalogs) -> Batch {
    let mut builder = command.into_builder();
    builder.append(CATALOG);
    builder.build()
}

fn schemas(command: CommandGetDbSchemas, tables: &[TableInfo]) -> Batch {
    let mut builder = command.into_builder();
    let mut names: Vec<_> = tables.iter().map(|table| table.schema.as_str()).collect();
    names.dedup();
    for name in names {
        builder.append(CATALOG, name);
    }
    builder.build()
}

fn table_types(command: CommandGetTableTypes) -> Batch {
    let mut builder = command.into_builder();
    builder.append(TABLE);
    builder.append(VIEW);
    builder.build()
}

fn tables(command: CommandGetTables, tables: &[TableInfo]) -> Batch {
    let mut builder = command.into_builder();
    for table in tables {
        let kind = if table.is_view { VIEW } else { TABLE };
        builder.append(CATALOG, &table.schema, &table.name, kind, &columns(table))?;
    }
    builder.build()
}

/// The columns of a table, with what clients ask of each.
fn columns(table: &TableInfo) -> Schema {
    let field = |field: &Arc<Field>| {
        let mut metadata = HashMap::new();
        let mut say = |key: &str, value: &str| {
            drop(metadata.insert(format!("ARROW:FLIGHT:SQL:{key}"), value.to_owned()));
        };
        say("CATALOG_NAME", CATALOG);
        say("SCHEMA_NAME", &table.schema);
        say("TABLE_NAME", &table.name);
        say("TYPE_NAME", types::name(field.data_type()));
        say("IS_READ_ONLY", "1");
        say("IS_AUTO_INCREMENT", "0");
        say("IS_SEARCHABLE", "1");
        if let Some(meaning) = catalog::meaning(field) {
            say("REMARKS", meaning);
        }
        Field::new(field.name(), field.data_type().clone(), field.is_nullable())
            .with_metadata(metadata)
    };
    Schema::new(table.columns.fields().iter().map(field).collect::<Vec<_>>())
}

fn text(name: &str, is_nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, is_nullable)
}

/// Source: FlightSql.proto, CommandGetPrimaryKeys.
fn primary_keys() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("catalog_name", true),
        text("db_schema_name", true),
        text("table_name", false),
        text("column_name", false),
        text("key_name", true),
        Field::new("key_sequence", DataType::Int32, false),
    ]))
}

/// Source: FlightSql.proto, CommandGetExportedKeys.
fn foreign_keys() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
}
