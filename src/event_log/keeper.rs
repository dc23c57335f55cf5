//! Writes the files of the index and seals old segments, beside the writer and out of its way.
//!
//! In: segments that are finished and durable. Out: their tables and runs, merged runs, sealed
//! parts in the place of raw segments.
//! Invariants: a segment counts as finished once an event behind it is durable; what is in
//! memory is forgotten only after the file that has it is durable; a raw segment is removed only
//! after the seal record is durable. What fails is tried again when the next segment is
//! finished: the log goes on without.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::cache_file::IndexError;
use super::index::{Index, Part};
use super::segment_table::{SegmentFacts, SegmentTable, write_table};
use super::shared::{HeadState, Shared};
use super::storage::Storage;
use super::stream_runs::StreamRuns;

/// Bytes of streams in memory above which opening a log writes runs itself.
pub(super) const HOT_BYTES_MAX: usize = 48 << 20;
/// Bytes of a sealed part that are kept decoded.
pub(super) const SEALED_CACHE_BYTES: usize = 8 << 20;

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
    pub(super) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let bell = Arc::new(Bell { rung: Mutex::new(true), ..Bell::default() });
        let mine = bell.clone();
        let thread = std::thread::Builder::new()
            .name("event-log-keeper".to_owned())
            .spawn(move || serve(&shared, &mine))?;
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

fn serve(shared: &Shared, bell: &Bell) {
    loop {
        {
            let mut rung = bell.rung.lock().unwrap_or_else(PoisonError::into_inner);
            while !std::mem::take(&mut *rung) {
                rung = bell.wake.wait(rung).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if bell.stop.load(Ordering::Relaxed) {
            return;
        }
        let open = matches!(shared.head.borrow().state, HeadState::Open);
        if open && let Err(error) = keep(shared, &bell.stop) {
            tracing::warn!(%error, "the index of the log stays in memory for now");
        }
    }
}

/// Writes what is due.
fn keep(shared: &Shared, stop: &AtomicBool) -> Result<(), IndexError> {
    let (Some(runs), Some(caches)) = (&shared.parts.runs, &shared.parts.caches) else {
        return Ok(());
    };
    // Behind a finished segment there is an event in the next one: then its end is durable.
    let durable = shared.end();
    loop {
        let tables = tables_before(&shared.index(), durable);
        for (facts, table) in tables {
            write_table(&**caches, &facts, &table)?;
            if let Some(raw) = shared.index_mut().raw_mut(facts.base) {
                raw.table = None;
            }
        }
        let due = {
            let index = shared.index();
            let oldest = index.hot.oldest().filter(|oldest| oldest.next() < durable);
            oldest.and_then(|oldest| Some((index.last_hash(oldest.next())?, oldest)))
        };
        let Some((hash, oldest)) = due else { break };
        runs.add(&oldest, hash, stop)?;
        shared.index_mut().hot.forget(runs.covered_until());
    }
    while runs.merge(stop)? {}
    Ok(())
}

/// The tables of finished segments before a position that are in no file.
fn tables_before(index: &Index, durable: u64) -> Vec<(SegmentFacts, Arc<SegmentTable>)> {
    let of = |part: &Part| match part {
        Part::Raw(raw) => {
            let facts = raw.facts.filter(|facts| facts.base + facts.count < durable)?;
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
