//! Keeping a copy of the views in an object store.
//!
//! In: manifests and files on the disk. Out: the same ones below the store's prefix, by the same
//! names. Invariants: a manifest is stored after everything it names, in one piece, so that what
//! it names is whole whenever we are killed; an object that is there is not stored again; what
//! no manifest names any more goes after [`GRACE`], for those who are still reading it; the disk
//! is only read. Deliberately absent: when to do it, and reading views from there.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::super::manifest::{self, Manifest, StoredFile};
use super::super::{MANIFEST, StoreError, io_error, names};
use super::{Copied, Copies, FORMAT, Known, MEMORY, Object};
use crate::base::{Millis, Timestamp};
use crate::event_log::{Objects, StoreUnavailable};

/// How long an object stays that no manifest names any more.
pub(super) const GRACE: Millis = Millis(30 * 60_000);
/// After so long, the store is asked again what it has.
pub(super) const LOOK_EVERY: Millis = Millis(15 * 60_000);
/// Files that are held open while they are stored, so that a newer manifest removes none.
const HELD: usize = 256;
/// How often a view is tried of which the files went away meanwhile.
const TRIES: usize = 3;

/// A view cannot be copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    /// The store failed.
    #[error("{0}; {advice}", advice = advice(.0))]
    Store(#[from] StoreUnavailable),
    /// What is on the disk cannot be read.
    #[error(transparent)]
    Disk(#[from] StoreError),
    /// A file on the disk is damaged, or gone.
    #[error("read {path}: {what}; the next refresh makes it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

fn advice(error: &StoreUnavailable) -> &'static str {
    match error.is_down {
        true => "the views answer from the disk, and it is tried again",
        false => {
            "see that the bucket is there, and that AWS_ACCESS_KEY_ID may list, read, write and \
             remove below this prefix; it is tried again"
        }
    }
}

/// What one pass did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Views whose copy is what is on the disk.
    pub(crate) current: usize,
    /// Objects that were stored, manifests among them.
    pub(crate) stored: usize,
    /// Bytes in them.
    pub(crate) bytes: u64,
    /// Objects that were removed.
    pub(crate) removed: usize,
    /// What went wrong, by view.
    pub(crate) errors: Vec<(String, String)>,
}

/// A view on the disk.
#[derive(Clone, Debug)]
struct Place {
    /// `layer.name`.
    view: String,
    /// `layer/name`, on the disk below `projections` and in the store below the prefix.
    path: String,
}

/// Keeps the copies in one store.
#[derive(Debug)]
pub(crate) struct Mirror {
    projections: PathBuf,
    objects: Objects,
    copies: Copies,
    known: Known,
    /// When the store was asked what it has; nothing where that has to be done.
    looked: Option<Timestamp>,
    /// BLAKE3 of what was written down last.
    written: Option<blake3::Hash>,
    /// Views of which something was named in this pass.
    noted: BTreeSet<String>,
    #[cfg(test)]
    pub(super) steps: super::super::steps::Steps,
}

impl Mirror {
    /// A mirror of a folder `projections`. Asks the store nothing yet.
    pub(crate) fn new(projections: &Path, objects: Objects, copies: Copies) -> Self {
        let mut mirror = Self {
            projections: projections.to_owned(),
            known: Known { place: objects.place.clone(), ..Known::default() },
            objects,
            copies,
            looked: None,
            written: None,
            noted: BTreeSet::new(),
            #[cfg(test)]
            steps: super::super::steps::Steps::default(),
        };
        mirror.recall();
        mirror.copies.show(&mirror.known);
        mirror
    }

    #[cfg(test)]
    pub(super) const fn copies(&self) -> &Copies {
        &self.copies
    }

    /// Takes over what was written down, where another process wrote it.
    fn recall(&mut self) {
        let Ok(text) = std::fs::read(self.projections.join(MEMORY)) else { return };
        let written = blake3::hash(&text);
        if self.written == Some(written) {
            return;
        }
        let known = serde_json::from_slice(&text).ok();
        let known =
            known.filter(|it: &Known| it.format == FORMAT && it.place == self.objects.place);
        if let Some(known) = known {
            self.known = known;
        }
        (self.written, self.looked) = (Some(written), None);
    }

    /// What a test may let fail, as a store that is gone would.
    #[cfg(test)]
    fn step(&self, action: &'static str, path: &str) -> Result<(), StoreUnavailable> {
        self.steps.pass(action, Path::new(path)).map_err(|error| StoreUnavailable {
            server: self.objects.name.clone(),
            what: error.to_string(),
            is_down: true,
        })
    }

    #[cfg(not(test))]
    #[expect(clippy::unnecessary_wraps, clippy::unused_self, reason = "tests let a step fail")]
    const fn step(&self, _: &'static str, _: &str) -> Result<(), StoreUnavailable> {
        Ok(())
    }

    /// Brings the copy of every view up to what is on the disk. What fails is in the answer, and
    /// in [`Copies`].
    pub(crate) async fn pass(&mut self, now: Timestamp) -> Passed {
        let mut passed = Passed::default();
        self.recall();
        self.noted.clear();
        let places = self.places();
        let is_old = self.looked.is_none_or(|looked| now.since(looked) >= LOOK_EVERY);
        let mut down = None;
        if is_old {
            match self.look().await {
                Ok(()) => self.looked = Some(now),
                Err(error) => down = Some(MirrorError::from(error).to_string()),
            }
        }
        for place in &places {
            let error = match &down {
                Some(error) => Some(error.clone()),
                None => match self.bring_up(place, now, &mut passed).await {
                    Ok(()) => None,
                    Err(error) => {
                        let is_down = matches!(&error, MirrorError::Store(it) if it.is_down);
                        let error = error.to_string();
                        down = is_down.then(|| error.clone());
                        Some(error)
                    }
                },
            };
            passed.current += usize::from(error.is_none());
            if let Some(error) = &error {
                // What the store has may be other than what we know, by now.
                self.looked = None;
                passed.errors.push((place.view.clone(), error.clone()));
            }
            self.known.views.entry(place.view.clone()).or_default().error = error;
        }
        self.remember();
        self.copies.show(&self.known);
        passed
    }

    /// Views on the disk, in order of their names.
    fn places(&self) -> Vec<Place> {
        let layers = names(&self.projections).into_iter();
        let places = layers.flat_map(|layer| {
            let views = names(&self.projections.join(&layer)).into_iter();
            views.map(move |name| Place {
                view: format!("{layer}.{name}"),
                path: format!("{layer}/{name}"),
            })
        });
        places.filter(|it| self.projections.join(&it.path).join(MANIFEST).exists()).collect()
    }

    /// Asks the store what it has. Of what changed since, the content is not known any more.
    async fn look(&mut self) -> Result<(), StoreUnavailable> {
        self.step("list", "")?;
        let listed = self.objects.list().await?;
        let mut before = std::mem::take(&mut self.known.objects);
        for object in listed.into_iter().filter(|object| is_of_views(&object.path)) {
            let known = before.remove(&object.path).unwrap_or_default();
            let is_same =
                known.bytes == object.bytes && known.stamp.as_ref() == Some(&object.stamp);
            let known = match is_same {
                true => known,
                false => Object {
                    bytes: object.bytes,
                    before: known.blake3.or(known.before),
                    blake3: None,
                    stamp: Some(object.stamp),
                    unnamed_since: known.unnamed_since,
                },
            };
            self.known.objects.insert(object.path, known);
        }
        for (path, gone) in before {
            if gone.unnamed_since.is_none() {
                self.note(&path, "it was gone");
            }
        }
        Ok(())
    }

    /// Names what was wrong with an object.
    fn note(&mut self, path: &str, what: &str) {
        let (store, bucket) = (self.objects.name.clone(), self.objects.place.clone());
        tracing::warn!(store, path, what, "an object of the views is stored again");
        let mut parts = path.splitn(3, '/');
        let view = [parts.next(), parts.next()].map(Option::unwrap_or_default).join(".");
        let mut note = format!("{bucket}/{path}: {what}; stored again");
        let copied = self.known.views.entry(view.clone()).or_default();
        if !self.noted.insert(view) {
            note = copied.note.take().map_or(note.clone(), |before| format!("{before}; {note}"));
        }
        copied.note = Some(note);
    }

    async fn bring_up(
        &mut self,
        place: &Place,
        now: Timestamp,
        passed: &mut Passed,
    ) -> Result<(), MirrorError> {
        let mut tries = 1;
        loop {
            let path = self.projections.join(&place.path).join(MANIFEST);
            let text = std::fs::read(&path).map_err(io_error("read", &path))?;
            let manifest = manifest::parse(&path, &text)?;
            match self.put_files(place, &manifest, passed).await {
                // A newer manifest has taken over, and a dozen more.
                Err(MirrorError::Damaged { .. }) if tries < TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.put_manifest(place, &manifest, text, passed).await?;
                    return Ok(self.remove_unnamed(place, &manifest, now, passed).await?);
                }
            }
        }
    }

    /// Stores the files that a manifest names and the store has not, the newest first.
    async fn put_files(
        &mut self,
        place: &Place,
        manifest: &Manifest,
        passed: &mut Passed,
    ) -> Result<(), MirrorError> {
        let mut lacking = Vec::new();
        for file in manifest.files.values().rev() {
            let key = format!("{}/{}", place.path, file.file);
            if !self.has(&key, file.bytes, &file.blake3).await? {
                lacking.push((key, file));
            }
        }
        for some in lacking.chunks(HELD) {
            let mut held = Vec::with_capacity(some.len());
            for (key, file) in some {
                let path = self.projections.join(&place.path).join(&file.file);
                held.push((key, file, File::open(&path).map_err(gone(&path))?, path));
            }
            for (key, file, open, path) in held {
                let bytes = read_whole(open, file, &path)?;
                self.put(key, bytes, &file.blake3, passed).await?;
            }
        }
        Ok(())
    }

    async fn put_manifest(
        &mut self,
        place: &Place,
        manifest: &Manifest,
        text: Vec<u8>,
        passed: &mut Passed,
    ) -> Result<(), MirrorError> {
        let key = format!("{}/{MANIFEST}", place.path);
        let blake3 = blake3::hash(&text).to_hex().to_string();
        if !self.has_manifest(&key, &blake3, &place.view).await? {
            self.put(&key, text, &blake3, passed).await?;
        }
        let copied = self.known.views.entry(place.view.clone()).or_default();
        *copied = Copied {
            position: manifest.position,
            manifest: Some(blake3),
            error: None,
            note: copied.note.take(),
        };
        Ok(())
    }

    /// Stores an object. Until that has ended well, nobody knows what is there.
    async fn put(
        &mut self,
        key: &str,
        bytes: Vec<u8>,
        blake3: &str,
        passed: &mut Passed,
    ) -> Result<(), StoreUnavailable> {
        self.known.objects.remove(key);
        self.step("store", key)?;
        let length = bytes.len() as u64;
        self.objects.put(key, Bytes::from(bytes)).await?;
        self.step("stored", key)?;
        passed.stored += 1;
        passed.bytes += length;
        let blake3 = Some(blake3.to_owned());
        let object = Object { bytes: length, blake3, ..Object::default() };
        self.known.objects.insert(key.to_owned(), object);
        Ok(())
    }

    /// Whether the store has these very bytes. What is not known is read there, once.
    async fn has(&mut self, key: &str, bytes: u64, blake3: &str) -> Result<bool, StoreUnavailable> {
        let Some(object) = self.known.objects.get(key) else { return Ok(false) };
        if object.blake3.is_some() {
            return Ok(object.blake3.as_deref() == Some(blake3));
        }
        let found = object.bytes;
        if found != bytes {
            self.note(key, &format!("it had {found} bytes, {bytes} were written"));
            return Ok(false);
        }
        let (_, is_same) = self.read(key, blake3).await?;
        if !is_same {
            self.note(key, "its bytes were not those that were written");
        }
        Ok(is_same)
    }

    /// The same of a manifest, which has the same name whatever is in it.
    async fn has_manifest(
        &mut self,
        key: &str,
        blake3: &str,
        view: &str,
    ) -> Result<bool, StoreUnavailable> {
        let Some(object) = self.known.objects.get(key).cloned() else { return Ok(false) };
        if object.blake3.is_some() {
            return Ok(object.blake3.as_deref() == Some(blake3));
        }
        let (text, is_same) = self.read(key, blake3).await?;
        let found = blake3::hash(&text).to_hex().to_string();
        let wrong = match manifest::parse(Path::new(key), &text) {
            _ if is_same => None,
            Err(_) => Some("it was no manifest of a view"),
            Ok(manifest) if manifest.view != view => Some("it was the manifest of another view"),
            Ok(_) => object.before.filter(|before| *before != found).map(
                |_| "somebody else had written it: one prefix is for the views of one platform",
            ),
        };
        if let Some(wrong) = wrong {
            self.note(key, wrong);
        }
        Ok(is_same)
    }

    /// Reads an object, and remembers what is in it.
    async fn read(&mut self, key: &str, blake3: &str) -> Result<(Bytes, bool), StoreUnavailable> {
        self.step("read", key)?;
        let content = self.objects.get(key).await?;
        let found = blake3::hash(&content).to_hex().to_string();
        let is_same = found == blake3;
        if let Some(object) = self.known.objects.get_mut(key) {
            (object.blake3, object.before) = (Some(found), None);
        }
        Ok((content, is_same))
    }

    /// Removes the files of a view that its manifest has not named for long.
    async fn remove_unnamed(
        &mut self,
        place: &Place,
        manifest: &Manifest,
        now: Timestamp,
        passed: &mut Passed,
    ) -> Result<(), StoreUnavailable> {
        let prefix = format!("{}/", place.path);
        let named: BTreeSet<String> =
            manifest.files.values().map(|file| format!("{prefix}{}", file.file)).collect();
        let mut over = Vec::new();
        let below = self.known.objects.range_mut(prefix.clone()..);
        for (path, object) in below.take_while(|(path, _)| path.starts_with(&prefix)) {
            if named.contains(path) || !path.ends_with(".parquet") {
                object.unnamed_since = None;
                continue;
            }
            let since = *object.unnamed_since.get_or_insert(now.as_micros());
            if now.since(Timestamp::from_micros(since)) >= GRACE {
                over.push(path.clone());
            }
        }
        for path in over {
            self.step("remove", &path)?;
            self.objects.remove(&path).await?;
            self.known.objects.remove(&path);
            passed.removed += 1;
        }
        Ok(())
    }

    /// Writes down what is known. Where that fails, the store is asked again at the next start.
    fn remember(&mut self) {
        self.known.format = FORMAT;
        let path = self.projections.join(MEMORY);
        let beside = self.projections.join(format!("{MEMORY}.tmp"));
        let text = serde_json::to_vec(&self.known).unwrap_or_default();
        let written = blake3::hash(&text);
        if self.written == Some(written) {
            return;
        }
        match std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &path)) {
            Ok(()) => self.written = Some(written),
            Err(error) => tracing::debug!(%error, "what the store has is not written down"),
        }
    }
}

fn gone(path: &Path) -> impl FnOnce(io::Error) -> MirrorError {
    move |error| MirrorError::Damaged { path: path.to_owned(), what: error.to_string() }
}

/// Reads a file and compares it with what the manifest says.
fn read_whole(mut open: File, file: &StoredFile, path: &Path) -> Result<Vec<u8>, MirrorError> {
    let mut bytes = Vec::new();
    open.read_to_end(&mut bytes).map_err(gone(path))?;
    if blake3::hash(&bytes).to_hex().as_str() == file.blake3 {
        return Ok(bytes);
    }
    let what = "its bytes are not those that were written".to_owned();
    Err(MirrorError::Damaged { path: path.to_owned(), what })
}

/// Whether an object is named as ours are: others are nobody's business here.
fn is_of_views(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [_, _, name] => *name == MANIFEST,
        [_, _, definition, name] => {
            let is_hash = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
            definition.len() == 12 && is_hash(definition) && name.ends_with(".parquet")
        }
        _ => false,
    }
}
