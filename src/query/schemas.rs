//! Tables of one position as the engine sees them, made when a question names them.
//!
//! In: rows that do not change any more. Out: a schema whose tables cost nothing until one is
//! read, so that a question pays for the tables it names.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{SchemaProvider, Session};
use datafusion::datasource::{MemTable, TableProvider, TableType};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;
use futures::future::BoxFuture;

use crate::projection::sql::{FactProvider, View, stored_schema};
use crate::projection::table::BaseTable;
use crate::projection::tables::Tables;

/// What the engine gives who asks for a table by name.
type Found = Result<Option<Arc<dyn TableProvider>>, DataFusionError>;

/// The base tables at one position.
pub(super) struct FactSchema(pub(super) Arc<Tables>);

impl fmt::Debug for FactSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "base tables at {:?}", self.0.position())
    }
}

impl SchemaProvider for FactSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.all().iter().map(|table| table.name().to_owned()).collect()
    }

    // Written out as the trait's macro does it.
    fn table<'a, 'b, 'f>(&'a self, name: &'b str) -> BoxFuture<'f, Found>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(std::future::ready(Ok(FactProvider::find(&self.0, name))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.all().iter().any(|table| table.name() == name)
    }
}

/// Tables whose rows are there already.
#[derive(Debug)]
pub(super) struct MadeSchema(pub(super) Arc<Vec<BaseTable>>);

impl SchemaProvider for MadeSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.iter().map(|table| table.name.to_owned()).collect()
    }

    // Written out as the trait's macro does it.
    fn table<'a, 'b, 'f>(&'a self, name: &'b str) -> BoxFuture<'f, Found>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        let found = self.0.iter().find(|table| table.name == name);
        let provider = found.map(|table| {
            let made = MemTable::try_new(table.schema.clone(), vec![table.batches.clone()])?;
            Ok(Arc::new(made) as Arc<dyn TableProvider>)
        });
        Box::pin(std::future::ready(provider.transpose()))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.iter().any(|table| table.name == name)
    }
}

/// The views of one layer at one position: those that were made, and the others to be listed.
#[derive(Debug, Default)]
pub(super) struct LayerSchema(BTreeMap<String, Arc<dyn TableProvider>>);

impl LayerSchema {
    /// Tables that are only listed.
    pub(super) fn listed(tables: &[BaseTable]) -> Self {
        let table = |table: &BaseTable| {
            let provider: Arc<dyn TableProvider> = Arc::new(NotMade(table.schema.clone()));
            (table.name.to_owned(), provider)
        };
        Self(tables.iter().map(table).collect())
    }

    /// Adds a view: what was made of it, nothing where it cannot be made, and what only says
    /// that it was not made otherwise.
    pub(super) fn add(&mut self, view: &View, made: Option<Option<Arc<dyn TableProvider>>>) {
        let not_made = || -> Arc<dyn TableProvider> { Arc::new(NotMade(stored_schema(view))) };
        if let Some(table) = made.unwrap_or_else(|| Some(not_made())) {
            self.0.insert(view.name.clone(), table);
        }
    }
}

impl SchemaProvider for LayerSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    // Written out as the trait's macro does it.
    fn table<'a, 'b, 'f>(&'a self, name: &'b str) -> BoxFuture<'f, Found>
    where
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(std::future::ready(Ok(self.0.get(name).cloned())))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// A table that no question has named: it can be listed, and gives an error rather than no rows.
#[derive(Debug)]
struct NotMade(SchemaRef);

impl TableProvider for NotMade {
    fn schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    // Written out as the trait's macro does it.
    fn scan<'a, 'b, 'c, 'd, 'f>(
        &'a self,
        _: &'b dyn Session,
        _: Option<&'c Vec<usize>>,
        _: &'d [Expr],
        _: Option<usize>,
    ) -> BoxFuture<'f, Result<Arc<dyn ExecutionPlan>, DataFusionError>>
    where
        'a: 'f,
        'b: 'f,
        'c: 'f,
        'd: 'f,
        Self: 'f,
    {
        let problem = "a table was read that the question does not name".to_owned();
        Box::pin(std::future::ready(Err(DataFusionError::Internal(problem))))
    }
}
