//! Arrow Flight SQL judged by clients that others wrote: ADBC, and pyarrow's own.
//!
//! A script of checks runs against a platform over loopback, by TLS and with users; it prints one
//! line of JSON per check. Needs what `tools/setup.sh test` puts below `target/peers/sql`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::{Program, certify, data_folder, tree_file};

/// What the script checks.
const CHECKS: &[&str] = &[
    "who_has_no_password_is_refused",
    "name_and_password_may_come_with_each_request",
    "an_unknown_authority_and_plain_text_are_refused",
    "a_question_is_answered_in_arrow",
    "an_answer_names_its_position",
    "an_answer_without_rows_has_columns",
    "a_long_answer_comes_in_pieces",
    "values_are_bound",
    "several_rows_of_values_are_answered_one_after_the_other",
    "values_that_do_not_fit_are_refused",
    "a_question_tells_its_columns_and_parameters",
    "the_server_says_what_it_is",
    "every_table_and_column_is_listed",
    "what_is_appended_after_planning_is_not_seen",
    "any_earlier_moment_can_be_asked_about",
    "nothing_is_changed",
    "what_is_wrong_is_said",
    "a_question_that_takes_too_long_ends",
    "a_flight_is_cancelled",
    "who_goes_away_leaves_no_question_behind",
    "a_ticket_is_for_one_user_and_cannot_be_made_up",
    "nonsense_is_refused_and_the_server_goes_on",
    "prepared_statements_are_bounded_and_closed",
];

#[test]
fn adbc_and_pyarrow_over_tls_with_users() {
    let folder = data_folder();
    let path = |name: &str| folder.path().join(name);
    certify(folder.path());
    let users = path("users");
    std::fs::write(&users, "admin:admin:changeit\nboard:reader:changeit\n").expect("write users");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&users, mode).expect("chmod");
    let safe = "tls_cert = \"server.pem\"\ntls_key = \"server.key\"\nuser_file = \"users\"\n";
    let text = format!(
        "data_dir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [kurrentdb]\nlisten = \"127.0.0.1:0\"\n{safe}\
         [sql]\nflight = \"127.0.0.1:0\"\n{safe}\
         [[carriers]]\nid = \"north\"\naddress = \"127.0.0.1:9\"\nweight = 1\nchannels = 1\n\
         [[campaigns]]\nid = \"loans\"\nname = \"Loans\"\nscript = \"{}\"\n",
        tree_file("scripts/business_loan_en.toml").display()
    );
    let config = path("ledgerline.toml");
    std::fs::write(&config, text).expect("write the configuration");
    let config = config.display().to_string();
    let mut platform = Program::start(&["run", "--config", &config, "--format", "json"]);
    let line = platform.line().expect("where it is");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let flight = said["flight"].as_str().unwrap_or_else(|| panic!("no flight in {line}"));
    let log = said["log"].as_str().expect("the log's connection");
    let ca = path("ca.pem").display().to_string();
    let log = log.replace("://", "://admin:changeit@") + "&tlsCaFile=" + &ca;

    let mut client = Command::new(installed("sql/bin/python"));
    client.arg(tree_file("tests/it/flight/client.py")).args([flight, &ca, &log]);
    client.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let mut client = Program::spawn(client);
    let (mut ran, mut failed) = (BTreeSet::new(), Vec::new());
    while let Some(line) = client.line() {
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = said["check"].as_str().expect("the name of a check").to_owned();
        if let Some(seen) = said["seen"].as_str() {
            failed.push(format!("{name}: {seen}"));
        }
        assert!(ran.insert(name), "a check ran twice: {line}");
    }
    client.finish().expect_success();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let wanted: BTreeSet<_> = CHECKS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(ran, wanted, "other checks ran than were to run");

    let stopped = Command::new("kill").args(["-TERM", &platform.id().to_string()]).status();
    assert!(stopped.expect("the program `kill`").success(), "it was gone already");
    platform.finish().expect_success();
}

/// What `tools/setup.sh test` fetched.
fn installed(name: &str) -> PathBuf {
    let path = tree_file("target/peers").join(name);
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    path
}
