//! The base tables: one fold from facts to rows.
//!
//! In: recorded facts in order of position. Out: rows of every base table, as Arrow batches with
//! a declared schema. Invariants: the rows at a position follow from the facts up to it alone;
//! every row says in `last_position` which fact changed it last; the moment a row is filed under
//! (`started_at`, `occurred_at`, …) never changes once the row is there. The same fold serves
//! refresh, rebuild and verify. Deliberately absent: rates, names and numbers of people.

mod apply;
mod call;
mod change;
mod choice;
mod cost;
mod joined;
mod list;
mod record;
mod state;
mod talk;

use std::collections::BTreeMap;

use datafusion::arrow::error::ArrowError;

use self::call::{Attempt, Leg};
use self::choice::{Candidate, ComplianceCheck, Decision, DoNotCall};
use self::cost::Cost;
use self::joined::Call;
use self::list::{Campaign, Lead};
use self::record::EventRow;
use self::state::{AgentInterval, CarrierInterval, LineSample};
use self::talk::{Commitment, IntentTag, Turn};
use super::table::{BaseTable, Row, Table, TableReference, int, reference};
use crate::base::{AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, Timestamp};
use crate::event::{Event, Recorded};

/// The fold's version. Raise it where a row comes out differently: every view is made again.
pub(crate) const VERSION: u32 = 2;

/// What every base table holds, in reading order.
pub(crate) const REFERENCE: &[TableReference] = &[
    reference::<EventRow>(),
    reference::<Campaign>(),
    reference::<Lead>(),
    reference::<Attempt>(),
    reference::<Leg>(),
    reference::<Call>(),
    reference::<Turn>(),
    reference::<IntentTag>(),
    reference::<Commitment>(),
    reference::<Cost>(),
    reference::<Decision>(),
    reference::<Candidate>(),
    reference::<ComplianceCheck>(),
    reference::<DoNotCall>(),
    reference::<AgentInterval>(),
    reference::<CarrierInterval>(),
    reference::<LineSample>(),
];

/// The state of the fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// The last position looked at, system events included.
    seen: Option<u64>,
    /// When the last fact happened: where intervals end that a crash left open.
    last_at: Timestamp,
    events: Table<EventRow>,
    campaigns: Table<Campaign>,
    leads: Table<Lead>,
    attempts: Table<Attempt>,
    legs: Table<Leg>,
    calls: Table<Call>,
    turns: Table<Turn>,
    intent_tags: Table<IntentTag>,
    commitments: Table<Commitment>,
    costs: Table<Cost>,
    decisions: Table<Decision>,
    candidates: Table<Candidate>,
    checks: Table<ComplianceCheck>,
    do_not_call: Table<DoNotCall>,
    agents: Table<AgentInterval>,
    carriers: Table<CarrierInterval>,
    samples: Table<LineSample>,
    places: Places,
}

/// Where the row of a thing is.
#[derive(Clone, Debug, Default)]
struct Places {
    campaigns: BTreeMap<CampaignId, usize>,
    leads: BTreeMap<LeadId, usize>,
    attempts: BTreeMap<CallId, usize>,
    legs: BTreeMap<LegId, usize>,
    calls: BTreeMap<CallId, usize>,
    /// Whose lead a call is about.
    call_leads: BTreeMap<CallId, LeadId>,
    /// The interval an agent is in.
    agents: BTreeMap<AgentId, usize>,
    /// The call an agent works on after its end, and since when.
    wrap_ups: BTreeMap<AgentId, (CallId, Timestamp)>,
    /// The interval a carrier is in.
    carriers: BTreeMap<CarrierId, usize>,
}

impl Tables {
    /// The position of the last fact taken in. System events are no facts.
    pub(crate) fn position(&self) -> Option<u64> {
        let last = self.events.len().checked_sub(1)?;
        self.events.get(last).and_then(|row| u64::try_from(row.position).ok())
    }

    /// Where to read on: whatever stands here or after it was not looked at.
    pub(crate) fn next(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.saturating_add(1))
    }

    /// The identity of the fact at a position.
    pub(crate) fn event_id(&self, position: u64) -> Option<&str> {
        let place = self.events.partition_point(|row| row.position < int(position));
        let row = self.events.get(place).filter(|row| row.position == int(position));
        row.map(|row| row.event_id.as_str())
    }

    /// How many facts stand after a position: all, where there is none.
    pub(crate) fn events_after(&self, position: Option<u64>) -> u64 {
        let until = position.map_or(-1, int);
        let up_to = self.events.partition_point(|row| row.position <= until);
        (self.events.len() - up_to) as u64
    }

    /// Takes the next fact in. One before it is passed over, so a repeat does no harm; one of
    /// an unknown type stands in `events` alone, as an older program must be able to follow a
    /// log that a newer one writes. A system event stands nowhere.
    pub(crate) fn apply(&mut self, recorded: &Recorded) {
        if recorded.position < self.next() {
            return;
        }
        self.seen = Some(recorded.position);
        if recorded.is_system() {
            return;
        }
        let event = recorded.event().ok();
        let call_id = event.as_ref().and_then(Event::call_id).map(|id| id.to_string());
        self.events.push(EventRow::of(recorded, call_id));
        if let Some(event) = event {
            self.apply_event(&event, recorded.occurred_at, int(recorded.position));
        }
        self.last_at = recorded.occurred_at;
    }

    /// Every table with its rows.
    pub(crate) fn batches(&mut self) -> Result<Vec<BaseTable>, ArrowError> {
        Ok(vec![
            base(&mut self.events)?,
            base(&mut self.campaigns)?,
            base(&mut self.leads)?,
            base(&mut self.attempts)?,
            base(&mut self.legs)?,
            base(&mut self.calls)?,
            base(&mut self.turns)?,
            base(&mut self.intent_tags)?,
            base(&mut self.commitments)?,
            base(&mut self.costs)?,
            base(&mut self.decisions)?,
            base(&mut self.candidates)?,
            base(&mut self.checks)?,
            base(&mut self.do_not_call)?,
            base(&mut self.agents)?,
            base(&mut self.carriers)?,
            base(&mut self.samples)?,
        ])
    }
}

fn base<R: Row>(table: &mut Table<R>) -> Result<BaseTable, ArrowError> {
    Ok(BaseTable { name: R::TABLE, schema: R::schema(), batches: table.batches()? })
}

#[cfg(test)]
mod tests;
