use super::*;

/// A wait that is dropped between the ends of the two tasks, as a tick in a `select!` does.
#[tokio::test]
async fn waiting_for_the_end_may_be_broken_off_and_begun_again() {
    let (end, ends) = oneshot::channel::<()>();
    let mut first = Some(tokio::spawn(async { Ok::<_, std::io::Error>(()) }));
    let mut second = Some(tokio::spawn(async move {
        drop(ends.await);
        Ok::<_, std::io::Error>(())
    }));
    let mut both = async || {
        task_ended(&mut first, "first").await?;
        task_ended(&mut second, "second").await
    };
    tokio::select! {
        biased;
        ended = both() => panic!("{ended:?} before the second task's end"),
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => {}
    }
    end.send(()).expect("it waits");
    both().await.expect("both ended");
    both().await.expect("and stay ended");
}

#[tokio::test]
async fn a_task_that_failed_says_why_once() {
    let failed = async { Err(std::io::Error::other("the disk is gone")) };
    let mut task = Some(tokio::spawn(failed));
    let error = task_ended(&mut task, "badly").await.expect_err("it failed");
    assert_eq!(error.to_string(), "the disk is gone");
    let mut task = Some(tokio::spawn(async { panic!("a bug") as Result<(), std::io::Error> }));
    let error = task_ended(&mut task, "the task ended badly").await.expect_err("it panicked");
    assert_eq!(error.to_string(), "the task ended badly");
}
