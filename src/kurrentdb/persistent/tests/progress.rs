//! When checkpoints are written, and how far they go.

use super::stage::Stage;
use crate::base::Millis;
use crate::kurrentdb::persistent::group::{Entry, Nack, Origin};
use crate::kurrentdb::persistent::settings::Settings;

fn every_event() -> Settings {
    Settings { min_checkpoint_count: 1, max_checkpoint_count: 1, ..Settings::example() }
}

#[test]
fn a_checkpoint_stands_below_every_unfinished_event() {
    let mut stage = Stage::new(every_event());
    stage.join(1, 10);
    stage.come(0..4);
    stage.expect(&["1<0", "1<1", "1<2", "1<3"]);
    stage.ack(1, &[1, 2]);
    stage.expect(&[]);
    stage.ack(1, &[0]);
    stage.expect(&["checkpoint 2"]);
    stage.ack(1, &[3]);
    stage.expect(&[]);
    stage.group.on_checkpoint(true, stage.now);
    stage.expect(&["checkpoint 3"]);
}

#[test]
fn an_event_on_its_way_to_the_parked_ones_holds_the_checkpoint() {
    let mut stage = Stage::new(every_event());
    stage.join(1, 10);
    stage.come(0..2);
    stage.nack(1, 0, Nack::Park);
    stage.ack(1, &[1]);
    stage.expect(&["1<0", "1<1", "park 0: Client explicitly NAK'ed message. why"]);
    let (key, ..) = stage.parking.remove(0);
    stage.group.on_parked(key, Some(0), stage.now);
    stage.expect(&["checkpoint 1"]);
    assert_eq!(stage.group.parked_count(), 1);
}

#[test]
fn counts_and_time_decide() {
    let settings = Settings {
        min_checkpoint_count: 2,
        max_checkpoint_count: 4,
        checkpoint_after: Millis(1_000),
        ..Settings::example()
    };
    let mut stage = Stage::new(settings);
    stage.join(1, 10);
    stage.come(0..10);
    stage.told();
    stage.ack(1, &[0]);
    stage.pass(Millis(5_000));
    stage.expect(&[]);
    stage.ack(1, &[1]);
    stage.expect(&["checkpoint 1"]);
    stage.group.on_checkpoint(true, stage.now);
    stage.ack(1, &[2, 3]);
    stage.expect(&[]);
    assert_eq!(stage.group.next_timeout(), Some(stage.now.plus(Millis(1_000))));
    stage.pass(Millis(1_000));
    stage.expect(&["checkpoint 3"]);
    stage.group.on_checkpoint(true, stage.now);
    stage.ack(1, &[4, 5, 6, 7]);
    stage.expect(&["checkpoint 7"]);
}

#[test]
fn a_checkpoint_that_failed_is_written_later() {
    let mut stage = Stage::new(every_event());
    stage.join(1, 10);
    stage.come(0..1);
    stage.ack(1, &[0]);
    stage.expect(&["1<0", "checkpoint 0"]);
    stage.group.on_checkpoint(false, stage.now);
    stage.expect(&["checkpoint 0"]);
    assert_eq!(stage.group.last_checkpoint(), None);
}

#[test]
fn events_that_are_left_out_move_the_checkpoint_but_own_ones_ask_for_none() {
    let mut stage = Stage::new(every_event());
    stage.group.on_events(vec![(0, Entry::Passed), (1, Entry::Passed)], true, stage.now);
    stage.expect(&["checkpoint 1"]);
    stage.group.on_checkpoint(true, stage.now);
    stage.group.on_events(vec![(2, Entry::Own), (3, Entry::Own)], true, stage.now);
    stage.pass(Millis(100_000));
    stage.expect(&[]);
    stage.group.on_events(vec![(4, Entry::Passed)], true, stage.now);
    stage.expect(&["checkpoint 4"]);
}

#[test]
fn a_group_goes_on_after_its_checkpoint() {
    let origin = Origin { checkpoint: Some(41), start: 7, ..Origin::default() };
    let stage = Stage::of(Settings::example(), origin);
    assert_eq!(stage.group.wants_events().map(|(from, _)| from), Some(42));
    assert_eq!(stage.group.unsaved(), None);
    let start = Origin { start: 7, ..Origin::default() };
    let stage = Stage::of(Settings::example(), start);
    assert_eq!(stage.group.wants_events().map(|(from, _)| from), Some(7));
    assert_eq!(stage.group.unsaved(), None);
}

#[test]
fn a_group_that_ends_writes_what_is_done() {
    let mut stage = Stage::new(Settings::example());
    stage.join(1, 10);
    stage.come(0..3);
    stage.told();
    stage.ack(1, &[0, 2]);
    assert_eq!(stage.group.unsaved(), Some(0));
}

#[test]
fn statistics_count_since_the_last_time() {
    let settings = Settings { extra_statistics: true, ..Settings::example() };
    let mut stage = Stage::new(settings);
    stage.join(1, 2);
    stage.come(0..4);
    stage.told();
    stage.pass(Millis(2_000));
    stage.ack(1, &[0]);
    let told = stage.group.measure(stage.now);
    assert_eq!((told.total, told.since_last, told.average_per_second), (3, 3, 1));
    assert_eq!((told.waiting, told.waiting_again), (1, 0));
    assert_eq!((told.in_flight, told.outstanding, told.parked), (2, 2, 0));
    assert_eq!((told.last_known, told.last_checkpoint, told.is_live), (Some(3), None, true));
    let consumer = told.consumers.first().expect("one is there");
    assert_eq!((consumer.total, consumer.room, consumer.in_flight), (3, 0, 2));
    assert!(consumer.measurements.contains(&("Median", 2_000)), "{consumer:?}");
    let told = stage.group.measure(stage.now);
    assert_eq!((told.total, told.since_last, told.average_per_second), (3, 0, 0));
}
