//! Facts about recordings.

use super::*;
use crate::base::RecordingId;

const RECORDING: RecordingId =
    RecordingId(Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0008));

pub(super) fn recordings() -> Vec<Event> {
    let by = || "quality".to_owned();
    vec![
        RecordingStarted {
            call_id: CALL,
            leg_id: LEG,
            recording_id: RECORDING,
            subject_id: SUBJECT,
            codec: "PCMU".to_owned(),
        }
        .into(),
        RecordingStored {
            call_id: CALL,
            leg_id: LEG,
            recording_id: RECORDING,
            subject_id: SUBJECT,
            started_at: AT,
            duration_ms: Millis(61_400),
            dropped_ms: Millis(0),
            is_cut: false,
            format: "lrec-1".to_owned(),
            bytes: 988_417,
            sha256: HASH.to_owned(),
            location: "recordings/2026/11/21/01980000-0000-7000-8000-000000000008.lrec".to_owned(),
        }
        .into(),
        RecordingFailed {
            call_id: CALL,
            leg_id: LEG,
            recording_id: RECORDING,
            reason: "disk_full".to_owned(),
        }
        .into(),
        RecordingDeleted {
            call_id: CALL,
            recording_id: RECORDING,
            reason: RecordingDeletion::Retention,
            by: None,
        }
        .into(),
        RecordingPlayed { call_id: CALL, recording_id: RECORDING, by: by() }.into(),
        RecordingExported {
            call_id: CALL,
            recording_id: RECORDING,
            by: by(),
            format: "wav".to_owned(),
        }
        .into(),
    ]
}
