//! Open calls by id, and by when each wants to be looked at again.
//!
//! Invariants: a call with a time-out stands in the order once, at that time; whoever changes a
//! call goes through here, so that a turn costs what is due and not what is open.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{CallId, EventId, PhoneNumber, Timestamp};
use crate::call::{Call, CallInput, CallOutput};
use crate::runtime::wire::Voice;

/// A call and what the runtime knows of it besides.
pub(super) struct Slot {
    pub(super) call: Call,
    /// Nothing where the person's key was destroyed.
    pub(super) phone: Option<PhoneNumber>,
    pub(super) voice: Voice,
    /// The last decision taken for it.
    pub(super) cause: Option<EventId>,
}

/// All open calls.
#[derive(Default)]
pub(super) struct Slots {
    all: BTreeMap<CallId, Slot>,
    dues: BTreeMap<CallId, Timestamp>,
    order: BTreeSet<(Timestamp, CallId)>,
}

impl Slots {
    pub(super) fn insert(&mut self, call_id: CallId, slot: Slot) {
        self.all.insert(call_id, slot);
        self.mark(call_id);
    }

    pub(super) fn remove(&mut self, call_id: CallId) {
        self.all.remove(&call_id);
        self.mark(call_id);
    }

    pub(super) fn get(&self, call_id: CallId) -> Option<&Slot> {
        self.all.get(&call_id)
    }

    /// All of them, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (CallId, &Slot)> {
        self.all.iter().map(|(id, slot)| (*id, slot))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = CallId> {
        self.all.keys().copied()
    }

    /// Remembers the last decision taken for a call.
    pub(super) fn decided(&mut self, call_id: CallId, cause: Option<EventId>) {
        if let Some(slot) = self.all.get_mut(&call_id) {
            slot.cause = cause.or(slot.cause);
        }
    }

    /// Gives a call an input. Whether there is such a call.
    pub(super) fn handle(&mut self, now: Timestamp, call_id: CallId, input: CallInput) -> bool {
        let Some(slot) = self.all.get_mut(&call_id) else { return false };
        slot.call.handle(now, input);
        self.mark(call_id);
        true
    }

    /// Takes a call's next output, with the last decision taken for it.
    pub(super) fn poll_output(&mut self, call_id: CallId) -> Option<(CallOutput, Option<EventId>)> {
        let slot = self.all.get_mut(&call_id)?;
        let output = slot.call.poll_output().map(|output| (output, slot.cause));
        if output.is_none() {
            self.mark(call_id);
        }
        output
    }

    /// Lets calls whose time has come do what is due; gives them back.
    pub(super) fn fire(&mut self, now: Timestamp) -> Vec<CallId> {
        let is_due = |(at, _): &&(Timestamp, CallId)| *at <= now;
        let due: Vec<CallId> = self.order.iter().take_while(is_due).map(|(_, id)| *id).collect();
        for call_id in &due {
            if let Some(slot) = self.all.get_mut(call_id) {
                slot.call.handle_timeout(now);
            }
            self.mark(*call_id);
        }
        due
    }

    /// When the next call's time comes.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Puts a call where its time-out is now.
    fn mark(&mut self, call_id: CallId) {
        let due = self.all.get(&call_id).and_then(|slot| slot.call.poll_timeout());
        let before = match due {
            Some(at) => self.dues.insert(call_id, at),
            None => self.dues.remove(&call_id),
        };
        if before == due {
            return;
        }
        if let Some(at) = before {
            self.order.remove(&(at, call_id));
        }
        if let Some(at) = due {
            self.order.insert((at, call_id));
        }
    }
}
