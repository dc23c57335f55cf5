use proptest::prelude::*;

use super::*;

/// Places packets of one source and gives the distance of each from the first.
fn places(numbers: &[u16]) -> (Vec<Option<i64>>, Reception) {
    let mut reception = Reception::default();
    let mut first = 0;
    let placed = numbers
        .iter()
        .map(|number| match reception.place(1, *number) {
            Place::First(place) => {
                first = place as i64;
                Some(0)
            }
            Place::At(place) => Some(place as i64 - first),
            Place::Stray => None,
        })
        .collect();
    (placed, reception)
}

#[test]
fn numbers_wrap_without_a_seam() {
    let (placed, reception) = places(&[65_534, 65_535, 1, 0, 2]);
    assert_eq!(placed, [Some(0), Some(1), Some(3), Some(2), Some(4)]);
    assert_eq!((reception.received(), reception.lost()), (5, 0));
    let (placed, _) = places(&[3, 1, 65_535]);
    assert_eq!(placed, [Some(0), Some(-2), Some(-4)]);
}

#[test]
fn loss_is_what_the_standard_counts() {
    let check = |numbers: &[u16], want: i64| assert_eq!(places(numbers).1.lost(), want);
    check(&[10, 11, 14, 15], 2);
    check(&[10, 11, 14, 12, 15], 1);
    check(&[10, 11, 11, 12], -1);
    check(&[], 0);
}

#[test]
fn one_stray_is_ignored_and_two_restart() {
    let (placed, reception) = places(&[10, 40_000, 11, 12]);
    assert_eq!(placed, [Some(0), None, Some(1), Some(2)]);
    assert_eq!(reception.lost(), 0);
    let (placed, reception) = places(&[10, 11, 40_000, 40_001, 40_003]);
    assert_eq!(placed, [Some(0), Some(1), None, Some(0), Some(2)]);
    assert_eq!((reception.received(), reception.lost()), (4, 1));
}

#[test]
fn another_source_starts_its_own_count() {
    let mut reception = Reception::default();
    reception.place(1, 10);
    reception.place(1, 12);
    assert!(matches!(reception.place(2, 500), Place::First(_)));
    assert!(matches!(reception.place(2, 501), Place::At(_)));
    assert_eq!((reception.received(), reception.lost()), (4, 1));
}

#[test]
fn jitter_follows_the_formula() {
    let mut reception = Reception::default();
    // Every second packet 5 ms late: each step changes transit by 40 units, so J nears 40.
    for number in 0..400_i64 {
        let late = if number % 2 == 0 { 0 } else { 5_000 };
        let now = Timestamp::from_micros(1_795_244_400_000_000 + number * 20_000 + late);
        reception.measure(now, (number * 160) as u32);
    }
    assert!((38..=40).contains(&reception.jitter()), "{}", reception.jitter());
    assert!((4_750..=5_060).contains(&reception.jitter_micros()));
    let mut steady = Reception::default();
    for number in 0..100_u32 {
        let now = Timestamp::from_micros(i64::from(number) * 20_000);
        steady.measure(now, number.wrapping_mul(160).wrapping_sub(4_000));
    }
    assert_eq!((steady.jitter(), steady.jitter_micros()), (0, 0));
}

proptest! {
    #[test]
    fn any_packets_are_placed_without_overflow(
        packets in prop::collection::vec((0_u32..3, any::<u16>(), any::<u32>(), any::<i64>()), 0..200),
    ) {
        let mut reception = Reception::default();
        for (source, number, timestamp, at) in packets {
            reception.place(source, number);
            reception.measure(Timestamp::from_micros(at), timestamp);
        }
        let _ = (reception.lost(), reception.jitter(), reception.jitter_micros());
    }
}
