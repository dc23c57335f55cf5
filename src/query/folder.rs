//! Questions about Parquet files that lie in a folder, beside any log: for measuring.
//!
//! In: a folder whose files have one schema. Out: answers, by the engine and the settings that
//! questions about the log get. Deliberately absent: limits, positions, views.

use std::path::Path;

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::prelude::{ParquetReadOptions, SessionContext};

use super::{Answer, Error};
use crate::projection::sql;

/// An engine over folders.
pub struct ParquetFolders(SessionContext);

impl ParquetFolders {
    /// An engine that knows no table yet.
    ///
    /// # Errors
    /// [`Error::Sql`] where it cannot be made.
    pub fn new() -> Result<Self, Error> {
        Ok(Self(sql::session(Vec::new())?))
    }

    /// Makes a folder's files a table.
    ///
    /// # Errors
    /// [`Error::Sql`] where they cannot be read.
    pub async fn table(&self, name: &str, folder: &Path) -> Result<(), Error> {
        let folder = format!("{}/", folder.display());
        drop(self.0.deregister_table(name)?);
        self.0.register_parquet(name, folder, ParquetReadOptions::default()).await?;
        Ok(())
    }

    /// Answers a question.
    ///
    /// # Errors
    /// [`Error::Sql`] where the engine refuses.
    pub async fn ask(&self, text: &str) -> Result<Answer, Error> {
        let frame = self.0.sql(text).await?;
        let schema = frame.schema().inner().clone();
        Ok(Answer::of(&schema, &frame.collect().await?)?)
    }

    /// Writes an answer into a folder, and makes it a table.
    ///
    /// # Errors
    /// [`Error::Sql`] where the engine refuses, or the disk fails.
    pub async fn keep(&self, name: &str, text: &str, folder: &Path) -> Result<(), Error> {
        let path = format!("{}/", folder.display());
        let frame = self.0.sql(text).await?;
        drop(frame.write_parquet(&path, DataFrameWriteOptions::new(), None).await?);
        self.table(name, folder).await
    }
}
