//! Bringing sealed parts back: as they are, or as raw segments where the cut goes through one.

use std::path::Path;
use std::sync::Arc;

use super::super::manifest::BackupSealed;
use super::super::{BackupError, BackupPlace, FILES};
use super::{Cut, Knife, Until, bad_log, carry_out, copy, failed, sync};
use crate::base::hex;
use crate::event_log::sealed::{SealRecord, SealedPart, SealedStore};
use crate::event_log::storage::{DiskStorage, Storage};
use crate::event_log::walk::{SEALED, Walked, unreadable};

/// Restores a sealed part and compares it. Where the cut is in it, what stays of it becomes raw
/// segments again, and the part goes.
pub(super) fn fetch(
    place: &dyn BackupPlace,
    part: &Path,
    sealed: &BackupSealed,
    walked: &mut Walked,
    until: Option<Until>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Cut>, BackupError> {
    let bad = |what: &str| BackupError::BadFile {
        path: place.path(&sealed.record.file),
        what: what.to_owned(),
    };
    for piece in sealed.files.iter().chain([&sealed.record]) {
        // The manifest was read with care: no name in it leads out of the folder.
        let inside = piece.file.strip_prefix(FILES).filter(|name| name.starts_with(SEALED));
        let target = part.join(inside.ok_or_else(|| bad("it is not below log/sealed"))?);
        let folder = target.parent().unwrap_or(part);
        std::fs::create_dir_all(folder).map_err(failed("create", folder))?;
        copy(place, &target, std::slice::from_ref(piece), progress)?;
        sync(folder).map_err(failed("sync", folder))?;
    }
    let root = part.join(SEALED);
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(&root));
    let store = SealedStore::new(storage);
    let records = store.records().map_err(unreadable).map_err(bad_log)?;
    let found: Option<SealRecord> = records.into_iter().find(|one| one.base == sealed.base);
    let record = found.ok_or_else(|| bad("it is the record of another part"))?;
    let opened = SealedPart::open(record.clone(), store.clone());
    let path = place.path(&sealed.record.file);
    let mut knife = Knife::new(until, walked);
    let flow = walked.sealed(&opened, &path, &mut |step| knife.see(step)).map_err(bad_log)?;
    if flow.is_continue() {
        if walked.next != sealed.end || hex(&walked.previous) != sealed.last_frame {
            return Err(bad("it does not end where the manifest says"));
        }
        return Ok(None);
    }
    let last = knife.segments.saturating_sub(1);
    for (number, segment) in record.segments.iter().enumerate().take(last + 1) {
        let bytes = opened.rebuild_raw(number).map_err(unreadable).map_err(bad_log)?;
        if crate::event_log::load::segment_base(&segment.name) != Some(segment.base) {
            return Err(bad("it has something that is not the name of a segment"));
        }
        let target = part.join(&segment.name);
        std::fs::write(&target, &bytes).map_err(failed("write", &target))?;
        match &knife.cut {
            Some(cut) if number == last => carry_out(&target, cut)?,
            _ => std::fs::File::open(&target)
                .and_then(|file| file.sync_all())
                .map_err(failed("sync", &target))?,
        }
    }
    store.remove(&record).map_err(|error| BackupError::Place {
        action: error.action,
        path: error.path,
        source: error.source,
    })?;
    Ok(knife.cut)
}
