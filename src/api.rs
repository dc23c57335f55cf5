//! HTTP: the console's pages and the board they show.
//!
//! In: a listener, the latest [`BoardSnapshot`] over a watch channel, a future that says when to
//! stop. Out: the page, `GET /api/board`, `GET /api/board/stream`, `POST /api/sql`,
//! `POST /api/calls/{id}/supervise`, recordings below `/api/recordings`, `GET /healthz`,
//! `GET /metrics`.
//! Invariants: a snapshot goes out as it came in, except for its `server_time`; whatever failed
//! inside reaches a client as a code of [`CODES`] and never as its cause, but for what is wrong
//! with a question of its own; every response forbids
//! scripts, styles and connections from anywhere but here.
//! Deliberately absent: computing a number (that is `projection`), and changing anything but who
//! listens to a call and which recordings are kept, for which a password is asked: the board is
//! read-only, and nobody is asked who they are. Listen on loopback.
//! Sources: HTML Living Standard §9.2 (server-sent events); W3C Content Security Policy 3.

mod assets;
mod board;
mod error;
mod follow;
mod metrics;
mod range;
mod recordings;
mod server;
mod sign_in;
#[cfg(feature = "analytics")]
mod sql;
mod stream;
mod supervise;

pub use board::{
    AgentRow, BoardSnapshot, CallRow, CallState, CampaignRow, CarrierRow, CarrierState,
    FunnelStage, FunnelStep, RecentRow, RobotChannels, SeriesPoint, Totals,
};
pub use error::{ApiError, CODES};
pub use follow::{FollowError, empty, follow, snapshot};
pub use metrics::metrics_routes;
pub use recordings::RecordingDoor;
pub use server::{routes, serve};
#[cfg(feature = "analytics")]
pub use sql::SqlDoor;
pub use supervise::Supervision;

#[cfg(test)]
mod tests;
