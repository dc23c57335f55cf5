//! How likely the customer is to buy, judged from what a conversation left behind.
//!
//! In: the facts of one conversation, in any order, and how it ended. Out: a level and the rule
//! that gave it. Rules are asked in the order of [`judge`]; the first that holds decides, so a
//! refusal outweighs a question and an opt-out outweighs all. Rule names are stable: reports
//! group by them. It deliberately weighs no scores and remembers no earlier call.

use super::{ConversationFact, EndReason, Heard, Intent, IntentionLevel, Objection, Stage};

/// A level and the rule that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// How likely the customer is to buy.
    pub level: IntentionLevel,
    /// The rule, a stable dotted name.
    pub rule: &'static str,
}

/// Judges one conversation. `end` is nothing where it broke off.
pub fn judge(facts: &[ConversationFact], end: Option<EndReason>) -> Judged {
    use IntentionLevel::{A, B, C, D, E, X};
    let seen = Seen::of(facts, end);
    let rules: [(bool, IntentionLevel, &'static str); 15] = [
        (seen.opted_out, X, "level.x.opted_out"),
        (seen.has(&[Intent::Complaint]), X, "level.x.complained"),
        (seen.machine, E, "level.e.machine"),
        (seen.wrong_person, E, "level.e.wrong_person"),
        (seen.agreed > seen.refused, A, "level.a.agreed"),
        (seen.refused.is_some(), D, "level.d.refused"),
        (seen.has(ASKED), B, "level.b.asked"),
        (seen.wants_person, B, "level.b.wanted_person"),
        (seen.later, C, "level.c.later"),
        (seen.objected, D, "level.d.objected"),
        (seen.heard_pitch, C, "level.c.heard_pitch"),
        (seen.began_pitch && seen.hung_up, D, "level.d.hung_up_in_pitch"),
        (seen.has(&[Intent::Interested]), C, "level.c.interested"),
        (!seen.reacted, E, "level.e.silent"),
        (true, E, "level.e.too_short"),
    ];
    let held = rules.into_iter().find(|(holds, _, _)| *holds);
    held.map_or(Judged { level: E, rule: "level.e.too_short" }, |(_, level, rule)| Judged {
        level,
        rule,
    })
}

/// Questions only somebody who considers the offer asks.
const ASKED: &[Intent] = &[
    Intent::AskPrice,
    Intent::AskProduct,
    Intent::AskProcess,
    Intent::AskDiscount,
    Intent::AskGuarantee,
    Intent::AskLocation,
    Intent::SendInfo,
];

#[derive(Default)]
struct Seen {
    intents: Vec<Intent>,
    /// The last turn that agreed to a next step, and the last that refused.
    agreed: Option<u32>,
    refused: Option<u32>,
    opted_out: bool,
    machine: bool,
    wrong_person: bool,
    wants_person: bool,
    later: bool,
    objected: bool,
    began_pitch: bool,
    heard_pitch: bool,
    hung_up: bool,
    reacted: bool,
}

impl Seen {
    fn of(facts: &[ConversationFact], end: Option<EndReason>) -> Self {
        let mut seen = Self::default();
        for fact in facts {
            seen.fact(fact);
        }
        match end {
            Some(EndReason::Agreed) => seen.agreed = seen.agreed.or(Some(u32::MAX)),
            Some(EndReason::Declined) => seen.refused = Some(u32::MAX),
            Some(EndReason::Callback) => seen.later = true,
            Some(EndReason::OptedOut) => seen.opted_out = true,
            Some(EndReason::WrongPerson) => seen.wrong_person = true,
            Some(EndReason::Machine) => seen.machine = true,
            Some(EndReason::HungUp) => seen.hung_up = true,
            _ => {}
        }
        seen
    }

    fn fact(&mut self, fact: &ConversationFact) {
        match fact {
            ConversationFact::AnswerJudged { verdict, .. } => {
                self.machine |= verdict.is_final();
            }
            ConversationFact::TurnSpoken { stage, completed, .. } => match stage {
                Stage::Pitch => {
                    self.began_pitch = true;
                    self.heard_pitch |= completed;
                }
                // Asking for the next step says what is on offer as well.
                Stage::Close => self.heard_pitch = true,
                _ => {}
            },
            ConversationFact::TurnHeard { kind, .. } => self.reacted |= *kind != Heard::Silence,
            ConversationFact::IntentTagged { turn, intent, objection, .. } => {
                self.tagged(*turn, *intent, *objection);
            }
            ConversationFact::OptOutRequested { .. } => self.opted_out = true,
            ConversationFact::TransferRequested { .. } | ConversationFact::VoicemailLeft { .. } => {
            }
        }
    }

    fn tagged(&mut self, turn: u32, intent: Intent, objection: Option<Objection>) {
        self.intents.push(intent);
        match intent {
            Intent::Appointment => self.agreed = self.agreed.max(Some(turn)),
            Intent::NotInterested | Intent::Deny | Intent::Abuse => {
                self.refused = self.refused.max(Some(turn));
            }
            Intent::OptOut => self.opted_out = true,
            Intent::WrongPerson => self.wrong_person = true,
            Intent::TransferHuman => self.wants_person = true,
            Intent::CallbackLater | Intent::Hesitate => self.later = true,
            _ => {}
        }
        match objection {
            Some(Objection::Time | Objection::Delay | Objection::Authority) => self.later = true,
            Some(_) => self.objected = true,
            None => {}
        }
    }

    fn has(&self, intents: &[Intent]) -> bool {
        self.intents.iter().any(|intent| intents.contains(intent))
    }
}

#[cfg(test)]
mod tests;
