//! Recordings for people: listed, checked, copied, deleted, one at a time.
//!
//! In: a configuration, a call, who asks. Out: rows, sound as a WAV file, verdicts. Invariants:
//! that somebody takes a copy or listens is on record before a byte of it is given out; who asks
//! is named. To copy and to delete, the log must not be open elsewhere; to list and to check, it
//! may be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::{CallId, Clock, Millis, RecordingId, SubjectId, Timestamp, sha256_hex};
use crate::event::{
    Actor, Event, RecordingDeleted, RecordingDeletion, RecordingExported, RecordingPlayed,
    RecordingStored,
};
use crate::event_log::{AllRead, Direction, OpenError, ReadError};
use crate::privacy::{Vault, VaultError};
use crate::recording::{
    Coding, ObjectError, Opened, Store, StoreError, WavCoding, check, due_at, open, write_wav,
};
use crate::runtime::clock::{SystemClock, system_rng};
use crate::runtime::config::{Config, RecordingConfig};
use crate::runtime::journal::{Draft, Journal, JournalError};
use crate::runtime::log::{LogError, OpenLog, open_log, read_log};
use crate::runtime::platform::{StartError, open_vault};

/// Events read at once.
const PAGE: usize = 1_000;

/// A recording cannot be given out or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No log there: the wrong folder, most likely.
    #[error("recording: there is no log in {0}; name the folder with --config or --data-dir")]
    NoLog(PathBuf),
    /// The log or the keys cannot be opened.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The log cannot be opened to be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log cannot be read.
    #[error("recording: read the log: {0}")]
    Read(#[from] ReadError),
    /// What was done cannot be recorded, so it is not done.
    #[error("recording: {0}; nothing was given out")]
    Journal(#[from] JournalError),
    /// There is none.
    #[error(
        "recording: {0} has none: no such call, or its campaign was not recorded; wanted a call \
         or a recording of `ledgerline recording list`"
    )]
    Unknown(CallId),
    /// There are several.
    #[error("recording: {call_id} has several: name one of {recordings}")]
    Several {
        /// The call.
        call_id: CallId,
        /// Them.
        recordings: String,
    },
    /// It is not stored.
    #[error("recording: {id} is not in the store: {state}")]
    NotStored {
        /// The recording.
        id: RecordingId,
        /// What became of it.
        state: String,
    },
    /// The person was erased, or the keys are another installation's.
    #[error(
        "recording: {id} cannot be opened by anybody: the key of {subject_id} is destroyed (the \
         person was erased) or was never here"
    )]
    NoKey {
        /// The recording.
        id: RecordingId,
        /// Whose it is.
        subject_id: SubjectId,
    },
    /// The store cannot give or delete it.
    #[error("recording: {0}")]
    Store(#[from] StoreError),
    /// It is not as it was stored.
    #[error("recording {id}: {source}")]
    Damaged {
        /// The recording.
        id: RecordingId,
        /// What is wrong.
        source: ObjectError,
    },
    /// The platform is about to stop.
    #[error("recording: the platform is stopping")]
    Stopping,
    /// It is kept longer.
    #[error("recording: {id} is kept until {due}; say `early` to delete it before")]
    TooEarly {
        /// The recording.
        id: RecordingId,
        /// When its days are over.
        due: Timestamp,
    },
    /// The thread that waited for the store ended badly.
    #[error("recording: wait for the store: {0}")]
    Waiting(#[from] tokio::task::JoinError),
}

impl DeskError {
    /// Whether a platform runs on the data folder, which alone may write facts.
    pub const fn is_in_use(&self) -> bool {
        let files = match self {
            Self::Log(LogError::Files(files)) => files,
            Self::Open(StartError::Log(LogError::Files(files))) => files,
            _ => return false,
        };
        matches!(files, OpenError::Locked { .. })
    }
}

/// A recording as the log knows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Listed {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// Whose it is.
    pub subject_id: SubjectId,
    /// When it began.
    pub started_at: Timestamp,
    /// `recording`, `stored`, `failed` or `deleted`.
    pub state: &'static str,
    /// Why it failed or was deleted.
    pub reason: Option<String>,
    /// What is known of it once it is stored.
    pub stored: Option<Stored>,
    /// How often somebody listened or took a copy.
    pub accesses: u64,
}

/// What is known of a recording in a store.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Stored {
    /// Units: ms.
    pub duration_ms: Millis,
    /// Units: ms.
    pub dropped_ms: Millis,
    /// Whether its end is missing.
    pub is_cut: bool,
    /// Units: bytes.
    pub bytes: u64,
    /// Of the object.
    pub sha256: String,
    /// Where it lies.
    pub location: String,
}

impl Stored {
    fn of(fact: &RecordingStored) -> Self {
        Self {
            duration_ms: fact.duration_ms,
            dropped_ms: fact.dropped_ms,
            is_cut: fact.is_cut,
            bytes: fact.bytes,
            sha256: fact.sha256.clone(),
            location: fact.location.clone(),
        }
    }
}

/// Every recording that the log knows, oldest first; also while a platform runs.
///
/// # Errors
/// [`DeskError`], where the log cannot be read.
pub async fn list(config: &Config) -> Result<Vec<Listed>, DeskError> {
    let log = read_log(config).await?;
    let mut rows = BTreeMap::new();
    let mut from = AllRead::Start;
    loop {
        let page = log.read_all(from, Direction::Forwards, PAGE).await?;
        let Some(last) = page.last() else { return Ok(rows.into_values().collect()) };
        from = AllRead::Position(last.position + 1);
        for recorded in page.iter().filter(|one| one.event_type.starts_with("Recording")) {
            if let Ok(event) = recorded.event() {
                apply(&mut rows, &event, recorded.occurred_at);
            }
        }
    }
}

fn apply(rows: &mut BTreeMap<RecordingId, Listed>, event: &Event, at: Timestamp) {
    let mut change = |id: RecordingId, change: &dyn Fn(&mut Listed)| {
        rows.get_mut(&id).into_iter().for_each(change);
    };
    match event {
        Event::RecordingStarted(fact) => {
            let row = Listed {
                recording_id: fact.recording_id,
                call_id: fact.call_id,
                subject_id: fact.subject_id,
                started_at: at,
                state: "recording",
                reason: None,
                stored: None,
                accesses: 0,
            };
            rows.insert(fact.recording_id, row);
        }
        Event::RecordingStored(fact) => change(fact.recording_id, &|row| {
            row.state = "stored";
            row.started_at = fact.started_at;
            row.stored = Some(Stored::of(fact));
        }),
        Event::RecordingFailed(fact) => change(fact.recording_id, &|row| {
            row.state = "failed";
            row.reason = Some(fact.reason.clone());
        }),
        Event::RecordingDeleted(fact) => change(fact.recording_id, &|row| {
            row.state = "deleted";
            row.reason = Some(fact.reason.as_str().to_owned());
        }),
        Event::RecordingPlayed(fact) => change(fact.recording_id, &|row| row.accesses += 1),
        Event::RecordingExported(fact) => change(fact.recording_id, &|row| row.accesses += 1),
        _ => {}
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Verified {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// What is wrong with it; nothing where all is well.
    pub problem: Option<String>,
}

/// Compares recordings with their facts. Needs no key.
#[derive(Debug)]
pub struct Verifier(Store);

impl Verifier {
    /// Reaches nothing yet.
    ///
    /// # Errors
    /// [`DeskError::Store`] where the store's settings cannot be used.
    pub fn open(config: &Config) -> Result<Self, DeskError> {
        Ok(Self(config.recording.open_store(&config.data_dir)?))
    }

    /// Reads a recording and compares length, SHA-256 and every checksum in it; nothing where it
    /// is not stored. Blocks, and is not to be called from a task.
    pub fn verify(&self, row: &Listed) -> Option<Verified> {
        let stored = row.stored.as_ref().filter(|_| row.state == "stored")?;
        let problem = match self.0.path(&stored.location).and_then(|path| self.0.get(path)) {
            Err(error) => Some(error.to_string()),
            Ok(bytes) => problem(&bytes, row.recording_id, stored),
        };
        Some(Verified { recording_id: row.recording_id, call_id: row.call_id, problem })
    }
}

fn problem(bytes: &[u8], id: RecordingId, stored: &Stored) -> Option<String> {
    match check(bytes) {
        Err(error) => Some(error.to_string()),
        Ok(opened) if opened.header.recording_id != id => {
            Some(ObjectError::Other { wanted: id, found: opened.header.recording_id }.to_string())
        }
        Ok(_) if sha256_hex(bytes) != stored.sha256 => {
            Some(format!("read the recording: its SHA-256 is not {}", stored.sha256))
        }
        Ok(_) => None,
    }
}

/// The recording of a call, or the one of this id.
///
/// # Errors
/// [`DeskError::Unknown`] and [`DeskError::Several`].
fn find(rows: &[Listed], wanted: CallId) -> Result<&Listed, DeskError> {
    if let Some(row) = rows.iter().find(|row| row.recording_id.0 == wanted.0) {
        return Ok(row);
    }
    let of_call: Vec<_> = rows.iter().filter(|row| row.call_id == wanted).collect();
    match &of_call[..] {
        [] => Err(DeskError::Unknown(wanted)),
        [one] => Ok(one),
        several => {
            let ids: Vec<_> = several.iter().map(|row| row.recording_id.to_string()).collect();
            Err(DeskError::Several { call_id: wanted, recordings: ids.join(", ") })
        }
    }
}

/// A log, its journal and the keys, open alone.
struct Desk {
    log: OpenLog,
    journal: Journal,
    vault: Vault,
}

impl Desk {
    async fn open(config: &Config) -> Result<Self, DeskError> {
        let folder = config.data_dir.join("log");
        if config.log.is_none() && !folder.is_dir() {
            return Err(DeskError::NoLog(folder));
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let log = open_log(config, clock.clone()).await.map_err(StartError::from)?;
        let journal = Journal::open(log.log.clone(), clock, system_rng(), config.node.clone());
        let journal = journal.await.map_err(StartError::from)?;
        let vault = open_vault(config, &journal)?;
        Ok(Self { log, journal, vault })
    }

    async fn record(&mut self, event: impl Into<Event>, by: &str) -> Result<(), JournalError> {
        let now = self.journal.now();
        let mut draft = Draft::new(event, now, "recording");
        draft.actor = Actor::of("operator", &by);
        self.journal.append(vec![draft]).await.map(drop)
    }
}

/// A copy for somebody.
#[derive(Clone, Debug)]
pub struct Copied {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// How long it is. Units: ms.
    pub duration_ms: Millis,
    /// Whether its end is missing.
    pub is_cut: bool,
    /// The bytes of a WAV file: left the customer, right our side.
    pub wav: Vec<u8>,
}

/// Opens the recording of a call and gives it as a WAV file, once it is on record that `by` has
/// it: to keep, or only to listen to.
///
/// # Errors
/// [`DeskError`]; where it is about the recording, nothing was recorded.
pub async fn copy(
    config: &Config,
    wanted: CallId,
    coding: WavCoding,
    is_kept: bool,
    by: &str,
) -> Result<Copied, DeskError> {
    let rows = list(config).await?;
    let row = find(&rows, wanted)?.clone();
    let Listed { recording_id, call_id, subject_id, .. } = row;
    let mut desk = Desk::open(config).await?;
    let read = read(config, &desk.vault, row).await;
    let done = match read {
        Ok(opened) => {
            let by_name = by.to_owned();
            let fact: Event = if is_kept {
                let format = coding.name().to_owned();
                RecordingExported { call_id, recording_id, by: by_name, format }.into()
            } else {
                RecordingPlayed { call_id, recording_id, by: by_name }.into()
            };
            desk.record(fact, by).await.map(|()| opened).map_err(DeskError::from)
        }
        Err(DeskError::Open(StartError::Vault(VaultError::NoKey(_)))) => {
            Err(DeskError::NoKey { id: recording_id, subject_id })
        }
        Err(error) => Err(error),
    };
    desk.log.log.close().await;
    let opened = done?;
    let sound: Coding = opened.header.coding;
    let wav = write_wav(&opened.audio, sound, coding);
    let (duration_ms, is_cut) = (opened.duration_ms, opened.is_cut);
    Ok(Copied { recording_id, call_id, duration_ms, is_cut, wav })
}

async fn read(config: &Config, vault: &Vault, row: Listed) -> Result<Opened, DeskError> {
    let id = row.recording_id;
    let Some(stored) = row.stored.filter(|_| row.state != "deleted") else {
        let state = row
            .reason
            .map_or_else(|| row.state.to_owned(), |reason| format!("{} ({reason})", row.state));
        return Err(DeskError::NotStored { id, state });
    };
    let key = vault.recording_key(row.subject_id, id).map_err(StartError::from)?;
    let location = stored.location.clone();
    let bytes = with_store(config, move |store| store.get(store.path(&location)?)).await?;
    let opened = open(&bytes, &key).map_err(|source| DeskError::Damaged { id, source })?;
    let found = opened.header.recording_id;
    if found != id {
        return Err(DeskError::Damaged { id, source: ObjectError::Other { wanted: id, found } });
    }
    Ok(opened)
}

/// Deletes the recording of a call because somebody asked for it; where its days are not over,
/// only where `early` says that this is meant.
///
/// # Errors
/// [`DeskError`]; it may still be there.
pub async fn delete(
    config: &Config,
    wanted: CallId,
    by: &str,
    early: bool,
) -> Result<RecordingId, DeskError> {
    let rows = list(config).await?;
    let row = find(&rows, wanted)?;
    let (call_id, recording_id) = (row.call_id, row.recording_id);
    let Some(stored) = row.stored.clone().filter(|_| row.state != "deleted") else {
        return Err(DeskError::NotStored { id: recording_id, state: row.state.to_owned() });
    };
    let due = due_at(row.started_at, config.recording.days);
    if !early && SystemClock::new().now() < due {
        return Err(DeskError::TooEarly { id: recording_id, due });
    }
    let mut desk = Desk::open(config).await?;
    let removed =
        with_store(config, move |store| store.remove(store.path(&stored.location)?)).await;
    let done = match removed {
        Ok(()) => {
            let (reason, by_name) = (RecordingDeletion::Request, Some(by.to_owned()));
            let fact = RecordingDeleted { call_id, recording_id, reason, by: by_name };
            desk.record(fact, by).await.map_err(DeskError::from)
        }
        Err(error) => Err(error),
    };
    desk.log.log.close().await;
    done.map(|()| recording_id)
}

/// Deletes every recording of a person whose key is gone. How many were deleted, and how many
/// could not be: those stay due.
pub(crate) async fn forget_person(
    config: &Config,
    journal: &mut Journal,
    subject_id: SubjectId,
) -> Result<(u64, u64), JournalError> {
    let table = &journal.directory.recordings;
    let kept = table.kept().filter(|(_, kept)| kept.subject_id == subject_id);
    let kept: Vec<_> = kept.map(|(id, kept)| (id, kept.call_id, kept.location(id))).collect();
    let wanted = kept.len();
    let removed = with_store(config, move |store| {
        let remove = |(_, _, location): &(_, _, String)| {
            store.path(location).and_then(|path| store.remove(path)).is_ok()
        };
        Ok(kept.into_iter().filter(remove).collect::<Vec<_>>())
    });
    let removed = removed.await.unwrap_or_default();
    let now = journal.now();
    let drafts = removed.iter().map(|(recording_id, call_id, _)| {
        let (recording_id, call_id) = (*recording_id, *call_id);
        let reason = RecordingDeletion::Erasure;
        let fact = RecordingDeleted { call_id, recording_id, reason, by: None };
        Draft::new(fact, now, "recording")
    });
    journal.append(drafts.collect()).await?;
    Ok((removed.len() as u64, (wanted - removed.len()) as u64))
}

/// Works with the store on a thread that may wait for it.
async fn with_store<T: Send + 'static>(
    config: &Config,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, DeskError> {
    with_store_of(config.recording.clone(), config.data_dir.clone(), work).await
}

/// The same for a store that stands by itself.
pub(super) async fn with_store_of<T: Send + 'static>(
    recording: RecordingConfig,
    data_dir: PathBuf,
    work: impl FnOnce(&Store) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, DeskError> {
    let waiting = tokio::task::spawn_blocking(move || {
        let store = recording.open_store(&data_dir)?;
        work(&store)
    });
    Ok(waiting.await??)
}
