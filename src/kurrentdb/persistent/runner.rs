//! One group at work: a task that reads, writes and waits for it.
//!
//! Invariants: at most one read of events, one of parked events, one append of parked events, one
//! checkpoint and one truncation are on their way at a time; a consumer that does not take what it asked for is let
//! go, so that its events go to others and no more than twice its buffer is kept for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::consumers::{About, ConsumerId, Key};
use super::group::{Group, Nack, Origin, Output};
use super::records::{self, KeepError, Names};
use super::settings::{Settings, StartFrom};
use super::source::{self, Given, Page, ParkedPage, Source};
use super::statistics::Statistics;
use crate::base::Clock;
use crate::event_log::EventLog;
use crate::kurrentdb::server::pulse::Beat;

/// Commands that may wait for a group; more wait for room.
const COMMANDS: usize = 1_024;
/// Events put aside in one append.
const PARKED_AT_ONCE: usize = 500;
/// What failed is tried again after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// An event for a consumer, and how often it was given before.
pub(super) type Delivery = (Arc<Given>, u32);

/// What a group is told.
#[derive(Debug)]
pub(super) enum Command {
    /// A consumer comes; false where there is no place for it.
    Connect {
        id: ConsumerId,
        about: About,
        deliveries: mpsc::Sender<Delivery>,
        reply: oneshot::Sender<bool>,
    },
    /// A consumer is gone.
    Disconnect(ConsumerId),
    Ack {
        consumer: ConsumerId,
        ids: Vec<Uuid>,
    },
    Nack {
        consumer: ConsumerId,
        ids: Vec<Uuid>,
        action: Nack,
        reason: String,
    },
    /// Tells of the group.
    Measure(oneshot::Sender<Statistics>),
    /// Gives parked events again: all, or those below a revision.
    Replay(Option<u64>),
    /// Ends; with a last checkpoint or not. The reply comes when nothing more is written.
    Stop {
        is_kept: bool,
        reply: oneshot::Sender<()>,
    },
}

/// What the task works with.
pub(super) struct Tools {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) source: Source,
    pub(super) names: Names,
    pub(super) settings: Settings,
}

/// What a task in the background has done.
enum Done {
    Events(Option<Page>),
    ParkedEvents(Option<ParkedPage>),
    /// With the revision of the first, where they are there.
    Parked(Vec<Key>, Option<u64>),
    Checkpoint(bool),
    Truncated(bool),
}

struct Runner {
    tools: Arc<Tools>,
    group: Group<Arc<Given>>,
    consumers: HashMap<ConsumerId, mpsc::Sender<Delivery>>,
    commands: mpsc::Receiver<Command>,
    beats: watch::Receiver<Beat>,
    /// Nothing more will be appended.
    is_over: bool,
    work: JoinSet<Done>,
    is_reading: bool,
    is_reading_parked: bool,
    is_parking: bool,
    to_park: Vec<(Key, Arc<Given>, String)>,
    /// There was nothing further, and the log has not grown since.
    is_at_end: bool,
}

/// Starts a group from what the log says of it.
///
/// # Errors
/// See [`KeepError`].
pub(super) async fn start(
    tools: Tools,
    first_place: Option<u64>,
    beats: watch::Receiver<Beat>,
) -> Result<mpsc::Sender<Command>, KeepError> {
    let log = &*tools.log;
    let end = tools.source.end(log).await?;
    let checkpoint = records::read_checkpoint(log, &tools.names).await?;
    let parked = log.stream(&tools.names.parked).await?;
    let end_parked = parked.last_revision.map_or(0, |last| last.saturating_add(1));
    let origin = Origin {
        // Never past the end: what comes there would be passed over.
        checkpoint: checkpoint.and_then(|place| Some(place.min(end.checked_sub(1)?))),
        start: match (first_place, tools.settings.start_from) {
            (Some(place), _) | (None, StartFrom::Place(place)) => place,
            (None, StartFrom::End) => end,
        },
        first_parked: if parked.exists() { parked.first_revision } else { end_parked },
        end_parked,
    };
    let group = Group::new(tools.settings.clone(), origin, tools.clock.now());
    let (sender, commands) = mpsc::channel(COMMANDS);
    let runner = Runner {
        tools: Arc::new(tools),
        group,
        consumers: HashMap::new(),
        commands,
        beats,
        is_over: false,
        work: JoinSet::new(),
        is_reading: false,
        is_reading_parked: false,
        is_parking: false,
        to_park: Vec::new(),
        is_at_end: false,
    };
    tokio::spawn(runner.run());
    Ok(sender)
}

impl Runner {
    async fn run(mut self) {
        loop {
            self.act();
            self.park();
            self.read_on();
            let timeout = self.group.next_timeout();
            let wait = timeout.map(|at| at.since(self.tools.clock.now()));
            // A moment later than asked for is soon enough, a moment earlier would be in vain.
            let wait = wait.map(|wait| Duration::from_millis(wait.0.saturating_add(1)));
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(Command::Stop { is_kept, reply }) => {
                        self.stop(is_kept).await;
                        // Who asked may have gone.
                        let _ = reply.send(());
                        return;
                    }
                    Some(command) => self.obey(command),
                    // Nobody knows of the group any more: the server is gone.
                    None => return,
                },
                Some(done) = self.work.join_next() => self.take(done),
                changed = self.beats.changed(), if !self.is_over => {
                    self.is_over = changed.is_err() || self.beats.borrow_and_update().is_over;
                    self.is_at_end = false;
                }
                () = tokio::time::sleep(wait.unwrap_or_default()), if wait.is_some() => {
                    self.group.on_time(self.tools.clock.now());
                }
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = self.tools.clock.now();
        match command {
            Command::Connect { id, about, deliveries, reply } => {
                self.let_go_of_the_gone();
                let is_taken = !self.group.is_full();
                if reply.send(is_taken).is_ok() && is_taken {
                    self.consumers.insert(id, deliveries);
                    self.group.connect(id, about, now);
                }
            }
            Command::Disconnect(id) => self.let_go(id),
            Command::Ack { consumer, ids } => self.group.ack(consumer, &ids, now),
            Command::Nack { consumer, ids, action, reason } => {
                self.group.nack(consumer, &ids, action, &reason, now);
            }
            Command::Measure(reply) => {
                self.let_go_of_the_gone();
                drop(reply.send(self.group.measure(now)));
            }
            Command::Replay(stop_at) => self.group.replay_parked(stop_at),
            Command::Stop { .. } => {}
        }
    }

    /// Lets consumers go that went without a word, as one whose call ended while it was answered.
    fn let_go_of_the_gone(&mut self) {
        let gone = self.consumers.iter().filter(|(_, sender)| sender.is_closed());
        let gone: Vec<_> = gone.map(|(id, _)| *id).collect();
        for id in gone {
            self.let_go(id);
        }
    }

    fn let_go(&mut self, id: ConsumerId) {
        self.consumers.remove(&id);
        self.group.disconnect(id, self.tools.clock.now());
    }

    /// Does what the group asks for.
    fn act(&mut self) {
        while let Some(output) = self.group.poll_output() {
            let tools = self.tools.clone();
            match output {
                Output::Deliver { consumer, event, retry_count } => {
                    let sender = self.consumers.get(&consumer);
                    if sender.is_none_or(|sender| sender.try_send((event, retry_count)).is_err()) {
                        self.let_go(consumer);
                    }
                }
                Output::Park { key, event, reason } => self.to_park.push((key, event, reason)),
                Output::WriteCheckpoint { place } => {
                    self.work.spawn(async move {
                        let (log, clock, names) = (&*tools.log, &*tools.clock, &tools.names);
                        let source = tools.source.name();
                        let written =
                            records::write_checkpoint(log, clock, names, source, place).await;
                        Done::Checkpoint(or_later(written).await.is_some())
                    });
                }
                Output::TruncateParked { before } => {
                    self.work.spawn(async move {
                        let (log, clock, names) = (&*tools.log, &*tools.clock, &tools.names);
                        let cut = records::truncate_parked(log, clock, names, before).await;
                        Done::Truncated(or_later(cut).await.is_some())
                    });
                }
            }
        }
    }

    /// Puts aside what waits for it, in order and together.
    fn park(&mut self) {
        if self.is_parking || self.to_park.is_empty() {
            return;
        }
        self.is_parking = true;
        let count = self.to_park.len().min(PARKED_AT_ONCE);
        let parked: Vec<_> = self.to_park.drain(..count).collect();
        let tools = self.tools.clone();
        self.work.spawn(async move {
            let now = tools.clock.now();
            let events = parked
                .iter()
                .map(|(_, given, reason)| records::parked_event(given, reason, now))
                .collect::<Result<Vec<_>, _>>();
            let first = match events {
                Ok(events) => records::park(&*tools.log, &tools.names, events, now).await,
                Err(error) => Err(error),
            };
            let keys = parked.into_iter().map(|(key, ..)| key).collect();
            Done::Parked(keys, or_later(first).await)
        });
    }

    /// Starts reading what the group has room for.
    fn read_on(&mut self) {
        if !self.is_reading
            && !self.is_at_end
            && let Some((from, max)) = self.group.wants_events()
        {
            self.is_reading = true;
            // What comes from here on is news.
            self.beats.mark_unchanged();
            let tools = self.tools.clone();
            self.work.spawn(async move {
                let page = tools.source.read(&*tools.log, &tools.settings, from, max).await;
                Done::Events(or_later(page).await)
            });
        }
        if !self.is_reading_parked
            && let Some((from, max)) = self.group.wants_parked()
        {
            self.is_reading_parked = true;
            let tools = self.tools.clone();
            self.work.spawn(async move {
                let strategy = tools.settings.strategy;
                let page =
                    source::read_parked(&*tools.log, &tools.names, strategy, from, max).await;
                Done::ParkedEvents(or_later(page).await)
            });
        }
    }

    fn take(&mut self, done: Result<Done, tokio::task::JoinError>) {
        let now = self.tools.clock.now();
        match done {
            Ok(Done::Events(page)) => {
                self.is_reading = false;
                if let Some((entries, is_end)) = page {
                    // News may have come while it was read.
                    self.is_at_end = is_end && !self.beats.has_changed().unwrap_or(false);
                    self.group.on_events(entries, is_end, now);
                }
            }
            Ok(Done::ParkedEvents(page)) => {
                self.is_reading_parked = false;
                if let Some(page) = page {
                    self.group.on_parked_events(page, now);
                }
            }
            Ok(Done::Parked(keys, first)) => {
                self.is_parking = false;
                for (key, at) in keys.into_iter().zip(0..) {
                    self.group.on_parked(key, first.map(|first| first + at), now);
                }
            }
            Ok(Done::Checkpoint(is_written)) => self.group.on_checkpoint(is_written, now),
            Ok(Done::Truncated(is_written)) => self.group.on_truncated(is_written, now),
            Err(error) => {
                assert!(!error.is_panic(), "the work of a persistent subscription does not panic");
            }
        }
    }

    /// Lets all consumers go, and waits for what is being written.
    async fn stop(&mut self, is_kept: bool) {
        self.commands.close();
        self.consumers.clear();
        while let Some(done) = self.work.join_next().await {
            self.take(done);
        }
        if let Some(place) = self.group.unsaved().filter(|_| is_kept) {
            let Tools { log, clock, names, source, .. } = &*self.tools;
            let written =
                records::write_checkpoint(&**log, &**clock, names, source.name(), place).await;
            if let Err(error) = written {
                // What is done since the checkpoint before will be given again.
                tracing::warn!(error = &error as &dyn std::error::Error, "persistent subscription");
            }
        }
    }
}

/// What came of it; where it failed nothing, and not at once, so that the next attempt is not in
/// vain.
async fn or_later<T, E: std::error::Error + 'static>(result: Result<T, E>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "persistent subscription");
            tokio::time::sleep(AGAIN_AFTER).await;
            None
        }
    }
}
