//! Turn-taking and the script that drives it: what the robot says next, and why.
//!
//! For: one robot conversation on one answered call. [`Script`] is read from a TOML file;
//! [`Conversation`] walks it; [`level::judge`] tells from the facts how likely the customer is
//! to buy.
//!
//! In: [`Input`]s (keys, speech starting and ending, tones, prompts starting and ending, the
//! line going away) with the time they happened. Out: [`Output`]s: say this, stop saying it, a
//! fact to log, the end. No recogniser is needed: the robot reacts to keys and to whether the
//! person speaks at all.
//!
//! Drain contract: one call of [`Conversation::handle`] or [`Conversation::handle_timeout`],
//! then [`Conversation::poll_output`] until it returns nothing, then wake up no later than
//! [`Conversation::poll_timeout`] says.
//!
//! Invariants:
//! - From the answer to the end the key for "never call me again" works in every state, and
//!   leaves exactly one [`ConversationFact::OptOutRequested`].
//! - Whatever comes in, the conversation ends within the script's `max_seconds` plus
//!   [`GRACE`], and within `max_turns` turns plus the farewells'.
//! - Once a person has taken over ([`Input::Transferred`]) the robot says nothing more; the call
//!   is then that person's and ends when the other side hangs up.
//! - After [`Output::End`] nothing comes out and no wake-up is asked for.
//! - The first thing the script says discloses that it is a robot; `script/check.rs` refuses a
//!   script where it does not.
//!
//! It deliberately does not: read files or clocks, make sound, dial, transfer or hang up (the
//! caller does that when told), nor write text of its own: every word said is in the script.
//!
//! Sources: the repair patterns (repeat, not understood, silence, hand-over) follow the split
//! of business flow and repair flows in the Rasa documentation, "Patterns". Keys arrive as
//! RFC 4733 events, which is `media`'s business.

mod answer;
mod fact;
mod flow;
mod hearing;
pub mod level;
mod script;
mod taxonomy;
mod timers;

pub use answer::{AnswerClassifier, AnswerVerdict, Judgement, Tone};
pub use fact::{ConversationFact, EndReason, Heard, TagSource, TransferReason};
pub use flow::{Conversation, GRACE, Input, Output, PromptId, TRANSFER_WAIT};
pub use hearing::{BARGE_IN, MIN_SPEECH, SAME_PRESS, TURN_PAUSE};
pub use level::{Judged, judge};
pub use script::{
    KeyAction, KeyRule, Language, Node, NodeId, Problem, Script, ScriptError, SilenceRule, Stage,
    UnknownLanguage, UnknownRule,
};
pub use taxonomy::{Intent, IntentionLevel, Objection};

#[cfg(test)]
mod tests;
