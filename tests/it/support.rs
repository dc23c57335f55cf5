//! What the tests of the whole program share: folders, processes, their output, the log.
//!
//! In: the program that cargo built for this run. Out: processes in groups of their own, which
//! are killed with all their children when a test lets go of them, passed or failed.
//! Invariants: nobody waits without a limit, and nobody waits for time alone; every port is one
//! that the system chose, so tests may run side by side.
//! Deliberately absent: anything of the library. What these tests see, a user can see.

mod certificate;
mod events;
mod process;

use std::path::{Path, PathBuf};

use tempfile::TempDir;

pub(crate) use self::certificate::certify;
pub(crate) use self::events::{Fact, facts, of_type, text};
pub(crate) use self::process::{Finished, Program, kill, run_to_end};

/// A data folder that is gone after the test.
pub(crate) fn data_folder() -> TempDir {
    tempfile::Builder::new().prefix("ledgerline-it-").tempdir().expect("a folder for data")
}

/// A file of the source tree.
pub(crate) fn tree_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Arguments for one data folder: a command, the folder, and JSON where results are wanted.
pub(crate) fn json_args(folder: &Path, command: &[&str]) -> Vec<String> {
    let folder = folder.display().to_string();
    let common = ["--data-dir", &folder, "--format", "json"];
    command.iter().chain(&common).map(|&arg| arg.to_owned()).collect()
}

/// What a command prints as JSON; the command has to succeed.
pub(crate) fn json(folder: &Path, command: &[&str]) -> serde_json::Value {
    let finished = run_to_end(&json_args(folder, command));
    finished.expect_success().json()
}

/// The rows that `ledgerline sql` gives.
pub(crate) fn sql(folder: &Path, question: &str) -> Vec<serde_json::Value> {
    let answer = json(folder, &["sql", question]);
    answer.as_array().unwrap_or_else(|| panic!("{question}: {answer}")).clone()
}

/// A number in a JSON object.
pub(crate) fn number(value: &serde_json::Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("no number {name} in {value}"))
}
