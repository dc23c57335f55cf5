use datafusion::arrow::record_batch::RecordBatch;

use super::*;
use crate::base::{EventId, Rng};
use crate::event::{
    AgentState, AgentStateChanged, AttemptStarted, CommitmentMade, IntentTagged, PlatformStarted,
    TurnHeard, TurnSpoken,
};
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
        let batches = tables.samples.batches_in(span).expect("batches");
        batches.iter().map(RecordBatch::num_rows).sum::<usize>()
    };
    assert_eq!(rows(Span::ALL), 5_000);
    assert_eq!(rows(Span { changed: (4_900, i64::MAX), ..Span::ALL }), 5_000 - 4 * 1_024);
    let hour = (moment(1_100_000).as_micros(), moment(1_200_000).as_micros());
    assert_eq!(rows(Span { moment: hour, ..Span::ALL }), 1_024);
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
