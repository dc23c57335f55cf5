use std::sync::Arc;

use super::*;
use crate::base::{Clock, EventId};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent};
use crate::event_log::LogOptions;

struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_262_400_000_000)
    }
}

fn event(number: u128) -> NewEvent {
    NewEvent {
        event_id: EventId(uuid::Uuid::from_u128(number)),
        event_type: if number.is_multiple_of(4) { "rare" } else { "often" }.to_owned(),
        schema_version: 1,
        occurred_at: Noon.now(),
        correlation_id: None,
        causation_id: None,
        actor: Actor::part("dialer"),
        data: format!("{{\"n\":{number},\n\"t\":\"a\"}}").into_bytes(),
        content_type: ContentType::Json,
        metadata: Vec::new(),
    }
}

/// A log of ten events in two streams.
async fn ten(folder: &Path) -> EmbeddedLog {
    let log = EmbeddedLog::open(folder, LogOptions::default(), Arc::new(Noon)).expect("a log").0;
    for number in 0..10 {
        let stream = StreamName::new(if number < 7 { "a-1" } else { "b-1" }).expect("a name");
        let events = vec![event(number)];
        log.append(stream, ExpectedRevision::Any, events).await.expect("an acknowledgement");
    }
    log
}

fn wanted(args: &str) -> ReadArgs {
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        read: ReadArgs,
    }
    let words = std::iter::once("read").chain(args.split_whitespace());
    <Line as clap::Parser>::try_parse_from(words).expect("arguments").read
}

async fn positions(log: &EmbeddedLog, args: &str) -> Vec<u64> {
    let mut seen = Vec::new();
    print(log, &wanted(args), &mut |event| {
        seen.push(event.position);
        Ok(())
    })
    .await
    .expect("events");
    seen
}

#[tokio::test]
async fn read_prints_what_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(ten(folder.path()).await);
    let (log, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    assert!(positions(&log, "").await.into_iter().eq(0..10));
    assert_eq!(positions(&log, "--from 8").await, [8, 9]);
    assert_eq!(positions(&log, "--limit 2").await, [0, 1]);
    assert_eq!(positions(&log, "--limit 0").await, [0; 0]);
    assert_eq!(positions(&log, "--type rare").await, [0, 4, 8]);
    assert_eq!(positions(&log, "--stream b-1").await, [7, 8, 9]);
    assert_eq!(positions(&log, "--stream a-1 --from 3 --type often --limit 2").await, [3, 5]);
    assert_eq!(positions(&log, "--stream none-1").await, [0; 0]);
    assert_eq!(positions(&log, "--follow --from 9 --limit 1").await, [9]);
}

#[tokio::test]
async fn following_goes_on_with_what_is_written_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = ten(folder.path()).await;
    let (log, _) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    let old_are_seen = tokio::sync::Notify::new();
    let mut seen = Vec::new();
    let wanted = wanted("--follow --stream a-1 --limit 9");
    let mut show = |event: &Recorded| {
        seen.push(event.position);
        if seen.len() == 7 {
            old_are_seen.notify_one();
        }
        Ok(())
    };
    let later = async {
        old_are_seen.notified().await;
        let stream = StreamName::new("a-1").expect("a name");
        let events = vec![event(10), event(11)];
        writer.append(stream, ExpectedRevision::Any, events).await.expect("an acknowledgement");
    };
    let (printed, ()) = tokio::join!(print(&log, &wanted, &mut show), later);
    printed.expect("events");
    assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6, 10, 11]);
}

#[tokio::test]
async fn an_event_is_one_line_of_text_and_one_of_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = ten(folder.path()).await;
    let page = Cursor::All(8).page(&log).await.expect("events");
    assert_eq!(
        text_line(&page[0]),
        "       8  2026-11-21T12:00:00.000000Z  rare                     b-1@1 by dialer  {\"n\":8,\\n\"t\":\"a\"}"
    );
    let json = json_line(&page[0]);
    assert_eq!((&json["position"], &json["data"]["n"]), (&json!(8), &json!(8)));
    assert_eq!(json["recorded_at"], "2026-11-21T12:00:00.000000Z");
    assert!(!json.to_string().contains('\n'));
}

#[tokio::test]
async fn stats_count_events_by_type() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(ten(folder.path()).await);
    let (log, report) = EmbeddedLog::open_read_only(folder.path()).expect("a reader");
    let stats = stats(&log, PathBuf::from("data/log"), report).await.expect("figures");
    assert_eq!((stats.events, stats.streams, stats.segments), (10, 2, 1));
    assert_eq!(stats.bytes, verify(folder.path()).expect("whole").bytes);
    let text = table(&stats);
    let often = text.find("often                     7").expect("a row");
    assert!(often < text.find("rare                      3").expect("a row"), "{text}");
    assert!(text.contains("last recorded    2026-11-21T12:00:00.000000Z"), "{text}");
}

fn common(folder: &Path, format: Format) -> Common {
    Common { config: None, data_dir: Some(folder.to_owned()), log: None, format }
}

#[tokio::test]
async fn damage_is_an_error_with_file_offset_and_position() {
    let folder = tempfile::tempdir().expect("a folder");
    let verify = |format| run(&common(folder.path(), format), Args { command: Command::Verify });
    let absent = verify(Format::Text).expect_err("no log").to_string();
    assert!(absent.contains("there is no event log in") && !absent.contains('\n'), "{absent}");
    let log = folder.path().join("log");
    drop(ten(&log).await);
    assert!(verify(Format::Text).is_ok());
    let file = log.join("segment-00000000000000000000.log");
    let mut bytes = std::fs::read(&file).expect("a segment");
    let at = bytes.windows(5).position(|window| window == b"\"n\":4").expect("event 4");
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).expect("a write");
    let damaged = format!("{:#}", verify(Format::Text).expect_err("damage"));
    for part in [file.to_str().expect("a path"), "at byte", "position 4", "4 events are whole"] {
        assert!(damaged.contains(part), "{damaged}");
    }
    assert_eq!(verify(Format::Json).expect("a document"), ExitCode::FAILURE);
}
