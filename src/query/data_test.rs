//! What the heads of views say must hold, asked of the rows there are.
//!
//! In: the tests of every view that is served. Out: for each test the rows it does not hold for,
//! some of them. Invariants: a test changes nothing; one that cannot be asked fails alone.
//! Deliberately absent: what to do about a row that offends.

use super::{Engine, Error};
use crate::projection::sql::served;

/// How one test of one view came out.
#[derive(Clone, Debug, PartialEq)]
pub struct DataTestOutcome {
    /// `layer.name`.
    pub view: String,
    /// The view's file.
    pub file: String,
    /// The line of the file the test stands on.
    pub line: usize,
    /// The test as it stands there.
    pub test: String,
    /// Rows that offend, as a table for people; nothing where none does.
    pub offending: Option<String>,
    /// Why it could not be asked.
    pub error: Option<String>,
}

impl DataTestOutcome {
    /// Whether it holds.
    pub const fn holds(&self) -> bool {
        self.offending.is_none() && self.error.is_none()
    }
}

impl Engine {
    /// Asks every test of every view, or of one by `name` or `layer.name`.
    ///
    /// # Errors
    /// None for a test that fails: it is in its [`DataTestOutcome`].
    pub async fn test_views(&self, name: Option<&str>) -> Result<Vec<DataTestOutcome>, Error> {
        let mut outcomes = Vec::new();
        let is_wanted = |view: &&_| {
            let view: &crate::projection::sql::View = view;
            name.is_none_or(|name| view.name == name || view.table() == name)
        };
        for view in served(&self.store, &self.views).iter().filter(is_wanted) {
            for test in &view.tests {
                let answer = Box::pin(self.ask(&test.value.sql(&view.table()))).await;
                let (offending, error) = match answer {
                    Ok(answer) if answer.rows.is_empty() => (None, None),
                    Ok(answer) => (Some(answer.table()), None),
                    Err(error) => (None, Some(error.to_string())),
                };
                outcomes.push(DataTestOutcome {
                    view: view.table(),
                    file: format!("projections/{}", view.file),
                    line: test.line,
                    test: test.value.text(),
                    offending,
                    error,
                });
            }
        }
        Ok(outcomes)
    }
}
