//! The base tables of a whole log, in memory that does not grow with their rows.
//!
//! In: a log. Out: base tables at its head, of which those rows that rest lie in files of a
//! folder that goes with the fold. Invariant: nothing is taken over from base tables that are on
//! disk already: who makes views from position zero trusts the log alone.

use std::path::{Path, PathBuf};

use super::{Error, LogReader};
use crate::projection::tables::{Kept, Tables};

/// Events after which rows are put into files.
const KEEP_EVERY: u64 = 500_000;
/// Positions that rows rest for before they are in files alone.
const HOT: u64 = 250_000;

/// Base tables, and the folder that some of their rows lie in.
pub(super) struct Fold {
    pub(super) tables: Tables,
    folder: PathBuf,
}

impl Fold {
    /// Folds a log to its head. The folder is this fold's own: what is in it goes, and it goes
    /// itself with the fold.
    ///
    /// # Errors
    /// See [`Error`].
    pub(super) async fn of(reader: &LogReader, folder: &Path) -> Result<Self, Error> {
        Self::by(reader, folder, KEEP_EVERY, HOT).await
    }

    pub(super) async fn by(
        reader: &LogReader,
        folder: &Path,
        every: u64,
        hot: u64,
    ) -> Result<Self, Error> {
        drop(std::fs::remove_dir_all(folder));
        let mut fold = Self { tables: Tables::default(), folder: folder.to_owned() };
        let kept = Kept::below(folder);
        let mut due = every;
        let rest = |tables: &mut Tables| {
            let (Some(seen), events) = (tables.seen(), tables.events_after(None)) else {
                return Ok(());
            };
            if events < due {
                return Ok(());
            }
            due = events + every;
            let failed = |source| Error::Scratch { path: folder.to_owned(), source };
            let files = kept.save(&tables.frozen_whole()).map_err(failed)?;
            tables.let_go(&kept, &files, seen.saturating_sub(hot));
            Ok(())
        };
        reader.look().await?;
        reader.advance_by_pages(&mut fold.tables, None, |_| {}, rest).await?;
        if fold.tables.is_damaged() {
            // The disk gave back something else: what is left is memory.
            fold.tables = Tables::default();
            reader.advance(&mut fold.tables, None, |_| {}).await?;
        }
        Ok(fold)
    }
}

impl Drop for Fold {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}
