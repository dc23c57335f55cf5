//! The power cut, ten times: what was in the log stays there, and nobody is called twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ledgerline::base::Rng;

use crate::support::{
    Fact, Program, data_folder, facts, json, json_args, number, of_type, run_to_end, text,
};

/// How often the platform is killed.
const KILLS: usize = 10;
/// Seeds the moments.
const SEED: u64 = 20_261_121;

/// After how many new events each kill comes. The first ones hit the start: set-up, import, and
/// what a restart itself writes; the others come while people are on the phone.
fn moments() -> Vec<u64> {
    let mut rng = Rng::from_seed(SEED);
    (0..KILLS as u64).map(|kill| 1 + rng.below(12 + 4 * kill)).collect()
}

/// Runs the demo on the folder until there are so many more events, then kills it. The events
/// that a reader had seen by then.
fn run_and_kill(folder: &Path, new_events: u64) -> Vec<Fact> {
    let before = if folder.join("log").is_dir() { facts(folder).len() as u64 } else { 0 };
    let path = folder.display().to_string();
    let mut demo = Program::start(&demo_args(&path));
    // Read from the first byte on that is there, and hold against everything that was.
    demo.line_with("data ");
    let mut reader = Program::start(&json_args(folder, &["log", "read", "--follow"]));
    let mut seen = Vec::new();
    while (seen.len() as u64) < before + new_events {
        let Some(line) = reader.line() else { panic!("the reader ended at {}", seen.len()) };
        seen.push(Fact::parse(&line));
        let is_new = seen.len() as u64 > before;
        if is_new && seen.last().is_some_and(|fact| fact.kind() == "PlatformStopped") {
            break;
        }
    }
    demo.kill();
    seen.extend(reader.kill_and_drain());
    seen
}

/// The same for every start, so that each goes on where the one before was killed.
fn demo_args(path: &str) -> Vec<&str> {
    let mut args = vec!["demo", "--data-dir", path, "--leads", "12", "--exit"];
    args.extend(["--robot-channels", "4", "--agents", "2"]);
    args
}

#[test]
fn ten_kills_lose_no_event_and_call_nobody_twice() {
    let folder = data_folder();
    let folder = folder.path();
    let mut seen_in_all = 0;
    for (kill, new_events) in moments().into_iter().enumerate() {
        let seen = run_and_kill(folder, new_events);
        lost_none(&format!("kill {kill}"), &seen, &facts(folder));
        seen_in_all = seen.len();
    }
    let before = facts(folder);
    let path = folder.display().to_string();
    Program::start(&demo_args(&path)).finish().expect_success();
    let after = facts(folder);
    lost_none("the last start", &before, &after);
    let attempts = every_attempt_ends_once(&after);
    nobody_is_called_twice(&after);
    let started = of_type(&after, "PlatformStarted");
    assert_eq!(started.len(), KILLS + 1);
    let interrupted: u64 =
        started.iter().map(|fact| number(&fact.0["data"], "interrupted_attempts")).sum();
    let closed_by_restart =
        of_type(&after, "AttemptEnded").into_iter().filter(|fact| is_cut_off(fact)).count();
    assert_eq!(interrupted, closed_by_restart as u64);
    assert!(interrupted > 0, "no kill came while somebody was on the phone");
    let last = after.iter().rev().find(|fact| fact.kind().starts_with("Campaign"));
    assert_eq!(last.map(Fact::kind), Some("CampaignCompleted"));
    let replay = json(folder, &["audit", "replay"]);
    assert_eq!(replay["agreed"], replay["taken"], "{replay}");
    assert_eq!(json(folder, &["log", "verify"])["is_whole"], true);
    println!(
        "{KILLS} kills: {seen_in_all} events read before the last one, 0 lost; {} at the end, \
         {attempts} attempts, {interrupted} cut off and not repeated; {} decisions taken again, \
         all agree",
        after.len(),
        replay["taken"],
    );
}

/// The log alone, under as much load as the disk takes: each kill comes in the middle of a group.
#[test]
fn a_log_that_is_killed_while_it_is_written_loses_nothing_acknowledged() {
    let folder = data_folder();
    let dir = folder.path().display().to_string();
    let args = ["bench", "soak", "--events", "20000", "--kills", "8", "--dir", &dir];
    let found = run_to_end(&[&args[..], &["--format", "json"]].concat()).expect_success().json();
    assert_eq!((&found["kills"], &found["lost"]), (&8.into(), &0.into()), "{found}");
    assert!(number(&found, "acknowledged") > 20_000, "{found}");
}

/// Every event that a reader saw is still where it was, with the same content.
fn lost_none(when: &str, seen: &[Fact], now: &[Fact]) {
    for fact in seen {
        let place = usize::try_from(fact.position()).expect("a position");
        assert_eq!(now.get(place), Some(fact), "{when}: lost or changed");
    }
}

fn is_cut_off(ended: &Fact) -> bool {
    ended.field("reason") == "process_restart"
}

/// Each dial has one end, after it. How many there are.
fn every_attempt_ends_once(facts: &[Fact]) -> usize {
    let mut open = BTreeSet::new();
    let mut calls = BTreeSet::new();
    for fact in facts {
        match fact.kind() {
            "AttemptStarted" => {
                let call = text(fact, "call_id");
                assert!(calls.insert(call), "begins twice: {:?}", fact.0);
                open.insert(call);
            }
            "AttemptEnded" => {
                assert!(open.remove(text(fact, "call_id")), "ends again: {:?}", fact.0);
            }
            _ => {}
        }
    }
    assert_eq!(open, BTreeSet::new(), "never ended");
    calls.len()
}

/// No person has two dials at once; none is dialled after an end that allows no other dial.
fn nobody_is_called_twice(facts: &[Fact]) {
    // The only ends after which the rules of the demo dial again.
    let again = ["busy", "no_answer", "switched_off", "congestion", "carrier_failed"];
    let mut last: BTreeMap<&str, Option<&Fact>> = BTreeMap::new();
    for fact in facts {
        match fact.kind() {
            "AttemptStarted" => {
                if let Some(end) = last.insert(text(fact, "subject_id"), None) {
                    let Some(end) = end else { panic!("two dials at once: {:?}", fact.0) };
                    let disposition = text(end, "disposition");
                    assert!(
                        again.contains(&disposition) && !is_cut_off(end),
                        "called again after {:?}: {:?}",
                        end.0,
                        fact.0
                    );
                }
            }
            "AttemptEnded" => {
                last.insert(text(fact, "subject_id"), Some(fact));
            }
            _ => {}
        }
    }
}
