//! A person talks.

use super::stage::{Stage, WRAP_UP, agent, forgiving_script};
use crate::base::LegId;
use crate::call::{CallCommand, CallInput, Hearing, LegOver};
use crate::event::{Disposition, Event, Handler, HangUpParty, IntentionLevel, RoutePurpose};
use crate::sip::{FailureCause, Party};

/// Both hear each other, and nobody else.
pub(super) fn joins(customer: LegId, agent: LegId) -> CallCommand {
    let hears = [(customer, agent), (agent, customer)];
    let mut hears = hears.map(|(listener, speaker)| Hearing { listener, speaker, with_keys: true });
    hears.sort();
    CallCommand::Connect { hears: hears.to_vec() }
}

/// The customer was joined with ann at once.
pub(super) fn joined() -> (Stage, LegId, LegId) {
    let (mut stage, customer) = Stage::answered();
    let leg_id = stage.rings(RoutePurpose::Answer, "ann");
    stage.wait(1_500);
    stage.answer(leg_id);
    (stage, customer, leg_id)
}

#[test]
fn an_agent_takes_the_call_and_keys_in_what_came_of_it() {
    let (mut stage, customer, leg_id) = joined();
    assert_eq!(stage.commands(), [joins(customer, leg_id)]);
    let waited = stage.facts.iter().find_map(|fact| match fact {
        Event::CallBridged(it) => Some(it.wait_ms.0),
        _ => None,
    });
    assert_eq!(waited, Some(1_500));
    for digit in ['3', '1', '#'] {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    stage.bye(leg_id, Party::Remote);
    assert_eq!(stage.hangs_up(), customer);
    stage.bye(customer, Party::Local);
    assert_eq!(stage.attempt().level, Some(IntentionLevel::A));
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Agent);
    assert_eq!(stage.call_ended().handler, Some(Handler::Agent(agent("ann"))));
    assert_eq!((stage.count("CommitmentMade"), stage.count("IntentTagged")), (1, 1));
    assert_eq!(stage.moves(), ["ann: ringing > talking", "ann: talking > wrap_up"]);
}

#[test]
fn an_agent_keys_in_a_sale_and_what_it_is_worth() {
    for (keys, worth) in [
        ("5#", None),
        ("5*1200#", Some(120_000)),
        ("15*7#", Some(700)),
        ("5*#", None),
        ("5*12*3#", None),
        ("5*9#5*1200#", Some(120_000)),
    ] {
        let (mut stage, customer, leg_id) = joined();
        for digit in keys.chars() {
            stage.give(CallInput::Digit { leg_id, digit });
        }
        stage.bye(leg_id, Party::Remote);
        stage.bye(customer, Party::Local);
        let made = stage.facts.iter().find_map(|fact| match fact {
            Event::CommitmentMade(it) => Some(it),
            _ => None,
        });
        let made = made.expect("a sale");
        assert_eq!((made.kind.as_str(), made.made_with.as_str()), ("sale", "agent:ann"), "{keys}");
        assert_eq!(made.amount_minor, worth, "{keys}");
        assert_eq!(made.currency.as_deref(), worth.map(|_| "USD"), "{keys}");
        assert_eq!(stage.attempt().level, Some(IntentionLevel::A), "{keys}");
    }
}

#[test]
fn what_is_keyed_in_last_counts_whether_meeting_or_sale() {
    let (mut stage, customer, leg_id) = joined();
    for digit in "5*1200#1#".chars() {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    stage.bye(leg_id, Party::Remote);
    stage.bye(customer, Party::Local);
    let kinds: Vec<_> = stage
        .facts
        .iter()
        .filter_map(|fact| match fact {
            Event::CommitmentMade(it) => Some((it.kind.as_str(), it.amount_minor)),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, [("appointment", None)]);
}

#[test]
fn a_wrong_number_is_keyed_in_with_eight() {
    let (mut stage, customer, leg_id) = joined();
    for digit in "8#".chars() {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    stage.bye(leg_id, Party::Remote);
    stage.bye(customer, Party::Local);
    assert_eq!(stage.parties(), [(false, "agent:ann")]);
    assert_eq!(stage.attempt().level, Some(IntentionLevel::E));
}

#[test]
fn line_and_agent_are_paid_for_as_long_as_each_was_there() {
    let (mut stage, customer, leg_id) = joined();
    stage.wait(58_500);
    stage.bye(leg_id, Party::Remote);
    stage.wait(500);
    stage.bye(customer, Party::Local);
    // 58.5 s of 18 dollars an hour; 1.5 + 58.5 + 0.5 s, so 61 s of 1.2 cents a minute.
    assert_eq!(stage.costs(), [("agent", "ann", 29_250), ("line", "north", 1_220)]);
}

#[test]
fn what_has_no_price_is_not_booked() {
    let (mut stage, customer) = Stage::answered();
    let leg_id = stage.rings(RoutePurpose::Answer, "bob");
    stage.answer(leg_id);
    stage.wait(1_000);
    stage.bye(leg_id, Party::Remote);
    stage.bye(customer, Party::Local);
    assert_eq!(stage.costs(), [("line", "north", 20)]);
}

#[test]
fn nine_and_hash_by_the_agent_is_never_again() {
    let (mut stage, customer, leg_id) = joined();
    for digit in ['9', '#', '1', '#'] {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    assert_eq!((stage.count("OptOutHeard"), stage.count("DoNotCallAdded")), (1, 1));
    stage.bye(customer, Party::Remote);
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().level, Some(IntentionLevel::X), "nothing takes it back");
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Customer);
}

#[test]
fn an_outcome_counts_that_is_keyed_in_after_the_customer_hung_up() {
    let (mut stage, customer, leg_id) = joined();
    stage.commands();
    stage.bye(customer, Party::Remote);
    stage.wait(WRAP_UP.0 - 1);
    assert_eq!(stage.commands(), [], "the agent's phone stays on the line");
    for digit in ['9', '#'] {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    assert_eq!((stage.count("OptOutHeard"), stage.count("DoNotCallAdded")), (1, 1));
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().level, Some(IntentionLevel::X));
}

#[test]
fn an_agent_who_keys_nothing_in_is_released_after_a_while() {
    let (mut stage, customer, leg_id) = joined();
    stage.commands();
    stage.bye(customer, Party::Remote);
    stage.wait(WRAP_UP.0);
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().level, None);
    assert_eq!(stage.moves(), ["ann: ringing > talking", "ann: talking > wrap_up"]);
}

#[test]
fn keys_without_a_meaning_say_nothing() {
    let (mut stage, _, leg_id) = joined();
    for digit in ['#', '7', '#', '1', '*', '#', '1'] {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    assert_eq!(stage.count("IntentTagged"), 0);
}

#[test]
fn an_agent_who_does_not_answer_is_given_a_break_and_somebody_else_asked() {
    let (mut stage, _) = Stage::answered();
    let first = stage.rings(RoutePurpose::Answer, "ann");
    stage.wait(8_000);
    stage.over(first, LegOver::Cancelled);
    let second = stage.rings(RoutePurpose::Answer, "bob");
    stage.over(second, LegOver::Failed { cause: FailureCause::Transport });
    let third = stage.rings(RoutePurpose::Answer, "cat");
    stage.refuse(third, 486);
    stage.handler(RoutePurpose::Answer, Some(Handler::Robot));
    let moves = ["ann: ringing > break", "bob: ringing > break", "cat: ringing > break"];
    assert_eq!(stage.moves(), moves);
    stage.wait(2_500);
    stage.says();
}

#[test]
fn the_customer_hangs_up_while_the_agents_phone_rings() {
    let (mut stage, customer) = Stage::answered();
    let leg_id = stage.rings(RoutePurpose::Answer, "ann");
    stage.bye(customer, Party::Remote);
    assert_eq!(stage.hangs_up(), leg_id);
    assert_eq!(stage.count("AttemptEnded"), 0, "the agent's leg is still there");
    stage.over(leg_id, LegOver::Cancelled);
    assert_eq!(stage.moves(), ["ann: ringing > available"]);
    assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
}

#[test]
fn the_agent_answers_in_the_moment_the_customer_hangs_up() {
    let (mut stage, customer) = Stage::answered();
    let leg_id = stage.rings(RoutePurpose::Answer, "ann");
    stage.bye(customer, Party::Remote);
    stage.answer(leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.count("CallBridged"), 0);
    assert_eq!(stage.moves(), ["ann: ringing > available"]);
    assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
}

#[test]
fn the_robot_hands_over_to_a_person() {
    let (mut stage, customer) = Stage::robot();
    stage.says();
    stage.presses(customer, '0');
    let leg_id = stage.rings(RoutePurpose::Transfer, "ann");
    stage.wait(1_000);
    stage.answer(leg_id);
    assert_eq!(stage.count("CallBridged"), 1);
    stage.stops_talking(customer);
    stage.commands();
    stage.bye(customer, Party::Remote);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.call_ended().handler, Some(Handler::Agent(agent("ann"))));
    assert_eq!(stage.moves().last().map(String::as_str), Some("ann: talking > wrap_up"));
}

#[test]
fn a_customer_who_keys_nine_while_a_person_talks_is_never_called_again() {
    let (mut stage, customer) = Stage::robot();
    stage.says();
    stage.presses(customer, '0');
    let leg_id = stage.rings(RoutePurpose::Transfer, "ann");
    stage.answer(leg_id);
    stage.stops_talking(customer);
    stage.commands();
    stage.presses(customer, '9');
    assert!(stage.commands().is_empty(), "the robot does not talk into it");
    assert_eq!((stage.count("OptOutHeard"), stage.count("DoNotCallAdded")), (1, 1));
    for digit in ['1', '#'] {
        stage.give(CallInput::Digit { leg_id, digit });
    }
    stage.bye(customer, Party::Remote);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().level, Some(IntentionLevel::X), "whatever the agent keys in");
}

#[test]
fn a_transfer_to_a_phone_that_is_not_taken_goes_back_to_the_robot() {
    let (mut stage, customer) = Stage::robot();
    stage.says();
    stage.presses(customer, '0');
    let leg_id = stage.rings(RoutePurpose::Transfer, "ann");
    stage.refuse(leg_id, 486);
    stage.handler(RoutePurpose::Transfer, None);
    stage.says_all();
    assert!(stage.says_all().contains("everybody is busy"));
}

#[test]
fn stopped_while_the_agents_phone_rings() {
    let (mut stage, customer) = Stage::answered();
    let leg_id = stage.rings(RoutePurpose::Answer, "ann");
    stage.give(CallInput::Stop { reason: "shutdown" });
    assert_eq!(stage.hangs_up(), customer);
    stage.bye(customer, Party::Local);
    assert_eq!(stage.hangs_up(), leg_id);
    stage.over(leg_id, LegOver::Cancelled);
    assert_eq!(stage.moves(), ["ann: ringing > available"]);
    assert_eq!(stage.attempt().reason.as_deref(), Some("shutdown"));
}

#[test]
fn stopped_while_the_agent_talks() {
    let (mut stage, customer, leg_id) = joined();
    stage.give(CallInput::Stop { reason: "shutdown" });
    assert_eq!(stage.hangs_up(), customer);
    stage.bye(customer, Party::Local);
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.moves().last().map(String::as_str), Some("ann: talking > wrap_up"));
    assert_eq!(stage.attempt().disposition, Disposition::AnsweredHuman);
}

#[test]
fn an_agent_whose_line_went_dead_frees_the_customer() {
    let (mut stage, customer, leg_id) = joined();
    stage.over(leg_id, LegOver::MediaTimeout);
    assert_eq!(stage.hangs_up(), customer);
    stage.bye(customer, Party::Local);
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("media_timeout"));
}

/// The customer asks for a person, nobody takes it in time, and the customer asks again while
/// the first agent's phone still rings.
#[test]
fn who_asks_twice_for_a_person_lets_one_phone_ring() {
    let (mut stage, customer) = Stage::robot_of(forgiving_script());
    stage.says_all();
    stage.presses(customer, '0');
    stage.says_all();
    let leg_id = stage.rings(RoutePurpose::Transfer, "ann");
    stage.wait(15_000);
    stage.says_all();
    stage.presses(customer, '0');
    assert_eq!(stage.count("TransferRequested"), 2);
    let wishes = stage.commands();
    let wants = |it: &CallCommand| matches!(it, CallCommand::WantHandler { .. });
    assert!(!wishes.iter().any(wants), "ann's phone rings already: {wishes:?}");
    stage.answer(leg_id);
    assert_eq!(stage.moves(), ["ann: ringing > talking"]);
    assert!(stage.commands().contains(&joins(customer, leg_id)));
}

#[test]
fn an_agent_chosen_while_another_phone_rings_is_free_again() {
    let (mut stage, _) = Stage::answered();
    stage.rings(RoutePurpose::Answer, "ann");
    let handler = Some(Handler::Agent(agent("bob")));
    stage.give(CallInput::HandlerChosen { purpose: RoutePurpose::Answer, handler });
    assert_eq!(stage.moves(), ["bob: ringing > available"]);
}
