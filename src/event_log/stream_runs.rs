//! Which positions a stream has: a cache of sorted files beside the segments.
//!
//! In: for each finished segment the positions of its streams. Out: the last revision of a
//! stream and its position, and the positions of revisions. A run is one file over a stretch of
//! positions; runs follow each other without a gap, and eight of one level are merged into one
//! of the next. [`HotStreams`] holds what no run covers yet.
//! Invariants: a look-up sees one set of runs, whatever is added or merged meanwhile; a file is
//! removed only after the one that replaces it is durable, name and all; what fails a check is
//! an error that says to rebuild, never an answer.
//! Deliberately absent: names. A stream is known by the first 16 bytes of BLAKE3 of its name.
//! Memory: about 15 bits a key and run, and nothing for a position.

mod fence;
mod hot;
mod merge;
mod run;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use uuid::Uuid;

use super::cache_file::{IndexError, TEMPORARY};
use super::frame::Hash;
use super::storage::Storage;
pub(super) use hot::{Generation, HotStreams, KeyHasher};
pub(super) use run::Identity;
use run::{Run, run_stretch};

/// Runs of one level that become one of the next.
pub(super) const FAN_IN: usize = 8;
/// How often a folder is listed again because another process merged meanwhile.
const LOOKS_MAX: u32 = 16;

/// A stream as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct StreamKey(u128);

impl StreamKey {
    /// The key of a stream name.
    pub(super) fn of(name: &str) -> Self {
        let hash = *blake3::hash(name.as_bytes()).as_bytes();
        Self(u128::from_be_bytes(hash.first_chunk().copied().unwrap_or_default()))
    }

    /// Its bytes: the first 16 of the name's hash.
    pub(super) fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Half of it, which is a hash of the name as well.
    pub(super) fn low(self) -> u64 {
        self.0 as u64
    }
}

/// Says whether a log has a frame with this hash that ends before this position: whether a file
/// that covers everything up to there is of this log.
pub(super) type Belongs<'a> = &'a dyn Fn(u64, &Hash) -> bool;

/// A file that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unusable {
    /// Its name in the folder.
    pub(super) name: String,
    /// Why.
    pub(super) why: String,
}

/// A set of runs that stays as it is.
#[derive(Clone)]
pub(super) struct Snapshot(Arc<[Arc<Run>]>);

/// The runs of one log.
pub(super) struct StreamRuns {
    storage: Arc<dyn Storage>,
    log: Uuid,
    runs: RwLock<Arc<[Arc<Run>]>>,
    /// One merges at a time.
    merging: Mutex<()>,
}

impl Snapshot {
    /// The position after the last one covered.
    pub(super) fn covered_until(&self) -> u64 {
        self.0.last().map_or(0, |run| run.identity().end)
    }

    /// The last revision of a stream and its position.
    ///
    /// # Errors
    /// Where a file cannot be read or fails a check.
    pub(super) fn last(&self, key: StreamKey) -> Result<Option<(u64, u64)>, IndexError> {
        for run in self.0.iter().rev() {
            if let Some(entry) = run.find(key)? {
                return Ok(Some((entry.next_revision() - 1, entry.last)));
            }
        }
        Ok(None)
    }

    /// Adds the positions of revisions to `out`, as far as there are any, oldest first.
    ///
    /// # Errors
    /// Where a file cannot be read or fails a check, also where two runs do not fit together.
    pub(super) fn positions(
        &self,
        key: StreamKey,
        revisions: Range<u64>,
        out: &mut Vec<u64>,
    ) -> Result<(), IndexError> {
        if revisions.is_empty() {
            return Ok(());
        }
        // From the newest back, to the one with the first revision asked for.
        let mut found = Vec::new();
        let (mut next, mut oldest) = (None, None);
        for run in self.0.iter().rev() {
            let Some(entry) = run.find(key)? else { continue };
            if next.is_some_and(|next| next != entry.next_revision()) {
                return Err(run.damaged("the revisions of a stream have a gap"));
            }
            (next, oldest) = (Some(entry.first_revision), Some(run));
            let first = entry.first_revision;
            if first < revisions.end {
                found.push((run, entry));
            }
            if first <= revisions.start {
                break;
            }
        }
        if let Some(run) = oldest.filter(|_| next.is_some_and(|next| next > revisions.start)) {
            return Err(run.damaged("the first revisions of a stream are missing"));
        }
        for (run, entry) in found.into_iter().rev() {
            run.positions(&entry, revisions.clone(), out)?;
        }
        Ok(())
    }

    /// Runs there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Bytes of memory that the runs take.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.0.iter().map(|run| run.memory()).sum()
    }

    /// Reads every byte of every run and compares every checksum, order and number.
    ///
    /// # Errors
    /// The first one that does not fit.
    #[cfg(test)]
    pub(super) fn check(&self) -> Result<(), IndexError> {
        self.0.iter().try_for_each(|run| run.check())
    }
}

impl StreamRuns {
    /// Opens what is there, as far as it is whole and without a gap from position 0. Lists the
    /// files that are of no use; nothing is changed.
    ///
    /// # Errors
    /// Where the folder or a file cannot be read. A damaged file is no error.
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        log: Uuid,
        belongs: Belongs<'_>,
    ) -> Result<(Self, Vec<Unusable>), IndexError> {
        let (runs, unusable) = survey(&*storage, log, belongs, &[])?;
        let runs = RwLock::new(runs.into());
        Ok((Self { storage, log, runs, merging: Mutex::new(()) }, unusable))
    }

    /// Looks for what another process has written since, and forgets what it has merged.
    ///
    /// # Errors
    /// Where the folder or a file cannot be read; then everything stays as it was.
    pub(super) fn refresh(&self, belongs: Belongs<'_>) -> Result<u64, IndexError> {
        let (runs, _) = survey(&*self.storage, self.log, belongs, &self.snapshot().0)?;
        self.accept(Snapshot(runs.into()));
        Ok(self.covered_until())
    }

    /// Takes the runs that were opened anew, unless they cover less.
    pub(super) fn take(&self, found: &Self) {
        self.accept(found.snapshot());
    }

    /// A listing in the midst of a merge may miss files that are still open here.
    fn accept(&self, found: Snapshot) {
        let end = found.covered_until();
        self.replace(|known| {
            let covered = known.last().map_or(0, |run| run.identity().end);
            (end >= covered).then_some(found.0)
        });
    }

    /// The runs as they are now, for several look-ups that belong together.
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot(self.runs.read().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// The position after the last one covered.
    pub(super) fn covered_until(&self) -> u64 {
        self.snapshot().covered_until()
    }

    /// Writes a finished segment's streams as a run, and takes it in. `last_frame` is the hash
    /// of the segment's last frame.
    ///
    /// # Errors
    /// What the disk refuses; [`IndexError::NotNext`] where the segment does not follow.
    pub(super) fn add(
        &self,
        segment: &Generation,
        last_frame: Hash,
        stop: &AtomicBool,
    ) -> Result<(), IndexError> {
        let identity = Identity {
            level: 0,
            log: self.log,
            start: segment.base(),
            end: segment.next(),
            last_frame,
        };
        let covered = self.covered_until();
        if identity.start != covered || identity.end == covered {
            let path = self.path(&identity.name());
            return Err(IndexError::NotNext { path, start: identity.start, covered });
        }
        let run = Arc::new(write::from_segment(&*self.storage, identity, segment, stop)?);
        let mut added = false;
        self.replace(|runs| {
            let last = runs.last().map_or(0, |run| run.identity().end);
            added = last == identity.start;
            added.then(|| runs.iter().cloned().chain([run]).collect())
        });
        if added {
            return Ok(());
        }
        let path = self.path(&identity.name());
        Err(IndexError::NotNext { path, start: identity.start, covered: self.covered_until() })
    }

    /// Merges eight runs of one level, if there are as many side by side. Says whether there
    /// were: then there may be more to merge. `stop` ends it early, with nothing changed.
    ///
    /// # Errors
    /// What the disk refuses, what fails a check, or [`IndexError::Stopped`]. The runs stay.
    pub(super) fn merge(&self, stop: &AtomicBool) -> Result<bool, IndexError> {
        let _only = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = self.snapshot();
        let Some(group) = mergeable(&snapshot.0) else { return Ok(false) };
        let merged = Arc::new(merge::merge(&*self.storage, group, stop)?);
        let identity = *merged.identity();
        let is_old = |run: &Run| {
            identity.start <= run.identity().start && run.identity().end <= identity.end
        };
        let mut replaced = false;
        self.replace(|runs| {
            let at = runs.iter().position(|run| is_old(run))?;
            let count = runs.iter().filter(|run| is_old(run)).count();
            if count != group.len() {
                return None;
            }
            replaced = true;
            let (before, rest) = runs.split_at_checked(at)?;
            let after = rest.get(count..)?;
            Some(before.iter().chain([&merged]).chain(after).cloned().collect())
        });
        if replaced {
            // Whoever has them open reads on. What cannot be removed is of no use after the
            // next start, and removed then.
            for run in group {
                drop(self.storage.remove(&run.identity().name()));
            }
        }
        Ok(replaced)
    }

    /// Removes files that are of no use. Only who writes the log may do that.
    ///
    /// # Errors
    /// What the disk refuses.
    pub(super) fn remove_unusable(&self, files: &[Unusable]) -> Result<(), IndexError> {
        for file in files {
            self.remove(&file.name)?;
        }
        if files.is_empty() { Ok(()) } else { self.sync() }
    }

    fn remove(&self, name: &str) -> Result<(), IndexError> {
        match self.storage.remove(name) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("remove", name, source))
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<(), IndexError> {
        self.storage.sync_directory().map_err(|source| self.failed("sync", "", source))
    }

    fn replace(&self, change: impl FnOnce(&[Arc<Run>]) -> Option<Arc<[Arc<Run>]>>) {
        let mut runs = self.runs.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = change(&runs) {
            *runs = changed;
        }
    }

    fn path(&self, name: &str) -> String {
        self.storage.path(name).display().to_string()
    }

    fn failed(&self, action: &'static str, name: &str, source: io::Error) -> IndexError {
        super::storage::WriteFailure { action, path: self.path(name), source }.into()
    }
}

/// Eight neighbours of one level, the oldest such.
fn mergeable(runs: &[Arc<Run>]) -> Option<&[Arc<Run>]> {
    runs.windows(FAN_IN).find(|group| {
        let mut levels = group.iter().map(|run| run.identity().level);
        let first = levels.next();
        levels.all(|level| Some(level) == first)
    })
}

/// The runs of a folder that follow each other from position 0, and the files that are in no
/// such row.
fn survey(
    storage: &dyn Storage,
    log: Uuid,
    belongs: Belongs<'_>,
    known: &[Arc<Run>],
) -> Result<(Vec<Arc<Run>>, Vec<Unusable>), IndexError> {
    let mut looks = 1;
    loop {
        match look(storage, log, belongs, known) {
            // A merge has removed a file between the listing and the opening of it.
            Err(IndexError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound && looks < LOOKS_MAX =>
            {
                looks += 1;
            }
            found => return found,
        }
    }
}

fn look(
    storage: &dyn Storage,
    log: Uuid,
    belongs: Belongs<'_>,
    known: &[Arc<Run>],
) -> Result<(Vec<Arc<Run>>, Vec<Unusable>), IndexError> {
    let mut runs: Vec<Arc<Run>> = Vec::new();
    let mut unusable = Vec::new();
    // By start; of those with the same start the longest first.
    let mut files = BTreeMap::new();
    let names = storage.list().map_err(|source| {
        let path = storage.path("").display().to_string();
        IndexError::Read { path, source }
    })?;
    for name in names {
        if let Some((start, end)) = run_stretch(&name) {
            files.insert((start, std::cmp::Reverse(end)), name);
        } else if name.strip_suffix(TEMPORARY).and_then(run_stretch).is_some() {
            unusable.push(Unusable { name, why: "it was not finished".to_owned() });
        }
    }
    for ((start, _), name) in files {
        let next = runs.last().map_or(0, |run| run.identity().end);
        let why = if start > next {
            format!("position {next} is missing before it")
        } else if start < next {
            "another file covers it".to_owned()
        } else {
            let known = known.iter().find(|run| run.identity().name() == name).cloned();
            match known.map_or_else(|| Run::open(storage, &name, log).map(Arc::new), Ok) {
                Ok(run) if belongs(run.identity().end, &run.identity().last_frame) => {
                    runs.push(run);
                    continue;
                }
                Ok(_) => "it was made from other events".to_owned(),
                Err(IndexError::Damaged { what, .. }) => what.to_owned(),
                Err(error) => return Err(error),
            }
        };
        unusable.push(Unusable { name, why });
    }
    Ok((runs, unusable))
}
