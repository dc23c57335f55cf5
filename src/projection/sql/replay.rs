//! Views computed in memory from base tables, without anything that is stored.

use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;

use super::compute::{compute, stored_schema, table_of};
use super::refresh::forget;
use super::{Error, View};
use crate::projection::store::StoredWindow;

/// Computes views by their own queries and makes them tables of the engine, each before those
/// that read it. One that is refused or fails is left out, and so are its readers.
pub(crate) async fn replay_all(context: &SessionContext, views: &[View]) -> Result<(), Error> {
    let mut order: Vec<&View> = views.iter().filter(|view| !view.is_frozen).collect();
    order.sort_by_key(|view| view.rank);
    for view in order {
        let Ok(rows) = Box::pin(replay(context, view)).await else { continue };
        let rows = rows.into_values().collect();
        let table = MemTable::try_new(stored_schema(view), vec![rows])?;
        drop(context.register_table(table_of(view), Arc::new(table))?);
    }
    Ok(())
}

/// The rows of one view by window, of those windows that it keeps.
pub(super) async fn replay(
    context: &SessionContext,
    view: &View,
) -> Result<std::collections::BTreeMap<i64, RecordBatch>, Error> {
    let mut rows = Box::pin(compute(context, view, None)).await?;
    let window = |(window, rows): (&i64, &RecordBatch)| {
        (*window, StoredWindow { position: None, rows: rows.num_rows() as u64 })
    };
    let mut windows = rows.iter().map(window).collect();
    forget(view, &mut windows);
    rows.retain(|window, _| windows.contains_key(window));
    Ok(rows)
}
