//! A group with events, consumers and a clock at hand.

use uuid::Uuid;

use crate::base::{Millis, Timestamp};
use crate::kurrentdb::persistent::consumers::{About, ConsumerId, Key};
use crate::kurrentdb::persistent::group::{Arrived, Entry, Group, Nack, Origin, Output};
use crate::kurrentdb::persistent::settings::Settings;

/// The id of the event at a place.
pub(super) fn id(place: u64) -> Uuid {
    Uuid::from_u128(u128::from(place) + 1)
}

/// What happened, as text: `1<5` is event 5 to consumer 1, `1<5+2` the same for the third time.
pub(super) struct Stage {
    pub(super) group: Group<u64>,
    pub(super) now: Timestamp,
    pub(super) parking: Vec<(Key, u64, String)>,
}

impl Stage {
    pub(super) fn new(settings: Settings) -> Self {
        Self::of(settings, Origin::default())
    }

    pub(super) fn of(settings: Settings, origin: Origin) -> Self {
        let now = Timestamp::from_micros(1_000_000_000);
        Self { group: Group::new(settings, origin, now), now, parking: Vec::new() }
    }

    pub(super) fn join(&mut self, consumer: u64, capacity: usize) {
        let about = About {
            capacity,
            username: "admin".to_owned(),
            connection_name: format!("connection {consumer}"),
        };
        self.group.connect(ConsumerId(consumer), about, self.now);
    }

    /// Events come, each in the bucket of its number; nothing is behind them.
    pub(super) fn come(&mut self, places: impl IntoIterator<Item = u64>) {
        let entries = places.into_iter().map(|place| (place, self.entry(place)));
        let entries = entries.collect();
        self.group.on_events(entries, true, self.now);
    }

    pub(super) fn entry(&self, place: u64) -> Entry<u64> {
        let bucket = u16::try_from(place % 1024).unwrap_or(0);
        Entry::Wanted(Arrived { id: id(place), bucket, event: place })
    }

    pub(super) fn ack(&mut self, consumer: u64, places: &[u64]) {
        let ids: Vec<_> = places.iter().map(|place| id(*place)).collect();
        self.group.ack(ConsumerId(consumer), &ids, self.now);
    }

    pub(super) fn nack(&mut self, consumer: u64, place: u64, action: Nack) {
        self.group.nack(ConsumerId(consumer), &[id(place)], action, "why", self.now);
    }

    pub(super) fn pass(&mut self, span: Millis) {
        self.now = self.now.plus(span);
        self.group.on_time(self.now);
    }

    pub(super) fn told(&mut self) -> Vec<String> {
        let mut told = Vec::new();
        while let Some(output) = self.group.poll_output() {
            told.push(match output {
                Output::Deliver { consumer, event, retry_count: 0 } => {
                    format!("{}<{event}", consumer.0)
                }
                Output::Deliver { consumer, event, retry_count } => {
                    format!("{}<{event}+{retry_count}", consumer.0)
                }
                Output::Park { key, event, reason } => {
                    let text = format!("park {event}: {}", reason.replace('\n', " "));
                    self.parking.push((key, event, reason));
                    text
                }
                Output::WriteCheckpoint { place } => format!("checkpoint {place}"),
                Output::TruncateParked { before } => format!("truncate {before}"),
            });
        }
        told
    }

    pub(super) fn expect(&mut self, want: &[&str]) {
        assert_eq!(self.told(), want);
    }
}
