//! The loop that drives everything: one task owns the live state and all calls, so that no two
//! decisions are ever taken at once. SIP goes on in a task of its own meanwhile, the [`Line`].
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
mod recordings;
mod registrations;
mod slots;
mod supervise;
mod targets;
mod transfer;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use self::legs::Leg;
use self::lines::Outage;
use self::probe::Probes;
pub(crate) use self::registrations::admit_phones;
use self::slots::Slots;
use self::supervise::Supervise;
pub use self::supervise::{SupervisionDoor, SupervisionRefusal};
use self::targets::Targets;
use self::transfer::PhoneCall;
use super::clock::system_random;
use super::config::{AgentConfig, CampaignConfig, CarrierConfig, SipConfig};
use super::intake::Offer;
use super::journal::{Draft, Journal, JournalError};
use super::line::Line;
use super::names::{Sighting, Whereabouts};
use super::recorder::{DeskError, Recordings, Request};
use super::screened::MediaScreened;
use super::scripts::Scripts;
use super::wire::{MediaNews, MediaThreads, Voice, until};
use crate::base::{
    AgentId, CallId, CampaignId, CarrierId, IdSequence, LegId, Millis, Rng, Timestamp,
};
use crate::call::{CallCommand, CallInput, early_tone, tone};
use crate::conversation::{Input, PromptId, Script};
use crate::dialing::Prices;
use crate::event::{CampaignStateName, PlatformStopped};
use crate::media::{Capabilities, Clip, MediaEvent};
use crate::privacy::Vault;
use crate::recording::News;
use crate::sip::{Hop, Phone, UaCommand, UaEvent};

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
    /// The task that speaks SIP is gone.
    #[error("stopped dialing: the SIP task ended before the platform did, see the log for why")]
    LineGone,
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
    pub(crate) line: Line,
    /// Where carriers with a name are, as it becomes known.
    pub(crate) names: Whereabouts,
    /// Nothing where no call is recorded.
    pub(crate) recordings: Option<Recordings>,
    /// People who ask about recordings.
    pub(crate) recording_requests: mpsc::Receiver<Request>,
    /// Whether new calls are recorded, where their campaign is.
    pub(crate) is_recording: bool,
    pub(crate) media: MediaThreads,
    pub(super) screened: Arc<MediaScreened>,
    /// What is offered to peers.
    pub(crate) capabilities: Capabilities,
    /// Stop once every campaign is complete.
    pub(crate) until_complete: bool,
}

/// Drives calls.
pub(crate) struct Engine {
    parts: Parts,
    calls: Slots,
    legs: BTreeMap<LegId, Leg>,
    /// Calls that phones make and that were not answered yet.
    phone_legs: BTreeMap<LegId, PhoneCall>,
    /// Made when it is first needed.
    hold_tone: Option<Clip>,
    /// Legs that were hung up from here and whose BYE has no answer yet, and their calls.
    hung_up: BTreeMap<LegId, CallId>,
    /// Calls that took something in since the last turn.
    stirred: BTreeSet<CallId>,
    /// Facts of the engine itself that wait for the next append.
    drafts: Vec<Draft>,
    /// Who waits for one of them to be durable.
    noted: Vec<oneshot::Sender<Result<(), DeskError>>>,
    probes: Probes,
    targets: Targets,
    /// Where agents' phones registered from.
    phones: BTreeMap<AgentId, Phone>,
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
    /// Supervisors who want to be joined to calls.
    supervisions: mpsc::Receiver<Supervise>,
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
    Sip(UaEvent),
    Media(MediaNews),
    Offer(Offer),
    Supervise(Supervise),
    Recorder(News),
    Sighted(Sighting),
    Recordings(Request),
    Stop,
    Due,
}

impl Engine {
    pub(crate) fn new(
        mut parts: Parts,
        sightings: Vec<Sighting>,
        offers: mpsc::Receiver<Offer>,
        supervisions: mpsc::Receiver<Supervise>,
    ) -> Self {
        let (news_sender, news) = mpsc::unbounded_channel();
        let started = parts.journal.now();
        let mut rng = parts.journal.fork("engine");
        let call_ids = IdSequence::with_room(&mut rng, LEGS);
        let phones = parts.agents.iter().filter_map(|agent| agent.phone.map(Hop::from));
        let probes = Probes::new(phones, parts.sip.probe_every_ms, started);
        let targets = Targets::new(parts.journal.fork("targets"));
        let mut engine = Self {
            parts,
            calls: Slots::default(),
            legs: BTreeMap::new(),
            phone_legs: BTreeMap::new(),
            hold_tone: None,
            hung_up: BTreeMap::new(),
            stirred: BTreeSet::new(),
            drafts: Vec::new(),
            noted: Vec::new(),
            probes,
            targets,
            phones: BTreeMap::new(),
            rests: BTreeMap::new(),
            outage: Outage::default(),
            scripts_due: started,
            watch_due: started,
            news,
            offers,
            supervisions,
            offered: None,
            news_sender,
            rng,
            call_ids,
            started,
            dial_due: None,
            stopping: None,
        };
        engine.place_carriers(sightings);
        engine
    }

    /// Works until told to stop, or until every campaign is complete where that was asked for.
    ///
    /// # Errors
    /// See [`EngineError`]; calls were hung up.
    pub(crate) async fn run(mut self, mut stop: oneshot::Receiver<()>) -> Result<(), EngineError> {
        let result = loop {
            if let Err(error) = self.turn().await {
                break Err(error);
            }
            if self.is_finished() {
                break Ok(());
            }
            match self.arrival(&mut stop).await {
                Ok(arrival) => self.take_in(arrival),
                Err(error) => break Err(error),
            }
            self.take_in_waiting();
        };
        let ended = match result {
            Ok(()) => self.say_goodbye().await,
            Err(error) => {
                self.hang_up_everything();
                Err(error)
            }
        };
        self.linger().await;
        ended
    }

    async fn arrival(&mut self, stop: &mut oneshot::Receiver<()>) -> Result<Arrival, EngineError> {
        let wait = until(self.next_due(), self.parts.journal.now());
        let is_stopping = self.stopping.is_some();
        tokio::select! {
            event = self.parts.line.next() => event.map(Arrival::Sip).ok_or(EngineError::LineGone),
            Some(news) = self.news.recv() => Ok(Arrival::Media(news)),
            Some(offer) = self.offers.recv() => Ok(Arrival::Offer(offer)),
            Some(request) = self.supervisions.recv() => Ok(Arrival::Supervise(request)),
            Some(sighting) = self.parts.names.next() => Ok(Arrival::Sighted(sighting)),
            Some(request) = self.parts.recording_requests.recv() => {
                Ok(Arrival::Recordings(request))
            }
            news = recordings::next(&mut self.parts.recordings) => Ok(Arrival::Recorder(news)),
            _ = &mut *stop, if !is_stopping => Ok(Arrival::Stop),
            () = tokio::time::sleep(wait) => Ok(Arrival::Due),
        }
    }

    fn take_in(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Sip(event) => self.signal(event),
            Arrival::Media(news) => self.media(news),
            Arrival::Offer(offer) => self.offered = Some(offer),
            Arrival::Supervise(request) => self.supervise(request),
            Arrival::Recorder(news) => self.recorder_says(news),
            Arrival::Sighted(sighting) => self.sighted(sighting),
            Arrival::Recordings(request) => self.recordings_asked(request),
            Arrival::Stop => self.stop("shutdown"),
            Arrival::Due => {}
        }
    }

    /// Takes in what came meanwhile, without waiting.
    fn take_in_waiting(&mut self) {
        for _ in 0..INPUTS_PER_TURN {
            if let Some(event) = self.parts.line.try_next() {
                self.signal(event);
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
            self.drain_sip();
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
                self.drain_sip();
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
        self.drafts_are_durable();
        Ok(())
    }

    fn run_timers(&mut self) {
        let now = self.parts.journal.now();
        self.stirred.extend(self.calls.fire(now));
        for to in self.probes.due(now) {
            self.parts.line.send(UaCommand::Options { to });
        }
        if self.scripts_due <= now {
            self.scripts_due = now.plus(SCRIPTS_EVERY);
            drop(self.parts.scripts.refresh());
        }
        self.rest_agents(now);
        self.watch_media(now);
        self.sweep_recordings(now);
        if self.stopping.is_some_and(|until| until <= now) {
            let open: Vec<_> = self.legs.keys().copied().collect();
            for leg_id in open {
                self.parts.line.hang_up(leg_id, None);
            }
            // Looked at again later: a moment that passed would spin.
            self.stopping = Some(now.plus(STOP_WITHIN));
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let calls = self.calls.next_due().into_iter();
        calls
            .chain(self.probes.next())
            .chain(self.next_rested())
            .chain(self.next_watch())
            .chain(self.next_sweep())
            // Nothing is dialled any more once it stops: a moment that passed would spin.
            .chain(self.dial_due.filter(|_| self.stopping.is_none()))
            .chain(self.stopping.filter(|_| !self.calls.is_empty()))
            .min()
    }

    /// Takes in what SIP said meanwhile.
    fn drain_sip(&mut self) {
        for _ in 0..INPUTS_PER_TURN {
            let Some(event) = self.parts.line.try_next() else { return };
            self.signal(event);
        }
    }

    /// Something was heard on a leg.
    fn media(&mut self, news: MediaNews) {
        let leg_id = news.leg_id;
        if self.is_hold_tone(leg_id, &news.event) {
            return;
        }
        if self.legs.get(&leg_id).is_some_and(|leg| leg.is_early) {
            // Nobody is there yet to speak or to press keys: tones are the network's.
            if let MediaEvent::ProgressHeard { progress, .. } = news.event
                && let Some(tone) = early_tone(progress)
            {
                self.give(leg_id, CallInput::EarlyTone { leg_id, tone });
            }
            return;
        }
        let input = match news.event {
            MediaEvent::Digit { digit, .. } => {
                self.give(leg_id, CallInput::Digit { leg_id, digit: digit.as_char() });
                return;
            }
            MediaEvent::SpeechStarted { .. } => Input::SpeechStarted,
            MediaEvent::SpeechEnded { duration, .. } => Input::SpeechEnded { duration },
            MediaEvent::WordStarted { ago, .. } => Input::WordStarted { ago },
            MediaEvent::WordEnded { duration, ago, .. } => Input::WordEnded { duration, ago },
            MediaEvent::ProgressHeard { progress, .. } => Input::ToneHeard { tone: tone(progress) },
            MediaEvent::PlayStarted { id, .. } => Input::PromptStarted { prompt: PromptId(id) },
            MediaEvent::PlayEnded { id, played, completed, .. } => {
                Input::PromptEnded { prompt: PromptId(id), played, completed }
            }
            MediaEvent::QualitySampled(sample) => return self.sampled(leg_id, &sample),
            MediaEvent::NoKeys(failure) => return self.no_keys(leg_id, failure),
            MediaEvent::FirstPacket | MediaEvent::QualityInterval(_) => return,
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
        if self.calls.handle(now, call_id, input) {
            self.stirred.insert(call_id);
        }
    }

    fn is_finished(&mut self) -> bool {
        let is_over = self.calls.is_empty()
            && (self.stopping.is_some()
                || self.parts.until_complete && self.are_campaigns_complete());
        self.are_recordings_finished(is_over)
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
        let open: Vec<_> = self.calls.ids().collect();
        for call_id in open {
            self.give_call(call_id, CallInput::Stop { reason });
        }
    }

    /// Everything is over: agents leave, the end is recorded.
    async fn say_goodbye(&mut self) -> Result<(), EngineError> {
        self.end_registrations();
        self.sign_out_agents();
        let now = self.parts.journal.now();
        let up_ms = now.since(self.started);
        let node = self.parts.node.clone();
        self.drafts.push(Draft::new(PlatformStopped { node, up_ms }, now, "runtime"));
        self.append_drafts().await
    }

    /// Hang-ups that are lost on the way are sent again, and a phone that begins to ring late is
    /// still told to stop. Nothing is recorded any more.
    async fn linger(&mut self) {
        let end = self.parts.journal.now().plus(LINGER);
        if !self.parts.line.settle(end).await {
            tracing::debug!("a peer may not know that its call is over");
        }
    }

    /// Nothing can be recorded any more: nobody stays on the line unrecorded.
    fn hang_up_everything(&self) {
        for leg_id in self.legs.keys() {
            self.parts.line.hang_up(*leg_id, None);
        }
    }
}

#[cfg(test)]
mod tests;
