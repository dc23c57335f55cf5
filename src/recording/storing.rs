//! The thread that stores whole recordings and removes them again.
//!
//! In: recordings in the spool, removals. Out: [`News`] of each. Invariants: a recording is opened
//! and checked before it is stored; one that cannot be stored is tried again, ever less often, and
//! waits in the spool meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::recorder::{News, Removal};
use super::spool::Spooled;
use super::{FORMAT, RecordingKey, RecordingMetrics, Store, object, path_of};
use crate::base::{Clock, Millis, Timestamp, sha256_hex};
use crate::event::{RecordingDeleted, RecordingFailed, RecordingStored};

/// The wait before a second try; it doubles with each.
const RETRY_FIRST: Millis = Millis(1_000);
/// The longest wait.
const RETRY_MAX: Millis = Millis(300_000);
/// How long it waits where nothing is to be done.
const IDLE: Duration = Duration::from_secs(3_600);

/// What is to be done.
pub(super) enum Job {
    Store { spooled: Spooled, key: RecordingKey },
    Remove(Removal),
}

/// A recording that waits.
struct Waiting {
    spooled: Spooled,
    key: RecordingKey,
    due: Timestamp,
    wait: Millis,
}

pub(super) struct Storing {
    store: Store,
    clock: Arc<dyn Clock>,
    metrics: Arc<RecordingMetrics>,
    news: UnboundedSender<News>,
    waiting: Vec<Waiting>,
}

impl Storing {
    pub(super) fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        metrics: Arc<RecordingMetrics>,
        news: UnboundedSender<News>,
    ) -> Self {
        Self { store, clock, metrics, news, waiting: Vec::new() }
    }

    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let now = self.clock.now();
            let next = self.waiting.iter().map(|one| one.due).min();
            let left = next.map_or(IDLE, |due| Duration::from_millis(due.since(now).0));
            match jobs.recv_timeout(left) {
                Ok(job) => self.take(job, now),
                Err(RecvTimeoutError::Timeout) => {}
                // What waits is found in the spool at the next start.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.store_due();
        }
    }

    fn take(&mut self, job: Job, now: Timestamp) {
        match job {
            Job::Store { spooled, key } => {
                self.waiting.push(Waiting { spooled, key, due: now, wait: RETRY_FIRST });
                self.note_oldest();
            }
            Job::Remove(removal) => self.remove(removal),
        }
    }

    fn store_due(&mut self) {
        let now = self.clock.now();
        let place = self.waiting.iter().position(|one| one.due <= now);
        let Some(mut one) = place.map(|place| self.waiting.swap_remove(place)) else { return };
        match self.store(&one.spooled, &one.key) {
            Some(news) => {
                drop(self.news.send(news));
                self.metrics.waiting.fetch_sub(1, Relaxed);
            }
            None => {
                one.due = self.clock.now().plus(one.wait);
                one.wait = Millis((one.wait.0 * 2).min(RETRY_MAX.0));
                self.waiting.push(one);
            }
        }
        self.note_oldest();
    }

    /// What became of it; nothing where it has to be tried again.
    fn store(&self, spooled: &Spooled, key: &RecordingKey) -> Option<News> {
        let header = spooled.header;
        let recording_id = header.recording_id;
        let bytes = match spooled.object() {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::error!(%recording_id, %error, "a recording cannot be read from the spool");
                return None;
            }
        };
        let opened = match object::open(&bytes, key) {
            Ok(opened) => opened,
            Err(error) => {
                // Trying again would not mend it.
                tracing::error!(%recording_id, %error, "a recording is damaged in the spool");
                let fact = RecordingFailed {
                    call_id: header.call_id,
                    leg_id: header.leg_id,
                    recording_id,
                    reason: "disk_failed".to_owned(),
                };
                return Some(News::Failed(fact));
            }
        };
        let path = path_of(recording_id);
        let (length, sha256) = (bytes.len() as u64, sha256_hex(&bytes));
        if let Err(error) = self.store.put(&path, bytes) {
            tracing::warn!(%recording_id, %error, "a recording waits to be stored");
            return None;
        }
        self.metrics.stored.fetch_add(1, Relaxed);
        Some(News::Stored(RecordingStored {
            call_id: header.call_id,
            leg_id: header.leg_id,
            recording_id,
            subject_id: header.subject_id,
            started_at: header.started_at,
            duration_ms: opened.duration_ms,
            dropped_ms: opened.dropped_ms,
            is_cut: opened.is_cut,
            format: FORMAT.to_owned(),
            bytes: length,
            sha256,
            location: self.store.location(&path),
        }))
    }

    fn remove(&self, removal: Removal) {
        let Removal { recording_id, call_id, location, reason, by } = removal;
        let removed = self.store.path(&location).and_then(|path| self.store.remove(path));
        match removed {
            Ok(()) => {
                let fact = RecordingDeleted { call_id, recording_id, reason, by };
                drop(self.news.send(News::Deleted(fact)));
            }
            // What is due stays due: it is tried again with the next look.
            Err(error) => tracing::warn!(%recording_id, %error, "a recording cannot be deleted"),
        }
        // After what became of it was said, so that it never seems idle between the two.
        self.metrics.removing.fetch_sub(1, Relaxed);
    }

    fn note_oldest(&self) {
        let oldest = self.waiting.iter().map(|one| one.spooled.header.started_at.as_micros()).min();
        self.metrics.oldest_us.store(oldest.unwrap_or(0), Relaxed);
    }
}
