//! Every event after a position, then every new one.
//!
//! Invariant: each event once, in the order of positions, none missed. A subscription holds a
//! position and at most one page of events; it reads pages from the log and waits only for the
//! durable head to move, so a slow subscriber costs no memory and can never be dropped.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::contract::{BoxFuture, ReadError};
use super::metrics::SubscriberMetrics;
use super::shared::{Head, HeadState, Shared};
use super::storage::WriteFailure;
use crate::event::Recorded;

pub(super) const PAGE_EVENTS: usize = 512;
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// What a subscription gives.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every item is an event")]
pub enum SubscriptionItem {
    /// The next event.
    Event(Recorded),
    /// Everything that was durable has been given; what follows is new. Said once.
    CaughtUp,
}

/// Why a subscription ended. Subscribe again after the last position to go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SubscriptionError {
    /// An event could not be read.
    #[error("follow the log")]
    Read(#[from] ReadError),
    /// No further event will come, since the log's writer failed.
    #[error("follow the log: its writer failed to {0}")]
    WriterFailed(#[source] Arc<WriteFailure>),
    /// The server that keeps the log does not answer, or refuses.
    #[error("follow the log: {server} {what}")]
    Unavailable {
        /// The server, without credentials.
        server: String,
        /// What it says.
        what: String,
    },
    /// No further event will come, since the log was closed.
    #[error("follow the log: it is closed")]
    Closed,
}

/// Where the events of a subscription come from: one per kind of log.
pub trait SubscriptionSource: Send {
    /// Sets what the subscription is called in metrics.
    fn set_name(&self, name: &str) {
        let _ = name;
    }
    /// The next item. A dropped future loses nothing.
    fn next(&mut self) -> BoxFuture<'_, Result<SubscriptionItem, SubscriptionError>>;
}

/// Follows all streams.
pub struct Subscription(Box<dyn SubscriptionSource>);

impl Subscription {
    /// From a source, for logs that are not embedded.
    pub fn new(source: Box<dyn SubscriptionSource>) -> Self {
        Self(source)
    }

    /// The same, under a name of its own in metrics. A constant of the program or of its
    /// configuration: every name is a series.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.0.set_name(name);
        self
    }

    pub(super) fn embedded(shared: Arc<Shared>, after: Option<u64>) -> Self {
        let head = shared.head.subscribe();
        let next = after.map_or(0, |after| after.saturating_add(1));
        let metrics = shared.metrics.subscriber(next);
        Self(Box::new(Embedded {
            shared,
            head,
            next,
            metrics,
            page: VecDeque::new(),
            caught_up: false,
        }))
    }

    /// The next item; waits where there is none yet. A dropped future loses nothing.
    ///
    /// # Errors
    /// See [`SubscriptionError`].
    pub async fn next(&mut self) -> Result<SubscriptionItem, SubscriptionError> {
        self.0.next().await
    }

    /// The next event, whether old or new.
    ///
    /// # Errors
    /// See [`SubscriptionError`].
    pub async fn next_event(&mut self) -> Result<Recorded, SubscriptionError> {
        loop {
            if let SubscriptionItem::Event(event) = self.next().await? {
                return Ok(event);
            }
        }
    }
}

struct Embedded {
    shared: Arc<Shared>,
    head: watch::Receiver<Head>,
    /// The next position to read from the log.
    next: u64,
    metrics: SubscriberMetrics,
    page: VecDeque<Recorded>,
    caught_up: bool,
}

impl Embedded {
    async fn step(&mut self) -> Result<SubscriptionItem, SubscriptionError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.metrics.at(event.position.saturating_add(1));
                return Ok(SubscriptionItem::Event(event));
            }
            let head = self.head.borrow_and_update().clone();
            if self.next < head.next {
                let next = self.next;
                let page = self
                    .shared
                    .ask(next, move |shared| shared.read_on(next, PAGE_EVENTS, PAGE_BYTES));
                self.page = page.await?.into();
                let last = self.page.back().map_or(self.next, |event| event.position + 1);
                assert!(last > self.next, "a durable position can be read");
                self.next = last;
                continue;
            }
            if !self.caught_up {
                self.caught_up = true;
                return Ok(SubscriptionItem::CaughtUp);
            }
            match head.state {
                HeadState::Open => {}
                HeadState::Failed(failure) => return Err(SubscriptionError::WriterFailed(failure)),
                HeadState::Closed => return Err(SubscriptionError::Closed),
            }
            if self.head.changed().await.is_err() {
                return Err(SubscriptionError::Closed);
            }
        }
    }
}

impl SubscriptionSource for Embedded {
    fn set_name(&self, name: &str) {
        self.metrics.name(name);
    }

    fn next(&mut self) -> BoxFuture<'_, Result<SubscriptionItem, SubscriptionError>> {
        Box::pin(self.step())
    }
}
