//! What the log counts about itself, for whoever watches it.
//!
//! In: a few calls from the writer and from subscriptions, one for each group and each append,
//! none for each event but a store of one number by a subscription. Out: OpenMetrics text.
//! Invariants: recording takes no lock and cannot fail; names and units stand in
//! `docs/operations.md` and never change their meaning; nothing that an event says, and no name
//! of a stream or a person, becomes a label, so that the number of series is bounded.
//! Deliberately absent: a server (that is `api`), and quantiles: whoever scrapes computes them
//! from the buckets.
//! Source: OpenMetrics 1.0, <https://prometheus.io/docs/specs/om/open_metrics_spec/>.

mod encode;
mod histogram;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use tokio::time::Instant;

use self::histogram::Histogram;
use super::contract::AppendError;

/// The content type of [`LogMetrics::text`].
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of times. Units: microseconds.
const TIMES_US: &[u64] = &[
    50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 5_000_000,
];
/// Upper bounds of events in a group.
const EVENTS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192];
/// Upper bounds of bytes in a group. Units: bytes.
const BYTES: &[u64] =
    &[512, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/// The reasons that refusals are counted by.
const REASONS: [&str; 14] = [
    "wrong_expected_revision",
    "partly_repeated",
    "stream_deleted",
    "no_events",
    "stream_twice",
    "too_large",
    "writer_failed",
    "read_only",
    "closed",
    "invalid_stream",
    "reserved_type",
    "unreadable",
    "unavailable",
    "other",
];

/// Figures of one log. Shared by everything that works on it.
#[derive(Debug)]
pub struct LogMetrics {
    append: Histogram,
    sync: Histogram,
    group_events: Histogram,
    group_bytes: Histogram,
    asked: AtomicU64,
    answered: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
    refusals: [AtomicU64; REASONS.len()],
    durable_events: AtomicU64,
    failed: AtomicBool,
    unsealed_segments: AtomicU64,
    unsealed_bytes: AtomicU64,
    /// Taken when a subscription begins or ends, and when figures are asked for.
    subscribers: Mutex<Vec<Arc<Subscriber>>>,
    /// Figures of others that are given out beside.
    others: Mutex<Vec<(&'static str, Arc<dyn Collector>)>>,
}

/// Where one subscription is.
#[derive(Debug)]
struct Subscriber {
    name: Mutex<String>,
    /// The position it gets next.
    next: AtomicU64,
}

impl Default for LogMetrics {
    fn default() -> Self {
        Self {
            append: Histogram::new(TIMES_US),
            sync: Histogram::new(TIMES_US),
            group_events: Histogram::new(EVENTS),
            group_bytes: Histogram::new(BYTES),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            events: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            refusals: Default::default(),
            durable_events: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            unsealed_segments: AtomicU64::new(0),
            unsealed_bytes: AtomicU64::new(0),
            subscribers: Mutex::default(),
            others: Mutex::default(),
        }
    }
}

impl LogMetrics {
    /// An append asks for the writer. To be called before it waits for room in the queue.
    pub fn asked(self: &Arc<Self>) -> Asked {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asked { log: self.clone(), at: Instant::now() }
    }

    fn answered(&self, waited: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.append.observe(micros(waited));
    }

    /// An append was refused. For refusals in and before the queue alike.
    pub fn refused(&self, error: &AppendError) {
        if let Some(count) = self.refusals.get(reason(error)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A group became durable: its events, the bytes of its frame, and how long the sync took.
    pub fn group(&self, events: u64, bytes: u64, sync: Duration) {
        self.group_events.observe(events);
        self.group_bytes.observe(bytes);
        self.sync.observe(micros(sync));
        self.events.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How far the log is durable: the position the next event will have.
    pub fn durable(&self, next: u64) {
        self.durable_events.store(next, Ordering::Relaxed);
    }

    /// The writer stopped for good.
    pub fn writer_failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// What could be sealed and is not yet: whole segments behind the one being written.
    pub fn unsealed(&self, segments: u64, bytes: u64) {
        self.unsealed_segments.store(segments, Ordering::Relaxed);
        self.unsealed_bytes.store(bytes, Ordering::Relaxed);
    }

    /// A subscription begins: `next` is the position it gets first.
    pub fn subscriber(self: &Arc<Self>, next: u64) -> SubscriberMetrics {
        let name = Mutex::new("unnamed".to_owned());
        let subscriber = Arc::new(Subscriber { name, next: AtomicU64::new(next) });
        self.subscribers().push(subscriber.clone());
        SubscriberMetrics { log: self.clone(), subscriber }
    }

    /// All figures as OpenMetrics text, of content type [`OPEN_METRICS`].
    pub fn text(self: &Arc<Self>) -> String {
        encode::text(self)
    }

    /// Gives out figures of others beside those of the log; their names begin with `prefix`.
    pub fn beside(&self, prefix: &'static str, figures: Arc<dyn Collector>) {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).push((prefix, figures));
    }

    fn others(&self) -> Vec<(&'static str, Arc<dyn Collector>)> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn subscribers(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Subscriber>>> {
        self.subscribers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An append on its way; once this goes, it has its answer, good or bad, or was given up.
#[derive(Debug)]
pub struct Asked {
    log: Arc<LogMetrics>,
    at: Instant,
}

impl Asked {
    /// It was refused.
    pub fn refused(&self, error: &AppendError) {
        self.log.refused(error);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.log.answered(self.at.elapsed());
    }
}

/// The figures of one subscription; they end with it.
#[derive(Debug)]
pub struct SubscriberMetrics {
    log: Arc<LogMetrics>,
    subscriber: Arc<Subscriber>,
}

impl SubscriberMetrics {
    /// What it is called, such as `board`. A constant of the program or of its configuration:
    /// every name is a series.
    pub fn name(&self, name: &str) {
        name.clone_into(&mut self.subscriber.name.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// It was given everything before this position.
    pub fn at(&self, next: u64) {
        self.subscriber.next.store(next, Ordering::Relaxed);
    }
}

impl Drop for SubscriberMetrics {
    fn drop(&mut self) {
        self.log.subscribers().retain(|other| !Arc::ptr_eq(other, &self.subscriber));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The place of an error in [`REASONS`].
fn reason(error: &AppendError) -> usize {
    let name = match error {
        AppendError::WrongExpectedRevision { .. } => "wrong_expected_revision",
        AppendError::PartlyRepeated { .. } => "partly_repeated",
        AppendError::StreamDeleted { .. } => "stream_deleted",
        AppendError::NoEvents => "no_events",
        AppendError::StreamTwice { .. } => "stream_twice",
        AppendError::TooLarge { .. } => "too_large",
        AppendError::WriterFailed(_) => "writer_failed",
        AppendError::ReadOnly => "read_only",
        AppendError::Closed => "closed",
        AppendError::InvalidStream { .. } => "invalid_stream",
        AppendError::ReservedType { .. } => "reserved_type",
        AppendError::Unreadable(_) => "unreadable",
        AppendError::Unavailable { .. } => "unavailable",
        #[allow(unreachable_patterns, reason = "a refusal that is added is counted, as `other`")]
        _ => "other",
    };
    REASONS.iter().position(|known| *known == name).unwrap_or(REASONS.len() - 1)
}

#[cfg(test)]
mod tests;
