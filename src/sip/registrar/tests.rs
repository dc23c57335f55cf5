use std::net::SocketAddr;

use super::super::digest::DigestChallenge;
use super::super::{Output, Timers, UserAgentConfig};
use super::*;
use crate::base::Rng;

const LOCAL: &str = "192.0.2.10:5060";
const PHONE: &str = "203.0.113.9:4711";
const URI: &str = "sip:192.0.2.10";

/// Our registrar, and a phone that is spoken for by hand.
struct Desk {
    ua: UserAgent,
    now: Timestamp,
    number: u32,
    from: SocketAddr,
    password: &'static str,
    heard: Vec<UaEvent>,
}

/// A status, and the whole answer.
type Answer = (u16, String);

impl Desk {
    fn new() -> Self {
        let config = UserAgentConfig {
            refuse_calls: None,
            local: LOCAL.parse().unwrap(),
            product: "Ledgerline".to_owned(),
            timers: Timers::default(),
            challenge: None,
        };
        let mut ua = UserAgent::new(config, Rng::from_seed(1));
        let known = |user: &str| Credentials { user: user.to_owned(), password: "pw".to_owned() };
        ua.admit_phones("phones", &[DigestHash::Md5], vec![known("alex"), known("kim")]);
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        Self { ua, now, number: 0, from: PHONE.parse().unwrap(), password: "pw", heard: Vec::new() }
    }

    fn say(&mut self, user: &str, more: &str) -> Answer {
        self.number += 1;
        let text = format!(
            "REGISTER {URI} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK{};rport\r\n\
             From: <sip:{user}@192.0.2.10>;tag=p\r\nTo: <sip:{user}@192.0.2.10>\r\n\
             Call-ID: phone\r\nCSeq: {} REGISTER\r\n{more}\r\n",
            self.number, self.number
        );
        self.ua.receive(self.now, self.from, text.as_bytes());
        let sent = self.drain();
        assert_eq!(sent.len(), 1, "{sent:?}");
        let sent = sent.concat();
        (sent[8..11].parse().unwrap(), sent)
    }

    fn proof(&mut self, user: &str, uri: &str) -> String {
        let (status, asked) = self.say(user, "");
        assert_eq!(status, 401);
        let asked = DigestChallenge::read(&header(&asked, "WWW-Authenticate").unwrap()).unwrap();
        let known = Credentials { user: user.to_owned(), password: self.password.to_owned() };
        format!("Authorization: {}\r\n", asked.answer(&known, "REGISTER", uri, "c", 1))
    }

    /// A REGISTER that proves who it is.
    fn register(&mut self, user: &str, more: &str) -> Answer {
        let proof = self.proof(user, URI);
        self.say(user, &format!("{proof}{more}"))
    }

    fn drain(&mut self) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    assert_eq!(to, self.from.into());
                    sent.push(String::from_utf8(bytes).unwrap());
                }
                Output::Event(event) => self.heard.push(event),
            }
        }
        sent
    }

    fn events(&mut self) -> Vec<UaEvent> {
        self.drain();
        std::mem::take(&mut self.heard)
    }

    fn wait(&mut self, seconds: u64) {
        let until = self.now.plus(Millis::from_secs(seconds));
        while let Some(at) = self.ua.poll_timeout().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.ua.handle_timeout(self.now);
        }
        self.now = until;
    }
}

fn header(message: &str, name: &str) -> Option<String> {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.map(str::to_owned)
}

const CONTACT: &str = "Contact: <sip:alex-1@10.0.0.5:5060>\r\n";

#[test]
fn a_phone_is_reached_where_it_registered_from() {
    let mut desk = Desk::new();
    assert_eq!(desk.ua.reach("alex"), None);
    let (status, answer) = desk.register("alex", &format!("{CONTACT}Expires: 600\r\n"));
    assert_eq!(status, 200);
    let bound = "<sip:alex-1@10.0.0.5:5060>;expires=600";
    assert_eq!(header(&answer, "Contact").as_deref(), Some(bound));
    let phone =
        Phone { hop: PHONE.parse::<SocketAddr>().unwrap().into(), user: "alex-1".to_owned() };
    assert_eq!(desk.ua.reach("alex"), Some(phone.clone()));
    let user = || "alex".to_owned();
    let expires = Millis::from_secs(600);
    assert_eq!(desk.events(), [UaEvent::PhoneRegistered { user: user(), phone, expires }]);
    desk.wait(599);
    assert_eq!(desk.events(), []);
    desk.wait(1);
    let reason = PhoneGone::Expired;
    assert_eq!(desk.events(), [UaEvent::PhoneUnregistered { user: user(), reason }]);
    assert_eq!((desk.ua.reach("alex"), desk.ua.poll_timeout()), (None, None));
}

#[test]
fn who_is_not_known_is_asked_like_who_is() {
    let mut desk = Desk::new();
    desk.password = "wrong";
    let blank = |text: String| {
        let nonce = text.split("nonce=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let tag = text.split("tag=").nth(2).unwrap().split('\r').next().unwrap().to_owned();
        let text = text.replace(&nonce, "").replace(&tag, "").replace("stranger", "alex");
        let lines =
            text.lines().filter(|line| !line.starts_with("CSeq") && !line.starts_with("Via"));
        lines.collect::<Vec<_>>().join("\n")
    };
    let known = blank(desk.register("alex", CONTACT).1);
    let unknown = blank(desk.register("stranger", CONTACT).1);
    assert!(known.starts_with("SIP/2.0 401 "), "{known}");
    assert_eq!(known, unknown);
    assert_eq!(desk.ua.live_transactions(), 0, "nothing of it is remembered");
    assert_eq!(desk.events(), []);
}

#[test]
fn one_user_cannot_register_another() {
    let mut desk = Desk::new();
    let proof = desk.proof("kim", URI);
    assert_eq!(desk.say("alex", &format!("{proof}{CONTACT}")).0, 403);
    assert_eq!(desk.ua.reach("alex"), None);
}

#[test]
fn a_proof_that_was_read_on_the_way_is_worth_nothing() {
    let mut desk = Desk::new();
    let proof = desk.proof("alex", URI);
    let request = format!("{proof}{CONTACT}");
    assert_eq!(desk.say("alex", &request).0, 200);
    let thief = "Contact: <sip:thief@198.51.100.66>\r\n";
    let (status, again) = desk.say("alex", &format!("{proof}{thief}"));
    assert_eq!(status, 401);
    assert!(header(&again, "WWW-Authenticate").unwrap().contains("stale=true"), "{again}");
    let elsewhere = desk.proof("alex", "sip:elsewhere.example");
    assert_eq!(desk.say("alex", &format!("{elsewhere}{thief}")).0, 401);
    desk.from = "198.51.100.66:5060".parse().unwrap();
    let proof = desk.proof("alex", URI);
    desk.from = PHONE.parse().unwrap();
    assert_eq!(desk.say("alex", &format!("{proof}{thief}")).0, 401, "a nonce of another peer");
    assert_eq!(desk.ua.reach("alex").unwrap().user, "alex-1");
}

#[test]
fn times_are_bounded() {
    for (asked, status, granted) in [
        ("Expires: 59\r\n", 423, None),
        ("Expires: 60\r\n", 200, Some("60")),
        ("Expires: 3600\r\n", 200, Some("3600")),
        ("Expires: 99999999999999999999999\r\n", 200, Some("3600")),
        ("", 200, Some("3600")),
        ("Expires: soon\r\n", 400, None),
    ] {
        let mut desk = Desk::new();
        let (given, answer) = desk.register("alex", &format!("{CONTACT}{asked}"));
        assert_eq!(given, status, "{asked}");
        let contact = header(&answer, "Contact");
        let left = contact.as_ref().and_then(|contact| contact.split("expires=").nth(1));
        assert_eq!(left, granted, "{asked}");
        if status == 423 {
            assert_eq!(header(&answer, "Min-Expires").as_deref(), Some("60"));
        }
    }
}

#[test]
fn bindings_of_a_user_are_bounded_and_the_newest_is_called() {
    let mut desk = Desk::new();
    for place in 1..=7 {
        desk.wait(1);
        desk.from = format!("203.0.113.9:{}", 5_000 + place).parse().unwrap();
        let contact = format!("Contact: <sip:alex@10.0.0.{place}>\r\n");
        assert_eq!(desk.register("alex", &contact).0, 200);
    }
    let (_, answer) = desk.register("alex", "");
    assert_eq!(answer.matches("\r\nContact: ").count(), 5);
    assert_eq!(desk.ua.reach("alex").unwrap().hop.address.port(), 5_007);
    let (_, answer) = desk.register("alex", "Contact: *\r\nExpires: 0\r\n");
    assert_eq!(answer.matches("\r\nContact: ").count(), 0);
    assert_eq!(desk.ua.reach("alex"), None);
    let many: String = (1..=6).map(|n| format!("Contact: <sip:a@10.0.0.{n}>\r\n")).collect();
    assert_eq!(desk.register("alex", &many).0, 400);
}

#[test]
fn a_request_changes_all_or_nothing() {
    let mut desk = Desk::new();
    for wrong in [
        "Contact: <sip:a@10.0.0.1>, <sip:b@10.0.0.2>;expires=5\r\n",
        "Contact: <sip:a@10.0.0.1>, <mailto:b@10.0.0.2>\r\n",
        "Contact: <sip:a@10.0.0.1>, *\r\nExpires: 0\r\n",
        "Contact: *\r\n",
        "Contact: *\r\nExpires: 60\r\n",
    ] {
        let (status, _) = desk.register("alex", wrong);
        assert!(status == 400 || status == 423, "{wrong}");
        assert_eq!(desk.ua.reach("alex"), None, "{wrong}");
    }
}

#[test]
fn an_older_request_that_comes_late_changes_nothing() {
    let mut desk = Desk::new();
    desk.number = 100;
    assert_eq!(desk.register("alex", CONTACT).0, 200);
    desk.number = 50;
    assert_eq!(desk.register("alex", &format!("{CONTACT}Expires: 0\r\n")).0, 500);
    assert!(desk.ua.reach("alex").is_some());
    desk.number = 200;
    assert_eq!(desk.register("alex", &format!("{CONTACT}Expires: 0\r\n")).0, 200);
    assert!(desk.ua.reach("alex").is_none());
}

#[test]
fn what_a_phone_requires_and_we_lack_is_named() {
    let mut desk = Desk::new();
    let (status, answer) = desk.say("alex", "Require: path\r\n");
    assert_eq!((status, header(&answer, "Unsupported").as_deref()), (420, Some("path")));
}

#[test]
fn a_repeated_request_gets_its_answer_again() {
    let mut desk = Desk::new();
    let proof = desk.proof("alex", URI);
    let first = desk.say("alex", &format!("{proof}{CONTACT}"));
    desk.number -= 1;
    assert_eq!(desk.say("alex", &format!("{proof}{CONTACT}")), first);
}
