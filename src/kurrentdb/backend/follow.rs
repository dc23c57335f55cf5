//! Subscriptions that outlive connections.
//!
//! Each follows in a task of its own, which hands events over through a bounded channel, so that
//! the server is held up and not the memory filled. It begins again after the last event that it
//! handed over, whatever ended the one before.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eventstore::{Client, Error, StreamPosition, SubscribeToAllOptions, SubscriptionEvent};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::field::{Field, Visit};
use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, Level, Metadata, span};

use super::connection::{Closing, Connection, Refusal, is_passing};
use super::wire::recorded_of;
use super::{newest, position};
use crate::event::Recorded;
use crate::event_log::{BoxFuture, SubscriptionError, SubscriptionItem, SubscriptionSource};

/// Events that wait to be taken.
const QUEUE: usize = 512;
/// How long a log that was closed here still waits for what was appended before.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// Messages without content in a row after which a subscription counts as over: a newer server
/// may send one now and then.
const EMPTY_MAX: u32 = 64;

type Item = Result<SubscriptionItem, SubscriptionError>;

/// A subscription to all streams.
pub(super) struct Following {
    items: mpsc::Receiver<Item>,
    closing: watch::Receiver<Closing>,
    last: Option<u64>,
    /// Ends the task with this.
    _task: JoinSet<()>,
}

impl Following {
    pub(super) fn start(connection: Arc<Connection>, after: Option<u64>) -> Self {
        let (sender, items) = mpsc::channel(QUEUE);
        let closing = connection.closing();
        let mut task = JoinSet::new();
        let follower = Follower { connection, items: sender, last: after, is_caught_up: false };
        task.spawn(follower.run());
        Self { items, closing, last: after, _task: task }
    }

    fn take(&mut self, item: Option<Item>) -> Item {
        let item = item.unwrap_or(Err(SubscriptionError::Closed))?;
        if let SubscriptionItem::Event(event) = &item {
            self.last = Some(event.position);
        }
        Ok(item)
    }

    async fn step(&mut self) -> Item {
        let end = tokio::select! {
            biased;
            item = self.items.recv() => return self.take(item),
            end = closed(&mut self.closing) => end,
        };
        if self.last >= end {
            return Err(SubscriptionError::Closed);
        }
        match timeout(LAST_WORDS, self.items.recv()).await {
            Ok(item) => self.take(item),
            Err(_) => Err(SubscriptionError::Closed),
        }
    }
}

impl SubscriptionSource for Following {
    fn next(&mut self) -> BoxFuture<'_, Item> {
        Box::pin(self.step())
    }
}

/// Waits until the log is closed; gives its end.
async fn closed(closing: &mut watch::Receiver<Closing>) -> Option<u64> {
    let closed = closing.wait_for(|closing| *closing != Closing::Open).await.map(|it| *it);
    match closed {
        Ok(Closing::After(end)) => end,
        Ok(Closing::Open) | Err(_) => None,
    }
}

/// Why a connection's subscription is over.
enum Ending {
    /// Nobody listens any more.
    Gone,
    /// It may be begun again.
    Passing(String),
    /// It would end the same again.
    Refused(Refusal),
}

/// Hands over events, connection after connection.
struct Follower {
    connection: Arc<Connection>,
    items: mpsc::Sender<Item>,
    /// The last position handed over.
    last: Option<u64>,
    is_caught_up: bool,
}

impl Follower {
    async fn run(mut self) {
        let mut attempt = 0;
        loop {
            let before = self.last;
            match self.listen().await {
                Ending::Gone => return,
                Ending::Refused(refusal) => {
                    let error = self.connection.unfollowable(&refusal);
                    // Whoever is gone needs not be told.
                    drop(self.items.send(Err(error)).await);
                    return;
                }
                Ending::Passing(what) => {
                    let server = self.connection.server();
                    tracing::warn!(server, what, "a subscription begins again");
                }
            }
            attempt = if self.last > before { 0 } else { attempt + 1 };
            sleep(self.connection.pause(attempt)).await;
        }
    }

    /// Follows over one connection until it is gone.
    async fn listen(&mut self) -> Ending {
        // This waits for a server that is away, for as long as one waits.
        let head = match newest(&self.connection).await {
            Ok(head) => head,
            Err(refusal) => return Ending::Refused(refusal),
        };
        self.connection.saw(head);
        let (generation, client) = match self.connection.client() {
            Ok(client) => client,
            Err(error) => return Ending::Refused(Refusal::Said(error)),
        };
        let options = SubscribeToAllOptions::default().position(match self.last {
            Some(last) => StreamPosition::Position(position(last)),
            None => StreamPosition::Start,
        });
        let options = self.connection.signed(options, SubscribeToAllOptions::authenticated);
        let (sender, mut arrivals) = mpsc::channel(1);
        let empty = Arc::new(AtomicU32::new(0));
        let listener = Dispatch::new(Listener { empty: empty.clone() });
        let mut task = JoinSet::new();
        task.spawn(pump(client, options, sender, empty).with_subscriber(listener));
        let mut is_silent = true;
        loop {
            if !self.is_caught_up && self.last >= head && self.caught_up().await {
                return Ending::Gone;
            }
            let arrival = if is_silent {
                match timeout(self.connection.patience(), arrivals.recv()).await {
                    Ok(arrival) => arrival,
                    Err(_) => return Ending::Passing("it is not confirmed".to_owned()),
                }
            } else {
                tokio::select! {
                    arrival = arrivals.recv() => arrival,
                    () = self.items.closed() => return Ending::Gone,
                }
            };
            is_silent = false;
            let is_gone = match arrival {
                Some(SubscriptionEvent::EventAppeared(event)) => {
                    let event = event.get_original_event();
                    let at = event.position.commit;
                    // What was handed over before the connection broke is not given again.
                    let is_new = self.last.is_none_or(|last| at > last);
                    match recorded_of(event).filter(|_| is_new) {
                        Some(recorded) => self.hand_over(recorded).await,
                        None => false,
                    }
                }
                // Servers before 23.10 do not say it, so the head decides as well.
                Some(SubscriptionEvent::CaughtUp) if !self.is_caught_up => self.caught_up().await,
                Some(_) => false,
                None => return self.ending(generation, task.join_next().await),
            };
            if is_gone {
                return Ending::Gone;
            }
        }
    }

    /// Whether nobody listens any more.
    async fn hand_over(&mut self, recorded: Recorded) -> bool {
        let at = recorded.position;
        let is_gone = self.items.send(Ok(SubscriptionItem::Event(recorded))).await.is_err();
        self.last = Some(at);
        self.connection.saw(self.last);
        is_gone
    }

    /// Whether nobody listens any more.
    async fn caught_up(&mut self) -> bool {
        self.is_caught_up = true;
        self.items.send(Ok(SubscriptionItem::CaughtUp)).await.is_err()
    }

    fn ending(
        &self,
        generation: u64,
        ended: Option<Result<Result<(), Error>, JoinError>>,
    ) -> Ending {
        match ended {
            Some(Ok(Err(error))) => {
                self.connection.failed(generation, &error);
                if is_passing(&error) {
                    Ending::Passing(error.to_string())
                } else {
                    Ending::Refused(Refusal::Said(error))
                }
            }
            Some(Err(error)) => Ending::Passing(
                match error.try_into_panic() {
                    Ok(why) if why.is::<EndedWithOk>() => "the server ended it without an error",
                    Ok(_) => "the client failed",
                    Err(_) => "it was stopped",
                }
                .to_owned(),
            ),
            Some(Ok(Ok(()))) | None => Ending::Passing("it ended".to_owned()),
        }
    }
}

/// Passes on what one subscription says.
///
/// A task of its own: on an answer that only a subscription to one stream can get, the crate
/// panics (eventstore 4.0.0), and what ends here is begun again elsewhere.
async fn pump(
    client: Client,
    options: SubscribeToAllOptions,
    arrivals: mpsc::Sender<SubscriptionEvent>,
    empty: Arc<AtomicU32>,
) -> Result<(), Error> {
    let mut subscription = client.subscribe_to_all(&options).await;
    loop {
        let arrival = subscription.next_subscription_event().await?;
        empty.store(0, Ordering::Relaxed);
        if arrivals.send(arrival).await.is_err() {
            return Ok(());
        }
    }
}

/// What a subscription's task is unwound with.
struct EndedWithOk;

/// Hears what the crate says while it is polled, and ends a subscription that spins.
///
/// Where a server ends a subscription with OK, the crate asks the ended stream for ever and never
/// yields (eventstore 4.0.0): neither a time limit nor an abort gets in. All it does on each
/// round is to warn of an unknown message, so this is where it can be stopped.
struct Listener {
    /// Such warnings since the last message.
    empty: Arc<AtomicU32>,
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event()
            && *metadata.level() == Level::WARN
            && metadata.target().starts_with("eventstore")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut message = Message(false);
        event.record(&mut message);
        if message.0 && self.empty.fetch_add(1, Ordering::Relaxed) >= EMPTY_MAX {
            // Not a panic: nothing is printed, and only this task ends.
            std::panic::resume_unwind(Box::new(EndedWithOk));
        }
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Whether an event is the warning that a message has no content.
struct Message(bool);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}").contains("unknown subscription message");
        }
    }
}
