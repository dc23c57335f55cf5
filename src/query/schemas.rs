//! Tables of one position as the engine sees them, made when a question names them.
//!
//! In: rows that do not change any more. Out: a schema whose tables cost nothing until one is
//! read, so that a question pays for the tables it names.

use std::fmt;
use std::sync::Arc;

use datafusion::catalog::SchemaProvider;
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::error::DataFusionError;
use futures::future::BoxFuture;

use crate::projection::sql::FactProvider;
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
