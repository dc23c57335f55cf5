//! Files that do not fit what they read, or what they say of themselves.

use crate::projection::sql::check::checked;
use crate::projection::view::View;

/// A right view of calls by the hour.
pub(super) const HOURLY: &str = "\
-- name: calls_hourly
-- layer: operational
-- question: How many calls an hour?
-- grain: one row per hour, campaign_id
-- key: hour, campaign_id
-- window: hour hour
-- inputs: attempts.started_at
-- columns: hour moment | campaign_id text | calls int64 | talk_ms int64 ms
-- measures: count(calls); sum(talk_ms)
-- tests: unique(hour, campaign_id); expr(calls > 0)
-- lateness: 36 h
-- refresh: 5 s
select
    date_trunc('hour', started_at) as hour,
    campaign_id,
    count(*) as calls,
    coalesce(sum(talk_ms), 0) as talk_ms
from attempts
group by 1, 2
";

/// A right view of the one above.
pub(super) const DAILY: &str = "\
-- name: calls_daily
-- layer: funnel
-- question: How many calls a day?
-- grain: one row per day
-- key: day
-- window: day day
-- inputs: operational.calls_hourly.hour
-- columns: day moment | calls int64 | talk_ms int64 ms
-- measures: sum(calls, talk_ms)
-- tests: not_null(day)
-- lateness: 36 h
-- refresh: 1 min
select
    date_trunc('day', hour) as day,
    sum(calls) as calls,
    sum(talk_ms) as talk_ms
from operational.calls_hourly
group by 1
";

/// A view for each text, by its layer and name.
pub(super) fn views_of(texts: &[&str]) -> Vec<View> {
    let value = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("-- {key}: ")));
        line.expect("a key").to_owned()
    };
    let view = |text: &&str| {
        let file = format!("{}/{}.sql", value(text, "layer"), value(text, "name"));
        View::parse(&file, text).expect("a view's path")
    };
    checked(texts.iter().map(view).collect())
}

fn said(texts: &[&str]) -> Vec<String> {
    views_of(texts)
        .iter()
        .flat_map(|view| {
            let name = view.name.clone();
            view.refusal.iter().map(move |it| format!("{name} {}: {}", it.line, it.problem))
        })
        .collect()
}

#[test]
fn right_views_are_planned_in_order() {
    // The reader stands first.
    let views = views_of(&[DAILY, HOURLY]);
    assert_eq!(views.iter().flat_map(|view| &view.refusal).count(), 0, "{views:#?}");
    assert!(views[0].rank > views[1].rank);
    // A change of what is read is a change of the reader.
    let changed = views_of(&[DAILY, &HOURLY.replace("5 s", "6 s")]);
    assert_ne!(changed[0].definition, views[0].definition);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a list")]
fn a_query_is_refused_with_the_line_it_stands_on() {
    let mut others = Vec::new();
    let mut check = |from: &str, to: &str, expected: &str| {
        let all = said(&[&HOURLY.replace(from, to)]);
        if all.len() != 1 || !all[0].starts_with(expected) {
            others.push(format!("{to}: {expected:?}, but said was {all:#?}"));
        }
    };
    check(
        "sum(talk_ms), 0",
        "sum(talk_s), 0",
        "calls_hourly 17: Schema error: No field named talk_s",
    );
    check("from attempts", "frm attempts", "calls_hourly 18: ");
    check(
        "count(*) as calls",
        "count_all(*) as calls",
        "calls_hourly 16: Error during planning: Invalid function 'count_all'",
    );
    check(
        "from attempts",
        "from attempts where started_at < now()",
        "calls_hourly 18: now() gives another value each time",
    );
    check(
        "count(*) as calls",
        "count(*) filter (where random() < 0.5) as calls",
        "calls_hourly 16: random() gives",
    );
    check(
        "    campaign_id,\n    count",
        "    *,\n    campaign_id,\n    count",
        "calls_hourly 15: `select *` says nothing",
    );
    check(
        "campaign_id text",
        "campaign_id int64",
        "calls_hourly 8: column \"campaign_id\" is declared int64, but the query gives text",
    );
    check(
        "sum(talk_ms), 0) as",
        "avg(talk_ms), 0) as",
        "calls_hourly 8: column \"talk_ms\" is declared int64, but the query gives Float64",
    );
    check(
        "count(*) as calls",
        "count(*) as n",
        "calls_hourly 8: column \"calls\" is not in the query; it has hour, campaign_id, n, talk_ms",
    );
    check(
        "attempts.started_at",
        "attempts.began_at",
        "calls_hourly 7: attempts has no column \"began_at\"",
    );
    check(
        "attempts.started_at",
        "attempts.campaign_id",
        "calls_hourly 7: attempts.campaign_id decides the window, so it must be moment",
    );
    check(
        "from attempts",
        "from attempts join legs using (call_id)",
        "calls_hourly 18: reads legs, which `inputs` does not name",
    );
    check(
        "attempts.started_at",
        "attempts.started_at, legs.started_at",
        "calls_hourly 7: `inputs` names legs, which the query does not read",
    );
    check("expr(calls > 0)", "expr(call > 0)", "calls_hourly 10: expr(call > 0): ");
    check(
        "select\n    date_trunc('hour'",
        "create table x as select\n    date_trunc('hour'",
        "calls_hourly 13: the query must be one `select`",
    );
    assert_eq!(others, Vec::<String>::new());
}

#[test]
fn every_unknown_name_is_told() {
    let wrong = HOURLY
        .replace("sum(talk_ms), 0", "sum(talk_s), 0")
        .replace("campaign_id,\n    count", "campain,\n    count");
    let all = said(&[&wrong]);
    assert!(all.iter().any(|it| it.starts_with("calls_hourly 15: ")), "{all:#?}");
}

#[test]
fn a_cycle_is_named_with_both_files() {
    let back = HOURLY
        .replace("inputs: attempts.started_at", "inputs: funnel.calls_daily.day")
        .replace("from attempts", "from funnel.calls_daily");
    let all = said(&[DAILY, &back]);
    let way = "projections/funnel/calls_daily.sql → projections/operational/calls_hourly.sql → projections/funnel/calls_daily.sql";
    assert_eq!(
        all,
        [
            format!("calls_daily 7: reads itself: {way}"),
            format!("calls_hourly 7: reads itself: {way}")
        ]
    );
}

#[test]
fn a_refused_view_refuses_its_readers_and_nobody_else() {
    let other = HOURLY.replace("name: calls_hourly", "name: others_hourly");
    let all = said(&[DAILY, &HOURLY.replace("from attempts", "from attemps"), &other]);
    assert_eq!(all.iter().filter(|it| it.starts_with("others_hourly")).count(), 0, "{all:#?}");
    assert!(
        all.contains(&"calls_daily 7: reads operational.calls_hourly, which is refused".to_owned()),
        "{all:#?}"
    );
    assert!(all.iter().any(|it| it.starts_with("calls_hourly 18: reads attemps")), "{all:#?}");
}

#[test]
fn windows_of_a_view_and_of_what_it_reads_must_fit() {
    let finer = HOURLY
        .replace("attempts.started_at", "funnel.calls_daily.day")
        .replace("name: calls_hourly", "name: others_hourly")
        .replace("date_trunc('hour', started_at) as hour", "day as hour")
        .replace("from attempts", "from funnel.calls_daily")
        .replace("    campaign_id,", "    '' as campaign_id,")
        .replace("count(*) as calls", "sum(calls) as calls");
    let all = said(&[DAILY, HOURLY, &finer]);
    assert_eq!(
        all,
        [
            "others_hourly 7: its windows are hour, but funnel.calls_daily has day; read something finer"
        ]
    );
    let forgets = HOURLY.replace("-- refresh: 5 s", "-- refresh: 5 s\n-- retention: 2 d");
    let all = said(&[DAILY, &forgets]);
    assert_eq!(
        all,
        [
            "calls_daily 7: operational.calls_hourly forgets after 172800000 ms; keep no more here, or read what it reads"
        ]
    );
}
