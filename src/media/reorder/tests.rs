use proptest::prelude::*;

use super::*;

/// Number and missing before it.
fn seen(ready: Ready<'_>) -> (u64, u64) {
    let number = ready.piece.payload.try_into().expect("the number as eight bytes");
    (u64::from_be_bytes(number), ready.missing)
}

/// Pushes packets 20 ms apart and lists what comes out: number and missing before it.
fn run(numbers: &[u64]) -> (Vec<(u64, u64)>, Reorder) {
    let mut reorder = Reorder::default();
    let mut now = Timestamp::EPOCH;
    let mut out = Vec::new();
    for number in numbers {
        let payload = number.to_be_bytes();
        let piece = Piece { payload: &payload, ..Piece::default() };
        out.extend(reorder.push(now, *number, piece).map(seen));
        out.extend(std::iter::from_fn(|| reorder.pop().map(seen)));
        now = now.plus(Millis(20));
        reorder.handle_timeout(now);
        out.extend(std::iter::from_fn(|| reorder.pop().map(seen)));
    }
    reorder.handle_timeout(now.plus(WAIT));
    out.extend(std::iter::from_fn(|| reorder.pop().map(seen)));
    (out, reorder)
}

#[test]
fn order_is_restored_and_copies_go() {
    let check = |numbers: &[u64], want: &[(u64, u64)], dropped: u64| {
        let (got, reorder) = run(numbers);
        assert_eq!(got, want, "{numbers:?}");
        assert_eq!(reorder.dropped(), dropped, "{numbers:?}");
    };
    check(&[5, 6, 7], &[(5, 0), (6, 0), (7, 0)], 0);
    check(&[5, 7, 6, 8], &[(5, 0), (6, 0), (7, 0), (8, 0)], 0);
    check(&[5, 8, 7, 6], &[(5, 0), (6, 0), (7, 0), (8, 0)], 0);
    check(&[5, 5, 7, 7, 6], &[(5, 0), (6, 0), (7, 0)], 2);
    // 6 never comes: 7 waits 60 ms, until 9 is there.
    check(&[5, 7, 8, 9, 10], &[(5, 0), (7, 1), (8, 0), (9, 0), (10, 0)], 0);
    // 6 comes after its turn was given up.
    check(&[5, 7, 8, 9, 10, 6], &[(5, 0), (7, 1), (8, 0), (9, 0), (10, 0)], 1);
    check(&[5, 4], &[(5, 0)], 1);
}

#[test]
fn a_restart_lets_everything_go_and_begins_anew() {
    let mut reorder = Reorder::default();
    let now = Timestamp::EPOCH;
    let payload = |number: u64| number.to_be_bytes();
    for number in [5, 9, 7] {
        let _ = reorder.push(now, number, Piece { payload: &payload(number), ..Piece::default() });
    }
    reorder.restart();
    let rest: Vec<_> = std::iter::from_fn(|| reorder.pop().map(seen)).collect();
    assert_eq!(rest, [(7, 1), (9, 1)]);
    let payload = payload(2);
    let first = reorder.push(now, 2, Piece { payload: &payload, ..Piece::default() });
    assert_eq!(first.map(seen), Some((2, 0)));
}

proptest! {
    #[test]
    fn what_comes_out_ascends_and_memory_is_bounded(
        numbers in prop::collection::vec(0_u64..60, 0..200),
    ) {
        let (got, reorder) = run(&numbers);
        prop_assert!(got.windows(2).all(|pair| pair[0].0 < pair[1].0));
        prop_assert_eq!(got.len() as u64 + reorder.dropped(), numbers.len() as u64);
        prop_assert!(reorder.slots.len() <= HELD_MAX + 1);
    }
}
