//! Sealed parts in an S3-compatible store: a real server (s3s-fs) on loopback, with a signature
//! on every request.

use std::path::Path;
use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use ledgerline::base::{Clock, EventId, Rng, Timestamp};
use ledgerline::event::{Actor, ExpectedRevision, NewEvent, Recorded, StreamName, examples};
use ledgerline::event_log::{
    AllRead, Direction, DiskStorage, EmbeddedLog, EventLog as _, LogOptions, Objects, RawSegment,
    ReadError, RemoteFiles, S3Options, SealOptions, SealRecord, SealedPart, SealedStore, Storage,
    seal,
};
use object_store::aws::AmazonS3Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, spawn_blocking};

const KEY: &str = "TESTKEYID";
const SECRET: &str = "a-secret-that-must-not-be-seen";
const START: i64 = 1_795_244_400_000_000;

/// A server of which the objects are files in a folder.
struct Server {
    endpoint: String,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(folder: &Path) -> Server {
    let files = s3s_fs::FileSystem::new(folder).expect("a folder");
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
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
        region: None,
        bucket: "lake".to_owned(),
        prefix: "ledgerline/log".to_owned(),
        is_path_style: true,
    };
    let builder = AmazonS3Builder::new().with_access_key_id(KEY).with_secret_access_key(secret);
    Objects::s3_with(builder, &options).expect("options")
}

/// A store with its records, and its cache, in a folder.
fn store(objects: Objects, folder: &Path, cache: &str) -> SealedStore {
    let folder: Arc<dyn Storage> = Arc::new(DiskStorage::new(folder));
    let records = folder.folder("sealed").expect("a folder");
    let cache = folder.folder(cache).expect("a folder");
    let remote = RemoteFiles::new(objects, cache, 1 << 30, Handle::current()).expect("a cache");
    SealedStore::remote(records, remote)
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(START)
    }
}

/// A log of a few hundred events in several segments.
async fn write_log(folder: &Path) -> Vec<Recorded> {
    let options = LogOptions { segment_bytes: 20_000, ..LogOptions::default() };
    let (log, _) = EmbeddedLog::open(folder, options, Arc::new(Still)).expect("a log");
    let facts = examples();
    for round in 0..12 {
        let events = facts.iter().zip(0..).map(|(fact, number)| {
            let at = Timestamp::from_micros(START + number);
            let id = EventId::generate(at, &mut Rng::from_seed(round * 1_000 + number as u64));
            NewEvent::of(fact, id, at, Actor::part("test"))
        });
        let stream = StreamName::of("round", &round);
        log.append(stream, ExpectedRevision::Any, events.collect()).await.expect("appended");
    }
    let all = log.read_all(AllRead::Start, Direction::Forwards, usize::MAX).await.expect("events");
    log.close().await;
    all
}

fn segments(folder: &Path) -> Vec<RawSegment> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::new(folder));
    let mut names = storage.list().expect("names");
    names.retain(|name| name.starts_with("segment-"));
    names.sort();
    names.iter().map(|name| RawSegment::read(&storage, name).expect("a segment")).collect()
}

async fn seal_in(store: &SealedStore, segments: Vec<RawSegment>) -> Vec<SealRecord> {
    let store = store.clone();
    let work = move || {
        let options = SealOptions::default();
        let sealed = segments.chunks(2).map(|two| seal(&store, two, &options).expect("sealed"));
        sealed.collect()
    };
    spawn_blocking(work).await.expect("no panic")
}

/// Reads everything as a reader does: fetch, then read.
async fn read_all(store: &SealedStore) -> Result<Vec<Recorded>, ReadError> {
    let mut events = Vec::new();
    for record in store.records()? {
        let part = SealedPart::open(record, store.clone());
        let _held = part.ensure_local(0..u64::MAX).await?;
        part.read_range(0..u64::MAX, &mut events)?;
    }
    Ok(events)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_sealed_into_an_s3_store_and_read_back_from_it() {
    let (home, bucket) = (tempfile::tempdir().expect("home"), tempfile::tempdir().expect("root"));
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let written = write_log(&home.path().join("log")).await;
    let raw = segments(&home.path().join("log"));
    assert!(raw.len() > 2, "{}", raw.len());

    // Given a log sealed into the store
    let sealed = store(objects(&server.endpoint, SECRET), home.path(), "cache");
    let records = seal_in(&sealed, raw.clone()).await;
    let first = &records[0].files[0];
    let object = bucket.path().join("lake/ledgerline/log").join(&first.path);
    assert_eq!(std::fs::metadata(&object).expect("an object").len(), first.bytes);

    // When another machine has the records, but an empty cache
    let other = store(objects(&server.endpoint, SECRET), home.path(), "another-cache");
    assert_eq!(read_all(&other).await.expect("events"), written);
    let all: Vec<_> =
        records.iter().map(|it| SealedPart::open(it.clone(), other.clone())).collect();
    let rebuilt = spawn_blocking(move || {
        let mut previous = [0; 32];
        let mut segments = Vec::new();
        for part in &all {
            previous = part.verify(previous).expect("verified");
            let count = part.record().segments.len();
            segments.extend((0..count).map(|number| part.rebuild_raw(number).expect("raw")));
        }
        segments
    });
    let rebuilt = rebuilt.await.expect("no panic");
    assert_eq!(rebuilt, raw.iter().map(|segment| segment.bytes.clone()).collect::<Vec<_>>());

    // Then a byte changed in the store is found, with the name of the object
    let mut bytes = std::fs::read(&object).expect("read");
    bytes[100] ^= 1;
    std::fs::write(&object, &bytes).expect("written");
    let third = store(objects(&server.endpoint, SECRET), home.path(), "third-cache");
    let damaged = read_all(&third).await.expect_err("damaged").to_string();
    assert!(damaged.contains(&first.path) && damaged.contains("s3://lake"), "{damaged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_store_and_wrong_credentials_are_named_without_a_secret() {
    let (home, bucket) = (tempfile::tempdir().expect("home"), tempfile::tempdir().expect("root"));
    std::fs::create_dir(bucket.path().join("lake")).expect("a bucket");
    let server = serve(bucket.path()).await;
    let written = write_log(&home.path().join("log")).await;
    let sealed = store(objects(&server.endpoint, SECRET), home.path(), "cache");
    seal_in(&sealed, segments(&home.path().join("log"))).await;

    let check = |error: ReadError| {
        let text = error.to_string();
        let ReadError::Unavailable { server, .. } = error else { panic!("{text}") };
        assert!(server.starts_with("s3://lake/ledgerline/log at http://127.0.0.1"), "{server}");
        assert!(text.contains("ledgerline/log/day="), "{text}");
        assert!(!text.contains(KEY) && !text.contains(SECRET), "{text}");
        text
    };
    let wrong = store(objects(&server.endpoint, "wrong"), home.path(), "wrong-cache");
    let refused = check(read_all(&wrong).await.expect_err("wrong credentials"));
    assert!(refused.contains("credentials"), "{refused}");

    let dead = server.endpoint.clone();
    drop(server);
    let gone = store(objects(&dead, SECRET), home.path(), "gone-cache");
    check(read_all(&gone).await.expect_err("no server"));
    // What was fetched before can be read without the server.
    assert_eq!(read_all(&sealed).await.expect("events"), written);
}
