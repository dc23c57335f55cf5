//! The board as server-sent events.
//!
//! In: the board's watch channel. Out: `event: board` with a whole snapshot, its position as the
//! event's id, at once and then after changes; `event: heartbeat` with position and times.
//! Invariants: at most one board in [`BOARD_INTERVAL`], always the latest (a slow client skips
//! boards, it never queues them); a heartbeat every [`HEARTBEAT_INTERVAL`], so that silence
//! means a broken connection and not a quiet log; the response ends when the board's sender goes
//! or the server stops.
//! Deliberately absent: resuming. A reader that comes back gets the latest board, which is all
//! it needs.
//! Source: HTML Living Standard §9.2.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, Sse};
use serde::Serialize;
use tokio::time::{Instant, interval_at};
use tokio_stream::wrappers::{IntervalStream, WatchStream};
use tokio_stream::{Stream, StreamExt, once};

use super::board::rfc3339;
use super::error::ApiError;
use super::server::{Console, stamped};
use crate::base::Timestamp;

/// Five boards a second, as they are published: more is flicker to the eye and work for the wall
/// screen.
const BOARD_INTERVAL: Duration = super::follow::EVERY;
/// The page calls the board cut off after 5 s without a word; this allows for some late ones.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Says: nothing new since `position`, and I am still here.
#[derive(Serialize)]
struct Heartbeat {
    position: u64,
    #[serde(serialize_with = "rfc3339")]
    as_of: Timestamp,
    #[serde(serialize_with = "rfc3339")]
    server_time: Timestamp,
}

/// What the merged stream is made of.
enum Part {
    Board,
    Heartbeat,
    End,
}

/// `GET /api/board/stream`.
pub(super) async fn board(State(console): State<Console>) -> Result<impl IntoResponse, ApiError> {
    console.latest()?;
    let keep = [
        (header::CACHE_CONTROL, "no-store"),
        // Proxies of the nginx family hold small writes back otherwise.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((keep, Sse::new(events(console))))
}

fn events(console: Console) -> impl Stream<Item = Result<Event, axum::Error>> {
    let boards = WatchStream::new(console.board.clone())
        .throttle(BOARD_INTERVAL)
        .map(|_| Part::Board)
        .chain(once(Part::End));
    let beats =
        IntervalStream::new(interval_at(Instant::now() + HEARTBEAT_INTERVAL, HEARTBEAT_INTERVAL))
            .map(|_| Part::Heartbeat);
    let closing = WatchStream::new(console.closing.clone())
        .filter_map(|closing| closing.then_some(Part::End));
    boards.merge(beats).merge(closing).map_while(move |part| {
        let now = console.clock.now();
        let board = Arc::clone(&console.board.borrow());
        let event = match part {
            Part::Board => Event::default()
                .event("board")
                .id(board.position.to_string())
                .retry(RECONNECT)
                .json_data(stamped(&board, now)),
            Part::Heartbeat => Event::default().event("heartbeat").json_data(Heartbeat {
                position: board.position,
                as_of: board.as_of,
                server_time: now,
            }),
            Part::End => return None,
        };
        Some(event)
    })
}
