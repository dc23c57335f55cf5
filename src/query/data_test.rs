//! What the heads of views and saved questions say must hold, asked of the rows there are.
//!
//! In: the tests of every view that is served, and of every saved question. Out: for each test the rows it does not hold for,
//! some of them. Invariants: a test changes nothing; one that cannot be asked fails alone.
//! Deliberately absent: what to do about a row that offends.

use super::{AsOf, Engine, Error, saved_queries};
use crate::projection::sql::served;

/// How one test of one view or saved question came out.
#[derive(Clone, Debug, PartialEq)]
pub struct DataTestOutcome {
    /// `layer.name` of a view, the name of a saved question.
    pub view: String,
    /// Its file.
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

    /// Asks every test of every saved question, or of one by name. Parameters that must be given
    /// are empty.
    ///
    /// # Errors
    /// [`Error::FrontMatter`] where a file cannot be read; none for a test that fails: it is in
    /// its [`DataTestOutcome`].
    pub async fn test_queries(&self, name: Option<&str>) -> Result<Vec<DataTestOutcome>, Error> {
        let mut outcomes = Vec::new();
        let queries = saved_queries()?;
        for query in queries.iter().filter(|query| name.is_none_or(|name| query.name == name)) {
            let given = query.params.iter().filter(|param| param.default.is_none());
            let given: Vec<_> = given.map(|param| (param.name.clone(), String::new())).collect();
            let params = query.bind(&given)?;
            for test in &query.tests {
                let asked = query.test_sql(&test.value);
                let answer = Box::pin(self.answer(&asked, params.clone(), AsOf::Head)).await;
                let (offending, error) = match answer {
                    Ok(answer) if answer.rows.is_empty() => (None, None),
                    Ok(answer) => (Some(answer.table()), None),
                    Err(error) => (None, Some(error.to_string())),
                };
                outcomes.push(DataTestOutcome {
                    view: query.name.clone(),
                    file: format!("queries/{}", query.file),
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
