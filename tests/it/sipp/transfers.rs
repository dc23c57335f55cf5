//! Hold, transfer and supervision with phones that others wrote: who hears whom is told by the
//! pitch each of them says.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::baresip::{Baresip, Hand, Traits};
use super::gateway::{Gateway, Permission};
use super::http::{ask, try_ask, users};
use super::peer::{Sipp, free_port};
use super::pitch::{heard_by, tenths};
use super::platform::Stage;
use super::registered::wait_until_it_answers;
use super::{count, media};

/// What ann says. Units: Hz.
const ANN: u32 = 400;
/// What bob says.
const BOB: u32 = 700;
/// What sam says, who supervises.
const SAM: u32 = 1_000;
/// One of the notes of hold.
const HOLD: u32 = 440;
/// A campaign whose customer wants a person once the phones have registered.
struct Floor {
    stage: Stage,
    gateway: Gateway,
    sipp: Sipp,
    registrar: SocketAddr,
}

fn floor(agents: &[(&str, &str)]) -> Floor {
    let mut stage = Stage::new(1);
    let gateway = Gateway::waiting_to_press("0");
    let sipp = Sipp::carrier(stage.path(), "talk.xml", &media(&gateway));
    let registrar = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let tables: String = agents
        .iter()
        .map(|(id, more)| {
            format!(
                "[[agents]]\nid = \"{id}\"\nuser = \"{id}\"\npassword = \"open-{id}\"\n{more}\n"
            )
        })
        .collect();
    stage.carrier(sipp.sip, "").agents(&tables).listen(registrar);
    Floor { stage, gateway, sipp, registrar }
}

/// A phone in the hand of each of its users; the customer may ask for a person then.
fn seated<const N: usize>(phones: [&Baresip; N], customer: &Permission) -> [Hand; N] {
    let hands = phones.map(Baresip::hand_when_registered);
    customer.give();
    hands
}

fn phone(hz: u32, folder: &Path, registrar: SocketAddr, user: &str) -> Baresip {
    let password = format!("open-{user}");
    Baresip::registered(folder, registrar, user, &password, &Traits::saying(hz))
}

/// Ann is chosen first.
const SKILLED: &str = "skill_ppm = 900000";
const LESS_SKILLED: &str = "skill_ppm = 100000";

#[test]
fn an_agent_holds_resumes_and_passes_the_call_on() {
    let floor = floor(&[("ann", SKILLED), ("bob", LESS_SKILLED)]);
    let (folder, registrar) = (floor.stage.path().to_owned(), floor.registrar);
    let customer = floor.gateway.permission();
    let phones = std::thread::spawn(move || {
        wait_until_it_answers(registrar);
        let ann = phone(ANN, &folder, registrar, "ann");
        let bob = phone(BOB, &folder, registrar, "bob");
        let [mut ann_hand, mut bob_hand] = seated([&ann, &bob], &customer);
        ann_hand.wait_for("CALL_ESTABLISHED");
        ann_hand.listen(1_000);
        ann_hand.press("hold", "");
        ann_hand.listen(1_500);
        ann_hand.press("resume", "");
        ann_hand.listen(1_000);
        ann_hand.press("transfer", &format!("sip:bob@{registrar}"));
        ann_hand.wait_for("CALL_CLOSED");
        bob_hand.wait_for("CALL_ESTABLISHED");
        bob_hand.listen(1_500);
        bob_hand.press("hangup", "");
        (ann, bob)
    });
    let log = floor.stage.run();
    let (ann, bob) = phones.join().expect("the phones");
    floor.sipp.verdict().expect(1);

    assert!(!log.all("LegHeld").is_empty(), "{}", ann.log());
    let held = count(log.all("LegResumed")[0], "held_ms");
    assert!((1_000..6_000).contains(&held), "{held} ms");
    let started = log.one("TransferStarted");
    assert_eq!((&started["agent_id"], &started["target"]), (&json!("ann"), &json!("bob")));
    assert_eq!(log.one("TransferCompleted")["target"], "bob", "{}", bob.log());
    assert_eq!(log.one("CallEnded")["handler"], json!({"agent": "bob"}));
    assert_eq!(log.one("CallEnded")["hung_up_by"], "agent");
    let moves: Vec<_> = log
        .all("AgentStateChanged")
        .into_iter()
        .map(|fact| (fact["agent_id"].as_str(), fact["to"].as_str()))
        .collect();
    for one in ["ann", "bob"] {
        for state in ["ringing", "talking", "wrap_up"] {
            assert!(moves.contains(&(Some(one), Some(state))), "{one} {state}: {moves:?}");
        }
    }
    let told = ann.log();
    assert!(told.contains("SIP/2.0 202 Accepted") && told.contains("message/sipfrag"), "{told}");
    let heard = floor.gateway.audio();
    for (hz, least) in [(ANN, 8), (HOLD, 1), (BOB, 8)] {
        let long = tenths(&heard, hz);
        assert!(long >= least, "the customer heard {hz} Hz in {long} tenths of a second");
    }
}

#[test]
fn a_transfer_to_the_world_outside_is_refused() {
    let floor = floor(&[("ann", "")]);
    let (folder, registrar) = (floor.stage.path().to_owned(), floor.registrar);
    let customer = floor.gateway.permission();
    let phones = std::thread::spawn(move || {
        wait_until_it_answers(registrar);
        let ann = phone(ANN, &folder, registrar, "ann");
        let [mut hand] = seated([&ann], &customer);
        hand.wait_for("CALL_ESTABLISHED");
        hand.press("transfer", &format!("sip:+12025550199@{registrar}"));
        // This phone hangs up then, and says no more.
        hand.wait_for("TRANSFER_FAILED");
        ann
    });
    let log = floor.stage.run();
    let ann = phones.join().expect("the phone");
    floor.sipp.verdict().expect(1);
    let failed = log.one("TransferFailed");
    assert_eq!((&failed["sip_status"], &failed["target"]), (&json!(603), &Value::Null));
    assert_eq!(log.all("LegStarted").len(), 2, "nobody was called");
    assert_eq!(log.one("CallEnded")["handler"], json!({"agent": "ann"}), "{}", ann.log());
    assert!(!log.text().contains("5550199"), "the number stays out of the log");
}

#[test]
fn an_agent_asks_another_one_and_joins_the_two() {
    let floor = floor(&[("ann", SKILLED), ("bob", LESS_SKILLED)]);
    let (folder, registrar) = (floor.stage.path().to_owned(), floor.registrar);
    let customer = floor.gateway.permission();
    let phones = std::thread::spawn(move || {
        wait_until_it_answers(registrar);
        let ann = phone(ANN, &folder, registrar, "ann");
        let bob = phone(BOB, &folder, registrar, "bob");
        let [mut ann_hand, mut bob_hand] = seated([&ann, &bob], &customer);
        ann_hand.wait_for("CALL_ESTABLISHED");
        ann_hand.press("hold", "");
        ann_hand.listen(700);
        ann_hand.press("dial", &format!("sip:bob@{registrar}"));
        bob_hand.wait_for("CALL_ESTABLISHED");
        ann_hand.wait_for("CALL_ESTABLISHED");
        ann_hand.listen(1_500);
        let replaces = replaces(&ann.log(), "bob");
        // Back to the first call, which is the one to be passed on.
        ann_hand.press("line", "1");
        ann_hand.press("transfer", &format!("<sip:bob@{registrar}?Replaces={replaces}>"));
        ann_hand.wait_for("CALL_CLOSED");
        bob_hand.listen(1_500);
        bob_hand.press("hangup", "");
        (ann, bob)
    });
    let log = floor.stage.run();
    let (ann, bob) = phones.join().expect("the phones");
    floor.sipp.verdict().expect(1);
    let done = log.one("TransferCompleted");
    assert_eq!((&done["kind"], &done["target"]), (&json!("attended"), &json!("bob")));
    assert_eq!(log.one("CallEnded")["handler"], json!({"agent": "bob"}), "{}", ann.log());
    let (customer, asked) = (floor.gateway.audio(), heard_by(&bob));
    assert!(tenths(&customer, BOB) >= 8, "bob talks to the customer");
    assert!(tenths(&asked, ANN) >= 8, "ann talked to bob before");
}

/// The dialog of a phone's call to somebody, as Replaces inside a URI names it: what its trace
/// shows of the answer.
fn replaces(trace: &str, to: &str) -> String {
    let answers = trace.split("SIP/2.0 200 OK").skip(1);
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        line.unwrap_or_default().to_owned()
    };
    let tag = |value: String| {
        let (_, tag) = value.rsplit_once("tag=").unwrap_or_default();
        tag.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()
    };
    for answer in answers {
        let is_invite = field(answer, "CSeq:").ends_with("INVITE");
        if is_invite && field(answer, "To:").contains(&format!("sip:{to}@")) {
            let (ours, theirs) = (tag(field(answer, "From:")), tag(field(answer, "To:")));
            let call = field(answer, "Call-ID:").replace('@', "%40");
            return format!("{call}%3Bto-tag%3D{theirs}%3Bfrom-tag%3D{ours}");
        }
    }
    panic!("no call to {to} in {trace}");
}

#[test]
fn a_supervisor_whispers_and_barges_in() {
    let mut floor = floor(&[("ann", ""), ("sam", "role = \"supervisor\"")]);
    let (folder, registrar) = (floor.stage.path().to_owned(), floor.registrar);
    let customer = floor.gateway.permission();
    let http = SocketAddr::from(([127, 0, 0, 1], free_port()));
    users(&folder, "boss:writer:open-boss\n");
    floor.stage.http(&format!("listen = \"{http}\"\nuser_file = \"users\""));
    let phones = std::thread::spawn(move || {
        wait_until_it_answers(registrar);
        let ann = phone(ANN, &folder, registrar, "ann");
        let sam = phone(SAM, &folder, registrar, "sam");
        let [mut ann_hand, mut sam_hand] = seated([&ann, &sam], &customer);
        ann_hand.wait_for("CALL_ESTABLISHED");
        let call = current_call(http);
        assert_eq!(post(http, &call, "wrong", "listen"), 401);
        assert_eq!(post(http, &call, "open-boss", "listen"), 202);
        sam_hand.wait_for("CALL_ESTABLISHED");
        sam_hand.listen(1_500);
        assert_eq!(post(http, &call, "open-boss", "whisper"), 202);
        sam_hand.listen(1_500);
        assert_eq!(post(http, &call, "open-boss", "barge"), 202);
        sam_hand.listen(1_500);
        sam_hand.press("hangup", "");
        ann_hand.listen(500);
        ann_hand.press("hangup", "");
        (ann, sam)
    });
    let log = floor.stage.run();
    let (ann, sam) = phones.join().expect("the phones");
    floor.sipp.verdict().expect(1);
    assert_eq!(log.one("SupervisionStarted")["mode"], "listen");
    assert_eq!(
        log.fields("SupervisionModeChanged", "mode"),
        [&json!("whisper"), &json!("barge")],
        "{}",
        sam.log()
    );
    assert!(count(log.one("SupervisionEnded"), "after_ms") > 4_000);
    let sides = (floor.gateway.audio(), heard_by(&ann), heard_by(&sam));
    let [customer, agent] = [tenths(&sides.0, SAM), tenths(&sides.1, SAM)];
    assert!(customer >= 8, "the customer heard the supervisor barge in: {customer}");
    // The agent heard the whisper, too, which is as long again.
    assert!(agent >= customer + 8, "agent {agent}, customer {customer}");
    let heard = tenths(&sides.2, ANN);
    assert!(heard >= 30, "the supervisor heard the agent all along: {heard}");
    let states = log.fields("AgentStateChanged", "agent_id");
    assert!(states.iter().all(|agent| *agent == "ann"), "a supervisor takes no calls: {states:?}");
}

/// The call on the board.
fn current_call(http: SocketAddr) -> String {
    for _ in 0..200 {
        let board = ask(http, "GET /api/board", "", "").json();
        if let Some(call) = board["calls"][0]["call_id"].as_str() {
            return call.to_owned();
        }
    }
    panic!("no call on the board");
}

fn post(http: SocketAddr, call: &str, password: &str, mode: &str) -> u16 {
    let body = json!({"agent": "sam", "mode": mode}).to_string();
    let path = format!("POST /api/calls/{call}/supervise");
    try_ask(http, &path, &format!("boss:{password}"), "", &body).expect("an answer").status
}
