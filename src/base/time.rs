//! Time as a plain value: UTC microseconds, so that it can be logged and replayed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Millis;

/// A moment, in microseconds since 1970-01-01T00:00:00Z.
///
/// Units: microseconds, UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

/// A text is not a moment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("read time: {0:?} is not RFC 3339, such as 2026-11-21T09:30:00Z")]
pub struct TimestampError(pub String);

/// Where time comes from: the machine in production, a counter in simulation.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// This moment and `span` more.
    pub fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0.saturating_mul(1_000)).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; nothing where it is not after.
    pub fn since(self, earlier: Self) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0) / 1_000).unwrap_or(0))
    }

    /// The hour it falls in: hours since the epoch.
    pub const fn hour(self) -> i64 {
        self.0.div_euclid(3_600_000_000)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match chrono::DateTime::from_timestamp_micros(self.0) {
            Some(moment) => {
                f.write_str(&moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true))
            }
            None => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        chrono::DateTime::parse_from_rfc3339(text)
            .map(|moment| Self(moment.timestamp_micros()))
            .map_err(|_| TimestampError(text.to_owned()))
    }
}
