//! Windows of views: where a moment falls, which windows are dirty, which of them share a file.
//!
//! In: moments and buckets of changed rows. Out: window numbers, ranges of moments to read, and
//! groups of windows for one file each. Invariants: the set after any sequence of touches does
//! not depend on its order; a group depends on the windows that have rows, never on how they
//! came about, so that a view made in steps has the files of one made at once. Deliberately
//! absent: SQL, files, clocks.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Timestamp;

/// How many windows a view has whose window is a bucket.
pub(crate) const BUCKETS: i64 = 64;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// The first Monday of the calendar: the epoch was a Thursday.
const MONDAY: i64 = 4 * DAY;

/// How wide a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Width {
    /// One minute, UTC.
    Minute,
    /// One hour, UTC.
    Hour,
    /// One day, UTC.
    Day,
    /// One week that begins on Monday, UTC.
    Week,
    /// One of 64 parts by the hash of a text, for rows that have no moment of their own.
    Bucket,
    /// Everything.
    Whole,
}

impl Width {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Bucket, Self::Whole];

    /// The name in a head, and in `date_trunc` where it is a span of time.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Bucket => "bucket",
            Self::Whole => "whole",
        }
    }

    /// Its length where it is a span of time. Units: µs.
    pub(crate) const fn micros(self) -> Option<i64> {
        match self {
            Self::Minute => Some(MINUTE),
            Self::Hour => Some(HOUR),
            Self::Day => Some(DAY),
            Self::Week => Some(WEEK),
            Self::Bucket | Self::Whole => None,
        }
    }

    /// The window a moment lies in. Units: µs.
    pub(crate) const fn start(self, moment: i64) -> i64 {
        match self {
            Self::Week => (moment - MONDAY).div_euclid(WEEK) * WEEK + MONDAY,
            _ => match self.micros() {
                Some(micros) => moment.div_euclid(micros) * micros,
                None => 0,
            },
        }
    }

    /// A window's name in file names and messages, such as `2026-11-21T09`.
    pub(crate) fn label(self, window: i64) -> String {
        let length = match self {
            Self::Minute => 16,
            Self::Hour => 13,
            Self::Day | Self::Week => 10,
            Self::Bucket => return format!("bucket-{window:02}"),
            Self::Whole => return "whole".to_owned(),
        };
        let text = Timestamp::from_micros(window).to_string();
        // A colon would not do in a file name everywhere.
        text.chars().take(length).map(|letter| if letter == ':' { '-' } else { letter }).collect()
    }

    /// What shares a file with others once it is past: the hour of a minute, the day of an hour,
    /// the month of a day, the year of a week.
    fn period(self, window: i64) -> Option<String> {
        let length = match self {
            Self::Minute => 13,
            Self::Hour => 10,
            Self::Day => 7,
            Self::Week => 4,
            Self::Bucket | Self::Whole => return None,
        };
        Some(Timestamp::from_micros(window).to_string().chars().take(length).collect())
    }

    /// Groups windows by file, each under the name of its file. Windows of the last period stand
    /// alone, as they still change; those before it share one file for each period.
    pub(crate) fn files(self, windows: impl IntoIterator<Item = i64>) -> BTreeMap<i64, Group> {
        let windows: BTreeSet<i64> = windows.into_iter().collect();
        let last = windows.last().and_then(|window| self.period(*window));
        let mut groups = BTreeMap::<i64, Group>::new();
        for window in windows {
            let period = self.period(window).filter(|period| Some(period) != last.as_ref());
            let label = period.unwrap_or_else(|| self.label(window));
            match groups.last_entry() {
                Some(mut entry) if entry.get().label == label => {
                    let group = entry.get_mut();
                    group.last = window;
                    group.count += 1;
                }
                _ => {
                    groups.insert(window, Group { label, last: window, count: 1 });
                }
            }
        }
        groups
    }

    /// Whether a view with windows like these can read one with windows like those: a day can be
    /// made of hours, an hour not of days.
    pub(crate) fn can_read(self, input: Self) -> bool {
        match (self.micros(), input.micros()) {
            (Some(own), Some(input)) => own >= input,
            (Some(_), None) => false,
            (None, _) => true,
        }
    }
}

/// Windows that share a file; the first one is the key it is stored under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The first part of the file's name.
    pub(crate) label: String,
    /// The last window in it.
    pub(crate) last: i64,
    /// How many windows are in it.
    pub(crate) count: usize,
}

/// Windows whose rows may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DirtySet {
    width: Width,
    windows: BTreeSet<i64>,
}

impl DirtySet {
    /// None yet.
    pub(crate) const fn new(width: Width) -> Self {
        Self { width, windows: BTreeSet::new() }
    }

    /// Some windows by their numbers.
    #[cfg(test)]
    fn of(width: Width, windows: impl IntoIterator<Item = i64>) -> Self {
        Self { width, windows: windows.into_iter().collect() }
    }

    /// Every window that a row touches which lasts from one moment to another, both included.
    /// One that ends before it begins touches the window it begins in. Units: µs.
    pub(crate) fn touch(&mut self, from: i64, until: i64) {
        let first = self.width.start(from);
        self.windows.insert(first);
        let Some(micros) = self.width.micros() else { return };
        let last = self.width.start(until);
        let mut window = first;
        while window < last {
            window += micros;
            self.windows.insert(window);
        }
    }

    /// One window by its number.
    pub(crate) fn insert(&mut self, window: i64) {
        self.windows.insert(window);
    }

    /// What a changed window of an input makes dirty here. Widths for which
    /// [`Width::can_read`] says no make nothing dirty.
    pub(crate) fn touch_window_of(&mut self, input: Width, window: i64) {
        match (self.width, input) {
            (Width::Whole, _) => {
                self.windows.insert(0);
            }
            (Width::Bucket, Width::Bucket) => {
                self.windows.insert(window);
            }
            (Width::Bucket, _) => self.windows.extend(0..BUCKETS),
            (_, Width::Bucket | Width::Whole) => {}
            (_, input) => {
                self.touch(window, window + input.micros().map_or(0, |micros| micros - 1));
            }
        }
    }

    /// Takes up to some windows out, the first ones.
    pub(crate) fn take(&mut self, most: usize) -> Self {
        let rest = self.windows.iter().nth(most).copied();
        let rest = rest.map(|first| self.windows.split_off(&first)).unwrap_or_default();
        Self { width: self.width, windows: std::mem::replace(&mut self.windows, rest) }
    }

    /// How wide its windows are.
    pub(crate) const fn width(&self) -> Width {
        self.width
    }

    /// The windows in order.
    pub(crate) const fn windows(&self) -> &BTreeSet<i64> {
        &self.windows
    }

    /// Spans of time that cover the windows and nothing else, where windows are spans of time:
    /// first moment, and first moment after. More than `most` are joined to one that covers all.
    /// Units: µs.
    pub(crate) fn ranges(&self, most: usize) -> Vec<(i64, i64)> {
        let Some(micros) = self.width.micros() else { return Vec::new() };
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for window in &self.windows {
            match ranges.last_mut() {
                Some((_, end)) if *end == *window => *end += micros,
                _ => ranges.push((*window, *window + micros)),
            }
        }
        if ranges.len() > most
            && let (Some((first, _)), Some((_, end))) = (ranges.first(), ranges.last())
        {
            ranges = vec![(*first, *end)];
        }
        ranges
    }
}

#[cfg(test)]
mod tests;
