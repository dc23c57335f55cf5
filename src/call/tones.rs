//! What a tone in a leg's audio means to the talk.
//!
//! In: what the media heard. Out: the conversation's word for it. It deliberately judges nothing.

use crate::conversation::Tone;
use crate::media::Progress;

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
