//! The beep after a greeting: one steady pitch for a moment.
//!
//! In: runs of one pitch. Out: the beep, 100 ms after its end is known.
//! Invariants: another pitch right after it makes it part of a melody, or of the tones before an
//! announcement, and no beep; a low one with no speech before it is left to the network's
//! rhythms; what may be a fax's calling tone is that where nobody has spoken before.
//! It deliberately does not ask who beeps: a kettle can, so whoever listens asks when.
//! Sources: none binds voicemail; pitches and lengths follow what products do, 400 to 2100 Hz and
//! 150 to 1500 ms.

use super::run::{Run, Step};
use super::{Progress, fax};
use crate::base::Millis;
use crate::media::FRAME_MILLIS;

const HZ: std::ops::RangeInclusive<u32> = 390..=2_115;
/// 150 to 1500 ms, where the first frame and the last may be part of it only.
const FRAMES: std::ops::RangeInclusive<u64> = 7..=76;
/// Below this pitch it may be the network's.
const LOW_HZ: u32 = 650;
/// Frames after it in which no other pitch may sound.
const ALONE: u64 = 5;
/// Frames of another pitch that make a melody.
const MELODY: u64 = 3;

/// Waits for beeps to have been one.
#[derive(Clone, Debug, Default)]
pub(super) struct Beeps {
    waiting: Option<(Run, u64)>,
    /// Frames since a pitch ended, where one did.
    since: Option<u64>,
}

impl Beeps {
    /// True while one waits to have been one.
    pub(super) const fn is_open(&self) -> bool {
        self.waiting.is_some()
    }

    pub(super) fn push(&mut self, step: &Step, has_spoken: bool) -> Option<Progress> {
        self.since = self.since.map(|since| since + 1);
        let is_pitch = |run: &Run| run.frames >= MELODY;
        if let Some(run) = step.ended.filter(is_pitch) {
            let length = run.frames + run.gap;
            let follows = self.since.is_some_and(|since| since < length + ALONE);
            self.since = Some(run.gap);
            let is_beep = !follows && is_beep(&run, has_spoken);
            self.waiting = is_beep.then_some((run, run.gap));
            return None;
        }
        let (run, waited) = self.waiting.as_mut()?;
        *waited += 1;
        let (run, waited) = (*run, *waited);
        let is_melody = step.going.as_ref().is_some_and(is_pitch);
        if !is_melody && waited < ALONE {
            return None;
        }
        self.waiting = None;
        let duration = Millis(run.frames * FRAME_MILLIS);
        (!is_melody).then(|| {
            if !has_spoken && fax::is_calling(&run) {
                return Progress::FaxCalling;
            }
            Progress::Beep { hz: run.hz(), duration }
        })
    }
}

fn is_beep(run: &Run, has_spoken: bool) -> bool {
    let is_clear = has_spoken || run.hz() >= LOW_HZ;
    is_clear && HZ.contains(&run.hz()) && FRAMES.contains(&run.frames) && run.is_pure()
}
