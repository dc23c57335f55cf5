//! Finding the row of a thing and changing it.

use super::Tables;
use super::call::{Attempt, Leg};
use super::joined::Call;
use super::known::Part;
use super::list::{Campaign, Lead, Origin};
use super::message::Message;
use super::state::{AgentInterval, CarrierInterval};
use super::talk::{Commitment, IntentTag, Place, Turn};
use crate::base::{AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, MessageId, Timestamp};
use crate::projection::table::{Fact, Table, int};

/// Which of some rows says the same.
fn find<R: Fact>(
    table: &Table<R>,
    mut places: impl Iterator<Item = usize>,
    is_same: impl Fn(&R) -> bool,
) -> Option<usize> {
    places.find(|place| table.get(*place).is_some_and(&is_same))
}

impl Tables {
    pub(super) fn campaign_of(&self, call_id: CallId) -> Option<String> {
        let place = self.places.attempts.get(&call_id)?;
        self.attempts.get(*place).map(|row| row.campaign_id.clone())
    }

    pub(super) fn place(&self, call_id: CallId, at: Timestamp, position: i64) -> Place {
        let row = self.places.attempts.get(&call_id);
        let row = row.and_then(|place| self.attempts.get(*place));
        Place {
            campaign_id: row.map(|row| row.campaign_id.clone()),
            stage: row.and_then(|row| row.stage.clone()),
            at,
            position,
        }
    }

    /// Adds a turn, or changes the one of this number. Whether it is new.
    pub(super) fn put_turn(&mut self, call_id: CallId, turn: Turn) -> bool {
        let is_same = |row: &Turn| (row.turn, row.speaker) == (turn.turn, turn.speaker);
        let found = find(&self.turns, self.known.places(call_id, Part::Turn), is_same);
        let Some(old) = found.and_then(|place| self.turns.change(place)) else {
            let place = self.turns.push(turn);
            self.known.add(call_id, Part::Turn, place);
            return true;
        };
        // Where and when it was said stays.
        let stage = if turn.speaker == "robot" { turn.stage } else { old.stage.take() };
        let (campaign_id, occurred_at) = (old.campaign_id.take(), old.occurred_at);
        *old = Turn { campaign_id, stage, occurred_at, ..turn };
        false
    }

    /// Adds a tag, or changes the one that finds the same in the same turn.
    pub(super) fn put_intent_tag(&mut self, call_id: CallId, tag: IntentTag) {
        let is_same = |row: &IntentTag| (row.turn, &row.intent) == (tag.turn, &tag.intent);
        let found = find(&self.intent_tags, self.known.places(call_id, Part::IntentTag), is_same);
        let Some(old) = found.and_then(|place| self.intent_tags.change(place)) else {
            let place = self.intent_tags.push(tag);
            self.known.add(call_id, Part::IntentTag, place);
            return;
        };
        let (campaign_id, stage) = (old.campaign_id.take(), old.stage.take());
        *old = IntentTag { campaign_id, stage, occurred_at: old.occurred_at, ..tag };
    }

    /// Adds a commitment, or changes the one of the same kind in the same call.
    pub(super) fn put_commitment(&mut self, call_id: CallId, made: Commitment) {
        let is_same = |row: &Commitment| row.kind == made.kind;
        let found = find(&self.commitments, self.known.places(call_id, Part::Commitment), is_same);
        let Some(old) = found.and_then(|place| self.commitments.change(place)) else {
            let place = self.commitments.push(made);
            self.known.add(call_id, Part::Commitment, place);
            return;
        };
        *old = Commitment { made_at: old.made_at, lead_imported_at: old.lead_imported_at, ..made };
    }

    pub(super) fn campaign(
        &mut self,
        id: &CampaignId,
        position: i64,
        change: impl FnOnce(&mut Campaign),
    ) {
        let place = self.places.campaigns.get(id);
        if let Some(row) = place.and_then(|place| self.campaigns.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    pub(super) fn lead(&mut self, id: LeadId, position: i64, change: impl FnOnce(&mut Lead)) {
        let place = self.places.leads.get(&id);
        if let Some(row) = place.and_then(|place| self.leads.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    pub(super) fn attempt(&mut self, id: CallId, position: i64, change: impl FnOnce(&mut Attempt)) {
        let place = self.places.attempts.get(&id);
        if let Some(row) = place.and_then(|place| self.attempts.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    pub(super) fn leg(&mut self, id: LegId, position: i64, change: impl FnOnce(&mut Leg)) {
        let place = self.places.legs.get(&id);
        if let Some(row) = place.and_then(|place| self.legs.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    pub(super) fn call(&mut self, id: CallId, position: i64, change: impl FnOnce(&mut Call)) {
        let place = self.places.calls.get(&id);
        if let Some(row) = place.and_then(|place| self.calls.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    pub(super) fn message(
        &mut self,
        id: MessageId,
        position: i64,
        change: impl FnOnce(&mut Message),
    ) {
        let place = self.places.messages.get(&id);
        if let Some(row) = place.and_then(|place| self.messages.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    /// Adds a message, or changes the one with this id.
    pub(super) fn put_message(&mut self, id: MessageId, message: Message) {
        if let Some(place) = self.places.messages.get(&id) {
            if let Some(old) = self.messages.change(*place) {
                *old = message.instead_of(old);
            }
            return;
        }
        let place = self.messages.push(message);
        self.places.messages.insert(id, place);
    }

    /// What an attempt keeps of its lead as it was when the attempt began.
    pub(super) fn origin(&self, id: LeadId) -> Origin {
        let lead = self.places.leads.get(&id).and_then(|place| self.leads.get(*place));
        lead.map(Origin::of).unwrap_or_default()
    }

    /// An agent leaves a state: what was work after a call is over.
    fn wrapped_up(&mut self, id: &AgentId, at: Timestamp, position: i64) {
        if let Some((call_id, since)) = self.places.wrap_ups.remove(id) {
            let long = int(at.since(since).0);
            self.call(call_id, position, |row| row.wrap_up_ms = Some(long));
        }
    }

    pub(super) fn agent(
        &mut self,
        id: &AgentId,
        position: i64,
        change: impl FnOnce(&mut AgentInterval),
    ) {
        let place = self.places.agents.get(id);
        if let Some(row) = place.and_then(|place| self.agents.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    pub(super) fn agent_enters(
        &mut self,
        id: &AgentId,
        state: &'static str,
        at: Timestamp,
        position: i64,
    ) {
        let skill = self.places.agents.get(id).and_then(|place| self.agents.get(*place));
        let skill_ppm = skill.and_then(|row| row.skill_ppm);
        self.wrapped_up(id, at, position);
        self.agent(id, position, |row| row.close(at, position));
        let place = self.agents.push(AgentInterval {
            agent_id: id.to_string(),
            state,
            from_at: at,
            until_at: None,
            duration_ms: None,
            call_id: None,
            reason: None,
            skill_ppm,
            last_position: position,
        });
        self.places.agents.insert(id.clone(), place);
    }

    pub(super) fn agent_leaves(&mut self, id: &AgentId, at: Timestamp, position: i64) {
        self.wrapped_up(id, at, position);
        self.agent(id, position, |row| row.close(at, position));
        self.places.agents.remove(id);
    }

    /// Nobody is on shift while the platform is not running.
    pub(super) fn close_agents(&mut self, at: Timestamp, position: i64) {
        for id in self.places.agents.keys().cloned().collect::<Vec<_>>() {
            self.agent_leaves(&id, at, position);
        }
    }

    pub(super) fn carrier(
        &mut self,
        id: &CarrierId,
        position: i64,
        change: impl FnOnce(&mut CarrierInterval),
    ) {
        let place = self.places.carriers.get(id);
        if let Some(row) = place.and_then(|place| self.carriers.change(*place)) {
            row.last_position = position;
            change(row);
        }
    }

    /// A carrier that is in this state already stays in its interval.
    pub(super) fn carrier_enters(
        &mut self,
        id: &CarrierId,
        state: &'static str,
        reason: Option<String>,
        at: Timestamp,
        position: i64,
    ) {
        let now = self.places.carriers.get(id).and_then(|place| self.carriers.get(*place));
        if now.is_some_and(|row| row.state == state) {
            return;
        }
        let (weight, channels) = now.map_or((None, None), |row| (row.weight, row.channels));
        self.carrier(id, position, |row| row.close(at, position));
        let place = self.carriers.push(CarrierInterval {
            carrier_id: id.to_string(),
            state,
            from_at: at,
            until_at: None,
            duration_ms: None,
            reason,
            weight,
            channels,
            last_position: position,
        });
        self.places.carriers.insert(id.clone(), place);
    }
}
