//! `GET /api/recordings`, `GET /api/recordings/{id}/audio`, `DELETE /api/recordings/{id}`: the
//! recordings of a platform that runs.
//!
//! In: who asks (basic authentication), a call or a recording. Out: rows; the sound as a WAV file,
//! or the part of it that a browser seeks to; what was deleted.
//! Invariants: nobody is let in without a password; who listens or takes a copy is on record
//! before the first byte of it goes out; nothing is kept on a disk on the way.
//! A browser asks for a file in pieces. They count as one listening: a user is on record once for
//! each recording within [`LISTENING`].
//! Deliberately absent: other codecs, and words.
//! Sources: RFC 9110 §14 (ranges); Microsoft/IBM RIFF WAVE, 1991.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::range::{Part, part};
use super::sign_in::{admit, is_from_elsewhere, refusal};
use crate::access::{Access, Caller, Role};
use crate::base::{CallId, Clock, Millis, RecordingId, Timestamp};
use crate::recording::{WavCoding, WavFile};
use crate::runtime::clock::SystemClock;
use crate::runtime::recorder::{DeskError, OpenRecording, RecordingDesk, RecordingRow};

/// What is asked for within this time of the first piece is the same listening.
const LISTENING: Millis = Millis(900_000);
/// Recordings that are kept open for the next piece.
const OPEN_MAX: usize = 8;
/// Sound that is kept open, all together. Units: bytes.
const OPEN_BYTES_MAX: usize = 256 << 20;
/// Recordings that are fetched and opened at once.
const FETCHED_MAX: usize = 4;
/// Sent at a time. Units: bytes.
const PIECE: usize = 64 << 10;
/// Rows where no number is asked for.
const ROWS: usize = 100;

/// What requests work with.
#[derive(Clone)]
pub struct RecordingDoor(Arc<Door>);

struct Door {
    desk: RecordingDesk,
    /// Nothing where nobody may.
    access: Option<Arc<Access>>,
    clock: SystemClock,
    fetching: Semaphore,
    shelf: Mutex<Shelf>,
}

/// What was opened of late, and who is on record for it.
#[derive(Default)]
struct Shelf {
    /// The last one used stands last.
    open: VecDeque<OpenRecording>,
    heard: BTreeMap<(String, RecordingId), Timestamp>,
}

#[derive(Deserialize)]
struct Wanted {
    call: Option<CallId>,
    before: Option<RecordingId>,
    limit: Option<usize>,
}

/// How the sound is wanted.
#[derive(Deserialize)]
struct Form {
    /// It is a copy to keep, and not only listened to.
    #[serde(default)]
    copy: bool,
    /// As G.711, not 16-bit PCM.
    #[serde(default)]
    g711: bool,
}

#[derive(Deserialize)]
struct Deleting {
    /// Also before its days are over.
    #[serde(default)]
    early: bool,
}

impl RecordingDoor {
    /// Over that desk, for these users; without users for nobody.
    pub fn new(desk: RecordingDesk, access: Option<Arc<Access>>) -> Self {
        let (fetching, shelf) = (Semaphore::new(FETCHED_MAX), Mutex::default());
        Self(Arc::new(Door { desk, access, clock: SystemClock::new(), fetching, shelf }))
    }

    /// The routes, for the console's server.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/api/recordings", get(list))
            .route("/api/recordings/{id}", delete(remove))
            .route("/api/recordings/{id}/audio", get(audio))
            .with_state(self)
    }

    fn admit(&self, headers: &HeaderMap, least: Role) -> Result<Caller, Box<Response>> {
        if is_from_elsewhere(headers) {
            let words = "this is not given to pages of other sites";
            return Err(refusal(StatusCode::FORBIDDEN, "recording.elsewhere", words).into());
        }
        let words = ("recording", "listen to recordings");
        admit(self.0.access.as_deref(), headers, least, words)
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sound of a recording: from the shelf, where it is still kept, or from the store.
    async fn open(&self, wanted: CallId) -> Result<OpenRecording, DeskError> {
        // Also where it lies on the shelf: it may be deleted, or its person erased.
        let id = self.0.desk.find(wanted).await.inspect_err(|_| self.shelf().forget(wanted))?;
        if let Some(open) = self.shelf().take(id) {
            return Ok(open);
        }
        let _one_of_few = self.0.fetching.acquire().await.map_err(|_| DeskError::Stopping)?;
        if let Some(open) = self.shelf().take(id) {
            return Ok(open);
        }
        let open = self.0.desk.read(CallId(id.0)).await?;
        self.shelf().put(open.clone());
        Ok(open)
    }

    /// Puts on record that somebody listens, where that is news.
    async fn listens(&self, open: &OpenRecording, by: &str) -> Result<(), DeskError> {
        let (who, now) = ((by.to_owned(), open.recording_id), self.0.clock.now());
        if self.shelf().heard.get(&who).is_some_and(|since| since.plus(LISTENING) > now) {
            return Ok(());
        }
        self.0.desk.note_played(open, by).await?;
        let mut shelf = self.shelf();
        shelf.heard.retain(|_, since| since.plus(LISTENING) > now);
        shelf.heard.insert(who, now);
        Ok(())
    }
}

impl Shelf {
    fn take(&mut self, id: RecordingId) -> Option<OpenRecording> {
        let place = self.open.iter().position(|one| one.recording_id == id)?;
        let open = self.open.remove(place)?;
        self.open.push_back(open.clone());
        Some(open)
    }

    fn put(&mut self, open: OpenRecording) {
        self.open.push_back(open);
        let bytes = |shelf: &VecDeque<OpenRecording>| -> usize {
            shelf.iter().map(|one| one.sound.audio.len()).sum()
        };
        while self.open.len() > OPEN_MAX || bytes(&self.open) > OPEN_BYTES_MAX {
            self.open.pop_front();
        }
    }

    fn forget(&mut self, wanted: CallId) {
        self.open.retain(|one| one.call_id != wanted && one.recording_id.0 != wanted.0);
    }
}

async fn list(
    State(door): State<RecordingDoor>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Response {
    let caller = match door.admit(&headers, Role::Reader) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let Wanted { call, before, limit } = wanted;
    match door.0.desk.list(call, before, limit.unwrap_or(ROWS)).await {
        Ok(rows) => {
            let body = json!({
                "may_listen": caller.role() >= Role::Writer,
                "may_delete": caller.role() >= Role::Admin,
                "recordings": rows.iter().map(row).collect::<Vec<_>>(),
            });
            ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        Err(error) => refused(&error),
    }
}

fn row(row: &RecordingRow) -> Value {
    json!({
        "recording_id": row.recording_id,
        "call_id": row.call_id,
        "started_at": row.started_at.to_string(),
        "state": if row.stored.is_some() { "stored" } else { "recording" },
        "duration_ms": row.stored.map(|(duration, _)| duration),
        "is_cut": row.stored.map(|(_, is_cut)| is_cut),
    })
}

async fn audio(
    State(door): State<RecordingDoor>,
    Path(id): Path<String>,
    Query(form): Query<Form>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let caller = match door.admit(&headers, Role::Writer) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let Ok(wanted) = id.parse::<CallId>() else { return no_such() };
    let coding = if form.g711 { WavCoding::G711 } else { WavCoding::Pcm16 };
    let open = match door.open(wanted).await {
        Ok(open) => open,
        Err(error) => return refused(&error),
    };
    let file = WavFile::new(open.sound.clone(), coding);
    let tag = format!("\"{}-{}\"", open.recording_id, coding.name());
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let is_same =
        headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes());
    // A copy is taken as a whole.
    let part = part(range.filter(|_| is_same && !form.copy), file.len());
    if method != Method::HEAD && part != Part::Nothing {
        let noted = if form.copy {
            door.0.desk.note_exported(&open, coding, caller.name()).await
        } else {
            door.listens(&open, caller.name()).await
        };
        if let Err(error) = noted {
            return refused(&error);
        }
    }
    let disposition = if form.copy { "attachment" } else { "inline" };
    let disposition = format!("{disposition}; filename=\"{}.wav\"", open.recording_id);
    let about = Vec::from([
        (header::CONTENT_TYPE, "audio/wav".to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        (header::ETAG, tag),
        (header::CONTENT_DISPOSITION, disposition),
    ]);
    give(file, part, about)
}

/// The response with a part of a file, made as it is sent.
fn give(file: WavFile, part: Part, mut about: Vec<(header::HeaderName, String)>) -> Response {
    let length = file.len();
    let (status, range) = match part {
        Part::Whole => (StatusCode::OK, 0..length),
        Part::Some(range) => {
            let shown = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
            about.push((header::CONTENT_RANGE, shown));
            (StatusCode::PARTIAL_CONTENT, range)
        }
        Part::Nothing => {
            about.push((header::CONTENT_RANGE, format!("bytes */{length}")));
            (StatusCode::RANGE_NOT_SATISFIABLE, 0..0)
        }
    };
    about.push((header::CONTENT_LENGTH, range.len().to_string()));
    let mut response = Response::new(Body::from_stream(tokio_stream::iter(pieces(file, range))));
    *response.status_mut() = status;
    for (name, value) in about {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn pieces(file: WavFile, range: Range<usize>) -> impl Iterator<Item = Result<Vec<u8>, Infallible>> {
    let end = range.end;
    range.step_by(PIECE).map(move |from| Ok(file.bytes(from..from.saturating_add(PIECE).min(end))))
}

async fn remove(
    State(door): State<RecordingDoor>,
    Path(id): Path<String>,
    Query(Deleting { early }): Query<Deleting>,
    headers: HeaderMap,
) -> Response {
    let caller = match door.admit(&headers, Role::Admin) {
        Ok(caller) => caller,
        Err(refused) => return *refused,
    };
    let Ok(wanted) = id.parse::<CallId>() else { return no_such() };
    let now = door.0.clock.now();
    match door.0.desk.delete(wanted, caller.name(), early, now).await {
        Ok(recording_id) => {
            door.shelf().forget(CallId(recording_id.0));
            Json(json!({ "recording_id": recording_id })).into_response()
        }
        Err(error) => refused(&error),
    }
}

fn no_such() -> Response {
    refusal(StatusCode::NOT_FOUND, "recording.unknown", "that is no id of a call or a recording")
}

/// Status, code and words for what went wrong; of what is wrong inside, the code alone.
fn refused(error: &DeskError) -> Response {
    let (status, code) = match error {
        DeskError::Unknown(_) => (StatusCode::NOT_FOUND, "recording.unknown"),
        DeskError::Several { .. } => (StatusCode::CONFLICT, "recording.several"),
        DeskError::NotStored { .. } => (StatusCode::CONFLICT, "recording.not_stored"),
        DeskError::NoKey { .. } => (StatusCode::GONE, "recording.erased"),
        DeskError::TooEarly { .. } => (StatusCode::CONFLICT, "recording.retention"),
        DeskError::Damaged { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "recording.damaged"),
        DeskError::Store(error) => {
            tracing::warn!(%error, "a recording cannot be had");
            let words = "the store does not answer; see the diagnostics";
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "recording.store", words);
        }
        DeskError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "recording.stopping"),
        other => {
            tracing::error!(error = %other, "a recording cannot be had");
            let words = "it cannot be had; see the diagnostics";
            return refusal(StatusCode::INTERNAL_SERVER_ERROR, "recording.failed", words);
        }
    };
    refusal(status, code, &error.to_string())
}
