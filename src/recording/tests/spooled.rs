use std::fs;
use std::path::{Path, PathBuf};

use super::*;

const LIMIT: u64 = 1 << 30;

fn spool(folder: &Path) -> Spool {
    Spool::open(folder, LIMIT).expect("a spool")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    files
}

/// Half seconds of each recording.
fn lengths(spool: &Spool) -> Vec<(RecordingId, u64)> {
    spool.recordings().map(|one| (one.header.recording_id, one.millis)).collect()
}

#[test]
fn recordings_side_by_side_come_back_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = spool(folder.path());
    let headers = [header(1), header(2)];
    headers.iter().for_each(|header| one.begin(header));
    for number in 0..4 {
        for header in &headers {
            one.chunk(header.recording_id, &chunks(header, 4)[number]);
        }
        one.sync().expect("synced");
    }
    for spool in [&one, &spool(folder.path())] {
        for header in &headers {
            let spooled = spool.recording(header.recording_id).expect("there");
            assert!(spooled.is_ended);
            let opened = open(&spooled.object().expect("read"), &KEY).expect("whole");
            assert_eq!((opened.header, opened.duration_ms), (*header, Millis(2_000)));
        }
    }
}

#[test]
fn a_file_goes_once_nothing_in_it_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = spool(folder.path());
    for number in 1..=2 {
        one.begin(&header(number));
        one.chunk(id(number), &chunks(&header(number), 1)[0]);
    }
    one.sync().expect("synced");
    one.done(id(1));
    one.sync().expect("synced");
    assert_eq!(lengths(&spool(folder.path())), [(id(2), 500)]);
    one.done(id(2));
    one.sync().expect("synced");
    assert_eq!(files(folder.path()), [] as [PathBuf; 0]);
    // What comes later has a file of its own.
    one.begin(&header(3));
    one.chunk(id(3), &chunks(&header(3), 1)[0]);
    one.sync().expect("synced");
    assert_eq!(lengths(&spool(folder.path())), [(id(3), 500)]);
}

#[test]
fn a_full_spool_says_so_and_keeps_what_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut one = Spool::open(folder.path(), 20_000).expect("a spool");
    one.begin(&header(1));
    one.chunk(id(1), &chunks(&header(1), 4)[0]);
    one.sync().expect("room for one");
    for number in 1..3 {
        one.chunk(id(1), &chunks(&header(1), 4)[number]);
    }
    let error = one.sync().expect_err("no room for three");
    assert_eq!(error.reason(), "disk_full");
    assert_eq!(lengths(&one), [(id(1), 500)]);
    assert_eq!(lengths(&spool(folder.path())), [(id(1), 500)]);
    one.done(id(1));
    one.sync().expect("what frees room needs none");
    assert_eq!(lengths(&spool(folder.path())), []);
}

#[test]
fn a_disk_that_takes_nothing_is_told_from_a_full_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let below = folder.path().join("spool");
    let mut one = spool(&below);
    fs::remove_dir(&below).expect("removed");
    one.begin(&header(1));
    let error = one.sync().expect_err("no folder");
    assert_eq!(error.reason(), "disk_failed");
    assert!(error.to_string().contains("spool"), "{error}");
    fs::create_dir(&below).expect("made");
    one.probe().expect("it takes something again");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The disk has what was synced, and of what came after it any part, or garbage.
    #[test]
    fn a_crash_costs_only_what_was_not_synced(
        synced in 0_usize..6,
        after in 0_usize..3,
        cut in 0.0_f64..1.0,
        garbage in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let mut one = spool(folder.path());
        let header = header(1);
        let chunks = chunks(&header, 10);
        one.begin(&header);
        one.sync().expect("synced");
        for chunk in &chunks[..synced] {
            one.chunk(id(1), chunk);
            one.sync().expect("synced");
        }
        let file = files(folder.path()).remove(0);
        let durable = fs::metadata(&file).expect("a file").len();
        for chunk in &chunks[synced..synced + after] {
            one.chunk(id(1), chunk);
        }
        one.sync().expect("synced");
        drop(one);
        let mut bytes = fs::read(&file).expect("read");
        let lost = bytes.len() as u64 - durable;
        let kept = durable + (lost as f64 * cut) as u64;
        bytes.truncate(kept as usize);
        bytes.extend(&garbage);
        fs::write(&file, &bytes).expect("write");

        let found = spool(folder.path());
        let spooled = found.recording(id(1)).expect("it is there");
        prop_assert!(spooled.chunks as usize >= synced);
        prop_assert!(spooled.chunks as usize <= synced + after);
        prop_assert!(!spooled.is_ended);
        let mut object = spooled.object().expect("read");
        let sealer = Sealer::new(&KEY, &header);
        object.extend(sealer.seal_cut(spooled.chunks).expect("sealed").encode());
        let opened = open(&object, &KEY).expect("whole with its end");
        prop_assert!(opened.is_cut);
        prop_assert_eq!(opened.duration_ms, Millis(500 * u64::from(spooled.chunks)));
    }
}
