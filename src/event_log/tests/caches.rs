//! The files of the index are caches, and sealed parts take the place of segments unnoticed.

use std::time::Duration;

use super::*;

/// Segments of some ten events.
fn tiny() -> LogOptions {
    LogOptions { segment_bytes: 1_500, ..small() }
}

async fn filled(folder: &Path, options: LogOptions) -> Vec<Recorded> {
    let log = open(folder, options);
    for number in 0..120 {
        append(&log, &format!("s-{}", number % 7), number..number + 1).await;
    }
    let events = all(&log).await;
    log.close().await;
    events
}

async fn streams(log: &EmbeddedLog) -> Vec<Vec<Recorded>> {
    let mut found = Vec::new();
    for number in 0..7 {
        let name = stream(&format!("s-{number}"));
        let read = log.read_stream(&name, StreamRead::Start, Direction::Forwards, usize::MAX);
        found.push(read.await.expect("events"));
    }
    found
}

fn index_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("index")).expect("an index");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn an_index_that_is_deleted_damaged_or_partly_gone_is_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = filled(folder.path(), tiny()).await;
    let (reader, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    let by_stream = streams(&reader).await;
    assert_eq!(by_stream.iter().map(Vec::len).sum::<usize>(), events.len());
    for harm in 0..40 {
        if !folder.path().join("index").exists() || harm % 4 == 0 {
            drop(std::fs::remove_dir_all(folder.path().join("index")));
        } else {
            let files = index_files(folder.path());
            for (number, file) in files.iter().enumerate().filter(|(at, _)| at % 3 == harm % 3) {
                let mut bytes = std::fs::read(file).expect("bytes");
                match (harm + number) % 3 {
                    0 => std::fs::remove_file(file).expect("a removal"),
                    1 => std::fs::write(file, &bytes[..bytes.len() / 2]).expect("a write"),
                    _ => {
                        bytes[20] ^= 1;
                        std::fs::write(file, bytes).expect("a write");
                    }
                }
            }
        }
        // A reader writes nothing, and needs none of it.
        let before = folder.path().join("index").exists();
        let (reader, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
        assert_eq!(all(&reader).await, events, "harm {harm}");
        assert_eq!(streams(&reader).await, by_stream, "harm {harm}");
        assert_eq!(folder.path().join("index").exists(), before);
        let (log, report) = EmbeddedLog::open(folder.path(), tiny(), clock()).expect("a log");
        assert_eq!((report.events, report.torn_tail_bytes), (120, 0));
        assert_eq!(all(&log).await, events, "harm {harm}");
        assert_eq!(streams(&log).await, by_stream, "harm {harm}");
        // What was appended is known, wherever it is.
        assert!(append(&log, "s-0", 0..1).await.is_repeat);
        log.close().await;
    }
}

/// A log whose segments are sealed as soon as they are finished, but for one.
#[tokio::test]
async fn sealed_segments_are_read_like_the_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let sealing = LogOptions { seal_after_bytes: Some(0), ..tiny() };
    let mut events = filled(folder.path(), sealing.clone()).await;
    let mut sealed = false;
    for life in 0..6 {
        let (log, report) =
            EmbeddedLog::open(folder.path(), sealing.clone(), clock()).expect("a log");
        assert_eq!(report.events, events.len() as u64);
        assert_eq!(all(&log).await, events, "life {life}");
        let number = 1_000 + life * 40;
        for number in number..number + 40 {
            append(&log, "s-1", number..number + 1).await;
        }
        events = all(&log).await;
        let next = stream("s-1");
        let read = log.read_stream(&next, StreamRead::Start, Direction::Forwards, usize::MAX);
        let mine: Vec<_> = events.iter().filter(|event| event.stream == next).cloned().collect();
        assert_eq!(read.await.expect("events"), mine, "life {life}");
        log.close().await;
        let first = segment_files(folder.path()).remove(0);
        sealed |= !first.ends_with("segment-00000000000000000000.log");
        let report = verify(folder.path()).expect("a whole log");
        assert_eq!(report.events, events.len() as u64);
        let (reader, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
        assert_eq!(all(&reader).await, events, "life {life}");
    }
    assert!(sealed, "segments were sealed: {:?}", segment_files(folder.path()));
}

/// A quiet log: nothing is appended any more, and what is old is sealed all the same.
#[tokio::test]
async fn a_quiet_log_seals() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = Some(Duration::from_micros(1));
    let options = LogOptions { roll_after_age: old, seal_after_age: old, ..LogOptions::default() };
    let log = open(folder.path(), options);
    append(&log, "a", 0..5).await;
    let before = all(&log).await;
    let first = segment_files(folder.path()).remove(0);
    while first.exists() {
        tokio::task::yield_now().await;
    }
    assert_eq!(all(&log).await, before);
    append(&log, "a", 5..6).await;
    log.close().await;
    assert_eq!(verify(folder.path()).expect("a whole log").events, 6);
    assert_eq!(all(&open(folder.path(), LogOptions::default())).await[..5], before[..]);
}

/// What waits is bounded in bytes: who finds no room waits, and gets its turn.
#[tokio::test]
async fn appends_wait_for_room_in_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = LogOptions { queue_bytes: 2_000, ..LogOptions::default() };
    let log = Arc::new(open(folder.path(), options));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for number in 0..20 {
                    let large =
                        NewEvent { data: vec![b'x'; 1_500], ..event(writer * 100 + number) };
                    let name = stream(&format!("s-{writer}"));
                    log.append(name, ExpectedRevision::Any, vec![large]).await.expect("written");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer");
    }
    assert_eq!(all(&log).await.len(), 160);
}
