use super::*;

const RIGHT: &str = "\
-- name: calls_daily
-- layer: funnel
-- question: How many calls a day?
-- grain: one row per day, campaign_id
-- key: day, campaign_id
-- window: day day
-- inputs: attempts.started_at
-- columns: day moment | campaign_id text |
--   calls int64 | talk_ms int64 ms
-- measures: count(calls); sum(talk_ms)
-- tests: not_null(day);
--   relationship(campaign_id -> campaigns.campaign_id); expr(calls >= 0)
-- lateness: 36 h
-- refresh: 5 s
-- retention: 90 d
select 1
";

fn said(text: &str) -> Vec<String> {
    let view = View::parse("funnel/calls_daily.sql", text).expect("a view's path");
    view.refusal.iter().map(|it| format!("{}: {}", it.line, it.problem)).collect()
}

#[test]
fn a_head_is_read() {
    let view = View::parse("funnel/calls_daily.sql", RIGHT).expect("a view's path");
    assert_eq!(view.refused(), None);
    assert_eq!((view.table().as_str(), view.width), ("funnel.calls_daily", Width::Day));
    assert_eq!(view.key, ["day", "campaign_id"]);
    let columns: Vec<_> = view
        .columns
        .iter()
        .map(|it| (it.name.as_str(), it.kind.as_str(), it.unit.as_str()))
        .collect();
    assert_eq!(columns.last(), Some(&("talk_ms", "int64", "ms")));
    assert_eq!((view.lateness, view.refresh), (Millis(36 * 3_600_000), Millis(5_000)));
    assert_eq!(view.retention, Some(Millis(90 * 86_400_000)));
    let tests: Vec<_> = view.tests.iter().map(|it| (it.line, it.value.text())).collect();
    assert_eq!(
        tests[1..],
        [
            (12, "relationship(campaign_id -> campaigns.campaign_id)".to_owned()),
            (12, "expr(calls >= 0)".to_owned())
        ]
    );
    assert_eq!(View::parse("calls_daily.sql", RIGHT), None);
    assert_eq!(View::parse("nowhere/calls_daily.sql", RIGHT), None);
}

#[test]
fn every_mistake_stands_with_its_line() {
    let check = |from: &str, to: &str, expected: &[&str]| {
        assert_eq!(said(&RIGHT.replace(from, to)), expected, "{to}");
    };
    check(
        "name: calls_daily",
        "name: calls",
        &["1: name \"calls\" is not the file's; say calls_daily"],
    );
    check("layer: funnel", "layer: fact", &["2: layer \"fact\" is not the folder; say funnel"]);
    check("-- lateness: 36 h\n", "", &["1: key \"lateness\" is missing"]);
    check(
        "refresh: 5 s",
        "refresh: often",
        &["14: refresh \"often\" is no span; say such as `5 s`, `36 h` or `90 d`"],
    );
    check(
        "key: day, campaign_id",
        "key: campaign_id, day",
        &["5: key must begin with the window \"day\""],
    );
    check(
        "window: day day",
        "window: month day",
        &[
            "6: window \"month day\" is none; say `minute COLUMN`, `hour COLUMN`, `day COLUMN`, `week COLUMN`, `bucket COLUMN` or `whole`",
        ],
    );
    check(
        "window: day day",
        "window: whole",
        &["15: retention needs windows that are spans of time"],
    );
    check("day moment", "day text", &["6: the window \"day\" is text; it must be moment"]);
    check(
        "calls int64",
        "calls float",
        &[
            "9: column \"calls\" has no type that is known; say one of int64, text, moment, bool, binary",
            "10: measure \"calls\" is not one of the columns",
        ],
    );
    check(
        "sum(talk_ms)",
        "hll(talk_ms)",
        &[
            "9: column \"talk_ms\" is neither in the key nor in the measures",
            "10: \"talk_ms\" is int64 and cannot be a hll",
        ],
    );
    check(
        "not_null(day)",
        "not_null(hour)",
        &["11: test column \"hour\" is not one of the columns"],
    );
    check(
        "expr(calls >= 0)",
        "sorted(calls)",
        &[
            "12: \"sorted(calls)\" is no test; say `not_null(a)`, `unique(a, b)`, `relationship(a -> table.b)` or `expr(a <= b)`",
        ],
    );
    check(
        "attempts.started_at",
        "attempts",
        &[
            "7: input \"attempts\" is none; say `table.moment`, `table.from..until`, or `layer.view.column`",
        ],
    );
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let wrong = RIGHT.replace("5 s", "soon").replace("name: calls_daily", "nmae: x");
    let view = View::parse("funnel/calls_daily.sql", &wrong).expect("a view's path");
    let error = view.refused().expect("refused").to_string();
    assert!(error.starts_with("read projections/funnel/calls_daily.sql, line 1: key"), "{error}");
    assert!(
        error.ends_with(
            "; line 14: refresh \"soon\" is no span; say such as `5 s`, `36 h` or `90 d`"
        ),
        "{error}"
    );
}

#[test]
fn a_definition_changes_with_the_file_and_with_what_it_reads() {
    let own = definition(RIGHT);
    assert_ne!(own, definition(&RIGHT.replace("5 s", "6 s")));
    assert_eq!(definition_with(&own, &[]), own);
    let with = |input: &str| definition_with(&own, &[input.to_owned()]);
    assert!(with("a") != with("b") && with("a") != own);
}
