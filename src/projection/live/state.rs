//! The whole live state.

use super::Board;
use crate::base::Timestamp;
use crate::compliance::Compliance;
use crate::dialing::Dialing;
use crate::event::{DecodeError, Event, Recorded};
use crate::routing::Routing;

/// A fact came that is not the next one. It is our own mistake, never the log's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("apply position {got} to the live state: wanted position {wanted}")]
pub struct OutOfOrder {
    /// The next position.
    pub wanted: u64,
    /// The position that came.
    pub got: u64,
}

/// Everything the core acts on, at one log position.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LiveState {
    /// Facts taken in: the next position wanted.
    next_position: u64,
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
        self.next_position.checked_sub(1)
    }

    /// When the log took the last fact.
    pub const fn recorded_at(&self) -> Timestamp {
        self.recorded_at
    }

    /// Takes the next fact in and gives it back decoded.
    ///
    /// A fact of an unknown type is counted and passed over, as an older program must be able
    /// to follow a log that a newer one writes.
    ///
    /// # Errors
    /// [`OutOfOrder`] where the fact is not the next one.
    pub fn apply(&mut self, recorded: &Recorded) -> Result<Option<Event>, OutOfOrder> {
        if recorded.position != self.next_position {
            return Err(OutOfOrder { wanted: self.next_position, got: recorded.position });
        }
        self.next_position += 1;
        self.recorded_at = recorded.recorded_at;
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
        self.compliance.apply(&event);
        self.dialing.apply(&event, recorded.occurred_at);
        self.routing.apply(&event, recorded.occurred_at);
        self.board.apply(&event, recorded.occurred_at);
        Ok(Some(event))
    }
}
