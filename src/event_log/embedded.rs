//! The log in this process, on files of its own.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use super::commit::{Committer, Desk, begin_segment};
use super::contract::{
    AllRead, AppendError, Appended, BoxFuture, Direction, EventLog, ReadError, StreamAppend,
    StreamInfo, StreamRead,
};
use super::folder::LogFolder;
use super::inbox::{Answer, Granted, Inbox};
use super::index::Index;
use super::keeper::{Care, Keeper};
use super::load::{Loader, OpenError, Purpose, Tail};
use super::lock::FolderLock;
use super::mark::Mark;
use super::metrics::{Asked, LogMetrics};
use super::parts::Parts;
use super::reader::{self, Follower};
use super::record::size_bound;
use super::rescan;
use super::secondary::{self, is_system_stream};
use super::shared::{HeadState, Shared};
use super::storage::{Storage, WriteFailure, read_full, write_full};
use super::stream_rules::{TOMBSTONE_TYPE, check_name};
use super::stream_runs::StreamRuns;
use super::stream_state::{Work, WriterStates};
use super::subscription::Subscription;
use super::writer::{Closing, Place, Writer, new_segment};
use crate::base::{Clock, Timestamp};
use crate::event::{ExpectedRevision, NewEvent, Recorded, StreamName};

/// Room in the queue of what is no append. Units: bytes.
const SYSTEM_BYTES: usize = 512;
/// The most bytes one append may have.
const APPEND_MAX: usize = 16 << 20;

/// How the embedded log uses its files and its memory.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// A segment that is this long takes no further group. Units: bytes, 1 GiB at most.
    pub segment_bytes: u64,
    /// Zeros are written this far ahead, so that a sync has no length to change; 0 for none.
    /// Units: bytes.
    pub zero_ahead_bytes: u64,
    /// A group that is this long is written, whatever waits behind it. Units: bytes, 16 MiB at
    /// most.
    pub group_bytes: usize,
    /// Appends that may wait for the writer; more wait for room.
    pub queue_appends: usize,
    /// Bytes that may wait for the writer; more wait for room. Units: bytes, 1 GiB at most.
    pub queue_bytes: usize,
    /// Finished segments are sealed, oldest first, while they are more than this. Units: bytes.
    pub seal_after_bytes: Option<u64>,
    /// Finished segments are sealed once their newest event is older than this.
    pub seal_after_age: Option<Duration>,
    /// A segment whose oldest event is older than this is finished, so that a quiet log seals.
    pub roll_after_age: Option<Duration>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            zero_ahead_bytes: 4 << 20,
            group_bytes: 4 << 20,
            queue_appends: 8_192,
            queue_bytes: 32 << 20,
            seal_after_bytes: None,
            seal_after_age: None,
            roll_after_age: None,
        }
    }
}

/// What opening found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Bytes of an unfinished group that were cut off; a reader leaves them where they are.
    pub torn_tail_bytes: u64,
    /// Events in the log.
    pub events: u64,
    /// Segment files.
    pub segments: u64,
    /// Bytes of headers and frames; the files may be longer by zeros.
    pub bytes: u64,
}

/// The embedded log. Dropping it writes what is queued and ends its thread.
pub struct EmbeddedLog {
    pub(super) shared: Arc<Shared>,
    /// None in a reader.
    inbox: Option<Arc<Inbox>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Frees the folder and says so, whatever ended the writer's thread.
struct End {
    shared: Arc<Shared>,
    lock: Option<FolderLock>,
}

impl Drop for End {
    fn drop(&mut self) {
        drop(self.lock.take());
        self.shared.head.send_modify(|head| head.ended = true);
    }
}

/// An append that is on its way: wait for it to learn its fate.
#[derive(Debug)]
pub struct PendingAppend {
    answer: oneshot::Receiver<Answer>,
    /// Gone with the answer.
    asked: Option<Asked>,
}

impl Future for PendingAppend {
    type Output = Result<Vec<Appended>, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.answer).poll(context).map(|answer| {
            let asked = self.asked.take();
            let answer = match answer {
                Ok(Ok(Granted::One(appended))) => Ok(vec![appended]),
                Ok(Ok(Granted::Many(appended))) => Ok(appended),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(AppendError::Closed),
            };
            answer.inspect_err(|error| asked.iter().for_each(|asked| asked.refused(error)))
        })
    }
}

impl EmbeddedLog {
    /// Opens the log in a folder, which is made where it is missing, and holds it against
    /// other processes. Blocks, for long where the index is lost and a store has what is sealed.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(
        folder: impl Into<LogFolder>,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        let folder = folder.into();
        let path = folder.path();
        std::fs::create_dir_all(path).map_err(|source| io_error("create", path, source))?;
        let lock = FolderLock::take(&path.join("lock"))?;
        Self::open_locked(folder.storage(), options, clock, Some(lock))
    }

    /// Opens the log on any storage. The caller sees to it that nobody else writes there.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(
        storage: Arc<dyn Storage>,
        options: LogOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        Self::open_locked(storage, options, clock, None)
    }

    fn open_locked(
        storage: Arc<dyn Storage>,
        options: LogOptions,
        clock: Arc<dyn Clock>,
        lock: Option<FolderLock>,
    ) -> Result<(Self, OpenReport), OpenError> {
        if options.segment_bytes == 0 || options.segment_bytes > 1 << 30 {
            return Err(OpenError::Options("segment_bytes must be 1 to 1073741824"));
        }
        if options.group_bytes > 16 << 20 || options.queue_appends == 0 {
            return Err(OpenError::Options(
                "group_bytes must be at most 16777216, and queue_appends at least 1",
            ));
        }
        if options.queue_bytes == 0 || options.queue_bytes > 1 << 30 {
            return Err(OpenError::Options("queue_bytes must be 1 to 1073741824"));
        }
        let mut index = Index::default();
        let mut loader = Loader::new(storage.clone(), Purpose::Write);
        let mark = Mark::read(&*storage);
        loader.advance(&mut index)?;
        if let Some(mark) = mark {
            mark.check(&*storage, &loader, index.next)?;
        }
        if let Err(error) = rescan::remember_recent(&*storage, &mut index) {
            // What is missing is what a bounded memory may have forgotten.
            tracing::warn!(%error, "fewer recent events are remembered");
        }
        let sealed = loader.sealed.clone();
        let (mut committer, place, recorded_at, report) =
            repair(loader, index, storage, options, &clock)?;
        let shared = committer.shared.clone();
        let options = committer.options.clone();
        let inbox = Arc::new(Inbox::new(options.queue_appends, options.queue_bytes));
        let started =
            |source| io_error("start the threads of", Path::new("the log's writer"), source);
        let care =
            Care { shared: shared.clone(), inbox: inbox.clone(), options: options.clone(), sealed };
        let keeper = Keeper::start(care).map_err(started)?;
        committer.keeper = Some(keeper.bell());
        let desk = Desk::start(committer, inbox.clone()).map_err(started)?;
        let closing = Closing { shared: shared.clone(), inbox: inbox.clone() };
        let end = End { shared: shared.clone(), lock };
        let writer = Writer {
            shared: shared.clone(),
            inbox: inbox.clone(),
            clock,
            options,
            place,
            recorded_at,
            last_recorded_at: recorded_at,
            states: WriterStates::default(),
            desk,
            keeper,
            closing,
        };
        let thread = std::thread::Builder::new()
            .name("event-log-writer".to_owned())
            .spawn(move || {
                let _end = end;
                writer.run();
            })
            .map_err(started)?;
        let log = Self { shared, inbox: Some(inbox), thread: Mutex::new(Some(thread)) };
        Ok((log, report))
    }

    /// Opens the log in a folder for reading, also while another process writes to it: takes no
    /// lock, changes nothing, and shows what is there up to the last whole frame. The newest
    /// of it may not be durable yet.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only(folder: impl Into<LogFolder>) -> Result<(Self, OpenReport), OpenError> {
        let storage = folder.into().storage();
        let (mut loader, index) = reader::load(&storage, None)?;
        let report = report(&loader, &index);
        let parts = Parts::new(storage, loader.caches.clone(), loader.runs.take());
        let shared = Arc::new(Shared::new(index, parts));
        drop(shared.follower.set(Follower::new(loader)));
        Ok((Self { shared, inbox: None, thread: Mutex::new(None) }, report))
    }

    /// Reads what another process has written since, and lets go of what that process has
    /// sealed or merged; does nothing in a log that writes itself. Returns the head. A read that
    /// finds a file gone does the same by itself.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn refresh(&self) -> Result<Option<u64>, OpenError> {
        self.shared.refresh()?;
        Ok(self.head())
    }

    /// Queues an append to several streams and returns at once where there is room: the way to
    /// keep many outstanding from one task. They are taken in the order of these calls.
    ///
    /// # Errors
    /// See [`AppendError`]; what only the writer can know comes from the [`PendingAppend`].
    pub async fn submit(&self, batch: Vec<StreamAppend>) -> Result<PendingAppend, AppendError> {
        let bytes = check(&batch).inspect_err(|error| self.shared.metrics.refused(error))?;
        self.send(Work::Append(batch), bytes).await
    }

    /// The same for whatever a writer can be asked.
    async fn send(&self, work: Work, bytes: usize) -> Result<PendingAppend, AppendError> {
        let metrics = &self.shared.metrics;
        let put = async {
            let inbox = self.inbox.as_ref().ok_or(AppendError::ReadOnly)?;
            let asked = Some(metrics.asked());
            Ok((inbox.put(work, bytes).await?, asked))
        };
        let (answer, asked) = put.await.inspect_err(|error| metrics.refused(error))?;
        Ok(PendingAppend { answer, asked })
    }

    /// The position of the one event that this work writes.
    async fn send_one(&self, work: Work) -> Result<u64, AppendError> {
        let answer = self.send(work, SYSTEM_BYTES).await?.await?;
        answer.first().map(|written| written.first_position).ok_or(AppendError::Closed)
    }

    /// The same log, with `$maxAge` measured by this clock. A log open for reading measures it
    /// by the time of its newest event otherwise; one that writes has a clock already.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        drop(self.shared.clock.set(clock));
        self
    }

    /// Why nothing is taken any more, where that is so.
    pub fn failure(&self) -> Option<Arc<WriteFailure>> {
        match &self.shared.head.borrow().state {
            HeadState::Failed(failure) => Some(failure.clone()),
            HeadState::Open | HeadState::Closed => None,
        }
    }

    /// Takes no further append, waits until those in the queue are durable, and frees the
    /// folder for another process. Reading still works.
    pub async fn close(&self) {
        if let Some(inbox) = &self.inbox {
            inbox.close();
            let mut head = self.shared.head.subscribe();
            // The sender is in `shared`, so it is there.
            drop(head.wait_for(|head| head.ended).await);
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        if let Some(inbox) = &self.inbox {
            inbox.close();
        }
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            drop(thread.join());
        }
    }
}

impl EventLog for EmbeddedLog {
    fn append(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<Appended, AppendError>> {
        let batch = vec![StreamAppend { stream, expected, events }];
        Box::pin(async move {
            let answer = self.submit(batch).await?.await?;
            answer.first().copied().ok_or(AppendError::NoEvents)
        })
    }

    fn append_many(
        &self,
        batch: Vec<StreamAppend>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, AppendError>> {
        Box::pin(async move { self.submit(batch).await?.await })
    }

    /// Reads on the calling thread, mostly from the page cache; on one for blocking work where a
    /// store has what is sealed.
    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        from: StreamRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, ReadError>> {
        if is_system_stream(stream.as_str()) {
            return Box::pin(secondary::read(&self.shared, stream, from, direction, max));
        }
        let stream = stream.clone();
        let read = move |shared: &Shared| shared.read_stream(&stream, from, direction, max);
        Box::pin(self.shared.ask(0, read))
    }

    /// As [`Self::read_stream`].
    fn read_all(
        &self,
        from: AllRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        let lowest = match (from, direction) {
            (AllRead::Position(from), Direction::Forwards) => from,
            (AllRead::End, Direction::Backwards) => self.shared.end().saturating_sub(max as u64),
            _ => 0,
        };
        let read = move |shared: &Shared| shared.read_all(from, direction, max);
        Box::pin(self.shared.ask(lowest, read))
    }

    fn stream<'a>(
        &'a self,
        stream: &'a StreamName,
    ) -> BoxFuture<'a, Result<StreamInfo, ReadError>> {
        if is_system_stream(stream.as_str()) {
            return Box::pin(secondary::info(&self.shared, stream));
        }
        let stream = stream.clone();
        Box::pin(self.shared.ask(0, move |shared| shared.info(&stream)))
    }

    fn check(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<Option<u64>, AppendError>> {
        Box::pin(async move {
            let answer = self.send(Work::Check(stream, expected), SYSTEM_BYTES).await?.await?;
            Ok(answer.first().map(|last| last.last_revision))
        })
    }

    fn delete(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        Box::pin(self.send_one(Work::Delete(stream, expected)))
    }

    fn tombstone(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        Box::pin(self.send_one(Work::Tombstone(stream, expected)))
    }

    fn head(&self) -> Option<u64> {
        self.shared.end().checked_sub(1)
    }

    fn metrics(&self) -> Option<Arc<LogMetrics>> {
        Some(self.shared.metrics.clone())
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<u64>, ReadError>> {
        Box::pin(async move { self.refresh().map_err(|error| ReadError::Look(Arc::new(error))) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(Self::close(self))
    }

    fn subscribe_all(&self, after: Option<u64>) -> Subscription {
        Subscription::embedded(self.shared.clone(), after)
    }
}

/// What can be refused without asking the writer. Gives the bytes it takes at most.
fn check(batch: &[StreamAppend]) -> Result<usize, AppendError> {
    if batch.is_empty() || batch.iter().any(|part| part.events.is_empty()) {
        return Err(AppendError::NoEvents);
    }
    let mut bytes = 0;
    for (number, part) in batch.iter().enumerate() {
        if batch.iter().take(number).any(|earlier| earlier.stream == part.stream) {
            return Err(AppendError::StreamTwice { stream: part.stream.clone() });
        }
        check_name(&part.stream)?;
        if part.events.iter().any(|event| event.event_type == TOMBSTONE_TYPE) {
            return Err(AppendError::ReservedType { stream: part.stream.clone() });
        }
        bytes += part.events.iter().map(|event| size_bound(&part.stream, event)).sum::<usize>();
    }
    if bytes > APPEND_MAX {
        return Err(AppendError::TooLarge { bytes, limit: APPEND_MAX });
    }
    Ok(bytes)
}

fn report(loader: &Loader, index: &Index) -> OpenReport {
    OpenReport {
        torn_tail_bytes: loader.tail.as_ref().map_or(0, |tail| tail.torn),
        events: index.next,
        segments: index.parts.len() as u64,
        bytes: loader.bytes,
    }
}

/// Brings the files to a state from which appending is safe, in steps that a crash between any
/// two of them leaves repeatable.
fn repair(
    mut loader: Loader,
    mut index: Index,
    storage: Arc<dyn Storage>,
    options: LogOptions,
    clock: &Arc<dyn Clock>,
) -> Result<(Committer, Place, Timestamp, OpenReport), OpenError> {
    let mut found = report(&loader, &index);
    let recorded_at = loader.recorded_at;
    let frames = loader.tail.as_ref().filter(|tail| tail.last_frame > 0);
    let newest = frames.map(|tail| Mark {
        segment: tail.segment,
        base: tail.base,
        end: tail.end,
        next: index.next,
        hash: tail.previous,
    });
    let previous = loader.last_hash();
    let (caches, runs) = (loader.caches.take(), loader.runs.take());
    let (path, file, place) = match (loader.tail, loader.unborn) {
        (Some(tail), None) => {
            settle(&tail).map_err(|failure| write_error(&tail.path, failure))?;
            storage
                .sync_directory()
                .map_err(|source| io_error("sync", Path::new(&tail.path), source))?;
            let place = Place {
                segment: tail.segment,
                base: tail.base,
                header_hash: tail.header_hash,
                end: tail.end,
                sequence: tail.sequence,
                previous: tail.previous,
            };
            (tail.path, tail.file, place)
        }
        (_, unborn) => {
            let base = index.next;
            let now = recorded_at.max(clock.now());
            let (segment, place) = new_segment(base, previous, now);
            let (path, file) =
                begin_segment(&*storage, &segment, unborn.as_deref()).map_err(|failure| {
                    OpenError::Io {
                        action: failure.action,
                        path: failure.path,
                        source: failure.source,
                    }
                })?;
            index.begin(segment.name, path.clone());
            found.segments += 1;
            (path, file, place)
        }
    };
    let allocated = file.size().map_err(|source| write_error(&path, source))?;
    // The runs of a log that begins here are known by its first segment.
    let runs = runs.or_else(|| {
        let opened = StreamRuns::open(caches.clone()?, place.segment, &|_, _| false);
        let (runs, unusable) = opened.ok()?;
        drop(runs.remove_unusable(&unusable));
        (index.parts.len() == 1 && index.hot.base() == 0).then_some(runs)
    });
    let shared = Arc::new(Shared::new(index, Parts::new(storage.clone(), caches, runs)));
    drop(shared.clock.set(clock.clone()));
    // All of it is durable by now.
    shared.set_durable(newest);
    let committer = Committer {
        shared,
        storage,
        options,
        path,
        file,
        end: place.end,
        allocated,
        keeper: None,
        failure: None,
    };
    Ok((committer, place, recorded_at, found))
}

/// Cuts a torn tail, and writes the last frame once more: the crash may have come after its
/// write and before its sync, or after a sync that failed, and then it is in the page cache only.
fn settle(tail: &Tail) -> std::io::Result<()> {
    if tail.torn > 0 {
        tail.file.set_size(tail.end)?;
        tail.file.sync()?;
    }
    let len = usize::try_from(tail.end - tail.last_frame).map_err(std::io::Error::other)?;
    let mut last = vec![0; len];
    if read_full(&*tail.file, &mut last, tail.last_frame)? != len {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    write_full(&*tail.file, &last, tail.last_frame)?;
    tail.file.sync()
}

fn io_error(action: &'static str, path: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io { action, path: path.display().to_string(), source }
}

fn write_error(path: &str, source: std::io::Error) -> OpenError {
    OpenError::Io { action: "repair", path: path.to_owned(), source }
}
