//! Until somebody answers: carriers, refusals, and being told to stop.

use super::stage::Stage;
use crate::call::{CallInput, LegOver};
use crate::event::{Disposition, HangUpParty, RoutePurpose};
use crate::sip::FailureCause;

const NO_PROVISIONAL: LegOver = LegOver::Failed { cause: FailureCause::NoProvisional };

#[test]
fn the_next_carrier_is_asked_where_the_first_says_nothing() {
    let mut stage = Stage::new();
    let first = stage.dial("north");
    stage.over(first, NO_PROVISIONAL);
    let second = stage.dial("south");
    assert_ne!(first, second);
    stage.answer(second);
    assert_eq!(stage.wants_handler(), RoutePurpose::Answer);
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("no_provisional"));
    assert_eq!(stage.count("AttemptEnded"), 0);
}

#[test]
fn without_any_carrier_left_the_attempt_failed() {
    let mut stage = Stage::new();
    let first = stage.dial("north");
    stage.over(first, NO_PROVISIONAL);
    let second = stage.dial("south");
    stage.refuse(second, 503);
    let leg_id = stage.wants_carrier();
    stage.give(CallInput::CarrierChosen { leg_id, carrier_id: None });
    let attempt = stage.attempt();
    assert_eq!(attempt.disposition, Disposition::CarrierFailed);
    assert_eq!(attempt.sip_status, Some(503));
    assert_eq!(attempt.attempt_number, 2);
    assert_eq!(stage.count("CallEnded"), 0);
}

#[test]
fn without_any_carrier_at_all_it_says_so() {
    let mut stage = Stage::new();
    let leg_id = stage.wants_carrier();
    stage.give(CallInput::CarrierChosen { leg_id, carrier_id: None });
    assert_eq!(stage.attempt().disposition, Disposition::CarrierFailed);
    assert_eq!(stage.attempt().reason.as_deref(), Some("no_carrier"));
    assert_eq!(stage.count("LegStarted"), 0);
}

#[test]
fn what_the_network_says_of_the_number_is_final() {
    for (status, disposition) in [
        (486, Disposition::Busy),
        (600, Disposition::Busy),
        (404, Disposition::InvalidNumber),
        (603, Disposition::Rejected),
        (480, Disposition::NoAnswer),
    ] {
        let mut stage = Stage::new();
        let leg_id = stage.dial("north");
        stage.refuse(leg_id, status);
        assert_eq!(stage.attempt().disposition, disposition, "{status}");
        assert_eq!(stage.attempt().sip_status, Some(status));
        assert_eq!(stage.attempt().level, None);
    }
}

#[test]
fn a_phone_that_rings_out_is_no_answer_and_not_tried_elsewhere() {
    for over in [LegOver::Cancelled, NO_PROVISIONAL, LegOver::Refused { status: 503, q850: None }] {
        let mut stage = Stage::new();
        let leg_id = stage.dial("north");
        stage.give(CallInput::Progress { leg_id, status: 180 });
        stage.over(leg_id, over);
        assert_eq!(stage.attempt().disposition, Disposition::NoAnswer, "{over:?}");
    }
}

#[test]
fn progress_is_recorded_where_it_changes() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    for status in [100, 180, 180, 183, 183] {
        stage.give(CallInput::Progress { leg_id, status });
    }
    assert_eq!(stage.count("LegProgressed"), 2);
}

#[test]
fn a_session_nobody_can_use_is_the_carriers_fault() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.over(leg_id, LegOver::BadSession);
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("bad_session"));
    stage.dial("south");
    assert_eq!(stage.count("CallAnswered"), 0);
}

#[test]
fn news_of_a_leg_that_is_over_is_ignored() {
    let mut stage = Stage::new();
    let first = stage.dial("north");
    stage.over(first, NO_PROVISIONAL);
    let before = stage.facts.len();
    stage.answer(first);
    stage.give(CallInput::Progress { leg_id: first, status: 180 });
    stage.over(first, NO_PROVISIONAL);
    assert_eq!(stage.facts.len(), before);
}

#[test]
fn stopped_before_a_carrier_was_chosen() {
    let mut stage = Stage::new();
    stage.give(CallInput::Stop { reason: "shutdown" });
    assert_eq!(stage.attempt().disposition, Disposition::Cancelled);
    assert_eq!(stage.attempt().reason.as_deref(), Some("shutdown"));
}

#[test]
fn stopped_while_it_rings() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.give(CallInput::Progress { leg_id, status: 180 });
    stage.give(CallInput::Stop { reason: "shutdown" });
    stage.give(CallInput::Stop { reason: "again" });
    assert_eq!(stage.hangs_up(), leg_id);
    assert!(stage.commands().is_empty(), "hung up once");
    stage.over(leg_id, LegOver::Cancelled);
    assert_eq!(stage.attempt().disposition, Disposition::Cancelled);
    assert_eq!(stage.attempt().reason.as_deref(), Some("shutdown"));
    assert_eq!(stage.count("CallEnded"), 0);
}

#[test]
fn stopped_in_the_moment_of_the_answer() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.give(CallInput::Stop { reason: "shutdown" });
    stage.answer(leg_id);
    assert_eq!(stage.hangs_up(), leg_id);
    assert!(stage.commands().is_empty(), "nobody is bothered");
    stage.bye(leg_id, crate::sip::Party::Local);
    assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
    assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Platform);
    assert_eq!(stage.count("TurnSpoken"), 0);
}
