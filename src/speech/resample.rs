//! Sample rate conversion for speech: a windowed-sinc low-pass evaluated where it is needed.
//!
//! In: samples at any rate. Out: samples at 8 kHz, with what lies above 4 kHz removed before it
//! could fold back. Made for whole prompts, not for streams.

use std::f64::consts::PI;

use crate::media::{Clip, SAMPLE_RATE};

/// Zero crossings of the sinc on each side; 24 give a transition of about 500 Hz.
const CROSSINGS: f64 = 24.0;
/// Cut-off as a share of the lower Nyquist frequency: the transition ends before it.
const CUTOFF: f64 = 0.92;
/// Below this share of the peak nothing is heard.
const SILENCE: f32 = 0.01;
/// Kept before the first sound: 40 ms. Units: samples at 8 kHz.
const LEAD: usize = 320;
/// Kept after the last sound: 120 ms. Units: samples at 8 kHz.
const TAIL: usize = 960;
/// The level of the loudest sample: about 4 dB below full scale.
const PEAK: f32 = 0.63;

/// Converts to 8 kHz. Amplitudes keep their scale; `rate` 0 gives nothing.
pub fn resample(samples: &[f32], rate: u32) -> Vec<f32> {
    if rate == 0 || samples.is_empty() {
        return Vec::new();
    }
    if rate == SAMPLE_RATE {
        return samples.to_vec();
    }
    let step = f64::from(rate) / f64::from(SAMPLE_RATE);
    // Cycles a source sample.
    let cutoff = 0.5 * CUTOFF * (1.0 / step).min(1.0);
    let half_width = CROSSINGS / (2.0 * cutoff);
    let count = (samples.len() as f64 / step).ceil() as usize;
    (0..count).map(|index| at(samples, index as f64 * step, cutoff, half_width)).collect()
}

/// The filtered signal at a place between source samples.
fn at(samples: &[f32], centre: f64, cutoff: f64, half_width: f64) -> f32 {
    let first = (centre - half_width).ceil().max(0.0) as usize;
    let last = ((centre + half_width).floor() as usize).min(samples.len().saturating_sub(1));
    let mut sum = 0.0;
    let mut weight = 0.0;
    for (place, sample) in samples.iter().enumerate().take(last + 1).skip(first) {
        let distance = place as f64 - centre;
        let tap = sinc(2.0 * cutoff * distance) * window(distance / half_width);
        sum += tap * f64::from(*sample);
        weight += tap;
    }
    // Near the ends part of the filter hangs over; the ideal gain is 1 / (2 × cut-off).
    let gain = weight.max(0.5 / (2.0 * cutoff));
    (sum / gain) as f32
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Blackman: stop band below -70 dB.
fn window(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { 0.42 + 0.5 * (PI * x).cos() + 0.08 * (2.0 * PI * x).cos() }
}

/// To 16-bit samples; what is too loud is cut off.
fn to_clip(samples: &[f32]) -> Clip {
    let whole = |sample: &f32| (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
    Clip::new(samples.iter().map(whole).collect::<Vec<_>>())
}

/// Makes an engine's output a prompt: 8 kHz, little silence around it, an even level.
pub(super) fn finish(samples: &[f32], rate: u32) -> Clip {
    let samples = resample(samples, rate);
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak < 1e-4 {
        return to_clip(&samples);
    }
    let loud = |sample: &f32| sample.abs() > peak * SILENCE;
    let first = samples.iter().position(loud).unwrap_or(0).saturating_sub(LEAD);
    let last = samples.iter().rposition(loud).unwrap_or(0).saturating_add(TAIL);
    let kept = samples.get(first..last.min(samples.len())).unwrap_or(&samples);
    let scaled: Vec<f32> = kept.iter().map(|sample| sample * PEAK / peak).collect();
    to_clip(&scaled)
}
