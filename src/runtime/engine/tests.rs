use std::net::SocketAddr;
use std::path::Path;

use tokio::net::UdpSocket;

use super::*;
use crate::event::{DoNotCallAdded, Event};
use crate::event_log::{AllRead, Direction, EmbeddedLog, EventLog, LogOptions};
use crate::runtime::clock::{SystemClock, system_rng};
use crate::runtime::config::Config;
use crate::runtime::{Platform, import_only};

const CONFIG: &str = r#"
[[carriers]]
id = "north"
address = "127.0.0.1:9"
weight = 1
channels = 1

[[campaigns]]
id = "loans"
name = "Loans"
script = "scripts/business_loan_en.toml"
leads = "leads/business_loan.csv"
leads_max = 40
"#;

fn configured(folder: &Path) -> Config {
    let mut config = Config::parse(Path::new("l.toml"), CONFIG).expect("a good file");
    config.data_dir = folder.to_owned();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let campaign = &mut config.campaigns[0];
    campaign.script = tree.join(&campaign.script);
    campaign.leads = campaign.leads.take().map(|leads| tree.join(leads));
    config
}

fn mute() -> Voices {
    Arc::new(|_| Arc::new(|_| Err("nobody speaks here".to_owned())))
}

async fn refusals(log: &dyn EventLog) -> usize {
    let events = log.read_all(AllRead::Start, Direction::Forwards, 1_000).await.expect("events");
    let refused = |event: &Event| matches!(event, Event::DialRefused(_));
    events.iter().filter(|recorded| recorded.event().as_ref().is_ok_and(refused)).count()
}

#[tokio::test]
async fn a_long_list_of_refusals_lets_inputs_in_between() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    import_only(&config, &config.campaigns[0]).await.expect("an import");
    forbid_everybody(&folder.path().join("log")).await;

    let platform = Platform::open(config, mute(), true).await.expect("a platform");
    let log = platform.log();
    let mut engine = platform.into_engine();
    let listed = engine.parts.journal.live.dialing.leads().len();
    assert!(listed > 2 * DECISIONS_PER_TURN, "a long list");
    engine.turn().await.expect("a turn");
    assert_eq!(refusals(&*log).await, DECISIONS_PER_TURN, "the rest waits for its turn");
    assert!(engine.next_due().is_some_and(|due| due <= engine.parts.journal.now()), "and is due");
    let (_keep, stop) = oneshot::channel();
    engine.run(stop).await.expect("a run that ends by itself");
    assert_eq!(refusals(&*log).await, listed);
}

/// Puts every lead's number on the do-not-call list.
async fn forbid_everybody(folder: &Path) {
    let clock: Arc<dyn crate::base::Clock> = Arc::new(SystemClock::new());
    let (log, _) = EmbeddedLog::open(folder, LogOptions::default(), clock.clone()).expect("a log");
    let log = Arc::new(log);
    let node = "node-1".to_owned();
    let mut journal = Journal::open(log.clone(), clock, system_rng(), node).await.expect("events");
    let now = journal.now();
    let leads = journal.live.dialing.leads().values();
    let facts = leads.map(|lead| DoNotCallAdded {
        phone_hash: lead.phone_hash.clone(),
        subject_id: None,
        source: "list".to_owned(),
        call_id: None,
    });
    let drafts = facts.map(|fact| Draft::new(fact, now, "test")).collect();
    journal.append(drafts).await.expect("they are taken");
    log.close().await;
}

#[tokio::test]
async fn no_more_calls_are_begun_than_the_carrier_has_channels() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = configured(folder.path());
    config.campaigns[0].robot_channels = Some(5);
    config.carriers[0].channels = 2;
    // It is there and silent.
    let carrier = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    config.carriers[0].address = carrier.local_addr().expect("bound").into();
    let hop = Hop::from(carrier.local_addr().expect("bound"));
    let platform = Platform::open(config, mute(), true).await.expect("a platform");
    let mut engine = platform.into_engine();
    // A carrier that never answered anything would get one call.
    engine.probe_answered(hop, 200);
    engine.turn().await.expect("a turn");
    let dialing = &engine.parts.journal.live.dialing;
    let in_use: Vec<_> = dialing.carriers().values().map(|one| one.channels_in_use).collect();
    assert_eq!((in_use, dialing.open_attempts().len()), (vec![2], 2));
}

/// 200 with a session description, by hand: everything a dialog is known by is copied.
fn accepted(invite: &str) -> String {
    let copied = invite.lines().filter(|line| {
        ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
    });
    let copied: String = copied.map(|line| format!("{line}\r\n")).collect();
    let to = invite.lines().find(|line| line.starts_with("To:")).expect("a To");
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        m=audio 9 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
    format!(
        "SIP/2.0 200 OK\r\n{copied}{to};tag=callee\r\nContact: <sip:callee@127.0.0.1:9>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
        sdp.len()
    )
}

#[tokio::test]
async fn the_last_hang_up_is_sent_again_where_it_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = configured(folder.path());
    let carrier = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let address = carrier.local_addr().expect("bound");
    config.carriers[0].address = address.into();
    let platform = Platform::open(config, mute(), false).await.expect("a platform");
    let (stop, stopped) = oneshot::channel();
    let mut run = tokio::spawn(platform.run(stopped));
    let mut stop = Some(stop);
    let mut byes = 0;
    let mut datagram = [0; 4_096];
    while byes < 2 {
        let (length, from) = tokio::select! {
            biased;
            received = carrier.recv_from(&mut datagram) => received.expect("a datagram"),
            ended = &mut run => panic!("{ended:?} after {byes} BYE, which may be lost"),
        };
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        if text.starts_with("INVITE") {
            let answer = accepted(&text).replace("127.0.0.1:9>", &format!("{address}>"));
            carrier.send_to(answer.as_bytes(), from).await.expect("sent");
        } else if text.starts_with("ACK") {
            if let Some(stop) = stop.take() {
                stop.send(()).expect("it works");
            }
        } else if text.starts_with("BYE") {
            byes += 1;
        }
    }
    run.await.expect("no panic").expect("a good end");
}

#[tokio::test]
async fn a_gateway_is_told_which_sim_takes_the_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = configured(folder.path());
    let gateway = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    config.carriers[0].address = gateway.local_addr().expect("bound").into();
    let sim = "id = \"sim-3\"\nprefix = \"03\"\nheader = \"X-Port: 3\"\ncalls_per_day = 80\n";
    config.carriers[0].sims = vec![toml::from_str(sim).expect("a SIM")];
    let platform = Platform::open(config, mute(), false).await.expect("a platform");
    let (stop, stopped) = oneshot::channel();
    let mut run = tokio::spawn(platform.run(stopped));
    let mut datagram = [0; 4_096];
    let invite = loop {
        let (length, from) = tokio::select! {
            received = gateway.recv_from(&mut datagram) => received.expect("a datagram"),
            ended = &mut run => panic!("{ended:?} without an INVITE"),
        };
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        if text.starts_with("INVITE") {
            // Its end: whoever is called is busy.
            let answer = accepted(&text).replace("200 OK", "486 Busy Here");
            gateway.send_to(answer.as_bytes(), from).await.expect("sent");
            break text;
        }
    };
    assert!(invite.starts_with("INVITE sip:03+"), "{}", invite.lines().next().unwrap_or(""));
    assert!(invite.contains("\r\nX-Port: 3\r\n"), "no header field");
    stop.send(()).expect("it works");
    run.await.expect("no panic").expect("a good end");
}

/// 100 to an INVITE or 200 to an OPTIONS, by hand.
fn short_answer(request: &str, status: &str) -> String {
    let copied = request.lines().filter(|line| {
        ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name))
    });
    let copied: String = copied.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 {status}\r\n{copied}Content-Length: 0\r\n\r\n")
}

/// Waits for a request of a method and gives it back with its sender; others are left alone.
async fn heard(socket: &UdpSocket, method: &str) -> (String, SocketAddr) {
    let mut datagram = [0; 4_096];
    loop {
        let (length, from) = socket.recv_from(&mut datagram).await.expect("a datagram");
        let text = String::from_utf8_lossy(&datagram[..length]).into_owned();
        if text.starts_with(method) {
            return (text, from);
        }
    }
}

/// A platform with one lead to dial and two carriers that the test speaks for; the first of them
/// is asked first.
async fn two_carriers(folder: &Path, no_provisional: Millis) -> (Engine, [UdpSocket; 2]) {
    let mut config = configured(folder);
    config.campaigns[0].leads_max = Some(1);
    config.sip.no_provisional_ms = no_provisional;
    let mut sockets = Vec::new();
    for name in ["north", "south"] {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let mut carrier = config.carriers[0].clone();
        carrier.id = CarrierId::new(name).expect("a name");
        carrier.address = socket.local_addr().expect("bound").into();
        carrier.weight = if name == "north" { 1_000 } else { 1 };
        config.carriers.push(carrier);
        sockets.push(socket);
    }
    config.carriers.remove(0);
    let platform = Platform::open(config, mute(), false).await.expect("a platform");
    let sockets = <[UdpSocket; 2]>::try_from(sockets).expect("two of them");
    (platform.into_engine(), sockets)
}

#[tokio::test]
async fn a_wait_for_the_disk_does_not_make_a_carrier_late_that_answered_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut engine, [north, south]) = two_carriers(folder.path(), Millis(80)).await;
    engine.turn().await.expect("a turn");
    let (invite, from) = heard(&north, "INVITE").await;
    let trying = short_answer(&invite, "100 Trying");
    north.send_to(trying.as_bytes(), from).await.expect("sent");
    // Nobody drives the engine for longer than a carrier may be silent: its disk is slow.
    let within = std::time::Duration::from_millis(200);
    tokio::time::timeout(within, heard(&south, "INVITE")).await.expect_err("no turn, no INVITE");
    engine.turn().await.expect("a turn");
    let moved = tokio::time::timeout(within, heard(&south, "INVITE")).await;
    assert!(moved.is_err(), "the first carrier said 100 in time");
}

#[tokio::test]
async fn a_carrier_with_a_closed_port_costs_no_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (engine, [north, south]) = two_carriers(folder.path(), Millis(60_000)).await;
    // Nobody listens there any more.
    drop(north);
    let (stop, stopped) = oneshot::channel();
    let mut run = tokio::spawn(engine.run(stopped));
    let within = std::time::Duration::from_secs(5);
    let (invite, from) = tokio::select! {
        heard = tokio::time::timeout(within, heard(&south, "INVITE")) => {
            heard.expect("long before the first carrier's time is up")
        }
        ended = &mut run => panic!("{ended:?} without an INVITE"),
    };
    let busy = short_answer(&invite, "486 Busy Here");
    south.send_to(busy.as_bytes(), from).await.expect("sent");
    stop.send(()).expect("it works");
    run.await.expect("no panic").expect("a good end");
}

#[tokio::test]
async fn what_peers_are_told_is_the_advertised_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let carrier = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let mut config = configured(folder.path());
    config.carriers[0].address = carrier.local_addr().expect("bound").into();
    config.sip.listen = "0.0.0.0:0".parse().expect("an address");
    config.sip.advertised = Some("127.0.0.9".parse().expect("an address"));
    config.sip.advertised_port = Some(5_099);
    let platform = Platform::open(config, mute(), false).await.expect("a platform");
    let mut engine = platform.into_engine();
    engine.turn().await.expect("a turn");
    let (invite, _) = heard(&carrier, "INVITE").await;
    assert!(invite.contains("Via: SIP/2.0/UDP 127.0.0.9:5099;"), "{invite}");
    assert!(invite.contains("@127.0.0.9:5099>"), "{invite}");
    assert!(invite.contains("c=IN IP4 127.0.0.9\r\n"), "{invite}");
    assert!(!invite.contains("0.0.0.0"), "{invite}");
}
