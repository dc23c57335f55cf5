//! The loop that drives everything: one task owns the live state, the SIP user agent and all
//! calls, so that no two decisions are ever taken at once.
//!
//! A turn: what came in goes to the cores; their facts are appended as one batch and become
//! durable; only then are their commands carried out; then decisions that are due are taken on
//! the live state, at the position it stands at.

mod agents;
mod calls;
mod dial;
mod legs;
mod lines;
mod offers;
mod probe;
mod registrations;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use self::calls::Slot;
use self::legs::Leg;
use self::lines::Outage;
use self::probe::Probes;
use super::clock::system_random;
use super::config::{AgentConfig, CampaignConfig, CarrierConfig, SipConfig};
use super::intake::Offer;
use super::journal::{Draft, Journal, JournalError};
use super::scripts::Scripts;
use super::wire::{DATAGRAM_MAX, MediaNews, Voice, until};
use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, IdSequence, LegId, Millis, Rng, Timestamp,
};
use crate::call::{CallCommand, CallInput, tone};
use crate::conversation::{Input, PromptId, Script};
use crate::dialing::Prices;
use crate::event::{CampaignStateName, PlatformStopped};
use crate::media::MediaEvent;
use crate::privacy::Vault;
use crate::sip::{Output, UserAgent};

/// Ids kept free behind each call's, for its legs.
pub(crate) const LEGS: u32 = 63;
/// How long open calls may take to end once the platform is asked to stop.
const STOP_WITHIN: Millis = Millis(5_000);
/// How long the last hang-ups are sent again while nobody answers them.
const LINGER: Millis = Millis(1_500);
/// How often script files are looked at for changes.
const SCRIPTS_EVERY: Millis = Millis(1_000);
/// Inputs taken in before facts are written: a busy wire must not keep them waiting.
const INPUTS_PER_TURN: usize = 256;
/// Dial decisions recorded before inputs are taken in again: each waits for the disk, and a long
/// list of people who must not be called must not keep calls waiting.
const DECISIONS_PER_TURN: usize = 16;

/// The engine cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The log takes nothing, or cannot be followed. Every call was hung up.
    #[error("stopped dialing and hung up: {0}")]
    Journal(#[from] JournalError),
    /// The SIP socket failed.
    #[error("receive SIP: {0}")]
    Receive(std::io::Error),
}

/// Gives the voice a script is spoken with.
pub type Voices = Arc<dyn Fn(&Script) -> Voice + Send + Sync>;

/// What the engine works with.
pub(crate) struct Parts {
    pub(crate) node: String,
    pub(crate) sip: SipConfig,
    pub(crate) carriers: Vec<CarrierConfig>,
    pub(crate) agents: Vec<AgentConfig>,
    pub(crate) campaigns: Vec<CampaignConfig>,
    pub(crate) prices: Arc<Prices>,
    pub(crate) post_dial_delays: Arc<BTreeMap<CarrierId, Millis>>,
    pub(crate) journal: Journal,
    pub(crate) vault: Vault,
    pub(crate) scripts: Scripts,
    pub(crate) voices: Voices,
    pub(crate) socket: UdpSocket,
    pub(crate) user_agent: UserAgent,
    pub(crate) clock: Arc<dyn crate::base::Clock>,
    /// Stop once every campaign is complete.
    pub(crate) until_complete: bool,
}

/// Drives calls.
pub(crate) struct Engine {
    parts: Parts,
    address: IpAddr,
    calls: BTreeMap<CallId, Slot>,
    legs: BTreeMap<LegId, Leg>,
    /// Legs that were hung up from here and whose BYE has no answer yet, and their calls.
    hung_up: BTreeMap<LegId, CallId>,
    /// Calls that took something in since the last turn.
    stirred: BTreeSet<CallId>,
    /// Facts of the engine itself that wait for the next append.
    drafts: Vec<Draft>,
    probes: Probes,
    /// Where agents' phones registered from.
    phones: BTreeMap<AgentId, SocketAddr>,
    /// Carriers that failed calls, each until when it is left alone.
    rests: BTreeMap<CarrierId, Timestamp>,
    outage: Outage,
    /// When scripts are looked at again for changes on disk.
    scripts_due: Timestamp,
    /// When legs are looked at again for media.
    watch_due: Timestamp,
    news: mpsc::UnboundedReceiver<MediaNews>,
    /// Leads that clients offer.
    offers: mpsc::Receiver<Offer>,
    /// The next ones to be taken in: they go to the disk, so one at a time.
    offered: Option<Offer>,
    news_sender: mpsc::UnboundedSender<MediaNews>,
    rng: Rng,
    call_ids: IdSequence,
    started: Timestamp,
    /// When the next campaign wants to dial again.
    dial_due: Option<Timestamp>,
    /// Set once the platform is to stop: until when calls may end by themselves.
    stopping: Option<Timestamp>,
}

/// Something that came in from outside.
enum Arrival {
    Sip(usize, SocketAddr),
    Media(MediaNews),
    Offer(Offer),
    Stop,
    Due,
}

impl Engine {
    pub(crate) fn new(mut parts: Parts, address: IpAddr, offers: mpsc::Receiver<Offer>) -> Self {
        let (news_sender, news) = mpsc::unbounded_channel();
        let started = parts.journal.now();
        let mut rng = parts.journal.fork("engine");
        let call_ids = IdSequence::with_room(&mut rng, LEGS);
        let carriers = parts.carriers.iter().map(|carrier| carrier.address);
        let phones = parts.agents.iter().filter_map(|agent| agent.phone);
        let probes = Probes::new(carriers.chain(phones), parts.sip.probe_every_ms, started);
        registrations::begin(&mut parts, started);
        Self {
            parts,
            address,
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            hung_up: BTreeMap::new(),
            stirred: BTreeSet::new(),
            drafts: Vec::new(),
            probes,
            phones: BTreeMap::new(),
            rests: BTreeMap::new(),
            outage: Outage::default(),
            scripts_due: started,
            watch_due: started,
            news,
            offers,
            offered: None,
            news_sender,
            rng,
            call_ids,
            started,
            dial_due: None,
            stopping: None,
        }
    }

    /// Works until told to stop, or until every campaign is complete where that was asked for.
    ///
    /// # Errors
    /// See [`EngineError`]; calls were hung up.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Result<(), EngineError> {
        let mut buffer = vec![0; DATAGRAM_MAX];
        let result = loop {
            if let Err(error) = self.turn().await {
                break Err(error);
            }
            if self.is_finished() {
                break Ok(());
            }
            match self.arrival(&mut buffer, &mut stop).await {
                Ok(arrival) => self.take_in(arrival, &buffer),
                Err(error) => break Err(error),
            }
            self.take_in_waiting(&mut buffer);
        };
        let ended = match result {
            Ok(()) => self.say_goodbye().await,
            Err(error) => {
                self.hang_up_everything().await;
                Err(error)
            }
        };
        self.linger(&mut buffer).await;
        ended
    }

    async fn arrival(
        &mut self,
        buffer: &mut [u8],
        stop: &mut oneshot::Receiver<()>,
    ) -> Result<Arrival, EngineError> {
        let wait = until(self.next_due(), self.parts.journal.now());
        let is_stopping = self.stopping.is_some();
        tokio::select! {
            received = self.parts.socket.recv_from(buffer) => match received {
                Ok((length, from)) => Ok(Arrival::Sip(length, from)),
                // An earlier datagram met a closed port; SIP timers notice what matters.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Ok(Arrival::Due),
                Err(error) => Err(EngineError::Receive(error)),
            },
            Some(news) = self.news.recv() => Ok(Arrival::Media(news)),
            Some(offer) = self.offers.recv() => Ok(Arrival::Offer(offer)),
            _ = &mut *stop, if !is_stopping => Ok(Arrival::Stop),
            () = tokio::time::sleep(wait) => Ok(Arrival::Due),
        }
    }

    fn take_in(&mut self, arrival: Arrival, buffer: &[u8]) {
        match arrival {
            Arrival::Sip(length, from) => {
                let now = self.parts.journal.now();
                let datagram = buffer.get(..length).unwrap_or_default();
                self.parts.user_agent.receive(now, from, datagram);
            }
            Arrival::Media(news) => self.media(news),
            Arrival::Offer(offer) => self.offered = Some(offer),
            Arrival::Stop => self.stop("shutdown"),
            Arrival::Due => {}
        }
    }

    /// Takes in what came meanwhile, without waiting.
    fn take_in_waiting(&mut self, buffer: &mut [u8]) {
        for _ in 0..INPUTS_PER_TURN {
            if let Ok((length, from)) = self.parts.socket.try_recv_from(buffer) {
                self.take_in(Arrival::Sip(length, from), buffer);
            } else if let Ok(news) = self.news.try_recv() {
                self.media(news);
            } else {
                return;
            }
        }
    }

    /// Works until nothing is left to do without a new input.
    async fn turn(&mut self) -> Result<(), EngineError> {
        let mut decisions_left = DECISIONS_PER_TURN;
        loop {
            self.run_timers();
            self.drain_sip().await;
            let mut commands = VecDeque::from(self.gather());
            let mut is_idle = self.drafts.is_empty() && commands.is_empty();
            self.append_drafts().await?;
            while let Some((call_id, command)) = commands.pop_front() {
                let is_choice = matches!(command, CallCommand::WantCarrier { .. });
                self.obey(call_id, command).await?;
                if is_choice {
                    // The leg is on record before the next one is given a channel.
                    commands.extend(self.gather());
                    self.append_drafts().await?;
                }
            }
            is_idle &= !self.take_offer().await?;
            // A call that has something to say may need a channel that a dial would count on.
            if self.stopping.is_none() && self.stirred.is_empty() {
                is_idle &= !self.dial(&mut decisions_left).await?;
            }
            is_idle &= !self.judge_carriers().await?;
            if is_idle && self.stirred.is_empty() && self.drafts.is_empty() {
                self.drain_sip().await;
                if self.stirred.is_empty() && self.drafts.is_empty() {
                    self.watch_lines();
                    return Ok(());
                }
            }
        }
    }

    /// Takes in the leads that were offered last. Whether there were any.
    async fn take_offer(&mut self) -> Result<bool, EngineError> {
        let Some(offer) = self.offered.take() else { return Ok(false) };
        if self.stopping.is_some() {
            offer.refuse();
            return Ok(false);
        }
        let Parts { journal, vault, campaigns, .. } = &mut self.parts;
        offer.take(journal, vault, campaigns, &mut system_random).await?;
        Ok(true)
    }

    async fn append_drafts(&mut self) -> Result<(), EngineError> {
        let drafts = std::mem::take(&mut self.drafts);
        self.parts.journal.append(drafts).await?;
        Ok(())
    }

    fn run_timers(&mut self) {
        let now = self.parts.journal.now();
        if self.parts.user_agent.poll_timeout().is_some_and(|due| due <= now) {
            self.parts.user_agent.handle_timeout(now);
        }
        for (call_id, slot) in &mut self.calls {
            if slot.call.poll_timeout().is_some_and(|due| due <= now) {
                slot.call.handle_timeout(now);
                self.stirred.insert(*call_id);
            }
        }
        for address in self.probes.due(now) {
            self.parts.user_agent.options(now, address);
        }
        if self.scripts_due <= now {
            self.scripts_due = now.plus(SCRIPTS_EVERY);
            drop(self.parts.scripts.refresh());
        }
        self.rest_agents(now);
        self.watch_media(now);
        if self.stopping.is_some_and(|until| until <= now) {
            let open: Vec<_> = self.legs.keys().copied().collect();
            for leg_id in open {
                self.parts.user_agent.hang_up(now, leg_id, None);
            }
            // Looked at again later: a moment that passed would spin.
            self.stopping = Some(now.plus(STOP_WITHIN));
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let calls = self.calls.values().filter_map(|slot| slot.call.poll_timeout());
        calls
            .chain(self.parts.user_agent.poll_timeout())
            .chain(self.probes.next())
            .chain(self.next_rested())
            .chain(self.next_watch())
            // Nothing is dialled any more once it stops: a moment that passed would spin.
            .chain(self.dial_due.filter(|_| self.stopping.is_none()))
            .chain(self.stopping.filter(|_| !self.calls.is_empty()))
            .min()
    }

    /// Sends what SIP wants sent and takes in what it says.
    async fn drain_sip(&mut self) {
        while let Some(output) = self.parts.user_agent.poll_output() {
            match output {
                Output::Transmit { to, bytes } => {
                    // What is lost here is sent again by SIP's timers.
                    if let Err(error) = self.parts.socket.send_to(&bytes, to).await {
                        tracing::debug!(%to, %error, "SIP not sent");
                        if is_unreachable(&error) {
                            let now = self.parts.journal.now();
                            self.parts.user_agent.transport_failed(now, to);
                        }
                    }
                }
                Output::Event(event) => self.signal(event),
            }
        }
    }

    /// Something was heard on a leg.
    fn media(&mut self, news: MediaNews) {
        let leg_id = news.leg_id;
        let input = match news.event {
            MediaEvent::Digit { digit, .. } => {
                self.give(leg_id, CallInput::Digit { leg_id, digit: digit.as_char() });
                return;
            }
            MediaEvent::SpeechStarted { .. } => Input::SpeechStarted,
            MediaEvent::SpeechEnded { duration, .. } => Input::SpeechEnded { duration },
            MediaEvent::ProgressHeard { progress, .. } => Input::ToneHeard { tone: tone(progress) },
            MediaEvent::PlayStarted { id, .. } => Input::PromptStarted { prompt: PromptId(id) },
            MediaEvent::PlayEnded { id, played, completed, .. } => {
                Input::PromptEnded { prompt: PromptId(id), played, completed }
            }
            MediaEvent::FirstPacket => return,
        };
        self.give(leg_id, CallInput::Heard { leg_id, input });
    }

    /// Gives an input to the call a leg belongs to.
    fn give(&mut self, leg_id: LegId, input: CallInput) {
        let Some(call_id) = self.legs.get(&leg_id).map(|leg| leg.call_id) else { return };
        self.give_call(call_id, input);
    }

    fn give_call(&mut self, call_id: CallId, input: CallInput) {
        let now = self.parts.journal.now();
        if let Some(slot) = self.calls.get_mut(&call_id) {
            slot.call.handle(now, input);
            self.stirred.insert(call_id);
        }
    }

    fn is_finished(&self) -> bool {
        if !self.calls.is_empty() {
            return false;
        }
        self.stopping.is_some() || self.parts.until_complete && self.are_campaigns_complete()
    }

    fn are_campaigns_complete(&self) -> bool {
        let states = self.parts.journal.live.dialing.campaigns();
        let is_complete = |id: &CampaignId| {
            states.get(id).is_some_and(|campaign| {
                // A campaign without a list has nothing to wait for.
                campaign.leads == 0 || campaign.state == CampaignStateName::Completed
            })
        };
        self.parts.campaigns.iter().all(|campaign| is_complete(&campaign.id))
    }

    /// No more dials; open calls end.
    fn stop(&mut self, reason: &'static str) {
        self.stopping = Some(self.parts.journal.now().plus(STOP_WITHIN));
        let open: Vec<_> = self.calls.keys().copied().collect();
        for call_id in open {
            self.give_call(call_id, CallInput::Stop { reason });
        }
    }

    /// Everything is over: agents leave, the end is recorded.
    async fn say_goodbye(&mut self) -> Result<(), EngineError> {
        self.end_registrations();
        self.drain_sip().await;
        self.sign_out_agents();
        let now = self.parts.journal.now();
        let up_ms = now.since(self.started);
        let node = self.parts.node.clone();
        self.drafts.push(Draft::new(PlatformStopped { node, up_ms }, now, "runtime"));
        self.append_drafts().await
    }

    /// Hang-ups that are lost on the way are sent again, and a phone that begins to ring late is
    /// still told to stop. Nothing is recorded any more.
    async fn linger(&mut self, buffer: &mut [u8]) {
        let end = self.parts.journal.now().plus(LINGER);
        while self.parts.user_agent.awaits_answer() && self.parts.journal.now() < end {
            let due = self.parts.user_agent.poll_timeout().into_iter().chain([end]).min();
            let wait = until(due, self.parts.journal.now());
            tokio::select! {
                received = self.parts.socket.recv_from(buffer) => {
                    let Ok((length, from)) = received else { return };
                    self.take_in(Arrival::Sip(length, from), buffer);
                }
                () = tokio::time::sleep(wait) => {
                    let now = self.parts.journal.now();
                    self.parts.user_agent.handle_timeout(now);
                }
            }
            self.drain_sip().await;
        }
    }

    /// Nothing can be recorded any more: nobody stays on the line unrecorded.
    async fn hang_up_everything(&mut self) {
        let now = self.parts.journal.now();
        let open: Vec<_> = self.legs.keys().copied().collect();
        for leg_id in open {
            self.parts.user_agent.hang_up(now, leg_id, None);
        }
        self.drain_sip().await;
    }
}

/// Whether a send error says that the peer is not there; others pass, such as a full buffer.
fn is_unreachable(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

#[cfg(test)]
mod tests;
