use super::super::disk::{Disk, Fault};
use super::*;

/// The raw segments that stand on the disk, and the sealed parts: what a log would open.
fn check_whole(disk: &Disk, raw: &[RawSegment], wanted: &[Recorded]) {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let store = SealedStore::new(storage.folder("sealed").expect("a folder"));
    let records = store.records().expect("records");
    let mut events = Vec::new();
    for record in records {
        let part = open_part(&store, record);
        assert_eq!(part.base(), events.len() as u64);
        events.extend(read_all_of(&part).expect("a sealed part is whole"));
    }
    for segment in raw {
        let base = SegmentHeader::decode(&segment.bytes).expect("a header").base;
        if base >= events.len() as u64 {
            let read = RawSegment::read(&storage, &segment.name).expect("raw, since not sealed");
            assert_eq!(read.bytes, segment.bytes);
            let store = SealedStore::new(Arc::new(Disk::new(0)));
            let record = seal(&store, &[read], &few()).expect("sealed");
            events.extend(read_all_of(&open_part(&store, record)).expect("events"));
        }
    }
    assert_eq!(events, wanted);
}

/// Seals two segments one after the other, removing the raw ones, then merges the parts.
fn work(disk: &Disk, raw: &[RawSegment]) -> Result<(), String> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let store = SealedStore::new(storage.folder("sealed").expect("a folder"));
    let said = |error: &dyn std::fmt::Display| error.to_string();
    store.clean().map_err(|error| said(&error))?;
    let end = store.records().map_err(|error| said(&error))?.last().map_or(0, |it| it.end);
    for segment in raw {
        let base = SegmentHeader::decode(&segment.bytes).expect("a header").base;
        if base >= end {
            seal(&store, std::slice::from_ref(segment), &few()).map_err(|error| said(&error))?;
        }
        match storage.remove(&segment.name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(said(&error)),
            _ => storage.sync_directory().map_err(|error| said(&error))?,
        }
    }
    let records = store.records().map_err(|error| said(&error))?;
    if records.len() > 1 {
        let parts: Vec<_> =
            records.iter().map(|record| Arc::new(open_part(&store, record.clone()))).collect();
        merge(&store, &parts, &few()).map_err(|error| said(&error))?;
        for record in &records {
            store.remove(record).map_err(|error| said(&error))?;
        }
    }
    Ok(())
}

fn disk_with(raw: &[RawSegment], seed: u64) -> Disk {
    let disk = Disk::new(seed);
    for segment in raw {
        let file = disk.create(&segment.name).expect("a file");
        file.write_at(&segment.bytes, 0).expect("written");
        file.sync().expect("synced");
    }
    disk.sync_directory().expect("synced");
    disk
}

fn segments() -> ([RawSegment; 2], Vec<Recorded>) {
    let (first, second) = (frames(0, 12), frames(12, 9));
    let (one, hash) = raw_segment(0, [0; 32], &first);
    let (two, _) = raw_segment(12, hash, &second);
    let mut wanted = recorded(0, &first);
    wanted.extend(recorded(12, &second));
    ([one, two], wanted)
}

#[test]
fn a_crash_at_every_operation_leaves_raw_or_sealed_whole() {
    let (raw, wanted) = segments();
    let mut crashes = 0;
    for after in 0.. {
        let disk = disk_with(&raw, after);
        disk.arm(Fault::Crash, after);
        let done = work(&disk, &raw).is_ok();
        if disk.disarm() {
            assert!(done, "nothing went wrong");
            break;
        }
        crashes += 1;
        disk.crash();
        check_whole(&disk, &raw, &wanted);
        // A crash of the second attempt, then a third one that goes through.
        disk.arm(Fault::Crash, after / 2);
        drop(work(&disk, &raw));
        disk.disarm();
        disk.crash();
        check_whole(&disk, &raw, &wanted);
        work(&disk, &raw).expect("goes through");
        check_whole(&disk, &raw, &wanted);
        let store = SealedStore::new(disk.folder("sealed").expect("a folder"));
        assert_eq!(store.records().expect("records").len(), 1, "merged after all");
        assert_eq!(store.clean().expect("cleaned"), 0, "nothing is left behind");
    }
    assert!(crashes > 100, "{crashes}");
}

#[test]
fn a_disk_that_fails_leaves_raw_or_sealed_whole() {
    let (raw, wanted) = segments();
    for fault in [Fault::WriteError, Fault::TornWrite, Fault::ShortWrite, Fault::SyncError] {
        for after in 0.. {
            let disk = disk_with(&raw, after);
            disk.arm(fault, after);
            let done = work(&disk, &raw);
            if disk.disarm() {
                done.expect("nothing went wrong");
                break;
            }
            assert_eq!(done.is_ok(), fault == Fault::ShortWrite, "{fault:?} {after}");
            check_whole(&disk, &raw, &wanted);
            disk.crash();
            check_whole(&disk, &raw, &wanted);
            work(&disk, &raw).expect("goes through");
            check_whole(&disk, &raw, &wanted);
        }
    }
    let disk = disk_with(&raw, 1);
    disk.arm(Fault::Full, 0);
    let full = work(&disk, &raw).expect_err("full");
    assert!(full.contains("the disk is full"), "{full}");
    check_whole(&disk, &raw, &wanted);
}
