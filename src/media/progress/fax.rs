//! Faxes, by the tones they call and answer with.
//!
//! In: runs of one pitch. Out: the answering tone while it sounds, once it is longer than any
//! beep, and whether a run may be a calling tone, which `beep` tells from beeps.
//! Invariant: the answering tone is told once.
//! It deliberately does not wait for the calling tone to come again, 3 s later.
//! Source: ITU-T T.30 §4.3.3.2 (calling tone: 1100 Hz ± 38 for 0.5 s ± 15 %), §4.3.3.1 (answering
//! tone: 2100 Hz ± 15 for 2.6 to 4 s); V.8 §3.2 (the same with 15 Hz on its strength and turns of
//! phase).

use super::Progress;
use super::run::{Run, Step};

const CALLING_HZ: std::ops::RangeInclusive<u32> = 1_057..=1_143;
/// 425 to 575 ms, and a frame at each edge.
const CALLING_FRAMES: std::ops::RangeInclusive<u64> = 20..=30;
const ANSWER_HZ: std::ops::RangeInclusive<u32> = 2_075..=2_125;
/// Longer than any beep.
const ANSWER_FRAMES: u64 = 80;

/// Follows the tones of faxes.
#[derive(Clone, Debug, Default)]
pub(super) struct Fax {
    is_answer_reported: bool,
}

impl Fax {
    pub(super) fn push(&mut self, step: &Step) -> Option<Progress> {
        let answers = |run: &Run| {
            run.frames >= ANSWER_FRAMES && ANSWER_HZ.contains(&run.hz()) && run.is_pure()
        };
        if self.is_answer_reported || !step.going.as_ref().is_some_and(answers) {
            return None;
        }
        self.is_answer_reported = true;
        Some(Progress::FaxAnswer)
    }
}

/// Whether a run may be a fax's calling tone.
pub(super) fn is_calling(run: &Run) -> bool {
    CALLING_HZ.contains(&run.hz()) && CALLING_FRAMES.contains(&run.frames) && run.is_pure()
}
