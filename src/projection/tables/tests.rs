use super::*;
use crate::event::{AgentState, AgentStateChanged, PlatformStarted};
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
