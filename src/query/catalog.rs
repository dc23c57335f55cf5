//! What can be asked about: every table with its columns, as clients and shells list them.
//!
//! In: a session. Out: schemas, tables and columns at its moment of the log. Invariant: sorted by
//! schema and name. Deliberately absent: keys; nothing here is enforced by one.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::prelude::SessionContext;

use super::Error;
use super::session::Session;
use crate::projection::tables::REFERENCE;

/// The one catalog.
pub const CATALOG: &str = "ledgerline";
/// The schema of the base tables, whose name may be left out.
pub const PUBLIC: &str = "public";
/// Schemas of stored views; every other table is folded from the log.
const VIEW_SCHEMAS: [&str; 5] = ["fact", "funnel", "operational", "portrait", "strategic"];
/// The key of a column's field metadata that says what it means.
const MEANING: &str = "meaning";

/// One table.
#[derive(Clone, Debug)]
pub struct TableInfo {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Whether it is a stored view.
    pub is_view: bool,
    /// Its columns.
    pub(super) columns: SchemaRef,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// Its type, as SQL calls it.
    pub kind: &'static str,
    /// What it means; nothing where no page says so.
    pub meaning: Option<String>,
}

impl TableInfo {
    /// Its name as a question has it.
    pub fn in_sql(&self) -> String {
        match self.schema.as_str() {
            PUBLIC => self.name.clone(),
            schema => format!("{schema}.{}", self.name),
        }
    }

    /// Its columns, in their order.
    pub fn columns(&self) -> Vec<ColumnInfo> {
        let column = |field: &Arc<Field>| ColumnInfo {
            name: field.name().clone(),
            kind: type_name(field.data_type()),
            meaning: meaning(field).map(str::to_owned),
        };
        self.columns.fields().iter().map(column).collect()
    }
}

/// What a column means; nothing where no page says so.
pub(super) fn meaning(column: &Field) -> Option<&str> {
    column.metadata().get(MEANING).map(String::as_str)
}

/// What SQL calls a type.
pub(super) fn type_name(kind: &DataType) -> &'static str {
    match kind {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::UInt8 => "tinyint",
        DataType::Int16 | DataType::UInt16 => "smallint",
        DataType::Int32 | DataType::UInt32 => "integer",
        DataType::Int64 | DataType::UInt64 => "bigint",
        DataType::Float16 | DataType::Float32 => "real",
        DataType::Float64 => "double",
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => "decimal",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "varchar",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "varbinary",
        DataType::Date32 | DataType::Date64 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Interval(_) | DataType::Duration(_) => "interval",
        DataType::Dictionary(_, values) => type_name(values),
        DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => "array",
        DataType::Struct(_) => "row",
        DataType::Map(..) => "map",
        DataType::Null | DataType::Union(..) | DataType::RunEndEncoded(..) => "other",
    }
}

impl Session {
    /// Every table there is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn tables(&self) -> Result<Vec<TableInfo>, Error> {
        tables(&self.context().await?).await
    }
}

/// Every table of a context.
async fn tables(context: &SessionContext) -> Result<Vec<TableInfo>, Error> {
    let mut found = Vec::new();
    let Some(catalog) = context.catalog(CATALOG) else { return Ok(found) };
    for schema in catalog.schema_names() {
        let Some(provider) = catalog.schema(&schema) else { continue };
        for name in provider.table_names() {
            // One that was dropped in between is none.
            let Some(table) = provider.table(&name).await? else { continue };
            let columns = match schema.as_str() {
                PUBLIC => explained(&name, &table.schema()),
                _ => table.schema(),
            };
            let is_view = VIEW_SCHEMAS.contains(&schema.as_str());
            found.push(TableInfo { schema: schema.clone(), name, is_view, columns });
        }
    }
    found.sort_by(|a, b| (&a.schema, &a.name).cmp(&(&b.schema, &b.name)));
    Ok(found)
}

/// The columns of a base table, each with what it means.
fn explained(table: &str, columns: &SchemaRef) -> SchemaRef {
    let Some(reference) = REFERENCE.iter().find(|reference| reference.name == table) else {
        return columns.clone();
    };
    let of = |name: &str| {
        let mut known = reference.columns.iter();
        known.find(|(known, _)| known.trim_start_matches("r#") == name)
    };
    let fields = columns.fields().iter().map(|field| match of(field.name()) {
        Some((_, meaning)) => {
            let mut metadata = field.metadata().clone();
            drop(metadata.insert(MEANING.to_owned(), meaning.trim().to_owned()));
            Arc::new(field.as_ref().clone().with_metadata(metadata))
        }
        None => field.clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}
