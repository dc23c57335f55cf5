//! Replay: two passes over the log. The first collects decisions by the position they were
//! taken at; the second folds the log and takes each again when the fold stands there.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::dialing::{CarrierPolicy, DialDecision, DialPolicy};
use crate::event::{DialDecided, Event, Recorded};
use crate::projection::live::{LiveState, OutOfOrder};

/// A decision that does not come out the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement {
    /// Where the decision stands in the log.
    pub position: u64,
    /// The decision's name.
    pub event_type: &'static str,
    /// The first field that differs.
    pub field: String,
    /// What was recorded.
    pub recorded: Value,
    /// What comes out now.
    pub replayed: Value,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplayReport {
    /// Facts folded.
    pub events: u64,
    /// Decisions taken again, by name.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Those that differ, in order of position.
    pub disagreements: Vec<Disagreement>,
}

impl ReplayReport {
    /// Decisions taken again.
    pub fn taken(&self) -> u64 {
        self.decisions.values().sum()
    }

    /// Decisions that came out the same.
    pub fn agreed(&self) -> u64 {
        self.taken().saturating_sub(self.disagreements.len() as u64)
    }
}

/// A log that cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Positions in the wrong order.
    #[error("replay the log")]
    OutOfOrder(#[from] OutOfOrder),
    /// A decision that names a position at or after its own.
    #[error("replay the decision at position {position}: it claims to know position {claimed}")]
    FromTheFuture {
        /// Where the decision stands.
        position: u64,
        /// The position it names.
        claimed: u64,
    },
}

/// A replay in two passes: [`Replay::collect`] every fact, then [`Replay::step`] every fact.
#[derive(Debug, Default)]
pub struct Replay {
    waiting: BTreeMap<u64, Vec<(u64, Event)>>,
    state: LiveState,
    report: ReplayReport,
}

impl Replay {
    /// First pass: notes a decision.
    ///
    /// # Errors
    /// [`ReplayError::FromTheFuture`] where it names a position it could not know.
    pub fn collect(&mut self, recorded: &Recorded) -> Result<(), ReplayError> {
        let Ok(event) = recorded.event() else { return Ok(()) };
        let Some(claimed) = taken_at(&event) else { return Ok(()) };
        let position = recorded.position;
        if claimed >= position {
            return Err(ReplayError::FromTheFuture { position, claimed });
        }
        self.waiting.entry(claimed).or_default().push((position, event));
        Ok(())
    }

    /// Second pass: folds a fact, then takes again every decision taken at this position.
    ///
    /// # Errors
    /// [`ReplayError::OutOfOrder`] where a fact comes twice or too late.
    pub fn step(&mut self, recorded: &Recorded) -> Result<(), ReplayError> {
        self.state.apply(recorded)?;
        self.report.events += 1;
        for (position, event) in self.waiting.remove(&recorded.position).unwrap_or_default() {
            *self.report.decisions.entry(event.name()).or_default() += 1;
            let again = take_again(&self.state, &event);
            if let Some(found) = difference(position, &event, again.as_ref()) {
                self.report.disagreements.push(found);
            }
        }
        Ok(())
    }

    /// What was found.
    pub fn report(mut self) -> ReplayReport {
        self.report.disagreements.sort_by_key(|found| found.position);
        self.report
    }
}

/// The position a decision names; none for facts that are no decisions.
const fn taken_at(event: &Event) -> Option<u64> {
    match event {
        Event::DialDecided(fact) => Some(fact.position),
        Event::ComplianceChecked(fact) => Some(fact.position),
        Event::DialRefused(fact) => Some(fact.position),
        Event::CarrierChosen(fact) => Some(fact.position),
        Event::HandlerChosen(fact) => Some(fact.position),
        _ => None,
    }
}

/// The same question put to the state again.
fn take_again(state: &LiveState, event: &Event) -> Option<Event> {
    match event {
        Event::DialDecided(fact) => match dial_again(state, fact) {
            DialDecision::Dial { decided, .. } => Some(decided.into()),
            _ => None,
        },
        Event::ComplianceChecked(fact) => {
            let lead = state.dialing.leads().get(&fact.lead_id)?;
            let person = crate::compliance::Person {
                subject_id: lead.subject_id,
                phone_hash: &lead.phone_hash,
            };
            let mut again = fact.clone();
            again.subject_id = lead.subject_id;
            again.rules = state.compliance.check(&person);
            Some(again.into())
        }
        Event::DialRefused(fact) => {
            // The moment does not matter to a refusal but for which lead is due; a refusal
            // carries none, so the lead is judged by itself.
            let lead = state.dialing.leads().get(&fact.lead_id)?;
            let person = crate::compliance::Person {
                subject_id: lead.subject_id,
                phone_hash: &lead.phone_hash,
            };
            let mut again = fact.clone();
            again.campaign_id = lead.campaign_id.clone();
            again.subject_id = lead.subject_id;
            again.rules = state.compliance.check(&person);
            (!crate::compliance::is_allowed(&again.rules)).then(|| again.into())
        }
        Event::CarrierChosen(fact) => {
            let (call_id, leg_id) = (fact.call_id, fact.leg_id);
            let dialing = &state.dialing;
            // By the rules it was taken by: today's may be others.
            let policy = CarrierPolicy::named(&fact.policy);
            let (now, position) = (fact.decided_at, fact.position);
            Some(dialing.choose_carrier_by(policy, call_id, leg_id, now, position).into())
        }
        Event::HandlerChosen(fact) => Some(
            state
                .routing
                .choose_handler(fact.call_id, fact.purpose, fact.decided_at, fact.position)
                .into(),
        ),
        _ => None,
    }
}

fn dial_again(state: &LiveState, fact: &DialDecided) -> DialDecision {
    state.dialing.decide_dial_by(
        DialPolicy::named(&fact.policy),
        &state.compliance,
        &fact.campaign_id,
        fact.call_id,
        fact.decided_at,
        fact.position,
    )
}

/// The first field that differs, in order of name.
fn difference(position: u64, recorded: &Event, replayed: Option<&Event>) -> Option<Disagreement> {
    if replayed == Some(recorded) {
        return None;
    }
    let fields =
        |event: &Event| -> Value { serde_json::from_slice(&event.encode()).unwrap_or(Value::Null) };
    let old = fields(recorded);
    let new = replayed.map_or(Value::Null, fields);
    let field = old
        .as_object()
        .and_then(|old| old.keys().find(|key| old.get(*key) != new.get(key.as_str())))
        .cloned()
        .unwrap_or_default();
    Some(Disagreement {
        position,
        event_type: recorded.name(),
        recorded: old.get(&field).cloned().unwrap_or(Value::Null),
        replayed: new.get(&field).cloned().unwrap_or(Value::Null),
        field,
    })
}
