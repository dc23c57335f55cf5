//! The consumers of a group, and who of them gets the next event.

use std::collections::{BTreeMap, BTreeSet};

use super::latency::Latencies;
use super::settings::Strategy;
use crate::base::Timestamp;

/// Streams and correlation ids are spread over this many buckets, each with one consumer.
///
/// Source: KurrentDB, "Pinned".
pub(crate) const BUCKETS: usize = 1024;

/// One connected consumer; a number of its own for every connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConsumerId(pub(crate) u64);

/// An event of a group, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A parked event that is given again, by its revision in the stream of parked events.
    Parked(u64),
    /// An event by its place.
    Event(u64),
}

/// What a consumer says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    /// Events it takes before it answers.
    pub(crate) capacity: usize,
    /// The user it signed in as.
    pub(crate) username: String,
    /// The name of its connection.
    pub(crate) connection_name: String,
}

/// One connected consumer.
#[derive(Debug)]
pub(crate) struct Consumer {
    pub(crate) about: About,
    pub(crate) in_flight: BTreeSet<Key>,
    /// It asked for no more.
    is_stopped: bool,
    pub(crate) total: u64,
    pub(crate) measured: u64,
    pub(crate) latencies: Latencies,
}

impl Consumer {
    pub(crate) fn room(&self) -> usize {
        if self.is_stopped { 0 } else { self.about.capacity.saturating_sub(self.in_flight.len()) }
    }
}

/// Who gets an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    To(ConsumerId),
    /// The one that it is pinned to is full; another event may find its own with room.
    Later,
    /// Nobody has room.
    Full,
}

#[derive(Debug)]
pub(crate) struct Consumers {
    strategy: Strategy,
    /// In the order of their coming.
    all: BTreeMap<ConsumerId, Consumer>,
    /// The last one served in turn.
    last: Option<ConsumerId>,
    owners: Vec<Option<ConsumerId>>,
}

impl Consumers {
    pub(crate) fn new(strategy: Strategy) -> Self {
        Self { strategy, all: BTreeMap::new(), last: None, owners: vec![None; BUCKETS] }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Consumer> {
        self.all.values_mut()
    }

    pub(crate) fn add(&mut self, id: ConsumerId, about: About) {
        let consumer = Consumer {
            about,
            in_flight: BTreeSet::new(),
            is_stopped: false,
            total: 0,
            measured: 0,
            latencies: Latencies::default(),
        };
        self.all.insert(id, consumer);
        self.share_out();
    }

    /// Gives what it had not answered.
    pub(crate) fn remove(&mut self, id: ConsumerId) -> BTreeSet<Key> {
        let in_flight = self.all.remove(&id).map(|consumer| consumer.in_flight);
        self.share_out();
        in_flight.unwrap_or_default()
    }

    /// Gives it nothing more; what it has it may still answer.
    pub(crate) fn stop(&mut self, id: ConsumerId) {
        if let Some(consumer) = self.all.get_mut(&id) {
            consumer.is_stopped = true;
        }
        self.share_out();
    }

    pub(crate) fn take(&mut self, id: ConsumerId, key: Key) {
        if let Some(consumer) = self.all.get_mut(&id) {
            consumer.in_flight.insert(key);
            consumer.total += 1;
            self.last = Some(id);
        }
    }

    /// An event is no longer with a consumer.
    pub(crate) fn give_back(&mut self, id: ConsumerId, key: Key) {
        if let Some(consumer) = self.all.get_mut(&id) {
            consumer.in_flight.remove(&key);
        }
    }

    pub(crate) fn answered(&mut self, id: ConsumerId, since: Timestamp, now: Timestamp) {
        if let Some(consumer) = self.all.get_mut(&id) {
            consumer.latencies.add(now.since(since));
        }
    }

    /// Who gets an event that belongs into this bucket.
    pub(crate) fn choose(&self, bucket: u16) -> Choice {
        if self.strategy.is_pinned() {
            return self.choose_pinned(bucket);
        }
        let with_room = |(id, consumer): (&ConsumerId, &Consumer)| {
            if consumer.room() > 0 { Some(Choice::To(*id)) } else { None }
        };
        let chosen = match (self.strategy, self.last) {
            (Strategy::RoundRobin, Some(last)) => {
                let after = (std::ops::Bound::Excluded(last), std::ops::Bound::Unbounded);
                let mut in_turn = self.all.range(after).chain(self.all.range(..=last));
                in_turn.find_map(with_room)
            }
            _ => self.all.iter().find_map(with_room),
        };
        chosen.unwrap_or(Choice::Full)
    }

    fn choose_pinned(&self, bucket: u16) -> Choice {
        if self.all.values().all(|consumer| consumer.room() == 0) {
            return Choice::Full;
        }
        let owner = self.owners.get(usize::from(bucket) % BUCKETS).copied().flatten();
        match owner.and_then(|id| Some((id, self.all.get(&id)?))) {
            Some((id, consumer)) if consumer.room() > 0 => Choice::To(id),
            _ => Choice::Later,
        }
    }

    /// Spreads the buckets evenly over consumers that are there, moving as few as it takes.
    fn share_out(&mut self) {
        let active: Vec<_> =
            self.all.iter().filter(|(_, c)| !c.is_stopped).map(|(id, _)| *id).collect();
        if active.is_empty() {
            self.owners.fill(None);
            return;
        }
        let share = BUCKETS.div_ceil(active.len());
        let mut counts: BTreeMap<_, usize> = active.iter().map(|id| (*id, 0)).collect();
        for owner in &mut self.owners {
            match owner.and_then(|id| counts.get_mut(&id)) {
                Some(count) if *count < share => *count += 1,
                _ => *owner = None,
            }
        }
        for owner in self.owners.iter_mut().filter(|owner| owner.is_none()) {
            if let Some((id, count)) = counts.iter_mut().min_by_key(|(_, count)| **count) {
                *owner = Some(*id);
                *count += 1;
            }
        }
    }
}
