//! Base tables on disk against what the log gives.
//!
//! In: tables that were folded from position zero to where those on disk stand. Out: for each
//! table the first difference, or none. Invariant: every group is written again, in memory or
//! elsewhere, and its bytes compared with the manifest and with the file. Deliberately absent: mending anything.

use super::{Kept, hot};
use crate::projection::table::{ColdFile, FactTable, FileEntry, Piece, encode};
use crate::projection::tables::Tables;

/// What the comparison of one base table found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactCheck {
    /// The table.
    pub table: String,
    /// The position it is on disk at, and was folded to.
    pub position: u64,
    /// Rows on disk.
    pub rows: usize,
    /// Files compared.
    pub files: usize,
    /// BLAKE3 over what is on disk, hexadecimal: the same rows give the same.
    pub content: String,
    /// The first difference; nothing where all bytes are equal.
    pub difference: Option<String>,
}

impl Kept {
    /// The last position that is in the tables on disk; nothing where there are none.
    pub(crate) fn seen(&self) -> Option<u64> {
        Some(self.manifest()?.seen)
    }

    /// Compares with tables that were folded to the same position.
    pub(crate) fn check(&self, folded: &Tables) -> Vec<FactCheck> {
        let Some(manifest) = self.manifest() else { return Vec::new() };
        let checks = folded.all().into_iter().map(|table| {
            let entries = manifest.tables.get(table.name()).map_or(&[][..], Vec::as_slice);
            let mut content = blake3::Hasher::new();
            for entry in entries {
                content.update(entry.blake3.as_bytes());
            }
            FactCheck {
                table: table.name().to_owned(),
                position: manifest.seen,
                rows: entries.iter().map(|entry| entry.rows).sum(),
                files: entries.len(),
                content: content.finalize().to_hex().to_string(),
                difference: self.difference(table, entries),
            }
        });
        checks.collect()
    }

    fn difference(&self, table: &dyn FactTable, entries: &[FileEntry]) -> Option<String> {
        let groups = table.groups();
        let (got, want) = (entries.iter().map(|entry| entry.rows).sum::<usize>(), table.count());
        if got != want || entries.len() != groups.len() {
            return Some(format!("{got} rows are on disk, the log gives {want}"));
        }
        for (group, entry) in groups.iter().zip(entries) {
            let file = &entry.file;
            if !ColdFile::new(&self.folder, entry.clone()).is_whole() {
                return Some(format!("facts/{file} is not as it was written"));
            }
            let folded = match group.pieces.as_slice() {
                // The fold's own file, elsewhere.
                [Piece::Cold(folded)] if !folded.is_below(&self.folder) => {
                    Ok(folded.entry().blake3.clone())
                }
                [Piece::Cold(_)] => return Some(format!("facts/{file} was compared with itself")),
                pieces => hot(pieces)
                    .and_then(|batches| encode(&batches))
                    .map(|folded| blake3::hash(&folded).to_hex().to_string()),
            };
            let folded = match folded {
                Ok(folded) => folded,
                Err(error) => return Some(format!("its rows cannot be written: {error}")),
            };
            if folded != entry.blake3 {
                return Some(format!("facts/{file} has other rows than the log gives"));
            }
        }
        None
    }
}
