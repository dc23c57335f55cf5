//! How far a site's clocks are from UTC.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most that clocks anywhere are ahead of UTC. Units: minutes.
const MINUTES_MAX: i32 = 14 * 60;

/// Local time minus UTC, the same all year.
///
/// Units: whole minutes, from −12:00 to +14:00.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcOffset(i32);

/// A text is not an offset.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no offset from UTC; wanted one such as \"+08:00\", \"-03:00\" or \"Z\"")]
pub struct UtcOffsetError(String);

impl UtcOffset {
    /// None: UTC itself.
    pub const UTC: Self = Self(0);

    /// Units: minutes.
    pub const fn minutes(self) -> i32 {
        self.0
    }

    /// Units: microseconds.
    pub const fn micros(self) -> i64 {
        self.0 as i64 * 60_000_000
    }

    /// Whether hours begin where those of UTC begin.
    pub const fn is_whole_hours(self) -> bool {
        self.0 % 60 == 0
    }
}

impl FromStr for UtcOffset {
    type Err = UtcOffsetError;

    fn from_str(text: &str) -> Result<Self, UtcOffsetError> {
        let wrong = || UtcOffsetError(text.to_owned());
        if text == "Z" {
            return Ok(Self::UTC);
        }
        let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rest), _) => (1, rest),
            (_, Some(rest)) => (-1, rest),
            _ => return Err(wrong()),
        };
        let (hours, minutes) = rest.split_once(':').ok_or_else(wrong)?;
        let two_digits = |text: &str| {
            let is_it = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<i32>().ok().filter(|_| is_it)
        };
        let (hours, minutes) = two_digits(hours).zip(two_digits(minutes)).ok_or_else(wrong)?;
        let offset = sign * (hours * 60 + minutes);
        let is_there = minutes < 60 && (-12 * 60..=MINUTES_MAX).contains(&offset);
        if is_there { Ok(Self(offset)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for UtcOffset {
    type Error = UtcOffsetError;

    fn try_from(text: String) -> Result<Self, UtcOffsetError> {
        text.parse()
    }
}

impl From<UtcOffset> for String {
    fn from(offset: UtcOffset) -> Self {
        offset.to_string()
    }
}

/// As it is read: `+08:00`, or `Z` for none.
impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("Z");
        }
        let (sign, minutes) = (if self.0 < 0 { '-' } else { '+' }, self.0.abs());
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read_and_written() {
        let offset: UtcOffset = "+08:00".parse().expect("an offset");
        assert_eq!((offset.minutes(), offset.micros()), (480, 28_800_000_000));
        for text in ["+08:00", "-03:30", "+14:00", "-12:00", "Z"] {
            assert_eq!(text.parse::<UtcOffset>().expect("an offset").to_string(), text);
        }
        assert_eq!("+00:00".parse(), Ok(UtcOffset::UTC));
        for text in
            ["", "8", "+8:00", "+08", "+08:60", "+15:00", "-12:30", "Asia/Shanghai", "++1:00"]
        {
            assert!(text.parse::<UtcOffset>().is_err(), "{text}");
        }
        assert!(!"+05:30".parse::<UtcOffset>().expect("an offset").is_whole_hours());
    }
}
