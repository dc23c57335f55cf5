//! Hours and days as the site counts them.
//!
//! In: moments and the site's offset from UTC. Out: the period a moment falls in, its first and
//! last moment, the one before, the same one a day and a week before. Invariants: pure; periods
//! of one width lie side by side without a gap. Deliberately absent: offsets that change over
//! the year.

use std::fmt;

use crate::base::{Timestamp, UtcOffset};
use crate::event::ReportKind;

/// Units: microseconds.
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// A text names no hour or day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read {what} {text:?}: it must be {like}")]
pub struct PeriodError {
    what: &'static str,
    text: String,
    like: &'static str,
}

/// How long a period is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl Width {
    const fn micros(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// The width of what a report is about.
    pub const fn of(kind: ReportKind) -> Self {
        match kind {
            ReportKind::Hourly => Self::Hour,
            ReportKind::Daily | ReportKind::Review => Self::Day,
        }
    }
}

/// One hour or one day of a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// Periods of this width since 1970 in the site's time.
    number: i64,
    width: Width,
    offset: UtcOffset,
}

impl Period {
    /// The one a moment falls in.
    pub const fn containing(width: Width, offset: UtcOffset, moment: Timestamp) -> Self {
        let local = moment.as_micros().saturating_add(offset.micros());
        Self { number: local.div_euclid(width.micros()), width, offset }
    }

    /// The last one that is over at a moment.
    pub const fn ended_by(width: Width, offset: UtcOffset, moment: Timestamp) -> Self {
        Self::containing(width, offset, moment).earlier(1)
    }

    /// Reads an hour such as `2026-11-21T09`, or a day such as `2026-11-21`, in the site's time.
    ///
    /// # Errors
    /// [`PeriodError`] where the text is none.
    pub fn parse(width: Width, offset: UtcOffset, text: &str) -> Result<Self, PeriodError> {
        let (what, like) = match width {
            Width::Hour => ("hour", "an hour such as 2026-11-21T09"),
            Width::Day => ("date", "a day such as 2026-11-21"),
        };
        let wrong = || PeriodError { what, text: text.to_owned(), like };
        let (day, hour) = match width {
            Width::Hour => text.split_once('T').ok_or_else(wrong)?,
            Width::Day => (text, "00"),
        };
        let day = chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").map_err(|_| wrong())?;
        let hour = hour.parse::<u32>().ok().filter(|_| hour.len() == 2).ok_or_else(wrong)?;
        let local = day.and_hms_opt(hour, 0, 0).ok_or_else(wrong)?.and_utc().timestamp_micros();
        let utc = Timestamp::from_micros(local.saturating_sub(offset.micros()));
        let period = Self::containing(width, offset, utc);
        if period.to_string() == text { Ok(period) } else { Err(wrong()) }
    }

    /// Its place among all of its width.
    pub const fn number(self) -> i64 {
        self.number
    }

    /// How long it is.
    pub const fn width(self) -> Width {
        self.width
    }

    /// The site's offset.
    pub const fn offset(self) -> UtcOffset {
        self.offset
    }

    /// The first moment in it.
    pub const fn from(self) -> Timestamp {
        let local = self.number.saturating_mul(self.width.micros());
        Timestamp::from_micros(local.saturating_sub(self.offset.micros()))
    }

    /// The first moment after it.
    pub const fn until(self) -> Timestamp {
        self.later(1).from()
    }

    /// So many before it.
    pub const fn earlier(self, count: i64) -> Self {
        Self { number: self.number.saturating_sub(count), ..self }
    }

    /// So many after it.
    pub const fn later(self, count: i64) -> Self {
        Self { number: self.number.saturating_add(count), ..self }
    }

    /// The same hour of the day before, or the day before.
    pub const fn day_before(self) -> Self {
        match self.width {
            Width::Hour => self.earlier(24),
            Width::Day => self.earlier(1),
        }
    }

    /// The same hour and weekday of the week before, or that day.
    pub const fn week_before(self) -> Self {
        match self.width {
            Width::Hour => self.earlier(7 * 24),
            Width::Day => self.earlier(7),
        }
    }

    /// The day it lies in.
    pub const fn day(self) -> Self {
        Self::containing(Width::Day, self.offset, self.from())
    }
}

/// As it is read.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.number.saturating_mul(self.width.micros());
        let Some(local) = chrono::DateTime::from_timestamp_micros(local) else {
            return write!(f, "{}", self.number);
        };
        match self.width {
            Width::Hour => write!(f, "{}", local.format("%Y-%m-%dT%H")),
            Width::Day => write!(f, "{}", local.format("%Y-%m-%d")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(text: &str) -> UtcOffset {
        text.parse().expect("an offset")
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn a_day_of_the_site_is_its_own_and_not_that_of_utc() {
        let day = Period::parse(Width::Day, offset("+08:00"), "2026-11-21").expect("a day");
        assert_eq!(day.from(), moment("2026-11-20T16:00:00Z"));
        assert_eq!(day.until(), moment("2026-11-21T16:00:00Z"));
        let hour = Period::parse(Width::Hour, offset("-03:30"), "2026-11-21T23").expect("an hour");
        assert_eq!(hour.from(), moment("2026-11-22T02:30:00Z"));
        assert_eq!(
            (hour.day().to_string(), hour.later(1).to_string()),
            ("2026-11-21".to_owned(), "2026-11-22T00".to_owned())
        );
    }

    #[test]
    fn periods_lie_side_by_side() {
        for (width, step) in [(Width::Hour, 3_600_000_000), (Width::Day, 86_400_000_000)] {
            for minutes in ["+08:00", "Z", "-11:00", "+05:45"] {
                let zone = offset(minutes);
                for at in [-1, 0, 1, step - 1, step, 1_795_251_600_000_000] {
                    let at = Timestamp::from_micros(at);
                    let period = Period::containing(width, zone, at);
                    assert!(period.from() <= at && at < period.until(), "{period}");
                    assert_eq!(period.until(), period.later(1).from());
                    assert_eq!(period.until().as_micros() - period.from().as_micros(), step);
                    assert_eq!(Period::parse(width, zone, &period.to_string()), Ok(period));
                    assert_eq!(Period::ended_by(width, zone, period.until()), period);
                }
            }
        }
    }

    #[test]
    fn what_is_compared_is_the_same_hour_or_weekday() {
        let hour = Period::parse(Width::Hour, UtcOffset::UTC, "2026-03-01T09").expect("an hour");
        assert_eq!(hour.day_before().to_string(), "2026-02-28T09");
        assert_eq!(hour.week_before().to_string(), "2026-02-22T09");
        let day = hour.day();
        assert_eq!(day.day_before().to_string(), "2026-02-28");
        assert_eq!(day.week_before().to_string(), "2026-02-22");
    }

    #[test]
    fn what_is_no_period_is_refused() {
        let day = |text| Period::parse(Width::Day, UtcOffset::UTC, text);
        assert_eq!(
            day("yesterday").expect_err("no day").to_string(),
            "read date \"yesterday\": it must be a day such as 2026-11-21"
        );
        for text in ["", "2026-02-30", "2026-1-1", "2026-11-21T09", " 2026-11-21"] {
            assert!(day(text).is_err(), "{text}");
        }
        for text in
            ["2026-11-21", "2026-11-21T24", "2026-11-21T9", "2026-11-21T-1", "2026-11-21T09:00"]
        {
            assert!(Period::parse(Width::Hour, UtcOffset::UTC, text).is_err(), "{text}");
        }
    }
}
