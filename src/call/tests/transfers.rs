//! Hold, blind and attended transfers.

use super::agents::{joined, joins};
use super::stage::{AGENT_RING, Stage, agent};
use crate::base::{LegId, Millis};
use crate::call::{CallCommand, CallInput, Hearing, LegOver, TransferTarget};
use crate::event::{Event, Handler, HangUpParty, RoutePurpose, TransferFailed};
use crate::sip::Party;

fn refer(stage: &mut Stage, leg_id: LegId, target: TransferTarget) {
    stage.give(CallInput::Referred { leg_id, target });
}

/// Bob is free and rings.
fn takes(stage: &mut Stage, name: &str) -> LegId {
    let agent_id = stage.take(|it| match it {
        CallCommand::WantAgent { agent_id } => Some(agent_id.clone()),
        _ => None,
    });
    assert_eq!(agent_id, agent(name));
    stage.give(CallInput::AgentTaken { agent_id, is_free: true });
    stage.take(|it| match it {
        CallCommand::InviteAgent { leg_id, agent_id, ring_timeout } => {
            assert_eq!((agent_id.as_str(), *ring_timeout), (name, AGENT_RING));
            Some(*leg_id)
        }
        _ => None,
    })
}

fn failed(stage: &Stage) -> &TransferFailed {
    let found = stage.facts.iter().find_map(|fact| match fact {
        Event::TransferFailed(it) => Some(it),
        _ => None,
    });
    found.expect("a transfer that failed")
}

#[test]
fn a_customer_on_hold_hears_the_tone_of_hold_and_nobody() {
    let (mut stage, customer, ann) = joined();
    stage.commands();
    stage.give(CallInput::Held { leg_id: ann });
    stage.give(CallInput::Held { leg_id: ann });
    let apart = CallCommand::Connect { hears: Vec::new() };
    assert_eq!(stage.commands(), [apart, CallCommand::PlayHold { leg_id: customer }]);
    stage.wait(4_000);
    stage.give(CallInput::Resumed { leg_id: ann });
    let again = joins(customer, ann);
    assert_eq!(stage.commands(), [again, CallCommand::StopHold { leg_id: customer }]);
    stage.give(CallInput::Held { leg_id: ann });
    stage.wait(1_000);
    stage.bye(ann, Party::Remote);
    stage.bye(customer, Party::Local);
    let held: Vec<_> = stage
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Event::LegResumed(it) => Some(it.held_ms.0),
            _ => None,
        })
        .collect();
    assert_eq!((held, stage.count("LegHeld")), (vec![4_000, 1_000], 2));
}

#[test]
fn a_blind_transfer_joins_the_customer_with_the_next_agent() {
    let (mut stage, customer, ann) = joined();
    stage.wait(10_000);
    stage.give(CallInput::Held { leg_id: ann });
    stage.commands();
    refer(&mut stage, ann, TransferTarget::Agent(agent("bob")));
    stage.take(|it| (*it == CallCommand::AcceptRefer { leg_id: ann }).then_some(()));
    let bob = takes(&mut stage, "bob");
    assert_eq!(stage.commands(), [], "the customer stays on hold");
    stage.wait(3_000);
    stage.answer(bob);
    assert_eq!(
        stage.commands(),
        [
            CallCommand::NotifyRefer { leg_id: ann, status: 200 },
            CallCommand::HangUp { leg_id: ann },
            joins(customer, bob),
            CallCommand::StopHold { leg_id: customer },
        ]
    );
    stage.bye(ann, Party::Local);
    stage.wait(20_000);
    stage.bye(bob, Party::Remote);
    assert_eq!(stage.hangs_up(), customer);
    stage.bye(customer, Party::Local);
    assert_eq!(
        stage.moves(),
        [
            "ann: ringing > talking",
            "bob: ringing > talking",
            "ann: talking > wrap_up",
            "bob: talking > wrap_up"
        ]
    );
    assert_eq!(stage.call_ended().handler, Some(Handler::Agent(agent("bob"))));
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Agent);
    // Ann talked 13 s of an hour that costs 18 dollars; bob is free of charge.
    assert_eq!(stage.costs()[0], ("agent", "ann", 6_500));
    assert_eq!((stage.count("TransferStarted"), stage.count("TransferCompleted")), (1, 1));
    assert_eq!(stage.count("CallBridged"), 2);
}

#[test]
fn a_transfer_that_fails_leaves_the_customer_with_the_agent() {
    for (end, status) in [(LegOver::refused(486, None), 486), (LegOver::Cancelled, 480)] {
        let (mut stage, customer, ann) = joined();
        refer(&mut stage, ann, TransferTarget::Agent(agent("bob")));
        let bob = takes(&mut stage, "bob");
        stage.commands();
        stage.wait(2_000);
        stage.over(bob, end);
        assert_eq!(stage.commands(), [CallCommand::NotifyRefer { leg_id: ann, status }]);
        assert_eq!((failed(&stage).sip_status, failed(&stage).after_ms), (status, Millis(2_000)));
        assert_eq!(stage.moves()[1], "bob: ringing > break");
        refer(&mut stage, ann, TransferTarget::Queue);
        stage.handler(RoutePurpose::Transfer, None);
        let told = CallCommand::NotifyRefer { leg_id: ann, status: 480 };
        assert!(stage.commands().contains(&told));
        stage.bye(customer, Party::Remote);
        stage.bye(ann, Party::Remote);
        assert_eq!(stage.call_ended().handler, Some(Handler::Agent(agent("ann"))));
        assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Customer);
    }
}

#[test]
fn a_busy_agent_is_not_rung() {
    let (mut stage, _, ann) = joined();
    refer(&mut stage, ann, TransferTarget::Agent(agent("bob")));
    stage.commands();
    stage.give(CallInput::AgentTaken { agent_id: agent("bob"), is_free: false });
    assert_eq!(stage.commands(), [CallCommand::NotifyRefer { leg_id: ann, status: 486 }]);
    assert_eq!(stage.moves(), ["ann: ringing > talking"]);
}

#[test]
fn routing_chooses_for_a_queue() {
    let (mut stage, customer, ann) = joined();
    refer(&mut stage, ann, TransferTarget::Queue);
    let bob = stage.rings(RoutePurpose::Transfer, "bob");
    stage.commands();
    stage.answer(bob);
    assert!(stage.commands().contains(&joins(customer, bob)));
}

#[test]
fn who_asked_and_left_is_not_asked_again() {
    let (mut stage, customer, ann) = joined();
    refer(&mut stage, ann, TransferTarget::Agent(agent("bob")));
    let bob = takes(&mut stage, "bob");
    stage.commands();
    stage.bye(ann, Party::Remote);
    assert!(stage.commands().contains(&CallCommand::PlayHold { leg_id: customer }));
    stage.refuse(bob, 486);
    let carl = stage.rings(RoutePurpose::Transfer, "carl");
    stage.answer(carl);
    assert!(stage.commands().contains(&joins(customer, carl)));
    stage.bye(customer, Party::Remote);
    stage.bye(carl, Party::Remote);
    assert_eq!(stage.call_ended().handler, Some(Handler::Agent(agent("carl"))));
}

#[test]
fn nobody_else_may_pass_a_call_on_and_not_to_anybody() {
    let (mut stage, customer, ann) = joined();
    stage.commands();
    refer(&mut stage, customer, TransferTarget::Agent(agent("bob")));
    assert_eq!(stage.commands(), [CallCommand::RefuseRefer { leg_id: customer, status: 603 }]);
    refer(&mut stage, ann, TransferTarget::Forbidden);
    assert_eq!(stage.commands(), [CallCommand::RefuseRefer { leg_id: ann, status: 603 }]);
    assert_eq!(failed(&stage).sip_status, 603);
    refer(&mut stage, ann, TransferTarget::Leg(customer));
    assert_eq!(stage.commands(), [CallCommand::RefuseRefer { leg_id: ann, status: 481 }]);
    refer(&mut stage, ann, TransferTarget::Queue);
    stage.commands();
    refer(&mut stage, ann, TransferTarget::Queue);
    assert_eq!(stage.commands(), [CallCommand::RefuseRefer { leg_id: ann, status: 491 }]);
}

#[test]
fn a_customer_who_leaves_stops_the_phone_that_rings() {
    let (mut stage, customer, ann) = joined();
    refer(&mut stage, ann, TransferTarget::Agent(agent("bob")));
    let bob = takes(&mut stage, "bob");
    stage.commands();
    stage.bye(customer, Party::Remote);
    assert_eq!(stage.hangs_up(), bob);
    stage.over(bob, LegOver::Cancelled);
    assert_eq!(failed(&stage).sip_status, 480);
    assert_eq!(stage.moves()[1], "bob: ringing > available");
    stage.bye(ann, Party::Remote);
    stage.attempt();
}

/// Ann holds the customer and talks to bob: her second leg, and his.
fn consulted() -> (Stage, [LegId; 4]) {
    let (mut stage, customer, ann) = joined();
    stage.give(CallInput::Held { leg_id: ann });
    let phone = LegId(uuid::Uuid::from_u128(7));
    let (from, to) = (agent("ann"), agent("bob"));
    stage.give(CallInput::Consult { leg_id: phone, from, to });
    let bob = takes(&mut stage, "bob");
    stage.take(|it| (*it == CallCommand::RingPhone { leg_id: phone }).then_some(()));
    stage.commands();
    stage.wait(2_000);
    stage.answer(bob);
    assert_eq!(stage.commands(), [CallCommand::AnswerPhone { leg_id: phone }]);
    stage.answer(phone);
    assert_eq!(stage.commands(), [joins(phone, bob)]);
    (stage, [customer, ann, phone, bob])
}

#[test]
fn an_attended_transfer_joins_the_customer_with_who_was_asked() {
    let (mut stage, [customer, ann, phone, bob]) = consulted();
    stage.wait(5_000);
    refer(&mut stage, ann, TransferTarget::Leg(phone));
    assert_eq!(
        stage.commands(),
        [
            CallCommand::AcceptRefer { leg_id: ann },
            CallCommand::NotifyRefer { leg_id: ann, status: 200 },
            CallCommand::HangUp { leg_id: ann },
            CallCommand::HangUp { leg_id: phone },
            joins(customer, bob),
            CallCommand::StopHold { leg_id: customer },
        ]
    );
    stage.bye(phone, Party::Remote);
    stage.bye(ann, Party::Local);
    stage.bye(customer, Party::Remote);
    stage.bye(bob, Party::Remote);
    assert_eq!(stage.call_ended().handler, Some(Handler::Agent(agent("bob"))));
    assert_eq!(
        stage.moves(),
        [
            "ann: ringing > talking",
            "bob: ringing > talking",
            "ann: talking > wrap_up",
            "bob: talking > wrap_up"
        ]
    );
    assert_eq!(stage.legs_ended().len(), 4);
}

#[test]
fn a_consultation_may_end_without_a_transfer() {
    for by_bob in [false, true] {
        let (mut stage, [customer, ann, phone, bob]) = consulted();
        let (first, second) = if by_bob { (bob, phone) } else { (phone, bob) };
        stage.bye(first, Party::Remote);
        assert_eq!(stage.hangs_up(), second);
        stage.bye(second, Party::Local);
        stage.commands();
        refer(&mut stage, ann, TransferTarget::Leg(phone));
        assert_eq!(stage.commands(), [CallCommand::RefuseRefer { leg_id: ann, status: 481 }]);
        stage.give(CallInput::Resumed { leg_id: ann });
        assert_eq!(stage.commands()[0], joins(customer, ann), "back with the customer");
    }
}

#[test]
fn who_does_not_talk_may_not_consult() {
    let (mut stage, _, _) = joined();
    stage.commands();
    let leg_id = LegId(uuid::Uuid::from_u128(7));
    for (from, to) in [("bob", "carl"), ("ann", "ann")] {
        let (from, to) = (agent(from), agent(to));
        stage.give(CallInput::Consult { leg_id, from, to });
        assert_eq!(stage.commands(), [CallCommand::RejectPhone { leg_id, status: 486 }]);
    }
}

#[test]
fn a_consultation_does_not_outlive_the_customer() {
    let (mut stage, [customer, ann, phone, bob]) = consulted();
    stage.commands();
    stage.bye(customer, Party::Remote);
    for leg_id in [phone, bob] {
        stage.take(|it| (*it == CallCommand::HangUp { leg_id }).then_some(()));
        stage.bye(leg_id, Party::Local);
    }
    stage.bye(ann, Party::Remote);
    stage.attempt();
}

#[test]
fn hearing_is_named_by_both_ends() {
    let leg = |number| LegId(uuid::Uuid::from_u128(number));
    let one = Hearing { listener: leg(1), speaker: leg(2), with_keys: true };
    assert!(one < Hearing { listener: leg(2), speaker: leg(1), with_keys: true });
}
