//! Carriers by name (RFC 3263): the DNS server is dnsmasq, the carriers are SIPp and kamailio.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::dnsmasq::{Dnsmasq, host, naptr, srv};
use super::gateway::Gateway;
use super::kamailio::Kamailio;
use super::peer::{Sipp, free_port};
use super::platform::{Log, Stage};
use super::registered::wait_until_it_answers;
use super::{count, media};

/// A port where somebody listens and never answers.
fn silent() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").expect("a port")
}

fn port(socket: &UdpSocket) -> u16 {
    socket.local_addr().expect("an address").port()
}

/// What came to a silent port.
fn heard(socket: &UdpSocket) -> Vec<String> {
    socket.set_nonblocking(true).expect("a socket");
    let mut datagram = [0; 4_096];
    let mut all = Vec::new();
    while let Ok(length) = socket.recv(&mut datagram) {
        all.push(String::from_utf8_lossy(&datagram[..length]).into_owned());
    }
    all
}

/// The value of a header of the first INVITE in some text.
fn of_invite<'t>(text: &'t str, name: &str) -> &'t str {
    let invite = &text[text.find("INVITE sip:").expect("an INVITE")..];
    let value = invite.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {invite}"))
}

/// A stage that asks this server, and again every second.
fn stage(leads: u32, dns: &Dnsmasq) -> Stage {
    let mut stage = Stage::new(leads);
    stage.sip(&format!("dns = [\"{}\"]\ndns_keep_s = 1", dns.address));
    stage
}

/// A carrier with one channel.
fn one_at_a_time(address: &str, more: &str) -> String {
    format!(
        "[[carriers]]\nid = \"named\"\naddress = \"{address}\"\nweight = 1\nchannels = 1\n{more}\n"
    )
}

fn dispositions(log: &Log) -> Vec<&str> {
    let ends = log.fields("AttemptEnded", "disposition").into_iter();
    ends.map(|it| it.as_str().unwrap_or_default()).collect()
}

/// Waits for something to be so.
fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(50));
    }
    panic!("no {what}");
}

/// A folder that outlives the stage.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn naptr_srv_and_addresses_lead_past_a_dead_target_to_the_next_in_one_leg() {
    let (folder, dead) = (folder(), silent());
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(folder.path(), "keys.xml", &media(&gateway));
    let dns = Dnsmasq::start(
        folder.path(),
        &[
            naptr("voip.test", 20, "SIP+D2T", "_sip._tcp.voip.test"),
            naptr("voip.test", 10, "SIP+D2U", "_sip._udp.east.test"),
            srv("_sip._tcp.voip.test", "c.voip.test", 9, 1),
            srv("_sip._udp.east.test", "b.voip.test", sipp.sip.port(), 2),
            srv("_sip._udp.east.test", "a.voip.test", port(&dead), 1),
            host("a.voip.test", "127.0.0.1"),
            host("b.voip.test", "127.0.0.1"),
            host("c.voip.test", "127.0.0.1"),
        ],
    );
    let log = stage(1, &dns).agents(&one_at_a_time("VoIP.test.", "")).run();
    let messages = sipp.messages();
    sipp.verdict().expect(1);

    assert_eq!(dispositions(&log), ["answered_human"]);
    assert_eq!((log.all("CarrierChosen").len(), log.all("LegStarted").len()), (1, 1), "one leg");
    let waited = count(log.one("LegProgressed"), "after_ms");
    let dead: String = heard(&dead).concat();
    assert!(dead.contains("OPTIONS sip:"), "probed, too");
    assert!(dead.contains("INVITE sip:+12025550110@voip.test SIP/2.0"), "{dead}");
    for name in ["Call-ID", "CSeq", "From"] {
        assert_eq!(of_invite(&dead, name), of_invite(&messages, name), "the same call");
    }
    assert_ne!(of_invite(&dead, "Via"), of_invite(&messages, "Via"));
    assert!(waited < 3_000, "{waited} ms");
    let chosen = log.one("CarrierChosen").to_string() + &log.one("LegStarted").to_string();
    assert!(!chosen.contains("127.0.0.1"), "facts name carriers and not their addresses");
}

#[test]
fn the_transport_that_the_name_offers_is_spoken() {
    let folder = folder();
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier_by_tcp(folder.path(), "keys.xml", &media(&gateway));
    let dns = Dnsmasq::start(
        folder.path(),
        &[
            srv("_sip._tcp.voip.test", "a.voip.test", sipp.sip.port(), 1),
            host("a.voip.test", "127.0.0.1"),
        ],
    );
    let log = stage(1, &dns).agents(&one_at_a_time("voip.test", "")).run();
    let messages = sipp.messages();
    sipp.verdict().expect(1);
    assert_eq!(dispositions(&log), ["answered_human"]);
    assert!(of_invite(&messages, "Via").starts_with("SIP/2.0/TCP "), "{messages}");
}

/// A call to `voip.test`, whose records lead by TLS to a server with a certificate for this name:
/// why its leg failed, and what OpenSSL heard.
fn by_tls(certified: &str) -> (String, String) {
    let folder = folder();
    let made = rcgen::generate_simple_self_signed([certified.to_owned()]).expect("a certificate");
    let path = |name: &str| folder.path().join(name);
    fs::write(path("cert.pem"), made.cert.pem()).expect("a file");
    fs::write(path("key.pem"), made.signing_key.serialize_pem()).expect("a file");
    let at = free_port();
    let mut openssl = Command::new("openssl")
        .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{at}")])
        .args(["-cert", "cert.pem", "-key", "key.pem"])
        .current_dir(folder.path())
        // It ends where its input does.
        .stdin(Stdio::piped())
        .stdout(fs::File::create(path("heard")).expect("a file"))
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl: apt-get install openssl");
    until("port of openssl", || TcpStream::connect(("127.0.0.1", at)).is_ok());
    let dns = Dnsmasq::start(
        folder.path(),
        &[
            naptr("voip.test", 10, "SIPS+D2T", "_sips._tcp.east.test"),
            srv("_sips._tcp.east.test", "a.east.test", at, 1),
            host("a.east.test", "127.0.0.1"),
        ],
    );
    let mut stage = stage(1, &dns);
    let authority = path("cert.pem");
    stage.sip(&format!(
        "dns = [\"{}\"]\ntls_ca = \"{}\"",
        dns.address,
        authority.to_str().expect("UTF-8")
    ));
    let log = stage.agents(&one_at_a_time("voip.test", "")).run();
    drop(openssl.kill());
    drop(openssl.wait());
    let failure = log.one("LegEnded")["failure"].as_str().unwrap_or_default().to_owned();
    (failure, fs::read_to_string(path("heard")).unwrap_or_default())
}

#[test]
fn a_certificate_must_name_what_was_configured_and_not_what_the_dns_says() {
    let (failure, heard) = by_tls("voip.test");
    assert!(heard.contains("INVITE sip:+12025550110@voip.test SIP/2.0"), "{heard}");
    assert!(heard.contains("Via: SIP/2.0/TLS "), "{heard}");
    assert_eq!(failure, "no_provisional", "OpenSSL speaks no SIP");
    let (failure, heard) = by_tls("a.east.test");
    assert_eq!((failure.as_str(), heard.as_str()), ("transport", ""));
}

#[test]
fn calls_go_on_while_the_dns_is_dead() {
    let folder = folder();
    let gateway = Gateway::pressing("99");
    let sipp = Sipp::carrier(folder.path(), "keys.xml", &media(&gateway));
    let dns = Dnsmasq::start(folder.path(), &[host("voip.test", "127.0.0.1")]);
    let address = format!("voip.test:{}", sipp.sip.port());
    let mut stage = stage(2, &dns);
    let running = stage.agents(&one_at_a_time(&address, "")).start();
    until("a first call", || sipp.messages().contains("INVITE sip:"));
    dns.end();
    running.until_it_says("its last addresses stay");
    let said = running.said();
    assert!(said.contains("name=\"voip.test\""), "{said}");
    let log = running.end();
    sipp.verdict().expect(2);
    assert_eq!(dispositions(&log), ["answered_human"; 2]);
    let said = stage.said();
    assert_eq!(said.matches("its last addresses stay").count(), 1, "said once: {said}");
    assert!(log.all("CarrierFailed").is_empty());
}

#[test]
fn a_record_that_changes_moves_the_calls() {
    let (folder, dead) = (folder(), silent());
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(folder.path(), "keys.xml", &media(&gateway));
    let records = |port: u16| {
        [srv("_sip._udp.voip.test", "a.voip.test", port, 1), host("a.voip.test", "127.0.0.1")]
    };
    let dns = Dnsmasq::start(folder.path(), &records(port(&dead)));
    // After two calls that fail the carrier is out; others wait for it.
    let mut stage = stage(5, &dns);
    let running = stage.agents(&one_at_a_time("voip.test", "transport = \"udp\"")).start();
    running.until_it_says("carrier taken out");
    let _dns = dns.change(folder.path(), &records(sipp.sip.port()));
    let log = running.end();
    assert_eq!(log.all("CarrierRecovered").len(), 1, "{}", stage.said());
    let ends = dispositions(&log);
    let answered = ends.iter().filter(|end| **end == "answered_human").count();
    sipp.verdict().expect(answered);
    assert!(answered >= 2 && ends.last() == Some(&"answered_human"), "{ends:?}");
    assert!(ends.starts_with(&["carrier_failed"; 2]), "{ends:?}");
}

#[test]
fn a_name_that_leads_nowhere_takes_its_carrier_out_until_it_leads_somewhere() {
    let folder = folder();
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(folder.path(), "keys.xml", &media(&gateway));
    let dns = Dnsmasq::start(folder.path(), &[host("other.test", "127.0.0.1")]);
    let address = format!("voip.test:{}", sipp.sip.port());
    let mut stage = stage(1, &dns);
    let running = stage.agents(&one_at_a_time(&address, "")).start();
    running.until_it_says("no carrier is left");
    let said = running.said();
    assert_eq!(said.matches("carrier not found by its name").count(), 1, "{said}");
    assert!(said.contains("no such name, or no address under it"), "{said}");
    let _dns = dns.change(folder.path(), &[host("voip.test", "127.0.0.1")]);
    let log = running.end();
    sipp.verdict().expect(1);
    assert_eq!(log.one("CarrierFailed")["reason"], "name_unresolved");
    assert_eq!(log.all("CarrierRecovered").len(), 1);
    assert_eq!(dispositions(&log), ["answered_human"]);
}

#[test]
fn one_carrier_without_a_name_that_leads_anywhere_does_not_hold_up_the_others() {
    let folder = folder();
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(folder.path(), "keys.xml", &media(&gateway));
    let dns = Dnsmasq::start(folder.path(), &[host("other.test", "127.0.0.1")]);
    let mut stage = stage(1, &dns);
    let log = stage.agents(&one_at_a_time("voip.test", "")).carrier(sipp.sip, "").run();
    sipp.verdict().expect(1);
    let chosen = log.one("CarrierChosen");
    assert_eq!(chosen["chosen"], "peer-1");
    let vetoes: Vec<&Value> =
        chosen["candidates"].as_array().expect("a list").iter().map(|one| &one["veto"]).collect();
    assert!(vetoes.contains(&&json!("down")), "{chosen}");
}

#[test]
fn a_registration_moves_to_the_target_that_answers() {
    let (folder, dead) = (folder(), silent());
    let gateway = Gateway::pressing("9");
    let sipp = Sipp::carrier(folder.path(), "keys.xml", &media(&gateway));
    let kamailio = Kamailio::before(sipp.sip, folder.path());
    wait_until_it_answers(kamailio.sip);
    let dns = Dnsmasq::start(
        folder.path(),
        &[
            srv("_sip._udp.carrier.example", "a.carrier.example", port(&dead), 1),
            srv("_sip._udp.carrier.example", "b.carrier.example", kamailio.sip.port(), 2),
            host("a.carrier.example", "127.0.0.1"),
            host("b.carrier.example", "127.0.0.1"),
        ],
    );
    let trunk = "register = true\nuser = \"trunk\"\npassword = \"open sesame\"\n\
                 register_expires_s = 60\ntech_prefix = \"77\"";
    let log = stage(1, &dns).agents(&one_at_a_time("carrier.example", trunk)).run();
    sipp.verdict().expect(1);
    assert!(!log.all("CarrierRegistered").is_empty());
    assert_eq!(dispositions(&log), ["answered_human"]);
    let dead = heard(&dead).concat();
    assert!(dead.contains("REGISTER sip:carrier.example SIP/2.0"), "asked first: {dead}");
}

#[test]
fn a_configuration_is_checked_with_its_names() {
    let folder = folder();
    let dns = Dnsmasq::start(folder.path(), &[host("voip.test", "192.0.2.7")]);
    let mut text = format!("[sip]\ndns = [\"{}\"]\n", dns.address);
    for (id, address) in
        [("good", "voip.test:5070"), ("gone", "gone.test"), ("number", "192.0.2.1:5060")]
    {
        write!(
            text,
            "[[carriers]]\nid = \"{id}\"\naddress = \"{address}\"\nweight = 1\nchannels = 1\n"
        )
        .expect("text");
    }
    let said = checked(folder.path(), &text);
    assert!(said.contains("carrier good: voip.test:5070 is 192.0.2.7:5070"), "{said}");
    assert!(said.contains("carrier gone: gone.test leads to no address"), "{said}");
    assert!(!said.contains("carrier number"), "{said}");
    let wrong = text.replace("gone.test", "gone_test");
    let said = checked(folder.path(), &wrong);
    assert!(said.contains("line 10") && said.contains("wanted a host name of letters"), "{said}");
}

/// What `config check` says.
fn checked(folder: &std::path::Path, text: &str) -> String {
    let path = folder.join("checked.toml");
    fs::write(&path, text).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_ledgerline"))
        .args(["config", "check"])
        .arg(path)
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&text).into_owned()
}
