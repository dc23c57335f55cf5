//! The robot talks.

use super::stage::Stage;
use crate::call::{CallCommand, CallInput, LegOver};
use crate::event::{Disposition, Event, Handler, HangUpParty, IntentionLevel, RoutePurpose};
use crate::media::dtls::DtlsFailure;
use crate::sip::Party;

#[test]
fn an_agreed_call_from_the_dial_to_the_goodbye() {
    let (mut stage, leg_id) = Stage::robot();
    assert!(stage.says().2.contains("robot"), "says what it is");
    stage.presses(leg_id, '1');
    stage.says_all();
    assert!(stage.says().2.contains("tomorrow"));
    stage.presses(leg_id, '1');
    stage.says_all();
    assert_eq!(stage.hangs_up(), leg_id);
    stage.wait(40);
    stage.bye(leg_id, Party::Local);

    let attempt = stage.attempt();
    assert_eq!(attempt.disposition, Disposition::AnsweredHuman);
    assert_eq!(attempt.level, Some(IntentionLevel::A));
    assert_eq!((attempt.sip_status, attempt.reason.as_deref()), (Some(200), None));
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Platform);
    assert_eq!(stage.call_ended().handler, Some(Handler::Robot));
    assert_eq!(stage.call_ended().talk_ms.0, 2_500 + 3_000 + 3_000 + 40);
    let names = stage.names();
    assert_eq!(names[..4], ["LegStarted", "LegProgressed", "LegAnswered", "CallAnswered"]);
    let tail = [
        "LegEnded",
        "CostBooked",
        "CommitmentMade",
        "IntentionLevelSet",
        "CallEnded",
        "AttemptEnded",
    ];
    assert_eq!(names[names.len() - 6..], tail);
    assert_eq!(stage.parties(), [(true, "key")], "once, however many keys say so");
    assert_eq!((stage.count("TurnSpoken"), stage.count("TurnHeard")), (4, 2));
}

#[test]
fn nine_is_never_again_and_on_the_list_at_once() {
    let (mut stage, leg_id) = Stage::robot();
    stage.says();
    stage.presses(leg_id, '9');
    let names = stage.names();
    let at = names.iter().position(|name| *name == "OptOutHeard").expect("heard");
    assert_eq!(names.get(at + 1), Some(&"DoNotCallAdded"));
    stage.says_all();
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().level, Some(IntentionLevel::X));
    assert_eq!(stage.count("DoNotCallAdded"), 1);
    assert_eq!(stage.parties(), [], "anybody may say that");
}

#[test]
fn the_customer_hangs_up_in_the_middle_of_a_word() {
    let (mut stage, leg_id) = Stage::robot();
    stage.says();
    stage.wait(700);
    stage.bye(leg_id, Party::Remote);
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Customer);
    assert_eq!(stage.call_ended().stage.as_deref(), Some("hook"));
    assert_eq!(stage.attempt().disposition, Disposition::AnsweredHuman);
    assert!(stage.attempt().level.is_some());
    let spoken = stage.facts.iter().find_map(|fact| match fact {
        Event::TurnSpoken(it) => Some(it.is_completed),
        _ => None,
    });
    assert_eq!(spoken, Some(false));
}

#[test]
fn nobody_to_talk_is_an_abandoned_call() {
    let (mut stage, leg_id) = Stage::answered();
    stage.handler(RoutePurpose::Answer, None);
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
    assert_eq!(stage.attempt().reason.as_deref(), Some("no_handler"));
    assert_eq!(stage.call_ended().handler, None);
    assert_eq!(stage.count("IntentionLevelSet"), 0);
}

#[test]
fn a_transfer_nobody_can_take_goes_back_to_the_robot() {
    let (mut stage, leg_id) = Stage::robot();
    stage.says();
    stage.presses(leg_id, '0');
    assert_eq!(stage.count("TransferRequested"), 1);
    stage.handler(RoutePurpose::Transfer, None);
    stage.says_all();
    assert!(stage.says_all().contains("everybody is busy"));
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().disposition, Disposition::AnsweredHuman);
    assert_eq!(stage.call_ended().handler, Some(Handler::Robot));
}

#[test]
fn told_to_stop_it_hangs_up_and_says_why() {
    let (mut stage, leg_id) = Stage::robot();
    stage.says();
    stage.give(CallInput::Stop { reason: "shutdown" });
    assert_eq!(stage.hangs_up(), leg_id);
    stage.bye(leg_id, Party::Local);
    assert_eq!(stage.attempt().disposition, Disposition::AnsweredHuman);
    assert_eq!(stage.attempt().reason.as_deref(), Some("shutdown"));
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Platform);
}

#[test]
fn a_customer_without_keys_was_never_talked_to() {
    let (mut stage, leg_id) = Stage::robot();
    stage.over(leg_id, LegOver::NoKeys(DtlsFailure::Fingerprint));
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("dtls_fingerprint"));
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Carrier);
    assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
}

#[test]
fn a_line_that_went_dead_ends_the_call() {
    let (mut stage, leg_id) = Stage::robot();
    stage.says();
    stage.over(leg_id, LegOver::MediaTimeout);
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("media_timeout"));
    assert_eq!(stage.legs_ended()[0].hung_up_by, Some(HangUpParty::Carrier));
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Carrier);
    assert_eq!(stage.attempt().disposition, Disposition::AnsweredHuman);
}

#[test]
fn who_hangs_up_before_somebody_was_found_gets_nobody() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    // Both before the runtime looks at what the call wants.
    stage.call.handle(stage.now, CallInput::Answered { leg_id, codec: "PCMU" });
    stage.bye(leg_id, Party::Remote);
    assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
    // A decision now would leave an agent ringing for ever.
    let commands = stage.commands();
    assert_eq!(commands, [CallCommand::Done]);
}
