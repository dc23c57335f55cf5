#[cfg(feature = "s3")]
mod bucket;
mod parts;

use std::cell::Cell;
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::base::{Clock, EventId, Timestamp};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, Recorded, StreamName};
use crate::event_log::{
    AllRead, Direction, EmbeddedLog, EventLog as _, HeadKey, HeadVerdict, LogOptions, verify,
    verify_head,
};

/// A clock that moves by a second whenever it is asked.
struct Seconds(AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000_000, Ordering::Relaxed))
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(Seconds(AtomicI64::new(1_795_244_400_000_000)))
}

fn event(number: u64) -> NewEvent {
    NewEvent {
        event_id: EventId(uuid::Uuid::from_u128(u128::from(number))),
        event_type: "type".to_owned(),
        schema_version: 1,
        occurred_at: Timestamp::from_micros(7),
        correlation_id: None,
        causation_id: None,
        actor: Actor::part("test"),
        data: format!("{{\"number\":{number}}}").into_bytes(),
        content_type: ContentType::Json,
        metadata: Vec::new(),
    }
}

/// Segments that fill up within a test.
fn open(folder: &Path) -> EmbeddedLog {
    let options =
        LogOptions { segment_bytes: 1_500, zero_ahead_bytes: 512, ..LogOptions::default() };
    EmbeddedLog::open(&folder.join("log"), options, clock()).expect("a log").0
}

/// Appends events in groups of three.
async fn append(log: &EmbeddedLog, numbers: std::ops::Range<u64>) {
    let stream = StreamName::new("test-1").expect("a name");
    for first in numbers.clone().step_by(3) {
        let events = (first..numbers.end.min(first + 3)).map(event).collect();
        log.append(stream.clone(), ExpectedRevision::Any, events).await.expect("written");
    }
}

async fn events(folder: &Path) -> Vec<Recorded> {
    let (log, _) = EmbeddedLog::open_read_only(&folder.join("log")).expect("a reader");
    log.read_all(AllRead::Start, Direction::Forwards, usize::MAX).await.expect("events")
}

fn take(folder: &Path, place: &dyn BackupPlace) -> Result<BackupReport, BackupError> {
    backup(&folder.join("log"), place, None, &*clock(), &mut |_, _| {})
}

fn bring_back(
    place: &dyn BackupPlace,
    to: &Path,
    until: Option<Until>,
) -> Result<RestoreReport, BackupError> {
    restore(place, to, until, &mut |_, _| {})
}

/// Three folders that are gone after the test: the data folder, the backup, what is restored.
fn folders() -> (tempfile::TempDir, tempfile::TempDir, tempfile::TempDir) {
    let folder = || tempfile::tempdir().expect("a folder");
    (folder(), folder(), folder())
}

fn place(folder: &tempfile::TempDir) -> FolderPlace {
    FolderPlace::write_to(folder.path()).expect("a place")
}

#[tokio::test]
async fn each_backup_adds_what_is_new_and_gives_back_the_log() {
    let (data, kept, _) = folders();
    let place = place(&kept);
    let log = open(data.path());
    let mut count = 0;
    for more in [0, 1, 2, 30, 0, 7, 60] {
        append(&log, count..count + more).await;
        count += more;
        // While the log is open for writing.
        let done = take(data.path(), &place).expect("a backup");
        assert_eq!((done.manifest.events, done.added_events), (count, more));
        if more == 0 && count > 0 {
            assert_eq!((done.written_files, done.written_bytes), (0, 0));
        }
        if more == 60 {
            let all: u64 = done.manifest.segments.iter().map(|segment| segment.bytes).sum();
            assert!(done.manifest.segments.len() > 4 && done.written_bytes < all, "{done:?}");
        }
        let to = tempfile::tempdir().expect("a folder");
        let report = bring_back(&place, to.path(), None).expect("a restore");
        assert_eq!((report.events, report.left_out), (count, 0));
        assert_eq!(events(to.path()).await, events(data.path()).await);
        let found = verify(&to.path().join("log")).expect("whole");
        assert_eq!((found.head_hash, found.bytes), (report.head_hash, report.bytes));
    }
    // It goes on where it was.
    let to = tempfile::tempdir().expect("a folder");
    bring_back(&place, to.path(), None).expect("a restore");
    let restored = open(to.path());
    append(&restored, count..count + 5).await;
    drop(restored);
    assert_eq!(events(to.path()).await.len() as u64, count + 5);
    assert_eq!(verify(&to.path().join("log")).expect("whole").events, count + 5);
}

#[tokio::test]
async fn many_small_backups_do_not_pile_up_pieces() {
    let (data, kept, to) = folders();
    let place = place(&kept);
    let log = EmbeddedLog::open(&data.path().join("log"), LogOptions::default(), clock());
    let log = log.expect("a log").0;
    for number in 0..40 {
        append(&log, number..number + 1).await;
        let done = take(data.path(), &place).expect("a backup");
        assert!(done.manifest.segments[0].pieces.len() <= 16);
    }
    let files = place.list().expect("files");
    assert!(files.len() < 18, "{files:?}");
    bring_back(&place, to.path(), None).expect("a restore");
    assert_eq!(events(to.path()).await.len(), 40);
}

#[tokio::test]
async fn a_restore_ends_after_any_position_or_time() {
    let (data, kept, _) = folders();
    let place = place(&kept);
    let log = open(data.path());
    append(&log, 0..31).await;
    take(data.path(), &place).expect("a backup");
    let all = events(data.path()).await;
    for last in 0..31_usize {
        let to = tempfile::tempdir().expect("a folder");
        let until = Some(Until::Position(last as u64));
        let report = bring_back(&place, to.path(), until).expect("a restore");
        assert_eq!((report.events, report.left_out), (last as u64 + 1, 30 - last as u64));
        assert_eq!(events(to.path()).await, all[..=last]);
        // Three events were written together each time.
        assert_eq!(report.is_frame_shortened, last % 3 != 2 && last != 30, "{last}");
        let found = verify(&to.path().join("log")).expect("whole");
        assert_eq!((found.head_hash, found.bytes), (report.head_hash, report.bytes));
        let restored = open(to.path());
        append(&restored, 100..104).await;
        drop(restored);
        let after = events(to.path()).await;
        assert_eq!((after.len(), &after[..=last]), (last + 5, &all[..=last]));
        verify(&to.path().join("log")).expect("whole");
    }
    for (at, event) in all.iter().enumerate() {
        let to = tempfile::tempdir().expect("a folder");
        let until = Some(Until::Time(event.recorded_at));
        bring_back(&place, to.path(), until).expect("a restore");
        let want: Vec<_> =
            all.iter().filter(|other| other.recorded_at <= event.recorded_at).cloned().collect();
        assert_eq!(events(to.path()).await, want, "{at}");
    }
    let to = tempfile::tempdir().expect("a folder");
    let before = Timestamp::from_micros(all[0].recorded_at.as_micros() - 1);
    let report = bring_back(&place, to.path(), Some(Until::Time(before))).expect("a restore");
    assert_eq!((report.events, events(to.path()).await.len()), (0, 0));
    drop(open(to.path()));
    let to = tempfile::tempdir().expect("a folder");
    let error = bring_back(&place, to.path(), Some(Until::Position(31))).expect_err("too far");
    assert_eq!(error.to_string(), "restore up to position 31: the backup ends with position 30");
}

#[tokio::test]
async fn a_head_taken_before_holds_on_what_is_restored() {
    let (data, kept, to) = folders();
    let log = open(data.path());
    append(&log, 0..20).await;
    let key = HeadKey::open_or_make(&data.path().join("keys/head.key")).expect("a key");
    let head = key.head(&data.path().join("log"), &*clock(), &mut |_| {}).expect("a head");
    append(&log, 20..40).await;
    let place = place(&kept);
    let folder = data.path().join("log");
    let done = backup(&folder, &place, Some(&key), &*clock(), &mut |_, _| {}).expect("a backup");
    let signed = done.manifest.head.expect("signed");
    signed.check(None).expect("the signature fits");
    bring_back(&place, to.path(), None).expect("a restore");
    for head in [&head, &signed] {
        let check = verify_head(&to.path().join("log"), head, &mut |_| {}).expect("a walk");
        assert_eq!(check.verdict, HeadVerdict::Whole);
    }
    // No key is in it.
    assert!(!place.list().expect("files").iter().any(|name| name.contains("key")));
    let secret = std::fs::read(data.path().join("keys/head.key")).expect("a key");
    for name in place.list().expect("files") {
        let bytes = std::fs::read(kept.path().join(name)).expect("a file");
        assert!(!bytes.windows(32).any(|window| window == secret));
    }
}

#[tokio::test]
async fn every_damaged_file_of_a_backup_is_named() {
    let (data, kept, _) = folders();
    let place = place(&kept);
    let log = open(data.path());
    append(&log, 0..12).await;
    take(data.path(), &place).expect("a backup");
    append(&log, 12..24).await;
    take(data.path(), &place).expect("a backup");
    for name in place.list().expect("files") {
        let path = kept.path().join(&name);
        let whole = std::fs::read(&path).expect("a file");
        let refused = |bytes: Option<&[u8]>| {
            match bytes {
                Some(bytes) => std::fs::write(&path, bytes).expect("a write"),
                None => std::fs::remove_file(&path).expect("a file goes"),
            }
            let to = tempfile::tempdir().expect("a folder");
            let error = bring_back(&place, to.path(), None).expect_err("damage").to_string();
            let wanted = if bytes.is_none() && name == MANIFEST { "no backup" } else { &name };
            assert!(error.contains(wanted), "{name}: {error}");
            assert!(!to.path().join("log").exists());
            std::fs::write(&path, &whole).expect("a write");
        };
        for at in (0..whole.len()).step_by(97) {
            let mut changed = whole.clone();
            changed[at] ^= 4;
            refused(Some(&changed));
        }
        refused(Some(&whole[..whole.len() - 1]));
        refused(Some(&[whole.as_slice(), b"x"].concat()));
        refused(Some(b""));
        refused(None);
    }
    let to = tempfile::tempdir().expect("a folder");
    bring_back(&place, to.path(), None).expect("whole again");
}

/// A place that fails at the n-th byte that is written to it, leaving half a file as a kill or a
/// full disk does.
struct Failing {
    inner: FolderPlace,
    folder: PathBuf,
    left: Cell<u64>,
}

impl BackupPlace for Failing {
    fn read<'a>(&'a self, name: &str) -> io::Result<Option<Box<dyn Read + 'a>>> {
        self.inner.read(name)
    }

    fn write(&self, name: &str, source: &mut dyn Read) -> io::Result<()> {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes)?;
        let left = self.left.get();
        if (bytes.len() as u64) < left {
            self.left.set(left - bytes.len() as u64);
            return self.inner.write(name, &mut bytes.as_slice());
        }
        let path = self.folder.join(format!("{name}.part"));
        std::fs::create_dir_all(path.parent().expect("a folder"))?;
        let half = bytes.get(..usize::try_from(left).expect("small")).unwrap_or(&bytes);
        std::fs::File::create(path)?.write_all(half)?;
        Err(io::ErrorKind::StorageFull.into())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.inner.list()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        // A kill comes before it as often as after it.
        if self.left.get().is_multiple_of(2) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.inner.remove(name)
    }

    fn is_held(&self) -> bool {
        true
    }

    fn path(&self, name: &str) -> String {
        self.inner.path(name)
    }
}

#[tokio::test]
async fn an_interrupted_backup_leaves_the_one_before_whole() {
    let (data, _, _) = folders();
    let log = open(data.path());
    append(&log, 0..9).await;
    let old = events(data.path()).await;
    let before = tempfile::tempdir().expect("a folder");
    take(data.path(), &place(&before)).expect("a backup");
    append(&log, 9..30).await;
    let new = events(data.path()).await;
    let mut failures = 0;
    for left in (0..12_000).step_by(173) {
        for is_first in [true, false] {
            let (_, kept, to) = folders();
            if !is_first {
                copy_all(before.path(), kept.path());
            }
            let failing = Failing {
                inner: place(&kept),
                folder: kept.path().to_owned(),
                left: Cell::new(left),
            };
            let Err(error) = take(data.path(), &failing) else { continue };
            failures += 1;
            let told = error.to_string();
            assert!(told.contains(&kept.path().display().to_string()), "{told}");
            assert!(told.contains("the disk is full"), "{told}");
            let report = bring_back(&failing, to.path(), None);
            match report {
                Ok(_) => {
                    let found = events(to.path()).await;
                    assert!(!is_first && found == old || found == new, "after {left} bytes");
                }
                Err(BackupError::NoBackup(_)) => assert!(is_first),
                Err(error) => panic!("after {left} bytes: {error}"),
            }
            // The next one finishes, and leaves no rubbish.
            drop(failing);
            let place = place(&kept);
            let done = take(data.path(), &place).expect("a backup");
            let files = place.list().expect("files");
            assert_eq!(files.len(), done.manifest.files().count() + 1, "{files:?}");
            let to = tempfile::tempdir().expect("a folder");
            bring_back(&place, to.path(), None).expect("a restore");
            assert_eq!(events(to.path()).await, new);
        }
    }
    assert!(failures > 20, "{failures}");
}

fn copy_all(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            std::fs::create_dir_all(&target).expect("a folder");
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

#[tokio::test]
async fn a_place_with_something_else_in_it_is_refused() {
    let (data, kept, _) = folders();
    drop(open(data.path()));
    let (other, _, _) = folders();
    append(&open(other.path()), 0..3).await;
    // Another log.
    take(other.path(), &place(&kept)).expect("a backup");
    let error = take(data.path(), &place(&kept)).expect_err("another log");
    assert!(matches!(error, BackupError::AnotherLog { .. }), "{error}");
    // Anything else.
    let full = tempfile::tempdir().expect("a folder");
    std::fs::write(full.path().join("thesis.txt"), "years of work").expect("a write");
    let error = take(data.path(), &place(&full)).expect_err("no backup").to_string();
    assert!(error.contains("thesis.txt"), "{error}");
    assert!(full.path().join("thesis.txt").exists());
    // Another backup at the same time.
    let held = place(&kept);
    assert!(matches!(FolderPlace::write_to(kept.path()), Err(BackupError::Held(_))));
    drop(held);
    // No log, and no folder of one.
    let empty = tempfile::tempdir().expect("a folder");
    let error = take(empty.path(), &place(&folders().1)).expect_err("no log");
    assert!(matches!(error, BackupError::Log(_)), "{error}");
    std::fs::create_dir(empty.path().join("log")).expect("a folder");
    let error = take(empty.path(), &place(&folders().1)).expect_err("no log");
    assert!(matches!(error, BackupError::NoLog(_)), "{error}");
}

#[tokio::test]
async fn a_log_that_went_back_does_not_overwrite_its_backup() {
    let (data, kept, to) = folders();
    let log = open(data.path());
    append(&log, 0..20).await;
    let place = place(&kept);
    take(data.path(), &place).expect("a backup");
    let whole = place.read(MANIFEST).expect("a file").map(io::read_to_string);
    bring_back(&place, to.path(), Some(Until::Position(9))).expect("a restore");
    let error = take(to.path(), &place).expect_err("it went back");
    assert!(matches!(error, BackupError::Diverged { events: 20, .. }), "{error}");
    append(&open(to.path()), 100..140).await;
    let error = take(to.path(), &place).expect_err("it went elsewhere");
    assert!(matches!(error, BackupError::Diverged { events: 20, .. }), "{error}");
    let after = place.read(MANIFEST).expect("a file").map(io::read_to_string);
    assert_eq!(after.expect("there").expect("text"), whole.expect("there").expect("text"));
}

#[tokio::test]
async fn a_restore_goes_to_a_new_or_empty_folder_only() {
    let (data, kept, to) = folders();
    append(&open(data.path()), 0..3).await;
    let place = place(&kept);
    take(data.path(), &place).expect("a backup");
    // What a restore that was killed left behind does not count.
    std::fs::create_dir(to.path().join("log.part")).expect("a folder");
    std::fs::write(to.path().join("log.part/segment-00000000000000000000.log"), "half")
        .expect("a write");
    bring_back(&place, to.path(), None).expect("a restore");
    assert!(!to.path().join("log.part").exists());
    let error = bring_back(&place, to.path(), None).expect_err("not empty").to_string();
    assert!(error.contains("it holds log"), "{error}");
    let deep = to.path().join("new/deep");
    bring_back(&place, &deep, None).expect("a restore");
    assert_eq!(events(&deep).await.len(), 3);
    let nothing = tempfile::tempdir().expect("a folder");
    let from = FolderPlace::read_from(nothing.path());
    let error = bring_back(&from, &nothing.path().join("x"), None).expect_err("no backup");
    assert!(matches!(error, BackupError::NoBackup(_)), "{error}");
}

#[test]
fn a_manifest_that_leads_out_of_the_backup_is_refused() {
    let piece = |file: &str| BackupPiece { file: file.to_owned(), bytes: 1, blake3: String::new() };
    let manifest = |name: &str, file: &str| BackupManifest {
        format: BackupManifest::format(),
        program: String::new(),
        log: String::new(),
        made_at: String::new(),
        events: 1,
        head_hash: String::new(),
        recorded_at: String::new(),
        head: None,
        sealed: Vec::new(),
        segments: vec![BackupSegment {
            name: name.to_owned(),
            base: 0,
            end: 1,
            bytes: 1,
            last_frame: String::new(),
            recorded_at: 0,
            is_finished: false,
            pieces: vec![piece(file)],
        }],
        blake3: String::new(),
    };
    let name = "segment-00000000000000000000.log";
    for file in ["/etc/passwd", "log/../../x", "../log/x", "log/", "log//x", "other/x"] {
        let error = BackupManifest::from_json(&manifest(name, file).to_json()).expect_err(file);
        assert!(error.contains(file), "{error}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let place = place(&folder);
    let text = manifest("../../x", "log/x").to_json();
    place.write(MANIFEST, &mut text.as_bytes()).expect("a write");
    let to = tempfile::tempdir().expect("a folder");
    let error = bring_back(&place, to.path(), None).expect_err("refused").to_string();
    assert!(error.contains("not the name of a segment"), "{error}");
}
