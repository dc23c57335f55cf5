//! Reads of all streams, from places that the server knows.
//!
//! A server reads from positions where an event stands and refuses others. Ends of pages are such
//! positions and are remembered; a read from anywhere else begins at the nearest one and leaves
//! out what comes before its start.

use std::sync::PoisonError;

use eventstore::{Position, ReadAllOptions, StreamPosition};

use super::wire::recorded_of;
use super::{KurrentLog, position};
use crate::event::Recorded;
use crate::event_log::{Direction, ReadError};

/// Positions of page ends that are remembered, so that a read goes on without a search.
const ANCHORS: usize = 1_024;
/// Events that are read at once on the way to a position that is not known.
const SKIP: usize = 4_096;
impl KurrentLog {
    /// The nearest position at or before one where an event is known to stand.
    pub(super) fn anchor_before(&self, position: u64) -> Option<u64> {
        let anchors = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        anchors.range(..=position).next_back().copied()
    }

    /// The nearest position after one where an event is known to stand.
    pub(super) fn anchor_after(&self, position: u64) -> Option<u64> {
        let anchors = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        anchors.range(position.checked_add(1)?..).next().copied()
    }

    fn remember(&self, position: u64) {
        let mut anchors = self.anchors.lock().unwrap_or_else(PoisonError::into_inner);
        anchors.insert(position);
        while anchors.len() > ANCHORS {
            anchors.pop_first();
        }
    }

    /// Pages from a place that the server knows, without what lies before the start.
    pub(super) async fn page_from(
        &self,
        start: StreamPosition<Position>,
        direction: Direction,
        max: usize,
        is_wanted: impl Fn(&Recorded) -> bool,
    ) -> Result<Vec<Recorded>, ReadError> {
        let mut start = start;
        let mut page = Vec::new();
        let mut last: Option<u64> = None;
        loop {
            let count = max.saturating_sub(page.len()).saturating_add(1).max(2);
            // What is left out is not known beforehand; a short way is gone in one step.
            let count = if page.is_empty() { count.max(SKIP.min(max.max(64))) } else { count };
            let read = self.read_from(start, direction, count).await?;
            let is_end = read.seen < count;
            for recorded in read.events {
                let is_new = last.is_none_or(|last| match direction {
                    Direction::Forwards => recorded.position > last,
                    Direction::Backwards => recorded.position < last,
                });
                if is_new && is_wanted(&recorded) && page.len() < max {
                    last = Some(recorded.position);
                    page.push(recorded);
                }
            }
            let Some(end) = read.end else { break };
            self.remember(end);
            if is_end || page.len() >= max {
                break;
            }
            start = StreamPosition::Position(position(end));
        }
        if let Some(last) = page.last() {
            self.remember(last.position);
        }
        Ok(page)
    }

    async fn read_from(
        &self,
        start: StreamPosition<Position>,
        direction: Direction,
        count: usize,
    ) -> Result<Page, ReadError> {
        let options = ReadAllOptions::default().position(start).max_count(count);
        let options = match direction {
            Direction::Forwards => options.forwards(),
            Direction::Backwards => options.backwards(),
        };
        let options = self.connection.signed(options, ReadAllOptions::authenticated);
        let read = self.connection.ask(async |client| {
            let mut stream = client.read_all(&options).await?;
            let mut page = Page::default();
            while let Some(event) = stream.next().await? {
                page.seen += 1;
                let event = event.get_original_event();
                page.end = Some(event.position.commit);
                page.events.extend(recorded_of(event));
            }
            Ok(page)
        });
        let page = read.await.map_err(|refusal| self.connection.unreadable(&refusal))?;
        self.connection.saw(page.events.iter().map(|event| event.position).max());
        Ok(page)
    }
}

/// One answer of the server to a read of all streams.
#[derive(Default)]
struct Page {
    events: Vec<Recorded>,
    /// Events that came, those that have no place here included.
    seen: usize,
    /// The position of the last of them.
    end: Option<u64>,
}
