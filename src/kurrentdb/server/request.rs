//! What several requests have in common: a stream, and what the writer believes of it.

use tonic::Status;

use super::access;
use super::status;
use crate::access::Caller;
use crate::event::{ExpectedRevision, StreamName};
use crate::event_log::EventLog;
use crate::kurrentdb::messages::StreamIdentifier;
use crate::kurrentdb::messages::streams::{Expected, StreamOptions};

/// The stream that a request names.
///
/// # Errors
/// INVALID_ARGUMENT where it names none, or one that cannot be.
pub(in crate::kurrentdb) fn stream(
    identifier: Option<&StreamIdentifier>,
) -> Result<StreamName, Status> {
    let identifier =
        identifier.ok_or_else(|| Status::invalid_argument("the stream's name is missing"))?;
    let name = std::str::from_utf8(&identifier.stream_name)
        .map_err(|_| Status::invalid_argument("the stream's name is not UTF-8"))?;
    StreamName::new(name).map_err(|error| Status::invalid_argument(error.to_string()))
}

/// What a request believes of the stream.
///
/// # Errors
/// INVALID_ARGUMENT where it does not say.
pub(super) fn expected(expected: Option<Expected>) -> Result<ExpectedRevision, Status> {
    match expected {
        Some(Expected::Revision(revision)) => Ok(ExpectedRevision::Exact(revision)),
        Some(Expected::NoStream(_)) => Ok(ExpectedRevision::NoStream),
        Some(Expected::Any(_)) => Ok(ExpectedRevision::Any),
        Some(Expected::StreamExists(_)) => Ok(ExpectedRevision::StreamExists),
        None => Err(Status::invalid_argument("the expected revision is missing")),
    }
}

/// A stream to write to, and what the caller believes of it.
///
/// # Errors
/// INVALID_ARGUMENT, or PERMISSION_DENIED where the caller may not write there.
pub(super) fn target(
    caller: &Caller,
    options: Option<&StreamOptions>,
) -> Result<(StreamName, ExpectedRevision), Status> {
    let options = options.ok_or_else(|| Status::invalid_argument("the options are missing"))?;
    let stream = stream(options.stream_identifier.as_ref())?;
    if !access::may_write(caller, &stream) {
        return Err(status::access_denied());
    }
    Ok((stream, expected(options.expected)?))
}

/// What a stream is at, for conflicts that do not say so themselves.
pub(super) async fn current(log: &dyn EventLog, stream: &StreamName) -> Option<u64> {
    log.stream(stream).await.ok().and_then(|info| info.last_revision)
}
