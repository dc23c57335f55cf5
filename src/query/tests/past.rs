//! Earlier moments, and what is not folded for them.

use super::*;

/// Questions that name base tables, `live.*` and views.
const QUESTIONS: [&str; 5] = [
    "select * from attempts order by call_id",
    "select count(*) n, max(position) last from events",
    "select * from live.campaigns",
    "select * from live.leads order by lead_id",
    "select * from operational.calls_hourly order by 1, 2",
];

async fn answers(engine: &Engine, as_of: AsOf) -> Vec<String> {
    let mut answers = Vec::new();
    for sql in QUESTIONS {
        answers.push(engine.ask_as_of(sql, as_of).await.expect("answers").table());
    }
    answers
}

/// What a log says that was cut after so many facts.
async fn cut(facts: &[crate::projection::history::Dated]) -> Vec<String> {
    let folder = folder();
    append(folder.path(), facts).await;
    answers(&engine(&folder).await, AsOf::Head).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_is_folded_from_the_nearest_state_before() {
    let (folder, history) = (folder(), campaign(31, 60));
    append(folder.path(), &history).await;
    let engine = engine(&folder).await;
    let (first, second) = (history.len() as u64 / 2, history.len() as u64 / 2 + 40);
    let mut given = engine.reader.given();
    let mut folded = || {
        let now = engine.reader.given();
        now - std::mem::replace(&mut given, now)
    };
    let got = answers(&engine, AsOf::Position(first)).await;
    assert_eq!(folded(), 2 * (first + 1), "base tables and live state, once each");
    assert_eq!(got, cut(&history[..=first as usize]).await);
    let got = answers(&engine, AsOf::Position(second)).await;
    assert_eq!(folded(), 2 * (second - first), "only what lies in between");
    assert_eq!(got, cut(&history[..=second as usize]).await);
    drop(answers(&engine, AsOf::Position(first)).await);
    assert_eq!(folded(), 0, "what was asked about lately is there");
    // Before all that is known it starts at the beginning.
    let got = answers(&engine, AsOf::Position(20)).await;
    assert_eq!(folded(), 2 * 21);
    assert_eq!(got, cut(&history[..=20]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_by_its_number_is_not_folded_again() {
    let (folder, history) = (folder(), campaign(32, 40));
    append(folder.path(), &history).await;
    let engine = engine(&folder).await;
    let want = answers(&engine, AsOf::Head).await;
    let given = engine.reader.given();
    let head = AsOf::Position(history.len() as u64 - 1);
    assert_eq!(answers(&engine, head).await, want);
    assert_eq!(engine.reader.given(), given);
    // It stays what it was when the head has gone on.
    append(folder.path(), &campaign(33, 5)).await;
    drop(Box::pin(engine.refresh()).await.expect("refreshes"));
    assert_ne!(answers(&engine, AsOf::Head).await, want);
    let given = engine.reader.given();
    assert_eq!(answers(&engine, head).await, want);
    assert_eq!(engine.reader.given(), given);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_between_checkpoints_is_folded_from_the_one_before() {
    let (folder, history) = (folder(), campaign(34, 60));
    let (before, after) = history.split_at(history.len() / 2);
    append(folder.path(), before).await;
    let writer = engine(&folder).await;
    writer.keep(0).await.expect("kept");
    append(folder.path(), after).await;
    let engine = engine(&folder).await;
    let given = engine.reader.given();
    let position = before.len() as u64 + 9;
    let sql = "select * from events order by position";
    let got = engine.ask_as_of(sql, AsOf::Position(position)).await.expect("answers");
    assert_eq!(engine.reader.given() - given, 10, "the checkpoint has all the others");
    let whole = engine.ask(sql).await.expect("answers");
    assert_eq!(got.objects()[..], whole.objects()[..=position as usize]);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_views_that_are_named_are_computed() {
    let (folder, history) = (folder(), campaign(35, 20));
    append(folder.path(), &history).await;
    let engine = engine(&folder).await;
    let as_of = AsOf::Position(100);
    let made = async |sql: &str| {
        drop(engine.ask_as_of(sql, as_of).await.expect("answers"));
        let moment = engine.make(as_of, &snapshot::Need::default()).await.expect("is there");
        moment.replayed()
    };
    assert_eq!(made("select * from attempts").await, Vec::<String>::new());
    assert_eq!(
        made("with c as (select * from operational.calls_minutely) select count(*) from c").await,
        ["operational.calls_minutely"]
    );
    // One that reads another one brings it along.
    let all = made("select * from strategic.calls_daily").await;
    for view in ["operational.calls_hourly", "strategic.calls_daily"] {
        assert!(all.contains(&view.to_owned()), "{all:?}");
    }
    // All of them are listed all the same.
    let listed = "select count(*) n from information_schema.tables where table_schema = 'live'";
    assert_eq!(engine.ask_as_of(listed, as_of).await.expect("answers").count(0, "n"), 6);
    let nobody = engine.ask_as_of("select * from operational.nobody", as_of).await;
    assert!(nobody.expect_err("no view").to_string().contains("operational.nobody"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_state_goes_along_and_is_not_folded_from_the_beginning() {
    let (folder, history) = (folder(), campaign(36, 60));
    append(folder.path(), &history).await;
    let log = follow::log(&folder);
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    let last = history.len() as u64 - 1;
    let along = async {
        while engine.live.lock().await.next <= last {
            tokio::task::yield_now().await;
        }
    };
    let within = Duration::from_secs(60);
    tokio::time::timeout(within, along).await.expect("it goes along by itself");
    let given = engine.reader.given();
    let sql = "select * from live.leads order by lead_id";
    let got = engine.ask(sql).await.expect("answers").table();
    assert_eq!(engine.reader.given(), given, "nothing was left to fold");
    let cut = super::engine(&folder).await;
    assert_eq!(got, cut.ask(sql).await.expect("answers").table());
    log.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_rests_leaves_everything_for_the_next_one() {
    let (folder, history) = (folder(), campaign(37, 40));
    append(folder.path(), &history).await;
    let log = follow::log(&folder);
    let engine = Engine::follow(log.clone(), folder.path(), Limits::default()).expect("follows");
    // As a platform does that stops: the log is closed before.
    log.close().await;
    Box::pin(engine.rest()).await.expect("rests");
    let sql = "select count(*) n from events";
    assert_eq!(engine.ask(sql).await.expect("answers").count(0, "n"), history.len() as i64);
    drop(engine);
    let reader = LogReader::open(folder.path()).expect("a log");
    let again = Engine::new(reader, folder.path(), Limits::default()).expect("opens");
    again.resume(Pace::USUAL).await.expect("resumes");
    drop(Box::pin(again.refresh()).await.expect("refreshes"));
    assert_eq!(again.reader.given(), 0, "nothing was folded");
    assert_eq!(again.ask(sql).await.expect("answers").count(0, "n"), history.len() as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_head_is_read_from_what_is_stored_and_stays_where_it_is() {
    let (folder, history) = (folder(), campaign(38, 60));
    let (before, after) = history.split_at(history.len() / 2);
    append(folder.path(), before).await;
    let engine = engine(&folder).await;
    let pin = Box::pin(engine.pin()).await.expect("pins");
    let position = pin.position.expect("a position");
    assert_eq!(position, before.len() as u64 - 1);
    append(folder.path(), after).await;
    let given = engine.reader.given();
    let got = answers(&engine, AsOf::Position(position)).await;
    // The live state had not been asked for.
    assert_eq!(engine.reader.given() - given, before.len() as u64);
    assert_eq!(got, cut(before).await);
    let moment = engine.make(AsOf::Position(position), &snapshot::Need::default()).await;
    assert_eq!(moment.expect("is there").replayed().len(), views().len(), "all are stored");
    drop(pin);
    drop(Box::pin(engine.refresh()).await.expect("goes on"));
    assert_eq!(answers(&engine, AsOf::Head).await, cut(&history).await);
    assert_eq!(answers(&engine, AsOf::Position(position)).await, got, "computed again");
}
