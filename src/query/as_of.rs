//! The moment of the log that a question is asked about.

use std::fmt;
use std::str::FromStr;

use crate::base::Timestamp;

/// Which events count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AsOf {
    /// All there are when the question is asked.
    #[default]
    Head,
    /// Those up to a position, that one included.
    Position(u64),
    /// Those recorded by a time, that moment included.
    Time(Timestamp),
}

/// A text that names no moment of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "as of: wanted `head`, a log position such as 1200, or a time such as 2026-11-21T09:30:00Z"
)]
pub struct AsOfError;

impl FromStr for AsOf {
    type Err = AsOfError;

    fn from_str(text: &str) -> Result<Self, AsOfError> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("head") {
            return Ok(Self::Head);
        }
        let digits = text.strip_prefix("pos:").unwrap_or(text);
        if let Ok(position) = digits.parse() {
            return Ok(Self::Position(position));
        }
        text.parse().map(Self::Time).map_err(|_| AsOfError)
    }
}

/// As it is read.
impl fmt::Display for AsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Position(position) => position.fmt(f),
            Self::Time(time) => time.fmt(f),
        }
    }
}
