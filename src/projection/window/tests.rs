use proptest::prelude::*;

use super::*;

/// 2026-11-21T00:00:00Z. Units: µs.
const NOON: i64 = 1_795_262_400_000_000 / DAY * DAY + 12 * HOUR;

fn time_width() -> impl Strategy<Value = Width> {
    prop_oneof![Just(Width::Minute), Just(Width::Hour), Just(Width::Day), Just(Width::Week)]
}

#[test]
fn windows_have_names() {
    let check = |width: Width, expected: &str| {
        let label = width.label(width.start(NOON + 61 * MINUTE + 1));
        assert!(label.ends_with(expected), "{label}");
    };
    check(Width::Minute, "T13-01");
    check(Width::Hour, "T13");
    check(Width::Bucket, "bucket-00");
    check(Width::Whole, "whole");
    assert_eq!(Width::Day.label(Width::Day.start(NOON)).len(), 10);
}

#[test]
fn a_week_begins_on_monday() {
    let start = |text: &str| {
        let at: Timestamp = text.parse().expect("a moment");
        Width::Week.label(Width::Week.start(at.as_micros()))
    };
    assert_eq!(start("2026-11-21T09:00:00Z"), "2026-11-16");
    assert_eq!(start("2026-11-16T00:00:00Z"), "2026-11-16");
    assert_eq!(start("2026-11-15T23:59:59Z"), "2026-11-09");
    assert_eq!(start("1969-12-31T00:00:00Z"), "1969-12-29");
    let mut dirty = DirtySet::new(Width::Week);
    dirty.touch_window_of(Width::Day, Width::Day.start(NOON));
    assert_eq!(dirty.windows().len(), 1);
    assert!(Width::Week.can_read(Width::Day) && !Width::Day.can_read(Width::Week));
}

#[test]
fn an_interval_touches_every_window_it_lies_in() {
    let mut dirty = DirtySet::new(Width::Hour);
    dirty.touch(NOON + 1, NOON + 2 * HOUR);
    assert_eq!(dirty.windows(), &BTreeSet::from([NOON, NOON + HOUR, NOON + 2 * HOUR]));
    let mut odd = DirtySet::new(Width::Hour);
    odd.touch(NOON, NOON - 5 * HOUR);
    assert_eq!(odd.windows(), &BTreeSet::from([NOON]));
}

#[test]
fn a_window_of_an_input_dirties_what_is_made_of_it() {
    let after = |width: Width, input: Width, window: i64| {
        let mut dirty = DirtySet::new(width);
        dirty.touch_window_of(input, window);
        dirty.windows().len()
    };
    assert_eq!(after(Width::Day, Width::Hour, NOON), 1);
    assert_eq!(after(Width::Hour, Width::Hour, NOON), 1);
    assert_eq!(after(Width::Bucket, Width::Bucket, 7), 1);
    assert_eq!(after(Width::Bucket, Width::Day, NOON), 64);
    assert_eq!(after(Width::Whole, Width::Minute, NOON), 1);
    assert!(!Width::Hour.can_read(Width::Day) && Width::Day.can_read(Width::Hour));
    assert!(!Width::Day.can_read(Width::Bucket) && Width::Whole.can_read(Width::Bucket));
}

#[test]
fn windows_of_past_periods_share_a_file() {
    let day = Width::Day.start(NOON);
    let windows = [day - 25 * HOUR, day - 2 * HOUR, day - HOUR, day, day + HOUR];
    let files = Width::Hour.files(windows);
    let counts: Vec<_> = files.values().map(|group| group.count).collect();
    assert_eq!(counts, [1, 2, 1, 1]);
    let labels: Vec<_> = files.values().map(|group| group.label.len()).collect();
    assert_eq!(labels, [10, 10, 13, 13]);
    let year = (0..365 * 24).map(|hour| day + hour * HOUR);
    assert_eq!(Width::Hour.files(year).len(), 364 + 24);
    assert_eq!(Width::Bucket.files(0..BUCKETS).len(), 64);
}

proptest! {
    #[test]
    fn the_order_of_touches_does_not_matter(
        width in time_width(),
        mut touches in prop::collection::vec((0..40 * HOUR, 0..3 * DAY), 0..12),
    ) {
        let set = |touches: &[(i64, i64)]| {
            let mut dirty = DirtySet::new(width);
            for (from, length) in touches {
                dirty.touch(NOON + from, NOON + from + length);
            }
            dirty
        };
        let one = set(&touches);
        touches.reverse();
        prop_assert_eq!(&one, &set(&touches));
        // Each moment of an interval lies in a dirty window, and in a range.
        for (from, length) in touches {
            for moment in [from, from + length / 2, from + length] {
                let moment = NOON + moment;
                prop_assert!(one.windows().contains(&width.start(moment)));
                for most in [1, 100] {
                    let ranges = one.ranges(most);
                    prop_assert!(ranges.iter().any(|(a, b)| *a <= moment && moment < *b));
                }
            }
        }
    }

    #[test]
    fn ranges_cover_dirty_windows_and_nothing_else(
        width in time_width(),
        windows in prop::collection::btree_set(0_i64..60, 0..20),
    ) {
        let micros = width.micros().expect("a span of time");
        let dirty = DirtySet::of(width, windows.iter().map(|window| window * micros));
        let ranges = dirty.ranges(usize::MAX);
        let covered: i64 = ranges.iter().map(|(from, end)| (end - from) / micros).sum();
        prop_assert_eq!(covered as usize, windows.len());
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
    }

    #[test]
    fn taking_in_parts_takes_all(windows in prop::collection::btree_set(0_i64..60, 0..30), most in 1_usize..7) {
        let mut left = DirtySet::of(Width::Bucket, windows.clone());
        let mut taken = Vec::new();
        while !left.windows().is_empty() {
            let part = left.take(most);
            prop_assert!(!part.windows().is_empty() && part.windows().len() <= most);
            taken.extend(part.windows().iter().copied());
        }
        prop_assert_eq!(taken, windows.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_window_has_one_file(width in time_width(), windows in prop::collection::btree_set(0_i64..9_000, 1..60)) {
        let micros = width.micros().expect("a span of time");
        let windows: BTreeSet<i64> = windows.iter().map(|window| NOON + window * micros).collect();
        let files = width.files(windows.iter().copied());
        let mut seen = BTreeSet::new();
        for (first, group) in &files {
            let inside: Vec<i64> = windows.range(*first..=group.last).copied().collect();
            prop_assert_eq!(inside.len(), group.count);
            prop_assert!(inside.iter().all(|window| seen.insert(*window)));
        }
        prop_assert_eq!(&seen, &windows);
        let labels: BTreeSet<_> = files.values().map(|group| &group.label).collect();
        prop_assert_eq!(labels.len(), files.len());
    }
}
