//! Recordings of a platform that runs: heard, copied and deleted over its console's server, and
//! by the commands beside it.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::http::{Reply, ask, free_address, look_for, users};
use super::peer::Sipp;
use super::platform::{Running, Stage};
use super::recorded::{Customer, bad, good, hummed};

const USERS: &str = "ear:writer:open-ear\nchief:admin:open-chief\nclerk:reader:open-clerk\n";
const EAR: &str = "ear:open-ear";
const CHIEF: &str = "chief:open-chief";
const CLERK: &str = "clerk:open-clerk";

/// A recording of a platform that runs.
struct Kept {
    stage: Stage,
    running: Running,
    http: SocketAddr,
    row: Value,
    _sipp: Sipp,
}

impl Kept {
    fn new() -> Self {
        let mut stage = Stage::new(1);
        let http = free_address();
        users(stage.path(), USERS);
        stage.http(&format!("listen = \"{http}\"\nuser_file = \"users\""));
        let customer = Customer::new();
        let sipp = Sipp::carrier(stage.path(), "keys.xml", &customer.media());
        let running = stage.carrier(sipp.sip, "").campaign("record = true").start_by(&[], &[], &[]);
        customer.hum_for(100);
        let row = look_for("recording in the store", || {
            let list = ask(http, "GET /api/recordings", CLERK, "").json();
            let may = (&list["may_listen"], &list["may_delete"]);
            assert_eq!(may, (&json!(false), &json!(false)));
            let row = list["recordings"][0].clone();
            (row["state"] == "stored").then_some(row)
        });
        Self { stage, running, http, row, _sipp: sipp }
    }

    fn text(&self, field: &str) -> &str {
        self.row[field].as_str().expect("text")
    }

    fn milliseconds(&self) -> usize {
        self.row["duration_ms"].as_u64().expect("a length") as usize
    }

    fn get(&self, path: &str, user: &str, more: &str) -> Reply {
        ask(self.http, &format!("GET /api/recordings{path}"), user, more)
    }

    fn audio(&self, user: &str, more: &str) -> Reply {
        self.get(&format!("/{}/audio", self.text("recording_id")), user, more)
    }

    fn delete(&self, more: &str, user: &str) -> Reply {
        let id = self.text("recording_id");
        ask(self.http, &format!("DELETE /api/recordings/{id}{more}"), user, "")
    }

    /// A command beside the platform.
    fn command(&self, password: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_ledgerline"))
            .arg("--config")
            .arg(self.stage.path().join("config.toml"))
            .args(arguments)
            .env("LEDGERLINE_PASSWORD", password)
            .output()
            .expect("the program starts")
    }
}

#[test]
fn recordings_are_heard_and_sought_by_who_may_and_listening_counts_once() {
    let kept = Kept::new();
    let (call, id) = (kept.text("call_id"), kept.text("recording_id"));
    let of_call = kept.get(&format!("?call={call}"), EAR, "").json();
    let rows = json!([kept.row]);
    assert_eq!((&of_call["recordings"], &of_call["may_listen"]), (&rows, &json!(true)));
    assert_eq!(kept.get(&format!("?before={id}"), CLERK, "").json()["recordings"], json!([]));

    for (user, more, status, code) in [
        ("", "", 401, "recording.user"),
        ("ear:wrong", "", 401, "recording.user"),
        (CLERK, "", 403, "recording.role"),
        (EAR, "Sec-Fetch-Site: cross-site\r\n", 403, "recording.elsewhere"),
    ] {
        assert_eq!(kept.audio(user, more).code(), (status, code.to_owned()), "{user}");
    }
    let unknown = kept.get("/01980000-0000-7000-8000-000000000001/audio", EAR, "");
    assert_eq!(unknown.code(), (404, "recording.unknown".to_owned()));

    let whole = kept.audio(EAR, "Sec-Fetch-Site: same-origin\r\n");
    assert_eq!((whole.status, whole.field("content-type")), (200, "audio/wav"));
    assert_eq!((whole.field("accept-ranges"), whole.field("cache-control")), ("bytes", "no-store"));
    assert_eq!(whole.body.len(), 44 + kept.milliseconds() * 32);
    assert_eq!((&whole.body[..4], &whole.body[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    for (range, from, to) in
        [("0-", 0, whole.body.len()), ("40-50", 40, 51), ("30001-60000", 30_001, 60_001)]
    {
        // By the id of the call as well.
        let part = kept.get(&format!("/{call}/audio"), EAR, &format!("Range: bytes={range}\r\n"));
        let shown = format!("bytes {from}-{}/{}", to - 1, whole.body.len());
        assert_eq!((part.status, part.field("content-range")), (206, &*shown));
        assert!(part.body == whole.body[from..to], "{range}");
    }
    let beyond = kept.audio(EAR, "Range: bytes=99999999-\r\n");
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(ask(kept.http, &format!("HEAD /api/recordings/{id}/audio"), CHIEF, "").status, 200);

    let log = kept.running.stop();
    assert_eq!(log.fields("RecordingPlayed", "by"), [&json!("ear")], "in pieces, and once");
    assert!(!log.text().contains("open-"), "passwords stay out of the log");
}

#[test]
fn recordings_are_copied_and_deleted_beside_a_platform_that_runs() {
    let kept = Kept::new();
    let (call, id) = (kept.text("call_id").to_owned(), kept.text("recording_id").to_owned());
    let small = kept.get(&format!("/{id}/audio?g711=true&copy=true"), EAR, "Range: bytes=0-9\r\n");
    assert_eq!((small.status, small.body.len()), (200, 58 + kept.milliseconds() * 16), "all of it");
    assert!(small.field("content-disposition").starts_with("attachment"));

    // The command asks the platform, and says what it needs for that.
    let to = kept.stage.path().join("call.wav").display().to_string();
    let arguments = ["recording", "export", &call, "--to", &to, "--by", "ear"];
    let error = bad(&kept.stage, &arguments);
    assert!(error.contains("set LEDGERLINE_PASSWORD") && error.contains("\"ear\""), "{error}");
    assert!(!kept.command("wrong", &arguments).status.success());
    assert!(!Path::new(&to).exists(), "what is not given is no file");
    let copied = kept.command("open-ear", &arguments);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let copy = std::fs::read(&to).expect("a file");
    assert_eq!(copy.len(), 44 + kept.milliseconds() * 32);
    let played = kept.command("open-ear", &["recording", "play", &id, "--by", "ear"]);
    assert!(played.stdout == copy);

    // Deleted by who may, before its time where that is meant.
    assert_eq!(kept.delete("", EAR).code(), (403, "recording.role".to_owned()));
    assert_eq!(kept.delete("", CHIEF).code(), (409, "recording.retention".to_owned()));
    let arguments = ["recording", "delete", &call, "--by", "chief"];
    let refused = kept.command("open-chief", &arguments);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is kept until"));
    let deleted = kept.command("open-chief", &[&arguments[..], &["--early"]].concat());
    assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    assert_eq!(kept.delete("?early=true", CHIEF).code(), (404, "recording.unknown".to_owned()));
    assert_eq!(kept.audio(EAR, "").code(), (404, "recording.unknown".to_owned()));
    assert_eq!(kept.get("", EAR, "").json()["recordings"], json!([]));

    let log = kept.running.stop();
    let formats = log.fields("RecordingExported", "format");
    assert_eq!(formats, [&json!("wav-g711"), &json!("wav")]);
    assert_eq!(log.one("RecordingPlayed")["by"], "ear");
    let deleted = log.one("RecordingDeleted");
    assert_eq!((&deleted["reason"], &deleted["by"]), (&json!("request"), &json!("chief")));
    let location = log.one("RecordingStored")["location"].as_str().expect("a location");
    assert!(!kept.stage.path().join("data").join(location).exists());
}

#[test]
fn where_nobody_is_named_nobody_listens() {
    let mut stage = Stage::new(1);
    hummed(&mut stage);
    let http = free_address();
    stage.http(&format!("listen = \"{http}\""));
    let running = stage.start_by(&[], &[], &[]);
    let list =
        look_for("console", || super::http::try_ask(http, "GET /api/recordings", "", "", "").ok());
    assert_eq!(list.code(), (403, "recording.nobody".to_owned()));
    let id = "01980000-0000-7000-8000-000000000001";
    for request in
        [format!("GET /api/recordings/{id}/audio"), format!("DELETE /api/recordings/{id}")]
    {
        assert_eq!(ask(http, &request, CHIEF, "").code(), (403, "recording.nobody".to_owned()));
    }
    let log = running.stop();
    let call = log.one("RecordingStored")["call_id"].as_str().expect("a call");
    // By itself again, the command needs no platform.
    let to = stage.path().join("call.wav").display().to_string();
    good(&stage, &["recording", "export", call, "--to", &to, "--by", "quality"]);
}
