//! Appends that wait for the writer.
//!
//! In: appends from any number of tasks. Out: parcels, each all that gathered since the one
//! before, in the order of arrival.
//! Invariants: what waits is bounded in bytes and in number, and who finds no room waits for
//! it. An append is copied into one buffer when it is put in, so that the memory it takes is
//! the log's own and counted; the caller's is freed by the caller.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, oneshot};

use super::contract::{AppendError, Appended, StreamAppend};
use super::record::{self, Lead};
use super::stream_runs::StreamKey;
use super::stream_state::Work;
use crate::event::{ExpectedRevision, StreamName};

/// Bytes that gather while the disk is busy before the writer is woken for them.
const GATHER: usize = 32 << 10;

/// What an append is answered.
pub(super) type Answer = Result<Granted, AppendError>;

/// Where the parts of an append stand.
#[derive(Debug)]
pub(super) enum Granted {
    /// Most appends have one part.
    One(Appended),
    Many(Vec<Appended>),
}

/// The answer's other end.
pub(super) type Reply = oneshot::Sender<Answer>;

/// An append in a [`Parcel`]: its parts and events are the next in their lists.
pub(super) struct Request {
    pub(super) reply: Reply,
    parts: u32,
    room: u32,
    /// What is to be done where it is no append.
    pub(super) other: Option<Box<Work>>,
}

/// One stream of an append.
#[derive(Clone, Copy)]
struct Part {
    key: StreamKey,
    expected: ExpectedRevision,
    events: u32,
}

/// One event of an append.
#[derive(Clone, Copy)]
pub(super) struct Waiting {
    pub(super) lead: Lead,
    /// Length of its tail.
    len: u32,
}

/// Appends, one behind the other.
#[derive(Default)]
pub(super) struct Parcel {
    requests: std::collections::VecDeque<Request>,
    parts: Vec<Part>,
    events: Vec<Waiting>,
    tails: Vec<u8>,
    /// What was taken out of the lists already.
    taken: (usize, usize, usize),
}

/// One part of an append as the writer sees it.
#[derive(Clone, Copy)]
pub(super) struct PartView<'a> {
    pub(super) stream: &'a str,
    pub(super) key: StreamKey,
    pub(super) expected: ExpectedRevision,
    pub(super) events: &'a [Waiting],
    tails: &'a [u8],
}

impl Parcel {
    fn add_other(&mut self, work: Work, reply: Reply, room: u32) {
        let other = Some(Box::new(work));
        self.requests.push_back(Request { reply, parts: 0, room, other });
    }

    /// Copies an append in; `keys` are those of its streams.
    fn add(&mut self, batch: &[StreamAppend], keys: &[StreamKey], reply: Reply, room: u32) {
        for (part, key) in batch.iter().zip(keys) {
            let stream = part.stream.as_str();
            for event in &part.events {
                let start = self.tails.len();
                let lead = record::encode_tail(&mut self.tails, stream, event);
                // An append has 16 MiB at most.
                let len = u32::try_from(self.tails.len() - start).unwrap_or(u32::MAX);
                self.events.push(Waiting { lead, len });
            }
            let events = u32::try_from(part.events.len()).unwrap_or(u32::MAX);
            self.parts.push(Part { key: *key, expected: part.expected, events });
        }
        let parts = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        self.requests.push_back(Request { reply, parts, room, other: None });
    }

    /// Bytes in it, at least one where there is anything.
    fn weight(&self) -> usize {
        if self.requests.is_empty() { 0 } else { self.tails.len().max(1) }
    }

    /// Whether nothing is left in it.
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Takes the next append out; [`Self::part`] goes through what it consists of.
    pub(super) fn pop(&mut self) -> Option<Request> {
        self.requests.pop_front()
    }

    /// Fills in the parts of an append that was just taken out.
    pub(super) fn parts<'a>(&'a self, request: &Request, views: &mut Vec<PartView<'a>>) {
        let mut place = self.taken;
        for _ in 0..request.parts {
            let Some((view, next)) = self.part_at(place) else { return };
            views.push(view);
            place = next;
        }
    }

    /// The part of an append that was just taken out, where it has but one.
    pub(super) fn only_part(&self, request: &Request) -> Option<PartView<'_>> {
        if request.parts == 1 { self.part_at(self.taken).map(|(view, _)| view) } else { None }
    }

    /// The part that begins at these places of the lists, and where the next one does.
    fn part_at(
        &self,
        (part, event, tail): (usize, usize, usize),
    ) -> Option<(PartView<'_>, (usize, usize, usize))> {
        let found = self.parts.get(part)?;
        let events = self.events.get(event..event + found.events as usize).unwrap_or_default();
        let len = events.iter().map(|event| event.len as usize).sum::<usize>();
        let tails = self.tails.get(tail..tail + len).unwrap_or_default();
        let stream = record::stream_of(tails).unwrap_or_default();
        let (key, expected) = (found.key, found.expected);
        let view = PartView { stream, key, expected, events, tails };
        Some((view, (part + 1, event + events.len(), tail + len)))
    }

    /// Goes on behind an append that was taken out.
    pub(super) fn skip(&mut self, views: (usize, usize, usize)) {
        self.taken.0 += views.0;
        self.taken.1 += views.1;
        self.taken.2 += views.2;
    }

    /// Empties it; the memory stays for the next ones, unless it is much.
    fn reset(&mut self) {
        const KEPT_MAX: usize = 8 << 20;
        self.requests.clear();
        self.parts.clear();
        self.events.clear();
        self.tails.clear();
        self.tails.shrink_to(KEPT_MAX);
        self.taken = (0, 0, 0);
    }
}

impl<'a> PartView<'a> {
    /// The events, each with its tail.
    pub(super) fn events(self) -> impl Iterator<Item = (&'a Lead, &'a [u8])> {
        let mut rest = self.tails;
        self.events.iter().map(move |event| {
            let (tail, behind) = rest.split_at_checked(event.len as usize).unwrap_or_default();
            rest = behind;
            (&event.lead, tail)
        })
    }

    /// The part as it was appended.
    pub(super) fn to_append(self) -> Result<StreamAppend, &'static str> {
        let events = self.events().map(|(lead, tail)| lead.to_new(tail));
        Ok(StreamAppend {
            stream: StreamName::new(self.stream).map_err(|_| "stream name")?,
            expected: self.expected,
            events: events.collect::<Result<_, _>>()?,
        })
    }

    /// Parts, events and bytes of these views.
    pub(super) fn extent(views: &[Self]) -> (usize, usize, usize) {
        let events = views.iter().map(|view| view.events.len()).sum();
        (views.len(), events, views.iter().map(|view| view.tails.len()).sum())
    }
}

/// The keys of an append's streams; most appends have one.
enum Keys {
    One(StreamKey),
    Many(Vec<StreamKey>),
}

impl Keys {
    fn of(work: &Work) -> Self {
        match work {
            Work::Append(batch) => Self::of_batch(batch),
            _ => Self::Many(Vec::new()),
        }
    }

    fn of_batch(batch: &[StreamAppend]) -> Self {
        let key = |part: &StreamAppend| StreamKey::of(part.stream.as_str());
        match batch {
            [part] => Self::One(key(part)),
            parts => Self::Many(parts.iter().map(key).collect()),
        }
    }

    fn as_slice(&self) -> &[StreamKey] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }
}

/// Why the writer woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// There are appends in the parcel.
    Appends,
    /// The disk has nothing to do.
    DiskIsIdle,
    /// Nothing more will come.
    Closed,
}

struct State {
    parcel: Parcel,
    is_closed: bool,
    is_disk_idle: bool,
    /// The writer waits for so many bytes, or for the disk.
    wakes_at: Option<usize>,
}

/// The queue between those who append and the writer.
pub(super) struct Inbox {
    state: Mutex<State>,
    /// As in the state, for a look without the lock.
    is_disk_idle: AtomicBool,
    wake: Condvar,
    /// Bytes that may still be put in.
    room: Semaphore,
    /// The least room an append takes, which bounds their number.
    room_min: usize,
    room_max: usize,
}

impl Inbox {
    /// For so many appends and bytes.
    pub(super) fn new(appends: usize, bytes: usize) -> Self {
        let room_max = bytes.clamp(1, u32::MAX as usize >> 1).max(appends);
        Self {
            state: Mutex::new(State {
                parcel: Parcel::default(),
                is_closed: false,
                is_disk_idle: true,
                wakes_at: None,
            }),
            is_disk_idle: AtomicBool::new(true),
            wake: Condvar::new(),
            room: Semaphore::new(room_max),
            room_min: room_max / appends.max(1),
            room_max,
        }
    }

    /// Puts an append in, of about so many bytes; waits for room. A dropped future put nothing.
    pub(super) async fn put(
        &self,
        work: Work,
        bytes: usize,
    ) -> Result<oneshot::Receiver<Answer>, AppendError> {
        let room = bytes.max(self.room_min).min(self.room_max);
        let room = u32::try_from(room).unwrap_or(u32::MAX);
        let permit = match self.room.try_acquire_many(room) {
            Ok(permit) => permit,
            Err(_) => self.room.acquire_many(room).await.map_err(|_| AppendError::Closed)?,
        };
        let (reply, answer) = oneshot::channel();
        // What can be done without the lock is: the writer waits for it.
        let keys = Keys::of(&work);
        let mut state = self.state();
        if state.is_closed {
            return Err(AppendError::Closed);
        }
        permit.forget();
        let appended = match work {
            Work::Append(batch) => {
                state.parcel.add(&batch, keys.as_slice(), reply, room);
                Some(batch)
            }
            other => {
                state.parcel.add_other(other, reply, room);
                None
            }
        };
        let wakes = state.wakes_at.is_some_and(|bytes| state.parcel.weight() >= bytes);
        if wakes {
            state.wakes_at = None;
        }
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        drop(appended);
        Ok(answer)
    }

    /// Puts in what nobody waits for.
    pub(super) fn post(&self, work: Work) {
        let (reply, _) = oneshot::channel();
        let mut state = self.state();
        if !state.is_closed {
            match work {
                Work::Append(batch) => {
                    state.parcel.add(&batch, Keys::of_batch(&batch).as_slice(), reply, 0);
                }
                other => state.parcel.add_other(other, reply, 0),
            }
            state.wakes_at = None;
            drop(state);
            self.wake.notify_one();
        }
    }

    /// Waits for something to do, and fills the parcel, which is empty by then. With a group in
    /// hand an idle disk is something to do; one who is `blocked` takes no appends.
    pub(super) fn next(&self, parcel: &mut Parcel, has_group: bool, blocked: bool) -> Wake {
        let mut state = self.state();
        loop {
            if has_group && state.is_disk_idle {
                return Wake::DiskIsIdle;
            }
            // While the disk is busy there is no hurry: waking up for every append would cost
            // more than the append.
            let enough = if state.is_disk_idle || state.is_closed { 1 } else { GATHER };
            if !blocked && state.parcel.weight() >= enough {
                parcel.reset();
                std::mem::swap(parcel, &mut state.parcel);
                return Wake::Appends;
            }
            if state.is_closed && state.is_disk_idle && !has_group {
                return Wake::Closed;
            }
            state.wakes_at = Some(if blocked { usize::MAX } else { enough });
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.wakes_at = None;
        }
    }

    /// Whether a look at the disk or the queue would find something for a writer with a group.
    /// The writer asks often, and those who append hold the lock much of the time.
    pub(super) fn is_disk_idle(&self) -> bool {
        self.is_disk_idle.load(Ordering::Acquire)
    }

    /// Waits until the disk has nothing to do.
    pub(super) fn wait_for_disk(&self) {
        let mut state = self.state();
        while !state.is_disk_idle {
            state.wakes_at = Some(usize::MAX);
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.wakes_at = None;
    }

    /// Whether appends wait.
    pub(super) fn has_appends(&self) -> bool {
        !self.state().parcel.is_empty()
    }

    /// Says whether the disk has something to do.
    pub(super) fn set_disk_idle(&self, is_idle: bool) {
        let mut state = self.state();
        state.is_disk_idle = is_idle;
        self.is_disk_idle.store(is_idle, Ordering::Release);
        let wakes = is_idle && state.wakes_at.take().is_some();
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
    }

    /// Gives the room of appends back that left the parcel.
    pub(super) fn free(&self, room: usize) {
        self.room.add_permits(room);
    }

    /// Takes nothing more; what is in it stays for the writer.
    pub(super) fn close(&self) {
        self.room.close();
        let mut state = self.state();
        state.is_closed = true;
        state.wakes_at = None;
        drop(state);
        self.wake.notify_one();
    }

    /// Takes nothing more, and lets go of what is in it: who waits for an answer learns that
    /// none will come.
    pub(super) fn abandon(&self) {
        self.close();
        self.state().parcel.reset();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Request {
    /// The room it takes.
    pub(super) fn room(&self) -> usize {
        self.room as usize
    }
}
