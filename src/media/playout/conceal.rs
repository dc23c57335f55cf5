//! Hides what is missing: the last frame again, softer each time.
//!
//! In: frames heard. Out: frames in place of missing ones. Invariants: after 60 ms there is
//! silence; a frame after a loss sets in without a click.
//! Deliberately absent: finding the pitch, which would sound better in long vowels.
//! Source: ITU-T G.711 appendix I.2.7 (fading out over 60 ms, the first 10 of them in full).

use crate::media::{FRAME_SAMPLES, Frame, SILENCE};

/// Samples in which all is faded: 60 ms.
const FADED: i32 = 480;
/// Samples before that begins: 10 ms.
const FULL: i32 = 80;
/// Samples in which a frame after a loss sets in: 5 ms.
const ONSET: i32 = 40;

/// The last frame, and how long it has stood in.
#[derive(Clone, Debug)]
pub(super) struct Concealment {
    last: Frame,
    run: u32,
}

impl Default for Concealment {
    fn default() -> Self {
        Self { last: SILENCE, run: 0 }
    }
}

impl Concealment {
    /// A frame was heard; it is smoothed where it follows a loss.
    pub(super) fn heard(&mut self, heard: &Frame, frame: &mut Frame) {
        if self.run > 0 {
            for (at, sample) in frame.iter_mut().take(ONSET as usize).enumerate() {
                *sample = scaled(*sample, at as i32, ONSET);
            }
        }
        self.last = *heard;
        self.run = 0;
    }

    /// Makes up a frame; gives back how many came before it in a row.
    pub(super) fn conceal(&mut self, frame: &mut Frame) -> u32 {
        let before = self.run;
        self.run += 1;
        let start = before.saturating_mul(FRAME_SAMPLES as u32);
        let start = i32::try_from(start).unwrap_or(FADED).min(FADED);
        for ((at, place), sample) in frame.iter_mut().enumerate().zip(&self.last) {
            let left = (FADED - start - at as i32).clamp(0, FADED - FULL);
            *place = scaled(*sample, left, FADED - FULL);
        }
        before
    }
}

fn scaled(sample: i16, part: i32, whole: i32) -> i16 {
    (i32::from(sample) * part / whole) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_fades_out_in_60_ms() {
        let mut concealment = Concealment::default();
        let mut frame = [1_000; FRAME_SAMPLES];
        concealment.heard(&[1_000; FRAME_SAMPLES], &mut frame);
        assert_eq!(frame, [1_000; FRAME_SAMPLES], "no loss before: as it came");
        let mut before = 1_000;
        for run in 0..3 {
            assert_eq!(concealment.conceal(&mut frame), run);
            assert!(frame.iter().all(|sample| *sample <= before));
            before = frame[FRAME_SAMPLES - 1];
        }
        assert_eq!(concealment.conceal(&mut frame), 3);
        assert_eq!(frame, SILENCE);
        for _ in 0..100 {
            concealment.conceal(&mut frame);
        }
        assert_eq!(frame, SILENCE);
        // The next frame sets in softly and is whole after 5 ms.
        let mut frame = [1_000; FRAME_SAMPLES];
        concealment.heard(&[1_000; FRAME_SAMPLES], &mut frame);
        assert_eq!((frame[0], frame[20], frame[40]), (0, 500, 1_000));
    }
}
