//! Where the events of a group come from: a stream, or all streams with a filter.

use std::sync::Arc;

use super::config::ALL;
use super::consumers::BUCKETS;
use super::group::{Arrived, Entry};
use super::records::{Names, is_own};
use super::settings::{Settings, Strategy};
use crate::event::{Recorded, StreamName};
use crate::event_log::{AllRead, Direction, EventLog, ReadError, StreamRead};
use crate::kurrentdb::filter::EventFilter;
use crate::kurrentdb::links;

/// An event on its way to a consumer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Given {
    /// The event, or what the link points at.
    pub(super) event: Recorded,
    /// The link that led to it.
    pub(super) link: Option<Recorded>,
}

/// What was read: entries by place, and whether there is nothing further.
pub(super) type Page = (Vec<(u64, Entry<Arc<Given>>)>, bool);
/// Parked events by revision, without those whose event is gone; nothing at the end.
pub(super) type ParkedPage = Option<Vec<(u64, Option<Arrived<Arc<Given>>>)>>;

/// Where events come from.
#[derive(Debug)]
pub(super) enum Source {
    Stream(StreamName),
    All(Option<EventFilter>),
}

impl Source {
    /// The name that clients use.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Stream(stream) => stream.as_str(),
            Self::All(_) => ALL,
        }
    }

    /// One more than the last place there is.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub(super) async fn end(&self, log: &dyn EventLog) -> Result<u64, ReadError> {
        let last = match self {
            Self::Stream(stream) => log.stream(stream).await?.last_revision,
            Self::All(_) => log.head(),
        };
        Ok(last.map_or(0, |last| last.saturating_add(1)))
    }

    /// Reads events from a place on.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub(super) async fn read(
        &self,
        log: &dyn EventLog,
        settings: &Settings,
        from: u64,
        max: usize,
    ) -> Result<Page, ReadError> {
        let end = self.end(log).await?;
        let events = match self {
            Self::Stream(stream) => {
                log.read_stream(stream, StreamRead::Revision(from), Direction::Forwards, max)
                    .await?
            }
            Self::All(_) => log.read_all(AllRead::Position(from), Direction::Forwards, max).await?,
        };
        let last = events.last().map(|event| self.place(event));
        let mut entries = Vec::with_capacity(events.len());
        for event in events {
            let place = self.place(&event);
            entries.push((place, self.entry(log, settings, event).await?));
        }
        Ok((entries, last.is_none_or(|last| last.saturating_add(1) >= end)))
    }

    fn place(&self, event: &Recorded) -> u64 {
        match self {
            Self::Stream(_) => event.revision,
            Self::All(_) => event.position,
        }
    }

    async fn entry(
        &self,
        log: &dyn EventLog,
        settings: &Settings,
        event: Recorded,
    ) -> Result<Entry<Arc<Given>>, ReadError> {
        if let Self::All(filter) = self {
            if is_own(event.stream.as_str()) {
                return Ok(Entry::Own);
            }
            // An expression that takes too long leaves nothing out: rather one too many.
            let is_wanted = filter.as_ref().is_none_or(|filter| {
                filter.wants(&event).unwrap_or_else(|error| {
                    tracing::warn!(%error, "a filter is not decided, the event is given");
                    true
                })
            });
            if !is_wanted {
                return Ok(Entry::Passed);
            }
        }
        let given = resolve(log, event, settings.resolve_links).await?;
        Ok(match given {
            Some(given) => Entry::Wanted(arrived(given, settings.strategy)),
            None => Entry::Passed,
        })
    }
}

/// Reads parked events from a revision on, with what they point at.
///
/// # Errors
/// See [`ReadError`].
pub(super) async fn read_parked(
    log: &dyn EventLog,
    names: &Names,
    strategy: Strategy,
    from: u64,
    max: usize,
) -> Result<ParkedPage, ReadError> {
    let from = StreamRead::Revision(from);
    let links = log.read_stream(&names.parked, from, Direction::Forwards, max).await?;
    if links.is_empty() {
        return Ok(None);
    }
    let mut page = Vec::with_capacity(links.len());
    for link in links {
        let revision = link.revision;
        let given = resolve(log, link, true).await?;
        page.push((revision, given.map(|given| arrived(given, strategy))));
    }
    Ok(Some(page))
}

/// What an event points at, if it is a link; nothing where that is gone.
async fn resolve(
    log: &dyn EventLog,
    event: Recorded,
    wanted: bool,
) -> Result<Option<Given>, ReadError> {
    let found = links::resolve(log, vec![event], wanted).await?.pop();
    Ok(found.and_then(|found| Some(Given { event: found.event?, link: found.link })))
}

fn arrived(given: Given, strategy: Strategy) -> Arrived<Arc<Given>> {
    let id = given.link.as_ref().unwrap_or(&given.event).event_id.0;
    let name = pin(&given.event, strategy);
    let bucket = crc32c::crc32c(name.as_bytes()) as usize % BUCKETS;
    Arrived { id, bucket: u16::try_from(bucket).unwrap_or(0), event: Arc::new(given) }
}

/// What an event is pinned by.
fn pin(event: &Recorded, strategy: Strategy) -> String {
    if strategy == Strategy::PinnedByCorrelation {
        if let Some(id) = event.correlation_id {
            return id.to_string();
        }
        let metadata = serde_json::from_slice::<serde_json::Value>(&event.metadata).ok();
        let id = metadata.as_ref().and_then(|metadata| metadata.get("$correlationId")?.as_str());
        if let Some(id) = id {
            return id.to_owned();
        }
    }
    match links::target(event) {
        Some((_, stream)) => stream.as_str().to_owned(),
        None => event.stream.as_str().to_owned(),
    }
}
