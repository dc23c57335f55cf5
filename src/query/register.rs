//! Views and the system's own tables, as the engine sees them.

use std::sync::Arc;

use datafusion::arrow::error::ArrowError;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::Error;
use crate::base::Timestamp;
use crate::projection::sql::{self, View, ViewStatus};
use crate::projection::store::Store;
use crate::projection::table::{Row, int, row};
use crate::projection::tables::REFERENCE;

row! {
    /// How far one view is.
    ProjectionRow = "projections" {
        /// The view.
        name: String,
        /// `fact`, `operational`, `funnel`, `strategic` or `portrait`.
        layer: &'static str,
        /// `serving`, `rebuilding`, `refused` or `failed`; the last three answer as before.
        state: &'static str,
        /// The position its definition was built at.
        since: Option<i64>,
        /// The last log position in it.
        position: Option<i64>,
        /// The first log position that is not in it.
        upper: i64,
        /// The last log position there is.
        head: Option<i64>,
        /// Events after the view's position.
        lag: i64,
        /// Windows it has.
        windows: i64,
        /// Windows that the next refresh computes.
        dirty_windows: i64,
        /// Windows that end by this moment are final: every event within its lateness is there.
        final_until: Option<Timestamp>,
        /// Windows that events within its lateness may still change.
        provisional_windows: i64,
        /// Parquet files it has.
        files: i64,
        /// Rows in them.
        rows: i64,
        /// Rows of what it reads.
        rows_in: i64,
        /// Its rows as a share of those, in parts per million.
        reduction_ppm: Option<i64>,
        /// Bytes in them.
        bytes: i64,
        /// Why its file is refused, or why its last refresh failed.
        last_error: Option<String>,
        /// What else is to be known: a file that was set aside, a key that is too fine.
        note: Option<String>,
        /// The last log position in its copy in an object store; null where there is none.
        stored_at: Option<i64>,
        /// Why that copy is not what is on the disk: the store does not answer, or refuses.
        store_error: Option<String>,
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

/// Rows as a table.
fn table<R: Row>(rows: &[R]) -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let batch = R::batch(rows).map_err(|error: ArrowError| DataFusionError::from(error))?;
    Ok(Arc::new(MemTable::try_new(R::schema(), vec![vec![batch]])?))
}

/// Every view under its layer: its Parquet files, or an empty table before the first refresh.
/// A refused one is what was stored before; `system.projections` says why.
pub(super) fn views(context: &SessionContext, store: &Store, views: &[View]) -> Result<(), Error> {
    for view in sql::served(store, views) {
        let stored = store.manifest(&view).ok().flatten();
        if view.refused().is_some() && stored.is_none() {
            continue;
        }
        let table = sql::provider(store, &view, stored.as_ref())?;
        drop(context.register_table(sql::table_of(&view), table)?);
    }
    Ok(())
}

/// `system.projections` and `system.columns`.
pub(super) fn system(status: &[ViewStatus]) -> Result<Arc<dyn SchemaProvider>, DataFusionError> {
    let rows: Vec<ProjectionRow> = status
        .iter()
        .map(|view| ProjectionRow {
            name: view.name.clone(),
            layer: view.layer,
            state: view.state.as_str(),
            since: view.since.map(int),
            position: view.position.map(int),
            upper: view.position.map_or(0, |position| int(position.saturating_add(1))),
            head: view.head.map(int),
            lag: int(view.lag),
            windows: int(view.windows),
            dirty_windows: int(view.dirty_windows),
            final_until: view.final_until,
            provisional_windows: int(view.provisional_windows),
            files: int(view.files),
            rows: int(view.rows),
            rows_in: int(view.rows_in),
            reduction_ppm: view.reduction_ppm().map(int),
            bytes: int(view.bytes),
            last_error: view.last_error.clone(),
            note: view.note.clone(),
            stored_at: view.stored_at.map(int),
            store_error: view.store_error.clone(),
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
    let schema = Arc::new(MemorySchemaProvider::new());
    drop(schema.register_table(ProjectionRow::TABLE.to_owned(), table(&rows)?)?);
    drop(schema.register_table(ColumnRow::TABLE.to_owned(), table(&columns)?)?);
    Ok(schema)
}
