//! An engine that follows the log.
//!
//! In: events as they become durable. Out: tables that are some milliseconds old, and views that
//! are some seconds old. Invariants: the fold has a thread of its own, and so have the live state
//! and the views, so that none waits for a question, and no question waits for a view. All end
//! with the engine; one that is told to rest leaves the base tables on disk as they are, so that
//! the next start folds nothing.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::priority::Priority;
use super::{Engine, Error, Limits};
use crate::base::Timestamp;
use crate::event_log::{EventLog, SubscriptionError, SubscriptionItem};
use crate::projection::sql::{self, LogReader, Pace};
use crate::projection::tables::Tables;

/// Events that are taken in before questions see them, where so many are there.
const BATCH: usize = 1_024;
/// From one refresh of the views to the next. They are to be 5 s old at most.
const REFRESH_EVERY: Duration = Duration::from_secs(1);
/// From one time that the live state is brought up to the base tables to the next.
const LIVE_EVERY: Duration = Duration::from_millis(100);
/// Positions that it is brought up by at once; a question about it waits no longer.
const LIVE_STEP: u64 = 20_000;
/// How long an engine that is told to rest may take.
const REST_WITHIN: Duration = Duration::from_secs(20);
/// How long they may wait where fewer come.
const KEEP_AFTER: Duration = Duration::from_secs(300);
/// Positions that rows rest for before they are on disk alone.
const HOT: u64 = 500_000;
/// Before the log is asked again after it could not be read.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The threads that follow the log.
pub(super) struct Follower {
    facts: JoinHandle<()>,
    /// Sent to or dropped, it ends the views, and what waits.
    stop: watch::Sender<()>,
    threads: Vec<Runtime>,
}

impl Follower {
    /// Whether events are still taken in.
    pub(super) fn is_at_work(&self) -> bool {
        !self.facts.is_finished()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        for threads in self.threads.drain(..) {
            // Not to be waited for on a thread of another runtime.
            threads.shutdown_background();
        }
    }
}

impl Engine {
    /// Follows a log from its beginning, with views in a data folder, until it is dropped. It
    /// is there at once; questions wait until what is in the log now was taken in.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn follow(
        log: Arc<dyn EventLog>,
        data_dir: &Path,
        limits: Limits,
    ) -> Result<Arc<Self>, Error> {
        let engine = Arc::new(Self::new(LogReader::over(log.clone()), data_dir, limits)?);
        let plain = Priority::Normal;
        let (facts, live) = (threads("facts", plain)?, threads("live", plain)?);
        let views = threads("views", Priority::Views)?;
        let (stop, stopped) = watch::channel(());
        let published = || engine.published.subscribe();
        drop(views.spawn(keep_views(Arc::downgrade(&engine), published(), stopped.clone())));
        drop(live.spawn(keep_live(Arc::downgrade(&engine), published(), stopped.clone())));
        let following = facts.spawn(keep_facts(Arc::downgrade(&engine), log, stopped));
        let threads = vec![facts, live, views];
        drop(engine.follower.set(Follower { facts: following, stop, threads }));
        Ok(engine)
    }

    /// Takes in what is in the log still, and puts the base tables on disk, so that whoever
    /// opens the folder next folds nothing. Views are not refreshed any more; questions are
    /// answered on.
    ///
    /// # Errors
    /// Where it takes longer than some seconds, the log cannot be read, or the disk fails: then
    /// the next start folds what is missing.
    pub async fn rest(&self) -> Result<(), Error> {
        let Some(follower) = self.follower.get() else { return Ok(()) };
        follower.stop.send_replace(());
        let rested = async {
            self.fold_on().await?;
            self.keep_alone().await
        };
        let rested = tokio::time::timeout(REST_WITHIN, Box::pin(rested)).await;
        rested.unwrap_or(Err(Error::Timeout(REST_WITHIN)))
    }

    /// Takes the next events in and lets questions see them; false where rows on disk were
    /// damaged, so that the log has to be read from its beginning.
    async fn take_in(&self, items: &[SubscriptionItem], has_caught_up: &mut bool) -> bool {
        let mut fold = self.fold.lock().await;
        for item in items {
            match item {
                SubscriptionItem::Event(recorded) => fold.apply(recorded),
                SubscriptionItem::CaughtUp => *has_caught_up = true,
            }
        }
        if fold.is_damaged() {
            *fold = Tables::default();
            return false;
        }
        // Nobody sees the way there.
        if *has_caught_up {
            self.publish(&fold);
        }
        true
    }
}

impl Engine {
    /// Puts the base tables on disk, where nobody else does.
    async fn keep_alone(&self) -> Result<(), Error> {
        match self.store.lock().await.map_err(sql::Error::from)? {
            Some(_lock) => self.keep(HOT).await,
            None => Ok(()),
        }
    }
}

/// One thread.
fn threads(name: &str, priority: Priority) -> Result<Runtime, Error> {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(name)
        .on_thread_start(move || priority.take())
        .enable_all()
        .build();
    threads.map_err(Error::Threads)
}

/// Follows the log for as long as there is an engine.
async fn keep_facts(
    engine: Weak<Engine>,
    log: Arc<dyn EventLog>,
    mut stopped: watch::Receiver<()>,
) {
    resume(&engine).await;
    loop {
        let ended = tokio::select! {
            biased;
            _ = stopped.changed() => return,
            ended = follow(&engine, &log) => ended,
        };
        match ended {
            // Where the writer failed, the platform stops too and says so.
            Ok(false) | Err(SubscriptionError::Closed | SubscriptionError::WriterFailed(_)) => {
                break;
            }
            Ok(true) => {
                resume(&engine).await;
                continue;
            }
            Err(error) => tracing::warn!(%error, "the tables stand still; the log is asked again"),
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
    if let Some(engine) = engine.upgrade() {
        engine.take_in(&[SubscriptionItem::CaughtUp], &mut false).await;
    }
}

/// Goes on from what is on disk.
async fn resume(engine: &Weak<Engine>) {
    let Some(engine) = engine.upgrade() else { return };
    if let Err(error) = Box::pin(engine.resume(Pace::USUAL)).await {
        tracing::warn!(%error, "the log is folded from its beginning");
    }
}

/// Follows the log; false where the engine is gone, true where it has to be followed anew.
async fn follow(engine: &Weak<Engine>, log: &Arc<dyn EventLog>) -> Result<bool, SubscriptionError> {
    let Some(there) = engine.upgrade() else { return Ok(false) };
    let after = there.fold.lock().await.seen();
    drop(there);
    let mut feed = log.subscribe_all(after).named("sql");
    let mut items = Vec::with_capacity(BATCH);
    let mut has_caught_up = false;
    loop {
        let mut next = Some(feed.next().await);
        let ended = loop {
            match next {
                Some(Ok(item)) => items.push(item),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
            next = if items.len() < BATCH { feed.next().now_or_never() } else { None };
        };
        let Some(engine) = engine.upgrade() else { return Ok(false) };
        if !engine.take_in(&items, &mut has_caught_up).await {
            return Ok(true);
        }
        items.clear();
        if let Some(error) = ended {
            return Err(error);
        }
    }
}

/// Brings the live state up to the base tables, again and again, for as long as there is an
/// engine, so that a question about it has little to wait for.
async fn keep_live(
    engine: Weak<Engine>,
    mut published: watch::Receiver<super::head::Published>,
    mut stopped: watch::Receiver<()>,
) {
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => return,
            changed = published.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
        loop {
            let Some(there) = engine.upgrade() else { return };
            let stepped = Box::pin(there.step_live(LIVE_STEP)).await;
            drop(there);
            match stepped {
                Ok(true) => break,
                Ok(false) => tokio::task::yield_now().await,
                Err(error) => {
                    tracing::warn!(%error, "the live state stands still; it is tried again");
                    break;
                }
            }
        }
        tokio::time::sleep(LIVE_EVERY).await;
    }
}

/// Brings the views up to the tables, again and again, for as long as there is an engine.
async fn keep_views(
    engine: Weak<Engine>,
    mut published: watch::Receiver<super::head::Published>,
    mut stopped: watch::Receiver<()>,
) {
    let begun = Instant::now();
    let (mut kept, mut kept_at) = (0, Instant::now());
    let limits = engine.upgrade().map(|engine| engine.desk.limits().clone()).unwrap_or_default();
    let keep_every = limits.checkpoint_events;
    loop {
        tokio::select! {
            biased;
            _ = stopped.changed() => return,
            is_there = published.wait_for(|now| now.has_caught_up) => {
                if is_there.is_err() {
                    return;
                }
            }
        }
        published.mark_unchanged();
        let Some(there) = engine.upgrade() else { return };
        let now = i64::try_from(begun.elapsed().as_micros()).unwrap_or(i64::MAX);
        let refreshed = Box::pin(there.refresh_due(Timestamp::from_micros(now))).await;
        let seen = there.head.load().tables.seen().unwrap_or(0);
        if seen >= kept + keep_every || (seen > kept && kept_at.elapsed() >= KEEP_AFTER) {
            (kept, kept_at) = (seen, Instant::now());
            if let Err(error) = Box::pin(there.keep_alone()).await {
                tracing::warn!(%error, "the base tables are not on disk; the log has everything");
            }
        }
        drop(there);
        let is_behind = refreshed.unwrap_or_else(|error| {
            tracing::warn!(%error, "the views stand still; they are tried again");
            false
        });
        tokio::time::sleep(REFRESH_EVERY).await;
        if is_behind {
            continue;
        }
        tokio::select! {
            biased;
            _ = stopped.changed() => return,
            changed = published.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}
