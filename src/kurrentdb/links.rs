//! Links: events that point at others by `<revision>@<stream>`, whoever wrote them.
//!
//! In: a page of events as a stream or the log has them. Out: the same with what each link
//! points at, as a read of that stream gives it.
//! Invariants: nothing is left out: a link whose event is deleted, hidden or never was comes
//! alone; one step is taken, so that a link to a link is not followed further.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Recorded, StreamName};
use crate::event_log::{Direction, EventLog, LINK_TYPE, ReadError, StreamRead};

/// An event as a reader gets it.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kurrentdb) struct Resolved {
    /// The event, or what the link points at; nothing where that cannot be read.
    pub(in crate::kurrentdb) event: Option<Recorded>,
    /// The link that led to it.
    pub(in crate::kurrentdb) link: Option<Recorded>,
}

impl Resolved {
    /// An event as it stands in the log.
    pub(in crate::kurrentdb) fn plain(event: Recorded) -> Self {
        Self { event: Some(event), link: None }
    }

    /// What was read: the link, or the event where there is none.
    pub(in crate::kurrentdb) fn original(&self) -> Option<&Recorded> {
        self.link.as_ref().or(self.event.as_ref())
    }
}

/// Units: bytes of data and metadata of events, and of the links that led to them.
pub(in crate::kurrentdb) fn bytes(found: &[Resolved]) -> usize {
    let events = found.iter().flat_map(|found| found.event.iter().chain(&found.link));
    events.map(|event| event.data.len() + event.metadata.len()).sum()
}

/// The revision and the stream that an event points at, if it is a link.
pub(in crate::kurrentdb) fn target(event: &Recorded) -> Option<(u64, StreamName)> {
    if event.event_type != LINK_TYPE {
        return None;
    }
    let (revision, stream) = std::str::from_utf8(&event.data).ok()?.split_once('@')?;
    Some((revision.parse().ok()?, StreamName::new(stream).ok()?))
}

/// Gives each link with what it points at, where `wanted`. Links to revisions that follow each
/// other are looked up together.
///
/// # Errors
/// See [`ReadError`].
pub(in crate::kurrentdb) async fn resolve(
    log: &dyn EventLog,
    events: Vec<Recorded>,
    wanted: bool,
) -> Result<Vec<Resolved>, ReadError> {
    if !wanted {
        return Ok(events.into_iter().map(Resolved::plain).collect());
    }
    let mut targets: BTreeMap<StreamName, BTreeSet<u64>> = BTreeMap::new();
    for (revision, stream) in events.iter().filter_map(target) {
        targets.entry(stream).or_default().insert(revision);
    }
    let mut found = BTreeMap::new();
    for (stream, revisions) in &targets {
        let mut rest = revisions.iter().copied().peekable();
        while let Some(first) = rest.next() {
            let mut last = first;
            while let Some(next) = rest.next_if(|next| Some(*next) == last.checked_add(1)) {
                last = next;
            }
            let max = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
            let from = StreamRead::Revision(first);
            // What is hidden is passed over, so that later events may come in its place.
            for event in log.read_stream(stream, from, Direction::Forwards, max).await? {
                if (first..=last).contains(&event.revision) {
                    found.insert((event.revision, stream), event);
                }
            }
        }
    }
    let resolved = |event: Recorded| match target(&event) {
        Some((revision, stream)) => {
            Resolved { event: found.get(&(revision, &stream)).cloned(), link: Some(event) }
        }
        None if event.event_type == LINK_TYPE => Resolved { event: None, link: Some(event) },
        None => Resolved::plain(event),
    };
    Ok(events.into_iter().map(resolved).collect())
}
