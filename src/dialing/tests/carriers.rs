//! Given what carriers did, when the next leg wants one, then it goes to who may have it.

use super::*;

fn at(ms: u64) -> Timestamp {
    NOW.plus(Millis(ms))
}

fn choose(state: &Dialing, number: u128, now: Timestamp) -> CarrierChosen {
    state.choose_carrier(call(number), leg(number), now, 7)
}

fn vetoes(chosen: &CarrierChosen) -> Vec<Option<&str>> {
    let veto = |it: &CarrierCandidate| it.veto.as_ref().map(|veto| veto.0.clone());
    let names = ["down", "tried", "suspended", "half_open", "rate", "channels_full"];
    let known = |text: String| names.into_iter().find(|name| *name == text);
    chosen.candidates.iter().map(|it| veto(it).and_then(known)).collect()
}

fn start(id: &str, number: u128) -> Event {
    let kind = LegKind::Customer(carrier(id));
    LegStarted { call_id: call(number), leg_id: leg(number), kind }.into()
}

fn rings(number: u128) -> Event {
    let (call_id, leg_id) = (call(number), leg(number));
    LegProgressed { call_id, leg_id, sip_status: 180, after_ms: Millis(900) }.into()
}

pub(super) fn answers(number: u128) -> Event {
    let (call_id, leg_id) = (call(number), leg(number));
    LegAnswered { call_id, leg_id, after_ms: Millis(3_000), codec: "PCMU".to_owned() }.into()
}

pub(super) fn end(id: &str, number: u128, sip_status: Option<u16>, failure: Option<&str>) -> Event {
    caused_end(id, number, sip_status, None, failure)
}

fn caused_end(
    id: &str,
    number: u128,
    sip_status: Option<u16>,
    q850_cause: Option<u8>,
    failure: Option<&str>,
) -> Event {
    LegEnded {
        call_id: call(number),
        leg_id: leg(number),
        kind: LegKind::Customer(carrier(id)),
        sip_status,
        q850_cause,
        failure: failure.map(str::to_owned),
        hung_up_by: None,
        packets_sent: 0,
        packets_received: 0,
        packets_lost: 0,
        jitter_us: 0,
        round_trip_ms: None,
        r_milli: None,
        mos_milli: None,
    }
    .into()
}

fn refused(id: &str, number: u128, status: u16) -> [Event; 2] {
    [start(id, number), end(id, number, Some(status), None)]
}

fn silent(id: &str, number: u128) -> [Event; 2] {
    [start(id, number), end(id, number, None, Some("no_provisional"))]
}

fn health(state: &Dialing, id: &str) -> u32 {
    state.carriers()[&carrier(id)].health.0
}

#[test]
fn carriers_take_turns_by_weight() {
    let mut state = world(1);
    let mut north = 0;
    for number in 0..30 {
        let chosen = choose(&state, number, NOW);
        north += u32::from(chosen.chosen == Some(carrier("north")));
        apply(&mut state, [chosen.into()]);
    }
    assert_eq!(north, 20, "weights 2 and 1");
}

#[test]
fn a_carrier_is_tried_once_per_attempt() {
    let mut state = world(1);
    dial(&mut state, 1);
    let first = state.choose_carrier(call(1), leg(1), NOW, 7);
    assert_eq!(first.chosen, Some(carrier("north")));
    apply(&mut state, [first.into()]);
    let second = state.choose_carrier(call(1), leg(2), NOW, 8);
    assert_eq!(second.chosen, Some(carrier("south")));
    apply(&mut state, [second.into()]);
    assert_eq!(state.choose_carrier(call(1), leg(3), NOW, 9).chosen, None);
}

#[test]
fn two_failures_in_a_row_take_a_carrier_out_and_a_delivered_call_forgives() {
    let mut state = world(1);
    apply(&mut state, silent("north", 1));
    apply(&mut state, refused("north", 2, 486));
    apply(&mut state, silent("north", 3));
    assert_eq!(state.judge_carriers(), [], "busy between two failures forgives the first");
    apply(&mut state, refused("north", 4, 503));
    let verdict = state.judge_carriers();
    let reason = "sip_503".to_owned();
    assert_eq!(verdict, [CarrierFailed { carrier_id: carrier("north"), reason }]);
    apply(&mut state, verdict.into_iter().map(Event::from).collect::<Vec<_>>());
    assert_eq!(state.judge_carriers(), []);
    assert_eq!(choose(&state, 5, NOW).chosen, Some(carrier("south")));
    apply(&mut state, [CarrierRecovered { carrier_id: carrier("north") }.into()]);
    assert_eq!(state.judge_carriers(), []);
    apply(&mut state, refused("north", 6, 503));
    assert_eq!(state.judge_carriers().len(), 1, "on trial one failure is enough");
    apply(&mut state, [added("north", 2, 10)]);
    assert_eq!(state.judge_carriers(), [], "a restart gives it a new chance");
}

#[test]
fn a_carrier_that_refuses_everything_is_taken_out() {
    for status in [401, 403, 407, 408, 488, 500, 502, 503, 504, 606] {
        let mut state = world(1);
        apply(&mut state, refused("north", 1, status));
        apply(&mut state, refused("north", 2, status));
        let reason = format!("sip_{status}");
        let failed = CarrierFailed { carrier_id: carrier("north"), reason };
        assert_eq!(state.judge_carriers(), [failed]);
        assert!(health(&state, "north") < 600_000, "{status}");
    }
}

#[test]
fn a_full_network_behind_it_and_wrong_numbers_say_nothing_of_a_carrier() {
    let mut state = world(1);
    for number in 0..8 {
        apply(&mut state, [start("north", number)]);
        apply(&mut state, [caused_end("north", number, Some(503), Some(34), None)]);
        apply(&mut state, refused("north", 100 + number, 404));
    }
    assert_eq!(state.judge_carriers(), []);
    assert_eq!(health(&state, "north"), 1_000_000);
}

#[test]
fn a_call_that_rang_counts_once_whatever_comes_after() {
    let mut state = world(1);
    apply(&mut state, silent("north", 1));
    apply(&mut state, [start("north", 2), rings(2)]);
    let delivered = health(&state, "north");
    apply(&mut state, [end("north", 2, Some(503), None)]);
    assert_eq!(health(&state, "north"), delivered);
    apply(&mut state, [start("north", 3), rings(3), answers(3), end("north", 3, Some(200), None)]);
    let once_more = delivered + (1_000_000 - delivered) / 4;
    assert_eq!(health(&state, "north"), once_more);
}

#[test]
fn a_suspended_carrier_gets_no_call_and_then_one_on_trial() {
    let mut state = world(1);
    let until = at(30_000);
    let (carrier_id, reason) = (carrier("north"), "retry_after".to_owned());
    apply(&mut state, [CarrierSuspended { carrier_id, until, reason }.into()]);
    let chosen = choose(&state, 1, at(29_999));
    assert_eq!(vetoes(&chosen), [Some("suspended"), None]);
    assert_eq!(chosen.chosen, Some(carrier("south")));

    let chosen = choose(&state, 1, until);
    assert_eq!(
        (vetoes(&chosen), chosen.chosen.clone()),
        (vec![None, None], Some(carrier("north")))
    );
    apply(&mut state, [start("north", 1)]);
    assert_eq!(vetoes(&choose(&state, 2, until)), [Some("half_open"), None]);
    apply(&mut state, [rings(1)]);
    assert_eq!(vetoes(&choose(&state, 2, until)), [None, None]);
}

#[test]
fn a_shorter_suspension_does_not_cut_a_longer_one() {
    let mut state = world(1);
    for ms in [60_000, 1_000] {
        let (carrier_id, reason) = (carrier("north"), "retry_after".to_owned());
        apply(&mut state, [CarrierSuspended { carrier_id, until: at(ms), reason }.into()]);
    }
    assert_eq!(vetoes(&choose(&state, 1, at(59_999))), [Some("suspended"), None]);
}

#[test]
fn a_wait_is_believed_up_to_an_hour() {
    assert_eq!(suspended_until(NOW, Millis(5_000)), at(5_000));
    assert_eq!(suspended_until(NOW, Millis(u64::MAX)), at(3_600_000));
}

#[test]
fn when_all_are_suspended_the_dialer_waits_until_the_first_is_back() {
    let mut state = world(1);
    for (id, ms) in [("north", 30_000), ("south", 10_000)] {
        let (carrier_id, reason) = (carrier(id), "retry_after".to_owned());
        apply(&mut state, [CarrierSuspended { carrier_id, until: at(ms), reason }.into()]);
    }
    assert_eq!(decide(&state, 1, NOW), DialDecision::Wait(Wait::Until(at(10_000))));
    let DialDecision::Dial { decided, .. } = decide(&state, 1, at(10_000)) else { panic!("free") };
    assert_eq!(decided.capacity.free_line_channels, 1, "one call on trial");
}

#[test]
fn calls_per_second_hold_over_any_second() {
    let mut state = world(9);
    let limited = CarrierAdded {
        carrier_id: carrier("north"),
        weight: 2,
        channels: 10,
        calls_per_second: Some(2),
    };
    let recovered = CarrierRecovered { carrier_id: carrier("north") };
    let down = CarrierFailed { carrier_id: carrier("south"), reason: OPTIONS_TIMEOUT.to_owned() };
    apply(&mut state, [limited.into(), recovered.into(), down.into()]);
    for (number, ms) in [(1, 0), (2, 600)] {
        assert_eq!(choose(&state, number, at(ms)).chosen, Some(carrier("north")));
        state.apply(&start("north", number), at(ms));
    }
    let chosen = choose(&state, 3, at(999));
    assert_eq!((vetoes(&chosen), chosen.chosen.clone()), (vec![Some("rate"), Some("down")], None));
    assert_eq!(decide(&state, 3, at(999)), DialDecision::Wait(Wait::Until(at(1_000))));
    assert_eq!(choose(&state, 3, at(1_000)).chosen, Some(carrier("north")));
    state.apply(&start("north", 3), at(1_000));
    assert_eq!(decide(&state, 4, at(1_000)), DialDecision::Wait(Wait::Until(at(1_600))));
}

/// Given a carrier that begins one call a second, when another one fails a call meanwhile, then
/// its turn is known; given it was tried, is down, full or has its turn now, there is none.
#[test]
fn an_attempt_knows_when_a_carrier_has_its_turn_again() {
    let mut state = world(3);
    let limited = CarrierAdded {
        carrier_id: carrier("south"),
        weight: 1,
        channels: 2,
        calls_per_second: Some(1),
    };
    let recovered = CarrierRecovered { carrier_id: carrier("south") };
    apply(&mut state, [limited.into(), recovered.into()]);
    dial(&mut state, 1);
    dial(&mut state, 2);
    apply(&mut state, [start("south", 2)]);
    assert_eq!(state.turn_of(call(1), at(0)), None, "north is free");
    let first = state.choose_carrier(call(1), leg(1), at(0), 7);
    assert_eq!(first.chosen, Some(carrier("north")));
    apply(&mut state, [Event::from(first)]);
    apply(&mut state, refused("north", 1, 503));
    assert_eq!(state.choose_carrier(call(1), leg(3), at(200), 8).chosen, None);
    assert_eq!(state.turn_of(call(1), at(200)), Some(at(1_000)));
    assert_eq!(state.turn_of(call(1), at(1_000)), None, "it has its turn");
    assert_eq!(state.choose_carrier(call(1), leg(3), at(1_000), 9).chosen, Some(carrier("south")));

    let with = |event: Event| {
        let mut state = state.clone();
        apply(&mut state, [event]);
        state.turn_of(call(1), at(200))
    };
    assert_eq!(with(start("south", 4)), None, "no channel is left");
    let reason = "timeout".to_owned();
    assert_eq!(with(CarrierFailed { carrier_id: carrier("south"), reason }.into()), None);
    let chosen = state.choose_carrier(call(1), leg(3), at(1_000), 9);
    assert_eq!(with(chosen.into()), None, "both were tried");
}

#[test]
fn a_new_carrier_gets_one_call_until_it_answers_anything() {
    let mut state = world(9);
    apply(&mut state, [added("north", 2, 10), added("south", 1, 10), start("north", 1)]);
    assert_eq!(vetoes(&choose(&state, 2, NOW)), [Some("half_open"), None]);
    // It is not trusted by a wrong number; by OPTIONS or by a call that it delivers it is.
    apply(&mut state, [end("north", 1, Some(404), None), start("north", 2)]);
    assert_eq!(vetoes(&choose(&state, 3, NOW)), [Some("half_open"), None]);
    apply(&mut state, [CarrierRecovered { carrier_id: carrier("north") }.into()]);
    assert_eq!(vetoes(&choose(&state, 3, NOW)), [None, None]);
}

#[test]
fn who_only_missed_probes_is_back_at_once_and_who_failed_calls_on_trial() {
    for (reason, veto) in [(OPTIONS_TIMEOUT, None), ("sip_503", Some("half_open"))] {
        let mut state = world(1);
        let (carrier_id, reason) = (carrier("north"), reason.to_owned());
        apply(&mut state, [CarrierFailed { carrier_id, reason }.into()]);
        assert_eq!(vetoes(&choose(&state, 1, NOW))[0], Some("down"));
        apply(&mut state, [CarrierRecovered { carrier_id: carrier("north") }.into()]);
        apply(&mut state, [start("north", 1)]);
        assert_eq!(vetoes(&choose(&state, 2, NOW))[0], veto);
    }
}

#[test]
fn calls_begun_before_the_rest_are_no_trial() {
    let mut state = world(1);
    apply(&mut state, [start("north", 1), rings(1), answers(1)]);
    apply(&mut state, silent("north", 2));
    apply(&mut state, silent("north", 3));
    let failed = state.judge_carriers().into_iter().map(Event::from).collect::<Vec<_>>();
    apply(&mut state, failed);
    apply(&mut state, [CarrierRecovered { carrier_id: carrier("north") }.into()]);
    assert_eq!(choose(&state, 4, NOW).chosen, Some(carrier("north")), "a talk does not block it");
    apply(&mut state, [start("north", 4), end("north", 1, Some(200), None)]);
    assert_eq!(vetoes(&choose(&state, 5, NOW))[0], Some("half_open"), "and does not pass it");
}

/// What the rules of `swrr-1` made of the same facts stays so, for logs that hold it.
#[test]
fn the_first_policy_decides_as_it_did() {
    let mut state = world(1);
    let first = |state: &Dialing, number| {
        let policy = CarrierPolicy::Swrr1;
        let chosen = state.choose_carrier_by(policy, call(number), leg(number), NOW, 7);
        assert_eq!(chosen.policy, "swrr-1");
        let weights: Vec<_> = chosen.candidates.iter().map(|it| it.effective_weight).collect();
        (chosen.chosen, weights)
    };
    assert_eq!(first(&state, 1), (Some(carrier("north")), vec![2_000, 1_000]));
    // 403 was the carrier's success, 503 with cause 34 its failure.
    apply(&mut state, refused("north", 1, 403));
    assert_eq!(first(&state, 2).1, [2_000, 1_000]);
    apply(&mut state, [start("north", 2), caused_end("north", 2, Some(503), Some(34), None)]);
    assert_eq!(first(&state, 3).1, [1_500, 1_000]);
    let today = choose(&state, 3, NOW);
    let weights: Vec<_> = today.candidates.iter().map(|it| it.effective_weight).collect();
    assert_eq!((today.policy.as_str(), weights), ("swrr-2", vec![1_500, 1_000]));
    // Suspension, trials and rates were not known.
    let (carrier_id, reason) = (carrier("north"), "retry_after".to_owned());
    let until = at(1_000);
    apply(&mut state, [CarrierSuspended { carrier_id, until, reason }.into()]);
    assert_eq!(first(&state, 4).0, Some(carrier("north")));
    assert_eq!(CarrierPolicy::named("swrr-1"), CarrierPolicy::Swrr1);
    assert_eq!(CarrierPolicy::named("swrr-9"), CarrierPolicy::CURRENT);
    assert_eq!(DialPolicy::named("progressive-1"), DialPolicy::Progressive1);
}

#[test]
fn a_carrier_without_its_registration_gets_no_calls() {
    let lost = |id| -> Event {
        let reason = "refused".to_owned();
        CarrierRegistrationLost { carrier_id: carrier(id), sip_status: Some(403), reason }.into()
    };
    let mut state = world(1);
    apply(&mut state, [lost("north")]);
    let choice = choose(&state, 1, NOW);
    assert_eq!(choice.chosen, Some(carrier("south")));
    let vetoes: Vec<_> = choice.candidates.iter().map(|one| one.veto.clone()).collect();
    assert_eq!(vetoes, [Some(Veto("unregistered".to_owned())), None]);
    apply(&mut state, [lost("south")]);
    assert_eq!(decide(&state, 1, NOW), DialDecision::Wait(Wait::NoLine));
    let held = CarrierRegistered { carrier_id: carrier("south"), expires_ms: Millis(60_000) };
    apply(&mut state, [held.into()]);
    assert_eq!(dial(&mut state, 1), 1);
}
