use proptest::prelude::*;
use uuid::Uuid;

use super::disk::{Disk, Fault};
use crate::base::Timestamp;
use crate::event_log::cache_file::IndexError;
use crate::event_log::segment_table::{
    RecordPlace, SegmentFacts, SegmentTable, load_facts, load_table, table_name, write_table,
};
use crate::event_log::storage::{Storage, read_to_end, write_full};

/// Frames as lengths of records, with the padding behind each frame.
type Frames = Vec<(i64, Vec<u32>)>;

fn build(base: u64, frames: &Frames) -> (SegmentFacts, SegmentTable, Vec<RecordPlace>) {
    let mut table = SegmentTable::new(base);
    let mut places = Vec::new();
    let mut at = 128_u32;
    for (time, lens) in frames {
        let recorded_at = Timestamp::from_micros(*time);
        table.begin_frame(u64::from(at), recorded_at).expect("room");
        at += 96;
        for len in lens {
            table.record(u64::from(at), *len as usize).expect("room");
            places.push(RecordPlace { offset: at, len: *len, recorded_at });
            at += len;
        }
        at = at.next_multiple_of(16);
    }
    let facts = SegmentFacts {
        segment: Uuid::from_u128(7),
        base,
        count: places.len() as u64,
        end: u64::from(at),
        header_hash: [3; 32],
        last_hash: [4; 32],
        recorded_at: Timestamp::from_micros(frames.last().map_or(0, |(time, _)| *time)),
    };
    (facts, table, places)
}

fn check_places(table: &SegmentTable, base: u64, places: &[RecordPlace]) {
    assert_eq!((table.base(), table.next()), (base, base + places.len() as u64));
    let found: Vec<_> = (base..table.next()).map_while(|at| table.place(at)).collect();
    assert_eq!(found, places);
    assert_eq!(table.place(table.next()), None);
    assert_eq!(base.checked_sub(1).and_then(|before| table.place(before)), None);
    assert_eq!(table.place(u64::MAX), None);
}

fn some_frames() -> Frames {
    vec![(5, vec![40, 50, 60]), (7, vec![33]), (8, vec![90, 91])]
}

proptest! {
    #[test]
    fn a_table_gives_back_every_place(
        base in 0u64..1 << 40,
        frames in proptest::collection::vec(
            (any::<i64>(), proptest::collection::vec(1u32..400, 1..20)), 0..20),
    ) {
        let (facts, table, places) = build(base, &frames);
        check_places(&table, base, &places);
        let disk = Disk::new(1);
        write_table(&disk, &facts, &table).expect("written");
        prop_assert_eq!(load_facts(&disk, base).expect("facts"), facts);
        check_places(&load_table(&disk, &facts).expect("a table"), base, &places);
        disk.crash();
        check_places(&load_table(&disk, &facts).expect("durable"), base, &places);
    }
}

#[test]
fn any_damaged_byte_is_refused() {
    let (facts, table, _) = build(9, &some_frames());
    let disk = Disk::new(1);
    write_table(&disk, &facts, &table).expect("written");
    let file = disk.open(&table_name(9), true).expect("the table");
    let whole = read_to_end(&*file, 0).expect("bytes");
    for (at, byte) in whole.iter().copied().enumerate() {
        for flip in [1, 0x80, 0xff] {
            write_full(&*file, &[byte ^ flip], at as u64).expect("written");
            let refused = load_table(&disk, &facts).expect_err("damaged");
            let text = refused.to_string();
            assert!(text.contains("rebuild") && text.contains("/disk/segment-"), "{at}: {text}");
            if at < 144 {
                load_facts(&disk, 9).expect_err("damaged");
            }
        }
        write_full(&*file, &[byte], at as u64).expect("written");
    }
    load_table(&disk, &facts).expect("as it was");
    for len in 0..whole.len() as u64 + 9 {
        file.set_size(len).expect("cut");
        if len != whole.len() as u64 {
            load_table(&disk, &facts).expect_err("cut or grown");
            load_facts(&disk, 9).expect_err("cut or grown");
            file.set_size(0).expect("cut");
            write_full(&*file, &whole, 0).expect("written");
        }
    }
}

#[test]
fn a_table_of_another_segment_is_refused() {
    let (facts, table, _) = build(9, &some_frames());
    let disk = Disk::new(1);
    assert!(matches!(load_facts(&disk, 9), Err(IndexError::Read { .. })), "there is none");
    write_table(&disk, &facts, &table).expect("written");
    let others = [
        SegmentFacts { segment: Uuid::from_u128(8), ..facts },
        SegmentFacts { last_hash: [5; 32], ..facts },
        SegmentFacts { end: facts.end + 16, ..facts },
    ];
    for other in others {
        let refused = load_table(&disk, &other).expect_err("of another").to_string();
        assert!(refused.contains("another segment"), "{refused}");
    }
    disk.rename(&table_name(9), &table_name(10)).expect("renamed");
    load_facts(&disk, 10).expect_err("its name is wrong");
    write_table(&disk, &SegmentFacts { count: 5, ..facts }, &table).expect_err("one event less");
    assert_eq!(disk.list().expect("names"), [table_name(10)]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let time = Timestamp::EPOCH;
    let mut table = SegmentTable::new(0);
    table.record(224, 5).expect_err("before the first frame");
    table.begin_frame(128, time).expect("a frame");
    table.record(225, 5).expect_err("a gap");
    table.record(224, usize::MAX).expect_err("too long");
    table.record(224, 5).expect("a record");
    table.record(228, 5).expect_err("an overlap");
    table.begin_frame(u64::from(u32::MAX) - 95, time).expect_err("too far");
    table.begin_frame(u64::from(u32::MAX) - 100, time).expect("the last frame");
    table.record(u64::from(u32::MAX) - 4, 5).expect_err("too far");
    table.record(u64::from(u32::MAX) - 4, 4).expect("the last record");
    assert_eq!(table.place(1).map(|place| place.len), Some(4));
}

/// A crash at any operation leaves no table, or all of it; and it can be made again.
#[test]
fn a_crash_leaves_a_table_or_none() {
    let (facts, table, places) = build(9, &some_frames());
    let mut whole = 0;
    for seed in 0..200 {
        for fault in [Fault::Crash, Fault::WriteError, Fault::SyncError, Fault::TornWrite] {
            let disk = Disk::new(seed);
            disk.arm(fault, seed % 8);
            let written = write_table(&disk, &facts, &table);
            disk.disarm();
            disk.crash();
            match load_table(&disk, &facts) {
                Ok(table) => {
                    check_places(&table, 9, &places);
                    whole += 1;
                }
                Err(IndexError::Read { .. }) => assert!(written.is_err(), "it was durable"),
                Err(error) => panic!("{seed} {fault:?}: {error}"),
            }
            write_table(&disk, &facts, &table).expect("written again");
            disk.crash();
            load_table(&disk, &facts).expect("durable");
        }
    }
    assert!((100..800).contains(&whole), "{whole} of 800 were whole");
}
