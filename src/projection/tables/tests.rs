use super::*;
use crate::event::{AgentState, AgentStateChanged, Handler, LegKind, PlatformStarted};
use crate::projection::history::{campaign, moment};

fn recorded(position: u64, after_ms: u64, event: &Event) -> Recorded {
    let at = moment(after_ms);
    Recorded::example(position, event, at)
}

fn fold(facts: &[(u64, Event)]) -> Tables {
    let mut tables = Tables::default();
    for (position, (after_ms, event)) in facts.iter().enumerate() {
        tables.apply(&recorded(position as u64, *after_ms, event));
    }
    tables
}

fn sizes(tables: &mut Tables) -> BTreeMap<&'static str, usize> {
    let tables = tables.batches().expect("batches");
    let rows = |table: &BaseTable| table.batches.iter().map(|batch| batch.num_rows()).sum();
    tables.iter().map(|table| (table.name, rows(table))).collect()
}

#[test]
fn batches_made_on_the_way_do_not_change_the_end() {
    let facts = campaign(11, 40);
    let mut whole = fold(&facts);
    let mut stepwise = Tables::default();
    for (position, (after_ms, event)) in facts.iter().enumerate() {
        stepwise.apply(&recorded(position as u64, *after_ms, event));
        if position % 17 == 0 {
            stepwise.batches().expect("batches");
        }
    }
    let (whole, stepwise) =
        (whole.batches().expect("batches"), stepwise.batches().expect("batches"));
    for (whole, stepwise) in whole.iter().zip(&stepwise) {
        assert_eq!(whole.batches, stepwise.batches, "{}", whole.name);
    }
}

#[test]
fn a_fact_of_a_newer_program_stands_in_events_alone() {
    let mut tables = Tables::default();
    let (after_ms, event) = campaign(1, 1).remove(0);
    let mut strange = recorded(0, after_ms, &event);
    strange.event_type = "CallDreamt".to_owned();
    tables.apply(&strange);
    let sizes = sizes(&mut tables);
    assert_eq!((sizes["events"], sizes.values().sum::<usize>()), (1, 1));
    assert_eq!(tables.position(), Some(0));
}

#[test]
fn a_fact_that_comes_again_changes_nothing() {
    let mut tables = Tables::default();
    let (after_ms, event) = campaign(1, 1).remove(0);
    tables.apply(&recorded(0, after_ms, &event));
    tables.apply(&recorded(0, after_ms, &event));
    assert_eq!(sizes(&mut tables)["events"], 1);
}

#[test]
fn an_interval_left_open_by_a_crash_ends_with_the_last_fact_before() {
    let changed = AgentStateChanged {
        agent_id: AgentId::new("alex").expect("a slug"),
        from: AgentState::Available,
        to: AgentState::Talking,
        call_id: None,
        reason: None,
    };
    let started = PlatformStarted {
        node: "node-1".to_owned(),
        program_version: "0.1.0".to_owned(),
        torn_tail_bytes: 0,
        interrupted_attempts: 1,
    };
    let sampled = crate::event::examples().into_iter().find(|it| it.name() == "LineSampled");
    let tables = fold(&[
        (0, changed.into()),
        (5_000, sampled.expect("an example")),
        (9_000_000, started.into()),
    ]);
    let row = tables.agents.get(0).expect("an interval");
    assert_eq!((row.state, row.duration_ms, row.last_position), ("talking", Some(5_000), 2));
}

/// One example of each fact of this name, in this order, a second apart.
fn story(names: &[&str]) -> Vec<(u64, Event)> {
    let examples = crate::event::examples();
    let find = |name: &str| examples.iter().find(|it| it.name() == name).expect("an example");
    (0..).step_by(1_000).zip(names.iter().map(|name| find(name).clone())).collect()
}

#[test]
fn a_call_joins_what_robot_agent_and_legs_say_of_it() {
    let mut facts = story(&[
        "AttemptStarted",
        "LegStarted",
        "CallAnswered",
        "AnswerClassified",
        "TurnSpoken",
        "PartyIdentified",
        "CallBridged",
        "LegEnded",
        "CallEnded",
        "AttemptEnded",
        "LegReleased",
        "CostBooked",
        "LeadsImported",
        "AnswerReviewed",
    ]);
    let Some((_, Event::CallBridged(bridged))) = facts.get(6).cloned() else { panic!("a bridge") };
    let Handler::Agent(agent_id) = bridged.handler else { panic!("an agent") };
    let moves = |from, to, call_id| {
        let (agent_id, reason) = (agent_id.clone(), None);
        Event::from(AgentStateChanged { agent_id, from, to, call_id, reason })
    };
    let ended = crate::event::LegEnded {
        kind: LegKind::Agent(agent_id.clone()),
        leg_id: bridged.agent_leg_id,
        ..match facts.get(7) {
            Some((_, Event::LegEnded(ended))) => ended.clone(),
            _ => panic!("a leg's end"),
        }
    };
    facts.insert(7, (6_500, ended.into()));
    let wrap_up = moves(AgentState::Talking, AgentState::WrapUp, Some(bridged.call_id));
    facts.push((20_000, wrap_up));
    facts.push((24_500, moves(AgentState::WrapUp, AgentState::Available, None)));
    let tables = fold(&facts);
    let call = tables.calls.get(0).expect("a call");
    let at = |ms| Some(moment(ms));
    assert_eq!((call.answered_at, call.ended_at), (moment(2_000), at(9_000)));
    // The greeting ended 1.3 s after the answer; the robot's 900 ms ended at 4 s.
    assert_eq!((call.greeting_ended_at, call.robot_began_at), (at(3_300), at(3_100)));
    assert_eq!((call.agent_connected_at, call.agent_talk_ms), (at(6_000), Some(500)));
    assert_eq!((call.wrap_up_ms, call.hold_ms), (Some(4_500), 0));
    assert_eq!((call.is_right_party, call.is_contact), (Some(true), true));
    assert_eq!(call.mos_milli, Some(4_409), "of the customer's leg");
    assert_eq!(call.last_position, 16);
    let leg = tables.legs.get(0).expect("a leg");
    assert_eq!((leg.released_after_ms, leg.release_status), (Some(45), Some(200)));
    let attempt = tables.attempts.get(0).expect("an attempt");
    assert_eq!((attempt.reviewed_as, attempt.is_right_party), (Some("human"), Some(true)));
    let costs: Vec<_> = (0..2).filter_map(|place| tables.costs.get(place)).collect();
    let costs: Vec<_> = costs.iter().map(|cost| (cost.kind, cost.amount_milli)).collect();
    assert_eq!(costs, [("line", 480), ("data", 270_000)]);
}

#[test]
fn an_agent_who_leaves_in_the_middle_of_wrap_up_has_wrapped_up() {
    let mut facts = story(&["AttemptStarted", "CallAnswered"]);
    let Some((_, Event::CallAnswered(answered))) = facts.get(1).cloned() else { panic!("a call") };
    let agent_id = AgentId::new("alex").expect("a slug");
    let changed = AgentStateChanged {
        agent_id: agent_id.clone(),
        from: AgentState::Talking,
        to: AgentState::WrapUp,
        call_id: Some(answered.call_id),
        reason: None,
    };
    facts.push((5_000, changed.into()));
    facts.push((7_000, crate::event::AgentSignedOut { agent_id }.into()));
    let tables = fold(&facts);
    assert_eq!(tables.calls.get(0).and_then(|call| call.wrap_up_ms), Some(2_000));
}

#[test]
fn every_column_says_what_it_means() {
    for table in REFERENCE {
        assert!(table.about.trim().ends_with('.'), "{}", table.name);
        for (column, meaning) in table.columns {
            assert!(meaning.trim().ends_with('.'), "{}.{column}", table.name);
        }
        let (last, _) = table.columns.last().expect("columns");
        assert_eq!(*last, "last_position", "{}", table.name);
    }
}
