//! Append: one stream, its events as messages of a client stream.

use std::sync::Arc;

use tonic::{Response, Status, Streaming};

use super::{Front, request, status};
use crate::access::Caller;
use crate::event::{ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{AppendError, Appended};
use crate::kurrentdb::codec;
use crate::kurrentdb::intake::{self, Intake, IntakeError, Way};
use crate::kurrentdb::messages::Empty;
use crate::kurrentdb::messages::streams::append_resp::{
    Current, CurrentRevision, Expected, OldCurrent, OldExpected, Position, Result as Outcome,
    Success, WrongExpectedVersion,
};
use crate::kurrentdb::messages::streams::{AppendReq, AppendResp, append_req::Content};

/// What an append came to.
pub(super) enum Verdict {
    /// It stands, or it stood already.
    Success(Success),
    /// The stream was not as the writer believed.
    WrongVersion(Option<u64>),
    /// The stream is closed for good.
    StreamDeleted,
    /// Too many bytes. Units: bytes.
    TooLarge(usize),
    /// Nothing like this can be written there.
    Invalid(String),
    /// Nothing like this can be written there by a client, as things are.
    Refused(&'static str),
    /// The log does not answer.
    Failed(Status),
}

/// Appends, and says what came of it. An append without events only looks at the revision.
pub(super) async fn settle(
    front: &Front,
    by: &str,
    stream: &StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
) -> Verdict {
    if events.is_empty() {
        return look(front, stream, expected).await;
    }
    let appended = match (Way::of(stream, &events, front.intake.is_some()), &front.intake) {
        (Way::Intake, Some(intake)) => {
            match offer(&**intake, by, stream.clone(), expected, events).await {
                Ok(appended) => Ok(appended),
                Err(IntakeError::Append(error)) => Err(error),
                Err(IntakeError::Refused(what)) => return Verdict::Invalid(what),
                Err(error @ IntakeError::Unavailable) => {
                    return Verdict::Failed(Status::unavailable(error.to_string()));
                }
            }
        }
        (Way::Intake | Way::NoIntake, _) => return Verdict::Refused(intake::NO_INTAKE),
        (Way::Own, _) => return Verdict::Refused(intake::OWN),
        (Way::Log, _) => front.log.append(stream.clone(), expected, events).await,
    };
    match appended {
        Ok(appended) => Verdict::Success(success(&appended)),
        Err(error @ AppendError::PartlyRepeated { .. }) => {
            refused(error, request::current(&*front.log, stream).await)
        }
        Err(error) => refused(error, None),
    }
}

/// Offers leads to the platform, without what their client wrote beside them.
async fn offer(
    intake: &dyn Intake,
    by: &str,
    stream: StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
) -> Result<Appended, IntakeError> {
    let offers = events.into_iter().map(|event| intake::without_metadata(event, by)).collect();
    let offers = Result::map_err(offers, |what: &str| IntakeError::Refused(what.to_owned()))?;
    intake.offer(stream, expected, offers).await
}

fn refused(error: AppendError, log_is_at: Option<u64>) -> Verdict {
    match error {
        AppendError::WrongExpectedRevision { actual, .. } => Verdict::WrongVersion(actual),
        // Some of it is there and some is not: no repeat, so the revision is what is wrong.
        AppendError::PartlyRepeated { .. } => Verdict::WrongVersion(log_is_at),
        AppendError::StreamDeleted { .. } => Verdict::StreamDeleted,
        AppendError::TooLarge { limit, .. } => Verdict::TooLarge(limit),
        AppendError::InvalidStream { .. } | AppendError::ReservedType { .. } => {
            Verdict::Invalid(error.to_string())
        }
        other => Verdict::Failed(status::append_failed(&other)),
    }
}

/// An append without events: only the revision is looked at, after all that came before.
async fn look(front: &Front, stream: &StreamName, expected: ExpectedRevision) -> Verdict {
    match front.log.check(stream.clone(), expected).await {
        Ok(last) => Verdict::Success(Success {
            current_revision: Some(match last {
                Some(revision) => CurrentRevision::CurrentRevision(revision),
                None => CurrentRevision::NoStream(Empty {}),
            }),
            position: Some(Position::NoPosition(Empty {})),
        }),
        Err(error) => refused(error, None),
    }
}

fn success(appended: &Appended) -> Success {
    Success {
        current_revision: Some(CurrentRevision::CurrentRevision(appended.last_revision)),
        position: Some(Position::Position(codec::position_to_wire(appended.last_position))),
    }
}

/// Units: bytes that count against the largest append.
pub(super) fn size(event: &NewEvent) -> usize {
    event.event_type.len() + event.data.len() + event.metadata.len()
}

/// Serves `Append`.
pub(super) async fn append(
    front: Arc<Front>,
    caller: Caller,
    mut messages: Streaming<AppendReq>,
) -> Result<Response<AppendResp>, Status> {
    let first = messages.message().await?.and_then(|message| message.content);
    let Some(Content::Options(options)) = first else {
        return Err(Status::invalid_argument("the first message of an append has its options"));
    };
    let (stream, expected) = request::target(&caller, Some(&options))?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while let Some(message) = messages.message().await? {
        let Some(Content::ProposedMessage(message)) = message.content else {
            return Err(Status::invalid_argument("an append has its options once"));
        };
        let event = codec::from_proposal(message, caller.name(), front.clock.now())
            .map_err(|error| status::bad_proposal(&error))?;
        bytes += size(&event);
        if bytes > front.append_bytes_max {
            return Err(status::too_large(front.append_bytes_max));
        }
        events.push(event);
    }
    let result = match settle(&front, caller.name(), &stream, expected, events).await {
        Verdict::Success(success) => Outcome::Success(success),
        Verdict::WrongVersion(actual) => Outcome::WrongExpectedVersion(conflict(expected, actual)),
        Verdict::StreamDeleted => return Err(status::stream_deleted(&stream)),
        Verdict::TooLarge(limit) => return Err(status::too_large(limit)),
        Verdict::Invalid(what) => return Err(Status::invalid_argument(what)),
        Verdict::Refused(what) => return Err(Status::failed_precondition(what)),
        Verdict::Failed(status) => return Err(status),
    };
    Ok(Response::new(AppendResp { result: Some(result) }))
}

/// A conflict, said twice: the first half is for clients up to 20.6.0.
fn conflict(expected: ExpectedRevision, actual: Option<u64>) -> WrongExpectedVersion {
    let none = Empty {};
    let (old, new) = match expected {
        ExpectedRevision::Exact(revision) => {
            (OldExpected::Revision(revision), Expected::Revision(revision))
        }
        ExpectedRevision::Any => (OldExpected::Any(none), Expected::Any(none)),
        ExpectedRevision::StreamExists => {
            (OldExpected::StreamExists(none), Expected::StreamExists(none))
        }
        ExpectedRevision::NoStream => (OldExpected::Revision(u64::MAX), Expected::NoStream(none)),
    };
    let (old_current, current) = match actual {
        Some(revision) => (OldCurrent::Revision(revision), Current::Revision(revision)),
        None => (OldCurrent::NoStream(none), Current::NoStream(none)),
    };
    WrongExpectedVersion {
        old_current: Some(old_current),
        old_expected: Some(old),
        current: Some(current),
        expected: Some(new),
    }
}
