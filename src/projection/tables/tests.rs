use super::*;
use crate::base::{EventId, Rng};
use crate::event::{
    AgentState, AgentStateChanged, AttemptStarted, CommitmentMade, Handler, IntentTagged, LegKind,
    PlatformStarted, TurnHeard, TurnSpoken,
};
use crate::projection::history::{campaign, moment};
use crate::projection::table::CHUNK;

pub(super) fn recorded(position: u64, after_ms: u64, event: &Event) -> Recorded {
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

/// Every table but `events`, row by row.
fn rows(tables: &Tables) -> Vec<(&'static str, Vec<RecordBatch>)> {
    let tables = tables.batches().expect("batches").into_iter();
    tables.map(|table| (table.name, table.batches)).filter(|(name, _)| *name != "events").collect()
}

/// Facts far enough apart for others to come in between.
const APART: u64 = 10;

#[test]
fn what_is_sent_again_under_another_event_id_changes_nothing() {
    for seed in 1..=6 {
        let facts = campaign(seed, 30);
        let mut rng = Rng::from_seed(seed).fork("again");
        let (mut once, mut twice) = (Tables::default(), Tables::default());
        let mut sent: Vec<Recorded> = Vec::new();
        for (number, (after_ms, event)) in facts.iter().enumerate() {
            let fact = recorded(number as u64 * APART, *after_ms, event);
            once.apply(&fact);
            twice.apply(&fact);
            sent.push(fact.clone());
            for position in 1..rng.below(4) {
                let back = rng.below(sent.len().min(40) as u64) as usize;
                let mut again = sent[sent.len() - 1 - back].clone();
                again.position = fact.position + position;
                again.event_id = EventId::generate(fact.recorded_at, &mut rng);
                again.recorded_at = fact.recorded_at;
                twice.apply(&again);
            }
        }
        assert!(twice.events.len() > once.events.len());
        assert!(rows(&once) == rows(&twice), "seed {seed}");
    }
}

#[test]
fn what_says_something_else_of_the_same_thing_takes_its_place() {
    let mut tables = Tables::default();
    let examples = crate::event::examples();
    let find = |name: &str| examples.iter().find(|event| event.name() == name).cloned();
    let names = [
        "CampaignCreated",
        "LeadImported",
        "AttemptStarted",
        "LegStarted",
        "TurnSpoken",
        "TurnHeard",
        "IntentTagged",
        "CommitmentMade",
    ];
    let facts: Vec<Event> = names.into_iter().map(|name| find(name).expect("a fact")).collect();
    for (number, event) in facts.iter().enumerate() {
        tables.apply(&recorded(number as u64, number as u64 * 1_000, event));
    }
    let before = sizes(&mut tables);
    for (number, event) in facts.into_iter().enumerate() {
        let event = match event {
            Event::TurnSpoken(fact) => TurnSpoken { text: "else".to_owned(), ..fact }.into(),
            Event::TurnHeard(fact) => TurnHeard { digits: Some("9".to_owned()), ..fact }.into(),
            Event::IntentTagged(fact) => IntentTagged { source: "else".to_owned(), ..fact }.into(),
            Event::CommitmentMade(fact) => {
                CommitmentMade { made_with: "alex".to_owned(), ..fact }.into()
            }
            Event::AttemptStarted(fact) => AttemptStarted { attempt_number: 7, ..fact }.into(),
            other => other,
        };
        // An hour later, so that none says the same again.
        tables.apply(&recorded(100 + number as u64, 3_600_000, &event));
    }
    let mut after = sizes(&mut tables);
    assert_eq!(after.insert("events", before["events"]), Some(2 * before["events"]));
    assert_eq!(before, after);
    let turn = tables.turns.get(0).expect("a turn");
    assert_eq!((turn.text.as_deref(), turn.last_position), (Some("else"), 104));
    assert_eq!(turn.occurred_at, moment(4_000), "the moment it is filed under stays");
    let attempt = tables.attempts.get(0).expect("an attempt");
    assert_eq!((attempt.attempt_number, attempt.turns, attempt.carrier_tries), (7, 2, 1));
    assert_eq!(tables.leads.get(0).expect("a lead").attempts, 1);
    assert_eq!(tables.campaigns.get(0).expect("a campaign").leads, 1);
    assert_eq!(tables.commitments.get(0).expect("one").made_with_kind, "agent");
}

#[test]
fn a_copy_stays_as_it_was_while_the_fold_goes_on() {
    let facts = campaign(9, 60);
    let mut tables = Tables::default();
    let mut copies = Vec::new();
    for (position, (after_ms, event)) in facts.iter().enumerate() {
        tables.apply(&recorded(position as u64, *after_ms, event));
        if position % 97 == 0 {
            copies.push((position, tables.frozen()));
        }
    }
    for (position, copy) in copies {
        assert_eq!(copy.position(), Some(position as u64));
        let whole = fold(&facts[..=position]);
        assert!(rows(&copy) == rows(&whole), "position {position}");
    }
}

#[test]
fn rows_of_a_span_are_found_in_few_chunks() {
    let mut tables = Tables::default();
    let sampled = crate::event::examples().into_iter().find(|it| it.name() == "LineSampled");
    let sampled = sampled.expect("an example");
    for position in 0..5_000 {
        tables.apply(&recorded(position, position * 1_000, &sampled));
    }
    let rows = |span| {
        let batches = batches(&tables.samples, span).expect("batches");
        batches.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    assert_eq!(rows(Span::ALL), 5_000);
    assert_eq!(rows(Span { changed: (4_998, i64::MAX), ..Span::ALL }), 5_000 % CHUNK);
    let second = (moment(640_000).as_micros(), moment(641_000).as_micros());
    assert_eq!(rows(Span { moment: second, ..Span::ALL }), CHUNK);
    assert_eq!(rows(Span { changed: (5_000, i64::MAX), ..Span::ALL }), 0);
}

fn sizes(tables: &mut Tables) -> BTreeMap<&'static str, usize> {
    let tables = tables.batches().expect("batches");
    let rows = |table: &BaseTable| table.batches.iter().map(|batch| batch.num_rows()).sum();
    tables.iter().map(|table| (table.name, rows(table))).collect()
}

#[test]
fn batches_made_on_the_way_do_not_change_the_end() {
    let facts = campaign(11, 40);
    let whole = fold(&facts);
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

mod messages;
