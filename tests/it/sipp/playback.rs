//! Recordings of a platform that runs: heard, copied and deleted over its console's server, and
//! by the commands beside it.

use std::process::Command;

use serde_json::json;

use super::http::{Reply, ask, free_address, look_for, users};
use super::peer::Sipp;
use super::platform::Stage;
use super::recorded::{Customer, bad, good, hummed};

const USERS: &str = "ear:writer:open-ear\nchief:admin:open-chief\nclerk:reader:open-clerk\n";
const EAR: &str = "ear:open-ear";
const CHIEF: &str = "chief:open-chief";
const CLERK: &str = "clerk:open-clerk";

#[test]
fn recordings_are_heard_sought_copied_and_deleted_while_the_platform_runs() {
    let mut stage = Stage::new(1);
    let http = free_address();
    users(stage.path(), USERS);
    stage.http(&format!("listen = \"{http}\"\nuser_file = \"users\""));
    let customer = Customer::new();
    let sipp = Sipp::carrier(stage.path(), "keys.xml", &customer.media());
    let running = stage.carrier(sipp.sip, "").campaign("record = true").start_by(&[], &[], &[]);
    customer.hum_for(100);
    let get = |path: &str, user: &str, more: &str| -> Reply {
        ask(http, &format!("GET /api/recordings{path}"), user, more)
    };
    let row = look_for("recording in the store", || {
        let list = get("", CLERK, "").json();
        assert_eq!((&list["may_listen"], &list["may_delete"]), (&json!(false), &json!(false)));
        let row = list["recordings"][0].clone();
        (row["state"] == "stored").then_some(row)
    });
    let (call, id) = (row["call_id"].as_str().unwrap(), row["recording_id"].as_str().unwrap());
    let of_call = get(&format!("?call={call}"), EAR, "").json();
    assert_eq!((&of_call["recordings"], &of_call["may_listen"]), (&json!([row]), &json!(true)));
    assert_eq!(get(&format!("?before={id}"), CLERK, "").json()["recordings"], json!([]));

    // Whoever may not.
    let audio = format!("/{id}/audio");
    for (user, more, status, code) in [
        ("", "", 401, "recording.user"),
        ("ear:wrong", "", 401, "recording.user"),
        (CLERK, "", 403, "recording.role"),
        (EAR, "Sec-Fetch-Site: cross-site\r\n", 403, "recording.elsewhere"),
    ] {
        assert_eq!(get(&audio, user, more).code(), (status, code.to_owned()), "{user}");
    }
    let unknown = get("/01980000-0000-7000-8000-000000000001/audio", EAR, "");
    assert_eq!(unknown.code(), (404, "recording.unknown".to_owned()));

    // The whole, and parts of it, by the id of the call as well.
    let whole = get(&audio, EAR, "Sec-Fetch-Site: same-origin\r\n");
    assert_eq!((whole.status, whole.field("content-type")), (200, "audio/wav"));
    assert_eq!((whole.field("accept-ranges"), whole.field("cache-control")), ("bytes", "no-store"));
    let milliseconds = row["duration_ms"].as_u64().expect("a length") as usize;
    assert_eq!(whole.body.len(), 44 + milliseconds * 32);
    assert_eq!((&whole.body[..4], &whole.body[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
    for (range, from, to) in
        [("0-", 0, whole.body.len()), ("40-50", 40, 51), ("30001-60000", 30_001, 60_001)]
    {
        let part = get(&format!("/{call}/audio"), EAR, &format!("Range: bytes={range}\r\n"));
        let shown = format!("bytes {from}-{}/{}", to - 1, whole.body.len());
        assert_eq!((part.status, part.field("content-range")), (206, &*shown));
        assert!(part.body == whole.body[from..to], "{range}");
    }
    let beyond = get(&audio, EAR, "Range: bytes=99999999-\r\n");
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    let small = get(&format!("{audio}?g711=true&copy=true"), EAR, "Range: bytes=0-9\r\n");
    assert_eq!((small.status, small.body.len()), (200, 58 + milliseconds * 16), "a whole copy");
    assert!(small.field("content-disposition").starts_with("attachment"));
    assert_eq!(ask(http, &format!("HEAD /api/recordings{audio}"), CHIEF, "").status, 200);

    // The command asks the platform, and says what it needs for that.
    let to = stage.path().join("call.wav").display().to_string();
    let arguments = ["recording", "export", call, "--to", &to, "--by", "ear"];
    let error = bad(&stage, &arguments);
    assert!(error.contains("set LEDGERLINE_PASSWORD") && error.contains("\"ear\""), "{error}");
    let by_command = |password: &str, arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_ledgerline"))
            .arg("--config")
            .arg(stage.path().join("config.toml"))
            .args(arguments)
            .env("LEDGERLINE_PASSWORD", password)
            .output()
            .expect("the program starts")
    };
    assert!(!by_command("wrong", &arguments).status.success());
    assert!(!std::path::Path::new(&to).exists(), "what is not given is no file");
    let copied = by_command("open-ear", &arguments);
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    assert!(std::fs::read(&to).expect("a file") == whole.body);
    let played = by_command("open-ear", &["recording", "play", id, "--by", "ear"]);
    assert!(played.stdout == whole.body);

    // Deleted by who may, before its time where that is meant.
    let remove =
        |more: &str, user: &str| ask(http, &format!("DELETE /api/recordings/{id}{more}"), user, "");
    assert_eq!(remove("", EAR).code(), (403, "recording.role".to_owned()));
    assert_eq!(remove("", CHIEF).code(), (409, "recording.retention".to_owned()));
    assert_eq!(remove("?early=true", CHIEF).status, 200);
    assert_eq!(get(&audio, EAR, "").code(), (404, "recording.unknown".to_owned()));
    assert_eq!(get("", EAR, "").json()["recordings"], json!([]));

    let log = running.stop();
    drop(sipp);
    // One listening, though it came in pieces; the command's is the same user's.
    assert_eq!(log.fields("RecordingPlayed", "by"), [&json!("ear")]);
    let formats = log.fields("RecordingExported", "format");
    assert_eq!(formats, [&json!("wav-g711"), &json!("wav")]);
    let deleted = log.one("RecordingDeleted");
    assert_eq!((&deleted["reason"], &deleted["by"]), (&json!("request"), &json!("chief")));
    let location = log.one("RecordingStored")["location"].as_str().expect("a location");
    assert!(!stage.path().join("data").join(location).exists());
    assert!(!log.text().contains("open-"), "passwords stay out of the log");
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
