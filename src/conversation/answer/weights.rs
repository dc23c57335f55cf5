//! The limits the judgement of an answer goes by.
//!
//! They were chosen on sets made by `tools/answers/make.py` and are measured on others by
//! `ledgerline bench answers`; docs/benchmarks.md has the figures. A greeting is counted from its
//! first sound, pauses of up to [`JOINED`] included.

use crate::base::Millis;

/// Without any speech for so long after the answer, the robot begins.  Units: ms.
pub(in crate::conversation) const NOBODY_SPEAKS: Millis = Millis(2_000);
/// A greeting longer than this is a machine's. Firms greet for up to some 4 s.  Units: ms.
pub(in crate::conversation) const LONG_SPEECH: Millis = Millis(4_400);
/// It may ring on for so long after the answer.  Units: ms.
pub(in crate::conversation) const RINGS_ON: Millis = Millis(30_000);

/// A greeting up to this long is the usual "hello".  Units: ms.
pub(super) const SHORT_SPEECH: Millis = Millis(1_500);
/// A pause of this length ends the greeting, where only speech is told and not words: it is
/// known 400 ms after it began.  Units: ms.
pub(super) const GREETING_PAUSE: Millis = Millis(400);
/// Pauses up to this long belong to the greeting around them.  Units: ms.
pub(super) const JOINED: Millis = Millis(500);
/// Less speech than this is a click or a breath.  Units: ms.
pub(super) const SHORTEST: Millis = Millis(80);
/// While it rings on, less than this is a stroke's beginning, not speech.  Units: ms.
pub(super) const STROKE: Millis = Millis(300);
/// Who is judged a person and talks on, with no pause longer than this, is still greeting: a
/// machine said "hi" first.  Units: ms.
pub(super) const TALKS_ON_AFTER: Millis = Millis(1_300);
/// Nobody was heard, and speech began later than this after the answer: it answers the
/// robot.  Units: ms.
pub(super) const FIRST_WORD_AT_LAST: Millis = Millis(4_000);

/// A tone later than this after the answer says nothing about who answered.  Units: ms.
pub(super) const TONE_WINDOW: Millis = Millis(8_000);
/// A fax answers its tone some 2 s after the call, and may wait for a person first.  Units: ms.
pub(super) const FAX_WINDOW: Millis = Millis(20_000);
/// A beep sooner than this with no speech before it is the exchange's, which says that it has
/// connected, or that it records.  Units: ms.
pub(super) const CONNECT_BEEP: Millis = Millis(1_500);
/// From a machine's last word to its beep's end, at the least.  Units: ms.
pub(super) const BEEP_GAP: Millis = Millis(300);
/// After what passed for a person's greeting, a beep later than this is the person's kettle or
/// car: machines beep within some 2 s of their last word.  Units: ms.
pub(super) const BEEP_AFTER_GREETING: Millis = Millis(4_000);

/// The pause that ends a greeting of so much speech: who says one word has said it, a sentence
/// may have another.  Units: ms.
pub(super) const fn pause_after(spoken: Millis) -> Millis {
    match spoken.0 {
        0..=900 => Millis(340),
        901..=1_600 => Millis(400),
        _ => Millis(560),
    }
}
