//! Where reports lie: `<data>/reports/<plan>/<period>.<form>`.
//!
//! In: bytes. Out: whole files or none. Invariant: a file is written beside its place, synced
//! and moved there.

use std::io;
use std::path::{Path, PathBuf};

use super::Form;
use super::period::Period;
use crate::base::ReportPlanId;

/// The folder of all reports.
#[derive(Clone, Debug)]
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn below(data_dir: &Path) -> Self {
        Self(data_dir.join("reports"))
    }

    /// Where one file of a report lies.
    pub(super) fn path(&self, plan: &ReportPlanId, period: Period, form: Form) -> PathBuf {
        self.0.join(plan.as_str()).join(format!("{period}.{}", form.extension()))
    }

    /// Writes one file of a report.
    pub(super) fn write(
        &self,
        plan: &ReportPlanId,
        period: Period,
        form: Form,
        bytes: &[u8],
    ) -> Result<(), FileError> {
        let path = self.path(plan, period, form);
        write(&path, bytes).map_err(|source| FileError { path, source })
    }

    /// Reads one file of a report; nothing where there is none.
    pub(super) fn read(
        &self,
        plan: &ReportPlanId,
        period: Period,
        form: Form,
    ) -> Result<Option<Vec<u8>>, FileError> {
        let path = self.path(plan, period, form);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(FileError { path, source }),
        }
    }
}

/// A file of a report cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("keep report {path}: {source}")]
pub struct FileError {
    path: PathBuf,
    source: io::Error,
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)
}
