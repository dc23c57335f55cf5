//! Recordings for people while the platform runs: listed, opened, deleted.
//!
//! In: a call or a recording, who asks. Out: rows, sound, or why not. Invariants: that somebody
//! listens, takes a copy or has one deleted is written by the engine, which alone writes facts,
//! and is durable before this says so; the sound of a person who was erased opens no more.
//! Deliberately absent: who may, which whoever asks has to know.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::desk::{DeskError, with_store_of};
use super::table::RecordingTable;
use crate::base::{CallId, Millis, RecordingId, SubjectId, Timestamp};
use crate::event::{
    Event, RecordingDeleted, RecordingDeletion, RecordingExported, RecordingPlayed,
};
use crate::privacy::Vault;
use crate::recording::{ObjectError, Opened, RecordingKey, WavCoding, open};
use crate::runtime::config::{Config, RecordingConfig};

/// Requests that may wait.
const WAITING_MAX: usize = 64;
/// Rows that one request gets.
const ROWS_MAX: usize = 1_000;

/// A recording that is kept, or goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRow {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// When it began.
    pub started_at: Timestamp,
    /// What is known once it is stored: how long it is, in ms, and whether its end is missing.
    pub stored: Option<(Millis, bool)>,
}

/// What the engine knows of a recording that is kept.
pub(crate) struct Found {
    recording_id: RecordingId,
    call_id: CallId,
    started_at: Timestamp,
    location: String,
    key: RecordingKey,
}

/// What the engine is asked for.
pub(crate) enum Request {
    /// Rows, newest first.
    List {
        call_id: Option<CallId>,
        before: Option<RecordingId>,
        most: usize,
        answer: oneshot::Sender<Vec<RecordingRow>>,
    },
    /// Where one lies, and its key.
    Find { wanted: CallId, answer: oneshot::Sender<Result<Found, DeskError>> },
    /// A fact about one that is kept, to be answered once it is durable.
    Note { fact: Event, by: String, answer: oneshot::Sender<Result<(), DeskError>> },
}

/// A recording whose sound is here.
#[derive(Clone, Debug)]
pub struct OpenRecording {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// The sound.
    pub sound: Arc<Opened>,
}

/// Recordings of a platform that runs.
#[derive(Clone, Debug)]
pub struct RecordingDesk {
    to: mpsc::Sender<Request>,
    recording: RecordingConfig,
    data_dir: PathBuf,
}

impl RecordingDesk {
    /// A desk, and where its requests arrive.
    pub(crate) fn open(config: &Config) -> (Self, mpsc::Receiver<Request>) {
        let (to, requests) = mpsc::channel(WAITING_MAX);
        let (recording, data_dir) = (config.recording.clone(), config.data_dir.clone());
        (Self { to, recording, data_dir }, requests)
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, DeskError> {
        let (answer, answered) = oneshot::channel();
        self.to.send(request(answer)).await.map_err(|_| DeskError::Stopping)?;
        answered.await.map_err(|_| DeskError::Stopping)
    }

    /// Recordings that are kept or go on, newest first: of one call, or those before one; at most
    /// a thousand.
    ///
    /// # Errors
    /// [`DeskError::Stopping`].
    pub async fn list(
        &self,
        call_id: Option<CallId>,
        before: Option<RecordingId>,
        most: usize,
    ) -> Result<Vec<RecordingRow>, DeskError> {
        let most = most.min(ROWS_MAX);
        self.ask(|answer| Request::List { call_id, before, most, answer }).await
    }

    /// Which recording it is, of a call or by its own id; it can be opened now.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn find(&self, wanted: CallId) -> Result<RecordingId, DeskError> {
        let found = self.ask(|answer| Request::Find { wanted, answer }).await??;
        Ok(found.recording_id)
    }

    /// Reads and opens the recording of a call, or the one of this id, all of it. Nothing is on
    /// record yet: [`Self::note_played`] or [`Self::note_exported`] comes before any of it is
    /// given out.
    ///
    /// # Errors
    /// [`DeskError`].
    pub async fn read(&self, wanted: CallId) -> Result<OpenRecording, DeskError> {
        let found = self.ask(|answer| Request::Find { wanted, answer }).await??;
        let Found { recording_id: id, call_id, location, key, .. } = found;
        let bytes = self.with_store(move |store| store.get(store.path(&location)?)).await?;
        let opening = tokio::task::spawn_blocking(move || open(&bytes, &key));
        let opened = opening.await?.map_err(|source| DeskError::Damaged { id, source })?;
        let found = opened.header.recording_id;
        if found != id {
            return Err(DeskError::Damaged {
                id,
                source: ObjectError::Other { wanted: id, found },
            });
        }
        Ok(OpenRecording { recording_id: id, call_id, sound: Arc::new(opened) })
    }

    /// Somebody is about to listen: true once it is durable.
    ///
    /// # Errors
    /// [`DeskError`]; nothing may be given out.
    pub async fn note_played(&self, one: &OpenRecording, by: &str) -> Result<(), DeskError> {
        let (call_id, recording_id) = (one.call_id, one.recording_id);
        let fact = RecordingPlayed { call_id, recording_id, by: by.to_owned() };
        self.note(fact, by).await
    }

    /// Somebody is about to take a copy.
    ///
    /// # Errors
    /// [`DeskError`]; nothing may be given out.
    pub async fn note_exported(
        &self,
        one: &OpenRecording,
        coding: WavCoding,
        by: &str,
    ) -> Result<(), DeskError> {
        let (call_id, recording_id) = (one.call_id, one.recording_id);
        let format = coding.name().to_owned();
        self.note(RecordingExported { call_id, recording_id, by: by.to_owned(), format }, by).await
    }

    async fn note(&self, fact: impl Into<Event>, by: &str) -> Result<(), DeskError> {
        let (fact, by) = (fact.into(), by.to_owned());
        self.ask(|answer| Request::Note { fact, by, answer }).await?
    }

    /// Deletes one because somebody asks for it; where its days are not over, only where `early`
    /// says that this is meant.
    ///
    /// # Errors
    /// [`DeskError::TooEarly`] says when they are; by any other it may still be there.
    pub async fn delete(
        &self,
        wanted: CallId,
        by: &str,
        early: bool,
        now: Timestamp,
    ) -> Result<RecordingId, DeskError> {
        let found = self.ask(|answer| Request::Find { wanted, answer }).await??;
        let Found { recording_id, call_id, started_at, location, .. } = found;
        let due = crate::recording::due_at(started_at, self.recording.days);
        if now < due && !early {
            return Err(DeskError::TooEarly { id: recording_id, due });
        }
        self.with_store(move |store| store.remove(store.path(&location)?)).await?;
        let (reason, by_name) = (RecordingDeletion::Request, Some(by.to_owned()));
        self.note(RecordingDeleted { call_id, recording_id, reason, by: by_name }, by).await?;
        Ok(recording_id)
    }

    async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&crate::recording::Store) -> Result<T, crate::recording::StoreError>
        + Send
        + 'static,
    ) -> Result<T, DeskError> {
        with_store_of(self.recording.clone(), self.data_dir.clone(), work).await
    }
}

/// Rows as [`RecordingDesk::list`] wants them.
pub(crate) fn rows(
    table: &RecordingTable,
    call_id: Option<CallId>,
    before: Option<RecordingId>,
    most: usize,
) -> Vec<RecordingRow> {
    let row = |recording_id: RecordingId| {
        if let Some(kept) = table.get(recording_id) {
            let stored = Some((kept.duration_ms, kept.is_cut));
            let (call_id, started_at) = (kept.call_id, kept.started_at);
            return Some(RecordingRow { recording_id, call_id, started_at, stored });
        }
        let call_id = table.open_call(recording_id)?;
        let started_at = recording_id.made_at().unwrap_or_default();
        Some(RecordingRow { recording_id, call_id, started_at, stored: None })
    };
    match call_id {
        Some(call_id) => {
            let mut rows: Vec<_> = table.of_call(call_id).filter_map(row).collect();
            rows.reverse();
            rows.truncate(most);
            rows
        }
        None => table.before(before).filter_map(row).take(most).collect(),
    }
}

/// The recording of a call, or the one of this id, with its key.
pub(crate) fn find(
    table: &RecordingTable,
    vault: &Vault,
    wanted: CallId,
) -> Result<Found, DeskError> {
    let by_id = RecordingId(wanted.0);
    let ids: Vec<_> = if table.get(by_id).is_some() || table.open_call(by_id).is_some() {
        vec![by_id]
    } else {
        table.of_call(wanted).collect()
    };
    let recording_id = match &ids[..] {
        [] => return Err(DeskError::Unknown(wanted)),
        [one] => *one,
        several => {
            let ids: Vec<_> = several.iter().map(ToString::to_string).collect();
            return Err(DeskError::Several { call_id: wanted, recordings: ids.join(", ") });
        }
    };
    let Some(kept) = table.get(recording_id) else {
        let state = "it goes on, or waits to be stored".to_owned();
        return Err(DeskError::NotStored { id: recording_id, state });
    };
    let subject_id: SubjectId = kept.subject_id;
    let key = vault
        .recording_key(subject_id, recording_id)
        .map_err(|_| DeskError::NoKey { id: recording_id, subject_id })?;
    let (call_id, started_at) = (kept.call_id, kept.started_at);
    Ok(Found { recording_id, call_id, started_at, location: kept.location(recording_id), key })
}
