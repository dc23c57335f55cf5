//! A walk compares the revisions of all streams.

use super::*;
use crate::event_log::frame;
use crate::event_log::revisions::Revisions;
use crate::event_log::stream_runs::StreamKey;

fn key(number: u64) -> StreamKey {
    StreamKey::of(&format!("s-{number}"))
}

/// A log of one segment whose frames hold one event each, at these revisions of these streams;
/// every checksum and link fits.
fn written(folder: &Path, events: &[(&str, u64)]) {
    let segment = Uuid::from_u128(5);
    let header = frame::SegmentHeader {
        version: frame::FORMAT_VERSION,
        segment,
        base: 0,
        created_at: Timestamp::EPOCH,
        previous: [0; 32],
    };
    let mut bytes = header.encode().to_vec();
    let mut previous = frame::hash(&bytes);
    for (position, (name, revision)) in (0..).zip(events) {
        let recorded_at = Timestamp::EPOCH;
        let mut out = Vec::new();
        frame::begin(&mut out);
        let stamp = record::Stamp { position, recorded_at };
        record::encode(&mut out, stamp, name, *revision, &event(position));
        let header = frame::FrameHeader {
            version: frame::FORMAT_VERSION,
            segment,
            base: position,
            recorded_at,
            previous,
            count: 1,
            sequence: position,
        };
        previous = frame::finish(&mut out, &header);
        bytes.extend(out);
    }
    std::fs::write(folder.join("segment-00000000000000000000.log"), bytes).expect("a write");
}

#[test]
fn a_revision_that_is_left_out_repeated_or_too_late_is_found() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = [("a", 0), ("b", 0), ("a", 1), ("c", 0), ("b", 1), ("a", 2)];
    written(folder.path(), &good);
    let report = verify(folder.path()).expect("whole");
    assert_eq!((report.events, report.uncompared_revisions), (6, 0));
    for at in 0..good.len() {
        for revision in (0..4).filter(|revision| *revision != good[at].1) {
            let mut bad = good;
            bad[at].1 = revision;
            written(folder.path(), &bad);
            let Err(VerifyError::Damaged(damage)) = verify(folder.path()) else {
                panic!("{bad:?} is whole")
            };
            assert_eq!(damage.position, at as u64, "{damage}");
            assert!(damage.what.contains("revision"), "{damage}");
            assert!(damage.offset > 128, "{damage}");
        }
    }
}

#[test]
fn streams_beyond_the_limit_are_counted_and_not_compared() {
    let mut revisions = Revisions::new(100);
    for revision in 0..3 {
        for number in 0..150 {
            assert!(revisions.follows(key(number), revision));
        }
    }
    assert_eq!(revisions.uncompared, 150);
    assert!(revisions.follows(key(120), 77), "nothing is known of it");
    assert!(!revisions.follows(key(99), 4), "of the first hundred everything is");
}

/// Ten million streams would be about 250 MB; these are fewer, since a test has no hour.
#[test]
fn a_stream_takes_27_bytes_at_most() {
    let streams = 200_000;
    let mut revisions = Revisions::new(u64::MAX);
    for revision in 0..2 {
        for number in 0..streams {
            assert!(revisions.follows(key(number), revision));
        }
    }
    let bytes = revisions.memory() as f64 / streams as f64;
    assert!((20.0..27.0).contains(&bytes), "{bytes} bytes a stream");
    for number in 0..streams {
        assert!(revisions.follows(key(number), 2));
        assert!(!revisions.follows(key(number), 2), "the same once more");
    }
}
