//! What is stored against what position zero gives.

use std::collections::BTreeMap;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::compute::compute;
use super::{Error, LogReader, View, session_of};
use crate::projection::store::{Manifest, Store, WindowFile};
use crate::projection::tables::Tables;

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// One for each view.
    pub views: Vec<ViewCheck>,
}

impl VerifyReport {
    /// Whether every view is what the log says.
    pub fn is_equal(&self) -> bool {
        self.views.iter().all(|view| view.difference.is_none())
    }
}

/// What the comparison of one view found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewCheck {
    /// `layer.name`.
    pub view: String,
    /// The position it is stored and was made again at.
    pub position: Option<u64>,
    /// Windows compared.
    pub windows: usize,
    /// Rows compared.
    pub rows: usize,
    /// The first difference; nothing where all rows are equal.
    pub difference: Option<String>,
}

pub(super) async fn verify(
    reader: &LogReader,
    store: &Store,
    views: &[View],
) -> Result<VerifyReport, Error> {
    let mut checks = Vec::new();
    // By position, so that one fold serves all.
    let mut stored = Vec::new();
    for view in views {
        match store.manifest(view) {
            Ok(Some(manifest)) => stored.push((view, manifest)),
            Ok(None) => {
                checks.push(differs(view, None, "it is not built; any query builds it".to_owned()));
            }
            Err(error) => checks.push(differs(view, None, error.to_string())),
        }
    }
    stored.sort_by_key(|(_, manifest)| manifest.position);
    let mut tables = Tables::default();
    for (view, manifest) in stored {
        if let Some(position) = manifest.position {
            reader.advance(&mut tables, Some(position), |_| {}).await?;
        }
        let check = Box::pin(check(store, view, &manifest, &mut tables)).await?;
        checks.push(check);
    }
    checks.sort_by(|a, b| a.view.cmp(&b.view));
    Ok(VerifyReport { views: checks })
}

fn differs(view: &View, position: Option<u64>, difference: String) -> ViewCheck {
    ViewCheck { view: view.table(), position, windows: 0, rows: 0, difference: Some(difference) }
}

async fn check(
    store: &Store,
    view: &View,
    manifest: &Manifest,
    tables: &mut Tables,
) -> Result<ViewCheck, Error> {
    let position = manifest.position;
    if manifest.definition != view.definition {
        let what = "its definition changed since; any query makes it again".to_owned();
        return Ok(differs(view, position, what));
    }
    let event_id = position.and_then(|at| tables.event_id(at));
    if event_id != manifest.event_id.as_deref() {
        let what = "it was made from another log; any query makes it again".to_owned();
        return Ok(differs(view, position, what));
    }
    let context = session_of(tables)?;
    let wanted = compute(&context, view, None).await?;
    let mut rows = 0;
    for (start, window) in &manifest.windows {
        if let Some(difference) = compare(store, view, *start, window, &wanted) {
            let mut check = differs(view, position, difference);
            check.rows = rows;
            return Ok(check);
        }
        rows += wanted.get(start).map_or(0, RecordBatch::num_rows);
    }
    let missing = wanted.keys().find(|start| !manifest.windows.contains_key(start));
    Ok(ViewCheck {
        view: view.table(),
        position,
        windows: wanted.len(),
        rows,
        difference: missing
            .map(|start| format!("window {}: it is missing", view.width.label(*start))),
    })
}

/// The first difference of one window.
fn compare(
    store: &Store,
    view: &View,
    start: i64,
    window: &WindowFile,
    wanted: &BTreeMap<i64, RecordBatch>,
) -> Option<String> {
    let at = |what: String| Some(format!("window {}: {what}", window.window));
    let Some(wanted) = wanted.get(&start) else {
        return at("the log has no rows for it".to_owned());
    };
    let stored = match store.read_window(view, window) {
        Ok(stored) => stored,
        Err(error) => return at(error.to_string()),
    };
    let stored = match concat_batches(&wanted.schema(), &stored) {
        Ok(stored) => stored,
        Err(error) => return at(error.to_string()),
    };
    if stored == *wanted {
        return None;
    }
    let lines = (lines(&stored), lines(wanted));
    let (Ok(stored), Ok(wanted)) = lines else {
        return at("the rows differ and cannot be printed".to_owned());
    };
    let nothing = "nothing".to_owned();
    for row in 0..stored.len().max(wanted.len()) {
        let (got, want) = (stored.get(row), wanted.get(row));
        if got != want {
            let (got, want) = (got.unwrap_or(&nothing), want.unwrap_or(&nothing));
            return at(format!("row {row} is stored as [{got}], the log gives [{want}]"));
        }
    }
    at("the rows differ in their types".to_owned())
}

fn lines(batch: &RecordBatch) -> Result<Vec<String>, datafusion::arrow::error::ArrowError> {
    let options = FormatOptions::default().with_null("null");
    let columns = batch.columns().iter().map(|it| ArrayFormatter::try_new(it, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let row = |row| {
        let cells = columns.iter().map(|column| column.value(row).to_string());
        cells.collect::<Vec<_>>().join(" | ")
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
