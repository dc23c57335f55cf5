//! The comment block at the head of a SQL file.
//!
//! In: the file's text. Out: its keys and its body. Invariants: a key stands once; what is not a
//! known key is a mistake, never passed over. A line that starts with more than one space goes
//! on with the value above. Deliberately absent: what the values mean.

use std::collections::BTreeMap;

/// A SQL file's head cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("read {file}, line {line}: {problem}")]
pub struct FrontMatterError {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A SQL file: what its head says, and the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontMatter {
    file: String,
    keys: BTreeMap<String, String>,
    /// The query, without the head and without a semicolon.
    pub(crate) body: String,
}

impl FrontMatter {
    /// Reads a file.
    pub(crate) fn parse(file: &str, text: &str, known: &[&str]) -> Result<Self, FrontMatterError> {
        let wrong = |line: usize, problem: String| FrontMatterError {
            file: file.to_owned(),
            line,
            problem,
        };
        let mut keys = BTreeMap::<String, String>::new();
        let mut last: Option<String> = None;
        let mut body = String::new();
        for (number, line) in text.lines().enumerate() {
            let comment = line.strip_prefix("--").filter(|_| body.is_empty());
            let Some(comment) = comment else {
                if !(body.is_empty() && line.trim().is_empty()) {
                    body.push_str(line);
                    body.push('\n');
                }
                continue;
            };
            if comment.starts_with("  ") {
                let value = last.as_ref().and_then(|key| keys.get_mut(key));
                let value = value.ok_or_else(|| {
                    wrong(number + 1, "goes on with a value, but there is no key above".to_owned())
                })?;
                value.push(' ');
                value.push_str(comment.trim());
                continue;
            }
            let (key, value) = comment
                .split_once(':')
                .ok_or_else(|| wrong(number + 1, format!("{comment:?} is not `key: value`")))?;
            let key = key.trim();
            if !known.contains(&key) {
                let known = known.join(", ");
                return Err(wrong(number + 1, format!("key {key:?} is unknown; known: {known}")));
            }
            if keys.insert(key.to_owned(), value.trim().to_owned()).is_some() {
                return Err(wrong(number + 1, format!("key {key:?} stands twice")));
            }
            last = Some(key.to_owned());
        }
        let body = body.trim_end().trim_end_matches(';').trim_end().to_owned();
        if body.is_empty() {
            return Err(wrong(text.lines().count(), "there is no query".to_owned()));
        }
        Ok(Self { file: file.to_owned(), keys, body })
    }

    /// The value of a key that must be there.
    pub(crate) fn required(&self, key: &str) -> Result<&str, FrontMatterError> {
        self.keys
            .get(key)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| self.wrong(format!("key {key:?} is missing")))
    }

    /// The value of a key that may be there.
    pub(crate) fn optional(&self, key: &str) -> &str {
        self.keys.get(key).map_or("", String::as_str)
    }

    /// A list with commas.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let items = self.optional(key).split(',').map(str::trim);
        items.filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// A mistake in this head.
    pub(crate) fn wrong(&self, problem: String) -> FrontMatterError {
        FrontMatterError { file: self.file.clone(), line: 1, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["name", "description", "params"];

    #[test]
    fn keys_and_body_are_told_apart() {
        let text = "-- name: a\n-- description: one\n--   two\n-- params: x, y\n\nselect 1 -- no key: here\nfrom t;\n";
        let head = FrontMatter::parse("a.sql", text, KNOWN).expect("reads");
        assert_eq!(head.required("description"), Ok("one two"));
        assert_eq!(head.list("params"), ["x", "y"]);
        assert_eq!(head.body, "select 1 -- no key: here\nfrom t");
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let check = |text: &str, expected: &str| {
            let error = FrontMatter::parse("a.sql", text, KNOWN).expect_err("wrong");
            assert_eq!(error.to_string(), expected);
        };
        check(
            "-- name: a\n-- nmae: b\nselect 1",
            "read a.sql, line 2: key \"nmae\" is unknown; known: name, description, params",
        );
        check("-- name: a\n-- name: b\nselect 1", "read a.sql, line 2: key \"name\" stands twice");
        check("-- hello\nselect 1", "read a.sql, line 1: \" hello\" is not `key: value`");
        check("-- name: a\n", "read a.sql, line 1: there is no query");
    }
}
