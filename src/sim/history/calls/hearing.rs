//! What each side hears: the customer's hello, the robot's prompts, and what somebody does
//! while one plays.

use super::super::draw::span;
use super::super::stage::Stage;
use super::super::talk::{self, Act, Mind, Reach};
use super::{CallDue, WIRE};
use crate::base::{LegId, Millis, Ppm};
use crate::call::{CallInput, LegOver};
use crate::conversation::{Input, PromptId};
use crate::sip::Party;

/// From the answer to the first sound, and how long it is. Units: ms.
const HELLO_AFTER_MS: [u64; 4] = [250, 450, 700, 1_600];
const HELLO_MS: [u64; 4] = [350, 600, 900, 1_400];
/// From a question to a key. Units: ms.
const REACTION_MS: [u64; 5] = [250, 700, 1_100, 1_700, 3_300];
/// One person in so many greets for so long that it sounds like a machine.
const LONG_HELLO_ONE_IN: u64 = 60;

impl Stage<'_> {
    /// The customer's side is up: a hello, or a machine that talks on.
    pub(super) fn says_hello(&mut self, serial: u64) {
        let Some(talking) = self.calls.get(&serial) else { return };
        let Some(leg_id) = talking.customer else { return };
        let rng = &mut self.world_rng;
        let after = span(rng, &HELLO_AFTER_MS);
        let long = match talking.reach {
            Reach::Machine => Millis(rng.between(3_500, 9_000)),
            _ if rng.below(LONG_HELLO_ONE_IN) == 0 => Millis(rng.between(2_700, 4_500)),
            _ => span(rng, &HELLO_MS),
        };
        if talking.reach != Reach::Machine && talking.mind == Mind::Silent {
            return;
        }
        self.hears(serial, after, leg_id, Input::SpeechStarted);
        let ended = Input::SpeechEnded { duration: long };
        self.hears(serial, Millis(after.0 + long.0), leg_id, ended);
    }

    pub(super) fn hears(&mut self, serial: u64, after: Millis, leg_id: LegId, input: Input) {
        self.after(serial, after, CallDue::Input(CallInput::Heard { leg_id, input }));
    }

    /// The robot says something: it takes its time, and the person does something about it.
    pub(super) fn play(&mut self, serial: u64, prompt: PromptId, text: &str) {
        let now = self.now;
        let Some(talking) = self.calls.get_mut(&serial) else { return };
        let Some(leg_id) = talking.customer else { return };
        let long = talk::spoken(text, talking.language);
        talking.playing.insert(prompt, (now.plus(WIRE), long));
        let act = talking.plan.pop_front().unwrap_or(Act::Listen);
        let ends = Millis(WIRE.0 + long.0);
        self.hears(serial, WIRE, leg_id, Input::PromptStarted { prompt });
        let ended = Input::PromptEnded { prompt, played: long, completed: true };
        self.hears(serial, ends, leg_id, ended);
        let rng = &mut self.world_rng;
        match act {
            Act::Listen => {}
            Act::Key(digit) | Act::Cut(digit) => {
                let reaction = span(rng, &REACTION_MS);
                // Who knows what they want does not hear it out.
                let at = if act == Act::Cut(digit) || rng.chance(Ppm(450_000)) {
                    Millis(WIRE.0 + long.0 * rng.between(35, 98) / 100)
                } else {
                    Millis(ends.0 + reaction.0)
                };
                self.after(serial, at, CallDue::Input(CallInput::Digit { leg_id, digit }));
            }
            Act::Speak(speech) => {
                let at = Millis(ends.0 + span(rng, &REACTION_MS).0);
                self.hears(serial, at, leg_id, Input::SpeechStarted);
                let ended = Input::SpeechEnded { duration: speech };
                self.hears(serial, Millis(at.0 + speech.0), leg_id, ended);
            }
            Act::HangUp => {
                let at = Millis(WIRE.0 + ends.0 * rng.between(25, 130) / 100);
                let over = LegOver::Ended { by: Party::Remote, q850: Some(16) };
                self.after(serial, at, CallDue::Over(leg_id, over));
            }
        }
    }

    pub(super) fn stop_playing(&mut self, serial: u64, prompt: PromptId) {
        let now = self.now;
        let Some(talking) = self.calls.get_mut(&serial) else { return };
        let Some(leg_id) = talking.customer else { return };
        let Some((began, long)) = talking.playing.remove(&prompt) else { return };
        let played = Millis(now.since(began).0.min(long.0));
        let ended = Input::PromptEnded { prompt, played, completed: false };
        self.hears(serial, Millis(20), leg_id, ended);
    }
}
