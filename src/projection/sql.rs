//! SQL views over the base tables and over each other, recomputed by dirty window.
//!
//! In: the log, the SQL files of `projections/`. Out: Parquet files and a manifest for each view
//! (see `docs/sql.md`). A refresh takes the facts after the view's position into the base
//! tables, asks which windows the changed rows lie in, and runs the view's own query for those
//! windows alone; there is no second, incremental version of a view to keep in step.
//!
//! Invariants: a view after any sequence of refreshes equals the view made from position zero,
//! byte for byte, and [`verify`] shows it; a changed definition, or another log, makes everything
//! again, beside what is served; a view that fails or is refused holds up its readers and no
//! other one. Deliberately absent: the base tables on disk, which are `tables`'.

mod check;
mod compute;
mod facts;
mod fold;
mod functions;
mod live;
mod reader;
mod refresh;
mod replay;
mod status;
mod stored;
mod verify;

use std::path::Path;

use datafusion::error::DataFusionError;

pub use self::check::views;
pub(crate) use self::check::{column_mistakes, engine_mistakes};
pub(crate) use self::compute::{session, stored_schema, table_of};
pub(crate) use self::facts::{FactProvider, session_of};
use self::fold::{Fold, Purpose};
pub(crate) use self::fold::{Pace, fold_into_files};
pub(crate) use self::live::live_tables;
pub use self::reader::LogReader;
pub use self::refresh::Refreshed;
pub(crate) use self::refresh::{is_usable, refresh_all, refresh_due};
pub(crate) use self::replay::{Replayed, replay_some};
pub(crate) use self::status::status;
pub use self::status::{ViewState, ViewStatus};
pub(crate) use self::stored::{provider, served};
pub use self::verify::{VerifyReport, ViewCheck};
use super::front_matter::FrontMatterError;
use super::store::{Store, StoreError};
pub use super::tables::FactCheck;
use super::tables::Kept;
pub use super::view::{Column, ColumnKind, DataTest, Layer, Measure, MeasureKind, View, Width};
pub(crate) use super::view::{columns, data_tests};
use crate::event_log::{OpenError, ReadError};

/// Views cannot be made, stored or compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no log here.
    #[error(
        "read the log in {0}: there is none; name the folder with --data-dir, such as demo-data after `ledgerline demo`"
    )]
    NoLog(std::path::PathBuf),
    /// The log cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A SQL file's head is wrong.
    #[error(transparent)]
    FrontMatter(#[from] FrontMatterError),
    /// A view's query fails.
    #[error("compute view {view}: {}", one_line(.source))]
    Compute {
        /// The view.
        view: String,
        /// What the engine says.
        source: Box<DataFusionError>,
    },
    /// A view's result is not what its head says.
    #[error("compute view {view}: {problem}")]
    Shape {
        /// The view.
        view: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// The engine failed outside any view.
    #[error("run a query: {}", one_line(.0))]
    Engine(#[from] Box<DataFusionError>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No view has this name.
    #[error("find view {name:?}: there are {known}")]
    UnknownView {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Rows of a fold cannot be put on disk.
    #[error("put the rows of a fold into {path}: {source}")]
    Scratch {
        /// The folder.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The program was ending while the log was read.
    #[error("read the log: the program ends")]
    Ended,
    /// The folder cannot be written.
    #[error("write {0}: the folder is read-only")]
    ReadOnly(std::path::PathBuf),
}

/// What the engine says, without the line breaks it puts in.
pub(crate) fn one_line(error: &DataFusionError) -> String {
    error.strip_backtrace().split_whitespace().collect::<Vec<_>>().join(" ")
}

impl From<DataFusionError> for Error {
    fn from(source: DataFusionError) -> Self {
        Self::Engine(Box::new(source))
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(source: datafusion::arrow::error::ArrowError) -> Self {
        DataFusionError::from(source).into()
    }
}

/// Brings every view up to the log's head.
///
/// # Errors
/// See [`Error`]; a single view's failure is in its [`Refreshed::error`].
pub async fn refresh(reader: &LogReader, data_dir: &Path) -> Result<Vec<Refreshed>, Error> {
    make(reader, data_dir, &[]).await
}

/// Makes views again from position zero: all of them, or one by `name` or `layer.name`.
///
/// # Errors
/// See [`Error`].
pub async fn rebuild(
    reader: &LogReader,
    data_dir: &Path,
    name: Option<&str>,
) -> Result<Vec<Refreshed>, Error> {
    let views = views();
    let chosen: Vec<View> = views
        .iter()
        .filter(|view| name.is_none_or(|name| view.name == name || view.table() == name))
        .cloned()
        .collect();
    if let (Some(name), true) = (name, chosen.is_empty()) {
        let known: Vec<String> = views.iter().map(View::table).collect();
        return Err(Error::UnknownView { name: name.to_owned(), known: known.join(", ") });
    }
    make(reader, data_dir, &chosen).await
}

/// Refreshes every view, those in `anew` from nothing.
async fn make(reader: &LogReader, data_dir: &Path, anew: &[View]) -> Result<Vec<Refreshed>, Error> {
    let views = views();
    let store = Store::below(data_dir);
    let lock = store.lock().await?;
    let lock = lock.ok_or_else(|| Error::ReadOnly(data_dir.join("projections")))?;
    // Under the lock, so that nobody else folds there.
    let folder = data_dir.join("projections").join("fold");
    let stored = views.iter().flat_map(|view| store.positions(view));
    let mut fold = Fold::new(&folder, Purpose::of(&views, stored), Pace::USUAL);
    reader.look().await?;
    Box::pin(fold.advance(reader, None)).await?;
    Box::pin(refresh_all(&lock, &store, &views, anew, &mut fold.tables)).await
}

/// Makes every view again from position zero, each at the position it is stored at, and
/// compares with what is stored, row by row. Nothing is written.
///
/// # Errors
/// See [`Error`]. A difference is not an error: it is in the report.
pub async fn verify(reader: &LogReader, data_dir: &Path) -> Result<VerifyReport, Error> {
    let projections = data_dir.join("projections");
    remove_left_folds(&projections);
    // Beside whoever writes the folder, and others who verify.
    let folder = projections.join(format!("{VERIFIED}{}", std::process::id()));
    let mut fold = Fold::new(&folder, Purpose::Tables, Pace::USUAL);
    let (store, kept) = (Store::below(data_dir), Kept::below(data_dir));
    Box::pin(verify::verify(reader, &mut fold, &store, &kept, &views())).await
}

/// The folder of a process that verifies, before its number.
const VERIFIED: &str = "verify-";

/// Removes what processes left that were killed while they verified.
fn remove_left_folds(projections: &Path) {
    for entry in std::fs::read_dir(projections).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let process =
            name.to_str().and_then(|name| name.strip_prefix(VERIFIED)?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests;
