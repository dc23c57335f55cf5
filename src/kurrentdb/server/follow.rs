//! Subscriptions: what is there after a position, then what comes.
//!
//! Invariants: the confirmation comes first; each event once, in order, none missed; `CaughtUp`
//! once; a checkpoint names an event that was given or that the filter passed over, never one
//! that is still to come; the end is always an error, since clients exist that wait forever
//! after an orderly one.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;
use tonic::{Response, Status};
use uuid::Uuid;

use super::pulse::Beat;
use super::read::{Answers, PageSize, bad_filter, response};
use super::{Front, request, status};
use crate::event::{Recorded, StreamName};
use crate::event_log::{Direction, EventLog, StreamRead, Subscription, SubscriptionItem};
use crate::kurrentdb::codec::{self, UuidForm};
use crate::kurrentdb::filter::EventFilter;
use crate::kurrentdb::links;
use crate::kurrentdb::messages::Timestamp;
use crate::kurrentdb::messages::streams::ReadResp;
use crate::kurrentdb::messages::streams::read_req::{
    AllOption, Options, RevisionOption, StreamOption,
};
use crate::kurrentdb::messages::streams::read_resp::{
    CaughtUp, Checkpoint, Content, SubscriptionConfirmation,
};

/// Starts a subscription.
pub(super) async fn follow(
    front: Arc<Front>,
    options: &Options,
    filter: Option<EventFilter>,
    form: UuidForm,
) -> Result<Response<Answers>, Status> {
    let source = match &options.stream_option {
        Some(StreamOption::Stream(stream)) => {
            if filter.is_some() {
                return Err(Status::invalid_argument("a filter is for all streams"));
            }
            let name = request::stream(stream.stream_identifier.as_ref())?;
            Source::Stream(OneStream::new(&front, name, stream.revision_option).await?)
        }
        Some(StreamOption::All(all)) => {
            let after = match all.all_option {
                Some(AllOption::Start(_)) | None => None,
                Some(AllOption::End(_)) => front.log.head(),
                Some(AllOption::Position(at)) if at.commit_position == u64::MAX => front.log.head(),
                Some(AllOption::Position(at)) => Some(at.commit_position),
            };
            Source::All { events: front.log.subscribe_all(after), last: after }
        }
        None => return Err(Status::invalid_argument("neither a stream nor all")),
    };
    let id = Uuid::from_u128(rand_id()?).to_string();
    let confirmation = Content::Confirmation(SubscriptionConfirmation { subscription_id: id });
    let follower = Follower {
        closing: front.closing.clone(),
        front,
        source,
        filter,
        form,
        resolves: options.resolve_links,
        looked_at: 0,
        queue: VecDeque::from([response(confirmation)]),
    };
    Ok(Response::new(follower.stream()))
}

/// The name of a subscription: it only has to differ from others.
fn rand_id() -> Result<u128, Status> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| status::unavailable(&error))?;
    Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().as_u128())
}

struct Follower {
    front: Arc<Front>,
    closing: watch::Receiver<bool>,
    source: Source,
    filter: Option<EventFilter>,
    form: UuidForm,
    /// Links come with what they point at.
    resolves: bool,
    /// Events since the last checkpoint.
    looked_at: u64,
    queue: VecDeque<ReadResp>,
}

enum Source {
    All {
        events: Subscription,
        /// The last position that was looked at.
        last: Option<u64>,
    },
    Stream(OneStream),
}

impl Follower {
    fn stream(self) -> Answers {
        Box::pin(futures::stream::try_unfold(self, |mut follower| async move {
            loop {
                if let Some(answer) = follower.queue.pop_front() {
                    return Ok(Some((answer, follower)));
                }
                follower.fill().await?;
                // A filter may pass over a whole log: others have their turn in between.
                tokio::task::consume_budget().await;
            }
        }))
    }

    /// Waits for what comes next, or for the stop of the server.
    async fn fill(&mut self) -> Result<(), Status> {
        let item = tokio::select! {
            biased;
            () = super::wait(self.closing.clone()) => return Err(status::closing()),
            item = self.source.next(&*self.front.log) => item?,
        };
        match item {
            Item::Events(events) if self.filter.is_none() => self.give(events).await?,
            Item::Events(events) => {
                for event in events {
                    self.sift(event).await?;
                }
            }
            Item::CaughtUp => self.caught_up(),
        }
        Ok(())
    }

    async fn give(&mut self, events: Vec<Recorded>) -> Result<(), Status> {
        let found = links::resolve(&*self.front.log, events, self.resolves).await;
        let found = found.map_err(|error| status::read_failed(&error))?;
        if let Source::Stream(stream) = &mut self.source {
            stream.page.learn(links::bytes(&found));
        }
        for found in &found {
            self.push(Content::Event(codec::resolved_event(found, self.form)));
        }
        Ok(())
    }

    /// Gives an event if the filter wants it, which is asked before a link is looked up.
    async fn sift(&mut self, event: Recorded) -> Result<(), Status> {
        let Some(filter) = &self.filter else { return Ok(()) };
        let (interval, is_wanted) =
            (filter.checkpoint_interval, filter.wants(&event).map_err(|error| bad_filter(&error))?);
        let position = event.position;
        if is_wanted {
            self.give(vec![event]).await?;
        }
        self.looked_at += 1;
        if self.looked_at >= interval {
            self.checkpoint(position);
        }
        Ok(())
    }

    fn checkpoint(&mut self, position: u64) {
        self.looked_at = 0;
        let timestamp = Some(self.now());
        self.push(Content::Checkpoint(Checkpoint {
            commit_position: position,
            prepare_position: position,
            timestamp,
        }));
    }

    fn caught_up(&mut self) {
        let mut caught_up = CaughtUp { timestamp: Some(self.now()), ..CaughtUp::default() };
        match &self.source {
            Source::All { last: Some(last), .. } => {
                let last = *last;
                if self.filter.is_some() && self.looked_at > 0 {
                    self.checkpoint(last);
                }
                caught_up.position = Some(codec::position_to_wire(last));
            }
            Source::All { last: None, .. } => {}
            Source::Stream(stream) => {
                let last = stream.next.checked_sub(1).map(i64::try_from);
                caught_up.stream_revision = last.and_then(Result::ok);
            }
        }
        self.push(Content::CaughtUp(caught_up));
    }

    fn push(&mut self, content: Content) {
        self.queue.push_back(response(content));
    }

    fn now(&self) -> Timestamp {
        let micros = self.front.clock.now().as_micros();
        let nanos = micros.rem_euclid(1_000_000) * 1_000;
        Timestamp {
            seconds: micros.div_euclid(1_000_000),
            nanos: i32::try_from(nanos).unwrap_or(0),
        }
    }
}

/// What a source gives.
enum Item {
    Events(Vec<Recorded>),
    CaughtUp,
}

impl Source {
    async fn next(&mut self, log: &dyn EventLog) -> Result<Item, Status> {
        match self {
            Self::All { events, last } => {
                match events.next().await.map_err(|error| status::follow_failed(&error))? {
                    SubscriptionItem::Event(event) => {
                        *last = Some(event.position);
                        Ok(Item::Events(vec![event]))
                    }
                    SubscriptionItem::CaughtUp => Ok(Item::CaughtUp),
                }
            }
            Self::Stream(stream) => stream.next(log).await,
        }
    }
}

/// Follows one stream: reads pages of it, and looks again when the log has grown.
pub(in crate::kurrentdb) struct OneStream {
    name: StreamName,
    beats: watch::Receiver<Beat>,
    /// The revision to go on with.
    next: u64,
    page: PageSize,
    is_caught_up: bool,
}

impl OneStream {
    async fn new(
        front: &Front,
        name: StreamName,
        from: Option<RevisionOption>,
    ) -> Result<Self, Status> {
        // First the watch, then the look: nothing can come in between unseen.
        let beats = front.pulse.watch();
        let info = front.log.stream(&name).await.map_err(|error| status::read_failed(&error))?;
        if info.is_tombstoned {
            return Err(status::stream_deleted(&name));
        }
        let end = info.last_revision.map_or(0, |last| last.saturating_add(1));
        let next = match from {
            Some(RevisionOption::Start(_)) | None => 0,
            Some(RevisionOption::End(_) | RevisionOption::Revision(u64::MAX)) => end,
            Some(RevisionOption::Revision(revision)) => revision + 1,
        };
        Ok(Self { name, beats, next, page: PageSize::default(), is_caught_up: false })
    }

    /// A dropped future loses nothing.
    async fn next(&mut self, log: &dyn EventLog) -> Result<Item, Status> {
        loop {
            let beat = *self.beats.borrow_and_update();
            let info = log.stream(&self.name).await;
            let info = info.map_err(|error| status::read_failed(&error))?;
            if info.last_revision.is_some_and(|last| last >= self.next) {
                let max = self.page.events();
                let from = StreamRead::Revision(self.next);
                let events = log.read_stream(&self.name, from, Direction::Forwards, max).await;
                let events = events.map_err(|error| status::read_failed(&error))?;
                // What a read does not give any more is gone: deleted, or over its number or age.
                let given = events.last().map(|event| event.revision);
                let seen = given.or(info.last_revision).unwrap_or(0);
                self.next = self.next.max(seen + 1);
                if events.is_empty() {
                    continue;
                }
                return Ok(Item::Events(events));
            }
            if info.is_tombstoned {
                return Err(status::stream_deleted(&self.name));
            }
            if !self.is_caught_up {
                self.is_caught_up = true;
                return Ok(Item::CaughtUp);
            }
            if beat.is_over || self.beats.changed().await.is_err() {
                return Err(Status::unavailable("the log is closed"));
            }
        }
    }
}
