//! The one thread that decides what is written, and in which order.
//!
//! In: appends from the inbox. Out: one frame per group, handed to the disk, with the answers
//! that go out when it is durable. While one group is on its way to the disk, the next is built.
//! Invariant: an append is entered in the index before it is durable, so that the next one in
//! the group is judged by it, but no reader sees it before the head has moved.

use std::sync::Arc;

use uuid::Uuid;

use super::commit::{Desk, Group, NewSegment};
use super::contract::{AppendError, Appended};
use super::embedded::LogOptions;
use super::frame::{self, FrameHeader, Hash, SEGMENT_HEADER, SegmentHeader};
use super::hash;
use super::inbox::{Answer, Granted, Inbox, Kind, Parcel, PartView, Request, Wake};
use super::index::{Index, Segment};
use super::load::segment_name;
use super::record::{self, Lead, Stamp};
use super::shared::{HeadState, Shared};
use super::stream_rules::Verdict;
use super::stream_state::{SystemWrite, WriterStates};
use crate::base::{Clock, Timestamp};

/// Events after which a group is full.
const GROUP_EVENTS: u32 = 32_768;
/// Appends judged under one hold of the index; readers get in between.
const HOLD_MAX: usize = 32;

/// Where the next frame goes, as far as its bytes depend on it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: Uuid,
    /// Offset in the file.
    pub(super) end: u64,
    /// Frames in the file.
    pub(super) sequence: u64,
    /// Hash of the last frame or header.
    pub(super) previous: Hash,
}

pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: LogOptions,
    pub(super) place: Place,
    pub(super) recorded_at: Timestamp,
    pub(super) states: WriterStates,
    /// These two are dropped in this order: what is on its way to the disk arrives first.
    pub(super) desk: Desk,
    #[expect(dead_code, reason = "only its end matters")]
    pub(super) closing: Closing,
}

/// Whatever ended the writer, nobody waits for it in vain.
pub(super) struct Closing {
    pub(super) shared: Arc<Shared>,
    pub(super) inbox: Arc<Inbox>,
}

impl Writer {
    /// Serves until the inbox is closed and empty.
    pub(super) fn run(mut self) {
        let mut parcel = Parcel::default();
        let mut group = self.desk.blank();
        frame::begin(&mut group.frame);
        loop {
            let has_group = !group.answers.is_empty();
            let is_full = self.is_full(&group);
            // What is left of a parcel comes before anything newer.
            let goes_on = !parcel.is_empty() && !is_full;
            let wake = if goes_on && !(has_group && self.inbox.is_disk_idle()) {
                Wake::Appends
            } else {
                self.inbox.next(&mut parcel, has_group, is_full || goes_on)
            };
            match wake {
                Wake::Closed => return,
                Wake::Appends => self.fill(&mut group, &mut parcel),
                Wake::DiskIsIdle => {
                    let mut full = std::mem::replace(&mut group, self.desk.blank());
                    frame::begin(&mut group.frame);
                    self.finish(&mut full);
                    if parcel.is_empty() && !self.inbox.has_appends() {
                        self.desk.commit_here(full);
                    } else {
                        self.desk.hand_over(full);
                    }
                }
            }
        }
    }

    fn is_full(&self, group: &Group) -> bool {
        group.count >= GROUP_EVENTS
            || (group.frame.len() >= self.options.group_bytes && !group.answers.is_empty())
    }

    /// Adds appends to the group until it is full or there are no more.
    fn fill(&mut self, group: &mut Group, parcel: &mut Parcel) {
        if group.answers.is_empty() {
            self.recorded_at = self.recorded_at.max(self.clock.now());
            self.states.trim(self.shared.end());
        }
        let failure = match &self.shared.head.borrow().state {
            HeadState::Failed(failure) => Some(failure.clone()),
            HeadState::Open | HeadState::Closed => None,
        };
        let mut room = 0;
        let shared = self.shared.clone();
        let mut index = shared.index_mut();
        for _ in 0..HOLD_MAX {
            if self.is_full(group) {
                break;
            }
            let Some(request) = parcel.pop() else { break };
            room += request.room();
            let answer = match &failure {
                Some(failure) => Err(AppendError::WriterFailed(failure.clone())),
                None => self.take(&mut index, group, parcel, &request),
            };
            group.answers.push((request.reply, answer));
        }
        drop(index);
        self.inbox.free(room);
    }

    /// Judges one request; where it is admitted, adds its records to the frame and the index.
    fn take(
        &mut self,
        index: &mut Index,
        group: &mut Group,
        parcel: &mut Parcel,
        request: &Request,
    ) -> Answer {
        let mut parts = Vec::with_capacity(1);
        parcel.parts(request, &mut parts);
        let extent = PartView::extent(&parts);
        let answer = self.act(index, group, request.kind, &parts);
        drop(parts);
        parcel.skip(extent);
        answer
    }

    fn act(
        &mut self,
        index: &mut Index,
        group: &mut Group,
        kind: Kind,
        parts: &[PartView<'_>],
    ) -> Answer {
        if let (Kind::Append, [part]) = (kind, parts)
            && let Some(verdict) = self.states.plan_one(index, part)?
        {
            return Ok(Granted::One(self.add(index, group, part, verdict)));
        }
        let plan = self.states.plan(index, kind, parts, self.recorded_at)?;
        let mut answers = Vec::new();
        for (part, verdict) in parts.iter().zip(plan.verdicts) {
            answers.push(self.add(index, group, part, verdict));
        }
        for write in &plan.system {
            let written = self.add_system(index, group, write);
            if kind != Kind::Append {
                answers.push(written);
            }
        }
        Ok(Granted::Many(answers))
    }

    fn add(
        &mut self,
        index: &mut Index,
        group: &mut Group,
        part: &PartView<'_>,
        verdict: Verdict,
    ) -> Appended {
        let first_revision = match verdict {
            Verdict::Repeat(first, last) => {
                return index.repeated(part.stream, part.hash, first, last);
            }
            Verdict::Write(revision) => revision,
        };
        self.begin_frame(index, group);
        let first_position = index.next;
        for (revision, (lead, tail)) in (first_revision..).zip(part.events()) {
            self.add_record(index, group, (part.stream, part.hash), revision, lead, tail);
        }
        let more = (part.events.len() as u64).saturating_sub(1);
        Appended {
            first_revision,
            last_revision: first_revision + more,
            first_position,
            last_position: first_position + more,
            is_repeat: false,
        }
    }

    /// Adds an event that the log itself writes.
    fn add_system(
        &mut self,
        index: &mut Index,
        group: &mut Group,
        write: &SystemWrite,
    ) -> Appended {
        self.begin_frame(index, group);
        let (stream, position) = (write.stream.as_str(), index.next);
        let mut tail = Vec::new();
        let lead = record::encode_tail(&mut tail, stream, &write.event);
        let name = (stream, hash::of_name(stream));
        self.add_record(index, group, name, write.revision, &lead, &tail);
        Appended {
            first_revision: write.revision,
            last_revision: write.revision,
            first_position: position,
            last_position: position,
            is_repeat: false,
        }
    }

    /// Sees to it that there is a frame in the index for the next record.
    fn begin_frame(&mut self, index: &mut Index, group: &mut Group) {
        if group.count == 0 {
            if self.place.end >= self.options.segment_bytes && self.place.sequence > 0 {
                group.new_segment = Some(self.roll(index));
            }
            let base = index.next;
            index.begin_frame(base, self.recorded_at);
        }
    }

    fn add_record(
        &mut self,
        index: &mut Index,
        group: &mut Group,
        (stream, hash): (&str, u64),
        revision: u64,
        lead: &Lead,
        tail: &[u8],
    ) {
        let stamp = Stamp { position: index.next, recorded_at: self.recorded_at };
        let start = group.frame.len();
        record::finish(&mut group.frame, stamp, revision, lead, tail);
        let offset = self.place.end + start as u64;
        let len = group.frame.len() - start;
        let entered = index.enter(stream, hash, revision, lead.event_id, offset, len);
        assert!(entered.is_ok(), "an admitted event fits into the index: {entered:?}");
        group.count += 1;
    }

    /// Completes the frame of a group.
    fn finish(&mut self, group: &mut Group) {
        group.next = self.shared.index().next;
        if group.count == 0 {
            return;
        }
        let header = FrameHeader {
            version: frame::FORMAT_VERSION,
            segment: self.place.segment,
            base: group.next - u64::from(group.count),
            recorded_at: self.recorded_at,
            previous: self.place.previous,
            count: group.count,
            sequence: self.place.sequence,
        };
        self.place.previous = frame::finish(&mut group.frame, &header);
        self.place.end += group.frame.len() as u64;
        self.place.sequence += 1;
    }

    /// Starts the next segment.
    fn roll(&mut self, index: &mut Index) -> NewSegment {
        let base = index.next;
        let (segment, place) = new_segment(base, self.place.previous, self.recorded_at);
        self.place = place;
        let path = self.desk.path(&segment.name);
        index.segments.push(Segment::new(path, None, base));
        segment
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        self.inbox.abandon();
        self.shared.head.send_modify(|head| {
            if matches!(head.state, HeadState::Open) {
                head.state = HeadState::Closed;
            }
        });
    }
}

/// The bytes of a segment that begins at a position, and the place of its first frame.
pub(super) fn new_segment(base: u64, previous: Hash, now: Timestamp) -> (NewSegment, Place) {
    let mut id = [0; 16];
    // The id only tells this file's frames from what lay on the disk before; a generator that
    // fails is no reason to take nothing more.
    if getrandom::fill(&mut id).is_err() {
        for (to, from) in id.iter_mut().zip(previous) {
            *to = from;
        }
    }
    let segment = uuid::Builder::from_random_bytes(id).into_uuid();
    let header =
        SegmentHeader { version: frame::FORMAT_VERSION, segment, base, created_at: now, previous }
            .encode();
    let place =
        Place { segment, end: SEGMENT_HEADER as u64, sequence: 0, previous: frame::hash(&header) };
    (NewSegment { name: segment_name(base), header }, place)
}
