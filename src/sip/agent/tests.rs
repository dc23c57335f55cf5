//! The user agent on the wire: literal messages in, datagrams and events out.

mod called;
mod caller;
mod commands;
mod early;
mod late;
mod network;
mod offers;
mod refers;
mod robust;
mod sessions;
mod strangers;
mod streams;
mod targets;
mod torture;

use std::net::SocketAddr;

use super::super::{
    Credentials, Identity, Invite, Output, Timers, UaEvent, UserAgent, UserAgentConfig,
};
use crate::base::{LegId, Millis, Rng, Timestamp};

const LOCAL: &str = "192.0.2.10:5060";
const PEER: &str = "198.51.100.7:5060";
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\n";

fn peer() -> SocketAddr {
    PEER.parse().unwrap()
}

fn config() -> UserAgentConfig {
    UserAgentConfig {
        local: LOCAL.parse().unwrap(),
        product: "Ledgerline".to_owned(),
        timers: Timers::default(),
        challenge: None,
        refuse_calls: None,
    }
}

/// One user agent with its time and what came out of it since the last look.
struct Bench {
    ua: UserAgent,
    now: Timestamp,
    sent: Vec<String>,
    events: Vec<UaEvent>,
}

impl Bench {
    fn new() -> Self {
        Self::with(config())
    }

    fn with(config: UserAgentConfig) -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let ua = UserAgent::new(config, Rng::from_seed(1));
        Self { ua, now, sent: Vec::new(), events: Vec::new() }
    }

    /// Lets time pass, firing what is due when it is due.
    fn wait(&mut self, ms: u64) {
        let until = self.now.plus(Millis(ms));
        while let Some(at) = self.ua.poll_timeout().filter(|at| *at <= until) {
            self.now = at.max(self.now);
            self.ua.handle_timeout(self.now);
        }
        self.now = until;
    }

    /// Hands in a message written with bare line feeds.
    fn hear(&mut self, text: &str) {
        let bytes = text.replace("\r\n", "\n").replace('\n', "\r\n");
        self.ua.receive(self.now, peer(), bytes.as_bytes());
    }

    fn drain(&mut self) {
        while let Some(output) = self.ua.poll_output() {
            match output {
                Output::Transmit { bytes, .. } => {
                    self.sent.push(String::from_utf8_lossy(&bytes).into_owned());
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    /// Datagrams since the last look.
    fn sent(&mut self) -> Vec<String> {
        self.drain();
        std::mem::take(&mut self.sent)
    }

    /// The first line of each datagram since the last look, without address.
    fn lines(&mut self) -> Vec<String> {
        let line = |text: &String| {
            let line = text.lines().next().unwrap_or_default().to_owned();
            if line.starts_with("SIP/") {
                line.replace("SIP/2.0 ", "")
            } else {
                line.split(' ').next().unwrap_or_default().to_owned()
            }
        };
        self.sent().iter().map(line).collect()
    }

    fn events(&mut self) -> Vec<UaEvent> {
        self.drain();
        std::mem::take(&mut self.events)
    }

    /// Starts a call and returns its INVITE.
    fn call(&mut self, credentials: Option<Credentials>) -> (LegId, String) {
        let leg = LegId::generate(self.now, &mut Rng::from_seed(9));
        let invite = Invite {
            leg,
            to: peer().into(),
            others: Vec::new(),
            host: None,
            called: "15555550123".to_owned(),
            identity: Identity::of("+15555550100"),
            credentials,
            sdp: OFFER.to_owned(),
            ring_timeout: Millis(20_000),
        };
        self.ua.invite(self.now, invite);
        let sent = self.sent();
        assert_eq!(sent.len(), 1);
        (leg, sent[0].clone())
    }

    /// The INVITE of a call that says so of its caller.
    fn call_as(&mut self, identity: Identity) -> String {
        let invite = Invite {
            leg: LegId::generate(self.now, &mut Rng::from_seed(10 + self.ua.calls.len() as u64)),
            to: peer().into(),
            others: Vec::new(),
            host: None,
            called: "15555550123".to_owned(),
            identity,
            credentials: None,
            sdp: OFFER.to_owned(),
            ring_timeout: Millis(20_000),
        };
        self.ua.invite(self.now, invite);
        self.sent().remove(0)
    }

    fn assert_nothing_left(&mut self) {
        self.wait(200_000);
        assert_eq!((self.ua.live_transactions(), self.ua.live_dialogs()), (0, 0));
        assert_eq!(self.ua.poll_timeout(), None);
    }
}

/// The value of a header in a written message.
fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// A peer's answer to a request of ours.
fn answer(request: &str, status: &str, more: &str, body: &str) -> String {
    let to = header(request, "To");
    let tag = if status.starts_with("100") || to.contains("tag=") { "" } else { ";tag=peer" };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    format!(
        "SIP/2.0 {status}\nVia: {}\nFrom: {}\nTo: {to}{tag}\nCall-ID: {}\nCSeq: {}\n{kind}{more}\
         Content-Length: {}\n\n{body}",
        header(request, "Via"),
        header(request, "From"),
        header(request, "Call-ID"),
        header(request, "CSeq"),
        body.len()
    )
}
