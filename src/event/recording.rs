//! Facts about recordings of calls: what was kept, who listened, what was deleted.
//!
//! The sound itself is never in the log.

use serde::{Deserialize, Serialize};

use crate::base::{CallId, LegId, Millis, RecordingId, SubjectId, Timestamp};

/// A leg begins to be recorded. It precedes the first sound that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingStarted {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// The recording.
    pub recording_id: RecordingId,
    /// Whose key seals it.
    pub subject_id: SubjectId,
    /// How sound is kept: `PCMU` or `PCMA`.
    pub codec: String,
}

/// A recording is whole and safe in the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingStored {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// The recording.
    pub recording_id: RecordingId,
    /// Whose key opens it.
    pub subject_id: SubjectId,
    /// When its first sound was.
    pub started_at: Timestamp,
    /// How long it is. Units: ms.
    pub duration_ms: Millis,
    /// How much of that is silence because it came too fast to be kept. Units: ms.
    pub dropped_ms: Millis,
    /// Whether its end is missing: the process or the disk gave up before the leg did.
    pub is_cut: bool,
    /// The format of the object: `lrec-1`.
    pub format: String,
    /// The length of the object. Units: bytes.
    pub bytes: u64,
    /// SHA-256 of the object, hexadecimal.
    pub sha256: String,
    /// Where it lies: `s3://bucket/…`, or a path, below the data folder unless it says `file:`.
    pub location: String,
}

/// A recording could not go on, or nothing of it could be kept. The call goes on, unless its
/// campaign must record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingFailed {
    /// The call.
    pub call_id: CallId,
    /// The leg.
    pub leg_id: LegId,
    /// The recording.
    pub recording_id: RecordingId,
    /// Why: `disk_full`, `disk_failed`, `nothing_kept`.
    pub reason: String,
}

/// Why a recording is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingDeletion {
    /// It was kept as long as configured.
    Retention,
    /// The person was erased; nobody could open it any more.
    Erasure,
    /// Somebody asked for it.
    Request,
}

impl RecordingDeletion {
    /// The name in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Erasure => "erasure",
            Self::Request => "request",
        }
    }
}

/// A recording is not there any more: neither in the store nor on its way there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingDeleted {
    /// The call.
    pub call_id: CallId,
    /// The recording.
    pub recording_id: RecordingId,
    /// Why.
    pub reason: RecordingDeletion,
    /// Who asked for it, where somebody did.
    pub by: Option<String>,
}

/// Somebody listens to a recording: written before the first sound is given out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingPlayed {
    /// The call.
    pub call_id: CallId,
    /// The recording.
    pub recording_id: RecordingId,
    /// Who.
    pub by: String,
}

/// Somebody takes a copy of a recording: written before the copy is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordingExported {
    /// The call.
    pub call_id: CallId,
    /// The recording.
    pub recording_id: RecordingId,
    /// Who.
    pub by: String,
    /// The format of the copy: `wav` or `wav-g711`.
    pub format: String,
}
