use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;
use crate::base::Clock;
use crate::event::{RecordingDeletion, RecordingStored};
use crate::media::{FRAME_SAMPLES, Frame};

/// Stands still: nothing is synced but at the end, and nothing is tried twice.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        START
    }
}

/// Where recordings are, where they are in the data folder.
pub(super) fn folder_of(data: &Path) -> std::path::PathBuf {
    data.join("recordings")
}

/// Records some seconds of a leg into a store. What is then said of it.
pub(super) fn record_and_end(data: &Path, store: Store) -> RecordingStored {
    let options = RecorderOptions { spool: data.join("spool"), spool_max: 1 << 30 };
    let (sender, news) = unbounded_channel();
    let opened = Recorder::open(&options, store, Arc::new(Still), |_| true, |_| Some(KEY), sender);
    let (recorder, _) = opened.expect("a recorder");
    let mut tap = recorder.tap(recording(), KEY);
    say(&mut tap, 123);
    drop(tap);
    drop(recorder);
    stored(&rest(news)).clone()
}

/// A recorder below a folder, with what it found and what it has to say.
fn recorder_with(
    folder: &Path,
    spool_max: u64,
    known: &BTreeSet<RecordingId>,
    key: Option<RecordingKey>,
) -> (Recorder, Found, UnboundedReceiver<News>) {
    let options = RecorderOptions { spool: folder.join("spool"), spool_max };
    let store = Store::folder(&folder_of(folder), "recordings");
    let (sender, news) = unbounded_channel();
    let opened = Recorder::open(
        &options,
        store,
        Arc::new(Still),
        |id| !known.contains(&id),
        |_| key,
        sender,
    );
    let (recorder, found) = opened.expect("a recorder");
    (recorder, found, news)
}

fn recorder(folder: &Path) -> (Recorder, Found, UnboundedReceiver<News>) {
    recorder_with(folder, 1 << 30, &BTreeSet::new(), Some(KEY))
}

fn recording() -> Recording {
    let Header { recording_id, call_id, leg_id, subject_id, coding, .. } = header(1);
    Recording { recording_id, call_id, leg_id, subject_id, coding }
}

const HEARD: Frame = [1_000; FRAME_SAMPLES];
const SENT: Frame = [-1_000; FRAME_SAMPLES];

fn say(tap: &mut RecordingTap, pairs: u64) {
    for number in 0..pairs {
        tap.take(START.plus(Millis(20 * number)), &HEARD, &SENT);
    }
}

/// All it had to say, once it is gone.
fn rest(mut news: UnboundedReceiver<News>) -> Vec<News> {
    std::iter::from_fn(|| news.blocking_recv()).collect()
}

fn stored(news: &[News]) -> &RecordingStored {
    match news {
        [News::Stored(fact)] => fact,
        other => panic!("wanted one that is stored: {other:?}"),
    }
}

fn read(folder: &Path, fact: &RecordingStored) -> Opened {
    let bytes = std::fs::read(folder.join(&fact.location)).expect("an object");
    assert_eq!(bytes.len() as u64, fact.bytes);
    assert_eq!(crate::base::sha256_hex(&bytes), fact.sha256);
    open(&bytes, &KEY).expect("whole")
}

#[test]
fn both_sides_of_a_leg_are_stored_when_it_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorder, found, news) = recorder(folder.path());
    assert_eq!(found, Found::default());
    let mut tap = recorder.tap(recording(), KEY);
    say(&mut tap, 123);
    drop(tap);
    let metrics = recorder.metrics();
    drop(recorder);
    let news = rest(news);
    let fact = stored(&news);
    assert_eq!((fact.started_at, fact.duration_ms), (START, Millis(2_460)));
    assert_eq!((fact.dropped_ms, fact.is_cut), (Millis(0), false));
    let audio = read(folder.path(), fact).audio;
    assert_eq!(audio.len(), 2_460 * BYTES_PER_MILLI);
    let both = [Coding::MuLaw.encode(1_000), Coding::MuLaw.encode(-1_000)];
    assert!(audio.chunks(2).all(|moment| moment == both));
    let figures = metrics.at(START);
    assert_eq!((figures.spooled_ms, figures.stored, figures.waiting), (2_460, 1, 0));
}

#[test]
fn what_a_crash_left_is_given_an_end_and_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _, news) = recorder(folder.path());
    let mut tap = first.tap(recording(), KEY);
    say(&mut tap, 100);
    // The process ends while the leg goes on.
    drop(first);
    assert_eq!(rest(news), []);
    drop(tap);

    let (second, found, news) = recorder(folder.path());
    assert_eq!((found.cut, found.waiting), (1, 1));
    drop(second);
    let news = rest(news);
    let fact = stored(&news);
    assert!(fact.is_cut);
    assert_eq!(fact.duration_ms, Millis(2_000));
    assert!(read(folder.path(), fact).is_cut);

    // Nobody wrote the fact down: the next process says it again, of the same bytes.
    let (third, found, news) = recorder(folder.path());
    assert_eq!((found.cut, found.waiting), (0, 1));
    drop(third);
    assert_eq!(stored(&rest(news)), fact);
    let (fourth, found, news) =
        recorder_with(folder.path(), 1 << 30, &BTreeSet::from([id(1)]), Some(KEY));
    assert_eq!(found, Found::default());
    drop(fourth);
    assert_eq!(rest(news), []);
}

#[test]
fn what_is_on_record_leaves_the_spool() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _, news) = recorder(folder.path());
    let mut tap = first.tap(recording(), KEY);
    say(&mut tap, 10);
    drop(tap);
    drop(first);
    let news = rest(news);
    let (second, ..) = recorder(folder.path());
    second.recorded(stored(&news).recording_id);
    drop(second);
    let left = std::fs::read_dir(folder.path().join("spool")).expect("a spool").count();
    assert_eq!(left, 0);
}

#[test]
fn nothing_of_somebody_erased_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _, news) = recorder(folder.path());
    let mut tap = first.tap(recording(), KEY);
    say(&mut tap, 100);
    drop(first);
    drop((tap, news));
    let (second, found, news) = recorder_with(folder.path(), 1 << 30, &BTreeSet::new(), None);
    assert_eq!(found.waiting, 0);
    drop(second);
    match &rest(news)[..] {
        [News::Deleted(fact)] => assert_eq!(fact.reason, RecordingDeletion::Erasure),
        other => panic!("wanted a deletion: {other:?}"),
    }
    assert!(!folder.path().join("recordings").exists());
}

#[test]
fn a_full_disk_ends_the_recording_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorder, _, news) = recorder_with(folder.path(), 1_000, &BTreeSet::new(), Some(KEY));
    let mut tap = recorder.tap(recording(), KEY);
    say(&mut tap, 100);
    let metrics = recorder.metrics();
    drop(recorder);
    drop(tap);
    match &rest(news)[..] {
        [News::Failed(fact)] => assert_eq!(fact.reason, "disk_full"),
        other => panic!("wanted a failure: {other:?}"),
    }
    let figures = metrics.at(START);
    assert_eq!((figures.failed, figures.open, figures.is_broken), (1, 0, true));
}

#[test]
fn a_leg_without_sound_is_said_to_have_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (recorder, _, news) = recorder(folder.path());
    drop(recorder.tap(recording(), KEY));
    drop(recorder);
    match &rest(news)[..] {
        [News::Failed(fact)] => assert_eq!(fact.reason, "nothing_kept"),
        other => panic!("wanted a failure: {other:?}"),
    }
}

#[test]
fn a_recording_is_removed_and_then_said_to_be_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let (first, _, news) = recorder(folder.path());
    let mut tap = first.tap(recording(), KEY);
    say(&mut tap, 10);
    drop(tap);
    drop(first);
    let fact = stored(&rest(news)).clone();
    let known = BTreeSet::from([fact.recording_id]);
    let (second, _, news) = recorder_with(folder.path(), 1 << 30, &known, Some(KEY));
    let removal = |location: &str| Removal {
        recording_id: fact.recording_id,
        call_id: fact.call_id,
        location: location.to_owned(),
        reason: RecordingDeletion::Retention,
        by: None,
    };
    second.remove(removal("s3://elsewhere/x.lrec"));
    second.remove(removal(&fact.location));
    drop(second);
    match &rest(news)[..] {
        [News::Deleted(fact)] => assert_eq!(fact.reason, RecordingDeletion::Retention),
        other => panic!("wanted one deletion: {other:?}"),
    }
    assert!(!folder.path().join(&fact.location).exists());
}
