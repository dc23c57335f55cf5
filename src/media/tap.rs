//! What a leg says and hears, side by side: for recordings.
//!
//! In: the frames heard, each with its place on the other side's RTP clock, and the frame sent in
//! each step of 20 ms. Out: [`Pair`]s, one for each step, in order.
//! Invariants: every step has one pair, whatever the network does, so that pairs laid end to end
//! are as long as the leg; a frame heard is in one pair at most.
//! It deliberately neither mixes, encodes nor stores, and does not hide losses: there is silence
//! where nothing came.

use super::{FRAME_SAMPLES, Frame, MediaSink, SILENCE};
use crate::base::Timestamp;

/// 20 ms of a leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// When they began. The next pair begins 20 ms later.
    pub at: Timestamp,
    /// What came from the other side, or silence.
    pub heard: Frame,
    /// What went to the other side, or silence.
    pub sent: Frame,
}

/// Takes what a leg says and hears. It is dropped when the leg ends.
pub trait Tap {
    /// Takes the next 20 ms.
    ///
    /// It is called on the thread that moves packets, up to a few hundred milliseconds after
    /// [`Pair::at`]. It must not block, wait for a lock, or write to a disk: what cannot be kept
    /// is to be counted and dropped.
    fn pair(&mut self, pair: &Pair);
}

/// Steps that stay open for what comes late: 200 ms.
const OPEN: u64 = 10;
/// Steps that a frame may be early: 100 ms of a sender whose clock runs fast, or of a burst.
const EARLY: u64 = 5;
/// Places for steps: those open, the one under way, and those to come.
const PLACES: usize = 16;

/// Puts what is heard beside what is sent.
#[derive(Debug)]
pub(super) struct Pairing {
    /// By step, modulo their number.
    places: [Place; PLACES],
    /// The oldest open step.
    oldest: u64,
    /// The step that comes next.
    next: u64,
    /// A step, and what the other side's clock says in it.
    anchor: Option<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    at: Timestamp,
    heard: Option<Frame>,
    sent: Frame,
}

const EMPTY: Place = Place { at: Timestamp::EPOCH, heard: None, sent: SILENCE };

impl Default for Pairing {
    fn default() -> Self {
        Self { places: [EMPTY; PLACES], oldest: 0, next: 0, anchor: None }
    }
}

impl Pairing {
    /// Takes a frame that was heard, by the place of its first sample on the other side's clock.
    pub(super) fn heard(&mut self, place: u32, frame: &Frame) {
        let open = self.oldest..self.next + EARLY;
        let by_clock = self.anchor.and_then(|(step, anchor)| {
            let ahead =
                i64::from(place.wrapping_sub(anchor) as i32).div_euclid(FRAME_SAMPLES as i64);
            step.checked_add_signed(ahead).filter(|step| open.contains(step))
        });
        // Without a clock, or where it has left the window, what comes now belongs to now.
        let wanted = by_clock.unwrap_or(self.next);
        let Some(step) = (wanted..open.end).find(|step| self.place(*step).heard.is_none()) else {
            return;
        };
        if by_clock != Some(step) {
            self.anchor = Some((step, place));
        }
        self.place(step).heard = Some(*frame);
    }

    /// Forgets the other side's clock.
    pub(super) fn restarted(&mut self) {
        self.anchor = None;
    }

    /// Ends a step; one that was open long enough is over.
    pub(super) fn sent(&mut self, at: Timestamp, frame: Option<&Frame>, sink: &mut dyn MediaSink) {
        let place = self.place(self.next);
        (place.at, place.sent) = (at, frame.copied().unwrap_or(SILENCE));
        self.next += 1;
        if self.next - self.oldest > OPEN {
            self.close(sink);
        }
    }

    /// Gives all that is open.
    pub(super) fn finish(&mut self, sink: &mut dyn MediaSink) {
        while self.oldest < self.next {
            self.close(sink);
        }
    }

    fn close(&mut self, sink: &mut dyn MediaSink) {
        let Place { at, heard, sent } = std::mem::replace(self.place(self.oldest), EMPTY);
        self.oldest += 1;
        sink.pair(&Pair { at, heard: heard.unwrap_or(SILENCE), sent });
    }

    fn place(&mut self, step: u64) -> &mut Place {
        &mut self.places[(step % PLACES as u64) as usize]
    }
}

#[cfg(test)]
mod tests;
