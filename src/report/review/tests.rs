use super::*;
use crate::base::UtcOffset;
use crate::event::ReportKind;
use crate::query::Answer;
use crate::report::figure::DEFINITIONS;
use crate::report::period::{Period, Width};

/// An answer of whole numbers and one name, given as `name:count,count`.
fn asked(query: &'static str, columns: &[&str], rows: &[&str]) -> Asked {
    let cell = |text: &str| text.parse::<i64>().map_or_else(|_| text.into(), Value::from);
    let rows = rows.iter().map(|row| row.split([':', ',']).map(cell).collect()).collect();
    let columns = columns.iter().map(|column| (*column).to_owned()).collect();
    Asked { query, params: Vec::new(), answer: Answer { columns, rows } }
}

const CARRIER: &[&str] =
    &["carrier_id", "seizures", "answered", "asr_ppm", "failed", "outages", "down_ms"];
const AGENT: &[&str] = &["agent_id", "talks", "wrap_up_ms", "occupancy_ppm"];

/// A day like the one a week before: nothing stands out.
fn quiet() -> Contents {
    let period = Period::parse(Width::Day, UtcOffset::UTC, "2026-11-21").expect("a day");
    let figures = DEFINITIONS.iter().map(|definition| {
        let value = figure::Value { value: Some(1_000), part: 500, whole: 1_000 };
        let value = match definition.unit {
            Unit::Ppm => figure::Value { value: Some(20_000), part: 20, whole: 1_000 },
            _ => value,
        };
        Figure { definition, now: value, day_before: value, week_before: value }
    });
    let none = || asked("headline", &[], &[]);
    let carriers = &["north:500,250,500000,10,0,0", "south:400,200,500000,8,0,0"];
    Contents {
        kind: ReportKind::Review,
        period,
        position: Some(1_200),
        figures: figures.collect(),
        hours: [none(), none(), none()],
        heat: none(),
        campaigns: none(),
        carriers: [
            asked("carrier_quality", CARRIER, carriers),
            asked("carrier_quality", CARRIER, carriers),
        ],
        agents: asked("agent_occupancy", AGENT, &["alex:40,800000,600000"]),
        handlers: none(),
        levels: none(),
        objections: asked("objections", &["objection", "calls"], &["price:100"]),
        opt_outs: none(),
    }
}

/// Given a quiet day in which something is otherwise, these rules speak, in this order.
fn check(change: impl FnOnce(&mut Contents), want: &[&str]) -> Vec<Finding> {
    let mut contents = quiet();
    change(&mut contents);
    let findings = review(&contents, &Thresholds::default());
    let rules: Vec<_> = findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(rules, want);
    findings
}

fn set(contents: &mut Contents, id: &str, part: i64, whole: i64) {
    let figure = contents.figures.iter_mut().find(|figure| figure.definition.id == id);
    let value = match whole {
        0 => figure::Value { value: Some(part), part, whole },
        _ => figure::Value { value: Some(part * 1_000_000 / whole), part, whole },
    };
    figure.expect("a figure").now = value;
}

fn before(contents: &mut Contents, id: &str, part: i64, whole: i64) {
    let figure = contents.figures.iter_mut().find(|figure| figure.definition.id == id);
    let value = Some(part * 1_000_000 / whole);
    figure.expect("a figure").week_before = figure::Value { value, part, whole };
}

#[test]
fn a_quiet_day_has_nothing_that_stands_out() {
    check(|_| {}, &[]);
}

#[test]
fn a_share_that_fell_by_more_than_a_fifth_is_said_with_its_question() {
    let findings = check(
        |day| {
            before(day, "connect_rate", 400, 1_000);
            set(day, "connect_rate", 300, 1_000);
        },
        &["connect_rate.fell"],
    );
    let finding = &findings[0];
    assert_eq!(
        finding.sentence(Language::English),
        "Connect rate fell from 40.0 % to 30.0 % against the week before."
    );
    assert_eq!(finding.sentence(Language::Chinese), "接通率由上周同期的 40.0 % 降至 30.0 %。");
    assert_eq!(
        finding.command(Some(1_200)),
        "ledgerline query headline --param from=2026-11-21T00:00:00Z \
         --param until=2026-11-22T00:00:00Z --as-of 1200"
    );
    assert!(finding.advice(Language::English).starts_with("Compare the carriers"));
}

#[test]
fn a_share_that_fell_a_little_or_by_chance_is_not_said() {
    // A tenth of what it was.
    check(
        |day| {
            before(day, "connect_rate", 4_000, 10_000);
            set(day, "connect_rate", 3_600, 10_000);
        },
        &[],
    );
    // A quarter of what it was, of forty calls.
    check(
        |day| {
            before(day, "connect_rate", 16, 40);
            set(day, "connect_rate", 12, 40);
        },
        &[],
    );
    // All of what it was, of ten calls.
    check(
        |day| {
            before(day, "connect_rate", 9, 10);
            set(day, "connect_rate", 0, 10);
        },
        &[],
    );
}

#[test]
fn less_of_what_is_bad_is_good() {
    let findings = check(
        |day| {
            before(day, "opt_out_rate", 100, 1_000);
            set(day, "opt_out_rate", 40, 1_000);
            before(day, "interested_rate", 100, 1_000);
            set(day, "interested_rate", 200, 1_000);
        },
        &["interested_rate.rose", "opt_out_rate.fell"],
    );
    assert!(findings.iter().all(|finding| finding.tone == Tone::Good));
    // And more of it is not.
    check(
        |day| {
            before(day, "opt_out_rate", 40, 1_000);
            set(day, "opt_out_rate", 100, 1_000);
        },
        &["opt_out_rate.rose"],
    );
}

#[test]
fn abandoned_calls_have_a_limit_of_their_own() {
    check(|day| set(day, "abandoned_rate", 30, 1_000), &[]);
    let findings = check(|day| set(day, "abandoned_rate", 31, 1_000), &["abandoned.over"]);
    assert_eq!(
        findings[0].sentence(Language::English),
        "3.1 % of contacts were abandoned (31 of 1\u{202f}000); the most allowed is 3.0 %."
    );
}

#[test]
fn fewer_dials_stand_out_and_none_the_more() {
    check(|day| set(day, "dials", 799, 0), &["dials.fell"]);
    check(|day| set(day, "dials", 801, 0), &[]);
    let findings = check(|day| set(day, "dials", 0, 0), &["dials.none"]);
    assert_eq!(
        findings[0].sentence(Language::English),
        "Nobody was dialled; the week before there were 1\u{202f}000 dials."
    );
}

#[test]
fn a_carrier_is_held_to_its_asr() {
    let carriers = |rows: &[&str]| asked("carrier_quality", CARRIER, rows);
    // Below the limit, whatever it was before.
    let findings = check(
        |day| day.carriers[0] = carriers(&["north:500,140,280000,10,0,0"]),
        &["carrier.asr_low"],
    );
    assert_eq!(
        findings[0].sentence(Language::English),
        "Over carrier north, 28.0 % of 500 seizures were answered; wanted are 30.0 %."
    );
    // Above it, but far below its own week before.
    let findings = check(
        |day| day.carriers[0] = carriers(&["north:500,175,350000,10,0,0"]),
        &["carrier.asr_fell"],
    );
    assert_eq!(
        findings[0].sentence(Language::English),
        "The ASR of carrier north fell from 50.0 % to 35.0 % against the week before."
    );
    // Too few seizures to say.
    check(|day| day.carriers[0] = carriers(&["north:20,1,50000,0,0,0"]), &[]);
    // A new carrier has no week before.
    check(|day| day.carriers[0] = carriers(&["west:500,175,350000,10,0,0"]), &[]);
}

#[test]
fn a_carrier_that_was_out_or_fails_is_named() {
    let row = "north:500,250,500000,60,2,125000";
    let findings = check(
        |day| day.carriers[0] = asked("carrier_quality", CARRIER, &[row]),
        &["carrier.outage", "carrier.failed"],
    );
    assert_eq!(
        findings[0].sentence(Language::English),
        "Outages of carrier north: 2, 2 min 05 s in all."
    );
    assert_eq!(
        findings[1].sentence(Language::English),
        "Carrier north failed 12.0 % of 500 seizures."
    );
}

#[test]
fn a_long_wrap_up_and_a_busy_agent_come_after_what_is_bad() {
    let agents = &["alex:20,1220000,500000", "bo:9,900000,990000", "cy:20,100000,910000"];
    let findings = check(
        |day| {
            day.agents = asked("agent_occupancy", AGENT, agents);
            set(day, "abandoned_rate", 90, 1_000);
        },
        &["abandoned.over", "agent.wrap_up_long", "agent.busy"],
    );
    assert_eq!(
        findings[1].sentence(Language::English),
        "Agent alex took 1 min 01 s of wrap-up for each of 20 talks; expected are up to 1 min 00 s."
    );
}

#[test]
fn an_objection_of_very_many_contacts_is_named() {
    let findings = check(
        |day| day.objections = asked("objections", &["objection", "calls"], &["price:251"]),
        &["objection.frequent"],
    );
    assert_eq!(
        findings[0].sentence(Language::English),
        "The objection price was heard in 251 calls, 25.1 % of contacts."
    );
}

#[test]
fn every_sentence_has_its_translation_and_its_parts() {
    let row = "north:500,140,280000,60,2,125000";
    let mut day = quiet();
    day.carriers[0] = asked("carrier_quality", CARRIER, &[row, "south:400,140,350000,8,0,0"]);
    day.agents = asked("agent_occupancy", AGENT, &["alex:20,1220000,1", "cy:20,100000,910000"]);
    day.objections = asked("objections", &["objection", "calls"], &["price:900"]);
    for rule in SHARES {
        before(&mut day, rule.figure, 200, 1_000);
        set(&mut day, rule.figure, 400, 1_000);
    }
    set(&mut day, "abandoned_rate", 90, 1_000);
    set(&mut day, "dials", 500, 0);
    let findings = review(&day, &Thresholds::default());
    assert_eq!(findings.len(), 16, "{findings:#?}");
    for finding in &findings {
        let (english, chinese) =
            (finding.sentence(Language::English), finding.sentence(Language::Chinese));
        assert_ne!(english, chinese);
        assert_ne!(finding.advice(Language::English), finding.advice(Language::Chinese));
        for sentence in [english, chinese] {
            assert!(!sentence.contains(['{', '}', '–']), "{sentence}");
        }
    }
}
