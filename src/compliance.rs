//! May this subject be dialled now?
//!
//! In: facts (opt-outs heard or written, numbers added to the do-not-call list) and a lead. Out: what each
//! rule said. Invariants: an opt-out counts from the very event it was heard in, before any list
//! is written; a dial is allowed only where every rule allows it. Deliberately absent: calling
//! windows, caps and consent per jurisdiction, which are rules of the same shape to come.

use std::collections::BTreeSet;

use crate::base::SubjectId;
use crate::event::{Event, RuleOutcome};

/// One rule: a stable id, a version that grows with its meaning, and the question it asks.
struct Rule {
    id: &'static str,
    version: u32,
    allows: fn(&Compliance, &Person<'_>) -> bool,
}

/// Who is about to be dialled.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// The person.
    pub subject_id: SubjectId,
    /// HMAC-SHA256 of the number, hexadecimal.
    pub phone_hash: &'a str,
}

/// Every rule that is asked before a dial, in this order.
const RULES: &[Rule] = &[
    // The number is on the internal do-not-call list, from whatever source.
    Rule {
        id: "dnc.number",
        version: 1,
        allows: |state, person| !state.numbers.contains(person.phone_hash),
    },
    // The person opted out in a call or a message, perhaps under another number.
    Rule {
        id: "dnc.subject",
        version: 1,
        allows: |state, person| !state.subjects.contains(&person.subject_id),
    },
];

/// What the rules know.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compliance {
    numbers: BTreeSet<String>,
    subjects: BTreeSet<SubjectId>,
}

impl Compliance {
    /// Takes a fact in. Cannot fail and cannot decide.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::OptOutHeard(fact) => {
                self.subjects.insert(fact.subject_id);
            }
            Event::MessageReceived(fact) if fact.intent.as_deref() == Some("opt_out") => {
                self.subjects.insert(fact.subject_id);
            }
            Event::DoNotCallAdded(fact) => {
                self.numbers.insert(fact.phone_hash.clone());
                self.subjects.extend(fact.subject_id);
            }
            _ => {}
        }
    }

    /// Asks every rule.
    pub fn check(&self, person: &Person<'_>) -> Vec<RuleOutcome> {
        RULES
            .iter()
            .map(|rule| RuleOutcome {
                rule_id: rule.id.to_owned(),
                rule_version: rule.version,
                is_allowed: (rule.allows)(self, person),
            })
            .collect()
    }

    /// Whether the number is on the do-not-call list.
    pub fn has_number(&self, phone_hash: &str) -> bool {
        self.numbers.contains(phone_hash)
    }

    /// Numbers on the do-not-call list, by keyed hash, in order.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.numbers.iter().map(String::as_str)
    }

    /// People who opted out, in order.
    pub fn subjects(&self) -> impl Iterator<Item = SubjectId> + '_ {
        self.subjects.iter().copied()
    }
}

/// Whether every rule allows it.
pub fn is_allowed(outcomes: &[RuleOutcome]) -> bool {
    outcomes.iter().all(|outcome| outcome.is_allowed)
}

#[cfg(test)]
mod tests;
