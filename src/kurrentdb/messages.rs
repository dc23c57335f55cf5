//! The messages of KurrentDB's gRPC protocol, as prost derives them from these structs.
//!
//! In and out: protobuf. Invariant: a field keeps the number that the protocol gives it; a field
//! that is not here is skipped on reading. Deliberately absent: services (see `server`), and any
//! rule about what a message means (see `codec`). Each module is one package of the protocol;
//! `oneof` groups are enums named after the group.

pub mod features;
pub mod gossip;
pub mod persistent;
pub mod streams;

use prost::bytes::Bytes;

/// Nothing, where the protocol needs something to point at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Empty {}

/// An id, in one of two forms.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Uuid {
    #[prost(oneof = "uuid::Value", tags = "1, 2")]
    pub value: Option<uuid::Value>,
}

/// Parts of [`Uuid`].
pub mod uuid {
    /// The form that was chosen.
    #[derive(Clone, PartialEq, Eq, prost::Oneof)]
    pub enum Value {
        #[prost(message, tag = "1")]
        Structured(Structured),
        #[prost(string, tag = "2")]
        String(String),
    }

    /// Two halves, the high one first.
    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    pub struct Structured {
        #[prost(int64, tag = "1")]
        pub most_significant_bits: i64,
        #[prost(int64, tag = "2")]
        pub least_significant_bits: i64,
    }
}

/// A stream by name.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StreamIdentifier {
    /// UTF-8.
    #[prost(bytes = "bytes", tag = "3")]
    pub stream_name: Bytes,
}

/// A place among all events. Ours have both halves equal.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct AllStreamPosition {
    #[prost(uint64, tag = "1")]
    pub commit_position: u64,
    #[prost(uint64, tag = "2")]
    pub prepare_position: u64,
}

/// The stream was not as the writer believed, as a detail of a [`Status`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct WrongExpectedVersion {
    #[prost(oneof = "wrong_expected_version::Current", tags = "1, 2")]
    pub current: Option<wrong_expected_version::Current>,
    #[prost(oneof = "wrong_expected_version::Expected", tags = "3, 4, 5, 6")]
    pub expected: Option<wrong_expected_version::Expected>,
}

/// Parts of [`WrongExpectedVersion`].
pub mod wrong_expected_version {
    /// What is there.
    #[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
    pub enum Current {
        #[prost(uint64, tag = "1")]
        StreamRevision(u64),
        #[prost(message, tag = "2")]
        NoStream(super::Empty),
    }

    /// What was believed.
    #[derive(Clone, Copy, PartialEq, Eq, prost::Oneof)]
    pub enum Expected {
        #[prost(uint64, tag = "3")]
        StreamPosition(u64),
        #[prost(message, tag = "4")]
        Any(super::Empty),
        #[prost(message, tag = "5")]
        StreamExists(super::Empty),
        #[prost(message, tag = "6")]
        NoStream(super::Empty),
    }
}

/// A stream that is closed for good, as a detail of a [`Status`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct StreamDeleted {
    #[prost(message, optional, tag = "1")]
    pub stream_identifier: Option<StreamIdentifier>,
}

/// Too many bytes in one append, as a detail of a [`Status`].
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MaximumAppendSizeExceeded {
    /// Units: bytes.
    #[prost(uint32, tag = "1")]
    pub max_append_size: u32,
}

/// A request that cannot be understood, as a detail of a [`Status`].
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct BadRequest {
    #[prost(string, tag = "1")]
    pub message: String,
}

/// A message of any type, named by its address.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Any {
    /// Such as `type.googleapis.com/event_store.client.Timeout`.
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

/// What went wrong inside a stream of answers. Unlike `google.rpc.Status`, it has one detail.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Status {
    /// A gRPC status code.
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, optional, tag = "3")]
    pub details: Option<Any>,
}

/// A span of time.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Duration {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// A moment in UTC.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl StreamIdentifier {
    /// A stream by name.
    pub fn of(name: &str) -> Self {
        Self { stream_name: Bytes::copy_from_slice(name.as_bytes()) }
    }
}
