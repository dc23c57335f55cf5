use proptest::prelude::*;

use super::*;
use crate::event_log::frame::{self, ALIGN, FrameHeader, SegmentHeader};
use crate::event_log::record::{self, Stamp};

fn events() -> impl Strategy<Value = NewEvent> {
    (
        any::<u128>(),
        ".{0,40}",
        any::<(u16, i64)>(),
        any::<(Option<u128>, Option<u128>)>(),
        ".{0,20}",
        proptest::collection::vec(any::<u8>(), 0..300),
        (any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40)),
    )
        .prop_map(
            |(
                id,
                event_type,
                (schema_version, at),
                (correlation, cause),
                actor,
                data,
                (json, metadata),
            )| NewEvent {
                event_id: EventId(Uuid::from_u128(id)),
                event_type,
                schema_version,
                occurred_at: Timestamp::from_micros(at),
                correlation_id: correlation.map(Uuid::from_u128),
                causation_id: cause.map(|id| EventId(Uuid::from_u128(id))),
                actor: Actor::recorded(actor),
                data,
                content_type: if json { ContentType::Json } else { ContentType::Binary },
                metadata,
            },
        )
}

fn stamps() -> impl Strategy<Value = Stamp> {
    any::<(u64, i64)>()
        .prop_map(|(position, at)| Stamp { position, recorded_at: Timestamp::from_micros(at) })
}

fn header(base: u64, count: u32) -> FrameHeader {
    FrameHeader {
        version: frame::FORMAT_VERSION,
        segment: Uuid::from_u128(5),
        base,
        recorded_at: Timestamp::from_micros(-1),
        previous: [7; 32],
        count,
        sequence: 3,
    }
}

proptest! {
    #[test]
    fn a_record_reads_back_as_it_was_written(
        event in events(),
        stamp in stamps(),
        name in "[^\\p{Cc}]{1,60}",
        revision: u64,
        behind in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut bytes = Vec::new();
        record::encode(&mut bytes, stamp, &name, revision, &event);
        let len = bytes.len();
        prop_assert!(len <= record::size_bound(&stream(&name), &event));
        bytes.extend(behind);
        let view = record::decode(&bytes, stamp).expect("a record");
        prop_assert_eq!((view.len, view.tail.stream, view.revision), (len, name.as_str(), revision));
        let back = view.to_recorded(stamp).expect("an event");
        prop_assert_eq!(as_new(&back), event);
        prop_assert_eq!((back.position, back.recorded_at), (stamp.position, stamp.recorded_at));
    }

    #[test]
    fn a_record_that_changed_or_moved_is_refused(
        event in events(), stamp in stamps(), at: prop::sample::Index, bit in 0..8u8,
    ) {
        let mut bytes = Vec::new();
        record::encode(&mut bytes, stamp, "s", 0, &event);
        let moved = Stamp { position: stamp.position ^ 1, ..stamp };
        prop_assert!(record::decode(&bytes, moved).is_err());
        let later = stamp.recorded_at.as_micros().wrapping_add(1);
        let later = Stamp { recorded_at: Timestamp::from_micros(later), ..stamp };
        prop_assert!(record::decode(&bytes, later).is_err());
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(record::decode(&bytes, stamp).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400), stamp in stamps(),
    ) {
        prop_assert!(record::decode(&bytes, stamp).is_err() || bytes.len() > 30);
        prop_assert!(frame::decode(&bytes).is_err());
        prop_assert!(SegmentHeader::decode(&bytes).is_err());
        let _ = frame::claim(&bytes);
        prop_assert_eq!(frame::any_valid(&bytes, None), None);
    }

    /// Arbitrary bytes behind a right magic and a right checksum: a hostile or future writer.
    #[test]
    fn arbitrary_fields_under_a_right_checksum_never_panic(
        mut body in proptest::collection::vec(any::<u8>(), 0..200), stamp in stamps(),
    ) {
        let mut bytes = u32::try_from(body.len() + 8).expect("short").to_le_bytes().to_vec();
        let mut place = stamp.position.to_le_bytes().to_vec();
        place.extend(stamp.recorded_at.as_micros().to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&place), &body);
        bytes.extend(crc.to_le_bytes());
        bytes.append(&mut body);
        if let Ok(view) = record::decode(&bytes, stamp) {
            prop_assert_eq!(view.len, bytes.len());
            drop(view.to_recorded(stamp));
        }
    }

    #[test]
    fn a_frame_reads_back_as_it_was_written_and_not_at_all_where_it_changed(
        events in proptest::collection::vec(events(), 0..5),
        base: u64,
        at: prop::sample::Index,
        bit in 0..8u8,
        cut: prop::sample::Index,
    ) {
        let header = header(base, u32::try_from(events.len()).expect("few"));
        let mut bytes = Vec::new();
        frame::begin(&mut bytes);
        for (position, event) in (0..).zip(&events) {
            let stamp = Stamp { position, recorded_at: header.recorded_at };
            record::encode(&mut bytes, stamp, "s", position, event);
        }
        let hash = frame::finish(&mut bytes, &header);
        prop_assert!(bytes.len().is_multiple_of(ALIGN));
        prop_assert_eq!(hash, frame::hash(&bytes));
        let found = frame::decode(&bytes).expect("a frame");
        prop_assert_eq!((found.header, found.bytes.len()), (header, bytes.len()));
        prop_assert!(frame::decode(&bytes[..cut.index(bytes.len())]).is_err());
        let mut behind = vec![0; ALIGN * 3];
        behind.extend(&bytes);
        prop_assert_eq!(frame::any_valid(&behind, Some(header.segment)), Some(ALIGN * 3));
        prop_assert_eq!(frame::any_valid(&behind, Some(Uuid::from_u128(6))), None);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(frame::decode(&bytes).is_err());
    }

    #[test]
    fn a_segment_header_reads_back_and_a_changed_one_is_refused(
        id: u128, base: u64, at: i64, previous: [u8; 32],
        place in 0..frame::SEGMENT_HEADER, bit in 0..8u8,
    ) {
        let header = SegmentHeader {
            version: frame::FORMAT_VERSION,
            segment: Uuid::from_u128(id),
            base,
            created_at: Timestamp::from_micros(at),
            previous,
        };
        let mut bytes = header.encode();
        prop_assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        bytes[place] ^= 1 << bit;
        prop_assert!(SegmentHeader::decode(&bytes).is_err());
    }
}

#[test]
fn a_newer_version_is_named_not_taken_for_damage() {
    let mut bytes = SegmentHeader {
        version: frame::FORMAT_VERSION,
        segment: Uuid::from_u128(1),
        base: 0,
        created_at: Timestamp::EPOCH,
        previous: [0; 32],
    }
    .encode();
    bytes[8] = 9;
    let crc = crc32c::crc32c(&bytes[..124]);
    bytes[124..].copy_from_slice(&crc.to_le_bytes());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("segment-00000000000000000000.log"), bytes).expect("a write");
    let Err(refused) = EmbeddedLog::open(folder.path(), small(), clock()) else {
        panic!("opened");
    };
    assert!(refused.to_string().contains("format version 9, this program knows 2"), "{refused}");
}

/// The files of yesterday are read tomorrow: a change of these bytes is a new format version.
#[test]
fn the_example_in_the_documentation_is_what_is_written() {
    let segment = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    let recorded_at = Timestamp::from_micros(1_795_244_400_000_000);
    let created_at = recorded_at;
    let mut bytes = SegmentHeader {
        version: frame::FORMAT_VERSION,
        segment,
        base: 1,
        created_at,
        previous: [0; 32],
    }
    .encode()
    .to_vec();
    let mut frame = Vec::new();
    frame::begin(&mut frame);
    record::encode(&mut frame, Stamp { position: 1, recorded_at }, "call-1", 0, &event(1));
    let previous = frame::hash(&bytes);
    let header = FrameHeader {
        version: frame::FORMAT_VERSION,
        segment,
        base: 1,
        recorded_at,
        previous,
        count: 1,
        sequence: 0,
    };
    frame::finish(&mut frame, &header);
    bytes.extend(frame);
    let dump: String = (0..)
        .zip(bytes.chunks(16))
        .map(|(line, bytes)| {
            let hex: String = bytes.iter().map(|byte| format!(" {byte:02x}")).collect();
            format!("{:04x} {hex}\n", line * 16)
        })
        .collect();
    let documented = include_str!("../../../docs/log-format.md");
    assert!(documented.ends_with(&format!("```text\n{dump}```\n")), "write there:\n{dump}");
}
