//! Files below `facts/` that cannot be used.
//!
//! In: the name of a file and why it is no use. Out: the same file below `facts/aside/`, for
//! whoever asks why, and a line in the diagnostics that names both. Invariant: nothing that this
//! program did not write is removed.

use std::path::Path;

use super::Kept;

/// The folder of what was set aside.
const ASIDE: &str = "aside";

/// The position of a manifest of an earlier day, by its name.
pub(super) fn is_earlier(name: &str) -> Option<u64> {
    name.strip_prefix("manifest-")?.strip_suffix(".json")?.parse().ok()
}

/// Whether a file below the folder has a name that this program gives.
pub(super) fn is_ours(name: &str) -> bool {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let Some((stem, end)) = file.rsplit_once('.') else { return false };
    let is_number = |text: &str| text.parse::<u64>().is_ok();
    let mut parts = stem.split('-');
    match (folder, end) {
        ("", "bin") => stem.strip_prefix("known-").is_some_and(is_number),
        ("", "tmp") => stem == "manifest" || parts.next_back().is_some_and(is_number),
        ("", _) => false,
        (_, "parquet" | "tmp") => stem.split('-').count() == 3 && parts.all(is_number),
        _ => false,
    }
}

impl Kept {
    /// Moves a file out of the way and says so. Where it is not there, or cannot be moved, it is
    /// named all the same.
    pub(super) fn set_aside(&self, name: &str, why: &str) {
        let aside = format!("{ASIDE}/{}", name.replace('/', "-"));
        let moved = std::fs::create_dir_all(self.folder.join(ASIDE))
            .and_then(|()| std::fs::rename(self.folder.join(name), self.folder.join(&aside)));
        let file = Path::new("facts").join(name);
        match moved {
            Ok(()) => tracing::warn!(
                file = %file.display(), aside, why,
                "a base table's file was set aside; its rows are folded and written anew"
            ),
            Err(error) => tracing::warn!(
                file = %file.display(), %error, why,
                "a base table's file is no use; its rows are folded anew"
            ),
        }
    }
}
