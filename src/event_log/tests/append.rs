use super::*;

fn fresh() -> (tempfile::TempDir, EmbeddedLog) {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    (folder, log)
}

#[tokio::test]
async fn positions_and_revisions_are_dense_from_zero() {
    let (_folder, log) = fresh();
    assert_eq!(log.head(), None);
    let first = append(&log, "call-1", 0..3).await;
    let other = append(&log, "call-2", 3..4).await;
    let second = append(&log, "call-1", 4..6).await;
    assert_eq!((first.first_revision, first.last_revision, first.first_position), (0, 2, 0));
    assert_eq!((other.first_revision, other.last_revision, other.last_position), (0, 0, 3));
    assert_eq!((second.first_revision, second.last_revision), (3, 4));
    assert_eq!((second.first_position, second.last_position), (4, 5));
    assert!(!second.is_repeat);
    assert_eq!(log.head(), Some(5));
    let events = all(&log).await;
    assert!(events.iter().map(|event| event.position).eq(0..6));
    assert!(events.iter().map(as_new).eq((0..6).map(event)));
}

#[tokio::test]
async fn an_expected_revision_is_compared_with_the_stream() {
    let (_folder, log) = fresh();
    let try_one = |expected, number| log.append(stream("lead-1"), expected, vec![event(number)]);
    for expected in [ExpectedRevision::StreamExists, ExpectedRevision::Exact(0)] {
        let refused = try_one(expected, 0).await.expect_err("the stream does not exist");
        assert!(
            matches!(refused, AppendError::WrongExpectedRevision { actual: None, .. }),
            "{refused}"
        );
    }
    assert!(try_one(ExpectedRevision::NoStream, 1).await.is_ok());
    assert!(try_one(ExpectedRevision::Exact(0), 2).await.is_ok());
    assert!(try_one(ExpectedRevision::StreamExists, 3).await.is_ok());
    assert!(try_one(ExpectedRevision::Any, 4).await.is_ok());
    for expected in [
        ExpectedRevision::NoStream,
        ExpectedRevision::Exact(2),
        ExpectedRevision::Exact(4),
        ExpectedRevision::Exact(u64::MAX),
    ] {
        let refused = try_one(expected, 9).await.expect_err("the stream is at revision 3");
        assert!(
            matches!(refused, AppendError::WrongExpectedRevision { actual: Some(3), .. }),
            "{refused}"
        );
    }
    assert_eq!(log.head(), Some(3), "a refused append leaves nothing");
}

#[tokio::test]
async fn a_repeated_append_adds_nothing_and_is_answered_like_the_first() {
    let (_folder, log) = fresh();
    let first = append(&log, "call-1", 0..3).await;
    append(&log, "call-1", 3..5).await;
    for expected in [ExpectedRevision::Any, ExpectedRevision::NoStream] {
        let again = log
            .append(stream("call-1"), expected, (0..3).map(event).collect())
            .await
            .expect("a repeat");
        assert_eq!(again, Appended { is_repeat: true, ..first });
    }
    let exact = log
        .append(stream("call-1"), ExpectedRevision::Exact(2), (3..5).map(event).collect())
        .await
        .expect("a repeat where it stood");
    assert_eq!((exact.first_revision, exact.is_repeat), (3, true));
    assert_eq!(log.head(), Some(4));
    // The same id in another stream is another event.
    assert!(!append(&log, "call-2", 0..1).await.is_repeat);
}

#[tokio::test]
async fn an_append_of_which_only_a_part_is_there_is_refused() {
    let (_folder, log) = fresh();
    append(&log, "call-1", 0..3).await;
    for (name, numbers) in [
        ("more than before", vec![2, 3]),
        ("new first, then old", vec![7, 1]),
        ("the same twice", vec![8, 8]),
        ("in another order", vec![0, 2]),
    ] {
        let events = numbers.into_iter().map(event).collect();
        let refused = log.append(stream("call-1"), ExpectedRevision::Any, events).await;
        assert!(matches!(refused, Err(AppendError::PartlyRepeated { .. })), "{name}: {refused:?}");
    }
    assert_eq!(log.head(), Some(2));
}

#[tokio::test]
async fn an_append_to_several_streams_is_all_or_nothing() {
    let (_folder, log) = fresh();
    let none = ExpectedRevision::NoStream;
    let batch = vec![part("call-1", none, 0..2), part("lead-1", none, 2..3)];
    let answers = log.append_many(batch.clone()).await.expect("both");
    assert_eq!((answers[0].last_position, answers[1].first_position), (1, 2));
    let refused = log
        .append_many(vec![
            part("call-2", none, 3..4),
            part("lead-1", ExpectedRevision::Exact(5), 4..5),
        ])
        .await;
    assert!(matches!(refused, Err(AppendError::WrongExpectedRevision { .. })), "{refused:?}");
    let repeated = log.append_many(batch).await.expect("a repeat");
    assert!(repeated.iter().all(|part| part.is_repeat));
    let partly = log
        .append_many(vec![part("call-3", none, 5..6), part("lead-1", ExpectedRevision::Any, 2..3)])
        .await;
    assert!(matches!(partly, Err(AppendError::PartlyRepeated { .. })), "{partly:?}");
    assert_eq!(log.head(), Some(2));
    let absent = stream("call-3");
    let events = log.read_stream(&absent, StreamRead::Start, Direction::Forwards, 9).await;
    assert_eq!(events.expect("an answer"), []);
}

#[tokio::test]
async fn what_cannot_be_an_append_is_refused() {
    let (_folder, log) = fresh();
    let any = ExpectedRevision::Any;
    assert!(matches!(log.append_many(vec![]).await, Err(AppendError::NoEvents)));
    let empty = log.append(stream("a"), any, vec![]).await;
    assert!(matches!(empty, Err(AppendError::NoEvents)));
    let twice = log.append_many(vec![part("a", any, 0..1), part("a", any, 1..2)]).await;
    assert!(matches!(twice, Err(AppendError::StreamTwice { .. })));
    let huge = NewEvent { data: vec![b' '; 16 << 20], ..event(0) };
    let refused = log.append(stream("a"), any, vec![huge]).await.expect_err("too large");
    assert!(refused.to_string().contains("at most 16777216"), "{refused}");
    let large = NewEvent { data: vec![b' '; 15 << 20], ..event(1) };
    let stored = log.append(stream("a"), any, vec![large.clone()]).await.expect("just fits");
    assert_eq!(stored.first_position, 0);
    assert_eq!(as_new(&all(&log).await[0]), large);
    log.close().await;
    assert!(matches!(log.append(stream("a"), any, vec![event(2)]).await, Err(AppendError::Closed)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_writers_at_once_get_dense_positions() {
    let (folder, log) = fresh();
    let log = Arc::new(log);
    let writers = (0..8u64).map(|writer| {
        let log = log.clone();
        tokio::spawn(async move {
            let mut mine = Vec::new();
            for number in 0..50 {
                let events = vec![event(writer * 1_000 + number)];
                let shared = log.append(stream("shared"), ExpectedRevision::Any, events.clone());
                mine.push(shared.await.expect("an acknowledgement").first_position);
                let expected = number
                    .checked_sub(1)
                    .map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
                let own = log.append(stream(&format!("own-{writer}")), expected, events);
                mine.push(own.await.expect("an acknowledgement").first_position);
            }
            assert!(mine.is_sorted(), "one writer's appends stand in its order");
            mine
        })
    });
    let mut positions = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        positions.extend(writer.await.expect("a writer"));
    }
    positions.sort_unstable();
    assert!(positions.into_iter().eq(0..800));
    let shared = stream("shared");
    let read = log.read_stream(&shared, StreamRead::Start, Direction::Forwards, usize::MAX).await;
    assert!(read.expect("events").iter().map(|event| event.revision).eq(0..400));
    let before = all(&log).await;
    drop(log);
    assert_eq!(all(&open(folder.path(), small())).await, before);
}

#[tokio::test]
async fn appends_submitted_together_are_taken_in_order_and_share_frames() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions::default());
    let mut pending = Vec::new();
    for number in 0..2_000 {
        let batch = vec![part("one", ExpectedRevision::Any, number..number + 1)];
        pending.push(log.submit(batch).await.expect("room"));
    }
    for (number, answer) in (0..).zip(pending) {
        assert_eq!(answer.await.expect("an acknowledgement")[0].first_position, number);
    }
    log.close().await;
    let report = verify(folder.path()).expect("a whole log");
    assert_eq!(report.events, 2_000);
    assert!(report.frames < 1_000, "{} frames: no group commit", report.frames);
}

#[tokio::test]
async fn an_append_nobody_waits_for_is_kept() {
    let (folder, log) = fresh();
    for number in 0..20 {
        let batch = vec![part("one", ExpectedRevision::Any, number..number + 1)];
        drop(log.submit(batch).await.expect("room"));
    }
    drop(log);
    assert_eq!(all(&open(folder.path(), small())).await.len(), 20);
}

#[tokio::test]
async fn time_of_recording_never_goes_backwards() {
    let folder = tempfile::tempdir().expect("a folder");
    let backwards: Arc<dyn Clock> =
        Arc::new(StepClock { now: AtomicI64::new(1_795_244_400_000_000), step: -1_000_000 });
    let log = EmbeddedLog::open(folder.path(), small(), backwards).expect("a log").0;
    for number in 0..5 {
        append(&log, "one", number..number + 1).await;
    }
    drop(log);
    // After a restart, too, on a machine whose clock was lost altogether.
    let lost: Arc<dyn Clock> = Arc::new(StepClock { now: AtomicI64::new(0), step: 1 });
    let log = EmbeddedLog::open(folder.path(), small(), lost).expect("a log").0;
    append(&log, "one", 5..6).await;
    let events = all(&log).await;
    assert!(events.iter().map(|event| event.recorded_at).is_sorted());
    assert!(events.iter().map(as_new).eq((0..6).map(event)), "time in the world stays as said");
}
