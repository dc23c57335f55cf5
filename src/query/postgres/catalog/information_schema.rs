//! `information_schema`, in PostgreSQL's columns and names of types.
//!
//! Source: PostgreSQL 16, chapter 37.

use std::sync::Arc;

use arrow_pg::datatypes::into_pg_type;
use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;
use pgwire::api::Type;

use super::DATABASE;
use super::overlay::{Found, kind_of};

/// The schema over some tables.
#[derive(Debug)]
pub(super) struct InformationSchema(Arc<dyn CatalogProvider>);

/// A table: its columns, those of numbers with a `#` before their name.
struct Shape(&'static str, &'static [&'static str]);

const SHAPES: &[Shape] = &[
    Shape("applicable_roles", &["grantee", "role_name", "is_grantable"]),
    Shape(
        "check_constraints",
        &["constraint_catalog", "constraint_schema", "constraint_name", "check_clause"],
    ),
    Shape("columns", COLUMNS),
    Shape(
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    Shape("enabled_roles", &["role_name"]),
    Shape("information_schema_catalog_name", &["catalog_name"]),
    Shape(
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "#ordinal_position",
            "#position_in_unique_constraint",
        ],
    ),
    Shape(
        "parameters",
        &["specific_catalog", "specific_schema", "specific_name", "#ordinal_position", "data_type"],
    ),
    Shape(
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
            "match_option",
            "update_rule",
            "delete_rule",
        ],
    ),
    Shape("role_table_grants", GRANTS),
    Shape(
        "routines",
        &[
            "specific_catalog",
            "specific_schema",
            "specific_name",
            "routine_catalog",
            "routine_schema",
            "routine_name",
            "routine_type",
            "data_type",
            "routine_definition",
            "external_language",
        ],
    ),
    Shape(
        "schemata",
        &[
            "catalog_name",
            "schema_name",
            "schema_owner",
            "default_character_set_catalog",
            "default_character_set_schema",
            "default_character_set_name",
            "sql_path",
        ],
    ),
    Shape(
        "sequences",
        &["sequence_catalog", "sequence_schema", "sequence_name", "data_type", "start_value"],
    ),
    Shape(
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
            "is_deferrable",
            "initially_deferred",
            "enforced",
        ],
    ),
    Shape("table_privileges", GRANTS),
    Shape(
        "tables",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "table_type",
            "self_referencing_column_name",
            "reference_generation",
            "user_defined_type_catalog",
            "user_defined_type_schema",
            "user_defined_type_name",
            "is_insertable_into",
            "is_typed",
            "commit_action",
        ],
    ),
    Shape("triggers", &["trigger_catalog", "trigger_schema", "trigger_name", "event_object_table"]),
    Shape(
        "views",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "view_definition",
            "check_option",
            "is_updatable",
            "is_insertable_into",
        ],
    ),
];

const GRANTS: &[&str] = &[
    "grantor",
    "grantee",
    "table_catalog",
    "table_schema",
    "table_name",
    "privilege_type",
    "is_grantable",
    "with_hierarchy",
];

const COLUMNS: &[&str] = &[
    "table_catalog",
    "table_schema",
    "table_name",
    "column_name",
    "#ordinal_position",
    "column_default",
    "is_nullable",
    "data_type",
    "#character_maximum_length",
    "#character_octet_length",
    "#numeric_precision",
    "#numeric_precision_radix",
    "#numeric_scale",
    "#datetime_precision",
    "interval_type",
    "#interval_precision",
    "character_set_catalog",
    "character_set_schema",
    "character_set_name",
    "collation_catalog",
    "collation_schema",
    "collation_name",
    "domain_catalog",
    "domain_schema",
    "domain_name",
    "udt_catalog",
    "udt_schema",
    "udt_name",
    "scope_catalog",
    "scope_schema",
    "scope_name",
    "#maximum_cardinality",
    "dtd_identifier",
    "is_self_referencing",
    "is_identity",
    "identity_generation",
    "identity_start",
    "identity_increment",
    "identity_maximum",
    "identity_minimum",
    "identity_cycle",
    "is_generated",
    "generation_expression",
    "is_updatable",
];

/// One row, by name of column; what is not there is null.
type Row = Vec<(&'static str, String)>;

impl InformationSchema {
    pub(super) const NAME: &'static str = "information_schema";

    pub(super) fn new(tables: Arc<dyn CatalogProvider>) -> Self {
        Self(tables)
    }

    fn schemas(&self) -> Vec<(String, Arc<dyn SchemaProvider>)> {
        let mut names = self.0.schema_names();
        names.retain(|name| name != Self::NAME);
        names.sort();
        names.into_iter().filter_map(|name| Some((name.clone(), self.0.schema(&name)?))).collect()
    }

    async fn rows(&self, table: &str) -> Result<Vec<Row>, DataFusionError> {
        let text = |text: &str| text.to_owned();
        let mut rows = Vec::new();
        if table == "information_schema_catalog_name" {
            return Ok(vec![vec![("catalog_name", text(DATABASE))]]);
        }
        if table == "schemata" {
            let names = self.schemas().into_iter().map(|(name, _)| name);
            for name in names.chain([text(Self::NAME), text("pg_catalog")]) {
                rows.push(vec![
                    ("catalog_name", text(DATABASE)),
                    ("schema_name", name),
                    ("schema_owner", text(DATABASE)),
                ]);
            }
            return Ok(rows);
        }
        if !matches!(
            table,
            "tables" | "views" | "columns" | "role_table_grants" | "table_privileges"
        ) {
            return Ok(rows);
        }
        for (schema, tables) in self.schemas() {
            let mut names = tables.table_names();
            names.sort();
            let is_view = kind_of(&schema) == TableType::View;
            for name in names {
                let place = [
                    ("table_catalog", text(DATABASE)),
                    ("table_schema", schema.clone()),
                    ("table_name", name.clone()),
                ];
                let more: Vec<Row> = match table {
                    "tables" => {
                        let kind = if is_view { "VIEW" } else { "BASE TABLE" };
                        vec![vec![
                            ("table_type", text(kind)),
                            ("is_insertable_into", text("NO")),
                            ("is_typed", text("NO")),
                        ]]
                    }
                    "views" if is_view => vec![vec![
                        ("check_option", text("NONE")),
                        ("is_updatable", text("NO")),
                        ("is_insertable_into", text("NO")),
                    ]],
                    "views" => Vec::new(),
                    "columns" => match tables.table(&name).await? {
                        Some(table) => columns(&table.schema()),
                        None => Vec::new(),
                    },
                    _ => vec![vec![
                        ("grantor", text(DATABASE)),
                        ("grantee", text("PUBLIC")),
                        ("privilege_type", text("SELECT")),
                        ("is_grantable", text("NO")),
                        ("with_hierarchy", text("NO")),
                    ]],
                };
                rows.extend(more.into_iter().map(|row| place.iter().cloned().chain(row).collect()));
            }
        }
        Ok(rows)
    }
}

/// The columns of one table.
fn columns(schema: &Schema) -> Vec<Row> {
    let fields = schema.fields().iter().enumerate();
    let rows = fields.map(|(at, field)| {
        let kind = into_pg_type(field.data_type()).unwrap_or(Type::TEXT);
        let (name, bits) = described(&kind);
        let mut row = vec![
            ("column_name", field.name().clone()),
            ("ordinal_position", (at + 1).to_string()),
            ("is_nullable", if field.is_nullable() { "YES" } else { "NO" }.to_owned()),
            ("data_type", name.to_owned()),
            ("udt_catalog", DATABASE.to_owned()),
            ("udt_schema", "pg_catalog".to_owned()),
            ("udt_name", kind.name().to_owned()),
            ("dtd_identifier", (at + 1).to_string()),
            ("is_self_referencing", "NO".to_owned()),
            ("is_identity", "NO".to_owned()),
            ("identity_cycle", "NO".to_owned()),
            ("is_generated", "NEVER".to_owned()),
            ("is_updatable", "NO".to_owned()),
        ];
        if let Some(bits) = bits {
            row.push(("numeric_precision", bits.to_string()));
            row.push(("numeric_precision_radix", "2".to_owned()));
        }
        if matches!(kind, Type::INT2 | Type::INT4 | Type::INT8) {
            row.push(("numeric_scale", "0".to_owned()));
        }
        if matches!(kind, Type::TIMESTAMP | Type::TIMESTAMPTZ | Type::TIME) {
            row.push(("datetime_precision", "6".to_owned()));
        }
        row
    });
    rows.collect()
}

/// A type's name in the standard, and bits of its numbers.
fn described(kind: &Type) -> (&'static str, Option<u8>) {
    match *kind {
        Type::BOOL => ("boolean", None),
        Type::INT2 => ("smallint", Some(16)),
        Type::INT4 => ("integer", Some(32)),
        Type::INT8 => ("bigint", Some(64)),
        Type::FLOAT4 => ("real", Some(24)),
        Type::FLOAT8 => ("double precision", Some(53)),
        Type::NUMERIC => ("numeric", None),
        Type::DATE => ("date", None),
        Type::TIME => ("time without time zone", None),
        Type::TIMESTAMP => ("timestamp without time zone", None),
        Type::TIMESTAMPTZ => ("timestamp with time zone", None),
        Type::INTERVAL => ("interval", None),
        Type::BYTEA => ("bytea", None),
        Type::TEXT => ("text", None),
        _ => ("ARRAY", None),
    }
}

/// Rows in the columns of a table.
fn batch(shape: &Shape, rows: &[Row]) -> Result<RecordBatch, DataFusionError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for column in shape.1 {
        let name = column.trim_start_matches('#');
        let values = rows.iter().map(|row| {
            row.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
        });
        if name == *column {
            fields.push(ArrowField::new(name, DataType::Utf8, true));
            columns.push(Arc::new(values.collect::<StringArray>()));
        } else {
            fields.push(ArrowField::new(name, DataType::Int32, true));
            let numbers = values.map(|value| value.and_then(|value| value.parse().ok()));
            columns.push(Arc::new(numbers.collect::<Int32Array>()));
        }
    }
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        SHAPES.iter().map(|shape| shape.0.to_owned()).collect()
    }

    fn table<'s, 'n, 'f>(&'s self, name: &'n str) -> Found<'f, Arc<dyn TableProvider>>
    where
        's: 'f,
        'n: 'f,
    {
        Box::pin(async move {
            let Some(shape) = SHAPES.iter().find(|shape| shape.0 == name) else { return Ok(None) };
            let batch = batch(shape, &self.rows(name).await?)?;
            let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
            Ok(Some(Arc::new(table) as Arc<dyn TableProvider>))
        })
    }

    fn table_exist(&self, name: &str) -> bool {
        SHAPES.iter().any(|shape| shape.0 == name)
    }
}
