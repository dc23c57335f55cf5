//! Merges neighbouring runs into one, reading each block and chunk once and in order.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::StreamKey;
use super::run::{Block, CHUNK, Entry, Identity, Run};
use super::write::RunWriter;
use crate::event_log::cache_file::IndexError;
use crate::event_log::storage::Storage;

/// The keys of a run in their order.
struct Keys<'a> {
    run: &'a Run,
    /// Number of the next block.
    next: usize,
    block: Option<Block>,
    at: usize,
    head: Option<(u128, Entry)>,
}

/// The positions of one stream in one run, a chunk at a time.
struct Positions<'a> {
    run: &'a Run,
    entry: Entry,
    revision: u64,
    /// Newest first.
    buffer: Vec<u64>,
}

impl<'a> Keys<'a> {
    fn new(run: &'a Run) -> Result<Self, IndexError> {
        let mut keys = Self { run, next: 0, block: None, at: 0, head: None };
        keys.advance()?;
        Ok(keys)
    }

    fn advance(&mut self) -> Result<(), IndexError> {
        if self.block.as_ref().is_none_or(|block| self.at == block.len()) {
            self.at = 0;
            self.block = None;
            if self.next < self.run.blocks() {
                self.block = Some(self.run.block(self.next)?);
                self.next += 1;
            }
        }
        self.head = None;
        if let Some(block) = &self.block {
            let found = block.key(self.at).zip(block.entry(self.at, self.run.identity()));
            self.head = Some(found.ok_or_else(|| self.run.damaged("an entry"))?);
            self.at += 1;
        }
        Ok(())
    }
}

impl Iterator for Positions<'_> {
    type Item = Result<u64, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.buffer.is_empty() && self.revision < self.entry.next_revision() {
            let next = self.revision.saturating_add(CHUNK as u64).min(self.entry.next_revision());
            if let Err(error) =
                self.run.positions(&self.entry, self.revision..next, &mut self.buffer)
            {
                self.revision = self.entry.next_revision();
                return Some(Err(error));
            }
            self.buffer.reverse();
            self.revision = next;
        }
        self.buffer.pop().map(Ok)
    }
}

/// Makes one run of several that follow each other. They stay as they are.
///
/// # Errors
/// What the disk refuses, what fails a check, or [`IndexError::Stopped`].
pub(super) fn merge(
    storage: &dyn Storage,
    runs: &[Arc<Run>],
    stop: &AtomicBool,
) -> Result<Run, IndexError> {
    let none = || IndexError::Damaged { path: String::new(), what: "there is nothing to merge" };
    let first = runs.first().ok_or_else(none)?.identity();
    let last = runs.last().ok_or_else(none)?.identity();
    let identity = Identity { level: first.level.saturating_add(1), start: first.start, ..*last };
    let mut writer = RunWriter::create(storage, identity, stop)?;
    let mut sources =
        runs.iter().map(|run| Keys::new(run)).collect::<Result<Vec<_>, IndexError>>()?;
    while let Some(key) = sources.iter().filter_map(|keys| Some(keys.head.as_ref()?.0)).min() {
        let mut parts: Vec<Positions<'_>> = Vec::new();
        for keys in &mut sources {
            let Some((_, entry)) = keys.head.take_if(|(found, _)| *found == key) else { continue };
            let before = parts.last().map(|part| part.entry.next_revision());
            if before.is_some_and(|before| before != entry.first_revision) {
                return Err(keys.run.damaged("the revisions of a stream have a gap"));
            }
            let revision = entry.first_revision;
            parts.push(Positions { run: keys.run, entry, revision, buffer: Vec::new() });
            keys.advance()?;
        }
        let first_revision = parts.first().map_or(0, |part| part.revision);
        writer.entry(StreamKey(key), first_revision, parts.into_iter().flatten())?;
    }
    writer.finish()
}
