use super::*;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_micros(i64::try_from(millis * 1_000).expect("small"))
}

/// The moments of the reports of one end in so many milliseconds.
fn reports(seed: u64, hears: bool, millis: u64) -> Vec<u64> {
    let mut schedule = Schedule::new(at(0), 60, Rng::from_seed(seed));
    let mut moments = Vec::new();
    for now in 0..millis {
        if hears && now % 5_000 == 0 {
            schedule.heard(80);
        }
        if schedule.poll_timeout() <= at(now) && schedule.is_due(at(now)) {
            schedule.sent(at(now), 80);
            moments.push(now);
        }
    }
    moments
}

#[test]
fn reports_are_five_seconds_apart_on_average_and_never_in_step() {
    let mut gaps = Vec::new();
    for seed in 0..20 {
        let moments = reports(seed, true, 300_000);
        gaps.extend(moments.windows(2).map(|pair| pair[1] - pair[0]));
    }
    // Half to one and a half of 5 s, over e − 3/2; reconsidered, 5 s on average.
    let average = gaps.iter().sum::<u64>() / gaps.len() as u64;
    assert!((4_500..5_500).contains(&average), "{average} ms");
    assert!(gaps.iter().all(|gap| (2_052..=6_157).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().max() > gaps.iter().min().map(|least| least + 1_000).as_ref());
}

#[test]
fn the_first_report_comes_after_half_the_interval() {
    let first: Vec<u64> = (0..50).map(|seed| reports(seed, false, 10_000)[0]).collect();
    assert!(first.iter().all(|moment| (1_026..=3_079).contains(moment)), "{first:?}");
}

#[test]
fn the_same_seed_gives_the_same_moments() {
    assert_eq!(reports(3, true, 60_000), reports(3, true, 60_000));
    assert_ne!(reports(3, true, 60_000), reports(4, true, 60_000));
}

#[test]
fn large_reports_come_less_often() {
    let mut schedule = Schedule::new(at(0), 60, Rng::from_seed(1));
    schedule.sent(at(0), 60);
    for _ in 0..100 {
        schedule.heard(20_000);
    }
    // 2 members · 20 kB ÷ 500 B/s: 80 s on average, and none before 40 s ÷ 1.22.
    let interval = schedule.interval();
    assert!(interval >= Millis(32_000), "{interval}");
}

#[test]
fn a_wait_shrinks_when_the_other_end_leaves() {
    let mut schedule = Schedule::new(at(0), 60, Rng::from_seed(1));
    schedule.heard(60);
    schedule.sent(at(0), 60);
    let before = schedule.poll_timeout();
    schedule.left(at(1_000));
    assert_eq!(schedule.poll_timeout().since(at(1_000)).0, before.since(at(1_000)).0 / 2);
}
