use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// A frame that says which one it is, louder than quiet.
fn marked(number: u64) -> Frame {
    [1_000 + i16::try_from(number % 10_000).expect("small"); FRAME_SAMPLES]
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(millis * 1_000).expect("small"))
}

/// Plays packets that arrive at these milliseconds (nothing: lost), asked for every 20 ms from 0.
/// Gives what was played: the number of the frame, or how else.
fn play(arrivals: &[Option<u64>], frames: u64) -> (Vec<Result<u64, Played>>, Playout) {
    let mut playout = Playout::default();
    let mut pending: Vec<(u64, u64)> = arrivals
        .iter()
        .zip(0..)
        .filter_map(|(arrival, number)| arrival.map(|arrival| (arrival, number)))
        .collect();
    pending.sort_unstable();
    let mut pending = pending.into_iter().peekable();
    let mut played = Vec::new();
    for step in 0..frames {
        let now = step * 20;
        while let Some((arrival, number)) = pending.next_if(|(arrival, _)| *arrival <= now) {
            let place = (number * 160) as u32;
            playout.push(at(arrival), 100 + number, place.wrapping_sub(800), &marked(number));
        }
        let mut frame = SILENCE;
        played.push(match playout.pull(at(now), &mut frame) {
            Played::Heard => Ok(u64::try_from(frame[159]).expect("marked") - 1_000),
            other => Err(other),
        });
    }
    (played, playout)
}

fn heard(played: &[Result<u64, Played>]) -> Vec<u64> {
    played.iter().filter_map(|played| played.ok()).collect()
}

#[test]
fn an_even_stream_is_played_whole_after_20_ms() {
    let arrivals: Vec<_> = (0..50).map(|number| Some(number * 20 + 5)).collect();
    let (played, playout) = play(&arrivals, 60);
    assert_eq!(heard(&played), (0..50).collect::<Vec<_>>());
    assert_eq!(played.iter().position(Result::is_ok), Some(2), "asked at 40, came at 5");
    assert_eq!(playout.counts().lost + playout.counts().late, 0);
    assert_eq!(playout.delay(), Millis(20));
}

#[test]
fn packets_out_of_order_are_played_in_order() {
    let arrivals: Vec<_> =
        (0..100).map(|number| Some(number * 20 + if number % 3 == 0 { 35 } else { 0 })).collect();
    let (played, playout) = play(&arrivals, 120);
    let heard = heard(&played);
    assert!(heard.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(heard.len() > 95, "{heard:?}");
    assert_eq!(playout.delay(), Millis(55));
}

#[test]
fn a_lost_packet_is_hidden_once_and_counted() {
    let mut arrivals: Vec<_> = (0..50).map(|number| Some(number * 20)).collect();
    arrivals[20] = None;
    let (played, playout) = play(&arrivals, 55);
    let lost = played.iter().position(|played| *played == Ok(19)).expect("played") + 1;
    assert_eq!(played[lost], Err(Played::Concealed { run: 0 }));
    assert_eq!(played[lost + 1], Ok(21), "{played:?}");
    let counts = playout.counts();
    assert_eq!((counts.lost, counts.late), (1, 0));
}

#[test]
fn a_stall_of_the_network_loses_nothing() {
    // Nothing for 100 ms, then all at once.
    let arrivals: Vec<_> = (0..100)
        .map(|number| Some(if (40..45).contains(&number) { 900 } else { number * 20 }))
        .collect();
    let (played, playout) = play(&arrivals, 130);
    assert_eq!(heard(&played), (0..100).collect::<Vec<_>>());
    assert_eq!(playout.counts().lost, 0);
    assert!(playout.counts().concealed >= 4);
}

#[test]
fn the_delay_grows_by_jitter_and_never_beyond_200_ms() {
    let arrivals: Vec<_> =
        (0..500).map(|number| Some(number * 20 + (number * 7_919) % 97)).collect();
    let (played, playout) = play(&arrivals, 520);
    assert!((100..=120).contains(&playout.delay().0), "{}", playout.delay());
    // Once it has grown, next to nothing is late.
    let end = &played[100..500];
    let missed = end.iter().filter(|played| played.is_err()).count();
    assert!(missed < 20, "{missed} of 400: {end:?}");
    let wild: Vec<_> = (0..300).map(|number| Some(number * 20 + (number % 2) * 400)).collect();
    assert_eq!(play(&wild, 350).1.delay(), Millis(200));
}

#[test]
fn a_delay_too_long_shrinks_in_quiet_frames() {
    let mut playout = Playout::default();
    let mut frame = SILENCE;
    let mut longest = 0;
    // 2 s with jitter of 120 ms, then 6 s even; all of it quiet.
    for step in 0..400_u64 {
        let late = if step < 100 && step % 5 == 0 { 120 } else { 0 };
        playout.push(at(step * 20 + late), step, (step * 160) as u32, &SILENCE);
        playout.pull(at(step * 20 + 19), &mut frame);
        longest = longest.max(playout.waiting);
    }
    assert!(longest >= 3, "{longest}");
    assert!(playout.waiting <= 2, "{}", playout.waiting);
    assert!(playout.counts().dropped > 0);
    assert_eq!(playout.delay(), Millis(20));
}

#[test]
fn a_pause_of_the_sender_is_silence_and_no_loss() {
    let mut playout = Playout::default();
    let mut frame = SILENCE;
    let mut results = Vec::new();
    for step in 0..100_u64 {
        // Numbers go on, the clock jumps: frames 30 to 59 were never sent.
        if !(30..60).contains(&step) {
            let number = if step < 30 { step } else { step - 30 };
            playout.push(at(step * 20), number, (step * 160) as u32, &marked(step));
        }
        results.push(playout.pull(at(step * 20 + 5), &mut frame));
    }
    assert_eq!(playout.counts().lost, 0);
    assert_eq!(results.iter().filter(|played| **played == Played::Heard).count(), 69);
    assert!(results[45..60].iter().all(|played| *played == Played::Silence), "{results:?}");
}

#[test]
fn a_jump_of_the_clock_begins_anew() {
    let mut playout = Playout::default();
    let mut frame = SILENCE;
    let mut last = None;
    for step in 0..200_u64 {
        let jump = if step < 100 { 0 } else { 5_000_000 };
        playout.push(at(step * 20), step, (step * 160) as u32 + jump, &marked(step));
        if playout.pull(at(step * 20 + 5), &mut frame) == Played::Heard {
            last = Some(frame[159]);
        }
    }
    assert_eq!(last, Some(1_198));
    assert!(playout.waiting <= 2);
}

#[test]
fn a_frame_too_late_is_counted_and_not_played() {
    let mut arrivals: Vec<_> = (0..50).map(|number| Some(number * 20)).collect();
    arrivals[20] = Some(900);
    let (played, playout) = play(&arrivals, 60);
    assert!(!heard(&played).contains(&20));
    assert_eq!((playout.counts().late, playout.counts().lost), (1, 1));
}

proptest! {
    #[test]
    fn frames_are_played_once_and_in_order(
        arrivals in proptest::collection::vec(proptest::option::weighted(0.9, 0..300_u64), 1..200),
    ) {
        let arrivals: Vec<_> =
            arrivals.iter().zip(0..).map(|(late, number)| late.map(|late| number * 20 + late)).collect();
        let (played, playout) = play(&arrivals, 250);
        let heard = heard(&played);
        // All are loud, so that none is played twice.
        prop_assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "{heard:?}");
        let came: BTreeSet<_> = arrivals.iter().zip(0..).filter(|(a, _)| a.is_some()).map(|(_, n)| n).collect();
        prop_assert!(heard.iter().all(|number| came.contains(number)));
        prop_assert!(playout.waiting <= SLOTS);
    }

    #[test]
    fn arbitrary_places_never_panic(
        pushes in proptest::collection::vec((any::<u64>(), any::<u32>(), 0..50_u64), 0..100),
    ) {
        let mut playout = Playout::default();
        let mut frame = SILENCE;
        let mut now = 0;
        for (number, place, wait) in pushes {
            now += wait;
            playout.push(at(now), number % (1 << 48), place, &SILENCE);
            playout.pull(at(now), &mut frame);
        }
    }
}
