//! Who gets what, and what becomes of it.

use super::stage::{Stage, id};
use crate::base::Millis;
use crate::kurrentdb::persistent::consumers::ConsumerId;
use crate::kurrentdb::persistent::group::{Arrived, Entry, Nack, Origin};
use crate::kurrentdb::persistent::settings::Settings;

#[test]
fn a_consumer_gets_no_more_than_it_takes() {
    let mut stage = Stage::new(Settings::example());
    stage.come(0..5);
    stage.join(1, 2);
    stage.expect(&["1<0", "1<1"]);
    stage.ack(1, &[1]);
    stage.expect(&["1<2"]);
    stage.ack(1, &[0, 2]);
    stage.expect(&["1<3", "1<4"]);
}

#[test]
fn an_event_that_nobody_answers_is_given_again_and_then_parked() {
    let settings = Settings { max_retry_count: 2, ..Settings::example() };
    let mut stage = Stage::new(settings);
    stage.join(1, 1);
    stage.come([0]);
    stage.expect(&["1<0"]);
    stage.pass(Millis(29_999));
    stage.expect(&[]);
    stage.pass(Millis(1));
    stage.expect(&["1<0+1"]);
    stage.pass(Millis(30_000));
    stage.expect(&["1<0+2"]);
    stage.pass(Millis(30_000));
    stage.expect(&["park 0: Reached retry count of 2"]);
    assert_eq!(stage.group.next_timeout(), None, "nothing is given to anybody");
}

#[test]
fn without_a_timeout_an_event_stays_where_it_is() {
    let settings = Settings { message_timeout: Millis(0), ..Settings::example() };
    let mut stage = Stage::new(settings);
    stage.join(1, 1);
    stage.come([0]);
    stage.expect(&["1<0"]);
    assert_eq!(stage.group.next_timeout(), None);
    stage.pass(Millis(1_000_000_000));
    stage.expect(&[]);
}

#[test]
fn nacks_do_what_they_say() {
    let check = |action, want: &[&str]| {
        let settings = Settings { max_retry_count: 1, ..Settings::example() };
        let mut stage = Stage::new(settings);
        stage.join(1, 1);
        stage.come([0, 1]);
        stage.expect(&["1<0"]);
        stage.nack(1, 0, action);
        assert_eq!(stage.told(), want, "{action:?}");
        stage
    };
    let mut retried = check(Nack::Retry, &["1<0+1"]);
    retried.nack(1, 0, Nack::Unknown);
    retried.expect(&["park 0: Reached retry count of 1", "1<1"]);
    check(Nack::Unknown, &["1<0+1"]);
    check(Nack::Skip, &["1<1"]);
    check(Nack::Park, &["park 0: Client explicitly NAK'ed message. why", "1<1"]);
    let mut stopped = check(Nack::Stop, &[]);
    stopped.join(2, 1);
    stopped.expect(&["2<0+1"]);
}

#[test]
fn a_stopped_consumer_may_still_answer_what_it_has() {
    let mut stage = Stage::new(Settings::example());
    stage.join(1, 2);
    stage.come(0..3);
    stage.expect(&["1<0", "1<1"]);
    stage.nack(1, 0, Nack::Stop);
    stage.ack(1, &[1]);
    stage.expect(&[]);
    stage.join(2, 5);
    stage.expect(&["2<0+1", "2<2"]);
}

#[test]
fn what_a_lost_consumer_had_goes_to_others_and_is_not_parked() {
    let settings = Settings { max_retry_count: 0, ..Settings::example() };
    let mut stage = Stage::new(settings);
    stage.join(1, 2);
    stage.come(0..3);
    stage.expect(&["1<0", "1<1"]);
    stage.group.disconnect(ConsumerId(1), stage.now);
    stage.expect(&[]);
    stage.join(2, 5);
    stage.expect(&["2<0+1", "2<1+1", "2<2"]);
}

#[test]
fn late_answers_count_but_those_of_strangers_do_not() {
    let mut stage = Stage::new(Settings::example());
    stage.join(1, 1);
    stage.come(0..2);
    stage.expect(&["1<0"]);
    stage.join(2, 1);
    stage.expect(&["2<1"]);
    stage.ack(2, &[0]);
    stage.nack(2, 0, Nack::Park);
    stage.expect(&[]);
    stage.pass(Millis(30_000));
    // Round robin: the one that did not have it is next.
    stage.expect(&["1<0+1", "2<1+1"]);
    stage.group.disconnect(ConsumerId(2), stage.now);
    stage.ack(2, &[1]);
    stage.ack(1, &[0]);
    stage.expect(&[]);
    assert_eq!(stage.group.waiting_counts(), (0, 0), "a late answer is an answer");
}

#[test]
fn a_late_nack_takes_nothing_from_who_has_it_now() {
    let mut stage = Stage::new(Settings::example());
    stage.join(1, 1);
    stage.join(2, 1);
    stage.come([0]);
    stage.expect(&["1<0"]);
    stage.pass(Millis(30_000));
    stage.expect(&["2<0+1"]);
    stage.nack(1, 0, Nack::Retry);
    stage.expect(&[]);
    stage.nack(2, 0, Nack::Retry);
    stage.expect(&["1<0+2"]);
}

#[test]
fn of_two_events_with_one_id_the_second_waits() {
    let mut stage = Stage::new(Settings::example());
    stage.join(1, 5);
    let same = |event| Entry::Wanted(Arrived { id: id(7), bucket: 0, event });
    stage.group.on_events(vec![(0, same(0)), (1, same(1)), (2, same(2))], true, stage.now);
    stage.expect(&["1<0"]);
    stage.ack(1, &[7]);
    stage.expect(&["1<1"]);
    stage.ack(1, &[7]);
    stage.expect(&["1<2"]);
}

#[test]
fn buffers_bound_what_is_read() {
    let settings = Settings {
        read_batch_size: 4,
        history_buffer_size: 6,
        live_buffer_size: 10,
        ..Settings::example()
    };
    let mut stage = Stage::new(settings);
    assert_eq!(stage.group.wants_events(), Some((0, 4)));
    let entries = (0..4).map(|place| (place, stage.entry(place))).collect();
    stage.group.on_events(entries, false, stage.now);
    assert_eq!(stage.group.wants_events(), Some((4, 2)));
    stage.come(4..6);
    assert_eq!(stage.group.wants_events(), Some((6, 4)), "the live buffer is larger");
    let entries = (6..10).map(|place| (place, stage.entry(place))).collect();
    stage.group.on_events(entries, false, stage.now);
    assert_eq!(stage.group.wants_events(), None);
    stage.join(1, 9);
    assert_eq!(stage.group.wants_events(), Some((10, 4)));
}

#[test]
fn parked_events_are_given_again_once_and_counted() {
    let origin = Origin { first_parked: 3, end_parked: 6, ..Origin::default() };
    let mut stage = Stage::of(Settings::example(), origin);
    stage.join(1, 5);
    assert_eq!(stage.group.parked_count(), 3);
    assert_eq!(stage.group.wants_parked(), None);
    stage.group.replay_parked(Some(5));
    assert_eq!(stage.group.wants_parked(), Some((3, 2)));
    let parked = |place| Some(Arrived { id: id(place), bucket: 0, event: place });
    let page = vec![(3, parked(103)), (4, None), (5, parked(105))];
    stage.group.on_parked_events(Some(page), stage.now);
    stage.expect(&["1<103"]);
    assert_eq!(stage.group.parked_count(), 1);
    assert_eq!(stage.group.wants_parked(), None);
    stage.ack(1, &[103]);
    stage.expect(&["truncate 5"]);
    stage.group.on_truncated(true, stage.now);
    stage.group.replay_parked(None);
    assert_eq!(stage.group.wants_parked(), Some((5, 1)));
    stage.group.on_parked_events(None, stage.now);
    assert_eq!(stage.group.wants_parked(), None, "what cannot be read is not asked for again");
    stage.expect(&["truncate 6"]);
}

#[test]
fn an_event_that_cannot_be_parked_is_given_again() {
    let mut stage = Stage::new(Settings::example());
    stage.join(1, 1);
    stage.come([0]);
    stage.expect(&["1<0"]);
    stage.nack(1, 0, Nack::Park);
    stage.expect(&["park 0: Client explicitly NAK'ed message. why"]);
    let (key, ..) = stage.parking.remove(0);
    stage.group.on_parked(key, None, stage.now);
    stage.expect(&["1<0"]);
}
