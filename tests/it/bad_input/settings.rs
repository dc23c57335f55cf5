//! Configuration: keys and values that cannot be.

use super::{configuration, nobody, with_config};
use crate::support::{data_folder, run_to_end};

/// Replaces the line that begins so by another, and expects what is said about it.
fn check(start: &str, instead: &str, parts: &[&str]) {
    let folder = data_folder();
    let path = configuration(folder.path(), &nobody(), "127.0.0.1:0", "127.0.0.1:0");
    let text = std::fs::read_to_string(&path).expect("the configuration");
    let place = text.lines().position(|line| line.starts_with(start)).expect("such a line");
    let lines = text.lines().enumerate();
    let lines: Vec<_> = lines.map(|(at, line)| if at == place { instead } else { line }).collect();
    std::fs::write(&path, lines.join("\n")).expect("write the configuration");
    let place = format!("line {}", place + 1);
    for command in [&["run"][..], &["config", "check"]] {
        let run = run_to_end(&with_config(&path, command));
        run.expect_failure(&[&[path.to_str().expect("UTF-8"), &place], parts].concat());
    }
    assert!(!folder.path().join("data").exists(), "nothing was begun");
}

#[test]
fn a_wrong_key_is_named_with_file_line_and_the_keys_there_are() {
    check(
        "no_provisional_ms",
        "no_provisional = 400",
        &["`no_provisional`", "`no_provisional_ms`", "`probe_every_ms`"],
    );
    check("[[carriers]]", "[[carrier]]", &["`carrier`", "`carriers`", "`campaigns`"]);
}

#[test]
fn a_wrong_value_is_named_with_file_line_and_what_is_allowed() {
    check("robot_channels", "mode = \"predictive\"", &["`predictive`", "`progressive`"]);
    check("robot_channels", "robot_channels = \"two\"", &["string \"two\"", "0 to 4294967295"]);
    check("id = \"north\"", "id = \"North 1\"", &["North 1"]);
    check("address", "address = \"192.0.2.300\"", &["wanted an IP address"]);
}

#[test]
fn a_value_out_of_its_range_is_named_with_file_line_and_range() {
    check("weight", "weight = 0", &["weight", "1 to 1000"]);
}
