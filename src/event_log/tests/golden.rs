//! Logs that released versions wrote, read by this one.
//!
//! `tests/golden/log/<version>/` holds the files a version wrote and `events.jsonl`, what it
//! read back. A folder is made once, by the version it is named after (`UPDATE_GOLDEN=1`), and
//! never changed again.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::*;
use crate::event::examples;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/log");

/// One event a line, every field.
fn lines(events: &[Recorded]) -> String {
    let mut lines = String::new();
    for event in events {
        let mut line = json!({
            "position": event.position,
            "stream": event.stream,
            "revision": event.revision,
            "recorded_at": event.recorded_at.as_micros(),
            "event_id": event.event_id,
            "event_type": event.event_type,
            "schema_version": event.schema_version,
            "occurred_at": event.occurred_at.as_micros(),
            "correlation_id": event.correlation_id,
            "causation_id": event.causation_id,
            "actor": event.actor,
            "data": String::from_utf8_lossy(&event.data),
        });
        // Version 0.1.0 knew neither.
        if event.content_type == ContentType::Binary || !event.metadata.is_empty() {
            line["data"] = event.data.to_vec().into();
            line["metadata"] = String::from_utf8_lossy(&event.metadata).into();
            line["is_binary"] = (event.content_type == ContentType::Binary).into();
        }
        writeln!(lines, "{line}").expect("a string takes it");
    }
    lines
}

/// One of every fact, in three streams over several segments, the first of them sealed; an event
/// of another client at the end.
async fn write(folder: &Path) {
    let options = LogOptions { segment_bytes: 6_000, ..small() };
    let log = open(folder, options);
    for (number, fact) in (1u64..).zip(examples()) {
        let at = Timestamp::from_micros(1_795_244_400_000_000 + number.cast_signed() * 1_000);
        let new = NewEvent::of(&fact, id(number), at, Actor::part("golden"))
            .because_of((number > 1).then(|| id(number - 1)));
        let name = format!("golden-{}", number % 3);
        log.append(stream(&name), ExpectedRevision::Any, vec![new]).await.expect("appended");
    }
    let foreign = NewEvent {
        content_type: ContentType::Binary,
        data: vec![0, 159, 146, 150],
        metadata: b"{ \"any\": 1 }".to_vec(),
        ..event(899)
    };
    log.append(stream("foreign"), ExpectedRevision::NoStream, vec![foreign])
        .await
        .expect("appended");
    let read = all(&log).await;
    std::fs::write(folder.join("events.jsonl"), lines(&read)).expect("written");
    log.close().await;
    drop(log);
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(folder));
    let store = SealedStore::new(storage.folder("sealed").expect("a folder"));
    let first = segment_files(folder).remove(0);
    let name = first.file_name().and_then(|name| name.to_str()).expect("a name");
    let segment = RawSegment::read(&storage, name).expect("a whole segment");
    seal(&store, &[segment], &SealOptions::default()).expect("sealed");
    std::fs::remove_file(&first).expect("removed");
    std::fs::remove_dir_all(folder.join("index")).expect("the index is no part of it");
}

/// Copies a folder and what is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("copied");
        }
    }
}

#[tokio::test]
async fn logs_of_every_released_version_read_as_they_were_written() {
    let present = Path::new(ROOT).join(env!("CARGO_PKG_VERSION"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !present.exists() {
        write(&present).await;
        std::fs::remove_file(present.join("lock")).expect("the lock file is removed");
    }
    assert!(present.is_dir(), "make {} with UPDATE_GOLDEN=1 before a release", present.display());
    let mut versions: Vec<_> = std::fs::read_dir(ROOT)
        .expect("golden logs")
        .map(|entry| entry.expect("a folder").path())
        .collect();
    versions.sort();
    for version in versions {
        let wanted = std::fs::read_to_string(version.join("events.jsonl")).expect("events.jsonl");
        let folder = tempfile::tempdir().expect("a folder");
        copy(&version, folder.path());
        verify(folder.path()).expect("the chain of an old log holds");
        let log = open(folder.path(), small());
        let read = all(&log).await;
        assert_eq!(lines(&read), wanted, "{}", version.display());
        for recorded in &read {
            if recorded.stream.as_str() == "foreign" {
                continue;
            }
            let fact = recorded.event().expect("an old fact is understood");
            let known: Value = serde_json::from_slice(&recorded.data).expect("JSON");
            let again: Value = serde_json::from_slice(&fact.encode()).expect("JSON");
            // Fields may have been added since, none may be lost.
            for (key, value) in known.as_object().expect("an object") {
                if !value.is_null() {
                    assert_eq!(again.get(key), Some(value), "{} {key}", recorded.event_type);
                }
            }
        }
        // An old log goes on under this version.
        append(&log, "golden-new", 900..901).await;
        assert_eq!(all(&log).await.len(), read.len() + 1);
        log.close().await;
        verify(folder.path()).expect("the chain goes on");
    }
}
