//! Keypad digits heard as tones in the audio: two pitches at once, one of four low and one of
//! four high.
//!
//! For: carriers and phones that send no telephone-events (RFC 4733).
//! In: frames of 20 ms. Out: each digit once, when its tone has ended, with how long it sounded.
//! Invariants: a tone of 40 ms is heard, one of 20 ms or less is not; a break of 10 ms does not
//! make two of one, one of 40 ms does; one pitch may be stronger than the other as far as Q.24
//! allows, and the two hold most of the energy, so that speech is no digit.
//! It deliberately makes no tones, and does not know of telephone-events: the session mutes it
//! while those arrive.
//! Sources: ITU-T Q.23 (pitches), Q.24 table A-1 (times, twist, tolerance).

use super::goertzel::{self, Bin, WHOLE};
use super::{Digit, Frame, SAMPLES_PER_MILLI};
use crate::base::Millis;

/// Samples looked at together, 12.75 ms: bins of 78 Hz tell the pitches apart and take 1.5 % of
/// mistuning, and two whole blocks fit into 40 ms however they lie.
const BLOCK: usize = 102;
/// Blocks with the same digit, equally strong, before it counts.
const HEARD_BLOCKS: u64 = 2;
/// How much each pitch may differ from one block to the next: 3 dB. A voice that passes by a
/// digit's pitches swells or fades there.
const ALIKE: u64 = 2;
/// Blocks without it before it has ended: 10 ms of break spoil two at most, 40 ms at least three.
const ENDED_BLOCKS: u64 = 3;
/// Softest block, as mean of the squared samples: about −43 dBm0. Q.24 wants −29 heard.
const ENERGY_MIN: u64 = 25_000;
/// Least share of the energy that the two pitches hold: a block that the tone fills to less has
/// less, so that two blocks take more than 20 ms of it.
const SHARE_MIN: u64 = 890;
/// How far beside its pitch a tone is looked for as well, in thousandths. With the width of a
/// bin that takes in 1.5 % and leaves out 3.5 %.
const MISTUNED: u32 = 11;
/// How far the pitch stands above the others of its group: 8 dB.
const ABOVE_OTHERS: u64 = 6;
/// Twice the high pitch has less than this part of it: voices have overtones, keys have none. Twice
/// the low one is too near the high ones to tell.
const OVERTONE_PART: u64 = 6;

/// Pitches of the rows of keys, in hertz. Source: ITU-T Q.23.
const LOW: [u32; 4] = [697, 770, 852, 941];
/// Pitches of the columns, in hertz.
const HIGH: [u32; 4] = [1_209, 1_336, 1_477, 1_633];
/// Keys by row and column.
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Listens for digits.
#[derive(Clone, Debug)]
pub struct DualToneDetector {
    low: [Pitch; 4],
    high: [Pitch; 4],
    /// Samples that do not make a block yet.
    block: Vec<i16>,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug)]
struct Pitch {
    tone: Bin,
    /// A little lower and a little higher.
    beside: [Bin; 2],
    overtone: Bin,
}

/// One block with a digit in it.
#[derive(Clone, Copy, Debug)]
struct Hit {
    digit: Digit,
    low: u64,
    high: u64,
}

/// The tone that sounds, or just did.
#[derive(Clone, Copy, Debug)]
struct Current {
    digit: Digit,
    last: Hit,
    /// Blocks that were as strong as the one before them, and that one.
    alike: u64,
    /// Blocks from the first with it to the last.
    blocks: u64,
    /// Blocks without it since.
    missed: u64,
}

impl Default for DualToneDetector {
    fn default() -> Self {
        let pitch = |hz: u32| {
            let off = hz * MISTUNED / 1_000;
            let beside = [Bin::at(hz - off), Bin::at(hz + off)];
            Pitch { tone: Bin::at(hz), beside, overtone: Bin::at(2 * hz) }
        };
        Self {
            low: LOW.map(pitch),
            high: HIGH.map(pitch),
            block: Vec::with_capacity(BLOCK),
            current: None,
        }
    }
}

impl DualToneDetector {
    /// True while a digit's tone sounds.
    pub fn is_sounding(&self) -> bool {
        self.current.is_some_and(|current| current.missed == 0)
    }

    /// True until what sounded is reported, or found too short.
    pub(super) const fn is_open(&self) -> bool {
        self.current.is_some()
    }

    /// Forgets what was heard so far.
    pub(super) fn forget(&mut self) {
        self.block.clear();
        self.current = None;
    }

    /// Takes one frame; a digit is reported when its tone has ended.
    pub fn push(&mut self, frame: &Frame) -> Option<(Digit, Millis)> {
        let mut heard = None;
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at((BLOCK - self.block.len()).min(rest.len()));
            self.block.extend_from_slice(now);
            rest = later;
            if self.block.len() == BLOCK {
                // A digit that ends takes three blocks of break: no two of them in a frame.
                heard = self.take_block().or(heard);
                self.block.clear();
            }
        }
        heard
    }

    fn take_block(&mut self) -> Option<(Digit, Millis)> {
        let hit = self.hit();
        match (&mut self.current, hit) {
            (Some(current), Some(hit)) if current.digit == hit.digit => {
                current.alike += u64::from(hit.is_like(&current.last));
                current.last = hit;
                current.blocks += 1 + current.missed;
                current.missed = 0;
                None
            }
            (Some(current), None) if current.missed + 1 < ENDED_BLOCKS => {
                current.missed += 1;
                None
            }
            (_, hit) => {
                let ended = std::mem::replace(&mut self.current, hit.map(Current::new));
                ended.filter(|ended| ended.alike >= HEARD_BLOCKS).map(Current::heard)
            }
        }
    }

    /// What this block holds.
    fn hit(&self) -> Option<Hit> {
        let block = &self.block;
        let energy = goertzel::energy(block);
        if energy < ENERGY_MIN * BLOCK as u64 {
            return None;
        }
        let (row, low) = strongest(&self.low, block)?;
        let (column, high) = strongest(&self.high, block)?;
        let (low, high) = (low.finely(block), high.finely(block));
        // The high one may be 4 dB stronger, or 8 dB weaker. Source: Q.24 table A-1.
        let is_twisted = 2 * high.power > 5 * low.power || low.power > 6 * high.power;
        let share = goertzel::share(low.power + high.power, energy, BLOCK);
        if is_twisted || share < SHARE_MIN || high.has_overtone(block) {
            return None;
        }
        let digit = Digit::try_from(*KEYS.get(row)?.get(column)?).ok()?;
        Some(Hit { digit, low: low.power, high: high.power })
    }
}

impl Hit {
    fn is_like(&self, other: &Self) -> bool {
        let alike = |one: u64, other: u64| one <= ALIKE * other && other <= ALIKE * one;
        alike(self.low, other.low) && alike(self.high, other.high)
    }
}

impl Current {
    const fn new(hit: Hit) -> Self {
        Self { digit: hit.digit, last: hit, alike: 1, blocks: 1, missed: 0 }
    }

    const fn heard(self) -> (Digit, Millis) {
        (self.digit, Millis(self.blocks * BLOCK as u64 / SAMPLES_PER_MILLI))
    }
}

/// A pitch and how strong it is in a block.
#[derive(Clone, Copy, Debug)]
struct Heard {
    pitch: Pitch,
    power: u64,
}

impl Heard {
    /// The same at the tuning where it is strongest.
    fn finely(self, block: &[i16]) -> Self {
        let beside = self.pitch.beside.map(|bin| bin.power(block));
        Self { power: beside.into_iter().fold(self.power, u64::max), ..self }
    }

    fn has_overtone(self, block: &[i16]) -> bool {
        OVERTONE_PART * self.pitch.overtone.power(block) > self.power
    }
}

/// The pitch of a group that stands above its others, and which it is.
fn strongest(group: &[Pitch; 4], block: &[i16]) -> Option<(usize, Heard)> {
    let powers = goertzel::four_powers(group.each_ref().map(|pitch| pitch.tone), block);
    let (which, best) = powers.into_iter().enumerate().max_by_key(|(_, power)| *power)?;
    let stands_out = powers
        .iter()
        .enumerate()
        .all(|(other, power)| other == which || best >= ABOVE_OTHERS * power);
    let heard = Heard { pitch: *group.get(which)?, power: best };
    (stands_out && best > 0).then_some((which, heard))
}

const _: () = assert!(SHARE_MIN < WHOLE, "a share is a part of the whole");

#[cfg(test)]
mod tests;
