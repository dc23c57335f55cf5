//! Whether the nodes of a script hold together.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::parse::Go;
use super::problem::{Problems, listed, nearest};
use super::{KeyAction, Node, NodeId, Script, Stage};
use crate::conversation::{EndReason, Intent};

type Places = BTreeMap<NodeId, Range<usize>>;

/// Every reference names a node.
pub(super) fn gos(gos: &[Go], places: &Places, problems: &mut Problems<'_>) {
    let names = || places.keys().map(NodeId::as_str);
    for go in gos {
        if places.contains_key(&go.to) {
            continue;
        }
        let hint = nearest(go.to.as_str(), names());
        let hint = hint.map_or(";".to_owned(), |near| format!("; did you mean {near:?}?"));
        let message = format!("no node {:?}{hint} nodes: {}", go.to.as_str(), listed(names()));
        problems.add(&go.span, go.key.clone(), message);
    }
}

/// The rules a script that is complete must keep.
pub(super) fn script(script: &Script, places: &Places, problems: &mut Problems<'_>) {
    let mut add = |id: &NodeId, key: &str, message: &str| {
        let span = places.get(id).cloned().unwrap_or(0..0);
        let key = if key.is_empty() { format!("nodes.{id}") } else { format!("nodes.{id}.{key}") };
        problems.add(&span, key, message);
    };
    let reached = reachable(script);
    for node in script.nodes() {
        one_node(node, &mut add);
        if !reached.contains(&node.id) {
            add(&node.id, "", "is never reached: no key, rule or global leads here");
        }
        let own = closure(script, vec![&node.id]);
        let ends =
            own.iter().filter_map(|id| script.node(id)).any(|it| it.ends.is_some() || it.transfers);
        if !ends {
            add(
                &node.id,
                "",
                "leads to no end by its own keys and rules; add one that goes towards a node with ends",
            );
        }
    }
    if let Some(start) = script.node(&script.start) {
        if !start.discloses_robot {
            add(
                &start.id,
                "discloses_robot",
                "must be true in the first node, whose say must tell that a robot is calling",
            );
        }
        if start.stage != Stage::Hook {
            add(&start.id, "stage", "must be hook in the first node");
        }
    }
    if script.node(&script.globals.at_limit).is_some_and(|node| node.ends.is_none()) {
        add(&script.globals.at_limit, "ends", "is missing; globals.at_limit must lead to an end");
    }
    opt_out(script, &mut add);
}

fn one_node(node: &Node, add: &mut impl FnMut(&NodeId, &str, &str)) {
    let has_own = !node.keys.is_empty()
        || node.on_speech.is_some()
        || node.on_silence.is_some()
        || node.on_unknown.is_some();
    if node.ends.is_some() && (has_own || node.next.is_some() || node.transfers) {
        add(&node.id, "ends", "stands alone: a node that ends has no on, next or transfer");
    }
    if node.next.is_some() && node.transfers {
        add(&node.id, "next", "stands alone: a node that transfers has no next");
    }
    if node.transfers != node.on_transfer_failed.is_some() {
        add(&node.id, "on.transfer_failed", "goes with transfer = true, and is needed there");
    }
}

/// One global key opts out, ends in a farewell that says so, and no node takes it away.
fn opt_out(script: &Script, add: &mut impl FnMut(&NodeId, &str, &str)) {
    let rule = script.globals.keys.iter().find(|(_, rule)| rule.intent == Intent::OptOut);
    let Some((key, KeyAction::Go(to))) = rule.map(|(key, rule)| (key, &rule.action)) else {
        add(
            &script.start,
            "",
            "has no opt-out: add to globals.key \"9\" = { intent = \"opt_out\", go = … }",
        );
        return;
    };
    if script.node(to).is_some_and(|node| node.ends != Some(EndReason::OptedOut)) {
        add(to, "ends", "must be \"opted_out\": the opt-out key leads here");
    }
    for node in script.nodes() {
        if node.keys.get(key).is_some_and(|own| own.intent != Intent::OptOut) {
            add(&node.id, &format!("on.key.{key}"), "takes away the opt-out key");
        }
    }
}

/// All nodes that can be reached from the start and through the globals, which work everywhere.
fn reachable(script: &Script) -> BTreeSet<&NodeId> {
    let globals = &script.globals;
    let keys = globals.keys.values().filter_map(|rule| match &rule.action {
        KeyAction::Go(to) => Some(to),
        KeyAction::Repeat => None,
    });
    let mut open: Vec<&NodeId> = keys.collect();
    open.extend([
        &script.start,
        &globals.silence_alternative,
        &globals.silence_close,
        &globals.unknown.go,
        &globals.at_limit,
    ]);
    closure(script, open)
}

/// All nodes the open ones lead to by their own rules, themselves included.
fn closure<'s>(script: &'s Script, mut open: Vec<&'s NodeId>) -> BTreeSet<&'s NodeId> {
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(node) = script.node(id) else { continue };
        if seen.insert(&node.id) {
            open.extend(node.leads_to());
        }
    }
    seen
}
