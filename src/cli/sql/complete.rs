//! Completion of what is typed: commands, tables, columns, keywords.
//!
//! In: a line and where the cursor is. Out: what could stand there. Invariant: after `from`,
//! `join` and `\d` there are tables only.

use std::collections::BTreeSet;

use rustyline::completion::Completer;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use super::command::HELP;
use crate::query::catalog::TableInfo;

/// The words that questions are made of.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "as",
    "as_of",
    "asc",
    "avg",
    "between",
    "by",
    "case",
    "cast",
    "coalesce",
    "count",
    "cross",
    "date_trunc",
    "desc",
    "describe",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "explain",
    "false",
    "filter",
    "first_value",
    "from",
    "full",
    "group",
    "having",
    "ilike",
    "in",
    "inner",
    "intersect",
    "interval",
    "is",
    "join",
    "last_value",
    "left",
    "like",
    "limit",
    "max",
    "min",
    "not",
    "null",
    "nullif",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "partition",
    "reset",
    "right",
    "select",
    "set",
    "show",
    "statement_timeout",
    "sum",
    "tables",
    "then",
    "true",
    "union",
    "unnest",
    "using",
    "values",
    "when",
    "where",
    "with",
];

/// What can be completed.
#[derive(Debug, Default)]
pub(super) struct Words {
    tables: BTreeSet<String>,
    columns: BTreeSet<String>,
}

impl Words {
    /// Of these tables.
    pub(super) fn of(tables: &[TableInfo]) -> Self {
        let columns = tables.iter().flat_map(TableInfo::columns);
        Self {
            tables: tables.iter().map(TableInfo::in_sql).collect(),
            columns: columns.map(|column| column.name).collect(),
        }
    }

    /// Where the word begins that ends at the cursor, and what it could become.
    pub(super) fn at(&self, line: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = line.get(..cursor).unwrap_or(line);
        let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '\\' | '?');
        let word = before.rsplit(|c| !is_of_word(c)).next().unwrap_or_default();
        let start = before.len() - word.len();
        let earlier = before.get(..start).unwrap_or_default();
        let last = earlier.split_whitespace().last().unwrap_or_default().to_ascii_lowercase();
        let commands = HELP.iter().filter_map(|(usage, _)| usage.split(' ').next());
        let tables = self.tables.iter().map(String::as_str);
        let columns = self.columns.iter().map(String::as_str);
        let keywords = KEYWORDS.iter().copied();
        let known: BTreeSet<&str> = if word.starts_with('\\') {
            commands.filter(|name| name.starts_with('\\')).collect()
        } else if last == "\\format" {
            BTreeSet::from(["csv", "json", "table"])
        } else if matches!(last.as_str(), "from" | "join" | "\\d" | "describe") {
            tables.collect()
        } else if let Some((_, column)) = word.rsplit_once('.')
            && !self.tables.iter().any(|table| table.starts_with(word))
        {
            // Behind an alias there are columns.
            let found = columns.filter(|name| name.starts_with(column)).map(str::to_owned);
            return (before.len() - column.len(), found.collect());
        } else {
            tables.chain(columns).chain(keywords).collect()
        };
        let is_loud = word.len() > 1 && !word.chars().any(|c| c.is_ascii_lowercase());
        let wanted = word.to_ascii_lowercase();
        let found = known.into_iter().filter(|name| name.starts_with(&wanted));
        let in_case = |name: &str| match is_loud && KEYWORDS.contains(&name) {
            true => name.to_ascii_uppercase(),
            false => name.to_owned(),
        };
        (start, found.map(in_case).collect())
    }
}

impl Completer for Words {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        cursor: usize,
        _context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.at(line, cursor))
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}
