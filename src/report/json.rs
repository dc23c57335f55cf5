//! A report for programs: values as they were answered, with unit, question and position.

use serde_json::{Value, json};

use super::contents::{Asked, Contents};
use super::figure::{Change, Figure};
use super::review::Finding;
use super::words::Language;

pub(super) fn write(contents: &Contents, findings: &[Finding]) -> Value {
    let period = contents.period;
    let tables = [
        ("hours", &contents.hours[0]),
        ("hours_day_before", &contents.hours[1]),
        ("hours_week_before", &contents.hours[2]),
        ("hours_seven_days", &contents.heat),
        ("campaigns", &contents.campaigns),
        ("carriers", &contents.carriers[0]),
        ("carriers_week_before", &contents.carriers[1]),
        ("agents", &contents.agents),
        ("robot_and_people", &contents.handlers),
        ("intention_levels", &contents.levels),
        ("objections", &contents.objections),
        ("opt_outs", &contents.opt_outs),
    ];
    json!({
        "report": contents.kind,
        "period": period.to_string(),
        "offset": period.offset(),
        "from": period.from().to_string(),
        "until": period.until().to_string(),
        "day_before": period.day_before().to_string(),
        "week_before": period.week_before().to_string(),
        "position": contents.position,
        "figures": contents.figures.iter().map(figure).collect::<Vec<_>>(),
        "findings": findings.iter().map(|one| finding(one, contents)).collect::<Vec<_>>(),
        "tables": tables.map(|(id, asked)| table(id, asked)),
    })
}

fn figure(figure: &Figure) -> Value {
    let definition = figure.definition;
    let (unit, now) = (definition.unit, figure.now.value);
    let change = |then| match Change::between(unit, now, then) {
        Some(Change::Relative(by) | Change::Points(by)) => Some(by),
        None => None,
    };
    json!({
        "id": definition.id,
        "unit": unit,
        "value": now,
        "day_before": figure.day_before.value,
        "week_before": figure.week_before.value,
        // Of shares the difference, of the rest the relative change; both in parts per million.
        "change_on_day_before_ppm": change(figure.day_before.value),
        "change_on_week_before_ppm": change(figure.week_before.value),
        "query": definition.query,
        "column": definition.column,
    })
}

fn finding(finding: &Finding, contents: &Contents) -> Value {
    json!({
        "rule": finding.rule,
        "tone": finding.tone_name(),
        "sentence": finding.sentence(Language::English),
        "advice": finding.advice(Language::English),
        "command": finding.command(contents.position),
    })
}

fn table(id: &str, asked: &Asked) -> Value {
    let params: serde_json::Map<_, _> =
        asked.params.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    json!({
        "id": id,
        "query": asked.query,
        "params": params,
        "rows": asked.answer.objects(),
    })
}
