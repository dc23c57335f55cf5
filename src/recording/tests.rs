#[cfg(feature = "s3")]
mod bucket;
mod recorder;
mod sealed;
mod spooled;

use proptest::prelude::*;
use uuid::Uuid;

use super::seal::{Chunk, Sealer, Sound};
use super::*;
use crate::base::{CallId, LegId, Millis, RecordingId, SubjectId, Timestamp};

const KEY: RecordingKey = [7; 32];
/// 2026-11-21T09:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_795_251_600_000_000);

/// The nth recording of a test.
fn id(number: u128) -> RecordingId {
    RecordingId(Uuid::from_u128(0x019a_a5b1_3480_7000_8000_0000_0000_0000 + number))
}

fn header(number: u128) -> Header {
    Header {
        recording_id: id(number),
        call_id: CallId(Uuid::from_u128(1)),
        leg_id: LegId(Uuid::from_u128(2)),
        subject_id: SubjectId(Uuid::from_u128(3)),
        started_at: START,
        coding: Coding::MuLaw,
    }
}

/// Sound of a length in which every moment differs from the ones around.
fn sound(number: u32, millis: usize) -> Sound {
    let audio = (0..millis * BYTES_PER_MILLI).map(|at| (at as u32 ^ number) as u8).collect();
    Sound { dropped_ms: 0, audio }
}

/// Chunks of half a second each, the last one with an end.
fn chunks(header: &Header, count: u32) -> Vec<Chunk> {
    let sealer = Sealer::new(&KEY, header);
    let seal = |number| sealer.seal(number, &sound(number, 500), number + 1 == count);
    (0..count).map(|number| seal(number).expect("sealed")).collect()
}

/// A whole object of so many half seconds.
fn object(count: u32) -> Vec<u8> {
    let header = header(1);
    let mut bytes = header.encode().to_vec();
    chunks(&header, count).iter().for_each(|chunk| bytes.extend(chunk.encode()));
    bytes
}

#[test]
fn recordings_are_due_after_their_days_and_not_a_moment_before() {
    let day = 86_400_000;
    let stored = [(id(2), START.plus(Millis(day))), (id(1), START)];
    let after = |millis| due(START.plus(Millis(millis)), stored, 180);
    assert_eq!(after(0), []);
    assert_eq!(after(180 * day - 1), []);
    assert_eq!(after(180 * day), [id(1)]);
    assert_eq!(after(181 * day - 1), [id(1)]);
    assert_eq!(after(181 * day), [id(1), id(2)], "oldest first");
    assert_eq!(due(START.plus(Millis(181 * day)), stored, 365), []);
}

#[test]
fn a_recording_lies_below_the_day_it_began() {
    assert_eq!(path_of(id(1)), format!("2025/11/21/{}.lrec", id(1)));
}

proptest! {
    #[test]
    fn any_part_of_a_wav_file_is_that_of_the_whole(
        moments in 0_usize..400, from in 0_usize..1_000, length in 0_usize..1_000, form in 0..4
    ) {
        let coding = if form % 2 == 0 { Coding::MuLaw } else { Coding::ALaw };
        let form = if form < 2 { WavCoding::Pcm16 } else { WavCoding::G711 };
        let audio: Vec<u8> = (0..moments * 2).map(|at| (at * 7) as u8).collect();
        let whole = write_wav(&audio, coding, form);
        let header = Header { coding, ..header(1) };
        let (zero, is_cut) = (Millis(0), false);
        let opened = Opened { header, duration_ms: zero, dropped_ms: zero, is_cut, audio };
        let file = WavFile::new(std::sync::Arc::new(opened), form);
        prop_assert_eq!(file.len(), whole.len());
        let end = (from + length).min(whole.len());
        prop_assert_eq!(&file.bytes(from..from + length), &whole[from.min(end)..end]);
    }
}
