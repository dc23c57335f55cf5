//! Arrows point one way: every path in `src/` is held against the layer table.

use std::collections::BTreeSet;

use super::source::Source;
use super::table::{TABLE, find};
use super::{Finding, TextFile, expect_none, read, text_files};

/// Where a file stands in the module tree: `src/sip/uri.rs` is `["sip", "uri"]`.
fn module_of(path: &str) -> Vec<&str> {
    let inner = path.strip_prefix("src/").unwrap_or(path);
    inner.strip_suffix(".rs").unwrap_or(inner).split('/').collect()
}

/// The files below `src/` that are compiled for tests only: declared so, or named `tests`.
fn test_files(files: &[TextFile]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for file in files {
        let folder = match file.path.as_str() {
            "src/lib.rs" | "src/main.rs" => "src",
            path => path.strip_suffix(".rs").unwrap_or(path),
        };
        for (name, is_test) in Source::read(&file.text).modules {
            if is_test {
                paths.insert(format!("{folder}/{name}"));
            }
        }
    }
    let is_test = |path: &str| {
        paths.iter().any(|start| {
            let rest = path.strip_prefix(start.as_str()).unwrap_or_default();
            rest == ".rs" || rest.starts_with('/')
        })
    };
    files.iter().map(|file| file.path.clone()).filter(|path| is_test(path)).collect()
}

/// The breaches of one file.
fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let module = module_of(path);
    let from = *module.first().unwrap_or(&"");
    let is_root = from == "lib";
    let place: &[&str] = if is_root { &[] } else { &module };
    let mut findings = Vec::new();
    for used in Source::read(text).paths(place) {
        let to = used.segments.first().map_or("", String::as_str);
        if to == from && !is_root {
            continue;
        }
        let written = used.segments.join("::");
        let problem = if find(to).is_none() {
            format!("`crate::{written}` names no module of the layer table; name the module itself")
        } else if used.is_reexport {
            format!("`pub use` of `crate::{written}`: a module offers only what is its own")
        } else if from == "main" && to != "cli" || is_root {
            format!("`{written}`: lib.rs declares modules and main.rs calls `cli`, nothing more")
        } else {
            match find(from) {
                None if from == "main" => continue,
                None => format!("`{from}` stands in no row of the layer table"),
                Some(row) if row.allowed().contains(to) => continue,
                Some(row) => format!(
                    "`{from}` (layer {}) may use {}, not `crate::{written}`",
                    row.layer, row.may_use
                ),
            }
        };
        findings.push(Finding::new(path, used.line, problem));
    }
    findings
}

#[test]
fn paths_point_down_the_layer_table() {
    let files = text_files("src", &[".rs"]);
    let tests = test_files(&files);
    let code = files.iter().filter(|file| !tests.contains(&file.path));
    expect_none(code.flat_map(|file| check_file(&file.path, &file.text)).collect());
}

#[test]
fn the_library_declares_the_modules_of_the_table() {
    let mut declared: Vec<String> =
        Source::read(&read("src/lib.rs")).modules.into_iter().map(|(name, _)| name).collect();
    declared.sort();
    let mut rows: Vec<_> = TABLE.iter().map(|row| row.module.to_owned()).collect();
    rows.sort();
    assert_eq!(declared, rows, "src/lib.rs and the layer table differ");
}

/// The rows of `| layer | module | what | may use |` in a page, without the backticks.
fn page_rows(page: &str) -> Vec<(String, String, String)> {
    let mut rows = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [layer, module, _, may_use] = cells.as_slice() else { continue };
        if layer.len() == 1 && module.starts_with('`') {
            let plain = |cell: &str| cell.replace('`', "");
            rows.push((plain(layer), plain(module), plain(may_use)));
        }
    }
    rows
}

#[test]
fn the_architecture_page_shows_the_same_table() {
    let rows: Vec<_> = TABLE
        .iter()
        .map(|row| (row.layer.to_owned(), row.module.to_owned(), row.may_use.to_owned()))
        .collect();
    assert_eq!(page_rows(&read("ARCHITECTURE.md")), rows, "ARCHITECTURE.md differs");
}

#[test]
fn an_upward_path_is_found() {
    let check = |path: &str, text: &str, want: &[&str]| {
        let got: Vec<_> = check_file(path, text).iter().map(Finding::to_string).collect();
        assert_eq!(got, want, "{text}");
    };
    check("src/dialing/state.rs", "use crate::compliance::X; use super::lead::L;", &[]);
    check(
        "src/dialing/state.rs",
        "\nuse super::super::runtime::X;",
        &[
            "src/dialing/state.rs:2: `dialing` (layer 2) may use 0-1, compliance, not `crate::runtime::X`",
        ],
    );
    check(
        "src/sip.rs",
        "pub use crate::base::Rng;",
        &["src/sip.rs:1: `pub use` of `crate::base::Rng`: a module offers only what is its own"],
    );
    check(
        "src/sip.rs",
        "use super::*;",
        &["src/sip.rs:1: `crate::*` names no module of the layer table; name the module itself"],
    );
    check(
        "src/lib.rs",
        "pub mod base; use self::base::Rng;",
        &[
            "src/lib.rs:1: `base::Rng`: lib.rs declares modules and main.rs calls `cli`, nothing more",
        ],
    );
    check("src/main.rs", "fn main() { ledgerline::cli::main() }", &[]);
    assert_eq!(check_file("src/main.rs", "ledgerline::sip::x()").len(), 1);
    assert_eq!(check_file("src/helpers.rs", "use crate::base::Rng;").len(), 1);
}

#[test]
fn files_for_tests_only_are_left_out() {
    let file = |path: &str, text: &str| TextFile { path: path.to_owned(), text: text.to_owned() };
    let files = [
        file("src/sip.rs", "mod uri; #[cfg(test)] mod tests; #[cfg(test)] mod pair;"),
        file("src/sip/uri.rs", ""),
        file("src/sip/tests.rs", ""),
        file("src/sip/pair.rs", ""),
        file("src/sip/pair/clock.rs", ""),
        file("src/sip/pairing.rs", ""),
    ];
    let want = ["src/sip/pair.rs", "src/sip/pair/clock.rs", "src/sip/tests.rs"];
    assert_eq!(test_files(&files), want.map(str::to_owned).into());
}

#[test]
fn table_rows_are_read_from_markdown() {
    let page = "| Layer | Module | One line | May use |\n|---|---|---|---|\n\
                | 2 | `dialing` | pacing | 0-1, `compliance` |\n| a | b |\n";
    let want = [("2".to_owned(), "dialing".to_owned(), "0-1, compliance".to_owned())];
    assert_eq!(page_rows(page), want);
}
