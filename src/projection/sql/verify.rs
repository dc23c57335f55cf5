//! What is stored against what position zero gives, byte for byte.
//!
//! In: a log, a store, and base tables on disk. Out: for each view and each base table the first
//! difference, or none. Invariants: every
//! view is made from the log alone, at the position it is stored at, also those that other views
//! read; each file is written again in memory and its BLAKE3 compared with the manifest's and
//! with that of the bytes on disk. Deliberately absent: mending anything.

use std::collections::BTreeMap;

use datafusion::arrow::array::Array;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::compute::stored_schema;
use super::replay::{replay, replay_all};
use super::stored::served;
use super::{Error, Fold, LogReader, View, session_of};
use crate::projection::store::{Manifest, Store, StoredFile, encode};
use crate::projection::tables::{FactCheck, Kept, Tables};

/// What a comparison found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// One for each view.
    pub views: Vec<ViewCheck>,
    /// One for each base table, where they are on disk.
    pub facts: Vec<FactCheck>,
}

impl VerifyReport {
    /// Whether every view and every base table on disk is what the log says.
    pub fn is_equal(&self) -> bool {
        self.views.iter().all(|view| view.difference.is_none())
            && self.facts.iter().all(|table| table.difference.is_none())
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
    /// Files compared.
    pub files: usize,
    /// The first difference; nothing where all bytes are equal.
    pub difference: Option<String>,
}

pub(super) async fn verify(
    reader: &LogReader,
    fold: &mut Fold,
    store: &Store,
    kept: &Kept,
    views: &[View],
) -> Result<VerifyReport, Error> {
    let views = served(store, views);
    let mut checks = Vec::new();
    // By position, so that one fold serves all.
    let mut stored = BTreeMap::<Option<u64>, Vec<(&View, Manifest)>>::new();
    for view in &views {
        if let Some(refused) = view.refused().filter(|_| view.is_frozen) {
            checks.push(differs(view, None, refused.to_string()));
            continue;
        }
        match store.manifest(view) {
            Ok(Some(manifest)) => {
                stored.entry(manifest.position).or_default().push((view, manifest));
            }
            Ok(None) => {
                checks.push(differs(view, None, "it is not built; any query builds it".to_owned()));
            }
            Err(error) => checks.push(differs(view, None, error.to_string())),
        }
    }
    let mut facts = Vec::new();
    let kept_at = kept.seen();
    if kept_at.is_some() {
        stored.entry(kept_at).or_default();
    }
    for (position, stored) in stored {
        if position.is_some() {
            Box::pin(fold.advance(reader, position)).await?;
        }
        if position == kept_at {
            facts = kept.check(&fold.tables);
        }
        if stored.is_empty() {
            continue;
        }
        let context = session_of(&fold.tables)?;
        // What the views read, and the views themselves.
        Box::pin(replay_all(&context, &views)).await?;
        for (view, manifest) in stored {
            checks.push(Box::pin(check(&context, store, view, &manifest, &fold.tables)).await?);
        }
    }
    checks.sort_by(|a, b| a.view.cmp(&b.view));
    Ok(VerifyReport { views: checks, facts })
}

fn differs(view: &View, position: Option<u64>, difference: String) -> ViewCheck {
    let difference = Some(difference);
    ViewCheck { view: view.table(), position, windows: 0, rows: 0, files: 0, difference }
}

async fn check(
    context: &datafusion::prelude::SessionContext,
    store: &Store,
    view: &View,
    manifest: &Manifest,
    tables: &Tables,
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
    let wanted = Box::pin(replay(context, view)).await?;
    let groups = view.width.files(wanted.keys().copied());
    let mut check = ViewCheck {
        view: view.table(),
        position,
        windows: wanted.len(),
        rows: 0,
        files: 0,
        difference: None,
    };
    for (first, group) in &groups {
        let rows: Vec<_> =
            wanted.range(first..=&group.last).map(|(_, rows)| rows.clone()).collect();
        let rows = concat_batches(&stored_schema(view), &rows)?;
        let difference = match manifest.files.get(first) {
            None => Some("it is missing".to_owned()),
            Some(file) => compare(store, view, file, &rows)?,
        };
        if let Some(difference) = difference {
            check.difference = Some(format!("window {}: {difference}", group.label));
            return Ok(check);
        }
        check.rows += rows.num_rows();
        check.files += 1;
    }
    let strange = manifest.files.iter().find(|(first, _)| !groups.contains_key(first));
    check.difference =
        strange.map(|(_, file)| format!("{}: the log has no rows for it", file.file));
    Ok(check)
}

/// The first difference of one file.
fn compare(
    store: &Store,
    view: &View,
    file: &StoredFile,
    wanted: &RecordBatch,
) -> Result<Option<String>, Error> {
    let encoded = encode(wanted).map_err(|error| Error::Shape {
        view: view.table(),
        problem: format!("cannot be written: {error}"),
    })?;
    let damage = store.compare(view, file);
    if damage.is_none() && encoded.blake3 == file.blake3 {
        return Ok(None);
    }
    let stored = match store.read(view, file) {
        Ok(stored) => stored,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let (stored, wanted) = (lines(&stored)?, lines(wanted)?);
    let nothing = "nothing".to_owned();
    for row in 0..stored.len().max(wanted.len()) {
        let (got, want) = (stored.get(row), wanted.get(row));
        if got != want {
            let (got, want) = (got.unwrap_or(&nothing), want.unwrap_or(&nothing));
            return Ok(Some(format!("row {row} is stored as [{got}], the log gives [{want}]")));
        }
    }
    let same = format!("the rows are equal, the bytes of {} are not", file.file);
    Ok(Some(damage.map_or(same, |damage| format!("{}: {damage}", file.file))))
}

fn lines(batch: &RecordBatch) -> Result<Vec<String>, datafusion::arrow::error::ArrowError> {
    let options = FormatOptions::default().with_null("null");
    let columns =
        batch.columns().iter().map(|it| ArrayFormatter::try_new(it as &dyn Array, &options));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let row = |row| {
        let cells = columns.iter().map(|column| column.value(row).to_string());
        cells.collect::<Vec<_>>().join(" | ")
    };
    Ok((0..batch.num_rows()).map(row).collect())
}
