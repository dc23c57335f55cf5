//! The platform on a log that a server keeps, over TLS, while that server is killed.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::server::{Security, Server};
use crate::support::{
    Fact, Program, data_folder, facts, json_args, number, of_type, run_to_end, text,
};

/// After how many events the server is killed: during the import, and twice while people are on
/// the phone.
const KILLS: [usize; 3] = [10, 90, 180];

/// Arguments for one data folder and one server.
fn args(folder: &Path, log: &str, command: &[&str]) -> Vec<String> {
    let mut args = json_args(folder, command);
    args.extend(["--log".to_owned(), log.to_owned()]);
    args
}

fn ask(folder: &Path, log: &str, command: &[&str]) -> Value {
    run_to_end(&args(folder, log, command)).expect_success().json()
}

#[test]
fn a_campaign_ends_well_on_a_server_that_is_killed_three_times() {
    let mut server = Server::start(Security::Tls);
    let log = server.connection("esdb", "leads", "tlsCaFile");
    let folder = data_folder();
    let folder = folder.path();
    let command = ["demo", "--leads", "12", "--seed", "7", "--robot-channels", "4", "--exit"];
    let demo = Program::start(&args(folder, &log, &command));
    for events in KILLS {
        // On the server's own files: what is there is durable.
        let mut reader = Program::start(&json_args(
            server.folder(),
            &["log", "read", "--follow", "--limit", &events.to_string()],
        ));
        let mut last = None;
        while let Some(line) = reader.line() {
            last = Some(Fact::parse(&line).kind().to_owned());
        }
        assert_ne!(last.as_deref(), Some("PlatformStopped"), "it ended before {events} events");
        server.kill();
    }
    let summary = demo.finish().expect_success().json();
    assert_eq!(summary["completed"], true, "{summary}");
    assert_eq!(number(&summary, "interrupted_attempts"), 0, "the platform itself went on");
    assert!(!folder.join("log").exists(), "nothing of the log is in the data folder");

    let facts = facts(server.folder());
    nothing_is_lost_or_repeated(&facts);
    assert_eq!(number(&summary, "dials"), of_type(&facts, "AttemptStarted").len() as u64);
    assert_eq!(number(&summary, "leads"), of_type(&facts, "LeadImported").len() as u64);
    let replay = ask(folder, &log, &["audit", "replay"]);
    assert_eq!(replay["agreed"], replay["taken"], "{replay}");
    assert!(number(&replay, "taken") > 12, "{replay}");
    assert_eq!(number(&replay, "events"), facts.len() as u64, "{replay}");
    let call = text(of_type(&facts, "AttemptEnded")[0], "call_id").to_owned();
    let story = ask(folder, &log, &["audit", "explain", &call]);
    assert_eq!(story["call_id"], call.as_str());
    let stats = ask(folder, &log, &["log", "stats"]);
    assert_eq!(number(&stats, "events"), facts.len() as u64, "{stats}");
    let read = run_to_end(&args(folder, &log, &["log", "read"])).expect_success().stdout;
    assert!(read.lines().map(Fact::parse).eq(facts.iter().cloned()), "read by the server");
    let backwards = ["log", "read", "--backwards", "--limit", "3", "--type", "AttemptEnded"];
    let last = run_to_end(&args(folder, &log, &backwards)).expect_success().stdout;
    let ended = of_type(&facts, "AttemptEnded");
    assert!(last.lines().map(Fact::parse).eq(ended.iter().rev().take(3).map(|it| (*it).clone())));
    let shown = run_to_end(&args(folder, &log, &["config", "show"])).expect_success().stdout;
    assert!(shown.contains("‹secret›") && !shown.contains("changeit"), "{shown}");
    let settings = text(of_type(&facts, "ConfigurationLoaded")[0], "settings");
    assert!(!settings.contains("changeit"), "the log holds no password: {settings}");
}

fn nothing_is_lost_or_repeated(facts: &[Fact]) {
    let ids: BTreeSet<_> = facts.iter().map(|fact| fact.0["event_id"].to_string()).collect();
    assert_eq!(ids.len(), facts.len(), "an event stands twice");
    let begun = of_type(facts, "AttemptStarted");
    let calls: BTreeSet<_> = begun.iter().map(|fact| text(fact, "call_id")).collect();
    assert_eq!(calls.len(), begun.len(), "a call begins twice");
    let ended = of_type(facts, "AttemptEnded");
    let ends: BTreeSet<_> = ended.iter().map(|fact| text(fact, "call_id")).collect();
    assert_eq!((ends.len(), &ends), (ended.len(), &calls), "each call ends once");
    let leads: BTreeSet<_> =
        of_type(facts, "LeadImported").iter().map(|fact| text(fact, "lead_id")).collect();
    let dialled: BTreeSet<_> = begun.iter().map(|fact| text(fact, "lead_id")).collect();
    assert_eq!(dialled, leads, "everybody was dialled");
    assert_eq!(of_type(facts, "CampaignCompleted").len(), 1);
}

#[test]
fn what_is_wrong_with_the_server_or_its_address_is_one_clear_line() {
    let folder = data_folder();
    let folder = folder.path();
    let replay = |log: &str| run_to_end(&args(folder, log, &["audit", "replay"]));
    // The port is one that nobody listens on: 1 is for the system.
    let nobody = replay("esdb://admin:hunter2@127.0.0.1:1?tls=false");
    nobody.expect_failure(&["127.0.0.1:1", "does not answer"]);
    assert!(!nobody.stderr.contains("hunter2"), "{nobody:?}");
    let wrong = replay("esdb://admin:hunter2@127.0.0.1:x");
    wrong.expect_failure(&["--log", "port", "esdb://user:password@host:2113"]);
    assert!(!wrong.stderr.contains("hunter2"), "{wrong:?}");
    let server = Server::start(Security::Tls);
    let stranger = server.connection("esdb", "nobody", "tlsCaFile");
    replay(&stranger).expect_failure(&["refuses"]);
    let path = folder.join("ledgerline.toml");
    std::fs::write(&path, "node = \"n\"\nlog = \"esdb://admin:hunter2@host?tsl=false\"\n")
        .expect("write");
    let check = run_to_end(&["config", "check", &path.display().to_string()]);
    check.expect_failure(&["line 2", "log:", "none of tls,"]);
    assert!(!check.stderr.contains("hunter2"), "{check:?}");
}
