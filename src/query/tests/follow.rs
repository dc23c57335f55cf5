use std::sync::Arc;
use std::time::Duration;

use super::super::{Limits, Params, Session};
use super::*;
use crate::base::{Clock, EventId, Rng, Timestamp};
use crate::event::{Actor, Event, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{EmbeddedLog, EventLog, LogOptions};
use crate::projection::table::{FactTable, Piece, Span};

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        moment(0)
    }
}

pub(super) fn log(folder: &tempfile::TempDir) -> Arc<dyn EventLog> {
    let opened =
        EmbeddedLog::open(&folder.path().join("log"), LogOptions::default(), Arc::new(Still));
    Arc::new(opened.expect("a log").0)
}

/// Appends facts whose first one is the `first` of all; gives the last position.
async fn add(log: &Arc<dyn EventLog>, first: u64, facts: &[(u64, Event)]) -> u64 {
    let new = facts.iter().zip(first..).map(|((at, event), number)| {
        let id = EventId::generate(moment(*at), &mut Rng::from_seed(number));
        NewEvent::of(event, id, moment(*at), Actor::part("test"))
    });
    let stream = StreamName::of("test", &1);
    let appended = log.append(stream, ExpectedRevision::Any, new.collect()).await;
    appended.expect("appended").last_position
}

async fn ask(session: &Session, sql: &str) -> Answer {
    let running = Box::pin(session.query(sql, Params::default())).await.expect("runs");
    running.collect().await.expect("answers")
}

/// Long enough for a machine that has other things to do.
const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn what_is_appended_is_seen_without_asking_for_it() {
    let (folder, history) = (folder(), campaign(21, 20));
    let log = log(&folder);
    let (before, after) = history.split_at(history.len() / 2);
    let last = add(&log, 0, before).await;
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    let mut session = Session::new(engine.clone());
    // The first question waits for what was there.
    let counts = "select count(*) n, max(position) last from events";
    let first = ask(&session, counts).await;
    assert_eq!((first.count(0, "n"), first.count(0, "last")), (last as i64 + 1, last as i64));

    let last = add(&log, before.len() as u64, after).await;
    session.set("min_position", &last.to_string()).expect("set");
    let second = ask(&session, counts).await;
    assert_eq!(second.count(0, "last"), last as i64);
    // Base tables and live state are those of a log that was read in one go.
    let whole = super::folder();
    append(whole.path(), &history).await;
    let cut = super::engine(&whole).await;
    for table in ["attempts", "legs", "turns", "agent_states", "live.campaigns", "live.leads"] {
        let sql = format!("select * from {table}");
        let want = cut.ask(&sql).await.expect("answers");
        assert_eq!(ask(&session, &sql).await.table(), want.table(), "{table}");
    }
    // So are the views, once they were refreshed.
    drop(Box::pin(engine.refresh()).await.expect("refreshes"));
    for view in views() {
        let sql = format!("select * from {}", view.table());
        let sorted = |answer: Answer| {
            let mut rows: Vec<_> = answer.objects().iter().map(ToString::to_string).collect();
            rows.sort();
            rows
        };
        let want = sorted(cut.ask(&sql).await.expect("answers"));
        assert_eq!(sorted(ask(&session, &sql).await), want, "{}", view.table());
    }
    let status = engine.status().await.expect("a status");
    assert!(status.iter().all(|view| view.position == Some(last) && view.lag == 0), "{status:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_refreshed_by_themselves_and_hold_nobody_up() {
    let (folder, history) = (folder(), campaign(22, 10));
    let log = log(&folder);
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    let last = add(&log, 0, &history).await;
    // As if a view took for ever.
    let slow = engine.refreshing.lock().await;
    engine.reach(last, WITHIN).await.expect("comes there");
    let session = Session::new(engine.clone());
    assert_eq!(ask(&session, "select max(position) last from events").await.count(0, "last"), {
        last as i64
    });
    drop(slow);
    let sql = "select min(position) oldest from system.projections";
    let refreshed = async {
        while ask(&session, sql).await.count(0, "oldest") != last as i64 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WITHIN, refreshed).await.expect("refreshed by themselves");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_more_than_there_is_is_told() {
    let folder = folder();
    let log = log(&folder);
    let last = add(&log, 0, &campaign(23, 2)).await;
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    engine.reach(last, WITHIN).await.expect("comes there");
    let mut session = Session::new(engine);
    session.set("min_position", &(last + 1).to_string()).expect("set");
    session.set("statement_timeout", "20ms").expect("set");
    let stale = session.prepare("select 1").await.err().expect("is not there");
    assert_eq!(stale.code(), "stale");
    assert_eq!(
        stale.to_string(),
        format!(
            "run SQL: the tables stood at position {last} after 20 ms, and position {} was asked for",
            last + 1
        )
    );
    session.set("min_position", "none").expect("set");
    assert_eq!(session.show("min_position").as_deref(), Some("none"));
    session.prepare("select 1").await.expect("no more is asked for");
    assert!(session.set("min_position", "soon").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_was_closed_is_still_answered_about() {
    let folder = folder();
    let log = log(&folder);
    let last = add(&log, 0, &campaign(24, 3)).await;
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    log.close().await;
    let session = Session::new(engine.clone());
    let sql = "select max(position) last from events";
    assert_eq!(ask(&session, sql).await.count(0, "last"), last as i64);
    drop(Box::pin(engine.refresh()).await.expect("refreshes"));
}

#[tokio::test(flavor = "multi_thread")]
async fn base_tables_on_disk_are_asked_like_those_in_memory_and_start_quickly() {
    let (folder, history) = (folder(), campaign(25, 60));
    let log = log(&folder);
    let (before, after) = history.split_at(history.len() * 3 / 4);
    let last = add(&log, 0, before).await;
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    engine.reach(last, WITHIN).await.expect("comes there");
    engine.keep(100).await.expect("kept");
    let last = add(&log, before.len() as u64, after).await;
    engine.reach(last, WITHIN).await.expect("comes there");
    engine.keep(100).await.expect("kept");
    let whole = super::folder();
    append(whole.path(), &history).await;
    let memory = super::engine(&whole).await;
    let again = Engine::new(LogReader::over(log.clone()), folder.path(), Limits::default());
    let again = again.expect("opens");
    again.resume(Pace::USUAL).await.expect("resumes");
    assert_eq!(again.fold.lock().await.seen(), Some(last), "nothing is folded again");
    drop(Box::pin(again.refresh()).await.expect("refreshes"));
    drop(Box::pin(engine.refresh()).await.expect("refreshes"));
    let questions = [
        "select * from attempts order by call_id",
        "select count(*) from events",
        "select stream, max(position), min(data) from events group by stream",
        "select last_position, turn, call_id from turns where last_position > 500 order by 1, 2",
        "select count(*) from legs where started_at < timestamp '2026-11-21T20:00:00Z'",
        "select campaign_id, leads, dialled, talk_ms from live.campaigns",
        "select * from operational.calls_hourly order by 1, 2",
    ];
    for sql in questions {
        let want = memory.ask(sql).await.expect("answers").table();
        assert_eq!(engine.ask(sql).await.expect("answers").table(), want, "{sql}");
        assert_eq!(again.ask(sql).await.expect("answers").table(), want, "{sql}");
    }
    // Another log in the same folder is none of theirs.
    let other = super::folder();
    append(other.path(), &campaign(26, 60)).await;
    let reader = LogReader::open(other.path()).expect("a log");
    let foreign = Engine::new(reader, folder.path(), Limits::default()).expect("opens");
    foreign.resume(Pace::USUAL).await.expect("resumes");
    assert_eq!(foreign.fold.lock().await.seen(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_folded_onto_the_disk_at_the_start() {
    let (folder, history) = (folder(), campaign(28, 80));
    let log = log(&folder);
    let last = add(&log, 0, &history).await;
    let pace = Pace { every: 50, hot: 10 };
    let start = async || {
        let engine = Engine::new(LogReader::over(log.clone()), folder.path(), Limits::default());
        let engine = engine.expect("opens");
        engine.resume(pace).await.expect("resumes");
        engine
    };
    let first = start().await;
    let rests = |table: &dyn FactTable| {
        table.pieces(Span::ALL).iter().any(|piece| matches!(piece, Piece::Cold(_)))
    };
    assert!(first.fold.lock().await.all().into_iter().any(rests), "some rows are on disk alone");
    let again = start().await;
    assert_eq!(again.reader.given(), 0, "nothing is folded again");
    let whole = super::folder();
    append(whole.path(), &history).await;
    let memory = engine(&whole).await;
    for engine in [&first, &again] {
        assert_eq!(engine.fold.lock().await.seen(), Some(last));
        drop(Box::pin(engine.refresh()).await.expect("refreshes"));
        for sql in [
            "select * from events order by position",
            "select * from attempts order by call_id",
            "select * from operational.calls_hourly order by 1, 2",
        ] {
            let want = memory.ask(sql).await.expect("answers").table();
            assert_eq!(engine.ask(sql).await.expect("answers").table(), want, "{sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_damaged_on_disk_are_folded_anew() {
    let (folder, history) = (folder(), campaign(27, 200));
    let log = log(&folder);
    let (before, after) = history.split_at(history.len() / 2);
    let last = add(&log, 0, before).await;
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    engine.reach(last, WITHIN).await.expect("comes there");
    engine.keep(0).await.expect("kept");
    for table in ["leads", "attempts", "legs"] {
        for file in std::fs::read_dir(folder.path().join("facts").join(table)).expect("files") {
            std::fs::write(file.expect("a file").path(), b"no Parquet").expect("written");
        }
    }
    let last = add(&log, before.len() as u64, after).await;
    engine.reach(last, WITHIN).await.expect("comes there");
    let whole = super::folder();
    append(whole.path(), &history).await;
    let memory = super::engine(&whole).await;
    for sql in ["select * from leads order by lead_id", "select * from legs order by leg_id"] {
        let want = memory.ask(sql).await.expect("answers").table();
        assert_eq!(engine.ask(sql).await.expect("answers").table(), want, "{sql}");
    }
}
