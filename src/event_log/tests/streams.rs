//! The rules of streams, one by one; `streams_model` has them all at once.

use serde_json::{Value, json};

use super::super::stream_rules::StreamMetadata;
use super::*;

const ANY: ExpectedRevision = ExpectedRevision::Any;
const NONE: [u64; 0] = [];

/// A clock that is where it was set.
#[derive(Default)]
pub(super) struct SetClock(pub(super) AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

fn fresh() -> (tempfile::TempDir, EmbeddedLog) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    (folder, log)
}

/// Metadata of a stream, as a client writes them.
pub(super) fn metadata(number: u64, document: &str) -> NewEvent {
    NewEvent {
        event_type: "$metadata".to_owned(),
        data: document.as_bytes().to_vec(),
        content_type: ContentType::Json,
        ..event(number)
    }
}

async fn set_metadata(log: &EmbeddedLog, name: &str, number: u64, document: &Value) -> Appended {
    let event = metadata(number, &document.to_string());
    log.append(stream(&format!("$${name}")), ANY, vec![event]).await.expect("metadata")
}

async fn revisions(log: &EmbeddedLog, name: &str, direction: Direction) -> Vec<u64> {
    let from = match direction {
        Direction::Forwards => StreamRead::Start,
        Direction::Backwards => StreamRead::End,
    };
    let events = log.read_stream(&stream(name), from, direction, 100).await.expect("events");
    assert!(events.iter().all(|event| event.stream == stream(name)));
    events.iter().map(|event| event.revision).collect()
}

async fn forwards(log: &EmbeddedLog, name: &str) -> Vec<u64> {
    revisions(log, name, Direction::Forwards).await
}

async fn info(log: &EmbeddedLog, name: &str) -> StreamInfo {
    log.stream(&stream(name)).await.expect("an answer")
}

/// The last metadata document of a stream.
async fn document(log: &EmbeddedLog, name: &str) -> Value {
    let name = stream(&format!("$${name}"));
    let events = log.read_stream(&name, StreamRead::End, Direction::Backwards, 1).await;
    let events = events.expect("events");
    assert_eq!(events[0].event_type, "$metadata");
    serde_json::from_slice(&events[0].data).expect("JSON")
}

async fn append_as(
    log: &EmbeddedLog,
    name: &str,
    expected: ExpectedRevision,
    numbers: std::ops::Range<u64>,
) -> Result<Appended, AppendError> {
    log.append(stream(name), expected, numbers.map(event).collect()).await
}

fn is_wrong<T: std::fmt::Debug>(answer: Result<T, AppendError>, revision: Option<u64>) -> bool {
    match answer {
        Err(AppendError::WrongExpectedRevision { actual, .. }) => actual == revision,
        other => panic!("{other:?}"),
    }
}

fn is_closed<T: std::fmt::Debug>(answer: Result<T, AppendError>) -> bool {
    matches!(answer, Err(AppendError::StreamDeleted { .. }))
}

#[tokio::test]
async fn a_deleted_stream_reads_as_nothing_and_goes_on_where_it_was() {
    let (folder, log) = fresh();
    append(&log, "lead-1", 0..3).await;
    let kept = json!({"$maxCount": 9, "$acl": {"$r": "$all"}, "mine": [1, 2.5, "x"]});
    set_metadata(&log, "lead-1", 50, &kept).await;
    let position = log.delete(stream("lead-1"), ExpectedRevision::Exact(2)).await.expect("deleted");
    assert_eq!(position, 4);
    let mut want = kept.clone();
    want["$tb"] = json!(i64::MAX);
    assert_eq!(document(&log, "lead-1").await, want, "the other keys stay");
    let deleted = info(&log, "lead-1").await;
    assert_eq!((deleted.last_revision, deleted.first_revision), (Some(2), 3));
    assert!(deleted.is_deleted && !deleted.is_tombstoned && !deleted.exists());
    assert_eq!(forwards(&log, "lead-1").await, NONE);
    assert_eq!(revisions(&log, "lead-1", Direction::Backwards).await, NONE);
    assert_eq!(all(&log).await.len(), 5, "everything is still in the log");
    drop(log);

    let log = open(folder.path(), small());
    assert_eq!(info(&log, "lead-1").await, deleted);
    assert!(is_wrong(
        append_as(&log, "lead-1", ExpectedRevision::StreamExists, 3..4).await,
        Some(2)
    ));
    let again = append_as(&log, "lead-1", ExpectedRevision::NoStream, 3..5).await.expect("again");
    assert_eq!((again.first_revision, again.first_position, again.last_position), (3, 5, 6));
    assert_eq!(log.head(), Some(7), "and new metadata in the same frame");
    want["$tb"] = json!(3);
    assert_eq!(document(&log, "lead-1").await, want);
    assert_eq!(all(&log).await[7].causation_id, Some(id(3)));
    assert_eq!(forwards(&log, "lead-1").await, [3, 4]);
    let alive = info(&log, "lead-1").await;
    assert_eq!((alive.last_revision, alive.first_revision), (Some(4), 3));
    assert!(alive.exists());
    append_as(&log, "lead-1", ExpectedRevision::Exact(4), 5..6).await.expect("on");
    assert_eq!(log.head(), Some(8), "once");
}

#[tokio::test]
async fn every_expected_revision_that_passes_ends_a_deletion() {
    for expected in [ANY, ExpectedRevision::NoStream, ExpectedRevision::Exact(1)] {
        let (_folder, log) = fresh();
        append(&log, "a", 0..2).await;
        log.delete(stream("a"), ANY).await.expect("deleted");
        assert!(is_wrong(append_as(&log, "a", ExpectedRevision::Exact(0), 2..3).await, Some(1)));
        let first = append_as(&log, "a", expected, 2..3).await.expect("again");
        assert_eq!(first.first_revision, 2, "{expected:?}");
        assert_eq!(forwards(&log, "a").await, [2]);
    }
    // A repeat of what was deleted is a repeat, and ends nothing.
    let (_folder, log) = fresh();
    append(&log, "a", 0..2).await;
    log.delete(stream("a"), ANY).await.expect("deleted");
    let repeat = append_as(&log, "a", ExpectedRevision::NoStream, 0..2).await.expect("a repeat");
    assert!(repeat.is_repeat);
    assert!(info(&log, "a").await.is_deleted);
}

#[tokio::test]
async fn a_delete_is_judged_by_the_stream_itself() {
    let (_folder, log) = fresh();
    let delete = |expected| log.delete(stream("a"), expected);
    for expected in [
        ANY,
        ExpectedRevision::NoStream,
        ExpectedRevision::StreamExists,
        ExpectedRevision::Exact(0),
    ] {
        assert!(is_wrong(delete(expected).await, None), "{expected:?}");
    }
    append(&log, "a", 0..2).await;
    for expected in
        [ExpectedRevision::NoStream, ExpectedRevision::Exact(0), ExpectedRevision::Exact(2)]
    {
        assert!(is_wrong(delete(expected).await, Some(1)), "{expected:?}");
    }
    assert_eq!(log.head(), Some(1), "nothing was written");
    delete(ExpectedRevision::StreamExists).await.expect("deleted");
    assert!(is_wrong(delete(ExpectedRevision::StreamExists).await, Some(1)), "it does not");
    delete(ExpectedRevision::NoStream).await.expect("once more");
    // A stream that has metadata and no events can be deleted, too.
    set_metadata(&log, "b", 50, &json!({"$maxCount": 3})).await;
    log.delete(stream("b"), ExpectedRevision::NoStream).await.expect("deleted");
    assert_eq!(document(&log, "b").await, json!({"$maxCount": 3, "$tb": i64::MAX}));
}

#[tokio::test]
async fn metadata_that_were_no_document_are_replaced_by_a_delete() {
    let (_folder, log) = fresh();
    append(&log, "a", 0..1).await;
    for (number, text) in [(50, "no JSON"), (51, "[1]"), (52, "")] {
        log.append(stream("$$a"), ANY, vec![metadata(number, text)]).await.expect("anything");
        assert_eq!(forwards(&log, "a").await, [0], "{text:?} says nothing");
        log.delete(stream("a"), ANY).await.expect("deleted");
        assert_eq!(document(&log, "a").await, json!({"$tb": i64::MAX}));
        set_metadata(&log, "a", number + 10, &json!({"$tb": 0})).await;
        assert_eq!(document(&log, "a").await, json!({"$tb": 1}), "what was deleted stays hidden");
        log.append(stream("$$a"), ANY, vec![metadata(number + 20, "{}")]).await.expect("metadata");
    }
}

#[tokio::test]
async fn nothing_comes_after_a_tombstone() {
    let (folder, log) = fresh();
    append(&log, "a", 0..2).await;
    assert!(is_wrong(log.tombstone(stream("a"), ExpectedRevision::Exact(5)).await, Some(1)));
    let position = log.tombstone(stream("a"), ExpectedRevision::Exact(1)).await.expect("closed");
    assert_eq!(position, 2);
    let mark = &all(&log).await[2];
    assert_eq!(
        (mark.event_type.as_str(), mark.revision, mark.data.len()),
        ("$streamDeleted", 2, 0)
    );
    for life in 0..2 {
        let log = if life == 0 { &log } else { &open(folder.path(), small()) };
        for expected in [ANY, ExpectedRevision::NoStream, ExpectedRevision::Exact(2)] {
            assert!(is_closed(append_as(log, "a", expected, 0..2).await), "a repeat, too");
            assert!(is_closed(append_as(log, "$$a", expected, 3..4).await));
            assert!(is_closed(log.delete(stream("a"), expected).await));
            assert!(is_closed(log.tombstone(stream("a"), expected).await));
            assert!(is_closed(log.check(stream("a"), expected).await));
        }
        let batch = vec![part("b", ANY, 5..6), part("a", ANY, 6..7)];
        assert!(is_closed(log.append_many(batch).await));
        let closed = info(log, "a").await;
        assert!(closed.is_tombstoned && !closed.is_deleted && !closed.exists());
        assert_eq!(closed.last_revision, Some(2));
        assert!(info(log, "$$a").await.is_tombstoned);
        assert_eq!(forwards(log, "a").await, NONE);
        assert_eq!(revisions(log, "a", Direction::Backwards).await, NONE);
        assert_eq!(log.head(), Some(2));
        if life == 0 {
            log.close().await;
        }
    }
    let log = open(folder.path(), small());
    log.tombstone(stream("never"), ExpectedRevision::NoStream).await.expect("closed in advance");
    assert!(is_closed(append_as(&log, "never", ANY, 0..1).await));
}

#[tokio::test]
async fn reading_stops_where_the_metadata_say_so() {
    let (_folder, log) = fresh();
    append(&log, "a", 0..10).await;
    let cases: [(Value, &[u64]); 8] = [
        (json!({"$maxCount": 3}), &[7, 8, 9]),
        (json!({"$maxCount": 99}), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (json!({"$tb": 8}), &[8, 9]),
        (json!({"$tb": 10}), &[]),
        (json!({"$tb": 1_000_000}), &[]),
        (json!({"$tb": 6, "$maxCount": 3}), &[7, 8, 9]),
        (json!({"$tb": 9, "$maxCount": 3}), &[9]),
        (json!({}), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ];
    for (number, (document, want)) in (100..).zip(cases) {
        set_metadata(&log, "a", number, &document).await;
        assert_eq!(forwards(&log, "a").await, want, "{document}");
        let mut back = revisions(&log, "a", Direction::Backwards).await;
        back.reverse();
        assert_eq!(back, want, "{document}");
        let found = info(&log, "a").await;
        assert_eq!(found.first_revision, 10 - want.len() as u64, "{document}");
        assert!(found.exists(), "cut, not deleted");
    }
    set_metadata(&log, "a", 200, &json!({"$maxCount": 3})).await;
    let name = stream("a");
    let read = async |from, direction, max| {
        let events = log.read_stream(&name, from, direction, max).await.expect("events");
        events.iter().map(|event| event.revision).collect::<Vec<_>>()
    };
    assert_eq!(read(StreamRead::Start, Direction::Forwards, 2).await, [7, 8]);
    assert_eq!(read(StreamRead::Revision(8), Direction::Forwards, 9).await, [8, 9]);
    assert_eq!(read(StreamRead::Revision(8), Direction::Backwards, 9).await, [8, 7]);
    assert_eq!(read(StreamRead::Revision(6), Direction::Backwards, 9).await, NONE);
    assert_eq!(read(StreamRead::Start, Direction::Backwards, 9).await, NONE);
    assert_eq!(all(&log).await.len(), 19, "all streams together are not cut");
}

#[tokio::test]
async fn age_is_measured_by_the_clock_of_the_one_who_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let time = Arc::new(SetClock::default());
    let log = EmbeddedLog::open(folder.path(), small(), time.clone()).expect("a log").0;
    set_metadata(&log, "a", 100, &json!({"$maxAge": 10})).await;
    for number in 0..5_u64 {
        time.0.store(number.cast_signed() * 4_000_000, Ordering::Relaxed);
        append(&log, "a", number..number + 1).await;
    }
    // Now it is 16 s, and 6 s are just not too old.
    assert_eq!(forwards(&log, "a").await, [2, 3, 4]);
    assert_eq!(revisions(&log, "a", Direction::Backwards).await, [4, 3, 2]);
    assert_eq!(info(&log, "a").await.first_revision, 0, "age changes nothing here");
    time.0.store(18_000_000, Ordering::Relaxed);
    assert_eq!(forwards(&log, "a").await, [2, 3, 4], "10 s are not over 10 s");
    time.0.store(18_000_001, Ordering::Relaxed);
    assert_eq!(forwards(&log, "a").await, [3, 4]);
    time.0.store(i64::MAX, Ordering::Relaxed);
    assert_eq!(forwards(&log, "a").await, NONE);
    let reader = EmbeddedLog::open_read_only(folder.path()).expect("a reader").0;
    assert_eq!(forwards(&reader, "a").await, [2, 3, 4], "by the newest event");
    assert_eq!(forwards(&reader.with_clock(time), "a").await, NONE);
}

#[tokio::test]
async fn metadata_streams_are_streams_of_which_the_last_event_is_read() {
    let (_folder, log) = fresh();
    for number in 0..3 {
        let set = set_metadata(&log, "a", number, &json!({"$maxCount": number + 1})).await;
        assert_eq!(set.first_revision, number);
    }
    assert_eq!(forwards(&log, "$$a").await, [2]);
    assert_eq!(revisions(&log, "$$a", Direction::Backwards).await, [2]);
    let found = info(&log, "$$a").await;
    assert_eq!((found.last_revision, found.first_revision), (Some(2), 2));
    assert!(is_wrong(append_as(&log, "$$a", ExpectedRevision::Exact(0), 8..9).await, Some(2)));
    assert!(is_wrong(append_as(&log, "$$b", ExpectedRevision::StreamExists, 8..9).await, None));
    assert!(!info(&log, "a").await.exists());
    // A stream with metadata only exists for one who says so, but has no revision.
    assert_eq!(log.check(stream("a"), ExpectedRevision::StreamExists).await.expect("yes"), None);
    let first = append_as(&log, "a", ExpectedRevision::StreamExists, 9..10).await.expect("yes");
    assert_eq!(first.first_revision, 0);
    assert_eq!(log.head(), Some(3), "nothing more than that");
    // System streams have metadata as others have.
    append(&log, "$system", 20..23).await;
    set_metadata(&log, "$system", 30, &json!({"$maxCount": 1})).await;
    assert_eq!(forwards(&log, "$system").await, [2]);
}

#[tokio::test]
async fn names_that_cannot_be_are_refused_with_what_would_be_right() {
    let (_folder, log) = fresh();
    for name in ["$$", "$$$$", "$$$$a", "$$$$$a"] {
        let refused = append_as(&log, name, ANY, 0..1).await.expect_err(name);
        assert!(matches!(refused, AppendError::InvalidStream { .. }), "{refused}");
        assert!(log.check(stream(name), ANY).await.is_err(), "{name}");
        assert!(log.delete(stream(name), ANY).await.is_err(), "{name}");
        assert_eq!(forwards(&log, name).await, NONE);
    }
    let refused = append_as(&log, "$$$$a", ANY, 0..1).await.expect_err("metadata of metadata");
    assert!(refused.to_string().contains("without the first `$$`"), "{refused}");
    append(&log, "$$a", 0..1).await;
    for answer in [log.delete(stream("$$a"), ANY).await, log.tombstone(stream("$$a"), ANY).await] {
        let refused = answer.expect_err("a metadata stream");
        assert!(refused.to_string().contains("delete that one"), "{refused}");
    }
    let long = "x".repeat(254);
    append(&log, &long, 1..2).await;
    let refused = log.delete(stream(&long), ANY).await.expect_err("too long for metadata");
    assert!(refused.to_string().contains("tombstone is possible"), "{refused}");
    assert_eq!(forwards(&log, &long).await, [0]);
    log.tombstone(stream(&long), ANY).await.expect("closed");
    let mark = NewEvent { event_type: "$streamDeleted".to_owned(), ..event(9) };
    let refused = log.append(stream("b"), ANY, vec![mark]).await.expect_err("a false tombstone");
    assert!(matches!(refused, AppendError::ReservedType { .. }), "{refused}");
}

#[tokio::test]
async fn a_check_writes_nothing_and_says_where_the_stream_is() {
    let (_folder, log) = fresh();
    let check = |expected| log.check(stream("a"), expected);
    assert_eq!(check(ANY).await.expect("passes"), None);
    assert_eq!(check(ExpectedRevision::NoStream).await.expect("passes"), None);
    assert!(is_wrong(check(ExpectedRevision::StreamExists).await, None));
    assert!(is_wrong(check(ExpectedRevision::Exact(0)).await, None));
    append(&log, "a", 0..3).await;
    for expected in [ANY, ExpectedRevision::StreamExists, ExpectedRevision::Exact(2)] {
        assert_eq!(check(expected).await.expect("passes"), Some(2));
    }
    for expected in
        [ExpectedRevision::NoStream, ExpectedRevision::Exact(1), ExpectedRevision::Exact(u64::MAX)]
    {
        assert!(is_wrong(check(expected).await, Some(2)), "{expected:?}");
    }
    log.delete(stream("a"), ANY).await.expect("deleted");
    assert_eq!(check(ExpectedRevision::NoStream).await.expect("passes"), Some(2));
    assert!(is_wrong(check(ExpectedRevision::StreamExists).await, Some(2)));
    assert_eq!(log.head(), Some(3));
}

#[tokio::test]
async fn a_batch_with_a_stream_and_its_metadata_is_one() {
    let (_folder, log) = fresh();
    append(&log, "a", 0..3).await;
    log.delete(stream("a"), ANY).await.expect("deleted");
    let own = |number, text: &str| StreamAppend {
        stream: stream("$$a"),
        expected: ANY,
        events: vec![metadata(number, text)],
    };
    // Either order: both, then what keeps the deleted events hidden.
    let batch = vec![own(50, r#"{"$tb":0,"k":1}"#), part("a", ANY, 3..4)];
    let answers = log.append_many(batch.clone()).await.expect("both");
    assert_eq!((answers[0].first_revision, answers[1].first_revision), (1, 3));
    assert_eq!(document(&log, "a").await, json!({"$tb": 3, "k": 1}));
    assert_eq!((forwards(&log, "a").await, log.head()), (vec![3], Some(6)));
    assert!(log.append_many(batch).await.expect("a repeat").iter().all(|part| part.is_repeat));
    let batch = vec![part("a", ANY, 4..5), own(51, &format!(r#"{{"$tb":{}}}"#, i64::MAX))];
    log.append_many(batch).await.expect("both");
    assert!(info(&log, "a").await.is_deleted, "deleted by hand");
    assert_eq!(log.head(), Some(8));
    let batch = vec![part("b", ANY, 0..1), part("a", ExpectedRevision::Exact(9), 5..6)];
    assert!(is_wrong(log.append_many(batch).await, Some(4)));
    assert!(info(&log, "a").await.is_deleted, "nothing of a refused batch counts");
}

/// Requests that wait together share a frame, and each sees what the ones before it did.
#[tokio::test]
async fn what_is_not_durable_yet_counts() {
    let (_folder, log) = fresh();
    let mut pending: Vec<BoxFuture<'_, Result<u64, AppendError>>> = Vec::new();
    for round in 0..40 {
        let name = stream(&format!("s-{}", round % 5));
        let numbers = round * 3..round * 3 + 3;
        let events = numbers.map(event).collect();
        let expected = ExpectedRevision::NoStream;
        let append = log.append(name.clone(), expected, events);
        pending.push(Box::pin(async move { append.await.map(|done| done.first_revision) }));
        pending.push(log.delete(name, ExpectedRevision::Exact(round / 5 * 3 + 2)));
    }
    for name in 0..5 {
        pending.push(log.tombstone(stream(&format!("s-{name}")), ExpectedRevision::Exact(23)));
        pending.push(log.delete(stream(&format!("s-{name}")), ANY));
    }
    let answers = at_once(pending).await;
    for (round, pair) in answers[..80].chunks(2).enumerate() {
        assert_eq!(pair[0].as_ref().ok(), Some(&(round as u64 / 5 * 3)), "{pair:?}");
        assert!(pair[1].is_ok(), "{pair:?}");
    }
    for pair in answers[80..].chunks(2) {
        assert!(pair[0].is_ok(), "{pair:?}");
        assert!(matches!(pair[1], Err(AppendError::StreamDeleted { .. })), "{pair:?}");
    }
}

#[tokio::test]
async fn metadata_that_cannot_be_read_are_an_error_not_no_metadata() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions::default());
    append(&log, "a", 0..1).await;
    log.delete(stream("a"), ANY).await.expect("deleted");
    for name in 10..20 {
        append(&log, &format!("s-{name}"), name..name + 1).await; // Until it is forgotten.
    }
    let file = &segment_files(folder.path())[0];
    let mut bytes = std::fs::read(file).expect("a segment");
    let needle = b"{\"$tb\":";
    let at = bytes.windows(needle.len()).position(|window| window == needle).expect("it");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("a write");
    let read = log.read_stream(&stream("a"), StreamRead::Start, Direction::Forwards, 9).await;
    assert!(matches!(read, Err(ReadError::Corrupt { position: 1, .. })), "{read:?}");
    assert!(log.stream(&stream("a")).await.is_err());
    let refused = append_as(&log, "a", ANY, 1..2).await.expect_err("damage");
    assert!(matches!(refused, AppendError::Unreadable(_)), "{refused}");
    append(&log, "b", 1..2).await;
}

#[test]
fn a_document_says_what_it_says_for_kurrentdb() {
    let of = |max_count, max_age_us, truncate_before| StreamMetadata {
        max_count,
        max_age_us,
        truncate_before,
    };
    let none = StreamMetadata::default();
    let cases = [
        (r#"{"$maxCount":5,"$maxAge":7,"$tb":0}"#, of(Some(5), Some(7_000_000), Some(0))),
        (r#"{"$maxCount":0,"$maxAge":-1,"$tb":-5}"#, none),
        (r#"{"$maxCount":9223372036854775807}"#, of(Some(i64::MAX as u64), None, None)),
        (r#"{"$maxAge":9223372036854775807}"#, of(None, Some(i64::MAX), None)),
        (r#"{"$tb":9223372036854775807}"#, of(None, None, Some(i64::MAX as u64))),
        // What JavaScript makes of that number: KurrentDB does not understand the document.
        (r#"{"$tb":9223372036854776000,"$maxCount":1}"#, none),
        (r#"{"$tb":1.5,"$maxCount":1}"#, none),
        (r#"{"$tb":"1","$maxCount":1}"#, none),
        (r#"{"$tb":null,"$maxCount":1}"#, none),
        (r#"{"$acl":"all","$maxCount":1}"#, none),
        (r#"{"$cacheControl":"1","$maxCount":1}"#, none),
        (
            r#"{"$acl":{"$r":["a"]},"$cacheControl":1,"$tmp":true,"$maxCount":1}"#,
            of(Some(1), None, None),
        ),
        (r#"{"$maxCount":1,"$maxCount":2,"tb":{"$tb":1}}"#, of(Some(2), None, None)),
        ("{}", none),
        ("", none),
        ("[]", none),
        ("null", none),
        (r#"{"$maxCount":1"#, none),
        ("\u{feff}{\"$maxCount\":1}", none),
    ];
    for (text, want) in cases {
        assert_eq!(StreamMetadata::parse(ContentType::Json, text.as_bytes()), want, "{text}");
        assert_eq!(StreamMetadata::parse(ContentType::Binary, text.as_bytes()), none, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_metadata_or_not(bytes: Vec<u8>) {
        let found = StreamMetadata::parse(ContentType::Json, &bytes);
        proptest::prop_assert!(found.max_count != Some(0));
    }
}
