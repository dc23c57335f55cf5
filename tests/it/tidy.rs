//! The rules of the house that a test can state.
//!
//! In: the files of the project as they lie on disk. Out: one failing test per broken rule, with
//! `file:line` and what the rule wants. Each rule is a pure function from text to findings, and
//! has tests that feed it a breach, so that a rule which finds nothing any more is noticed.
//! Deliberately absent: parsing Rust. A token scanner is enough for paths, attributes and words;
//! what it cannot see (macros that build paths from parts) the compiler's privacy has to guard.

mod files;
mod layers;
mod links;
mod manifest;
mod phone;
mod source;
mod table;
mod tokens;
mod words;

use std::fmt;
use std::path::{Path, PathBuf};

/// One breach of one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// Path from the project's root.
    file: String,
    /// Counted from 1.
    line: usize,
    /// What is wrong and what is wanted.
    problem: String,
}

impl Finding {
    fn new(file: &str, line: usize, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, problem: problem.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.problem)
    }
}

/// Fails with every finding on a line of its own.
fn expect_none(mut findings: Vec<Finding>) {
    findings.sort();
    let lines: Vec<_> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "{} findings\n{}", lines.len(), lines.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A text file of the project.
struct TextFile {
    /// Path from the project's root, with forward slashes.
    path: String,
    text: String,
}

/// The project's text files under `folder` whose name ends in one of `endings`, in order of path.
fn text_files(folder: &str, endings: &[&str]) -> Vec<TextFile> {
    let mut files = Vec::new();
    collect(&root().join(folder), endings, &mut files);
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

fn collect(folder: &Path, endings: &[&str], files: &mut Vec<TextFile>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("read the folder").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            let built = ["target", "node_modules", "dist", "data"].contains(&name);
            if !built && (!name.starts_with('.') || [".ci", ".config"].contains(&name)) {
                collect(&path, endings, files);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(root()).expect("below the root");
            files.push(TextFile { path: path.to_string_lossy().replace('\\', "/"), text });
        }
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
