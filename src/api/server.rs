//! The routes and the server under them.
//!
//! In: a listener, the board, a stop signal. Out: responses.
//! Invariants: every response carries [`CONTENT_SECURITY_POLICY`] and may not be sniffed;
//! stopping takes at most [`GRACE`], whatever clients do.
//! Deliberately absent: TLS and sign-in; both belong in front of it until the console has them.

use std::future::{Future, IntoFuture};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::board::BoardSnapshot;
use super::error::ApiError;
use super::{assets, stream};
use crate::base::{Clock, Timestamp};
use crate::event_log::LogMetrics;
use crate::runtime::clock::SystemClock;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self'; font-src 'self'; connect-src 'self'; media-src 'self'; manifest-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// How long open requests may take once stopping has begun.
const GRACE: Duration = Duration::from_secs(2);

/// What every handler sees.
#[derive(Clone)]
pub(super) struct Console {
    pub(super) board: watch::Receiver<Arc<BoardSnapshot>>,
    pub(super) clock: Arc<dyn Clock>,
    /// What the log counts about itself.
    pub(super) metrics: Option<Arc<LogMetrics>>,
    /// True once the server stops; endless responses end then.
    pub(super) closing: watch::Receiver<bool>,
}

impl Console {
    /// The latest board, stamped with the present.
    ///
    /// # Errors
    /// [`ApiError::BoardStopped`] where the sender is gone: an old board must not pass for a
    /// quiet one.
    pub(super) fn latest(&self) -> Result<BoardSnapshot, ApiError> {
        if self.board.has_changed().is_err() {
            return Err(ApiError::BoardStopped);
        }
        Ok(stamped(&self.board.borrow(), self.clock.now()))
    }
}

/// `board`, leaving at `now`.
pub(super) fn stamped(board: &BoardSnapshot, now: Timestamp) -> BoardSnapshot {
    BoardSnapshot { server_time: now, ..board.clone() }
}

/// Serves the console on `listener` until `shutdown` is ready.
///
/// `others` are routes beside those of the board. The sender of `board` has to stay alive as long as the board is worth showing, also when
/// nothing changes any more.
///
/// # Errors
/// [`ApiError::Serve`] where the listener fails.
pub async fn serve(
    listener: TcpListener,
    board: watch::Receiver<Arc<BoardSnapshot>>,
    metrics: Option<Arc<LogMetrics>>,
    others: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ApiError> {
    let (closing, closed) = watch::channel(false);
    let mut stop = closed.clone();
    let clock = Arc::new(SystemClock::new());
    let app = router(Console { board, clock, metrics, closing: closed }, others);
    let served = axum::serve(listener, app).with_graceful_shutdown(async move {
        // An error would mean that the sender is gone, which is a stop as well.
        drop(stop.wait_for(|closing| *closing).await);
    });
    let mut served = std::pin::pin!(served.into_future());
    tokio::select! {
        served = &mut served => return served.map_err(|source| ApiError::Serve { source }),
        () = shutdown => {}
    }
    closing.send_replace(true);
    match tokio::time::timeout(GRACE, served).await {
        Ok(served) => served.map_err(|source| ApiError::Serve { source }),
        Err(_) => Ok(()),
    }
}

/// The routes, for a server of one's own; `clock` says what the time is.
pub fn routes(
    board: watch::Receiver<Arc<BoardSnapshot>>,
    metrics: Option<Arc<LogMetrics>>,
    others: Router,
    clock: Arc<dyn Clock>,
) -> Router {
    // Without a sender it never changes.
    let closing = watch::channel(false).1;
    router(Console { board, clock, metrics, closing }, others)
}

fn router(console: Console, others: Router) -> Router {
    let board = Router::new()
        .route("/", get(assets::index))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/api/board", get(board))
        .route("/api/board/stream", get(stream::board))
        .route("/api/{*rest}", get(nothing))
        .route("/{*path}", get(assets::file))
        .fallback(nothing)
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .with_state(console);
    others.merge(board).layer(middleware::map_response(harden))
}

async fn health(State(console): State<Console>) -> Result<Response, ApiError> {
    let board = console.latest()?;
    Ok(Json(json!({"status": "ok", "position": board.position})).into_response())
}

async fn board(State(console): State<Console>) -> Result<Response, ApiError> {
    let board = console.latest()?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(board)).into_response())
}

async fn metrics(State(console): State<Console>) -> Result<Response, ApiError> {
    super::metrics::answer(console.metrics.as_ref())
}

async fn nothing(uri: Uri) -> ApiError {
    ApiError::NotFound { path: uri.path().to_owned() }
}

async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
