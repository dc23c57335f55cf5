//! How long recordings are kept.

use crate::base::{Millis, RecordingId, Timestamp};

/// Fewer days are refused: complaints and audits come late.
pub const DAYS_MIN: u32 = 180;

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// When a recording that began then was kept for so many days.
pub fn due_at(started: Timestamp, days: u32) -> Timestamp {
    started.plus(Millis(DAY * u64::from(days)))
}

/// The recordings that were kept for so many days, oldest first. `stored` gives each with the
/// moment it began.
pub fn due(
    now: Timestamp,
    stored: impl IntoIterator<Item = (RecordingId, Timestamp)>,
    days: u32,
) -> Vec<RecordingId> {
    let mut over: Vec<_> =
        stored.into_iter().filter(|(_, started)| due_at(*started, days) <= now).collect();
    over.sort_unstable_by_key(|(id, started)| (*started, *id));
    over.into_iter().map(|(id, _)| id).collect()
}
