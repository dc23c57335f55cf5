//! What questions may take, and the threads that they run on.
//!
//! In: a plan. Out: its rows, a few batches ahead of who reads them. Invariants: questions run on
//! threads of their own, so that the tasks of calls never wait for one; a question that takes too
//! much memory, disk or time fails alone; dropping the rows ends the question, as soon as the
//! engine pauses. Whoever reads is told in time, whether it does or not.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;

use super::Error;

/// Batches that wait for who reads them.
const AHEAD: usize = 2;

/// What questions may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads that questions run on.
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
}

impl Default for Limits {
    /// For a platform that dials on the same machine: half of the processors, 2 GiB in all.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            threads: (processors / 2).max(1),
            memory_bytes: 512 << 20,
            spill_bytes: 8 << 30,
            spill: None,
            timeout: Duration::from_secs(60),
            running: 4,
            waiting: 64,
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
    /// None once it ends.
    runtime: Option<Runtime>,
    seats: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Somebody who waits for a seat, and may go away.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Desk {
    /// Starts the threads.
    pub(super) fn new(limits: Limits) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("query")
            // Each turn of a question takes long: look after time, and after who came or went
            // away, between any two.
            .event_interval(1)
            .global_queue_interval(1)
            .enable_all()
            .build()
            .map_err(Error::Threads)?;
        let seats = Arc::new(Semaphore::new(limits.running.max(1)));
        Ok(Self { limits, runtime: Some(runtime), seats, waiting: AtomicUsize::new(0) })
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
        work: impl FnOnce(mpsc::Sender<Result<RecordBatch, Error>>) -> W,
    ) -> Result<Rows, Error>
    where
        W: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let work = work(sender.clone());
        let runtime = self.runtime.as_ref().ok_or(Error::Ended)?;
        runtime.spawn(async move {
            let done = tokio::select! {
                biased;
                () = sender.closed() => return,
                done = tokio::time::timeout(timeout, work) => done,
            };
            // It is over: another question may begin while this error waits to be read.
            drop(seat);
            let failed = match done {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error,
                Err(_) => Error::Timeout(timeout),
            };
            // Who does not read any more needs not be told.
            drop(sender.send(Err(failed)).await);
        });
        Ok(Rows { batches: receiver, timeout, deadline: Instant::now() + timeout })
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Not to be waited for on a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}
