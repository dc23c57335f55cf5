//! The SQL shell on a terminal, as a person uses it, and without one.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use crate::support::{Program, data_folder, run_to_end, tree_file};

/// What the script checks.
const CHECKS: &[&str] = &[
    "a_question_of_several_lines_is_answered",
    "an_error_does_not_end_it",
    "tables_and_columns_are_listed",
    "time_is_told",
    "rows_are_printed_in_every_shape",
    "an_earlier_moment_is_asked_about",
    "names_are_completed",
    "ctrl_c_ends_the_question_and_not_the_shell",
    "what_was_typed_is_kept_for_its_owner",
    "without_a_terminal_statements_are_read",
];

#[test]
fn the_shell_on_a_terminal() {
    let folder = data_folder();
    let path = folder.path().display().to_string();
    let history = ["sim", "history", "--data-dir", &path, "--days", "1", "--calls", "20"];
    run_to_end(&history).expect_success();
    let mut script = Command::new("python3");
    script.arg(tree_file("tests/it/shell/drive.py"));
    script.args([env!("CARGO_BIN_EXE_ledgerline"), &path]);
    script.env("PYTHONUNBUFFERED", "1").env("PYTHONDONTWRITEBYTECODE", "1");
    let mut script = Program::spawn(script);
    let (mut ran, mut failed) = (BTreeSet::new(), Vec::new());
    while let Some(line) = script.line() {
        let said: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let name = said["check"].as_str().expect("the name of a check").to_owned();
        if let Some(seen) = said["seen"].as_str() {
            failed.push(format!("{name}: {seen}"));
        }
        assert!(ran.insert(name), "a check ran twice: {line}");
    }
    script.finish().expect_success();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let wanted: BTreeSet<_> = CHECKS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(ran, wanted, "other checks ran than were to run");
}
