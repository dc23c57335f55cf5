//! What a tone in a leg's audio means to the talk.
//!
//! In: what the media heard. Out: the conversation's word for it. It deliberately judges nothing.

use crate::conversation::Tone;
use crate::dialing::EarlyTone;
use crate::media::{Progress, SitKind};

/// What a tone before the answer says of the call; nothing where it may go on.
pub const fn early_tone(progress: Progress) -> Option<EarlyTone> {
    match progress {
        Progress::Busy => Some(EarlyTone::Busy),
        Progress::Congestion | Progress::Sit(SitKind::Reorder | SitKind::NoCircuit) => {
            Some(EarlyTone::Congestion)
        }
        Progress::Sit(SitKind::Intercept | SitKind::VacantCode) => Some(EarlyTone::NoSuchNumber),
        Progress::Sit(SitKind::Unspecified) => Some(EarlyTone::Announcement),
        Progress::Ringback | Progress::FaxCalling | Progress::FaxAnswer | Progress::Beep { .. } => {
            None
        }
    }
}

/// The same, in the conversation's words: kinds of announcements and pitches say nothing there.
pub const fn tone(progress: Progress) -> Tone {
    match progress {
        Progress::Ringback => Tone::Ringback,
        Progress::Busy => Tone::Busy,
        Progress::Congestion => Tone::Congestion,
        Progress::Sit(_) => Tone::Sit,
        Progress::FaxCalling => Tone::FaxCalling,
        Progress::FaxAnswer => Tone::FaxAnswer,
        Progress::Beep { .. } => Tone::Beep,
    }
}
