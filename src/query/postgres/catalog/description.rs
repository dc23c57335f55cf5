//! What `pg_catalog` says of the tables here: `pg_description` has what base tables and their
//! columns mean, as the reference has it; of keys and indexes there are none, and their lists of
//! columns are lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray as _, Int32Array, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, SchemaProvider, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::overlay::Found;
use crate::projection::tables::REFERENCE;

const NAME: &str = "pg_description";
/// Tables that are empty here.
const EMPTY: [&str; 2] = ["pg_constraint", "pg_index"];
/// Their columns that are lists of numbers.
const LISTS: [&str; 11] = [
    "conexclop",
    "confdelsetcols",
    "conffeqop",
    "confkey",
    "conkey",
    "conpfeqop",
    "conppeqop",
    "indclass",
    "indcollation",
    "indkey",
    "indoption",
];

/// `pg_catalog` with these tables as they are here.
#[derive(Debug)]
pub(super) struct Described(pub(super) Arc<dyn SchemaProvider>);

impl Described {
    /// The numbers of tables, by schema and name.
    async fn numbers(&self) -> Result<BTreeMap<(String, String), i32>, DataFusionError> {
        let context = SessionContext::new();
        for name in ["pg_class", "pg_namespace"] {
            if let Some(table) = self.0.table(name).await? {
                drop(context.register_table(name, table)?);
            }
        }
        let sql = "select c.oid as oid, n.nspname as nspname, c.relname as relname \
                   from pg_class c join pg_namespace n on c.relnamespace = n.oid";
        let mut numbers = BTreeMap::new();
        for batch in Box::pin(context.sql(sql)).await?.collect().await? {
            let column = |at: usize, kind| cast(batch.column(at), kind);
            let oids = column(0, &DataType::Int32)?;
            let (schemas, names) = (column(1, &DataType::Utf8)?, column(2, &DataType::Utf8)?);
            let oids = oids.as_primitive::<Int32Type>().iter();
            let names = schemas.as_string::<i32>().iter().zip(names.as_string::<i32>());
            for (oid, (schema, name)) in oids.zip(names) {
                if let (Some(oid), Some(schema), Some(name)) = (oid, schema, name) {
                    numbers.insert((schema.to_owned(), name.to_owned()), oid);
                }
            }
        }
        Ok(numbers)
    }

    async fn empty(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(table) = self.0.table(name).await? else { return Ok(None) };
        let schema = table.schema();
        let fields = schema.fields().iter().map(|field| {
            let field = field.as_ref().clone();
            match LISTS.contains(&field.name().as_str()) {
                true => {
                    let element = Arc::new(Field::new_list_field(DataType::Int16, true));
                    field.with_data_type(DataType::List(element))
                }
                false => field,
            }
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Ok(Some(Arc::new(MemTable::try_new(schema, vec![Vec::new()])?)))
    }

    async fn descriptions(&self) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(empty) = self.0.table(NAME).await? else { return Ok(None) };
        let numbers = self.numbers().await?;
        let number =
            |schema: &str, name: &str| numbers.get(&(schema.to_owned(), name.to_owned())).copied();
        let mut rows: Vec<(i32, i32, String)> = Vec::new();
        for table in REFERENCE {
            let Some(oid) = number("public", table.name) else { continue };
            rows.push((oid, 0, table.about.trim().to_owned()));
            let columns = (1..).zip(table.columns);
            rows.extend(columns.map(|(at, (_, meaning))| (oid, at, meaning.trim().to_owned())));
        }
        let class = number("pg_catalog", "pg_class").unwrap_or_default();
        let schema = empty.schema();
        let columns = schema.fields().iter().map(|field| {
            let column: ArrayRef = match field.name().as_str() {
                "objoid" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.0))),
                "classoid" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|_| class))),
                "objsubid" => Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.1))),
                _ => Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.2))),
            };
            cast(&column, field.data_type())
        });
        let batch = RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?)?;
        Ok(Some(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?)))
    }
}

impl SchemaProvider for Described {
    fn table_names(&self) -> Vec<String> {
        self.0.table_names()
    }

    fn table<'s, 'n, 'f>(&'s self, name: &'n str) -> Found<'f, Arc<dyn TableProvider>>
    where
        's: 'f,
        'n: 'f,
    {
        match name {
            NAME => Box::pin(self.descriptions()),
            name if EMPTY.contains(&name) => Box::pin(self.empty(name)),
            name => self.0.table(name),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table_exist(name)
    }
}
