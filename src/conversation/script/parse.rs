//! From TOML text to a [`Script`], finding every problem on the way.
//!
//! The values are read by hand rather than by `serde`, which stops at the first problem and
//! knows no allowed values.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::base::{Millis, ScriptId};

use super::problem::{Problem, Problems, listed, nearest};
use super::{
    Globals, KeyAction, KeyRule, Language, Node, NodeId, Placeholder, Script, SilenceRule, Stage,
    UnknownRule, check,
};
use crate::conversation::{EndReason, Intent, Objection};

/// A reference from one place of the file to a node.
pub(super) struct Go {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) to: NodeId,
}

/// A table being read: where it is and what it is called.
#[derive(Clone)]
struct At<'t> {
    table: &'t DeTable<'t>,
    path: String,
    span: Range<usize>,
}

struct Reader<'t> {
    problems: Problems<'t>,
    gos: Vec<Go>,
    places: BTreeMap<NodeId, Range<usize>>,
}

pub(super) fn parse(text: &str) -> Result<Script, Vec<Problem>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader =
        Reader { problems: Problems::new(text), gos: Vec::new(), places: BTreeMap::new() };
    if !errors.is_empty() {
        for error in errors {
            let message = error.message().replace('\n', "; ");
            reader.problems.add(&error.span().unwrap_or(0..0), "", message);
        }
        return Err(reader.problems.into_sorted());
    }
    let top = At { table: document.get_ref(), path: String::new(), span: 0..0 };
    let script = reader.script(&top);
    check::gos(&reader.gos, &reader.places, &mut reader.problems);
    match script {
        Some(script) if reader.problems.is_empty() => {
            check::script(&script, &reader.places, &mut reader.problems);
            if reader.problems.is_empty() {
                return Ok(script);
            }
        }
        Some(_) => {}
        None => debug_assert!(!reader.problems.is_empty(), "no script and no reason"),
    }
    Err(reader.problems.into_sorted())
}

impl<'t> Reader<'t> {
    fn script(&mut self, top: &At<'t>) -> Option<Script> {
        self.allow(
            top,
            &[
                "id",
                "version",
                "language",
                "voice",
                "offer",
                "start",
                "placeholders",
                "globals",
                "nodes",
            ],
        );
        let id = self.script_id(top);
        let version = self.number(top, "version", 1, u32::MAX.into());
        let language = self.named(top, "language", Language::ALL, Language::name);
        let voice = self.text(top, "voice");
        let offer = self.text(top, "offer");
        let start = self.go(top, "start");
        let placeholders = self.placeholders(top);
        let globals = self.table(top, "globals").and_then(|at| self.globals(&at, &placeholders));
        let nodes = self.nodes(top, &placeholders);
        Some(Script {
            id: id?,
            version: u32::try_from(version?).ok()?,
            language: language?,
            voice: voice?,
            offer: offer?,
            start: start?,
            placeholders,
            globals: globals?,
            nodes: nodes?,
        })
    }

    fn script_id(&mut self, top: &At<'t>) -> Option<ScriptId> {
        let text = self.text(top, "id")?;
        ScriptId::new(text).map_err(|error| self.wrong(top, "id", error.to_string())).ok()
    }

    fn placeholders(&mut self, top: &At<'t>) -> BTreeMap<String, Placeholder> {
        let mut placeholders = BTreeMap::new();
        let Some(at) = self.optional_table(top, "placeholders") else { return placeholders };
        for name in keys(&at) {
            let Some(one) = self.table(&at, name) else { continue };
            self.allow(&one, &["default", "values"]);
            let default = self.text(&one, "default");
            let mut values = BTreeMap::new();
            if let Some(table) = self.optional_table(&one, "values") {
                for value in keys(&table) {
                    if let Some(word) = self.text(&table, value) {
                        values.insert(value.to_owned(), word);
                    }
                }
            }
            let default = default.unwrap_or_default();
            placeholders.insert(name.to_owned(), Placeholder { default, values });
        }
        placeholders
    }

    fn globals(&mut self, at: &At<'t>, words: &Words) -> Option<Globals> {
        self.allow(
            at,
            &[
                "key",
                "silence",
                "unknown",
                "max_turns",
                "max_seconds",
                "at_limit",
                "voicemail",
                "voicemail_say",
            ],
        );
        let keys = self.table(at, "key").map(|table| self.keys(&table));
        let silence = self.table(at, "silence").map(|table| {
            self.allow(&table, &["wait_ms", "reprompt", "alternative", "close"]);
            (
                self.number(&table, "wait_ms", 500, 60_000),
                self.speech(&table, "reprompt", words),
                self.go(&table, "alternative"),
                self.go(&table, "close"),
            )
        });
        let unknown = self.table(at, "unknown").and_then(|table| self.unknown(&table, words));
        let max_turns = self.number(at, "max_turns", 2, 1_000);
        let max_seconds = self.number(at, "max_seconds", 10, 3_600);
        let at_limit = self.go(at, "at_limit");
        let voicemail = self.voicemail(at, words);
        let (wait, reprompt, alternative, close) = silence?;
        Some(Globals {
            keys: keys?,
            silence_wait: Millis(wait?),
            silence_reprompt: reprompt?,
            silence_alternative: alternative?,
            silence_close: close?,
            unknown: unknown?,
            max_turns: u32::try_from(max_turns?).ok()?,
            max_time: Millis::from_secs(max_seconds?),
            at_limit: at_limit?,
            voicemail: voicemail?,
        })
    }

    fn nodes(&mut self, top: &At<'t>, words: &Words) -> Option<BTreeMap<NodeId, Node>> {
        let at = self.table(top, "nodes")?;
        let mut nodes = BTreeMap::new();
        for (key, _) in at.table {
            self.places.insert(NodeId::new(key.get_ref().as_ref()), key.span());
        }
        for name in keys(&at) {
            let id = NodeId::new(name);
            let Some(one) = self.table(&at, name) else { continue };
            if let Some(node) = self.node(id.clone(), &one, words) {
                nodes.insert(id, node);
            }
        }
        Some(nodes)
    }

    fn node(&mut self, id: NodeId, at: &At<'t>, words: &Words) -> Option<Node> {
        self.allow(
            at,
            &[
                "stage",
                "say",
                "on",
                "next",
                "ends",
                "discloses_robot",
                "yields_to_speech",
                "transfer",
            ],
        );
        let stage = self.named(at, "stage", Stage::ALL, Stage::name);
        let say = self.speech(at, "say", words);
        let next = self.optional_go(at, "next");
        let ends = match at.table.get("ends") {
            Some(_) => Some(self.named(at, "ends", EndReason::IN_SCRIPTS, EndReason::name)?),
            None => None,
        };
        let discloses_robot = self.flag(at, "discloses_robot").unwrap_or(false);
        let transfers = self.flag(at, "transfer").unwrap_or(false);
        let yields = self.flag(at, "yields_to_speech");
        let stage = stage?;
        let mut node = Node {
            id,
            stage,
            say: say?,
            discloses_robot,
            // The hook holds the disclosure and farewells close the call: both are heard out.
            yields_to_speech: yields.unwrap_or(!matches!(stage, Stage::Hook | Stage::Farewell)),
            transfers,
            keys: BTreeMap::new(),
            on_speech: None,
            on_silence: None,
            on_unknown: None,
            on_transfer_failed: None,
            next,
            ends,
        };
        if let Some(on) = self.optional_table(at, "on") {
            self.reactions(&mut node, &on, words);
        }
        Some(node)
    }

    fn reactions(&mut self, node: &mut Node, on: &At<'t>, words: &Words) {
        self.allow(on, &["key", "speech", "silence", "unknown", "transfer_failed"]);
        if let Some(table) = self.optional_table(on, "key") {
            node.keys = self.keys(&table);
        }
        if let Some(table) = self.optional_table(on, "speech") {
            self.allow(&table, &["go"]);
            node.on_speech = self.go(&table, "go");
        }
        if let Some(table) = self.optional_table(on, "silence") {
            self.allow(&table, &["wait_ms", "reprompts", "go"]);
            let wait = self.number(&table, "wait_ms", 500, 60_000);
            let reprompts = self.speeches(&table, "reprompts", words);
            let go = self.go(&table, "go");
            if let (Some(wait), Some(go)) = (wait, go) {
                node.on_silence = Some(SilenceRule { wait: Millis(wait), reprompts, go });
            }
        }
        if let Some(table) = self.optional_table(on, "unknown") {
            node.on_unknown = self.unknown(&table, words);
        }
        if let Some(table) = self.optional_table(on, "transfer_failed") {
            self.allow(&table, &["go"]);
            node.on_transfer_failed = self.go(&table, "go");
        }
    }

    fn unknown(&mut self, at: &At<'t>, words: &Words) -> Option<UnknownRule> {
        self.allow(at, &["say", "limit", "go"]);
        let say = self.speech(at, "say", words);
        let limit = self.number(at, "limit", 1, 10);
        let go = self.go(at, "go");
        Some(UnknownRule { say: say?, limit: u32::try_from(limit?).ok()?, go: go? })
    }

    fn keys(&mut self, at: &At<'t>) -> BTreeMap<char, KeyRule> {
        let mut rules = BTreeMap::new();
        for name in keys(at) {
            let mut letters = name.chars();
            let (Some(key @ ('0'..='9' | '*' | '#')), None) = (letters.next(), letters.next())
            else {
                self.wrong(at, name, "is not a key; allowed: 0 to 9, * and #".to_owned());
                continue;
            };
            let Some(table) = self.table(at, name) else { continue };
            self.allow(&table, &["intent", "objection", "go", "repeat"]);
            let intent = self.named(&table, "intent", Intent::ALL, Intent::name);
            let objection = match table.table.get("objection") {
                Some(_) => self.named(&table, "objection", Objection::ALL, Objection::name),
                None => None,
            };
            let action = match self.flag(&table, "repeat") {
                Some(true) => Some(KeyAction::Repeat),
                _ => self.go(&table, "go").map(KeyAction::Go),
            };
            if let (Some(intent), Some(action)) = (intent, action) {
                rules.insert(key, KeyRule { intent, objection, action });
            }
        }
        rules
    }

    // --- values

    /// Reports keys that are not allowed, with the nearest one that is.
    fn allow(&mut self, at: &At<'t>, allowed: &[&str]) {
        for (key, _) in at.table {
            let name = key.get_ref().as_ref();
            if allowed.contains(&name) {
                continue;
            }
            let hint = match nearest(name, allowed.iter().copied()) {
                Some(near) => format!("; did you mean {near:?}?"),
                None => ";".to_owned(),
            };
            let allowed = listed(allowed.iter().copied());
            let message = format!("unknown key{hint} allowed: {allowed}");
            self.problems.add(&key.span(), path(at, name), message);
        }
    }

    fn wrong(&mut self, at: &At<'t>, key: &str, message: String) {
        let span = at.table.get_key_value(key).map_or(at.span.clone(), |(_, value)| value.span());
        self.problems.add(&span, path(at, key), message);
    }

    fn required(&mut self, at: &At<'t>, key: &str) -> Option<&'t Spanned<DeValue<'t>>> {
        let value = at.table.get(key);
        if value.is_none() {
            self.problems.add(&at.span, path(at, key), "is missing");
        }
        value
    }

    fn not_a(&mut self, at: &At<'t>, key: &str, wanted: &str, value: &Spanned<DeValue<'t>>) {
        let found = value.get_ref().type_str();
        self.problems.add(&value.span(), path(at, key), format!("is a {found}; wanted {wanted}"));
    }

    fn text(&mut self, at: &At<'t>, key: &str) -> Option<String> {
        let value = self.required(at, key)?;
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            Some(_) => {
                self.wrong(at, key, "is empty".to_owned());
                None
            }
            None => {
                self.not_a(at, key, "a text in quotes", value);
                None
            }
        }
    }

    /// A text that is spoken: its placeholders must be declared.
    /// What is said to a mailbox, which has to be there where one is left.
    fn voicemail(&mut self, at: &At<'t>, words: &Words) -> Option<Option<String>> {
        let rules = ["hang_up", "leave_message"];
        if self.named(at, "voicemail", &rules, |name| name)? == "leave_message" {
            return self.speech(at, "voicemail_say", words).map(Some);
        }
        if at.table.get("voicemail_say").is_some() {
            let message = "stands with voicemail = \"leave_message\" alone";
            self.wrong(at, "voicemail_say", message.to_owned());
            return None;
        }
        Some(None)
    }

    fn speech(&mut self, at: &At<'t>, key: &str, words: &Words) -> Option<String> {
        let text = self.text(at, key)?;
        self.placeholders_known(at, key, &text, words);
        Some(text)
    }

    fn speeches(&mut self, at: &At<'t>, key: &str, words: &Words) -> Vec<String> {
        let Some(value) = at.table.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.not_a(at, key, "a list of texts", value);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => {
                    self.placeholders_known(at, key, text, words);
                    texts.push(text.trim().to_owned());
                }
                None => self.not_a(at, key, "a text in quotes", item),
            }
        }
        texts
    }

    fn placeholders_known(&mut self, at: &At<'t>, key: &str, text: &str, words: &Words) {
        for part in text.split('{').skip(1) {
            let message = match part.split_once('}') {
                None => "has a { without a }".to_owned(),
                Some((name, _)) if words.contains_key(name) => continue,
                Some((name, _)) => {
                    let known = listed(words.keys().map(String::as_str));
                    format!("{{{name}}} is not in [placeholders]; there: {known}")
                }
            };
            self.wrong(at, key, message);
        }
    }

    fn number(&mut self, at: &At<'t>, key: &str, low: u64, high: u64) -> Option<u64> {
        let value = self.required(at, key)?;
        let Some(integer) = value.get_ref().as_integer() else {
            self.not_a(at, key, "a whole number", value);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (low..=high).contains(number));
        if number.is_none() {
            self.wrong(at, key, format!("is {integer}; allowed: {low} to {high}"));
        }
        number
    }

    fn flag(&mut self, at: &At<'t>, key: &str) -> Option<bool> {
        let value = at.table.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.not_a(at, key, "true or false", value);
        }
        flag
    }

    /// One of a closed set of names.
    fn named<T: Copy>(
        &mut self,
        at: &At<'t>,
        key: &str,
        all: &[T],
        name: impl Fn(T) -> &'static str,
    ) -> Option<T> {
        let text = self.text(at, key)?;
        let found = all.iter().copied().find(|item| name(*item) == text);
        if found.is_none() {
            let hint = nearest(&text, all.iter().map(|item| name(*item)));
            let hint = hint.map_or(";".to_owned(), |near| format!("; did you mean {near:?}?"));
            let allowed = listed(all.iter().map(|item| name(*item)));
            self.wrong(at, key, format!("{text:?} is not known{hint} allowed: {allowed}"));
        }
        found
    }

    fn go(&mut self, at: &At<'t>, key: &str) -> Option<NodeId> {
        let to = NodeId::new(self.text(at, key)?);
        let span = at.table.get(key).map_or(at.span.clone(), Spanned::span);
        self.gos.push(Go { key: path(at, key), span, to: to.clone() });
        Some(to)
    }

    fn optional_go(&mut self, at: &At<'t>, key: &str) -> Option<NodeId> {
        at.table.get(key)?;
        self.go(at, key)
    }

    fn table(&mut self, at: &At<'t>, key: &str) -> Option<At<'t>> {
        self.required(at, key)?;
        self.optional_table(at, key)
    }

    fn optional_table(&mut self, at: &At<'t>, key: &str) -> Option<At<'t>> {
        let (name, value) = at.table.get_key_value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.not_a(at, key, "a table", value);
            return None;
        };
        Some(At { table, path: path(at, key), span: name.span() })
    }
}

type Words = BTreeMap<String, Placeholder>;

fn keys<'t>(at: &At<'t>) -> Vec<&'t str> {
    at.table.keys().map(|key| key.get_ref().as_ref()).collect()
}

fn path(at: &At<'_>, key: &str) -> String {
    if at.path.is_empty() { key.to_owned() } else { format!("{}.{key}", at.path) }
}
