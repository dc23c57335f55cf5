//! Where a finished frame becomes durable.
//!
//! In: one frame at a time, with the answers that depend on it. Out: bytes written and synced
//! through one descriptor; then the durable head moves, then the answers go out, refusals
//! included.
//! Invariant: the first write or sync that fails is the last: whether its bytes are on the disk
//! cannot be known from a second attempt (a failed fsync marks pages clean), so the log takes
//! nothing more until it is opened again. Readers go on.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::time::Instant;

use super::contract::AppendError;
use super::embedded::LogOptions;
use super::frame::SEGMENT_HEADER;
use super::inbox::{Answer, Inbox, Reply};
use super::keeper::KeeperBell;
use super::mark::Mark;
use super::shared::{HeadState, Shared};
use super::storage::{SegmentFile, Storage, WriteFailure, write_full};

/// Frames larger than this are not written over zeros: what a sync saves by it is less than
/// what writing everything twice costs. Units: bytes.
const ZERO_AHEAD_FRAME_MAX: usize = 64 << 10;

/// A segment that begins with a group.
pub(super) struct NewSegment {
    pub(super) name: String,
    pub(super) header: [u8; SEGMENT_HEADER],
}

/// One group on its way to the disk.
#[derive(Default)]
pub(super) struct Group {
    pub(super) frame: Vec<u8>,
    /// Events in the frame; without any nothing is written.
    pub(super) count: u32,
    /// The position after its last event.
    pub(super) next: u64,
    /// What can be said of the frame when it is durable.
    pub(super) mark: Option<Mark>,
    /// The segment to begin first.
    pub(super) new_segment: Option<NewSegment>,
    pub(super) answers: Vec<(Reply, Answer)>,
}

impl Group {
    /// Makes it empty, keeping its memory unless it is much.
    fn reset(&mut self) {
        const KEPT_MAX: usize = 8 << 20;
        self.frame.clear();
        self.frame.shrink_to(KEPT_MAX);
        self.answers.clear();
        self.count = 0;
        self.new_segment = None;
        self.mark = None;
    }
}

/// The file that is written to.
pub(super) struct Committer {
    pub(super) shared: Arc<Shared>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) options: LogOptions,
    pub(super) path: String,
    pub(super) file: Arc<dyn SegmentFile>,
    /// Offset of the next frame.
    pub(super) end: u64,
    /// The file is allocated up to here.
    pub(super) allocated: u64,
    /// Told of finished segments.
    pub(super) keeper: Option<KeeperBell>,
    /// The first failure, after which nothing is tried.
    pub(super) failure: Option<Arc<WriteFailure>>,
}

impl Committer {
    /// Makes a group durable and readable. What its answers are then is for [`answer`].
    fn commit(&mut self, group: &mut Group) -> Result<(), Arc<WriteFailure>> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        if group.count == 0 && group.new_segment.is_none() {
            return Ok(());
        }
        match self.write(group) {
            Ok(()) => {
                self.shared.metrics.durable(group.next);
                self.shared.set_durable(group.mark);
                self.shared.head.send_modify(|head| head.next = group.next);
                if group.new_segment.is_some()
                    && let Some(keeper) = &self.keeper
                {
                    keeper.ring();
                }
                Ok(())
            }
            Err(failure) => {
                let failure = Arc::new(failure);
                self.failure = Some(failure.clone());
                self.shared.metrics.writer_failed();
                self.shared
                    .head
                    .send_modify(|head| head.state = HeadState::Failed(failure.clone()));
                Err(failure)
            }
        }
    }

    fn write(&mut self, group: &Group) -> Result<(), WriteFailure> {
        if let Some(segment) = &group.new_segment {
            self.roll(segment)?;
            let base = group.next - u64::from(group.count);
            self.shared.finished.store(base, Ordering::Release);
        }
        if group.count == 0 {
            return Ok(());
        }
        let end = self.end + group.frame.len() as u64;
        if group.frame.len() <= ZERO_AHEAD_FRAME_MAX {
            self.allocate(end)?;
        }
        write_full(&*self.file, &group.frame, self.end)
            .map_err(|source| self.failed("write", source))?;
        let began = Instant::now();
        self.file.sync().map_err(|source| self.failed("sync", source))?;
        let (events, bytes) = (u64::from(group.count), group.frame.len() as u64);
        self.shared.metrics.group(events, bytes, began.elapsed());
        self.end = end;
        self.allocated = self.allocated.max(end);
        Ok(())
    }

    /// Writes zeros ahead, so that most syncs change no length and allocate no block. On a full
    /// disk what there is will do.
    fn allocate(&mut self, end: u64) -> Result<(), WriteFailure> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        if end <= self.allocated || self.options.zero_ahead_bytes == 0 {
            return Ok(());
        }
        let wanted = end + self.options.zero_ahead_bytes;
        let target = wanted.min(self.options.segment_bytes.max(end));
        while self.allocated < target {
            let len = (target - self.allocated).min(ZEROS.len() as u64);
            let piece = ZEROS.get(..usize::try_from(len).unwrap_or(0)).unwrap_or_default();
            match write_full(&*self.file, piece, self.allocated) {
                Ok(()) => self.allocated += len,
                Err(source) if source.kind() == io::ErrorKind::StorageFull => break,
                Err(source) => return Err(self.failed("write", source)),
            }
        }
        Ok(())
    }

    /// Ends a full segment and starts the next one.
    fn roll(&mut self, segment: &NewSegment) -> Result<(), WriteFailure> {
        let size = self.file.size().map_err(|source| self.failed("cut", source))?;
        // Zeros are not written beyond the size of a full segment, so mostly the file ends with
        // its last frame, and the sync of that frame made its length durable.
        if size != self.end {
            self.file.set_size(self.end).map_err(|source| self.failed("cut", source))?;
            self.file.sync().map_err(|source| self.failed("sync", source))?;
        }
        (self.path, self.file) = begin_segment(&*self.storage, segment, None)?;
        self.end = SEGMENT_HEADER as u64;
        self.allocated = self.end;
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> WriteFailure {
        WriteFailure { action, path: self.path.clone(), source }
    }
}

/// Makes a segment durable, name and header, before anything is written to it. `unborn` names
/// the file a crash left behind at this very step.
pub(super) fn begin_segment(
    storage: &dyn Storage,
    segment: &NewSegment,
    unborn: Option<&str>,
) -> Result<(String, Arc<dyn SegmentFile>), WriteFailure> {
    let path = storage.path(&segment.name).display().to_string();
    let failed = |action, source| WriteFailure { action, path: path.clone(), source };
    let file = match unborn {
        Some(name) => storage.open(name, true),
        None => storage.create(&segment.name),
    }
    .map_err(|source| failed("create", source))?;
    file.set_size(0).map_err(|source| failed("cut", source))?;
    write_full(&*file, &segment.header, 0).map_err(|source| failed("write", source))?;
    file.sync().map_err(|source| failed("sync", source))?;
    storage.sync_directory().map_err(|source| failed("sync the folder of", source))?;
    Ok((path, file))
}

/// Sends the answers of a group out.
fn answer(group: &mut Group, done: Result<(), Arc<WriteFailure>>) {
    for (reply, answer) in group.answers.drain(..) {
        let answer = match &done {
            Ok(()) => answer,
            Err(failure) => Err(AppendError::WriterFailed(failure.clone())),
        };
        // A writer that does not wait any more has its events all the same.
        drop(reply.send(answer));
    }
}

#[derive(Default)]
struct Slot {
    group: Option<Group>,
    /// Memory of groups that are done.
    spare: Vec<Group>,
    is_closed: bool,
}

struct Parts {
    committer: Mutex<Committer>,
    slot: Mutex<Slot>,
    wake: Condvar,
    inbox: Arc<Inbox>,
}

/// The disk as the writer sees it: takes one group while the next is built.
pub(super) struct Desk {
    storage: Arc<dyn Storage>,
    parts: Arc<Parts>,
    thread: Option<JoinHandle<()>>,
}

impl Desk {
    /// Starts the thread that serves it.
    pub(super) fn start(committer: Committer, inbox: Arc<Inbox>) -> io::Result<Self> {
        let storage = committer.storage.clone();
        let parts = Arc::new(Parts {
            committer: Mutex::new(committer),
            slot: Mutex::default(),
            wake: Condvar::new(),
            inbox,
        });
        let served = parts.clone();
        let thread = std::thread::Builder::new()
            .name("event-log-disk".to_owned())
            .spawn(move || served.serve())?;
        Ok(Self { storage, parts, thread: Some(thread) })
    }

    /// How a segment of this name is named in messages.
    pub(super) fn path(&self, name: &str) -> String {
        self.storage.path(name).display().to_string()
    }

    /// An empty group to build.
    pub(super) fn blank(&self) -> Group {
        self.parts.slot().spare.pop().unwrap_or_default()
    }

    /// Takes a group, which waits for nothing since the disk is idle.
    pub(super) fn hand_over(&self, group: Group) {
        self.parts.inbox.set_disk_idle(false);
        self.parts.slot().group = Some(group);
        self.parts.wake.notify_one();
    }

    /// Makes a group durable on the calling thread: quicker where nothing else is to be done.
    pub(super) fn commit_here(&self, group: Group) {
        self.parts.inbox.set_disk_idle(false);
        self.parts.commit(group);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.parts.slot().is_closed = true;
        self.parts.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Parts {
    fn serve(&self) {
        let _gone = Gone(self);
        loop {
            let mut slot = self.slot();
            let group = loop {
                if let Some(group) = slot.group.take() {
                    break group;
                }
                if slot.is_closed {
                    return;
                }
                slot = self.wake.wait(slot).unwrap_or_else(PoisonError::into_inner);
            };
            drop(slot);
            self.commit(group);
        }
    }

    /// The disk is idle again before the answers go out: the next group need not wait for them.
    fn commit(&self, mut group: Group) {
        let done = self.committer.lock().unwrap_or_else(PoisonError::into_inner).commit(&mut group);
        self.inbox.set_disk_idle(true);
        answer(&mut group, done);
        group.reset();
        let mut slot = self.slot();
        if slot.spare.len() < 2 {
            slot.spare.push(group);
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whatever ended the disk's thread, the writer does not wait for it in vain.
struct Gone<'a>(&'a Parts);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut committer = self.0.committer.lock().unwrap_or_else(PoisonError::into_inner);
            let failure = Arc::new(committer.failed("commit", io::Error::other("a panic")));
            committer.failure = Some(failure.clone());
            committer.shared.head.send_modify(|head| head.state = HeadState::Failed(failure));
            drop(committer);
            self.0.inbox.abandon();
            self.0.inbox.set_disk_idle(true);
        }
    }
}
