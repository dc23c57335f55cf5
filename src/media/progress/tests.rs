use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::media::{Clip, Codec, FRAME_SAMPLES, SAMPLES_PER_MILLI};

/// One stretch of sound: pitches at once, and milliseconds.
type Part<'a> = (&'a [f64], u64);

fn sound(parts: &[Part]) -> Vec<i16> {
    let mut samples = Vec::new();
    for (pitches, length) in parts {
        let amplitude = 9_000.0 / pitches.len().max(1) as f64;
        samples.extend((0..length * SAMPLES_PER_MILLI).map(|number| {
            let turns = number as f64 / 8_000.0;
            let wave = |hz: &f64| amplitude * (std::f64::consts::TAU * hz * turns).sin();
            pitches.iter().map(wave).sum::<f64>() as i16
        }));
    }
    samples
}

/// What is heard, and the millisecond in which it is.
fn hear_with(detector: &mut ProgressDetector, samples: &[i16]) -> Vec<(Progress, u64)> {
    let mut heard = Vec::new();
    let padded: Vec<i16> = samples.iter().copied().chain([0; 20 * FRAME_SAMPLES]).collect();
    for (number, chunk) in padded.chunks_exact(FRAME_SAMPLES).enumerate() {
        let decoded: Vec<i16> = Codec::Pcma.decode(&Codec::Pcma.encode(chunk)).collect();
        let progress = detector.push(&decoded.try_into().expect("a frame"));
        heard.extend(progress.map(|progress| (progress, (number as u64 + 1) * 20)));
    }
    heard
}

fn hear(samples: &[i16]) -> Vec<(Progress, u64)> {
    hear_with(&mut ProgressDetector::default(), samples)
}

/// The same at any offset from the frames and with the line's noise under it.
fn check(parts: &[Part], wanted: &[Progress], by: u64) {
    let mut rng = Rng::from_seed(9);
    for offset in [0, 53, 106, 155] {
        for noise in [0, 100] {
            let mut samples = vec![0_i16; offset + 2_400];
            samples.extend(sound(parts));
            for sample in &mut samples {
                *sample += i16::try_from(rng.below(2 * noise + 1)).expect("small") - noise as i16;
            }
            let heard = hear(&samples);
            let found: Vec<Progress> = heard.iter().map(|(progress, _)| *progress).collect();
            assert_eq!(found, wanted, "offset {offset}, noise {noise}: {parts:?}");
            let first = heard.first().map_or(0, |(_, at)| *at);
            assert!(first <= by + 320, "{first} ms is late: {parts:?}");
        }
    }
}

fn repeat<'a>(turn: &[Part<'a>], times: usize) -> Vec<Part<'a>> {
    turn.repeat(times)
}

#[test]
fn ring_back_is_heard_in_its_first_stroke() {
    for (pitches, tone, pause) in [
        (&[440.0, 480.0][..], 2_000, 4_000),
        (&[450.0], 1_000, 4_000),
        (&[425.0], 1_000, 4_000),
        (&[400.0], 1_000, 2_000),
        (&[440.0], 1_500, 3_500),
        (&[425.0], 1_000, 3_000),
    ] {
        let turns = repeat(&[(pitches, tone), (&[], pause)], 2);
        check(&turns, &[Progress::Ringback], 900);
    }
    let british = [(&[400.0, 450.0][..], 400), (&[], 200), (&[400.0, 450.0], 400), (&[], 2_000)];
    check(&repeat(&british, 2), &[Progress::Ringback], 1_000);
}

#[test]
fn busy_and_congestion_are_told_apart_by_their_turns() {
    use Progress::{Busy, Congestion};
    for (pitches, tone, pause, wanted) in [
        (&[480.0, 620.0][..], 500, 500, Busy),
        (&[425.0], 480, 480, Busy),
        (&[450.0], 350, 350, Busy),
        (&[400.0], 375, 375, Busy),
        (&[425.0], 500, 500, Busy),
        (&[480.0, 620.0], 250, 250, Congestion),
        (&[425.0], 240, 240, Congestion),
        (&[425.0], 200, 200, Congestion),
        (&[450.0], 700, 700, Congestion),
    ] {
        let turns = repeat(&[(pitches, tone), (&[], pause)], 5);
        check(&turns, &[wanted], 2 * (tone + pause) + 200);
    }
    let british = [(&[400.0][..], 400), (&[], 350), (&[400.0], 225), (&[], 525)];
    check(&repeat(&british, 3), &[Congestion], 1_700);
}

#[test]
fn the_three_tones_tell_their_kind() {
    for (first, second, lengths, kind) in [
        (913.8, 1_370.6, [274, 274, 380], SitKind::Intercept),
        (985.2, 1_370.6, [380, 274, 380], SitKind::VacantCode),
        (913.8, 1_428.5, [274, 380, 380], SitKind::Reorder),
        (985.2, 1_428.5, [380, 380, 380], SitKind::NoCircuit),
        (950.0, 1_400.0, [330, 330, 330], SitKind::Unspecified),
    ] {
        let pitches = [[first], [second], [1_776.7]];
        let parts: Vec<Part> =
            pitches.iter().zip(lengths).map(|(pitch, length)| (&pitch[..], length)).collect();
        check(&parts, &[Progress::Sit(kind)], 1_100);
    }
    let gaps: [Part; 5] =
        [(&[950.0], 330), (&[], 30), (&[1_400.0], 330), (&[], 30), (&[1_800.0], 330)];
    check(&gaps, &[Progress::Sit(SitKind::Unspecified)], 1_100);
    // Down instead of up, and one missing.
    check(&[(&[1_800.0], 330), (&[1_400.0], 330), (&[950.0], 330)], &[], 0);
    check(&[(&[950.0], 330), (&[1_800.0], 330)], &[], 0);
}

#[test]
fn faxes_call_and_answer() {
    check(&[(&[1_100.0], 500), (&[], 3_000)], &[Progress::FaxCalling], 700);
    check(&repeat(&[(&[1_100.0], 500), (&[], 3_000)], 2), &[Progress::FaxCalling; 2], 700);
    check(&[(&[2_100.0], 3_000)], &[Progress::FaxAnswer], 1_700);
    // An answering tone of V.8: 15 Hz on its strength, its phase turned every 450 ms.
    let mut samples = Vec::new();
    for turn in 0..6 {
        let sign = if turn % 2 == 0 { 1.0 } else { -1.0 };
        samples.extend((0..3_600).map(|number| {
            let time = f64::from(number) / 8_000.0 * std::f64::consts::TAU;
            let strength = 6_000.0 * (1.0 + 0.2 * (15.0 * time).sin());
            (sign * strength * (2_100.0 * time).sin()) as i16
        }));
    }
    let heard = hear(&samples);
    assert!(matches!(heard[..], [(Progress::FaxAnswer, ..1_800)]), "{heard:?}");
}

/// Sound that is no tone, as speech is none.
fn murmur(length: Millis) -> Vec<i16> {
    let mut rng = Rng::from_seed(2);
    (0..length.0 * SAMPLES_PER_MILLI)
        .map(|_| i16::try_from(rng.below(12_000)).expect("small") - 6_000)
        .collect()
}

#[test]
fn a_beep_after_speech_may_have_any_pitch() {
    for (hz, length) in [
        (425, 400),
        (440, 1_000),
        (800, 150),
        (1_000, 400),
        (1_100, 500),
        (1_403, 1_500),
        (2_050, 250),
    ] {
        let samples = [
            murmur(Millis(1_010)),
            vec![0; 1_700],
            Clip::tone(hz, Millis(length), 5_000).samples().to_vec(),
        ]
        .concat();
        let heard = hear(&samples);
        let beeps: Vec<(u32, u64)> = heard
            .iter()
            .filter_map(|(progress, _)| match progress {
                Progress::Beep { hz, duration } => Some((*hz, duration.0)),
                _ => None,
            })
            .collect();
        let [(found, duration)] = beeps[..] else { panic!("{hz} Hz, {length} ms: {heard:?}") };
        assert!(found.abs_diff(hz) <= 8, "{found} for {hz}");
        assert!(duration.abs_diff(length) <= 40, "{duration} for {length}");
    }
}

#[test]
fn short_soft_long_and_noisy_tones_and_melodies_are_no_beep() {
    check(&[(&[1_000.0], 90)], &[], 0);
    check(&[(&[1_000.0], 1_700)], &[], 0);
    check(&[(&[300.0], 400)], &[], 0);
    check(&[(&[1_000.0, 1_300.0], 400)], &[], 0);
    check(&[(&[700.0], 300), (&[900.0], 300), (&[1_100.0], 500)], &[], 0);
    assert_eq!(hear(Clip::tone(1_000, Millis(400), 40).samples()), []);
    assert_eq!(hear(&murmur(Millis(3_000))), []);
    // A whistle that slides.
    let slide = (0..4_000).map(|number| {
        let time = f64::from(number) / 8_000.0;
        (6_000.0 * (std::f64::consts::TAU * (900.0 + 200.0 * time) * time).sin()) as i16
    });
    assert_eq!(hear(&slide.collect::<Vec<i16>>()), []);
}

#[test]
fn a_beep_with_a_lost_packet_in_it_is_one() {
    let mut samples = murmur(Millis(600));
    samples.extend([0; 2_470]);
    samples.extend(Clip::tone(1_000, Millis(500), 8_000).samples());
    samples[4_800 + 2_470 + 1_600..][..160].fill(0);
    let heard = hear(&samples);
    let [(Progress::Beep { hz, duration }, _)] = heard[..] else { panic!("{heard:?}") };
    assert!(hz.abs_diff(1_000) < 8 && duration.0.abs_diff(500) <= 40, "{heard:?}");
}

#[test]
fn a_tone_is_known_before_speech_would_be() {
    for pitches in [&[450.0][..], &[1_000.0], &[440.0, 480.0]] {
        let mut detector = ProgressDetector::default();
        let samples = sound(&[(pitches, 400)]);
        let sounding: Vec<bool> = samples
            .as_chunks::<FRAME_SAMPLES>()
            .0
            .iter()
            .map(|frame| {
                detector.push(frame);
                detector.is_sounding()
            })
            .collect();
        let first = sounding.iter().position(|is| *is).expect("it sounds");
        assert!(first <= 6 && sounding[first..].iter().all(|is| *is), "{pitches:?}: {sounding:?}");
    }
}

#[test]
fn recorded_speech_has_no_tones() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/prompts");
    let mut frames = 0_u64;
    let mut suppressed = 0_u64;
    for entry in std::fs::read_dir(folder).expect("the prompts") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "ulaw") {
            continue;
        }
        let clip = Clip::from_ulaw(&std::fs::read(&path).expect("a prompt"));
        let mut detector = ProgressDetector::default();
        let heard = hear_with(&mut detector, clip.samples());
        assert_eq!(heard, [], "{}", path.display());
        let mut detector = ProgressDetector::default();
        for frame in clip.samples().as_chunks::<FRAME_SAMPLES>().0 {
            detector.push(frame);
            frames += 1;
            suppressed += u64::from(detector.is_sounding());
        }
    }
    assert!(frames > 5_000, "{frames} frames of speech are no test");
    assert!(suppressed * 50 < frames, "{suppressed} of {frames} frames of speech taken for a tone");
}

proptest! {
    #[test]
    fn any_frames_are_taken(frames in prop::collection::vec(
        (any::<i16>(), 1_usize..200, any::<bool>()), 0..60,
    )) {
        let mut detector = ProgressDetector::default();
        for (level, period, is_square) in frames {
            let frame: Frame = std::array::from_fn(|number| {
                let is_up = !is_square || number / period % 2 == 0;
                if is_up { level } else { level.saturating_neg() }
            });
            detector.push(&frame);
        }
    }
}
