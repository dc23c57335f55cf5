//! Views computed in memory from base tables, without anything that is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::{MemTable, TableProvider};
use datafusion::prelude::SessionContext;

use super::compute::{compute, stored_schema, table_of};
use super::refresh::forget;
use super::{Error, View};
use crate::projection::store::StoredWindow;

/// Views that were computed, by `layer.name`; nothing for one that cannot be.
pub(crate) type Replayed = BTreeMap<String, Option<Arc<dyn TableProvider>>>;

/// Computes views by their own queries and makes them tables of the engine, each before those
/// that read it. One that is refused or fails is left out, and so are its readers.
pub(crate) async fn replay_all(context: &SessionContext, views: &[View]) -> Result<(), Error> {
    let all = views.iter().map(View::table).collect();
    Box::pin(replay_some(context, views, &all, &Replayed::new())).await.map(drop)
}

/// The same for some views and those they are made of, where they are not known already.
pub(crate) async fn replay_some(
    context: &SessionContext,
    views: &[View],
    wanted: &BTreeSet<String>,
    known: &Replayed,
) -> Result<Replayed, Error> {
    let mut order: Vec<&View> = views.iter().filter(|view| !view.is_frozen).collect();
    order.sort_by_key(|view| view.rank);
    let mut needed = BTreeSet::new();
    for view in order.iter().rev() {
        let name = view.table();
        if wanted.contains(&name) || needed.contains(&name) {
            needed.insert(name);
            needed.extend(view.inputs.iter().map(|input| input.table.clone()));
        }
    }
    let mut replayed = Replayed::new();
    for view in order.into_iter().filter(|view| needed.contains(&view.table())) {
        let name = view.table();
        let table = match known.get(&name) {
            Some(known) => known.clone(),
            None => match Box::pin(replay(context, view)).await {
                Ok(rows) => {
                    let rows = rows.into_values().collect();
                    let made = MemTable::try_new(stored_schema(view), vec![rows])?;
                    Some(Arc::new(made) as Arc<dyn TableProvider>)
                }
                Err(_) => None,
            },
        };
        if let Some(table) = &table {
            drop(context.register_table(table_of(view), table.clone())?);
        }
        replayed.insert(name, table);
    }
    Ok(replayed)
}

/// The rows of one view by window, of those windows that it keeps.
pub(super) async fn replay(
    context: &SessionContext,
    view: &View,
) -> Result<BTreeMap<i64, RecordBatch>, Error> {
    let mut rows = Box::pin(compute(context, view, None)).await?;
    let window = |(window, rows): (&i64, &RecordBatch)| {
        (*window, StoredWindow { position: None, rows: rows.num_rows() as u64 })
    };
    let mut windows = rows.iter().map(window).collect();
    forget(view, &mut windows);
    rows.retain(|window, _| windows.contains_key(window));
    Ok(rows)
}
