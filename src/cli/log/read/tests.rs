use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::super::tests::{append, event, ten, ten_by};
use super::*;
use crate::base::{Clock, Timestamp};
use crate::event::ExpectedRevision;
use crate::event_log::EmbeddedLog;

/// A clock that moves by a second whenever it is asked.
struct Seconds(AtomicI64);

impl Clock for Seconds {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000_000, Ordering::Relaxed))
    }
}

fn wanted(args: &str) -> Args {
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        read: Args,
    }
    let words = std::iter::once("read").chain(args.split_whitespace());
    <Line as clap::Parser>::try_parse_from(words).expect("arguments").read
}

async fn positions(log: &EmbeddedLog, args: &str) -> Vec<u64> {
    let mut seen = Vec::new();
    print(log, &wanted(args), &mut |events| {
        seen.extend(events.iter().map(|event| event.position));
        Ok(())
    })
    .await
    .expect("events");
    seen
}

fn reader(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open_read_only(folder).expect("a reader").0
}

#[tokio::test]
async fn read_prints_what_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(ten(folder.path()).await);
    let log = reader(folder.path());
    let cases: [(&str, &[u64]); 22] = [
        ("", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("--from 8", &[8, 9]),
        ("--from start --until 1", &[0, 1]),
        ("--from 10", &[]),
        ("--from end", &[]),
        ("--limit 2", &[0, 1]),
        ("--limit 0", &[]),
        ("--type rare", &[0, 4, 8]),
        ("--type rare,often --limit 2", &[0, 1]),
        ("--type rare --type often --from 8", &[8, 9]),
        ("--stream b-1", &[7, 8, 9]),
        ("--category b", &[7, 8, 9]),
        ("--category b --from 9", &[9]),
        ("--stream a-1 --from 3 --type often --limit 2", &[3, 5]),
        ("--stream none-1", &[]),
        ("--backwards --limit 3", &[9, 8, 7]),
        ("--backwards --from 2", &[2, 1, 0]),
        ("--backwards --from start", &[0]),
        ("--backwards --from 3 --until 2", &[3, 2]),
        ("--backwards --stream a-1 --limit 2", &[6, 5]),
        ("--backwards --stream b-1 --from 8", &[8, 7]),
        ("--follow --from 9 --limit 1", &[9]),
    ];
    for (args, want) in cases {
        assert_eq!(positions(&log, args).await, want, "{args}");
    }
}

#[tokio::test]
async fn read_goes_from_time_to_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = Arc::new(Seconds(AtomicI64::new(1_795_262_400_000_000)));
    drop(ten_by(folder.path(), clock).await);
    let log = reader(folder.path());
    let mut times = Vec::new();
    for position in 0..10 {
        let from = AllRead::Position(position);
        let page = log.read_all(from, Direction::Forwards, 1).await.expect("an event");
        times.push(page[0].recorded_at);
    }
    let at = |position: usize| times[position].to_string();
    let later =
        |position: usize| Timestamp::from_micros(times[position].as_micros() + 1).to_string();
    let check = async |args: String, want: &[u64]| {
        assert_eq!(positions(&log, &args).await, want, "{args}");
    };
    check(format!("--from {}", at(8)), &[8, 9]).await;
    check(format!("--from {}", later(8)), &[9]).await;
    check(format!("--from {} --until {}", at(2), at(3)), &[2, 3]).await;
    check(format!("--until {}", later(0)), &[0]).await;
    check(format!("--backwards --from {}", at(1)), &[1, 0]).await;
    check(format!("--backwards --from {} --until {}", later(4), at(3)), &[4, 3]).await;
    check(format!("--stream b-1 --from {}", at(8)), &[8, 9]).await;
    check("--from 2030-01-01T00:00:00Z".to_owned(), &[]).await;
    check("--from 1999-01-01T00:00:00Z --limit 1".to_owned(), &[0]).await;
    check("--backwards --from 1999-01-01T00:00:00Z".to_owned(), &[]).await;
}

#[tokio::test]
async fn following_goes_on_with_what_is_written_later() {
    for (args, want) in [
        ("--follow --stream a-1 --limit 9", [0, 1, 2, 3, 4, 5, 6, 10, 11].as_slice()),
        ("--follow --from end --limit 2", [10, 11].as_slice()),
        ("--follow --from 6 --limit 6", [6, 7, 8, 9, 10, 11].as_slice()),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let writer = ten(folder.path()).await;
        let log = reader(folder.path());
        let wanted = wanted(args);
        let mut seen = Vec::new();
        let mut show = |events: &[&Recorded]| {
            seen.extend(events.iter().map(|event| event.position));
            Ok(())
        };
        let later = async {
            let stream = StreamName::new("a-1").expect("a name");
            let events = vec![event(10), event(11)];
            // The reader had its first look before this is written.
            tokio::task::yield_now().await;
            writer.append(stream, ExpectedRevision::Any, events).await.expect("written");
        };
        let (printed, ()) = tokio::join!(print(&log, &wanted, &mut show), later);
        printed.expect("events");
        assert_eq!(seen, want, "{args}");
    }
}

#[tokio::test]
async fn an_event_is_one_line_of_text_and_one_of_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = ten(folder.path()).await;
    append(&log, "b-1", 10).await;
    let page = Cursor::All(8).page(&log, Direction::Forwards, 1).await.expect("events");
    assert_eq!(
        text_line(&page[0]),
        "       8  2026-11-21T12:00:00.000000Z  rare                     b-1@1 by dialer  {\"n\":8,\\n\"t\":\"a\"}"
    );
    let json = json_line(&page[0]);
    assert_eq!((&json["position"], &json["data"]["n"]), (&json!(8), &json!(8)));
    assert_eq!(json["recorded_at"], "2026-11-21T12:00:00.000000Z");
    assert!(!json.to_string().contains('\n') && json.get("metadata").is_none());
    let mut foreign = page[0].clone();
    foreign.metadata = b"{\"$causedBy\":\"x\"}".as_slice().into();
    assert_eq!(json_line(&foreign)["metadata"]["$causedBy"], "x");
}

#[test]
fn a_place_is_a_position_a_time_or_an_end() {
    assert_eq!("start".parse(), Ok(Point::Start));
    assert_eq!("end".parse(), Ok(Point::End));
    assert_eq!("12".parse(), Ok(Point::Position(12)));
    assert!(matches!("2026-11-21T09:30:00Z".parse(), Ok(Point::Time(_))));
    for bad in ["", "-1", "yesterday", "2026-11-21", "99999999999999999999"] {
        let error = bad.parse::<Point>().expect_err("refused");
        assert!(error.contains("a position such as"), "{error}");
    }
}
