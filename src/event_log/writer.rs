//! The one thread that decides what is written, and in which order.
//!
//! In: appends from the inbox. Out: one frame per group, handed to the disk, with the answers
//! that go out when it is durable. While one group is on its way to the disk, the next is built.
//! Invariant: an append is entered in the index before it is durable, so that the next one in
//! the group is judged by it, but no reader sees it before the head has moved.

use std::sync::Arc;

use uuid::Uuid;

use super::commit::{Desk, Group, NewSegment};
use super::contract::{AppendError, Appended, ReadError};
use super::embedded::LogOptions;
use super::frame::{self, FrameHeader, Hash, SEGMENT_HEADER, SegmentHeader};
use super::inbox::{Answer, Granted, Inbox, Parcel, PartView, Request, Wake};
use super::index::Index;
use super::keeper::Keeper;
use super::load::segment_name;
use super::mark::Mark;
use super::record::{self, Lead, Stamp};
use super::segment_table::SegmentFacts;
use super::shared::{HeadState, Shared};
use super::stream_rules::Verdict;
use super::stream_runs::StreamKey;
use super::stream_state::{Work, WriterStates};
use crate::base::{Clock, Timestamp};
use crate::event::{NewEvent, StreamName};

/// Events after which a group is full.
const GROUP_EVENTS: u32 = 32_768;
/// Appends judged before the disk is looked after again.
const TURN_MAX: usize = 32;

/// Where the next frame goes, as far as its bytes depend on it.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: Uuid,
    /// Position of its first event.
    pub(super) base: u64,
    pub(super) header_hash: Hash,
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
    /// Of the group at hand.
    pub(super) recorded_at: Timestamp,
    /// Of the last frame.
    pub(super) last_recorded_at: Timestamp,
    pub(super) states: WriterStates,
    /// These are dropped in this order: what is on its way to the disk arrives first, and the
    /// folder is free only when nobody writes to it.
    pub(super) desk: Desk,
    #[expect(dead_code, reason = "only its end matters")]
    pub(super) keeper: Keeper,
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
            // Only what was recorded holds time back: of a clock that jumped ahead and came back
            // nothing is left where no event was recorded meanwhile.
            self.recorded_at = self.last_recorded_at.max(self.clock.now());
            if self.states.is_over() {
                self.inbox.wait_for_disk();
                self.states.trim();
            }
        }
        let failure = match &self.shared.head.borrow().state {
            HeadState::Failed(failure) => Some(failure.clone()),
            HeadState::Open | HeadState::Closed => None,
        };
        let mut room = 0;
        for _ in 0..TURN_MAX {
            if self.is_full(group) {
                break;
            }
            let Some(mut request) = parcel.pop() else { break };
            room += request.room();
            let answer = match (&failure, request.other.take()) {
                (Some(failure), _) => Err(AppendError::WriterFailed(failure.clone())),
                (None, Some(work)) => self.work(group, &work),
                (None, None) => self.append(group, parcel, &request),
            };
            group.answers.push((request.reply, answer));
        }
        self.inbox.free(room);
    }

    /// Judges one append; where it is admitted, adds its records to the frame and the index.
    fn append(&mut self, group: &mut Group, parcel: &mut Parcel, request: &Request) -> Answer {
        if let Some(part) = parcel.only_part(request)
            && let Some(verdict) = self.states.judge_plain(&self.shared, &part)
        {
            let extent = PartView::extent(&[part]);
            let answer = verdict.and_then(|verdict| match verdict {
                Verdict::Repeat(first, last) => self.repeated(part.key, first, last),
                Verdict::Write(revision) => Ok(self.add(group, part.key, revision, part.events())),
            });
            parcel.skip(extent);
            return answer.map(Granted::One);
        }
        let mut parts = Vec::new();
        parcel.parts(request, &mut parts);
        let extent = PartView::extent(&parts);
        let batch = parts.iter().map(|part| part.to_append()).collect::<Result<_, _>>();
        let answer = batch.map_or_else(
            |what| unreachable!("an append that was one before: {what}"),
            |batch| self.work(group, &Work::Append(batch)),
        );
        parcel.skip(extent);
        answer
    }

    /// Judges any work by all that is known of its streams.
    fn work(&mut self, group: &mut Group, work: &Work) -> Answer {
        let shared = self.shared.clone();
        let plan = self.states.plan(&shared, work, self.recorded_at)?;
        let mut answer = Vec::with_capacity(plan.verdicts.len());
        let key = |stream: &StreamName| StreamKey::of(stream.as_str());
        match work {
            Work::Append(batch) => {
                for (part, verdict) in batch.iter().zip(&plan.verdicts) {
                    answer.push(match *verdict {
                        Verdict::Repeat(first, last) => {
                            self.repeated(key(&part.stream), first, last)?
                        }
                        Verdict::Write(revision) => {
                            let stream = part.stream.as_str();
                            self.put(group, stream, revision, &part.events)
                        }
                    });
                }
            }
            Work::Check(stream, _) => {
                if let Some(Verdict::Repeat(first, last)) = plan.verdicts.first() {
                    answer.push(self.repeated(key(stream), *first, *last)?);
                }
            }
            Work::Delete(..) | Work::Tombstone(..) => {}
            // In the middle of a group there is a later time to do it.
            Work::Roll if group.count == 0 && self.place.sequence > 0 => {
                group.new_segment = Some(self.roll(&mut shared.index_mut()));
            }
            Work::Roll => {}
        }
        for write in &plan.system {
            let event = std::slice::from_ref(&write.event);
            let appended = self.put(group, write.stream.as_str(), write.revision, event);
            if !matches!(work, Work::Append(_)) {
                answer.push(appended);
            }
        }
        Ok(Granted::Many(answer))
    }

    /// The answer to an append whose events stand at these revisions.
    fn repeated(&self, key: StreamKey, first: u64, last: u64) -> Result<Appended, AppendError> {
        let at = |revision| -> Result<u64, ReadError> {
            let position = self.shared.position(key, revision, u64::MAX)?;
            let Some(position) = position else {
                unreachable!("a revision that was found has a position")
            };
            Ok(position)
        };
        Ok(Appended {
            first_revision: first,
            last_revision: last,
            first_position: at(first).map_err(AppendError::Unreadable)?,
            last_position: at(last).map_err(AppendError::Unreadable)?,
            is_repeat: true,
        })
    }

    fn put(
        &mut self,
        group: &mut Group,
        stream: &str,
        first_revision: u64,
        events: &[NewEvent],
    ) -> Appended {
        let mut tails = Vec::new();
        let leads: Vec<_> = events
            .iter()
            .map(|event| {
                let start = tails.len();
                (record::encode_tail(&mut tails, stream, event), start..tails.len())
            })
            .collect();
        let events =
            leads.iter().map(|(lead, range)| (lead, tails.get(range.clone()).unwrap_or_default()));
        self.add(group, StreamKey::of(stream), first_revision, events)
    }

    /// Adds events to the frame and the index.
    fn add<'a>(
        &mut self,
        group: &mut Group,
        key: StreamKey,
        first_revision: u64,
        events: impl Iterator<Item = (&'a Lead, &'a [u8])>,
    ) -> Appended {
        if group.count == 0 {
            let shared = self.shared.clone();
            let mut index = shared.index_mut();
            if self.place.end >= self.options.segment_bytes && self.place.sequence > 0 {
                group.new_segment = Some(self.roll(&mut index));
            }
            let begun = index.begin_frame(self.place.end, self.recorded_at);
            assert!(begun.is_ok(), "a segment that takes a frame is not full: {begun:?}");
        }
        let mut index = self.shared.index_mut();
        let first_position = index.next;
        let mut revision = first_revision;
        for (lead, tail) in events {
            let stamp = Stamp { position: index.next, recorded_at: self.recorded_at };
            let start = group.frame.len();
            record::finish(&mut group.frame, stamp, revision, lead, tail);
            let offset = self.place.end + start as u64;
            let len = group.frame.len() - start;
            let entered = index.enter(key, revision, lead.event_id, offset, len);
            assert!(entered.is_ok(), "an admitted event fits into the index: {entered:?}");
            group.count += 1;
            revision += 1;
        }
        Appended {
            first_revision,
            last_revision: revision.saturating_sub(1),
            first_position,
            last_position: index.next.saturating_sub(1),
            is_repeat: false,
        }
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
        group.mark = Some(Mark {
            segment: self.place.segment,
            base: self.place.base,
            end: self.place.end,
            next: group.next,
            hash: self.place.previous,
        });
        self.last_recorded_at = self.recorded_at;
    }

    /// Starts the next segment.
    fn roll(&mut self, index: &mut Index) -> NewSegment {
        let full = self.place;
        let base = index.next;
        index.finish(SegmentFacts {
            segment: full.segment,
            base: full.base,
            count: base - full.base,
            end: full.end,
            header_hash: full.header_hash,
            last_hash: full.previous,
            recorded_at: self.last_recorded_at,
        });
        let (segment, place) = new_segment(base, full.previous, self.recorded_at);
        self.place = place;
        index.begin(segment.name.clone(), self.desk.path(&segment.name));
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
    let header_hash = frame::hash(&header);
    let place = Place {
        segment,
        base,
        header_hash,
        end: SEGMENT_HEADER as u64,
        sequence: 0,
        previous: header_hash,
    };
    (NewSegment { name: segment_name(base), header }, place)
}
