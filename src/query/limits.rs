//! What questions may take, and the threads that they run on.
//!
//! In: a plan. Out: its rows, a few batches ahead of who reads them. Invariants: each question
//! runs on threads of its own, which give way to those of calls, so that neither the tasks of
//! calls nor another question wait for it; one that takes too much memory, disk or time fails alone; dropping the rows ends the
//! question. Its seat is free at that moment, and its reader told in time, whether the engine
//! pauses or not: threads that are still busy are left to themselves until the next gate.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::Error;
use super::gate::Gate;
use super::priority::Priority;

/// Batches that wait for who reads them.
const AHEAD: usize = 2;
/// Threads of one question where nobody says how many.
const THREADS_MAX: usize = 8;

/// What questions may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads that one question runs on.
    pub threads: usize,
    /// Memory of one question before it spills, and fails where it cannot. Units: bytes.
    pub memory_bytes: usize,
    /// Disk that one question may spill to. Units: bytes.
    pub spill_bytes: u64,
    /// Where that is; the system's folder for temporary files where none is named.
    pub spill: Option<PathBuf>,
    /// How long one question may take, reading its rows included.
    pub timeout: Duration,
    /// Questions at once; more wait.
    pub running: usize,
    /// Questions that may wait; more are refused.
    pub waiting: usize,
    /// Positions after which an engine that follows the log puts base tables on disk.
    pub checkpoint_events: u64,
}

impl Default for Limits {
    /// For a platform that dials on the same machine: one question takes half of the processors
    /// at most, and all take 4 GiB of memory together.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            threads: (processors / 2).clamp(1, THREADS_MAX),
            memory_bytes: 256 << 20,
            spill_bytes: 8 << 30,
            spill: None,
            timeout: Duration::from_secs(60),
            running: 16,
            waiting: 64,
            checkpoint_events: 200_000,
        }
    }
}

/// Rows of an answer as they come. Dropping them ends the question.
#[derive(Debug)]
pub struct Rows {
    batches: mpsc::Receiver<Result<RecordBatch, Error>>,
    timeout: Duration,
    /// When whoever reads is told that it took too long, whatever the question is at.
    deadline: Instant,
}

impl Rows {
    /// The next batch; nothing after the last one, or after an error.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        match tokio::time::timeout_at(self.deadline, self.batches.recv()).await {
            Ok(batch) => batch,
            Err(_) if self.batches.is_closed() => None,
            Err(_) => {
                self.batches.close();
                Some(Err(Error::Timeout(self.timeout)))
            }
        }
    }
}

/// Where questions run.
pub(super) struct Desk {
    limits: Limits,
    /// Looks after time and after who came or went away. Nothing heavy runs here.
    watch: Room,
    rooms: Rooms,
    seats: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Threads; left to themselves where they are dropped, as nobody may wait for them there.
struct Room(Option<Runtime>);

impl Room {
    fn new(threads: usize, name: &str, priority: Priority) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name(name)
            .on_thread_start(move || priority.take())
            .enable_all()
            .build()
            .map_err(Error::Threads)?;
        Ok(Self(Some(runtime)))
    }

    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<JoinHandle<T>, Error> {
        Ok(self.0.as_ref().ok_or(Error::Ended)?.spawn(work))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Rooms that are free: their questions came to an end of their own.
#[derive(Clone, Default)]
struct Rooms(Arc<Mutex<Vec<Room>>>);

impl Rooms {
    fn take(&self) -> Option<Room> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, room: Room) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }
}

/// Somebody who waits for a seat, and may go away.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Desk {
    /// Starts the thread that watches over time.
    pub(super) fn new(limits: Limits) -> Result<Self, Error> {
        let seats = Arc::new(Semaphore::new(limits.running.max(1)));
        let (watch, rooms) = (Room::new(1, "query-watch", Priority::Normal)?, Rooms::default());
        Ok(Self { limits, watch, rooms, seats, waiting: AtomicUsize::new(0) })
    }

    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Memory and disk of one question.
    pub(super) fn environment(&self) -> Result<Arc<RuntimeEnv>, DataFusionError> {
        let mode = match &self.limits.spill {
            Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
            None => DiskManagerMode::OsTmpDirectory,
        };
        let disk = DiskManagerBuilder::default()
            .with_mode(mode)
            .with_max_temp_directory_size(self.limits.spill_bytes);
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(self.limits.memory_bytes)))
            .with_disk_manager_builder(disk)
            .build_arc()
    }

    /// Waits for the turn of one more question.
    pub(super) async fn seat(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(seat) = self.seats.clone().try_acquire_owned() {
            return Ok(seat);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.limits.waiting {
            return Err(Error::Busy { running: self.limits.running, waiting: self.limits.waiting });
        }
        self.seats.clone().acquire_owned().await.map_err(|_| Error::Ended)
    }

    /// Runs work that gives rows, within the time there is.
    pub(super) fn start<W>(
        &self,
        seat: OwnedSemaphorePermit,
        timeout: Duration,
        work: impl FnOnce(mpsc::Sender<Result<RecordBatch, Error>>, Arc<Gate>) -> W,
    ) -> Result<Rows, Error>
    where
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let gate = Arc::new(Gate::default());
        let room = match self.rooms.take() {
            Some(room) => room,
            None => Room::new(self.limits.threads, "query", Priority::Questions)?,
        };
        let mut working = room.spawn(work(sender.clone(), gate.clone()))?;
        let deadline = Instant::now() + timeout;
        let rooms = self.rooms.clone();
        drop(self.watch.spawn(async move {
            let done = tokio::select! {
                biased;
                () = sender.closed() => None,
                done = tokio::time::timeout_at(deadline, &mut working) => Some(done),
            };
            let failed = match done {
                Some(Ok(done)) => {
                    rooms.give(room);
                    done.unwrap_or_else(|panicked| Err(Error::Panicked(panicked))).err()
                }
                // Nobody wants the rest: it ends at its next gate, and takes its threads along.
                Some(Err(_)) | None => {
                    gate.close();
                    working.abort();
                    drop(room);
                    done.is_some().then_some(Error::Timeout(timeout))
                }
            };
            // It is over: another question may begin while this error waits to be read.
            drop(seat);
            if let Some(error) = failed {
                // Who does not read any more needs not be told.
                drop(sender.send(Err(error)).await);
            }
        })?);
        Ok(Rows { batches: receiver, timeout, deadline })
    }
}
