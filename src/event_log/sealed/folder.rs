//! Whole files in folders of folders: written so that a crash leaves all or nothing of one.

use std::io;
use std::sync::Arc;

use crate::event_log::storage::{SegmentFile, Storage, WriteFailure, write_full};

/// What the name of a file ends with until it is whole.
pub(super) const UNFINISHED: &str = ".tmp";

/// The folder a path leads to, and the name in it. Folders on the way are made.
fn resolve<'p>(root: &Arc<dyn Storage>, path: &'p str) -> io::Result<(Arc<dyn Storage>, &'p str)> {
    let mut folder = root.clone();
    let mut rest = path;
    while let Some((name, behind)) = rest.split_once('/') {
        folder = folder.folder(name)?;
        rest = behind;
    }
    Ok((folder, rest))
}

/// Opens a file for reading.
pub(super) fn open(root: &Arc<dyn Storage>, path: &str) -> io::Result<Arc<dyn SegmentFile>> {
    let (folder, name) = resolve(root, path)?;
    folder.open(name, false)
}

/// Writes a file whole, over one that has its name: under another name, synced, then renamed,
/// and every folder on the way synced.
pub(super) fn write(root: &Arc<dyn Storage>, path: &str, bytes: &[u8]) -> Result<(), WriteFailure> {
    let failed = |action, source| WriteFailure {
        action,
        path: root.path(path).display().to_string(),
        source,
    };
    let (folder, name) = resolve(root, path).map_err(|source| failed("create", source))?;
    let unfinished = format!("{name}{UNFINISHED}");
    let file = match folder.create(&unfinished) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            folder.remove(&unfinished).and_then(|()| folder.create(&unfinished))
        }
        made => made,
    };
    let file = file.map_err(|source| failed("create", source))?;
    write_full(&*file, bytes, 0).map_err(|source| failed("write", source))?;
    file.sync().map_err(|source| failed("sync", source))?;
    folder.rename(&unfinished, name).map_err(|source| failed("rename", source))?;
    let mut above = root.clone();
    let mut rest = path;
    loop {
        above.sync_directory().map_err(|source| failed("sync the folder of", source))?;
        let Some((name, behind)) = rest.split_once('/') else { return Ok(()) };
        above = above.folder(name).map_err(|source| failed("open", source))?;
        rest = behind;
    }
}

/// Removes a file, if it is there, and syncs its folder.
pub(super) fn remove(root: &Arc<dyn Storage>, path: &str) -> Result<(), WriteFailure> {
    let failed = |action, source| WriteFailure {
        action,
        path: root.path(path).display().to_string(),
        source,
    };
    let (folder, name) = resolve(root, path).map_err(|source| failed("open", source))?;
    match folder.remove(name) {
        Ok(()) => folder.sync_directory().map_err(|source| failed("sync the folder of", source)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(failed("remove", source)),
    }
}

/// The paths of all files below folders whose names begin with `prefixes`, one level each.
pub(super) fn list(root: &Arc<dyn Storage>, prefixes: &[&str]) -> io::Result<Vec<String>> {
    let Some((prefix, below)) = prefixes.split_first() else { return root.list() };
    let mut paths = Vec::new();
    for name in root.list()?.into_iter().filter(|name| name.starts_with(prefix)) {
        for path in list(&root.folder(&name)?, below)? {
            paths.push(format!("{name}/{path}"));
        }
    }
    Ok(paths)
}

/// Drops what is kept here of a file that is elsewhere; says whether there was anything.
pub(super) fn forget(root: &Arc<dyn Storage>, path: &str) -> bool {
    resolve(root, path).is_ok_and(|(folder, name)| folder.forget(name))
}
