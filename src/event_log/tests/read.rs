use super::*;

/// Ten events: even positions in `a`, odd ones in `b`, over several segments.
async fn ten() -> (tempfile::TempDir, EmbeddedLog) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions { segment_bytes: 600, ..small() });
    for number in 0..10 {
        append(&log, if number % 2 == 0 { "a" } else { "b" }, number..number + 1).await;
    }
    assert!(segment_files(folder.path()).len() > 2, "reads cross segments");
    (folder, log)
}

#[tokio::test]
async fn all_streams_are_read_in_both_directions() {
    use AllRead::{End, Position, Start};
    use Direction::{Backwards, Forwards};
    let (_folder, log) = ten().await;
    let cases: [(AllRead, Direction, usize, &[u64]); 12] = [
        (Start, Forwards, 3, &[0, 1, 2]),
        (Position(8), Forwards, 5, &[8, 9]),
        (Position(10), Forwards, 5, &[]),
        (Position(u64::MAX), Forwards, usize::MAX, &[]),
        (End, Forwards, 5, &[]),
        (Start, Forwards, 0, &[]),
        (End, Backwards, 3, &[9, 8, 7]),
        (Position(2), Backwards, 9, &[2, 1, 0]),
        (Position(u64::MAX), Backwards, 1, &[9]),
        (Start, Backwards, 4, &[0]),
        (End, Backwards, usize::MAX, &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (Start, Forwards, usize::MAX, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ];
    for (from, direction, max, want) in cases {
        let events = log.read_all(from, direction, max).await.expect("events");
        let got: Vec<_> = events.iter().map(|event| event.position).collect();
        assert_eq!(got, want, "{from:?} {direction:?} {max}");
        assert!(events.iter().all(|found| as_new(found) == event(found.position)));
    }
}

#[tokio::test]
async fn one_stream_is_read_in_both_directions() {
    use Direction::{Backwards, Forwards};
    use StreamRead::{End, Revision, Start};
    let (_folder, log) = ten().await;
    let cases: [(&str, StreamRead, Direction, usize, &[u64]); 9] = [
        ("b", Start, Forwards, 2, &[0, 1]),
        ("b", Revision(3), Forwards, 9, &[3, 4]),
        ("b", Revision(5), Forwards, 9, &[]),
        ("b", End, Forwards, 9, &[]),
        ("b", End, Backwards, 2, &[4, 3]),
        ("b", Revision(1), Backwards, 9, &[1, 0]),
        ("b", Start, Backwards, 9, &[0]),
        ("b", Revision(99), Backwards, 1, &[4]),
        ("none", Start, Forwards, 9, &[]),
    ];
    for (name, from, direction, max, want) in cases {
        let name = stream(name);
        let events = log.read_stream(&name, from, direction, max).await.expect("events");
        let got: Vec<_> = events.iter().map(|event| event.revision).collect();
        assert_eq!(got, want, "{name} {from:?} {direction:?} {max}");
        assert!(events.iter().all(|event| event.position == event.revision * 2 + 1));
    }
}

#[tokio::test]
async fn a_record_that_changed_after_opening_is_refused_when_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions::default());
    append(&log, "a", 0..5).await;
    let file = &segment_files(folder.path())[0];
    let mut bytes = std::fs::read(file).expect("a segment");
    let needle = b"{\"number\":3}";
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("event 3");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("a write");
    let read = log.read_all(AllRead::Position(2), Direction::Forwards, 1).await;
    assert_eq!(read.expect("an intact neighbour")[0].position, 2);
    let refused = log.read_all(AllRead::Start, Direction::Forwards, 9).await.expect_err("damage");
    let ReadError::Corrupt { path, position, offset, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!((path.as_str(), *position), (file.to_str().expect("a path"), 3));
    assert!(*offset < at as u64);
}
