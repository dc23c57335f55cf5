use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::base::Millis;
use crate::media::MediaOutput;

/// Steps of 20 ms with what is heard before each; the pairs as the levels of both frames.
struct Steps {
    pairing: Pairing,
    now: Timestamp,
    out: VecDeque<MediaOutput>,
}

impl Steps {
    fn new() -> Self {
        Self { pairing: Pairing::default(), now: Timestamp::EPOCH, out: VecDeque::new() }
    }

    /// Hears the frames of these numbers on the other side's clock, and sends one.
    fn step(&mut self, heard: &[u32], sent: i16) {
        for number in heard {
            let place = 5_000_u32.wrapping_add(number * FRAME_SAMPLES as u32);
            self.pairing.heard(place, &[*number as i16; FRAME_SAMPLES]);
        }
        let sent = (sent != 0).then_some([sent; FRAME_SAMPLES]);
        self.pairing.sent(self.now, sent.as_ref(), &mut self.out);
        self.now = self.now.plus(Millis(20));
    }

    fn finish(mut self) -> Vec<(i16, i16)> {
        self.pairing.finish(&mut self.out);
        let mut at = Timestamp::EPOCH;
        let level = |output| {
            let MediaOutput::Pair(pair) = output else { panic!("only pairs: {output:?}") };
            assert_eq!(pair.at, at, "20 ms after the one before");
            at = at.plus(Millis(20));
            (pair.heard[0], pair.sent[0])
        };
        self.out.into_iter().map(level).collect()
    }
}

#[test]
fn both_sides_lie_beside_each_other() {
    let mut steps = Steps::new();
    for number in 1..=15 {
        steps.step(&[number], -(number as i16));
    }
    let wanted: Vec<(i16, i16)> = (1..=15).map(|number| (number, -number)).collect();
    assert_eq!(steps.finish(), wanted);
}

#[test]
fn there_is_silence_where_nothing_came_or_went() {
    let mut steps = Steps::new();
    steps.step(&[], 0);
    steps.step(&[7], 0);
    steps.step(&[], -1);
    steps.step(&[9], -2);
    assert_eq!(steps.finish(), [(0, 0), (7, 0), (0, -1), (9, -2)]);
}

#[test]
fn what_comes_late_fills_its_place_and_bursts_are_spread() {
    let mut steps = Steps::new();
    steps.step(&[1], 0);
    steps.step(&[], 0);
    steps.step(&[], 0);
    steps.step(&[], 0);
    steps.step(&[2, 3, 4, 5], 0);
    steps.step(&[6, 7, 8], 0);
    steps.step(&[], 0);
    steps.step(&[], 0);
    let heard: Vec<i16> = steps.finish().into_iter().map(|(heard, _)| heard).collect();
    assert_eq!(heard, [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_jump_of_the_other_clock_is_believed_at_once() {
    let mut steps = Steps::new();
    (1..=3).for_each(|number| steps.step(&[number], 0));
    (900..=902).for_each(|number| steps.step(&[number], 0));
    (4..=5).for_each(|number| steps.step(&[number], 0));
    let heard: Vec<i16> = steps.finish().into_iter().map(|(heard, _)| heard).collect();
    assert_eq!(heard, [1, 2, 3, 900, 901, 902, 4, 5]);
}

#[test]
fn a_clock_that_runs_fast_costs_a_frame_now_and_then() {
    let mut steps = Steps::new();
    // 21 frames in the time of 20.
    let mut number = 0;
    for step in 1..=400 {
        let heard: Vec<u32> = (number + 1..=number + 1 + u32::from(step % 20 == 0)).collect();
        number += heard.len() as u32;
        steps.step(&heard, 0);
    }
    let heard: Vec<i16> = steps.finish().into_iter().map(|(heard, _)| heard).collect();
    assert_eq!(heard.len(), 400);
    assert!(heard.is_sorted());
    assert!(heard.iter().filter(|level| **level == 0).count() <= 20, "{heard:?}");
}

proptest! {
    #[test]
    fn every_step_has_one_pair_and_no_frame_comes_twice(
        steps in prop::collection::vec(prop::collection::vec(1_u32..3_000, 0..4), 1..80),
    ) {
        let mut pairs = Steps::new();
        let mut given = Vec::new();
        for (number, heard) in steps.iter().enumerate() {
            given.extend(heard.iter().map(|number| *number as i16));
            pairs.step(heard, number as i16);
        }
        let pairs = pairs.finish();
        prop_assert_eq!(pairs.len(), steps.len());
        for (number, (heard, sent)) in pairs.into_iter().enumerate() {
            prop_assert_eq!(sent, number as i16);
            if heard != 0 {
                let place = given.iter().position(|level| *level == heard);
                let once = place.map(|place| given.swap_remove(place));
                prop_assert_eq!(once, Some(heard));
            }
        }
    }
}
