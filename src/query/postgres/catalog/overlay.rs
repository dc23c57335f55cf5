//! The engine's tables under what PostgreSQL has beside them.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::catalog::{CatalogProvider, MemoryCatalogProvider, SchemaProvider, TableProvider};
use datafusion::datasource::TableType;
use datafusion::error::DataFusionError;

use super::description::Described;
use super::information_schema::InformationSchema;

/// What is looked up by name, in the engine's own words.
pub(super) type Found<'f, T> =
    Pin<Box<dyn Future<Output = Result<Option<T>, DataFusionError>> + Send + 'f>>;

/// The tables of the question that was understood last, with `pg_catalog`: what the tables in it
/// are made from.
#[derive(Debug)]
pub(super) struct Live {
    tables: Mutex<Arc<dyn CatalogProvider>>,
    added: Mutex<BTreeMap<String, Arc<dyn SchemaProvider>>>,
}

impl Default for Live {
    fn default() -> Self {
        let tables = Mutex::new(Arc::new(MemoryCatalogProvider::new()) as Arc<_>);
        Self { tables, added: Mutex::default() }
    }
}

impl Live {
    /// From now on these.
    pub(super) fn follow(&self, tables: Arc<dyn CatalogProvider>) {
        *self.tables.lock().unwrap_or_else(PoisonError::into_inner) = tables;
    }

    fn tables(&self) -> Arc<dyn CatalogProvider> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn added(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl CatalogProvider for Live {
    fn schema_names(&self) -> Vec<String> {
        names(&*self.tables())
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.added(name).or_else(|| schema(&*self.tables(), name))
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>, DataFusionError> {
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(added.insert(name.to_owned(), schema))
    }
}

/// The tables of one question.
#[derive(Debug)]
pub(super) struct Overlay {
    tables: Arc<dyn CatalogProvider>,
    live: Arc<Live>,
}

impl Overlay {
    pub(super) fn new(tables: Arc<dyn CatalogProvider>, live: Arc<Live>) -> Self {
        Self { tables, live }
    }
}

impl CatalogProvider for Overlay {
    fn schema_names(&self) -> Vec<String> {
        names(&*self.tables)
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == InformationSchema::NAME {
            return Some(Arc::new(InformationSchema::new(self.tables.clone())));
        }
        match self.live.added(name) {
            Some(added) => Some(Arc::new(Described(added))),
            None => schema(&*self.tables, name),
        }
    }
}

/// The schemas of the engine and of PostgreSQL.
fn names(tables: &dyn CatalogProvider) -> Vec<String> {
    let mut names = tables.schema_names();
    names.retain(|name| name != InformationSchema::NAME && name != "pg_catalog");
    names.sort();
    names.extend([InformationSchema::NAME.to_owned(), "pg_catalog".to_owned()]);
    names
}

fn schema(tables: &dyn CatalogProvider, name: &str) -> Option<Arc<dyn SchemaProvider>> {
    let schema = tables.schema(name)?;
    // Base tables are the tables; what is computed from them is a view.
    Some(if name == "public" { schema } else { Arc::new(Views(schema)) })
}

/// Whether tables of a schema are views to a client.
pub(super) fn kind_of(schema: &str) -> TableType {
    if schema == "public" { TableType::Base } else { TableType::View }
}

/// A schema of views.
#[derive(Debug)]
struct Views(Arc<dyn SchemaProvider>);

impl SchemaProvider for Views {
    fn owner_name(&self) -> Option<&str> {
        self.0.owner_name()
    }

    fn table_names(&self) -> Vec<String> {
        self.0.table_names()
    }

    fn table<'s, 'n, 'f>(&'s self, name: &'n str) -> Found<'f, Arc<dyn TableProvider>>
    where
        's: 'f,
        'n: 'f,
    {
        self.0.table(name)
    }

    fn table_type<'s, 'n, 'f>(&'s self, name: &'n str) -> Found<'f, TableType>
    where
        's: 'f,
        'n: 'f,
    {
        let kind = self.0.table_exist(name).then_some(TableType::View);
        Box::pin(std::future::ready(Ok(kind)))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table_exist(name)
    }
}
