//! The platform's cores as the engine drives them, with facts folded at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::Outcome;
use crate::base::{
    CallId, CampaignId, CarrierId, LeadId, LegId, Millis, Rng, SubjectId, Timestamp,
};
use crate::call::{Call, CallCommand, CallInput, CallOutput, CallSetup, LegOver};
use crate::compliance::Compliance;
use crate::conversation::Script;
use crate::dialing::{DialDecision, Dialing, OPTIONS_TIMEOUT, Prices, Trust, Wait};
use crate::event::{
    CampaignStarted, CarrierAdded, CarrierFailed, CarrierRecovered, Event, LeadImported, LegKind,
    Portrait, examples,
};
use crate::media::MediaStatistics;
use crate::sip::{Identity, Invite, Output, Party, Timers, UaEvent, UserAgent, UserAgentConfig};

const PROBE_EVERY: Millis = Millis(2_000);
const REST: Millis = Millis(10_000);
const ROBOTS: u32 = 40;

/// One attempt as it is seen from outside.
#[derive(Default)]
struct Seen {
    first_invite: Option<Timestamp>,
    /// A carrier could not do it.
    has_failed: bool,
    /// The first provisional since then.
    provisional: Option<Timestamp>,
}

pub(super) struct Platform {
    user_agent: UserAgent,
    dialing: Dialing,
    calls: BTreeMap<CallId, Call>,
    seen: BTreeMap<CallId, Seen>,
    legs: BTreeMap<LegId, CallId>,
    stirred: BTreeSet<CallId>,
    addresses: BTreeMap<CarrierId, SocketAddr>,
    misses: BTreeMap<SocketAddr, u32>,
    rests: BTreeMap<CarrierId, Timestamp>,
    probes_due: Timestamp,
    dial_due: Option<Timestamp>,
    position: u64,
    serial: u128,
    campaign_id: CampaignId,
    script: Arc<Script>,
    is_complete: bool,
    /// When everything that lingers must be gone.
    ends: Option<Timestamp>,
    now: Timestamp,
    pub(super) sent: Vec<(SocketAddr, Vec<u8>)>,
}

impl Platform {
    pub(super) fn new(
        now: Timestamp,
        home: SocketAddr,
        carriers: &[SocketAddr],
        leads: u64,
        rng: Rng,
    ) -> Self {
        let config = UserAgentConfig {
            local: home,
            product: "Ledgerline".to_owned(),
            timers: Timers::default(),
            challenge: None,
            refuse_calls: Some(403),
        };
        let text = include_str!("../../../scripts/business_loan_en.toml");
        let mut platform = Self {
            user_agent: UserAgent::new(config, rng.fork("sip")),
            dialing: Dialing::default(),
            calls: BTreeMap::new(),
            seen: BTreeMap::new(),
            legs: BTreeMap::new(),
            stirred: BTreeSet::new(),
            addresses: BTreeMap::new(),
            misses: BTreeMap::new(),
            rests: BTreeMap::new(),
            probes_due: now,
            dial_due: None,
            position: 0,
            serial: 0,
            campaign_id: CampaignId::new("demo").expect("a slug"),
            script: Arc::new(Script::parse("shipped", text).expect("a good script")),
            is_complete: false,
            ends: None,
            now,
            sent: Vec::new(),
        };
        platform.set_up(now, carriers, leads);
        platform
    }

    fn set_up(&mut self, now: Timestamp, carriers: &[SocketAddr], leads: u64) {
        let created = examples().into_iter().find_map(|event| match event {
            Event::CampaignCreated(fact) => Some(fact),
            _ => None,
        });
        let mut created = created.expect("an example");
        created.settings.robot_channels = ROBOTS;
        created.settings.retry.max_attempts = 1;
        let campaign_id = created.campaign_id.clone();
        self.campaign_id = campaign_id.clone();
        self.record(now, created.into());
        self.record(now, CampaignStarted { campaign_id: campaign_id.clone() }.into());
        for (number, address) in carriers.iter().enumerate() {
            let carrier_id = CarrierId::new(format!("carrier-{number}")).expect("a slug");
            self.addresses.insert(carrier_id.clone(), *address);
            let fact = CarrierAdded { carrier_id, weight: 1, channels: 30, calls_per_second: None };
            self.record(now, fact.into());
        }
        for number in 1..=leads {
            let id = Uuid::from_u128(u128::from(number));
            let fact = LeadImported {
                lead_id: LeadId(id),
                campaign_id: campaign_id.clone(),
                subject_id: SubjectId(id),
                phone_hash: format!("{number:08x}"),
                list_order: number,
                file_hash: String::new(),
                line: number,
                portrait: Portrait::new(),
                value_ppm: 0,
                list_id: None,
            };
            self.record(now, fact.into());
        }
    }

    fn record(&mut self, now: Timestamp, event: Event) {
        self.dialing.apply(&event, now);
        self.position += 1;
    }

    pub(super) fn receive(&mut self, now: Timestamp, from: SocketAddr, datagram: &[u8]) {
        self.user_agent.receive(now, from, datagram);
    }

    pub(super) fn due(&self) -> Option<Timestamp> {
        let calls = self.calls.values().filter_map(Call::poll_timeout);
        calls
            .chain(self.user_agent.poll_timeout())
            .chain(self.dial_due)
            .chain(self.ends)
            .chain([self.probes_due])
            .min()
    }

    /// Every attempt is over, and what lingers had its time.
    pub(super) fn is_finished(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= self.now)
    }

    pub(super) fn left_over(&self) -> usize {
        self.user_agent.live_transactions() + self.user_agent.live_dialogs()
    }

    pub(super) fn work(&mut self, now: Timestamp, outcome: &mut Outcome) {
        self.now = now;
        if self.user_agent.poll_timeout().is_some_and(|due| due <= now) {
            self.user_agent.handle_timeout(now);
        }
        for (call_id, call) in &mut self.calls {
            if call.poll_timeout().is_some_and(|due| due <= now) {
                call.handle_timeout(now);
                self.stirred.insert(*call_id);
            }
        }
        if self.probes_due <= now {
            self.probes_due = now.plus(PROBE_EVERY);
            for address in self.addresses.values().filter(|_| !self.is_complete) {
                self.user_agent.options(now, *address);
            }
        }
        loop {
            self.drain(now);
            self.gather(now, outcome);
            for fact in self.dialing.judge_carriers() {
                self.rests.insert(fact.carrier_id.clone(), now.plus(REST));
                self.record(now, fact.into());
            }
            let dialled = self.stirred.is_empty() && self.dial(now);
            if self.stirred.is_empty() && !dialled {
                break;
            }
        }
        self.drain(now);
    }

    fn dial(&mut self, now: Timestamp) -> bool {
        self.dial_due = None;
        // Far apart: ids of legs count on from that of their call.
        let call_id = CallId(Uuid::from_u128((self.serial + 1) << 16));
        let compliance = Compliance::default();
        let campaign_id = self.campaign_id.clone();
        let position = self.position;
        match self.dialing.decide_dial(&compliance, &campaign_id, call_id, now, position) {
            DialDecision::Dial { decided, started, .. } => {
                self.serial += 1;
                self.record(now, decided.into());
                let setup = CallSetup {
                    call_id,
                    campaign_id,
                    lead_id: started.lead_id,
                    subject_id: started.subject_id,
                    phone_hash: String::new(),
                    attempt_number: started.attempt_number,
                    script: self.script.clone(),
                    portrait: Portrait::new(),
                    ring_timeout: Millis(20_000),
                    agent_ring: Millis(8_000),
                    wrap_up: Millis(0),
                    prices: Arc::new(Prices::default()),
                    post_dial_delays: Arc::default(),
                };
                self.record(now, started.into());
                self.calls.insert(call_id, Call::new(setup, now));
                self.seen.insert(call_id, Seen::default());
                self.stirred.insert(call_id);
                true
            }
            DialDecision::Wait(Wait::Until(due)) => {
                self.dial_due = Some(due);
                false
            }
            DialDecision::Complete(fact) => {
                self.record(now, fact.into());
                self.is_complete = true;
                self.ends = Some(now.plus(Millis(240_000)));
                false
            }
            DialDecision::Wait(_) | DialDecision::Refuse(_) => false,
        }
    }

    fn gather(&mut self, now: Timestamp, outcome: &mut Outcome) {
        while let Some(call_id) = self.stirred.pop_first() {
            while let Some(output) = self.calls.get_mut(&call_id).and_then(Call::poll_output) {
                match output {
                    CallOutput::Fact(event) => {
                        self.note(call_id, &event, outcome);
                        self.record(now, event);
                    }
                    CallOutput::Command(command) => self.obey(now, call_id, command),
                }
            }
        }
    }

    /// Counts what is asked of the simulation.
    fn note(&mut self, call_id: CallId, event: &Event, outcome: &mut Outcome) {
        match event {
            Event::LegEnded(fact) if matches!(fact.kind, LegKind::Customer(_)) => {
                let refused = fact.sip_status.filter(|status| *status >= 500);
                let reason = fact.failure.clone().or(refused.map(|it| format!("sip_{it}")));
                if let Some(reason) = reason {
                    *outcome.failures.entry(reason).or_default() += 1;
                    if let Some(seen) = self.seen.get_mut(&call_id) {
                        seen.has_failed = true;
                        seen.provisional = None;
                    }
                }
            }
            Event::AttemptEnded(fact) => {
                outcome.attempts += 1;
                let seen = self.seen.remove(&call_id).unwrap_or_default();
                if fact.disposition == crate::event::Disposition::CarrierFailed {
                    outcome.without_carrier += 1;
                }
                if let (Some(first), Some(taken), true) =
                    (seen.first_invite, seen.provisional, seen.has_failed)
                {
                    outcome.waits.push(taken.since(first).0);
                }
            }
            _ => {}
        }
    }

    fn obey(&mut self, now: Timestamp, call_id: CallId, command: CallCommand) {
        match command {
            CallCommand::WantCarrier { leg_id, .. } => {
                let decision = self.dialing.choose_carrier(call_id, leg_id, now, self.position);
                let carrier_id = decision.chosen.clone();
                self.record(now, decision.into());
                self.give(now, call_id, CallInput::CarrierChosen { leg_id, carrier_id });
            }
            CallCommand::InviteCustomer { leg_id, carrier_id, ring_timeout } => {
                self.legs.insert(leg_id, call_id);
                let seen = self.seen.entry(call_id).or_default();
                // A number that one carrier does not know is asked of another: no failure.
                if !seen.has_failed {
                    seen.first_invite = Some(now);
                }
                let to = self.addresses[&carrier_id].into();
                // Numbers set aside for fiction, with the lead in the last digits.
                let called = format!("+1555{:07}", call_id.0.as_u128() >> 16);
                let identity = Identity::of("+12025550100".to_owned());
                let sdp = "v=0\r\n".to_owned();
                let (leg, credentials) = (leg_id, None);
                let (others, host) = (Vec::new(), None);
                let invite = Invite {
                    leg,
                    to,
                    others,
                    host,
                    called,
                    identity,
                    credentials,
                    sdp,
                    ring_timeout,
                };
                self.user_agent.invite(now, invite);
            }
            CallCommand::WantHandler { purpose } => {
                // Nobody talks: the call is hung up at once.
                self.give(now, call_id, CallInput::HandlerChosen { purpose, handler: None });
            }
            CallCommand::HangUp { leg_id } => self.user_agent.hang_up(now, leg_id, None),
            CallCommand::Done => drop(self.calls.remove(&call_id)),
            // Nobody talks.
            _ => {}
        }
    }

    fn give(&mut self, now: Timestamp, call_id: CallId, input: CallInput) {
        if let Some(call) = self.calls.get_mut(&call_id) {
            call.handle(now, input);
            self.stirred.insert(call_id);
        }
    }

    fn drain(&mut self, now: Timestamp) {
        while let Some(output) = self.user_agent.poll_output() {
            match output {
                Output::Transmit { to, bytes } => self.sent.push((to.address, bytes)),
                Output::Event(event) => self.signal(now, event),
            }
        }
    }

    fn signal(&mut self, now: Timestamp, event: UaEvent) {
        match event {
            UaEvent::OptionsAnswered { to, status } if status < 500 => {
                self.answers(now, to.address)
            }
            UaEvent::OptionsAnswered { to, .. } | UaEvent::OptionsTimedOut { to } => {
                self.silent(now, to.address);
            }
            UaEvent::Progress { leg: leg_id, status } => {
                let Some(call_id) = self.legs.get(&leg_id).copied() else { return };
                if let Some(seen) = self.seen.get_mut(&call_id) {
                    seen.provisional.get_or_insert(now);
                }
                self.give(now, call_id, CallInput::Progress { leg_id, status });
            }
            UaEvent::Answered { leg: leg_id, .. } => {
                let Some(call_id) = self.legs.get(&leg_id).copied() else { return };
                self.give(now, call_id, CallInput::Answered { leg_id, codec: "PCMU" });
            }
            UaEvent::Refused { leg, status, q850, retry_after, .. } => {
                self.over(now, leg, LegOver::Refused { status, q850, retry_after });
            }
            UaEvent::Failed { leg, cause } => self.over(now, leg, LegOver::Failed { cause }),
            UaEvent::Ended { leg, by, q850 } => self.over(now, leg, LegOver::Ended { by, q850 }),
            UaEvent::Cancelled { leg, by: Party::Local } => {
                self.over(now, leg, LegOver::Cancelled);
            }
            UaEvent::Cancelled { leg, by } => {
                self.over(now, leg, LegOver::Ended { by, q850: None });
            }
            _ => {}
        }
    }

    fn over(&mut self, now: Timestamp, leg_id: LegId, over: LegOver) {
        let Some(call_id) = self.legs.remove(&leg_id) else { return };
        let statistics = MediaStatistics::default();
        self.give(now, call_id, CallInput::Over { leg_id, over, statistics });
    }

    fn carrier_at(&self, address: SocketAddr) -> Option<CarrierId> {
        let mut all = self.addresses.iter();
        all.find(|(_, one)| **one == address).map(|(id, _)| id.clone())
    }

    fn answers(&mut self, now: Timestamp, from: SocketAddr) {
        self.misses.remove(&from);
        let Some(carrier_id) = self.carrier_at(from) else { return };
        let Some(known) = self.dialing.carriers().get(&carrier_id) else { return };
        let is_resting = self.rests.get(&carrier_id).is_some_and(|until| *until > now);
        let is_new = known.is_up && known.trust == Trust::Unproven;
        if is_new || !known.is_up && !is_resting {
            self.record(now, CarrierRecovered { carrier_id }.into());
        }
    }

    fn silent(&mut self, now: Timestamp, to: SocketAddr) {
        let misses = self.misses.entry(to).or_default();
        *misses += 1;
        let is_gone = *misses >= 2;
        let Some(carrier_id) = self.carrier_at(to).filter(|_| is_gone) else { return };
        if self.dialing.carriers().get(&carrier_id).is_some_and(|known| known.is_up) {
            let reason = OPTIONS_TIMEOUT.to_owned();
            self.record(now, CarrierFailed { carrier_id, reason }.into());
        }
    }
}
