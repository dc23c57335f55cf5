//! Bringing a backup back.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod unseal;

use super::manifest::{BackupManifest, BackupPiece, BackupSegment};
use super::{BackupError, BackupPlace};
use crate::base::{Timestamp, hex, unhex};
use crate::event_log::frame::{self, FRAME_HEADER, FrameHeader};
use crate::event_log::load::OpenError;
use crate::event_log::record::{self, Stamp};
use crate::event_log::storage::{DiskStorage, Storage};
use crate::event_log::walk::{Seen, Walked};

/// What the folder is called until everything in it was compared.
const UNFINISHED: &str = "log.part";

/// The last event that is brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The event at this position, and all before it.
    Position(u64),
    /// Everything recorded at this moment or earlier.
    Time(Timestamp),
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreReport {
    /// The folder of the log.
    pub folder: PathBuf,
    /// Events in it.
    pub events: u64,
    /// Bytes of all files in it.
    pub bytes: u64,
    /// Segments, sealed or not.
    pub segments: u64,
    /// BLAKE3 of its last frame, hexadecimal.
    pub head_hash: String,
    /// When the last frame was recorded.
    pub recorded_at: Timestamp,
    /// Events of the backup that were left out.
    pub left_out: u64,
    /// The cut went through a group, whose frame was made anew with fewer events: from there on
    /// the hash is not the one that the original had.
    pub is_frame_shortened: bool,
}

/// Where the log is cut.
struct Cut {
    /// Offset in the segment.
    offset: u64,
    /// The frame that is left of a group that the cut goes through.
    frame: Option<Vec<u8>>,
    /// The position after the last event that stays.
    next: u64,
    /// The hash of what stays.
    previous: [u8; 32],
    recorded_at: Timestamp,
}

/// Restores a log into `log` in a data folder, which must be new or empty. Compares every hash,
/// checksum and link on the way.
///
/// `progress` is told how many bytes were restored, and of how many.
///
/// # Errors
/// See [`BackupError`]; then there is no `log` in the folder. The same restore may be tried again.
pub fn restore(
    place: &dyn BackupPlace,
    data_dir: &Path,
    until: Option<Until>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<RestoreReport, BackupError> {
    let manifest = BackupManifest::of(place)?;
    if let Some(Until::Position(wanted)) = until
        && wanted >= manifest.events
    {
        return Err(BackupError::TooFar { wanted, events: manifest.events });
    }
    let part = prepare(data_dir)?;
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(&part));
    let total = manifest.bytes();
    let mut done = 0;
    let mut progress = |bytes| {
        done += bytes;
        progress(done, total);
    };
    let mut walked = Walked::default();
    let mut cut = None;
    for sealed in &manifest.sealed {
        cut = unseal::fetch(place, &part, sealed, &mut walked, until, &mut progress)?;
        if cut.is_some() {
            break;
        }
    }
    for segment in &manifest.segments {
        if cut.is_some() {
            break;
        }
        fetch(place, &part, segment, &mut progress)?;
        cut = compare(&*storage, segment, &mut walked, until)?;
        if let Some(cut) = &cut {
            carry_out(&part.join(&segment.name), cut)?;
        }
    }
    let is_frame_shortened = cut.as_ref().is_some_and(|cut| cut.frame.is_some());
    if let Some(cut) = cut {
        (walked.next, walked.previous, walked.recorded_at) =
            (cut.next, cut.previous, cut.recorded_at);
    } else if walked.next != manifest.events || hex(&walked.previous) != manifest.head_hash {
        return Err(BackupError::BadFile {
            path: place.path(super::MANIFEST),
            what: format!("it promises {} events, and there are {}", manifest.events, walked.next),
        });
    }
    let bytes = lengths(&part)?;
    let folder = data_dir.join("log");
    let renamed =
        sync(&part).and_then(|()| std::fs::rename(&part, &folder)).and_then(|()| sync(data_dir));
    renamed.map_err(failed("write", &folder))?;
    Ok(RestoreReport {
        folder,
        events: walked.next,
        bytes,
        segments: walked.segments,
        head_hash: hex(&walked.previous),
        recorded_at: walked.recorded_at,
        left_out: manifest.events - walked.next,
        is_frame_shortened,
    })
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.display().to_string();
    move |source| BackupError::Place { action, path, source }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes the folder to restore into; what an interrupted restore left there goes.
fn prepare(data_dir: &Path) -> Result<PathBuf, BackupError> {
    std::fs::create_dir_all(data_dir).map_err(failed("create", data_dir))?;
    for entry in std::fs::read_dir(data_dir).map_err(failed("read", data_dir))? {
        let name = entry.map_err(failed("read", data_dir))?.file_name();
        if name != UNFINISHED {
            return Err(BackupError::NotEmpty {
                folder: data_dir.to_owned(),
                found: name.to_string_lossy().into_owned(),
            });
        }
    }
    let part = data_dir.join(UNFINISHED);
    match std::fs::remove_dir_all(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("remove", &part)(error));
        }
        _ => {}
    }
    std::fs::create_dir(&part).map_err(failed("create", &part))?;
    Ok(part)
}

/// Puts a segment together from its pieces.
fn fetch(
    place: &dyn BackupPlace,
    part: &Path,
    segment: &BackupSegment,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    // A name from a manifest does not lead out of the folder.
    if crate::event_log::load::segment_base(&segment.name) != Some(segment.base) {
        return Err(BackupError::BadFile {
            path: place.path(super::MANIFEST),
            what: format!("{:?} is not the name of a segment", segment.name),
        });
    }
    copy(place, &part.join(&segment.name), &segment.pieces, progress)
}

/// Writes a file from its pieces, comparing each with its hash.
fn copy(
    place: &dyn BackupPlace,
    target: &Path,
    pieces: &[BackupPiece],
    progress: &mut dyn FnMut(u64),
) -> Result<(), BackupError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)
        .map_err(failed("create", target))?;
    let mut buffer = vec![0; 1 << 20];
    for piece in pieces {
        let path = place.path(&piece.file);
        let bad = |what: String| BackupError::BadFile { path: path.clone(), what };
        let unreadable = |source| BackupError::Place { action: "read", path: path.clone(), source };
        let mut source = place
            .read(&piece.file)
            .map_err(unreadable)?
            .ok_or_else(|| bad("it is missing".to_owned()))?;
        let mut hash = blake3::Hasher::new();
        let mut len = 0;
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(unreadable(error)),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            len += read as u64;
            if len > piece.bytes {
                break;
            }
            hash.update(bytes);
            file.write_all(bytes).map_err(failed("write", target))?;
            progress(read as u64);
        }
        if len != piece.bytes {
            return Err(bad(format!("it has {len} bytes or more, {} were written", piece.bytes)));
        }
        if hex(hash.finalize().as_bytes()) != piece.blake3 {
            return Err(bad(
                "its hash is not the one that was noted when it was written".to_owned()
            ));
        }
    }
    file.sync_all().map_err(failed("sync", target))
}

/// Notices where the cut is while a log is walked over.
struct Knife {
    until: Option<Until>,
    previous: frame::Hash,
    recorded_at: Timestamp,
    /// Segments seen so far.
    segments: usize,
    cut: Option<Cut>,
}

impl Knife {
    const fn new(until: Option<Until>, walked: &Walked) -> Self {
        let (previous, recorded_at) = (walked.previous, walked.recorded_at);
        Self { until, previous, recorded_at, segments: 0, cut: None }
    }

    fn see(&mut self, step: Seen<'_>) -> ControlFlow<()> {
        match step {
            Seen::Record { .. } => ControlFlow::Continue(()),
            Seen::Segment { hash } => {
                self.segments += 1;
                self.previous = hash;
                ControlFlow::Continue(())
            }
            Seen::Frame { offset, frame, hash } => {
                let end = frame.header.base + u64::from(frame.header.count);
                self.cut = match self.until {
                    Some(Until::Position(last)) if last < end => {
                        Some(within(&frame, offset, hash, last))
                    }
                    Some(Until::Time(time)) if frame.header.recorded_at > time => Some(Cut {
                        offset,
                        frame: None,
                        next: frame.header.base,
                        previous: self.previous,
                        recorded_at: self.recorded_at,
                    }),
                    _ => None,
                };
                (self.previous, self.recorded_at) = (hash, frame.header.recorded_at);
                if self.cut.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
    }
}

fn bad_log(error: OpenError) -> BackupError {
    match error {
        OpenError::Corrupt(damage) => BackupError::BadLog(damage),
        other => BackupError::Log(other),
    }
}

/// Walks over a segment that was put together, up to where it is to be cut.
fn compare(
    storage: &dyn Storage,
    segment: &BackupSegment,
    walked: &mut Walked,
    until: Option<Until>,
) -> Result<Option<Cut>, BackupError> {
    let mut knife = Knife::new(until, walked);
    let flow = walked
        .file(storage, segment.base, &segment.name, false, &mut |step| knife.see(step))
        .map_err(bad_log)?;
    if flow.is_continue() {
        let last = unhex(&segment.last_frame);
        if walked.next != segment.end || last.as_deref() != Some(&walked.previous) {
            return Err(BackupError::BadFile {
                path: storage.path(&segment.name).display().to_string(),
                what: format!("it should end before position {}", segment.end),
            });
        }
    }
    Ok(knife.cut)
}

/// The cut after an event of a frame.
fn within(view: &frame::FrameView<'_>, offset: u64, hash: frame::Hash, last: u64) -> Cut {
    let header = view.header;
    let end = header.base + u64::from(header.count);
    let whole = Cut {
        offset: offset + view.bytes.len() as u64,
        frame: None,
        next: end,
        previous: hash,
        recorded_at: header.recorded_at,
    };
    if last + 1 == end {
        return whole;
    }
    let (mut at, mut position) = (FRAME_HEADER, header.base);
    while position <= last {
        let stamp = Stamp { position, recorded_at: header.recorded_at };
        let body = view.bytes.get(at..).unwrap_or_default();
        // The walk has read every record before this.
        let Ok(record) = record::decode(body, stamp) else { return whole };
        at += record.len;
        position += 1;
    }
    let mut shorter = Vec::new();
    frame::begin(&mut shorter);
    shorter.extend_from_slice(view.bytes.get(FRAME_HEADER..at).unwrap_or_default());
    let count = u32::try_from(position - header.base).unwrap_or(header.count);
    let previous = frame::finish(&mut shorter, &FrameHeader { count, ..header });
    Cut { offset, frame: Some(shorter), next: position, previous, ..whole }
}

fn carry_out(path: &Path, cut: &Cut) -> Result<(), BackupError> {
    let file = OpenOptions::new().write(true).open(path).map_err(failed("open", path))?;
    let shortened = file.set_len(cut.offset).and_then(|()| match &cut.frame {
        Some(frame) => file.write_all_at(frame, cut.offset),
        None => Ok(()),
    });
    shortened.and_then(|()| file.sync_all()).map_err(failed("cut", path))
}

/// The bytes of all files below a folder.
fn lengths(folder: &Path) -> Result<u64, BackupError> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).map_err(failed("read", folder))? {
        let entry = entry.map_err(failed("read", folder))?;
        let meta = entry.metadata().map_err(failed("read", folder))?;
        sum += if meta.is_dir() { lengths(&entry.path())? } else { meta.len() };
    }
    Ok(sum)
}
