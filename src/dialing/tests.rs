use uuid::Uuid;

use super::*;
use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, LeadId, LegId, Millis, Ppm, SubjectId, Timestamp,
};
use crate::compliance::Compliance;
use crate::event::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn campaign() -> CampaignId {
    CampaignId::new("demo").expect("a slug")
}

fn carrier(id: &str) -> CarrierId {
    CarrierId::new(id).expect("a slug")
}

fn call(number: u128) -> CallId {
    CallId(Uuid::from_u128(number))
}

fn leg(number: u128) -> LegId {
    LegId(Uuid::from_u128(number))
}

fn lead(number: u64) -> Event {
    LeadImported {
        lead_id: LeadId(Uuid::from_u128(u128::from(number))),
        campaign_id: campaign(),
        subject_id: SubjectId(Uuid::from_u128(u128::from(number))),
        phone_hash: format!("{number:02x}"),
        list_order: number,
        file_hash: String::new(),
        line: number,
        portrait: Portrait::new(),
        value_ppm: 0,
        list_id: None,
    }
    .into()
}

/// A running campaign with two robot channels, two carriers and this many leads.
fn world(leads: u64) -> Dialing {
    let mut state = Dialing::default();
    let Some(Event::CampaignCreated(mut created)) =
        examples().into_iter().find(|event| event.name() == "CampaignCreated")
    else {
        panic!("an example")
    };
    created.settings.robot_channels = 2;
    let mut given: Vec<Event> = vec![
        created.into(),
        CampaignStarted { campaign_id: campaign() }.into(),
        CarrierAdded { carrier_id: carrier("north"), weight: 2, channels: 10 }.into(),
        CarrierAdded { carrier_id: carrier("south"), weight: 1, channels: 10 }.into(),
    ];
    given.extend((1..=leads).map(lead));
    apply(&mut state, given);
    state
}

fn apply(state: &mut Dialing, events: impl IntoIterator<Item = Event>) {
    for event in events {
        state.apply(&event, NOW);
    }
}

fn decide(state: &Dialing, number: u128, now: Timestamp) -> DialDecision {
    state.decide_dial(&Compliance::default(), &campaign(), call(number), now, 7)
}

/// Dials the next lead and gives its number on the list.
fn dial(state: &mut Dialing, number: u128) -> u64 {
    match decide(state, number, NOW) {
        DialDecision::Dial { started, .. } => {
            let lead = u64::try_from(started.lead_id.0.as_u128()).expect("a small number");
            apply(state, [started.into()]);
            lead
        }
        other => panic!("expected a dial, got {other:?}"),
    }
}

fn ended(number: u128, lead: u64, attempt: u32, disposition: Disposition) -> Event {
    AttemptEnded {
        call_id: call(number),
        campaign_id: campaign(),
        lead_id: LeadId(Uuid::from_u128(u128::from(lead))),
        subject_id: SubjectId(Uuid::from_u128(u128::from(lead))),
        attempt_number: attempt,
        disposition,
        sip_status: None,
        q850_cause: None,
        talk_ms: Millis(0),
        level: None,
        reason: None,
    }
    .into()
}

#[test]
fn the_list_is_dialled_in_order_and_never_beyond_the_free_handlers() {
    let mut state = world(5);
    assert_eq!(dial(&mut state, 1), 1);
    assert_eq!(dial(&mut state, 2), 2);
    assert_eq!(decide(&state, 3, NOW), DialDecision::Wait(Wait::NoHandler));
    let alex = AgentId::new("alex").expect("a slug");
    let phone = "sip:alex@127.0.0.1".to_owned();
    apply(&mut state, [AgentSignedIn { agent_id: alex, skill_ppm: Ppm(0), phone }.into()]);
    assert_eq!(dial(&mut state, 3), 3, "an agent on shift is one more handler");
}

#[test]
fn a_campaign_that_does_not_run_dials_nothing() {
    let mut state = world(1);
    let reason = "operator".to_owned();
    apply(&mut state, [CampaignPaused { campaign_id: campaign(), reason }.into()]);
    assert_eq!(decide(&state, 1, NOW), DialDecision::Wait(Wait::NotRunning));
    apply(&mut state, [CampaignResumed { campaign_id: campaign() }.into()]);
    assert_eq!(dial(&mut state, 1), 1);
}

#[test]
fn without_a_line_nothing_is_dialled() {
    let mut state = world(1);
    let down = |id| CarrierFailed { carrier_id: carrier(id), reason: "timeout".to_owned() }.into();
    apply(&mut state, [down("north"), down("south")]);
    assert_eq!(decide(&state, 1, NOW), DialDecision::Wait(Wait::NoLine));
}

#[test]
fn busy_is_dialled_again_when_due_and_only_so_often() {
    let mut state = world(1);
    dial(&mut state, 1);
    apply(&mut state, [ended(1, 1, 1, Disposition::Busy)]);
    let due = NOW.plus(Millis(60_000));
    assert_eq!(decide(&state, 2, NOW), DialDecision::Wait(Wait::Until(due)));
    let DialDecision::Dial { started, .. } = decide(&state, 2, due) else { panic!("due") };
    assert_eq!(started.attempt_number, 2);
    apply(&mut state, [started.into(), ended(2, 1, 2, Disposition::Busy)]);
    assert!(matches!(decide(&state, 3, due), DialDecision::Complete(_)));
}

#[test]
fn an_attempt_cut_off_by_a_restart_is_not_repeated() {
    let mut state = world(1);
    dial(&mut state, 1);
    apply(&mut state, [ended(1, 1, 1, Disposition::Cancelled)]);
    assert!(matches!(
        decide(&state, 2, NOW),
        DialDecision::Complete(CampaignCompleted { leads: 1, attempts: 1, .. })
    ));
}

#[test]
fn who_opted_out_is_refused_with_the_rule_and_the_list_goes_on() {
    let mut state = world(2);
    let mut compliance = Compliance::default();
    let subject_id = SubjectId(Uuid::from_u128(1));
    compliance.apply(&OptOutHeard { call_id: call(9), subject_id, turn: None }.into());
    let decision = state.decide_dial(&compliance, &campaign(), call(1), NOW, 7);
    let DialDecision::Refuse(refused) = decision else { panic!("{decision:?}") };
    assert!(refused.rules.iter().any(|rule| rule.rule_id == "dnc.subject" && !rule.is_allowed));
    apply(&mut state, [refused.into()]);
    assert_eq!(dial(&mut state, 1), 2);
}

#[test]
fn carriers_take_turns_by_weight() {
    let mut state = world(1);
    let mut north = 0;
    for number in 0..30 {
        let chosen = state.choose_carrier(call(number), leg(number), NOW, 7);
        north += u32::from(chosen.chosen == Some(carrier("north")));
        apply(&mut state, [chosen.into()]);
    }
    assert_eq!(north, 20, "weights 2 and 1");
}

#[test]
fn a_carrier_without_its_registration_gets_no_calls() {
    let lost = |id| -> Event {
        let reason = "refused".to_owned();
        CarrierRegistrationLost { carrier_id: carrier(id), sip_status: Some(403), reason }.into()
    };
    let mut state = world(1);
    apply(&mut state, [lost("north")]);
    let choice = state.choose_carrier(call(1), leg(1), NOW, 7);
    assert_eq!(choice.chosen, Some(carrier("south")));
    let vetoes: Vec<_> = choice.candidates.iter().map(|one| one.veto.clone()).collect();
    assert_eq!(vetoes, [Some(Veto("unregistered".to_owned())), None]);
    apply(&mut state, [lost("south")]);
    assert_eq!(decide(&state, 1, NOW), DialDecision::Wait(Wait::NoLine));
    let held = CarrierRegistered { carrier_id: carrier("south"), expires_ms: Millis(60_000) };
    apply(&mut state, [held.into()]);
    assert_eq!(dial(&mut state, 1), 1);
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
fn two_failures_in_a_row_take_a_carrier_out_and_a_ring_forgives() {
    let mut state = world(1);
    let failed = |number, failure: Option<&str>, sip_status| -> [Event; 2] {
        let kind = LegKind::Customer(carrier("north"));
        let (call_id, leg_id) = (call(number), leg(number));
        let end = LegEnded {
            call_id,
            leg_id,
            kind: kind.clone(),
            sip_status,
            q850_cause: None,
            failure: failure.map(str::to_owned),
            hung_up_by: None,
            packets_sent: 0,
            packets_received: 0,
            packets_lost: 0,
            jitter_us: 0,
            round_trip_ms: None,
            r_milli: None,
            mos_milli: None,
        };
        [LegStarted { call_id, leg_id, kind }.into(), end.into()]
    };
    apply(&mut state, failed(1, Some("no_provisional"), None));
    apply(&mut state, failed(2, None, Some(486)));
    apply(&mut state, failed(3, Some("no_provisional"), None));
    assert_eq!(state.judge_carriers(), [], "busy between two failures forgives the first");
    apply(&mut state, failed(4, None, Some(503)));
    let verdict = state.judge_carriers();
    assert_eq!(
        verdict,
        [CarrierFailed { carrier_id: carrier("north"), reason: "sip_503".to_owned() }]
    );
    apply(&mut state, verdict.into_iter().map(Event::from).collect::<Vec<_>>());
    assert_eq!(state.judge_carriers(), []);
    assert_eq!(state.choose_carrier(call(5), leg(5), NOW, 1).chosen, Some(carrier("south")));
    apply(&mut state, [CarrierRecovered { carrier_id: carrier("north") }.into()]);
    assert_eq!(state.judge_carriers(), []);
    apply(&mut state, failed(6, None, Some(503)));
    apply(&mut state, failed(7, None, Some(503)));
    let added = CarrierAdded { carrier_id: carrier("north"), weight: 2, channels: 10 };
    apply(&mut state, [added.into()]);
    assert_eq!(state.judge_carriers(), [], "a restart gives it a new chance");
}

#[test]
fn endings_are_judged_by_who_spoke() {
    use Disposition as D;
    let check = |sip_status, q850_cause, is_failure, has_rung, want| {
        let ending = LegEnding { sip_status, q850_cause, is_failure, has_rung };
        assert_eq!(judge_ending(ending), want, "{ending:?}");
    };
    check(None, None, true, false, LegVerdict::NextCarrier(D::CarrierFailed));
    check(None, None, true, true, LegVerdict::End(D::NoAnswer));
    check(Some(503), None, false, false, LegVerdict::NextCarrier(D::CarrierFailed));
    check(Some(503), Some(34), false, false, LegVerdict::NextCarrier(D::Congestion));
    check(Some(503), None, false, true, LegVerdict::End(D::NoAnswer));
    check(Some(486), Some(17), false, true, LegVerdict::End(D::Busy));
    check(Some(603), Some(21), false, true, LegVerdict::End(D::Rejected));
    check(Some(404), Some(1), false, false, LegVerdict::End(D::InvalidNumber));
    check(Some(480), Some(20), false, false, LegVerdict::End(D::SwitchedOff));
    check(Some(480), Some(18), false, true, LegVerdict::End(D::NoAnswer));
    check(Some(487), None, false, true, LegVerdict::End(D::NoAnswer));
}
