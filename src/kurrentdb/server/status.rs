//! What went wrong, as clients of KurrentDB expect to be told: a gRPC status with a trailer
//! `exception`, or a detail inside a stream of answers.

use prost::Message;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::event::{ExpectedRevision, StreamName};
use crate::event_log::{AppendError, ReadError, SubscriptionError};
use crate::kurrentdb::codec::ProposalError;
use crate::kurrentdb::messages::wrong_expected_version::{Current, Expected};
use crate::kurrentdb::messages::{
    self, Any, BadRequest, Empty, MaximumAppendSizeExceeded, StreamDeleted, StreamIdentifier,
    WrongExpectedVersion,
};

/// A status with trailers, the first of which says which exception it is.
pub(in crate::kurrentdb) fn exception(
    code: Code,
    message: String,
    name: &'static str,
    trailers: &[(&'static str, &str)],
) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("exception", MetadataValue::from_static(name));
    for (key, value) in trailers {
        // Clients read these without looking whether they are there.
        if let Ok(value) = value.parse().or_else(|_| in_ascii(value).parse()) {
            metadata.insert(*key, value);
        }
    }
    Status::with_metadata(code, message, metadata)
}

/// A text as a header can carry it: other letters as in an address.
fn in_ascii(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b' '..=b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(letter).collect()
}

/// A tombstone stands at the end of the stream.
pub(in crate::kurrentdb) fn stream_deleted(stream: &StreamName) -> Status {
    exception(
        Code::FailedPrecondition,
        format!("Event stream '{stream}' is deleted."),
        "stream-deleted",
        &[("stream-name", stream.as_str())],
    )
}

/// The caller may not do this.
pub(in crate::kurrentdb) fn access_denied() -> Status {
    exception(Code::PermissionDenied, "Access Denied".to_owned(), "access-denied", &[])
}

/// More bytes than one append may have.
pub(in crate::kurrentdb) fn too_large(limit: usize) -> Status {
    exception(
        Code::InvalidArgument,
        format!("Maximum Append Size of {limit} Exceeded."),
        "maximum-append-size-exceeded",
        &[("maximum-append-size", &limit.to_string())],
    )
}

/// An event that cannot be taken.
pub(in crate::kurrentdb) fn bad_proposal(error: &ProposalError) -> Status {
    match error {
        ProposalError::MissingKey(key) => exception(
            Code::InvalidArgument,
            format!("Required Metadata Property '{key}' is missing"),
            "missing-required-metadata-property",
            &[("required-metadata-properties", "type,content-type")],
        ),
        ProposalError::Id => Status::invalid_argument(error.to_string()),
    }
}

/// The stream was not as the caller of a delete believed.
pub(in crate::kurrentdb) fn wrong_version(
    operation: &str,
    stream: &StreamName,
    expected: ExpectedRevision,
    actual: Option<u64>,
) -> Status {
    let expected = version(expected);
    let actual = actual.map_or(-1, |revision| i64::try_from(revision).unwrap_or(i64::MAX));
    exception(
        Code::FailedPrecondition,
        format!(
            "{operation} failed due to WrongExpectedVersion. Stream: {stream}, Expected version: {expected}, Actual version: {actual}"
        ),
        "wrong-expected-version",
        &[
            ("stream-name", stream.as_str()),
            ("expected-version", &expected.to_string()),
            ("actual-version", &actual.to_string()),
        ],
    )
}

/// An expected revision as one number.
fn version(expected: ExpectedRevision) -> i64 {
    match expected {
        ExpectedRevision::Exact(revision) => i64::try_from(revision).unwrap_or(i64::MAX),
        ExpectedRevision::NoStream => -1,
        ExpectedRevision::Any => -2,
        ExpectedRevision::StreamExists => -4,
    }
}

/// Why nothing was appended, where the answer has no place for it.
pub(in crate::kurrentdb) fn append_failed(error: &AppendError) -> Status {
    match error {
        AppendError::StreamDeleted { stream } => stream_deleted(stream),
        AppendError::TooLarge { limit, .. } => too_large(*limit),
        AppendError::WrongExpectedRevision { stream, expected, actual } => {
            wrong_version("Append", stream, *expected, *actual)
        }
        AppendError::PartlyRepeated { stream, .. } => {
            wrong_version("Append", stream, ExpectedRevision::Any, None)
        }
        AppendError::NoEvents
        | AppendError::StreamTwice { .. }
        | AppendError::InvalidStream { .. }
        | AppendError::ReservedType { .. } => Status::invalid_argument(error.to_string()),
        AppendError::Unreadable(error) => read_failed(error),
        _ => unavailable(error),
    }
}

/// The log does not answer; the caller may try again.
pub(in crate::kurrentdb) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Status {
    tracing::error!(error, "the log does not answer");
    Status::unavailable("the log does not answer")
}

/// Events could not be read.
pub(in crate::kurrentdb) fn read_failed(error: &ReadError) -> Status {
    match error {
        ReadError::Corrupt { position, .. } => {
            tracing::error!(%error, "an event is damaged");
            Status::data_loss(format!("the event at position {position} is damaged"))
        }
        other => unavailable(other),
    }
}

/// A subscription to the log ended.
pub(in crate::kurrentdb) fn follow_failed(error: &SubscriptionError) -> Status {
    match error {
        SubscriptionError::Read(error) => read_failed(error),
        other => unavailable(other),
    }
}

/// The server stops; subscriptions end with an error, since a client may wait forever after an
/// orderly end.
pub(in crate::kurrentdb) fn closing() -> Status {
    Status::unavailable("the server is shutting down")
}

/// A detail inside a stream of answers.
fn detail(code: Code, message: &str, name: &str, value: &impl Message) -> messages::Status {
    messages::Status {
        code: i32::from(code),
        message: message.to_owned(),
        details: Some(Any {
            type_url: format!("type.googleapis.com/event_store.client.{name}"),
            value: value.encode_to_vec().into(),
        }),
    }
}

/// The details of a batch append's answers.
pub(in crate::kurrentdb) mod in_batch {
    use super::{
        BadRequest, Code, Current, Empty, Expected, ExpectedRevision, MaximumAppendSizeExceeded,
        StreamDeleted, StreamIdentifier, WrongExpectedVersion, detail, messages,
    };

    /// The stream was not as the writer believed.
    pub(in crate::kurrentdb) fn wrong_version(
        expected: ExpectedRevision,
        actual: Option<u64>,
    ) -> messages::Status {
        let value = WrongExpectedVersion {
            current: Some(match actual {
                Some(revision) => Current::StreamRevision(revision),
                None => Current::NoStream(Empty {}),
            }),
            expected: Some(match expected {
                ExpectedRevision::Exact(revision) => Expected::StreamPosition(revision),
                ExpectedRevision::Any => Expected::Any(Empty {}),
                ExpectedRevision::StreamExists => Expected::StreamExists(Empty {}),
                ExpectedRevision::NoStream => Expected::NoStream(Empty {}),
            }),
        };
        let message = "WrongExpectedVersion";
        detail(Code::FailedPrecondition, message, message, &value)
    }

    /// A tombstone stands at the end of the stream.
    pub(in crate::kurrentdb) fn stream_deleted(stream: &StreamIdentifier) -> messages::Status {
        let value = StreamDeleted { stream_identifier: Some(stream.clone()) };
        detail(Code::FailedPrecondition, "StreamDeleted", "StreamDeleted", &value)
    }

    /// More bytes than one append may have.
    pub(in crate::kurrentdb) fn too_large(limit: usize) -> messages::Status {
        let value =
            MaximumAppendSizeExceeded { max_append_size: u32::try_from(limit).unwrap_or(u32::MAX) };
        let name = "MaximumAppendSizeExceeded";
        detail(Code::InvalidArgument, "Maximum Append Size Exceeded", name, &value)
    }

    /// A request that cannot be understood.
    pub(in crate::kurrentdb) fn bad_request(message: &str) -> messages::Status {
        let value = BadRequest { message: message.to_owned() };
        detail(Code::InvalidArgument, message, "BadRequest", &value)
    }

    /// A request that would be right elsewhere, or at another time.
    pub(in crate::kurrentdb) fn refused(message: &str) -> messages::Status {
        let value = BadRequest { message: message.to_owned() };
        detail(Code::FailedPrecondition, message, "BadRequest", &value)
    }

    /// The caller may not do this.
    pub(in crate::kurrentdb) fn access_denied() -> messages::Status {
        detail(Code::PermissionDenied, "Access Denied", "AccessDenied", &Empty {})
    }

    /// The client's own deadline had passed.
    pub(in crate::kurrentdb) fn timeout() -> messages::Status {
        detail(Code::DeadlineExceeded, "Timeout", "Timeout", &Empty {})
    }
}
