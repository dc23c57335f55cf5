//! Until somebody answers: carriers, refusals, and being told to stop.

use super::stage::Stage;
use crate::base::Millis;
use crate::call::{CallInput, LegOver};
use crate::dialing::EarlyTone;
use crate::event::{Disposition, Event, HangUpParty, RoutePurpose};
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

/// Given that the only carrier left has its turn in a moment, when the moment comes, then it is
/// asked for the same leg, and the attempt goes on.
#[test]
fn a_carrier_that_has_its_turn_soon_is_waited_for() {
    let mut stage = Stage::new();
    let first = stage.dial("north");
    stage.refuse(first, 503);
    let (leg_id, wait_until) = stage.asks_for_carrier();
    assert_eq!(wait_until, stage.now.plus(Millis(3_000)));
    stage.give(CallInput::CarrierWaits { leg_id, until: stage.now.plus(Millis(800)) });
    stage.wait(799);
    assert!(stage.wants_nothing());
    stage.wait(1);
    assert_eq!(stage.asks_for_carrier(), (leg_id, wait_until), "the wait does not begin anew");
    // Somebody else was faster.
    stage.give(CallInput::CarrierWaits { leg_id, until: stage.now.plus(Millis(1_000)) });
    stage.wait(1_000);
    assert_eq!(stage.dial("south"), leg_id);
    stage.answer(leg_id);
    assert_eq!((stage.count("LegStarted"), stage.count("AttemptEnded")), (2, 0));
}

#[test]
fn who_is_told_to_stop_waits_for_no_carrier() {
    let mut stage = Stage::new();
    let leg_id = stage.wants_carrier();
    stage.give(CallInput::CarrierWaits { leg_id, until: stage.now.plus(Millis(800)) });
    stage.give(CallInput::Stop { reason: "shutdown" });
    assert_eq!(stage.attempt().disposition, Disposition::Cancelled);
    stage.wait(1_000);
    assert!(stage.wants_nothing());
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
    for over in [LegOver::Cancelled, NO_PROVISIONAL, LegOver::refused(503, None)] {
        let mut stage = Stage::new();
        let leg_id = stage.dial("north");
        stage.give(CallInput::Progress { leg_id, status: 180 });
        stage.over(leg_id, over);
        assert_eq!(stage.attempt().disposition, Disposition::NoAnswer, "{over:?}");
    }
}

/// Given three tones before an announcement, when the phone then rings out, then the number is
/// what is wrong, and the reason says how that is known.
#[test]
fn what_the_network_says_in_tones_is_the_cause_where_nothing_else_is() {
    let ended = |tone, over| {
        let mut stage = Stage::new();
        let leg_id = stage.dial("north");
        stage.give(CallInput::Progress { leg_id, status: 183 });
        stage.give(CallInput::EarlyTone { leg_id, tone });
        stage.over(leg_id, over);
        let attempt = stage.attempt();
        (attempt.disposition, attempt.reason.clone())
    };
    let because = |reason: &str| Some(reason.to_owned());
    assert_eq!(
        ended(EarlyTone::NoSuchNumber, LegOver::Cancelled),
        (Disposition::InvalidNumber, because("early_no_such_number"))
    );
    assert_eq!(
        ended(EarlyTone::Busy, LegOver::refused(480, None)),
        (Disposition::Busy, because("early_busy"))
    );
    assert_eq!(
        ended(EarlyTone::Announcement, LegOver::refused(480, None)),
        (Disposition::NoAnswer, because("early_announcement"))
    );
    assert_eq!(ended(EarlyTone::Busy, LegOver::refused(603, None)), (Disposition::Rejected, None));
}

#[test]
fn what_was_heard_before_the_answer_says_nothing_of_the_call() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.give(CallInput::Progress { leg_id, status: 183 });
    stage.give(CallInput::EarlyTone { leg_id, tone: EarlyTone::Busy });
    stage.answer(leg_id);
    stage.give(CallInput::EarlyTone { leg_id, tone: EarlyTone::Busy });
    stage.bye(leg_id, crate::sip::Party::Remote);
    assert_eq!(stage.attempt().reason, None);
    assert_eq!(stage.attempt().sip_status, Some(200));
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

/// Whoever picked up would hear the phone ring again.
#[test]
fn who_picked_up_is_not_dialled_again_where_nothing_can_be_said() {
    let bad_response = LegOver::Failed { cause: FailureCause::BadResponse };
    for (over, failure) in [(LegOver::BadSession, "bad_session"), (bad_response, "bad_response")] {
        let mut stage = Stage::new();
        let leg_id = stage.dial("north");
        stage.wait(900);
        stage.over(leg_id, over);
        assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some(failure));
        assert_eq!(stage.count("CallAnswered"), 1);
        assert_eq!(stage.attempt().disposition, Disposition::Abandoned);
        assert_eq!(stage.attempt().reason.as_deref(), Some("no_session"));
        assert_eq!(stage.call_ended().hung_up_by, HangUpParty::Carrier);
    }
}

#[test]
fn a_second_carrier_is_asked_about_a_number_and_believed() {
    let mut stage = Stage::new();
    let first = stage.dial("north");
    stage.refuse(first, 404);
    let second = stage.dial("south");
    stage.refuse(second, 404);
    assert_eq!(stage.attempt().disposition, Disposition::InvalidNumber);
    assert_eq!(stage.count("LegStarted"), 2);
}

#[test]
fn a_carrier_that_asks_for_it_is_left_alone() {
    let mut stage = Stage::new();
    let suspended = |stage: &Stage| -> Vec<(String, Millis)> {
        let now = stage.now;
        let facts = stage.facts.iter().filter_map(|fact| match fact {
            Event::CarrierSuspended(it) => Some((it.carrier_id.to_string(), it.until.since(now))),
            _ => None,
        });
        facts.collect()
    };
    let refused = |status, seconds: u64| LegOver::Refused {
        status,
        q850: None,
        retry_after: Some(Millis(seconds * 1_000)),
    };
    let leg_id = stage.dial("north");
    stage.over(leg_id, refused(503, 30));
    assert_eq!(suspended(&stage), [("north".to_owned(), Millis(30_000))]);
    // Whoever is busy until then is the customer.
    let leg_id = stage.dial("south");
    stage.over(leg_id, refused(486, 60));
    assert_eq!(suspended(&stage).len(), 1);

    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.over(leg_id, refused(503, 10_000_000));
    assert_eq!(suspended(&stage), [("north".to_owned(), Millis(3_600_000))]);
    let leg_id = stage.dial("south");
    stage.over(leg_id, refused(503, 0));
    assert_eq!(suspended(&stage).len(), 1, "0 is no wait");
}

#[test]
fn a_leg_that_does_not_ring_in_time_is_withdrawn_and_the_next_carrier_asked() {
    let mut stage = Stage::new();
    let first = stage.dial("north");
    stage.give(CallInput::Progress { leg_id: first, status: 100 });
    stage.wait(7_999);
    assert!(stage.commands().is_empty());
    stage.wait(1);
    assert_eq!(stage.hangs_up(), first);
    stage.over(first, LegOver::Cancelled);
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("post_dial_delay"));
    let second = stage.dial("south");
    stage.answer(second);
    assert_eq!(stage.wants_handler(), RoutePurpose::Answer);
}

#[test]
fn what_rings_while_it_is_withdrawn_is_not_tried_elsewhere() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.wait(8_000);
    assert_eq!(stage.hangs_up(), leg_id);
    stage.give(CallInput::Progress { leg_id, status: 180 });
    stage.over(leg_id, LegOver::Cancelled);
    assert_eq!(stage.attempt().disposition, Disposition::NoAnswer);
    assert_eq!(stage.count("LegStarted"), 1);
}

#[test]
fn what_rings_in_time_may_ring() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.give(CallInput::Progress { leg_id, status: 183 });
    stage.wait(19_000);
    assert!(stage.commands().is_empty());
    stage.answer(leg_id);
    assert_eq!(stage.wants_handler(), RoutePurpose::Answer);
}

#[test]
fn a_hang_up_nobody_obeyed_yet_is_taken_back_where_the_phone_rings() {
    for status in [180, 200] {
        let mut stage = Stage::new();
        let leg_id = stage.dial("north");
        // Both in one turn: the timer, and what had come meanwhile.
        stage.now = stage.now.plus(Millis(8_000));
        stage.call.handle_timeout(stage.now);
        if status == 200 {
            stage.answer(leg_id);
        } else {
            stage.give(CallInput::Progress { leg_id, status });
            stage.answer(leg_id);
        }
        assert_eq!(stage.wants_handler(), RoutePurpose::Answer);
        assert!(stage.commands().is_empty(), "nobody is hung up on");
    }
}

#[test]
fn a_barred_number_is_blocked_and_no_carrier_is_asked_again() {
    let mut stage = Stage::new();
    let leg_id = stage.dial("north");
    stage.over(leg_id, LegOver::Barred);
    assert_eq!(stage.attempt().disposition, Disposition::Blocked);
    assert_eq!(stage.legs_ended()[0].failure.as_deref(), Some("number_barred"));
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
