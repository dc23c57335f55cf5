//! Walks a whole log, compares every checksum, every link of the chain and every revision, and
//! compares it with a signed head that somebody kept elsewhere.
//!
//! In: a folder, also one that a process writes to or that cannot be written; perhaps a head.
//! Out: how far the log is whole, or the first bad byte; of a head, a [`HeadVerdict`].
//! Invariants: nothing is changed; what is chained is what is on the disk, ciphertext included,
//! so destroying a subject's key changes no verdict; memory grows with the number of streams,
//! to 270 MB at most, and not with events.
//! Deliberately absent: judging what events say (that is `audit`), and who holds the key.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::folder::LogFolder;
use super::head::SignedHead;
use super::load::{Damage, OpenError};
use super::revisions::{Revisions, STREAMS_MAX};
use super::storage::Storage;
use super::stream_runs::StreamKey;
use super::walk::{Seen, Walked, walk};
use crate::base::hex;

/// What a walk over the whole log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segment files.
    pub segments: u64,
    /// Frames, one per group commit.
    pub frames: u64,
    /// Events.
    pub events: u64,
    /// Bytes of headers and frames.
    pub bytes: u64,
    /// BLAKE3 of the last frame, hexadecimal: two logs with the same hash are the same log.
    pub head_hash: String,
    /// Bytes of a group that was not finished: not an error, the next start cuts them.
    pub torn_tail_bytes: u64,
    /// Events of streams that came after the first ten million, whose revisions were not
    /// compared.
    pub uncompared_revisions: u64,
}

/// Why a log is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The first bad byte.
    #[error("verify log: {0}")]
    Damaged(#[source] Damage),
    /// It could not be walked.
    #[error("verify log")]
    Unreadable(#[source] OpenError),
}

/// What a log is, held against a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadVerdict {
    /// Everything up to the head is as it was when it was signed.
    Whole,
    /// It is not the log that the head was taken of.
    AnotherLog {
        /// BLAKE3 of the first segment's header, hexadecimal.
        found: String,
    },
    /// Events that were there are gone from the end.
    Shorter {
        /// Events in the log.
        events: u64,
        /// How many of the head's events are missing.
        missing: u64,
    },
    /// Something before the head changed.
    Changed {
        /// The first bad byte, where checksums or the chain show it. Nothing where all of them
        /// were computed anew: then only the head shows that history was written again.
        damage: Option<Damage>,
        /// The hash at the head's position, hexadecimal; nothing where no frame ends there.
        found: Option<String>,
    },
}

/// A verdict, and what the walk found on the way.
#[derive(Debug)]
pub struct HeadCheck {
    /// What the log is, held against the head.
    pub verdict: HeadVerdict,
    /// How the log is as a whole: it may be damaged behind the head.
    pub log: Result<VerifyReport, Damage>,
}

/// Walks the log in a folder without changing it, also while a process writes to it.
///
/// A log from whose end whole frames were taken away verifies: keep a signed head elsewhere,
/// and use [`verify_head`], to notice that.
///
/// # Errors
/// [`VerifyError`] with the first byte that cannot be explained.
pub fn verify(folder: impl Into<LogFolder>) -> Result<VerifyReport, VerifyError> {
    verify_with(folder, &mut |_| {})
}

/// As [`verify`]; `progress` is told how many bytes were compared so far.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(
    folder: impl Into<LogFolder>,
    progress: &mut dyn FnMut(u64),
) -> Result<VerifyReport, VerifyError> {
    let storage = folder.into().storage();
    run(&storage, progress, &mut |_| ControlFlow::Continue(()))
}

/// Compares a log with a head whose signature was checked before (see [`SignedHead::check`]):
/// nothing up to the head may have changed.
///
/// # Errors
/// [`VerifyError::Unreadable`] only; damage is part of the answer.
pub fn verify_head(
    folder: impl Into<LogFolder>,
    head: &SignedHead,
    progress: &mut dyn FnMut(u64),
) -> Result<HeadCheck, VerifyError> {
    let storage = folder.into().storage();
    let mut log = None;
    let mut at_head = None;
    let mut seen = 0;
    let result = run(&storage, progress, &mut |step| {
        match step {
            Seen::Record { .. } => {}
            Seen::Segment { hash, .. } => {
                if log.is_none() {
                    log = Some(hash);
                    if head.events == 0 {
                        at_head = Some(hash);
                    }
                }
            }
            Seen::Frame { frame, hash, .. } => {
                seen = frame.header.base + u64::from(frame.header.count);
                if seen == head.events {
                    at_head = Some(hash);
                }
            }
        }
        ControlFlow::Continue(())
    });
    let log_found = log;
    let log = match result {
        Ok(report) => Ok(report),
        Err(VerifyError::Damaged(damage)) => Err(damage),
        Err(unreadable) => return Err(unreadable),
    };
    let changed = |damage| HeadVerdict::Changed { damage, found: at_head.map(|hash| hex(&hash)) };
    let verdict = match (&log, log_found) {
        (_, Some(found)) if found != head.log => HeadVerdict::AnotherLog { found: hex(&found) },
        _ if at_head == Some(head.head_hash) => HeadVerdict::Whole,
        _ if seen >= head.events && at_head.is_some() => changed(None),
        (Err(damage), _) if damage.position < head.events => changed(Some(damage.clone())),
        _ if seen < head.events => {
            HeadVerdict::Shorter { events: seen, missing: head.events - seen }
        }
        _ => changed(None),
    };
    Ok(HeadCheck { verdict, log })
}

fn run(
    storage: &Arc<dyn Storage>,
    progress: &mut dyn FnMut(u64),
    visit: &mut dyn FnMut(Seen<'_>) -> ControlFlow<()>,
) -> Result<VerifyReport, VerifyError> {
    let mut bytes = 0;
    let mut revisions = Revisions::new(STREAMS_MAX);
    let mut wrong = None;
    let walked = walk(storage, &mut |step| {
        match &step {
            Seen::Record { path, offset, position, record } => {
                let stream = StreamKey::of(record.tail.stream);
                if !revisions.follows(stream, record.revision) {
                    let path = (*path).to_owned();
                    let what = "revision does not follow the one before it in its stream";
                    wrong = Some(Damage { path, offset: *offset, position: *position, what });
                    return ControlFlow::Break(());
                }
            }
            Seen::Frame { frame, .. } => {
                bytes += frame.bytes.len() as u64;
                progress(bytes);
            }
            Seen::Segment { .. } => {}
        }
        visit(step)
    })
    .map_err(|error| match error {
        OpenError::Corrupt(damage) | OpenError::BehindMark { damage, .. } => {
            VerifyError::Damaged(damage)
        }
        other => VerifyError::Unreadable(other),
    })?;
    match wrong {
        Some(damage) => Err(VerifyError::Damaged(damage)),
        None => Ok(VerifyReport { uncompared_revisions: revisions.uncompared, ..walked.report() }),
    }
}

impl Walked {
    /// What is told of a whole log.
    pub(super) fn report(&self) -> VerifyReport {
        VerifyReport {
            segments: self.segments,
            frames: self.frames,
            events: self.next,
            bytes: self.bytes,
            head_hash: self.log.map_or_else(String::new, |_| hex(&self.previous)),
            torn_tail_bytes: self.torn,
            uncompared_revisions: 0,
        }
    }
}
