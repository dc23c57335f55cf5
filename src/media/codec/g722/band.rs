//! One band: what is predicted of it, how wide steps are, and the codes of steps.
//! Source: ITU-T G.722, clauses 3.2 to 3.6, 5.1 and 6.2.

use super::saturate;
use super::tables::{
    HIGH_WIDEN, LOW_DOWN, LOW_LEVELS, LOW_UP, LOW_WIDEN, STEP_2, STEP_4, STEP_6, WIDTHS, at,
};

/// Level between a small and a large step of the high band.
const HIGH_LEVEL: i32 = 564;
/// Largest logarithms of the width of steps.
const LOW_LOG_MAX: i32 = 18_432;
const HIGH_LOG_MAX: i32 = 22_528;

/// State of one band, on either side of the line.
#[derive(Clone, Debug)]
pub(super) struct Band {
    /// What is predicted of the next sample.
    predicted: i32,
    /// Its part from the zeros.
    from_zeros: i32,
    /// The last two reconstructed samples, newest first.
    reconstructed: [i32; 2],
    /// The last two partly reconstructed samples, newest first.
    partial: [i32; 2],
    /// Coefficients of the poles.
    poles: [i32; 2],
    /// Coefficients of the zeros.
    zeros: [i32; 6],
    /// The last six steps, newest first.
    steps: [i32; 6],
    /// Logarithm of the width of steps.
    log_width: i32,
    /// Width of steps.
    width: i32,
}

impl Band {
    pub(super) const fn low() -> Self {
        Self::with_width(32)
    }

    pub(super) const fn high() -> Self {
        Self::with_width(8)
    }

    const fn with_width(width: i32) -> Self {
        Self {
            predicted: 0,
            from_zeros: 0,
            reconstructed: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            zeros: [0; 6],
            steps: [0; 6],
            log_width: 0,
            width,
        }
    }

    /// The six bits of the low band's next sample.
    pub(super) fn encode_low(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predicted);
        let size = if error < 0 { -(error + 1) } else { error };
        let passed = LOW_LEVELS.partition_point(|level| size >= (level * self.width) >> 12);
        let code = if error < 0 { at(&LOW_DOWN, passed) } else { at(&LOW_UP, passed) };
        self.follow_low(code);
        code
    }

    /// The low band's next sample.
    pub(super) fn decode_low(&mut self, code: u8) -> i32 {
        let step = (self.width * at(&STEP_6, usize::from(code))) >> 15;
        let sample = (self.predicted + step).clamp(-16_384, 16_383);
        self.follow_low(code);
        sample
    }

    /// Only the upper four bits of a code lead the prediction.
    fn follow_low(&mut self, code: u8) {
        let rough = usize::from(code >> 2);
        let step = (self.width * at(&STEP_4, rough)) >> 15;
        self.widen(at(&LOW_WIDEN, rough), LOW_LOG_MAX, 8);
        self.predict(step);
    }

    /// The two bits of the high band's next sample.
    pub(super) fn encode_high(&mut self, sample: i32) -> u8 {
        let error = saturate(sample - self.predicted);
        let size = if error < 0 { -(error + 1) } else { error };
        let is_large = size >= (HIGH_LEVEL * self.width) >> 12;
        let code = match (error < 0, is_large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.decode_high(code);
        code
    }

    /// The high band's next sample.
    pub(super) fn decode_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code);
        let step = (self.width * at(&STEP_2, code)) >> 15;
        let sample = (self.predicted + step).clamp(-16_384, 16_383);
        self.widen(at(&HIGH_WIDEN, code), HIGH_LOG_MAX, 10);
        self.predict(step);
        sample
    }

    /// LOGSCL and SCALEL, or LOGSCH and SCALEH.
    fn widen(&mut self, by: i32, most: i32, shift: i32) {
        self.log_width = (((self.log_width * 127) >> 7) + by).clamp(0, most);
        let fraction = at(&WIDTHS, ((self.log_width >> 6) & 31) as usize);
        let shift = shift - (self.log_width >> 11);
        let width = if shift < 0 { fraction << -shift } else { fraction >> shift };
        self.width = width << 2;
    }

    /// Block 4: takes a step and predicts the next sample.
    fn predict(&mut self, step: i32) {
        let reconstructed = saturate(self.predicted + step);
        let partial = saturate(self.from_zeros + step);
        self.move_poles(partial);
        self.move_zeros(step);

        let [a, b, c, d, e, _] = self.steps;
        self.steps = [step, a, b, c, d, e];
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];

        let weigh = |(weight, value): (&i32, &i32)| (weight * saturate(value + value)) >> 15;
        let from_poles = saturate(self.poles.iter().zip(&self.reconstructed).map(weigh).sum());
        self.from_zeros = saturate(self.zeros.iter().zip(&self.steps).map(weigh).sum());
        self.predicted = saturate(from_poles + self.from_zeros);
    }

    /// UPPOL2 and UPPOL1.
    fn move_poles(&mut self, partial: i32) {
        let [newer, older] = self.poles;
        let [is_down, was_down, had_been_down] =
            [partial, self.partial[0], self.partial[1]].map(|value| value < 0);
        let four = saturate(newer << 2);
        let turned = if is_down == was_down { saturate(-four) } else { four };
        let push = if is_down == had_been_down { 128 } else { -128 };
        let second = (push + (turned >> 7) + ((older * 32_512) >> 15)).clamp(-12_288, 12_288);

        let push = if is_down == was_down { 192 } else { -192 };
        let most = saturate(15_360 - second);
        let first = saturate(push + ((newer * 32_640) >> 15)).clamp(-most, most);
        self.poles = [first, second];
    }

    /// UPZERO.
    fn move_zeros(&mut self, step: i32) {
        let push = if step == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(&self.steps) {
            let push = if (*before < 0) == (step < 0) { push } else { -push };
            *zero = saturate(push + ((*zero * 32_640) >> 15));
        }
    }
}
