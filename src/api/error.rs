//! What a client is told when a request fails.
//!
//! In: a failure. Out: an HTTP status and `{"error": {"code", "message"}}`; the code is stable
//! and stands in [`CODES`], the message may change.
//! Deliberately absent: the cause. It goes to the diagnostics only.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Serving the console failed, as a whole or for one request.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nothing is there.
    #[error("find {path}: no such page")]
    NotFound { path: String },
    /// Something is there, but not for this method.
    #[error("answer the request: the method is not allowed here")]
    MethodNotAllowed,
    /// Nobody computes the board any more.
    #[error("read the board: nobody updates it any more")]
    BoardStopped,
    /// The listener failed.
    #[error("serve the console")]
    Serve {
        #[source]
        source: std::io::Error,
    },
}

/// Code, HTTP status and meaning of every [`ApiError`].
pub const CODES: [(&str, u16, &str); 4] = [
    ("api.not_found", 404, "no such page"),
    ("api.method_not_allowed", 405, "the page exists, the method is not allowed there"),
    ("api.board_stopped", 503, "the part that computes the board has stopped"),
    ("api.serve", 500, "the listener failed"),
];

impl ApiError {
    /// The stable code, for programs.
    pub const fn code(&self) -> &'static str {
        self.row().0
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    const fn row(&self) -> (&'static str, u16, &'static str) {
        let [not_found, method_not_allowed, board_stopped, serve] = CODES;
        match self {
            Self::NotFound { .. } => not_found,
            Self::MethodNotAllowed => method_not_allowed,
            Self::BoardStopped => board_stopped,
            Self::Serve { .. } => serve,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (code, _, meaning) = self.row();
        tracing::debug!(code, error = %self, "request failed");
        (self.status(), Json(json!({"error": {"code": code, "message": meaning}}))).into_response()
    }
}
