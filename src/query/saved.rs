//! The saved questions of `queries/`.
//!
//! In: SQL files with a head. Out: questions with their parameters. Read from disk in a debug
//! build, part of the program in a release build. Parameters are bound by the engine, never
//! pasted into the text. Deliberately absent: running them.

use std::collections::BTreeMap;

use rust_embed::RustEmbed;

use super::Error;
use crate::projection::front_matter::{FrontMatter, FrontMatterError};

const KEYS: &[&str] = &["name", "description", "params", "example"];

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

/// One saved question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedQuery {
    /// Its name.
    pub name: String,
    /// What it answers.
    pub description: String,
    /// What it takes.
    pub params: Vec<Param>,
    /// A command line that runs it.
    pub example: String,
    /// The query.
    pub sql: String,
}

impl SavedQuery {
    fn parse(file: &str, text: &str) -> Result<Self, FrontMatterError> {
        let head = FrontMatter::parse(file, text, KEYS)?;
        let name = head.required("name")?.to_owned();
        if file != format!("{name}.sql") {
            return Err(head.wrong(format!("name {name:?} is not the file's")));
        }
        let params = head.list("params").into_iter().map(|param| match param.split_once('=') {
            Some((name, default)) => {
                Param { name: name.trim().to_owned(), default: Some(default.trim().to_owned()) }
            }
            None => Param { name: param, default: None },
        });
        Ok(Self {
            params: params.collect(),
            description: head.required("description")?.to_owned(),
            example: head.required("example")?.to_owned(),
            sql: head.body,
            name,
        })
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
            values.push((param.name.clone(), value));
        }
        Ok(values)
    }
}

/// All saved questions by name.
///
/// # Errors
/// [`FrontMatterError`] for the first file that cannot be used.
pub fn saved_queries() -> Result<Vec<SavedQuery>, FrontMatterError> {
    let mut queries = BTreeMap::new();
    for file in Files::iter().filter(|file| file.ends_with(".sql")) {
        let Some(content) = Files::get(&file) else { continue };
        let query = SavedQuery::parse(&file, &String::from_utf8_lossy(&content.data))?;
        queries.insert(query.name.clone(), query);
    }
    Ok(queries.into_values().collect())
}
