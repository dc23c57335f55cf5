//! A whole campaign: dialled over SIP and RTP, then asked about in every way there is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{
    Fact, Finished, Program, data_folder, facts, json, json_args, kill, number, of_type,
    run_to_end, sql, text,
};

/// Of the first eight people this seed makes, one asks never to be called again, and some are
/// worth an agent's time.
const SEED: &str = "7";

fn demo(folder: &Path, leads: &str) -> Finished {
    let args = ["demo", "--leads", leads, "--seed", SEED, "--robot-channels", "8", "--exit"];
    run_to_end(&json_args(folder, &args))
}

#[test]
fn a_campaign_runs_to_its_end_and_every_reader_tells_the_same() {
    let folder = data_folder();
    let folder = folder.path();
    let summary = demo(folder, "8").expect_success().json();
    assert_eq!(summary["completed"], true, "{summary}");
    assert_eq!(number(&summary, "leads"), 8, "{summary}");
    let first = facts(folder);
    every_lead_was_dialled(&first, 8);
    the_summary_is_what_sql_says(folder, &summary, &first);
    a_call_can_be_told(folder, &first);
    the_log_holds_against_its_checks(folder);
    the_report_has_the_figures(folder, &summary);

    // The folder's demo is complete: the next one takes the next people of the list.
    let summary = demo(folder, "2").expect_success().json();
    assert_eq!(number(&summary, "leads"), 10, "{summary}");
    let second = facts(folder);
    assert_eq!(second[..first.len()], first[..], "what was written stays as it is");
    every_lead_was_dialled(&second, 10);
    nobody_is_dialled_after_opting_out(&second);
    the_log_holds_against_its_checks(folder);
}

fn every_lead_was_dialled(facts: &[Fact], leads: usize) {
    let imported: BTreeSet<_> =
        of_type(facts, "LeadImported").iter().map(|fact| text(fact, "lead_id")).collect();
    assert_eq!(imported.len(), leads);
    let dialled: BTreeSet<_> =
        of_type(facts, "AttemptStarted").iter().map(|fact| text(fact, "lead_id")).collect();
    assert_eq!(dialled, imported);
    assert!(!of_type(facts, "CallBridged").is_empty(), "an agent spoke to somebody");
    assert!(!of_type(facts, "TurnHeard").is_empty(), "the robot listened to somebody");
    assert!(!of_type(facts, "IntentionLevelSet").is_empty(), "somebody was given a level");
}

fn the_summary_is_what_sql_says(folder: &Path, summary: &Value, facts: &[Fact]) {
    let mut by_type: BTreeMap<String, u64> = BTreeMap::new();
    for fact in facts {
        *by_type.entry(fact.kind().to_owned()).or_default() += 1;
    }
    let rows = sql(folder, "SELECT type, count(*) AS events FROM events GROUP BY type");
    let told: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row["type"].as_str().expect("a type").to_owned(), number(row, "events")))
        .collect();
    assert_eq!(told, by_type);
    assert_eq!(number(summary, "position") + 1, facts.len() as u64, "the last event is shown");
    assert_eq!(number(summary, "dials"), by_type["AttemptStarted"]);

    let funnel = json(folder, &["query", "funnel_by_campaign"]);
    let [row] = funnel.as_array().expect("rows").as_slice() else { panic!("{funnel}") };
    assert_eq!(row["campaign_id"], "business-loan");
    assert_eq!(row["state"], "completed");
    for (column, figure) in [
        ("leads", "leads"),
        ("attempts", "dials"),
        ("answered", "answered"),
        ("contacts", "contacts"),
        ("interested", "interested"),
        ("opted_out", "opted_out"),
    ] {
        assert_eq!(number(row, column), number(summary, figure), "{column}: {row} {summary}");
    }
    let talk = sql(folder, "SELECT sum(talk_ms) AS talk_ms FROM attempts");
    assert_eq!(number(&talk[0], "talk_ms"), number(summary, "talk_ms"));
}

fn a_call_can_be_told(folder: &Path, facts: &[Fact]) {
    let bridged = of_type(facts, "CallBridged");
    let call = text(bridged[0], "call_id");
    let chosen = of_type(facts, "CarrierChosen");
    let chosen = chosen.iter().find(|fact| text(fact, "call_id") == call).expect("a carrier");
    let carrier = text(chosen, "chosen");
    let agent = bridged[0].field("handler")["agent"].as_str().expect("an agent");

    let history = json(folder, &["query", "call_history", "--param", &format!("call_id={call}")]);
    let told: Vec<_> =
        history.as_array().expect("rows").iter().map(|row| &row["position"]).collect();
    let is_of_call = |fact: &&Fact| {
        fact.0["stream"] == format!("call-{call}") || fact.0["correlation_id"] == call
    };
    let wanted: Vec<_> = facts.iter().filter(is_of_call).map(|fact| &fact.0["position"]).collect();
    assert_eq!(told, wanted);

    let story =
        run_to_end(&["audit", "explain", call, "--data-dir", &folder.display().to_string()]);
    let story = story.expect_success().stdout;
    for part in [format!("## Carrier: {carrier}"), format!("## Handler: {agent}")] {
        assert!(story.contains(&part), "{part:?} is missing: {story}");
    }
}

fn the_log_holds_against_its_checks(folder: &Path) {
    let replay = json(folder, &["audit", "replay"]);
    assert_eq!(number(&replay, "differ"), 0, "{replay}");
    assert_eq!(replay["agreed"], replay["taken"], "{replay}");
    for kind in ["CarrierChosen", "ComplianceChecked", "DialDecided", "HandlerChosen"] {
        assert!(number(&replay["decisions"][kind], "taken") > 0, "{kind}: {replay}");
    }
    // A question brings the views up to date; they are verified as they then lie on disk.
    json(folder, &["query", "funnel_by_campaign"]);
    let verified = json(folder, &["projections", "verify"]);
    let views = verified.as_array().expect("views");
    assert!(views.len() >= 6, "two views a layer or more: {verified}");
    for view in views {
        assert_eq!(view["is_equal"], true, "{view}");
        assert_eq!(number(view, "position") + 1, number(&replay, "events"), "{view}");
    }
    let whole = json(folder, &["log", "verify"]);
    assert_eq!(whole["is_whole"], true, "{whole}");
}

fn the_report_has_the_figures(folder: &Path, summary: &Value) {
    let report = run_to_end(&["report", "daily", "--data-dir", &folder.display().to_string()]);
    let report = report.expect_success().stdout;
    for figure in ["leads", "dials", "answered", "contacts"] {
        let figure = number(summary, figure).to_string();
        let is_there = report.split(|c: char| !c.is_ascii_digit()).any(|word| word == figure);
        assert!(is_there, "{figure} is missing: {report}");
    }
}

/// Somebody opted out, is on the list for it, and no dial of that person follows.
fn nobody_is_dialled_after_opting_out(facts: &[Fact]) {
    let opted_out = of_type(facts, "OptOutHeard");
    assert!(!opted_out.is_empty(), "seed {SEED} has somebody who opts out");
    for heard in opted_out {
        let subject = text(heard, "subject_id");
        let listed = of_type(facts, "DoNotCallAdded");
        assert!(listed.iter().any(|fact| text(fact, "subject_id") == subject), "{:?}", heard.0);
        let again = of_type(facts, "AttemptStarted")
            .into_iter()
            .find(|fact| fact.position() > heard.position() && text(fact, "subject_id") == subject);
        assert_eq!(again, None);
    }
}

#[test]
fn a_killed_carrier_is_recorded_and_the_other_one_takes_the_calls() {
    let folder = data_folder();
    let folder = folder.path();
    let path = folder.display().to_string();
    let args = ["demo", "--data-dir", &path, "--leads", "8", "--robot-channels", "4", "--exit"];
    let mut demo = Program::start(&args);
    // carrier  north at 127.0.0.1:1, weight 3; `kill 2` takes it down
    let introduced = demo.line_with("carrier  north");
    let north = introduced.split('`').nth(1).and_then(|kill| kill.strip_prefix("kill "));
    let north = north.unwrap_or_else(|| panic!("{introduced}")).to_owned();
    demo.line_with("data ");
    let mut follower = Program::start(&json_args(folder, &["log", "read", "--follow"]));
    follower.line_with("\"type\":\"CallAnswered\"");
    kill(&north);
    demo.finish().expect_success();
    drop(follower);

    let facts = facts(folder);
    let failed = of_type(&facts, "CarrierFailed");
    let failed = failed.first().unwrap_or_else(|| panic!("no CarrierFailed"));
    assert_eq!(text(failed, "carrier_id"), "north");
    let after = facts.iter().filter(|fact| fact.position() > failed.position());
    let after: Vec<_> = after.cloned().collect();
    let over_south: BTreeSet<_> = of_type(&after, "LegStarted")
        .into_iter()
        .filter(|fact| fact.field("kind")["customer"] == "south")
        .map(|fact| text(fact, "leg_id"))
        .collect();
    let answered = of_type(&after, "LegAnswered");
    assert!(
        answered.iter().any(|fact| over_south.contains(text(fact, "leg_id"))),
        "{over_south:?}"
    );
    let over_north =
        of_type(&after, "CarrierChosen").into_iter().find(|fact| fact.field("chosen") == "north");
    assert_eq!(over_north, None, "nobody is dialled over a dead carrier");
    assert_eq!(of_type(&facts, "CampaignCompleted").len(), 1);
    the_log_holds_against_its_checks(folder);
}
