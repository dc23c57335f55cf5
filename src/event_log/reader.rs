//! Following a log that another process writes, rolls, seals and merges.
//!
//! In: the folder, as it was when it was looked at last and as it is now. Out: the index of a
//! reader, at the same position or a later one.
//! Invariants: no position is left out or entered twice; the newest events are in memory only
//! until a run covers them, and a file that was sealed or merged is let go of; where the file
//! that is read from is gone, everything is read again from the folder, and taken only if it
//! goes on where the reader was. Nothing is written.
//! Memory: what [`Index`] says, for the segments that the writer has not covered yet.

use std::sync::{Arc, Mutex, PoisonError};

use super::index::{Index, Part};
use super::load::{Loader, OpenError, Purpose, segment_base};
use super::mark::Mark;
use super::sealed::{SealedPart, SealedStore};
use super::segment_table::load_facts;
use super::shared::Shared;
use super::storage::Storage;
use super::stream_runs::StreamRuns;

/// How often a folder is read again because it changed meanwhile.
const LOOKS_MAX: u32 = 8;

/// Where a reader is in files that another process writes.
pub(super) struct Follower(Mutex<Place>);

struct Place {
    loader: Loader,
    /// As it was when the index was made to fit.
    seen: Listing,
}

/// The names of a log's files.
#[derive(Default, PartialEq, Eq)]
struct Listing {
    segments: Vec<String>,
    index: Vec<String>,
    sealed: Vec<String>,
}

impl Listing {
    /// What cannot be listed has no names here; reading it says why.
    fn of(storage: &dyn Storage) -> Self {
        let all = storage.list().unwrap_or_default();
        let folder = |name: &str| {
            // A folder that is not there would be made.
            let folder = all.iter().any(|known| known == name).then(|| storage.folder(name));
            let mut names = folder.and_then(|it| it.ok()?.list().ok()).unwrap_or_default();
            names.sort_unstable();
            names
        };
        let (index, sealed) = (folder("index"), folder("sealed"));
        let mut segments = all;
        segments.retain(|name| segment_base(name).is_some());
        segments.sort_unstable();
        Self { segments, index, sealed }
    }
}

/// Reads a log beside its writer. What a roll, a sealing or a merge made impossible is tried
/// again.
///
/// # Errors
/// See [`OpenError`].
pub(super) fn load(
    storage: &Arc<dyn Storage>,
    sealed: Option<&SealedStore>,
) -> Result<(Loader, Index), OpenError> {
    let mut looks = 1;
    loop {
        let before = Listing::of(&**storage);
        let mut index = Index::default();
        let mut loader = Loader::new(storage.clone(), Purpose::Read);
        if let Some(sealed) = sealed {
            loader.sealed = Some(sealed.clone());
        }
        let mark = Mark::read(&**storage);
        let advanced = loader.advance(&mut index).and_then(|()| match mark {
            Some(mark) => mark.check(&**storage, &loader, index.next),
            None => Ok(()),
        });
        match advanced {
            Ok(()) => return Ok((loader, index)),
            Err(error) if looks == LOOKS_MAX || Listing::of(&**storage) == before => {
                return Err(error);
            }
            Err(_) => looks += 1,
        }
    }
}

impl Follower {
    /// Goes on where opening ended.
    pub(super) fn new(loader: Loader) -> Self {
        Self(Mutex::new(Place { loader, seen: Listing::default() }))
    }
}

impl Shared {
    /// Takes in what another process has written since, and lets go of what it has covered,
    /// sealed or merged. Does nothing in a log that writes itself.
    ///
    /// # Errors
    /// See [`OpenError`]; then everything that was read before can still be read.
    pub(super) fn refresh(&self) -> Result<(), OpenError> {
        let Some(Follower(place)) = self.follower.get() else { return Ok(()) };
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = Listing::of(&*self.parts.storage);
        let advanced = place.loader.advance(&mut self.index_mut());
        // An index that appears after the reader is opened is taken with all it covers.
        let has_runs = self.parts.runs.get().is_some() || seen.index.is_empty();
        let again = advanced.is_err() && {
            let now = Listing::of(&*self.parts.storage);
            now != seen || !place.loader.tail_is_among(&now.segments)
        };
        if again || (advanced.is_ok() && !has_runs) {
            match self.read_again(&mut place.loader)? {
                true => place.seen = Listing::default(),
                false => advanced?,
            }
        } else {
            advanced?;
        }
        if place.seen != seen && self.let_go(&mut place, &seen) {
            place.seen = seen;
        }
        let next = self.index().next;
        self.metrics.durable(next);
        self.head.send_if_modified(|head| {
            let grown = head.next < next;
            head.next = next;
            grown
        });
        Ok(())
    }

    /// Reads the folder as if it was opened now. Says whether it goes on where the loader is;
    /// where it does not, nothing changes.
    fn read_again(&self, loader: &mut Loader) -> Result<bool, OpenError> {
        let (mut found, index) = load(&self.parts.storage, loader.sealed.as_ref())?;
        let (at, hash) = loader.link(self.index().next);
        if index.next < self.end() || (at > 0 && index.last_hash(at) != Some(hash)) {
            return Ok(false);
        }
        // What covers more can be believed before the index knows; what covers less cannot.
        if let Some(runs) = found.runs.take() {
            match self.parts.runs.get() {
                Some(known) => known.take(&runs),
                None => drop(self.parts.runs.set(runs)),
            }
        }
        if let Some(caches) = &found.caches {
            drop(self.parts.caches.set(caches.clone()));
        }
        *self.index_mut() = index;
        self.parts.forget_all();
        *loader = found;
        Ok(true)
    }

    /// Forgets what is in files, and puts sealed parts in the place of segments. Says whether
    /// that is done; else it is tried again the next time.
    fn let_go(&self, place: &mut Place, now: &Listing) -> bool {
        let mut done = true;
        if place.seen.index != now.index || place.seen.segments != now.segments {
            done &= self.parts.runs.get().is_none_or(|runs| self.forget_covered(runs));
            self.forget_tables();
        }
        if place.seen.sealed != now.sealed {
            place.loader.find_folders();
            done &= place.loader.sealed.as_ref().is_none_or(|store| self.take_sealed(store));
        }
        done
    }

    fn forget_covered(&self, runs: &StreamRuns) -> bool {
        let belongs = |end: u64, hash: &_| self.index().last_hash(end).as_ref() == Some(hash);
        match runs.refresh(&belongs) {
            Ok(covered) => self.index_mut().hot.forget(covered),
            Err(error) => {
                tracing::warn!(%error, "what the index covers stays in memory for now");
                return false;
            }
        }
        true
    }

    fn forget_tables(&self) {
        let Some(caches) = self.parts.caches.get() else { return };
        let of = |part: &Part| match part {
            Part::Raw(raw) => raw.table.as_ref().and(raw.facts),
            Part::Sealed(_) => None,
        };
        let held: Vec<_> = self.index().parts.iter().filter_map(of).collect();
        for facts in held {
            let is_stored = load_facts(&**caches, facts.base).is_ok_and(|stored| stored == facts);
            if is_stored && let Some(raw) = self.index_mut().raw_mut(facts.base) {
                raw.table = None;
            }
        }
    }

    fn take_sealed(&self, store: &SealedStore) -> bool {
        // A merge may be at work: then the next look finds its outcome.
        let Ok(records) = store.records() else { return false };
        for record in records {
            let gone = {
                let index = self.index();
                index.replaced_by(record.base, record.end)
            };
            let Some(gone) = gone else { continue };
            let part = Arc::new(SealedPart::open(record, store.clone()));
            self.index_mut().replace_with(part);
            for base in gone {
                self.parts.forget(base);
            }
        }
        true
    }
}
