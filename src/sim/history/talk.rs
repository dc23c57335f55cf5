//! What people do on the phone: whether they can be reached, what they mean, which keys they
//! press after which prompt.
//!
//! In: a person, the hour, draws. Out: [`Reach`], [`Mind`], a plan of [`Act`]s, one for each
//! prompt. Invariant: who has made up their mind to agree says so in every conversation that
//! somebody has with them, or the outcomes would not be those of the data. The shares below
//! are chosen, not measured, but for whether somebody agrees.

use std::collections::VecDeque;

use super::draw::{one, weighted};
use crate::base::{Millis, Ppm, Rng};
use crate::conversation::Language;

/// What a dial of a number comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Human,
    Machine,
    NoAnswer,
    Busy,
    SwitchedOff,
    Rejected,
    Invalid,
    /// The carrier finds no circuit.
    Congestion,
}

/// What an answering person has in mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mind {
    /// Agrees to a meeting; `buys` says what comes of that.
    Agrees {
        buys: bool,
    },
    Refuses,
    HangsUp,
    Asks,
    Hesitates,
    Later,
    WantsPerson,
    Talks,
    Silent,
    OptsOut,
    /// Not the one who was called.
    WrongPerson,
}

/// What a person does about one prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Presses a key, during the prompt or after it.
    Key(char),
    /// Presses a key during the prompt: after it the script goes on by itself, and the key would
    /// mean something else.
    Cut(char),
    Listen,
    Speak(Millis),
    HangUp,
}

/// One in so many who answer is somebody else.
const WRONG_ONE_IN: u64 = 30;

/// Whether a number can be reached now. `answering` is in thousandths of the usual.
pub(super) fn reach(is_cellular: bool, answering: u64, rng: &mut Rng) -> Reach {
    let human = if is_cellular { 350 } else { 280 } * answering / 1_000;
    let (machine, off) = if is_cellular { (120, 60) } else { (170, 10) };
    let shares = [
        (Reach::Human, human),
        (Reach::Machine, machine),
        (Reach::Busy, 75),
        (Reach::SwitchedOff, off),
        (Reach::Rejected, 35),
        (Reach::Congestion, 4),
    ];
    let mut left = rng.below(1_000);
    for (reach, share) in shares {
        if left < share {
            return reach;
        }
        left -= share;
    }
    Reach::NoAnswer
}

/// What somebody has in mind who answers; `buys` gives whether the right person agrees and buys.
pub(super) fn mind(buys: impl FnOnce(&mut Rng) -> (bool, bool), rng: &mut Rng) -> Mind {
    const OTHERS: [(Mind, u64); 9] = [
        (Mind::HangsUp, 29),
        (Mind::Refuses, 26),
        (Mind::Asks, 12),
        (Mind::Hesitates, 8),
        (Mind::Later, 8),
        (Mind::Talks, 6),
        (Mind::Silent, 5),
        (Mind::WantsPerson, 4),
        (Mind::OptsOut, 2),
    ];
    if rng.below(WRONG_ONE_IN) == 0 {
        return Mind::WrongPerson;
    }
    let (agrees, buys) = buys(rng);
    if agrees {
        return Mind::Agrees { buys };
    }
    let drawn = weighted(rng, OTHERS.iter().map(|(_, share)| *share));
    OTHERS.get(drawn).map_or(Mind::HangsUp, |(mind, _)| *mind)
}

/// What somebody does about the robot's prompts, one after the other; then they listen.
pub(super) fn plan(mind: Mind, rng: &mut Rng) -> VecDeque<Act> {
    use Act::{Cut, HangUp, Key, Listen, Speak};
    const QUESTIONS: [char; 4] = ['2', '3', '4', '5'];
    let question = one(rng, &QUESTIONS).copied().unwrap_or('2');
    // A yes to the hook, then the pitch is heard, or cut short.
    let pitch = if rng.chance(Ppm(350_000)) { Cut('1') } else { Listen };
    let later = rng.chance(Ppm(500_000));
    match mind {
        Mind::Agrees { .. } => match rng.below(5) {
            0 => vec![Key('1'), pitch, Key(question), Cut('1')],
            1 => vec![Key('1'), pitch, Key('2'), Cut('6'), Key('1')],
            2 => vec![Key('1'), pitch, Key('3'), Cut('2'), Cut('1')],
            _ => vec![Key('1'), pitch, Key('1')],
        },
        Mind::Refuses => match rng.below(4) {
            0 => vec![Key('1'), pitch, Key('7')],
            1 => vec![Key('1'), pitch, Key(question), Cut('7')],
            _ => vec![Key('7')],
        },
        Mind::HangsUp => match rng.below(6) {
            0 => vec![Key('1'), HangUp],
            1 => vec![Key('1'), pitch, HangUp],
            2 => vec![Listen, HangUp],
            _ => vec![HangUp],
        },
        Mind::Asks if later => vec![Key('1'), pitch, Key(question), Key('#')],
        Mind::Asks => vec![Key('1'), pitch, Key(question), Listen, Key('4'), HangUp],
        Mind::Hesitates => vec![Key('1'), pitch, Key(question), Cut('6'), HangUp],
        Mind::Later if later => vec![Key('6')],
        Mind::Later => vec![Key('1'), Key('6')],
        Mind::WantsPerson if later => vec![Key('0')],
        Mind::WantsPerson => vec![Key('1'), pitch, Key('0')],
        Mind::Talks => {
            let speech = |rng: &mut Rng| Speak(Millis(rng.between(600, 4_000)));
            vec![speech(rng), speech(rng), Key('*'), speech(rng), HangUp]
        }
        Mind::Silent => Vec::new(),
        Mind::OptsOut if later => vec![Key('9')],
        Mind::OptsOut => vec![Key('1'), Key('9')],
        Mind::WrongPerson => vec![Key('8')],
    }
    .into()
}

/// What an agent keys in after talking to such a person.
pub(super) const fn keyed(mind: Mind) -> char {
    match mind {
        Mind::Agrees { .. } => '1',
        Mind::Asks | Mind::WantsPerson => '2',
        Mind::Hesitates | Mind::Later => '3',
        Mind::Refuses | Mind::HangsUp | Mind::Talks | Mind::Silent => '4',
        Mind::OptsOut => '9',
        Mind::WrongPerson => '8',
    }
}

/// How long such a person talks to an agent, by evenly spaced quantiles. Units: ms.
pub(super) const fn talk_with_agent(mind: Mind) -> &'static [u64] {
    match mind {
        Mind::Agrees { .. } => &[90_000, 150_000, 200_000, 270_000, 380_000, 620_000],
        Mind::Asks | Mind::WantsPerson | Mind::Hesitates => {
            &[45_000, 80_000, 120_000, 180_000, 260_000, 480_000]
        }
        Mind::Later | Mind::Talks | Mind::Refuses => &[12_000, 25_000, 40_000, 70_000, 150_000],
        Mind::HangsUp | Mind::Silent | Mind::OptsOut | Mind::WrongPerson => {
            &[4_000, 8_000, 14_000, 24_000]
        }
    }
}

/// How long it takes to say a text. Units: ms.
pub(super) fn spoken(text: &str, language: Language) -> Millis {
    let per_character = match language {
        Language::En => 62,
        Language::Zh => 215,
    };
    Millis(text.chars().count() as u64 * per_character)
}
