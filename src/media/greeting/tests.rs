use super::*;
use crate::media::{Clip, FRAME_SAMPLES};

/// Words heard in a clip, each from..to in ms.
fn words(clip: &Clip) -> Vec<(u64, u64)> {
    let mut listener = GreetingListener::default();
    let (frames, _) = clip.samples().as_chunks::<FRAME_SAMPLES>();
    let mut found = Vec::new();
    for (at, frame) in frames.iter().enumerate() {
        let now = (at as u64 + 1) * FRAME_MILLIS;
        if let Some(WordChange::Ended { duration, ago }) = listener.push(frame, false) {
            found.push((now - ago.0 - duration.0, now - ago.0));
        }
    }
    found
}

/// A buzz of 125 Hz, as a voice makes it, over noise of this amplitude.
fn buzz(length: u64, amplitude: i16, noise: i16) -> Clip {
    let mut state = 12_345_u32;
    let samples: Vec<i16> = (0..length * 8)
        .map(|at| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (i32::from(noise) * ((state >> 16) as i32 - 32_768)) / 32_768;
            let pulse = i32::from(amplitude) * (64 - (at % 64) as i32 * 2) / 64;
            i16::try_from(pulse + hiss).expect("soft")
        })
        .collect();
    Clip::new(samples)
}

#[test]
fn a_word_is_known_120_ms_after_its_end() {
    let clip = buzz(400, 0, 60).followed_by(&buzz(300, 4_000, 60)).followed_by(&buzz(400, 0, 60));
    assert_eq!(words(&clip), [(400, 700)]);
}

#[test]
fn a_voice_little_above_the_noise_is_heard_and_the_noise_is_not() {
    let quiet = buzz(600, 0, 1_000);
    let clip = quiet.followed_by(&buzz(400, 1_400, 1_000)).followed_by(&quiet);
    let found = words(&clip);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].0.abs_diff(600) <= 60 && found[0].1.abs_diff(1_000) <= 60, "{found:?}");
}

#[test]
fn clicks_are_no_words() {
    let clip = buzz(400, 0, 60).followed_by(&buzz(20, 9_000, 60)).followed_by(&buzz(400, 0, 60));
    assert_eq!(words(&clip), []);
}
