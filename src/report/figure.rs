//! What is measured in every report, and how it compares.
//!
//! In: answers of saved questions for a period, the day before and the week before. Out: figures
//! with unit, question and change. Invariants: pure; a change has a base, or there is none.
//! Deliberately absent: formulas, which stand in `queries/`.

use serde::Serialize;

use crate::query::Answer;

/// What a figure counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Parts per million.
    Ppm,
    /// Milliseconds.
    Ms,
}

/// Which way is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Good {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Neither by itself.
    Neither,
}

/// A figure as it is asked for.
#[derive(Debug)]
pub(super) struct Definition {
    /// Its name in JSON.
    pub(super) id: &'static str,
    /// Its name for people.
    pub(super) label: &'static str,
    pub(super) unit: Unit,
    /// The saved question and the column that has it.
    pub(super) query: &'static str,
    pub(super) column: &'static str,
    /// What a share is of, and the columns of part and whole.
    pub(super) share: Option<Share>,
    pub(super) good: Good,
}

/// What a share is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    /// In words.
    pub(super) of: &'static str,
    pub(super) part: &'static str,
    pub(super) whole: &'static str,
}

const fn count(
    id: &'static str,
    label: &'static str,
    column: &'static str,
    good: Good,
) -> Definition {
    Definition { id, label, unit: Unit::Count, query: "headline", column, share: None, good }
}

const fn share(
    names: [&'static str; 2],
    of: &'static str,
    [query, column, part, whole]: [&'static str; 4],
    good: Good,
) -> Definition {
    let [id, label] = names;
    let share = Some(Share { of, part, whole });
    Definition { id, label, unit: Unit::Ppm, query, column, share, good }
}

const fn span(
    id: &'static str,
    label: &'static str,
    query: &'static str,
    column: &'static str,
) -> Definition {
    Definition { id, label, unit: Unit::Ms, query, column, share: None, good: Good::Neither }
}

/// Every figure, in the order of the page.
pub(super) const DEFINITIONS: &[Definition] = &[
    count("dials", "Dials", "attempts", Good::Up),
    count("new_leads", "New leads", "leads_tried", Good::Neither),
    count("answered", "Answered", "answered", Good::Up),
    share(
        ["connect_rate", "Connect rate"],
        "of dials",
        ["headline", "connect_ppm", "answered", "attempts"],
        Good::Up,
    ),
    count("contacts", "Contacts", "contacts", Good::Up),
    share(
        ["contact_rate", "Contact rate"],
        "of dials",
        ["headline", "contact_ppm", "contacts", "attempts"],
        Good::Up,
    ),
    count("interested", "Interested", "interested", Good::Up),
    share(
        ["interested_rate", "Interested rate"],
        "of contacts",
        ["headline", "interested_ppm", "interested", "contacts"],
        Good::Up,
    ),
    count("agreed", "Agreed", "committed", Good::Up),
    share(
        ["agreed_rate", "Agreed rate"],
        "of contacts",
        ["headline", "committed_ppm", "committed", "contacts"],
        Good::Up,
    ),
    share(
        ["opt_out_rate", "Opt-out rate"],
        "of contacts",
        ["headline", "opted_out_ppm", "opted_out", "contacts"],
        Good::Down,
    ),
    share(
        ["abandoned_rate", "Abandoned rate"],
        "of contacts",
        ["headline", "abandoned_ppm", "abandoned", "contacts"],
        Good::Down,
    ),
    share(
        ["silent_call_rate", "Silent-call rate"],
        "of contacts",
        ["kpi_silent_call_rate", "silent_call_rate_ppm", "silent", "contacts"],
        Good::Down,
    ),
    share(["asr", "ASR"], "of seizures", ["kpi_asr", "asr_ppm", "answered", "seizures"], Good::Up),
    span("talk_mean", "Mean talk", "headline", "talk_mean_ms"),
    span("aht", "Handling time", "kpi_aht", "aht_ms"),
    share(
        ["occupancy", "Occupancy"],
        "of agents' time",
        ["kpi_occupancy", "occupancy_ppm", "", ""],
        Good::Neither,
    ),
];

/// One value, with what it is made of where it is a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// Nothing where there is no such value.
    pub(super) value: Option<i64>,
    pub(super) part: i64,
    pub(super) whole: i64,
}

impl Value {
    /// The value in an answer of one row.
    pub(super) fn of(definition: &Definition, answer: &Answer) -> Self {
        let of = |column| answer.count(0, column);
        Self {
            value: answer.value(0, definition.column).as_i64(),
            part: definition.share.map_or(0, |share| of(share.part)),
            whole: definition.share.map_or(0, |share| of(share.whole)),
        }
    }
}

/// A figure and what it was.
#[derive(Debug)]
pub(super) struct Figure {
    pub(super) definition: &'static Definition,
    pub(super) now: Value,
    pub(super) day_before: Value,
    pub(super) week_before: Value,
}

/// How a value differs from an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Relative: of counts and spans. Units: parts per million.
    Relative(i64),
    /// By so much: of shares, in parts per million of the whole.
    Points(i64),
}

impl Change {
    /// Between two values; nothing where one is missing, or the earlier count is 0.
    pub(super) fn between(unit: Unit, now: Option<i64>, then: Option<i64>) -> Option<Self> {
        let (now, then) = now.zip(then)?;
        let by = now.saturating_sub(then);
        match unit {
            Unit::Ppm => Some(Self::Points(by)),
            Unit::Count | Unit::Ms => relative(by, then).map(Self::Relative),
        }
    }

    /// Above nothing, below it, or nothing as far as is shown.
    pub(super) const fn signum(self) -> i64 {
        match self {
            Self::Relative(by) | Self::Points(by) => super::number::tenths(by).signum(),
        }
    }
}

/// A difference over its base. Units: parts per million.
pub(super) fn relative(by: i64, base: i64) -> Option<i64> {
    if base <= 0 {
        return None;
    }
    i64::try_from(i128::from(by) * 1_000_000 / i128::from(base)).ok()
}

/// Whether two shares differ by more than chance: 99 of 100 times, by the test of two
/// proportions with a pooled share.
pub(super) fn differ(one: Value, other: Value) -> bool {
    let floats = |value: Value| (value.part as f64, value.whole as f64);
    let ((x1, n1), (x2, n2)) = (floats(one), floats(other));
    if n1 <= 0.0 || n2 <= 0.0 {
        return false;
    }
    let pooled = (x1 + x2) / (n1 + n2);
    let variance = pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2);
    let difference = x1 / n1 - x2 / n2;
    // The square of 2.576, that is the 99th percentile of chi-square with one degree.
    variance > 0.0 && difference * difference / variance > 6.635
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_a_base() {
        let check = |unit, now, then, want| assert_eq!(Change::between(unit, now, then), want);
        check(Unit::Count, Some(120), Some(100), Some(Change::Relative(200_000)));
        check(Unit::Ms, Some(50), Some(100), Some(Change::Relative(-500_000)));
        check(Unit::Ppm, Some(300_000), Some(350_000), Some(Change::Points(-50_000)));
        check(Unit::Count, Some(1), Some(0), None);
        check(Unit::Count, Some(1), None, None);
        check(Unit::Ppm, None, Some(1), None);
    }

    #[test]
    fn few_calls_prove_nothing() {
        let value = |part, whole| Value { value: None, part, whole };
        assert!(!differ(value(3, 10), value(5, 10)));
        assert!(differ(value(300, 1_000), value(500, 1_000)));
        assert!(!differ(value(300, 1_000), value(310, 1_000)));
        // 30 % against 40 % of 250 each: chi-square 5.5, not yet. Of 350 each: 7.7.
        assert!(!differ(value(75, 250), value(100, 250)));
        assert!(differ(value(105, 350), value(140, 350)));
        assert!(!differ(value(0, 0), value(5, 10)) && !differ(value(0, 10), value(0, 10)));
        // As many calls as a country makes.
        assert!(differ(value(400_000_000, 1_000_000_000), value(500_000_000, 1_000_000_000)));
    }

    #[test]
    fn names_stand_once() {
        let mut ids: Vec<_> = DEFINITIONS.iter().map(|figure| figure.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), DEFINITIONS.len());
    }
}
