//! What is known of the copy of the views in an object store.
//!
//! In: what a mirror found and did. Out: how far the copy of each view is. Invariants: the views
//! on the disk are what is served, and nothing here is needed for that; what is remembered on
//! the disk may be lost, and is found out again by asking the store. Deliberately absent: the
//! way to the store, which is in `upload`.

#[cfg(all(test, feature = "s3"))]
mod tests;
#[cfg(feature = "s3")]
mod upload;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

#[cfg(feature = "s3")]
pub(crate) use self::upload::{Mirror, Passed};

/// The format written here.
#[cfg(feature = "s3")]
const FORMAT: u32 = 1;
/// The file below `projections/` that remembers.
const MEMORY: &str = "store.json";

/// How far the copy of one view is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Copied {
    /// The last log position in the copy; nothing where there is none.
    pub(crate) position: Option<u64>,
    /// BLAKE3 of the manifest that is there.
    pub(crate) manifest: Option<String>,
    /// Why it is not the one on the disk.
    pub(crate) error: Option<String>,
    /// What was wrong there and was stored again.
    pub(crate) note: Option<String>,
}

/// What is known of a store as of the last look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    format: u32,
    /// Such as `s3://bucket/prefix`.
    place: String,
    /// By `layer.name`.
    views: BTreeMap<String, Copied>,
    /// By path below the prefix.
    objects: BTreeMap<String, Object>,
}

/// One object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Object {
    bytes: u64,
    /// BLAKE3 of its content; nothing where that was not read since it changed.
    blake3: Option<String>,
    /// What its content was before it changed.
    before: Option<String>,
    /// What the store says to tell a change by; nothing where it was not asked since we wrote it.
    stamp: Option<String>,
    /// Since when no manifest names it. Units: µs since 1970.
    unnamed_since: Option<i64>,
}

fn remembered(projections: &Path) -> Option<Known> {
    let text = std::fs::read(projections.join(MEMORY)).ok()?;
    serde_json::from_slice(&text).ok()
}

/// How far the copies are, for whoever asks; all clones say the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copies(Arc<Mutex<Shown>>);

#[derive(Debug, Default)]
struct Shown {
    /// The store; without one, there are no copies.
    place: Option<String>,
    /// Whether this very process keeps them.
    is_kept_here: bool,
    views: BTreeMap<String, Copied>,
}

impl Copies {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which store is configured.
    #[cfg(feature = "s3")]
    pub(crate) fn configure(&self, place: &str) {
        self.shown().place = Some(place.to_owned());
    }

    /// Takes over what the process that keeps the copies wrote down last, where it is another.
    pub(crate) fn look(&self, projections: &Path) {
        let mut shown = self.shown();
        if shown.is_kept_here || shown.place.is_none() {
            return;
        }
        let known =
            remembered(projections).filter(|known| Some(&known.place) == shown.place.as_ref());
        shown.views = known.unwrap_or_default().views;
    }

    /// How far the copy of a view is, by `layer.name`.
    pub(crate) fn of(&self, view: &str) -> Copied {
        self.shown().views.get(view).cloned().unwrap_or_default()
    }

    #[cfg(feature = "s3")]
    fn show(&self, known: &Known) {
        let mut shown = self.shown();
        shown.is_kept_here = true;
        shown.place = Some(known.place.clone());
        shown.views.clone_from(&known.views);
    }
}
