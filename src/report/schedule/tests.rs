use super::*;
use crate::event::{ReportSendFailed, ReportSendUnknown, ReportSent};

const PERIOD: &str = "2026-11-21";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn plan(kind: ReportKind) -> Plan {
    Plan {
        id: ReportPlanId::new(kind.as_str()).expect("a slug"),
        kind,
        offset: "+08:00".parse().expect("an offset"),
        delay: Millis(10 * 60_000),
        is_mailed: true,
        catch_up: Millis(7 * 86_400_000),
    }
}

fn made(plan: &Plan, period: Period) -> Event {
    ReportMade {
        plan: plan.id.clone(),
        kind: plan.kind,
        period: period.to_string(),
        from: period.from(),
        until: period.until(),
        as_of: Some(1),
        body_hash: String::new(),
    }
    .into()
}

fn sending(plan: &Plan) -> Event {
    ReportSending {
        plan: plan.id.clone(),
        period: PERIOD.to_owned(),
        message_id: "<m@example.com>".to_owned(),
        recipients: 1,
        body_hash: String::new(),
    }
    .into()
}

fn sent(plan: &Plan) -> Event {
    ReportSent {
        plan: plan.id.clone(),
        period: PERIOD.to_owned(),
        message_id: "<m@example.com>".to_owned(),
        reply_code: 250,
    }
    .into()
}

fn failed(plan: &Plan) -> Event {
    ReportSendFailed {
        plan: plan.id.clone(),
        period: PERIOD.to_owned(),
        message_id: "<m@example.com>".to_owned(),
        reason: "connect to the mail server: refused".to_owned(),
        reply_code: None,
    }
    .into()
}

fn unknown(plan: &Plan) -> Event {
    ReportSendUnknown {
        plan: plan.id.clone(),
        period: PERIOD.to_owned(),
        message_id: "<m@example.com>".to_owned(),
        reason: "the process ended before the reply".to_owned(),
    }
    .into()
}

/// Given these facts of one day's report, each at its time.
fn given(plan: &Plan, facts: &[(&str, Event)]) -> Known {
    let mut delivery = Delivery::default();
    for (revision, (time, event)) in facts.iter().enumerate() {
        delivery.apply(event, at(time), revision as u64);
    }
    let day = Period::parse(Width::Day, plan.offset, PERIOD).expect("a day");
    BTreeMap::from([((plan.id.clone(), day.number()), delivery)])
}

fn check(now: &str, plans: &[Plan], known: &Known, want: &[(&str, Step)]) {
    let tasks = due(at(now), plans, known);
    let got: Vec<_> = tasks.iter().map(|task| (task.period.to_string(), task.step)).collect();
    let want: Vec<_> = want.iter().map(|(period, step)| ((*period).to_owned(), *step)).collect();
    assert_eq!(got, want, "at {now}");
}

#[test]
fn a_new_plan_begins_with_the_last_period_that_is_over() {
    let daily = [plan(ReportKind::Daily)];
    // Midnight at +08:00 is 16:00 UTC; ten minutes are waited for what comes late.
    check("2026-11-21T16:09:59Z", &daily, &Known::new(), &[("2026-11-20", Step::Make)]);
    check("2026-11-21T16:10:00Z", &daily, &Known::new(), &[("2026-11-21", Step::Make)]);
    let hourly = [plan(ReportKind::Hourly)];
    check("2026-11-21T16:10:00Z", &hourly, &Known::new(), &[("2026-11-21T23", Step::Make)]);
    assert_eq!(
        wake(at("2026-11-21T16:10:00Z"), &daily, &Known::new()),
        Some(at("2026-11-22T16:10:00Z"))
    );
    assert_eq!(wake(at("2026-11-21T16:10:00Z"), &[], &Known::new()), None);
}

#[test]
fn what_was_missed_is_made_in_order() {
    let plan = plan(ReportKind::Daily);
    let day = Period::parse(Width::Day, plan.offset, PERIOD).expect("a day");
    let facts = [
        ("2026-11-21T16:10:00Z", made(&plan, day)),
        ("2026-11-21T16:10:01Z", sending(&plan)),
        ("2026-11-21T16:10:02Z", sent(&plan)),
    ];
    let known = given(&plan, &facts);
    let plans = [plan];
    check("2026-11-22T10:00:00Z", &plans, &known, &[]);
    check(
        "2026-11-24T17:00:00Z",
        &plans,
        &known,
        &[("2026-11-22", Step::Make), ("2026-11-23", Step::Make), ("2026-11-24", Step::Make)],
    );
}

#[test]
fn several_plans_take_turns_by_the_end_of_their_periods() {
    let plans = [plan(ReportKind::Daily), plan(ReportKind::Hourly)];
    let hour = Period::parse(Width::Hour, plans[1].offset, "2026-11-21T21").expect("an hour");
    let mut delivery = Delivery::default();
    delivery.apply(&made(&plans[1], hour), at("2026-11-21T14:10:00Z"), 0);
    delivery.apply(&sending(&plans[1]), at("2026-11-21T14:10:00Z"), 1);
    delivery.apply(&sent(&plans[1]), at("2026-11-21T14:10:00Z"), 2);
    let known = BTreeMap::from([((plans[1].id.clone(), hour.number()), delivery)]);
    check(
        "2026-11-21T17:10:00Z",
        &plans,
        &known,
        &[
            ("2026-11-21T22", Step::Make),
            ("2026-11-21", Step::Make),
            ("2026-11-21T23", Step::Make),
            ("2026-11-22T00", Step::Make),
        ],
    );
}

#[test]
fn a_long_absence_is_caught_up_in_pieces() {
    let plan = plan(ReportKind::Hourly);
    let hour = Period::parse(Width::Hour, plan.offset, "2026-11-01T00").expect("an hour");
    let mut delivery = Delivery::default();
    delivery.apply(&made(&plan, hour), at("2026-11-01T00:00:00Z"), 0);
    let known = BTreeMap::from([((plan.id.clone(), hour.number()), delivery)]);
    let tasks = due(at("2026-11-21T00:00:00Z"), &[plan], &known);
    assert_eq!(tasks.len(), TASKS_MAX);
    assert_eq!(tasks.first().map(|task| task.period), Some(hour.later(1)));
}

#[test]
fn what_may_have_been_sent_is_never_sent_by_itself() {
    let plan = plan(ReportKind::Daily);
    let day = Period::parse(Width::Day, plan.offset, PERIOD).expect("a day");
    let mut facts = vec![("2026-11-21T16:10:00Z", made(&plan, day))];
    let plans = [plan.clone()];
    check("2026-11-21T16:11:00Z", &plans, &given(&plan, &facts), &[(PERIOD, Step::Send)]);
    facts.push(("2026-11-21T16:11:00Z", sending(&plan)));
    // It may still be on its way.
    check("2026-11-21T16:12:59Z", &plans, &given(&plan, &facts), &[]);
    assert_eq!(
        wake(at("2026-11-21T16:12:59Z"), &plans, &given(&plan, &facts)),
        Some(at("2026-11-21T16:13:00Z"))
    );
    check("2026-11-21T16:13:00Z", &plans, &given(&plan, &facts), &[(PERIOD, Step::Settle)]);
    facts.push(("2026-11-21T16:13:00Z", unknown(&plan)));
    check("2026-11-22T10:00:00Z", &plans, &given(&plan, &facts), &[]);
}

#[test]
fn what_was_certainly_not_sent_is_tried_again_ever_more_rarely() {
    let plan = plan(ReportKind::Daily);
    let day = Period::parse(Width::Day, plan.offset, PERIOD).expect("a day");
    let mut facts = vec![
        ("2026-11-21T16:10:00Z", made(&plan, day)),
        ("2026-11-21T16:10:00Z", sending(&plan)),
        ("2026-11-21T16:10:00Z", failed(&plan)),
    ];
    let plans = [plan.clone()];
    check("2026-11-21T16:10:59Z", &plans, &given(&plan, &facts), &[]);
    check("2026-11-21T16:11:00Z", &plans, &given(&plan, &facts), &[(PERIOD, Step::Send)]);
    facts.push(("2026-11-21T16:11:00Z", sending(&plan)));
    facts.push(("2026-11-21T16:11:00Z", failed(&plan)));
    check("2026-11-21T16:12:59Z", &plans, &given(&plan, &facts), &[]);
    check("2026-11-21T16:13:00Z", &plans, &given(&plan, &facts), &[(PERIOD, Step::Send)]);
    assert_eq!(wait_after(30), RETRY_LAST);
}

#[test]
fn what_is_too_old_is_made_and_not_mailed() {
    let plan = plan(ReportKind::Daily);
    let day = Period::parse(Width::Day, plan.offset, PERIOD).expect("a day");
    let facts = [("2026-11-21T16:10:00Z", made(&plan, day))];
    let known = given(&plan, &facts);
    let a_week = day.until().plus(plan.catch_up);
    assert!(!plan.is_too_old(day, a_week));
    assert!(plan.is_too_old(day, a_week.plus(Millis(1))));
    let plans = [plan];
    let tasks = due(a_week.plus(Millis(1)), &plans, &known);
    assert!(tasks.iter().all(|task| task.step == Step::Make), "{tasks:?}");
    assert_eq!(tasks.len(), 6, "six days since, and the seventh is not yet over");
    let quiet = [Plan { is_mailed: false, ..plans[0].clone() }];
    check("2026-11-22T10:00:00Z", &quiet, &known, &[]);
}

#[test]
fn a_younger_report_waits_for_an_older_one_that_is_tried_again() {
    let plan = plan(ReportKind::Daily);
    let day = Period::parse(Width::Day, plan.offset, PERIOD).expect("a day");
    let facts = [
        ("2026-11-21T16:10:00Z", made(&plan, day)),
        ("2026-11-22T16:10:00Z", sending(&plan)),
        ("2026-11-22T16:10:00Z", failed(&plan)),
    ];
    let mut known = given(&plan, &facts);
    let mut next = Delivery::default();
    next.apply(&made(&plan, day.later(1)), at("2026-11-22T16:10:00Z"), 0);
    known.insert((plan.id.clone(), day.later(1).number()), next);
    let plans = [plan];
    check("2026-11-22T16:10:30Z", &plans, &known, &[]);
    check(
        "2026-11-22T16:11:00Z",
        &plans,
        &known,
        &[(PERIOD, Step::Send), ("2026-11-22", Step::Send)],
    );
}
