//! What recordings count about themselves.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use crate::base::Timestamp;

/// Counters that the tap, the recorder's thread and the one that stores share.
#[derive(Debug, Default)]
pub struct RecordingMetrics {
    pub(super) open: AtomicU64,
    pub(super) underway: AtomicU64,
    pub(super) spooled_ms: AtomicU64,
    pub(super) dropped_ms: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) stored: AtomicU64,
    pub(super) waiting: AtomicU64,
    /// Recordings that are being deleted.
    pub(super) removing: AtomicU64,
    /// When the oldest of those began, in µs; 0 where none waits.
    pub(super) oldest_us: AtomicI64,
    pub(super) is_broken: AtomicBool,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RecordingFigures {
    /// Recordings that go on.
    pub open: u64,
    /// Sound made durable in the spool since the start. Units: ms.
    pub spooled_ms: u64,
    /// Sound that came too fast since the start. Units: ms.
    pub dropped_ms: u64,
    /// Recordings that could not go on, since the start.
    pub failed: u64,
    /// Recordings stored since the start.
    pub stored: u64,
    /// Recordings that ended and are not stored yet.
    pub waiting: u64,
    /// How long ago the oldest of those began. Units: ms.
    pub oldest_ms: u64,
    /// Whether the spool takes nothing at present.
    pub is_broken: bool,
}

impl RecordingMetrics {
    /// How things stand.
    pub fn at(&self, now: Timestamp) -> RecordingFigures {
        let oldest = match self.oldest_us.load(Relaxed) {
            0 => now,
            micros => Timestamp::from_micros(micros),
        };
        RecordingFigures {
            open: self.open.load(Relaxed),
            spooled_ms: self.spooled_ms.load(Relaxed),
            dropped_ms: self.dropped_ms.load(Relaxed),
            failed: self.failed.load(Relaxed),
            stored: self.stored.load(Relaxed),
            waiting: self.waiting.load(Relaxed),
            oldest_ms: now.since(oldest).0,
            is_broken: self.is_broken.load(Relaxed),
        }
    }
}
