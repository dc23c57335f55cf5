//! The layer table: which module may use which. `ARCHITECTURE.md` carries the same rows.

use std::collections::BTreeSet;

/// One row: a module, its layer, and what it may name.
pub(super) struct Row {
    /// `0` to `5`; `-` stands beside the layers.
    pub(super) layer: &'static str,
    pub(super) module: &'static str,
    /// `std` for nothing of ours; otherwise layers (`0`, `0-2`) and single modules. A range of
    /// layers never includes the module itself.
    pub(super) may_use: &'static str,
}

const fn row(layer: &'static str, module: &'static str, may_use: &'static str) -> Row {
    Row { layer, module, may_use }
}

/// ADR 0003 has the reasons for the rows that reach sideways.
pub(super) const TABLE: &[Row] = &[
    row("0", "base", "std"),
    row("1", "event", "0"),
    row("1", "access", "std"),
    row("1", "tls", "std"),
    row("2", "sip", "0"),
    row("2", "media", "0"),
    row("2", "conversation", "0-1"),
    row("2", "compliance", "0-1"),
    row("2", "dialing", "0-1, compliance"),
    row("2", "routing", "0-1"),
    row("2", "call", "0-1, sip, media, conversation, compliance, dialing, routing"),
    row("3", "event_log", "0-1"),
    row("3", "kurrentdb", "0-1, event_log"),
    row("3", "privacy", "0-1, event_log"),
    row("3", "recording", "0-1, media, event_log"),
    row("3", "projection", "0-1, compliance, dialing, routing, event_log"),
    row("3", "query", "0-1, event_log, projection"),
    row("3", "audit", "0-2, event_log, projection"),
    row("4", "runtime", "0-3, speech"),
    row("4", "speech", "0-2"),
    row("4", "report", "0-1, event_log, query"),
    row("-", "sim", "0-3, runtime, speech"),
    row("5", "api", "0-4"),
    row("5", "cli", "0-4, api, sim"),
];

/// The row of a module.
pub(super) fn find(module: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.module == module)
}

impl Row {
    /// The modules this one may name.
    pub(super) fn allowed(&self) -> BTreeSet<&'static str> {
        let mut allowed = BTreeSet::new();
        for part in self.may_use.split(", ").filter(|part| *part != "std") {
            if let Some(named) = find(part) {
                allowed.insert(named.module);
                continue;
            }
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let within = |layer: &str| layer != "-" && low <= layer && layer <= high;
            let before = allowed.len();
            allowed.extend(TABLE.iter().filter(|row| within(row.layer)).map(|row| row.module));
            assert!(allowed.len() > before, "{}: {part:?} is no layer and no module", self.module);
        }
        allowed.remove(self.module);
        allowed
    }
}

#[test]
fn the_table_has_no_cycle() {
    let mut left: Vec<&Row> = TABLE.iter().collect();
    let mut done = BTreeSet::new();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|row| {
            let ready = row.allowed().is_subset(&done);
            if ready {
                done.insert(row.module);
            }
            !ready
        });
        let names: Vec<_> = left.iter().map(|row| row.module).collect();
        assert!(left.len() < before, "these use each other: {names:?}");
    }
}

#[test]
fn ranges_and_names_are_read() {
    let allowed = |module| find(module).expect("a row").allowed();
    assert!(allowed("base").is_empty());
    let below = BTreeSet::from(["access", "base", "compliance", "event", "tls"]);
    assert_eq!(allowed("dialing"), below);
    assert!(allowed("runtime").contains("query") && !allowed("runtime").contains("sim"));
    assert!(!allowed("call").contains("call"));
    assert_eq!(allowed("cli").len(), TABLE.len() - 1);
    let with_sim = TABLE.iter().filter(|row| row.allowed().contains("sim"));
    assert_eq!(with_sim.map(|row| row.module).collect::<Vec<_>>(), ["cli"]);
}
