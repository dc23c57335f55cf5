//! Named reports from `queries/`.
//!
//! In: an engine and a day. Out: the daily report as Markdown or as one HTML page that needs
//! nothing else. Invariants: every figure comes from a saved question, so its formula stands in
//! one SQL file; the report says at which log position it is true; a day without a call is a
//! report of noughts, not an error. Deliberately absent: formulas, and the clock: without a day,
//! the report is of the last day in the log.

mod daily;
mod html;
mod markdown;
mod number;
mod words;

use crate::query;

pub use self::daily::daily;
pub use self::words::Language;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Markdown.
    Markdown,
    /// One HTML page.
    Html,
}

/// A report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A question was not answered.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// The day is none.
    #[error("read date {0:?}: it must be a day such as 2026-11-21")]
    Date(String),
}

/// A report before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// The title.
    pub title: String,
    /// What stands below it.
    pub subtitle: String,
    /// `en` or `zh`.
    pub language: &'static str,
    /// The rest, in order.
    pub blocks: Vec<Block>,
}

/// A piece of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// A heading.
    Heading(String),
    /// Headline figures.
    Figures(Vec<Figure>),
    /// Named lengths.
    Bars(Vec<Bar>),
    /// A table: heads, and rows of cells; numbers stand to the right.
    Table {
        /// The columns' heads.
        heads: Vec<String>,
        /// The cells.
        rows: Vec<Vec<String>>,
    },
    /// Sentences.
    Notes(Vec<String>),
    /// There is nothing to show.
    Nothing(String),
}

/// One headline figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// What it is.
    pub label: String,
    /// Its value.
    pub value: String,
    /// Of what it is a share, or the like.
    pub note: String,
}

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// What it is.
    pub label: String,
    /// Its length.
    pub count: i64,
    /// The part of it that stands out; 0 where none does.
    pub part: i64,
    /// What stands behind it.
    pub note: String,
}

impl Document {
    /// The report as text.
    pub fn write(&self, kind: Kind) -> String {
        match kind {
            Kind::Markdown => markdown::write(self),
            Kind::Html => html::write(self),
        }
    }
}

#[cfg(test)]
mod tests;
