//! One simulated agent on a call, without I/O: greets, asks, keys in what came of it.
//!
//! In: the call is joined, keys and pauses of the customer, time. Out: lines to say, keys to
//! press on the agent's own phone, hanging up. The outcome is keyed as a digit and `#`, as a
//! person at a desk phone would.

use std::collections::VecDeque;

use crate::base::{Millis, Rng, Timestamp};
use crate::speech::people::Line;

/// Longest an agent stays on a call that goes nowhere. Units: ms.
const PATIENCE: Millis = Millis(22_000);

/// What reaches an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskInput {
    /// The agent picked up.
    PickedUp,
    /// The customer pressed a key.
    Key(char),
    /// The customer begins to talk.
    CustomerSpeaks,
    /// The customer pauses.
    CustomerPauses,
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskOutput {
    /// Says something.
    Say(Line),
    /// Presses a key on the agent's own phone.
    Press(char),
    /// Hangs up.
    HangUp,
}

/// One simulated agent.
#[derive(Debug)]
pub struct Desk {
    plan: VecDeque<(Timestamp, DeskOutput)>,
    has_asked: bool,
    is_closing: bool,
    rng: Rng,
    outputs: VecDeque<DeskOutput>,
}

impl Desk {
    /// An agent who draws pauses from a generator.
    pub const fn new(rng: Rng) -> Self {
        Self {
            plan: VecDeque::new(),
            has_asked: false,
            is_closing: false,
            rng,
            outputs: VecDeque::new(),
        }
    }

    /// Takes one input in.
    pub fn handle(&mut self, now: Timestamp, input: DeskInput) {
        match input {
            DeskInput::PickedUp => {
                self.later(now, 300, 900, DeskOutput::Say(Line::AgentGreeting));
                self.later(now, 6_500, 9_000, DeskOutput::Say(Line::AgentQuestion));
                self.plan.push_back((now.plus(PATIENCE), DeskOutput::HangUp));
            }
            DeskInput::Key('1') => self.close(now, '1'),
            DeskInput::Key('9') => self.close(now, '9'),
            DeskInput::Key('2' | '3' | '4') if !self.has_asked => {
                self.has_asked = true;
                self.later(now, 600, 1_200, DeskOutput::Say(Line::AgentQuestion));
            }
            DeskInput::Key('2' | '3' | '4') => self.close(now, '2'),
            DeskInput::Key(_) | DeskInput::CustomerSpeaks | DeskInput::CustomerPauses => {}
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(place) = self.plan.iter().position(|(due, _)| *due <= now) {
            let Some((_, output)) = self.plan.remove(place) else { return };
            match output {
                DeskOutput::HangUp if !self.is_closing => self.close(now, '3'),
                output => self.outputs.push_back(output),
            }
        }
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.plan.iter().map(|(due, _)| *due).min()
    }

    /// The next thing the agent does.
    pub fn poll_output(&mut self) -> Option<DeskOutput> {
        self.outputs.pop_front()
    }

    /// Says the last words, keys the outcome in, hangs up.
    fn close(&mut self, now: Timestamp, outcome: char) {
        if std::mem::replace(&mut self.is_closing, true) {
            return;
        }
        self.plan.clear();
        let last = if outcome == '1' { Line::AgentNextStep } else { Line::AgentGoodbye };
        self.later(now, 400, 800, DeskOutput::Say(last));
        self.later(now, 1_400, 1_600, DeskOutput::Press(outcome));
        self.later(now, 1_900, 2_100, DeskOutput::Press('#'));
        self.later(now, 6_000, 7_000, DeskOutput::HangUp);
    }

    fn later(&mut self, now: Timestamp, low: u64, high: u64, output: DeskOutput) {
        let due = now.plus(Millis(self.rng.between(low, high)));
        self.plan.push_back((due, output));
    }
}

#[cfg(test)]
mod tests;
