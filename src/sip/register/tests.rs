//! Registering: by literal answers, and with our own registrar over a bad network.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::Rng;
use crate::sip::{DigestHash, Output, Phone, PhoneGone, Timers, UserAgentConfig};

const ID: RegistrationId = RegistrationId(3);
const CLIENT: &str = "192.0.2.10:5060";
const SERVER: &str = "198.51.100.7:5060";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn agent(local: &str, seed: u64) -> UserAgent {
    let config = UserAgentConfig {
        refuse_calls: None,
        local: address(local),
        product: "Ledgerline".to_owned(),
        timers: Timers::default(),
        challenge: None,
    };
    UserAgent::new(config, Rng::from_seed(seed))
}

fn registration(password: &str) -> Registration {
    Registration {
        id: ID,
        to: address(SERVER).into(),
        domain: None,
        user: "trunk".to_owned(),
        credentials: Credentials { user: "trunk".to_owned(), password: password.to_owned() },
        expires: Millis::from_secs(3_600),
    }
}

/// The client alone; its registrar is played by the test.
struct Bench {
    ua: UserAgent,
    now: Timestamp,
    sent: Vec<String>,
    events: Vec<UaEvent>,
}

impl Bench {
    fn new() -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let mut ua = agent(CLIENT, 5);
        ua.register(now, registration("open sesame"));
        let mut bench = Self { ua, now, sent: Vec::new(), events: Vec::new() };
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => self.sent.push(String::from_utf8(bytes).unwrap()),
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Lets time pass up to the next REGISTER with another number; nothing where none comes.
    fn wait(&mut self, ms: u64) -> Option<Millis> {
        let (start, until) = (self.now, self.now.plus(Millis(ms)));
        let before = self.last().map(|sent| header(&sent, "CSeq"));
        while let Some(at) = self.ua.poll_timeout().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.ua.handle_timeout(self.now);
            self.drain();
            if self.last().map(|sent| header(&sent, "CSeq")) != before {
                return Some(self.now.since(start));
            }
        }
        self.now = until;
        None
    }

    fn last(&self) -> Option<String> {
        self.sent.last().cloned()
    }

    /// Answers the last request.
    fn answer(&mut self, status: &str, more: &str) {
        let sent = self.last().expect("a request");
        let copied: String = ["Via", "From", "Call-ID", "CSeq"]
            .map(|name| format!("{name}: {}\r\n", header(&sent, name)))
            .concat();
        let to = header(&sent, "To");
        let text = format!("SIP/2.0 {status}\r\n{copied}To: {to};tag=r\r\n{more}\r\n");
        self.ua.receive(self.now, address(SERVER), text.as_bytes());
        self.drain();
    }

    fn events(&mut self) -> Vec<UaEvent> {
        std::mem::take(&mut self.events)
    }
}

fn header(message: &str, name: &str) -> String {
    let value = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {message}")).to_owned()
}

const ASKED: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";

fn held(expires_s: u64) -> UaEvent {
    UaEvent::Registered { id: ID, expires: Millis::from_secs(expires_s) }
}

fn lost(status: Option<u16>) -> UaEvent {
    UaEvent::RegistrationLost { id: ID, status }
}

#[test]
fn it_registers_proves_itself_and_refreshes_in_time() {
    let mut bench = Bench::new();
    let first = bench.last().unwrap();
    assert!(first.starts_with("REGISTER sip:198.51.100.7:5060 SIP/2.0\r\n"), "{first}");
    assert_eq!(header(&first, "To"), "<sip:trunk@198.51.100.7:5060>");
    assert_eq!(header(&first, "Contact"), "<sip:trunk@192.0.2.10:5060>");
    assert_eq!(header(&first, "Expires"), "3600");
    bench.answer("401 Unauthorized", ASKED);
    let second = bench.last().unwrap();
    assert_eq!(header(&second, "CSeq"), "2 REGISTER");
    assert_eq!(header(&second, "Call-ID"), header(&first, "Call-ID"));
    assert!(header(&second, "Authorization").contains("nc=00000001"));
    bench.answer("200 OK", "Contact: <sip:trunk@192.0.2.10:5060>;expires=1800\r\n");
    assert_eq!(bench.events(), [held(1_800)]);
    assert_eq!(bench.wait(10_000_000), Some(Millis::from_secs(1_620)), "nine tenths");
    let third = bench.last().unwrap();
    assert!(header(&third, "Authorization").contains("nc=00000002"), "{third}");
    bench.answer("200 OK", "Expires: 60\r\n");
    assert_eq!(bench.events(), [], "no news");
    assert_eq!(bench.wait(10_000_000), Some(Millis::from_secs(30)), "room for sending it again");
}

#[test]
fn a_nonce_that_ran_out_is_no_wrong_password() {
    let mut bench = Bench::new();
    bench.answer("401 Unauthorized", ASKED);
    bench.answer("200 OK", "");
    bench.wait(10_000_000);
    // No stale=true, as with kamailio.
    bench.answer("401 Unauthorized", &ASKED.replace("nonce=\"n\"", "nonce=\"m\""));
    let proof = header(&bench.last().unwrap(), "Authorization");
    assert!(proof.contains("nonce=\"m\"") && proof.contains("nc=00000001"), "{proof}");
    bench.answer("200 OK", "");
    assert_eq!(bench.events(), [held(3_600)]);
}

#[test]
fn a_wrong_password_is_told_once_and_tried_at_growing_pauses() {
    let mut bench = Bench::new();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        bench.answer("401 Unauthorized", ASKED);
        bench.answer("401 Unauthorized", ASKED);
        pauses.push(bench.wait(1_000_000).expect("another try").0);
    }
    assert_eq!(bench.events(), [lost(Some(401))]);
    for (pause, whole) in pauses.iter().zip([5, 10, 20, 40, 80, 160, 300, 300, 300]) {
        let whole = whole * 1_000;
        assert!((whole / 2..=whole).contains(pause), "{pauses:?}");
    }
}

#[test]
fn a_registrar_that_wants_longer_gets_it() {
    let mut bench = Bench::new();
    bench.answer("423 Interval Too Brief", "Min-Expires: 7200\r\n");
    assert_eq!(header(&bench.last().unwrap(), "Expires"), "7200");
    bench.answer("200 OK", "");
    assert_eq!(bench.events(), [held(7_200)]);
    let mut bench = Bench::new();
    for _ in 0..9 {
        bench.answer("423 Interval Too Brief", "Min-Expires: 10\r\n");
    }
    assert_eq!(bench.events(), [lost(Some(423))], "nonsense is no reason to go round for ever");
}

#[test]
fn a_pause_that_is_asked_for_is_kept() {
    let mut bench = Bench::new();
    bench.answer("503 Service Unavailable", "Retry-After: 120\r\n");
    assert_eq!(bench.events(), [lost(Some(503))]);
    assert_eq!(bench.wait(1_000_000), Some(Millis::from_secs(120)));
}

#[test]
fn a_registration_outlives_a_failed_refresh_but_not_its_time() {
    let mut bench = Bench::new();
    bench.answer("200 OK", "Expires: 600\r\n");
    assert_eq!(bench.events(), [held(600)]);
    bench.wait(10_000_000);
    bench.answer("503 Service Unavailable", "");
    assert_eq!(bench.events(), [], "the registrar has it still");
    let silent_since = bench.now;
    while bench.events.is_empty() {
        bench.wait(10_000);
    }
    assert_eq!(bench.events(), [lost(None)]);
    assert!(bench.now.since(silent_since) <= Millis::from_secs(70));
    bench.wait(1_000_000);
    bench.answer("200 OK", "Expires: 600\r\n");
    assert_eq!(bench.events(), [held(600)]);
}

#[test]
fn nobody_there_is_a_loss() {
    let mut bench = Bench::new();
    bench.wait(32_000);
    assert_eq!(bench.events(), [lost(None)]);
    assert_eq!(bench.ua.live_transactions(), 0);
    assert!(bench.wait(5_000).is_some(), "and tried again");
    bench.ua.transport_failed(bench.now, address(SERVER));
    bench.drain();
    assert_eq!(bench.events(), [], "told already");
}

#[test]
fn what_was_registered_is_taken_back() {
    let mut bench = Bench::new();
    bench.answer("401 Unauthorized", ASKED);
    bench.answer("200 OK", "");
    bench.ua.unregister(bench.now, ID);
    bench.drain();
    assert_eq!(header(&bench.last().unwrap(), "Expires"), "0");
    assert!(bench.ua.awaits_answer());
    bench.answer("200 OK", "");
    assert!(!bench.ua.awaits_answer());
    bench.events();
    assert_eq!(bench.wait(10_000_000), None, "and stays so");
    assert_eq!((bench.events(), bench.ua.poll_timeout()), (Vec::new(), None));
}

#[test]
fn it_moves_to_another_address_of_the_registrar() {
    let mut bench = Bench::new();
    bench.answer("200 OK", "Expires: 3600\r\n");
    assert_eq!(bench.events(), [held(3_600)]);
    let (before, other) = (bench.last().expect("a REGISTER"), address("203.0.113.99:5060"));
    bench.ua.move_registration(bench.now, ID, other.into());
    let mut sent = None;
    while let Some(output) = bench.ua.poll_output() {
        if let Output::Transmit { to, bytes } = output {
            assert_eq!(to, other.into());
            sent = Some(String::from_utf8(bytes).expect("text"));
        }
    }
    let sent = sent.expect("at once");
    assert_eq!(header(&sent, "Call-ID"), header(&before, "Call-ID"));
    assert_ne!(header(&sent, "CSeq"), header(&before, "CSeq"));
    // It is there already: nothing more is sent.
    bench.ua.move_registration(bench.now, ID, other.into());
    assert_eq!(bench.ua.poll_output(), None);
    // What is taken back stays so.
    bench.ua.unregister(bench.now, ID);
    bench.drain();
    bench.ua.move_registration(bench.now, ID, address(SERVER).into());
    assert_eq!(bench.ua.poll_output(), None);
}

#[test]
fn neither_user_nor_password_prints() {
    let text = format!("{:?}", registration("open sesame"));
    assert!(!text.contains("trunk") && !text.contains("sesame"), "{text}");
}

/// Both sides of ours, over a network that loses, doubles and delays.
struct Pair {
    client: UserAgent,
    server: UserAgent,
    now: Timestamp,
    weather: Rng,
    loss: u32,
    /// Datagrams on their way, by when they arrive.
    wire: BTreeMap<(Timestamp, u64), (bool, Vec<u8>)>,
    serial: u64,
    heard: Vec<UaEvent>,
}

impl Pair {
    fn new(seed: u64, loss: u32, hashes: &[DigestHash], password: &str) -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let mut server = agent(SERVER, seed ^ 1);
        let user = Credentials { user: "trunk".to_owned(), password: "open sesame".to_owned() };
        server.admit_phones("phones", hashes, vec![user]);
        let mut client = agent(CLIENT, seed ^ 2);
        client.register(now, registration(password));
        let weather = Rng::from_seed(seed);
        let (wire, heard) = (BTreeMap::new(), Vec::new());
        Self { client, server, now, weather, loss, wire, serial: 0, heard }
    }

    fn pump(&mut self) {
        for to_server in [true, false] {
            let side = if to_server { &mut self.client } else { &mut self.server };
            while let Some(output) = side.poll_output() {
                let Output::Transmit { bytes, .. } = output else {
                    let Output::Event(event) = output else { continue };
                    self.heard.push(event);
                    continue;
                };
                let copies = 1 + u32::from(self.weather.chance(crate::base::Ppm(self.loss)));
                for _ in 0..copies {
                    if !self.weather.chance(crate::base::Ppm(self.loss)) {
                        let at = self.now.plus(Millis(self.weather.below(700)));
                        self.serial += 1;
                        self.wire.insert((at, self.serial), (to_server, bytes.clone()));
                    }
                }
            }
        }
    }

    fn run(&mut self, seconds: u64) {
        let until = self.now.plus(Millis::from_secs(seconds));
        loop {
            self.pump();
            let next = [
                self.wire.keys().next().map(|(at, _)| *at),
                self.client.poll_timeout(),
                self.server.poll_timeout(),
            ];
            let Some(at) = next.into_iter().flatten().min().filter(|at| *at <= until) else {
                break;
            };
            self.now = at.max(self.now);
            if self.wire.keys().next().is_some_and(|(at, _)| *at <= self.now) {
                let (_, (to_server, bytes)) = self.wire.pop_first().unwrap();
                if to_server {
                    self.server.receive(self.now, address(CLIENT), &bytes);
                } else {
                    self.client.receive(self.now, address(SERVER), &bytes);
                }
            }
            self.client.handle_timeout(self.now);
            self.server.handle_timeout(self.now);
        }
        self.now = until;
    }
}

#[test]
fn our_two_sides_agree_with_either_hash() {
    use DigestHash::{Md5, Sha256};
    for hashes in [&[Md5][..], &[Sha256], &[Sha256, Md5]] {
        let mut pair = Pair::new(1, 0, hashes, "open sesame");
        pair.run(24 * 3_600);
        let there = UaEvent::PhoneRegistered {
            user: "trunk".to_owned(),
            phone: Phone { hop: address(CLIENT).into(), user: "trunk".to_owned() },
            expires: Millis::from_secs(3_600),
        };
        assert_eq!(pair.heard.len(), 2, "refreshed all day: {:?}", pair.heard);
        assert!(pair.heard.contains(&there) && pair.heard.contains(&held(3_600)));
        pair.client.unregister(pair.now, ID);
        pair.run(60);
        assert!(matches!(
            pair.heard.last(),
            Some(UaEvent::PhoneUnregistered { reason: PhoneGone::Removed, .. })
        ));
        let live = (pair.client.live_transactions(), pair.server.live_transactions());
        assert_eq!((live, pair.server.poll_timeout()), ((0, 0), None));
    }
}

#[test]
fn a_wrong_password_binds_nothing_and_leaves_nothing() {
    let mut pair = Pair::new(1, 0, &[DigestHash::Md5], "wrong");
    pair.run(600);
    assert_eq!(pair.heard, [lost(Some(401))]);
    assert_eq!(pair.server.reach("trunk"), None);
    assert_eq!((pair.server.live_transactions(), pair.server.poll_timeout()), (0, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the network does, both sides agree once it is good again, and nothing leaks.
    #[test]
    fn a_bad_network_only_delays_it(seed in any::<u64>(), loss in 0_u32..400_000) {
        let mut pair = Pair::new(seed, loss, &[DigestHash::Sha256, DigestHash::Md5], "open sesame");
        pair.run(2 * 3_600);
        pair.loss = 0;
        pair.run(3_600 + 400);
        let phone = pair.server.reach("trunk");
        prop_assert_eq!(phone.map(|phone| phone.hop.address), Some(address(CLIENT)));
        let ours = pair.heard.iter().rev().find(|event| {
            matches!(event, UaEvent::Registered { .. } | UaEvent::RegistrationLost { .. })
        });
        prop_assert!(matches!(ours, Some(UaEvent::Registered { .. })), "{:?}", pair.heard);
        pair.client.unregister(pair.now, ID);
        pair.run(120);
        prop_assert_eq!(pair.server.reach("trunk"), None);
        prop_assert_eq!(pair.client.live_transactions() + pair.server.live_transactions(), 0);
    }
}
