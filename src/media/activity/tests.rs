use super::*;
use crate::base::Rng;

/// Noise of about the given amplitude.
fn noise(rng: &mut Rng, amplitude: u16) -> Frame {
    std::array::from_fn(|_| {
        let span = 2 * u64::from(amplitude) + 1;
        i16::try_from(rng.below(span)).expect("small") - i16::try_from(amplitude).expect("small")
    })
}

/// Runs stretches of noise, each so many frames at such an amplitude, and lists what changed
/// with the number of the frame it changed at.
fn run(settings: ActivitySettings, stretches: &[(usize, u16)]) -> Vec<(usize, ActivityChange)> {
    let mut rng = Rng::from_seed(11);
    let mut activity = Activity::new(settings);
    let mut changes = Vec::new();
    let mut number = 0;
    for (frames, amplitude) in stretches {
        for _ in 0..*frames {
            changes.extend(activity.push(&noise(&mut rng, *amplitude)).map(|c| (number, c)));
            number += 1;
        }
    }
    changes
}

fn ended(millis: u64) -> ActivityChange {
    ActivityChange::Ended { duration: Millis(millis) }
}

#[test]
fn speech_starts_after_the_onset_and_ends_after_the_hangover() {
    let got = run(ActivitySettings::default(), &[(50, 20), (40, 3_000), (50, 20)]);
    assert_eq!(got, [(52, ActivityChange::Started), (109, ended(800))]);
}

#[test]
fn clicks_and_pauses_do_not_count() {
    assert_eq!(run(ActivitySettings::default(), &[(50, 20), (2, 9_000), (50, 20)]), []);
    let sentence = [(50, 20), (20, 3_000), (15, 20), (20, 3_000), (50, 20)];
    let got = run(ActivitySettings::default(), &sentence);
    assert_eq!(got, [(52, ActivityChange::Started), (124, ended(1_100))]);
}

#[test]
fn noise_from_the_first_moment_is_no_speech_and_speech_still_stands_out() {
    let settings = ActivitySettings::default();
    let got = run(settings, &[(100, 400), (40, 6_000), (60, 400)]);
    assert_eq!(got, [(102, ActivityChange::Started), (159, ended(800))]);
    // Speech from the first moment is speech.
    let got = run(settings, &[(20, 6_000), (40, 20)]);
    assert_eq!(got, [(2, ActivityChange::Started), (39, ended(400))]);
}

#[test]
fn noise_that_begins_later_becomes_the_floor_and_speech_still_stands_out() {
    let settings = ActivitySettings::default();
    // Taken for speech, then learned.
    let got = run(settings, &[(50, 20), (1_500, 400), (40, 6_000), (40, 400)]);
    let starts: Vec<usize> = got
        .iter()
        .filter(|(_, change)| *change == ActivityChange::Started)
        .map(|(number, _)| *number)
        .collect();
    assert_eq!(starts, [52, 1_552], "{got:?}");
}

#[test]
fn the_settings_decide() {
    let settings = ActivitySettings {
        hangover: Millis(100),
        onset: Millis(20),
        amplitude_min: 2_000,
        ..ActivitySettings::default()
    };
    assert_eq!(run(settings, &[(10, 20), (20, 3_000), (20, 20)]), []);
    let got = run(settings, &[(10, 20), (20, 6_000), (20, 20)]);
    assert_eq!(got, [(10, ActivityChange::Started), (34, ended(400))]);
}
