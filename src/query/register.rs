//! Views and the system's own tables, as the engine sees them.

use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider as _};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::Error;
use crate::projection::sql::{self, Layer, View, ViewStatus};
use crate::projection::store::Store;
use crate::projection::table::{BaseTable, Row, int, row};
use crate::projection::tables::REFERENCE;

row! {
    /// How far one view is.
    ProjectionRow = "projections" {
        /// The view.
        name: String,
        /// `operational`, `funnel` or `strategic`.
        layer: &'static str,
        /// The last log position in it.
        position: Option<i64>,
        /// The last log position there is.
        head: Option<i64>,
        /// Events after the view's position.
        lag: i64,
        /// Windows it has.
        windows: i64,
        /// Windows that the next refresh computes.
        dirty_windows: i64,
        /// Parquet files it has.
        files: i64,
        /// Rows in them.
        rows: i64,
        /// Bytes in them.
        bytes: i64,
        /// Why the last refresh failed.
        last_error: Option<String>,
    }
}

row! {
    /// What one column of a base table means.
    ColumnRow = "columns" {
        /// The table.
        table_name: &'static str,
        /// The column.
        column_name: &'static str,
        /// What it says.
        meaning: &'static str,
    }
}

/// Adds a schema.
fn schema(
    context: &SessionContext,
    name: &str,
) -> Result<Arc<MemorySchemaProvider>, DataFusionError> {
    let schema = Arc::new(MemorySchemaProvider::new());
    schema_of(context, name, schema.clone())?;
    Ok(schema)
}

/// Adds a schema that has its tables.
pub(super) fn schema_of(
    context: &SessionContext,
    name: &str,
    schema: Arc<MemorySchemaProvider>,
) -> Result<(), DataFusionError> {
    let catalog = context.catalog("ledgerline");
    let catalog = catalog.ok_or_else(|| DataFusionError::Internal("no catalog".to_owned()))?;
    drop(catalog.register_schema(name, schema)?);
    Ok(())
}

/// Rows as a table.
fn table<R: Row>(rows: &[R]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let batch = R::batch(rows).map_err(|error: ArrowError| DataFusionError::from(error))?;
    Ok(Arc::new(MemTable::try_new(R::schema(), vec![vec![batch]])?))
}

/// `live.*`.
pub(super) fn live(
    context: &SessionContext,
    tables: Vec<BaseTable>,
) -> Result<(), DataFusionError> {
    let schema = schema(context, "live")?;
    for table in tables {
        let provider = MemTable::try_new(table.schema, vec![table.batches])?;
        drop(schema.register_table(table.name.to_owned(), Arc::new(provider))?);
    }
    Ok(())
}

/// Every view under its layer: its Parquet files, or an empty table before the first refresh.
/// One whose query fails is left out; `system.projections` says why.
pub(super) async fn views(
    context: &SessionContext,
    store: &Store,
    views: &[View],
) -> Result<(), Error> {
    let mut schemas = Vec::new();
    for layer in Layer::ALL {
        schemas.push((layer, schema(context, layer.as_str())?));
    }
    for view in views {
        let Ok(columns) = Box::pin(sql::normalised_schema(context, view)).await else { continue };
        let stored = store.manifest(view).ok().flatten();
        let stored = stored.filter(|stored| stored.definition == view.definition);
        let mut files = Vec::new();
        for window in stored.iter().flat_map(|stored| stored.windows.values()) {
            let path = store.path(view, window);
            let path = std::path::absolute(&path).unwrap_or(path);
            files.push(ListingTableUrl::parse(path.to_string_lossy())?);
        }
        let provider: Arc<dyn TableProvider> = if files.is_empty() {
            Arc::new(MemTable::try_new(columns, vec![vec![]])?)
        } else {
            let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
                .with_file_extension(".parquet");
            let config = ListingTableConfig::new_with_multi_paths(files)
                .with_listing_options(options)
                .with_schema(columns);
            Arc::new(ListingTable::try_new(config)?)
        };
        if let Some((_, schema)) = schemas.iter().find(|(layer, _)| *layer == view.layer) {
            drop(schema.register_table(view.name.clone(), provider)?);
        }
    }
    Ok(())
}

/// `system.projections` and `system.columns`.
pub(super) fn system(
    context: &SessionContext,
    status: &[ViewStatus],
) -> Result<(), DataFusionError> {
    let rows: Vec<ProjectionRow> = status
        .iter()
        .map(|view| ProjectionRow {
            name: view.name.clone(),
            layer: view.layer,
            position: view.position.map(int),
            head: view.head.map(int),
            lag: int(view.lag),
            windows: int(view.windows),
            dirty_windows: int(view.dirty_windows),
            files: int(view.files),
            rows: int(view.rows),
            bytes: int(view.bytes),
            last_error: view.last_error.clone(),
        })
        .collect();
    let columns: Vec<ColumnRow> = REFERENCE
        .iter()
        .flat_map(|table| {
            table.columns.iter().map(|(name, meaning)| ColumnRow {
                table_name: table.name,
                column_name: name.trim_start_matches("r#"),
                meaning: meaning.trim(),
            })
        })
        .collect();
    let schema = schema(context, "system")?;
    drop(schema.register_table(ProjectionRow::TABLE.to_owned(), table(&rows)?)?);
    drop(schema.register_table(ColumnRow::TABLE.to_owned(), table(&columns)?)?);
    Ok(())
}
