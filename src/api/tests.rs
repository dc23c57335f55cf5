use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_stream::StreamExt;
use tower::ServiceExt;

use super::*;
use crate::base::{AgentId, CallId, CampaignId, CarrierId, Clock, EventId, Millis, Ppm, Timestamp};
use crate::event::{
    Actor, AgentState, CampaignStarted, CampaignStateName, Disposition, ExpectedRevision, Handler,
    IntentionLevel, NewEvent, StreamName,
};
use crate::event_log::{EmbeddedLog, EventLog as _, LogOptions};

/// A clock that a test sets.
#[derive(Default)]
struct Hand(AtomicI64);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::Relaxed))
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn board(position: u64) -> BoardSnapshot {
    let as_of = at("2026-11-21T09:30:00Z");
    BoardSnapshot { position, ..BoardSnapshot::empty(as_of) }
}

struct World {
    sender: watch::Sender<Arc<BoardSnapshot>>,
    clock: Arc<Hand>,
    app: Router,
}

fn world() -> World {
    let (sender, board) = watch::channel(Arc::new(board(7)));
    let clock = Arc::new(Hand::default());
    clock.0.store(at("2026-11-21T09:30:01.5Z").as_micros(), Ordering::Relaxed);
    let app = routes(board, None, Router::new(), Arc::<Hand>::clone(&clock));
    World { sender, clock, app }
}

async fn get(app: &Router, path: &str) -> (StatusCode, HeaderMap, String) {
    send(app, Request::get(path).body(Body::empty()).unwrap()).await
}

async fn send(app: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let response = app.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn open(app: &Router) -> BodyDataStream {
    let request = Request::get("/api/board/stream").body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body().into_data_stream()
}

/// The next event's name, id and data.
async fn event(stream: &mut BodyDataStream) -> Option<(String, Option<String>, Value)> {
    let bytes = stream.next().await?.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let field = |name: &str| {
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    let data = serde_json::from_str(&field("data:").unwrap()).unwrap();
    Some((field("event:").unwrap(), field("id:"), data))
}

#[tokio::test]
async fn the_board_is_stamped_with_the_time_it_leaves() {
    let world = world();
    let (status, headers, body) = get(&world.app, "/api/board").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers["cache-control"], "no-store");
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["position"], 7);
    assert_eq!(body["as_of"], "2026-11-21T09:30:00.000000Z");
    assert_eq!(body["server_time"], "2026-11-21T09:30:01.500000Z");
}

#[tokio::test]
async fn a_board_nobody_updates_is_an_error_everywhere() {
    let World { sender, app, .. } = world();
    drop(sender);
    for path in ["/api/board", "/api/board/stream", "/healthz"] {
        let (status, _, body) = get(&app, path).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["code"], "api.board_stopped", "{path}");
    }
}

#[tokio::test]
async fn health_says_the_position() {
    let (status, _, body) = get(&world().app, "/healthz").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({"status": "ok", "position": 7})
    );
}

#[tokio::test]
async fn what_is_not_there_says_so_with_a_code() {
    let app = world().app;
    for path in
        ["/nothing", "/api/nothing", "/..%2fCargo.toml", "/assets/..%2f..%2f..%2fCargo.toml"]
    {
        let (status, _, body) = get(&app, path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"]["code"], "api.not_found", "{path}");
    }
    let post = Request::post("/api/board").body(Body::empty()).unwrap();
    let (status, _, body) = send(&app, post).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(body.contains("api.method_not_allowed"), "{body}");
}

#[tokio::test]
async fn every_response_is_hardened() {
    let app = world().app;
    for path in ["/", "/api/board", "/nothing", "/healthz"] {
        let (_, headers, _) = get(&app, path).await;
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    }
}

#[tokio::test]
async fn the_front_page_is_the_console_or_says_how_to_make_it() {
    let app = world().app;
    let (status, headers, body) = get(&app, "/").await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers["content-type"].to_str().unwrap().starts_with("text/html"));
    if let Some(tag) = headers.get("etag") {
        let again = Request::get("/").header("if-none-match", tag).body(Body::empty()).unwrap();
        let (status, _, body) = send(&app, again).await;
        assert_eq!(status, StatusCode::NOT_MODIFIED);
        assert_eq!(body, "");
    } else {
        assert!(body.contains("make web"), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_stream_begins_with_the_latest_board() {
    let world = world();
    world.sender.send_replace(Arc::new(board(9)));
    let mut stream = open(&world.app).await;
    let (name, id, data) = event(&mut stream).await.unwrap();
    assert_eq!((name.as_str(), id.as_deref()), ("board", Some("9")));
    assert_eq!(data["position"], 9);
    assert_eq!(data["server_time"], "2026-11-21T09:30:01.500000Z");
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_still_beats_with_a_fresh_time() {
    let world = world();
    let mut stream = open(&world.app).await;
    event(&mut stream).await.unwrap();
    world.clock.0.fetch_add(4_000_000, Ordering::Relaxed);
    let before = tokio::time::Instant::now();
    let (name, id, data) = event(&mut stream).await.unwrap();
    assert!(before.elapsed() <= Duration::from_secs(2));
    assert_eq!((name.as_str(), id), ("heartbeat", None));
    assert_eq!(
        data,
        json!({
            "position": 7,
            "as_of": "2026-11-21T09:30:00.000000Z",
            "server_time": "2026-11-21T09:30:05.500000Z",
        })
    );
}

#[tokio::test(start_paused = true)]
async fn at_most_five_boards_a_second_and_the_last_one_wins() {
    let World { sender, app, .. } = world();
    let mut stream = open(&app).await;
    let begin = tokio::time::Instant::now();
    let writer = async {
        for position in 8..=1_007 {
            sender.send_replace(Arc::new(board(position)));
            tokio::time::advance(Duration::from_millis(2)).await;
        }
    };
    let reader = async {
        let mut boards = 0;
        loop {
            let (name, _, data) = event(&mut stream).await.unwrap();
            boards += u32::from(name == "board");
            if data["position"] == 1_007 && name == "board" {
                return boards;
            }
        }
    };
    let ((), boards) = tokio::join!(writer, reader);
    assert!(begin.elapsed() < Duration::from_millis(2_600), "{:?}", begin.elapsed());
    assert!((10..=13).contains(&boards), "{boards} boards in 2 s");
}

#[tokio::test(start_paused = true)]
async fn the_stream_ends_when_nobody_updates_the_board() {
    let World { sender, app, .. } = world();
    let mut stream = open(&app).await;
    event(&mut stream).await.unwrap();
    drop(sender);
    while let Some((name, ..)) = event(&mut stream).await {
        assert_eq!(name, "heartbeat");
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_open_streams() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_sender, board) = watch::channel(Arc::new(board(7)));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = serve(listener, board, None, Router::new(), async move { drop(stopped.await) });
    let client = async move {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let ask = b"GET /api/board/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
        socket.write_all(ask).await.unwrap();
        let mut read = Vec::new();
        while !String::from_utf8_lossy(&read).contains("event: board") {
            assert_ne!(socket.read_buf(&mut read).await.unwrap(), 0);
        }
        stop.send(()).unwrap();
        socket.read_to_end(&mut read).await.unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}

/// The console's TypeScript types mirror these names; `web/dev/fixture.json` is held to them too.
#[test]
fn the_snapshot_keeps_its_shape() {
    let now = at("2026-11-21T09:30:00Z");
    let call_id = CallId("01935000-0000-7000-8000-000000000001".parse().unwrap());
    let carrier_id = CarrierId::new("north").unwrap();
    let agent_id = AgentId::new("ana").unwrap();
    let campaign_id = CampaignId::new("loans").unwrap();
    let mut board = BoardSnapshot::empty(now);
    board.campaigns.push(CampaignRow {
        campaign_id: campaign_id.clone(),
        name: "Loans".to_owned(),
        state: CampaignStateName::Running,
        script: "business-loan-en".to_owned(),
        leads: 10,
        dialled: 4,
        attempts: 5,
        in_progress: 1,
        answered: 3,
        contacts: 2,
        interested: 1,
        agreed: 0,
        opted_out: 0,
        completed_leads: 2,
    });
    board.totals.connect_rate_ppm = Ppm::ratio(3, 5);
    board.carriers.push(CarrierRow {
        carrier_id: carrier_id.clone(),
        state: CarrierState::Down,
        reason: Some("sip_503".to_owned()),
        channels_in_use: 0,
        channels_max: 10,
        weight: 1,
        attempts: 5,
        answered: 3,
        failed: 1,
        answer_seizure_ppm: Ppm::ratio(3, 5),
    });
    board.agents.push(AgentRow {
        agent_id: agent_id.clone(),
        state: AgentState::WrapUp,
        since: now,
        calls: 3,
    });
    board.calls.push(CallRow {
        call_id,
        campaign_id,
        state: CallState::Agent,
        handler: Some(Handler::Agent(agent_id)),
        carrier_id: Some(carrier_id.clone()),
        stage: None,
        started_at: now,
        answered_at: Some(now),
    });
    board.recent.push(RecentRow {
        call_id,
        disposition: Disposition::AnsweredHuman,
        level: Some(IntentionLevel::B),
        talk_ms: Millis(31_000),
        handler: Some(Handler::Robot),
        carrier_id: Some(carrier_id),
        ended_at: now,
    });
    board.series.push(SeriesPoint { at: now, dials: 2, answered: 1, ended: 0 });

    let ours = serde_json::to_value(&board).unwrap();
    assert_eq!(ours["calls"][0]["handler"], "ana");
    assert_eq!(ours["recent"][0]["handler"], "robot");
    assert_eq!(ours["recent"][0]["level"], "B");
    assert_eq!(ours["totals"]["connect_rate_ppm"], 600_000);
    assert_eq!(ours["funnel"][3], json!({"stage": "person", "count": 0}));
    let fixture: Value = serde_json::from_str(include_str!("../../web/dev/fixture.json")).unwrap();
    assert_eq!(keys(&ours), keys(&fixture));
}

/// Every path to a value, array indexes left out.
fn keys(value: &Value) -> std::collections::BTreeSet<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| {
                keys(value).into_iter().map(move |rest| format!("{name}.{rest}"))
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(keys).collect(),
        _ => std::iter::once(String::new()).collect(),
    }
}

/// The value of one series in OpenMetrics text.
fn series(text: &str, name: &str) -> f64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
        .unwrap_or_else(|| panic!("no series {name} in\n{text}"))
}

#[tokio::test]
async fn metrics_move_with_what_the_log_does() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(Hand::default());
    let options = LogOptions::default();
    let log = EmbeddedLog::open(folder.path(), options, Arc::<Hand>::clone(&clock)).unwrap().0;
    let (_sender, board) = watch::channel(Arc::new(board(7)));
    let console = routes(board, log.metrics(), Router::new(), clock);
    let alone = metrics_routes(log.metrics().unwrap());
    let (status, headers, text) = get(&console, "/metrics").await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert_eq!(series(&text, "ledgerline_log_events_total"), 0.0);

    let started = CampaignStarted { campaign_id: CampaignId::new("demo").unwrap() };
    let event = |number: u128| {
        let id = EventId(uuid::Uuid::from_u128(number));
        NewEvent::of(&started.clone().into(), id, Timestamp::EPOCH, Actor::part("test"))
    };
    let stream = StreamName::of("campaign", &"demo");
    let mut feed = log.subscribe_all(None).named("board");
    log.append(stream.clone(), ExpectedRevision::NoStream, vec![event(1), event(2)]).await.unwrap();
    log.append(stream.clone(), ExpectedRevision::Any, vec![event(3)]).await.unwrap();
    let refused = log.append(stream, ExpectedRevision::NoStream, vec![event(4)]).await;
    assert!(refused.is_err());
    feed.next_event().await.unwrap();
    for app in [&console, &alone] {
        let (_, _, text) = get(app, "/metrics").await;
        let check = |name: &str, want: f64| assert_eq!(series(&text, name), want, "{name}");
        check("ledgerline_log_events_total", 3.0);
        check("ledgerline_log_durable_events", 3.0);
        check("ledgerline_log_append_seconds_count", 3.0);
        check("ledgerline_log_sync_seconds_count", 2.0);
        check("ledgerline_log_group_events_sum", 3.0);
        check("ledgerline_log_appends_waiting", 0.0);
        check("ledgerline_log_writer_failed", 0.0);
        check("ledgerline_log_refusals_total{reason=\"wrong_expected_revision\"}", 1.0);
        check("ledgerline_log_subscribers{subscriber=\"board\"}", 1.0);
        check("ledgerline_log_subscriber_lag_events{subscriber=\"board\"}", 2.0);
        assert!(series(&text, "ledgerline_log_written_bytes_total") > 300.0);
        assert!(text.ends_with("# EOF\n"));
    }
    drop(feed);
    assert!(!get(&alone, "/metrics").await.2.contains("subscriber=\"board\""));
}

#[tokio::test]
async fn metrics_of_a_log_that_counts_nothing_are_no_page() {
    let (status, _, body) = get(&world().app, "/metrics").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains("api.not_found"), "{body}");
}

#[cfg(feature = "analytics")]
#[tokio::test(flavor = "multi_thread")]
async fn a_question_over_http_is_answered_with_its_position() {
    use crate::projection::history::{append, campaign};
    use crate::query::Limits;

    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), &campaign(3, 10)).await;
    let (log, _) = EmbeddedLog::open_read_only(&folder.path().join("log")).unwrap();
    let head = log.head().unwrap();
    let (_sender, board) = watch::channel(Arc::new(board(7)));
    let log: Arc<dyn crate::event_log::EventLog> = Arc::new(log);
    let limits = Limits::default();
    let engine = crate::query::Engine::follow(log.clone(), folder.path(), limits).unwrap();
    let questions = SqlDoor::new(engine, log).routes();
    let app = routes(board, None, questions, Arc::new(Hand::default()));
    let ask = async |content_type: &str, body: String| {
        let request = Request::post("/api/sql").header("content-type", content_type);
        send(&app, request.body(Body::from(body)).unwrap()).await
    };
    let json_of = |body: &str| serde_json::from_str::<Value>(body).unwrap();

    let question = json!({"sql": "select count(*) n from events"}).to_string();
    let (status, headers, body) = ask("application/json", question).await;
    assert_eq!((status, json_of(&body)), (StatusCode::OK, json!([{"n": head + 1}])));
    assert_eq!(headers["ledgerline-position"], head.to_string());
    assert!(headers.contains_key("content-security-policy"), "as every response");

    let question = json!({
        "sql": "select position, type from events where position = $last",
        "params": {"last": 5}, "as_of": "5", "format": "csv",
    });
    let (status, headers, body) = ask("application/json", question.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    assert_eq!(headers["ledgerline-position"], "5");
    assert!(body.starts_with("position,type\r\n5,"), "{body}");

    let wrong = [
        (json!({"sql": "select * from nobody"}), 400, "sql.sql", "nobody"),
        (json!({"sql": "drop table events"}), 400, "sql.read_only", "only questions"),
        (json!({"sql": "select 1", "format": "xml"}), 400, "sql.format", "json, csv, arrow"),
        (json!({"sql": "select 1", "as_of": "never"}), 400, "sql.setting", "such as 1200"),
        (json!({"sql": "select 1", "as_of": "99999"}), 400, "sql.as_of", "the log ends at"),
        (json!({"sql": "select $1", "params": {"a": []}}), 400, "sql.setting", "params"),
        (json!({"question": "select 1"}), 422, "sql.request", "question"),
    ];
    for (question, status, code, part) in wrong {
        let (got, _, body) = ask("application/json", question.to_string()).await;
        let error = json_of(&body)["error"].clone();
        assert_eq!((got.as_u16(), &error["code"]), (status, &json!(code)), "{question}: {body}");
        assert!(error["message"].as_str().unwrap().contains(part), "{question}: {body}");
    }
    // What a page elsewhere can send without being asked for leave
    let (status, _, _) = ask("text/plain", json!({"sql": "select 1"}).to_string()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, _, _) = get(&app, "/api/sql").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    let large = json!({"sql": format!("select '{}'", "x".repeat(1 << 20))}).to_string();
    let (status, _, _) = ask("application/json", large).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}
