//! Taking a backup.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::manifest::{BackupManifest, BackupPiece, BackupSealed, BackupSegment};
use super::{BackupError, BackupPlace, FILES, MANIFEST, manifest_of};
use crate::base::{Clock, Timestamp, hex, unhex};
use crate::event_log::folder::LogFolder;
use crate::event_log::frame::{self, SegmentHeader};
use crate::event_log::head::{HeadKey, settle};
use crate::event_log::load::{Damage, OpenError};
use crate::event_log::mark::Mark;
use crate::event_log::sealed::{SealRecord, SealedPart, SealedSegment};
use crate::event_log::storage::{SegmentFile, Storage};
use crate::event_log::walk::{LogPart, SEALED, Seen, Walked, parts, path_of, unreadable};

/// A segment in more pieces than this is copied anew.
const PIECES_MAX: usize = 16;
/// How often it is tried again, since a segment was sealed meanwhile.
const TRIES: u32 = 3;

/// What a backup did.
#[derive(Clone, Debug, PartialEq)]
pub struct BackupReport {
    /// What is there now.
    pub manifest: BackupManifest,
    /// Events that were added since the backup before; all of them in the first one.
    pub added_events: u64,
    /// Files that were written, the manifest aside.
    pub written_files: u64,
    /// Bytes in them.
    pub written_bytes: u64,
}

/// What is to be copied.
struct Copy {
    from: u64,
    to: u64,
    what: What,
}

enum What {
    /// A stretch of a segment, by its place in the manifest.
    Segment(usize),
    /// The record of a sealed part, by its place in the manifest.
    Record(usize),
    /// A Parquet file of a sealed part, which has to have this hash.
    File { part: usize, path: String, blake3: String, position: u64 },
}

/// Backs up the log in a folder, also while a process writes to it: everything up to the last
/// whole frame that was there when it began. Copies what the place does not have yet.
///
/// `progress` is told how many bytes were copied, and of how many.
///
/// # Errors
/// See [`BackupError`]; the backup before is as it was.
pub fn backup(
    folder: impl Into<LogFolder>,
    place: &dyn BackupPlace,
    key: Option<&HeadKey>,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    let folder = &folder.into();
    let before = manifest_of(place)?;
    if before.is_none() {
        refuse_foreign(place)?;
    }
    for _ in 1..TRIES {
        match attempt(folder, place, before.as_ref(), (key, clock), progress) {
            // Sealed meanwhile, and gone: the next look finds the sealed part.
            Err(BackupError::Log(OpenError::Io { source, .. }))
                if source.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
    }
    attempt(folder, place, before.as_ref(), (key, clock), progress)
}

fn attempt(
    folder: &LogFolder,
    place: &dyn BackupPlace,
    before: Option<&BackupManifest>,
    (key, clock): (Option<&HeadKey>, &dyn Clock),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    let storage = folder.storage();
    let folder = folder.path();
    let mut plan = Plan { before, ..Plan::new(&storage, place) };
    plan.make(folder)?;
    // What was walked over must survive a crash before anybody relies on it.
    settle(folder, &*storage).map_err(BackupError::Log)?;
    let total = plan.copies.iter().map(|copy| copy.to - copy.from).sum();
    let written_files = plan.copies.len() as u64;
    let mut done = 0;
    plan.carry_out(&mut |bytes| {
        done += bytes;
        progress(done, total);
    })?;
    let (walked, now) = (plan.walked, clock.now());
    let manifest = BackupManifest {
        format: BackupManifest::format(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        log: walked.log.map_or_else(String::new, |log| hex(&log)),
        made_at: now.to_string(),
        events: walked.next,
        head_hash: hex(&walked.previous),
        recorded_at: walked.recorded_at.to_string(),
        head: key.and_then(|key| key.sign(&walked, now)),
        sealed: plan.sealed,
        segments: plan.segments,
        blake3: String::new(),
    };
    let text = manifest.to_json();
    place.write(MANIFEST, &mut text.as_bytes()).map_err(|source| BackupError::Place {
        action: "write",
        path: place.path(MANIFEST),
        source,
    })?;
    sweep(place, before, &manifest)?;
    Ok(BackupReport {
        added_events: manifest.events - before.map_or(0, |before| before.events),
        manifest,
        written_files,
        written_bytes: total,
    })
}

/// Nothing but what an interrupted first backup left may lie there.
fn refuse_foreign(place: &dyn BackupPlace) -> Result<(), BackupError> {
    let names = place.list().map_err(|source| BackupError::Place {
        action: "list",
        path: place.path(""),
        source,
    })?;
    let is_ours = |name: &&String| {
        let inside = name.strip_prefix(FILES).unwrap_or_default();
        inside.starts_with("segment-") || inside.starts_with(SEALED) || name.starts_with(MANIFEST)
    };
    match names.iter().find(|name| !is_ours(name)) {
        Some(found) => Err(BackupError::NotABackup { place: place.path(""), found: found.clone() }),
        None => Ok(()),
    }
}

/// What a backup will consist of, and what has to be copied for it.
struct Plan<'a> {
    storage: &'a Arc<dyn Storage>,
    place: &'a dyn BackupPlace,
    before: Option<&'a BackupManifest>,
    walked: Walked,
    sealed: Vec<BackupSealed>,
    segments: Vec<BackupSegment>,
    copies: Vec<Copy>,
}

impl<'a> Plan<'a> {
    fn new(storage: &'a Arc<dyn Storage>, place: &'a dyn BackupPlace) -> Self {
        Self {
            storage,
            place,
            before: None,
            walked: Walked::default(),
            sealed: Vec::new(),
            segments: Vec::new(),
            copies: Vec::new(),
        }
    }

    /// Walks over what is new. Pieces that stay are in the segments already.
    fn make(&mut self, folder: &Path) -> Result<(), BackupError> {
        let mark = Mark::read(&**self.storage);
        let parts = parts(self.storage).map_err(BackupError::Log)?;
        for (number, part) in parts.iter().enumerate() {
            match part {
                LogPart::Sealed(part) => self.sealed(part)?,
                LogPart::Raw { base, name } => {
                    self.segment(*base, name, number == 0, number + 1 == parts.len())?;
                }
            }
        }
        if self.walked.log.is_none() {
            return Err(BackupError::NoLog(folder.to_owned()));
        }
        if let Some(mark) = mark {
            mark.check_walked(&**self.storage, &self.walked).map_err(BackupError::Log)?;
        }
        match self.before {
            Some(before) if before.events > self.walked.next => {
                Err(self.diverged(self.walked.next))
            }
            _ => Ok(()),
        }
    }

    fn segment(
        &mut self,
        base: u64,
        name: &str,
        is_first: bool,
        is_last: bool,
    ) -> Result<(), BackupError> {
        let known = self.known(name);
        if !is_first && let Some(kept) = known.filter(|known| known.is_finished) {
            // Nothing is ever added to it; the links before and after it are compared.
            pass(&mut self.walked, kept)?;
            self.segments.push(kept.clone());
            return Ok(());
        }
        let (start, segments) = (self.walked.bytes, self.walked.segments);
        let mut spot = Spot::of(known);
        let storage = &**self.storage;
        let walked = &mut self.walked;
        let _ = walked
            .file(storage, base, name, is_last, &mut |step| spot.see(step))
            .map_err(BackupError::Log)?;
        self.is_same_log()?;
        if self.walked.segments == segments {
            // The last one, whose header did not become durable.
            return Ok(());
        }
        if !spot.is_found() {
            return Err(self.diverged(known.map_or(base, |known| known.end)));
        }
        let bytes = self.walked.bytes - start;
        let (pieces, from) = match known {
            Some(known) if known.bytes == bytes || known.pieces.len() < PIECES_MAX => {
                (known.pieces.clone(), known.bytes)
            }
            _ => (Vec::new(), 0),
        };
        if from < bytes {
            let what = What::Segment(self.segments.len());
            self.copies.push(Copy { from, to: bytes, what });
        }
        self.segments.push(BackupSegment {
            name: name.to_owned(),
            base,
            end: self.walked.next,
            bytes,
            last_frame: hex(&self.walked.previous),
            recorded_at: self.walked.recorded_at.as_micros(),
            is_finished: !is_last,
            pieces,
        });
        Ok(())
    }

    /// Takes in a sealed part: its record vouches for its files, and is linked to what is before
    /// and after it.
    fn sealed(&mut self, part: &SealedPart) -> Result<(), BackupError> {
        let record = part.record();
        let path = path_of(&**self.storage, part);
        for (number, segment) in record.segments.iter().enumerate() {
            self.link(segment, &path)?;
            if let Some(known) = self.known(&segment.name)
                && known.bytes < segment.bytes
            {
                // It was backed up before it was finished: only its bytes say whether it is
                // the same one.
                let bytes =
                    part.rebuild_raw(number).map_err(unreadable).map_err(BackupError::Log)?;
                let known_bytes = usize::try_from(known.bytes).unwrap_or(usize::MAX);
                let start = bytes.get(..known_bytes).unwrap_or_default();
                if !ends_with_frame(start, &known.last_frame) {
                    return Err(self.diverged(known.end));
                }
            }
        }
        self.is_same_log()?;
        self.walked.recorded_at = Timestamp::from_micros(record.last_recorded_at);
        self.compare_ends(record)?;
        let text = record.encode();
        let sum = hex(blake3::hash(&text).as_bytes());
        let known = self.before.and_then(|before| {
            before.sealed.iter().find(|known| known.base == record.base && known.end == record.end)
        });
        if let Some(kept) = known.filter(|known| known.record.blake3 == sum) {
            self.sealed.push(kept.clone());
            return Ok(());
        }
        let number = self.sealed.len();
        for file in &record.files {
            self.copies.push(Copy {
                from: 0,
                to: file.bytes,
                what: What::File {
                    part: number,
                    path: file.path.clone(),
                    blake3: file.blake3.clone(),
                    position: record.base,
                },
            });
        }
        self.copies.push(Copy { from: 0, to: text.len() as u64, what: What::Record(number) });
        let name = format!("{FILES}{SEALED}/{}", record.name());
        self.sealed.push(BackupSealed {
            base: record.base,
            end: record.end,
            last_frame: hex(&self.walked.previous),
            recorded_at: record.last_recorded_at,
            raw_bytes: record.raw_bytes(),
            raw_segments: record.segments.len() as u64,
            record: BackupPiece { file: name, bytes: text.len() as u64, blake3: sum },
            files: Vec::new(),
        });
        Ok(())
    }

    /// Goes over a segment of a sealed part.
    fn link(&mut self, segment: &SealedSegment, path: &str) -> Result<(), BackupError> {
        let wrong = |what| {
            let (path, position) = (path.to_owned(), segment.base);
            BackupError::Log(OpenError::Corrupt(Damage { path, offset: 0, position, what }))
        };
        let bytes = unhex(&segment.header).unwrap_or_default();
        let header = SegmentHeader::decode(&bytes).map_err(|_| wrong("the segment's header"))?;
        if header.base != self.walked.next || header.previous != self.walked.previous {
            return Err(wrong("it does not follow the segment before"));
        }
        let last = unhex(&segment.last_frame).and_then(|hash| hash.try_into().ok());
        if self.walked.log.is_none() {
            self.walked.log = Some(frame::hash(&bytes));
        }
        self.walked.previous = last.ok_or_else(|| wrong("the hash of the last frame"))?;
        self.walked.next = segment.end;
        self.walked.segments += 1;
        self.walked.frames += segment.frames;
        self.walked.bytes += segment.bytes;
        Ok(())
    }

    /// What the backup before has up to the end of a sealed part has to end where segments of
    /// this part end, with the same hashes.
    fn compare_ends(&self, record: &SealRecord) -> Result<(), BackupError> {
        let Some(before) = self.before else { return Ok(()) };
        let sealed = before.sealed.iter().map(|part| (part.end, &part.last_frame));
        let raw = before.segments.iter().filter(|segment| segment.is_finished);
        for (end, last) in sealed.chain(raw.map(|segment| (segment.end, &segment.last_frame))) {
            if end > record.base
                && end <= record.end
                && !record.segments.iter().any(|one| one.end == end && one.last_frame == *last)
            {
                return Err(self.diverged(end));
            }
        }
        Ok(())
    }

    fn known(&self, name: &str) -> Option<&'a BackupSegment> {
        self.before.and_then(|before| before.segments.iter().find(|known| known.name == name))
    }

    fn is_same_log(&self) -> Result<(), BackupError> {
        match (self.before, self.walked.log) {
            (Some(before), Some(log)) if before.log != hex(&log) => Err(BackupError::AnotherLog {
                place: self.place.path(""),
                found: before.log.clone(),
                wanted: hex(&log),
            }),
            _ => Ok(()),
        }
    }

    fn diverged(&self, position: u64) -> BackupError {
        let events = self.before.map_or(0, |before| before.events);
        let position = position.min(self.walked.next);
        BackupError::Diverged { place: self.place.path(""), events, position }
    }

    /// Copies what is to be copied.
    fn carry_out(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), BackupError> {
        for copy in std::mem::take(&mut self.copies) {
            match &copy.what {
                What::Segment(number) => {
                    let Some(segment) = self.segments.get_mut(*number) else { continue };
                    let to = format!("{FILES}{}.{}-{}", segment.name, copy.from, copy.to);
                    let piece = write_piece(
                        &**self.storage,
                        self.place,
                        (&segment.name, to),
                        &copy,
                        progress,
                    )?;
                    segment.pieces.push(piece);
                }
                What::Record(number) => {
                    let Some(part) = self.sealed.get(*number) else { continue };
                    let from = part.record.file.strip_prefix(FILES).unwrap_or_default().to_owned();
                    let to = part.record.file.clone();
                    let written =
                        write_piece(&**self.storage, self.place, (&from, to), &copy, progress)?;
                    same(&**self.storage, &from, &written, &part.record.blake3, part.base)?;
                }
                What::File { part, path, blake3, position } => {
                    let from = format!("{SEALED}/{path}");
                    let to = format!("{FILES}{from}");
                    let written =
                        write_piece(&**self.storage, self.place, (&from, to), &copy, progress)?;
                    same(&**self.storage, &from, &written, blake3, *position)?;
                    if let Some(part) = self.sealed.get_mut(*part) {
                        part.files.push(written);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Looks for the place up to which a segment was backed up before.
struct Spot<'a> {
    known: Option<&'a BackupSegment>,
    found: Option<frame::Hash>,
}

impl<'a> Spot<'a> {
    const fn of(known: Option<&'a BackupSegment>) -> Self {
        Self { known, found: None }
    }

    fn see(&mut self, step: Seen<'_>) -> ControlFlow<()> {
        let (at, hash) = match step {
            Seen::Record { .. } => return ControlFlow::Continue(()),
            Seen::Segment { hash } => (frame::SEGMENT_HEADER as u64, hash),
            Seen::Frame { offset, frame, hash } => (offset + frame.bytes.len() as u64, hash),
        };
        if self.known.is_some_and(|known| known.bytes == at) {
            self.found = Some(hash);
        }
        ControlFlow::Continue(())
    }

    /// There was nothing, or it is there as it was.
    fn is_found(&self) -> bool {
        self.known
            .is_none_or(|known| self.found.is_some_and(|found| hex(&found) == known.last_frame))
    }
}

/// Whether the bytes of a segment end with a whole frame, or the header, of this hash.
fn ends_with_frame(bytes: &[u8], hash: &str) -> bool {
    let (header, mut rest) = bytes.split_at(frame::SEGMENT_HEADER.min(bytes.len()));
    let mut last = header;
    while let Ok(found) = frame::decode(rest) {
        last = found.bytes;
        rest = rest.get(last.len()..).unwrap_or_default();
    }
    rest.is_empty() && hex(&frame::hash(last)) == hash
}

/// What was copied has to be what the seal record names.
fn same(
    storage: &dyn Storage,
    from: &str,
    written: &BackupPiece,
    blake3: &str,
    position: u64,
) -> Result<(), BackupError> {
    if written.blake3 == blake3 {
        return Ok(());
    }
    let path = storage.path(from).display().to_string();
    let what = "hash of the file";
    Err(BackupError::Log(OpenError::Corrupt(Damage { path, offset: 0, position, what })))
}

/// Goes over a segment that the backup has whole.
fn pass(walked: &mut Walked, kept: &BackupSegment) -> Result<(), BackupError> {
    let last = unhex(&kept.last_frame).and_then(|hash| hash.try_into().ok());
    let Some(last) = last.filter(|_| kept.base == walked.next) else {
        return Err(BackupError::Manifest {
            path: MANIFEST.to_owned(),
            what: format!("its segment {} does not follow the one before", kept.name),
        });
    };
    walked.segments += 1;
    walked.bytes += kept.bytes;
    walked.next = kept.end;
    walked.previous = last;
    walked.recorded_at = Timestamp::from_micros(kept.recorded_at);
    Ok(())
}

/// Copies a stretch of a file of the log, and hashes it on the way.
fn write_piece(
    storage: &dyn Storage,
    place: &dyn BackupPlace,
    (from, to): (&str, String),
    copy: &Copy,
    progress: &mut dyn FnMut(u64),
) -> Result<BackupPiece, BackupError> {
    let file = storage.open(from, false).map_err(|source| {
        let path = storage.path(from).display().to_string();
        BackupError::Log(OpenError::Io { action: "open", path, source })
    })?;
    let mut source = Stretch {
        file: &*file,
        at: copy.from,
        end: copy.to,
        hash: blake3::Hasher::new(),
        progress,
    };
    place.write(&to, &mut source).map_err(|source| BackupError::Place {
        action: "write",
        path: place.path(&to),
        source,
    })?;
    Ok(BackupPiece {
        file: to,
        bytes: copy.to - copy.from,
        blake3: hex(source.hash.finalize().as_bytes()),
    })
}

/// A part of a file that is hashed while it is read.
struct Stretch<'a> {
    file: &'a dyn SegmentFile,
    at: u64,
    end: u64,
    hash: blake3::Hasher,
    progress: &'a mut dyn FnMut(u64),
}

impl Read for Stretch<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        let read = self.file.read_at(part, self.at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hash.update(part.get(..read).unwrap_or_default());
        self.at += read as u64;
        (self.progress)(read as u64);
        Ok(read)
    }
}

/// Removes what the manifest does not name any more, and what interrupted backups left.
fn sweep(
    place: &dyn BackupPlace,
    before: Option<&BackupManifest>,
    now: &BackupManifest,
) -> Result<(), BackupError> {
    let kept: BTreeSet<&str> = now.files().collect();
    let failed = |path: &str| {
        let path = place.path(path);
        move |source| BackupError::Place { action: "tidy up", path, source }
    };
    let rubbish: Vec<String> = if place.is_held() {
        let names = place.list().map_err(failed(""))?;
        names.into_iter().filter(|name| name.starts_with(FILES)).collect()
    } else {
        before.map(|before| before.files().map(str::to_owned).collect()).unwrap_or_default()
    };
    for name in rubbish.iter().filter(|name| !kept.contains(name.as_str())) {
        place.remove(name).map_err(failed(name))?;
    }
    Ok(())
}
