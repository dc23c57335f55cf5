//! Which facts and which things of a call were there lately.
//!
//! In: recorded facts in order of position. Out: whether one says the same as one before it,
//! under an event id of its own; and where the row of a turn, a tag or a commitment is. A node
//! that did not hear the answer to an append sends it again, so the same comes twice.
//!
//! Invariants: what is remembered follows from the facts alone; a fact that comes again within a
//! day is known, one that comes after two days is a new one, so that memory holds two days
//! however long the log is.

use std::collections::{BTreeMap, HashSet};

use crate::base::{CallId, Millis, Timestamp};
use crate::event::Recorded;

/// How long a generation takes facts in.
const GENERATION: Millis = Millis(86_400_000);

/// What a row of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Something said or heard.
    Turn,
    /// A meaning found in it.
    IntentTag,
    /// Something agreed to.
    Commitment,
}

/// The facts of one or two days.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// Until when the present generation takes facts in.
    until: Timestamp,
    now: Generation,
    before: Generation,
}

#[derive(Clone, Debug, Default)]
struct Generation {
    /// Digests of what facts say; asked whether one is in it, never walked.
    facts: HashSet<u64>,
    /// The rows of each call.
    calls: BTreeMap<CallId, Vec<(Part, usize)>>,
}

impl Known {
    /// Remembers a fact; false where it was known.
    pub(super) fn is_new(&mut self, recorded: &Recorded) -> bool {
        // The log's own clock: it never goes back.
        if recorded.recorded_at >= self.until {
            self.before = std::mem::take(&mut self.now);
            if recorded.recorded_at >= self.until.plus(GENERATION) {
                self.before = Generation::default();
            }
            self.until = recorded.recorded_at.plus(GENERATION);
        }
        let digest = digest(recorded);
        !self.before.facts.contains(&digest) && self.now.facts.insert(digest)
    }

    /// Remembers where a row of a call is.
    pub(super) fn add(&mut self, call_id: CallId, part: Part, place: usize) {
        self.now.calls.entry(call_id).or_default().push((part, place));
    }

    /// Where the rows of a call are.
    pub(super) fn places(&self, call_id: CallId, part: Part) -> impl Iterator<Item = usize> {
        let of_call = [self.now.calls.get(&call_id), self.before.calls.get(&call_id)];
        let places = of_call.into_iter().flatten().flatten();
        places.filter(move |(kind, _)| *kind == part).map(|(_, place)| *place)
    }
}

/// What was written down is not what it was.
#[derive(Debug)]
pub(super) struct Torn;

/// How parts are written down.
const PARTS: [Part; 3] = [Part::Turn, Part::IntentTag, Part::Commitment];

impl Known {
    /// Everything, to be written down.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = self.until.as_micros().to_le_bytes().to_vec();
        for generation in [&self.now, &self.before] {
            number(&mut bytes, generation.facts.len());
            let mut facts: Vec<u64> = generation.facts.iter().copied().collect();
            facts.sort_unstable();
            facts.iter().for_each(|fact| bytes.extend_from_slice(&fact.to_le_bytes()));
            number(&mut bytes, generation.calls.len());
            for (call_id, places) in &generation.calls {
                bytes.extend_from_slice(call_id.0.as_bytes());
                number(&mut bytes, places.len());
                for (part, place) in places {
                    number(&mut bytes, PARTS.iter().position(|it| it == part).unwrap_or(0));
                    number(&mut bytes, *place);
                }
            }
        }
        bytes
    }

    /// What was written down.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Torn> {
        let mut bytes = bytes;
        let until = Timestamp::from_micros(i64::from_le_bytes(take(&mut bytes)?));
        let mut generations = [Generation::default(), Generation::default()];
        for generation in &mut generations {
            for _ in 0..count(&mut bytes)? {
                generation.facts.insert(u64::from_le_bytes(take(&mut bytes)?));
            }
            for _ in 0..count(&mut bytes)? {
                let call_id = CallId(uuid::Uuid::from_bytes(take(&mut bytes)?));
                let mut places = Vec::new();
                for _ in 0..count(&mut bytes)? {
                    let part = *PARTS.get(count(&mut bytes)?).ok_or(Torn)?;
                    places.push((part, count(&mut bytes)?));
                }
                generation.calls.insert(call_id, places);
            }
        }
        let [now, before] = generations;
        if bytes.is_empty() { Ok(Self { until, now, before }) } else { Err(Torn) }
    }
}

fn number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u64).to_le_bytes());
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Torn> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or(Torn)?;
    *bytes = rest;
    Ok(*first)
}

fn count(bytes: &mut &[u8]) -> Result<usize, Torn> {
    usize::try_from(u64::from_le_bytes(take(bytes)?)).map_err(|_| Torn)
}

/// What a fact says, and when it happened; not under which id, nor when the log took it.
fn digest(recorded: &Recorded) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(recorded.stream.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(recorded.event_type.as_bytes());
    hasher.update(&[0]);
    hasher.update(&recorded.occurred_at.as_micros().to_le_bytes());
    hasher.update(&recorded.data);
    let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}
