//! Small parts made into one, so that a quiet log does not become a folder of small files.
//!
//! In: parts that follow each other. Out: one part with all their raw segments in its record.
//! Invariant: the merged part is durable and proved before an old one may be removed; until
//! they are, readers take the widest.
//! Memory: the raw bytes of all parts that are merged.

use std::ops::Range;
use std::sync::Arc;

use super::part::SealedPart;
use super::seal_record::SealRecord;
use super::store::SealedStore;
use super::{RawSegment, SealError, SealOptions, seal};
use crate::base::Timestamp;

/// Units: microseconds.
const DAY: i64 = 86_400_000_000;

/// The first parts, by place in the list, that are worth merging: two or more neighbours of one
/// UTC day before `now`, of together at most `raw_bytes_max` raw bytes.
pub fn mergeable(
    records: &[SealRecord],
    now: Timestamp,
    raw_bytes_max: u64,
) -> Option<Range<usize>> {
    let today = now.as_micros().div_euclid(DAY);
    let day_of = |record: &SealRecord| {
        let first = record.first_recorded_at.div_euclid(DAY);
        let last = record.last_recorded_at.div_euclid(DAY);
        (first == last && last < today).then_some(first)
    };
    let mut start = 0;
    while let Some(first) = records.get(start) {
        let day = day_of(first);
        let mut bytes = first.raw_bytes();
        let mut end = start + 1;
        while let Some(next) = records.get(end) {
            bytes = bytes.saturating_add(next.raw_bytes());
            if day.is_none() || day_of(next) != day || bytes > raw_bytes_max {
                break;
            }
            end += 1;
        }
        if end - start > 1 {
            return Some(start..end);
        }
        start = end;
    }
    None
}

/// Makes one part of several that follow each other; once it returns, [`SealedStore::records`]
/// gives the new one only, and the old ones may be removed with [`SealedStore::remove`]. Blocks.
///
/// # Errors
/// See [`SealError`].
pub fn merge(
    store: &SealedStore,
    parts: &[Arc<SealedPart>],
    options: &SealOptions,
) -> Result<SealRecord, SealError> {
    let mut segments = Vec::new();
    let mut next = None;
    for part in parts {
        if let Some(position) = next.filter(|next| *next != part.base()) {
            return Err(SealError::Gap { position });
        }
        next = Some(part.end());
        for (number, entry) in part.record().segments.iter().enumerate() {
            let bytes = part.rebuild_raw(number)?;
            segments.push(RawSegment { name: entry.name.clone(), bytes });
        }
    }
    seal(store, &segments, options)
}
