//! A conversation script: what the robot says at each point, and where each key leads.
//!
//! In: the text of a TOML file. Out: a [`Script`] that holds together, or a [`ScriptError`]
//! that lists every problem with line and column. `scripts/README.md` tells authors how to
//! write one.
//!
//! Invariants, asserted by [`Script::parse`]: every `go` and `next` names a node; every node
//! can be reached and can reach an end; the first node discloses the robot; one key means
//! opt-out in every node. It deliberately reads no file and judges no wording.

mod check;
mod parse;
mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::base::{Millis, ScriptId};

use super::taxonomy::named;
use super::{EndReason, Intent, Objection};

pub use problem::{Problem, ScriptError};

/// The name of a node in its script.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(String);

impl NodeId {
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node:{}", self.0)
    }
}

named! {
    /// The language a script is spoken in.
    Language {
        /// English.
        En = "en", "英语";
        /// Mandarin Chinese.
        Zh = "zh", "中文";
    }
}

/// A language code that nobody here speaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("language {0:?} cannot be spoken; there are en and zh")]
pub struct UnknownLanguage(String);

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        Self::from_name(text).ok_or_else(|| UnknownLanguage(text.to_owned()))
    }
}

named! {
    /// What part of the talk a node is. The intention level looks at it.
    Stage {
        /// Who is calling and why: the first three seconds.
        Hook = "hook", "开场";
        /// What is on offer: about fifteen seconds.
        Pitch = "pitch", "介绍";
        /// Asking for the next step: about thirty seconds.
        Close = "close", "促成";
        /// The answer to a question.
        Question = "question", "答疑";
        /// Another try with somebody who does not react.
        Retry = "retry", "再试";
        /// Handing over to a person.
        Transfer = "transfer", "转接";
        /// The last words.
        Farewell = "farewell", "结束";
    }
}

/// What pressing a key means and does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRule {
    /// What the customer means by it.
    pub intent: Intent,
    /// Why the customer holds back, if the key says so.
    pub objection: Option<Objection>,
    /// What happens.
    pub action: KeyAction,
}

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// Goes to a node.
    Go(NodeId),
    /// Says the present node again.
    Repeat,
}

/// What a node does about silence instead of the script's ladder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SilenceRule {
    /// How long nobody must have said anything.
    pub wait: Millis,
    /// Said in turn, one per silence.
    pub reprompts: Vec<String>,
    /// Where it goes once they are used up.
    pub go: NodeId,
}

/// What happens when a key has no meaning or words cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownRule {
    /// Said each time below the limit.
    pub say: String,
    /// After so many in a row the conversation goes to `go`.
    pub limit: u32,
    /// Where it goes then.
    pub go: NodeId,
}

/// One point of the conversation: the robot says something, then the person may react.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub id: NodeId,
    /// What part of the talk it is.
    pub stage: Stage,
    /// What is said, with placeholders.
    pub say: String,
    /// Whether `say` tells the person that a robot is calling.
    pub discloses_robot: bool,
    /// Whether speech may stop the prompt; a key always may.
    pub yields_to_speech: bool,
    /// Whether the node hands over to a person.
    pub transfers: bool,
    /// Keys that mean something here, before the script's own.
    pub keys: BTreeMap<char, KeyRule>,
    /// Where speech without known words leads; otherwise it counts as not understood.
    pub on_speech: Option<NodeId>,
    /// What to do about silence; otherwise the script's ladder.
    pub on_silence: Option<SilenceRule>,
    /// What to do when not understood; otherwise the script's rule.
    pub on_unknown: Option<UnknownRule>,
    /// Where it goes if no person can be had; set exactly where `transfers` is.
    pub on_transfer_failed: Option<NodeId>,
    /// Where it goes by itself once `say` is over.
    pub next: Option<NodeId>,
    /// How the conversation has ended once `say` is over.
    pub ends: Option<EndReason>,
}

impl Node {
    /// What can be said while it is the present one, by its own rules.
    fn texts(&self) -> impl Iterator<Item = &String> {
        let reprompts = self.on_silence.iter().flat_map(|rule| &rule.reprompts);
        let unknown = self.on_unknown.iter().map(|rule| &rule.say);
        std::iter::once(&self.say).chain(reprompts).chain(unknown)
    }

    /// The nodes this one leads to by its own rules, the script's left aside.
    fn leads_to(&self) -> impl Iterator<Item = &NodeId> {
        let keys = self.keys.values().filter_map(|rule| match &rule.action {
            KeyAction::Go(to) => Some(to),
            KeyAction::Repeat => None,
        });
        keys.chain(&self.on_speech)
            .chain(self.on_silence.as_ref().map(|rule| &rule.go))
            .chain(self.on_unknown.as_ref().map(|rule| &rule.go))
            .chain(&self.on_transfer_failed)
            .chain(&self.next)
    }
}

/// What works from every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Globals {
    /// Keys; a node's own come first.
    pub(super) keys: BTreeMap<char, KeyRule>,
    /// How long nobody must have said anything.
    pub(super) silence_wait: Millis,
    /// Said at the first silence in a row.
    pub(super) silence_reprompt: String,
    /// Where the second leads.
    pub(super) silence_alternative: NodeId,
    /// Where the third leads.
    pub(super) silence_close: NodeId,
    /// Not understood.
    pub(super) unknown: UnknownRule,
    /// Most turns of both sides.
    pub(super) max_turns: u32,
    /// Longest talk, from the answer.
    pub(super) max_time: Millis,
    /// Where it goes at either limit.
    pub(super) at_limit: NodeId,
    /// What is said to a mailbox after its beep; nothing where machines are hung up on.
    pub(super) voicemail: Option<String>,
}

/// What a `{placeholder}` may become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placeholder {
    /// Said where the portrait has no value.
    pub(super) default: String,
    /// What to say for which value; empty means values are said as they are.
    pub(super) values: BTreeMap<String, String>,
}

/// A script that holds together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    id: ScriptId,
    version: u32,
    language: Language,
    voice: String,
    offer: String,
    start: NodeId,
    placeholders: BTreeMap<String, Placeholder>,
    globals: Globals,
    nodes: BTreeMap<NodeId, Node>,
}

impl Script {
    /// Reads a script. `file_name` is only for messages.
    ///
    /// # Errors
    /// [`ScriptError`] with every problem found, in the order of the file.
    pub fn parse(file_name: &str, text: &str) -> Result<Self, ScriptError> {
        parse::parse(text).map_err(|problems| ScriptError { file: file_name.to_owned(), problems })
    }

    /// Which script.
    pub fn id(&self) -> &ScriptId {
        &self.id
    }

    /// Which version of it.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// What it is spoken in.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The synthesiser's voice.
    pub fn voice(&self) -> &str {
        &self.voice
    }

    /// What is offered.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// The first node.
    pub fn start(&self) -> &NodeId {
        &self.start
    }

    /// A node by name.
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// All nodes, by name.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// What a key means in a node: the node's own rule, else the script's.
    pub fn key<'a>(&'a self, node: &'a Node, key: char) -> Option<&'a KeyRule> {
        node.keys.get(&key).or_else(|| self.globals.keys.get(&key))
    }

    /// Where opting out leads. `check.rs` asserts that there is one.
    pub(super) fn opt_out_node(&self) -> Option<&NodeId> {
        self.globals.keys.values().find_map(|rule| match &rule.action {
            KeyAction::Go(to) if rule.intent == Intent::OptOut => Some(to),
            _ => None,
        })
    }

    pub(super) fn globals(&self) -> &Globals {
        &self.globals
    }

    /// Every text that can be said, placeholders unfilled, each once, so that prompts can be
    /// made ahead of the calls. [`Self::fill`] turns one into the words for one person.
    pub fn texts(&self) -> BTreeSet<&str> {
        let globals = [&self.globals.silence_reprompt, &self.globals.unknown.say];
        self.nodes
            .values()
            .flat_map(Node::texts)
            .chain(globals)
            .chain(&self.globals.voicemail)
            .map(String::as_str)
            .collect()
    }

    /// Fills placeholders: the portrait's value (by the script's word for it, if it has any),
    /// else the default. An empty value and `unknown` count as no value.
    pub fn fill(&self, text: &str, portrait: &BTreeMap<String, String>) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                filled.push('{');
                rest = after;
                continue;
            };
            if let Some(placeholder) = self.placeholders.get(name) {
                filled.push_str(placeholder.word(portrait.get(name).map(String::as_str)));
            }
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

impl Placeholder {
    fn word<'a>(&'a self, value: Option<&'a str>) -> &'a str {
        let Some(value) = value.map(str::trim).filter(|it| !it.is_empty() && *it != "unknown")
        else {
            return &self.default;
        };
        if self.values.is_empty() {
            return value;
        }
        self.values.get(value).unwrap_or(&self.default)
    }
}

#[cfg(test)]
mod tests;
