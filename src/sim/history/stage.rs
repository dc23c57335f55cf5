//! The simulated world and its loop: the next thing due happens, facts follow.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use super::calendar::{Shift, Slot, shifts, slots};
use super::calls::{CallDue, Talking};
use super::clock::VirtualClock;
use super::disorder::Disorder;
use super::journal::Journal;
use super::lines::Line;
use super::messages::{Message, MessageDue};
use super::offers::OFFERS;
use super::queue::Queue;
use super::shifts::{AgentDue, Desk, plan};
use super::world::{Market, Person, market};
use super::{HistoryError, HistoryOptions, HistoryReport, Progress};
use crate::base::{CampaignId, IdSequence, LeadId, Millis, Rng, Timestamp, sha256_hex};
use crate::conversation::Script;
use crate::dialing::Prices;
use crate::event::{
    AgentSignedIn, AgentSignedOut, AgentState, AgentStateChanged, CampaignCreated,
    CampaignSettings, CarrierAdded, CarrierFailed, CarrierRecovered, ConfigurationLoaded,
    DialingMode, LineSampled, PlatformStarted, PlatformStopped, RetryRule, RoutingWeights,
};
use crate::event_log::EmbeddedLog;
use crate::privacy::Vault;
use crate::runtime::{Draft, LEGS};

/// How long a customer's phone rings. As in the example configuration.
pub(super) const RING: Millis = Millis(25_000);
/// How long an agent's phone rings.
pub(super) const AGENT_RING: Millis = Millis(8_000);
/// How long an agent may key an outcome in once the customer is gone.
pub(super) const WRAP_UP: Millis = Millis(20_000);
/// A carrier that failed calls rests this long, as in the runtime.
const REST: Millis = Millis(10_000);
/// How often a busy agent looks whether it is time to go.
const LOOK_AGAIN: Millis = Millis(15_000);
/// How often lines are sampled while anybody is called.
const SAMPLE: Millis = Millis(15 * 60_000);
/// What prices and sales are in.
const CURRENCY: &str = "USD";
/// How long two dials are apart at least: the log's sync.
pub(super) const DIAL_MS: (u64, u64) = (3, 9);

/// Something due.
pub(super) enum Due {
    /// A campaign's day begins.
    Opens(usize),
    /// It ends.
    Closes(usize),
    /// A campaign gets leads.
    Feed(usize),
    /// Calls are missing at the very end.
    Overtime(usize),
    Dial,
    Call(u64, CallDue),
    Agent(usize, AgentDue),
    /// A carrier is asked whether it answers.
    Probe(usize),
    Sample,
    /// Something that is recorded after its call: a sale, a review, the answer to a BYE.
    Fact(Box<Draft>),
    Message(Box<Message>, MessageDue),
    /// Facts that come late, or again.
    Late(Vec<Draft>),
}

/// A campaign and its plan.
pub(super) struct Campaign {
    pub(super) id: CampaignId,
    pub(super) market: &'static Market,
    pub(super) script: Arc<Script>,
    script_hash: String,
    title: String,
    settings: CampaignSettings,
    pub(super) slots: Vec<Slot>,
    pub(super) next_slot: usize,
    shifts: Vec<Shift>,
    /// Retries not due yet.
    pub(super) retries: BinaryHeap<Reverse<Timestamp>>,
    /// Calls that are due: new leads and retries that nobody has dialled.
    pub(super) new_waiting: u64,
    pub(super) retries_waiting: u64,
    pub(super) attempts: u64,
    pub(super) list_order: u64,
    /// People of other lists who are on this one too.
    pub(super) guests: BTreeSet<usize>,
    pub(super) is_open: bool,
}

/// The world.
pub(super) struct Stage<'a> {
    pub(super) journal: Journal<'a>,
    pub(super) vault: &'a mut Vault,
    pub(super) options: &'a HistoryOptions,
    pub(super) queue: Queue<Due>,
    pub(super) campaigns: Vec<Campaign>,
    pub(super) lines: Vec<Line>,
    /// What lines and agents cost.
    pub(super) prices: Arc<Prices>,
    desks: Vec<Desk>,
    pub(super) people: Vec<Person>,
    pub(super) leads: BTreeMap<LeadId, usize>,
    pub(super) calls: BTreeMap<u64, Talking>,
    pub(super) serial: u64,
    pub(super) now: Timestamp,
    pub(super) dial_at: Option<Timestamp>,
    pub(super) attempts: u64,
    /// People and lists; ids of calls; what happens in them; agents; messages.
    pub(super) people_rng: Rng,
    pub(super) dial_rng: Rng,
    pub(super) world_rng: Rng,
    agent_rng: Rng,
    pub(super) message_rng: Rng,
    pub(super) subject_ids: IdSequence,
    pub(super) lead_ids: IdSequence,
    pub(super) call_ids: IdSequence,
    pub(super) message_ids: IdSequence,
    pub(super) report: HistoryReport,
    started: Timestamp,
    last_close: Timestamp,
}

impl<'a> Stage<'a> {
    /// Plans everything that follows from the options alone.
    pub(super) fn build(
        (log, clock): (&'a EmbeddedLog, &'a VirtualClock),
        vault: &'a mut Vault,
        options: &'a HistoryOptions,
        rng: Rng,
    ) -> Result<Self, HistoryError> {
        let disorder = Disorder::new(options.late, options.duplicates, rng.fork("disorder"));
        let ids = (rng.fork("events"), disorder);
        let journal = Journal::new(log, clock, ids, "history".to_owned());
        let campaigns = campaigns(options, &rng)?;
        let first = campaigns.iter().filter_map(|one| one.shifts.first()).map(|one| one.opens);
        let last = campaigns.iter().filter_map(|one| one.shifts.last()).map(|one| one.closes);
        let started = first.min().unwrap_or(options.start);
        let last_close = last.max().unwrap_or(options.start);
        let mut stage = Self {
            journal,
            vault,
            options,
            queue: Queue::new(),
            campaigns,
            lines: Vec::new(),
            prices: Arc::default(),
            desks: Vec::new(),
            people: Vec::new(),
            leads: BTreeMap::new(),
            calls: BTreeMap::new(),
            serial: 0,
            now: Timestamp::from_micros(started.as_micros() - 3_600_000_000),
            dial_at: None,
            attempts: 0,
            people_rng: rng.fork("people"),
            dial_rng: rng.fork("dials"),
            world_rng: rng.fork("world"),
            agent_rng: rng.fork("agents"),
            message_rng: rng.fork("messages"),
            subject_ids: IdSequence::new(&mut rng.fork("subject ids")),
            lead_ids: IdSequence::new(&mut rng.fork("lead ids")),
            call_ids: IdSequence::with_room(&mut rng.fork("call ids"), LEGS),
            message_ids: IdSequence::new(&mut rng.fork("message ids")),
            report: HistoryReport::default(),
            started,
            last_close,
        };
        stage.plan(&rng)?;
        Ok(stage)
    }

    fn plan(&mut self, rng: &Rng) -> Result<(), HistoryError> {
        let mut prices = Prices { currency: CURRENCY.to_owned(), ..Prices::default() };
        let days = (self.started, self.options.days + 1);
        let channels: u32 = self.campaigns.iter().map(|one| one.settings.robot_channels).sum();
        let carriers = self.options.carriers;
        // One may be down: the others still carry what there is.
        let each = channels * 2 / carriers.saturating_sub(1).max(1) + 4;
        for number in 0..carriers as usize {
            let mut rng = rng.fork(&format!("carrier {number}"));
            let line = Line::plan(number, each, days, &mut rng)?;
            for outage in line.outages() {
                self.queue.put(outage.from.plus(Millis(4_000)), Due::Probe(number));
            }
            prices.lines.insert(line.id.clone(), Line::price(number));
            self.lines.push(line);
        }
        for number in 0..self.options.agents as usize {
            let mut rng = rng.fork(&format!("agent {number}"));
            let days = (self.options.start, self.options.days);
            let (desk, dues) = plan(number, self.campaigns.len(), days, &mut rng)?;
            prices.agents.insert(desk.id.clone(), desk.per_hour_minor);
            self.desks.push(desk);
            for (at, due) in dues {
                self.queue.put(at, Due::Agent(number, due));
            }
        }
        self.prices = Arc::new(prices);
        for (number, campaign) in self.campaigns.iter().enumerate() {
            for shift in &campaign.shifts {
                self.queue.put(shift.opens, Due::Opens(number));
                self.queue.put(shift.closes, Due::Closes(number));
            }
            if let Some(slot) = campaign.slots.first() {
                self.queue.put(slot.from, Due::Feed(number));
            }
        }
        self.queue.put(self.started, Due::Sample);
        Ok(())
    }

    /// Lets everything happen.
    pub(super) async fn run(
        mut self,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<HistoryReport, HistoryError> {
        self.begin().await?;
        let mut shown = 0;
        while let Some((at, due)) = self.queue.take() {
            self.now = self.now.max(at);
            if let Some(due) = self.journal.overdue(self.now) {
                self.journal.flush(due).await?;
            }
            self.happens(due).await?;
            self.put_late();
            if self.attempts - shown >= 256 {
                shown = self.attempts;
                let (calls, events, at) = (self.attempts, self.journal.events(), self.now);
                progress(Progress { calls, events, at });
            }
        }
        self.end().await
    }

    async fn happens(&mut self, due: Due) -> Result<(), HistoryError> {
        match due {
            Due::Opens(campaign) => self.opens(campaign).await,
            Due::Closes(campaign) => self.closes(campaign).await,
            Due::Feed(campaign) => self.feed(campaign).await,
            Due::Overtime(campaign) => self.overtime(campaign).await,
            Due::Dial => self.dial().await,
            Due::Call(serial, due) => self.call_due(serial, due).await,
            Due::Agent(number, due) => self.agent(number, due).await,
            Due::Probe(number) => self.probe(number).await,
            Due::Sample => self.sample().await,
            Due::Message(message, due) => self.message(message, due).await,
            Due::Fact(draft) => self.say(vec![*draft]).await,
            Due::Late(drafts) => {
                self.journal.append_as_is(drafts, self.now).await?;
                Ok(())
            }
        }
    }

    fn put_late(&mut self) {
        for (at, drafts) in self.journal.disorder.take_due() {
            self.queue.put(at, Due::Late(drafts));
        }
    }

    /// Appends facts of the platform itself.
    pub(super) async fn say(&mut self, drafts: Vec<Draft>) -> Result<(), HistoryError> {
        self.journal.append(drafts, self.now).await?;
        Ok(())
    }

    async fn begin(&mut self) -> Result<(), HistoryError> {
        let now = self.now;
        let settings = serde_json::json!({
            "simulated": true,
            "days": self.options.days,
            "calls": self.options.calls,
            "seed": self.options.seed,
        })
        .to_string();
        let hash = sha256_hex(settings.as_bytes());
        let started = PlatformStarted {
            node: "history".to_owned(),
            program_version: env!("CARGO_PKG_VERSION").to_owned(),
            torn_tail_bytes: 0,
            interrupted_attempts: 0,
        };
        self.say(vec![Draft::new(started, now, "runtime")]).await?;
        let loaded = ConfigurationLoaded { hash, settings };
        let mut drafts = vec![Draft::new(loaded, now, "runtime")];
        for line in &self.lines {
            let fact = CarrierAdded {
                carrier_id: line.id.clone(),
                weight: line.weight,
                channels: line.channels,
                calls_per_second: None,
            };
            drafts.push(Draft::new(fact, now, "runtime"));
        }
        self.say(drafts).await?;
        for number in 0..self.campaigns.len() {
            let Some(campaign) = self.campaigns.get(number) else { continue };
            let fact = CampaignCreated {
                campaign_id: campaign.id.clone(),
                name: campaign.title.clone(),
                script_id: campaign.script.id().clone(),
                script_hash: campaign.script_hash.clone(),
                language: campaign.script.language().name().to_owned(),
                settings: campaign.settings.clone(),
            };
            self.say(vec![Draft::new(fact, now, "runtime")]).await?;
        }
        Ok(())
    }

    async fn end(mut self) -> Result<HistoryReport, HistoryError> {
        let fact =
            PlatformStopped { node: "history".to_owned(), up_ms: self.now.since(self.started) };
        self.say(vec![Draft::new(fact, self.now, "runtime")]).await?;
        self.journal.flush(self.now).await?;
        self.journal.settle().await?;
        Ok(HistoryReport {
            events: self.journal.events(),
            calls: self.attempts,
            subjects: self.people.len() as u64,
            late: self.journal.late,
            duplicates: self.journal.duplicates,
            ended_at: self.now,
            ..self.report
        })
    }

    /// What an agent is doing, as the platform knows it.
    fn state_of(&self, number: usize) -> AgentState {
        let agents = self.journal.live.routing.agents();
        let known = self.desks.get(number).and_then(|desk| agents.get(&desk.id));
        known.map_or(AgentState::SignedOut, |known| known.state)
    }

    /// An agent's place, and how long after a call they are not ready.
    pub(super) fn agent_rests(&mut self, agent: &crate::base::AgentId, at_least: Millis) {
        let rest = super::draw::span(&mut self.agent_rng, &[3_000, 12_000, 20_000, 35_000, 90_000]);
        let Some(number) = self.desks.iter().position(|desk| desk.id == *agent) else { return };
        let at = self.now.plus(at_least).plus(rest);
        self.queue.put(at, Due::Agent(number, AgentDue::IsFree));
    }

    async fn agent(&mut self, number: usize, due: AgentDue) -> Result<(), HistoryError> {
        let state = self.state_of(number);
        let Some(desk) = self.desks.get(number) else { return Ok(()) };
        let moved = |to, reason: Option<&str>| AgentStateChanged {
            agent_id: desk.id.clone(),
            from: state,
            to,
            call_id: None,
            reason: reason.map(str::to_owned),
        };
        let now = self.now;
        let draft = match (due, state) {
            (AgentDue::SignsIn, AgentState::SignedOut) => Draft::new(
                AgentSignedIn {
                    agent_id: desk.id.clone(),
                    skill_ppm: desk.skill,
                    phone: desk.phone.clone(),
                },
                now,
                "runtime",
            ),
            (AgentDue::Rests(long, reason), AgentState::Available) => {
                self.queue.put(now.plus(long), Due::Agent(number, AgentDue::IsFree));
                Draft::new(moved(AgentState::Break, Some(reason)), now, "runtime")
            }
            (AgentDue::IsFree, AgentState::Break | AgentState::WrapUp) => {
                Draft::new(moved(AgentState::Available, None), now, "runtime")
            }
            (AgentDue::SignsOut, AgentState::Available | AgentState::Break) => {
                Draft::new(AgentSignedOut { agent_id: desk.id.clone() }, now, "runtime")
            }
            (
                AgentDue::SignsOut | AgentDue::Rests(..),
                AgentState::Ringing | AgentState::Talking | AgentState::WrapUp,
            ) => {
                self.queue.put(now.plus(LOOK_AGAIN), Due::Agent(number, due));
                return Ok(());
            }
            _ => return Ok(()),
        };
        self.say(vec![draft]).await?;
        self.want_dial(now);
        Ok(())
    }

    /// A carrier is asked whether it answers; who does not is taken out, who does comes back.
    async fn probe(&mut self, number: usize) -> Result<(), HistoryError> {
        let now = self.now;
        let Some(line) = self.lines.get(number) else { return Ok(()) };
        let known = self.journal.live.dialing.carriers().get(&line.id);
        let is_up = known.is_some_and(|known| known.is_up);
        let id = line.id.clone();
        let (draft, again) = match (line.outage(now), is_up) {
            (Some(outage), true) => {
                let reason = "options_timeout".to_owned();
                let fact = CarrierFailed { carrier_id: id, reason };
                (Some(Draft::new(fact, now, "dialer")), Some(outage.until.plus(Millis(900))))
            }
            (Some(outage), false) => (None, Some(outage.until.plus(Millis(900)))),
            (None, false) if line.rests_until > now => (None, Some(line.rests_until)),
            (None, false) => {
                let fact = CarrierRecovered { carrier_id: id };
                (Some(Draft::new(fact, now, "dialer")), None)
            }
            (None, true) => (None, None),
        };
        if let Some(again) = again {
            self.queue.put(again, Due::Probe(number));
        }
        if let Some(draft) = draft {
            self.report.carrier_failures += u64::from(is_up);
            self.say(vec![draft]).await?;
            self.want_dial(now);
        }
        Ok(())
    }

    /// Carriers that failed calls are taken out, as the dialer's core says.
    pub(super) async fn judge_carriers(&mut self) -> Result<(), HistoryError> {
        let failed = self.journal.live.dialing.judge_carriers();
        if failed.is_empty() {
            return Ok(());
        }
        let now = self.now;
        for fact in &failed {
            let Some(number) = self.lines.iter().position(|line| line.id == fact.carrier_id) else {
                continue;
            };
            if let Some(line) = self.lines.get_mut(number) {
                line.rests_until = now.plus(REST);
                self.queue.put(now.plus(REST), Due::Probe(number));
            }
            self.report.carrier_failures += 1;
        }
        let drafts = failed.into_iter().map(|fact| Draft::new(fact, now, "dialer")).collect();
        self.say(drafts).await
    }

    async fn sample(&mut self) -> Result<(), HistoryError> {
        let now = self.now;
        if now < self.last_close || self.attempts < self.options.calls {
            self.queue.put(now.plus(SAMPLE), Due::Sample);
        }
        if !self.campaigns.iter().any(|campaign| campaign.is_open) {
            return Ok(());
        }
        let carriers = self.journal.live.dialing.carriers().iter();
        let sampled = carriers.map(|(id, carrier)| {
            let fact = LineSampled {
                carrier_id: id.clone(),
                channels_in_use: carrier.channels_in_use,
                channels: carrier.channels,
            };
            Draft::new(fact, now, "runtime")
        });
        let drafts = sampled.collect();
        self.say(drafts).await
    }

    /// Whether a campaign's day that ends now is the last of all.
    pub(super) fn is_last_close(&self) -> bool {
        self.now >= self.last_close
    }
}

/// The campaigns, each with its share of the calls.
fn campaigns(options: &HistoryOptions, rng: &Rng) -> Result<Vec<Campaign>, HistoryError> {
    let count = options.campaigns as usize;
    // The first are the big ones.
    let share = |number: usize| 4 + 3 / (number as u64 + 1);
    let total: u64 = (0..count).map(share).sum();
    let mut plans = Vec::with_capacity(count);
    let mut sum = 0;
    for number in 0..count {
        let before = sum;
        sum += share(number);
        let calls = part(options.calls, sum, total) - part(options.calls, before, total);
        let market = market(number);
        let mut rng = rng.fork(&format!("campaign {number}"));
        let shifts = shifts(options.start, options.days, market);
        let slots = slots(&shifts, market, calls, &mut rng);
        plans.push((market, shifts, slots, rng.bits()));
    }
    let peak = |slots: &[Slot]| {
        let steps = slots.windows(2).map(|pair| pair[1].wanted - pair[0].wanted);
        steps.max().unwrap_or(0).max(slots.first().map_or(0, |slot| slot.wanted))
    };
    let peak_of_all: u64 = plans.iter().map(|(_, _, slots, _)| peak(slots)).sum();
    let offers = OFFERS.iter().cycle();
    let mut campaigns = Vec::with_capacity(count);
    for (number, ((market, shifts, slots, seed), offer)) in
        plans.into_iter().zip(offers).enumerate()
    {
        let (script, script_hash) = offer.script(market.language)?;
        // So many ring at a time in all campaigns, and so many talk in this one, with a third
        // to spare. Units of the factors: seconds in a slot of 300.
        let ringing = peak_of_all * 30 / 300;
        let talking = peak(&slots) * 45 / 300;
        let robot_channels = u32::try_from((ringing + talking) * 4 / 3 + 4).unwrap_or(u32::MAX);
        let settings = CampaignSettings {
            mode: DialingMode::Progressive,
            robot_channels,
            ring_timeout_ms: RING,
            retry: RetryRule {
                max_attempts: 4,
                busy_after_ms: Millis(15 * 60_000),
                no_answer_after_ms: Millis(3 * 3_600_000),
                carrier_failed_after_ms: Millis(5 * 60_000),
            },
            weights: RoutingWeights::default(),
            seed,
        };
        let language = market.language;
        campaigns.push(Campaign {
            id: CampaignId::new(format!("{}-{}-{}", offer.id, language.name(), number + 1))?,
            market,
            script: Arc::new(script),
            script_hash,
            title: format!("{} {}", offer.title(language), number + 1),
            settings,
            slots,
            next_slot: 0,
            shifts,
            retries: BinaryHeap::new(),
            new_waiting: 0,
            retries_waiting: 0,
            attempts: 0,
            list_order: 0,
            guests: BTreeSet::new(),
            is_open: false,
        });
    }
    Ok(campaigns)
}

fn part(of: u64, numerator: u64, denominator: u64) -> u64 {
    let share = u128::from(of) * u128::from(numerator) / u128::from(denominator.max(1));
    u64::try_from(share).unwrap_or(of)
}
