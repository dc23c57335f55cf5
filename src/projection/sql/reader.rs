//! The log as the fold reads it.

use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, Stream, TryStreamExt as _};
use tokio::task::JoinHandle;

use super::Error;
use crate::base::Timestamp;
use crate::event::{Event, Recorded};
use crate::event_log::{AllRead, Direction, EmbeddedLog, EventLog, ReadError};
use crate::projection::tables::Tables;

/// Events of one read.
const PAGE: usize = 2_048;
/// Pages that are decoded ahead of the one that is taken in.
const AHEAD: usize = 4;

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
        also: impl FnMut(&Recorded),
    ) -> Result<(), Error> {
        self.advance_by_pages(tables, until, also, |_| Ok(())).await
    }

    /// The same, with a look at the tables after each page.
    pub(super) async fn advance_by_pages(
        &self,
        tables: &mut Tables,
        until: Option<u64>,
        mut also: impl FnMut(&Recorded),
        mut after: impl FnMut(&mut Tables) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(end) = self.end(until) else { return Ok(()) };
        // Read, decoded and taken in at the same time, each a page further than the next.
        let decoded = self.pages(tables.next(), end).map_ok(|page| async move {
            let work = move || {
                let decoded = page.into_iter().map(|recorded| {
                    let event = (!recorded.is_system()).then(|| recorded.event().ok()).flatten();
                    (recorded, event)
                });
                decoded.collect::<Vec<(Recorded, Option<Event>)>>()
            };
            done(tokio::task::spawn_blocking(work).await)
        });
        let mut decoded = std::pin::pin!(decoded.try_buffered(AHEAD));
        while let Some(page) = decoded.try_next().await? {
            for (recorded, event) in &page {
                #[cfg(test)]
                self.given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tables.take(recorded, event.as_ref());
                also(recorded);
            }
            after(tables)?;
        }
        Ok(())
    }

    /// Shows every event from one position to another (or the head).
    pub(crate) async fn each(
        &self,
        next: u64,
        until: Option<u64>,
        mut take: impl FnMut(&Recorded),
    ) -> Result<(), Error> {
        let Some(end) = self.end(until) else { return Ok(()) };
        let mut pages = std::pin::pin!(self.pages(next, end));
        while let Some(page) = pages.try_next().await? {
            page.iter().for_each(|recorded| {
                #[cfg(test)]
                self.given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                take(recorded);
            });
        }
        Ok(())
    }

    /// The last position to be read; nothing where the log is empty.
    fn end(&self, until: Option<u64>) -> Option<u64> {
        let head = self.log.head()?;
        Some(until.unwrap_or(head).min(head))
    }

    /// Pages of events from one position to another; each is read while the one before it is
    /// worked on.
    fn pages(&self, next: u64, end: u64) -> impl Stream<Item = Result<Vec<Recorded>, Error>> {
        let read = |next: u64| {
            let log = self.log.clone();
            tokio::spawn(async move {
                log.read_all(AllRead::Position(next), Direction::Forwards, PAGE).await
            })
        };
        let first: Option<Page> = (next <= end).then(|| read(next));
        stream::try_unfold(first, move |page| async move {
            let Some(page) = page else { return Ok(None) };
            let mut page = done(page.await)??;
            let Some(last) = page.last().map(|recorded| recorded.position) else { return Ok(None) };
            let next = last.saturating_add(1);
            page.retain(|recorded| recorded.position <= end);
            Ok(Some((page, (next <= end).then(|| read(next)))))
        })
    }
}

/// A page that is being read.
type Page = JoinHandle<Result<Vec<Recorded>, ReadError>>;

/// What a task came to. One that failed is our own mistake, and goes on here; one that was given
/// up is the end of the program.
fn done<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T, Error> {
    joined.map_err(|failed| match failed.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::Ended,
    })
}
