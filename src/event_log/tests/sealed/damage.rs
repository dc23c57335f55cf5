use super::*;
use crate::event_log::sealed::SealedDamage;

struct Sealed {
    folder: tempfile::TempDir,
    record: SealRecord,
    events: Vec<Recorded>,
}

fn sealed() -> Sealed {
    let folder = tempfile::tempdir().expect("a folder");
    let frames = frames(0, 40);
    let (raw, _) = raw_segment(0, [0; 32], &frames);
    let record = seal(&store_in(folder.path()), &[raw], &few()).expect("sealed");
    Sealed { folder, record, events: recorded(0, &frames) }
}

/// A read of everything gives the right events or an error, never other events.
fn check_read(sealed: &Sealed, part: &SealedPart) {
    match read_all_of(part) {
        Ok(events) => assert_eq!(events, sealed.events),
        Err(ReadError::Corrupt { .. }) => {}
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn any_flipped_byte_of_a_parquet_file_is_found_and_gives_no_wrong_event() {
    let sealed = sealed();
    for file in &sealed.record.files {
        let path = sealed.folder.path().join(&file.path);
        let whole = std::fs::read(&path).expect("read");
        for at in (0..whole.len()).step_by(7).chain(whole.len() - 8..whole.len()) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(&path, &bytes).expect("written");
            let store = store_in(sealed.folder.path());
            let part = open_part(&store, sealed.record.clone());
            let Err(SealedDamage::Damaged(damage)) = part.verify([0; 32]) else {
                panic!("byte {at} of {} was not missed", file.path);
            };
            assert!(damage.path.ends_with(&file.path), "{damage}");
            assert!(damage.offset as usize <= at, "{damage}: byte {at}");
            check_read(&sealed, &part);
        }
        for len in [0, 1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).expect("written");
            let store = store_in(sealed.folder.path());
            let part = open_part(&store, sealed.record.clone());
            assert!(part.verify([0; 32]).is_err(), "cut to {len}");
            check_read(&sealed, &part);
        }
        let mut longer = whole.clone();
        longer.push(0);
        std::fs::write(&path, &longer).expect("written");
        let store = store_in(sealed.folder.path());
        assert!(open_part(&store, sealed.record.clone()).verify([0; 32]).is_err(), "longer");
        std::fs::write(&path, &whole).expect("written");
    }
    let store = store_in(sealed.folder.path());
    open_part(&store, sealed.record.clone()).verify([0; 32]).expect("whole again");
    std::fs::remove_file(sealed.folder.path().join(&sealed.record.files[0].path)).expect("gone");
    let store = store_in(sealed.folder.path());
    assert!(open_part(&store, sealed.record).verify([0; 32]).is_err(), "a file is missing");
}

#[test]
fn any_flipped_byte_of_a_seal_record_is_found() {
    let sealed = sealed();
    let path = sealed.folder.path().join(sealed.record.name());
    let whole = std::fs::read(&path).expect("read");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(SealRecord::decode(&bytes).is_err(), "byte {at}");
        assert!(SealRecord::decode(&whole[..at]).is_err(), "cut to {at}");
    }
    std::fs::write(&path, &whole[..40]).expect("written");
    let refused = store_in(sealed.folder.path()).records().expect_err("refused");
    assert!(refused.to_string().contains(&sealed.record.name()), "{refused}");
    std::fs::rename(&path, sealed.folder.path().join(format!("{:020}-{:020}.json", 0, 50)))
        .expect("renamed");
    std::fs::write(sealed.folder.path().join(format!("{:020}-{:020}.json", 0, 50)), &whole)
        .expect("written");
    assert!(store_in(sealed.folder.path()).records().is_err(), "the record of another part");
}

#[test]
fn a_record_that_contradicts_itself_is_refused() {
    let sealed = sealed();
    let check = |change: &dyn Fn(&mut SealRecord)| {
        let mut record = sealed.record.clone();
        change(&mut record);
        assert!(SealRecord::decode(&record.encode()).is_err());
    };
    check(&|record| record.end += 1);
    check(&|record| record.base += 1);
    check(&|record| record.format = 2);
    check(&|record| record.files[0].events += 1);
    check(&|record| record.files[0].row_groups[0].first = 1_000);
    check(&|record| record.files[0].row_groups[0].bytes = u64::MAX);
    check(&|record| record.files[0].footer_bytes = u64::MAX);
    check(&|record| drop(record.files.pop()));
    check(&|record| record.segments[0].end -= 1);
    assert_eq!(SealRecord::decode(&sealed.record.encode()), Ok(sealed.record.clone()));
}

/// A record whose ranges fit, under a right hash, but over files of which it does not tell the
/// truth: errors, no panic and no wrong event.
#[test]
fn a_record_that_lies_about_its_files_gives_no_wrong_event() {
    let sealed = sealed();
    let store = store_in(sealed.folder.path());
    let lie = |change: &dyn Fn(&mut SealRecord)| {
        let mut record = sealed.record.clone();
        change(&mut record);
        let record = SealRecord::decode(&record.encode()).expect("sound");
        let part = open_part(&store, record);
        assert!(part.verify([0; 32]).is_err());
        store.set_cache_bytes(1 << 20);
        check_read(&sealed, &part);
    };
    lie(&|record| record.segments[0].frames += 1);
    lie(&|record| record.segments[0].header = "00".to_owned());
    lie(&|record| record.segments[0].last_frame = "\u{e9}".to_owned());
    lie(&|record| record.files[0].row_groups[0].crc32c ^= 1);
    lie(&|record| record.files[0].footer_crc32c ^= 1);
    lie(&|record| record.files[0].blake3 = String::new());
    lie(&|record| record.files.swap(0, 1));
    lie(&|record| {
        let path = record.files[0].path.clone();
        record.files[1].path = path;
    });
}

#[test]
fn a_gap_between_records_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = store_in(folder.path());
    for base in [0, 60] {
        let (raw, _) = raw_segment(base, [0; 32], &frames(base, 30));
        seal(&store, &[raw], &few()).expect("sealed");
    }
    let refused = store.records().expect_err("a gap");
    assert!(refused.to_string().contains("position 30"), "{refused}");
}
