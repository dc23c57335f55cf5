//! `POST /api/calls/{id}/supervise`: has a supervisor's phone rung and joined to a call.
//!
//! In: who asks (basic authentication), the call, the supervisor and the mode. Out: 202 once the
//! phone is about to ring or the mode is changed, or why not. Invariants: nobody is let in
//! without a password, and no reader; a request that a page elsewhere could send without asking
//! is refused (its type must be `application/json`).
//! Deliberately absent: doing it, which is the engine's part, and sign-in by cookies.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::sign_in::{admit, refusal};
use crate::access::{Access, Role};
use crate::base::{AgentId, CallId};
use crate::event::SupervisionMode;
use crate::runtime::{SupervisionDoor, SupervisionRefusal};

/// What it takes to join a supervisor.
#[derive(Clone)]
pub struct Supervision {
    door: SupervisionDoor,
    /// Nothing where nobody may.
    access: Option<Arc<Access>>,
}

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    agent: AgentId,
    mode: SupervisionMode,
}

impl Supervision {
    /// Over that door, for these users with the role of writer or admin; without users for
    /// nobody.
    pub const fn new(door: SupervisionDoor, access: Option<Arc<Access>>) -> Self {
        Self { door, access }
    }

    /// The route, for the console's server.
    pub fn routes(self) -> Router {
        Router::new().route("/api/calls/{id}/supervise", post(answer)).with_state(self)
    }
}

async fn answer(
    State(supervision): State<Supervision>,
    Path(call): Path<String>,
    headers: HeaderMap,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Response {
    let words = ("supervise", "supervise calls");
    if let Err(refused) = admit(supervision.access.as_deref(), &headers, Role::Writer, words) {
        return *refused;
    }
    let Wanted { agent, mode } = match wanted {
        Ok(Json(wanted)) => wanted,
        Err(rejection) => {
            return refusal(rejection.status(), "supervise.request", &rejection.body_text());
        }
    };
    let Ok(call_id) = call.parse::<CallId>() else {
        return refusal(StatusCode::NOT_FOUND, "supervise.call", "that is no call's id");
    };
    match supervision.door.supervise(call_id, agent, mode).await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({"mode": mode.as_str()}))).into_response(),
        Err(error) => {
            let (status, code) = row(error);
            refusal(status, code, &error.to_string())
        }
    }
}

/// Status and stable code of a refusal.
const fn row(refusal: SupervisionRefusal) -> (StatusCode, &'static str) {
    match refusal {
        SupervisionRefusal::NoCall => (StatusCode::NOT_FOUND, "supervise.call"),
        SupervisionRefusal::NoSupervisor => (StatusCode::NOT_FOUND, "supervise.agent"),
        SupervisionRefusal::NoPhone => (StatusCode::CONFLICT, "supervise.phone"),
        SupervisionRefusal::Occupied => (StatusCode::CONFLICT, "supervise.occupied"),
        SupervisionRefusal::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "supervise.stopping"),
    }
}
