//! The whole live state.

use super::Board;
use crate::base::Timestamp;
use crate::compliance::Compliance;
use crate::dialing::Dialing;
use crate::event::{DecodeError, Event, Recorded};
use crate::routing::Routing;

/// A fact came that is not after the last one. It is our own mistake, never the log's.
///
/// That none is left out between the two is for the log to see to: positions of an embedded log
/// are dense, those of a KurrentDB server are not, and no fold can tell.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("apply position {got} to the live state: it stands at position {last} already")]
pub struct OutOfOrder {
    /// The last position taken in.
    pub last: u64,
    /// The position that came.
    pub got: u64,
}

/// Everything the core acts on, at one log position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveState {
    /// The last position taken in.
    position: Option<u64>,
    recorded_at: Timestamp,
    /// Facts that could not be read: a newer program wrote them.
    pub unreadable: u64,
    /// Leads, attempts, carriers.
    pub dialing: Dialing,
    /// Agents, customers, line quality.
    pub routing: Routing,
    /// Do-not-call.
    pub compliance: Compliance,
    /// Counts for people to look at.
    pub board: Board,
}

impl LiveState {
    /// The position of the last fact taken in.
    pub const fn position(&self) -> Option<u64> {
        self.position
    }

    /// When the log took the last fact.
    pub const fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// Takes the next fact in and gives it back decoded.
    ///
    /// A fact of an unknown type is counted and passed over, as an older program must be able
    /// to follow a log that a newer one writes. A system event is passed over uncounted.
    ///
    /// # Errors
    /// [`OutOfOrder`] where the fact is not after the last one.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<Option<Event>, OutOfOrder> {
        self.step(recorded.position, recorded.recorded_at)?;
        if recorded.is_system() {
            return Ok(None);
        }
        let event = match recorded.event() {
            Ok(event) => event,
            Err(DecodeError::UnknownType(_) | DecodeError::NewerVersion { .. }) => {
                self.unreadable += 1;
                return Ok(None);
            }
            Err(DecodeError::NoUpcaster { .. } | DecodeError::Fields { .. }) => {
                self.unreadable += 1;
                return Ok(None);
            }
        };
        self.fold(&event, recorded.occurred_at);
        Ok(Some(event))
    }

    /// Takes a fact in that is decoded already, as its writer has it.
    ///
    /// # Errors
    /// [`OutOfOrder`] where the fact is not after the last one.
    pub fn take(
        &mut self,
        position: u64,
        recorded_at: Timestamp,
        occurred_at: Timestamp,
        event: &Event,
    ) -> Result<(), OutOfOrder> {
        self.step(position, recorded_at)?;
        self.fold(event, occurred_at);
        Ok(())
    }

    fn step(&mut self, position: u64, recorded_at: Timestamp) -> Result<(), OutOfOrder> {
        if let Some(last) = self.position.filter(|last| position <= *last) {
            return Err(OutOfOrder { last, got: position });
        }
        self.position = Some(position);
        self.recorded_at = recorded_at;
        Ok(())
    }

    fn fold(&mut self, event: &Event, occurred_at: Timestamp) {
        self.compliance.apply(event);
        self.dialing.apply(event, occurred_at);
        self.routing.apply(event, occurred_at);
        self.board.apply(event, occurred_at);
    }
}
