use std::path::PathBuf;

use super::*;
use crate::projection::history::{append, campaign, moment};

mod fixtures;
mod follow;
mod kpi;
mod past;
mod session;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Compares with a file; `UPDATE_GOLDEN=1` writes it.
fn check_golden(name: &str, got: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sql").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(&path, got).expect("write the golden file");
    }
    let want = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(got == want, "{} differs; UPDATE_GOLDEN=1 rewrites it, got\n{got}", path.display());
}

async fn engine(folder: &tempfile::TempDir) -> Engine {
    Box::pin(Engine::open(folder.path())).await.expect("opens")
}

/// One of each fact as it stands in `event::examples`, a second apart.
fn one_of_each() -> Vec<(u64, crate::event::Event)> {
    let order = [
        "CampaignCreated",
        "CarrierAdded",
        "AgentSignedIn",
        "LeadImported",
        "LeadsImported",
        "CampaignStarted",
        "DialDecided",
        "ComplianceChecked",
        "AttemptStarted",
        "CarrierChosen",
        "LegStarted",
        "LegProgressed",
        "LegAnswered",
        "CallAnswered",
        "HandlerChosen",
        "AnswerClassified",
        "TurnSpoken",
        "TurnHeard",
        "IntentTagged",
        "TransferRequested",
        "CallBridged",
        "CommitmentMade",
        "OptOutHeard",
        "DoNotCallAdded",
        "IntentionLevelSet",
        "LegEnded",
        "CallEnded",
        "AttemptEnded",
        "DialRefused",
        "AgentStateChanged",
        "AgentSignedOut",
        "CarrierFailed",
        "CarrierRecovered",
        "LineSampled",
        "CampaignCompleted",
        "PlatformStopped",
        "CostBooked",
        "LegReleased",
        "PartyIdentified",
        "AnswerReviewed",
        "MessageSent",
        "MessageDelivered",
        "MessageReceived",
    ];
    let examples = crate::event::examples();
    let find = |name: &str| examples.iter().find(|event| event.name() == name).cloned();
    let facts = order.iter().enumerate();
    facts.map(|(index, name)| (index as u64 * 1_000, find(name).expect("a fact"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_each_fact_gives_these_rows() {
    let folder = folder();
    append(folder.path(), &one_of_each()).await;
    let engine = engine(&folder).await;
    for table in crate::projection::tables::REFERENCE {
        let answer = engine.ask(&format!("select * from {}", table.name)).await.expect("answers");
        let mut text = String::new();
        for row in answer.objects().iter().take(3) {
            text.push_str(&serde_json::to_string_pretty(row).expect("prints"));
            text.push('\n');
        }
        check_golden(&format!("base/{}.txt", table.name), &text);
    }
    for table in ["campaigns", "carriers", "agents", "leads", "calls", "do_not_call"] {
        let answer = engine.ask(&format!("select * from live.{table}")).await.expect("answers");
        check_golden(&format!("live/{table}.txt"), &answer.table());
    }
}

/// What no other campaign of these tests has: recordings, and lines that were listened to.
#[tokio::test(flavor = "multi_thread")]
async fn questions_about_sound_give_these_tables() {
    let folder = folder();
    let examples = crate::event::examples();
    let names = [
        "RecordingStarted",
        "LegQualitySampled",
        "RecordingStored",
        "RecordingPlayed",
        "RecordingExported",
        "RecordingDeleted",
    ];
    let find = |name: &str| examples.iter().find(|event| event.name() == name).cloned();
    let facts = names.iter().enumerate();
    let facts = facts.map(|(index, name)| (index as u64 * 1_000, find(name).expect("a fact")));
    append(folder.path(), &facts.collect::<Vec<_>>()).await;
    let engine = engine(&folder).await;
    for name in ["recordings", "leg_quality"] {
        let answer = engine.saved(name, &[]).await.expect("answers");
        assert_eq!(answer.rows.len(), 1, "{name}");
        check_golden(&format!("sound/{name}.txt"), &answer.table());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_saved_questions_give_these_tables() {
    let folder = folder();
    append(folder.path(), &campaign(42, 40)).await;
    let engine = engine(&folder).await;
    for view in views() {
        let order = view.key.join(", ");
        let sql = format!("select * from {} order by {order} limit 200", view.table());
        let answer = engine.ask(&sql).await.expect("answers");
        assert!(!answer.rows.is_empty(), "{}", view.table());
        check_golden(&format!("views/{}.txt", view.table()), &answer.table());
    }
    // KPIs have fixtures of their own.
    let queries = saved_queries().expect("heads read");
    for query in queries.iter().filter(|query| query.kpi.is_none()) {
        let params = match query.name.as_str() {
            "call_history" => {
                vec![("call_id".to_owned(), "01980000-0000-7000-8000-000300000001".to_owned())]
            }
            "agents_by_minute" => {
                let from = ("from".to_owned(), "2026-11-21T12:00:00Z".to_owned());
                vec![from, ("until".to_owned(), "2026-11-21T13:00:00Z".to_owned())]
            }
            "customer_history" => {
                let subject = "select subject_id from messages order by occurred_at limit 1";
                let subject = engine.ask(subject).await.expect("answers").text(0, "subject_id");
                vec![("subject_id".to_owned(), subject)]
            }
            _ => Vec::new(),
        };
        let answer = engine.saved(&query.name, &params).await.expect("answers");
        check_golden(&format!("queries/{}.txt", query.name), &answer.table());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn views_agree_with_the_rows_they_are_made_from() {
    let folder = folder();
    append(folder.path(), &campaign(9, 50)).await;
    let engine = engine(&folder).await;
    let check = |left: &'static str, right: &'static str| {
        let engine = &engine;
        async move {
            let left = engine.ask(left).await.expect("answers");
            assert_eq!(left.rows, engine.ask(right).await.expect("answers").rows);
        }
    };
    check(
        "select sum(attempts), sum(answered), sum(talk_ms) from operational.calls_hourly",
        "select count(*), count(*) filter (where is_answered), sum(talk_ms) from attempts",
    )
    .await;
    check(
        "select sum(talking_ms) from operational.agents_hourly",
        "select sum(duration_ms) from agent_states where state = 'talking'",
    )
    .await;
    check(
        "select campaign_id, attempts, contacts from live.campaigns",
        "select campaign_id, sum(attempts), sum(contacts) from funnel.campaigns_daily group by 1",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_heads_of_views_and_questions_say_holds() {
    let folder = folder();
    append(folder.path(), &campaign(21, 60)).await;
    let engine = engine(&folder).await;
    let outcomes = Box::pin(engine.test_views(None)).await.expect("asks");
    assert!(outcomes.len() > views().len());
    for outcome in outcomes {
        assert!(outcome.holds(), "{outcome:#?}");
    }
    let asked = Box::pin(engine.test_queries(None)).await.expect("asks");
    assert!(asked.len() >= saved_queries().expect("heads read").len());
    for outcome in asked {
        assert!(outcome.holds(), "{outcome:#?}");
    }
    let one = Box::pin(engine.test_views(Some("subjects"))).await.expect("asks");
    assert!(one.iter().all(|outcome| outcome.view == "portrait.subjects") && one.len() > 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_follows_a_log_that_grows() {
    let facts = campaign(1, 20);
    let folder = folder();
    append(folder.path(), &facts[..50]).await;
    let engine = engine(&folder).await;
    assert_eq!(engine.position().await, Some(49));
    append(folder.path(), &facts[50..]).await;
    let count = "select count(*) as events from events";
    assert_eq!(engine.ask(count).await.expect("answers").count(0, "events"), 50);
    drop(engine.refresh().await.expect("refreshes"));
    let events = engine.ask(count).await.expect("answers").count(0, "events");
    assert_eq!(events, facts.len() as i64);
    let lag = "select max(lag) as lag, max(dirty_windows) as dirty from system.projections";
    let lag = engine.ask(lag).await.expect("answers");
    assert_eq!((lag.count(0, "lag"), lag.count(0, "dirty")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_questions_are_answered() {
    let folder = folder();
    append(folder.path(), &one_of_each()).await;
    let engine = engine(&folder).await;
    for text in [
        "create table t as select 1",
        "drop table events",
        "insert into events select * from events",
        "delete from events",
        "update events set position = 1",
        "copy events to '/tmp/never.csv'",
        "create external table t stored as csv location '/etc/passwd'",
        "set datafusion.execution.batch_size = 1",
        "explain analyze copy events to '/tmp/never.csv'",
        "explain create table t as select 1",
        "select 1; drop table events",
    ] {
        let error = engine.ask(text).await.expect_err(text);
        assert!(!error.to_string().contains('\n'), "{text}: {error}");
        assert!(matches!(error, Error::ReadOnly | Error::Sql(_)), "{text}: {error}");
    }
    let copied = engine.ask("copy events to '/tmp/never.csv'").await.expect_err("no copy");
    assert!(matches!(copied, Error::ReadOnly), "{copied}");
    assert!(!Path::new("/tmp/never.csv").exists());
    assert!(engine.ask("explain select 1").await.is_ok());
    assert!(engine.ask("show tables").await.is_ok());
    assert!(engine.ask("select * from '/etc/passwd'").await.is_err());
    let error = engine.ask("select * from attemps").await.expect_err("no such table");
    assert!(error.to_string().contains("attemps"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_bound_and_never_pasted() {
    let folder = folder();
    append(folder.path(), &one_of_each()).await;
    let engine = engine(&folder).await;
    let with = |value: &str| vec![("call_id".to_owned(), value.to_owned())];
    let call = engine.saved("call_history", &with("01980000-0000-7000-8000-000000000001")).await;
    assert!(call.expect("answers").rows.len() > 15);
    let pasted = engine.saved("call_history", &with("' or '1' = '1")).await;
    assert_eq!(pasted.expect("answers").rows.len(), 0);
    let check = |error: Error, expected: &str| assert_eq!(error.to_string(), expected);
    check(
        engine.saved("call_history", &[]).await.expect_err("missing"),
        "run saved question call_history: parameter call_id is missing; such as ledgerline query call_history --param call_id=01980000-0000-7000-8000-000000000001",
    );
    let wrong = vec![("cal".to_owned(), "x".to_owned())];
    check(
        engine.saved("call_history", &wrong).await.expect_err("unknown"),
        "run saved question call_history: parameter \"cal\" is unknown; it takes call_id",
    );
    let error = engine.saved("nothing", &[]).await.expect_err("unknown");
    assert!(error.to_string().starts_with("find saved question \"nothing\": there are "));
}

#[test]
fn an_engine_can_be_shared_by_tasks() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Engine>();
}

#[test]
fn a_table_is_aligned_and_counts_its_rows() {
    let answer = Answer {
        columns: vec!["name".to_owned(), "calls".to_owned()],
        rows: vec![
            vec!["贷款".into(), 7.into()],
            vec!["loan".into(), serde_json::Value::Null],
            vec!["x".into(), 1_200.into()],
        ],
    };
    let expected = "name  calls\n----  -----\n贷款      7\nloan\nx      1200\n(3 rows)\n";
    assert_eq!(answer.table(), expected);
    assert_eq!(moment(0).to_string(), "2026-11-21T09:00:00.000000Z");
}

#[test]
fn the_reference_in_docs_is_what_the_program_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/sql.md");
    let page = std::fs::read_to_string(&path).expect("docs/sql.md is there");
    let end = "UPDATE_GOLDEN=1 cargo test rewrites it. -->\n";
    let (told, _) = page.split_once(end).expect("the line that ends the part people write");
    let want = format!("{told}{end}\n{}", markdown().expect("heads read"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &want).expect("write docs/sql.md");
    } else {
        assert!(page == want, "docs/sql.md is stale; UPDATE_GOLDEN=1 rewrites it");
    }
}
