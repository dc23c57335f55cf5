//! `event_store.client.persistent_subscriptions`: groups of consumers whose progress the server
//! keeps.

use prost::bytes::Bytes;

use super::streams::read_req::{AllOption, FilterOptions, RevisionOption, UuidOption};
use super::streams::read_resp::{RecordedEvent, SubscriptionConfirmation};
use super::{Empty, StreamIdentifier, Uuid};

/// What a consumer says: first which group, then what became of events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadReq {
    #[prost(oneof = "read_req::Content", tags = "1, 2, 3")]
    pub content: Option<read_req::Content>,
}

/// Parts of [`ReadReq`].
pub mod read_req {
    use super::{Bytes, Empty, StreamIdentifier, Uuid, UuidOption};

    /// What it is.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Content {
        #[prost(message, tag = "1")]
        Options(Options),
        #[prost(message, tag = "2")]
        Ack(Ack),
        #[prost(message, tag = "3")]
        Nack(Nack),
    }

    /// Which group, and how much of it at a time.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(oneof = "StreamOption", tags = "1, 5")]
        pub stream_option: Option<StreamOption>,
        #[prost(string, tag = "2")]
        pub group_name: String,
        /// Events before the first answer.
        #[prost(int32, tag = "3")]
        pub buffer_size: i32,
        #[prost(message, optional, tag = "4")]
        pub uuid_option: Option<UuidOption>,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "1")]
        StreamIdentifier(StreamIdentifier),
        #[prost(message, tag = "5")]
        All(Empty),
    }

    /// Events are done.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Ack {
        #[prost(bytes = "bytes", tag = "1")]
        pub id: Bytes,
        #[prost(message, repeated, tag = "2")]
        pub ids: Vec<Uuid>,
    }

    /// Events are not taken.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Nack {
        #[prost(bytes = "bytes", tag = "1")]
        pub id: Bytes,
        #[prost(message, repeated, tag = "2")]
        pub ids: Vec<Uuid>,
        /// 0 unknown, 1 park, 2 retry, 3 skip, 4 stop.
        #[prost(int32, tag = "3")]
        pub action: i32,
        #[prost(string, tag = "4")]
        pub reason: String,
    }
}

/// What a consumer gets.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReadResp {
    #[prost(oneof = "read_resp::Content", tags = "1, 2")]
    pub content: Option<read_resp::Content>,
}

/// Parts of [`ReadResp`].
pub mod read_resp {
    use super::{Empty, RecordedEvent, SubscriptionConfirmation};

    /// What it is.
    #[expect(clippy::large_enum_variant, reason = "made for one answer and sent at once")]
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Content {
        #[prost(message, tag = "1")]
        Event(ReadEvent),
        #[prost(message, tag = "2")]
        Confirmation(SubscriptionConfirmation),
    }

    /// An event, the link that led to it, and how often it was given before.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ReadEvent {
        #[prost(message, optional, tag = "1")]
        pub event: Option<RecordedEvent>,
        #[prost(message, optional, tag = "2")]
        pub link: Option<RecordedEvent>,
        #[prost(oneof = "Position", tags = "3, 4")]
        pub position: Option<Position>,
        #[prost(oneof = "Count", tags = "5, 6")]
        pub count: Option<Count>,
    }

    /// Where it stands among all events.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Position {
        #[prost(uint64, tag = "3")]
        CommitPosition(u64),
        #[prost(message, tag = "4")]
        NoPosition(Empty),
    }

    /// How often it was given before.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum Count {
        #[prost(int32, tag = "5")]
        RetryCount(i32),
        #[prost(message, tag = "6")]
        NoRetryCount(Empty),
    }
}

/// A group to make. The same message changes one: then the filter is not looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CreateReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<create_req::Options>,
}

/// Parts of [`CreateReq`].
pub mod create_req {
    use super::{AllOption, FilterOptions, RevisionOption, StreamIdentifier};

    /// Which group, and how it works.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        /// As clients before 21.10 name the stream.
        #[prost(message, optional, tag = "1")]
        pub stream_identifier: Option<StreamIdentifier>,
        #[prost(string, tag = "2")]
        pub group_name: String,
        #[prost(message, optional, tag = "3")]
        pub settings: Option<Settings>,
        #[prost(oneof = "StreamOption", tags = "4, 5")]
        pub stream_option: Option<StreamOption>,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "4")]
        Stream(StreamOptions),
        #[prost(message, tag = "5")]
        All(AllOptions),
    }

    /// One stream, from where.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct StreamOptions {
        #[prost(message, optional, tag = "1")]
        pub stream_identifier: Option<StreamIdentifier>,
        #[prost(oneof = "RevisionOption", tags = "2, 3, 4")]
        pub revision_option: Option<RevisionOption>,
    }

    /// All streams, from where, and which events.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct AllOptions {
        #[prost(oneof = "AllOption", tags = "1, 2, 3")]
        pub all_option: Option<AllOption>,
        #[prost(oneof = "FilterOption", tags = "4, 5")]
        pub filter_option: Option<FilterOption>,
    }

    /// Everything, or what a filter lets through.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum FilterOption {
        #[prost(message, tag = "4")]
        Filter(FilterOptions),
        #[prost(message, tag = "5")]
        NoFilter(super::Empty),
    }

    /// How a group works.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Settings {
        #[prost(bool, tag = "1")]
        pub resolve_links: bool,
        /// As clients before 21.10 say where to start.
        #[prost(uint64, tag = "2")]
        pub revision: u64,
        #[prost(bool, tag = "3")]
        pub extra_statistics: bool,
        #[prost(int32, tag = "5")]
        pub max_retry_count: i32,
        #[prost(int32, tag = "7")]
        pub min_checkpoint_count: i32,
        #[prost(int32, tag = "8")]
        pub max_checkpoint_count: i32,
        #[prost(int32, tag = "9")]
        pub max_subscriber_count: i32,
        #[prost(int32, tag = "10")]
        pub live_buffer_size: i32,
        #[prost(int32, tag = "11")]
        pub read_batch_size: i32,
        #[prost(int32, tag = "12")]
        pub history_buffer_size: i32,
        /// 0 `DispatchToSingle`, 1 `RoundRobin`, 2 `Pinned`; where the name is empty.
        #[prost(int32, tag = "13")]
        pub named_consumer_strategy: i32,
        #[prost(oneof = "MessageTimeout", tags = "4, 14")]
        pub message_timeout: Option<MessageTimeout>,
        #[prost(oneof = "CheckpointAfter", tags = "6, 15")]
        pub checkpoint_after: Option<CheckpointAfter>,
        #[prost(string, tag = "16")]
        pub consumer_strategy: String,
    }

    /// How long an event may be without an answer.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum MessageTimeout {
        /// Units: 100 ns.
        #[prost(int64, tag = "4")]
        Ticks(i64),
        #[prost(int32, tag = "14")]
        Ms(i32),
    }

    /// How long until a checkpoint.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum CheckpointAfter {
        /// Units: 100 ns.
        #[prost(int64, tag = "6")]
        Ticks(i64),
        #[prost(int32, tag = "15")]
        Ms(i32),
    }
}

/// A group to delete.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeleteReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<delete_req::Options>,
}

/// Parts of [`DeleteReq`].
pub mod delete_req {
    use super::{Empty, StreamIdentifier};

    /// Which group.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(oneof = "StreamOption", tags = "1, 3")]
        pub stream_option: Option<StreamOption>,
        #[prost(string, tag = "2")]
        pub group_name: String,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "1")]
        StreamIdentifier(StreamIdentifier),
        #[prost(message, tag = "3")]
        All(Empty),
    }
}

/// A group to tell of.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetInfoReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<get_info_req::Options>,
}

/// Parts of [`GetInfoReq`].
pub mod get_info_req {
    use super::{Empty, StreamIdentifier};

    /// Which group.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(oneof = "StreamOption", tags = "1, 2")]
        pub stream_option: Option<StreamOption>,
        #[prost(string, tag = "3")]
        pub group_name: String,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "1")]
        StreamIdentifier(StreamIdentifier),
        #[prost(message, tag = "2")]
        All(Empty),
    }
}

/// What there is to tell of a group.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GetInfoResp {
    #[prost(message, optional, tag = "1")]
    pub subscription_info: Option<SubscriptionInfo>,
}

/// A group at one moment. Positions are text: a revision, or `C:1/P:1` among all events.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SubscriptionInfo {
    #[prost(string, tag = "1")]
    pub event_source: String,
    #[prost(string, tag = "2")]
    pub group_name: String,
    #[prost(string, tag = "3")]
    pub status: String,
    #[prost(message, repeated, tag = "4")]
    pub connections: Vec<ConnectionInfo>,
    #[prost(int32, tag = "5")]
    pub average_per_second: i32,
    #[prost(int64, tag = "6")]
    pub total_items: i64,
    #[prost(int64, tag = "7")]
    pub count_since_last_measurement: i64,
    #[prost(string, tag = "8")]
    pub last_checkpointed_event_position: String,
    #[prost(string, tag = "9")]
    pub last_known_event_position: String,
    #[prost(bool, tag = "10")]
    pub resolve_link_tos: bool,
    #[prost(string, tag = "11")]
    pub start_from: String,
    #[prost(int32, tag = "12")]
    pub message_timeout_milliseconds: i32,
    #[prost(bool, tag = "13")]
    pub extra_statistics: bool,
    #[prost(int32, tag = "14")]
    pub max_retry_count: i32,
    #[prost(int32, tag = "15")]
    pub live_buffer_size: i32,
    #[prost(int32, tag = "16")]
    pub buffer_size: i32,
    #[prost(int32, tag = "17")]
    pub read_batch_size: i32,
    #[prost(int32, tag = "18")]
    pub check_point_after_milliseconds: i32,
    #[prost(int32, tag = "19")]
    pub min_check_point_count: i32,
    #[prost(int32, tag = "20")]
    pub max_check_point_count: i32,
    #[prost(int32, tag = "21")]
    pub read_buffer_count: i32,
    #[prost(int64, tag = "22")]
    pub live_buffer_count: i64,
    #[prost(int32, tag = "23")]
    pub retry_buffer_count: i32,
    #[prost(int32, tag = "24")]
    pub total_in_flight_messages: i32,
    #[prost(int32, tag = "25")]
    pub outstanding_messages_count: i32,
    #[prost(string, tag = "26")]
    pub named_consumer_strategy: String,
    #[prost(int32, tag = "27")]
    pub max_subscriber_count: i32,
    #[prost(int64, tag = "28")]
    pub parked_message_count: i64,
}

/// One consumer of a group.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ConnectionInfo {
    #[prost(string, tag = "1")]
    pub from: String,
    #[prost(string, tag = "2")]
    pub username: String,
    #[prost(int32, tag = "3")]
    pub average_items_per_second: i32,
    #[prost(int64, tag = "4")]
    pub total_items: i64,
    #[prost(int64, tag = "5")]
    pub count_since_last_measurement: i64,
    #[prost(message, repeated, tag = "6")]
    pub observed_measurements: Vec<Measurement>,
    #[prost(int32, tag = "7")]
    pub available_slots: i32,
    #[prost(int32, tag = "8")]
    pub in_flight_messages: i32,
    #[prost(string, tag = "9")]
    pub connection_name: String,
}

/// How long a consumer takes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Measurement {
    #[prost(string, tag = "1")]
    pub key: String,
    /// Units: ms.
    #[prost(int64, tag = "2")]
    pub value: i64,
}

/// A group whose parked events are to be given again.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ReplayParkedReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<replay_parked_req::Options>,
}

/// Parts of [`ReplayParkedReq`].
pub mod replay_parked_req {
    use super::{Empty, StreamIdentifier};

    /// Which group, and which of its parked events.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(string, tag = "1")]
        pub group_name: String,
        #[prost(oneof = "StreamOption", tags = "2, 3")]
        pub stream_option: Option<StreamOption>,
        #[prost(oneof = "StopAtOption", tags = "4, 5")]
        pub stop_at_option: Option<StopAtOption>,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "2")]
        StreamIdentifier(StreamIdentifier),
        #[prost(message, tag = "3")]
        All(Empty),
    }

    /// Those below a revision, or all.
    #[derive(Clone, Copy, PartialEq, prost::Oneof)]
    pub enum StopAtOption {
        #[prost(int64, tag = "4")]
        StopAt(i64),
        #[prost(message, tag = "5")]
        NoLimit(Empty),
    }
}

/// Groups to tell of.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListReq {
    #[prost(message, optional, tag = "1")]
    pub options: Option<list_req::Options>,
}

/// Parts of [`ListReq`].
pub mod list_req {
    use super::{Empty, StreamIdentifier};

    /// Which.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Options {
        #[prost(oneof = "ListOption", tags = "1, 2")]
        pub list_option: Option<ListOption>,
    }

    /// All, or those of one stream.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum ListOption {
        #[prost(message, tag = "1")]
        AllSubscriptions(Empty),
        #[prost(message, tag = "2")]
        ForStream(ForStream),
    }

    /// Which stream.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct ForStream {
        #[prost(oneof = "StreamOption", tags = "1, 2")]
        pub stream_option: Option<StreamOption>,
    }

    /// One stream or all.
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum StreamOption {
        #[prost(message, tag = "1")]
        Stream(StreamIdentifier),
        #[prost(message, tag = "2")]
        All(Empty),
    }
}

/// What there is to tell of groups.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListResp {
    #[prost(message, repeated, tag = "1")]
    pub subscriptions: Vec<SubscriptionInfo>,
}
