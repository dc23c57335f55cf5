use super::*;
use crate::base::Millis;

fn rated(delay_ms: f64, percent: f64) -> Quality {
    Quality::rate(delay_ms, Loss { percent, burst_ratio: 1.0 }, Codec::Pcmu)
}

/// Within so many thousandths.
fn check(got: u32, want: u32, within: u32) {
    assert!(got.abs_diff(want) <= within, "{got}, wanted {want} ± {within}");
}

#[test]
fn a_line_without_fault_has_the_rating_that_the_recommendation_states() {
    // G.107, clause 7.7: R is 93.2 with all values at their defaults; table B.1: MOS 4.41.
    let best = rated(0.0, 0.0);
    check(best.r_milli, 93_200, 50);
    check(best.mos_milli, 4_410, 5);
}

#[test]
fn loss_costs_what_the_formula_for_random_loss_says() {
    // 95 · Ppl ÷ (Ppl + 25.1), off the rating without loss: 3.64, 7.01, 15.78.
    let best = rated(0.0, 0.0).r_milli;
    for (percent, cost) in [(1.0, 3_640), (2.0, 7_011), (5.0, 15_781)] {
        check(best - rated(0.0, percent).r_milli, cost, 1);
    }
}

#[test]
fn delay_costs_little_up_to_150_ms_and_much_beyond() {
    // G.107 and G.114: users are "very satisfied" (R of 90) up to some 130 ms, and 400 ms is
    // the limit of what is planned for.
    assert!(rated(100.0, 0.0).r_milli > 90_000);
    assert!(rated(150.0, 0.0).r_milli > 89_000);
    assert!((60_000..70_000).contains(&rated(400.0, 0.0).r_milli));
    // The delay alone: 25 {(1+X⁶)^⅙ − 3 (1+(X/3)⁶)^⅙ + 2} with X = 1 and X = 2.
    assert!((collision(200.0) - 3.044).abs() < 0.001, "{}", collision(200.0));
    assert!((collision(400.0) - 24.07).abs() < 0.01, "{}", collision(400.0));
    assert!(collision(100.0).abs() < 1e-9);
}

#[test]
fn opinions_meet_the_table_of_categories() {
    // G.107, annex B: the lower limits of the categories.
    for (r, mos) in [(90.0, 4_340), (80.0, 4_030), (70.0, 3_600), (60.0, 3_100), (50.0, 2_580)] {
        check(thousandths(opinion(r)), mos, 10);
    }
    assert_eq!((thousandths(opinion(0.0)), thousandths(opinion(3.0))), (1_000, 1_000));
    assert_eq!(thousandths(opinion(100.0)), 4_500);
}

#[test]
fn nothing_gets_better_by_more_loss_jitter_or_delay() {
    let leg = |lost, jitter_us, round_trip| MediaStatistics {
        packets_received: 1_000,
        packets_lost: lost,
        jitter_us,
        round_trip_ms: round_trip,
        ..MediaStatistics::default()
    };
    let of = |heard| Quality::of(&heard, Codec::Pcma).expect("packets came");
    for (better, worse) in [
        (leg(0, 0, None), leg(10, 0, None)),
        (leg(10, 0, None), leg(10, 30_000, None)),
        (leg(10, 30_000, None), leg(10, 30_000, Some(Millis(300)))),
        (leg(500, 0, None), leg(1_000_000, 0, None)),
    ] {
        let (better, worse) = (of(better), of(worse));
        assert!(better.r_milli > worse.r_milli, "{better:?} {worse:?}");
        assert!(better.mos_milli >= worse.mos_milli, "{better:?} {worse:?}");
    }
}

#[test]
fn a_leg_that_heard_nothing_is_not_rated() {
    let heard = MediaStatistics { packets_sent: 500, ..MediaStatistics::default() };
    assert_eq!(Quality::of(&heard, Codec::Pcmu), None);
}

#[test]
fn a_leg_is_rated_by_what_it_counted() {
    // 20 ms for the packet, 40 ms of network, 20 ms of buffer; 10 of 1,000 packets lost.
    let heard = MediaStatistics {
        packets_received: 990,
        packets_lost: 10,
        jitter_us: 10_000,
        round_trip_ms: Some(Millis(80)),
        ..MediaStatistics::default()
    };
    assert_eq!(Quality::of(&heard, Codec::Pcmu), Some(rated(80.0, 1.0)));
}

#[test]
fn losses_in_runs_cost_more_than_the_same_at_random() {
    let leg = |loss_runs| MediaStatistics {
        packets_received: 900,
        packets_lost: 100,
        loss_runs,
        ..MediaStatistics::default()
    };
    // One run of 100 of 1,000: BurstR is 100 · 0.9.
    assert!((burst_ratio(&leg(1), 0.1) - 90.0).abs() < 1e-9);
    // Runs of 10 ÷ 9 are what chance gives; and where runs were not counted, chance is taken.
    assert!((burst_ratio(&leg(90), 0.1) - 1.0).abs() < 1e-9);
    assert!((burst_ratio(&leg(0), 0.1) - 1.0).abs() < 1e-9);
    let of = |loss_runs| Quality::of(&leg(loss_runs), Codec::Pcmu).expect("packets came").r_milli;
    assert!(of(1) < of(10) && of(10) < of(90));
    // 95 · 10 ÷ (10 ÷ 9 + 25.1): 36.24, after runs of 10 with BurstR 9.
    let whole = |burst_ratio| Loss { percent: 10.0, burst_ratio };
    assert!((equipment(Codec::Pcmu, whole(9.0)) - 36.244).abs() < 0.001);
    assert!((equipment(Codec::Pcmu, whole(1.0)) - 27.066).abs() < 0.001);
}

#[test]
fn codecs_differ() {
    let lossless = Loss { percent: 0.0, burst_ratio: 1.0 };
    let of = |codec| Quality::rate(0.0, lossless, codec).r_milli;
    assert_eq!(of(Codec::G722), of(Codec::Pcma));
    assert_eq!(of(Codec::Pcma) - of(Codec::Opus), 5_000);
}
