//! The comment block at the head of a SQL file.
//!
//! In: the file's text. Out: its keys, each with the lines it stands on, its body, and every
//! mistake. Invariants: a key stands once; what is not a known key is a mistake, never passed
//! over; a mistake names the line it is on. A line that starts with more than one space goes on
//! with the value above. Deliberately absent: what the values mean.

use std::collections::BTreeMap;
use std::fmt;

/// One thing that is wrong in a SQL file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// From 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A SQL file cannot be used: everything that is wrong in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontMatterError {
    /// The file, below its folder.
    pub file: String,
    /// At least one, by line.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for FrontMatterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read {}", self.file)?;
        for (place, Mistake { line, problem }) in self.mistakes.iter().enumerate() {
            let before = if place == 0 { "," } else { ";" };
            write!(f, "{before} line {line}: {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for FrontMatterError {}

/// A piece of a head and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    /// From 1.
    pub(crate) line: usize,
}

/// A value, line by line.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    lines: Vec<Located<String>>,
}

impl Value {
    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| line.value.as_str());
        lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn line(&self) -> usize {
        self.lines.first().map_or(1, |first| first.line)
    }

    /// The pieces between separators that stand outside brackets, each with the line it begins
    /// on.
    fn items(&self, separator: char) -> Vec<Located<String>> {
        let mut items = Vec::new();
        let mut item: Option<Located<String>> = None;
        let mut depth = 0_usize;
        for line in &self.lines {
            if let Some(item) = &mut item {
                item.value.push(' ');
            }
            for letter in line.value.chars() {
                match letter {
                    '(' => depth += 1,
                    ')' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                if letter == separator && depth == 0 {
                    items.extend(item.take());
                } else if item.is_some() || !letter.is_whitespace() {
                    item.get_or_insert_with(|| Located { value: String::new(), line: line.line })
                        .value
                        .push(letter);
                }
            }
        }
        items.extend(item);
        for item in &mut items {
            item.value.truncate(item.value.trim_end().len());
        }
        items.retain(|item| !item.value.is_empty());
        items
    }
}

/// A SQL file: what its head says, and the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    keys: BTreeMap<String, Value>,
    /// The query, without the head and without a semicolon.
    pub(crate) body: String,
    /// The line the query begins on.
    pub(crate) body_line: usize,
    /// What is wrong so far.
    pub(crate) mistakes: Vec<Mistake>,
}

impl FrontMatter {
    /// Reads a file. Mistakes are collected, and whatever is right can be used.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Self {
        let mut head = Self {
            keys: BTreeMap::new(),
            body: String::new(),
            body_line: text.lines().count().max(1),
            mistakes: Vec::new(),
        };
        let mut last: Option<String> = None;
        for (number, line) in text.lines().enumerate().map(|(place, line)| (place + 1, line)) {
            if !head.body.is_empty() {
                head.body.push_str(line);
                head.body.push('\n');
            } else if let Some(comment) = line.strip_prefix("--") {
                last = head.take(number, comment, last, known);
            } else if !line.trim().is_empty() {
                head.body_line = number;
                head.body.push_str(line);
                head.body.push('\n');
            }
        }
        head.body = head.body.trim_end().trim_end_matches(';').trim_end().to_owned();
        if head.body.is_empty() {
            head.wrong(head.body_line, "there is no query".to_owned());
        }
        head
    }

    /// Takes one line of the head and gives the key it belongs to.
    fn take(
        &mut self,
        number: usize,
        comment: &str,
        last: Option<String>,
        known: &[&str],
    ) -> Option<String> {
        if comment.starts_with("  ") {
            let value = last.as_ref().and_then(|key| self.keys.get_mut(key));
            match value {
                Some(value) => {
                    value.lines.push(Located { value: comment.trim().to_owned(), line: number });
                }
                // The line above was a mistake already, unless there is none.
                None if self.mistakes.is_empty() => {
                    self.wrong(number, "goes on with a value, but there is no key above".to_owned())
                }
                None => {}
            }
            return last;
        }
        let Some((key, value)) = comment.split_once(':') else {
            self.wrong(number, format!("{comment:?} is not `key: value`"));
            return None;
        };
        let key = key.trim();
        if !known.contains(&key) {
            // What is known is said once.
            let is_first = !self.mistakes.iter().any(|it| it.problem.contains("is unknown"));
            let known =
                if is_first { format!("; known: {}", known.join(", ")) } else { String::new() };
            self.wrong(number, format!("key {key:?} is unknown{known}"));
            return None;
        }
        if self.keys.contains_key(key) {
            self.wrong(number, format!("key {key:?} stands twice"));
            return None;
        }
        let first = Located { value: value.trim().to_owned(), line: number };
        self.keys.insert(key.to_owned(), Value { lines: vec![first] });
        Some(key.to_owned())
    }

    /// The value of a key that must be there; empty, and a mistake, where it is not.
    pub(crate) fn required(&mut self, key: &str) -> String {
        let text = self.optional(key);
        if text.is_empty() {
            let line = self.line(key);
            self.wrong(line, format!("key {key:?} is missing"));
        }
        text
    }

    /// The value of a key that may be there.
    pub(crate) fn optional(&self, key: &str) -> String {
        self.keys.get(key).map_or_else(String::new, Value::text)
    }

    /// The line of a key; the first one where it is not there.
    pub(crate) fn line(&self, key: &str) -> usize {
        self.keys.get(key).map_or(1, Value::line)
    }

    /// The pieces of a value, each with its line.
    pub(crate) fn items(&self, key: &str, separator: char) -> Vec<Located<String>> {
        self.keys.get(key).map(|value| value.items(separator)).unwrap_or_default()
    }

    /// The pieces of a value that must be there.
    pub(crate) fn required_items(&mut self, key: &str, separator: char) -> Vec<Located<String>> {
        drop(self.required(key));
        self.items(key, separator)
    }

    /// A list with commas.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        self.items(key, ',').into_iter().map(|item| item.value).collect()
    }

    /// Notes a mistake.
    pub(crate) fn wrong(&mut self, line: usize, problem: String) {
        self.mistakes.push(Mistake { line, problem });
    }

    /// The error of a file, where anything is wrong.
    pub(crate) fn finish(&mut self, file: &str) -> Result<(), FrontMatterError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        let mut mistakes = std::mem::take(&mut self.mistakes);
        mistakes.sort();
        Err(FrontMatterError { file: file.to_owned(), mistakes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "question", "params"];

    #[test]
    fn keys_and_body_are_told_apart() {
        let text = "-- name: a\n-- question: one\n--   two\n-- params: x,\n--   y\n\nselect 1 -- no key: here\nfrom t;\n";
        let mut head = FrontMatter::parse(text, KNOWN);
        assert_eq!(head.required("question"), "one two");
        assert_eq!(head.list("params"), ["x", "y"]);
        let lines: Vec<_> = head.items("params", ',').iter().map(|item| item.line).collect();
        assert_eq!((lines.as_slice(), head.line("params")), (&[4, 5][..], 4));
        assert_eq!((head.body.as_str(), head.body_line), ("select 1 -- no key: here\nfrom t", 7));
        assert_eq!(head.finish("a.sql"), Ok(()));
    }

    #[test]
    fn a_separator_inside_brackets_separates_nothing() {
        let head = FrontMatter::parse("-- params: a(x, y),\n--   b(z)\nselect 1", KNOWN);
        assert_eq!(head.list("params"), ["a(x, y)", "b(z)"]);
    }

    #[test]
    fn every_mistake_names_file_and_line() {
        let check = |text: &str, expected: &str| {
            let mut head = FrontMatter::parse(text, KNOWN);
            drop(head.required("name"));
            let error = head.finish("a.sql").expect_err("wrong");
            assert_eq!(error.to_string(), expected);
        };
        check(
            "-- name: a\n-- nmae: b\nselect 1",
            "read a.sql, line 2: key \"nmae\" is unknown; known: name, question, params",
        );
        check("-- name: a\n-- name: b\nselect 1", "read a.sql, line 2: key \"name\" stands twice");
        check(
            "-- hello\nselect 1",
            "read a.sql, line 1: \" hello\" is not `key: value`; line 1: key \"name\" is missing",
        );
        check(
            "-- question: a\n-- name:\n-- colour: red\n",
            "read a.sql, line 2: key \"name\" is missing; line 3: key \"colour\" is unknown; known: name, question, params; line 3: there is no query",
        );
        check(
            "--   x\n-- name: a\nselect 1",
            "read a.sql, line 1: goes on with a value, but there is no key above",
        );
    }
}
