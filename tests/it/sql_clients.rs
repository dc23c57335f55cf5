//! The Postgres protocol judged by clients that others wrote: psql, psycopg, SQLAlchemy, and what
//! Grafana, Metabase, DBeaver and Superset ask as they connect and browse.
//!
//! A script of checks runs against a platform over loopback, by TLS and with users; it prints one
//! line of JSON per check. Needs what `tools/setup.sh test` puts below `target/peers/sql`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{Program, certify, data_folder, run_to_end, tree_file};

/// What the script checks.
const CHECKS: &[&str] = &[
    "psql_connects_by_verify_full_and_lists_tables",
    "psql_describes_a_table_and_a_view",
    "psql_asks",
    "psql_binds_its_channel",
    "psql_without_tls_is_refused",
    "psql_with_a_wrong_password_or_name_is_refused_alike",
    "psql_changes_nothing",
    "values_are_what_they_were",
    "values_in_binary_are_the_same_as_in_text",
    "values_are_bound",
    "a_statement_that_is_kept_sees_what_is_new",
    "rows_come_in_portions",
    "a_long_answer_streams",
    "errors_have_their_codes",
    "an_error_ends_neither_session_nor_transaction_silently",
    "settings_are_kept_and_shown",
    "any_earlier_moment_can_be_asked_about",
    "a_question_that_takes_too_long_ends",
    "a_question_is_cancelled",
    "more_connections_than_there_may_be_are_refused_and_seats_come_back",
    "who_vanishes_leaves_nothing_behind",
    "nonsense_is_refused_and_the_server_goes_on",
    "grafana_connects_and_browses",
    "metabase_connects_and_browses",
    "dbeaver_connects_and_browses",
    "superset_browses_by_sqlalchemy",
];

const SAFE: &str = "tls_cert = \"server.pem\"\ntls_key = \"server.key\"\nuser_file = \"users\"\n";

/// A configuration with this table `[sql]`, beside certificate and users.
fn configure(folder: &Path, sql: &str) -> String {
    certify(folder);
    let users = folder.join("users");
    std::fs::write(&users, "admin:admin:changeit\nboard:reader:changeit\n").expect("write users");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&users, mode).expect("chmod");
    let text = format!(
        "data_dir = \"data\"\n[http]\nlisten = \"127.0.0.1:0\"\n[sql]\n{sql}\
         [[carriers]]\nid = \"north\"\naddress = \"127.0.0.1:9\"\nweight = 1\nchannels = 1\n\
         [[campaigns]]\nid = \"loans\"\nname = \"Loans\"\nscript = \"{}\"\n",
        tree_file("scripts/business_loan_en.toml").display()
    );
    let config = folder.join("ledgerline.toml");
    std::fs::write(&config, text).expect("write the configuration");
    config.display().to_string()
}

#[test]
fn clients_of_postgresql_over_tls_with_users() {
    let folder = data_folder();
    let sql = format!("postgres = \"127.0.0.1:0\"\nconnections = 10\n{SAFE}");
    let config = configure(folder.path(), &sql);
    let mut platform = Program::start(&["run", "--config", &config, "--format", "json"]);
    let line = platform.line().expect("where it is");
    let said: Value = serde_json::from_str(&line).expect("JSON");
    let postgres = said["postgres"].as_str().unwrap_or_else(|| panic!("no postgres in {line}"));
    let ca = folder.path().join("ca.pem").display().to_string();

    let mut client = Command::new(installed("sql/bin/python"));
    client.arg(tree_file("tests/it/sql_clients/client.py")).args([postgres, &ca]);
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
    let finished = platform.finish().expect_success();
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

#[test]
fn a_platform_that_cannot_have_tls_does_not_start() {
    let folder = data_folder();
    let run = |sql: &str| run_to_end(&["run", "--config", &configure(folder.path(), sql)]);
    let port = "postgres = \"127.0.0.1:0\"\n";
    run(port).expect_failure(&["sql: give tls_cert and tls_key"]);
    let missing = "tls_cert = \"no.pem\"\ntls_key = \"server.key\"\nuser_file = \"users\"\n";
    run(&format!("{port}{missing}")).expect_failure(&["serve SQL", "no.pem"]);
    let swapped = "tls_cert = \"server.key\"\ntls_key = \"server.pem\"\nuser_file = \"users\"\n";
    run(&format!("{port}{swapped}")).expect_failure(&["serve SQL", "server.key"]);
    let nobody = "tls_cert = \"server.pem\"\ntls_key = \"server.key\"\n";
    run(&format!("{port}{nobody}")).expect_failure(&["serve SQL", "there are no users"]);
    let everywhere = "postgres = \"0.0.0.0:0\"\ninsecure = true\n";
    run(everywhere).expect_failure(&["sql.postgres", "without TLS"]);
}

/// What `tools/setup.sh test` fetched.
fn installed(name: &str) -> PathBuf {
    let path = tree_file("target/peers").join(name);
    assert!(path.exists(), "{} is not there: run tools/setup.sh test", path.display());
    path
}
