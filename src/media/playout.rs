//! The jitter buffer: frames that come as the network brings them, played one every 20 ms.
//!
//! In: frames with their place on the other side's clock and the number of their packet, and the
//! time; every 20 ms somebody asks for one. Out: a frame each time: one that came, one that hides
//! a loss, or silence.
//! Invariants: each asking gets a frame; a frame that came is played once at most and never
//! before an earlier one; memory is bounded by [`SLOTS`]; nothing is allocated after the start.
//! The delay follows the jitter of the last two seconds, from 20 to 200 ms; it changes in pauses
//! and quiet frames, where nobody hears it, and in losses.
//! Deliberately absent: stretching of speech itself, and concealment by the codec: what hides a
//! loss is the last frame, faded, which the caller may put something better in place of.
//! Sources: RFC 3550 §6.4.1 (transit), ITU-T G.711 appendix I (how a loss is hidden and faded).

mod conceal;
mod delay;

use super::{FRAME_SAMPLES, Frame, SILENCE};
use crate::base::{Millis, Timestamp};
use conceal::Concealment;
use delay::Delay;

/// Frames that find room: 640 ms, of which the delay takes 200 at most.
const SLOTS: usize = 32;
/// The length of a frame. Units: µs.
const FRAME_MICROS: i64 = 20_000;
/// The delay may be off by this much before anything is done. Units: µs.
const TOLERANCE: i64 = 15_000;
/// Off by this much it is mended in the midst of speech. Units: µs.
const EXCESS: i64 = 100_000;
/// Time without a frame after which the stream counts as stopped. Units: µs.
const STOPPED: i64 = 200_000;
/// The loudest sample of a frame that may be left out or played twice: some −50 dBov.
const QUIET: u16 = 100;

/// What an asking got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Played {
    /// A frame that came.
    Heard,
    /// One that hides a frame lost or late.
    Concealed {
        /// How many such frames came before it in a row.
        run: u32,
    },
    /// Nothing: the other side does not send, or not yet.
    Silence,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlayoutCounts {
    /// Frames that came when their turn was over.
    pub late: u64,
    /// Packets whose frames never came, or came late.
    pub lost: u64,
    /// Frames made up.
    pub concealed: u64,
    /// Frames left out to shorten the delay.
    pub dropped: u64,
    /// Frames played twice to lengthen it.
    pub inserted: u64,
}

/// A frame that waits.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Its place, in frames since the first.
    index: i64,
    /// The number of its packet.
    number: u64,
    frame: Frame,
}

/// The buffer of one stream.
#[derive(Clone, Debug)]
pub struct Playout {
    slots: Vec<Option<Slot>>,
    waiting: usize,
    /// The place last pushed: as it came, and unwrapped, in samples since the first.
    last_place: Option<(u32, i64)>,
    last_pushed: Timestamp,
    /// The frame whose turn is next; nothing while the stream stands still.
    next: Option<i64>,
    /// The first frame that may still be played.
    floor: i64,
    /// Frames made up whose turn is still to come.
    held: i64,
    /// The number of the packet played last.
    last_number: Option<u64>,
    delay: Delay,
    concealment: Concealment,
    counts: PlayoutCounts,
}

impl Default for Playout {
    fn default() -> Self {
        Self {
            slots: vec![None; SLOTS],
            waiting: 0,
            last_place: None,
            last_pushed: Timestamp::EPOCH,
            next: None,
            floor: i64::MIN,
            held: 0,
            last_number: None,
            delay: Delay::default(),
            concealment: Concealment::default(),
            counts: PlayoutCounts::default(),
        }
    }
}

impl Playout {
    /// Takes a frame: its place is that of its first sample on the other side's clock, at 8 kHz;
    /// `number` is its packet's, which does not wrap. The frames of one packet share it.
    pub fn push(&mut self, now: Timestamp, number: u64, place: u32, frame: &Frame) {
        let (index, samples) = self.index_of(place);
        self.delay.arrived(now, samples);
        self.last_pushed = now;
        let room = SLOTS as i64;
        if index < self.floor && index >= self.floor.saturating_sub(room) {
            self.counts.late += 1;
            return;
        }
        let first = self.next.or_else(|| self.first_waiting()).unwrap_or(index).min(index);
        // Far ahead of what is played, or far behind: the other side's clock jumped.
        if index - first >= room || index < self.floor {
            self.restart();
            self.last_place = Some((place, 0));
            self.delay.arrived(now, 0);
            self.put(Slot { index: 0, number, frame: *frame });
            return;
        }
        self.put(Slot { index, number, frame: *frame });
    }

    /// Gives the next 20 ms. Ask every 20 ms.
    pub fn pull(&mut self, now: Timestamp, frame: &mut Frame) -> Played {
        if now.as_micros() - self.last_pushed.as_micros() > STOPPED && self.waiting == 0 {
            (self.next, self.held) = (None, 0);
        }
        let Some(first) = self.first_waiting() else {
            return self.pull_empty(now, frame);
        };
        let next = match self.next {
            Some(next) => next,
            // The first of a stream waits until its delay is over.
            None if self.lag(now, first) < self.delay.target() => return Self::silence(frame),
            None => first,
        };
        if first == next {
            return self.pull_present(now, next, frame);
        }
        if self.is_pause(first) {
            // Nothing was lost: the other side was silent. The frame waits its delay anew.
            if self.lag(now, first) < self.delay.target() {
                self.play_on(next);
                self.held = 0;
                return Self::silence(frame);
            }
            return self.pull_present(now, first, frame);
        }
        // Late rather than lost, perhaps: the delay is too short anyway.
        if self.held == 0 && self.lag(now, next) + TOLERANCE < self.delay.target() {
            self.held = 1;
            self.play_on(next);
            return self.conceal(frame);
        }
        // Losses that were hidden already while nothing waited are not hidden again.
        let hidden = self.held.min(first - next);
        self.held = 0;
        if next + hidden == first {
            return self.pull_present(now, first, frame);
        }
        self.play_on(next + hidden + 1);
        self.conceal(frame)
    }

    /// Counts so far.
    pub fn counts(&self) -> PlayoutCounts {
        self.counts
    }

    /// How long a frame waits that comes as soon as any.
    pub fn delay(&self) -> Millis {
        Millis(u64::try_from(self.delay.target() / 1_000).unwrap_or(0))
    }

    /// Lets everything go: the stream begins anew, on another clock.
    pub fn restart(&mut self) {
        self.slots.fill(None);
        self.waiting = 0;
        (self.last_place, self.next, self.last_number) = (None, None, None);
        (self.floor, self.held) = (i64::MIN, 0);
        self.delay = Delay::default();
    }

    /// The frame's turn has come, and it is there.
    fn pull_present(&mut self, now: Timestamp, index: i64, frame: &mut Frame) -> Played {
        let lag = self.lag(now, index);
        let target = self.delay.target();
        let Some(slot) = self.take(index) else {
            return Self::silence(frame);
        };
        let is_quiet = slot.frame.iter().all(|sample| sample.unsigned_abs() <= QUIET);
        self.held = 0;
        if is_quiet && lag + TOLERANCE < target {
            // Played now and once more.
            *frame = slot.frame;
            self.counts.inserted += 1;
            self.play_on(index);
            self.put(slot);
            return Played::Heard;
        }
        self.count_lost(slot.number);
        self.play_on(index + 1);
        let too_late = lag > target + FRAME_MICROS + TOLERANCE;
        if ((too_late && is_quiet) || lag > target + EXCESS)
            && let Some(following) = self.take(index + 1)
        {
            self.counts.dropped += 1;
            self.play_on(index + 2);
            self.count_lost(following.number);
            return self.play(&following.frame, frame);
        }
        self.play(&slot.frame, frame)
    }

    /// Nothing waits: it is lost, late, or the other side stopped.
    fn pull_empty(&mut self, now: Timestamp, frame: &mut Frame) -> Played {
        let Some(next) = self.next else {
            return Self::silence(frame);
        };
        // Held back rather than given up, so that a stall of the network loses nothing; up to
        // the most that the delay may be.
        if self.lag(now, next) + FRAME_MICROS <= delay::MOST {
            self.held += 1;
        } else {
            self.play_on(next + 1);
        }
        self.conceal(frame)
    }

    /// This frame's turn is next.
    fn play_on(&mut self, index: i64) {
        self.next = Some(index);
        self.floor = self.floor.max(index);
    }

    fn play(&mut self, heard: &Frame, frame: &mut Frame) -> Played {
        *frame = *heard;
        self.concealment.heard(heard, frame);
        Played::Heard
    }

    fn conceal(&mut self, frame: &mut Frame) -> Played {
        self.counts.concealed += 1;
        Played::Concealed { run: self.concealment.conceal(frame) }
    }

    fn silence(frame: &mut Frame) -> Played {
        *frame = SILENCE;
        Played::Silence
    }

    /// True where this frame follows what was played last without a packet between.
    fn is_pause(&self, index: i64) -> bool {
        let number = self.slot(index).map(|slot| slot.number);
        match (number, self.last_number) {
            (Some(number), Some(last)) => number <= last + 1,
            _ => true,
        }
    }

    fn count_lost(&mut self, number: u64) {
        if let Some(last) = self.last_number {
            self.counts.lost += number.saturating_sub(last + 1);
        }
        self.last_number = Some(self.last_number.map_or(number, |last| last.max(number)));
    }

    /// How long a frame has waited that came as soon as any. Units: µs.
    fn lag(&self, now: Timestamp, index: i64) -> i64 {
        self.delay.waited(now, index * FRAME_SAMPLES as i64)
    }

    /// Where a frame stands: in frames, and in samples, since the first.
    fn index_of(&mut self, place: u32) -> (i64, i64) {
        let samples = match self.last_place {
            Some((last, samples)) => samples + i64::from(place.wrapping_sub(last) as i32),
            None => 0,
        };
        self.last_place = Some((place, samples));
        // A talk spurt may begin off the grid of the one before: the nearest place is taken.
        let half = FRAME_SAMPLES as i64 / 2;
        ((samples + half).div_euclid(FRAME_SAMPLES as i64), samples)
    }

    fn first_waiting(&self) -> Option<i64> {
        if self.waiting == 0 {
            return None;
        }
        self.slots.iter().flatten().map(|slot| slot.index).min()
    }

    fn slot(&self, index: i64) -> Option<&Slot> {
        let place = usize::try_from(index.rem_euclid(SLOTS as i64)).ok()?;
        self.slots.get(place)?.as_ref().filter(|slot| slot.index == index)
    }

    fn put(&mut self, slot: Slot) {
        let place = usize::try_from(slot.index.rem_euclid(SLOTS as i64)).unwrap_or(0);
        if let Some(place) = self.slots.get_mut(place)
            && place.replace(slot).is_none()
        {
            self.waiting += 1;
        }
    }

    fn take(&mut self, index: i64) -> Option<Slot> {
        let place = usize::try_from(index.rem_euclid(SLOTS as i64)).ok()?;
        let slot = self.slots.get_mut(place)?.take_if(|slot| slot.index == index)?;
        self.waiting -= 1;
        Some(slot)
    }
}

#[cfg(test)]
mod tests;
