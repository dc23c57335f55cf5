//! Which recordings there are: a fold of the log, small enough for years of calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::base::{CallId, LegId, Millis, RecordingId, SubjectId, Timestamp};
use crate::event::Event;
use crate::recording::path_of;

/// A recording in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) call_id: CallId,
    pub(crate) subject_id: SubjectId,
    pub(crate) started_at: Timestamp,
    pub(crate) duration_ms: Millis,
    /// Whether its end is missing.
    pub(crate) is_cut: bool,
    /// Its location without the path that follows from its id; shared by all of a store.
    place: Arc<str>,
}

impl Kept {
    /// Where it lies, as the fact said.
    pub(crate) fn location(&self, id: RecordingId) -> String {
        format!("{}{}", self.place, path_of(id))
    }
}

/// The fold.
#[derive(Clone, Debug, Default)]
pub(crate) struct RecordingTable {
    kept: BTreeMap<RecordingId, Kept>,
    open: BTreeMap<RecordingId, (CallId, LegId)>,
    /// Those of each call, kept and open.
    by_call: BTreeSet<(CallId, RecordingId)>,
    places: BTreeSet<Arc<str>>,
}

impl RecordingTable {
    /// Takes the next fact in.
    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::RecordingStarted(fact) => {
                self.open.insert(fact.recording_id, (fact.call_id, fact.leg_id));
                self.by_call.insert((fact.call_id, fact.recording_id));
            }
            Event::RecordingStored(fact) => {
                let id = fact.recording_id;
                self.open.remove(&id);
                let place = fact.location.strip_suffix(&path_of(id)).unwrap_or(&fact.location);
                let place = self.place(place);
                let (call_id, subject_id, started_at) =
                    (fact.call_id, fact.subject_id, fact.started_at);
                let (duration_ms, is_cut) = (fact.duration_ms, fact.is_cut);
                let kept = Kept { call_id, subject_id, started_at, duration_ms, is_cut, place };
                self.kept.insert(id, kept);
                self.by_call.insert((call_id, id));
            }
            // After any other reason, what was kept until then may still be stored.
            Event::RecordingFailed(fact) if fact.reason == "nothing_kept" => {
                self.open.remove(&fact.recording_id);
                self.by_call.remove(&(fact.call_id, fact.recording_id));
            }
            Event::RecordingDeleted(fact) => {
                self.by_call.remove(&(fact.call_id, fact.recording_id));
                self.open.remove(&fact.recording_id);
                self.kept.remove(&fact.recording_id);
            }
            _ => {}
        }
    }

    fn place(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.places.get(text) {
            return known.clone();
        }
        let place: Arc<str> = text.into();
        self.places.insert(place.clone());
        place
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.open.is_empty()
    }

    /// Recordings in a store, oldest first.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (RecordingId, &Kept)> {
        self.kept.iter().map(|(id, kept)| (*id, kept))
    }

    /// One of them.
    pub(crate) fn get(&self, id: RecordingId) -> Option<&Kept> {
        self.kept.get(&id)
    }

    /// Those of a call that are kept or begun, oldest first.
    pub(crate) fn of_call(&self, call_id: CallId) -> impl Iterator<Item = RecordingId> {
        let all = (call_id, RecordingId(Uuid::nil()))..=(call_id, RecordingId(Uuid::max()));
        self.by_call.range(all).map(|(_, id)| *id)
    }

    /// All of them before one, newest first.
    pub(crate) fn before(
        &self,
        before: Option<RecordingId>,
    ) -> impl Iterator<Item = RecordingId> + '_ {
        let before = before.unwrap_or(RecordingId(Uuid::max()));
        let mut kept = self.kept.range(..before).rev().map(|(id, _)| *id).peekable();
        let mut open = self.open.range(..before).rev().map(|(id, _)| *id).peekable();
        std::iter::from_fn(move || match (kept.peek(), open.peek()) {
            (Some(one), Some(other)) if one < other => open.next(),
            (Some(_), _) => kept.next(),
            (None, _) => open.next(),
        })
    }

    /// The call of one that began and of which nobody knows yet what became.
    pub(crate) fn open_call(&self, id: RecordingId) -> Option<CallId> {
        self.open.get(&id).map(|(call_id, _)| *call_id)
    }

    /// Recordings that began and of which nobody knows yet what became.
    pub(crate) fn open(&self) -> impl Iterator<Item = (RecordingId, CallId, LegId)> {
        self.open.iter().map(|(id, (call, leg))| (*id, *call, *leg))
    }

    /// Whether nobody knows yet what became of a recording. Of any other, what the spool has is
    /// of no use: its fact that it began comes before all else.
    pub(crate) fn is_open(&self, id: RecordingId) -> bool {
        self.open.contains_key(&id)
    }
}
