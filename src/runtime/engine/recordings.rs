//! Recordings of legs: begun when a customer answers, their outcome recorded.

use super::Engine;
use crate::base::{CampaignId, LegId, Millis, Timestamp};
use crate::event::{Actor, Event, RecordingStarted};
use crate::recording::{Coding, News, Recording};
use crate::runtime::journal::Draft;
use crate::runtime::recorder::{DeskError, Recordings, Request, find, rows};

/// After how long a campaign that must record looks again whether the disk takes something.
const LOOK_AGAIN: Millis = Millis(1_000);

/// What the recorder says next; never anything where nothing is recorded.
pub(super) async fn next(recordings: &mut Option<Recordings>) -> News {
    let news = match recordings {
        Some(recordings) => recordings.next().await,
        None => None,
    };
    match news {
        Some(news) => news,
        None => std::future::pending().await,
    }
}

impl Engine {
    /// A leg was answered: it is recorded where its campaign is, once that is on record.
    pub(super) fn record(&mut self, leg_id: LegId, codec: &str) {
        let journal = &self.parts.journal;
        let Some(recordings) = &mut self.parts.recordings else { return };
        let Some(attempt) = journal.directory.customer_call(leg_id) else { return };
        let mut campaigns = self.parts.campaigns.iter();
        let is_recorded = campaigns.any(|one| one.id == attempt.campaign_id && one.record);
        if !is_recorded || !self.parts.is_recording {
            return;
        }
        let (now, call_id, subject_id) = (journal.now(), attempt.call_id, attempt.subject_id);
        let recording_id = recordings.next_id(now);
        let key = match self.parts.vault.recording_key(subject_id, recording_id) {
            Ok(key) => key,
            // Somebody who was erased is not called; the key is there.
            Err(error) => {
                tracing::error!(%call_id, %error, "a call is not recorded");
                return;
            }
        };
        let coding = Coding::for_codec(codec);
        let codec = coding.name().to_owned();
        let fact = RecordingStarted { call_id, leg_id, recording_id, subject_id, codec };
        let recording = Recording { recording_id, call_id, leg_id, subject_id, coding };
        recordings.begin(leg_id, recording, key);
        self.drafts.push(Draft::new(fact, now, "recorder"));
    }

    /// Somebody asks about recordings.
    pub(super) fn recordings_asked(&mut self, request: Request) {
        let table = &self.parts.journal.directory.recordings;
        // Who asked may have gone.
        match request {
            Request::List { call_id, before, most, answer } => {
                drop(answer.send(rows(table, call_id, before, most)));
            }
            Request::Find { wanted, answer } => {
                drop(answer.send(find(table, &self.parts.vault, wanted)));
            }
            Request::Note { fact, by, answer } => {
                let (id, call_id) = match &fact {
                    Event::RecordingPlayed(fact) => (fact.recording_id, fact.call_id),
                    Event::RecordingExported(fact) => (fact.recording_id, fact.call_id),
                    Event::RecordingDeleted(fact) => (fact.recording_id, fact.call_id),
                    _ => return,
                };
                // It was deleted meanwhile, which is on record once.
                if table.get(id).is_none() {
                    drop(answer.send(Err(DeskError::Unknown(call_id))));
                    return;
                }
                let mut draft = Draft::new(fact, self.parts.journal.now(), "recording");
                draft.actor = Actor::of("operator", &by);
                self.drafts.push(draft);
                self.noted.push(answer);
            }
        }
    }

    /// What was drafted is durable: sound may be kept or given out, and the spool may forget.
    pub(super) fn drafts_are_durable(&mut self) {
        for answer in self.noted.drain(..) {
            drop(answer.send(Ok(())));
        }
        let Some(recordings) = &mut self.parts.recordings else { return };
        for (leg_id, tap) in recordings.appended() {
            // A leg that is over meanwhile has no sound: its tap says so when it is dropped.
            if let Some(leg) = self.legs.get(&leg_id) {
                leg.media.record_to(Box::new(tap));
            }
        }
    }

    /// The recorder has something to say.
    pub(super) fn recorder_says(&mut self, news: News) {
        let now = self.parts.journal.now();
        let Some(recordings) = &mut self.parts.recordings else { return };
        let draft = recordings.draft(news, now);
        if let Event::RecordingFailed(fact) = &draft.event
            && let Some(leg) = self.legs.get(&fact.leg_id)
        {
            leg.media.stop_recording();
            let attempt = self.parts.journal.directory.customer_call(fact.leg_id);
            if attempt.is_some_and(|attempt| self.must_record(&attempt.campaign_id)) {
                tracing::warn!(call_id = %fact.call_id, "hung up: it must be recorded and is not");
                self.parts.line.hang_up(fact.leg_id, None);
            }
        }
        self.drafts.push(draft);
    }

    fn must_record(&self, campaign_id: &CampaignId) -> bool {
        let mut campaigns = self.parts.campaigns.iter();
        campaigns.any(|campaign| campaign.id == *campaign_id && campaign.record_required)
    }

    /// Whether a campaign must not dial now: it must record, and the disk takes nothing. It is
    /// looked at again soon.
    pub(super) fn waits_for_recorder(&mut self, campaign_id: &CampaignId) -> bool {
        let is_broken = self.parts.recordings.as_ref().is_none_or(Recordings::is_broken);
        let waits = is_broken && self.must_record(campaign_id);
        if waits {
            let due = self.parts.journal.now().plus(LOOK_AGAIN);
            self.dial_due = self.dial_due.into_iter().chain([due]).min();
        }
        waits
    }

    /// Deletes what is due.
    pub(super) fn sweep_recordings(&mut self, now: Timestamp) {
        if let Some(recordings) = &mut self.parts.recordings {
            let table = &self.parts.journal.directory.recordings;
            recordings.sweep(now, table, &self.parts.vault);
        }
    }

    /// When recordings are looked at next.
    pub(super) fn next_sweep(&self) -> Option<Timestamp> {
        let now = self.parts.journal.now();
        self.parts.recordings.as_ref().map(|recordings| recordings.next_due(now))
    }

    /// Whether everything is over and what was recorded is stored, or took too long.
    pub(super) fn are_recordings_finished(&mut self, is_over: bool) -> bool {
        let now = self.parts.journal.now();
        let Some(recordings) = &mut self.parts.recordings else { return is_over };
        if !is_over {
            recordings.go_on();
        }
        is_over && recordings.is_finished(now)
    }
}
