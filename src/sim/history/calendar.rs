//! When people are called: hours of the day and days of the week, as a plan of how many calls
//! have been made by when.
//!
//! In: markets' zones, days, shares and a seed. Out: five-minute slots with the calls wanted by
//! the end of each. Invariant: the last slot of all wants every call. Sources: weekdays by the
//! contacts of the outcome data (`outcomes.csv` names it); hours are chosen: late morning and
//! afternoon, a dip at noon that is deeper in China. Zones are fixed offsets: no summer time.

use super::world::Market;
use crate::base::{Millis, Rng, Timestamp};

/// Length of a slot.
pub(super) const SLOT: Millis = Millis(5 * 60_000);
const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;
/// The first hour of calls, and the first without, local time.
pub(super) const OPEN: i64 = 9;
pub(super) const CLOSE: i64 = 20;
const SLOTS_PER_HOUR: i64 = 12;

/// Calls by hour from [`OPEN`] on, a thousand being the usual.
const HOURS_WEST: [u64; 11] = [700, 1_000, 1_050, 700, 800, 950, 1_050, 1_100, 1_050, 850, 600];
const HOURS_CHINA: [u64; 11] = [800, 1_100, 1_050, 350, 450, 950, 1_100, 1_100, 1_000, 900, 700];
/// Calls by weekday from Monday. Monday to Friday: contacts of the outcome data; the weekend is
/// chosen.
const WEEKDAYS: [u64; 7] = [1_037, 958, 989, 1_063, 954, 450, 150];
/// How likely a person is to answer by hour from [`OPEN`] on, a thousand being the usual.
const ANSWERING: [u64; 11] = [850, 950, 980, 850, 880, 940, 980, 1_040, 1_120, 1_240, 1_200];

/// A stretch of time in which a campaign gets leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// When it begins.
    pub(super) from: Timestamp,
    /// Calls the campaign should have made at its end.
    pub(super) wanted: u64,
}

/// A day on which a campaign calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// The first moment of calls.
    pub(super) opens: Timestamp,
    /// The first moment without.
    pub(super) closes: Timestamp,
}

/// Local hour of the day, 0 to 23.
pub(super) fn local_hour(at: Timestamp, market: &Market) -> i64 {
    (at.as_micros() + market.offset_hours * HOUR_US).rem_euclid(DAY_US) / HOUR_US
}

/// Day of the week at a place, 0 for Monday.
pub(super) fn weekday(at: Timestamp, market: &Market) -> usize {
    let days = (at.as_micros() + market.offset_hours * HOUR_US).div_euclid(DAY_US);
    // 1970-01-01 was a Thursday.
    usize::try_from((days + 3).rem_euclid(7)).unwrap_or(0)
}

/// How likely a person is to answer now, in thousandths of the usual.
pub(super) fn answering(at: Timestamp, market: &Market) -> u64 {
    let hour = usize::try_from(local_hour(at, market) - OPEN).unwrap_or(usize::MAX);
    ANSWERING.get(hour).copied().unwrap_or(850)
}

/// The days of a market from the day a moment falls in, local time.
pub(super) fn shifts(start: Timestamp, days: u32, market: &Market) -> Vec<Shift> {
    let offset = market.offset_hours * HOUR_US;
    let midnight = start.as_micros().div_euclid(DAY_US) * DAY_US - offset;
    let day = |number: u32| {
        let first = midnight + i64::from(number) * DAY_US;
        let moment = |hour: i64| Timestamp::from_micros(first + hour * HOUR_US);
        Shift { opens: moment(OPEN), closes: moment(CLOSE) }
    };
    (0..days).map(day).collect()
}

/// The slots of a campaign that is to make so many calls.
pub(super) fn slots(shifts: &[Shift], market: &Market, calls: u64, rng: &mut Rng) -> Vec<Slot> {
    let mut weights = Vec::new();
    for shift in shifts {
        let day = WEEKDAYS.get(weekday(shift.opens, market)).copied().unwrap_or(0);
        // Days differ by up to a tenth for no reason.
        let day = day * rng.between(900, 1_100);
        let hours = if market.is_china { HOURS_CHINA } else { HOURS_WEST };
        for (hour, weight) in hours.into_iter().enumerate() {
            for part in 0..SLOTS_PER_HOUR {
                let slot = i64::try_from(hour).unwrap_or(0) * SLOTS_PER_HOUR + part;
                let after = Millis(SLOT.0 * u64::try_from(slot).unwrap_or(0));
                weights.push((shift.opens.plus(after), day * weight));
            }
        }
    }
    let total: u128 = weights.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let mut sum = 0;
    let slot = |(from, weight): (Timestamp, u64)| {
        sum += u128::from(weight);
        let wanted = u128::from(calls) * sum / total.max(1);
        Slot { from, wanted: u64::try_from(wanted).unwrap_or(u64::MAX) }
    };
    weights.into_iter().map(slot).collect()
}
