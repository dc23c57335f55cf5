//! Values that follow from others, and are left out where they do.
//!
//! In: an event and the rows before it. Out: whether a value follows, or the value.
//! Invariant: what follows from what is defined here and never changes, since files of years ago
//! are read with it; what follows is left out only where it gives the same value.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::literal::{Slot, Value};
use super::shape::Field;
use crate::event::Recorded;

/// Bits of a UUIDv7 behind its variant; twelve more of its number stand before.
const LOW_BITS: u32 = 62;
const LOW_MASK: u128 = (1 << LOW_BITS) - 1;
const NUMBER_MASK: u128 = (1 << 74) - 1;

/// An event of a sequence: each id has its own time, and counts as many further than another
/// one as the position does, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) id: [u8; 16],
    pub(super) position: u64,
}

impl Counted {
    /// The id that the event of a position has if it goes on counting.
    pub(super) fn next(self, position: u64, occurred_at: i64) -> [u8; 16] {
        let id = u128::from_be_bytes(self.id);
        let number = (((id >> 64) & 0xfff) << LOW_BITS) | (id & LOW_MASK);
        let ahead = i128::from(position) - i128::from(self.position);
        let number = number.wrapping_add(ahead.cast_unsigned()) & NUMBER_MASK;
        let millis = u128::from(u64::try_from(occurred_at.div_euclid(1_000)).unwrap_or(0));
        let time = (millis & 0xffff_ffff_ffff) << 80;
        let high = (number >> LOW_BITS) << 64;
        (time | (7 << 76) | high | (2 << LOW_BITS) | (number & LOW_MASK)).to_be_bytes()
    }
}

/// How streams are named after an id in their events: by which column, and what stands before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamRule {
    /// The field of the id.
    pub(super) field: String,
    /// What stands before it.
    pub(super) prefix: String,
    /// Whether an event whose stream follows and that has no correlation id has that id for it;
    /// else it has none.
    pub(super) is_correlation: bool,
}

impl StreamRule {
    /// The name of the stream of an id.
    pub(super) fn stream(&self, id: [u8; 16]) -> String {
        format!("{}{}", self.prefix, Uuid::from_bytes(id).hyphenated())
    }

    /// Whether a stream is named after an id.
    pub(super) fn gives(&self, stream: &str, id: [u8; 16]) -> bool {
        stream.strip_prefix(&self.prefix).is_some_and(|rest| is_written(rest, id))
    }
}

/// Whether a text is an id as [`StreamRule::stream`] writes it.
fn is_written(text: &str, id: [u8; 16]) -> bool {
    let mut written = Uuid::encode_buffer();
    Uuid::from_bytes(id).hyphenated().encode_lower(&mut written) == text
}

/// Finds the rule of a file.
#[derive(Default)]
pub(super) struct RuleSearch {
    /// By field and prefix: streams named so, and those with the id as correlation.
    found: HashMap<(String, String), (usize, usize)>,
}

impl RuleSearch {
    /// Takes note of an id among the fields of an event.
    pub(super) fn add(&mut self, field: &str, id: [u8; 16], stream: &str, correlated: bool) {
        let prefix = stream.len().checked_sub(36).and_then(|at| stream.split_at_checked(at));
        let Some((prefix, _)) = prefix.filter(|(_, rest)| is_written(rest, id)) else { return };
        let counts = self.found.entry((field.to_owned(), prefix.to_owned())).or_default();
        counts.0 += 1;
        counts.1 += usize::from(correlated);
    }

    /// The rule that most events follow.
    pub(super) fn rule(self) -> Option<StreamRule> {
        let most = self.found.into_iter().max_by(|(one, counts), (other, more)| {
            counts.0.cmp(&more.0).then_with(|| other.cmp(one))
        });
        most.map(|((field, prefix), (all, correlated))| StreamRule {
            field,
            prefix,
            is_correlation: correlated * 2 > all,
        })
    }
}

/// By type of event: the fields that may follow from the envelope, and how.
pub(super) type Follows = BTreeMap<String, BTreeMap<String, Slot>>;

/// Finds the fields that follow from the envelope.
#[derive(Default)]
pub(super) struct FollowSearch {
    types: HashMap<String, OfType>,
}

/// What was seen of one type.
#[derive(Default)]
struct OfType {
    events: usize,
    /// By field: events in which it is an integer, and those in which it follows so.
    fields: HashMap<String, (usize, [usize; Slot::FOLLOWS.len()])>,
}

impl FollowSearch {
    /// Takes note of an event, whether it has fields or not.
    pub(super) fn add(&mut self, event: &Recorded, fields: &[Field<'_>]) {
        if !self.types.contains_key(&event.event_type) {
            self.types.insert(event.event_type.clone(), OfType::default());
        }
        let Some(of_type) = self.types.get_mut(&event.event_type) else { return };
        of_type.events += 1;
        for field in fields {
            let Value::Int(number) = field.value else { continue };
            // What only later events have is not in all of them.
            if of_type.events == 1 {
                of_type.fields.insert(field.name.to_owned(), Default::default());
            }
            let Some((ints, follows)) = of_type.fields.get_mut(field.name) else { continue };
            *ints += 1;
            for (slot, count) in Slot::FOLLOWS.into_iter().zip(follows) {
                let follows = slot.follows(event.position, event.occurred_at.as_micros());
                *count += usize::from(follows == Some(number));
            }
        }
    }

    /// Fields that are an integer in every event of a type and follow in most of them: only of
    /// such a field does nothing in its column say that it follows.
    pub(super) fn follows(self) -> Follows {
        let mut found = Follows::new();
        for (event_type, OfType { events, fields }) in self.types {
            for (field, (ints, follows)) in fields {
                let most = Slot::FOLLOWS.into_iter().zip(follows).max_by_key(|(_, count)| *count);
                if let Some((slot, count)) = most
                    && ints == events
                    && count * 2 > events
                {
                    found.entry(event_type.clone()).or_default().insert(field, slot);
                }
            }
        }
        found
    }
}

/// The same for a file's metadata: what each follows from.
pub(super) fn told(follows: &Follows) -> BTreeMap<&str, BTreeMap<&str, &'static str>> {
    let mut all = BTreeMap::new();
    for (event_type, fields) in follows {
        let fields = fields.iter().filter_map(|(field, slot)| Some((field.as_str(), slot.told()?)));
        all.insert(event_type.as_str(), fields.collect());
    }
    all
}

/// How far back a cause is looked for. Units: events of its stream.
const CAUSE_WITHIN: usize = 256;

/// The events of a row group so far, by stream.
#[derive(Default)]
pub(super) struct Causes {
    streams: HashMap<String, Vec<(u64, [u8; 16])>>,
}

impl Causes {
    /// The revision of a cause, where it is one of the last events of this stream and no later
    /// one has that revision.
    pub(super) fn revision(&self, stream: &str, cause: [u8; 16]) -> Option<u64> {
        let last = || self.streams.get(stream).into_iter().flatten().rev().take(CAUSE_WITHIN);
        let (revision, _) = last().find(|(_, id)| *id == cause)?;
        let (_, id) = last().find(|(other, _)| other == revision)?;
        (*id == cause).then_some(*revision)
    }

    /// Takes note of an event.
    pub(super) fn add(&mut self, stream: &str, revision: u64, id: [u8; 16]) {
        if let Some(events) = self.streams.get_mut(stream) {
            events.push((revision, id));
        } else {
            self.streams.insert(stream.to_owned(), vec![(revision, id)]);
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.streams.clear();
    }
}
