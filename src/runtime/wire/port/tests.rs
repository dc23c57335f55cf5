use proptest::prelude::*;

use super::*;
use crate::base::Rng;

fn range(text: &str) -> PortRange {
    text.parse().expect("a range")
}

#[test]
fn ranges_are_read_and_nonsense_is_not() {
    assert_eq!(range("10000-19999").pairs(), 5_000);
    assert_eq!(range(" 4000 - 4001 ").pairs(), 1);
    assert_eq!(range("65534-65535").to_string(), "65534-65535");
    for text in ["", "10000", "10001-19999", "10000-20000", "20000-10001", "0-99", "1-2-3", "a-b"] {
        let error = text.parse::<PortRange>().expect_err(text);
        assert!(error.to_string().contains("such as 10000-19999"), "{error}");
    }
}

#[test]
fn a_port_rests_after_its_leg() {
    let now = Timestamp::from_micros(1);
    let mut pool = PortPool::new(range("4000-4003"), &mut Rng::from_seed(1));
    let (one, other) = (pool.take(now).expect("two"), pool.take(now).expect("one more"));
    assert_eq!(BTreeSet::from([one, other]), BTreeSet::from([4_000, 4_002]));
    assert_eq!(pool.take(now), None);
    pool.give_back(now, other);
    assert_eq!(pool.take(now.plus(Millis(9_999))), None);
    assert_eq!(pool.take(now.plus(REST)), Some(other));
}

#[test]
fn where_it_begins_is_a_matter_of_chance() {
    let first = |seed| {
        let mut pool = PortPool::new(range("10000-19999"), &mut Rng::from_seed(seed));
        pool.take(Timestamp::EPOCH).expect("a port")
    };
    assert!(first(1) != first(2) || first(2) != first(3));
}

proptest! {
    #[test]
    fn no_port_is_given_out_twice(
        moves in prop::collection::vec((any::<bool>(), 0_u64..4_000), 0..200),
    ) {
        let mut now = Timestamp::EPOCH;
        let mut pool = PortPool::new(range("4000-4019"), &mut Rng::from_seed(7));
        let mut held: Vec<u16> = Vec::new();
        let mut ended: Vec<(u16, Timestamp)> = Vec::new();
        for (takes, later) in moves {
            now = now.plus(Millis(later));
            if takes {
                if let Some(port) = pool.take(now) {
                    prop_assert!(port % 2 == 0 && !held.contains(&port));
                    let last = ended.iter().rev().find(|(ended, _)| *ended == port);
                    prop_assert!(last.is_none_or(|(_, at)| now.since(*at) >= REST));
                    held.push(port);
                }
            } else if let Some(port) = held.pop() {
                pool.give_back(now, port);
                pool.give_back(now, port);
                ended.push((port, now));
            }
        }
        prop_assert!(held.len() + pool.free.len() == 10);
    }
}
