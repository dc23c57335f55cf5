//! The live board: over HTTP as programs read it, and in a browser as people do.

pub(crate) mod browser;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use self::browser::Browser;
use crate::support::{Program, data_folder, number, tree_file};

/// How old what is shown may be.
const AGE_MAX_MS: i64 = 5_000;

/// Asks for a path; the head and what comes after it, still to be read.
fn ask(address: &str, path: &str) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).expect("the console listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
        .expect("ask");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a head") > 0, "{head}");
    }
    (head, reader)
}

/// The whole answer to a path, as JSON.
fn get(address: &str, path: &str) -> Value {
    let (head, mut body) = ask(address, path);
    assert!(head.starts_with("HTTP/1.1 200 "), "{path}: {head}");
    let mut text = String::new();
    body.read_to_string(&mut text).expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
}

/// A question in SQL over HTTP; the head of the answer, and the answer.
#[cfg(feature = "analytics")]
fn post_sql(address: &str, question: &Value) -> (String, Value) {
    let mut stream = TcpStream::connect(address).expect("the console listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
    let body = question.to_string();
    let head = format!("POST /api/sql HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let length = body.len();
    let rest = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all((head + &rest).as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    // Chunks of a streamed answer: their lengths stand between them.
    let (start, end) = (body.find(['[', '{']), body.rfind([']', '}']));
    let (start, end) = (start.expect("JSON"), end.expect("JSON"));
    let is_length = |line: &&str| !line.is_empty() && line.chars().all(|c| c.is_ascii_hexdigit());
    let lines = body[start..=end].split("\r\n").filter(|line| !is_length(line));
    let text = lines.collect::<String>();
    let value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {answer}"));
    (head.to_owned(), value)
}

#[cfg(feature = "analytics")]
#[test]
fn a_platform_that_runs_answers_questions_also_about_the_past() {
    let folder = data_folder();
    let (mut demo, address) = demo(folder.path());
    let (_, mut body) = ask(&address, "/api/board/stream");
    while number(&next_message(&mut body, "board")["totals"], "answered") == 0 {}
    let counts = "select count(*) events, max(position) last from events";
    let (head, now) = post_sql(&address, &serde_json::json!({ "sql": counts }));
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}: {now}");
    let last = number(&now[0], "last");
    assert_eq!(number(&now[0], "events"), last + 1, "{now}");
    assert!(head.contains(&format!("ledgerline-position: {last}")), "{head}");
    let question = serde_json::json!({ "sql": counts, "as_of": "10" });
    let (head, then) = post_sql(&address, &question);
    assert_eq!((number(&then[0], "events"), number(&then[0], "last")), (11, 10), "{head}");
    // What was answered about the head is what the past says of it later.
    let attempts = "select attempt_id, outcome from attempts order by attempt_id";
    let (_, later) = post_sql(&address, &serde_json::json!({ "sql": counts }));
    let as_of = number(&later[0], "last").to_string();
    let ask = serde_json::json!({ "sql": attempts, "as_of": as_of });
    let (_, first) = post_sql(&address, &ask);
    let (_, second) = post_sql(&address, &ask);
    assert_eq!(first, second);
    let (head, refused) = post_sql(&address, &serde_json::json!({ "sql": "drop table events" }));
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert_eq!(refused["error"]["code"], "sql.read_only", "{refused}");
    demo.kill();
}

/// The `data:` of the next message of this kind.
fn next_message(body: &mut BufReader<TcpStream>, kind: &str) -> Value {
    let mut is_kind = false;
    loop {
        let mut line = String::new();
        assert!(body.read_line(&mut line).expect("a message in time") > 0, "the stream ended");
        if let Some(event) = line.strip_prefix("event:") {
            is_kind = event.trim() == kind;
        } else if let (true, Some(data)) = (is_kind, line.strip_prefix("data:")) {
            return serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {line}"));
        }
    }
}

/// A time of day in JSON, as milliseconds.
fn moment(value: &Value, name: &str) -> i64 {
    let text = value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"));
    chrono::DateTime::parse_from_rfc3339(text).expect("RFC 3339").timestamp_millis()
}

/// A demo that runs, and where its console is.
fn demo(folder: &std::path::Path) -> (Program, String) {
    let folder = folder.display().to_string();
    let args = ["demo", "--data-dir", &folder, "--leads", "6", "--robot-channels", "2"];
    let mut demo = Program::start(&args);
    let line = demo.line_with("http://");
    let address = line.split("http://").nth(1).expect("an address").trim().to_owned();
    (demo, address)
}

#[test]
fn the_board_is_pushed_and_never_older_than_five_seconds() {
    let folder = data_folder();
    let (mut demo, address) = demo(folder.path());
    let health = get(&address, "/healthz");
    assert!(health.is_object(), "{health}");
    let (head, mut body) = ask(&address, "/api/board/stream");
    assert!(head.contains("text/event-stream"), "{head}");
    let first = next_message(&mut body, "board");
    let mut last = first.clone();
    while number(&last["totals"], "answered") == 0 {
        let next = next_message(&mut body, "board");
        assert!(number(&next, "position") >= number(&last, "position"), "it went back: {next}");
        let age = moment(&next, "server_time") - moment(&next, "as_of");
        let is_new = number(&next, "position") > number(&last, "position");
        assert!(!is_new || age <= AGE_MAX_MS, "{age} ms old: {next}");
        last = next;
    }
    assert!(number(&last, "position") > number(&first, "position"));
    let read = get(&address, "/api/board");
    assert!(number(&read, "position") >= number(&last, "position"), "{read}");
    assert!(number(&read["totals"], "dials") > 0, "{read}");
    assert_eq!(number(&read["campaigns"][0], "leads"), 6, "{read}");
    assert_eq!(read["carriers"].as_array().map(Vec::len), Some(2), "{read}");
    demo.kill();
}

/// Waits in the page until it shows this position or a later one. Five seconds are allowed.
fn look_for(position: u64) -> String {
    format!(
        r#"new Promise((resolve, reject) => {{
    const part = id => document.querySelector(`[data-testid="${{id}}"]`)
    const look = () => {{
        const position = Number(part('position')?.dataset.position ?? NaN)
        if (position >= {position}) {{
            const dials = Number(part('dials-value').textContent)
            resolve({{ position, dials, state: part('connection').dataset.state }})
        }}
    }}
    const all = {{ subtree: true, childList: true, characterData: true, attributes: true }}
    new MutationObserver(look).observe(document, all)
    look()
    setTimeout(() => reject(new Error(document.body.innerText)), {AGE_MAX_MS})
}})"#
    )
}

#[test]
fn a_browser_shows_the_board_with_live_figures() {
    assert!(
        tree_file("web/dist/index.html").is_file(),
        "the console is not built: run `make web`, as `make test` does"
    );
    let folder = data_folder();
    let (mut demo, address) = demo(folder.path());
    let (_, mut body) = ask(&address, "/api/board/stream");
    let mut before = next_message(&mut body, "board");
    while number(&before["totals"], "dials") == 0 {
        before = next_message(&mut body, "board");
    }
    let url = format!("http://{address}/");
    let mut browser = Browser::open(&url, &folder.path().join("browser"));
    // Three times: what the log holds is on the page within five seconds.
    for _ in 0..3 {
        let head = number(&before, "position");
        let shown = browser.evaluate(&look_for(head));
        let after = get(&address, "/api/board");
        assert!(number(&shown, "position") <= number(&after, "position"), "{shown} {after}");
        let dials = number(&before["totals"], "dials")..=number(&after["totals"], "dials");
        assert!(dials.contains(&number(&shown, "dials")), "{shown} is not in {dials:?}");
        let state = shown["state"].as_str().unwrap_or_default();
        assert!(["live", "quiet"].contains(&state), "{shown}");
        while number(&before, "position") <= number(&after, "position") {
            before = next_message(&mut body, "board");
        }
    }
    demo.kill();
}
