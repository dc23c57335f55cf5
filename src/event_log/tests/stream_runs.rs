//! Runs against a map in memory: what they answer, what they refuse, what a crash leaves.

mod crash;
mod files;
mod model;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use uuid::Uuid;

use crate::base::Rng;
use crate::event_log::cache_file::IndexError;
use crate::event_log::frame::{self, Hash};
use crate::event_log::storage::Storage;
use crate::event_log::stream_runs::{HotStreams, Snapshot, StreamKey, StreamRuns, Unusable};

const LOG: Uuid = Uuid::from_u128(1);
static GO_ON: AtomicBool = AtomicBool::new(false);

/// The hash of the frame that ends before a position, of which the tests have no frames.
fn last_frame(end: u64) -> Hash {
    frame::hash(&end.to_le_bytes())
}

fn belongs(end: u64, hash: &Hash) -> bool {
    last_frame(end) == *hash
}

fn open(storage: &Arc<dyn Storage>) -> (StreamRuns, Vec<Unusable>) {
    StreamRuns::open(storage.clone(), LOG, &belongs).expect("runs")
}

/// Events of streams, as a map has them.
#[derive(Clone, Default)]
struct Model {
    streams: BTreeMap<String, Vec<u64>>,
    next: u64,
}

impl Model {
    /// Adds an event to the map and to what is hot.
    fn append(&mut self, hot: &mut HotStreams, name: &str) {
        let positions = self.streams.entry(name.to_owned()).or_default();
        hot.insert(StreamKey::of(name), positions.len() as u64).expect("the next revision");
        positions.push(self.next);
        self.next += 1;
    }

    /// A finished segment: a few long streams, many short ones.
    fn segment(&mut self, hot: &mut HotStreams, rng: &mut Rng, events: u64) {
        for _ in 0..events {
            let name = match rng.below(4) {
                0 => format!("long-{}", rng.below(2)),
                1 => format!("middle-{}", rng.below(20)),
                _ => format!("short-{}", self.next / 3),
            };
            self.append(hot, &name);
        }
        hot.roll();
    }

    /// Only what stands before a position.
    fn until(&self, end: u64) -> Self {
        let cut = |positions: &Vec<u64>| {
            positions.iter().copied().filter(|position| *position < end).collect()
        };
        let streams = self.streams.iter().map(|(name, positions)| (name.clone(), cut(positions)));
        let streams = streams.filter(|(_, positions): &(_, Vec<_>)| !positions.is_empty());
        Self { streams: streams.collect(), next: end }
    }

    /// Asks for everything, and compares what is answered. Errors where a check fails.
    fn compare(&self, runs: &Snapshot, rng: &mut Rng) -> Result<(), IndexError> {
        assert_eq!(runs.covered_until(), self.next);
        for (name, positions) in &self.streams {
            let key = StreamKey::of(name);
            let last = positions.last().map(|last| (positions.len() as u64 - 1, *last));
            assert_eq!(runs.last(key)?, last, "{name}");
            let count = positions.len() as u64;
            let some = rng.below(count);
            let stretches =
                [0..count, 0..u64::MAX, some..some + 1, some..rng.between(some, count + 3)];
            for stretch in stretches {
                let mut found = vec![77];
                runs.positions(key, stretch.clone(), &mut found)?;
                let wanted = positions.iter().skip(stretch.start as usize);
                let wanted = wanted.take((stretch.end - stretch.start) as usize);
                assert!(found.iter().skip(1).eq(wanted), "{name} {stretch:?}");
            }
        }
        for number in 0..20 {
            let key = StreamKey::of(&format!("absent-{number}"));
            assert_eq!(runs.last(key)?, None);
            let mut found = Vec::new();
            runs.positions(key, 0..u64::MAX, &mut found)?;
            assert!(found.is_empty());
        }
        Ok(())
    }

    fn expect(&self, runs: &StreamRuns, rng: &mut Rng) {
        self.compare(&runs.snapshot(), rng).expect("answers");
        runs.snapshot().check().expect("whole");
    }
}

/// Writes the oldest finished segment as a run.
fn add(runs: &StreamRuns, hot: &mut HotStreams) -> Result<(), IndexError> {
    let segment = hot.oldest().expect("a finished segment");
    runs.add(&segment, last_frame(segment.next()), &GO_ON)?;
    hot.forget(runs.covered_until());
    Ok(())
}

fn merge_all(runs: &StreamRuns) -> Result<u32, IndexError> {
    let mut merged = 0;
    while runs.merge(&GO_ON)? {
        merged += 1;
    }
    Ok(merged)
}

/// As many runs of level 0 as asked for.
fn filled(storage: &Arc<dyn Storage>, rng: &mut Rng, segments: u64) -> (StreamRuns, Model) {
    let (runs, mut model, mut hot) = (open(storage).0, Model::default(), HotStreams::new(0));
    for _ in 0..segments {
        let events = rng.between(1, 200);
        model.segment(&mut hot, rng, events);
        add(&runs, &mut hot).expect("added");
    }
    (runs, model)
}
