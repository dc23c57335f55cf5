//! Sealed parts give back what was sealed, or say which file is damaged.

mod crashes;
mod damage;
mod events;
mod parts;
#[cfg(feature = "s3")]
mod remote;

use bytes::Bytes;

use super::*;
use crate::event_log::frame::{self, FrameHeader, Hash, SegmentHeader};
use crate::event_log::record::{self, Stamp};

/// An event with its stream and revision.
pub(super) type Placed = (String, u64, NewEvent);

/// A raw segment of these frames, each with its time of recording, and the hash of the last.
fn raw_segment(base: u64, previous: Hash, frames: &[(i64, Vec<Placed>)]) -> (RawSegment, Hash) {
    let segment = Uuid::from_u128(u128::from(base) + 77);
    let header = SegmentHeader {
        version: frame::FORMAT_VERSION,
        segment,
        base,
        created_at: Timestamp::from_micros(5),
        previous,
    };
    let mut bytes = header.encode().to_vec();
    let mut previous = frame::hash(&bytes);
    let mut position = base;
    for (sequence, (at, events)) in (0..).zip(frames) {
        let recorded_at = Timestamp::from_micros(*at);
        let mut out = Vec::new();
        frame::begin(&mut out);
        let first = position;
        for (stream, revision, event) in events {
            let stamp = Stamp { position, recorded_at };
            record::encode(&mut out, stamp, stream, *revision, event);
            position += 1;
        }
        let header = FrameHeader {
            version: if sequence % 3 == 2 { 1 } else { frame::FORMAT_VERSION },
            segment,
            base: first,
            recorded_at,
            previous,
            count: u32::try_from(events.len()).expect("few"),
            sequence,
        };
        previous = frame::finish(&mut out, &header);
        bytes.extend(out);
    }
    let name = format!("segment-{base:020}.log");
    (RawSegment { name, bytes: Bytes::from(bytes) }, previous)
}

/// What a reader gets of the frames.
fn recorded(base: u64, frames: &[(i64, Vec<Placed>)]) -> Vec<Recorded> {
    let all = frames.iter().flat_map(|(at, events)| events.iter().map(move |event| (*at, event)));
    (base..)
        .zip(all)
        .map(|(position, (at, (name, revision, event)))| {
            let event = event.clone();
            Recorded {
                position,
                stream: stream(name),
                revision: *revision,
                recorded_at: Timestamp::from_micros(at),
                event_id: event.event_id,
                event_type: event.event_type,
                schema_version: event.schema_version,
                occurred_at: event.occurred_at,
                correlation_id: event.correlation_id,
                causation_id: event.causation_id,
                actor: event.actor,
                data: event.data.into(),
                content_type: event.content_type,
                metadata: event.metadata.into(),
            }
        })
        .collect()
}

/// Events of several families, days and shapes in frames of a few.
fn frames(first: u64, count: u64) -> Vec<(i64, Vec<Placed>)> {
    let day = 86_400_000_000;
    let numbers: Vec<u64> = (first..first + count).collect();
    let start = 1_795_244_400_000_000;
    numbers
        .chunks(3)
        .map(|numbers| {
            let at = start + numbers[0].cast_signed() * day / 40;
            let events = numbers.iter().map(|number| {
                let mut new = event(*number);
                match number % 7 {
                    0 => new.event_type = "CallAnswered".to_owned(),
                    1 => new.event_type = "LeadImported".to_owned(),
                    2 => new.event_type = "$metadata".to_owned(),
                    3 => new.data = vec![0xff, *number as u8],
                    4 => new.data = Vec::new(),
                    _ => {
                        let id = Uuid::from_u128(u128::from(*number));
                        new.data = format!(
                            "{{\"call_id\":\"{id}\",\"ring_ms\":{number},\"reason\":null,\
                             \"is_new\":true,\"at\":\"2026-11-21T09:30:00Z\",\"more\":[1,{{}}]}}"
                        )
                        .into_bytes();
                    }
                }
                (format!("call-{}", number % 4), number / 4, new)
            });
            (at, events.collect())
        })
        .collect()
}

fn store_in(folder: &Path) -> SealedStore {
    SealedStore::new(Arc::new(DiskStorage::new(folder)))
}

fn open_part(store: &SealedStore, record: SealRecord) -> SealedPart {
    SealedPart::open(record, store.clone())
}

fn read_all_of(part: &SealedPart) -> Result<Vec<Recorded>, ReadError> {
    let mut events = Vec::new();
    part.read_range(0..u64::MAX, &mut events)?;
    Ok(events)
}

/// Row groups so small that a few events make several.
fn few() -> SealOptions {
    SealOptions { row_group_events: 4, zstd_level: 1 }
}
