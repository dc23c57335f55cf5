//! Length of files, and files that nobody declares.

use std::collections::BTreeSet;

use super::source::Source;
use super::{Finding, TextFile, expect_none, text_files};

/// Lines a file may have without a reason.
const LINES: usize = 600;
/// Lines no file may have.
const LINES_MAX: usize = 1_000;

/// Files that are over [`LINES`], how long they may be, and why. Entries only ever shrink.
const RATCHET: &[(&str, usize, &str)] = &[];

fn check_length(path: &str, lines: usize, ratchet: &[(&str, usize, &str)]) -> Option<Finding> {
    let entry = ratchet.iter().find(|(listed, ..)| *listed == path);
    let problem = match entry {
        _ if lines > LINES_MAX => format!("{lines} lines; {LINES_MAX} is the limit, split by noun"),
        None if lines > LINES => {
            format!(
                "{lines} lines; split by noun, or give a reason in RATCHET (tests/it/tidy/files.rs)"
            )
        }
        Some((_, allowed, _)) if lines > *allowed => {
            format!("{lines} lines, but RATCHET holds it at {allowed}")
        }
        Some(_) if lines <= LINES => format!("{lines} lines now: take it out of RATCHET"),
        Some((_, _, reason)) if reason.len() < 20 => "its RATCHET entry gives no reason".to_owned(),
        _ => return None,
    };
    Some(Finding::new(path, 1, problem))
}

#[test]
fn files_stay_short() {
    let mut files = text_files("src", &[".rs"]);
    files.extend(text_files("web/src", &[".ts", ".svelte", ".css"]));
    files.extend(text_files("tests/it", &[".rs"]));
    let is_test = |path: &str| path.ends_with("/tests.rs") || path.contains(".test.");
    files.retain(|file| !is_test(&file.path));
    let mut findings: Vec<_> = files
        .iter()
        .filter_map(|file| check_length(&file.path, file.text.lines().count(), RATCHET))
        .collect();
    for (path, ..) in RATCHET {
        if !files.iter().any(|file| file.path == *path) {
            findings.push(Finding::new(path, 1, "is gone: take it out of RATCHET"));
        }
    }
    expect_none(findings);
}

/// Files below `folder` that cannot be reached from `roots` through `mod name;`.
fn undeclared(folder: &str, roots: &[&str], files: &[TextFile]) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<String> = roots.iter().map(|root| (*root).to_owned()).collect();
    while let Some(path) = open.pop() {
        let Some(file) = files.iter().find(|file| file.path == path) else { continue };
        let children = match path.as_str() {
            path if roots.contains(&path) => folder,
            path => path.strip_suffix(".rs").unwrap_or(path),
        };
        let modules = Source::read(&file.text).modules;
        open.extend(modules.iter().map(|(name, _)| format!("{children}/{name}.rs")));
        reached.insert(path);
    }
    let lost = files.iter().filter(|file| !reached.contains(&file.path));
    lost.map(|file| Finding::new(&file.path, 1, "no `mod` declares it, so it never runs")).collect()
}

#[test]
fn every_file_is_declared_by_a_module() {
    let mut findings =
        undeclared("tests/it", &["tests/it/main.rs"], &text_files("tests/it", &[".rs"]));
    findings.extend(undeclared(
        "src",
        &["src/lib.rs", "src/main.rs"],
        &text_files("src", &[".rs"]),
    ));
    for file in text_files("tests", &[".rs"]) {
        if !file.path.starts_with("tests/it/") {
            findings.push(Finding::new(&file.path, 1, "Rust tests lie in tests/it, one binary"));
        }
    }
    expect_none(findings);
}

/// Names that say nothing of what is inside.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

/// A file or folder named for nothing, or for a manager.
fn check_name(path: &str) -> Option<Finding> {
    let is_empty = |part: &str| {
        let name = part.split('.').next().unwrap_or(part);
        EMPTY_NAMES.contains(&name) || name.split('_').any(|word| word == "manager")
    };
    let part = path.split('/').find(|part| is_empty(part))?;
    Some(Finding::new(path, 1, format!("{part}: name what it holds")))
}

#[test]
fn files_are_named_for_what_they_hold() {
    let mut files = text_files("src", &[".rs"]);
    files.extend(text_files("tests", &[".rs"]));
    files.extend(text_files("web/src", &[".ts", ".svelte"]));
    expect_none(files.iter().filter_map(|file| check_name(&file.path)).collect());
}

#[test]
fn empty_names_are_found() {
    let found: Vec<_> = ["src/utils.rs", "src/sip/common/a.rs", "src/call_manager.rs"]
        .iter()
        .filter_map(|path| check_name(path))
        .collect();
    assert_eq!(found.len(), 3);
    assert_eq!(check_name("src/commons.rs"), None);
}

#[test]
fn long_files_are_found() {
    let ratchet =
        [("a.rs", 700, "one table that follows the standard's order"), ("b.rs", 700, "why")];
    let check = |path, lines, want: &str| {
        let got = check_length(path, lines, &ratchet).map(|finding| finding.problem);
        assert!(got.clone().unwrap_or_default().contains(want), "{path} {lines}: {got:?}");
        assert_eq!(got.is_none(), want.is_empty(), "{path} {lines}: {got:?}");
    };
    check("c.rs", 600, "");
    check("c.rs", 601, "split by noun");
    check("c.rs", 1_001, "is the limit");
    check("a.rs", 700, "");
    check("a.rs", 701, "holds it at 700");
    check("a.rs", 600, "take it out");
    check("b.rs", 650, "no reason");
}

#[test]
fn a_lost_file_is_found() {
    let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
    let files = [
        file("t/main.rs", "mod a; // mod lost;"),
        file("t/a.rs", "#[cfg(test)] mod b;"),
        file("t/a/b.rs", ""),
        file("t/lost.rs", ""),
    ];
    let got: Vec<_> = undeclared("t", &["t/main.rs"], &files).into_iter().map(|f| f.file).collect();
    assert_eq!(got, ["t/lost.rs"]);
}
