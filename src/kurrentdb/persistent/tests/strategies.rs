//! Who is next.

use std::collections::BTreeSet;

use crate::kurrentdb::persistent::consumers::{About, BUCKETS, Choice, ConsumerId, Consumers, Key};
use crate::kurrentdb::persistent::settings::Strategy;

fn consumers(strategy: Strategy, capacities: &[usize]) -> Consumers {
    let mut consumers = Consumers::new(strategy);
    for (number, capacity) in (1..).zip(capacities) {
        let about = About {
            capacity: *capacity,
            username: "admin".to_owned(),
            connection_name: String::new(),
        };
        consumers.add(ConsumerId(number), about);
    }
    consumers
}

fn served(consumers: &mut Consumers, events: u64) -> Vec<u64> {
    let mut served = Vec::new();
    for event in 0..events {
        if let Choice::To(id) = consumers.choose(u16::try_from(event).unwrap_or(0)) {
            consumers.take(id, Key::Event(event));
            served.push(id.0);
        }
    }
    served
}

#[test]
fn in_turn_and_past_the_full() {
    let mut consumers = consumers(Strategy::RoundRobin, &[2, 1, 3]);
    assert_eq!(served(&mut consumers, 9), [1, 2, 3, 1, 3, 3]);
}

#[test]
fn the_first_until_it_is_full() {
    let mut consumers = consumers(Strategy::DispatchToSingle, &[2, 1, 3]);
    assert_eq!(served(&mut consumers, 9), [1, 1, 2, 3, 3, 3]);
    consumers.give_back(ConsumerId(1), Key::Event(0));
    assert_eq!(consumers.choose(0), Choice::To(ConsumerId(1)));
}

#[test]
fn nobody_gets_anything_of_nobody() {
    for strategy in [Strategy::RoundRobin, Strategy::DispatchToSingle, Strategy::Pinned] {
        assert_eq!(consumers(strategy, &[]).choose(3), Choice::Full);
        assert_eq!(consumers(strategy, &[0]).choose(3), Choice::Full);
    }
}

fn owners(consumers: &Consumers) -> Vec<ConsumerId> {
    let choices = (0..BUCKETS).map(|bucket| consumers.choose(u16::try_from(bucket).unwrap_or(0)));
    choices
        .map(|choice| match choice {
            Choice::To(id) => id,
            other => panic!("a bucket without a consumer: {other:?}"),
        })
        .collect()
}

#[test]
fn a_bucket_keeps_its_consumer_as_others_come_and_go() {
    let mut consumers = consumers(Strategy::Pinned, &[9, 9]);
    let two = owners(&consumers);
    consumers.add(
        ConsumerId(3),
        About { capacity: 9, username: String::new(), connection_name: String::new() },
    );
    let three = owners(&consumers);
    let moved = two.iter().zip(&three).filter(|(before, after)| before != after).count();
    assert!(moved <= BUCKETS.div_ceil(3), "{moved} buckets moved");
    assert_eq!(three.iter().collect::<BTreeSet<_>>().len(), 3);
    consumers.remove(ConsumerId(2));
    let left = owners(&consumers);
    for (before, after) in three.iter().zip(&left) {
        assert!(before == after || *before == ConsumerId(2));
    }
    consumers.stop(ConsumerId(3));
    assert!(owners(&consumers).iter().all(|owner| *owner == ConsumerId(1)));
}

#[test]
fn a_pinned_event_waits_for_its_own_consumer() {
    let mut consumers = consumers(Strategy::PinnedByCorrelation, &[1, 1]);
    let first = owners(&consumers)[0];
    let of_other = owners(&consumers).iter().position(|owner| *owner != first).expect("shared");
    let of_other = u16::try_from(of_other).unwrap_or(0);
    consumers.take(first, Key::Event(0));
    assert_eq!(consumers.choose(0), Choice::Later);
    assert!(matches!(consumers.choose(of_other), Choice::To(other) if other != first));
    consumers.take(ConsumerId(3 - first.0), Key::Event(1));
    assert_eq!(consumers.choose(0), Choice::Full);
}

#[test]
fn strategies_are_known_by_name() {
    for name in ["RoundRobin", "DispatchToSingle", "Pinned", "PinnedByCorrelation"] {
        assert_eq!(Strategy::of_name(name).map(Strategy::name), Some(name));
    }
    assert_eq!(Strategy::of_name("roundrobin"), None);
}
