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
mod keep;
mod known;
mod list;
mod message;
mod record;
mod state;
mod talk;

use std::collections::BTreeMap;

#[cfg(test)]
use datafusion::arrow::{error::ArrowError, record_batch::RecordBatch};

use self::call::{Attempt, Leg};
use self::choice::{Candidate, ComplianceCheck, Decision, DoNotCall};
use self::cost::Cost;
use self::joined::Call;
pub use self::keep::FactCheck;
pub(crate) use self::keep::Kept;
use self::known::Known;
use self::list::{Campaign, Lead};
use self::message::Message;
use self::record::EventRow;
use self::state::{AgentInterval, CarrierInterval, LineSample};
use self::talk::{Commitment, IntentTag, Turn};
#[cfg(test)]
use super::table::BaseTable;
use super::table::{Fact, FactTable, Piece, Span, Table, TableReference, int, reference};
use crate::base::{AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, MessageId, Timestamp};
use crate::event::{Event, Recorded};

/// The fold's version. Raise it where a row comes out differently: every view is made again.
pub(crate) const VERSION: u32 = 4;

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
    reference::<Message>(),
];

/// The state of the fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    /// A copy to be read.
    is_frozen: bool,
    /// The last position looked at, system events included.
    seen: Option<u64>,
    /// The last fact taken in.
    last: Option<Last>,
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
    messages: Table<Message>,
    places: Places,
    known: Known,
    /// Where `events` is left out: the facts that are asked for all the same.
    marks: Option<BTreeMap<u64, Option<Last>>>,
}

/// A fact by its place and its identity.
#[derive(Clone, Debug)]
struct Last {
    position: u64,
    event_id: String,
    /// When the log took it.
    recorded_at: Timestamp,
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
    messages: BTreeMap<MessageId, usize>,
}

impl Tables {
    /// Tables whose `events` stays empty, for who reads the others alone: half of the memory and
    /// of the work. Facts at some positions are known by their identity in spite of that.
    pub(crate) fn without_events(marks: impl IntoIterator<Item = u64>) -> Self {
        let marks = marks.into_iter().map(|position| (position, None)).collect();
        Self { marks: Some(marks), ..Self::default() }
    }

    /// The position of the last fact taken in. System events are no facts.
    pub(crate) fn position(&self) -> Option<u64> {
        self.last.as_ref().map(|last| last.position)
    }

    /// The last position that was looked at, system events included.
    pub(crate) const fn seen(&self) -> Option<u64> {
        self.seen
    }

    /// Where to read on: whatever stands here or after it was not looked at.
    pub(crate) fn next(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.saturating_add(1))
    }

    /// The identity of the fact at a position.
    pub(crate) fn event_id(&self, position: u64) -> Option<&str> {
        if let Some(last) = self.marked(position) {
            return Some(&last.event_id);
        }
        self.event(position).map(|row| row.event_id.as_str())
    }

    /// A fact that is remembered beside its row.
    fn marked(&self, position: u64) -> Option<&Last> {
        let last = self.last.as_ref().filter(|last| last.position == position);
        last.or_else(|| self.marks.as_ref()?.get(&position)?.as_ref())
    }

    /// The row of the fact at a position.
    fn event(&self, position: u64) -> Option<&EventRow> {
        let place = self.events.first_after(int(position).checked_sub(1)?);
        self.events.get(place).filter(|row| row.position == int(position))
    }

    /// When the log took the last fact: the log's own clock, which never goes back.
    pub(crate) fn clock(&self) -> Option<Timestamp> {
        self.last.as_ref().map(|last| last.recorded_at)
    }

    /// When the log took the fact at a position.
    pub(crate) fn recorded_at(&self, position: u64) -> Option<Timestamp> {
        if let Some(last) = self.marked(position) {
            return Some(last.recorded_at);
        }
        self.event(position).map(|row| row.recorded_at)
    }

    /// How many facts stand after a position: all, where there is none.
    pub(crate) fn events_after(&self, position: Option<u64>) -> u64 {
        if position == self.position() {
            return 0;
        }
        let up_to = self.events.first_after(position.map_or(-1, int));
        (self.events.len() - up_to) as u64
    }

    /// Whether this is a copy to be read, which no fact can be taken into.
    pub(crate) const fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// Takes the next fact in. One before it is passed over, so a repeat does no harm, and so is
    /// one that says the same again under another event id; one that says something else of the
    /// same thing takes the place of what was said before. A fact of an unknown type stands in
    /// `events` alone, as an older program must be able to follow a log that a newer one writes.
    /// A system event stands nowhere.
    pub(crate) fn apply(&mut self, recorded: &Recorded) {
        if recorded.position >= self.next() {
            let event = (!recorded.is_system()).then(|| recorded.event().ok()).flatten();
            self.take(recorded, event.as_ref());
        }
    }

    /// The same, for who has it decoded already; nothing where it cannot be.
    ///
    /// # Panics
    /// Where these are rows to be read: see [`Tables::frozen`].
    pub(crate) fn take(&mut self, recorded: &Recorded, event: Option<&Event>) {
        assert!(!self.is_frozen, "a fact is taken in by the fold, never by a copy of its rows");
        if recorded.position < self.next() {
            return;
        }
        self.seen = Some(recorded.position);
        if recorded.is_system() {
            return;
        }
        let last = Last {
            position: recorded.position,
            event_id: recorded.event_id.to_string(),
            recorded_at: recorded.recorded_at,
        };
        match &mut self.marks {
            None => {
                let call_id = event.and_then(Event::call_id).map(|id| id.to_string());
                self.events.push(EventRow::of(recorded, call_id));
            }
            Some(marks) => {
                if let Some(mark) = marks.get_mut(&recorded.position) {
                    *mark = Some(last.clone());
                }
            }
        }
        self.last = Some(last);
        // One that was sent again under another event id stands in `events`, and changes nothing.
        if !self.known.is_new(recorded) {
            return;
        }
        if let Some(event) = event {
            self.apply_event(event, recorded.occurred_at, int(recorded.position));
        }
        self.last_at = recorded.occurred_at;
    }

    /// Every table, in reading order.
    pub(crate) fn all(&self) -> Vec<&dyn FactTable> {
        vec![
            &self.events,
            &self.campaigns,
            &self.leads,
            &self.attempts,
            &self.legs,
            &self.calls,
            &self.turns,
            &self.intent_tags,
            &self.commitments,
            &self.costs,
            &self.decisions,
            &self.candidates,
            &self.checks,
            &self.do_not_call,
            &self.agents,
            &self.carriers,
            &self.samples,
            &self.messages,
        ]
    }

    /// Every table, in reading order, to be changed.
    fn all_mut(&mut self) -> Vec<&mut dyn FactTable> {
        vec![
            &mut self.events,
            &mut self.campaigns,
            &mut self.leads,
            &mut self.attempts,
            &mut self.legs,
            &mut self.calls,
            &mut self.turns,
            &mut self.intent_tags,
            &mut self.commitments,
            &mut self.costs,
            &mut self.decisions,
            &mut self.candidates,
            &mut self.checks,
            &mut self.do_not_call,
            &mut self.agents,
            &mut self.carriers,
            &mut self.samples,
            &mut self.messages,
        ]
    }

    /// Whether rows that were on disk could not be read: then all this is worth nothing.
    pub(crate) fn is_damaged(&self) -> bool {
        self.all().iter().any(|table| table.is_damaged())
    }

    /// Whether rows on disk are not there any more, as another process has put newer ones there.
    pub(crate) fn is_gone(&self) -> bool {
        let pieces = self.all().into_iter().flat_map(|table| table.pieces(Span::ALL));
        pieces.into_iter().any(|piece| matches!(piece, Piece::Cold(file) if file.is_gone()))
    }

    /// Every table with its rows.
    #[cfg(test)]
    pub(crate) fn batches(&self) -> Result<Vec<BaseTable>, ArrowError> {
        let base = |table: &dyn FactTable| {
            let (name, schema) = (table.name(), table.schema());
            Ok(BaseTable { name, schema, batches: batches(table, Span::ALL)? })
        };
        self.all().into_iter().map(base).collect()
    }

    /// The rows as they are now, whatever comes. To be read: it has not what the fold goes by.
    pub(crate) fn frozen(&self) -> Self {
        Self {
            is_frozen: true,
            seen: self.seen,
            last: self.last.clone(),
            last_at: self.last_at,
            events: self.events.clone(),
            campaigns: self.campaigns.clone(),
            leads: self.leads.clone(),
            attempts: self.attempts.clone(),
            legs: self.legs.clone(),
            calls: self.calls.clone(),
            turns: self.turns.clone(),
            intent_tags: self.intent_tags.clone(),
            commitments: self.commitments.clone(),
            costs: self.costs.clone(),
            decisions: self.decisions.clone(),
            candidates: self.candidates.clone(),
            checks: self.checks.clone(),
            do_not_call: self.do_not_call.clone(),
            agents: self.agents.clone(),
            carriers: self.carriers.clone(),
            samples: self.samples.clone(),
            messages: self.messages.clone(),
            places: Places::default(),
            known: Known::default(),
            marks: self.marks.clone(),
        }
    }
}

/// The rows of a table that may lie in a span.
#[cfg(test)]
fn batches(table: &dyn FactTable, span: Span) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut batches = Vec::new();
    for piece in table.pieces(span) {
        match piece {
            Piece::Hot(rows) => batches.push(rows.batch()?),
            Piece::Cold(file) => batches.extend(file.read(None)?.collect::<Result<Vec<_>, _>>()?),
        }
    }
    Ok(batches)
}

/// Says of each row under which moment it is filed.
macro_rules! facts {
    ($($row:ty: $moment:ident),* $(,)?) => {
        $(impl Fact for $row {
            const MOMENT: &'static str = stringify!($moment);

            fn moment(&self) -> Timestamp {
                self.$moment
            }

            fn last_position(&self) -> i64 {
                self.last_position
            }
        })*
    };
}

facts! {
    EventRow: occurred_at,
    Campaign: created_at,
    Lead: imported_at,
    Attempt: started_at,
    Leg: started_at,
    Call: answered_at,
    Turn: occurred_at,
    IntentTag: occurred_at,
    Commitment: made_at,
    Cost: incurred_at,
    Decision: decided_at,
    Candidate: decided_at,
    ComplianceCheck: checked_at,
    DoNotCall: added_at,
    AgentInterval: from_at,
    CarrierInterval: from_at,
    LineSample: sampled_at,
    Message: occurred_at,
}

#[cfg(test)]
mod tests;
