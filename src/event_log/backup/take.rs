//! Taking a backup.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;

use super::manifest::{BackupManifest, BackupPiece, BackupSegment};
use super::{BackupError, BackupPlace, FILES, MANIFEST, manifest_of};
use crate::base::{Clock, Timestamp, hex, unhex};
use crate::event_log::head::{HeadKey, settle};
use crate::event_log::load::OpenError;
use crate::event_log::storage::{DiskStorage, SegmentFile, Storage};
use crate::event_log::walk::{Seen, Walked, segment_names};

/// A segment in more pieces than this is copied anew.
const PIECES_MAX: usize = 16;

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

/// A stretch of a segment that is to be copied.
struct Copy {
    /// The segment's place in the manifest.
    segment: usize,
    from: u64,
    to: u64,
}

/// Backs up the log in a folder, also while a process writes to it: everything up to the last
/// whole frame that was there when it began. Copies what the place does not have yet.
///
/// `progress` is told how many bytes were copied, and of how many.
///
/// # Errors
/// See [`BackupError`]; the backup before is as it was.
pub fn backup(
    folder: &Path,
    place: &dyn BackupPlace,
    key: Option<&HeadKey>,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<BackupReport, BackupError> {
    let before = manifest_of(place)?;
    if before.is_none() {
        refuse_foreign(place)?;
    }
    let storage = DiskStorage::new(folder);
    let (walked, mut segments, copies) = plan(folder, &storage, place, before.as_ref())?;
    // What was walked over must survive a crash before anybody relies on it.
    settle(folder, &storage).map_err(BackupError::Log)?;
    let total = copies.iter().map(|copy| copy.to - copy.from).sum();
    let mut done = 0;
    for copy in &copies {
        let Some(segment) = segments.get_mut(copy.segment) else { continue };
        let piece = write_piece(&storage, place, segment, copy, &mut |bytes| {
            done += bytes;
            progress(done, total);
        })?;
        segment.pieces.push(piece);
    }
    let now = clock.now();
    let manifest = BackupManifest {
        format: BackupManifest::format(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        log: walked.log.map_or_else(String::new, |log| hex(&log)),
        made_at: now.to_string(),
        events: walked.next,
        head_hash: hex(&walked.previous),
        recorded_at: walked.recorded_at.to_string(),
        head: key.and_then(|key| key.sign(&walked, now)),
        segments,
        blake3: String::new(),
    };
    let failed = |action, path: &str| {
        let path = place.path(path);
        move |source| BackupError::Place { action, path, source }
    };
    let text = manifest.to_json();
    place.write(MANIFEST, &mut text.as_bytes()).map_err(failed("write", MANIFEST))?;
    sweep(place, before.as_ref(), &manifest)?;
    Ok(BackupReport {
        added_events: manifest.events - before.map_or(0, |before| before.events),
        manifest,
        written_files: copies.len() as u64,
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
        name.starts_with(&format!("{FILES}segment-")) || name.starts_with(MANIFEST)
    };
    match names.iter().find(|name| !is_ours(name)) {
        Some(found) => Err(BackupError::NotABackup { place: place.path(""), found: found.clone() }),
        None => Ok(()),
    }
}

/// Walks over what is new, and says what has to be copied. Pieces that stay are in the segments.
fn plan(
    folder: &Path,
    storage: &dyn Storage,
    place: &dyn BackupPlace,
    before: Option<&BackupManifest>,
) -> Result<(Walked, Vec<BackupSegment>, Vec<Copy>), BackupError> {
    let names = segment_names(storage).map_err(BackupError::Log)?;
    let mut walked = Walked::default();
    let mut segments = Vec::new();
    let mut copies = Vec::new();
    let count = names.len();
    for (number, (base, name)) in names.into_iter().enumerate() {
        let is_last = number + 1 == count;
        let known =
            before.and_then(|before| before.segments.iter().find(|known| known.name == name));
        if number > 0
            && let Some(kept) = known.filter(|known| known.is_finished)
        {
            // Nothing is ever added to it; the links before and after it are compared.
            pass(&mut walked, kept)?;
            segments.push(kept.clone());
            continue;
        }
        let mut at_known = None;
        let start = walked.bytes;
        let segments_before = walked.segments;
        let mut seen = 0;
        let _ = walked
            .file(storage, base, &name, is_last, &mut |step| {
                let hash = match step {
                    Seen::Segment { hash, .. } => {
                        seen = crate::event_log::frame::SEGMENT_HEADER as u64;
                        hash
                    }
                    Seen::Frame { offset, frame, hash, .. } => {
                        seen = offset + frame.bytes.len() as u64;
                        hash
                    }
                };
                if known.is_some_and(|known| known.bytes == seen) {
                    at_known = Some(hex(&hash));
                }
                ControlFlow::Continue(())
            })
            .map_err(BackupError::Log)?;
        if number == 0
            && let (Some(before), Some(log)) = (before, walked.log)
            && before.log != hex(&log)
        {
            return Err(BackupError::AnotherLog {
                place: place.path(""),
                found: before.log.clone(),
                wanted: hex(&log),
            });
        }
        if walked.segments == segments_before {
            // The last one, whose header did not become durable.
            continue;
        }
        if let (Some(known), Some(before)) = (known, before)
            && at_known.as_deref() != Some(&known.last_frame)
        {
            return Err(diverged(place, before, known.end.min(walked.next)));
        }
        let bytes = walked.bytes - start;
        let (pieces, from) = match known {
            Some(known) if known.bytes == bytes || known.pieces.len() < PIECES_MAX => {
                (known.pieces.clone(), known.bytes)
            }
            _ => (Vec::new(), 0),
        };
        if from < bytes {
            copies.push(Copy { segment: segments.len(), from, to: bytes });
        }
        segments.push(BackupSegment {
            name,
            base,
            end: walked.next,
            bytes,
            last_frame: hex(&walked.previous),
            recorded_at: walked.recorded_at.as_micros(),
            is_finished: !is_last,
            pieces,
        });
    }
    if walked.log.is_none() {
        return Err(BackupError::NoLog(folder.to_owned()));
    }
    if let Some(before) = before.filter(|before| before.events > walked.next) {
        return Err(diverged(place, before, walked.next));
    }
    Ok((walked, segments, copies))
}

fn diverged(place: &dyn BackupPlace, before: &BackupManifest, position: u64) -> BackupError {
    BackupError::Diverged { place: place.path(""), events: before.events, position }
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

/// Copies a stretch of a segment, and hashes it on the way.
fn write_piece(
    storage: &dyn Storage,
    place: &dyn BackupPlace,
    segment: &BackupSegment,
    copy: &Copy,
    progress: &mut dyn FnMut(u64),
) -> Result<BackupPiece, BackupError> {
    let file = storage.open(&segment.name, false).map_err(|source| {
        BackupError::Log(OpenError::Io {
            action: "open",
            path: storage.path(&segment.name).display().to_string(),
            source,
        })
    })?;
    let mut source = Stretch {
        file: &*file,
        at: copy.from,
        end: copy.to,
        hash: blake3::Hasher::new(),
        progress,
    };
    let name = format!("{FILES}{}.{}-{}", segment.name, copy.from, copy.to);
    place.write(&name, &mut source).map_err(|source| BackupError::Place {
        action: "write",
        path: place.path(&name),
        source,
    })?;
    Ok(BackupPiece {
        file: name,
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
