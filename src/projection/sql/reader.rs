//! The log as the fold reads it.

use std::path::Path;
use std::sync::Arc;

use super::Error;
use crate::base::Timestamp;
use crate::event::Recorded;
use crate::event_log::{AllRead, Direction, EmbeddedLog, EventLog};
use crate::projection::tables::Tables;

/// Events of one read.
const PAGE: usize = 2_048;

/// A log that is read while another process may write it.
pub struct LogReader {
    log: Arc<dyn EventLog>,
    /// Events that were given, for tests of what is not folded again.
    #[cfg(test)]
    given: std::sync::atomic::AtomicU64,
}

impl LogReader {
    /// Reads any log.
    pub fn over(log: Arc<dyn EventLog>) -> Self {
        Self {
            log,
            #[cfg(test)]
            given: Default::default(),
        }
    }

    /// How many events were given so far.
    #[cfg(test)]
    pub(crate) fn given(&self) -> u64 {
        self.given.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Opens the embedded log below a data folder for reading.
    ///
    /// # Errors
    /// Where there is none, or it cannot be opened.
    pub fn open(data_dir: &Path) -> Result<Self, Error> {
        let folder = data_dir.join("log");
        if !folder.is_dir() {
            return Err(Error::NoLog(folder));
        }
        let (log, _) = EmbeddedLog::open_read_only(&folder)?;
        Ok(Self::over(Arc::new(log)))
    }

    /// Looks for what was written since; gives the head.
    pub(crate) async fn look(&self) -> Result<Option<u64>, Error> {
        Ok(self.log.look().await?)
    }

    /// The last position that was recorded by a time; nothing where all came later. Time of
    /// recording never goes backwards.
    pub(crate) async fn last_by(&self, time: Timestamp, head: u64) -> Result<Option<u64>, Error> {
        let (mut first, mut end) = (0, head + 1);
        while first < end {
            let middle = first + (end - first) / 2;
            let from = AllRead::Position(middle);
            let page = self.log.read_all(from, Direction::Forwards, 1).await?;
            let is_by_then = page.first().is_some_and(|event| event.recorded_at <= time);
            if is_by_then {
                first = middle + 1;
            } else {
                end = middle;
            }
        }
        Ok(first.checked_sub(1))
    }

    /// Whether these tables were made of this log.
    pub(crate) async fn has_made(&self, tables: &Tables) -> Result<bool, Error> {
        let Some(position) = tables.position() else { return Ok(true) };
        let page = self.log.read_all(AllRead::Position(position), Direction::Forwards, 1).await?;
        let event_id = page.first().map(|event| event.event_id.to_string());
        Ok(event_id.as_deref() == tables.event_id(position))
    }

    /// Takes every fact up to a position (or the head) into the tables, and shows each to
    /// somebody else too.
    pub(crate) async fn advance(
        &self,
        tables: &mut Tables,
        until: Option<u64>,
        mut also: impl FnMut(&Recorded),
    ) -> Result<(), Error> {
        let next = tables.next();
        let take = |recorded: &Recorded| {
            tables.apply(recorded);
            also(recorded);
        };
        self.each(next, until, take).await
    }

    /// Shows every event from one position to another (or the head).
    pub(crate) async fn each(
        &self,
        mut next: u64,
        until: Option<u64>,
        mut take: impl FnMut(&Recorded),
    ) -> Result<(), Error> {
        let Some(head) = self.log.head() else { return Ok(()) };
        let end = until.unwrap_or(head).min(head);
        while next <= end {
            let page =
                self.log.read_all(AllRead::Position(next), Direction::Forwards, PAGE).await?;
            let Some(last) = page.last().map(|recorded| recorded.position) else { break };
            let wanted = page.iter().filter(|recorded| recorded.position <= end);
            wanted.for_each(|recorded| {
                #[cfg(test)]
                self.given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                take(recorded);
            });
            next = last.saturating_add(1);
        }
        Ok(())
    }
}
