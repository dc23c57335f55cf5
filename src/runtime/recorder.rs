//! Recordings of calls, as the platform makes them.
//!
//! In: legs that are answered, what the recorder's threads say, the day. Out: taps for legs, and
//! drafts of facts. Invariants: a tap is given out only once the fact that the recording began is
//! durable; the spool forgets a recording only once the fact that it is stored is.
//! Deliberately absent: sealing and storing, which [`crate::recording`] does.

mod desk;
mod figures;
mod live;
mod table;

pub(crate) use desk::forget_person;
pub use desk::{Copied, DeskError, Listed, Verified, Verifier, copy, delete, list};
pub(crate) use figures::{Figures, PREFIX};
pub use live::{OpenRecording, RecordingDesk, RecordingRow};
pub(crate) use live::{Request, find, rows};
pub(crate) use table::RecordingTable;

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::config::Config;
use super::journal::{Draft, Journal};
use crate::base::{Clock, IdSequence, LegId, Millis, RecordingId, Rng, Timestamp};
use crate::event::{RecordingDeletion, RecordingFailed};
use crate::privacy::Vault;
use crate::recording::{
    News, Recorder, RecorderError, RecorderOptions, Recording, RecordingKey, Removal, StoreError,
    due,
};

/// How often recordings are looked at for those to be deleted.
const SWEEP_EVERY: Millis = Millis(86_400_000);
/// How long the last recordings may take to be stored once everything else is over; the rest
/// waits for the next start.
const STORE_WITHIN: Millis = Millis(15_000);
/// How often that is looked at.
const LOOK_EVERY: Millis = Millis(50);

/// Recordings cannot be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The store's settings cannot be used.
    #[error("recording.store: {0}")]
    Store(#[from] StoreError),
    /// The recorder cannot begin.
    #[error(transparent)]
    Recorder(#[from] RecorderError),
}

/// A recording whose first fact is on its way to the log.
struct Beginning {
    leg_id: LegId,
    recording: Recording,
    key: RecordingKey,
}

/// What the engine has of recordings.
pub(crate) struct Recordings {
    recorder: Recorder,
    news: UnboundedReceiver<News>,
    ids: IdSequence,
    days: u32,
    beginning: Vec<Beginning>,
    /// Stored, with the fact on its way to the log.
    stored: Vec<RecordingId>,
    sweep_due: Timestamp,
    /// Until when the last ones may be stored, once everything else is over.
    give_up_at: Option<Timestamp>,
}

impl Recordings {
    /// Opens the spool and takes up what an earlier run left. Nothing where no campaign is to be
    /// recorded and there is nothing from before.
    pub(crate) fn open(
        config: &Config,
        journal: &mut Journal,
        vault: &Vault,
        clock: Arc<dyn Clock>,
        rng: &mut Rng,
    ) -> Result<Option<(Self, Vec<Draft>)>, RecordingError> {
        let spool = config.data_dir.join("recordings").join("spool");
        let table = &journal.directory.recordings;
        let is_recorded =
            config.recording.enabled && config.campaigns.iter().any(|campaign| campaign.record);
        if !is_recorded && table.is_empty() && !spool.exists() {
            return Ok(None);
        }
        let options =
            RecorderOptions { spool, spool_max: config.recording.spool_max_mib.max(1) << 20 };
        let store = config.recording.open_store(&config.data_dir)?;
        let (sender, news) = unbounded_channel();
        let key = |header: &crate::recording::Header| {
            vault.recording_key(header.subject_id, header.recording_id).ok()
        };
        let (recorder, found) =
            Recorder::open(&options, store, clock, |id| table.is_open(id), key, sender)?;
        if found.cut > 0 || found.torn_bytes > 0 {
            tracing::info!(
                cut = found.cut,
                waiting = found.waiting,
                torn_bytes = found.torn_bytes,
                "recordings of an earlier run are stored now"
            );
        }
        let now = journal.now();
        let lost = table.open().filter(|(id, ..)| !found.kept.contains(id));
        let lost = lost.map(|(recording_id, call_id, leg_id)| {
            let reason = "nothing_kept".to_owned();
            let fact = RecordingFailed { call_id, leg_id, recording_id, reason };
            Draft::new(fact, now, "recorder")
        });
        let drafts = lost.collect();
        let opened = Self {
            recorder,
            news,
            ids: IdSequence::new(rng),
            days: config.recording.days,
            beginning: Vec::new(),
            stored: Vec::new(),
            sweep_due: now,
            give_up_at: None,
        };
        Ok(Some((opened, drafts)))
    }

    /// What the recorder counts.
    pub(crate) fn figures(&self, clock: Arc<dyn Clock>) -> Figures {
        Figures::new(self.recorder.metrics(), clock)
    }

    /// Whether the disk takes nothing at present.
    pub(crate) fn is_broken(&self) -> bool {
        self.recorder.is_broken()
    }

    /// What the recorder has to say next.
    pub(crate) async fn next(&mut self) -> Option<News> {
        self.news.recv().await
    }

    /// An id for a new recording.
    pub(crate) fn next_id(&mut self, now: Timestamp) -> RecordingId {
        RecordingId::next(now, &mut self.ids)
    }

    /// A leg is to be recorded once the fact is durable.
    pub(crate) fn begin(&mut self, leg_id: LegId, recording: Recording, key: RecordingKey) {
        self.beginning.push(Beginning { leg_id, recording, key });
    }

    /// The draft of what the recorder said.
    pub(crate) fn draft(&mut self, news: News, now: Timestamp) -> Draft {
        match news {
            News::Stored(fact) => {
                self.stored.push(fact.recording_id);
                Draft::new(fact, now, "recorder")
            }
            News::Failed(fact) => Draft::new(fact, now, "recorder"),
            News::Deleted(fact) => Draft::new(fact, now, "recorder"),
        }
    }

    /// Every draft so far is durable: the spool is told, and taps are made for the legs given.
    pub(crate) fn appended(&mut self) -> Vec<(LegId, crate::recording::RecordingTap)> {
        for id in self.stored.drain(..) {
            self.recorder.recorded(id);
        }
        let recorder = &self.recorder;
        let taps = self.beginning.drain(..);
        taps.map(|one| (one.leg_id, recorder.tap(one.recording, one.key))).collect()
    }

    /// When recordings are looked at next.
    pub(crate) fn next_due(&self, now: Timestamp) -> Timestamp {
        match self.give_up_at {
            Some(_) => now.plus(LOOK_EVERY),
            None => self.sweep_due,
        }
    }

    /// Deletes what was kept long enough, and what nobody can open any more.
    pub(crate) fn sweep(&mut self, now: Timestamp, table: &RecordingTable, vault: &Vault) {
        if now < self.sweep_due {
            return;
        }
        self.sweep_due = now.plus(SWEEP_EVERY);
        let over = due(now, table.kept().map(|(id, kept)| (id, kept.started_at)), self.days);
        let retained: BTreeSet<_> = over.iter().copied().collect();
        let erased = table
            .kept()
            .filter(|(id, kept)| !retained.contains(id) && !vault.has_key(kept.subject_id));
        let erased = erased.map(|(id, _)| (id, RecordingDeletion::Erasure));
        let over = over.into_iter().map(|id| (id, RecordingDeletion::Retention));
        for (recording_id, reason) in over.chain(erased) {
            let Some(kept) = table.get(recording_id) else { continue };
            let (call_id, location) = (kept.call_id, kept.location(recording_id));
            self.recorder.remove(Removal { recording_id, call_id, location, reason, by: None });
        }
    }

    /// There is something to do again.
    pub(crate) const fn go_on(&mut self) {
        self.give_up_at = None;
    }

    /// Whether the last recordings are stored, or took too long.
    pub(crate) fn is_finished(&mut self, now: Timestamp) -> bool {
        let give_up_at = *self.give_up_at.get_or_insert(now.plus(STORE_WITHIN));
        now >= give_up_at || self.recorder.is_idle() && self.news.is_empty()
    }
}

#[cfg(test)]
mod tests;
