//! Random histories of consumers, answers, failures and crashes: no event is lost.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::base::{Millis, Rng, Timestamp};
use crate::kurrentdb::persistent::consumers::{About, ConsumerId, Key};
use crate::kurrentdb::persistent::group::{Arrived, Entry, Group, Nack, Origin, Output};
use crate::kurrentdb::persistent::settings::{Settings, Strategy};

/// What a place holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Wanted,
    Passed,
    Own,
}

/// An event as a consumer gets it: what it is, and the id to answer by.
#[derive(Clone, Copy, Debug)]
struct Given {
    place: u64,
    id: Uuid,
}

/// The world around one group: what is durable survives a crash, the rest does not.
struct World {
    rng: Rng,
    settings: Settings,
    now: Timestamp,
    // Durable.
    log: BTreeMap<u64, Place>,
    checkpoint: Option<u64>,
    /// Which event each parked revision points at.
    parked: BTreeMap<u64, u64>,
    parked_first: u64,
    parked_end: u64,
    /// Events that some consumer acknowledged or asked to skip.
    done: BTreeSet<u64>,
    // Gone in a crash.
    group: Group<Given>,
    hands: BTreeMap<ConsumerId, Vec<Given>>,
    parking: Vec<(Key, Given)>,
    is_checkpointing: Option<u64>,
    is_truncating: Option<u64>,
    consumers: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::from_seed(seed);
        let strategies = [
            Strategy::RoundRobin,
            Strategy::DispatchToSingle,
            Strategy::Pinned,
            Strategy::PinnedByCorrelation,
        ];
        let strategy = strategies[usize::try_from(rng.below(4)).unwrap_or(0)];
        let settings = Settings {
            strategy,
            max_retry_count: u32::try_from(rng.below(4)).unwrap_or(0),
            min_checkpoint_count: u32::try_from(rng.below(5)).unwrap_or(0),
            max_checkpoint_count: u32::try_from(rng.between(1, 8)).unwrap_or(1),
            checkpoint_after: Millis(rng.below(3) * 500),
            message_timeout: Millis(rng.between(1, 3) * 1_000),
            read_batch_size: usize::try_from(rng.between(1, 6)).unwrap_or(1),
            history_buffer_size: usize::try_from(rng.between(2, 12)).unwrap_or(1),
            live_buffer_size: usize::try_from(rng.between(0, 12)).unwrap_or(1),
            ..Settings::example()
        };
        let now = Timestamp::from_micros(1_000_000_000);
        let mut log = BTreeMap::new();
        let mut place = 0;
        for _ in 0..rng.between(10, 60) {
            place += rng.between(0, 3) / 3 + 1; // Places have gaps.
            let kind = match rng.below(10) {
                0 | 1 => Place::Passed,
                2 => Place::Own,
                _ => Place::Wanted,
            };
            log.insert(place - 1, kind);
        }
        Self {
            group: Group::new(settings.clone(), Origin::default(), now),
            rng,
            settings,
            now,
            log,
            checkpoint: None,
            parked: BTreeMap::new(),
            parked_first: 0,
            parked_end: 0,
            done: BTreeSet::new(),
            hands: BTreeMap::new(),
            parking: Vec::new(),
            is_checkpointing: None,
            is_truncating: None,
            consumers: 0,
        }
    }

    /// Some events share an id, as events of different streams may.
    fn id(place: u64) -> Uuid {
        Uuid::from_u128(u128::from(if place % 7 == 3 { 3 } else { place }))
    }

    fn arrived(place: u64, id: Uuid) -> Arrived<Given> {
        Arrived { id, bucket: u16::try_from(place % 5).unwrap_or(0), event: Given { place, id } }
    }

    fn crash(&mut self) {
        let origin = Origin {
            checkpoint: self.checkpoint,
            start: 0,
            first_parked: self.parked_first,
            end_parked: self.parked_end,
        };
        self.group = Group::new(self.settings.clone(), origin, self.now);
        self.hands.clear();
        self.parking.clear();
        self.is_checkpointing = None;
        self.is_truncating = None;
    }

    fn read(&mut self) {
        let Some((from, max)) = self.group.wants_events() else { return };
        let page: Vec<_> = self.log.range(from..).take(max).map(|(p, kind)| (*p, *kind)).collect();
        let last = page.last().map_or(from, |(place, _)| place + 1);
        let is_end = self.log.range(last..).next().is_none();
        let entries = page.into_iter().map(|(place, kind)| {
            let entry = match kind {
                Place::Wanted => Entry::Wanted(Self::arrived(place, Self::id(place))),
                Place::Passed => Entry::Passed,
                Place::Own => Entry::Own,
            };
            (place, entry)
        });
        self.group.on_events(entries.collect(), is_end, self.now);
    }

    fn read_parked(&mut self) {
        let Some((from, max)) = self.group.wants_parked() else { return };
        let page: Vec<_> = self
            .parked
            .range(from..)
            .take(max)
            .map(|(revision, place)| {
                let id = Uuid::from_u128(1 << 64 | u128::from(*revision));
                (*revision, Some(Self::arrived(*place, id)))
            })
            .collect();
        self.group.on_parked_events(Some(page), self.now);
    }

    /// Takes outputs; what is to be written waits for [`Self::settle_writes`].
    fn drain(&mut self) {
        while let Some(output) = self.group.poll_output() {
            match output {
                Output::Deliver { consumer, event, .. } => {
                    assert_eq!(self.log.get(&event.place), Some(&Place::Wanted));
                    // What it gets twice it answers once.
                    let hand = self.hands.entry(consumer).or_default();
                    hand.retain(|given| given.place != event.place || given.id != event.id);
                    hand.push(event);
                }
                Output::Park { key, event, .. } => self.parking.push((key, event)),
                Output::WriteCheckpoint { place } => {
                    assert_eq!(self.is_checkpointing, None, "one write at a time");
                    self.check(place);
                    self.is_checkpointing = Some(place);
                }
                Output::TruncateParked { before } => {
                    assert_eq!(self.is_truncating, None, "one write at a time");
                    self.is_truncating = Some(before);
                }
            }
        }
    }

    /// Nothing at or below a checkpoint is neither done nor parked.
    fn check(&self, checkpoint: u64) {
        for (place, kind) in self.log.range(..=checkpoint) {
            let is_safe = *kind != Place::Wanted || self.is_safe(*place);
            assert!(is_safe, "checkpoint {checkpoint} is past unfinished {place}");
        }
    }

    fn is_safe(&self, place: u64) -> bool {
        self.done.contains(&place)
            || self.parked.range(self.parked_first..).any(|(_, event)| *event == place)
    }

    /// Writes become durable or fail, and the group may learn of it or not before a crash.
    fn settle_writes(&mut self) {
        if let Some(place) = self.is_checkpointing.take() {
            let is_written = self.rng.below(5) > 0;
            if is_written {
                self.checkpoint = Some(place);
            }
            self.group.on_checkpoint(is_written, self.now);
        }
        if let Some(before) = self.is_truncating.take() {
            let is_written = self.rng.below(5) > 0;
            if is_written {
                for (revision, place) in self.parked.range(self.parked_first..before) {
                    let is_again = self.parked.range(before..).any(|(_, event)| event == place);
                    assert!(self.done.contains(place) || is_again, "parked {revision} is lost");
                }
                self.parked_first = before;
            }
            self.group.on_truncated(is_written, self.now);
        }
        for (key, event) in std::mem::take(&mut self.parking) {
            let is_written = self.rng.below(5) > 0;
            let revision = is_written.then_some(self.parked_end);
            if let Some(revision) = revision {
                self.parked.insert(revision, event.place);
                self.parked_end += 1;
            }
            self.group.on_parked(key, revision, self.now);
        }
    }

    /// A consumer answers something it was given, by the id it was given under.
    fn answer(&mut self) {
        let count = self.hands.len() as u64;
        let nth = usize::try_from(self.rng.below(count)).unwrap_or(0);
        let Some((consumer, hand)) = self.hands.iter_mut().nth(nth) else { return };
        let consumer = *consumer;
        if hand.is_empty() {
            return;
        }
        let at = usize::try_from(self.rng.below(hand.len() as u64)).unwrap_or(0);
        let Some(given) = hand.get(at).copied() else { return };
        // A consumer that got two events of one id cannot answer for one of them only.
        let answered: Vec<_> = hand.iter().filter(|other| other.id == given.id).copied().collect();
        hand.retain(|other| other.id != given.id);
        let ids = [given.id];
        match self.rng.below(8) {
            0 => self.group.nack(consumer, &ids, Nack::Retry, "", self.now),
            1 => self.group.nack(consumer, &ids, Nack::Park, "", self.now),
            2 => {
                self.done.extend(answered.iter().map(|given| given.place));
                self.group.nack(consumer, &ids, Nack::Skip, "", self.now);
            }
            _ => {
                self.done.extend(answered.iter().map(|given| given.place));
                self.group.ack(consumer, &ids, self.now);
            }
        }
    }

    fn step(&mut self) {
        match self.rng.below(20) {
            0 => {
                self.consumers += 1;
                let capacity = usize::try_from(self.rng.between(1, 4)).unwrap_or(1);
                let id = ConsumerId(self.consumers);
                let about =
                    About { capacity, username: String::new(), connection_name: String::new() };
                self.hands.insert(id, Vec::new());
                self.group.connect(id, about, self.now);
            }
            1 => {
                if let Some(id) = self.hands.keys().next().copied() {
                    self.hands.remove(&id);
                    self.group.disconnect(id, self.now);
                }
            }
            2 => {
                self.now = self.now.plus(Millis(self.rng.below(2_500)));
                self.group.on_time(self.now);
            }
            3 => self.group.replay_parked(None),
            4 if self.rng.below(3) == 0 => self.crash(),
            5..=7 => self.read(),
            8 | 9 => self.read_parked(),
            10..=12 => self.settle_writes(),
            _ => self.answer(),
        }
        self.drain();
    }

    fn is_at_rest(&self) -> bool {
        let group = &self.group;
        group.waiting_counts() == (0, 0) && group.outstanding() == 0 && group.parked_count() == 0
    }

    /// From here on everybody answers, and parked events are given again until there are none.
    fn come_to_rest(&mut self) {
        let id = ConsumerId(self.consumers + 1);
        let about = About { capacity: 3, username: String::new(), connection_name: String::new() };
        self.hands.insert(id, Vec::new());
        self.group.connect(id, about, self.now);
        let wanted = self.log.values().filter(|kind| **kind == Place::Wanted).count();
        for _ in 0..5_000 {
            self.drain();
            for (consumer, hand) in std::mem::take(&mut self.hands) {
                for given in hand {
                    self.done.insert(given.place);
                    self.group.ack(consumer, &[given.id], self.now);
                }
                self.hands.insert(consumer, Vec::new());
            }
            self.drain();
            self.settle_writes();
            self.group.replay_parked(None);
            self.read();
            self.read_parked();
            self.now = self.now.plus(Millis(500));
            self.group.on_time(self.now);
            if self.done.len() == wanted && self.is_at_rest() {
                break;
            }
        }
        self.drain();
    }
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..400 {
        world.step();
    }
    world.come_to_rest();
    for (place, kind) in &world.log {
        assert!(
            *kind != Place::Wanted || world.done.contains(place),
            "event {place} was never done",
        );
    }
    assert!(world.is_at_rest());
}

#[test]
fn no_event_is_lost() {
    for seed in 0..400 {
        let outcome = std::panic::catch_unwind(|| run(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}
