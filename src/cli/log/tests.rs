use std::sync::Arc;

use super::*;
use crate::base::{Clock, EventId, Timestamp};
use crate::event::{Actor, ContentType, ExpectedRevision, NewEvent, StreamName};
use crate::event_log::{EmbeddedLog, LogOptions, SignedHead};

pub(super) struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_795_262_400_000_000)
    }
}

pub(super) fn event(number: u128) -> NewEvent {
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

pub(super) async fn append(log: &EmbeddedLog, stream: &str, number: u128) {
    let stream = StreamName::new(stream).expect("a name");
    let events = vec![event(number)];
    log.append(stream, ExpectedRevision::Any, events).await.expect("an acknowledgement");
}

/// A log of ten events in two streams, at the time a clock says.
pub(super) async fn ten_by(folder: &Path, clock: Arc<dyn Clock>) -> EmbeddedLog {
    let log = EmbeddedLog::open(folder, LogOptions::default(), clock).expect("a log").0;
    for number in 0..10 {
        append(&log, if number < 7 { "a-1" } else { "b-1" }, number).await;
    }
    log
}

pub(super) async fn ten(folder: &Path) -> EmbeddedLog {
    ten_by(folder, Arc::new(Noon)).await
}

pub(super) fn common(folder: &Path, format: Format) -> Common {
    Common { config: None, data_dir: Some(folder.to_owned()), log: None, format }
}

/// Arguments as they are typed after `ledgerline log`.
pub(super) fn arguments(line: &str) -> Args {
    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        log: Args,
    }
    let words = std::iter::once("log").chain(line.split_whitespace());
    <Line as clap::Parser>::try_parse_from(words).expect("arguments").log
}

fn run_line(folder: &Path, format: Format, line: &str) -> anyhow::Result<ExitCode> {
    run(&common(folder, format), arguments(line))
}

#[tokio::test]
async fn damage_is_an_error_with_file_offset_and_position() {
    let folder = tempfile::tempdir().expect("a folder");
    let verify = |format| run_line(folder.path(), format, "verify");
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

#[tokio::test]
async fn a_head_is_written_once_and_compared_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = ten(&folder.path().join("log")).await;
    let document = folder.path().join("head.json");
    let out = format!("head --out {}", document.display());
    assert_eq!(run_line(folder.path(), Format::Text, &out).expect("a head"), ExitCode::SUCCESS);
    let text = std::fs::read_to_string(&document).expect("a document");
    let head = SignedHead::from_json(&text).expect("a head");
    assert_eq!(head.events, 10);
    append(&log, "a-1", 10).await;
    let key = crate::base::hex(&head.public_key);
    let against = format!("verify --head {} --public-key {key}", document.display());
    for format in [Format::Text, Format::Json] {
        let found = run_line(folder.path(), format, &against).expect("a verdict");
        assert_eq!(found, ExitCode::SUCCESS);
    }
    // Another key than the one that was noted.
    let wrong = against.replace(&key, &"11".repeat(32));
    let refused = format!("{:#}", run_line(folder.path(), Format::Text, &wrong).expect_err("no"));
    assert!(refused.contains("head.json") && refused.contains("signed by the key"), "{refused}");
    let refused = run_line(folder.path(), Format::Json, &wrong).expect("a document");
    assert_eq!(refused, ExitCode::FAILURE);
    // A log that is not the one it was.
    let file = folder.path().join("log/segment-00000000000000000000.log");
    let bytes = std::fs::read(&file).expect("a segment");
    std::fs::write(&file, &bytes[..600]).expect("a write");
    let found = run_line(folder.path(), Format::Json, &against).expect("a verdict");
    assert_eq!(found, ExitCode::FAILURE);
}

#[tokio::test]
async fn a_named_key_is_made_only_when_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(ten(&folder.path().join("log")).await);
    let path = folder.path().join("elsewhere").join("k");
    let line = format!("head --key {}", path.display());
    let absent = format!("{:#}", run_line(folder.path(), Format::Text, &line).expect_err("no key"));
    assert!(absent.contains("--new-key"), "{absent}");
    assert!(run_line(folder.path(), Format::Text, &format!("{line} --new-key")).is_ok());
    assert!(run_line(folder.path(), Format::Text, &line).is_ok());
    assert!(!folder.path().join("keys").exists());
}

/// What is chained is ciphertext: it stays where it is when nobody can read it any more.
#[tokio::test]
async fn a_head_holds_after_a_person_was_erased() {
    use crate::base::{PersonName, Rng, SubjectId};
    let folder = tempfile::tempdir().expect("a folder");
    let mut rng = Rng::from_seed(1);
    let mut random = |bytes: &mut [u8]| rng.fill(bytes);
    let mut vault =
        crate::privacy::Vault::open(&folder.path().join("keys"), &mut random).expect("keys");
    let subject = SubjectId(uuid::Uuid::from_u128(7));
    vault.register(&[subject], &mut random).expect("a key");
    let phone = "+12025550123".parse().expect("a number");
    let sealed =
        vault.seal(subject, &phone, &PersonName::new("Ada"), &mut random).expect("ciphertext");
    let log = ten(&folder.path().join("log")).await;
    let mut registered = event(10);
    registered.data = format!("{{\"ciphertext\":\"{sealed}\"}}").into_bytes();
    let stream = StreamName::of("subject", &subject);
    log.append(stream, ExpectedRevision::NoStream, vec![registered]).await.expect("written");
    let document = folder.path().join("head.json");
    let out = format!("head --out {}", document.display());
    run_line(folder.path(), Format::Text, &out).expect("a head");

    assert!(vault.destroy(subject).expect("destroyed"));
    assert!(vault.open_sealed(subject, &sealed).is_err());
    let against = format!("verify --head {}", document.display());
    let found = run_line(folder.path(), Format::Text, &against).expect("a verdict");
    assert_eq!(found, ExitCode::SUCCESS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_comes_back_through_the_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = ten(&folder.path().join("log")).await;
    let kept = folder.path().join("kept");
    let back = folder.path().join("back");
    let line = |line: String| run_line(folder.path(), Format::Json, &line);
    line(format!("backup {}", kept.display())).expect("a backup");
    append(&log, "a-1", 10).await;
    line(format!("head --out {}", folder.path().join("head").display())).expect("a key is made");
    line(format!("backup {}", kept.display())).expect("a backup, signed");
    line(format!("restore {} --to {} --until 8", kept.display(), back.display()))
        .expect("a restore");
    let (restored, report) = EmbeddedLog::open_read_only(&back.join("log")).expect("a log");
    assert_eq!((report.events, restored.head()), (9, Some(8)));
    let again = line(format!("restore {} --to {}", kept.display(), back.display()));
    assert!(format!("{:#}", again.expect_err("not empty")).contains("it holds log"));
    let inside = line(format!("backup {}", folder.path().join("log/kept").display()));
    assert!(format!("{:#}", inside.expect_err("inside")).contains("the log's own folder"));
    let nowhere = line(format!("restore {} --to {}/x", folder.path().display(), back.display()));
    assert!(format!("{:#}", nowhere.expect_err("no backup")).contains("there is no backup.json"));
}
