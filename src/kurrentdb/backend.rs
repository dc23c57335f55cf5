//! A log on a KurrentDB or EventStoreDB server, through the `eventstore` crate.
//!
//! In: the address of a server and what any log is asked. Out: the same answers as from an
//! embedded log, or `Unavailable` with the server's name. Invariants: an append that was
//! acknowledged is durable on the server, because the server says so; an append that is tried
//! again is tried with the ids it had, so it stands once; a subscription gives each event once
//! and in order, whatever happens to the connection; credentials are in no error and no log line.
//!
//! Deliberately absent: transactions over several streams, which the protocol has none of (see
//! `docs/adr/0012-kurrentdb-as-backend.md` for why a crash between two parts is harmless); links;
//! the projections of the server.
//!
//! The crate at 4.0.0 has traps. Each is worked around where it would bite, and named there.

mod appender;
mod connection;
mod follow;
mod reader;
mod wire;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use eventstore::{
    AppendToStreamOptions, DeleteStreamOptions, Error, Position, ReadAllOptions, ReadStreamOptions,
    StreamPosition, TombstoneStreamOptions,
};
use tokio::sync::{mpsc, oneshot, watch};

use self::appender::{Answer, Job, Taken};
pub use self::connection::{Address, ConnectError};
use self::connection::{Connection, Refusal};
use self::wire::{expected_of, recorded_of};
use crate::base::Rng;
use crate::event::{ExpectedRevision, NewEvent, Recorded, StreamName};
use crate::event_log::{
    AllRead, AppendError, Appended, BoxFuture, Direction, EventLog, ReadError, StreamAppend,
    StreamInfo, StreamRead, Subscription,
};

/// Appends that may wait for the connection; more wait for room.
const QUEUE_APPENDS: usize = 1_024;
/// No event ever has this revision: an append that expects it is told the true one.
const NO_REVISION: u64 = i64::MAX as u64 - 1;

/// How long the log waits for a server that is away.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// At the start.
    pub open_within: Duration,
    /// Later, for an append, a read or a subscription: a restart of the server fits in.
    pub answer_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { open_within: Duration::from_secs(5), answer_within: Duration::from_secs(30) }
    }
}

/// A log on a KurrentDB server. It works in the tokio runtime it was opened in.
pub struct KurrentLog {
    connection: Arc<Connection>,
    /// Gone once the log is closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    /// Set by the appender when it has ended.
    appender_ended: watch::Receiver<bool>,
    /// Ends of pages that were read: where a read can begin. Over the limit the first ones go.
    anchors: Mutex<BTreeSet<u64>>,
}

impl KurrentLog {
    /// Connects, and learns where the log ends.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn open(address: &Address, options: Options, rng: Rng) -> Result<Self, ConnectError> {
        let connection = Arc::new(Connection::new(address, options, rng)?);
        let head = tokio::time::timeout(options.open_within, newest(&connection)).await;
        let head = match head {
            Ok(Ok(head)) => head,
            Ok(Err(refusal)) => return Err(connection.cannot_open(&refusal)),
            Err(_) => return Err(connection.cannot_open(&connection.away())),
        };
        connection.saw(head);
        let (jobs, waiting) = mpsc::channel(QUEUE_APPENDS);
        let (ended, appender_ended) = watch::channel(false);
        let appending = appender::run(connection.clone(), waiting);
        drop(tokio::spawn(async move {
            appending.await;
            ended.send_replace(true);
        }));
        let anchors = Mutex::new(BTreeSet::new());
        Ok(Self { connection, jobs: Mutex::new(Some(jobs)), appender_ended, anchors })
    }

    /// The server, without credentials.
    pub fn server(&self) -> &str {
        self.connection.server()
    }

    async fn queue(&self, part: StreamAppend) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or(AppendError::Closed)?;
        let (reply, answer) = oneshot::channel();
        jobs.send(Job::new(part, reply)).await.map_err(|_| AppendError::Closed)?;
        Ok(answer)
    }

    async fn append_parts(&self, batch: Vec<StreamAppend>) -> Result<Vec<Appended>, AppendError> {
        check(&batch)?;
        let mut answers = Vec::with_capacity(batch.len());
        let streams: Vec<_> =
            batch.iter().map(|part| (part.stream.clone(), part.events.len() as u64)).collect();
        // Without a condition a part is not refused, so the next may be on its way already: the
        // server takes the parts of one session in their order.
        if batch.iter().all(|part| part.expected == ExpectedRevision::Any) {
            let mut waiting = Vec::with_capacity(batch.len());
            for part in batch {
                waiting.push(self.queue(part).await?);
            }
            for answer in waiting {
                answers.push(answer.await.unwrap_or(Err(AppendError::Closed))?);
            }
        } else {
            for part in batch {
                let answer = self.queue(part).await?;
                answers.push(answer.await.unwrap_or(Err(AppendError::Closed))?);
            }
        }
        let mut appended = Vec::with_capacity(answers.len());
        for ((stream, count), taken) in streams.iter().zip(answers) {
            appended.push(self.appended(stream, *count, taken).await?);
        }
        Ok(appended)
    }

    /// Where events stand. The server tells of the last one only, and not always all.
    async fn appended(
        &self,
        stream: &StreamName,
        count: u64,
        taken: Taken,
    ) -> Result<Appended, AppendError> {
        let last_revision = taken.last_revision;
        let last_position = match taken.last_position {
            Some(position) => position,
            None => {
                let from = StreamPosition::Position(last_revision);
                let read = self.read_events(stream, from, Direction::Backwards, 1).await;
                let found = read.ok().and_then(|events| events.first().map(|it| it.position));
                found.ok_or_else(|| self.connection.unwritten(&self.connection.away()))?
            }
        };
        Ok(Appended {
            first_revision: last_revision.saturating_sub(count.saturating_sub(1)),
            last_revision,
            first_position: last_position,
            last_position,
            is_repeat: false,
        })
    }

    async fn read_events(
        &self,
        stream: &StreamName,
        from: StreamPosition<u64>,
        direction: Direction,
        max: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        Ok(self.read_visible(stream, from, direction, max).await?.unwrap_or_default())
    }

    /// Events of a stream; nothing where it has a tombstone.
    async fn read_visible(
        &self,
        stream: &StreamName,
        from: StreamPosition<u64>,
        direction: Direction,
        max: usize,
    ) -> Result<Option<Vec<Recorded>>, ReadError> {
        if max == 0 {
            return Ok(Some(Vec::new()));
        }
        let options = ReadStreamOptions::default().position(from).max_count(max);
        let options = match direction {
            Direction::Forwards => options.forwards(),
            Direction::Backwards => options.backwards(),
        };
        let options = self.connection.signed(options, ReadStreamOptions::authenticated);
        let read = self.connection.ask(async |client| {
            let mut events = Vec::new();
            let mut read = client.read_stream(stream.as_str(), &options).await?;
            loop {
                match read.next().await {
                    Ok(Some(event)) => events.extend(recorded_of(event.get_original_event())),
                    Ok(None) => return Ok(Some(events)),
                    Err(Error::ResourceNotFound) => return Ok(Some(Vec::new())),
                    Err(Error::ResourceDeleted) => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
        });
        match read.await {
            Ok(events) => Ok(events),
            Err(Refusal::Said(Error::ResourceDeleted)) => Ok(None),
            Err(Refusal::Said(Error::ResourceNotFound)) => Ok(Some(Vec::new())),
            Err(refusal) => Err(self.connection.unreadable(&refusal)),
        }
    }

    async fn info(&self, stream: &StreamName) -> Result<StreamInfo, ReadError> {
        let newest = StreamPosition::End;
        let newest = self.read_visible(stream, newest, Direction::Backwards, 1).await?;
        let Some(newest) = newest else {
            return Ok(StreamInfo { is_tombstoned: true, ..StreamInfo::default() });
        };
        if let Some(newest) = newest.last() {
            let oldest = StreamPosition::Start;
            let oldest = self.read_events(stream, oldest, Direction::Forwards, 1).await?;
            return Ok(StreamInfo {
                last_revision: Some(newest.revision),
                first_revision: oldest.first().map_or(newest.revision, |event| event.revision),
                ..StreamInfo::default()
            });
        }
        // Never written, or deleted: an append of nothing that nobody can expect tells which.
        let asked = self.append_nothing(stream, ExpectedRevision::Exact(NO_REVISION));
        let last_revision = match asked.await {
            Err(Refusal::Said(Error::WrongExpectedVersion { current, .. })) => {
                wire::revision_of(current)
            }
            Err(Refusal::Said(Error::ResourceDeleted)) => {
                return Ok(StreamInfo { is_tombstoned: true, ..StreamInfo::default() });
            }
            Ok(()) => None,
            Err(refusal) => return Err(self.connection.unreadable(&refusal)),
        };
        Ok(StreamInfo {
            last_revision,
            first_revision: last_revision.map_or(0, |last| last.saturating_add(1)),
            is_deleted: last_revision.is_some(),
            is_tombstoned: false,
        })
    }

    /// An append without events: it compares and writes nothing.
    async fn append_nothing(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
    ) -> Result<(), Refusal> {
        let options = AppendToStreamOptions::default().expected_revision(expected_of(expected));
        let options = self.connection.signed(options, AppendToStreamOptions::authenticated);
        self.connection
            .ask(async |client| {
                client.append_to_stream(stream.as_str(), &options, Vec::new()).await?;
                Ok(())
            })
            .await
    }

    /// What a refused delete or tombstone comes to: neither is told the true revision.
    async fn refused(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        refusal: Refusal,
    ) -> AppendError {
        match refusal {
            Refusal::Said(Error::ResourceDeleted) => AppendError::StreamDeleted { stream },
            Refusal::Said(Error::WrongExpectedVersion { current, .. }) => {
                let actual = wire::revision_of(current);
                AppendError::WrongExpectedRevision { stream, expected, actual }
            }
            // eventstore 4.0.0 decodes a wrong expected version of unary appends only.
            Refusal::Said(Error::Grpc { code, .. })
                if code as i32 == appender::FAILED_PRECONDITION =>
            {
                match self.info(&stream).await {
                    Ok(info) if info.is_tombstoned => AppendError::StreamDeleted { stream },
                    Ok(info) => AppendError::WrongExpectedRevision {
                        stream,
                        expected,
                        actual: info.last_revision,
                    },
                    Err(_) => self.connection.unwritten(&Refusal::Said(Error::ConnectionClosed)),
                }
            }
            refusal => self.connection.unwritten(&refusal),
        }
    }

    async fn position_of(&self, said: Option<Position>) -> u64 {
        let position = said.map(|at| at.commit);
        self.connection.saw(position);
        position.or(self.connection.head()).unwrap_or(0)
    }
}

const fn position(at: u64) -> Position {
    Position { commit: at, prepare: at }
}

/// The last position there is.
async fn newest(connection: &Connection) -> Result<Option<u64>, Refusal> {
    let options = ReadAllOptions::default().position(StreamPosition::End).backwards().max_count(1);
    let options = connection.signed(options, ReadAllOptions::authenticated);
    connection
        .ask(async |client| {
            let mut stream = client.read_all(&options).await?;
            let newest = stream.next().await?;
            Ok(newest.map(|event| event.get_original_event().position.commit))
        })
        .await
}

/// What can be refused without asking the server.
fn check(batch: &[StreamAppend]) -> Result<(), AppendError> {
    if batch.is_empty() || batch.iter().any(|part| part.events.is_empty()) {
        return Err(AppendError::NoEvents);
    }
    let mut seen = BTreeSet::new();
    for part in batch {
        if !seen.insert(&part.stream) {
            return Err(AppendError::StreamTwice { stream: part.stream.clone() });
        }
    }
    Ok(())
}

impl EventLog for KurrentLog {
    fn append(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<Appended, AppendError>> {
        let batch = vec![StreamAppend { stream, expected, events }];
        Box::pin(async move {
            let answers = self.append_parts(batch).await?;
            answers.first().copied().ok_or(AppendError::NoEvents)
        })
    }

    /// The parts one after the other: the protocol has no transaction over several streams.
    fn append_many(
        &self,
        batch: Vec<StreamAppend>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, AppendError>> {
        Box::pin(self.append_parts(batch))
    }

    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        from: StreamRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, ReadError>> {
        Box::pin(async move {
            let from = match (from, direction) {
                (StreamRead::End, Direction::Forwards) => return Ok(Vec::new()),
                (StreamRead::End, Direction::Backwards) => StreamPosition::End,
                (StreamRead::Start, _) => StreamPosition::Position(0),
                (StreamRead::Revision(revision), _) => StreamPosition::Position(revision),
            };
            self.read_events(stream, from, direction, max).await
        })
    }

    /// A server reads from positions where an event stands and refuses others, so a read goes
    /// from the nearest one that is known and leaves out what comes before the start.
    fn read_all(
        &self,
        from: AllRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>> {
        Box::pin(async move {
            if max == 0 {
                return Ok(Vec::new());
            }
            let known =
                |at: Option<u64>, end| at.map_or(end, |at| StreamPosition::Position(position(at)));
            match (from, direction) {
                (AllRead::Start, Direction::Forwards) => {
                    self.page_from(StreamPosition::Start, direction, max, |_| true).await
                }
                (AllRead::End, Direction::Forwards) => Ok(Vec::new()),
                (AllRead::Position(at), Direction::Forwards) => {
                    let start = known(self.anchor_before(at), StreamPosition::Start);
                    self.page_from(start, direction, max, |event| event.position >= at).await
                }
                (AllRead::End, Direction::Backwards) => {
                    self.page_from(StreamPosition::End, direction, max, |_| true).await
                }
                (AllRead::Start, Direction::Backwards) => {
                    let start = known(self.anchor_after(0), StreamPosition::End);
                    self.page_from(start, direction, max, |event| event.position == 0).await
                }
                (AllRead::Position(at), Direction::Backwards) => {
                    let start = known(self.anchor_after(at), StreamPosition::End);
                    self.page_from(start, direction, max, |event| event.position <= at).await
                }
            }
        })
    }

    fn check(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<Option<u64>, AppendError>> {
        Box::pin(async move {
            match self.append_nothing(&stream, expected).await {
                Ok(()) => {
                    let info = self.info(&stream).await;
                    let refused = |_| self.connection.unwritten(&self.connection.away());
                    Ok(info.map_err(refused)?.last_revision)
                }
                Err(refusal) => Err(self.refused(stream, expected, refusal).await),
            }
        })
    }

    fn stream<'a>(
        &'a self,
        stream: &'a StreamName,
    ) -> BoxFuture<'a, Result<StreamInfo, ReadError>> {
        Box::pin(self.info(stream))
    }

    fn delete(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        Box::pin(async move {
            let options = DeleteStreamOptions::default().expected_revision(expected_of(expected));
            let options = self.connection.signed(options, DeleteStreamOptions::authenticated);
            let deleted = self
                .connection
                .ask(async |client| client.delete_stream(stream.as_str(), &options).await);
            match deleted.await {
                Ok(said) => Ok(self.position_of(said).await),
                Err(refusal) => Err(self.refused(stream, expected, refusal).await),
            }
        })
    }

    fn tombstone(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>> {
        Box::pin(async move {
            let options =
                TombstoneStreamOptions::default().expected_revision(expected_of(expected));
            let options = self.connection.signed(options, TombstoneStreamOptions::authenticated);
            let closed = self
                .connection
                .ask(async |client| client.tombstone_stream(stream.as_str(), &options).await);
            match closed.await {
                Ok(said) => Ok(self.position_of(said).await),
                Err(refusal) => Err(self.refused(stream, expected, refusal).await),
            }
        })
    }

    fn head(&self) -> Option<u64> {
        self.connection.head()
    }

    fn look(&self) -> BoxFuture<'_, Result<Option<u64>, ReadError>> {
        Box::pin(async move {
            let newest = newest(&self.connection).await;
            let newest = newest.map_err(|refusal| self.connection.unreadable(&refusal))?;
            self.connection.saw(newest);
            Ok(self.connection.head())
        })
    }

    /// Subscriptions give what was appended here, then end.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
            let mut ended = self.appender_ended.clone();
            // A sender that is gone has ended too.
            drop(ended.wait_for(|ended| *ended).await);
            self.connection.close();
        })
    }

    fn subscribe_all(&self, after: Option<u64>) -> Subscription {
        Subscription::new(Box::new(follow::Following::start(self.connection.clone(), after)))
    }
}

#[cfg(test)]
mod tests;
