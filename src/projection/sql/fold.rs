//! The base tables of a log, in memory that does not grow with their rows.
//!
//! In: a log. Out: base tables at a position, of which those rows that rest lie in files.
//! Invariant of [`Fold`]: nothing is taken over from base tables that are on disk already: who
//! makes or checks views from position zero trusts the log alone, and the files go with the fold.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Error, LogReader, View};
use crate::projection::tables::{Kept, Tables};

/// When rows are put into files.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Positions after which it is done again.
    pub(crate) every: u64,
    /// Positions that rows rest for before.
    pub(crate) hot: u64,
}

impl Pace {
    /// Some hundred MB of rows are in memory at a time.
    pub(crate) const USUAL: Self = Self { every: 250_000, hot: 125_000 };

    /// Whether there is so much to fold that rows are put into files on the way.
    pub(crate) fn is_far(self, seen: Option<u64>, head: u64) -> bool {
        head.saturating_sub(seen.unwrap_or(0)) > self.every
    }
}

/// Takes every fact up to a position (or the head) in; rows that rest go into files on the way.
///
/// # Errors
/// See [`Error`].
pub(crate) async fn fold_into_files(
    reader: &LogReader,
    tables: &mut Tables,
    until: Option<u64>,
    kept: &Kept,
    pace: Pace,
) -> Result<(), Error> {
    let mut due = tables.next().saturating_add(pace.every);
    let rest = |tables: &mut Tables| {
        let seen = tables.next();
        if seen < due {
            return Ok(());
        }
        due = seen.saturating_add(pace.every);
        let before = seen.saturating_sub(pace.hot);
        tables
            .rest(kept, before)
            .map_err(|source| Error::Scratch { path: kept.folder().to_owned(), source })
    };
    reader.advance_by_pages(tables, until, |_| {}, rest).await
}

/// What a fold is for.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// Every table, `events` too.
    Tables,
    /// Views, which read other tables than `events`, and ask by whom some positions are taken.
    Views(BTreeSet<u64>),
}

impl Purpose {
    /// Some views, which are stored at some positions.
    pub(super) fn of(views: &[View], positions: impl IntoIterator<Item = u64>) -> Self {
        let reads_events = |view: &View| view.inputs.iter().any(|input| input.table == "events");
        match views.iter().any(reads_events) {
            true => Self::Tables,
            false => Self::Views(positions.into_iter().collect()),
        }
    }

    fn tables(&self) -> Tables {
        match self {
            Self::Tables => Tables::default(),
            Self::Views(positions) => Tables::without_events(positions.iter().copied()),
        }
    }
}

/// Base tables that are made of the log alone, and the folder that some of their rows lie in.
pub(super) struct Fold {
    pub(super) tables: Tables,
    purpose: Purpose,
    folder: PathBuf,
    /// Nothing where the folder cannot be written: then all rows are in memory.
    pub(super) kept: Option<Kept>,
    pace: Pace,
}

impl Fold {
    /// A fold that has seen nothing yet. The folder is its own: what is in it goes, and it goes
    /// itself with the fold.
    pub(super) fn new(folder: &Path, purpose: Purpose, pace: Pace) -> Self {
        drop(std::fs::remove_dir_all(folder));
        let kept = std::fs::create_dir_all(folder).is_ok().then(|| Kept::below(folder));
        Self { tables: purpose.tables(), purpose, folder: folder.to_owned(), kept, pace }
    }

    /// Takes in what stands up to a position, or the head.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn advance(
        &mut self,
        reader: &LogReader,
        until: Option<u64>,
    ) -> Result<(), Error> {
        if let Some(kept) = &self.kept {
            fold_into_files(reader, &mut self.tables, until, kept, self.pace).await?;
            if !self.tables.is_damaged() {
                return Ok(());
            }
            // The disk gave back something else: what is left is memory.
            self.kept = None;
            self.tables = self.purpose.tables();
        }
        reader.advance(&mut self.tables, until, |_| {}).await
    }
}

impl Drop for Fold {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
