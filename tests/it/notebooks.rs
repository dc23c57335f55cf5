//! What analysts do with a history: notebooks against a running platform, and the lake read by
//! DuckDB and polars beside it. Needs what `tools/setup.sh test` puts below `target/peers/sql`.

#[cfg(feature = "s3")]
mod lake;
mod platform;

use std::fs;
use std::path::Path;

use self::platform::{Platform, python};
use crate::support::{Program, tree_file};

/// Runs a script of ours to its end; it fails by itself where something is wrong.
fn expect_script(platform: &Platform, script: &str, args: &[&Path]) -> String {
    let mut command = python();
    command.arg(tree_file(script)).args(args);
    platform.told_to(&mut command);
    Program::spawn(command).finish().expect_success().stdout
}

/// The snippets of a page in one language.
fn snippets<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[cfg(feature = "sql-servers")]
#[test]
fn notebooks_run_without_an_error_and_their_pictures_show_something() {
    let platform = Platform::with_flight("--calls=3000");
    let folder = tree_file("target/notebooks");
    drop(fs::remove_dir_all(&folder));
    for name in [
        "operations",
        "funnel",
        "cohorts_and_rfm",
        "line_quality",
        "routing_audit",
        "experiment_readout",
    ] {
        let said = expect_script(&platform, "notebooks/run.py", &[&folder, Path::new(name)]);
        assert_eq!(said, format!("{name}: ok"));
    }
    let said = expect_script(&platform, "tests/it/notebooks/pictures.py", &[&folder]);
    assert!(said.contains("6 notebooks"), "{said}");
}

#[test]
fn duckdb_and_polars_read_the_lake_on_disk_as_sql_does() {
    let platform = Platform::start("--calls=1000");
    let events = platform.events.to_string();
    let args = [Path::new(&events), platform.data()];
    let said = expect_script(&platform, "tests/it/notebooks/lake_checks.py", &args);
    assert!(said.contains("sealed events agree") && said.contains("views agree"), "{said}");

    // And so do the snippets of the page, word for word
    let page = fs::read_to_string(tree_file("docs/lake.md")).expect("the page");
    let snippets = snippets(&page, "python");
    assert!(snippets.len() >= 4, "{}", snippets.len());
    let mut command = python();
    command.arg("-c").arg(snippets.concat()).current_dir(platform.home());
    let said = Program::spawn(command).finish().expect_success().stdout;
    assert!(said.contains("\n1000 attempts"), "those of the history: {said}");
}

#[test]
fn intervals_are_those_of_the_literature() {
    let mut command = python();
    command.args(["-m", "doctest"]).arg(tree_file("notebooks/intervals.py"));
    let finished = Program::spawn(command).finish().expect_success();
    assert_eq!(finished.stdout, "", "{finished:#?}");
}
