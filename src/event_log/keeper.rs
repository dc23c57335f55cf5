//! Writes the files of the index and seals old segments, beside the writer and out of its way.
//!
//! In: segments that are finished and durable. Out: their tables and runs, merged runs, sealed
//! parts in the place of raw segments; the mark that says how far the log is durable.
//! Invariants: a segment counts as finished once the header behind it is durable; what is in
//! memory is forgotten only after the file that has it is durable; a raw segment is removed only
//! after the seal record is durable. What fails is tried again when the next segment is
//! finished: the log goes on without.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::cache_file::IndexError;
use super::embedded::LogOptions;
use super::inbox::Inbox;
use super::index::{Index, Part, RawPart};
use super::mark::MarkFile;
use super::sealed::{
    RawSegment, SealError, SealOptions, SealedPart, SealedStore, merge as merge_parts, seal,
};
use super::segment_table::{SegmentFacts, SegmentTable, table_name, write_table};
use super::shared::{HeadState, Shared};
use super::storage::Storage;
use super::stream_runs::StreamRuns;
use super::stream_state::Work;
use crate::base::Timestamp;

/// Bytes of streams in memory above which opening a log writes runs itself.
pub(super) const HOT_BYTES_MAX: usize = 48 << 20;

/// Sealed parts of fewer raw bytes are small: quiet days leave such. Units: bytes.
const SMALL_PART: u64 = 8 << 20;
/// Small neighbours that become one part.
const MERGED_PARTS: usize = 8;
/// How long sealing is left alone after it failed, the first time and at most.
const REST: Duration = Duration::from_secs(2);
const REST_MAX: Duration = Duration::from_secs(300);
/// How often the age of segments is looked at.
const LOOK: Duration = if cfg!(test) { Duration::from_millis(5) } else { Duration::from_secs(1) };

/// What the thread works on.
pub(super) struct Care {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) options: LogOptions,
    /// Where sealed parts are kept.
    pub(super) sealed: Option<SealedStore>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    wake: Condvar,
    stop: AtomicBool,
}

/// The thread that keeps the index, as the writer sees it. Dropping it ends the thread.
pub(super) struct Keeper {
    bell: Arc<Bell>,
    thread: Option<JoinHandle<()>>,
}

/// Says that a segment may be finished.
#[derive(Clone)]
pub(super) struct KeeperBell(Arc<Bell>);

impl KeeperBell {
    pub(super) fn ring(&self) {
        *self.0.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.wake.notify_one();
    }
}

impl Keeper {
    /// Starts the thread.
    pub(super) fn start(care: Care) -> io::Result<Self> {
        let bell = Arc::new(Bell { rung: Mutex::new(true), ..Bell::default() });
        let mine = bell.clone();
        let thread = std::thread::Builder::new()
            .name("event-log-keeper".to_owned())
            .spawn(move || serve(&care, &mine))?;
        Ok(Self { bell, thread: Some(thread) })
    }

    /// What the writer rings.
    pub(super) fn bell(&self) -> KeeperBell {
        KeeperBell(self.bell.clone())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.bell.stop.store(true, Ordering::Relaxed);
        self.bell().ring();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(care: &Care, bell: &Bell) {
    let by_age = care.options.seal_after_age.or(care.options.roll_after_age).is_some();
    let mut marks = Marks { file: MarkFile::new(care.shared.parts.storage.clone()), seen: 0 };
    if let Some(store) = care.sealed.as_ref().filter(|_| care.seals())
        && let Err(error) = store.clean()
    {
        tracing::warn!(%error, "what an interrupted sealing left behind stays");
    }
    let mut rest = Rest::default();
    loop {
        let is_rung;
        {
            let mut rung = bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
            if !*rung {
                let waited = bell.wake.wait_timeout(rung, LOOK);
                rung = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            is_rung = std::mem::take(&mut *rung);
        }
        if bell.stop.load(Ordering::Relaxed) {
            // The writer has let go of the disk before.
            marks.write(care);
            return;
        }
        if is_rung {
            marks.write(care);
        } else {
            marks.write_if_idle(care);
        }
        if !is_rung && !by_age {
            continue;
        }
        if !matches!(care.shared.head.borrow().state, HeadState::Open) {
            continue;
        }
        care.roll_if_old();
        if let Err(error) = care.keep(&bell.stop) {
            tracing::warn!(%error, "the index of the log stays in memory for now");
        }
        if rest.is_over(care) {
            match care.seal_due(&bell.stop) {
                Ok(()) => rest = Rest::default(),
                Err(error) => {
                    let seconds = rest.prolong(care.now()).as_secs();
                    tracing::warn!(%error, seconds, "old segments stay unsealed until the next try");
                }
            }
        }
        care.count_unsealed();
    }
}

/// The time after sealing failed: each longer than the one before.
#[derive(Default)]
struct Rest {
    /// When it began, and how long it is.
    since: Option<(Timestamp, Duration)>,
}

impl Rest {
    /// A clock that was set back ends it.
    fn is_over(&self, care: &Care) -> bool {
        let Some((since, rest)) = self.since else { return true };
        let Some(now) = care.now() else { return true };
        let passed = u64::try_from(now.as_micros().saturating_sub(since.as_micros()));
        passed.map_or(true, |passed| Duration::from_micros(passed) >= rest)
    }

    fn prolong(&mut self, now: Option<Timestamp>) -> Duration {
        let rest = self.since.map_or(REST, |(_, before)| (before * 2).min(REST_MAX));
        self.since = now.map(|now| (now, rest));
        rest
    }
}

/// Says now and then how far the log is durable.
struct Marks {
    file: MarkFile,
    /// The end of the log at the last look.
    seen: u64,
}

impl Marks {
    /// Says it where nothing was appended since the last look.
    fn write_if_idle(&mut self, care: &Care) {
        let end = care.shared.end();
        if std::mem::replace(&mut self.seen, end) == end {
            self.write(care);
        }
    }

    /// Says it where there is something new to say.
    fn write(&mut self, care: &Care) {
        let Some(mark) = care.shared.durable().filter(|mark| mark.next > self.file.next) else {
            return;
        };
        if let Err(error) = self.file.write(&mark) {
            tracing::warn!(%error, "the mark of the log stays where it was");
        }
    }
}

impl Care {
    fn seals(&self) -> bool {
        self.options.seal_after_age.is_some() || self.options.seal_after_bytes.is_some()
    }

    fn now(&self) -> Option<Timestamp> {
        self.shared.clock.get().map(|clock| clock.now())
    }

    /// What was recorded before this is older than an age.
    fn before(&self, age: Duration) -> Option<Timestamp> {
        let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        Some(Timestamp::from_micros(self.now()?.as_micros().saturating_sub(age)))
    }

    /// Asks the writer to begin a new segment where the last one has old events.
    fn roll_if_old(&self) {
        let Some(before) = self.options.roll_after_age.and_then(|age| self.before(age)) else {
            return;
        };
        let first = {
            let index = self.shared.index();
            index.active.place(index.active.base())
        };
        if first.is_some_and(|first| first.recorded_at < before) {
            self.inbox.post(Work::Roll);
        }
    }

    /// Writes what is due to the index.
    fn keep(&self, stop: &AtomicBool) -> Result<(), IndexError> {
        let shared = &self.shared;
        let (Some(runs), Some(caches)) = (shared.parts.runs.get(), shared.parts.caches.get())
        else {
            return Ok(());
        };
        let finished = shared.finished.load(Ordering::Acquire);
        loop {
            let tables = tables_before(&shared.index(), finished);
            for (facts, table) in tables {
                write_table(&**caches, &facts, &table)?;
                if let Some(raw) = shared.index_mut().raw_mut(facts.base) {
                    raw.table = None;
                }
            }
            let due = {
                let index = shared.index();
                let oldest = index.hot.oldest().filter(|oldest| oldest.next() <= finished);
                oldest.and_then(|oldest| Some((index.last_hash(oldest.next())?, oldest)))
            };
            let Some((hash, oldest)) = due else { break };
            runs.add(&oldest, hash, stop)?;
            shared.index_mut().hot.forget(runs.covered_until());
        }
        while runs.merge(stop)? {}
        Ok(())
    }

    /// Seals finished segments, oldest first, and merges small parts.
    fn seal_due(&self, stop: &AtomicBool) -> Result<(), SealError> {
        let Some(store) = self.sealed.as_ref().filter(|_| self.seals()) else { return Ok(()) };
        let options = SealOptions::default();
        let parts = &self.shared.parts;
        while !stop.load(Ordering::Relaxed)
            && let Some(raw) = self.next_to_seal()
        {
            let segment = RawSegment::read(&parts.storage, &raw.name)?;
            let record = seal(store, &[segment], &options)?;
            let part = Arc::new(SealedPart::open(record, store.clone()));
            self.shared.index_mut().replace_with(part);
            parts.forget(raw.base);
            // Opening the log removes what cannot be removed now.
            drop(parts.storage.remove(&raw.name));
            drop(parts.storage.sync_directory());
            if let Some(caches) = parts.caches.get() {
                drop(caches.remove(&table_name(raw.base)));
            }
        }
        while !stop.load(Ordering::Relaxed)
            && let Some(small) = self.next_to_merge()
        {
            let record = merge_parts(store, &small, &options)?;
            let part = Arc::new(SealedPart::open(record, store.clone()));
            self.shared.index_mut().replace_with(part);
            for old in small {
                store.remove(old.record())?;
            }
        }
        Ok(())
    }

    /// Tells the metrics what is finished and not sealed.
    fn count_unsealed(&self) {
        let index = self.shared.index();
        let raws = index.parts.iter().filter_map(|part| match part {
            Part::Raw(raw) => raw.facts,
            Part::Sealed(_) => None,
        });
        let (segments, bytes) =
            raws.fold((0, 0), |(segments, bytes), facts| (segments + 1, bytes + facts.end));
        self.shared.metrics.unsealed(segments, bytes);
    }

    /// The oldest raw segment, if it is finished and its time has come.
    fn next_to_seal(&self) -> Option<RawPart> {
        let finished = self.shared.finished.load(Ordering::Acquire);
        let covered = self.shared.parts.runs.get().map_or(0, StreamRuns::covered_until);
        let index = self.shared.index();
        let mut raws = index.parts.iter().filter_map(|part| match part {
            Part::Raw(raw) => Some((raw, raw.facts?)),
            Part::Sealed(_) => None,
        });
        let bytes: u64 = raws.clone().map(|(_, facts)| facts.end).sum();
        let (oldest, facts) = raws.next()?;
        let end = facts.base + facts.count;
        let is_old = self.options.seal_after_age.and_then(|age| self.before(age));
        let is_old = is_old.is_some_and(|before| facts.recorded_at < before);
        let is_over = self.options.seal_after_bytes.is_some_and(|most| bytes > most);
        (end <= finished && end <= covered && (is_old || is_over)).then(|| oldest.clone())
    }

    fn next_to_merge(&self) -> Option<Vec<Arc<SealedPart>>> {
        let index = self.shared.index();
        let small = |part: &Part| match part {
            Part::Sealed(part) if part.record().raw_bytes() < SMALL_PART => Some(part.clone()),
            _ => None,
        };
        index.parts.windows(MERGED_PARTS).find_map(|parts| parts.iter().map(small).collect())
    }
}

/// The tables of finished segments before a position that are in no file.
fn tables_before(index: &Index, finished: u64) -> Vec<(SegmentFacts, Arc<SegmentTable>)> {
    let of = |part: &Part| match part {
        Part::Raw(raw) => {
            let facts = raw.facts.filter(|facts| facts.base + facts.count <= finished)?;
            Some((facts, raw.table.clone()?))
        }
        Part::Sealed(_) => None,
    };
    index.parts.iter().filter_map(of).collect()
}

/// Writes every finished segment while a log is opened.
pub(super) fn cover_all(
    index: &mut Index,
    runs: &StreamRuns,
    caches: &dyn Storage,
) -> Result<(), IndexError> {
    let never = AtomicBool::new(false);
    for (facts, table) in tables_before(index, u64::MAX) {
        write_table(caches, &facts, &table)?;
        if let Some(raw) = index.raw_mut(facts.base) {
            raw.table = None;
        }
    }
    while let Some(oldest) = index.hot.oldest() {
        let Some(hash) = index.last_hash(oldest.next()) else { break };
        runs.add(&oldest, hash, &never)?;
        index.hot.forget(runs.covered_until());
    }
    while runs.merge(&never)? {}
    Ok(())
}
