use super::*;
use crate::base::Rng;
use crate::media::{Clip, Codec, FRAME_SAMPLES, SILENCE};

/// Two pitches at once, of these amplitudes.
fn pair(low: f64, high: f64, length: Millis, amplitudes: (i16, i16)) -> Vec<i16> {
    let count = length.0 as usize * 8;
    let wave = |hz: f64, amplitude: i16, number: usize| {
        f64::from(amplitude) * (std::f64::consts::TAU * hz * number as f64 / 8_000.0).sin()
    };
    (0..count)
        .map(|number| (wave(low, amplitudes.0, number) + wave(high, amplitudes.1, number)) as i16)
        .collect()
}

/// A key's tone, mistuned by this factor.
fn key_tone(key: char, length: Millis, amplitudes: (i16, i16), tuning: f64) -> Vec<i16> {
    let place = KEYS.iter().flatten().position(|known| *known == key).expect("a key");
    let (low, high) = (f64::from(LOW[place / 4]), f64::from(HIGH[place % 4]));
    pair(low * tuning, high * tuning, length, amplitudes)
}

fn key(key: char, length: u64) -> Vec<i16> {
    key_tone(key, Millis(length), (6_000, 7_000), 1.0)
}

fn pause(length: u64) -> Vec<i16> {
    vec![0; length as usize * 8]
}

/// What is heard through a codec, with the tones lying so many samples into a frame.
fn hear_at(offset: usize, parts: &[Vec<i16>]) -> Vec<(char, u64)> {
    let mut samples = vec![0; offset];
    samples.extend(parts.concat());
    samples.extend([0; 5 * FRAME_SAMPLES]);
    let mut detector = DualToneDetector::default();
    let mut heard = Vec::new();
    for chunk in samples.chunks_exact(FRAME_SAMPLES) {
        let decoded: Vec<i16> = Codec::Pcmu.decode(&Codec::Pcmu.encode(chunk)).collect();
        heard.extend(detector.push(&decoded.try_into().expect("a frame")));
    }
    assert!(!detector.is_open());
    heard.into_iter().map(|(digit, length)| (digit.as_char(), length.0)).collect()
}

fn keys_at(offset: usize, parts: &[Vec<i16>]) -> String {
    hear_at(offset, parts).into_iter().map(|(key, _)| key).collect()
}

/// The same wherever the tones begin.
fn check(parts: &[Vec<i16>], wanted: &str) {
    for offset in (0..320).step_by(7) {
        assert_eq!(keys_at(offset, parts), wanted, "offset {offset}");
    }
}

#[test]
fn every_key_is_heard_with_the_times_of_the_standard() {
    for wanted in KEYS.into_iter().flatten() {
        check(&[key(wanted, 40), pause(40), key(wanted, 40)], &format!("{wanted}{wanted}"));
        let heard = hear_at(33, &[key(wanted, 200)]);
        assert!(matches!(heard[..], [(found, 170..=220)] if found == wanted), "{heard:?}");
    }
}

#[test]
fn a_short_tone_is_none_and_a_short_break_does_not_part_one() {
    check(&[key('5', 20)], "");
    check(&[key('5', 60), pause(10), key('5', 60)], "5");
    check(&[key('1', 80), key('2', 80)], "12");
}

#[test]
fn levels_and_twist_are_as_the_standard_allows() {
    let with = |low, high| [key_tone('8', Millis(80), (low, high), 1.0)];
    // −25 dBm0 for each pitch; 0 dBm0 has peaks of about 22,300.
    check(&with(1_254, 1_254), "8");
    // The low one 7 dB stronger, the high one 3 dB stronger.
    check(&with(8_954, 4_000), "8");
    check(&with(4_000, 5_650), "8");
    // 10 dB and 7 dB are too much, and −55 dBm0 is too soft.
    check(&with(12_650, 4_000), "");
    check(&with(4_000, 8_954), "");
    check(&with(40, 40), "");
}

#[test]
fn pitches_may_be_off_by_a_hundredth_and_a_half_but_not_by_much_more() {
    for wanted in KEYS.into_iter().flatten() {
        for tuning in [0.985, 1.015] {
            let tone = [key_tone(wanted, Millis(80), (6_000, 6_000), tuning)];
            check(&tone, &wanted.to_string());
        }
    }
    // Between two rows.
    check(&[pair(733.0, 1_209.0, Millis(200), (6_000, 6_000))], "");
    check(&[pair(697.0, 1_272.0, Millis(200), (6_000, 6_000))], "");
}

#[test]
fn single_pitches_dial_tones_and_overtones_are_no_keys() {
    check(&[pair(697.0, 1_209.0, Millis(200), (6_000, 0))], "");
    check(&[pair(350.0, 440.0, Millis(400), (6_000, 6_000))], "");
    check(&[pair(480.0, 620.0, Millis(400), (6_000, 6_000))], "");
    let overtones = pair(1_540.0, 2_672.0, Millis(200), (4_000, 4_000));
    let voice: Vec<i16> =
        key('5', 200).into_iter().zip(overtones).map(|(one, other)| one + other).collect();
    check(&[voice], "");
}

#[test]
fn a_key_in_noise_is_heard() {
    let mut rng = Rng::from_seed(4);
    let mut samples = [pause(60), key('7', 80), pause(60)].concat();
    for sample in &mut samples {
        // 15 dB below the tone.
        *sample += i16::try_from(rng.below(3_600)).expect("small") - 1_800;
    }
    assert_eq!(keys_at(0, &[samples]), "7");
}

#[test]
fn a_forgotten_tone_is_not_reported() {
    let mut detector = DualToneDetector::default();
    for chunk in key('3', 100).chunks_exact(FRAME_SAMPLES) {
        detector.push(chunk.try_into().expect("a frame"));
    }
    assert!(detector.is_sounding());
    detector.forget();
    assert!((0..5).all(|_| detector.push(&SILENCE).is_none()));
}

#[test]
fn recorded_speech_has_no_digits() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prompts");
    let mut seconds = 0;
    for entry in std::fs::read_dir(folder).expect("the prompts") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "ulaw") {
            continue;
        }
        let clip = Clip::from_ulaw(&std::fs::read(&path).expect("a prompt"));
        // Louder and softer, as telephones have it.
        for (up, down) in [(1, 1), (1, 4), (2, 1)] {
            let samples = clip.samples().iter().map(|sample| (sample / down).saturating_mul(up));
            assert_eq!(keys_at(0, &[samples.collect()]), "", "{}", path.display());
        }
        seconds += clip.duration().0 / 1_000;
    }
    assert!(seconds > 100, "{seconds} s of speech is no test");
}
