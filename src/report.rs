//! Named reports from `queries/`.
//!
//! In: an engine, a kind of report and an hour or day of the site; plans, and the facts of what
//! was made and sent. Out: the report as HTML, Markdown, JSON or PDF, compared with the day and
//! the week before; files, mails and the facts of both.
//! Invariants: every figure comes from a saved question, so its formula stands in one SQL file;
//! all of one report is true at one log position, which it says; a day without a call is a report
//! of noughts, not an error; a mail is sent at most once. Deliberately absent: formulas, and the
//! clock, which is handed in.

mod chart;
mod contents;
mod delivery;
mod document;
mod figure;
mod files;
mod html;
mod json;
mod layout;
mod listing;
mod mail;
mod markdown;
mod number;
mod pdf;
mod period;
mod review;
mod schedule;
mod smtp;
mod words;

use std::sync::Arc;

use crate::base::UtcOffset;
use crate::event::ReportKind;
use crate::query::{self, AsOf, Engine};

use self::contents::{Asking, Contents};
pub use self::delivery::{Desk, DeskError, Done, OpenEngine, Settings, What};
pub use self::listing::{Listed, list};
pub use self::pdf::{PdfError, print_pdf};
pub use self::period::{Period, PeriodError, Width};
pub use self::review::Thresholds;
pub use self::schedule::Plan;
pub use self::smtp::{Security, Server};
pub use self::words::Language;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// One HTML page.
    Html,
    /// Markdown.
    Markdown,
    /// Figures with units, for programs.
    Json,
    /// The HTML page, printed.
    Pdf,
}

impl Form {
    /// The end of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Markdown => "md",
            Self::Json => "json",
            Self::Pdf => "pdf",
        }
    }
}

/// A report cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A question was not answered.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// The hour or day is none.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// It cannot be printed.
    #[error(transparent)]
    Pdf(#[from] PdfError),
}

/// A report that was made: everything in it is true at one log position.
#[derive(Debug)]
pub struct Report {
    contents: Contents,
    thresholds: Thresholds,
}

impl Report {
    /// Makes the report of one period.
    ///
    /// # Errors
    /// [`Error::Query`] where a question is not answered.
    pub async fn make(
        engine: Arc<Engine>,
        as_of: AsOf,
        kind: ReportKind,
        period: Period,
        thresholds: Thresholds,
    ) -> Result<Self, Error> {
        let asking = Box::pin(Asking::at(engine, as_of)).await?;
        let contents = Box::pin(asking.contents(kind, period)).await?;
        Ok(Self { contents, thresholds })
    }

    /// Makes the report of the last day with a dial, or of its last hour with one.
    ///
    /// # Errors
    /// As for [`Self::make`].
    pub async fn make_last(
        engine: Arc<Engine>,
        as_of: AsOf,
        kind: ReportKind,
        offset: UtcOffset,
        thresholds: Thresholds,
    ) -> Result<Self, Error> {
        let asking = Box::pin(Asking::at(engine, as_of)).await?;
        let period = Box::pin(asking.last(Width::of(kind), offset)).await?;
        let contents = Box::pin(asking.contents(kind, period)).await?;
        Ok(Self { contents, thresholds })
    }

    /// What it is about.
    pub const fn kind(&self) -> ReportKind {
        self.contents.kind
    }

    /// The hour or day.
    pub const fn period(&self) -> Period {
        self.contents.period
    }

    /// The last log position it sees; nothing where the log is empty.
    pub const fn position(&self) -> Option<u64> {
        self.contents.position
    }

    /// Its title in a language.
    pub fn title(&self, language: Language) -> String {
        layout::title(&self.contents, language)
    }

    /// The HTML page.
    pub fn html(&self, language: Language) -> String {
        html::write(&self.document(language))
    }

    /// The same as Markdown.
    pub fn markdown(&self, language: Language) -> String {
        markdown::write(&self.document(language))
    }

    /// Figures, tables and findings with their units, their questions and the position.
    pub fn json(&self) -> serde_json::Value {
        json::write(&self.contents, &self.findings())
    }

    fn findings(&self) -> Vec<review::Finding> {
        review::review(&self.contents, &self.thresholds)
    }

    fn document(&self, language: Language) -> document::Document {
        layout::lay_out(&self.contents, &self.findings(), language)
    }
}

#[cfg(test)]
mod tests;
