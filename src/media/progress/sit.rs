//! The special information tone: three rising tones before an announcement that the number cannot
//! be reached.
//!
//! In: runs of one pitch. Out: the tone, a part into its third segment.
//! Invariant: each segment has its pitch and its length, and follows the one before within
//! 60 ms.
//! It deliberately ignores the first two lengths where the pitches say the kind; both say the
//! same.
//! Sources: ITU-T E.180/Q.35 §9 (950, 1400 and 1800 Hz ± 50 for 330 ms ± 70 each); the North
//! American kinds by pitch: Telcordia GR-1162, 913.8 or 985.2 Hz, 1370.6 or 1428.5 Hz, 1776.7 Hz,
//! for 274 or 380 ms.

use super::Progress;
use super::run::Step;

/// What the announcement will say, where the tones tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SitKind {
    /// The number has changed or is out of service.
    Intercept,
    /// There is no such number.
    VacantCode,
    /// The call did not go through: try again.
    Reorder,
    /// All ways there are taken.
    NoCircuit,
    /// The tones of the ITU, which have no kinds.
    Unspecified,
}

/// Pitches of the segments, in hertz.
const BANDS: [std::ops::RangeInclusive<u32>; 3] = [895..=1_005, 1_345..=1_455, 1_745..=1_855];
/// Length of a segment that has ended, in frames: 200 to 480 ms.
const SEGMENT: std::ops::RangeInclusive<u64> = 11..=24;
/// Frames of the third segment after which it is one.
const THIRD: u64 = 9;
/// Frames between segments.
const BETWEEN_MAX: u64 = 5;
/// First pitches up to here are low, from there on high; between lies the ITU's.
const FIRST: (u32, u32) = (932, 968);
/// The same for the second pitch.
const SECOND: (u32, u32) = (1_386, 1_414);

/// Follows the segments.
#[derive(Clone, Debug, Default)]
pub(super) struct SpecialTones {
    /// Pitches of the segments heard so far, in hertz.
    segments: Vec<u32>,
    /// Frames since the last one ended.
    since: u64,
    is_reported: bool,
}

impl SpecialTones {
    pub(super) fn push(&mut self, step: &Step) -> Option<Progress> {
        self.since += 1;
        if let Some(run) = step.ended {
            // What lies between two segments looks like a short run of its own.
            if run.frames > BETWEEN_MAX {
                let follows = self.segments.is_empty() || self.since <= run.frames + BETWEEN_MAX;
                let band = BANDS.get(self.segments.len());
                let fits = band.is_some_and(|band| band.contains(&run.hz()))
                    && SEGMENT.contains(&run.frames)
                    && run.is_pure();
                if !(follows && fits) {
                    self.segments.clear();
                }
                if fits && (follows || self.segments.is_empty()) && self.segments.len() < 2 {
                    self.segments.push(run.hz());
                }
                self.since = run.gap;
                self.is_reported = false;
            }
        }
        let [first, second] = self.segments[..] else { return None };
        let run = step.going.filter(|run| run.gap == 0 && run.frames == THIRD)?;
        let is_third = run.is_pure() && BANDS[2].contains(&run.hz());
        if !is_third || self.since > THIRD + BETWEEN_MAX || self.is_reported {
            return None;
        }
        self.is_reported = true;
        Some(Progress::Sit(kind(first, second)))
    }
}

fn kind(first: u32, second: u32) -> SitKind {
    let is_high = |hz: u32, (low, high): (u32, u32)| match hz {
        _ if hz <= low => Some(false),
        _ if hz >= high => Some(true),
        _ => None,
    };
    match (is_high(first, FIRST), is_high(second, SECOND)) {
        (Some(false), Some(false)) => SitKind::Intercept,
        (Some(true), Some(false)) => SitKind::VacantCode,
        (Some(false), Some(true)) => SitKind::Reorder,
        (Some(true), Some(true)) => SitKind::NoCircuit,
        _ => SitKind::Unspecified,
    }
}
