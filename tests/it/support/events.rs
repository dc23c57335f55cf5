//! Facts as `ledgerline log read --format json` prints them.

use std::path::Path;

use serde_json::Value;

use super::{json_args, run_to_end};

/// One line of `log read`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact(pub(crate) Value);

impl Fact {
    /// Reads a line.
    pub(crate) fn parse(line: &str) -> Self {
        Self(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// Where it stands in the log.
    pub(crate) fn position(&self) -> u64 {
        self.0["position"].as_u64().expect("a position")
    }

    /// Its type.
    pub(crate) fn kind(&self) -> &str {
        self.0["type"].as_str().expect("a type")
    }

    /// One of its own fields.
    pub(crate) fn field(&self, name: &str) -> &Value {
        &self.0["data"][name]
    }
}

/// Everything in the log.
pub(crate) fn facts(folder: &Path) -> Vec<Fact> {
    let finished = run_to_end(&json_args(folder, &["log", "read"])).expect_success();
    finished.stdout.lines().map(Fact::parse).collect()
}

/// Those of one type.
pub(crate) fn of_type<'a>(facts: &'a [Fact], kind: &str) -> Vec<&'a Fact> {
    facts.iter().filter(|fact| fact.kind() == kind).collect()
}

/// A text field of a fact.
pub(crate) fn text<'a>(fact: &'a Fact, name: &str) -> &'a str {
    fact.field(name).as_str().unwrap_or_else(|| panic!("no text {name} in {:?}", fact.0))
}
