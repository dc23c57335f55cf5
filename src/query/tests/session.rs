use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReader;
use futures::FutureExt as _;

use super::super::{Encoded, Encoding, Limits, Session};
use super::*;
use crate::base::Rng;

fn nothing() -> Params {
    Params::default()
}

async fn session(folder: &tempfile::TempDir, limits: Limits) -> Session {
    let reader = LogReader::open(folder.path()).expect("a log");
    let engine = Engine::with_limits(reader, folder.path(), limits);
    Session::new(Arc::new(Box::pin(engine).await.expect("opens")))
}

async fn ask(session: &Session, sql: &str) -> Result<Answer, Error> {
    Box::pin(session.query(sql, nothing())).await?.collect().await
}

/// What every table and view says, in an order of its own.
async fn everything(engine: &Engine, as_of: AsOf) -> Vec<String> {
    let mut all = Vec::new();
    let views = views();
    let tables = crate::projection::tables::REFERENCE.iter().map(|table| table.name.to_owned());
    let live = ["live.campaigns", "live.leads", "live.agents"].map(str::to_owned);
    for table in tables.chain(live).chain(views.iter().map(View::table)) {
        let sql = format!("select * from {table}");
        let answer = Box::pin(engine.ask_as_of(&sql, as_of)).await.expect("answers");
        let mut rows: Vec<_> = answer.objects().iter().map(ToString::to_string).collect();
        rows.sort();
        all.push(format!("{table}: {}", rows.join("\n")));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn as_of_a_position_is_what_a_log_cut_there_says() {
    let history = campaign(11, 25);
    let whole = folder();
    append(whole.path(), &history).await;
    let engine = engine(&whole).await;
    let head = engine.position().await.expect("events");
    let mut rng = Rng::from_seed(5);
    for _ in 0..4 {
        let position = rng.below(head);
        let part = folder();
        append(part.path(), &history[..=position as usize]).await;
        let cut = super::engine(&part).await;
        assert_eq!(cut.position().await, Some(position));
        let then = everything(&engine, AsOf::Position(position)).await;
        assert_eq!(then, everything(&cut, AsOf::Head).await, "position {position}");
    }
    assert_eq!(
        everything(&engine, AsOf::Position(head)).await,
        everything(&engine, AsOf::Head).await
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_and_a_function_ask_as_of_a_moment_too() {
    let whole = folder();
    append(whole.path(), &campaign(12, 20)).await;
    let mut session = session(&whole, Limits::default()).await;
    let sql = "select count(*) n, max(position) last from events";
    let head = ask(&session, sql).await.expect("answers").count(0, "last");
    session.set("as_of", "40").expect("set");
    assert_eq!(session.show("as_of").as_deref(), Some("40"));
    let prepared = session.prepare(sql).await.expect("prepared");
    assert_eq!(prepared.position, Some(40));
    let then = ask(&session, sql).await.expect("answers");
    assert_eq!((then.count(0, "n"), then.count(0, "last")), (41, 40));

    // One table as of another moment, by position and by the time of that event
    session.set("as_of", "head").expect("set");
    let time = ask(&session, "select recorded_at from events where position = 40").await;
    let time = time.expect("answers").text(0, "recorded_at");
    for moment in ["40", time.as_str()] {
        let sql = format!(
            "select (select count(*) from as_of('events', '{moment}')) n, \
             (select max(position) from events) last"
        );
        let both = ask(&session, &sql).await.expect("answers");
        let n = both.count(0, "n");
        // Several events may have been recorded in one moment.
        assert!(n >= 41 && both.count(0, "last") == head, "{moment}: {n}");
    }
    let funnel = "select * from as_of('funnel.campaigns_hourly', '0')";
    if let Err(error) = ask(&session, funnel).await {
        let there: Vec<_> = views().iter().map(View::table).collect();
        assert!(!there.contains(&"funnel.campaigns_hourly".to_owned()), "{error}");
    }
    let wrong = ask(&session, "select * from as_of('nobody', '1')").await.expect_err("wrong");
    assert!(wrong.to_string().contains("there is no table nobody"), "{wrong}");
    let ahead = format!("select * from as_of('events', '{}')", head + 1);
    let ahead = ask(&session, &ahead).await.expect_err("ahead").to_string();
    assert!(ahead.contains(&format!("the log ends at position {head}")), "{ahead}");
    let wrong = session.set("as_of", "yesterday").expect_err("no moment").to_string();
    assert!(wrong.contains("such as 2026-11-21T09:30:00Z"), "{wrong}");
}

/// A question that takes seconds.
const LONG: &str = "select count(distinct value % 7) from generate_series(1, 20000000)";

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_needs_too_much_memory_fails_alone() {
    let whole = folder();
    append(whole.path(), &campaign(13, 5)).await;
    let limits = Limits { memory_bytes: 4 << 20, spill_bytes: 1 << 20, ..Limits::default() };
    let session = session(&whole, limits).await;
    let large = "select a.value, count(*) from generate_series(1, 4000000) a group by 1 order by 2";
    let failed = ask(&session, large).await.expect_err("too large");
    assert_eq!(failed.code(), "resources", "{failed}");
    assert_eq!(ask(&session, "select 1 one").await.expect("answers").count(0, "one"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_takes_too_long_fails_alone() {
    let whole = folder();
    append(whole.path(), &campaign(13, 5)).await;
    let mut session = session(&whole, Limits::default()).await;
    session.set("statement_timeout", "200ms").expect("set");
    let failed = ask(&session, LONG).await.expect_err("too long");
    assert_eq!(failed.code(), "timeout", "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_finds_no_seat_waits_and_who_finds_no_room_is_refused() {
    let whole = folder();
    append(whole.path(), &campaign(13, 5)).await;
    let session = session(&whole, Limits { running: 1, waiting: 0, ..Limits::default() }).await;
    let first = Box::pin(session.query(LONG, nothing())).await.expect("runs");
    let refused = ask(&session, "select 1 one").await.expect_err("no room");
    assert_eq!(refused.code(), "busy", "{refused}");
    drop(first);
}

/// Who was told that it took too long has no seat any more, and neither has who went away.
#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_free_as_soon_as_nobody_waits_for_its_question() {
    let whole = folder();
    append(whole.path(), &campaign(13, 5)).await;
    let limits = Limits { running: 1, waiting: 0, ..Limits::default() };
    let mut session = session(&whole, limits).await;
    session.set("statement_timeout", "50ms").expect("set");
    for long in
        [LONG, "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b"]
    {
        let failed = ask(&session, long).await.expect_err("too long");
        assert_eq!(failed.code(), "timeout", "{failed}");
        free(&session).await;
        let running = Box::pin(session.query(long, nothing())).await.expect("runs");
        drop(running);
        free(&session).await;
    }
}

/// Waits for the one seat there is: much shorter than any of the long questions would take.
async fn free(session: &Session) {
    let until = tokio::time::Instant::now() + Duration::from_secs(2);
    loop {
        match ask(session, "select 1 one").await {
            Ok(_) => return,
            Err(error) if tokio::time::Instant::now() < until => {
                assert!(matches!(error.code(), "busy" | "timeout"), "{error}");
                tokio::task::yield_now().await;
            }
            Err(error) => panic!("the seat is still taken: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_heavy_questions_do_not_hold_a_light_one_up() {
    let whole = folder();
    append(whole.path(), &campaign(13, 5)).await;
    let session = session(&whole, Limits::default()).await;
    let mut heavy = Vec::new();
    for _ in 0..10 {
        heavy.push(Box::pin(session.query(LONG, nothing())).await.expect("runs").rows);
    }
    let began = tokio::time::Instant::now();
    assert_eq!(
        ask(&session, "select count(*) n from events").await.expect("answers").rows.len(),
        1
    );
    let waited = began.elapsed();
    // All ten are still at it: a light question overtakes them.
    for rows in &mut heavy {
        assert!(rows.next().now_or_never().is_none(), "a heavy question is over after {waited:?}");
    }
    // Far below the tens of seconds that ten of them take, on a machine that is busy besides.
    assert!(waited < Duration::from_secs(3), "{waited:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_questions_are_answered_and_parameters_are_bound() {
    let whole = folder();
    append(whole.path(), &campaign(14, 5)).await;
    let mut session = session(&whole, Limits::default()).await;
    for sql in [
        "insert into events select * from events",
        "create table t as select 1",
        "drop table events",
        "copy events to '/tmp/events.parquet'",
        "set datafusion.execution.batch_size = 1",
        "create external table t stored as csv location '/etc/passwd'",
    ] {
        let refused = session.prepare(sql).await.err().expect("refused");
        assert!(matches!(refused.code(), "read_only" | "sql"), "{sql}: {refused}");
    }
    let files = "select * from '/etc/passwd'";
    assert!(session.prepare(files).await.is_err(), "no files by name");
    let prepared = session.prepare("select $1 + 1 as n, $2 as t").await.expect("prepared");
    assert_eq!(prepared.params.len(), 2);
    let values = Params::from_json(serde_json::json!([41, "x; drop table events"]));
    let answer = session.run(&prepared, values.expect("values")).await.expect("runs");
    let answer = answer.collect().await.expect("answers");
    assert_eq!((answer.count(0, "n"), answer.text(0, "t").len()), (42, 20));

    for (asked, is) in [("250", "250ms"), ("2s", "2000ms"), ("1min", "60000ms"), ("9h", "60000ms")]
    {
        session.set("statement_timeout", asked).expect("set");
        assert_eq!(session.show("statement_timeout").as_deref(), Some(is), "{asked}");
    }
    assert_eq!(session.set("search_path", "x").expect_err("unknown").code(), "setting");
    assert!(session.set("statement_timeout", "soon").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_encoding_holds_the_same_rows() {
    let whole = folder();
    append(whole.path(), &campaign(15, 20)).await;
    let session = session(&whole, Limits::default()).await;
    let sql = "select position, stream, type, recorded_at, data, null as nothing \
               from events order by position";
    let want = ask(&session, sql).await.expect("answers");
    let encoded = async |encoding| {
        let running = Box::pin(session.query(sql, nothing())).await.expect("runs");
        let mut encoded = Encoded::new(running, encoding).expect("begins");
        assert_eq!(encoded.position(), Some(want.rows.len() as u64 - 1));
        let mut bytes = Vec::new();
        while let Some(piece) = encoded.next().await {
            bytes.extend_from_slice(&piece.expect("a piece"));
        }
        bytes
    };
    let objects: Vec<serde_json::Value> =
        serde_json::from_slice(&encoded(Encoding::Json).await).expect("JSON");
    assert_eq!(objects, want.objects());

    let bytes = encoded(Encoding::Csv).await;
    let mut csv = csv::Reader::from_reader(&*bytes);
    assert_eq!(csv.headers().expect("a head").iter().collect::<Vec<_>>(), want.columns);
    for (row, record) in csv.records().enumerate() {
        let record = record.expect("a record");
        assert_eq!(record[0].parse::<i64>().expect("a number"), want.count(row, "position"));
        assert_eq!(&record[4], want.value(row, "data").as_str().unwrap_or_default());
    }

    let bytes = encoded(Encoding::Arrow).await;
    let arrow = StreamReader::try_new(&*bytes, None).expect("a stream");
    let rows: usize = arrow.map(|batch| batch.expect("a batch").num_rows()).sum();
    assert_eq!(rows, want.rows.len());
    let parquet = bytes::Bytes::from(encoded(Encoding::Parquet).await);
    let parquet = ParquetRecordBatchReader::try_new(parquet, 1_024).expect("a file");
    let rows: usize = parquet.map(|batch| batch.expect("a batch").num_rows()).sum();
    assert_eq!(rows, want.rows.len());
}
