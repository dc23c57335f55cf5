mod carriers;
mod endings;
mod sims;

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

fn added(id: &str, weight: u32, channels: u32) -> Event {
    CarrierAdded { carrier_id: carrier(id), weight, channels, calls_per_second: None }.into()
}

/// A running campaign with two robot channels, two proven carriers and this many leads.
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
        added("north", 2, 10),
        added("south", 1, 10),
        CarrierRecovered { carrier_id: carrier("north") }.into(),
        CarrierRecovered { carrier_id: carrier("south") }.into(),
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
