use super::*;

#[test]
fn a_sealed_segment_gives_back_its_events_and_its_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    let frames = frames(10, 100);
    let (raw, last) = raw_segment(10, [3; 32], &frames);
    let record = seal(&store, std::slice::from_ref(&raw), &few()).expect("sealed");
    assert_eq!((record.base, record.end), (10, 110));
    assert_eq!(store.records().expect("records"), std::slice::from_ref(&record));
    let mut families: Vec<_> = record.files.iter().map(|file| file.family.as_str()).collect();
    families.sort_unstable();
    families.dedup();
    assert_eq!(families, ["call", "lead", "other", "system"]);
    let days = record.files.iter().map(|file| file.day.as_str());
    assert!(days.clone().any(|day| day == "2026-11-21") && days.clone().any(|d| d == "2026-11-22"));
    let part = open_part(&store, record);
    assert_eq!(read_all_of(&part).expect("events"), recorded(10, &frames));
    assert_eq!(part.rebuild_raw(0).expect("raw"), raw.bytes);
    assert_eq!(part.verify([3; 32]).expect("verified"), last);
    assert!(part.verify([4; 32]).is_err(), "another chain");
}

#[test]
fn a_range_and_single_positions_are_read_whatever_file_they_are_in() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    let frames = frames(0, 90);
    let (raw, _) = raw_segment(0, [0; 32], &frames);
    let record = seal(&store, &[raw], &few()).expect("sealed");
    let part = open_part(&store, record);
    let all = recorded(0, &frames);
    for start in 0..90u64 {
        for end in [start, start + 1, start + 7, 90, 200] {
            let mut events = Vec::new();
            part.read_range(start..end, &mut events).expect("events");
            let wanted = &all[start as usize..end.min(90) as usize];
            assert_eq!(events, wanted, "{start}..{end}");
        }
    }
    let positions: Vec<u64> = (0..90).filter(|at| at % 5 != 2).collect();
    let mut events = Vec::new();
    part.read(&positions, &mut events).expect("events");
    let wanted: Vec<_> = positions.iter().map(|at| all[*at as usize].clone()).collect();
    assert_eq!(events, wanted);
    assert!(part.read(&[90], &mut events).is_err(), "not in this part");
    let mut keys = Vec::new();
    part.keys(&mut |key| {
        keys.push((key.position, key.stream.clone(), key.revision, key.event_id, key.recorded_at));
    })
    .expect("keys");
    let key = |e: &Recorded| (e.position, e.stream.clone(), e.revision, e.event_id, e.recorded_at);
    assert_eq!(keys, all.iter().map(key).collect::<Vec<_>>());
}

/// Two segments and the hash of the last frame.
fn two() -> ([RawSegment; 2], Vec<Recorded>, Hash) {
    let (first, second) = (frames(0, 30), frames(30, 30));
    let (one, hash) = raw_segment(0, [0; 32], &first);
    let (two, last) = raw_segment(30, hash, &second);
    let mut events = recorded(0, &first);
    events.extend(recorded(30, &second));
    ([one, two], events, last)
}

#[test]
fn parts_that_follow_each_other_merge_into_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    let ([one, two], events, last) = two();
    let first = seal(&store, std::slice::from_ref(&one), &few()).expect("sealed");
    let second = seal(&store, std::slice::from_ref(&two), &few()).expect("sealed");
    let parts = [first.clone(), second.clone()].map(|it| Arc::new(open_part(&store, it)));
    let merged = merge(&store, &parts, &few()).expect("merged");
    assert_eq!(store.records().expect("records"), std::slice::from_ref(&merged));
    assert_eq!(store.clean().expect("cleaned"), 2);
    let merged = open_part(&store, merged);
    assert_eq!(read_all_of(&merged).expect("events"), events);
    assert_eq!(merged.verify([0; 32]).expect("verified"), last);
    assert_eq!(merged.rebuild_raw(0).expect("raw"), one.bytes);
    assert_eq!(merged.rebuild_raw(1).expect("raw"), two.bytes);
    let left = store.records().expect("records");
    assert_eq!(left.len(), 1, "the old records are gone");
    assert!(read_all_of(&parts[0]).is_ok() || !folder.path().join(&first.files[0].path).exists());
    let turned = [parts[1].clone(), parts[0].clone()];
    assert!(matches!(merge(&store, &turned, &few()), Err(SealError::Gap { position: 60 })));
}

/// A record of so many raw bytes, from one hour of 2026-11 to another.
fn record_of(bytes: u64, first_hour: i64, last_hour: i64) -> SealRecord {
    let hour = 3_600_000_000;
    let start = 1_795_219_200_000_000;
    let segment = SealedSegment {
        name: String::new(),
        header: String::new(),
        base: 0,
        end: 1,
        bytes,
        frames: 1,
        last_frame: String::new(),
        blake3: String::new(),
    };
    SealRecord {
        store: None,
        stream_events: None,
        format: SealRecord::FORMAT,
        base: 0,
        end: 1,
        first_recorded_at: start + first_hour * hour,
        last_recorded_at: start + last_hour * hour,
        segments: vec![segment],
        files: Vec::new(),
    }
}

#[test]
fn small_neighbours_of_a_past_day_are_worth_merging() {
    let check = |records: &[(u64, i64, i64)], wanted: Option<std::ops::Range<usize>>| {
        let records: Vec<_> = records.iter().map(|(b, f, l)| record_of(*b, *f, *l)).collect();
        let now = Timestamp::from_micros(1_795_219_200_000_000 + 30 * 3_600_000_000);
        assert_eq!(mergeable(&records, now, 100), wanted, "{records:?}");
    };
    check(&[], None);
    check(&[(10, 0, 1)], None);
    check(&[(10, 0, 1), (10, 1, 2), (10, 2, 3)], Some(0..3));
    check(&[(90, 0, 1), (10, 1, 2), (10, 2, 3)], Some(0..2));
    check(&[(99, 0, 1), (50, 1, 2), (50, 2, 3), (50, 4, 5)], Some(1..3));
    check(&[(100, 0, 1), (100, 1, 2), (u64::MAX, 2, 3)], None);
    check(&[(10, 0, 1), (10, 1, 25)], None);
    check(&[(10, 23, 23), (10, 24, 24), (10, 24, 25)], None);
    check(&[(10, -2, -1), (10, 1, 2), (10, 1, 2)], Some(1..3));
}

#[test]
fn sealing_twice_gives_the_same_files() {
    let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    let (raw, _) = raw_segment(0, [0; 32], &frames(0, 60));
    let first = seal(&store_in(one.path()), std::slice::from_ref(&raw), &few()).expect("sealed");
    let again = seal(&store_in(two.path()), std::slice::from_ref(&raw), &few()).expect("sealed");
    assert_eq!(first, again);
    let over = seal(&store_in(one.path()), std::slice::from_ref(&raw), &few()).expect("sealed");
    assert_eq!(first, over);
}

#[test]
fn what_is_no_whole_segment_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    let ([one, two], ..) = two();
    let refused = |segments: &[RawSegment]| seal(&store, segments, &few()).expect_err("refused");
    assert!(matches!(refused(&[]), SealError::Empty));
    let (empty, _) = raw_segment(0, [0; 32], &[]);
    assert!(matches!(refused(&[empty]), SealError::Empty));
    assert!(matches!(refused(&[one.clone(), one.clone()]), SealError::Gap { position: 30 }));
    let mut other = two.clone();
    let (strange, _) = raw_segment(30, [9; 32], &frames(30, 3));
    other.bytes = strange.bytes;
    assert!(matches!(refused(&[one.clone(), other]), SealError::Unsealable { offset: 48, .. }));
    let mut bytes = one.bytes.to_vec();
    bytes[300] ^= 1;
    let bad = RawSegment { name: one.name.clone(), bytes: bytes.into() };
    assert!(matches!(refused(&[bad]), SealError::Unsealable { .. }));
    let cut = one.bytes.slice(..one.bytes.len() - 16);
    assert!(matches!(refused(&[RawSegment { bytes: cut, ..one }]), SealError::Unsealable { .. }));
    assert_eq!(store.records().expect("records"), []);
}

#[tokio::test]
async fn segments_of_a_real_log_are_sealed_and_cut_after_their_last_frame() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    for number in 0..40 {
        append(&log, &format!("call-{}", number % 3), number * 3..number * 3 + 3).await;
    }
    let events = all(&log).await;
    log.close().await;
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(folder.path()));
    let names = segment_files(folder.path());
    let raw: Vec<_> = names
        .iter()
        .map(|path| path.file_name().and_then(|name| name.to_str()).expect("a name"))
        .map(|name| RawSegment::read(&storage, name).expect("a segment"))
        .collect();
    assert!(raw.len() > 3);
    let store = SealedStore::new(storage.folder("sealed").expect("a folder"));
    let record = seal(&store, &raw, &few()).expect("sealed");
    assert_eq!(read_all_of(&open_part(&store, record)).expect("events"), events);
    std::fs::write(&names[0], [1; 300]).expect("written");
    assert!(RawSegment::read(&storage, &raw[0].name).is_err());
    assert!(RawSegment::read(&storage, "segment-1.log").is_err());
}
