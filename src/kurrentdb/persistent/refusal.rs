//! Why a call cannot be answered, with the trailers that clients read.

use tonic::{Code, Status};

use super::config::SettingsError;
use super::records::KeepError;
use crate::kurrentdb::server::status::{self, exception};

/// Why a call about a group cannot be answered.
///
/// Source: KurrentDB `RpcExceptions`.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Subscription group {group} on stream {stream} does not exist.")]
    DoesNotExist { stream: String, group: String },
    #[error("Subscription group {group} on stream {stream} exists.")]
    Exists { stream: String, group: String },
    #[error("Maximum subscriptions reached for subscription group {group} on stream {stream}.")]
    Full { stream: String, group: String },
    #[error("Subscription group {group} on stream {stream} was dropped.")]
    Dropped { stream: String, group: String },
    #[error("Subscription group {group} on stream {stream} failed: '{reason}'")]
    Failed { stream: String, group: String, reason: String },
    /// The groups could not be read when the server started.
    #[error("Server Is Not Ready")]
    NotReady,
    #[error("Access Denied")]
    AccessDenied,
    #[error("{0}")]
    Invalid(&'static str),
}

impl Refusal {
    pub(super) fn settings(stream: &str, group: &str, error: &SettingsError) -> Self {
        Self::failed(stream, group, error.to_string())
    }

    pub(super) fn keep(stream: &str, group: &str, error: &KeepError) -> Self {
        tracing::error!(
            error = error as &dyn std::error::Error,
            stream,
            group,
            "persistent subscription"
        );
        Self::failed(stream, group, error.to_string())
    }

    pub(super) fn failed(stream: &str, group: &str, reason: impl Into<String>) -> Self {
        Self::Failed { stream: stream.to_owned(), group: group.to_owned(), reason: reason.into() }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        let (code, name, stream, group, reason) = match &refusal {
            Refusal::DoesNotExist { stream, group } => {
                (Code::NotFound, "persistent-subscription-does-not-exist", stream, group, None)
            }
            Refusal::Exists { stream, group } => {
                (Code::AlreadyExists, "persistent-subscription-exists", stream, group, None)
            }
            Refusal::Full { stream, group } => {
                (Code::FailedPrecondition, "maximum-subscribers-reached", stream, group, None)
            }
            Refusal::Dropped { stream, group } => {
                (Code::Cancelled, "persistent-subscription-dropped", stream, group, None)
            }
            Refusal::Failed { stream, group, reason } => {
                (Code::Internal, "persistent-subscription-failed", stream, group, Some(reason))
            }
            Refusal::NotReady => return Self::unavailable(message),
            Refusal::AccessDenied => return status::access_denied(),
            Refusal::Invalid(_) => return Self::invalid_argument(message),
        };
        let mut trailers = vec![("stream-name", stream.as_str()), ("group-name", group.as_str())];
        trailers.extend(reason.map(|reason| ("reason", reason.as_str())));
        exception(code, message, name, &trailers)
    }
}
