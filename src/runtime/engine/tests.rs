use std::path::Path;

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
    let address = config.carriers[0].address;
    let platform = Platform::open(config, mute(), true).await.expect("a platform");
    let mut engine = platform.into_engine();
    // A carrier that never answered anything would get one call.
    engine.probe_answered(address, 200);
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
    config.carriers[0].address = address;
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
