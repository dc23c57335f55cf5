//! How far every view is.

use std::collections::BTreeMap;

use datafusion::prelude::SessionContext;

use super::compute::dirty;
use super::refresh::is_usable;
use super::stored::served;
use super::{Error, View};
use crate::base::Timestamp;
use crate::projection::store::{Copies, Manifest, Store};
use crate::projection::tables::Tables;

/// A view that keeps more than this share of the rows it reads is no summary.
const REDUCTION_PPM_MAX: u64 = 200_000;

/// Views with fewer rows than this are not judged by it.
const JUDGED_FROM: u64 = 10_000;

/// What is going on with a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewState {
    /// It answers, and is refreshed.
    Serving,
    /// It answers as its old definition, or not yet; the new one is being built.
    Rebuilding,
    /// Its file is wrong: what was stored before answers.
    Refused,
    /// Its last refresh failed: what was stored before answers.
    Failed,
}

impl ViewState {
    /// The name in `system.projections`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Rebuilding => "rebuilding",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// How far a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewStatus {
    /// The view.
    pub name: String,
    /// Its layer.
    pub layer: &'static str,
    /// What is going on with it.
    pub state: ViewState,
    /// The position its definition was built at.
    pub since: Option<u64>,
    /// The last log position in it.
    pub position: Option<u64>,
    /// The last log position there is.
    pub head: Option<u64>,
    /// Events after the view's position.
    pub lag: u64,
    /// Windows it has.
    pub windows: u64,
    /// Windows that the next refresh computes.
    pub dirty_windows: u64,
    /// Windows that end by this moment are final; see [`View::final_until`].
    pub final_until: Option<Timestamp>,
    /// Windows that may still change by events within the view's lateness.
    pub provisional_windows: u64,
    /// Files it has.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows of what it reads.
    pub rows_in: u64,
    /// Bytes in its files.
    pub bytes: u64,
    /// Why it is refused, or why its last refresh failed.
    pub last_error: Option<String>,
    /// What people should know of it besides.
    pub note: Option<String>,
    /// The last log position in its copy in an object store.
    pub stored_at: Option<u64>,
    /// Why that copy is not what is on the disk.
    pub store_error: Option<String>,
}

impl ViewStatus {
    /// A view that is computed when it is asked for, at a position.
    pub(crate) fn at(view: &View, position: Option<u64>, clock: Option<Timestamp>) -> Self {
        Self {
            name: view.name.clone(),
            layer: view.layer.as_str(),
            state: ViewState::Serving,
            since: None,
            position,
            head: position,
            lag: 0,
            windows: 0,
            dirty_windows: 0,
            final_until: clock.and_then(|clock| view.final_until(clock)),
            provisional_windows: 0,
            files: 0,
            rows: 0,
            rows_in: 0,
            bytes: 0,
            last_error: None,
            note: None,
            stored_at: None,
            store_error: None,
        }
    }

    /// The same, with how far its copy is by now.
    pub(crate) fn with_copy(self, copies: &Copies) -> Self {
        let copy = copies.of(&format!("{}.{}", self.layer, self.name));
        let note = match (self.note, copy.note) {
            (Some(note), Some(more)) => Some(format!("{note}; {more}")),
            (note, more) => note.or(more),
        };
        Self { note, stored_at: copy.position, store_error: copy.error, ..self }
    }

    /// Its rows as a share of those it reads; nothing where it reads none. Units: ppm.
    pub fn reduction_ppm(&self) -> Option<u64> {
        self.rows.saturating_mul(1_000_000).checked_div(self.rows_in)
    }

    /// What the grain guard says.
    fn guard(&self) -> Option<String> {
        let kept = self.reduction_ppm().filter(|_| self.rows >= JUDGED_FROM)?;
        (kept > REDUCTION_PPM_MAX).then(|| {
            format!(
                "it keeps {} % of the rows it reads: a coarser key, or the base table itself, would do",
                kept / 10_000
            )
        })
    }
}

/// How far every view is, seen from tables at the head.
pub(crate) async fn status(
    context: &SessionContext,
    store: &Store,
    views: &[View],
    tables: &Tables,
) -> Result<Vec<ViewStatus>, Error> {
    store.look_at_copies();
    let views = served(store, views);
    let widths = views.iter().map(|view| (view.table(), view.width)).collect();
    let mut manifests = BTreeMap::new();
    let mut problems = BTreeMap::new();
    for view in &views {
        match store.manifest(view) {
            Ok(manifest) => drop(manifests.insert(view.table(), manifest.unwrap_or_default())),
            Err(error) => drop(problems.insert(view.table(), error.to_string())),
        }
    }
    let mut all = Vec::with_capacity(views.len());
    for view in &views {
        let stored = manifests.get(&view.table()).cloned().unwrap_or_default();
        let is_usable = is_usable(&stored, view, tables);
        let shadow = if is_usable { None } else { store.shadow(view) };
        let mut failure = None;
        let dirty_windows = match &shadow {
            _ if view.is_frozen || (is_usable && stored.position == tables.position()) => 0,
            Some(shadow) => shadow.pending.len(),
            None => {
                let after = stored.position.filter(|_| is_usable);
                match Box::pin(dirty(context, view, after, &manifests, &widths)).await {
                    Ok(dirty) => dirty.windows().len(),
                    Err(error) => {
                        failure = Some(error.to_string());
                        0
                    }
                }
            }
        };
        let failure = store.last_error(view).or(failure);
        let failure = failure.or_else(|| problems.remove(&view.table()));
        all.push(one(view, &stored, is_usable, tables, dirty_windows as u64, failure));
    }
    Ok(all)
}

fn one(
    view: &View,
    stored: &Manifest,
    is_usable: bool,
    tables: &Tables,
    dirty_windows: u64,
    failure: Option<String>,
) -> ViewStatus {
    let refused = view.refused().map(|refused| refused.to_string());
    let state = match (&refused, &failure) {
        (Some(_), _) => ViewState::Refused,
        (None, Some(_)) => ViewState::Failed,
        (None, None) if !is_usable => ViewState::Rebuilding,
        (None, None) => ViewState::Serving,
    };
    let clock = stored.position.filter(|_| is_usable).and_then(|at| tables.recorded_at(at));
    let final_until = clock.and_then(|clock| view.final_until(clock));
    let windows = stored.windows.iter().filter(|(_, window)| window.rows > 0);
    let is_final = |window: i64| match (view.width.micros(), final_until) {
        (Some(micros), Some(until)) => window.saturating_add(micros) <= until.as_micros(),
        _ => false,
    };
    let provisional_windows = windows.filter(|(window, _)| !is_final(**window)).count() as u64;
    let mut status = ViewStatus {
        state,
        since: stored.since,
        position: stored.position,
        head: tables.position(),
        lag: tables.events_after(stored.position),
        windows: stored.windows.values().filter(|window| window.rows > 0).count() as u64,
        dirty_windows,
        files: stored.files.len() as u64,
        rows: stored.rows(),
        rows_in: stored.rows_in,
        bytes: stored.files.values().map(|file| file.bytes).sum(),
        last_error: refused.or(failure),
        note: stored.note.clone(),
        final_until,
        provisional_windows,
        ..ViewStatus::at(view, None, None)
    };
    if let Some(guard) = status.guard() {
        let note = status.note.take().map(|note| format!("{note}; {guard}"));
        status.note = Some(note.unwrap_or(guard));
    }
    status
}
