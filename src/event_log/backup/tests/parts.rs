//! Backups of a log of which a part is sealed.

use std::ops::ControlFlow;

use super::*;
use crate::event_log::storage::{DiskStorage, Storage};
use crate::event_log::walk::{Seen, segment_names, walk};
use crate::event_log::{
    RawSegment, SealOptions, SealedStore, SignedHead, frame, record, seal, survey,
};

fn storage(folder: &Path) -> Arc<dyn Storage> {
    Arc::new(DiskStorage::new(&folder.join("log")))
}

fn names(folder: &Path) -> Vec<String> {
    let names = segment_names(&*storage(folder)).expect("a list");
    names.into_iter().map(|(_, name)| name).collect()
}

/// Seals the first `count` raw segments into one part, and removes them.
fn seal_first(folder: &Path, count: usize) {
    let storage = storage(folder);
    let store = SealedStore::new(storage.folder("sealed").expect("a folder"));
    let chosen: Vec<_> = names(folder).into_iter().take(count).collect();
    let raw: Vec<_> = chosen
        .iter()
        .map(|name| RawSegment::read(&storage, name).expect("a whole segment"))
        .collect();
    seal(&store, &raw, &SealOptions::default()).expect("a sealed part");
    for name in chosen {
        storage.remove(&name).expect("it goes");
    }
}

/// Position, event id and time of everything in a log, wherever it is kept.
fn contents(folder: &Path) -> Vec<(u64, EventId, Timestamp)> {
    let mut found = Vec::new();
    walk(&storage(folder), &mut |step| {
        if let Seen::Frame { frame: view, .. } = step {
            let recorded_at = view.header.recorded_at;
            let mut at = frame::FRAME_HEADER;
            for position in (view.header.base..).take(view.header.count as usize) {
                let stamp = record::Stamp { position, recorded_at };
                let one = record::decode(&view.bytes[at..], stamp).expect("a record");
                let event = one.to_recorded(stamp).expect("an event");
                found.push((position, event.event_id, recorded_at));
                at += one.len;
            }
        }
        ControlFlow::Continue(())
    })
    .expect("a walk");
    found
}

/// A log of 80 events in at least five segments, closed, and its head.
async fn eighty(folder: &Path) -> SignedHead {
    let log = open(folder);
    append(&log, 0..80).await;
    drop(log);
    assert!(names(folder).len() >= 5, "{:?}", names(folder));
    let key = HeadKey::open_or_make(&folder.join("keys/head.key")).expect("a key");
    key.head(&folder.join("log"), &*clock(), &mut |_| {}).expect("a head")
}

#[tokio::test]
async fn a_head_holds_after_sealing_and_finds_what_changed_in_sealed_files() {
    let (data, _, _) = folders();
    let head = eighty(data.path()).await;
    let log = data.path().join("log");
    let before = (contents(data.path()), verify(&log).expect("whole"));
    let quick = survey(&log).expect("figures");
    seal_first(data.path(), 2);
    seal_first(data.path(), 1);
    let check = || verify_head(&log, &head, &mut |_| {}).expect("a walk");
    assert_eq!(check().verdict, HeadVerdict::Whole);
    assert_eq!((contents(data.path()), verify(&log).expect("whole")), before);
    let sealed = survey(&log).expect("figures");
    assert_eq!((sealed.events, sealed.sealed_parts, sealed.sealed_segments), (80, 2, 3));
    assert_eq!(sealed.sealed_raw_bytes + sealed.bytes, quick.bytes);
    assert_eq!(
        (sealed.first_recorded_at, sealed.last_recorded_at),
        (quick.first_recorded_at, quick.last_recorded_at)
    );
    // A new head of the sealed log is the old one, signed again.
    let key = HeadKey::open(&data.path().join("keys/head.key")).expect("a key");
    let again = key.head(&log, &*clock(), &mut |_| {}).expect("a head");
    assert_eq!((again.log, again.events, again.head_hash), (head.log, 80, head.head_hash));
    // Any byte of any sealed file.
    let mut files = 0;
    for name in FolderPlace::read_from(&log.join("sealed")).list().expect("files") {
        let path = log.join("sealed").join(&name);
        let whole = std::fs::read(&path).expect("a file");
        for at in [0, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            std::fs::write(&path, changed).expect("a write");
            match check().verdict {
                HeadVerdict::Changed { damage: Some(damage), .. } => {
                    assert!(damage.path.ends_with(&name), "{name}: {damage}");
                }
                verdict => panic!("{name} at {at}: {verdict:?}"),
            }
        }
        std::fs::write(&path, whole).expect("a write");
        files += 1;
    }
    assert!(files >= 4);
    assert_eq!(check().verdict, HeadVerdict::Whole);
}

#[tokio::test]
async fn a_backup_follows_the_log_when_it_is_sealed() {
    let (data, kept, _) = folders();
    let head = eighty(data.path()).await;
    let place = place(&kept);
    take(data.path(), &place).expect("a backup of raw segments");
    let all = contents(data.path());
    for sealed in [2, 1, 1] {
        seal_first(data.path(), sealed);
        let done = take(data.path(), &place).expect("a backup");
        assert_eq!((done.manifest.events, done.added_events), (80, 0));
        assert!(done.written_files > 0);
        let files = place.list().expect("files");
        assert_eq!(files.len(), done.manifest.files().count() + 1, "{files:?}");
        assert_eq!(take(data.path(), &place).expect("a backup").written_files, 0);
        let to = tempfile::tempdir().expect("a folder");
        let report = bring_back(&place, to.path(), None).expect("a restore");
        assert_eq!((report.events, report.left_out), (80, 0));
        assert_eq!(contents(to.path()), all);
        let check = verify_head(&to.path().join("log"), &head, &mut |_| {}).expect("a walk");
        assert_eq!(check.verdict, HeadVerdict::Whole);
    }
    for name in place.list().expect("files") {
        let path = kept.path().join(&name);
        let whole = std::fs::read(&path).expect("a file");
        let mut changed = whole.clone();
        changed[whole.len() / 2] ^= 1;
        std::fs::write(&path, changed).expect("a write");
        let to = tempfile::tempdir().expect("a folder");
        let error = bring_back(&place, to.path(), None).expect_err("damage").to_string();
        assert!(error.contains(&name), "{name}: {error}");
        std::fs::write(&path, whole).expect("a write");
    }
}

#[tokio::test]
async fn a_cut_through_a_sealed_part_leaves_raw_segments() {
    let (data, kept, _) = folders();
    eighty(data.path()).await;
    let all = contents(data.path());
    seal_first(data.path(), 2);
    seal_first(data.path(), 2);
    let place = place(&kept);
    take(data.path(), &place).expect("a backup");
    for last in (0..80_usize).step_by(3).chain([31, 59, 79]) {
        let to = tempfile::tempdir().expect("a folder");
        let until = Some(Until::Position(last as u64));
        let report = bring_back(&place, to.path(), until).expect("a restore");
        assert_eq!((report.events, report.left_out), (last as u64 + 1, 79 - last as u64));
        assert_eq!(contents(to.path()), all[..=last], "{last}");
        let found = verify(&to.path().join("log")).expect("whole");
        assert_eq!(found.head_hash, report.head_hash);
        // There is always a raw segment to go on in.
        assert!(!names(to.path()).is_empty());
    }
}

#[tokio::test]
async fn another_history_that_is_sealed_does_not_pass_for_the_one_backed_up() {
    let (data, kept, to) = folders();
    eighty(data.path()).await;
    let place = place(&kept);
    take(data.path(), &place).expect("a backup");
    bring_back(&place, to.path(), Some(Until::Position(4))).expect("a restore");
    let log = open(to.path());
    append(&log, 100..160).await;
    drop(log);
    for sealed in [0, 2] {
        if sealed > 0 {
            seal_first(to.path(), sealed);
        }
        let error = take(to.path(), &place).expect_err("another history");
        assert!(matches!(error, BackupError::Diverged { events: 80, .. }), "{error}");
    }
}
