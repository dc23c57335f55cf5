//! Words that may not stand in code, or only in some modules.

use super::tokens::{Token, tokens};
use super::{Finding, expect_none, text_files};

/// The modules that may name DataFusion.
const DATAFUSION: [&str; 4] =
    ["src/query.rs", "src/query/", "src/projection.rs", "src/projection/"];

fn text(code: &[Token], at: usize) -> &str {
    code.get(at).map_or("", |token| token.text.as_str())
}

/// Work that is not done: `todo!`, `unimplemented!`.
fn unfinished(path: &str, code: &[Token]) -> Vec<Finding> {
    let is_unfinished = |at: usize| {
        ["todo", "unimplemented"].contains(&text(code, at)) && text(code, at + 1) == "!"
    };
    let found = code.iter().enumerate().filter(|(at, _)| is_unfinished(*at));
    found
        .map(|(_, token)| {
            Finding::new(path, token.line, format!("{}!: finish it, or leave it out", token.text))
        })
        .collect()
}

/// In tests: sleeping, and tests that do not run.
fn lazy_tests(path: &str, code: &[Token]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut attribute_depth = 0_usize;
    for (at, token) in code.iter().enumerate() {
        match token.text.as_str() {
            "[" if attribute_depth > 0 || text(code, at.wrapping_sub(1)) == "#" => {
                attribute_depth += 1
            }
            "]" => attribute_depth = attribute_depth.saturating_sub(1),
            "ignore" if attribute_depth > 0 => findings.push(Finding::new(
                path,
                token.line,
                "#[ignore]: assert today's answer and say why, or delete the test",
            )),
            "sleep" | "sleep_until" | "sleep_ms" => findings.push(Finding::new(
                path,
                token.line,
                format!("{}: wait for what you expect, or hand in the time", token.text),
            )),
            _ => {}
        }
    }
    findings
}

/// DataFusion outside the modules that hide it.
fn datafusion(path: &str, code: &[Token]) -> Vec<Finding> {
    if DATAFUSION.iter().any(|allowed| path.starts_with(allowed)) {
        return Vec::new();
    }
    let is_named = |at: usize| {
        text(code, at) == "datafusion"
            && (text(code, at + 1) == "::" || text(code, at.wrapping_sub(1)) == "use")
    };
    let found = code.iter().enumerate().filter(|(at, _)| is_named(*at));
    found
        .map(|(_, token)| {
            Finding::new(path, token.line, "`datafusion` is named in `query` and `projection` only")
        })
        .collect()
}

#[test]
fn nothing_is_left_unfinished() {
    let mut files = text_files("src", &[".rs"]);
    files.extend(text_files("tests", &[".rs"]));
    expect_none(
        files.iter().flat_map(|file| unfinished(&file.path, &tokens(&file.text))).collect(),
    );
}

#[test]
fn tests_neither_sleep_nor_are_ignored() {
    let mut files = text_files("tests", &[".rs"]);
    files.extend(
        text_files("src", &[".rs"])
            .into_iter()
            .filter(|file| file.path.ends_with("/tests.rs") || file.path.contains("/tests/")),
    );
    expect_none(
        files.iter().flat_map(|file| lazy_tests(&file.path, &tokens(&file.text))).collect(),
    );
}

#[test]
fn datafusion_stays_behind_query_and_projection() {
    let files = text_files("src", &[".rs"]);
    expect_none(
        files.iter().flat_map(|file| datafusion(&file.path, &tokens(&file.text))).collect(),
    );
}

#[test]
fn each_word_is_found_where_it_is_code() {
    type Rule = fn(&str, &[Token]) -> Vec<Finding>;
    let check = |rule: Rule, path: &str, source: &str, want: usize| {
        assert_eq!(rule(path, &tokens(source)).len(), want, "{source}");
    };
    check(unfinished, "a.rs", "todo!(); unimplemented!(\"x\");", 2);
    check(unfinished, "a.rs", "let todo = \"todo!()\"; // todo!()", 0);
    check(lazy_tests, "a.rs", "#[test] #[ignore] fn a() {}", 1);
    check(lazy_tests, "a.rs", "#[ignore = \"slow\"] #[cfg_attr(unix, ignore)] fn a() {}", 2);
    check(lazy_tests, "a.rs", "let ignore = list[ignore];", 0);
    check(lazy_tests, "a.rs", "use std::thread::sleep; tokio::time::sleep(d).await;", 2);
    check(datafusion, "src/report.rs", "use datafusion::prelude::*;", 1);
    check(datafusion, "src/report.rs", "use datafusion as df;", 1);
    check(datafusion, "src/query/session.rs", "use datafusion::prelude::*;", 0);
    check(datafusion, "src/report.rs", "// datafusion::prelude\nlet datafusion = 1;", 0);
}
