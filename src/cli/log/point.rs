//! Places in the log as a person names them.

use std::str::FromStr;

use crate::base::Timestamp;
use crate::event::Recorded;

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    /// The first event.
    Start,
    /// After the last event there is.
    End,
    /// An event by its position.
    Position(u64),
    /// What was recorded at this moment.
    Time(Timestamp),
}

impl FromStr for Point {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "start" => return Ok(Self::Start),
            "end" => return Ok(Self::End),
            _ => {}
        }
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        text.parse().map(Self::Time).map_err(|_| {
            format!(
                "{text:?} is no place in the log: a position such as 1200, a time such as 2026-11-21T09:30:00Z, start or end"
            )
        })
    }
}

impl Point {
    /// Whether an event stands before it: earlier than the moment, or at a smaller position.
    pub(super) fn is_after(self, event: &Recorded) -> bool {
        match self {
            Self::Start => false,
            Self::End => true,
            Self::Position(position) => event.position < position,
            Self::Time(time) => event.recorded_at < time,
        }
    }

    /// Whether an event stands behind it: later than the moment, or at a greater position.
    pub(super) fn is_before(self, event: &Recorded) -> bool {
        match self {
            Self::Start => event.position > 0,
            Self::End => false,
            Self::Position(position) => event.position > position,
            Self::Time(time) => event.recorded_at > time,
        }
    }
}
