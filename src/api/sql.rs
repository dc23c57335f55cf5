//! `POST /api/sql`: a question over HTTP.
//!
//! In: JSON with the question, its parameters, the moment of the log and the format. Out: the
//! answer as it is computed, with its log position in a header. Invariants: nothing is changed;
//! a request that a page elsewhere could send without asking is refused (its type must be
//! `application/json`); an answer that breaks off ends the connection, so that nobody takes a
//! part for the whole.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::event_log::EventLog;
use crate::query::{Encoded, Encoding, Engine, Error, Params, Session, Sessions};

/// The most bytes one question may have. Units: bytes.
const QUESTION_MAX: usize = 1 << 20;
/// The header with the last log position that the answer sees.
const POSITION: &str = "ledgerline-position";

/// How long a question waits for events that were in the log when it came. Longer than they
/// take; whoever must see them says `min_position`.
const FRESH_WITHIN: Duration = Duration::from_millis(50);

/// Questions to an engine.
#[derive(Clone)]
pub struct SqlDoor {
    engine: Arc<Engine>,
    log: Arc<dyn EventLog>,
}

/// A question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    sql: String,
    /// By name for `$name`, in a list for `$1`.
    #[serde(default)]
    params: Value,
    #[serde(default)]
    as_of: Option<String>,
    #[serde(default)]
    statement_timeout: Option<String>,
    #[serde(default)]
    min_position: Option<u64>,
    #[serde(default)]
    format: Option<String>,
}

impl SqlDoor {
    /// Questions to an engine that follows a log.
    pub const fn new(engine: Arc<Engine>, log: Arc<dyn EventLog>) -> Self {
        Self { engine, log }
    }

    /// The route, for the console's server.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/api/sql", post(answer))
            .layer(DefaultBodyLimit::max(QUESTION_MAX))
            .with_state(self)
    }

    /// The same engine for other servers.
    pub fn sessions(&self) -> Sessions {
        let door = self.clone();
        Arc::new(move || {
            let door = door.clone();
            Box::pin(async move { Ok(door.session().await) })
        })
    }

    /// A session that sees what is in the log by now, or nearly so.
    async fn session(&self) -> Session {
        if let Some(head) = self.log.head() {
            // Whether or not: the answer says how far it is.
            drop(self.engine.reach(head, FRESH_WITHIN).await);
        }
        Session::new(self.engine.clone())
    }
}

async fn answer(
    State(door): State<SqlDoor>,
    question: Result<Json<Question>, JsonRejection>,
) -> Response {
    let question = match question {
        Ok(Json(question)) => question,
        Err(rejection) => {
            return refusal(rejection.status(), "sql.request", &rejection.body_text(), None);
        }
    };
    let encoding = match question.format.as_deref().unwrap_or("json").parse::<Encoding>() {
        Ok(encoding) => encoding,
        Err(wanted) => {
            return refusal(StatusCode::BAD_REQUEST, "sql.format", wanted, None);
        }
    };
    match Box::pin(begin(&door, question, encoding)).await {
        Ok(encoded) => whole(encoded, encoding),
        Err(error) => refused(&error),
    }
}

async fn begin(door: &SqlDoor, question: Question, encoding: Encoding) -> Result<Encoded, Error> {
    let mut session = door.session().await;
    if let Some(position) = question.min_position {
        session.set("min_position", &position.to_string())?;
    }
    if let Some(as_of) = &question.as_of {
        session.set("as_of", as_of)?;
    }
    if let Some(timeout) = &question.statement_timeout {
        session.set("statement_timeout", timeout)?;
    }
    let running = session.query(&question.sql, Params::from_json(question.params)?).await?;
    Encoded::new(running, encoding)
}

fn whole(encoded: Encoded, encoding: Encoding) -> Response {
    let position = encoded.position().map(|position| position.to_string());
    let pieces = futures::stream::unfold(encoded, |mut encoded| async move {
        let piece = encoded.next().await?;
        Some((piece, encoded))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(encoding.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(position) = position.and_then(|position| HeaderValue::from_str(&position).ok()) {
        headers.insert(POSITION, position);
    }
    response
}

/// What went wrong, with the engine's own words: whoever asked wrote the question.
fn refused(error: &Error) -> Response {
    let status = match error.code() {
        "busy" | "stale" => StatusCode::SERVICE_UNAVAILABLE,
        "timeout" => StatusCode::GATEWAY_TIMEOUT,
        "resources" => StatusCode::UNPROCESSABLE_ENTITY,
        "projection" | "ended" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let retry = (status == StatusCode::SERVICE_UNAVAILABLE).then_some("1");
    refusal(status, &format!("sql.{}", error.code()), &error.to_string(), retry)
}

fn refusal(status: StatusCode, code: &str, message: &str, retry: Option<&'static str>) -> Response {
    let body = Json(json!({"error": {"code": code, "message": message}}));
    let mut response = (status, body).into_response();
    if let Some(seconds) = retry {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(seconds));
    }
    response
}
