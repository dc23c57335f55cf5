//! `event_store.client.streams`: append, read, follow, delete.

use std::collections::HashMap;

use prost::bytes::Bytes;

use super::{AllStreamPosition, Duration, Empty, Status, StreamIdentifier, Timestamp, Uuid};

/// What to read, or to follow.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<read_req::Options>,
}

/// Parts of [`ReadReq`].
pub mod read_req {
    use super::{AllStreamPosition, Empty, StreamIdentifier};

    /// Newer events first.
    pub const BACKWARDS: i32 = 1;

    /// What to read.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(oneof = "StreamOption", tags = "1, 2")]
        pub stream_option: Option<StreamOption>,
        /// 0 forwards, 1 backwards.
        #[prost(int32, tag = "3")]
        pub read_direction: i32,
        #[prost(bool, tag = "4")]
        pub resolve_links: bool,
        #[prost(oneof = "CountOption", tags = "5, 6")]
        pub count_option: Option<CountOption>,
        #[prost(oneof = "FilterOption", tags = "7, 8")]
        pub filter_option: Option<FilterOption>,
        #[prost(message, optional, tag = "9")]
        pub uuid_option: Option<UuidOption>,
        #[prost(message, optional, tag = "10")]
        pub control_option: Option<ControlOption>,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "1")]
        Stream(StreamOptions),
        #[prost(message, tag = "2")]
        All(AllOptions),
    }

    /// A number of events, or all there ever will be.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum CountOption {
        #[prost(uint64, tag = "5")]
        Count(u64),
        #[prost(message, tag = "6")]
        Subscription(Empty),
    }

    /// Everything, or what a filter lets through.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum FilterOption {
        #[prost(message, tag = "7")]
        Filter(FilterOptions),
        #[prost(message, tag = "8")]
        NoFilter(Empty),
    }

    /// One stream, from where.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct StreamOptions {
        #[prost(message, optional, tag = "1")]
        pub stream_identifier: Option<StreamIdentifier>,
        #[prost(oneof = "RevisionOption", tags = "2, 3, 4")]
        pub revision_option: Option<RevisionOption>,
    }

    /// Where in a stream.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum RevisionOption {
        #[prost(uint64, tag = "2")]
        Revision(u64),
        #[prost(message, tag = "3")]
        Start(Empty),
        #[prost(message, tag = "4")]
        End(Empty),
    }

    /// All streams, from where.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct AllOptions {
        #[prost(oneof = "AllOption", tags = "1, 2, 3")]
        pub all_option: Option<AllOption>,
    }

    /// Where among all events.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum AllOption {
        #[prost(message, tag = "1")]
        Position(AllStreamPosition),
        #[prost(message, tag = "2")]
        Start(Empty),
        #[prost(message, tag = "3")]
        End(Empty),
    }

    /// Which events, and how often to say how far the search has come.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct FilterOptions {
        #[prost(oneof = "Filter", tags = "1, 2")]
        pub filter: Option<Filter>,
        #[prost(oneof = "Window", tags = "3, 4")]
        pub window: Option<Window>,
        #[prost(uint32, tag = "5")]
        pub checkpoint_interval_multiplier: u32,
    }

    /// What is looked at.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Filter {
        #[prost(message, tag = "1")]
        StreamIdentifier(Expression),
        #[prost(message, tag = "2")]
        EventType(Expression),
    }

    /// How many events to look at for one checkpoint interval.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Window {
        #[prost(uint32, tag = "3")]
        Max(u32),
        #[prost(message, tag = "4")]
        Count(Empty),
    }

    /// A regular expression, or beginnings of which one has to fit.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Expression {
        #[prost(string, tag = "1")]
        pub regex: String,
        #[prost(string, repeated, tag = "2")]
        pub prefix: Vec<String>,
    }

    /// How ids are written.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct UuidOption {
        #[prost(oneof = "UuidForm", tags = "1, 2")]
        pub content: Option<UuidForm>,
    }

    /// How ids are written.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum UuidForm {
        #[prost(message, tag = "1")]
        Structured(Empty),
        #[prost(message, tag = "2")]
        String(Empty),
    }

    /// Which answers the client understands.
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct ControlOption {
        #[prost(uint32, tag = "1")]
        pub compatibility: u32,
    }
}

/// One thing that a read gives.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadResp {
    #[prost(oneof = "read_resp::Content", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9")]
    pub content: Option<read_resp::Content>,
}

/// Parts of [`ReadResp`].
pub mod read_resp {
    use super::{AllStreamPosition, Bytes, Empty, HashMap, StreamIdentifier, Timestamp, Uuid};

    /// What it is.
    #[derive(Clone, PartialEq, prost::Oneof)]
    #[expect(clippy::large_enum_variant, reason = "nearly all of them are events")]
    pub enum Content {
        #[prost(message, tag = "1")]
        Event(ReadEvent),
        #[prost(message, tag = "2")]
        Confirmation(SubscriptionConfirmation),
        #[prost(message, tag = "3")]
        Checkpoint(Checkpoint),
        #[prost(message, tag = "4")]
        StreamNotFound(StreamNotFound),
        #[prost(uint64, tag = "5")]
        FirstStreamPosition(u64),
        #[prost(uint64, tag = "6")]
        LastStreamPosition(u64),
        #[prost(message, tag = "7")]
        LastAllStreamPosition(AllStreamPosition),
        #[prost(message, tag = "8")]
        CaughtUp(CaughtUp),
        #[prost(message, tag = "9")]
        FellBehind(Empty),
    }

    /// An event, and the link that led to it.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ReadEvent {
        #[prost(message, optional, tag = "1")]
        pub event: Option<RecordedEvent>,
        #[prost(message, optional, tag = "2")]
        pub link: Option<RecordedEvent>,
        #[prost(oneof = "Position", tags = "3, 4")]
        pub position: Option<Position>,
    }

    /// Where it stands among all events.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Position {
        #[prost(uint64, tag = "3")]
        CommitPosition(u64),
        #[prost(message, tag = "4")]
        NoPosition(Empty),
    }

    /// An event as it is in the log.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct RecordedEvent {
        #[prost(message, optional, tag = "1")]
        pub id: Option<Uuid>,
        #[prost(message, optional, tag = "2")]
        pub stream_identifier: Option<StreamIdentifier>,
        #[prost(uint64, tag = "3")]
        pub stream_revision: u64,
        #[prost(uint64, tag = "4")]
        pub prepare_position: u64,
        #[prost(uint64, tag = "5")]
        pub commit_position: u64,
        /// `type`, `content-type`, `created`.
        #[prost(map = "string, string", tag = "6")]
        pub metadata: HashMap<String, String>,
        #[prost(bytes = "bytes", tag = "7")]
        pub custom_metadata: Bytes,
        #[prost(bytes = "bytes", tag = "8")]
        pub data: Bytes,
    }

    /// The subscription stands; what follows belongs to it.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct SubscriptionConfirmation {
        #[prost(string, tag = "1")]
        pub subscription_id: String,
    }

    /// Everything up to here was given or passed over by the filter.
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Checkpoint {
        #[prost(uint64, tag = "1")]
        pub commit_position: u64,
        #[prost(uint64, tag = "2")]
        pub prepare_position: u64,
        #[prost(message, optional, tag = "3")]
        pub timestamp: Option<Timestamp>,
    }

    /// There is no such stream.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct StreamNotFound {
        #[prost(message, optional, tag = "1")]
        pub stream_identifier: Option<StreamIdentifier>,
    }

    /// What follows is new.
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct CaughtUp {
        #[prost(message, optional, tag = "1")]
        pub timestamp: Option<Timestamp>,
        /// Of a stream.
        #[prost(int64, optional, tag = "2")]
        pub stream_revision: Option<i64>,
        /// Of all streams.
        #[prost(message, optional, tag = "3")]
        pub position: Option<AllStreamPosition>,
    }
}

/// An event to append, or before the first one where to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendReq {
    #[prost(oneof = "append_req::Content", tags = "1, 2")]
    pub content: Option<append_req::Content>,
}

/// Parts of [`AppendReq`].
pub mod append_req {
    use super::{ProposedMessage, StreamOptions};

    /// What it is.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Content {
        #[prost(message, tag = "1")]
        Options(StreamOptions),
        #[prost(message, tag = "2")]
        ProposedMessage(ProposedMessage),
    }
}

/// A stream, and what the writer believes of it: for append, delete and tombstone.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StreamOptions {
    #[prost(message, optional, tag = "1")]
    pub stream_identifier: Option<StreamIdentifier>,
    #[prost(oneof = "Expected", tags = "2, 3, 4, 5")]
    pub expected: Option<Expected>,
}

/// What the writer believes of a stream.
#[derive(Clone, Copy, PartialEq, prost::Oneof)]
pub enum Expected {
    #[prost(uint64, tag = "2")]
    Revision(u64),
    #[prost(message, tag = "3")]
    NoStream(Empty),
    #[prost(message, tag = "4")]
    Any(Empty),
    #[prost(message, tag = "5")]
    StreamExists(Empty),
}

/// An event on its way into the log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProposedMessage {
    #[prost(message, optional, tag = "1")]
    pub id: Option<Uuid>,
    /// `type` and `content-type`.
    #[prost(map = "string, string", tag = "2")]
    pub metadata: HashMap<String, String>,
    #[prost(bytes = "bytes", tag = "3")]
    pub custom_metadata: Bytes,
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

/// What became of an append.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AppendResp {
    #[prost(oneof = "append_resp::Result", tags = "1, 2")]
    pub result: Option<append_resp::Result>,
}

/// Parts of [`AppendResp`].
pub mod append_resp {
    use super::{AllStreamPosition, Empty};

    /// Appended, or not.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Result {
        #[prost(message, tag = "1")]
        Success(Success),
        #[prost(message, tag = "2")]
        WrongExpectedVersion(WrongExpectedVersion),
    }

    /// Where the last event stands.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Success {
        #[prost(oneof = "CurrentRevision", tags = "1, 2")]
        pub current_revision: Option<CurrentRevision>,
        #[prost(oneof = "Position", tags = "3, 4")]
        pub position: Option<Position>,
    }

    /// The last revision of the stream.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum CurrentRevision {
        #[prost(uint64, tag = "1")]
        CurrentRevision(u64),
        #[prost(message, tag = "2")]
        NoStream(Empty),
    }

    /// The position of the last event.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Position {
        #[prost(message, tag = "3")]
        Position(AllStreamPosition),
        #[prost(message, tag = "4")]
        NoPosition(Empty),
    }

    /// The stream was not as the writer believed. Everything stands twice: clients up to 20.6.0
    /// read the first four numbers.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct WrongExpectedVersion {
        #[prost(oneof = "OldCurrent", tags = "1, 2")]
        pub old_current: Option<OldCurrent>,
        #[prost(oneof = "OldExpected", tags = "3, 4, 5")]
        pub old_expected: Option<OldExpected>,
        #[prost(oneof = "Current", tags = "6, 7")]
        pub current: Option<Current>,
        #[prost(oneof = "Expected", tags = "8, 9, 10, 11")]
        pub expected: Option<Expected>,
    }

    /// What is there, for old clients.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum OldCurrent {
        #[prost(uint64, tag = "1")]
        Revision(u64),
        #[prost(message, tag = "2")]
        NoStream(Empty),
    }

    /// What was believed, for old clients. No stream is the revision before the first: all ones.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum OldExpected {
        #[prost(uint64, tag = "3")]
        Revision(u64),
        #[prost(message, tag = "4")]
        Any(Empty),
        #[prost(message, tag = "5")]
        StreamExists(Empty),
    }

    /// What is there.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Current {
        #[prost(uint64, tag = "6")]
        Revision(u64),
        #[prost(message, tag = "7")]
        NoStream(Empty),
    }

    /// What was believed.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Expected {
        #[prost(uint64, tag = "8")]
        Revision(u64),
        #[prost(message, tag = "9")]
        Any(Empty),
        #[prost(message, tag = "10")]
        StreamExists(Empty),
        #[prost(message, tag = "11")]
        NoStream(Empty),
    }
}

/// A part of an append, one of many on one stream of requests.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchAppendReq {
    /// Which append; its parts share it.
    #[prost(message, optional, tag = "1")]
    pub correlation_id: Option<Uuid>,
    /// In the first part.
    #[prost(message, optional, tag = "2")]
    pub options: Option<batch_append_req::Options>,
    #[prost(message, repeated, tag = "3")]
    pub proposed_messages: Vec<ProposedMessage>,
    #[prost(bool, tag = "4")]
    pub is_final: bool,
}

/// Parts of [`BatchAppendReq`].
pub mod batch_append_req {
    use super::{Duration, Expected, StreamIdentifier, Timestamp};

    /// Where to append, and until when.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(message, optional, tag = "1")]
        pub stream_identifier: Option<StreamIdentifier>,
        #[prost(oneof = "Expected", tags = "2, 3, 4, 5")]
        pub expected: Option<Expected>,
        #[prost(oneof = "Deadline", tags = "6, 7")]
        pub deadline: Option<Deadline>,
    }

    /// Until when. One client in use sends the seconds since 1970 as a span.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Deadline {
        #[prost(message, tag = "6")]
        At(Timestamp),
        #[prost(message, tag = "7")]
        Within(Duration),
    }
}

/// What became of one append of many.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BatchAppendResp {
    #[prost(message, optional, tag = "1")]
    pub correlation_id: Option<Uuid>,
    #[prost(oneof = "batch_append_resp::Result", tags = "2, 3")]
    pub result: Option<batch_append_resp::Result>,
    #[prost(message, optional, tag = "4")]
    pub stream_identifier: Option<StreamIdentifier>,
    #[prost(oneof = "batch_append_resp::Expected", tags = "5, 6, 7, 8")]
    pub expected: Option<batch_append_resp::Expected>,
}

/// Parts of [`BatchAppendResp`].
pub mod batch_append_resp {
    use super::append_resp::Success;
    use super::{Empty, Status};

    /// Appended, or not.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Result {
        #[prost(message, tag = "2")]
        Error(Status),
        #[prost(message, tag = "3")]
        Success(Success),
    }

    /// What was believed.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Expected {
        #[prost(uint64, tag = "5")]
        Revision(u64),
        #[prost(message, tag = "6")]
        NoStream(Empty),
        #[prost(message, tag = "7")]
        Any(Empty),
        #[prost(message, tag = "8")]
        StreamExists(Empty),
    }
}

/// Which stream to delete, or to close for good.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<StreamOptions>,
}

/// Where the log says that the stream is gone.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteResp {
    #[prost(oneof = "delete_resp::Position", tags = "1, 2")]
    pub position: Option<delete_resp::Position>,
}

/// Parts of [`DeleteResp`].
pub mod delete_resp {
    use super::{AllStreamPosition, Empty};

    /// Where it stands.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Position {
        #[prost(message, tag = "1")]
        Position(AllStreamPosition),
        #[prost(message, tag = "2")]
        NoPosition(Empty),
    }
}
