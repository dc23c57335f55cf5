//! The one thread that writes.
//!
//! In: appends from a bounded queue. Out: one frame per group, written and synced through one
//! descriptor; then the durable head moves, then the answers go out, refusals included.
//! Invariant: an append is entered in the index before it is durable, so that the next one in
//! the group is judged by it, but no reader sees it before the head has moved.
//! The first write or sync that fails is the last: whether its bytes are on the disk cannot be
//! known from a second attempt (a failed fsync marks pages clean), so the log takes nothing
//! more until it is opened again. Readers go on.

use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::contract::{AppendError, Appended};
use super::embedded::LogOptions;
use super::frame::{self, FrameHeader, SEGMENT_HEADER, SegmentHeader};
use super::index::{Index, Segment};
use super::load::{Tail, segment_name};
use super::record::{self, Stamp};
use super::shared::{HeadState, Shared};
use super::storage::{Storage, WriteFailure, write_full};
use super::stream_rules::Verdict;
use super::stream_state::{Work, WriterStates};
use crate::base::{Clock, Timestamp};
use crate::event::{NewEvent, StreamName};

/// Appends taken from the queue at once.
const TAKE_MAX: usize = 8_192;

/// What an append is answered.
pub(super) type Answer = Result<Vec<Appended>, AppendError>;

/// An append on its way to the writer.
pub(super) struct Request {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Answer>,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: LogOptions,
    pub(super) tail: Tail,
    /// The file is allocated up to here.
    pub(super) allocated: u64,
    pub(super) recorded_at: Timestamp,
    pub(super) states: WriterStates,
    /// The frame being built.
    pub(super) buffer: Vec<u8>,
}

impl Writer {
    /// Serves until every sender is gone and the queue is empty.
    pub(super) fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let mut taken = Vec::new();
        let mut failure: Option<Arc<WriteFailure>> = None;
        while requests.blocking_recv_many(&mut taken, TAKE_MAX) > 0 {
            let mut waiting = taken.drain(..).peekable();
            while waiting.peek().is_some() {
                if let Some(failure) = &failure {
                    refuse(waiting.by_ref().map(|request| request.reply), failure);
                } else if let Err(first) = self.group(&mut waiting) {
                    failure = Some(first);
                }
            }
        }
    }

    /// Writes one group and answers it.
    fn group(
        &mut self,
        waiting: &mut dyn Iterator<Item = Request>,
    ) -> Result<(), Arc<WriteFailure>> {
        let rolled = self.roll_if_full();
        let mut answers = Vec::new();
        let mut count = 0;
        self.recorded_at = self.recorded_at.max(self.clock.now());
        self.states.trim();
        let base = self.shared.index().next;
        frame::begin(&mut self.buffer);
        let mut room = true;
        while let Some(request) = if room { waiting.next() } else { None } {
            let answer = self.take(&request.work, &mut count);
            answers.push((request.reply, answer));
            room = rolled.is_ok() && self.buffer.len() < self.options.group_bytes;
        }
        match rolled.and_then(|()| self.write(base, count)) {
            Ok(()) => {
                self.shared.head.send_modify(|head| head.next = base + u64::from(count));
                for (reply, answer) in answers {
                    // A writer that does not wait any more has its events all the same.
                    drop(reply.send(answer));
                }
                Ok(())
            }
            Err(failure) => {
                let failure = Arc::new(failure);
                self.shared
                    .head
                    .send_modify(|head| head.state = HeadState::Failed(failure.clone()));
                refuse(answers.into_iter().map(|(reply, _)| reply), &failure);
                Err(failure)
            }
        }
    }

    /// Judges one request; where it is admitted, adds its records to the frame and the index.
    fn take(&mut self, work: &Work, count: &mut u32) -> Answer {
        let shared = self.shared.clone();
        let plan = self.states.plan(&shared, work, self.recorded_at)?;
        let mut index = shared.index_mut();
        let mut answer = Vec::with_capacity(plan.verdicts.len());
        match work {
            Work::Append(batch) => {
                for (part, verdict) in batch.iter().zip(&plan.verdicts) {
                    answer.push(match *verdict {
                        Verdict::Repeat(first, last) => index.repeated(&part.stream, first, last),
                        Verdict::Write(revision) => {
                            self.put(&mut index, &part.stream, revision, &part.events, count)
                        }
                    });
                }
            }
            Work::Check(stream, _) => {
                if let Some(Verdict::Repeat(first, last)) = plan.verdicts.first() {
                    answer.push(index.repeated(stream, *first, *last));
                }
            }
            Work::Delete(..) | Work::Tombstone(..) => {}
        }
        for write in &plan.system {
            let event = std::slice::from_ref(&write.event);
            let appended = self.put(&mut index, &write.stream, write.revision, event, count);
            if !matches!(work, Work::Append(_)) {
                answer.push(appended);
            }
        }
        Ok(answer)
    }

    /// Adds events to the frame and the index.
    fn put(
        &mut self,
        index: &mut Index,
        stream: &StreamName,
        first_revision: u64,
        events: &[NewEvent],
        count: &mut u32,
    ) -> Appended {
        if *count == 0 {
            let base = index.next;
            index.begin_frame(base, self.recorded_at);
        }
        let first_position = index.next;
        for (revision, event) in (first_revision..).zip(events) {
            let stamp = Stamp { position: index.next, recorded_at: self.recorded_at };
            let start = self.buffer.len();
            record::encode(&mut self.buffer, stamp, stream.as_str(), revision, event);
            let offset = self.tail.end + start as u64;
            let len = self.buffer.len() - start;
            let entered = index.enter(stream.as_str(), revision, event.event_id, offset, len);
            assert!(entered.is_ok(), "an admitted event fits into the index: {entered:?}");
            *count += 1;
        }
        let more = events.len() as u64 - 1;
        Appended {
            first_revision,
            last_revision: first_revision + more,
            first_position,
            last_position: first_position + more,
            is_repeat: false,
        }
    }

    /// Makes the frame in the buffer durable.
    fn write(&mut self, base: u64, count: u32) -> Result<(), WriteFailure> {
        if count == 0 {
            return Ok(());
        }
        let header = FrameHeader {
            version: frame::FORMAT_VERSION,
            segment: self.tail.segment,
            base,
            recorded_at: self.recorded_at,
            previous: self.tail.previous,
            count,
            sequence: self.tail.sequence,
        };
        let hash = frame::finish(&mut self.buffer, &header);
        let end = self.tail.end + self.buffer.len() as u64;
        self.allocate(end)?;
        write_full(&*self.tail.file, &self.buffer, self.tail.end)
            .map_err(|source| self.failed("write", source))?;
        self.tail.file.sync().map_err(|source| self.failed("sync", source))?;
        self.tail.last_frame = self.tail.end;
        self.tail.end = end;
        self.tail.sequence += 1;
        self.tail.previous = hash;
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
            match write_full(&*self.tail.file, piece, self.allocated) {
                Ok(()) => self.allocated += len,
                Err(source) if source.kind() == io::ErrorKind::StorageFull => break,
                Err(source) => return Err(self.failed("write", source)),
            }
        }
        Ok(())
    }

    /// Ends a full segment and starts the next one.
    fn roll_if_full(&mut self) -> Result<(), WriteFailure> {
        if self.tail.end < self.options.segment_bytes || self.tail.sequence == 0 {
            return Ok(());
        }
        self.tail.file.set_size(self.tail.end).map_err(|source| self.failed("cut", source))?;
        self.tail.file.sync().map_err(|source| self.failed("sync", source))?;
        let base = self.shared.index().next;
        let now = self.recorded_at;
        self.tail = begin_segment(&*self.storage, base, self.tail.previous, now, None)?;
        self.allocated = self.tail.end;
        let segment = Segment::new(self.tail.path.clone(), self.tail.file.clone(), base);
        self.shared.index_mut().segments.push(segment);
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> WriteFailure {
        WriteFailure { action, path: self.tail.path.clone(), source }
    }
}

impl Drop for Writer {
    /// Whatever ended the thread, nobody waits for it in vain.
    fn drop(&mut self) {
        self.shared.head.send_modify(|head| {
            if matches!(head.state, HeadState::Open) {
                head.state = HeadState::Closed;
            }
        });
    }
}

fn refuse(replies: impl Iterator<Item = oneshot::Sender<Answer>>, failure: &Arc<WriteFailure>) {
    for reply in replies {
        drop(reply.send(Err(AppendError::WriterFailed(failure.clone()))));
    }
}

/// Makes a segment durable, name and header, before anything is written to it. `unborn` names
/// the file a crash left behind at this very step.
pub(super) fn begin_segment(
    storage: &dyn Storage,
    base: u64,
    previous: frame::Hash,
    now: Timestamp,
    unborn: Option<&str>,
) -> Result<Tail, WriteFailure> {
    let name = segment_name(base);
    let path = storage.path(&name).display().to_string();
    let failed = |action, source| WriteFailure { action, path: path.clone(), source };
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| failed("name", io::Error::other(error)))?;
    let segment = uuid::Builder::from_random_bytes(id).into_uuid();
    let header =
        SegmentHeader { version: frame::FORMAT_VERSION, segment, base, created_at: now, previous }
            .encode();
    let file = match unborn {
        Some(name) => storage.open(name, true),
        None => storage.create(&name),
    }
    .map_err(|source| failed("create", source))?;
    file.set_size(0).map_err(|source| failed("cut", source))?;
    write_full(&*file, &header, 0).map_err(|source| failed("write", source))?;
    file.sync().map_err(|source| failed("sync", source))?;
    storage.sync_directory().map_err(|source| failed("sync the folder of", source))?;
    Ok(new_tail(name, path, file, segment, &header))
}

fn new_tail(
    name: String,
    path: String,
    file: Arc<dyn super::storage::SegmentFile>,
    segment: Uuid,
    header: &[u8; SEGMENT_HEADER],
) -> Tail {
    Tail {
        name,
        path,
        file,
        segment,
        end: SEGMENT_HEADER as u64,
        sequence: 0,
        previous: frame::hash(header),
        last_frame: 0,
        torn: 0,
    }
}
