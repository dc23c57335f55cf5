//! The saved questions of `queries/`.
//!
//! In: SQL files with a head. Out: questions with their parameters; one below `queries/kpi/` is a
//! KPI and says what it divides by what. Read from disk in a debug build, part of the program in
//! a release build. Invariants: a name stands once and is its file's; parameters are bound by the
//! engine, never pasted into the text; what a head declares of columns, inputs and parameters is
//! what the query has (see `saved/check.rs`). Deliberately absent: running them.

mod check;

use std::collections::BTreeMap;

use rust_embed::RustEmbed;

pub use self::check::check_queries;
use super::Error;
use crate::base::Timestamp;
use crate::projection::front_matter::{FrontMatter, FrontMatterError, Located, Mistake};
use crate::projection::sql::{Column, DataTest, columns, data_tests};

const KEYS: &[&str] =
    &["name", "question", "grain", "key", "inputs", "params", "columns", "tests", "example"];

/// What a KPI says besides.
const KPI_KEYS: &[&str] = &[
    "name",
    "question",
    "numerator",
    "denominator",
    "exclusions",
    "unit",
    "source",
    "grain",
    "key",
    "inputs",
    "params",
    "columns",
    "tests",
    "example",
];

#[derive(RustEmbed)]
#[folder = "queries/"]
struct Files;

/// One parameter of a saved question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// What stands behind the `$` in the query.
    pub name: String,
    /// What counts where it is not given; nothing where it must be given.
    pub default: Option<String>,
}

/// What a KPI is made of, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kpi {
    /// What is counted or added up.
    pub numerator: String,
    /// What it is divided by; `none` where nothing is.
    pub denominator: String,
    /// What counts in neither, and what cannot be seen.
    pub exclusions: String,
    /// The value's unit.
    pub unit: String,
    /// The standard, law or practice it is taken from.
    pub source: String,
}

impl Kpi {
    fn parse(head: &mut FrontMatter) -> Self {
        Self {
            numerator: head.required("numerator"),
            denominator: head.required("denominator"),
            exclusions: head.required("exclusions"),
            unit: head.required("unit"),
            source: head.required("source"),
        }
    }
}

/// One saved question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Its name.
    pub name: String,
    /// Its file below `queries/`.
    pub file: String,
    /// What it answers.
    pub description: String,
    /// What one row stands for, in words.
    pub grain: String,
    /// The columns that tell one row from another; empty where there is one row.
    pub key: Vec<String>,
    /// Every column, in the query's order.
    pub columns: Vec<Column>,
    /// What must hold for its rows, each with its line.
    pub(crate) tests: Vec<Located<DataTest>>,
    /// Each table it reads: a base table, or `schema.name`.
    inputs: Vec<Located<String>>,
    /// What it takes.
    pub params: Vec<Param>,
    /// A command line that runs it.
    pub example: String,
    /// What it is made of, where it is a KPI.
    pub kpi: Option<Kpi>,
    /// The query.
    pub sql: String,
    /// The line of the file that the query begins on.
    body_line: usize,
    /// The line of `params`; the first one where it takes none.
    params_line: usize,
}

impl SavedQuery {
    fn parse(file: &str, text: &str) -> Result<Self, FrontMatterError> {
        let in_kpi = file.strip_prefix("kpi/");
        let known = if in_kpi.is_some() { KPI_KEYS } else { KEYS };
        let mut head = FrontMatter::parse(text, known);
        let name = head.required("name");
        if !name.is_empty() && in_kpi.unwrap_or(file) != format!("{name}.sql") {
            let line = head.line("name");
            head.wrong(line, format!("name {name:?} is not the file's"));
        }
        let kpi = in_kpi.map(|_| Kpi::parse(&mut head));
        let params = head.list("params").into_iter().map(|param| match param.split_once('=') {
            Some((name, default)) => {
                Param { name: name.trim().to_owned(), default: Some(default.trim().to_owned()) }
            }
            None => Param { name: param, default: None },
        });
        let params = params.collect();
        let columns = columns(&mut head);
        let key = read_key(&mut head, &columns);
        let saved = Self {
            file: file.to_owned(),
            params,
            description: head.required("question"),
            grain: head.required("grain"),
            key,
            tests: data_tests(&mut head, &columns),
            columns,
            inputs: head.required_items("inputs", ','),
            example: head.required("example"),
            kpi,
            sql: head.body.clone(),
            body_line: head.body_line,
            params_line: head.line("params"),
            name,
        };
        head.finish(file)?;
        Ok(saved)
    }

    /// The question with a name.
    ///
    /// # Errors
    /// [`Error::UnknownQuery`], or [`Error::FrontMatter`] where a file is wrong.
    pub fn find(name: &str) -> Result<Self, Error> {
        let all = saved_queries()?;
        let known = || all.iter().map(|query| query.name.clone()).collect::<Vec<_>>().join(", ");
        all.iter()
            .find(|query| query.name == name)
            .cloned()
            .ok_or_else(|| Error::UnknownQuery { name: name.to_owned(), known: known() })
    }

    /// The question that gives some of the rows that a test does not hold for.
    pub(super) fn test_sql(&self, test: &DataTest) -> String {
        format!("with answer as (\n{}\n)\n{}", self.sql, test.sql("answer"))
    }

    /// A value for every parameter.
    pub(super) fn bind(&self, given: &[(String, String)]) -> Result<Vec<(String, String)>, Error> {
        let wrong = |problem: String| Error::Param { query: self.name.clone(), problem };
        let known = || match self.params.is_empty() {
            true => "it takes none".to_owned(),
            false => {
                let names = self.params.iter().map(|param| param.name.as_str());
                format!("it takes {}", names.collect::<Vec<_>>().join(", "))
            }
        };
        for (name, _) in given {
            if !self.params.iter().any(|param| param.name == *name) {
                return Err(wrong(format!("parameter {name:?} is unknown; {}", known())));
            }
        }
        let mut values = Vec::new();
        for param in &self.params {
            let value = given.iter().rfind(|(name, _)| *name == param.name);
            let value = value.map(|(_, value)| value.clone()).or_else(|| param.default.clone());
            let value = value.ok_or_else(|| {
                wrong(format!("parameter {0} is missing; such as {1}", param.name, self.example))
            })?;
            if ["from", "until"].contains(&param.name.as_str()) && !is_moment(&value) {
                let like = "such as 2026-11-21 or 2026-11-21T09:00:00Z";
                return Err(wrong(format!("parameter {} is no moment; {like}", param.name)));
            }
            values.push((param.name.clone(), value));
        }
        Ok(values)
    }
}

/// The columns of `key`; none for `none`, which says that there is one row.
fn read_key(head: &mut FrontMatter, columns: &[Column]) -> Vec<String> {
    let items = head.required_items("key", ',');
    if items.len() == 1 && items.iter().all(|item| item.value == "none") {
        return Vec::new();
    }
    for item in items.iter().filter(|_| !columns.is_empty()) {
        if !columns.iter().any(|column| column.name == item.value) {
            let problem = format!("key {:?} is not one of the columns", item.value);
            head.wrong(item.line, problem);
        }
    }
    items.into_iter().map(|item| item.value).collect()
}

/// Whether text can be the edge of a span: nothing, a date, or RFC 3339.
fn is_moment(text: &str) -> bool {
    let is = |text: &str| text.parse::<Timestamp>().is_ok();
    text.is_empty() || is(text) || is(&format!("{text}T00:00:00Z"))
}

/// All saved questions by name.
///
/// # Errors
/// [`FrontMatterError`] for the first file that cannot be used.
pub fn saved_queries() -> Result<Vec<SavedQuery>, FrontMatterError> {
    by_name(&texts())
}

/// Every file with its text.
fn texts() -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for file in Files::iter().filter(|file| file.ends_with(".sql")) {
        let Some(content) = Files::get(&file) else { continue };
        texts.push((file.to_string(), String::from_utf8_lossy(&content.data).into_owned()));
    }
    texts
}

/// The questions of these files, by name. A name that stands twice is a mistake of the second.
fn by_name(texts: &[(String, String)]) -> Result<Vec<SavedQuery>, FrontMatterError> {
    let mut queries = BTreeMap::new();
    for (file, text) in texts {
        let query = SavedQuery::parse(file, text)?;
        let name = query.name.clone();
        if queries.insert(name.clone(), query).is_some() {
            let problem = format!("another file has the name {name:?} too; choose one of its own");
            let mistakes = vec![Mistake { line: 1, problem }];
            return Err(FrontMatterError { file: file.clone(), mistakes });
        }
    }
    Ok(queries.into_values().collect())
}

#[cfg(test)]
mod tests;
