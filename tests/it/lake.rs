//! A log that seals into an S3-compatible store: a real server (s3s-fs) on loopback, with a
//! signature on every request.

mod store;
#[cfg(feature = "analytics")]
mod views;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use ledgerline::base::{Clock, EventId, Rng, Timestamp};
use ledgerline::event::{Actor, ExpectedRevision, NewEvent, Recorded, StreamName, examples};
use ledgerline::event_log::{
    AllRead, AppendError, Direction, EmbeddedLog, EventLog as _, FolderPlace, LogFolder,
    LogOptions, Objects, OpenError, ReadError, S3Options, StreamRead, SubscriptionItem, backup,
    restore, survey, verify,
};
use object_store::aws::AmazonS3Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, spawn_blocking};

use self::store::Store;

pub(crate) const KEY: &str = "TESTKEYID";
pub(crate) const SECRET: &str = "a-secret-that-must-not-be-seen";
const START: i64 = 1_795_244_400_000_000;

/// A server of which the objects are files in a folder.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn serve(folder: &Path) -> Server {
    serve_at(folder, "127.0.0.1:0").await
}

pub(crate) async fn serve_at(folder: &Path, address: &str) -> Server {
    let mut builder = S3ServiceBuilder::new(Store::new(folder));
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    let listener = TcpListener::bind(address).await.expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            connections.spawn(async move {
                let server = Builder::new(TokioExecutor::new());
                drop(server.serve_connection(TokioIo::new(socket), service).await);
            });
        }
    });
    Server { endpoint, task: task.abort_handle() }
}

fn objects(endpoint: &str, secret: &str) -> Objects {
    let options = S3Options {
        endpoint: Some(endpoint.to_owned()),
        ..S3Options::parse("s3://lake/ledgerline/log").expect("a place")
    };
    let builder = AmazonS3Builder::new().with_access_key_id(KEY).with_secret_access_key(secret);
    Objects::s3_with(builder, &options).expect("options")
}

/// A log's folder with its sealed files in the store.
fn stored(folder: &Path, endpoint: &str) -> LogFolder {
    LogFolder::with_store(folder, objects(endpoint, SECRET), 1 << 30).expect("a folder")
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START)
    }
}

/// Small segments, each sealed once it is finished.
fn sealing() -> LogOptions {
    LogOptions { segment_bytes: 20_000, seal_after_bytes: Some(0), ..LogOptions::default() }
}

async fn open(folder: LogFolder) -> Result<EmbeddedLog, OpenError> {
    let opened = spawn_blocking(move || EmbeddedLog::open(folder, sealing(), Arc::new(Still)));
    Ok(opened.await.expect("no panic")?.0)
}

async fn open_reader(folder: LogFolder) -> EmbeddedLog {
    let opened = spawn_blocking(move || EmbeddedLog::open_read_only(folder));
    opened.await.expect("no panic").expect("a reader").0
}

fn events(round: u64) -> Vec<NewEvent> {
    let facts = examples();
    let events = facts.iter().zip(0..).map(|(fact, number)| {
        let at = Timestamp::from_micros(START + number);
        let id = EventId::generate(at, &mut Rng::from_seed(round * 1_000 + number as u64));
        NewEvent::of(fact, id, at, Actor::part("test"))
    });
    events.collect()
}

async fn append(log: &EmbeddedLog, stream: u64, round: u64) -> Result<u64, AppendError> {
    let stream = StreamName::of("round", &stream);
    let appended = log.append(stream, ExpectedRevision::Any, events(round)).await?;
    Ok(appended.last_position)
}

async fn read_all(log: &EmbeddedLog) -> Result<Vec<Recorded>, ReadError> {
    log.read_all(AllRead::Start, Direction::Forwards, usize::MAX).await
}

/// Looks again and again, but not for ever.
async fn wait_for(mut is_done: impl AsyncFnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let looking = async {
        while !is_done().await {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), looking).await.expect("done within a minute");
}

/// Waits until every finished segment is sealed: its file is gone then.
async fn sealed(folder: &Path) {
    let raw = || {
        let names = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one"));
        let is_raw = |name: &String| name.starts_with("segment-");
        names.filter_map(|entry| entry.file_name().into_string().ok()).filter(is_raw).count()
    };
    wait_for(async || raw() <= 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_log_seals_into_an_s3_store_and_reads_from_it() {
    let (home, bucket) = (tempfile::tempdir().expect("home"), tempfile::tempdir().expect("root"));
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let folder = home.path().join("log");
    std::fs::create_dir(&folder).expect("a folder");

    // Given a log that has sealed most of what it has
    let log = open(stored(&folder, &server.endpoint)).await.expect("a log");
    let reader = open_reader(stored(&folder, &server.endpoint)).await;
    for round in 0..12 {
        append(&log, round, round).await.expect("appended");
    }
    let written = read_all(&log).await.expect("events");
    sealed(&folder).await;
    let found = survey(stored(&folder, &server.endpoint)).expect("a survey");
    assert!(found.sealed_events > 300 && found.sealed_events < written.len() as u64, "{found:?}");
    let objects = bucket.path().join("lake/ledgerline/log");
    let in_store = |kind: &str| files_of(&objects).filter(|path| path.ends_with(kind)).count();
    assert!(in_store(".parquet") > 5 && in_store(".json") > 1, "the records have copies, too");
    assert_eq!(files_of(&folder.join("sealed")).filter(|it| it.ends_with(".parquet")).count(), 0);

    // Then it reads the same, and so do a reader beside it and one without a cache
    assert_eq!(read_all(&log).await.expect("events"), written);
    reader.look().await.expect("looked");
    assert_eq!(read_all(&reader).await.expect("events"), written);
    drop(reader);
    std::fs::remove_dir_all(folder.join("cache")).expect("removed");
    let reader = open_reader(stored(&folder, &server.endpoint)).await;
    let stream = StreamName::of("round", &0);
    let cold = reader.read_stream(&stream, StreamRead::Start, Direction::Forwards, 9).await;
    assert_eq!(cold.expect("events"), written[..9]);
    let mut all = reader.subscribe_all(None);
    for event in &written {
        assert_eq!(all.next().await.expect("next"), SubscriptionItem::Event(event.clone()));
    }

    // And when the log is closed, verified, and opened with no index and no cache
    log.close().await;
    drop((log, reader));
    let place = stored(&folder, &server.endpoint);
    let proof = spawn_blocking(move || verify(place)).await.expect("no panic").expect("whole");
    assert_eq!(proof.events, written.len() as u64);
    let config = home.path().join("ledgerline.toml");
    let place = "store = \"s3://lake/ledgerline/log\"";
    let text =
        format!("data_dir = \".\"\n[sealing]\n{place}\nendpoint = \"{}\"\n", server.endpoint);
    std::fs::write(&config, text).expect("written");
    let (first, whole) =
        (command(&config, &["read", "--limit", "2"]), command(&config, &["verify"]));
    let (first, whole) = tokio::join!(first, whole);
    assert_eq!(first.lines().count(), 2, "{first}");
    assert!(whole.contains(&format!("{} events", written.len())), "{whole}");
    std::fs::remove_dir_all(folder.join("cache")).expect("removed");
    std::fs::remove_dir_all(folder.join("index")).expect("removed");
    let log = open(stored(&folder, &server.endpoint)).await.expect("a log");
    assert_eq!(read_all(&log).await.expect("events"), written);
    let again = log.append(stream, ExpectedRevision::NoStream, events(0)).await.expect("a repeat");
    assert!(again.is_repeat, "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_is_down_appends_go_on_and_cold_reads_say_so() {
    let (home, bucket) = (tempfile::tempdir().expect("home"), tempfile::tempdir().expect("root"));
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let folder = home.path().join("log");
    std::fs::create_dir(&folder).expect("a folder");
    let log = open(stored(&folder, &server.endpoint)).await.expect("a log");
    for round in 0..6 {
        append(&log, round, round).await.expect("appended");
    }
    log.tombstone(StreamName::of("round", &1), ExpectedRevision::Any).await.expect("closed");
    append(&log, 7, 6).await.expect("appended");
    append(&log, 8, 7).await.expect("appended");
    sealed(&folder).await;
    log.close().await;
    drop(log);
    std::fs::remove_dir_all(folder.join("cache")).expect("removed");

    // Given a store that is down, and nothing of it in the cache
    let endpoint = server.endpoint.clone();
    drop(server);
    let log = open(stored(&folder, &endpoint)).await.expect("opening asks no server");

    // Then a stream of which all events are in the store goes on
    append(&log, 0, 100).await.expect("appended");
    for round in 101..106 {
        append(&log, 0, round).await.expect("appended");
    }
    let closed = append(&log, 1, 200).await.expect_err("a tombstone");
    assert!(matches!(closed, AppendError::StreamDeleted { .. }), "{closed}");
    // And a cold read names the store and no secret
    let failed = read_all(&log).await.expect_err("no server").to_string();
    assert!(failed.contains("s3://lake/ledgerline/log at http://127.0.0.1"), "{failed}");
    assert!(!failed.contains(KEY) && !failed.contains(SECRET), "{failed}");
    // And what is finished waits on the disk
    let raw = files_of(&folder).filter(|name| name.contains("segment-")).count();
    assert!(raw > 1, "{raw}");

    // When it is back, everything can be read and the rest is sealed
    let address = endpoint.strip_prefix("http://").expect("an address");
    let _server = serve_at(bucket.path(), address).await;
    let mut all = Err(String::new());
    wait_for(async || {
        all = read_all(&log).await.map_err(|error| error.to_string());
        all.is_ok()
    })
    .await;
    let all = all.expect("events");
    assert_eq!(all.last().map(|last| last.position), log.head());
    log.close().await;
    drop(log);
    let log = open(stored(&folder, &endpoint)).await.expect("a log");
    sealed(&folder).await;
    assert_eq!(read_all(&log).await.expect("events"), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_on_the_disk_stays_readable_and_one_in_a_store_asks_for_the_setting() {
    let (home, bucket) = (tempfile::tempdir().expect("home"), tempfile::tempdir().expect("root"));
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let folder = home.path().join("log");

    // Given a log that sealed on the disk, then into a store
    let log = open(LogFolder::local(&folder)).await.expect("a log");
    for round in 0..4 {
        append(&log, round, round).await.expect("appended");
    }
    sealed(&folder).await;
    log.close().await;
    drop(log);
    let log = open(stored(&folder, &server.endpoint)).await.expect("a log");
    for round in 4..8 {
        append(&log, round, round).await.expect("appended");
    }
    sealed(&folder).await;
    let written = read_all(&log).await.expect("events");
    assert_eq!(written.len() as u64, log.head().expect("events") + 1);
    log.close().await;
    drop(log);

    // Then without the setting it is not opened, and says which it is
    let refused = open(LogFolder::local(&folder)).await.err().expect("refused").to_string();
    assert!(refused.contains("s3://lake/ledgerline/log"), "{refused}");
    assert!(refused.contains("sealing.store"), "{refused}");

    // And a backup has what is in the store, and needs no store when it is back
    let (kept, back) = (home.path().join("kept"), home.path().join("back"));
    let place = stored(&folder, &server.endpoint);
    let restored = spawn_blocking(move || {
        let to = FolderPlace::write_to(&kept).expect("a place");
        backup(place, &to, None, &Still, &mut |_, _| {}).expect("a backup");
        restore(&FolderPlace::read_from(&kept), &back, None, &mut |_, _| {}).expect("restored");
        back.join("log")
    });
    let restored = restored.await.expect("no panic");
    let again = open(LogFolder::local(&restored)).await.expect("a log");
    assert_eq!(read_all(&again).await.expect("events"), written);
    drop(again);

    // And a byte that changed in the store is found, with the name of the object
    std::fs::remove_dir_all(folder.join("cache")).expect("removed");
    let objects = bucket.path().join("lake/ledgerline/log");
    let object = files_of(&objects).find(|path| path.ends_with(".parquet")).expect("an object");
    let mut bytes = std::fs::read(objects.join(&object)).expect("read");
    bytes[100] ^= 1;
    std::fs::write(objects.join(&object), &bytes).expect("written");
    let log = open(stored(&folder, &server.endpoint)).await.expect("a log");
    let damaged = read_all(&log).await.expect_err("damaged").to_string();
    assert!(damaged.contains(&object) && damaged.contains("s3://lake"), "{damaged}");
    // And one that changed in the cache alone is fetched anew
    bytes[100] ^= 1;
    std::fs::write(objects.join(&object), &bytes).expect("written");
    assert_eq!(read_all(&log).await.expect("events"), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_named_without_a_secret_and_seal_nothing() {
    let (home, bucket) = (tempfile::tempdir().expect("home"), tempfile::tempdir().expect("root"));
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let folder = home.path().join("log");
    std::fs::create_dir(&folder).expect("a folder");
    let log = open(stored(&folder, &server.endpoint)).await.expect("a log");
    for round in 0..4 {
        append(&log, round, round).await.expect("appended");
    }
    sealed(&folder).await;
    log.close().await;
    drop(log);
    std::fs::remove_dir_all(folder.join("cache")).expect("removed");
    let wrong = LogFolder::with_store(&folder, objects(&server.endpoint, "wrong"), 1 << 30);
    let log = open_reader(wrong.expect("a folder")).await;
    let refused = read_all(&log).await.expect_err("wrong credentials").to_string();
    assert!(refused.contains("credentials"), "{refused}");
    assert!(!refused.contains(KEY) && !refused.contains("wrong"), "{refused}");
}

/// What `ledgerline log` prints, with the configuration and credentials.
async fn command(config: &Path, args: &[&str]) -> String {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_ledgerline"));
    command.arg("log").args(args).arg("--config").arg(config);
    command.env("AWS_ACCESS_KEY_ID", KEY).env("AWS_SECRET_ACCESS_KEY", SECRET);
    let output = command.output().await.expect("it runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

/// The files below a folder, by path in it.
fn files_of(folder: &Path) -> impl Iterator<Item = String> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(folder) {
                paths.push(inside.display().to_string());
            }
        }
    }
    paths.sort();
    paths.into_iter()
}
