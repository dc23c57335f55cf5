use std::path::Path;

use super::*;
use crate::event::Event;
use crate::event_log::EmbeddedLog;
use crate::event_log::{AllRead, Direction};
use crate::runtime::erase;

/// Secrets and people are looked for in the bytes on disk, not in what is read back.
fn bytes_below(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            bytes.extend(bytes_below(&path));
        } else {
            bytes.extend(std::fs::read(&path).expect("a file"));
        }
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const CONFIG: &str = r#"
node = "node-1"

[[carriers]]
id = "north"
address = "127.0.0.1:5060"
weight = 1
channels = 1
user = "dialer"
password = "hunter2"

[[campaigns]]
id = "loans"
name = "Loans"
script = "scripts/business_loan_en.toml"
leads = "leads.csv"
"#;

/// The numbers differ from those of every other file, so that finding one means something.
const LEADS: &str = "phone,name,age,mobile,mail\n\
    +12125550191,Zebulon,33,(212) 555-0193,zebulon@archer.example\n\
    +12125550192,Quillon,34,,\n";

/// The configuration above, below a folder of its own.
fn configured(folder: &Path) -> Config {
    let mut config = Config::parse(Path::new("l.toml"), CONFIG).expect("a good file");
    config.data_dir = folder.join("data");
    let leads = folder.join("leads.csv");
    std::fs::write(&leads, LEADS).expect("a lead file");
    let campaign = &mut config.campaigns[0];
    campaign.script = Path::new(env!("CARGO_MANIFEST_DIR")).join(&campaign.script);
    campaign.leads = Some(leads);
    config.sip.listen.set_port(0);
    config
}

fn mute() -> Voices {
    Arc::new(|_| Arc::new(|_| Err("nobody speaks here".to_owned())))
}

async fn facts(log: &dyn EventLog) -> Vec<Event> {
    let events = log.read_all(AllRead::Start, Direction::Forwards, 100).await.expect("events");
    events.iter().map(|recorded| recorded.event().expect("a fact of ours")).collect()
}

#[tokio::test]
async fn neither_passwords_nor_people_reach_the_log_in_clear() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    let platform = Platform::open(config, mute(), true).await.expect("a platform");
    let report = &platform.imports()[0].1;
    assert_eq!((report.accepted, report.left_out.len()), (2, 2), "{report:?}");
    let log = platform.log();
    let events = log.read_all(AllRead::Start, Direction::Forwards, 100).await.expect("events");
    let settings = events
        .iter()
        .find_map(|recorded| match recorded.event() {
            Ok(Event::ConfigurationLoaded(fact)) => Some(fact.settings),
            _ => None,
        })
        .expect("the configuration is a fact");
    assert!(settings.contains("\"password\":\"‹secret›\""), "{settings}");
    assert!(settings.contains("\"user\":\"dialer\""), "{settings}");

    let bytes = bytes_below(folder.path().join("data/log").as_path());
    assert!(holds(&bytes, "ConfigurationLoaded"), "the right bytes are looked at");
    let people = ["2125550191", "2125550192", "555-0193", "Zebulon", "Quillon", "archer.example"];
    for secret in ["hunter2"].into_iter().chain(people) {
        assert!(!holds(&bytes, secret), "{secret} lies in the log");
    }
}

#[tokio::test]
async fn who_was_erased_can_not_be_read_and_is_not_dialled() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = configured(folder.path());
    let carrier = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    config.carriers[0].address = carrier.local_addr().expect("bound").into();
    import_only(&config, &config.campaigns[0]).await.expect("an import");
    for number in ["+12125550191", "+12125550192"] {
        let phone = number.parse().expect("a good number");
        let erased = erase(&config, &phone).await.expect("an erasure");
        assert_eq!((erased.had_key, erased.open_leads), (true, 1));
        let again = erase(&config, &phone).await.expect("nothing left to do");
        assert_eq!((again.subject_id, again.had_key), (erased.subject_id, false));
    }
    let stranger = "+12125550199".parse().expect("a good number");
    let error = erase(&config, &stranger).await.expect_err("unknown").to_string();
    assert!(error.contains("nobody") && !error.contains("0199"), "{error}");

    let platform = Platform::open(config.clone(), mute(), true).await.expect("a platform");
    let log = platform.log();
    let vault = Vault::open(&config.data_dir.join("keys"), &mut system_random).expect("keys");
    for fact in facts(&*log).await {
        if let Event::SubjectRegistered(fact) = fact {
            let opened = vault.open_sealed(fact.subject_id, &fact.ciphertext);
            assert!(matches!(opened, Err(VaultError::NoKey(_))), "it opens");
        }
    }
    let (_keep, stop) = oneshot::channel();
    platform.run(stop).await.expect("a run that ends by itself");
    let ends: Vec<_> = facts(&*log)
        .await
        .into_iter()
        .filter_map(|fact| match fact {
            Event::AttemptEnded(fact) => fact.reason,
            Event::LegStarted(_) => panic!("somebody was dialled"),
            _ => None,
        })
        .collect();
    assert_eq!(ends, ["subject_erased", "subject_erased"]);
    let mut datagram = [0; 2_048];
    while let Ok(length) = carrier.try_recv(&mut datagram) {
        assert!(!datagram[..length].starts_with(b"INVITE"), "an INVITE went out");
    }
}

#[tokio::test]
async fn erasing_needs_the_log_to_itself_and_the_right_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    let phone = "+12125550191".parse().expect("a good number");
    let error = erase(&config, &phone).await.expect_err("no log").to_string();
    assert!(error.contains("no log in") && error.contains("--data-dir"), "{error}");
    assert!(!config.data_dir.exists(), "nothing is made where nothing is");
    let platform = Platform::open(config.clone(), mute(), true).await.expect("a platform");
    let error = erase(&config, &phone).await.expect_err("held").to_string();
    assert!(error.contains("is held by"), "{error}");
    drop(platform);
}

#[tokio::test]
async fn lost_keys_are_not_replaced_by_new_ones() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    import_only(&config, &config.campaigns[0]).await.expect("an import");
    for name in ["installation.key", "subjects.keys"] {
        let path = config.data_dir.join("keys").join(name);
        std::fs::rename(&path, folder.path().join(name)).expect("lost");
        for _ in 0..2 {
            let error = import_only(&config, &config.campaigns[0]).await.expect_err("no keys");
            let error = error.to_string();
            assert!(error.contains(name) && error.contains("restore"), "{error}");
        }
        std::fs::rename(folder.path().join(name), &path).expect("found");
    }
}

#[tokio::test]
async fn a_carrier_that_is_not_configured_any_more_takes_no_calls() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = configured(folder.path());
    config.campaigns[0].leads = None;
    for name in ["north", "south", "south"] {
        config.carriers[0].id = crate::base::CarrierId::new(name).expect("a good id");
        let platform = Platform::open(config.clone(), mute(), true).await.expect("a platform");
        let (_keep, stop) = oneshot::channel();
        let log = platform.log();
        platform.run(stop).await.expect("a run that ends by itself");
        let failed = facts(&*log).await.into_iter().filter_map(|fact| match fact {
            Event::CarrierFailed(fact) => Some(format!("{} {}", fact.carrier_id, fact.reason)),
            _ => None,
        });
        let failed: Vec<_> = failed.collect();
        let wanted: &[&str] = if name == "north" { &[] } else { &["north not_configured"] };
        assert_eq!(failed, wanted);
    }
}

/// What a crash between the last leads and the record of their file leaves behind looks like a
/// file of which nothing is new.
#[tokio::test]
async fn a_file_is_recorded_once_even_where_it_brings_no_leads() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configured(folder.path());
    let campaign = &config.campaigns[0];
    let leads = campaign.leads.clone().expect("a file");
    import_only(&config, campaign).await.expect("an import");
    let broken = LEADS.to_owned() + "12125550193,Xavier,35,,\n";
    std::fs::write(&leads, broken).expect("a lead file");
    for _ in 0..2 {
        let report = import_only(&config, campaign).await.expect("an import");
        assert_eq!((report.accepted, report.duplicates, report.rejected), (0, 2, 1));
    }
    let (log, _) = EmbeddedLog::open_read_only(&config.data_dir.join("log")).expect("a log");
    let facts = facts(&log).await;
    let count = |name| facts.iter().filter(|fact| fact.name() == name).count();
    assert_eq!((count("LeadsImported"), count("LeadRowRejected")), (2, 1));
    let orders: Vec<_> = facts
        .iter()
        .filter_map(|fact| match fact {
            Event::LeadImported(fact) => Some(fact.list_order),
            _ => None,
        })
        .collect();
    assert_eq!(orders, [1, 2], "as the catalogue says");
}

/// A request that a stranger sends.
fn asked(method: &str, number: u32) -> String {
    format!(
        "{method} sip:12125550191@127.0.0.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{number};rport\r\n\
         From: <sip:eve@127.0.0.1>;tag=e\r\nTo: <sip:12125550191@127.0.0.1>\r\n\
         Call-ID: {number}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
}

#[tokio::test]
async fn what_is_not_taken_is_counted_by_reason_and_by_no_address() {
    let folder = tempfile::tempdir().expect("a folder");
    let platform = Platform::open(configured(folder.path()), mute(), true).await;
    let platform = platform.expect("a platform");
    let metrics = platform.log().metrics().expect("a log that counts");
    let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    let to = ("127.0.0.1", platform.sip().port());
    peer.send_to(b"hello\r\n\r\n", to).await.expect("sent");
    let mut datagram = [0; 2_048];
    // What came before a request is counted once the one after it is answered.
    for (number, (method, status)) in
        [("INVITE", "403"), ("OPTIONS", "200"), ("OPTIONS", "200")].into_iter().enumerate()
    {
        let request = asked(method, number as u32);
        peer.send_to(request.as_bytes(), to).await.expect("sent");
        let length = peer.recv(&mut datagram).await.expect("an answer");
        let answer = String::from_utf8_lossy(&datagram[..length]).into_owned();
        assert!(answer.starts_with(&format!("SIP/2.0 {status}")), "{answer}");
    }
    let text = metrics.text();
    for line in [
        "ledgerline_sip_screened_total{reason=\"malformed\"} 1",
        "ledgerline_sip_screened_total{reason=\"call\"} 1",
        "ledgerline_sip_screened_total{reason=\"too_many\"} 0",
        "ledgerline_media_screened_total{reason=\"stranger\"} 0",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} in {text}");
    }
    assert!(!text.contains("127.0.0.1"), "{text}");
}
