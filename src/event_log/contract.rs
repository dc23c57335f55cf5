//! What every log offers, embedded or on a cluster: the names and semantics of KurrentDB.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::load::OpenError;
use super::metrics::LogMetrics;
use super::storage::WriteFailure;
use super::subscription::Subscription;
use crate::base::EventId;
use crate::event::{ExpectedRevision, NewEvent, Recorded, StreamName};

/// A boxed future, so that the trait can be used as `dyn EventLog`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An append-only log of facts in event streams.
///
/// Invariant: positions grow, revisions are dense from 0 in each stream, and both grow in the
/// order of acknowledgement. Nothing is acknowledged or readable before it is durable. Positions
/// are dense from 0 in an embedded log and byte offsets on a KurrentDB server, so whoever keeps
/// one asks for what is after it and counts nothing by it.
///
/// System events, whose types begin with `$`, are read and followed like any other. So are
/// system streams (`$ce-<category>`, `$et-<type>`, `$streams`, `$category-<category>`): an
/// embedded log answers them from an index, a KurrentDB server has what its projections wrote.
pub trait EventLog: Send + Sync + 'static {
    /// Appends to one stream. All events or none.
    ///
    /// A future that is dropped after its first poll may still have appended: repeat with the
    /// same event ids to learn what happened.
    ///
    /// # Errors
    /// See [`AppendError`].
    fn append(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<Appended, AppendError>>;

    /// Appends to several streams, each named once; one answer per part. All events or none in
    /// an embedded log. A KurrentDB server takes each part whole and one after the other, so a
    /// crash leaves the first ones: put first what the others follow from.
    ///
    /// # Errors
    /// See [`AppendError`]. An embedded log refuses a batch of which only some parts were
    /// appended before; a KurrentDB server adds the others.
    fn append_many(
        &self,
        batch: Vec<StreamAppend>,
    ) -> BoxFuture<'_, Result<Vec<Appended>, AppendError>>;

    /// Reads up to `max` events of one stream, the start included. A stream that does not exist
    /// has none.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read_stream<'a>(
        &'a self,
        stream: &'a StreamName,
        from: StreamRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<Recorded>, ReadError>>;

    /// Reads up to `max` events of all streams by position, the start included, whether an event
    /// stands just there or not.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn read_all(
        &self,
        from: AllRead,
        direction: Direction,
        max: usize,
    ) -> BoxFuture<'_, Result<Vec<Recorded>, ReadError>>;

    /// Compares what a writer believes of a stream with the stream, as an append after all
    /// earlier ones would, and writes nothing. Gives the last revision; nothing where no event
    /// was ever written. KurrentDB: an append without events.
    ///
    /// # Errors
    /// See [`AppendError`].
    fn check(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<Option<u64>, AppendError>>;

    /// What is known of a stream.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn stream<'a>(&'a self, stream: &'a StreamName)
    -> BoxFuture<'a, Result<StreamInfo, ReadError>>;

    /// Soft delete: no event of the stream up to now is given by [`Self::read_stream`] any more.
    /// They stay in the log, and a later append goes on with the next revision. Written as
    /// `$tb` into the stream's metadata. Gives the position of that.
    ///
    /// # Errors
    /// See [`AppendError`]; a stream that does not exist is a wrong expected revision.
    fn delete(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>>;

    /// Tombstone: like a delete, and nothing can ever be appended to the stream again. Gives the
    /// position of the tombstone, an event of type `$streamDeleted`.
    ///
    /// # Errors
    /// See [`AppendError`].
    fn tombstone(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
    ) -> BoxFuture<'_, Result<u64, AppendError>>;

    /// What the log counts about itself; nothing where it counts nothing.
    fn metrics(&self) -> Option<Arc<LogMetrics>> {
        None
    }

    /// The last durable position that is known here; nothing where the log is empty.
    fn head(&self) -> Option<u64>;

    /// Looks for what other processes have appended since, and gives the head.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn look(&self) -> BoxFuture<'_, Result<Option<u64>, ReadError>> {
        Box::pin(async { Ok(self.head()) })
    }

    /// Takes no further append and waits until those under way are durable. Reading still
    /// works.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Everything after a position (from the start where there is none), then what comes.
    fn subscribe_all(&self, after: Option<u64>) -> Subscription;
}

/// One part of an append to several streams.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamName,
    /// What the writer believes of it.
    pub expected: ExpectedRevision,
    /// What to add. At least one.
    pub events: Vec<NewEvent>,
}

/// Where events of one append stand in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Revision of the first event.
    pub first_revision: u64,
    /// Revision of the last event.
    pub last_revision: u64,
    /// Position of the first event. A KurrentDB server tells of the last one only, which stands
    /// here then.
    pub first_position: u64,
    /// Position of the last event. Not `first_position` plus the count where a repeat finds
    /// events that were appended one by one.
    pub last_position: u64,
    /// These events were in the log before this append, which added nothing. A KurrentDB server
    /// does not tell: false.
    pub is_repeat: bool,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamInfo {
    /// The last revision ever written; nothing where nothing was.
    pub last_revision: Option<u64>,
    /// The first revision that a read gives: past those that were deleted, or are over the
    /// stream's `$maxCount`. (`$maxAge` hides more while time goes by.)
    pub first_revision: u64,
    /// Soft-deleted, and nothing appended since.
    pub is_deleted: bool,
    /// Closed for good.
    pub is_tombstoned: bool,
}

impl StreamInfo {
    /// Whether a reader finds a stream here.
    pub fn exists(&self) -> bool {
        self.last_revision.is_some() && !self.is_deleted && !self.is_tombstoned
    }
}

/// Where a read of one stream starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRead {
    /// At revision 0.
    Start,
    /// At the last event backwards; forwards there is nothing.
    End,
    /// At this revision.
    Revision(u64),
}

/// Where a read of all streams starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllRead {
    /// At the first event.
    Start,
    /// At the last event backwards; forwards there is nothing.
    End,
    /// At this position, or at the next event on the way where none stands there.
    Position(u64),
}

/// Which way a read goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards newer events.
    Forwards,
    /// Towards older events.
    Backwards,
}

/// Why nothing was appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The stream is not as the writer believed: read it again and decide again.
    #[error("append to {stream}: expected {expected:?}, the stream {}", at(*.actual))]
    WrongExpectedRevision {
        /// The stream.
        stream: StreamName,
        /// What the writer believed.
        expected: ExpectedRevision,
        /// The last revision; nothing where the stream does not exist.
        actual: Option<u64>,
    },
    /// Some of these events are in the log and some are not, or they stand elsewhere.
    #[error(
        "append to {stream}: event {event_id} is in the log already, but the append as a whole is not"
    )]
    PartlyRepeated {
        /// The stream.
        stream: StreamName,
        /// The first event that does not fit.
        event_id: EventId,
    },
    /// The stream has a tombstone.
    #[error("append to {stream}: the stream was closed for good by a tombstone")]
    StreamDeleted {
        /// The stream.
        stream: StreamName,
    },
    /// Nothing can be written to a stream of this name.
    #[error("append to {stream}: {what}")]
    InvalidStream {
        /// The stream.
        stream: StreamName,
        /// Why not, and what would be right.
        what: &'static str,
    },
    /// An event type that only the log itself writes.
    #[error("append to {stream}: events of type $streamDeleted come from a tombstone only")]
    ReservedType {
        /// The stream.
        stream: StreamName,
    },
    /// What stands in the stream cannot be read, so the append cannot be judged.
    #[error("append: what stands in the log could not be compared, failed to {0}")]
    Unreadable(#[source] ReadError),
    /// No parts, or a part without events: see [`EventLog::check`].
    #[error("append: there are no events in it")]
    NoEvents,
    /// One stream stands twice in a batch.
    #[error("append: {stream} stands twice in one batch")]
    StreamTwice {
        /// The stream.
        stream: StreamName,
    },
    /// More bytes than one append may have.
    #[error("append: {bytes} bytes in one append, at most {limit} are possible")]
    TooLarge {
        /// Bytes in it.
        bytes: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The disk failed once; nothing is taken any more until the log is opened again. Whether
    /// events in flight at that moment became durable is not known: repeat them with their ids.
    #[error("append: the log takes nothing more since it failed to {0}")]
    WriterFailed(#[source] Arc<WriteFailure>),
    /// Opened for reading.
    #[error("append: this log is open for reading only")]
    ReadOnly,
    /// Closed.
    #[error("append: the log is closed")]
    Closed,
    /// The server that keeps the log does not answer, or refuses. Whether the events became
    /// durable is not known: repeat them with their ids.
    #[error("append: {server} {what}")]
    Unavailable {
        /// The server, without credentials.
        server: String,
        /// What it says.
        what: String,
    },
}

fn at(actual: Option<u64>) -> String {
    match actual {
        Some(revision) => format!("is at revision {revision}"),
        None => "does not exist".to_owned(),
    }
}

/// Why events could not be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("read {path} at byte {offset}")]
    Io {
        /// The file.
        path: String,
        /// Where in it.
        offset: u64,
        /// What the system says.
        #[source]
        source: Arc<std::io::Error>,
    },
    /// A record changed since it was written.
    #[error(
        "read {path} at byte {offset}: the record of position {position} is damaged ({what}); run `ledgerline log verify` and restore this file from a backup"
    )]
    Corrupt {
        /// The file.
        path: String,
        /// Where in it.
        offset: u64,
        /// The event.
        position: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// What was written since cannot be taken in.
    #[error("look for new events: {0}")]
    Look(#[source] Arc<OpenError>),
    /// The server or store that keeps the events does not answer, or refuses.
    #[error("read: {server} {what}")]
    Unavailable {
        /// The server or store, without credentials.
        server: String,
        /// What it says.
        what: String,
    },
}
