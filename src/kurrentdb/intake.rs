//! What clients may not write into the log as it is: leads, and the platform's own facts.
//!
//! In: a stream that somebody wants to write to, and the events. Out: whether they go to the log
//! as they are, to whoever takes leads in, or nowhere. Invariants: no event for an inbox reaches
//! the log from here; no refusal repeats a stream's name, a type or data, any of which may be
//! somebody's. Deliberately absent: reading leads, people and campaigns.

use std::fmt;

use crate::event::{CATALOG, ExpectedRevision, Family, NewEvent, StreamName};
use crate::event_log::{AppendError, Appended, BoxFuture};

/// The type of an event that offers a lead.
pub const LEAD_OFFERED: &str = "LeadOffered";

/// Takes leads in: implemented by a platform that runs.
pub trait Intake: fmt::Debug + Send + Sync + 'static {
    /// Takes in leads for the inbox of a campaign, all or none, and answers once people, leads
    /// and the inbox's own events are durable. The data of each event are what the client says
    /// of a person, and its metadata are empty: neither goes to the log.
    ///
    /// Offers are taken in the order in which their futures are first polled.
    ///
    /// # Errors
    /// See [`IntakeError`].
    fn offer(
        &self,
        stream: StreamName,
        expected: ExpectedRevision,
        offers: Vec<NewEvent>,
    ) -> BoxFuture<'_, Result<Appended, IntakeError>>;
}

/// Leads were not taken in, none of them.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// There is no such inbox, or what was offered is no lead.
    #[error("{0}")]
    Refused(String),
    /// The log took nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The platform stops, or cannot keep keys.
    #[error("the platform takes no leads now")]
    Unavailable,
}

/// Where events go that a client wants to append.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into the log as they are.
    Log,
    /// To whoever takes leads in.
    Intake,
    /// Nowhere, as there is nobody who takes leads in.
    NoIntake,
    /// Nowhere, as these are facts of a platform that runs.
    Own,
}

impl Way {
    /// The way of an append.
    pub(super) fn of(stream: &StreamName, events: &[NewEvent], is_running: bool) -> Self {
        let is_fact = |event: &NewEvent| CATALOG.iter().any(|fact| fact.name == event.event_type);
        if stream.category() == Family::Inbox.category() {
            if is_running { Self::Intake } else { Self::NoIntake }
        } else if is_running && (is_own(stream) || events.iter().any(is_fact)) {
            Self::Own
        } else {
            Self::Log
        }
    }

    /// The way of a deletion, which needs nobody to read it.
    pub(super) fn of_deletion(stream: &StreamName, is_running: bool) -> Self {
        if is_running && is_own(stream) { Self::Own } else { Self::Log }
    }
}

/// Whether a stream is one that the platform writes. Its metadata are a stream of their own.
fn is_own(stream: &StreamName) -> bool {
    Family::ALL.iter().any(|family| family.category() == stream.category())
}

/// Why nothing is taken in where no platform runs.
pub(super) const NO_INTAKE: &str = "streams that begin with inbox- take leads, which only a running platform can encrypt; serve the log by `ledgerline run` with a table [kurrentdb] in its configuration, and append to it";
/// Why a client does not write facts of the platform.
pub(super) const OWN: &str = "a running platform alone writes its facts and its streams (agent-, call-, campaign-, carrier-, compliance-, inbox-, lead-, message-, platform-, report-, subject-); offer leads as events of type LeadOffered to inbox-<campaign>, and give other events types and streams of their own";

/// An offer without what its client wrote beside it: only what it belongs to is kept, and who
/// brought it.
///
/// # Errors
/// What is wrong, where it is not a JSON event of the type that offers are.
pub(super) fn without_metadata(event: NewEvent, by: &str) -> Result<NewEvent, &'static str> {
    if event.event_type != LEAD_OFFERED {
        return Err("an inbox takes events of type LeadOffered only");
    }
    let actor = crate::event::Actor::of("intake", &by);
    Ok(NewEvent { actor, metadata: Vec::new(), ..event })
}

#[cfg(test)]
mod tests;
