use super::*;
use crate::event_log::subscription::{PAGE_BYTES, PAGE_EVENTS};

#[tokio::test]
async fn a_subscription_catches_up_then_goes_live() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    append(&log, "a", 0..5).await;
    let mut subscription = log.subscribe_all(Some(1));
    let mut seen = Vec::new();
    while let SubscriptionItem::Event(event) = subscription.next().await.expect("an item") {
        seen.push(event.position);
    }
    assert_eq!(seen, [2, 3, 4]);
    // Waiting is abandoned and taken up again: nothing is lost.
    {
        let next = subscription.next();
        tokio::pin!(next);
        assert!(poll_once(next.as_mut()).is_pending());
    }
    append(&log, "b", 5..7).await;
    let live = subscription.next().await.expect("an item");
    let SubscriptionItem::Event(live) = live else { panic!("caught up is said once") };
    assert_eq!((live.position, as_new(&live)), (5, event(5)));
    assert_eq!(subscription.next_event().await.expect("an event").position, 6);
    log.close().await;
    assert!(matches!(subscription.next().await, Err(SubscriptionError::Closed)));
}

fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> std::task::Poll<T> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn slow_and_fast_subscribers_see_every_event_once_while_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = Arc::new(open(folder.path(), LogOptions { segment_bytes: 50_000, ..small() }));
    let followers: Vec<_> = [None, Some(99), Some(1_500)]
        .into_iter()
        .map(|after: Option<u64>| {
            let mut subscription = log.subscribe_all(after);
            let slow = after.is_some();
            tokio::spawn(async move {
                for position in after.map_or(0, |after| after + 1)..3_000 {
                    let event = subscription.next_event().await.expect("an event");
                    assert_eq!(event.position, position);
                    if slow {
                        tokio::task::yield_now().await;
                    }
                }
            })
        })
        .collect();
    let mut pending = Vec::new();
    for number in 0..3_000 {
        let batch = vec![part("a", ExpectedRevision::Any, number..number + 1)];
        pending.push(log.submit(batch).await.expect("room"));
    }
    for answer in pending {
        answer.await.expect("an acknowledgement");
    }
    for follower in followers {
        follower.await.expect("every event once");
    }
}

/// A subscription holds one page: what it has not been asked for stays on the disk.
#[tokio::test]
async fn a_subscription_holds_no_more_than_a_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), LogOptions::default());
    let large = |number| NewEvent { data: vec![b'x'; 300_000], ..event(number) };
    log.append(stream("a"), ExpectedRevision::Any, (0..20).map(large).collect())
        .await
        .expect("an acknowledgement");
    append(&log, "b", 20..2_000).await;
    let page = |from| log.shared.read_on(from, PAGE_EVENTS, PAGE_BYTES).expect("events").len();
    assert_eq!(page(0), 3, "a page of large events ends at about a mebibyte");
    assert_eq!(page(20), 512);
}

#[tokio::test]
async fn a_log_that_is_empty_is_caught_up_with_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path(), small());
    let mut subscription = log.subscribe_all(None);
    assert_eq!(subscription.next().await.expect("an item"), SubscriptionItem::CaughtUp);
    append(&log, "a", 0..1).await;
    assert_eq!(subscription.next_event().await.expect("an event").position, 0);
}
