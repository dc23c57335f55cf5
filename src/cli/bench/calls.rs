//! Calls to fill a log with: every kind of fact that a call leaves, with the fields, ids and
//! streams it has in a campaign.
//!
//! In: a seed and a moment. Out: the facts of one call after the other. Each has ids and
//! durations of its own, names its call and the fact before it. Texts are those of the
//! catalogue's examples, so that real calls compress a little less.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::base::{EventId, IdSequence, Millis, Rng, Timestamp};
use crate::event::{
    Actor, ContentType, Event, ExpectedRevision, Family, NewEvent, StreamName, examples,
};
use crate::event_log::StreamAppend;

/// Between the start of one call and that of the next, in the middle.
const APART_MS: u64 = 40;

/// Gives calls that are all different.
pub(super) struct Calls {
    rng: Rng,
    event_ids: IdSequence,
    /// Of calls, legs, leads and people.
    other_ids: IdSequence,
    facts: Vec<Fact>,
}

/// A fact to be filled in.
struct Fact {
    event_type: String,
    schema_version: u16,
    is_of_call: bool,
    fields: Value,
}

impl Calls {
    pub(super) fn new(seed: u64) -> Self {
        let all = examples();
        let of_calls = all.iter().filter(|event| event.call_id().is_some());
        let mut rng = Rng::from_seed(seed);
        let (event_ids, other_ids) = (IdSequence::new(&mut rng), IdSequence::new(&mut rng));
        Self { rng, event_ids, other_ids, facts: of_calls.map(Fact::of).collect() }
    }

    /// The facts of the next call, which begins at a moment, as one append for each stream.
    /// Gives the moment the next one may begin, too.
    pub(super) fn next(&mut self, at: Timestamp) -> (Vec<StreamAppend>, Timestamp) {
        let mut ids = BTreeMap::new();
        let mut cause = None;
        let call = EventId::next(at, &mut self.other_ids).0;
        let mut own = Vec::with_capacity(self.facts.len());
        let mut others = Vec::new();
        let mut moment = at;
        for fact in &self.facts {
            moment = moment.plus(Millis(self.rng.below(3_000)));
            let mut fields = fact.fields.clone();
            let made = (&mut self.other_ids, &mut self.rng);
            vary(&mut fields, &mut ids, moment, made);
            let event_id = EventId::next(moment, &mut self.event_ids);
            let event = NewEvent {
                event_id,
                event_type: fact.event_type.clone(),
                schema_version: fact.schema_version,
                occurred_at: moment,
                correlation_id: Some(call),
                causation_id: cause,
                actor: Actor::part("dialer"),
                data: serde_json::to_vec(&fields).unwrap_or_default(),
                content_type: ContentType::Json,
                metadata: Vec::new(),
            };
            cause = Some(event_id);
            if fact.is_of_call { own.push(event) } else { others.push(event) }
        }
        let part =
            |stream, events| StreamAppend { stream, expected: ExpectedRevision::Any, events };
        let mut batch = vec![part(StreamName::of("call", &call), own)];
        if !others.is_empty() {
            batch.push(part(StreamName::of("lead", &call), others));
        }
        (batch, at.plus(Millis(self.rng.between(1, 2 * APART_MS))))
    }
}

impl Fact {
    fn of(event: &Event) -> Self {
        Self {
            event_type: event.name().to_owned(),
            schema_version: event.version(),
            is_of_call: event.family() == Family::Call,
            fields: serde_json::from_slice(&event.encode()).unwrap_or_default(),
        }
    }
}

/// Gives each id of the example a new one, the same wherever it stands, and moves every larger
/// number by up to a half.
fn vary(
    value: &mut Value,
    ids: &mut BTreeMap<String, String>,
    moment: Timestamp,
    (made, rng): (&mut IdSequence, &mut Rng),
) {
    match value {
        Value::String(text) if Uuid::try_parse(text).is_ok() => {
            let id = ids
                .entry(text.clone())
                .or_insert_with(|| EventId::next(moment, made).0.to_string());
            text.clone_from(id);
        }
        Value::Number(number) => {
            if let Some(old) = number.as_u64().filter(|old| *old > 100) {
                *value = Value::from(rng.between(old / 2, old / 2 * 3));
            }
        }
        Value::Array(values) => {
            values.iter_mut().for_each(|value| vary(value, ids, moment, (made, rng)));
        }
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| vary(value, ids, moment, (made, rng)));
        }
        _ => {}
    }
}
