//! A supervisor in a call.

use super::agents::joined;
use super::stage::{Stage, agent};
use crate::base::LegId;
use crate::call::{CallCommand, CallInput, LegOver};
use crate::event::{Event, LegKind, SupervisionMode};
use crate::sip::Party;

fn supervise(stage: &mut Stage, mode: SupervisionMode) {
    stage.give(CallInput::Supervise { agent_id: agent("sam"), mode });
}

/// A call that sam listens to: the customer's leg, ann's, and sam's.
fn listened(mode: SupervisionMode) -> (Stage, [LegId; 3]) {
    let (mut stage, customer, ann) = joined();
    stage.commands();
    supervise(&mut stage, mode);
    let sam = stage.take(|it| match it {
        CallCommand::InviteAgent { leg_id, agent_id, .. } if agent_id.as_str() == "sam" => {
            Some(*leg_id)
        }
        _ => None,
    });
    assert_eq!(stage.commands(), [], "nobody hears anything while it rings");
    stage.answer(sam);
    (stage, [customer, ann, sam])
}

/// Who hears whom by the last command, as listener and speaker: c, a and s.
fn hears(stage: &mut Stage, [customer, ann, sam]: [LegId; 3]) -> Vec<String> {
    let name = |leg: LegId| match leg {
        leg if leg == customer => 'c',
        leg if leg == ann => 'a',
        leg if leg == sam => 's',
        _ => '?',
    };
    let last = stage.commands().into_iter().rev().find_map(|it| match it {
        CallCommand::Connect { hears } => Some(hears),
        _ => None,
    });
    let mut all: Vec<_> = last
        .expect("a change")
        .into_iter()
        .map(|one| {
            assert_eq!(one.with_keys, ![one.listener, one.speaker].contains(&sam), "keys");
            format!("{}<{}", name(one.listener), name(one.speaker))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_supervisor_listens_whispers_and_barges() {
    let (mut stage, legs) = listened(SupervisionMode::Listen);
    let listen = ["a<c", "c<a", "s<a", "s<c"];
    assert_eq!(hears(&mut stage, legs), listen, "nobody hears who listens");
    let sam = legs[2];
    for (digit, expected) in [
        ('2', &["a<c", "a<s", "c<a", "s<a", "s<c"][..]),
        ('3', &["a<c", "a<s", "c<a", "c<s", "s<a", "s<c"]),
        ('1', &listen),
    ] {
        stage.give(CallInput::Digit { leg_id: sam, digit });
        assert_eq!(hears(&mut stage, legs), expected, "{digit}");
    }
    for digit in ['1', '7', '#'] {
        stage.give(CallInput::Digit { leg_id: sam, digit });
    }
    assert_eq!(stage.commands(), []);
    assert_eq!(stage.count("SupervisionModeChanged"), 3);
    assert_eq!(stage.count("IntentTagged"), 0, "no key of a supervisor's is an outcome");
    stage.wait(6_000);
    stage.bye(sam, Party::Remote);
    let ended = stage.facts.iter().find_map(|fact| match fact {
        Event::SupervisionEnded(it) => Some(it.after_ms.0),
        _ => None,
    });
    assert_eq!(ended, Some(6_000));
    assert_eq!(stage.commands(), [], "the call goes on as it was");
    assert_eq!(stage.legs_ended()[0].kind, LegKind::Supervisor(agent("sam")));
    assert_eq!(stage.moves(), ["ann: ringing > talking"], "a supervisor takes no calls");
}

#[test]
fn the_mode_may_be_asked_for_and_changed_from_outside() {
    let (mut stage, legs) = listened(SupervisionMode::Whisper);
    assert_eq!(hears(&mut stage, legs), ["a<c", "a<s", "c<a", "s<a", "s<c"]);
    supervise(&mut stage, SupervisionMode::Barge);
    assert!(hears(&mut stage, legs).contains(&"c<s".to_owned()));
    let other = CallInput::Supervise { agent_id: agent("tom"), mode: SupervisionMode::Listen };
    stage.give(other);
    assert_eq!(stage.commands(), [], "one at a time");
}

#[test]
fn a_supervisor_hears_no_agent_who_holds() {
    let (mut stage, legs) = listened(SupervisionMode::Barge);
    stage.give(CallInput::Held { leg_id: legs[1] });
    assert_eq!(hears(&mut stage, legs), ["c<s", "s<c"]);
}

#[test]
fn a_supervisor_leaves_with_the_customer() {
    let (mut stage, [customer, ann, sam]) = listened(SupervisionMode::Listen);
    stage.commands();
    stage.bye(customer, Party::Remote);
    assert_eq!(stage.hangs_up(), sam);
    stage.bye(ann, Party::Remote);
    stage.bye(sam, Party::Local);
    stage.attempt();
}

#[test]
fn a_supervisor_whose_phone_does_not_answer_changes_nothing() {
    let (mut stage, _, _) = joined();
    stage.commands();
    supervise(&mut stage, SupervisionMode::Listen);
    let sam = stage.take(|it| match it {
        CallCommand::InviteAgent { leg_id, .. } => Some(*leg_id),
        _ => None,
    });
    stage.over(sam, LegOver::Cancelled);
    assert_eq!((stage.commands(), stage.count("SupervisionStarted")), (Vec::new(), 0));
    assert_eq!(stage.count("LegEnded"), 1);
}

#[test]
fn who_is_not_connected_is_not_supervised() {
    let (mut stage, customer) = Stage::answered();
    stage.bye(customer, Party::Remote);
    supervise(&mut stage, SupervisionMode::Listen);
    assert_eq!(stage.count("LegStarted"), 1);
}
