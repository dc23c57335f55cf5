//! A simulated carrier with a mood, and the phones behind it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::base::{LegId, Millis, Rng, Timestamp};
use crate::sip::{Output, Timers, UaEvent, UserAgent, UserAgentConfig};

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                   m=audio 9 RTP/AVP 0\r\n";

/// What a carrier does with new calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Brings them to the phone.
    Works,
    /// 503 at once, and sometimes for how long.
    Refuses { retry_after_s: Option<u64> },
    /// Answers OPTIONS, and swallows INVITE.
    Swallows,
    /// Answers nothing at all.
    Dead,
}

impl Mood {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        match rng.below(5) {
            0 => Self::Refuses { retry_after_s: None },
            1 => Self::Refuses { retry_after_s: Some(rng.between(1, 40)) },
            2 => Self::Swallows,
            3 => Self::Dead,
            _ => Self::Works,
        }
    }
}

/// What a phone does next.
#[derive(Clone, Copy)]
enum Next {
    Ring(LegId),
    Answer(LegId),
    Refuse(LegId, u16, u8),
    HangUp(LegId),
}

pub(super) struct SimulatedCarrier {
    address: SocketAddr,
    pub(super) mood: Mood,
    user_agent: UserAgent,
    /// The mood each call met, by its Call-ID.
    met: BTreeMap<String, Mood>,
    phones: BTreeMap<(Timestamp, u64), Next>,
    numbers: BTreeMap<LegId, String>,
    serial: u64,
    rng: Rng,
    pub(super) sent: Vec<(SocketAddr, Vec<u8>)>,
    /// Numbers whose phone began to ring or was picked up.
    pub(super) rang: Vec<String>,
}

impl SimulatedCarrier {
    pub(super) fn new(address: SocketAddr, rng: Rng) -> Self {
        let config = UserAgentConfig {
            local: address,
            product: "carrier".to_owned(),
            timers: Timers::default(),
            challenge: None,
            refuse_calls: None,
        };
        Self {
            address,
            mood: Mood::Works,
            user_agent: UserAgent::new(config, rng.fork("sip")),
            met: BTreeMap::new(),
            phones: BTreeMap::new(),
            numbers: BTreeMap::new(),
            serial: 0,
            rng,
            sent: Vec::new(),
            rang: Vec::new(),
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn receive(&mut self, now: Timestamp, from: SocketAddr, datagram: &[u8]) {
        let text = String::from_utf8_lossy(datagram);
        let field = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.trim_end().to_owned())
        };
        let mood = match field("Call-ID:") {
            Some(call_id) if text.starts_with("OPTIONS") => {
                drop(call_id);
                self.mood
            }
            Some(call_id) => *self.met.entry(call_id).or_insert(self.mood),
            None => self.mood,
        };
        match mood {
            Mood::Dead => return,
            Mood::Swallows if text.starts_with("INVITE") => return,
            Mood::Refuses { retry_after_s } if text.starts_with("INVITE") => {
                let copied: String = ["Via:", "From:", "Call-ID:", "CSeq:"]
                    .into_iter()
                    .filter_map(|name| Some(field(name)? + "\r\n"))
                    .collect();
                let to = field("To:").unwrap_or_default();
                let wait = retry_after_s.map(|it| format!("Retry-After: {it}\r\n"));
                let answer = format!(
                    "SIP/2.0 503 Service Unavailable\r\n{copied}{to};tag=busy\r\n{}\
                     Content-Length: 0\r\n\r\n",
                    wait.unwrap_or_default()
                );
                self.sent.push((from, answer.into_bytes()));
                return;
            }
            Mood::Works | Mood::Refuses { .. } | Mood::Swallows => {}
        }
        self.user_agent.receive(now, from, datagram);
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        let phone = self.phones.keys().next().map(|(at, _)| *at);
        self.user_agent.poll_timeout().into_iter().chain(phone).min()
    }

    pub(super) fn work(&mut self, now: Timestamp) {
        if self.user_agent.poll_timeout().is_some_and(|due| due <= now) {
            self.user_agent.handle_timeout(now);
        }
        self.drain(now);
        while let Some(((at, serial), next)) = self.phones.first_key_value().map(|(k, v)| (*k, *v))
            && at <= now
        {
            self.phones.remove(&(at, serial));
            match next {
                Next::Ring(leg) => {
                    if let Some(number) = self.numbers.get(&leg) {
                        self.rang.push(number.clone());
                        self.user_agent.ring(now, leg);
                    }
                }
                Next::Answer(leg) => {
                    if let Some(number) = self.numbers.get(&leg) {
                        self.rang.push(number.clone());
                        self.user_agent.answer(now, leg, SDP.to_owned());
                    }
                }
                Next::Refuse(leg, status, q850) => {
                    self.user_agent.reject(now, leg, status, Some(q850));
                }
                Next::HangUp(leg) => self.user_agent.hang_up(now, leg, Some(16)),
            }
            self.drain(now);
        }
    }

    fn later(&mut self, at: Timestamp, next: Next) {
        self.serial += 1;
        self.phones.insert((at, self.serial), next);
    }

    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.user_agent.poll_output() {
            match output {
                Output::Transmit { to, bytes } => self.sent.push((to.address, bytes)),
                Output::Event(UaEvent::Incoming { leg, called, .. }) => {
                    self.numbers.insert(leg, called);
                    self.call(now, leg);
                }
                Output::Event(event) if event.is_terminal() => {
                    if let Some(leg) = event.leg() {
                        self.numbers.remove(&leg);
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Settles what becomes of a call.
    fn call(&mut self, now: Timestamp, leg: LegId) {
        let delay = now.plus(Millis(self.rng.between(300, 6_000)));
        match self.rng.below(10) {
            0 => self.later(delay, Next::Refuse(leg, 486, 17)),
            1 => self.later(delay, Next::Refuse(leg, 404, 1)),
            2 => self.later(delay, Next::Refuse(leg, 480, 20)),
            // Nobody comes to the phone.
            3 | 4 => self.later(delay, Next::Ring(leg)),
            // It is up before it rang.
            5 => self.later(delay, Next::Answer(leg)),
            _ => {
                self.later(delay, Next::Ring(leg));
                let answer = delay.plus(Millis(self.rng.between(2_000, 15_000)));
                self.later(answer, Next::Answer(leg));
                self.later(answer.plus(Millis(4_000)), Next::HangUp(leg));
            }
        }
    }
}
