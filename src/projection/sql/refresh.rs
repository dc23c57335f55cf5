//! Bringing views up to a position, and how far they are.

use std::collections::BTreeSet;
use std::fs::File;

use datafusion::prelude::SessionContext;

use super::compute::{compute, dirty};
use super::{Error, View, session_of};
use crate::projection::store::{Manifest, Store};
use crate::projection::tables::Tables;

/// What a refresh did to one view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// `layer.name`.
    pub view: String,
    /// The last log position in it.
    pub position: Option<u64>,
    /// Windows that were computed.
    pub computed: usize,
    /// Windows it has.
    pub windows: usize,
    /// Whether everything was made again.
    pub is_rebuilt: bool,
    /// Why it failed; the view stands as it was.
    pub error: Option<String>,
}

/// How far a view is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewStatus {
    /// The view.
    pub name: String,
    /// Its layer.
    pub layer: &'static str,
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
    /// Files it has.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Why the last refresh failed.
    pub last_error: Option<String>,
}

impl ViewStatus {
    /// A view that is computed when it is asked for, at a position.
    pub(crate) fn at(view: &View, position: Option<u64>) -> Self {
        Self {
            name: view.name.clone(),
            layer: view.layer.as_str(),
            position,
            head: position,
            lag: 0,
            windows: 0,
            dirty_windows: 0,
            files: 0,
            rows: 0,
            bytes: 0,
            last_error: None,
        }
    }
}

/// Brings every view up to the tables' position, those in `anew` from nothing. One that fails
/// stays as it was and holds no other one up.
///
/// The store's lock must have been taken before the tables were brought to the head: then what
/// another process stored is never ahead of them.
pub(crate) async fn refresh_all(
    _lock: &File,
    store: &Store,
    views: &[View],
    anew: &[View],
    tables: &mut Tables,
) -> Result<Vec<Refreshed>, Error> {
    let context = session_of(tables)?;
    let mut all = Vec::with_capacity(views.len());
    for view in views {
        let is_anew = anew.contains(view);
        let refreshed = Box::pin(refresh_one(&context, store, view, is_anew, tables)).await;
        let refreshed = match refreshed {
            Ok(refreshed) => {
                store.note_error(view, None);
                refreshed
            }
            Err(error) => {
                let error = error.to_string();
                store.note_error(view, Some(&error));
                Refreshed {
                    view: view.table(),
                    position: None,
                    computed: 0,
                    windows: 0,
                    is_rebuilt: false,
                    error: Some(error),
                }
            }
        };
        all.push(refreshed);
    }
    Ok(all)
}

/// Whether what is stored can be built upon.
fn is_usable(manifest: &Manifest, view: &View, tables: &Tables) -> bool {
    manifest.definition == view.definition
        && match manifest.position {
            None => manifest.windows.is_empty(),
            Some(position) => tables.event_id(position) == manifest.event_id.as_deref(),
        }
}

async fn refresh_one(
    context: &SessionContext,
    store: &Store,
    view: &View,
    is_anew: bool,
    tables: &Tables,
) -> Result<Refreshed, Error> {
    // A manifest that cannot be read is as good as none: the log has everything.
    let stored = store.manifest(view).ok().flatten();
    let usable = stored.as_ref().filter(|stored| !is_anew && is_usable(stored, view, tables));
    let position = tables.position();
    if let Some(usable) = usable.filter(|usable| usable.position >= position) {
        return Ok(refreshed(view, usable, 0, false));
    }
    let windows = match usable {
        Some(usable) => Some(dirty(context, view, usable.position).await?),
        None => None,
    };
    let mut next = Manifest {
        view: view.table(),
        definition: view.definition.clone(),
        position,
        event_id: position.and_then(|at| tables.event_id(at)).map(str::to_owned),
        windows: usable.map(|usable| usable.windows.clone()).unwrap_or_default(),
        previous: stored.iter().flat_map(files).collect(),
    };
    let mut computed = 0;
    if windows.as_ref().is_none_or(|windows| !windows.is_empty()) {
        let pieces = compute(context, view, windows.as_ref()).await?;
        computed = pieces.len();
        for window in windows.iter().flatten() {
            next.windows.remove(window);
        }
        for (start, rows) in pieces {
            let file = store.write_window(view, start, position, &rows)?;
            next.windows.insert(start, file);
        }
    }
    store.commit(view, &next)?;
    Ok(refreshed(view, &next, computed, usable.is_none()))
}

fn files(manifest: &Manifest) -> BTreeSet<String> {
    manifest.windows.values().map(|window| window.file.clone()).collect()
}

fn refreshed(view: &View, manifest: &Manifest, computed: usize, is_rebuilt: bool) -> Refreshed {
    Refreshed {
        view: view.table(),
        position: manifest.position,
        computed,
        windows: manifest.windows.len(),
        is_rebuilt,
        error: None,
    }
}

/// How far every view is, seen from tables at the head.
pub(crate) async fn status(
    context: &SessionContext,
    store: &Store,
    views: &[View],
    tables: &Tables,
) -> Result<Vec<ViewStatus>, Error> {
    let head = tables.position();
    let mut all = Vec::with_capacity(views.len());
    for view in views {
        let (stored, problem) = match store.manifest(view) {
            Ok(stored) => (stored, None),
            Err(error) => (None, Some(error.to_string())),
        };
        let stored = stored.filter(|stored| is_usable(stored, view, tables)).unwrap_or_default();
        let dirty = Box::pin(dirty(context, view, stored.position)).await;
        let (dirty, failure) = match dirty {
            Ok(dirty) => (dirty.len() as u64, None),
            Err(error) => (0, Some(error.to_string())),
        };
        all.push(ViewStatus {
            name: view.name.clone(),
            layer: view.layer.as_str(),
            position: stored.position,
            head,
            lag: tables.events_after(stored.position),
            windows: stored.windows.len() as u64,
            dirty_windows: dirty,
            files: stored.windows.len() as u64,
            rows: stored.windows.values().map(|window| window.rows).sum(),
            bytes: stored.windows.values().map(|window| window.bytes).sum(),
            last_error: store.last_error(view).or(problem).or(failure),
        });
    }
    Ok(all)
}
