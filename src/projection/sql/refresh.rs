//! Bringing views up to a position.
//!
//! In: base tables at a position, and what is stored. Out: files and manifests at that position.
//! Invariants: views are made in the order they read each other; what is served changes in one
//! step, from one position to the next; a definition that changed is built beside the one that
//! is served, some windows at a time, and takes over once it has all of them; a damaged file is
//! set aside and its windows are made again. Deliberately absent: when to refresh.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;

use super::compute::{compute, dirty, split, stored_schema, table_of};
use super::stored::{provider, served};
use super::{Error, View, session_of};
use crate::base::Timestamp;
use crate::projection::store::{Manifest, Store, StoredColumn, StoredFile, StoredWindow};
use crate::projection::tables::Tables;
use crate::projection::view::Width;
use crate::projection::window::DirtySet;

/// Windows of a definition that is being built that one pass computes.
const STEP: usize = 2_048;

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
    /// Windows that are still to be computed before a new definition takes over.
    pub pending: usize,
    /// Why it failed; the view stands as it was.
    pub error: Option<String>,
}

/// Brings every view up to the tables' position, those in `anew` from nothing. One that fails
/// stays as it was and holds up nobody but its readers.
///
/// The store's lock must have been taken before the tables were brought to the head: then what
/// another process stored is never ahead of them.
pub(crate) async fn refresh_all(
    lock: &File,
    store: &Store,
    views: &[View],
    anew: &[View],
    tables: &mut Tables,
) -> Result<Vec<Refreshed>, Error> {
    let mut all = Box::pin(step(lock, store, views, anew, tables, None)).await?;
    while all.iter().any(|view| view.pending > 0 && view.error.is_none()) {
        let step = Box::pin(step(lock, store, views, &[], tables, None)).await?;
        for (sum, one) in all.iter_mut().zip(step) {
            let computed = sum.computed + one.computed;
            let is_rebuilt = sum.is_rebuilt || one.is_rebuilt;
            *sum = Refreshed { computed, is_rebuilt, ..one };
        }
    }
    Ok(all)
}

/// Brings up those views that want to be at this time, and of definitions that are being built
/// the next windows: for a task in the background, which comes again. A view that is not due,
/// or reads one that is not, is left as it is. [`Refreshed::pending`] says whether there is more
/// to do at once.
pub(crate) async fn refresh_due(
    lock: &File,
    store: &Store,
    views: &[View],
    tables: &mut Tables,
    now: Timestamp,
) -> Result<Vec<Refreshed>, Error> {
    Box::pin(step(lock, store, views, &[], tables, Some(now))).await
}

async fn step(
    _lock: &File,
    store: &Store,
    views: &[View],
    anew: &[View],
    tables: &mut Tables,
    now: Option<Timestamp>,
) -> Result<Vec<Refreshed>, Error> {
    if now.is_some_and(|now| !views.iter().any(|view| store.is_due(view, now))) {
        return Ok(views.iter().map(|view| left_as_it_is(view, store)).collect());
    }
    let counts = tables.all().into_iter().map(|table| (table.name().to_owned(), table.count()));
    let rows = counts.map(|(name, count)| (name, count as u64)).collect();
    let views = served(store, views);
    let mut pass = Pass {
        context: session_of(tables)?,
        store,
        tables,
        rows,
        widths: views.iter().map(|view| (view.table(), view.width)).collect(),
        manifests: BTreeMap::new(),
    };
    let mut all = BTreeMap::new();
    let mut left = BTreeSet::new();
    let mut order: Vec<&View> = views.iter().collect();
    order.sort_by_key(|view| view.rank);
    for view in order {
        let is_ready = !view.inputs.iter().any(|input| left.contains(&input.table));
        let is_due = now.is_none_or(|now| is_ready && store.is_due(view, now));
        if !is_due {
            left.insert(view.table());
            all.insert(view.table(), left_as_it_is(view, store));
            continue;
        }
        let is_anew = anew.iter().any(|it| it.table() == view.table());
        let done = Box::pin(pass.refresh(view, is_anew)).await;
        let done = done.unwrap_or_else(|error| failed(view, store, &error));
        if done.error.is_none() {
            store.note_error(view, None);
        }
        if let Some(now) = now.filter(|_| done.pending == 0) {
            store.note_refresh(view, now);
        }
        all.insert(view.table(), done);
    }
    Ok(views.iter().filter_map(|view| all.remove(&view.table())).collect())
}

fn left_as_it_is(view: &View, store: &Store) -> Refreshed {
    let manifest = store.manifest(view).ok().flatten().unwrap_or_default();
    refreshed(view, &manifest, 0, false)
}

fn failed(view: &View, store: &Store, error: &Error) -> Refreshed {
    let error = error.to_string();
    store.note_error(view, Some(&error));
    Refreshed {
        view: view.table(),
        position: None,
        computed: 0,
        windows: 0,
        is_rebuilt: false,
        pending: 0,
        error: Some(error),
    }
}

/// Whether what is stored can be built upon.
pub(crate) fn is_usable(manifest: &Manifest, view: &View, tables: &Tables) -> bool {
    manifest.definition == view.definition
        && match manifest.position {
            None => manifest.files.is_empty(),
            Some(position) => tables.event_id(position) == manifest.event_id.as_deref(),
        }
}

/// Rows of a view's inputs.
fn rows_in(view: &View, rows: &BTreeMap<String, u64>) -> u64 {
    let tables: BTreeSet<&String> = view.inputs.iter().map(|input| &input.table).collect();
    tables.into_iter().filter_map(|table| rows.get(table)).sum()
}

/// One way through all views.
struct Pass<'a> {
    /// Sees the base tables, and each view that is done.
    context: SessionContext,
    store: &'a Store,
    tables: &'a Tables,
    /// Rows of base tables, and of each view that is done.
    rows: BTreeMap<String, u64>,
    widths: BTreeMap<String, Width>,
    /// Of each view that is done.
    manifests: BTreeMap<String, Manifest>,
}

impl Pass<'_> {
    async fn refresh(&mut self, view: &View, is_anew: bool) -> Result<Refreshed, Error> {
        if view.is_frozen {
            // What is stored is served on; why stands in the view itself.
            let refused = view.refused().map(|refused| refused.to_string());
            let manifest = self.store.manifest(view).ok().flatten().unwrap_or_default();
            let error = refused.or_else(|| Some("it is refused".to_owned()));
            return Ok(Refreshed { error, ..refreshed(view, &manifest, 0, false) });
        }
        self.wait_for_inputs(view)?;
        // A manifest that cannot be read is as good as none: the log has everything.
        let stored = self.store.manifest(view).ok().flatten();
        let usable = stored.as_ref().filter(|stored| is_usable(stored, view, self.tables));
        match usable.filter(|_| !is_anew) {
            Some(usable) => Box::pin(self.bring_up(view, usable)).await,
            None => Box::pin(self.build(view, stored.as_ref(), is_anew)).await,
        }
    }

    /// A view must not be ahead of what it reads.
    fn wait_for_inputs(&self, view: &View) -> Result<(), Error> {
        let views = view.inputs.iter().filter(|input| self.widths.contains_key(&input.table));
        for input in views {
            if !self.manifests.contains_key(&input.table) {
                let problem = format!("waits for {}, which is not at the log's head", input.table);
                return Err(Error::Shape { view: view.table(), problem });
            }
        }
        Ok(())
    }

    /// Computes what changed since, and what is damaged.
    async fn bring_up(&mut self, view: &View, stored: &Manifest) -> Result<Refreshed, Error> {
        let damaged: Vec<(&StoredFile, String)> = stored
            .files
            .values()
            .filter_map(|file| Some((file, self.store.damage(view, file)?)))
            .collect();
        let position = self.tables.position();
        if damaged.is_empty() && stored.position >= position {
            self.done(view, stored)?;
            return Ok(refreshed(view, stored, 0, false));
        }
        let mut dirty = self.dirty(view, stored.position).await?;
        let mut next = Manifest { previous: stored.readers(), ..stored.clone() };
        for (file, _) in &damaged {
            let first = stored.files.iter().find(|(_, it)| it == file).map(|(first, _)| *first);
            let first = first.unwrap_or_default();
            let windows = stored.windows.range(first..=file.last).filter(|(_, it)| it.rows > 0);
            windows.for_each(|(window, _)| dirty.insert(*window));
        }
        let pieces = Box::pin(self.compute(view, Some(&dirty))).await?;
        let mut notes = Vec::new();
        for (file, why) in &damaged {
            let aside = self.store.set_aside(view, file)?;
            let note = format!("{} was set aside as {aside}: {why}; made again", file.file);
            tracing::warn!(
                view = view.table(),
                file = file.file,
                aside,
                why,
                "a stored file was damaged"
            );
            next.files.retain(|_, it| it != *file);
            notes.push(note);
        }
        if !notes.is_empty() {
            next.note = Some(notes.join("; "));
        }
        let computed = pieces.len();
        self.put(view, &mut next, &dirty, pieces)?;
        self.store.commit(view, &next)?;
        self.done(view, &next)?;
        Ok(refreshed(view, &next, computed, false))
    }

    /// Builds a definition beside what is served, some windows at a time; it takes over once
    /// there are none left.
    async fn build(
        &mut self,
        view: &View,
        serving: Option<&Manifest>,
        is_anew: bool,
    ) -> Result<Refreshed, Error> {
        let shadow = self.store.shadow(view).filter(|shadow| {
            let is_whole = shadow.files.values().all(|it| self.store.damage(view, it).is_none());
            !is_anew && is_whole && is_usable(shadow, view, self.tables)
        });
        let after = shadow.as_ref().and_then(|shadow| shadow.position);
        let mut pending = self.dirty(view, after).await?;
        let mut next = shadow.unwrap_or_else(|| Manifest {
            view: view.table(),
            definition: view.definition.clone(),
            text: view.text.clone(),
            ..Manifest::default()
        });
        next.pending.iter().for_each(|window| pending.insert(*window));
        let step = pending.take(if is_anew { usize::MAX } else { STEP });
        let pieces = Box::pin(self.compute(view, Some(&step))).await?;
        let computed = pieces.len();
        self.put(view, &mut next, &step, pieces)?;
        next.pending.clone_from(pending.windows());
        if !next.pending.is_empty() {
            self.store.keep_shadow(view, &next)?;
            let pending = next.pending.len();
            let serving = serving.cloned().unwrap_or_default();
            return Ok(Refreshed { pending, ..refreshed(view, &serving, computed, false) });
        }
        next.since = next.position;
        next.previous = serving.map(Manifest::readers).unwrap_or_default();
        self.store.commit(view, &next)?;
        self.done(view, &next)?;
        Ok(refreshed(view, &next, computed, true))
    }

    async fn dirty(&self, view: &View, after: Option<u64>) -> Result<DirtySet, Error> {
        dirty(&self.context, view, after, &self.manifests, &self.widths).await
    }

    async fn compute(
        &self,
        view: &View,
        dirty: Option<&DirtySet>,
    ) -> Result<BTreeMap<i64, RecordBatch>, Error> {
        if dirty.is_some_and(|dirty| dirty.windows().is_empty()) {
            return Ok(BTreeMap::new());
        }
        compute(&self.context, view, dirty).await
    }

    /// Puts computed windows into a manifest and writes the files that change by it.
    fn put(
        &self,
        view: &View,
        next: &mut Manifest,
        dirty: &DirtySet,
        pieces: BTreeMap<i64, RecordBatch>,
    ) -> Result<(), Error> {
        let position = self.tables.position();
        next.position = position;
        next.event_id = position.and_then(|at| self.tables.event_id(at)).map(str::to_owned);
        next.rows_in = rows_in(view, &self.rows);
        next.columns = columns(view);
        for window in dirty.windows() {
            let rows = pieces.get(window).map_or(0, RecordBatch::num_rows) as u64;
            // One that had rows and has none is remembered for the views that read it.
            if rows > 0 || next.windows.contains_key(window) {
                next.windows.insert(*window, StoredWindow { position, rows });
            }
        }
        forget(view, &mut next.windows);
        let mut old = Old { store: self.store, view, files: next.files.clone(), read: None };
        let full = next.windows.iter().filter(|(_, it)| it.rows > 0).map(|(window, _)| *window);
        let full: BTreeSet<i64> = full.collect();
        let mut files = BTreeMap::new();
        for (first, group) in view.width.files(full.iter().copied()) {
            let inside: Vec<i64> = full.range(first..=group.last).copied().collect();
            let is_changed = inside.iter().any(|window| dirty.windows().contains(window));
            let kept = next.files.get(&first).filter(|file| {
                !is_changed && file.last == group.last && file.windows == group.count
            });
            if let Some(kept) = kept {
                files.insert(first, kept.clone());
                continue;
            }
            let mut rows = Vec::with_capacity(inside.len());
            for window in &inside {
                match pieces.get(window) {
                    Some(piece) => rows.push(piece.clone()),
                    None => rows.extend(old.window(*window)?),
                }
            }
            let rows = concat_batches(&stored_schema(view), &rows)?;
            let (file, encoded) = self.store.write(view, &group.label, &rows)?;
            let stored = StoredFile {
                file,
                last: group.last,
                windows: group.count,
                rows: rows.num_rows() as u64,
                bytes: encoded.bytes.len() as u64,
                blake3: encoded.blake3,
            };
            files.insert(first, stored);
        }
        next.files = files;
        Ok(())
    }

    /// Lets readers of a view see it.
    fn done(&mut self, view: &View, manifest: &Manifest) -> Result<(), Error> {
        let table = provider(self.store, view, Some(manifest))?;
        self.context.register_table(table_of(view), table)?;
        self.rows.insert(view.table(), manifest.rows());
        self.manifests.insert(view.table(), manifest.clone());
        Ok(())
    }
}

fn columns(view: &View) -> Vec<StoredColumn> {
    let columns = view.columns.iter().map(|column| StoredColumn {
        name: column.name.clone(),
        kind: column.kind.as_str().to_owned(),
        unit: column.unit.clone(),
    });
    columns.collect()
}

/// Drops windows that began too long before the last one that has rows.
pub(super) fn forget(view: &View, windows: &mut BTreeMap<i64, StoredWindow>) {
    let last = windows.iter().rev().find(|(_, it)| it.rows > 0).map(|(window, _)| *window);
    if let (Some(kept), Some(last)) = (view.retention, last) {
        let micros = i64::try_from(kept.0).unwrap_or(i64::MAX).saturating_mul(1_000);
        let first = last.saturating_sub(micros);
        windows.retain(|window, _| *window >= first);
    }
}

/// Rows that stand in files already.
struct Old<'a> {
    store: &'a Store,
    view: &'a View,
    files: BTreeMap<i64, StoredFile>,
    /// The windows of the file that was read last, under its first window.
    read: Option<(i64, BTreeMap<i64, RecordBatch>)>,
}

impl Old<'_> {
    fn window(&mut self, window: i64) -> Result<Option<RecordBatch>, Error> {
        let Some((first, file)) = self.files.range(..=window).next_back() else { return Ok(None) };
        if self.read.as_ref().is_none_or(|(read, _)| read != first) {
            let rows = self.store.read(self.view, file)?;
            self.read = Some((*first, split(self.view, &rows)?));
        }
        Ok(self.read.as_ref().and_then(|(_, windows)| windows.get(&window).cloned()))
    }
}

fn refreshed(view: &View, manifest: &Manifest, computed: usize, is_rebuilt: bool) -> Refreshed {
    Refreshed {
        view: view.table(),
        position: manifest.position,
        computed,
        windows: manifest.windows.values().filter(|window| window.rows > 0).count(),
        is_rebuilt,
        pending: 0,
        error: None,
    }
}
