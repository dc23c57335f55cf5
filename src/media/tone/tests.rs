use super::*;
use crate::base::Rng;
use crate::media::{Clip, SILENCE};

/// What is heard in a clip followed by silence.
fn hear(pitches: &[u32], samples: &[i16]) -> Vec<ToneHeard> {
    let mut detector = ToneDetector::new(pitches);
    let mut heard = Vec::new();
    for chunk in samples.chunks_exact(FRAME_SAMPLES) {
        heard.extend(detector.push(chunk.try_into().expect("a whole frame")));
    }
    for _ in 0..4 {
        heard.extend(detector.push(&SILENCE));
    }
    heard
}

#[test]
fn a_beep_is_heard_once_with_its_length() {
    for (hz, amplitude) in [(1_000, 16_000), (1_000, 300), (1_100, 8_000), (2_100, 8_000)] {
        let beep = Clip::tone(hz, Millis(400), amplitude);
        let want = ToneHeard { hz, duration: Millis(400) };
        assert_eq!(hear(&PITCHES, beep.samples()), [want]);
    }
    let general = Clip::tone(440, Millis(400), 5_000);
    assert_eq!(hear(&[440], general.samples()).len(), 1);
    assert_eq!(hear(&PITCHES, general.samples()), []);
}

#[test]
fn short_soft_and_noisy_sounds_are_no_beep() {
    assert_eq!(hear(&PITCHES, Clip::tone(1_000, Millis(100), 8_000).samples()), []);
    assert_eq!(hear(&PITCHES, Clip::tone(1_000, Millis(400), 40).samples()), []);
    let mut rng = Rng::from_seed(3);
    let noise: Vec<i16> =
        (0..16_000).map(|_| i16::try_from(rng.below(8_000)).expect("small") - 4_000).collect();
    assert_eq!(hear(&PITCHES, &noise), []);
    let dial: Vec<i16> = Clip::tone(1_000, Millis(400), 8_000)
        .samples()
        .iter()
        .zip(Clip::tone(1_300, Millis(400), 8_000).samples())
        .map(|(one, other)| one + other)
        .collect();
    assert_eq!(hear(&PITCHES, &dial), []);
}

#[test]
fn a_beep_between_frames_with_noise_and_a_lost_packet_is_one_beep() {
    let mut rng = Rng::from_seed(5);
    let mut samples = vec![0_i16; 70];
    samples.extend(Clip::tone(1_000, Millis(500), 8_000).samples());
    samples.extend([0; 90]);
    for sample in &mut samples {
        *sample += i16::try_from(rng.below(1_600)).expect("small") - 800;
    }
    samples[1_600..1_760].fill(0);
    let heard = hear(&PITCHES, &samples);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert!((460..=540).contains(&heard[0].duration.0), "{heard:?}");
}

#[test]
fn the_loudest_frames_do_not_overflow() {
    let square: Frame = std::array::from_fn(|i| if i % 8 < 4 { i16::MAX } else { i16::MIN });
    let mut detector = ToneDetector::new(&[1, 1_000, 3_999, 4_000, u32::MAX]);
    for _ in 0..20 {
        detector.push(&square);
        detector.push(&[i16::MIN; FRAME_SAMPLES]);
    }
}
