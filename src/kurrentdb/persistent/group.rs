//! One consumer group: what is read, who has what, what is done, how far.
//!
//! In: events in the order of their places, consumers, answers, results of writes, time. Out:
//! [`Output`]s, which the caller takes with [`Group::poll_output`] until there is none; places to
//! read from ([`Group::wants_events`], [`Group::wants_parked`]); the moment at which
//! [`Group::on_time`] is due ([`Group::next_timeout`]).
//!
//! Invariants: an event is either waiting, with one consumer, on its way to the parked events, or
//! done. The checkpoint stands below every event that is not done, so that a group that starts
//! again from it gives each of them to somebody; nothing becomes done but by an answer of a
//! consumer that has or had it, or by being parked durably. The stream of parked events is
//! cut off only below the first that was given again and is not done.
//!
//! Deliberately absent: reading, writing, filters and links: the caller says which events there
//! are. Telling events of different streams that share an id apart in an answer that comes twice:
//! consumers answer by id, so the second answer may take the second event for the first.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Bound;

use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::consumers::{About, Choice, Consumer, ConsumerId, Consumers, Key};
use super::parked::Parked;
use super::settings::Settings;
use crate::base::{Millis, Timestamp};

/// An event as the group sees it.
#[derive(Clone, Debug)]
pub(crate) struct Arrived<E> {
    /// What consumers answer by.
    pub(crate) id: Uuid,
    /// The bucket that it is pinned to.
    pub(crate) bucket: u16,
    /// The event.
    pub(crate) event: E,
}

/// What was read at a place.
#[derive(Clone, Debug)]
pub(crate) enum Entry<E> {
    /// An event for consumers.
    Wanted(Arrived<E>),
    /// An event that the filter leaves out.
    Passed,
    /// An event that this group or another one wrote of itself: it must not be a reason to write
    /// again.
    Own,
}

/// What a consumer says of an event that it does not take.
///
/// Source: KurrentDB, `Nack.Action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nack {
    /// Nothing; as for a retry.
    Unknown,
    /// Put it aside.
    Park,
    /// Give it again.
    Retry,
    /// It is done.
    Skip,
    /// Give it to somebody else, and nothing more to this consumer.
    Stop,
}

/// What the caller has to do.
#[derive(Clone, Debug)]
pub(crate) enum Output<E> {
    /// Send an event to a consumer.
    Deliver { consumer: ConsumerId, event: E, retry_count: u32 },
    /// Put an event aside, and say so with [`Group::on_parked`].
    Park { key: Key, event: E, reason: String },
    /// Write that everything up to and including this place is done, and say so with
    /// [`Group::on_checkpoint`].
    WriteCheckpoint { place: u64 },
    /// Cut off parked events below this revision, and say so with [`Group::on_truncated`].
    TruncateParked { before: u64 },
}

/// What a group starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The last place that is done.
    pub(crate) checkpoint: Option<u64>,
    /// The first place to read where there is no checkpoint.
    pub(crate) start: u64,
    /// The first parked event that is not cut off.
    pub(crate) first_parked: u64,
    /// One more than the last parked event.
    pub(crate) end_parked: u64,
}

#[derive(Clone, Debug)]
struct Message<E> {
    arrived: Arrived<E>,
    retries: u32,
    /// Who has or had it: their late answers count.
    holders: Vec<ConsumerId>,
}

#[derive(Debug)]
struct OutMessage<E> {
    message: Message<E>,
    consumer: ConsumerId,
    since: Timestamp,
    deadline: Option<Timestamp>,
}

/// A consumer group.
#[derive(Debug)]
pub(crate) struct Group<E> {
    settings: Settings,
    consumers: Consumers,
    /// Given to nobody at present; those that failed stand before those that come after them.
    waiting: BTreeMap<Key, Message<E>>,
    with_consumers: BTreeMap<Key, OutMessage<E>>,
    deadlines: BTreeSet<(Timestamp, Key)>,
    /// On their way to the parked events.
    parking: BTreeMap<Key, Message<E>>,
    /// Events that were given and are not done, by what consumers call them.
    by_id: HashMap<Uuid, Key>,
    checkpoint: Checkpoint,
    parked: Parked,
    /// The next place to read.
    next: u64,
    is_live: bool,
    last_known: Option<u64>,
    outputs: VecDeque<Output<E>>,
    pub(super) total: u64,
    pub(super) measured: u64,
    pub(super) measured_at: Timestamp,
}

impl<E: Clone> Group<E> {
    pub(crate) fn new(settings: Settings, origin: Origin, now: Timestamp) -> Self {
        let next = origin.checkpoint.map_or(origin.start, |place| place.saturating_add(1));
        Self {
            consumers: Consumers::new(settings.strategy),
            waiting: BTreeMap::new(),
            with_consumers: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            parking: BTreeMap::new(),
            by_id: HashMap::new(),
            checkpoint: Checkpoint::new(&settings, origin.checkpoint, next, now),
            parked: Parked::new(origin.first_parked, origin.end_parked),
            next,
            is_live: false,
            last_known: origin.checkpoint,
            outputs: VecDeque::new(),
            settings,
            total: 0,
            measured: 0,
            measured_at: now,
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// From which place on how many events should be read now; nothing while enough wait.
    pub(crate) fn wants_events(&self) -> Option<(u64, usize)> {
        Some((self.next, self.room()?))
    }

    /// From which revision on how many parked events should be read now.
    pub(crate) fn wants_parked(&self) -> Option<(u64, usize)> {
        let (from, count) = self.parked.wanted()?;
        Some((from, usize::try_from(count).unwrap_or(usize::MAX).min(self.room()?)))
    }

    /// How much a read may bring: a batch, less what would be over the buffer.
    fn room(&self) -> Option<usize> {
        let Settings { live_buffer_size, history_buffer_size, read_batch_size, .. } = self.settings;
        let buffer = if self.is_live {
            live_buffer_size.max(history_buffer_size)
        } else {
            history_buffer_size
        };
        let batch = read_batch_size.max(1);
        let room = buffer.max(batch).saturating_sub(self.waiting.len() + self.parking.len());
        (room > 0).then(|| room.min(batch))
    }

    /// Takes what was read from the place that was wanted, in order. `is_end`: there was nothing
    /// further. What was read for an earlier wish is left out.
    pub(crate) fn on_events(
        &mut self,
        entries: Vec<(u64, Entry<E>)>,
        is_end: bool,
        now: Timestamp,
    ) {
        for (place, entry) in entries {
            if place < self.next {
                continue;
            }
            self.next = place.saturating_add(1);
            match entry {
                Entry::Wanted(arrived) => {
                    self.last_known = Some(place);
                    let message = Message { arrived, retries: 0, holders: Vec::new() };
                    self.waiting.insert(Key::Event(place), message);
                }
                Entry::Passed => {}
                Entry::Own => self.checkpoint.pass_own(),
            }
        }
        self.is_live = is_end;
        self.settle(now);
    }

    /// A consumer comes. The caller has looked whether there is a place for it.
    pub(crate) fn connect(&mut self, id: ConsumerId, about: About, now: Timestamp) {
        self.consumers.add(id, about);
        self.settle(now);
    }

    /// Whether no more consumers may come.
    pub(crate) fn is_full(&self) -> bool {
        let max = self.settings.max_subscriber_count;
        max > 0 && self.consumers.len() >= usize::try_from(max).unwrap_or(usize::MAX)
    }

    /// A consumer is gone: what it had waits for another one. This alone parks nothing.
    pub(crate) fn disconnect(&mut self, id: ConsumerId, now: Timestamp) {
        for key in self.consumers.remove(id) {
            if let Some(mut message) = self.take_back(key) {
                message.retries = message.retries.saturating_add(1);
                self.waiting.insert(key, message);
            }
        }
        self.settle(now);
    }

    /// A consumer is done with events.
    pub(crate) fn ack(&mut self, consumer: ConsumerId, ids: &[Uuid], now: Timestamp) {
        for id in ids {
            if let Some(key) = self.held(consumer, *id) {
                self.finish(consumer, key, now);
            }
        }
        self.settle(now);
    }

    /// A consumer does not take events.
    pub(crate) fn nack(
        &mut self,
        consumer: ConsumerId,
        ids: &[Uuid],
        action: Nack,
        reason: &str,
        now: Timestamp,
    ) {
        if action == Nack::Stop {
            self.consumers.stop(consumer);
        }
        for id in ids {
            let Some(key) = self.held(consumer, *id) else { continue };
            match action {
                Nack::Skip => self.finish(consumer, key, now),
                Nack::Park => {
                    if let Some(message) = self.take_back(key).or_else(|| self.waiting.remove(&key))
                    {
                        self.park(
                            key,
                            message,
                            format!("Client explicitly NAK'ed message.\n{reason}"),
                        );
                    }
                }
                // An event that timed out waits already or is with another one: this is late.
                Nack::Unknown | Nack::Retry | Nack::Stop => {
                    let holder = self.with_consumers.get(&key).map(|out| out.consumer);
                    if holder == Some(consumer)
                        && let Some(message) = self.take_back(key)
                    {
                        self.retry(key, message);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// An event was put aside durably, or could not be: then it waits again.
    pub(crate) fn on_parked(&mut self, key: Key, revision: Option<u64>, now: Timestamp) {
        if let Some(message) = self.parking.remove(&key) {
            match revision {
                Some(revision) => {
                    self.parked.added(revision);
                    self.by_id.remove(&message.arrived.id);
                }
                None => {
                    self.waiting.insert(key, message);
                }
            }
        }
        self.settle(now);
    }

    /// Gives parked events again: all, or those below a revision.
    pub(crate) fn replay_parked(&mut self, stop_at: Option<u64>) {
        self.parked.replay(stop_at);
    }

    /// Takes parked events that were read; without an event where what a link points at is gone.
    /// `None` for none at all: there are no more.
    pub(crate) fn on_parked_events(
        &mut self,
        entries: Option<Vec<(u64, Option<Arrived<E>>)>>,
        now: Timestamp,
    ) {
        for (revision, arrived) in self.parked.take(entries) {
            if let Some(arrived) = arrived {
                let message = Message { arrived, retries: 0, holders: Vec::new() };
                self.waiting.insert(Key::Parked(revision), message);
            }
        }
        self.settle(now);
    }

    /// A checkpoint is durable, or could not be written.
    pub(crate) fn on_checkpoint(&mut self, is_written: bool, now: Timestamp) {
        self.checkpoint.written(is_written, self.next);
        self.settle(now);
    }

    /// Parked events are cut off durably, or could not be.
    pub(crate) fn on_truncated(&mut self, is_written: bool, now: Timestamp) {
        self.parked.truncated(is_written);
        self.settle(now);
    }

    /// Looks at what time brings: events nobody answered, a checkpoint that is due.
    pub(crate) fn on_time(&mut self, now: Timestamp) {
        while let Some((_, key)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            if let Some(message) = self.take_back(key) {
                self.retry(key, message);
            }
        }
        self.settle(now);
    }

    /// When [`Self::on_time`] is due.
    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let checkpoint = self.checkpoint.due(self.floor());
        deadline.into_iter().chain(checkpoint).min()
    }

    /// What to do next.
    pub(crate) fn poll_output(&mut self) -> Option<Output<E>> {
        self.outputs.pop_front()
    }

    /// The last place below which everything is done, where no checkpoint says so yet.
    pub(crate) fn unsaved(&self) -> Option<u64> {
        self.checkpoint.unsaved(self.floor())
    }

    /// The key by which this consumer has, or had and has not answered, an event.
    fn held(&self, consumer: ConsumerId, id: Uuid) -> Option<Key> {
        let key = *self.by_id.get(&id)?;
        let message = self
            .with_consumers
            .get(&key)
            .map(|out| &out.message)
            .or_else(|| self.waiting.get(&key))?;
        message.holders.contains(&consumer).then_some(key)
    }

    /// Takes an event from whoever has it.
    fn take_back(&mut self, key: Key) -> Option<Message<E>> {
        let out = self.with_consumers.remove(&key)?;
        if let Some(deadline) = out.deadline {
            self.deadlines.remove(&(deadline, key));
        }
        self.consumers.give_back(out.consumer, key);
        Some(out.message)
    }

    fn finish(&mut self, consumer: ConsumerId, key: Key, now: Timestamp) {
        let since = self.with_consumers.get(&key).map(|out| out.since);
        if let Some(message) = self.take_back(key).or_else(|| self.waiting.remove(&key)) {
            self.by_id.remove(&message.arrived.id);
            if let Some(since) = since {
                self.consumers.answered(consumer, since, now);
            }
        }
    }

    fn retry(&mut self, key: Key, mut message: Message<E>) {
        let max = self.settings.max_retry_count;
        if message.retries < max {
            message.retries += 1;
            self.waiting.insert(key, message);
        } else {
            self.park(key, message, format!("Reached retry count of {max}"));
        }
    }

    fn park(&mut self, key: Key, message: Message<E>, reason: String) {
        let event = message.arrived.event.clone();
        self.parking.insert(key, message);
        self.outputs.push_back(Output::Park { key, event, reason });
    }

    /// What follows from every change: events for whoever has room, checkpoints.
    fn settle(&mut self, now: Timestamp) {
        self.give_out(now);
        let floor = self.floor();
        if let Some(place) = self.checkpoint.take(floor, now) {
            self.outputs.push_back(Output::WriteCheckpoint { place });
        }
        let unfinished = self.lowest(Key::Parked(0)).and_then(|key| match key {
            Key::Parked(revision) => Some(revision),
            Key::Event(_) => None,
        });
        if let Some(before) = self.parked.take_truncation(unfinished) {
            self.outputs.push_back(Output::TruncateParked { before });
        }
    }

    fn give_out(&mut self, now: Timestamp) {
        let mut from = Bound::Unbounded;
        while let Some((key, message)) = self.waiting.range((from, Bound::Unbounded)).next() {
            let key = *key;
            let id = message.arrived.id;
            // Ids are unique in a stream only: of two events of one name the second waits, or an
            // answer could mean either.
            let is_namesake = self.by_id.get(&id).is_some_and(|other| *other != key);
            match self.consumers.choose(message.arrived.bucket) {
                Choice::Full => break,
                Choice::To(consumer) if !is_namesake => self.give(key, consumer, now),
                Choice::To(_) | Choice::Later => from = Bound::Excluded(key),
            }
        }
    }

    fn give(&mut self, key: Key, consumer: ConsumerId, now: Timestamp) {
        let Some(mut message) = self.waiting.remove(&key) else { return };
        let timeout = self.settings.message_timeout;
        let deadline = (timeout > Millis(0)).then(|| now.plus(timeout));
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, key));
        }
        if !message.holders.contains(&consumer) {
            message.holders.push(consumer);
        }
        self.by_id.insert(message.arrived.id, key);
        self.consumers.take(consumer, key);
        self.total += 1;
        self.outputs.push_back(Output::Deliver {
            consumer,
            event: message.arrived.event.clone(),
            retry_count: message.retries,
        });
        self.with_consumers.insert(key, OutMessage { message, consumer, since: now, deadline });
    }

    /// The first place that is not done.
    fn floor(&self) -> u64 {
        match self.lowest(Key::Event(0)) {
            Some(Key::Event(place)) => place,
            _ => self.next,
        }
    }

    /// The lowest key from this one on that is not done.
    fn lowest(&self, from: Key) -> Option<Key> {
        let waiting = self.waiting.range(from..).next().map(|(key, _)| *key);
        let given = self.with_consumers.range(from..).next().map(|(key, _)| *key);
        let parking = self.parking.range(from..).next().map(|(key, _)| *key);
        waiting.into_iter().chain(given).chain(parking).min()
    }
}

/// What is told of a group.
impl<E> Group<E> {
    pub(super) fn consumers_mut(&mut self) -> impl Iterator<Item = &mut Consumer> {
        self.consumers.iter_mut()
    }

    /// Caught up with what there is.
    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    /// Events that wait: never given yet, and given before.
    pub(super) fn waiting_counts(&self) -> (usize, usize) {
        let retries = self
            .waiting
            .iter()
            .filter(|(key, message)| matches!(key, Key::Parked(_)) || !message.holders.is_empty());
        let retries = retries.count();
        (self.waiting.len() - retries, retries)
    }

    pub(super) fn outstanding(&self) -> usize {
        self.with_consumers.len() + self.parking.len()
    }

    pub(super) fn parked_count(&self) -> u64 {
        self.parked.count()
    }

    /// The last place known to be done durably.
    pub(crate) fn last_checkpoint(&self) -> Option<u64> {
        self.checkpoint.last()
    }

    /// The last event that came for consumers.
    pub(crate) fn last_known(&self) -> Option<u64> {
        self.last_known
    }
}
