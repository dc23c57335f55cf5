//! The one writer of facts and the live state that follows them.
//!
//! Appending waits until the facts are durable and the live state has taken them in, so that a
//! decision taken next knows them.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::directory::Directory;
use crate::base::{Clock, EventId, IdSequence, Rng, Timestamp};
use crate::event::{Actor, Event, ExpectedRevision, Family, NewEvent, StreamName};
use crate::event_log::{
    AppendError, Appended, EventLog, StreamAppend, Subscription, SubscriptionError,
    SubscriptionItem,
};
use crate::projection::live::{LiveState, OutOfOrder};

/// The category of the streams that clients offer leads to.
pub(crate) const INBOX: &str = "inbox";

/// The journal cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A fact was refused.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be followed.
    #[error(transparent)]
    Follow(#[from] SubscriptionError),
    /// Our own mistake.
    #[error(transparent)]
    OutOfOrder(#[from] OutOfOrder),
}

/// A fact on its way to the log.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// What happened.
    pub(crate) event: Event,
    /// When.
    pub(crate) at: Timestamp,
    /// Who or what did it.
    pub(crate) actor: Actor,
    /// The fact it follows from.
    pub(crate) cause: Option<EventId>,
    /// Its identity, where others gave it one.
    pub(crate) event_id: Option<EventId>,
    /// What it belongs to, where others said so.
    pub(crate) correlation: Option<Uuid>,
}

impl Draft {
    /// A fact without a cause in the log.
    pub(crate) fn new(event: impl Into<Event>, at: Timestamp, actor: &'static str) -> Self {
        Self {
            event: event.into(),
            at,
            actor: Actor::part(actor),
            cause: None,
            event_id: None,
            correlation: None,
        }
    }

    /// Names the fact it follows from.
    pub(crate) fn because_of(mut self, cause: Option<EventId>) -> Self {
        self.cause = cause;
        self
    }
}

/// Writes facts and follows them.
pub(crate) struct Journal {
    log: Arc<dyn EventLog>,
    feed: Subscription,
    clock: Arc<dyn Clock>,
    rng: Rng,
    event_ids: IdSequence,
    node: String,
    /// The live state up to the last fact.
    pub(crate) live: LiveState,
    /// What the runtime needs of the facts besides.
    pub(crate) directory: Directory,
}

impl Journal {
    /// Follows the log to its present end.
    pub(crate) async fn open(
        log: Arc<dyn EventLog>,
        clock: Arc<dyn Clock>,
        mut rng: Rng,
        node: String,
    ) -> Result<Self, JournalError> {
        let mut feed = log.subscribe_all(None).named("platform");
        let mut live = LiveState::default();
        let mut directory = Directory::default();
        while let SubscriptionItem::Event(recorded) = feed.next().await? {
            if let Some(event) = live.apply(&recorded)? {
                directory.apply(&recorded, &event);
            }
        }
        let event_ids = IdSequence::new(&mut rng);
        Ok(Self { log, feed, clock, rng, event_ids, node, live, directory })
    }

    /// The moment now.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The position decisions are taken at.
    pub(crate) fn position(&self) -> u64 {
        self.live.position().unwrap_or(0)
    }

    /// A generator of its own for a part.
    pub(crate) fn fork(&mut self, name: &str) -> Rng {
        let salt = self.rng.bits();
        self.rng.fork(&format!("{name} {salt}"))
    }

    /// Makes facts durable, all or none, and takes them into the live state. Gives their ids.
    pub(crate) async fn append(
        &mut self,
        drafts: Vec<Draft>,
    ) -> Result<Vec<EventId>, JournalError> {
        let (batch, ids) = self.batch(drafts);
        self.write(batch).await?;
        Ok(ids)
    }

    /// The same, where the first fact's stream must be as `expected`. Gives where its part
    /// stands.
    pub(crate) async fn append_expecting(
        &mut self,
        expected: ExpectedRevision,
        drafts: Vec<Draft>,
    ) -> Result<Appended, JournalError> {
        let (mut batch, _) = self.batch(drafts);
        if let Some(first) = batch.first_mut() {
            first.expected = expected;
        }
        let appended = self.write(batch).await?;
        Ok(appended.first().copied().ok_or(AppendError::NoEvents)?)
    }

    /// What a writer believes of a stream, compared; nothing is written.
    pub(crate) async fn check(
        &mut self,
        stream: &StreamName,
        expected: ExpectedRevision,
    ) -> Result<Option<u64>, JournalError> {
        Ok(self.log.check(stream.clone(), expected).await?)
    }

    /// Where an append that was made before stands. `expected` must name the revision before it,
    /// so that the log compares ids and writes nothing.
    pub(crate) async fn repeat(
        &mut self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: Vec<NewEvent>,
    ) -> Result<Appended, JournalError> {
        Ok(self.log.append(stream.clone(), expected, events).await?)
    }

    /// Facts by stream, streams in the order in which they first come.
    fn batch(&mut self, drafts: Vec<Draft>) -> (Vec<StreamAppend>, Vec<EventId>) {
        let mut ids = Vec::with_capacity(drafts.len());
        let mut places = BTreeMap::new();
        let mut batch: Vec<StreamAppend> = Vec::new();
        for draft in drafts {
            let event_id =
                draft.event_id.unwrap_or_else(|| EventId::next(draft.at, &mut self.event_ids));
            ids.push(event_id);
            let stream = stream_of(&self.node, &draft.event);
            let mut event =
                NewEvent::of(&draft.event, event_id, draft.at, draft.actor).because_of(draft.cause);
            event.correlation_id = draft.correlation.or(event.correlation_id);
            let place = *places.entry(stream.clone()).or_insert(batch.len());
            match batch.get_mut(place) {
                Some(part) => part.events.push(event),
                None => batch.push(StreamAppend {
                    stream,
                    expected: ExpectedRevision::Any,
                    events: vec![event],
                }),
            }
        }
        (batch, ids)
    }

    async fn write(&mut self, batch: Vec<StreamAppend>) -> Result<Vec<Appended>, JournalError> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let appended = self.log.append_many(batch).await?;
        let last = appended.iter().map(|part| part.last_position).max();
        while self.live.position() < last {
            let recorded = self.feed.next_event().await?;
            if let Some(event) = self.live.apply(&recorded)? {
                self.directory.apply(&recorded, &event);
            }
        }
        Ok(appended)
    }
}

/// The stream a fact belongs to.
pub(crate) fn stream_of(node: &str, event: &Event) -> StreamName {
    let category = match event.family() {
        Family::Platform => return StreamName::of("platform", &node),
        Family::Compliance => return StreamName::of("compliance", &"do_not_call"),
        Family::Campaign => "campaign",
        Family::Inbox => INBOX,
        Family::Subject => "subject",
        Family::Lead => "lead",
        Family::Call => "call",
        Family::Agent => "agent",
        Family::Carrier => "carrier",
        Family::Report => "report",
        Family::Message => "message",
    };
    match event {
        Event::CampaignCreated(fact) => StreamName::of(category, &fact.campaign_id),
        Event::CampaignStarted(fact) => StreamName::of(category, &fact.campaign_id),
        Event::CampaignPaused(fact) => StreamName::of(category, &fact.campaign_id),
        Event::CampaignResumed(fact) => StreamName::of(category, &fact.campaign_id),
        Event::CampaignCompleted(fact) => StreamName::of(category, &fact.campaign_id),
        Event::LeadsImported(fact) => StreamName::of(category, &fact.campaign_id),
        Event::LeadRowRejected(fact) => StreamName::of(category, &fact.campaign_id),
        Event::LeadOffered(fact) => StreamName::of(category, &fact.campaign_id),
        Event::SubjectRegistered(fact) => StreamName::of(category, &fact.subject_id),
        Event::LeadImported(fact) => StreamName::of(category, &fact.lead_id),
        Event::DialRefused(fact) => StreamName::of(category, &fact.lead_id),
        Event::AgentSignedIn(fact) => StreamName::of(category, &fact.agent_id),
        Event::AgentStateChanged(fact) => StreamName::of(category, &fact.agent_id),
        Event::AgentSignedOut(fact) => StreamName::of(category, &fact.agent_id),
        Event::PhoneRegistered(fact) => StreamName::of(category, &fact.agent_id),
        Event::PhoneUnregistered(fact) => StreamName::of(category, &fact.agent_id),
        Event::CarrierAdded(fact) => StreamName::of(category, &fact.carrier_id),
        Event::CarrierFailed(fact) => StreamName::of(category, &fact.carrier_id),
        Event::CarrierRecovered(fact) => StreamName::of(category, &fact.carrier_id),
        Event::CarrierSuspended(fact) => StreamName::of(category, &fact.carrier_id),
        Event::CarrierRegistered(fact) => StreamName::of(category, &fact.carrier_id),
        Event::CarrierRegistrationLost(fact) => StreamName::of(category, &fact.carrier_id),
        Event::SimCardAdded(fact) => StreamName::of(category, &fact.carrier_id),
        Event::SimCardSampled(fact) => StreamName::of(category, &fact.carrier_id),
        Event::SimCardRested(fact) => StreamName::of(category, &fact.carrier_id),
        Event::LineSampled(fact) => StreamName::of(category, &fact.carrier_id),
        Event::ReportMade(fact) => StreamName::report(&fact.plan, &fact.period),
        Event::ReportSending(fact) => StreamName::report(&fact.plan, &fact.period),
        Event::ReportSent(fact) => StreamName::report(&fact.plan, &fact.period),
        Event::ReportSendFailed(fact) => StreamName::report(&fact.plan, &fact.period),
        Event::ReportSendUnknown(fact) => StreamName::report(&fact.plan, &fact.period),
        Event::MessageSent(fact) => StreamName::of(category, &fact.message_id),
        Event::MessageDelivered(fact) => StreamName::of(category, &fact.message_id),
        Event::MessageFailed(fact) => StreamName::of(category, &fact.message_id),
        Event::MessageReceived(fact) => StreamName::of(category, &fact.message_id),
        other => {
            other.call_id().map_or_else(|| StreamName::of("platform", &node), StreamName::call)
        }
    }
}
