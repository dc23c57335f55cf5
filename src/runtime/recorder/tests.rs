use std::path::Path;

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use uuid::Uuid;

use super::*;
use crate::base::{CallId, SubjectId};
use crate::event::{Event, RecordingDeleted, RecordingStarted, RecordingStored};
use crate::recording::{Store, path_of};

const DAY: u64 = 86_400_000;
/// 2026-11-21T09:00:00Z.
const START: Timestamp = Timestamp::from_micros(1_795_251_600_000_000);

/// Stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        START
    }
}

/// A key of nothing: the tests below need no chance.
fn zeros(buffer: &mut [u8]) {
    buffer.fill(1);
}

fn subject(number: u128) -> SubjectId {
    SubjectId(Uuid::from_u128(number))
}

/// A recording of so many days after the start, of a subject.
fn facts(day: u64, subject_id: SubjectId) -> (RecordingId, [Event; 2]) {
    let started_at = START.plus(Millis(DAY * day));
    let mut rng = Rng::from_seed(day);
    let recording_id = RecordingId::generate(started_at, &mut rng);
    let (call_id, leg_id) = (CallId(recording_id.0), LegId(recording_id.0));
    let codec = "PCMU".to_owned();
    let begun = RecordingStarted { call_id, leg_id, recording_id, subject_id, codec };
    let stored = RecordingStored {
        call_id,
        leg_id,
        recording_id,
        subject_id,
        started_at,
        duration_ms: Millis(1_000),
        dropped_ms: Millis(0),
        is_cut: false,
        format: "lrec-1".to_owned(),
        bytes: 1,
        sha256: String::new(),
        location: format!("recordings/{}", path_of(recording_id)),
    };
    (recording_id, [begun.into(), stored.into()])
}

fn recordings(folder: &Path) -> Recordings {
    let options = RecorderOptions { spool: folder.join("spool"), spool_max: 1 << 20 };
    let store = Store::folder(&folder.join("recordings"), "recordings");
    let (sender, news) = unbounded_channel();
    let opened = Recorder::open(&options, store, Arc::new(Still), |_| true, |_| None, sender);
    Recordings {
        recorder: opened.expect("a recorder").0,
        news,
        ids: IdSequence::new(&mut Rng::from_seed(1)),
        days: 180,
        beginning: Vec::new(),
        stored: Vec::new(),
        sweep_due: START,
        give_up_at: None,
    }
}

/// Takes in that recordings are gone, so many of them.
fn deleted(
    recordings: &mut Recordings,
    table: &mut RecordingTable,
    count: usize,
) -> Vec<RecordingDeleted> {
    let news = (0..count).map(|_| match recordings.news.blocking_recv() {
        Some(News::Deleted(fact)) => fact,
        other => panic!("wanted a deletion: {other:?}"),
    });
    let facts: Vec<_> = news.collect();
    facts.iter().for_each(|fact| table.apply(&fact.clone().into()));
    facts
}

#[test]
fn recordings_go_day_by_day_and_those_of_the_erased_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut vault = Vault::open(&folder.path().join("keys"), &mut zeros).expect("a vault");
    vault.register(&[subject(1)], &mut zeros).expect("registered");
    let mut table = RecordingTable::default();
    let mut recordings = recordings(folder.path());
    // Two of somebody with a key, a day apart, and one of somebody erased.
    let (first, of_first) = facts(0, subject(1));
    let (second, of_second) = facts(1, subject(1));
    let (third, of_third) = facts(2, subject(2));
    for fact in of_first.iter().chain(&of_second).chain(&of_third) {
        table.apply(fact);
    }
    let kept = |table: &RecordingTable| table.kept().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(kept(&table), [first, second, third]);
    let file = folder.path().join("recordings").join(path_of(third));
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    std::fs::write(&file, b"sealed").expect("written");

    recordings.sweep(START, &table, &vault);
    let gone = deleted(&mut recordings, &mut table, 1);
    assert_eq!((gone[0].recording_id, gone[0].reason), (third, RecordingDeletion::Erasure));
    assert!(!file.exists());
    // Not before the next day, whatever is due.
    recordings.sweep(START.plus(Millis(DAY - 1)), &table, &vault);
    for day in 1..=182 {
        recordings.sweep(START.plus(Millis(DAY * day)), &table, &vault);
        match day {
            180 | 181 => {
                let gone = deleted(&mut recordings, &mut table, 1);
                assert_eq!(gone[0].reason, RecordingDeletion::Retention);
                assert_eq!(gone[0].recording_id, if day == 180 { first } else { second });
            }
            _ => {}
        }
    }
    assert_eq!(kept(&table), []);
    assert!(table.is_empty() && recordings.news.is_empty());
}

#[test]
fn a_recording_is_open_until_it_is_known_what_became_of_it() {
    let mut table = RecordingTable::default();
    let (id, [begun, stored]) = facts(0, subject(1));
    assert!(!table.is_open(id));
    table.apply(&begun);
    assert!(table.is_open(id));
    let failed = |reason: &str| {
        let (call_id, leg_id) = (CallId(id.0), LegId(id.0));
        RecordingFailed { call_id, leg_id, recording_id: id, reason: reason.to_owned() }
    };
    table.apply(&failed("disk_full").into());
    assert!(table.is_open(id), "what was kept until then may still be stored");
    let mut other = table.clone();
    other.apply(&failed("nothing_kept").into());
    assert!(other.is_empty());
    table.apply(&stored);
    assert!(!table.is_open(id));
    let kept = table.get(id).expect("kept");
    assert_eq!(kept.location(id), format!("recordings/{}", path_of(id)));
}

#[test]
fn the_figures_have_their_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let figures = recordings(folder.path()).figures(Arc::new(Still));
    let mut registry = Registry::default();
    registry.sub_registry_with_prefix(PREFIX).register_collector(Box::new(figures));
    let mut text = String::new();
    encode(&mut text, &registry).expect("text");
    for name in [
        "open",
        "waiting",
        "oldest_waiting_seconds",
        "broken",
        "spooled_seconds_total",
        "dropped_seconds_total",
        "failed_total",
        "stored_total",
    ] {
        let line = format!("\nledgerline_recording_{name} 0");
        assert!(text.contains(&line), "{name} in {text}");
    }
}

#[test]
fn recordings_are_found_by_call_and_listed_newest_first() {
    let mut table = RecordingTable::default();
    let mut ids = Vec::new();
    for day in 0..3 {
        let (id, [begun, stored]) = facts(day, subject(1));
        table.apply(&begun);
        // The last one goes on.
        if day < 2 {
            table.apply(&stored);
        }
        ids.push(id);
    }
    let listed = |table: &RecordingTable, before, most| -> Vec<RecordingId> {
        rows(table, None, before, most).iter().map(|row| row.recording_id).collect()
    };
    assert_eq!(listed(&table, None, 9), [ids[2], ids[1], ids[0]]);
    assert_eq!(listed(&table, Some(ids[2]), 1), [ids[1]]);
    assert_eq!(rows(&table, None, None, 1)[0].stored, None);
    let of_call = rows(&table, Some(CallId(ids[1].0)), None, 9);
    assert_eq!(of_call.len(), 1);
    assert_eq!(of_call[0].stored, Some((Millis(1_000), false)));

    let folder = tempfile::tempdir().expect("a folder");
    let mut vault = Vault::open(&folder.path().join("keys"), &mut zeros).expect("a vault");
    let found = |table: &RecordingTable, vault: &Vault, at: usize| {
        find(table, vault, CallId(ids[at].0)).map(drop).map_err(|error| error.to_string())
    };
    let error = found(&table, &vault, 0).expect_err("no key");
    assert!(error.contains("is destroyed"), "{error}");
    vault.register(&[subject(1)], &mut zeros).expect("registered");
    assert_eq!(found(&table, &vault, 0), Ok(()));
    let error = found(&table, &vault, 2).expect_err("it goes on");
    assert!(error.contains("is not in the store"), "{error}");
    let (recording_id, call_id) = (ids[0], CallId(ids[0].0));
    let reason = RecordingDeletion::Request;
    table.apply(&RecordingDeleted { call_id, recording_id, reason, by: None }.into());
    let error = found(&table, &vault, 0).expect_err("it is deleted");
    assert!(error.contains("no such call"), "{error}");
    assert_eq!(listed(&table, None, 9), [ids[2], ids[1]]);
}
