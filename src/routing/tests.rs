use uuid::Uuid;

use super::*;
use crate::event::{AgentSignedIn, AgentStateChanged, Portrait, examples};

fn example(name: &str) -> Event {
    examples().into_iter().find(|event| event.name() == name).expect("an example")
}

fn agent(id: &str, skill: u32) -> Event {
    AgentSignedIn {
        agent_id: AgentId::new(id).expect("a slug"),
        skill_ppm: Ppm(skill),
        phone: format!("sip:{id}@127.0.0.1:5074"),
    }
    .into()
}

fn lead(value: u32, portrait: &[(&str, &str)]) -> Event {
    let Event::LeadImported(mut fact) = example("LeadImported") else { panic!("a lead") };
    fact.value_ppm = value;
    fact.portrait = portrait
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect::<Portrait>();
    fact.into()
}

fn call_of(event: &Event) -> CallId {
    event.call_id().expect("an event of a call")
}

/// Given these facts, who is chosen, and why were the others not?
fn check(given: &[Event], purpose: RoutePurpose, chosen: Option<&str>, vetoes: &[&str]) {
    let attempt = example("AttemptStarted");
    let mut state = Routing::default();
    state.apply(&example("CampaignCreated"), Timestamp::EPOCH);
    for event in given {
        state.apply(event, Timestamp::EPOCH);
    }
    state.apply(&attempt, Timestamp::EPOCH);
    let decision = state.choose_handler(call_of(&attempt), purpose, Timestamp::EPOCH, 9);
    assert_eq!(decision.chosen.as_ref().map(ToString::to_string).as_deref(), chosen);
    let got: Vec<_> = decision
        .candidates
        .iter()
        .filter_map(|candidate| candidate.veto.as_ref())
        .map(|veto| veto.0.as_str())
        .collect();
    assert_eq!(got, vetoes);
    let again = state.choose_handler(call_of(&attempt), purpose, Timestamp::EPOCH, 9);
    assert_eq!(again, decision, "the same state must give the same choice");
}

#[test]
fn the_robot_takes_customers_of_low_value() {
    check(&[lead(200_000, &[]), agent("alex", 700_000)], RoutePurpose::Answer, Some("robot"), &[]);
}

#[test]
fn a_person_takes_customers_of_high_value() {
    check(&[lead(800_000, &[]), agent("alex", 700_000)], RoutePurpose::Answer, Some("alex"), &[]);
}

#[test]
fn people_over_sixty_who_bought_before_go_to_a_person() {
    let portrait = [("age", "66"), ("previous_outcome", "success")];
    let given = [lead(400_000, &portrait), agent("alex", 500_000)];
    check(&given, RoutePurpose::Answer, Some("alex"), &[]);
}

#[test]
fn the_more_skilled_agent_is_chosen() {
    let given = [lead(800_000, &[]), agent("alex", 600_000), agent("kim", 700_000)];
    check(&given, RoutePurpose::Answer, Some("kim"), &[]);
}

#[test]
fn an_agent_on_a_break_is_vetoed() {
    let on_break = AgentStateChanged {
        agent_id: AgentId::new("alex").expect("a slug"),
        from: AgentState::Available,
        to: AgentState::Break,
        call_id: None,
        reason: None,
    };
    let given = [lead(800_000, &[]), agent("alex", 700_000), on_break.into()];
    check(&given, RoutePurpose::Answer, Some("robot"), &["state_break"]);
}

#[test]
fn who_asks_for_a_person_never_gets_the_robot() {
    let veto = &["customer_wants_a_person"];
    check(&[lead(100_000, &[])], RoutePurpose::Transfer, None, veto);
    let given = [lead(100_000, &[]), agent("alex", 100_000)];
    check(&given, RoutePurpose::Transfer, Some("alex"), veto);
}

#[test]
fn a_full_robot_is_vetoed() {
    let mut given = vec![lead(100_000, &[])];
    for number in 0..4 {
        let Event::AttemptStarted(mut started) = example("AttemptStarted") else { panic!() };
        let Event::HandlerChosen(mut chosen) = example("HandlerChosen") else { panic!() };
        let call_id = CallId(Uuid::from_u128(100 + number));
        started.call_id = call_id;
        chosen.call_id = call_id;
        given.push(started.into());
        given.push(chosen.into());
    }
    check(&given, RoutePurpose::Answer, None, &["channels_full"]);
}

#[test]
fn ties_are_broken_by_the_seed_that_is_recorded() {
    let given = [lead(800_000, &[]), agent("alex", 700_000), agent("kim", 700_000)];
    let mut state = Routing::default();
    state.apply(&example("CampaignCreated"), Timestamp::EPOCH);
    for event in given.iter().chain([&example("AttemptStarted")]) {
        state.apply(event, Timestamp::EPOCH);
    }
    let call_id = call_of(&example("AttemptStarted"));
    let mut winners: Vec<_> = (0..40)
        .map(|position| {
            let now = Timestamp::EPOCH;
            state.choose_handler(call_id, RoutePurpose::Answer, now, position).chosen
        })
        .collect();
    winners.sort();
    winners.dedup();
    assert_eq!(winners.len(), 2, "both agents win sometimes");
}
