use proptest::prelude::*;

use super::*;

fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_000_000_007 + micros)
}

#[test]
fn legs_are_spread_over_the_turn() {
    let mut wheel = Wheel::new(at(0));
    (0..1_000).for_each(|leg| _ = wheel.insert(leg));
    assert!(wheel.slots.iter().all(|legs| legs.len() == 50));
    wheel.remove(3, 3);
    assert_eq!(wheel.insert(1_000), 3);
}

#[test]
fn the_next_time_of_a_slot_is_on_its_millisecond() {
    let wheel = Wheel::new(at(0));
    assert_eq!(wheel.next_of(0, at(0)), at(0));
    assert_eq!(wheel.next_of(3, at(0)), at(3_000));
    assert_eq!(wheel.next_of(3, at(3_001)), at(23_000));
    assert_eq!(wheel.next_of(0, at(59_999)), at(60_000));
}

proptest! {
    #[test]
    fn each_leg_is_due_once_a_turn(
        looks in prop::collection::vec(1_i64..15_000, 1..100),
        legs in 1_usize..50,
    ) {
        let mut wheel = Wheel::new(at(0));
        let slots: Vec<usize> = (0..legs).map(|leg| wheel.insert(leg)).collect();
        let mut counts = vec![0_i64; legs];
        let (mut now, mut due) = (0, Vec::new());
        for later in looks {
            now += later;
            due.clear();
            wheel.turn(at(now), &mut due);
            due.iter().for_each(|leg| counts[*leg] += 1);
            prop_assert!(wheel.next_at() > at(now));
            prop_assert!(wheel.next_at() <= at(now + 1_000));
        }
        for (slot, count) in slots.iter().zip(counts) {
            let turns = (now - *slot as i64 * SLOT_US).div_euclid(SLOTS * SLOT_US) + 1;
            prop_assert_eq!(count, turns);
        }
    }

    #[test]
    fn a_sleep_of_many_turns_makes_each_due_once(slept in 20_000_i64..10_000_000) {
        let mut wheel = Wheel::new(at(0));
        (0..20).for_each(|leg| _ = wheel.insert(leg));
        let mut due = Vec::new();
        wheel.turn(at(slept), &mut due);
        due.sort_unstable();
        prop_assert_eq!(due, (0..20).collect::<Vec<_>>());
    }
}
