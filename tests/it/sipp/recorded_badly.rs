//! Recordings when something else fails: a full disk, a store that is gone; and when their days
//! are over.

use std::path::Path;

use serde_json::{Value, json};

use super::gateway::Gateway;
use super::http::{ask, free_address, look_for, try_ask};
use super::media;
use super::peer::Sipp;
use super::platform::Stage;
use super::recorded::{good, hummed, object};

/// Runs the program with a disk of its own, so small, below `data/recordings`; a part of it is
/// taken already.
fn small_disk(stage: &Stage, kilobytes: u32, taken: u32) -> Vec<String> {
    let folder = stage.path().join("data/recordings");
    std::fs::create_dir_all(&folder).expect("a folder");
    let folder = folder.display();
    let script = format!(
        "mount -t tmpfs -o size={kilobytes}k tmpfs '{folder}' && \
         head -c {taken}k /dev/zero > '{folder}/taken' && exec \"$@\""
    );
    ["unshare", "-rm", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
}

fn words(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn a_call_that_need_not_be_recorded_outlives_a_full_disk() {
    let mut stage = Stage::new(1);
    let gateway = Gateway::pressing("19");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    stage.carrier(sipp.sip, "").campaign("record = true");
    let disk = small_disk(&stage, 64, 32);
    let log = stage.start_by(&words(&disk), &[], &["--until-complete"]).end();
    sipp.verdict().expect(1);
    assert_eq!(log.one("RecordingFailed")["reason"], "disk_full");
    assert_eq!(log.fields("TurnHeard", "digits"), [&json!("1"), &json!("9")], "it went on");
    assert_eq!(log.one("CallEnded")["hung_up_by"], "platform");
    assert_eq!(log.one("AttemptEnded")["disposition"], "answered_human");
    assert!(log.place("RecordingFailed") < log.place("CallEnded"));
}

#[test]
fn calls_that_must_be_recorded_end_with_the_disk_and_begin_again_with_it() {
    let mut stage = Stage::new(3);
    let http = free_address();
    // Hears and says nothing; nobody hangs up there.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port().to_string();
    let sipp =
        Sipp::carrier(stage.path(), "keys.xml", &["-key".into(), "gateway_port".into(), port]);
    stage.carrier(sipp.sip, "").campaign("record = true\nrecord_required = true");
    stage.http(&format!("listen = \"{http}\""));
    let disk = small_disk(&stage, 512, 472);
    let running = stage.start_by(&words(&disk), &[], &[]);

    look_for("console", || try_ask(http, "GET /healthz", "", "", "").ok());

    // Two are dialled at once. The disk takes a second of them.
    look_for("end of both calls", || {
        let metrics = String::from_utf8(ask(http, "GET /metrics", "", "").body).expect("text");
        let is_broken = metrics.contains("ledgerline_recording_broken 1.0");
        let board = ask(http, "GET /api/board", "", "").json();
        let totals = &board["totals"];
        (is_broken && totals["dials"] == 2 && totals["in_progress"] == 0).then_some(())
    });
    // Also a second and more later, though a lead waits and both lines are free.
    let mut looks = 0;
    look_for("a while", || {
        looks += 1;
        let board = ask(http, "GET /api/board", "", "").json();
        assert_eq!(board["totals"]["dials"], 2, "nobody is dialled");
        (looks == 15).then_some(())
    });
    let taken = format!("/proc/{}/root", running.id());
    let disk = stage.path().join("data/recordings/taken");
    let disk = disk.strip_prefix("/").expect("a whole path");
    std::fs::remove_file(Path::new(&taken).join(disk)).expect("room again");
    let dialled = look_for("third dial", || {
        let board = ask(http, "GET /api/board", "", "").json();
        (board["totals"]["dials"] == 3 && board["totals"]["answered"] == 3).then_some(board)
    });
    assert_eq!(dialled["totals"]["in_progress"], 1, "{dialled}");
    let log = running.stop();
    drop(sipp);
    let reasons: Vec<&Value> = log.fields("RecordingFailed", "reason");
    assert_eq!(reasons, [&json!("disk_full"), &json!("disk_full")]);
    assert_eq!(log.all("CallEnded").len(), 3);
    for stored in log.all("RecordingStored") {
        assert!(stored["duration_ms"].as_u64() > Some(0), "what came before is kept: {stored}");
    }
}

/// The store of the tests, on a thread of its own, as long as this lives.
#[cfg(feature = "s3")]
struct Bucket(Option<tokio::sync::oneshot::Sender<()>>, Option<std::thread::JoinHandle<()>>);

#[cfg(feature = "s3")]
impl Bucket {
    fn start(folder: &Path, address: std::net::SocketAddr) -> Self {
        let folder = folder.to_owned();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let _server = crate::lake::serve_at(&folder, &address.to_string()).await;
                ready.send(()).expect("somebody waits");
                drop(stopped.await);
            });
        });
        is_ready.recv().expect("a server");
        Self(Some(stop), Some(thread))
    }
}

#[cfg(feature = "s3")]
impl Drop for Bucket {
    fn drop(&mut self) {
        drop(self.0.take());
        if let Some(thread) = self.1.take() {
            drop(thread.join());
        }
    }
}

#[cfg(feature = "s3")]
#[test]
fn recordings_wait_for_a_store_that_is_gone_and_go_there_once_it_is_back() {
    let mut stage = Stage::new(1);
    let (bucket, address) = (stage.path().join("bucket"), free_address());
    std::fs::create_dir_all(bucket.join("calls")).expect("a bucket");
    let gateway = Gateway::pressing("19");
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &media(&gateway));
    stage.carrier(sipp.sip, "").campaign("record = true").agents(&format!(
        "[recording]\nstore = \"s3://calls/kept\"\nendpoint = \"http://{address}\"\n\
         region = \"us-east-1\"\n"
    ));
    let proof =
        [("AWS_ACCESS_KEY_ID", crate::lake::KEY), ("AWS_SECRET_ACCESS_KEY", crate::lake::SECRET)];
    let log = stage.start_by(&[], &proof, &["--until-complete"]).end();
    sipp.verdict().expect(1);
    assert!(log.all("RecordingStored").is_empty(), "nobody took it");
    assert!(log.all("RecordingFailed").is_empty(), "and it is not lost");
    let spool = stage.path().join("data/recordings/spool");
    let spooled = || std::fs::read_dir(&spool).expect("the spool").count();
    assert!(spooled() > 0, "it waits");

    let server = Bucket::start(&bucket, address);
    let log = stage.start_by(&[], &proof, &["--until-complete"]).end();
    let stored = log.one("RecordingStored");
    let location = stored["location"].as_str().expect("a location");
    let path = location.strip_prefix("s3://calls/").expect("in the bucket");
    let object = std::fs::read(bucket.join("calls").join(path)).expect("the object");
    assert_eq!(object.len() as u64, stored["bytes"].as_u64().expect("a length"));
    assert_eq!((spooled(), &stored["is_cut"]), (0, &json!(false)));
    assert!(!log.text().contains(crate::lake::SECRET));
    drop(server);
}

#[test]
fn recordings_are_deleted_once_their_days_are_over() {
    let mut stage = Stage::new(1);
    let log = hummed(&mut stage);
    let object = object(&stage, &log);
    let later = |days: &'static str| ["faketime", "-f", days];
    let log = stage.start_by(&later("+179d"), &[], &["--until-complete"]).end();
    assert!(object.exists() && log.all("RecordingDeleted").is_empty(), "a day too early");
    let log = stage.start_by(&later("+181d"), &[], &["--until-complete"]).end();
    assert!(!object.exists());
    let deleted = log.one("RecordingDeleted");
    assert_eq!((&deleted["reason"], &deleted["by"]), (&json!("retention"), &Value::Null));
    let listed: Value =
        serde_json::from_str(&good(&stage, &["recording", "list", "--format", "json"]))
            .expect("JSON");
    assert_eq!(
        (&listed[0]["state"], &listed[0]["reason"]),
        (&json!("deleted"), &json!("retention"))
    );
}
