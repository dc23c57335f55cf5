//! Mixing against sums counted by hand.

use proptest::prelude::*;

use super::{Mixer, PORTS, WAITING_MAX};
use crate::media::FRAME_SAMPLES;

proptest! {
    #[test]
    fn what_is_heard_is_the_sum_of_who_speaks(
        levels in prop::collection::vec(prop::option::of(any::<i16>()), PORTS),
    ) {
        let mut mixer = Mixer::default();
        for (port, level) in levels.iter().enumerate() {
            if let Some(level) = level {
                mixer.push(port, &[*level; FRAME_SAMPLES]);
            }
        }
        let heard = mixer.pull();
        prop_assert_eq!(heard.is_some(), levels.iter().any(Option::is_some));
        // One after the other, as each step is cut off where it does not fit.
        let sum = levels.iter().flatten().fold(0_i16, |sum, level| sum.saturating_add(*level));
        prop_assert!(heard.into_iter().flatten().all(|sample| sample == sum));
        prop_assert!(mixer.pull().is_none());
    }

    #[test]
    fn each_speaker_is_heard_in_order_whatever_the_others_do(
        pushes in prop::collection::vec((0..PORTS, 0_i16..1_000), 0..60),
        watched in 0..PORTS,
    ) {
        // Only the watched port has a level; the others send silence.
        let mut mixer = Mixer::default();
        let mut expected = std::collections::VecDeque::new();
        for (port, level) in pushes {
            let level = if port == watched { level } else { 0 };
            mixer.push(port, &[level; FRAME_SAMPLES]);
            if port == watched {
                expected.push_back(level);
                if expected.len() > WAITING_MAX {
                    expected.pop_front();
                }
            }
        }
        for level in expected {
            prop_assert_eq!(mixer.pull(), Some([level; FRAME_SAMPLES]));
        }
    }
}

#[test]
fn a_port_there_is_not_is_not_heard_and_what_waits_can_be_forgotten() {
    let mut mixer = Mixer::default();
    mixer.push(PORTS, &[1; FRAME_SAMPLES]);
    assert_eq!(mixer.pull(), None);
    mixer.push(0, &[1; FRAME_SAMPLES]);
    mixer.clear();
    assert_eq!(mixer.pull(), None);
    mixer.push(0, &[2; FRAME_SAMPLES]);
    assert_eq!(mixer.pull(), Some([2; FRAME_SAMPLES]));
}
