//! Delete and Tombstone: a stream is gone until somebody writes to it, or for good.

use std::sync::Arc;

use tonic::{Response, Status};

use super::{Front, request, status};
use crate::access::Caller;
use crate::event::{ExpectedRevision, StreamName};
use crate::event_log::AppendError;
use crate::kurrentdb::codec;
use crate::kurrentdb::intake::{self, Way};
use crate::kurrentdb::messages::streams::delete_resp::Position;
use crate::kurrentdb::messages::streams::{DeleteReq, DeleteResp};

/// Serves `Delete`.
pub(super) async fn delete(
    front: Arc<Front>,
    caller: Caller,
    message: DeleteReq,
) -> Result<Response<DeleteResp>, Status> {
    let (stream, expected) = request::target(&caller, message.options.as_ref())?;
    check(&front, &stream)?;
    let done = front.log.delete(stream.clone(), expected).await;
    answer("Delete", &stream, expected, done)
}

/// Serves `Tombstone`.
pub(super) async fn tombstone(
    front: Arc<Front>,
    caller: Caller,
    message: DeleteReq,
) -> Result<Response<DeleteResp>, Status> {
    let (stream, expected) = request::target(&caller, message.options.as_ref())?;
    check(&front, &stream)?;
    let done = front.log.tombstone(stream.clone(), expected).await;
    answer("Tombstone", &stream, expected, done)
}

/// A client does not take streams from under a platform that runs.
fn check(front: &Front, stream: &StreamName) -> Result<(), Status> {
    match Way::of_deletion(stream, front.intake.is_some()) {
        Way::Own => Err(Status::failed_precondition(intake::OWN)),
        _ => Ok(()),
    }
}

fn answer(
    operation: &str,
    stream: &StreamName,
    expected: ExpectedRevision,
    done: Result<u64, AppendError>,
) -> Result<Response<DeleteResp>, Status> {
    match done {
        Ok(position) => Ok(Response::new(DeleteResp {
            position: Some(Position::Position(codec::position_to_wire(position))),
        })),
        Err(AppendError::WrongExpectedRevision { actual, .. }) => {
            Err(status::wrong_version(operation, stream, expected, actual))
        }
        Err(other) => Err(status::append_failed(&other)),
    }
}
