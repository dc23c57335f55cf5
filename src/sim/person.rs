//! One simulated customer on an answered call, without I/O.
//!
//! In: what the other side is heard to do, and the time. Out: speak, press a key, hang up. A
//! person waits for a pause, thinks, and starts over when the other side goes on talking; the
//! annoyed and the rude cut in. Drain contract: one input, then [`Person::poll_output`] until it
//! returns nothing, then [`Person::poll_timeout`].

use std::collections::VecDeque;

use super::population::Temper;
use crate::base::{Millis, Rng, Timestamp};

/// What a person says; each is a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Utterance {
    /// "Hello?"
    Hello,
    /// "Yes."
    Yes,
    /// "Who is this?"
    WhoIsThis,
    /// "I'm busy right now."
    Busy,
    /// "Not interested, thanks."
    NotInterested,
    /// "Sure, go on."
    GoOn,
    /// "Hmm, let me think."
    Hmm,
    /// "Thank you, goodbye."
    Goodbye,
}

/// What a person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonOutput {
    /// Says something.
    Speak(Utterance),
    /// Presses a key.
    Press(char),
    /// Hangs up.
    HangUp,
}

/// What reaches a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonInput {
    /// The call is theirs.
    Answered,
    /// The other side begins to talk.
    OtherSpeaks,
    /// The other side pauses.
    OtherPauses,
}

/// Which key means what; people learn it from the prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Yes, go on, agree.
    pub yes: char,
    /// What does it cost?
    pub price: char,
    /// How does it work?
    pub process: char,
    /// Who are you?
    pub company: char,
    /// Never call again.
    pub never: char,
    /// A person, please.
    pub person: char,
}

impl Default for Keys {
    fn default() -> Self {
        Self { yes: '1', price: '2', process: '3', company: '4', never: '9', person: '0' }
    }
}

/// Longest time anybody stays on the line. Units: ms.
const PATIENCE: Millis = Millis(90_000);

/// One simulated customer.
#[derive(Debug)]
pub struct Person {
    plan: VecDeque<PersonOutput>,
    cuts_in: bool,
    rng: Rng,
    act_at: Option<Timestamp>,
    leave_at: Option<Timestamp>,
    outputs: VecDeque<PersonOutput>,
    has_left: bool,
}

impl Person {
    /// A person of this temper.
    pub fn new(temper: Temper, keys: Keys, mut rng: Rng) -> Self {
        let plan = plan(temper, keys, &mut rng);
        Self {
            plan: plan.into(),
            cuts_in: matches!(temper, Temper::Annoyed | Temper::Rude),
            rng,
            act_at: None,
            leave_at: None,
            outputs: VecDeque::new(),
            has_left: false,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Timestamp, input: PersonInput) {
        if self.has_left {
            return;
        }
        match input {
            PersonInput::Answered => {
                self.leave_at = Some(now.plus(PATIENCE));
                let reach_for_the_phone = self.delay(300, 900);
                // The greeting, where there is one, needs no pause to wait for.
                let greets = matches!(self.plan.front(), Some(PersonOutput::Speak(_)));
                self.act_at = greets.then(|| now.plus(reach_for_the_phone));
            }
            PersonInput::OtherSpeaks if self.cuts_in => {
                let until_fed_up = self.delay(1_500, 4_000);
                let act_at = now.plus(until_fed_up);
                self.act_at = Some(self.act_at.map_or(act_at, |earlier| earlier.min(act_at)));
            }
            PersonInput::OtherSpeaks => self.act_at = None,
            PersonInput::OtherPauses => {
                let think = self.delay(900, 2_600);
                let act_at = now.plus(think);
                self.act_at = Some(self.act_at.map_or(act_at, |earlier| earlier.min(act_at)));
            }
        }
    }

    /// Lets time pass.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        if self.has_left {
            return;
        }
        if self.leave_at.is_some_and(|at| at <= now) {
            return self.act(PersonOutput::HangUp);
        }
        if self.act_at.is_some_and(|at| at <= now) {
            self.act_at = None;
            if let Some(next) = self.plan.pop_front() {
                self.act(next);
            }
        }
    }

    /// When to be woken.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        if self.has_left { None } else { self.act_at.into_iter().chain(self.leave_at).min() }
    }

    /// The next thing done.
    pub fn poll_output(&mut self) -> Option<PersonOutput> {
        self.outputs.pop_front()
    }

    fn act(&mut self, output: PersonOutput) {
        self.has_left |= output == PersonOutput::HangUp;
        self.outputs.push_back(output);
    }

    /// A human delay: the smaller of two draws, so that quick reactions are commoner.
    fn delay(&mut self, low_ms: u64, high_ms: u64) -> Millis {
        Millis(self.rng.between(low_ms, high_ms).min(self.rng.between(low_ms, high_ms)))
    }
}

/// What a person of this temper means to do, one thing a pause.
fn plan(temper: Temper, keys: Keys, rng: &mut Rng) -> Vec<PersonOutput> {
    use PersonOutput::{HangUp, Press, Speak};
    use Utterance as U;
    let greeting = if rng.chance(crate::base::Ppm(250_000)) { U::WhoIsThis } else { U::Hello };
    let mut plan = vec![Speak(greeting)];
    match temper {
        Temper::Eager => {
            plan.extend([Press(keys.yes), Press(keys.yes), Press(keys.yes), Press(keys.yes)]);
            plan.extend([Speak(U::Goodbye), HangUp]);
        }
        Temper::Curious => {
            let questions = [keys.price, keys.process, keys.company];
            let first = rng.below(3) as usize;
            plan.push(Press(keys.yes));
            plan.extend([Press(questions[first]), Press(questions[(first + 1) % 3])]);
            let convinced = rng.chance(crate::base::Ppm(500_000));
            plan.extend(if convinced {
                vec![Press(keys.yes), Press(keys.yes), Speak(U::Goodbye), HangUp]
            } else {
                vec![Speak(U::Hmm), HangUp]
            });
        }
        Temper::Hesitant => plan.extend([
            Press(keys.yes),
            Speak(U::Hmm),
            Speak(U::GoOn),
            Press(keys.price),
            Speak(U::Hmm),
            HangUp,
        ]),
        Temper::Hurried => plan.extend([Speak(U::Busy), HangUp]),
        Temper::Annoyed => plan.extend([Press(keys.never), HangUp]),
        Temper::Silent => plan.clear(),
        Temper::Talkative => plan.extend([
            Speak(U::WhoIsThis),
            Speak(U::GoOn),
            Press(keys.yes),
            Speak(U::Yes),
            Speak(U::NotInterested),
            HangUp,
        ]),
        Temper::WantsPerson => {
            plan.extend([Press(keys.person), Speak(U::Hello), Speak(U::Yes), Press(keys.yes)]);
            plan.extend([Press(keys.yes), Speak(U::Goodbye), HangUp]);
        }
        Temper::Rude => plan.push(HangUp),
    }
    plan
}

#[cfg(test)]
mod tests;
