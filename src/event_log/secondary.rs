//! System streams: KurrentDB's `$ce-<category>`, `$et-<type>`, `$streams` and
//! `$category-<category>`, read without being written.
//!
//! In: the durable events, read as anybody reads them. Out: the length of a system stream, and
//! its entries, which are links to events.
//! Invariants: nothing is done before the first such stream is read, and nothing ever by the
//! writer; the files are a cache: what fails a check is made again from the events; an entry has
//! the same revision for ever, whatever becomes of its event.
//! Deliberately absent: resolving links, which is the business of who reads.
//! Memory: the newest events that no file has, [`BLOCK_EVENTS`] or one segment of them, at some
//! 6 bytes each; 8 bytes for every file and stream of the [`TABLES`] that were read last. A log
//! that is open for reading writes nothing, so it holds all blocks that it does not find.

mod block;
mod link;
mod names;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::cache_file::{IndexError, TEMPORARY};
use super::contract::{Direction, ReadError, StreamInfo, StreamRead};
use super::index::Part;
use super::shared::{HeadState, Shared, stretch};
use super::storage::Storage;
use crate::event::{Recorded, StreamName};
use block::{Block, Gathered, block_stretch, remove};
pub use link::LINK_TYPE;
use names::NameKey;
pub(super) use names::is_system_stream;

/// A file is made for at least so many events, up to the end of a segment.
const BLOCK_EVENTS: u64 = 1 << 18;
/// Events entered in one step, between which others have their turn.
const STEP_EVENTS: u64 = 2_048;
/// Bytes of events read in one step, but one event. Units: bytes.
const STEP_BYTES: usize = 1 << 20;
/// After so many events a long build says how far it is.
const PROGRESS_EVENTS: u64 = 1 << 20;
/// System streams whose lengths are remembered block by block.
const TABLES: usize = 256;

/// The index behind system streams.
pub(super) struct SecondaryIndex {
    /// Nothing until it is asked for.
    state: Mutex<Option<State>>,
    block_events: AtomicU64,
}

impl Default for SecondaryIndex {
    fn default() -> Self {
        Self { state: Mutex::new(None), block_events: AtomicU64::new(BLOCK_EVENTS) }
    }
}

struct State {
    /// One behind the other, from position 0.
    blocks: Vec<Block>,
    /// Blocks that begin later, in order: what is between was missing or damaged.
    later: VecDeque<Block>,
    /// Behind the last block.
    gathered: Gathered,
    tables: Vec<Table>,
    /// Where blocks began that could not be read: they are not left to the disk again.
    distrusted: BTreeSet<u64>,
    /// Events entered since the last word on it.
    silent: u64,
}

/// What was asked of a system stream, so that it is not read from every block again.
struct Table {
    key: NameKey,
    /// Entries up to the end of each block.
    ends: Vec<u64>,
}

/// A block that cannot be used.
struct BadBlock(usize, IndexError);

/// What is known of a system stream.
///
/// # Errors
/// See [`ReadError`].
pub(super) async fn info(
    shared: &Arc<Shared>,
    stream: &StreamName,
) -> Result<StreamInfo, ReadError> {
    let key = NameKey::of(stream.as_str());
    let length = look_up(shared, |state| state.length(key)).await?;
    Ok(StreamInfo { last_revision: length.checked_sub(1), ..StreamInfo::default() })
}

/// Reads up to `max` entries of a system stream.
///
/// # Errors
/// See [`ReadError`].
pub(super) async fn read(
    shared: &Arc<Shared>,
    stream: &StreamName,
    from: StreamRead,
    direction: Direction,
    max: usize,
) -> Result<Vec<Recorded>, ReadError> {
    let key = NameKey::of(stream.as_str());
    let from = match from {
        StreamRead::Start => Some(0),
        StreamRead::Revision(revision) => Some(revision),
        StreamRead::End => None,
    };
    let (first, positions) = look_up(shared, |state| {
        let (first, last) = stretch(from, direction, max, 0, state.length(key)?);
        Ok((first, state.positions(key, first..last)?))
    })
    .await?;
    let lowest = positions.first().copied().unwrap_or(u64::MAX);
    let read = move |shared: &Shared| shared.read(&positions, Direction::Forwards);
    let events = shared.ask(lowest, read).await?;
    let entry = |(revision, event): (u64, &Recorded)| link::entry(stream, revision, event);
    let mut entries: Vec<_> = (first..).zip(&events).map(entry).collect();
    if direction == Direction::Backwards {
        entries.reverse();
    }
    Ok(entries)
}

/// Asks the index once it has everything that is durable now. In steps, so that a long build
/// does not hold up the other tasks of a thread; whoever waits does steps.
async fn look_up<T>(
    shared: &Arc<Shared>,
    mut question: impl FnMut(&mut State) -> Result<T, BadBlock>,
) -> Result<T, ReadError> {
    let end = shared.end();
    loop {
        let next = shared.secondary.next();
        if shared.ask(next, move |shared| shared.secondary.step(shared, end)).await? {
            let mut state = shared.secondary.lock();
            if let Some(state) = state.as_mut().filter(|state| state.gathered.next() >= end) {
                match question(state) {
                    Ok(answer) => return Ok(answer),
                    Err(bad) => state.distrust(bad, shared),
                }
            }
        }
        tokio::task::yield_now().await;
    }
}

impl SecondaryIndex {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<State>> {
        // A panic between two events leaves what was entered before it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position it goes on at.
    fn next(&self) -> u64 {
        self.lock().as_ref().map_or(0, |state| state.gathered.next())
    }

    /// Enters some events; true where it has all before position `end`.
    fn step(&self, shared: &Shared, end: u64) -> Result<bool, ReadError> {
        let mut state = self.lock();
        let state = state.get_or_insert_with(|| State::open(shared));
        state.close_block(shared, self.block_events.load(Ordering::Relaxed));
        state.adopt();
        let next = state.gathered.next();
        if next >= end {
            return Ok(true);
        }
        let stop =
            end.min(part_end(shared, next)).min(state.later.front().map_or(end, Block::start));
        let max = usize::try_from((stop - next).min(STEP_EVENTS)).unwrap_or(usize::MAX);
        let events = shared.read_on(next, max, STEP_BYTES)?;
        assert!(!events.is_empty(), "a position of the log has an event");
        for event in &events {
            state.gathered.enter(event);
        }
        state.tell(events.len() as u64, end);
        Ok(state.gathered.next() >= end)
    }

    /// Makes files of fewer events.
    #[cfg(test)]
    pub(super) fn set_block_events(&self, events: u64) {
        self.block_events.store(events, Ordering::Relaxed);
    }

    /// Blocks, and how many of them are held in memory.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> (usize, usize) {
        let state = self.lock();
        let blocks = state.as_ref().map(|state| state.blocks.as_slice()).unwrap_or_default();
        (blocks.len(), blocks.iter().filter(|block| block.is_held()).count())
    }
}

impl State {
    /// Takes the files that are there and belong to this log.
    fn open(shared: &Shared) -> Self {
        let mut later = VecDeque::new();
        if let Some(caches) = shared.parts.caches.get() {
            let mut end = 0;
            for stretch in stretches(&**caches, writes(shared)) {
                let found = Block::open(caches, &stretch).ok().filter(|(_, last)| {
                    stretch.start >= end
                        && shared.index().last_hash(stretch.end).as_ref() == Some(last)
                });
                match found {
                    Some((block, _)) => {
                        end = stretch.end;
                        later.push_back(block);
                    }
                    None if writes(shared) => remove(&**caches, &stretch),
                    None => {}
                }
            }
        }
        Self {
            blocks: Vec::new(),
            later,
            gathered: Gathered::new(0),
            tables: Vec::new(),
            distrusted: BTreeSet::new(),
            silent: 0,
        }
    }

    /// Goes on behind the blocks that follow. One that does not fit in is forgotten.
    fn adopt(&mut self) {
        let is_here = |state: &Self| {
            state.later.front().is_some_and(|block| block.start() <= state.gathered.next())
        };
        while is_here(self)
            && let Some(block) = self.later.pop_front()
        {
            let at = block.start();
            if at == self.gathered.start() && at == self.gathered.next() {
                self.gathered = Gathered::new(block.end());
                self.blocks.push(block);
            }
        }
    }

    /// Makes a block of what was gathered, if that is enough and ends where a finished segment
    /// does.
    fn close_block(&mut self, shared: &Shared, block_events: u64) {
        let (start, next) = (self.gathered.start(), self.gathered.next());
        let is_due = next - start >= block_events
            || self.later.front().is_some_and(|block| block.start() == next);
        let is_durable = !writes(shared) || next <= shared.finished.load(Ordering::Acquire);
        if start == next || !is_due || !is_durable {
            return;
        }
        // None where no segment ends there.
        let Some(last) = shared.index().last_hash(next) else { return };
        let Ok(bytes) = self.gathered.encode(&last) else { return };
        let caches = shared.parts.caches.get().filter(|_| writes(shared));
        let written = caches.and_then(|caches| {
            let written = Block::write(caches, &bytes);
            written.inspect_err(|error| tracing::warn!(%error, "it stays in memory for now")).ok()
        });
        let written = written.filter(|_| !self.distrusted.contains(&start));
        let Some(block) = written.or_else(|| Block::held(bytes)) else { return };
        self.blocks.push(block);
        self.gathered = Gathered::new(next);
    }

    /// Throws a block away, to be made again.
    fn distrust(&mut self, BadBlock(number, error): BadBlock, shared: &Shared) {
        tracing::warn!(%error, "this part of the secondary index is made again");
        let mut later = self.blocks.split_off(number.min(self.blocks.len())).into_iter();
        if let Some(bad) = later.next() {
            self.distrusted.insert(bad.start());
            self.gathered = Gathered::new(bad.start());
            if writes(shared) {
                bad.remove();
            }
        }
        for block in later.rev() {
            self.later.push_front(block);
        }
        self.tables.clear();
    }

    fn length(&mut self, key: NameKey) -> Result<u64, BadBlock> {
        let in_blocks = self.table(key)?.last().copied().unwrap_or(0);
        Ok(in_blocks + self.gathered.count(key))
    }

    /// The positions of entries that are there.
    fn positions(&mut self, key: NameKey, entries: Range<u64>) -> Result<Vec<u64>, BadBlock> {
        let ends = self.table(key)?.to_vec();
        let mut positions = Vec::new();
        let mut first = 0;
        for (number, (end, block)) in ends.iter().zip(&self.blocks).enumerate() {
            let mine = entries.start.max(first)..entries.end.min(*end);
            if !mine.is_empty() {
                block
                    .positions(key, mine.start - first..mine.end - first, &mut positions)
                    .map_err(|error| BadBlock(number, error))?;
            }
            first = *end;
        }
        let mine = entries.start.max(first)..entries.end;
        if !mine.is_empty() {
            self.gathered.positions(key, mine.start - first..mine.end - first, &mut positions);
        }
        Ok(positions)
    }

    /// How many entries a system stream has up to the end of each block.
    fn table(&mut self, key: NameKey) -> Result<&[u64], BadBlock> {
        let known = self.tables.iter().position(|table| table.key == key);
        let mut table = match known {
            Some(number) => self.tables.remove(number),
            None => Table { key, ends: Vec::new() },
        };
        for (number, block) in self.blocks.iter().enumerate().skip(table.ends.len()) {
            let count = block.count(key).map_err(|error| BadBlock(number, error))?;
            table.ends.push(table.ends.last().copied().unwrap_or(0) + count);
        }
        if self.tables.len() >= TABLES {
            self.tables.remove(0);
        }
        self.tables.push(table);
        Ok(self.tables.last().map(|table| table.ends.as_slice()).unwrap_or_default())
    }

    /// Says how far a long build is.
    fn tell(&mut self, entered: u64, end: u64) {
        self.silent += entered;
        if self.silent >= PROGRESS_EVENTS {
            self.silent = 0;
            let events = self.gathered.next();
            tracing::info!(events, of = end, "the index behind system streams is being made");
        }
    }
}

/// Whether files of the index are written here: the folder is held against other processes.
fn writes(shared: &Shared) -> bool {
    shared.follower.get().is_none() && matches!(shared.head.borrow().state, HeadState::Open)
}

/// Where the part ends that a position is in; the last one has no end.
fn part_end(shared: &Shared, position: u64) -> u64 {
    let index = shared.index();
    let next = index.part_at(position).and_then(|number| index.parts.get(number + 1));
    next.map_or(u64::MAX, Part::base)
}

/// The stretches that have files, in order. Where `clean` is set, half files are removed.
fn stretches(caches: &dyn Storage, clean: bool) -> Vec<Range<u64>> {
    // What cannot be listed is made again.
    let names = caches.list().unwrap_or_default();
    if clean {
        let half = |name: &&String| {
            name.strip_suffix(TEMPORARY).is_some_and(|name| block_stretch(name).is_some())
        };
        for name in names.iter().filter(half) {
            drop(caches.remove(name));
        }
    }
    let mut found: Vec<_> = names.iter().filter_map(|name| block_stretch(name)).collect();
    found.sort_unstable_by_key(|stretch| (stretch.start, stretch.end));
    found
}
