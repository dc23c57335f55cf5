//! A reader that stays open while the writer rolls, seals and merges.

use super::*;
use crate::event_log::index::Part;

const STREAMS: u64 = 7;

/// Segments of some ten events, all of them sealed as soon as they are finished.
fn sealing() -> LogOptions {
    LogOptions { segment_bytes: 1_500, seal_after_bytes: Some(0), ..small() }
}

fn reader_of(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open_read_only(folder).expect("a reader").0
}

async fn add(log: &EmbeddedLog, numbers: std::ops::Range<u64>) {
    for number in numbers {
        append(log, &format!("s-{}", number % STREAMS), number..number + 1).await;
    }
}

/// Closes the log, which ends the sealing wherever it is, and opens it again until nothing is
/// left to do: the last segment is raw, and fewer parts are left than are merged.
async fn at_rest(folder: &Path, log: EmbeddedLog) {
    log.close().await;
    drop(log);
    let is_done = || {
        let names = std::fs::read_dir(folder.join("sealed")).expect("a folder");
        let names = names.map(|entry| entry.expect("an entry").file_name());
        let records = names.filter(|name| name.to_string_lossy().ends_with(".json")).count();
        segment_files(folder).len() <= 1 && records < 8
    };
    let log = open(folder, sealing());
    while !is_done() {
        tokio::task::yield_now().await;
    }
    log.close().await;
}

async fn by_stream(log: &EmbeddedLog) -> Vec<Vec<Recorded>> {
    let mut found = Vec::new();
    for number in 0..STREAMS {
        let name = stream(&format!("s-{number}"));
        let read = log.read_stream(&name, StreamRead::Start, Direction::Forwards, usize::MAX);
        found.push(read.await.expect("events"));
    }
    found
}

/// What the writer has, by position and by stream.
async fn compare(reader: &EmbeddedLog, events: &[Recorded]) {
    assert_eq!(all(reader).await, events);
    for (number, found) in (0..).zip(by_stream(reader).await) {
        let name = stream(&format!("s-{number}"));
        let wanted: Vec<_> = events.iter().filter(|event| event.stream == name).cloned().collect();
        assert_eq!(found, wanted, "{number}");
    }
}

#[tokio::test]
async fn a_reader_follows_a_writer_that_rolls_seals_and_merges() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), sealing());
    let reader = reader_of(folder.path());
    let mut seen = Vec::new();
    let mut subscription = reader.subscribe_all(None);
    for round in 0..120u64 {
        add(&log, round * 10..round * 10 + 10).await;
        // Every other stretch is read by position while the writer is at work.
        if round % 3 != 1 {
            reader.refresh().expect("what is new");
            let from = AllRead::Position(seen.len() as u64);
            seen.extend(reader.read_all(from, Direction::Forwards, usize::MAX).await.expect("new"));
        }
        if round % 17 == 5 {
            // What is read may find a file gone, and the reader further than before.
            let before = reader.shared.end();
            let found = by_stream(&reader).await.iter().map(Vec::len).sum::<usize>() as u64;
            let after = reader.shared.end();
            assert!((before..=after).contains(&found), "{found} of {before} to {after}");
            assert!(before >= seen.len() as u64);
        }
    }
    let events = all(&log).await;
    reader.refresh().expect("what is new");
    let from = AllRead::Position(seen.len() as u64);
    seen.extend(reader.read_all(from, Direction::Forwards, usize::MAX).await.expect("the rest"));
    assert_eq!(seen, events);
    for event in &events {
        assert_eq!(&subscription.next_event().await.expect("an event"), event);
    }
    at_rest(folder.path(), log).await;
    reader.refresh().expect("what is new");
    compare(&reader, &events).await;
}

#[tokio::test]
async fn what_is_covered_sealed_or_merged_is_let_go_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions { seal_after_bytes: None, ..sealing() });
    let reader = reader_of(folder.path());
    add(&log, 0..600).await;
    let events = all(&log).await;
    log.close().await;
    // All in memory, and the files of the segments are open.
    reader.refresh().expect("what is new");
    compare(&reader, &events).await;
    at_rest(folder.path(), open(folder.path(), sealing())).await;
    reader.refresh().expect("what is new");
    reader.refresh().expect("nothing is new");
    {
        let index = reader.shared.index();
        let fresh = reader_of(folder.path());
        let fresh = fresh.shared.index();
        assert_eq!(index.parts.len(), fresh.parts.len());
        assert!(index.parts.len() < 10, "{} parts of some sixty segments", index.parts.len());
        assert_eq!((index.next, index.hot.base()), (fresh.next, fresh.hot.base()));
        assert!(index.hot.base() > 560, "{} of 600 are in runs", index.hot.base());
        assert!(index.hot.memory() <= fresh.hot.memory() + 4_096);
        let held = index.parts.iter().filter(|part| match part {
            Part::Raw(raw) => raw.table.is_some(),
            Part::Sealed(_) => false,
        });
        assert_eq!(held.count(), 0, "no table stays in memory");
        let runs = |log: &EmbeddedLog| {
            let runs = log.shared.parts.runs.get().expect("an index").snapshot();
            (runs.len(), runs.covered_until())
        };
        assert_eq!(runs(&reader), runs(&reader_of(folder.path())));
    }
    compare(&reader, &events).await;
    assert!(reader.shared.parts.open_files() <= segment_files(folder.path()).len());
}

#[tokio::test]
async fn a_reader_whose_files_are_gone_goes_on_unasked() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), sealing());
    add(&log, 0..25).await;
    let reader = reader_of(folder.path());
    let known = all(&reader).await.len();
    assert_eq!(known, 25);
    add(&log, 25..300).await;
    let events = all(&log).await;
    at_rest(folder.path(), log).await;
    reader.shared.parts.forget_all();
    // Not one refresh, and the segments that it knows were sealed.
    let found = reader.read_all(AllRead::Start, Direction::Forwards, known).await.expect("events");
    assert_eq!(found, events[..known]);
    compare(&reader, &events).await;
}

#[tokio::test]
async fn a_folder_with_another_log_is_not_taken_for_the_one_that_was_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions { segment_bytes: 1_500, ..small() });
    add(&log, 0..60).await;
    log.close().await;
    let reader = reader_of(folder.path());
    let events = all(&reader).await;
    for file in segment_files(folder.path()) {
        std::fs::remove_file(file).expect("a removal");
    }
    let refused = reader.refresh().expect_err("the log is gone");
    assert!(refused.to_string().contains("segment file is gone"), "{refused}");
    std::fs::remove_dir_all(folder.path().join("index")).expect("a removal");
    unmark(folder.path());
    let other = open(folder.path(), LogOptions { segment_bytes: 1_400, ..small() });
    add(&other, 100..200).await;
    other.close().await;
    assert!(reader.refresh().is_err(), "another log");
    assert_eq!(reader.head(), Some(events.len() as u64 - 1));
}
