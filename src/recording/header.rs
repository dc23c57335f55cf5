//! What stands at the beginning of every recording, in the spool and in the object.

use uuid::Uuid;

use super::Coding;
use crate::base::{CallId, LegId, RecordingId, SubjectId, Timestamp};

const MAGIC: [u8; 8] = *b"LREC-1\r\n";

/// Whose recording it is, of what, and how its sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The recording.
    pub recording_id: RecordingId,
    /// The call.
    pub call_id: CallId,
    /// The leg: the customer's.
    pub leg_id: LegId,
    /// Whose key seals it.
    pub subject_id: SubjectId,
    /// When its first sound was.
    pub started_at: Timestamp,
    /// How both channels are written.
    pub coding: Coding,
}

impl Header {
    /// How long it is. Units: bytes.
    pub(super) const LEN: usize = 85;

    /// Its bytes: magic, four ids, the time in µs (little endian), coding, CRC32C.
    pub(super) fn encode(&self) -> [u8; Self::LEN] {
        let ids = [self.recording_id.0, self.call_id.0, self.leg_id.0, self.subject_id.0];
        let mut bytes = Vec::with_capacity(Self::LEN);
        bytes.extend(MAGIC);
        for id in ids {
            bytes.extend(id.as_bytes());
        }
        bytes.extend(self.started_at.as_micros().to_le_bytes());
        bytes.push(self.coding.tag());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        let mut fixed = [0; Self::LEN];
        for (to, from) in fixed.iter_mut().zip(bytes) {
            *to = from;
        }
        fixed
    }

    /// Reads what [`Self::encode`] made; nothing where a bit of it is not so.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, sum) = bytes.get(..Self::LEN)?.split_last_chunk::<4>()?;
        let (magic, rest) = body.split_first_chunk::<8>()?;
        if *magic != MAGIC || crc32c::crc32c(body) != u32::from_le_bytes(*sum) {
            return None;
        }
        let (recording, rest) = uuid(rest)?;
        let (call, rest) = uuid(rest)?;
        let (leg, rest) = uuid(rest)?;
        let (subject, rest) = uuid(rest)?;
        let (started, rest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            recording_id: RecordingId(recording),
            call_id: CallId(call),
            leg_id: LegId(leg),
            subject_id: SubjectId(subject),
            started_at: Timestamp::from_micros(i64::from_le_bytes(*started)),
            coding: Coding::from_tag(*rest.first()?)?,
        })
    }
}

fn uuid(bytes: &[u8]) -> Option<(Uuid, &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    Some((Uuid::from_bytes(*id), rest))
}
