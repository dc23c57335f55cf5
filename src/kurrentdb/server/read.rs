//! Read: a number of events, forwards or backwards, of one stream or all; or a subscription.
//!
//! Invariant: a reader holds at most one page of events, and the next page is read only when the
//! connection has taken this one.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::stream::BoxStream;
use tonic::{Response, Status};

use super::{Front, follow, request, status};
use crate::access::Caller;
use crate::event::{Recorded, StreamName};
use crate::event_log::{AllRead, Direction, StreamRead};
use crate::kurrentdb::codec::{self, UuidForm};
use crate::kurrentdb::filter::{EventFilter, FilterError};
use crate::kurrentdb::links;
use crate::kurrentdb::messages::streams::read_req::{
    AllOption, BACKWARDS, CountOption, FilterOption, Options, RevisionOption, StreamOption,
};
use crate::kurrentdb::messages::streams::read_resp::{Content, StreamNotFound};
use crate::kurrentdb::messages::streams::{ReadReq, ReadResp};
use crate::kurrentdb::messages::{Empty, StreamIdentifier};

/// Events of the first page, and of any page of long events.
const PAGE_MIN: usize = 16;
/// Events of a page of short events.
const PAGE_MAX: usize = 512;
/// Pages grow while they are shorter than this. Units: bytes.
const PAGE_BYTES: usize = 256 << 10;

/// What a read gives.
pub(in crate::kurrentdb) type Answers = BoxStream<'static, Result<ReadResp, Status>>;

/// How many events to read at once, so that long events do not fill the memory.
#[derive(Clone, Copy, Debug)]
pub(in crate::kurrentdb) struct PageSize(usize);

impl Default for PageSize {
    fn default() -> Self {
        Self(PAGE_MIN)
    }
}

impl PageSize {
    /// Events to read next.
    pub(in crate::kurrentdb) fn events(self) -> usize {
        self.0
    }

    /// Learns from the bytes of a page, those included that its links point at.
    pub(in crate::kurrentdb) fn learn(&mut self, bytes: usize) {
        if bytes > PAGE_BYTES {
            self.0 = PAGE_MIN;
        } else if bytes * 2 <= PAGE_BYTES {
            self.0 = (self.0 * 2).min(PAGE_MAX);
        }
    }
}

/// Serves `Read`.
pub(super) async fn read(
    front: Arc<Front>,
    _caller: Caller,
    message: ReadReq,
) -> Result<Response<Answers>, Status> {
    let options = message.options.ok_or_else(|| Status::invalid_argument("no read options"))?;
    let direction = match options.read_direction {
        BACKWARDS => Direction::Backwards,
        _ => Direction::Forwards,
    };
    let filter = match &options.filter_option {
        Some(FilterOption::Filter(filter)) => {
            Some(EventFilter::of(filter).map_err(|error| bad_filter(&error))?)
        }
        _ => None,
    };
    let form = UuidForm::of(options.uuid_option.as_ref());
    let count = match options.count_option {
        Some(CountOption::Count(count)) => count,
        Some(CountOption::Subscription(_)) if direction == Direction::Forwards => {
            return follow::follow(front, &options, filter, form).await;
        }
        Some(CountOption::Subscription(_)) => {
            return Err(Status::invalid_argument("a subscription goes forwards"));
        }
        None => return Err(Status::invalid_argument("neither a count nor a subscription")),
    };
    let is_at_start = |place: &Cursor| matches!(place, Cursor::Nowhere);
    let cursor = match &options.stream_option {
        Some(StreamOption::Stream(stream)) => {
            if filter.is_some() {
                return Err(Status::invalid_argument("a filter is for reads of all streams"));
            }
            let name = request::stream(stream.stream_identifier.as_ref())?;
            match stream_cursor(&front, name, stream.revision_option, direction).await? {
                Some(cursor) => cursor,
                None => return Ok(not_found(stream.stream_identifier.clone())),
            }
        }
        Some(StreamOption::All(all)) => all_cursor(all.all_option, direction),
        None => return Err(Status::invalid_argument("neither a stream nor all")),
    };
    let last = last_position(&options, &cursor, direction);
    let mut reader = Reader {
        front,
        cursor,
        direction,
        filter,
        form,
        resolves: options.resolve_links,
        left: count,
        page: PageSize::default(),
        queue: VecDeque::new(),
        last,
    };
    if is_at_start(&reader.cursor) {
        reader.left = 0;
    }
    Ok(Response::new(reader.stream()))
}

/// A filter cannot be used.
pub(in crate::kurrentdb) fn bad_filter(error: &FilterError) -> Status {
    Status::invalid_argument(error.to_string())
}

/// The answer for a stream that is not there.
fn not_found(identifier: Option<StreamIdentifier>) -> Response<Answers> {
    let content = Content::StreamNotFound(StreamNotFound { stream_identifier: identifier });
    Response::new(Box::pin(futures::stream::iter([Ok(response(content))])))
}

/// One thing that a read gives.
pub(in crate::kurrentdb) fn response(content: Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

/// Where a read goes on.
enum Cursor {
    Stream {
        name: StreamName,
        from: StreamRead,
        last: Option<u64>,
    },
    All(AllRead),
    /// There is nothing in this direction.
    Nowhere,
}

/// Where a read of a stream begins; nothing where there is no such stream.
async fn stream_cursor(
    front: &Front,
    name: StreamName,
    from: Option<RevisionOption>,
    direction: Direction,
) -> Result<Option<Cursor>, Status> {
    let info = front.log.stream(&name).await.map_err(|error| status::read_failed(&error))?;
    if info.is_tombstoned {
        return Err(status::stream_deleted(&name));
    }
    if !info.exists() {
        return Ok(None);
    }
    let from = match (from, direction) {
        (Some(RevisionOption::Start(Empty {})) | None, _) => StreamRead::Start,
        (Some(RevisionOption::Revision(u64::MAX) | RevisionOption::End(_)), _) => StreamRead::End,
        // Behind the end there is nothing forwards; backwards the end comes first.
        (Some(RevisionOption::Revision(revision)), Direction::Backwards)
            if Some(revision) > info.last_revision =>
        {
            StreamRead::End
        }
        (Some(RevisionOption::Revision(revision)), _) => StreamRead::Revision(revision),
    };
    Ok(Some(Cursor::Stream { name, from, last: info.last_revision }))
}

/// Where a read of all streams begins. Backwards, an event at the position itself is not given:
/// positions stand between events, and this one stands before it.
fn all_cursor(from: Option<AllOption>, direction: Direction) -> Cursor {
    match (from, direction) {
        (Some(AllOption::Start(_)) | None, Direction::Forwards) => Cursor::All(AllRead::Start),
        (Some(AllOption::Start(_)) | None, Direction::Backwards) => Cursor::Nowhere,
        (Some(AllOption::End(_)), _) => Cursor::All(AllRead::End),
        (Some(AllOption::Position(at)), Direction::Forwards) => {
            Cursor::All(AllRead::Position(at.commit_position))
        }
        (Some(AllOption::Position(at)), Direction::Backwards) => match at.commit_position {
            u64::MAX => Cursor::All(AllRead::End),
            0 => Cursor::Nowhere,
            position => Cursor::All(AllRead::Position(position - 1)),
        },
    }
}

/// The last revision of the stream, for clients that want to be told at the end.
fn last_position(options: &Options, cursor: &Cursor, direction: Direction) -> Option<u64> {
    let is_told = options.control_option.is_some_and(|control| control.compatibility >= 1);
    match cursor {
        Cursor::Stream { last, .. } if is_told && direction == Direction::Forwards => *last,
        _ => None,
    }
}

struct Reader {
    front: Arc<Front>,
    cursor: Cursor,
    direction: Direction,
    filter: Option<EventFilter>,
    form: UuidForm,
    /// Links come with what they point at.
    resolves: bool,
    /// Events that may still be given.
    left: u64,
    page: PageSize,
    queue: VecDeque<ReadResp>,
    last: Option<u64>,
}

impl Reader {
    fn stream(self) -> Answers {
        Box::pin(futures::stream::try_unfold(self, |mut reader| async move {
            loop {
                if let Some(answer) = reader.queue.pop_front() {
                    return Ok(Some((answer, reader)));
                }
                if !reader.fill().await? {
                    return Ok(None);
                }
                // A filter may pass over a whole log: others have their turn between pages.
                tokio::task::yield_now().await;
            }
        }))
    }

    /// Reads the next page into the queue; false at the end.
    async fn fill(&mut self) -> Result<bool, Status> {
        if self.left == 0 {
            return Ok(false);
        }
        let max = match &self.filter {
            // How many of them will be wanted is not known.
            Some(_) => self.page.events(),
            None => self.page.events().min(usize::try_from(self.left).unwrap_or(usize::MAX)),
        };
        let log = self.front.log.clone();
        let events = match &self.cursor {
            Cursor::Stream { name, from, .. } => {
                log.read_stream(name, *from, self.direction, max).await
            }
            Cursor::All(from) => log.read_all(*from, self.direction, max).await,
            Cursor::Nowhere => Ok(Vec::new()),
        }
        .map_err(|error| status::read_failed(&error))?;
        self.advance(&events);
        let is_end = events.is_empty();
        if is_end {
            self.left = 0;
        }
        let bytes = events.iter().map(|event| event.data.len() + event.metadata.len()).sum();
        let mut wanted = Vec::with_capacity(events.len());
        for event in events {
            if self.left > 0 && self.wants(&event)? {
                self.left -= 1;
                wanted.push(event);
            }
        }
        let found = links::resolve(&*log, wanted, self.resolves).await;
        let found = found.map_err(|error| status::read_failed(&error))?;
        self.page.learn(links::bytes(&found).max(bytes));
        let answers = found.iter().map(|found| codec::resolved_event(found, self.form));
        self.queue.extend(answers.map(|event| response(Content::Event(event))));
        if is_end && let Some(last) = self.last.take() {
            self.queue.push_back(response(Content::LastStreamPosition(last)));
        }
        Ok(!is_end || !self.queue.is_empty())
    }

    fn wants(&self, event: &Recorded) -> Result<bool, Status> {
        match &self.filter {
            Some(filter) => filter.wants(event).map_err(|error| bad_filter(&error)),
            None => Ok(true),
        }
    }

    /// Behind the last event of a page.
    fn advance(&mut self, events: &[Recorded]) {
        let Some(last) = events.last() else { return };
        let next = |at: u64| match self.direction {
            Direction::Forwards => Some(at + 1),
            Direction::Backwards => at.checked_sub(1),
        };
        let after = match &mut self.cursor {
            Cursor::Stream { from, .. } => {
                next(last.revision).map(|at| *from = StreamRead::Revision(at))
            }
            Cursor::All(from) => next(last.position).map(|at| *from = AllRead::Position(at)),
            Cursor::Nowhere => Some(()),
        };
        if after.is_none() {
            self.cursor = Cursor::Nowhere;
        }
    }
}
