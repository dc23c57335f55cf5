//! Keypad digits as RFC 4733 telephone-events, sent and received.
//!
//! In: digits to send, one step per 20 ms; payloads received, in order of sequence. Out: payloads
//! to send; each digit once, with how long it was held.
//! Invariants: a digit is heard once however many of its packets arrive or get lost, as long as
//! one does; its packets share one timestamp and their duration only grows.
//! It deliberately leaves out tones of other kinds (events above 15) and in-band DTMF.
//! Source: RFC 4733 §2.3 (payload), §2.5.1 (sending), §2.5.2 (receiving).

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::FRAME_MILLIS;
use crate::base::{Millis, Timestamp};

/// Shortest digit sent: three packets before the end, so that one always gets through.
const HELD_MIN: Millis = Millis(60);
/// Longest digit sent, where 16 bits of duration can say as much: at 8,000 steps a second, not at
/// 48,000. Source: RFC 4733 §2.3.5.
const HELD_MAX: Millis = Millis(8_000);
/// How often the end is said. Source: RFC 4733 §2.5.1.4.
const ENDS: u8 = 3;
/// Steps of ordinary audio after a digit, so that two presses are two.
const GAP: u8 = 2;
/// −10 dBm0, what phones send.
const VOLUME: u8 = 10;
/// Silence after which a digit without an end counts as ended: five lost packets and jitter.
const END_LOST_AFTER: Millis = Millis(160);
/// An older timestamp than the last digit's, by no more than this, is a late packet. Units: s.
const LATE_SPAN: u32 = 10;

const KEYS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// One key of the telephone: 0 to 9, star, hash, A to D.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Digit(u8);

/// A character is not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read digit: {0:?} is none of 0 to 9, *, #, A to D")]
pub struct DigitError(pub char);

impl Digit {
    /// Every key, by event code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..16).map(Self)
    }

    /// From an event code. Source: RFC 4733 §3.2, table 3.
    pub const fn from_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The event code.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The key as printed on it.
    pub const fn as_char(self) -> char {
        KEYS[(self.0 & 0x0F) as usize]
    }
}

impl TryFrom<char> for Digit {
    type Error = DigitError;

    fn try_from(key: char) -> Result<Self, DigitError> {
        let upper = key.to_ascii_uppercase();
        (0_u8..)
            .zip(KEYS)
            .find(|(_, known)| *known == upper)
            .map(|(code, _)| Self(code))
            .ok_or(DigitError(key))
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> Self {
        digit.as_char()
    }
}

impl FromStr for Digit {
    type Err = DigitError;

    fn from_str(text: &str) -> Result<Self, DigitError> {
        let mut keys = text.chars();
        match (keys.next(), keys.next()) {
            (Some(key), None) => Self::try_from(key),
            (_, Some(second)) => Err(DigitError(second)),
            (None, None) => Err(DigitError(' ')),
        }
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digit({})", self.as_char())
    }
}

/// One telephone-event packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DigitPacket {
    /// True on the first packet of a digit.
    pub(super) marker: bool,
    /// The moment the digit began, on the RTP clock.
    pub(super) timestamp: u32,
    pub(super) payload: [u8; 4],
}

/// Digits waiting to be sent, and the one under way.
#[derive(Debug, Default)]
pub(super) struct DigitSender {
    waiting: VecDeque<(Digit, Millis)>,
    current: Option<Sending>,
    gap: u8,
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    digit: Digit,
    held: Millis,
    started: u32,
    elapsed: Millis,
    ends: u8,
}

impl DigitSender {
    /// Queues a digit, held no shorter than 60 ms and no longer than 8 s.
    pub(super) fn push(&mut self, digit: Digit, held: Millis) {
        self.waiting.push_back((digit, held.clamp(HELD_MIN, HELD_MAX)));
    }

    /// The packet for this 20 ms step, where a digit is under way. Durations are said in steps of
    /// so many a second.
    pub(super) fn step(&mut self, timestamp: u32, clock_rate: u32) -> Option<DigitPacket> {
        if self.current.is_none() {
            if self.gap > 0 {
                self.gap -= 1;
                return None;
            }
            let (digit, held) = self.waiting.pop_front()?;
            self.current =
                Some(Sending { digit, held, started: timestamp, elapsed: Millis(0), ends: 0 });
        }
        let sending = self.current.as_mut()?;
        let per_milli = u64::from(clock_rate / 1_000).max(1);
        let held = sending.held.min(Millis(u64::from(u16::MAX) / per_milli));
        let marker = sending.elapsed.0 == 0;
        // The packet goes out at the end of the 20 ms it reports.
        sending.elapsed = Millis((sending.elapsed.0 + FRAME_MILLIS).min(held.0));
        let end = sending.elapsed >= held;
        let packet = DigitPacket {
            marker,
            timestamp: sending.started,
            payload: payload(sending.digit, end, sending.elapsed.0 * per_milli),
        };
        if end {
            sending.ends += 1;
            if sending.ends >= ENDS {
                self.current = None;
                self.gap = GAP;
            }
        }
        Some(packet)
    }

    /// Gives up the digit under way; those that wait are kept.
    pub(super) fn interrupt(&mut self) {
        if self.current.take().is_some() {
            self.gap = GAP;
        }
    }

    /// True while nothing is left to send.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }
}

fn payload(digit: Digit, end: bool, elapsed: u64) -> [u8; 4] {
    let duration = u16::try_from(elapsed).unwrap_or(u16::MAX);
    let [high, low] = duration.to_be_bytes();
    [digit.code(), if end { 0x80 | VOLUME } else { VOLUME }, high, low]
}

/// A telephone-event payload is shorter than its four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShortEvent;

/// Puts digits together from the packets that arrive.
#[derive(Debug, Default)]
pub(super) struct DigitReceiver {
    current: Option<Receiving>,
    /// Timestamp of the last digit that was reported.
    done: Option<u32>,
    /// Steps of the timestamp, and of durations, per second.
    clock_rate: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Receiving {
    digit: Digit,
    /// Timestamp of the segment under way; a long digit has several.
    segment: u32,
    /// Duration of the segments before this one, in steps.
    before: u64,
    /// Duration of this segment so far, in steps.
    duration: u16,
    last_at: Timestamp,
}

impl Receiving {
    fn report(self, clock_rate: u32) -> (Digit, Millis) {
        let steps = self.before + u64::from(self.duration);
        (self.digit, Millis(steps * 1_000 / u64::from(clock_rate)))
    }
}

impl DigitReceiver {
    /// Takes the clock of the digits that follow, in steps per second.
    pub(super) fn set_clock_rate(&mut self, clock_rate: u32) {
        self.clock_rate = Some(clock_rate.max(1));
    }

    fn clock_rate(&self) -> u32 {
        self.clock_rate.unwrap_or(8_000)
    }

    /// Takes one payload; digits that are complete go to `heard`.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        timestamp: u32,
        payload: &[u8],
        heard: &mut Vec<(Digit, Millis)>,
    ) -> Result<(), ShortEvent> {
        let &[code, flags, high, low, ..] = payload else {
            return Err(ShortEvent);
        };
        let Some(digit) = Digit::from_code(code) else {
            return Ok(()); // a tone of another kind
        };
        let duration = u16::from_be_bytes([high, low]);
        let is_end = flags & 0x80 != 0;
        if self.is_late(timestamp) {
            return Ok(());
        }
        let frame = self.clock_rate() / 50;
        match &mut self.current {
            Some(current) if current.segment == timestamp => {
                current.duration = current.duration.max(duration);
                current.last_at = now;
            }
            Some(current) if continues(current, digit, timestamp, frame) => {
                current.before += u64::from(current.duration);
                current.segment = timestamp;
                current.duration = duration;
                current.last_at = now;
            }
            _ => {
                self.finish(heard); // the end of the one before was lost
                self.current = Some(Receiving {
                    digit,
                    segment: timestamp,
                    before: 0,
                    duration,
                    last_at: now,
                });
            }
        }
        if is_end {
            self.finish(heard);
        }
        Ok(())
    }

    /// Reports a digit whose end must have been lost.
    pub(super) fn handle_timeout(&mut self, now: Timestamp, heard: &mut Vec<(Digit, Millis)>) {
        if self.current.is_some_and(|current| now.since(current.last_at) >= END_LOST_AFTER) {
            self.finish(heard);
        }
    }

    /// When a digit without an end counts as ended.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.current.map(|current| current.last_at.plus(END_LOST_AFTER))
    }

    /// True while a key is held.
    pub(super) fn is_under_way(&self) -> bool {
        self.current.is_some()
    }

    /// Forgets the timeline of a source that was replaced; a digit under way is reported.
    pub(super) fn restart(&mut self, heard: &mut Vec<(Digit, Millis)>) {
        self.finish(heard);
        self.done = None;
    }

    fn finish(&mut self, heard: &mut Vec<(Digit, Millis)>) {
        if let Some(current) = self.current.take() {
            self.done = Some(current.segment);
            heard.push(current.report(self.clock_rate()));
        }
    }

    /// True where the timestamp belongs to a digit already reported, or to one before the
    /// one under way.
    fn is_late(&self, timestamp: u32) -> bool {
        let span = self.clock_rate().saturating_mul(LATE_SPAN);
        let behind = |mark: u32| mark.wrapping_sub(timestamp) <= span;
        match self.current {
            Some(current) => current.segment != timestamp && behind(current.segment),
            None => self.done.is_some_and(behind),
        }
    }
}

/// Source: RFC 4733 §2.5.1.3: the next segment begins where a full one ends, give or take a step.
fn continues(current: &Receiving, digit: Digit, timestamp: u32, frame: u32) -> bool {
    let slack = frame;
    let from_end = timestamp
        .wrapping_sub(current.segment)
        .wrapping_sub(u32::from(u16::MAX))
        .wrapping_add(slack);
    current.digit == digit
        && u32::from(current.duration) + 4 * frame >= u32::from(u16::MAX)
        && from_end <= 2 * slack
}

#[cfg(test)]
mod tests;
