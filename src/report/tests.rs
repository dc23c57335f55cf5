use std::path::PathBuf;

use super::words::WORDS;
use super::*;
use crate::base::{Clock, EventId, Rng, Timestamp};
use crate::event::{Actor, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{EmbeddedLog, EventLog, LogOptions};
use crate::projection::history::{Dated, append, campaign, moment};

/// Compares with a file; `UPDATE_GOLDEN=1` writes it.
fn check_golden(name: &str, got: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/report").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
        std::fs::write(&path, got).expect("write the golden file");
    }
    let want = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; UPDATE_GOLDEN=1 writes it", path.display()));
    assert!(got == want, "{} differs; UPDATE_GOLDEN=1 rewrites it, got\n{got}", path.display());
}

async fn engine(folder: &tempfile::TempDir) -> Arc<Engine> {
    append(folder.path(), &campaign(42, 40)).await;
    Arc::new(Box::pin(Engine::open(folder.path())).await.expect("opens"))
}

async fn make(engine: &Arc<Engine>, kind: ReportKind, period: &str, offset: &str) -> Report {
    let offset = offset.parse().expect("an offset");
    let period = Period::parse(Width::of(kind), offset, period).expect("a period");
    let thresholds = Thresholds { count_min: 5, ..Thresholds::default() };
    let made = Report::make(engine.clone(), AsOf::Head, kind, period, thresholds);
    Box::pin(made).await.expect("answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_read_like_this() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&folder).await;
    let daily = make(&engine, ReportKind::Daily, "2026-11-22", "Z").await;
    check_golden("daily_en.md", &daily.markdown(Language::English));
    check_golden("daily_en.html", &daily.html(Language::English));
    check_golden("daily_zh.md", &daily.markdown(Language::Chinese));
    assert_eq!(daily.title(Language::Chinese), "外呼日报 2026-11-22");
    let json = serde_json::to_string_pretty(&daily.json()).expect("JSON");
    check_golden("daily.json", &format!("{json}\n"));
    let review = make(&engine, ReportKind::Review, "2026-11-21", "Z").await;
    check_golden("review_en.md", &review.markdown(Language::English));
    check_golden("review_zh.md", &review.markdown(Language::Chinese));
    let hourly = make(&engine, ReportKind::Hourly, "2026-11-22T10", "+08:00").await;
    check_golden("hourly_en.md", &hourly.markdown(Language::English));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_without_a_call_is_a_report_of_noughts() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&folder).await;
    let report = make(&engine, ReportKind::Daily, "2030-01-01", "Z").await;
    let page = report.markdown(Language::English);
    assert!(page.contains("There is nothing to show."), "{page}");
    assert!(page.contains("| Dials | 0 |"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_that_of_the_site() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&folder).await;
    let mut counts = Vec::new();
    for (offset, from, until) in [
        ("Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
        ("+08:00", "2026-11-20T16:00:00Z", "2026-11-21T16:00:00Z"),
    ] {
        let report = make(&engine, ReportKind::Daily, "2026-11-21", offset).await;
        let sql = format!(
            "select count(*) as dials from attempts where started_at >= '{from}' and started_at < '{until}'"
        );
        let dials = engine.ask(&sql).await.expect("answers").count(0, "dials");
        assert_eq!(report.json()["figures"][0]["value"], dials, "{offset}");
        counts.push(dials);
    }
    assert!(counts[0] > counts[1] && counts[1] > 0, "{counts:?}");
    // An hourly report's day goes up to its hour.
    let hour = make(&engine, ReportKind::Hourly, "2026-11-21T17", "+08:00").await;
    let json = hour.json();
    assert_eq!(json["from"], "2026-11-21T09:00:00.000000Z");
    let day = &json["tables"][0];
    assert_eq!(day["params"]["from"], "2026-11-20T16:00:00Z");
    assert_eq!(day["params"]["until"], "2026-11-21T10:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_true_at_its_position_for_good() {
    let folder = tempfile::tempdir().expect("a folder");
    let facts = campaign(42, 40);
    append(folder.path(), &facts[..400]).await;
    let engine = Arc::new(Box::pin(Engine::open(folder.path())).await.expect("opens"));
    let before = make(&engine, ReportKind::Daily, "2026-11-21", "Z").await;
    assert_eq!(before.position(), Some(399));
    append(folder.path(), &facts[400..]).await;
    drop(engine.refresh().await.expect("refreshes"));
    let after = make(&engine, ReportKind::Daily, "2026-11-21", "Z").await;
    assert_ne!(before.json(), after.json());
    let again = Report::make(
        engine,
        AsOf::Position(399),
        ReportKind::Daily,
        before.period(),
        Thresholds { count_min: 5, ..Thresholds::default() },
    );
    assert_eq!(Box::pin(again).await.expect("answers").json(), before.json());
}

/// A clock that stands still.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        moment(0)
    }
}

/// Appends facts to a log that is open.
async fn add(log: &Arc<dyn EventLog>, first: u64, facts: &[Dated]) {
    let new = facts.iter().zip(first..).map(|((at, event), number)| {
        let id = EventId::generate(moment(*at), &mut Rng::from_seed(number));
        NewEvent::of(event, id, moment(*at), Actor::part("test"))
    });
    let new = new.collect();
    let stream = StreamName::of("test", &1);
    log.append(stream, ExpectedRevision::Any, new).await.expect("appended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_of_a_log_that_goes_on_is_of_one_position() {
    let folder = tempfile::tempdir().expect("a folder");
    let facts = campaign(42, 40);
    let options = LogOptions::default();
    let opened = EmbeddedLog::open(&folder.path().join("log"), options, Arc::new(Still));
    let log: Arc<dyn EventLog> = Arc::new(opened.expect("a log").0);
    let (before, after) = facts.split_at(400);
    add(&log, 0, before).await;
    let engine = Engine::follow(log.clone(), folder.path(), query::Limits::default());
    let engine = engine.expect("follows");
    // Facts come for as long as it is made.
    let (writer, rest) = (log.clone(), after.to_vec());
    let writing = tokio::spawn(async move {
        for (number, facts) in rest.chunks(3).enumerate() {
            add(&writer, 400 + 3 * number as u64, facts).await;
            tokio::task::yield_now().await;
        }
    });
    let report = make(&engine, ReportKind::Daily, "2026-11-21", "Z").await;
    writing.await.expect("writes");
    let position = report.position().expect("a position");
    assert!(position >= 399);
    let other = Arc::new(Box::pin(Engine::open(folder.path())).await.expect("opens"));
    let again = Report::make(
        other,
        AsOf::Position(position),
        ReportKind::Daily,
        report.period(),
        Thresholds { count_min: 5, ..Thresholds::default() },
    );
    assert_eq!(Box::pin(again).await.expect("answers").json(), report.json());
    // Views go on afterwards.
    drop(engine.refresh().await.expect("refreshes"));
    let after = make(&engine, ReportKind::Daily, "2026-11-21", "Z").await;
    assert_eq!(after.position(), Some(facts.len() as u64 - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_period_it_is_the_last_one_with_a_dial() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&folder).await;
    let last = |kind| {
        let made = Report::make_last(
            engine.clone(),
            AsOf::Head,
            kind,
            UtcOffset::UTC,
            Thresholds::default(),
        );
        async move { Box::pin(made).await.expect("answers").period().to_string() }
    };
    assert_eq!(last(ReportKind::Daily).await, "2026-11-22");
    assert!(last(ReportKind::Hourly).await.starts_with("2026-11-22T"));
}

#[test]
fn a_page_is_whole_and_escapes_what_it_shows() {
    use super::document::{Block, Document};
    let report = Document {
        title: "A & B".to_owned(),
        subtitle: String::new(),
        language: "en",
        blocks: vec![Block::Table {
            heads: vec!["name".to_owned()],
            rows: vec![vec!["<script>|".to_owned()]],
        }],
    };
    let page = html::write(&report);
    assert!(page.contains("<td>&lt;script&gt;|</td>") && page.contains("<h1>A &amp; B</h1>"));
    assert!(!page.contains("http://") && !page.contains("https://"));
    assert!(markdown::write(&report).contains("| <script>\\| |"));
}

#[test]
fn every_word_has_one_translation() {
    let mut words: Vec<&str> = WORDS.iter().map(|(english, _)| *english).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), WORDS.len());
}

#[test]
fn a_sentence_keeps_its_parts_in_both_languages() {
    let parts = |text: &str| {
        let mut names: Vec<&str> =
            text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
        names.sort_unstable();
        names.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for (english, chinese) in WORDS {
        assert_eq!(parts(english), parts(chinese), "{english}");
    }
    let filled = Language::English.fill(
        "{what} rose from {then} to {now} against the week before.",
        &[("what", "{now}".to_owned()), ("then", "1".to_owned()), ("now", "2".to_owned())],
    );
    assert_eq!(filled, "{now} rose from 1 to 2 against the week before.");
}
