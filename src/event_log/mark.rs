//! How far the log was durable once, in a file beside the segments.
//!
//! In: the last frame that became durable, told by the one who synced it. Out: the file `mark`;
//! when a log is opened or walked over, whether the segments still have that frame.
//! Invariants: a mark is written after its frame was synced, and the log only grows, so what it
//! says stays true however old it is; a slot that fails its checksum says nothing, and the other
//! one has the mark before it. A mark is never written on the way of an append.
//! Deliberately absent: what came after the mark. A log that crashed while it was written to has
//! frames behind its mark, and the last of them is judged by its bytes alone.

use std::io;
use std::sync::Arc;

use uuid::Uuid;

use super::cache_file::array_at;
use super::damage::first_bad;
use super::frame::{self, Fault, Hash};
use super::load::{Damage, Loader, OpenError, segment_name};
use super::storage::{SegmentFile, Storage, read_full, read_to_end, write_full};
use super::walk::Walked;

/// The name of the file.
pub(super) const MARK: &str = "mark";

const MAGIC: &[u8; 8] = b"LGLOGMRK";
const VERSION: u16 = 1;
/// Bytes of a mark.
const LEN: usize = 128;
/// Bytes from one slot to the other: a disk that tears one sector does not touch the other.
const SLOT: u64 = 4_096;

/// A frame that was durable when this was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) segment: Uuid,
    /// Position of the first event of its segment.
    pub(super) base: u64,
    /// Offset after it in its segment.
    pub(super) end: u64,
    /// The position after its last event.
    pub(super) next: u64,
    /// BLAKE3 of it.
    pub(super) hash: Hash,
}

impl Mark {
    /// The bytes of a slot.
    pub(super) fn encode(&self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let fields: [&[u8]; 9] = [
            MAGIC,
            &VERSION.to_le_bytes(),
            &[0; 2],
            &(LEN as u32).to_le_bytes(),
            self.segment.as_bytes(),
            &self.base.to_le_bytes(),
            &self.end.to_le_bytes(),
            &self.next.to_le_bytes(),
            &self.hash,
        ];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        let (said, crc) = bytes.split_at_mut(LEN - 4);
        crc.copy_from_slice(&crc32c::crc32c(said).to_le_bytes());
        bytes
    }

    /// Reads a slot; nothing where it is torn, damaged, empty or of another version.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let said = bytes.get(..LEN - 4)?;
        if array_at::<8>(said, 0)? != *MAGIC
            || array_at(bytes, LEN - 4)? != crc32c::crc32c(said).to_le_bytes()
            || u16::from_le_bytes(array_at(said, 8)?) != VERSION
        {
            return None;
        }
        let number = |at| Some(u64::from_le_bytes(array_at(said, at)?));
        Some(Self {
            segment: Uuid::from_bytes(array_at(said, 16)?),
            base: number(32)?,
            end: number(40)?,
            next: number(48)?,
            hash: array_at(said, 56)?,
        })
    }

    /// The mark of a log: the later one of two. A file that cannot be read is none.
    pub(super) fn read(storage: &dyn Storage) -> Option<Self> {
        match storage.open(MARK, false).and_then(|file| slots(&*file)) {
            Ok(slots) => slots.into_iter().flatten().max_by_key(|mark| mark.next),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    let path = storage.path(MARK).display().to_string();
                    tracing::warn!(path, %error, "the mark of the log cannot be read");
                }
                None
            }
        }
    }

    /// Compares a log that was read as far as it is whole, up to position `next`, with the mark.
    ///
    /// # Errors
    /// [`OpenError::BehindMark`] with what is damaged or gone.
    pub(super) fn check(
        &self,
        storage: &dyn Storage,
        loader: &Loader,
        next: u64,
    ) -> Result<(), OpenError> {
        let tail = loader.tail.as_ref();
        if next < self.next {
            let damage = match (tail, &loader.unborn) {
                (Some(tail), None) if tail.base == self.base => {
                    let bytes = read_to_end(&*tail.file, tail.end).unwrap_or_default();
                    let what = match frame::decode(&bytes) {
                        Err(Fault::Damaged(what)) if !frame::is_blank(&bytes) => what,
                        _ => "the frame is gone",
                    };
                    let (at, position) = first_bad(&bytes, next);
                    let offset = tail.end + at as u64;
                    Damage { path: tail.path.clone(), offset, position, what }
                }
                (_, Some(name)) => {
                    let path = storage.path(name).display().to_string();
                    Damage { path, offset: 0, position: next, what: "segment header" }
                }
                _ => gone(storage, self.base, next),
            };
            return Err(self.behind(storage, damage));
        }
        match tail {
            Some(tail)
                if tail.segment == self.segment
                    && tail.end == self.end
                    && tail.previous != self.hash =>
            {
                Err(self.behind(storage, self.changed(storage, tail.last_frame)))
            }
            _ => Ok(()),
        }
    }

    /// The same for a log that was walked over.
    ///
    /// # Errors
    /// [`OpenError::BehindMark`].
    pub(super) fn check_walked(
        &self,
        storage: &dyn Storage,
        walked: &Walked,
    ) -> Result<(), OpenError> {
        if walked.next >= self.next {
            return Ok(());
        }
        let damage = match &walked.tail {
            Some(tail) => Damage {
                path: storage.path(&segment_name(tail.base)).display().to_string(),
                offset: tail.offset,
                position: tail.position,
                what: tail.what,
            },
            None => gone(storage, self.base, walked.next),
        };
        Err(self.behind(storage, damage))
    }

    /// What is said where another frame stands in the place of this one.
    pub(super) fn changed(&self, storage: &dyn Storage, offset: u64) -> Damage {
        let path = storage.path(&segment_name(self.base)).display().to_string();
        let position = self.next.saturating_sub(1);
        Damage { path, offset, position, what: "another frame stood here" }
    }

    /// The error that names damage and mark.
    pub(super) fn behind(&self, storage: &dyn Storage, damage: Damage) -> OpenError {
        let mark = storage.path(MARK).display().to_string();
        OpenError::BehindMark { damage, mark, durable: self.next }
    }
}

/// The damage where a segment is not there, or ends before it should.
pub(super) fn gone(storage: &dyn Storage, base: u64, next: u64) -> Damage {
    let path = storage.path(&segment_name(base.max(next))).display().to_string();
    Damage { path, offset: 0, position: next, what: "segment file is gone" }
}

fn slots(file: &dyn SegmentFile) -> io::Result<[Option<Mark>; 2]> {
    let mut marks = [None; 2];
    for (mark, offset) in marks.iter_mut().zip([0, SLOT]) {
        let mut bytes = [0; LEN];
        let read = read_full(file, &mut bytes, offset)?;
        *mark = Mark::decode(bytes.get(..read).unwrap_or_default());
    }
    Ok(marks)
}

/// Writes marks, one slot after the other.
pub(super) struct MarkFile {
    storage: Arc<dyn Storage>,
    file: Option<Arc<dyn SegmentFile>>,
    /// The position of the mark that stands there.
    pub(super) next: u64,
    /// Where the next one goes.
    offset: u64,
}

impl MarkFile {
    /// Goes on with the marks of a log.
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        let slots = storage.open(MARK, false).and_then(|file| slots(&*file));
        let [first, second] = slots.unwrap_or_default().map(|mark| mark.map_or(0, |it| it.next));
        let offset = if first > second { SLOT } else { 0 };
        Self { storage, file: None, next: first.max(second), offset }
    }

    /// Makes a mark durable. After an error the one before still stands.
    ///
    /// # Errors
    /// What the disk refuses.
    pub(super) fn write(&mut self, mark: &Mark) -> io::Result<()> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => self.open()?,
        };
        write_full(&*file, &mark.encode(), self.offset)?;
        file.sync()?;
        self.file = Some(file);
        self.next = mark.next;
        self.offset = SLOT - self.offset;
        Ok(())
    }

    fn open(&self) -> io::Result<Arc<dyn SegmentFile>> {
        match self.storage.open(MARK, true) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.storage.create(MARK)?;
                self.storage.sync_directory()?;
                Ok(file)
            }
            other => other,
        }
    }
}
