//! What the package depends on: a reason per line, one version of the Arrow family.

use std::collections::BTreeMap;

use super::{Finding, expect_none, read};

/// Splits a TOML line into what is said and the comment behind it.
fn comment(line: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, character) in line.char_indices() {
        match (quote, character) {
            (None, '#') => return line.split_at(at),
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    (line, "")
}

/// Whether a comment says something, and is no heading such as `# --- secrets`.
fn is_reason(comment: &str) -> bool {
    let words = comment.trim_start_matches('#').trim();
    words.len() >= 8 && !words.starts_with("---")
}

/// Dependencies without a reason on their line or on the line above.
fn unexplained(path: &str, manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut section, mut above) = (String::new(), false);
    // A value over several lines: where it began, its open brackets, whether a reason came by.
    let mut open: Option<(usize, i64, bool)> = None;
    for (at, line) in manifest.lines().enumerate() {
        let (said, remark) = comment(line);
        let brackets =
            said.matches(['[', '{']).count() as i64 - said.matches([']', '}']).count() as i64;
        let mut missing = None;
        if let Some((start, depth, explained)) = open {
            let (depth, explained) = (depth + brackets, explained || is_reason(remark));
            open = (depth > 0).then_some((start, depth, explained));
            missing = (depth <= 0 && !explained).then_some(start);
        } else if said.trim_start().starts_with('[') {
            section = said.trim().trim_matches(['[', ']']).to_owned();
            let own_table = section.contains("dependencies.");
            missing = (own_table && !above && !is_reason(remark)).then_some(at);
        } else if section.ends_with("dependencies") && said.contains('=') {
            let explained = above || is_reason(remark);
            open = (brackets > 0).then_some((at, brackets, explained));
            missing = (brackets <= 0 && !explained).then_some(at);
        }
        if let Some(start) = missing {
            findings.push(Finding::new(path, start + 1, "a dependency needs a reason beside it"));
        }
        above = said.trim().is_empty() && is_reason(remark);
    }
    findings
}

/// Packages of the Arrow family that the lock file holds in more than one version.
fn doubled(path: &str, lock: &str) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, line) in lock.lines().enumerate() {
        let Some(name) = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'))
        else {
            continue;
        };
        let family = ["arrow", "parquet", "datafusion", "object_store"];
        if family.iter().any(|start| name == *start || name.starts_with(&format!("{start}-"))) {
            versions.entry(name).or_default().push(at + 1);
        }
    }
    let doubled = versions.into_iter().filter(|(_, lines)| lines.len() > 1);
    doubled
        .map(|(name, lines)| {
            Finding::new(
                path,
                *lines.last().unwrap_or(&1),
                format!("{name} stands in {} versions", lines.len()),
            )
        })
        .collect()
}

#[test]
fn every_dependency_has_a_reason() {
    expect_none(unexplained("Cargo.toml", &read("Cargo.toml")));
}

#[test]
fn arrow_has_one_version() {
    let lock = read("Cargo.lock");
    assert!(lock.contains("name = \"arrow\""), "the rule watches a package that is gone");
    expect_none(doubled("Cargo.lock", &lock));
}

#[test]
fn a_missing_reason_is_found() {
    let check = |manifest: &str, want: &[usize]| {
        let got: Vec<_> = unexplained("Cargo.toml", manifest).iter().map(|f| f.line).collect();
        assert_eq!(got, want, "{manifest}");
    };
    check("[dependencies]\na = \"1\" # reads the thing\nb = \"1\"\n", &[3]);
    check("[dependencies]\n# reads the thing\na = \"1\"\nb = \"1\" # yes\n", &[4]);
    check("[dependencies]\n# --- run time\na = \"1\"\n", &[3]);
    check("[dependencies]\na = { version = \"1\", features = [\n  \"#x\",\n] }\n", &[2]);
    check("[dependencies]\na = { features = [\n  \"x\",\n] } # reads the thing\n", &[]);
    check("[dependencies.a]\nversion = \"1\"\n[features]\nb = []\n", &[1]);
    check("[target.'cfg(unix)'.dev-dependencies]\na = \"1\"\n", &[2]);
}

#[test]
fn a_second_arrow_is_found() {
    let lock =
        "name = \"arrow\"\nname = \"arrow-cast\"\nname = \"arrowhead\"\nname = \"arrowhead\"\n";
    assert!(doubled("Cargo.lock", lock).is_empty());
    let problems = doubled("Cargo.lock", &format!("{lock}name = \"arrow-cast\"\n"));
    assert_eq!(problems, [Finding::new("Cargo.lock", 5, "arrow-cast stands in 2 versions")]);
}
