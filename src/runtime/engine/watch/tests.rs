use super::Seen;
use crate::base::{Millis, Timestamp};

const LIMIT: Millis = Millis(20_000);

fn at(ms: u64) -> Timestamp {
    Timestamp::EPOCH.plus(Millis(ms))
}

#[test]
fn a_leg_without_any_packet_is_lost_after_the_limit() {
    let mut seen = Seen::new(at(1_000));
    assert!(!seen.is_lost(0, at(20_999), LIMIT));
    assert!(seen.is_lost(0, at(21_000), LIMIT));
}

#[test]
fn the_end_of_a_hold_begins_the_time_anew() {
    let mut seen = Seen::new(at(0));
    assert!(!seen.is_lost(5, at(1_000), LIMIT));
    seen.begin_again(5, at(90_000));
    assert!(!seen.is_lost(5, at(109_999), LIMIT));
    assert!(seen.is_lost(5, at(110_000), LIMIT));
}

#[test]
fn every_packet_begins_the_time_anew() {
    let mut seen = Seen::new(at(0));
    assert!(!seen.is_lost(1, at(19_000), LIMIT));
    assert!(!seen.is_lost(2, at(38_000), LIMIT));
    assert!(!seen.is_lost(2, at(57_999), LIMIT));
    assert!(seen.is_lost(2, at(58_000), LIMIT));
}
