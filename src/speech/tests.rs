use std::f64::consts::TAU;

use super::people::{BEEP_HZ, Line};
use super::*;
use crate::conversation::Language;
use crate::media::SAMPLE_RATE;

fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<f32> {
    let count = (f64::from(rate) * seconds) as u32;
    (0..count).map(|at| (f64::from(at) * hz * TAU / f64::from(rate)).sin() as f32).collect()
}

/// Amplitude of one frequency in 8 kHz samples, the ends left aside.
fn amplitude(samples: &[f32], hz: f64) -> f64 {
    let inner = &samples[400..samples.len() - 400];
    let (mut sine, mut cosine) = (0.0, 0.0);
    for (at, sample) in inner.iter().enumerate() {
        let angle = at as f64 * hz * TAU / f64::from(SAMPLE_RATE);
        sine += f64::from(*sample) * angle.sin();
        cosine += f64::from(*sample) * angle.cos();
    }
    2.0 * sine.hypot(cosine) / inner.len() as f64
}

fn loudness(samples: &[f32]) -> f64 {
    let inner = &samples[400..samples.len() - 400];
    let power: f64 = inner.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (power / inner.len() as f64).sqrt()
}

#[test]
fn a_tone_keeps_its_frequency_and_level() {
    for rate in [16_000, 22_050, 24_000, 44_100] {
        for hz in [300.0, 1_000.0, 3_200.0] {
            let out = resample(&tone(hz, rate, 1.0), rate);
            assert_eq!(out.len(), 8_000, "{rate}");
            let level = amplitude(&out, hz);
            assert!((0.97..=1.03).contains(&level), "{hz} Hz from {rate} Hz: {level}");
        }
    }
}

#[test]
fn nothing_above_the_limit_folds_back() {
    for rate in [16_000, 22_050, 24_000] {
        for hz in [4_200.0, 5_000.0, 6_500.0, 7_900.0] {
            let level = loudness(&resample(&tone(hz, rate, 1.0), rate));
            assert!(level < 0.003, "{hz} Hz from {rate} Hz: {level}");
        }
    }
}

#[test]
fn resampling_takes_anything() {
    assert!(resample(&[], 24_000).is_empty());
    assert!(resample(&[1.0], 0).is_empty());
    assert_eq!(resample(&[0.5, 0.25], SAMPLE_RATE), [0.5, 0.25]);
    assert_eq!(resample(&[0.5], 24_000).len(), 1);
}

#[test]
fn a_program_that_is_not_there_is_named_with_its_remedy() {
    let engine = EspeakNg::at("/nowhere/espeak-ng");
    let request = PromptRequest::new(Language::En, "", "Hello.");
    let error = engine.synthesise(&request).unwrap_err();
    assert!(matches!(error, SynthesisError::Missing { .. }));
    assert_eq!(error.to_string(), "espeak-ng is not installed: apt-get install espeak-ng");
}

#[test]
fn a_program_that_fails_or_prints_something_else_is_reported() {
    let request = PromptRequest::new(Language::En, "", "Hello.");
    let error = EspeakNg::at("false").synthesise(&request).unwrap_err();
    assert!(matches!(error, SynthesisError::Failed { .. }), "{error}");
    let error = EspeakNg::at("echo").synthesise(&request).unwrap_err();
    assert!(error.to_string().contains("espeak-ng failed"), "{error}");
    assert!(matches!(
        EspeakNg::default().synthesise(&PromptRequest { text: "  ".to_owned(), ..request }),
        Err(SynthesisError::Empty)
    ));
}

#[test]
fn every_persons_clip_is_there_and_heard() {
    for &language in Language::ALL {
        for &line in Line::ALL {
            let clip = people::clip(language, line);
            let samples = clip.samples();
            let seconds = samples.len() as f64 / f64::from(SAMPLE_RATE);
            assert!((0.3..8.0).contains(&seconds), "{language} {}: {seconds} s", line.name());
            let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!(peak > 8_000, "{language} {}: {peak}", line.name());
        }
    }
}

#[test]
fn a_voicemail_ends_with_its_beep() {
    for &language in Language::ALL {
        let clip = people::clip(language, Line::Voicemail);
        let samples = clip.samples();
        let beep: Vec<f32> =
            samples[samples.len() - 3_200..].iter().map(|&sample| f32::from(sample)).collect();
        assert!(amplitude(&beep, f64::from(BEEP_HZ)) > 9_000.0);
    }
}
