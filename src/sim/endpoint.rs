//! A simulated telephone exchange: SIP and RTP of any number of calls on one SIP port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::base::{Clock, LegId, Millis, Rng, Timestamp};
use crate::media::{self, Clip, Digit, Direction, MediaEvent, MediaSettings};
use crate::runtime::line::{Line, Streams};
use crate::runtime::wire::{
    ListenError, MediaLeg, MediaNews, MediaOptions, MediaPriority, MediaThreads, bind_udp, until,
};
use crate::sip::{Challenge, Timers, UaCommand, UaEvent, UserAgent, UserAgentConfig};

/// How long a simulated key is held.
const KEY: Millis = Millis(140);

/// A simulated part cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port cannot be had.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The socket has no address.
    #[error("listen on SIP udp: {0}")]
    Address(#[from] std::io::Error),
    /// The task that speaks SIP is gone.
    #[error("the SIP task ended before the exchange did, see the log for why")]
    LineGone,
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
    line: Line,
    local: SocketAddr,
    media: MediaThreads,
    legs: BTreeMap<LegId, MediaLeg>,
    /// What each leg's session descriptions are told apart by, and the number of the last one.
    sessions: BTreeMap<LegId, (u64, u64)>,
    news: mpsc::UnboundedReceiver<MediaNews>,
    news_sender: mpsc::UnboundedSender<MediaNews>,
    clock: Arc<dyn Clock>,
    rng: Rng,
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
        let priority = MediaPriority::Normal;
        let options = MediaOptions { threads: NonZeroUsize::new(1), ports: None, priority };
        let media =
            MediaThreads::start(local.ip(), options, clock.clone(), &mut rng.fork("media"))?;
        let (news_sender, news) = mpsc::unbounded_channel();
        let line = Line::open(socket, Streams::default(), user_agent, clock.clone());
        let (legs, sessions) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { line, local, media, legs, sessions, news, news_sender, clock, rng })
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
            tokio::select! {
                biased;
                event = self.line.next() => {
                    let event = event.ok_or(SimError::LineGone)?;
                    if let Some(happening) = self.take_in(event) {
                        return Ok(happening);
                    }
                }
                () = tokio::time::sleep(until(due, self.clock.now())) => return Ok(Happening::Due),
                Some(news) = self.news.recv() => return Ok(Happening::Heard(news)),
            }
        }
    }

    /// Takes in what SIP says; gives it back where it matters here.
    fn take_in(&mut self, event: UaEvent) -> Option<Happening> {
        match event {
            UaEvent::Incoming { leg, called, sdp, .. } => {
                Some(Happening::Incoming { leg_id: leg, called, sdp })
            }
            UaEvent::Ended { leg, .. }
            | UaEvent::Failed { leg, .. }
            | UaEvent::Refused { leg, .. }
            | UaEvent::Cancelled { leg, .. } => {
                drop(self.legs.remove(&leg));
                self.sessions.remove(&leg);
                Some(Happening::Over { leg_id: leg })
            }
            UaEvent::Offered { leg, sdp } => {
                self.offered(leg, sdp.as_deref());
                None
            }
            _ => None,
        }
    }

    /// The platform's side holds, resumes or moves: the exchange goes along.
    fn offered(&mut self, leg_id: LegId, sdp: Option<&str>) {
        let both = (self.legs.get(&leg_id), self.sessions.get_mut(&leg_id));
        let (Some(leg), Some((session_id, version))) = both else {
            return self.line.send(UaCommand::RefuseOffer { leg: leg_id, status: 488 });
        };
        *version += 1;
        let Some(sdp) = sdp else {
            let offer = media::offer_again(leg.local(), *session_id, *version, Direction::SendRecv);
            return self.line.send(UaCommand::AnswerOffer { leg: leg_id, sdp: offer });
        };
        match media::answer_again(sdp, leg.local(), *session_id, *version) {
            Ok((answer, negotiated)) => {
                leg.set_remote(negotiated);
                self.line.send(UaCommand::AnswerOffer { leg: leg_id, sdp: answer });
            }
            Err(_) => self.line.send(UaCommand::RefuseOffer { leg: leg_id, status: 488 }),
        }
    }

    pub(super) fn ring(&self, leg_id: LegId) {
        self.line.send(UaCommand::Ring { leg: leg_id });
    }

    pub(super) fn reject(&self, leg_id: LegId, status: u16, q850: Option<u8>) {
        self.line.send(UaCommand::Reject { leg: leg_id, status, q850 });
    }

    pub(super) fn hang_up(&self, leg_id: LegId) {
        self.line.hang_up(leg_id, Some(16));
    }

    /// Answers with media; a session that cannot be used is refused with 488. Whether it works.
    pub(super) fn answer(&mut self, leg_id: LegId, sdp: Option<&str>) -> bool {
        // Nobody here asks what a tone means.
        let settings = MediaSettings { detect_progress: false, ..MediaSettings::default() };
        let rng = self.rng.fork(&leg_id.to_string());
        let opened = self.media.open(leg_id, settings, rng, self.news_sender.clone());
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
                self.line.send(UaCommand::Answer { leg: leg_id, sdp: answer });
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
