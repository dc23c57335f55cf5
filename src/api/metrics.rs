//! `GET /metrics`: what the log counts about itself, as OpenMetrics text.
//!
//! In: the figures of a log. Out: text that Prometheus and its kin scrape.
//! Invariant: nothing in it names a person, a stream or an event.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::ApiError;
use crate::event_log::{LogMetrics, OPEN_METRICS};

/// The route alone, for a server that has no console, such as `log serve`.
pub fn metrics_routes(metrics: Arc<LogMetrics>) -> Router {
    Router::new()
        .route(
            "/metrics",
            get(|State(metrics): State<Arc<LogMetrics>>| async move { text(&metrics) }),
        )
        .with_state(metrics)
}

/// The answer to `GET /metrics`.
///
/// # Errors
/// [`ApiError::NotFound`] where the log counts nothing.
pub(super) fn answer(metrics: Option<&Arc<LogMetrics>>) -> Result<Response, ApiError> {
    let metrics = metrics.ok_or_else(|| ApiError::NotFound { path: "/metrics".to_owned() })?;
    Ok(text(metrics))
}

fn text(metrics: &Arc<LogMetrics>) -> Response {
    let headers = [(header::CONTENT_TYPE, OPEN_METRICS), (header::CACHE_CONTROL, "no-store")];
    (headers, metrics.text()).into_response()
}
