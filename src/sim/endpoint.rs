//! A simulated telephone exchange: SIP and RTP of any number of calls on one SIP port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use crate::base::{Clock, LegId, Millis, Rng, Timestamp};
use crate::media::{self, Clip, Digit, Direction, MediaEvent, MediaSettings};
use crate::runtime::wire::{DATAGRAM_MAX, ListenError, MediaLeg, MediaNews, bind_udp, until};
use crate::sip::{Challenge, Output, Timers, UaEvent, UserAgent, UserAgentConfig};

/// How long a simulated key is held.
const KEY: Millis = Millis(140);

/// A simulated part cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The socket failed.
    #[error("receive SIP: {0}")]
    Receive(#[from] std::io::Error),
    /// The lead file says who lives where.
    #[error("{path}: {problem}")]
    LeadFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// What happens at an exchange.
pub(super) enum Happening {
    /// A call comes in; it has media once it is answered.
    Incoming { leg_id: LegId, called: String, sdp: Option<String> },
    /// A call is over.
    Over { leg_id: LegId },
    /// Something was heard.
    Heard(MediaNews),
    /// The moment asked for has come.
    Due,
}

/// An exchange.
pub(super) struct Endpoint {
    user_agent: UserAgent,
    socket: UdpSocket,
    local: SocketAddr,
    legs: BTreeMap<LegId, MediaLeg>,
    /// What each leg's session descriptions are told apart by, and the number of the last one.
    sessions: BTreeMap<LegId, (u64, u64)>,
    news: mpsc::UnboundedReceiver<MediaNews>,
    news_sender: mpsc::UnboundedSender<MediaNews>,
    clock: Arc<dyn Clock>,
    rng: Rng,
    buffer: Vec<u8>,
}

impl Endpoint {
    pub(super) async fn bind(
        listen: SocketAddr,
        challenge: Option<Challenge>,
        clock: Arc<dyn Clock>,
        rng: Rng,
    ) -> Result<Self, SimError> {
        let socket = bind_udp("SIP udp", listen).await?;
        let local = socket.local_addr()?;
        let user_agent = UserAgent::new(
            UserAgentConfig {
                local,
                product: "Ledgerline-sim".to_owned(),
                timers: Timers::default(),
                challenge,
                refuse_calls: None,
            },
            rng.fork("sip"),
        );
        let (news_sender, news) = mpsc::unbounded_channel();
        let buffer = vec![0; DATAGRAM_MAX];
        let (legs, sessions) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self {
            user_agent,
            socket,
            local,
            legs,
            sessions,
            news,
            news_sender,
            clock,
            rng,
            buffer,
        })
    }

    pub(super) const fn local(&self) -> SocketAddr {
        self.local
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Waits for the next happening, at most until a moment.
    pub(super) async fn next(&mut self, due: Option<Timestamp>) -> Result<Happening, SimError> {
        loop {
            if let Some(happening) = self.drain().await {
                return Ok(happening);
            }
            let now = self.clock.now();
            if due.is_some_and(|due| due <= now) {
                return Ok(Happening::Due);
            }
            let wake = self.user_agent.poll_timeout().into_iter().chain(due).min();
            tokio::select! {
                received = self.socket.recv_from(&mut self.buffer) => match received {
                    Ok((length, from)) => {
                        let datagram = self.buffer.get(..length).unwrap_or_default();
                        self.user_agent.receive(self.clock.now(), from, datagram);
                    }
                    // The platform went away; SIP's timers notice.
                    Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                    Err(error) => return Err(error.into()),
                },
                Some(news) = self.news.recv() => return Ok(Happening::Heard(news)),
                () = tokio::time::sleep(until(wake, now)) => {}
            }
            let now = self.clock.now();
            if self.user_agent.poll_timeout().is_some_and(|due| due <= now) {
                self.user_agent.handle_timeout(now);
            }
        }
    }

    /// Sends what is to be sent; gives back the first thing that matters here.
    async fn drain(&mut self) -> Option<Happening> {
        while let Some(output) = self.user_agent.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    // What is lost is sent again.
                    drop(self.socket.send_to(&bytes, to).await);
                }
                Output::Event(UaEvent::Incoming { leg, called, sdp, .. }) => {
                    return Some(Happening::Incoming { leg_id: leg, called, sdp });
                }
                Output::Event(
                    UaEvent::Ended { leg, .. }
                    | UaEvent::Failed { leg, .. }
                    | UaEvent::Refused { leg, .. }
                    | UaEvent::Cancelled { leg, .. },
                ) => {
                    drop(self.legs.remove(&leg));
                    self.sessions.remove(&leg);
                    return Some(Happening::Over { leg_id: leg });
                }
                Output::Event(UaEvent::Offered { leg, sdp }) => self.offered(leg, sdp.as_deref()),
                Output::Event(_) => {}
            }
        }
        None
    }

    /// The platform's side holds, resumes or moves: the exchange goes along.
    fn offered(&mut self, leg_id: LegId, sdp: Option<&str>) {
        let now = self.clock.now();
        let both = (self.legs.get(&leg_id), self.sessions.get_mut(&leg_id));
        let (Some(leg), Some((session_id, version))) = both else {
            return self.user_agent.refuse_offer(now, leg_id, 488);
        };
        *version += 1;
        let Some(sdp) = sdp else {
            let offer = media::offer_again(leg.local(), *session_id, *version, Direction::SendRecv);
            return self.user_agent.answer_offer(now, leg_id, offer);
        };
        match media::answer_again(sdp, leg.local(), *session_id, *version) {
            Ok((answer, negotiated)) => {
                leg.set_remote(negotiated);
                self.user_agent.answer_offer(now, leg_id, answer);
            }
            Err(_) => self.user_agent.refuse_offer(now, leg_id, 488),
        }
    }

    pub(super) fn ring(&mut self, leg_id: LegId) {
        self.user_agent.ring(self.clock.now(), leg_id);
    }

    pub(super) fn reject(&mut self, leg_id: LegId, status: u16, q850: Option<u8>) {
        self.user_agent.reject(self.clock.now(), leg_id, status, q850);
    }

    pub(super) fn hang_up(&mut self, leg_id: LegId) {
        self.user_agent.hang_up(self.clock.now(), leg_id, Some(16));
    }

    /// Answers with media; a session that cannot be used is refused with 488. Whether it works.
    pub(super) async fn answer(&mut self, leg_id: LegId, sdp: Option<&str>) -> bool {
        // Nobody here asks what a tone means.
        let settings = MediaSettings { detect_progress: false, ..MediaSettings::default() };
        let rng = self.rng.fork(&leg_id.to_string());
        let (clock, news) = (self.clock.clone(), self.news_sender.clone());
        let opened = MediaLeg::open(leg_id, self.local.ip(), settings, rng, clock, news).await;
        let Ok(leg) = opened else {
            self.reject(leg_id, 503, Some(34));
            return false;
        };
        let session_id = self.rng.bits() >> 1;
        match media::answer(sdp.unwrap_or_default(), leg.local(), session_id) {
            Ok((answer, negotiated)) => {
                leg.set_remote(negotiated);
                self.legs.insert(leg_id, leg);
                self.sessions.insert(leg_id, (session_id, 0));
                self.user_agent.answer(self.clock.now(), leg_id, answer);
                true
            }
            Err(_) => {
                self.reject(leg_id, 488, Some(88));
                false
            }
        }
    }

    pub(super) fn play(&self, leg_id: LegId, clip: Clip) {
        if let Some(leg) = self.legs.get(&leg_id) {
            leg.play(0, clip);
        }
    }

    pub(super) fn press(&self, leg_id: LegId, key: char) {
        if let (Some(leg), Ok(digit)) = (self.legs.get(&leg_id), Digit::try_from(key)) {
            leg.send_digit(digit, KEY);
        }
    }
}

/// Whether news says that the other side began or stopped to talk.
pub(super) const fn talks(event: &MediaEvent) -> Option<bool> {
    match event {
        MediaEvent::SpeechStarted { .. } => Some(true),
        MediaEvent::SpeechEnded { .. } => Some(false),
        _ => None,
    }
}
