use proptest::prelude::*;

use super::{Distinct, Merged, Quantiles};

fn distinct(values: &[i64]) -> Vec<u8> {
    let mut sketch = Distinct::default();
    for value in values {
        sketch.number(*value);
    }
    sketch.bytes()
}

fn quantiles(values: &[i64]) -> Option<Vec<u8>> {
    let mut sketch = Quantiles::default();
    sketch.extend(values.iter().copied());
    sketch.bytes()
}

#[test]
fn counts_different_values() {
    for count in [0i64, 1, 7, 8, 9, 400, 5_000, 100_000] {
        let values: Vec<i64> = (0..count).chain(0..count).collect();
        let estimate = Distinct::estimate(&distinct(&values)).expect("a sketch");
        let off = (estimate - count).abs();
        // Three standard deviations of 1.6 %.
        assert!(off * 1_000 <= count * 48, "{estimate} for {count}");
    }
}

#[test]
fn texts_are_told_apart() {
    let mut sketch = Distinct::default();
    for value in ["a", "b", "a", "甲", ""] {
        sketch.text(value);
    }
    assert_eq!(Distinct::estimate(&sketch.bytes()).expect("a sketch"), 4);
}

#[test]
fn finds_quantiles() {
    let values: Vec<i64> = (0..10_000).map(|value| value * 7_919 % 10_000).collect();
    let sketch = quantiles(&values).expect("values");
    for (share, wanted, within) in [(0.5, 5_000, 50), (0.95, 9_500, 15), (0.99, 9_900, 5)] {
        let found = Quantiles::estimate(&sketch, share).expect("a sketch").expect("values");
        assert!((found - wanted).abs() <= within, "{found} for {wanted}");
    }
    assert_eq!(quantiles(&[]), None);
}

#[test]
fn refuses_what_is_no_sketch() {
    let error = Distinct::estimate(b"nonsense").expect_err("no sketch").to_string();
    assert!(error.contains("hll_sketch"), "{error}");
    assert!(Distinct::default().merge(&[]).is_err());
    let error = Quantiles::estimate(&distinct(&[1]), 0.5).expect_err("no sketch").to_string();
    assert!(error.contains("quantile_sketch"), "{error}");
    let sketch = quantiles(&[1, 2]).expect("values");
    assert!(Quantiles::estimate(&sketch, 1.5).is_err());
}

proptest! {
    /// Whatever the order, and however values were grouped before, the bytes are the same.
    #[test]
    fn distinct_does_not_depend_on_order(
        values in prop::collection::vec(0i64..3_000, 0..4_000),
        cut in 0usize..4_000,
    ) {
        let whole = distinct(&values);
        let mut backwards = values.clone();
        backwards.reverse();
        prop_assert_eq!(&whole, &distinct(&backwards));
        let (left, right) = values.split_at(cut.min(values.len()));
        for parts in [[left, right], [right, left]] {
            let mut merged = Distinct::default();
            for part in parts {
                merged.merge(&distinct(part)).expect("a sketch");
            }
            prop_assert_eq!(&whole, &merged.bytes());
        }
    }

    /// Values in any order give the same bytes; so do sketches.
    #[test]
    fn quantiles_do_not_depend_on_order(
        values in prop::collection::vec(-50_000i64..50_000, 1..3_000),
        cut in 1usize..3_000,
    ) {
        let whole = quantiles(&values);
        let mut backwards = values.clone();
        backwards.reverse();
        prop_assert_eq!(&whole, &quantiles(&backwards));
        let parts: Vec<Vec<u8>> = values.chunks(cut).filter_map(quantiles).collect();
        let merge = |parts: &mut dyn Iterator<Item = &Vec<u8>>| {
            let mut merged = Merged::default();
            parts.for_each(|part| merged.push(part));
            merged.bytes().expect("sketches")
        };
        prop_assert_eq!(merge(&mut parts.iter()), merge(&mut parts.iter().rev()));
    }
}
