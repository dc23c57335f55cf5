//! What a leg's media gives its sound to.
//!
//! In: 20 ms of both sides at a time. Out: pieces of 100 ms, on their way to the recorder's
//! thread. Invariant: it never waits; where too many pieces are on their way already, one is
//! dropped and counted, and silence of its length stands in its place.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;

use super::recorder::{Command, Recording};
use super::{BYTES_PER_MILLI, Coding, RecordingKey, RecordingMetrics};
use crate::base::Timestamp;
use crate::media::{Frame, Pair, SILENCE, Tap};

/// Sound of one piece. Units: ms.
const PIECE_MS: usize = 100;
/// Of one pair. Units: ms.
const PAIR_MS: u32 = 20;
/// Pieces that may be on their way, of all calls together: 6 seconds of 1,000 calls, 105 MB.
const UNDERWAY_MAX: u64 = 65_536;

/// Sound on its way to the recorder's thread.
#[derive(Debug)]
pub(super) struct Piece {
    /// When its first sound was.
    pub(super) at: Timestamp,
    /// Silence to be put before it, for what was dropped. Units: ms.
    pub(super) dropped_ms: u32,
    /// Both channels by turns.
    pub(super) audio: Vec<u8>,
}

/// Takes what one leg says and hears. Dropping it ends the recording.
pub struct RecordingTap {
    recording: Recording,
    to: Sender<Command>,
    metrics: Arc<RecordingMetrics>,
    /// When what it holds began; nothing while it holds nothing.
    at: Option<Timestamp>,
    audio: Vec<u8>,
    /// Dropped since the last piece that found room. Units: ms.
    dropped_ms: u32,
}

impl RecordingTap {
    pub(super) fn new(
        recording: Recording,
        key: RecordingKey,
        to: Sender<Command>,
        metrics: Arc<RecordingMetrics>,
    ) -> Self {
        metrics.open.fetch_add(1, Relaxed);
        // A recorder that is gone has no use for what is sent, here and below.
        drop(to.send(Command::Begin { recording, key }));
        let audio = Vec::with_capacity(PIECE_MS * BYTES_PER_MILLI);
        Self { recording, to, metrics, at: None, audio, dropped_ms: 0 }
    }

    /// Takes 20 ms.
    pub fn take(&mut self, at: Timestamp, heard: &Frame, sent: &Frame) {
        self.at = self.at.or(Some(at));
        let coding: Coding = self.recording.coding;
        let both = heard.iter().zip(sent);
        self.audio
            .extend(both.flat_map(|(heard, sent)| [coding.encode(*heard), coding.encode(*sent)]));
        if self.audio.len() >= PIECE_MS * BYTES_PER_MILLI {
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        let Some(at) = self.at.take() else { return };
        let wanted = Vec::with_capacity(PIECE_MS * BYTES_PER_MILLI);
        let audio = std::mem::replace(&mut self.audio, wanted);
        if self.metrics.underway.load(Relaxed) >= UNDERWAY_MAX {
            let millis = u32::try_from(audio.len() / BYTES_PER_MILLI).unwrap_or(PAIR_MS);
            self.dropped_ms += millis;
            self.metrics.dropped_ms.fetch_add(millis.into(), Relaxed);
            return;
        }
        self.metrics.underway.fetch_add(1, Relaxed);
        let dropped_ms = std::mem::take(&mut self.dropped_ms);
        let piece = Piece { at, dropped_ms, audio };
        drop(self.to.send(Command::Piece { id: self.recording.recording_id, piece }));
    }
}

impl Tap for RecordingTap {
    fn pair(&mut self, pair: &Pair) {
        self.take(pair.at, &pair.heard, &pair.sent);
    }
}

impl Drop for RecordingTap {
    fn drop(&mut self) {
        self.pass_on();
        let (id, dropped_ms) = (self.recording.recording_id, self.dropped_ms);
        drop(self.to.send(Command::End { id, dropped_ms }));
    }
}

/// Silence on both channels.
pub(super) fn silence(coding: Coding, millis: u32) -> impl Iterator<Item = u8> {
    let [byte, ..] = SILENCE.map(|sample| coding.encode(sample));
    std::iter::repeat_n(byte, millis as usize * BYTES_PER_MILLI)
}
