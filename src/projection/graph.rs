//! The order views are made in: inputs before their readers.
//!
//! In: names and what each reads. Out: the names in an order, and the cycles that have none.
//! Invariants: the order depends on the names alone; a cycle is told once, beginning at its
//! first name. Deliberately absent: what a name stands for.

use std::collections::{BTreeMap, BTreeSet};

/// Names in the order they can be made, and the cycles among the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    /// Inputs before their readers.
    pub(crate) names: Vec<String>,
    /// Each from its first name to the one that reads it again.
    pub(crate) cycles: Vec<Vec<String>>,
}

/// Orders names by what they read. What is read and has no entry is there from the start. A
/// reader of a cycle that is not part of it stands in the order, behind everything else.
pub(crate) fn order(reads: &BTreeMap<String, BTreeSet<String>>) -> Order {
    let mut order = Order::default();
    let mut done = BTreeSet::new();
    loop {
        let before = done.len();
        for (name, inputs) in reads {
            let is_ready =
                inputs.iter().all(|input| done.contains(input) || !reads.contains_key(input));
            if is_ready && done.insert(name.clone()) {
                order.names.push(name.clone());
            }
        }
        if done.len() > before {
            continue;
        }
        let left: BTreeSet<&String> = reads.keys().filter(|name| !done.contains(*name)).collect();
        if left.is_empty() {
            return order;
        }
        let Some(cycle) = left.iter().find_map(|name| cycle(reads, name)) else { return order };
        done.extend(cycle.iter().cloned());
        order.cycles.push(cycle);
    }
}

/// The shortest way from a name back to itself.
fn cycle(reads: &BTreeMap<String, BTreeSet<String>>, start: &str) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut ways = std::collections::VecDeque::from([vec![start.to_owned()]]);
    while let Some(way) = ways.pop_front() {
        let inputs = way.last().and_then(|last| reads.get(last));
        for input in inputs.into_iter().flatten() {
            if input == start {
                return Some(way);
            }
            if seen.insert(input.clone()) {
                ways.push_back(way.iter().cloned().chain([input.clone()]).collect());
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reads(edges: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        edges.iter().map(|(name, inputs)| ((*name).to_owned(), set(inputs))).collect()
    }

    #[test]
    fn inputs_come_first() {
        let found = order(&reads(&[("a", &["c", "calls"]), ("b", &["a"]), ("c", &[])]));
        assert_eq!(
            found,
            Order { names: vec!["c".into(), "a".into(), "b".into()], cycles: vec![] }
        );
    }

    #[test]
    fn a_cycle_is_named_once_and_holds_no_other_one_up() {
        let found = order(&reads(&[
            ("a", &["b"]),
            ("b", &["a"]),
            ("c", &["b"]),
            ("d", &[]),
            ("e", &["e"]),
        ]));
        assert_eq!(found.cycles, [vec!["a".to_owned(), "b".to_owned()], vec!["e".to_owned()]]);
        assert_eq!(found.names, ["d", "c"]);
    }

    proptest! {
        #[test]
        fn every_name_is_in_the_order_or_in_a_cycle(
            edges in prop::collection::btree_map("[a-f]", prop::collection::btree_set("[a-h]", 0..4), 0..6),
        ) {
            let found = order(&edges);
            let in_cycles: BTreeSet<&String> = found.cycles.iter().flatten().collect();
            let all: BTreeSet<&String> = found.names.iter().chain(in_cycles.iter().copied()).collect();
            prop_assert_eq!(all, edges.keys().collect::<BTreeSet<_>>());
            prop_assert_eq!(found.names.len() + in_cycles.len(), edges.len());
            for (place, name) in found.names.iter().enumerate() {
                for input in &edges[name] {
                    let is_before = found.names[..place].contains(input);
                    prop_assert!(is_before || !edges.contains_key(input) || in_cycles.contains(input));
                }
            }
        }
    }
}
