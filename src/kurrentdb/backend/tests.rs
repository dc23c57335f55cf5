//! The log on a server of our own, over loopback, with connections that break.

mod rig;

use std::collections::BTreeSet;

use self::rig::{Ended, Rig, address, event, quick, stream};
use super::*;
use crate::event_log::SubscriptionItem;

const ANY: ExpectedRevision = ExpectedRevision::Any;

async fn events_of(log: &dyn EventLog, name: &StreamName) -> Vec<u64> {
    let read = log.read_stream(name, StreamRead::Start, Direction::Forwards, 10_000).await;
    read.expect("readable").iter().map(rig::number).collect()
}

async fn positions(
    log: &dyn EventLog,
    from: AllRead,
    direction: Direction,
    max: usize,
) -> Vec<u64> {
    let read = log.read_all(from, direction, max).await.expect("readable");
    read.iter().map(|event| event.position).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_is_read_back_as_it_was() {
    let rig = Rig::start().await;
    let log = rig.log().await;
    assert_eq!(log.head(), None);
    let new: Vec<_> = (0..5).map(event).collect();
    let appended = log.append(stream("a"), ExpectedRevision::NoStream, new.clone()).await;
    let appended = appended.expect("appended");
    assert_eq!((appended.first_revision, appended.last_revision), (0, 4));
    assert_eq!(log.head(), Some(appended.last_position));
    let read = log.read_stream(&stream("a"), StreamRead::Start, Direction::Forwards, 100).await;
    let read = read.expect("readable");
    let direct = rig.embedded().read_all(AllRead::Start, Direction::Forwards, 100).await;
    assert_eq!(read, direct.expect("readable"), "as the log itself gives it");
    let ids = |events: &[NewEvent]| events.iter().map(|it| it.event_id).collect::<Vec<_>>();
    assert_eq!(read.iter().map(|it| it.event_id).collect::<Vec<_>>(), ids(&new));
    assert_eq!(read[3].data, new[3].data);
    assert!(read.iter().all(|it| it.metadata.is_empty()), "the envelope says it all");
    log.close().await;
    assert!(matches!(log.append(stream("a"), ANY, vec![event(9)]).await, Err(AppendError::Closed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_belief_is_told_the_true_revision() {
    let rig = Rig::start().await;
    let log = rig.log().await;
    log.append(stream("a"), ANY, vec![event(0), event(1)]).await.expect("appended");
    for (expected, name, actual) in [
        (ExpectedRevision::NoStream, "a", Some(1)),
        (ExpectedRevision::Exact(0), "a", Some(1)),
        (ExpectedRevision::Exact(7), "a", Some(1)),
        (ExpectedRevision::StreamExists, "b", None),
        (ExpectedRevision::Exact(0), "b", None),
    ] {
        let refused = log.append(stream(name), expected, vec![event(5)]).await;
        let Err(AppendError::WrongExpectedRevision { actual: found, .. }) = refused else {
            panic!("{expected:?}: {refused:?}")
        };
        assert_eq!(found, actual, "{expected:?} of {name}");
    }
    log.append(stream("a"), ExpectedRevision::Exact(1), vec![event(2)]).await.expect("true");
    log.append(stream("a"), ExpectedRevision::StreamExists, vec![event(3)]).await.expect("true");
    assert_eq!(events_of(&log, &stream("a")).await, [0, 1, 2, 3]);
    assert!(matches!(log.append(stream("a"), ANY, vec![]).await, Err(AppendError::NoEvents)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_is_repeated_stands_once() {
    let rig = Rig::start().await;
    let log = rig.log().await;
    let new = vec![event(0), event(1)];
    let first = log.append(stream("a"), ExpectedRevision::NoStream, new.clone()).await;
    let again = log.append(stream("a"), ExpectedRevision::NoStream, new).await;
    assert_eq!(first.expect("appended"), again.expect("known"));
    assert_eq!(events_of(&log, &stream("a")).await, [0, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_in_a_session_hurts_nobody_else() {
    let rig = Rig::start().await;
    let log = Arc::new(rig.log().await);
    log.append(stream("a"), ANY, vec![event(1_000)]).await.expect("appended");
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8_u64 {
        let log = log.clone();
        tasks.spawn(async move {
            for number in 0..40 {
                let id = writer * 100 + number;
                // Every tenth one believes what is not so.
                let is_false = number % 10 == 5;
                let expected = if is_false { ExpectedRevision::NoStream } else { ANY };
                let name = if is_false { "a".to_owned() } else { format!("w{writer}") };
                let answer = log.append(stream(&name), expected, vec![event(id)]).await;
                match answer {
                    Ok(_) => assert!(!is_false, "{id} was taken"),
                    Err(AppendError::WrongExpectedRevision { actual: Some(0), .. }) => {
                        assert!(is_false, "{id} was refused");
                    }
                    Err(error) => panic!("{id}: {error}"),
                }
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no writer fails");
    }
    assert_eq!(events_of(&*log, &stream("a")).await, [1_000]);
    for writer in 0..8 {
        let wanted: Vec<_> =
            (0..40).filter(|it| it % 10 != 5).map(|it| writer * 100 + it).collect();
        assert_eq!(events_of(&*log, &stream(&format!("w{writer}"))).await, wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_all_begins_anywhere_in_both_directions() {
    let rig = Rig::start_spread().await;
    let log = rig.log().await;
    for number in 0..20 {
        log.append(stream(&format!("s{}", number % 3)), ANY, vec![event(number)])
            .await
            .expect("appended");
    }
    let all: Vec<u64> = (0..20).map(|it| it * 1_000 + 7).collect();
    let reader = rig.log().await;
    assert_eq!(reader.head(), Some(19_007));
    assert_eq!(positions(&reader, AllRead::Start, Direction::Forwards, 100).await, all);
    assert_eq!(positions(&reader, AllRead::End, Direction::Forwards, 100).await, [0; 0]);
    for from in [0, 6, 7, 8, 1_006, 1_007, 9_500, 19_006, 19_007, 19_008, 50_000] {
        for max in [1, 3, 100] {
            let wanted: Vec<_> = all.iter().copied().filter(|it| *it >= from).take(max).collect();
            let at = AllRead::Position(from);
            let found = positions(&reader, at, Direction::Forwards, max).await;
            assert_eq!(found, wanted, "forwards from {from}, {max}");
            let backwards = all.iter().rev().copied().filter(|it| *it <= from);
            let wanted: Vec<_> = backwards.take(max).collect();
            let found = positions(&reader, at, Direction::Backwards, max).await;
            assert_eq!(found, wanted, "backwards from {from}, {max}");
        }
    }
    let mut backwards = all.clone();
    backwards.reverse();
    assert_eq!(positions(&reader, AllRead::End, Direction::Backwards, 100).await, backwards);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_read_from_any_revision() {
    let rig = Rig::start().await;
    let log = rig.log().await;
    log.append(stream("a"), ANY, (0..6).map(event).collect()).await.expect("appended");
    let name = stream("a");
    for (from, direction, max, wanted) in [
        (StreamRead::Revision(4), Direction::Forwards, 9, vec![4, 5]),
        (StreamRead::Revision(4), Direction::Backwards, 2, vec![4, 3]),
        (StreamRead::End, Direction::Backwards, 2, vec![5, 4]),
        (StreamRead::End, Direction::Forwards, 2, vec![]),
        (StreamRead::Start, Direction::Backwards, 2, vec![0]),
        (StreamRead::Revision(6), Direction::Forwards, 2, vec![]),
        (StreamRead::Start, Direction::Forwards, 0, vec![]),
    ] {
        let read = log.read_stream(&name, from, direction, max).await.expect("readable");
        let found: Vec<_> = read.iter().map(|event| event.revision).collect();
        assert_eq!(found, wanted, "{from:?} {direction:?} {max}");
    }
    let nobody = log.read_stream(&stream("b"), StreamRead::Start, Direction::Forwards, 9).await;
    assert_eq!(nobody.expect("readable"), []);
    let info = log.stream(&name).await.expect("readable");
    assert_eq!((info.last_revision, info.first_revision), (Some(5), 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_catches_up_once_and_goes_on() {
    let rig = Rig::start_spread().await;
    let log = rig.log().await;
    let mut empty = log.subscribe_all(None);
    assert_eq!(empty.next().await.expect("said"), SubscriptionItem::CaughtUp);
    log.append(stream("a"), ANY, (0..3).map(event).collect()).await.expect("appended");
    let mut later = log.subscribe_all(Some(7));
    for feed in [&mut empty, &mut later] {
        let first = feed.next_event().await.expect("an event");
        assert!([0, 1].contains(&rig::number(&first)));
    }
    let mut whole = log.subscribe_all(None);
    let mut seen = Vec::new();
    let mut caught_up_after = None;
    let more = (3..6).map(event).collect();
    log.append(stream("b"), ANY, more).await.expect("appended");
    while seen.len() < 6 {
        match whole.next().await.expect("followed") {
            SubscriptionItem::Event(event) => seen.push(rig::number(&event)),
            SubscriptionItem::CaughtUp => {
                assert_eq!(caught_up_after.replace(seen.len()), None, "said once");
            }
        }
    }
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
    log.close().await;
    let end = loop {
        match whole.next().await {
            Ok(SubscriptionItem::CaughtUp) => assert_eq!(caught_up_after.replace(6), None),
            other => break other,
        }
    };
    assert!(matches!(end, Err(crate::event_log::SubscriptionError::Closed)), "{end:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_lose_and_repeat_nothing() {
    let rig = Rig::start().await;
    let log = Arc::new(rig.log().await);
    let mut feed = log.subscribe_all(None);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4_u64 {
        let log = log.clone();
        tasks.spawn(async move {
            for number in 0..50 {
                let new = vec![event(writer * 100 + number)];
                log.append(stream(&format!("w{writer}")), ANY, new).await.expect("appended");
            }
        });
    }
    let mut seen = Vec::new();
    let mut last = None;
    while seen.len() < 200 {
        let event = feed.next_event().await.expect("followed");
        assert!(last < Some(event.position), "in order, once");
        last = Some(event.position);
        seen.push(rig::number(&event));
        if seen.len() % 40 == 13 {
            rig.cut();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("no writer fails");
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 200);
    for writer in 0..4 {
        let wanted: Vec<_> = (0..50).map(|it| writer * 100 + it).collect();
        assert_eq!(events_of(&*log, &stream(&format!("w{writer}"))).await, wanted);
    }
    let whole = positions(&*log, AllRead::Start, Direction::Forwards, 1_000).await;
    assert_eq!(whole.len(), 200, "nothing stands twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_and_comes_again_is_waited_for() {
    let mut rig = Rig::start().await;
    let log = Arc::new(rig.log().await);
    let mut feed = log.subscribe_all(None);
    let appending = log.clone();
    let writer = tokio::spawn(async move {
        for number in 0..60 {
            let new = vec![event(number)];
            appending.append(stream("a"), ANY, new).await.expect("appended");
        }
    });
    let mut seen = Vec::new();
    while seen.len() < 60 {
        seen.push(rig::number(&feed.next_event().await.expect("followed")));
        if [10, 30].contains(&seen.len()) {
            rig.restart().await;
        }
    }
    writer.await.expect("the writer does not fail");
    assert_eq!(seen, (0..60).collect::<Vec<_>>());
    assert_eq!(events_of(&*log, &stream("a")).await, (0..60).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_away_is_said_to_be_away_and_may_come_back() {
    let mut rig = Rig::start().await;
    let log = rig.log_with(quick()).await.expect("there");
    log.append(stream("a"), ANY, vec![event(0)]).await.expect("appended");
    rig.stop().await;
    let away = log.append(stream("a"), ANY, vec![event(1)]).await.expect_err("nobody there");
    assert!(matches!(&away, AppendError::Unavailable { .. }), "{away}");
    assert!(away.to_string().contains("127.0.0.1:"), "{away}");
    let unread = log.read_all(AllRead::Start, Direction::Forwards, 9).await;
    assert!(matches!(unread, Err(ReadError::Unavailable { .. })));
    let unfollowed = log.subscribe_all(None).next().await;
    let unfollowed = unfollowed.expect_err("nobody there").to_string();
    assert!(unfollowed.contains("does not answer"), "{unfollowed}");
    rig.again().await;
    log.append(stream("a"), ANY, vec![event(2)]).await.expect("there again");
    assert_eq!(events_of(&log, &stream("a")).await.first(), Some(&0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_at_the_start_is_named_without_the_password() {
    let port = rig::free_port().await;
    let mut address = address(port);
    address.credentials = Some(("admin".to_owned(), "changeit-4711".to_owned()));
    let opened = KurrentLog::open(&address, quick(), Rng::from_seed(1)).await;
    let error = opened.err().expect("nobody there");
    let text = format!("{error} {error:?} {address:?}");
    assert!(text.contains(&format!("127.0.0.1:{port}")) && text.contains("does not answer"));
    assert!(!text.contains("changeit-4711") && !text.contains("admin"), "{text}");
    address.files.push("/nonexistent/ca.pem".into());
    let opened = KurrentLog::open(&address, quick(), Rng::from_seed(1)).await;
    let text = opened.err().expect("no file").to_string();
    assert!(text.contains("/nonexistent/ca.pem"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_that_the_server_ends_without_an_error_begins_again() {
    let server = Ended::start().await;
    let log = KurrentLog::open(&address(server.port), quick(), Rng::from_seed(1)).await;
    let log = log.expect("there");
    let mut feed = log.subscribe_all(None);
    let event = feed.next_event().await.expect("the second subscription brings it");
    assert_eq!(event.position, 7);
    assert!(server.subscriptions() >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_stream_goes_on_and_a_closed_one_does_not() {
    let rig = Rig::start().await;
    let log = rig.log().await;
    let name = stream("a");
    let nobody = log.stream(&name).await.expect("readable");
    assert_eq!((nobody.exists(), nobody.last_revision), (false, None));
    assert_eq!(log.check(name.clone(), ExpectedRevision::NoStream).await.expect("true"), None);
    log.append(name.clone(), ANY, (0..3).map(event).collect()).await.expect("appended");
    assert_eq!(log.check(name.clone(), ExpectedRevision::Exact(2)).await.expect("true"), Some(2));
    let refused = log.delete(name.clone(), ExpectedRevision::Exact(0)).await;
    assert!(
        matches!(refused, Err(AppendError::WrongExpectedRevision { actual: Some(2), .. })),
        "{refused:?}"
    );
    log.delete(name.clone(), ExpectedRevision::Exact(2)).await.expect("deleted");
    let info = log.stream(&name).await.expect("readable");
    assert_eq!((info.is_deleted, info.last_revision), (true, Some(2)));
    assert_eq!(events_of(&log, &name).await, [0; 0]);
    let appended = log.append(name.clone(), ANY, vec![event(3)]).await.expect("goes on");
    assert_eq!(appended.last_revision, 3);
    assert_eq!(events_of(&log, &name).await, [3]);
    assert_eq!(log.stream(&name).await.expect("readable").first_revision, 3);
    log.tombstone(name.clone(), ANY).await.expect("closed");
    assert!(log.stream(&name).await.expect("readable").is_tombstoned);
    let refused = log.append(name.clone(), ANY, vec![event(4)]).await;
    assert!(matches!(refused, Err(AppendError::StreamDeleted { .. })), "{refused:?}");
    let refused = log.delete(name.clone(), ANY).await;
    assert!(matches!(refused, Err(AppendError::StreamDeleted { .. })), "{refused:?}");
    // All of it stands in the log, system events too.
    let all = log.read_all(AllRead::Start, Direction::Forwards, 100).await.expect("readable");
    assert!(all.iter().any(Recorded::is_system) && all.len() > 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_are_appended_to_in_their_order() {
    let rig = Rig::start().await;
    let log = rig.log().await;
    let part = |number: u64, expected| StreamAppend {
        stream: stream(&format!("s{number}")),
        expected,
        events: vec![event(number)],
    };
    let batch: Vec<_> = (0..300).map(|number| part(number, ANY)).collect();
    let first = log.append_many(batch.clone()).await.expect("appended");
    let positions: Vec<_> = first.iter().map(|it| it.last_position).collect();
    assert!(positions.is_sorted() && positions.len() == 300);
    // Cut off after some parts, then tried again with the same ids: the others are added.
    let more: Vec<_> = (200..400).map(|number| part(number, ANY)).collect();
    log.append_many(more).await.expect("appended");
    let all = log.read_all(AllRead::Start, Direction::Forwards, 1_000).await.expect("readable");
    assert_eq!(all.iter().map(rig::number).collect::<Vec<_>>(), (0..400).collect::<Vec<_>>());
    // With a belief, what follows a false one is not appended.
    let batch = vec![
        part(500, ExpectedRevision::NoStream),
        part(0, ExpectedRevision::NoStream),
        part(501, ANY),
    ];
    let mut batch = batch;
    batch[1].events = vec![event(999)];
    let refused = log.append_many(batch).await;
    assert!(matches!(refused, Err(AppendError::WrongExpectedRevision { actual: Some(0), .. })));
    assert_eq!(events_of(&log, &stream("s501")).await, [0; 0]);
    let twice = vec![part(7, ANY), part(7, ANY)];
    assert!(matches!(log.append_many(twice).await, Err(AppendError::StreamTwice { .. })));
}
