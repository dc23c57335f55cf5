//! Counts for people to look at while it happens.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::{CallId, CampaignId, CarrierId, LeadId, LegId, Millis, Timestamp};
use crate::event::{
    CampaignStateName, CarrierFailed, Disposition, Event, Handler, IntentionLevel, LegKind,
};

/// Why a carrier that lacks its registration gets no calls.
const UNREGISTERED: &str = "unregistered";
/// Endings kept for the board.
const RECENT_CALLS: usize = 30;
/// Width of a bucket of the time series. Units: µs.
const BUCKET_US: i64 = 10_000_000;
/// Buckets kept: ten minutes.
const BUCKETS: usize = 60;

/// A campaign in figures. Customers are counted once, by lead.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CampaignCounts {
    /// What people call it.
    pub name: String,
    /// Its script.
    pub script: String,
    /// Where it stands.
    pub state: Option<CampaignStateName>,
    /// Leads on the list.
    pub leads: u64,
    /// Leads dialled at least once.
    pub dialled: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts that are not over.
    pub in_progress: u64,
    /// Attempts answered by anything.
    pub answered: u64,
    /// Attempts answered by a person.
    pub contacts: u64,
    /// Leads reached: a person answered at least once.
    pub reached: BTreeSet<LeadId>,
    /// Latest level of each lead.
    pub levels: BTreeMap<LeadId, IntentionLevel>,
    /// Time talked. Units: ms.
    pub talk: Millis,
    /// Dials that a rule forbade.
    pub refused: u64,
}

impl CampaignCounts {
    /// Leads whose latest level is one of these.
    pub fn leads_at(&self, wanted: &[IntentionLevel]) -> u64 {
        self.levels.values().filter(|level| wanted.contains(level)).count() as u64
    }
}

/// A carrier in figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CarrierCounts {
    /// Customer legs begun.
    pub attempts: u64,
    /// Legs answered.
    pub answered: u64,
    /// Legs that failed on the carrier's side.
    pub failed: u64,
    /// Why it is out, where it is.
    pub down_reason: Option<String>,
}

/// Where a call in progress stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentCallState {
    /// The INVITE is out.
    Dialling,
    /// It rings.
    Ringing,
    /// Answered, nobody talks yet.
    Answered,
    /// The robot talks.
    Robot,
    /// An agent talks.
    Agent,
}

impl CurrentCallState {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dialling => "dialling",
            Self::Ringing => "ringing",
            Self::Answered => "answered",
            Self::Robot => "robot",
            Self::Agent => "agent",
        }
    }
}

/// A call in progress.
#[derive(Clone, Debug, PartialEq)]
pub struct CurrentCall {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Where it stands.
    pub state: CurrentCallState,
    /// Who talks.
    pub handler: Option<Handler>,
    /// Over which carrier.
    pub carrier_id: Option<CarrierId>,
    /// The script's stage.
    pub stage: Option<String>,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// When it was answered.
    pub answered_at: Option<Timestamp>,
}

/// A call that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct RecentCall {
    /// The call.
    pub call_id: CallId,
    /// How it ended.
    pub disposition: Disposition,
    /// The intention level.
    pub level: Option<IntentionLevel>,
    /// Units: ms.
    pub talk: Millis,
    /// Who talked.
    pub handler: Option<Handler>,
    /// Over which carrier.
    pub carrier_id: Option<CarrierId>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Ten seconds of dialing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesBucket {
    /// Its first moment.
    pub at: Timestamp,
    /// Attempts begun.
    pub dials: u64,
    /// Attempts answered.
    pub answered: u64,
    /// Attempts over.
    pub ended: u64,
}

/// The board's figures: a fold of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Board {
    /// By campaign.
    pub campaigns: BTreeMap<CampaignId, CampaignCounts>,
    /// By carrier.
    pub carriers: BTreeMap<CarrierId, CarrierCounts>,
    /// Calls in progress.
    pub calls: BTreeMap<CallId, CurrentCall>,
    /// Latest endings, the newest first.
    pub recent: VecDeque<RecentCall>,
    /// Ten minutes of dialing, the oldest first.
    pub series: VecDeque<SeriesBucket>,
    legs: BTreeMap<LegId, CarrierId>,
}

impl Board {
    pub(super) fn apply(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::CampaignCreated(fact) => {
                let campaign = self.campaigns.entry(fact.campaign_id.clone()).or_default();
                campaign.name.clone_from(&fact.name);
                campaign.script = fact.script_id.to_string();
                campaign.state = Some(CampaignStateName::Created);
            }
            Event::CampaignStarted(fact) => {
                self.campaign(&fact.campaign_id).state = Some(CampaignStateName::Running);
            }
            Event::CampaignPaused(fact) => {
                self.campaign(&fact.campaign_id).state = Some(CampaignStateName::Paused);
            }
            Event::CampaignResumed(fact) => {
                self.campaign(&fact.campaign_id).state = Some(CampaignStateName::Running);
            }
            Event::CampaignCompleted(fact) => {
                self.campaign(&fact.campaign_id).state = Some(CampaignStateName::Completed);
            }
            Event::LeadImported(fact) => self.campaign(&fact.campaign_id).leads += 1,
            Event::DialRefused(fact) => self.campaign(&fact.campaign_id).refused += 1,
            Event::AttemptStarted(fact) => self.attempt_started(fact, at),
            Event::AttemptEnded(fact) => self.attempt_ended(fact, at),
            Event::IntentionLevelSet(fact) => {
                self.campaign(&fact.campaign_id).levels.insert(fact.lead_id, fact.level);
            }
            Event::CarrierAdded(fact) => {
                self.carriers.entry(fact.carrier_id.clone()).or_default().down_reason = None;
            }
            Event::CarrierFailed(CarrierFailed { carrier_id, reason }) => {
                let carrier = self.carriers.entry(carrier_id.clone()).or_default();
                carrier.down_reason = Some(reason.clone());
            }
            Event::CarrierRegistrationLost(fact) => {
                let carrier = self.carriers.entry(fact.carrier_id.clone()).or_default();
                carrier.down_reason.get_or_insert_with(|| UNREGISTERED.to_owned());
            }
            Event::CarrierRegistered(fact) => {
                let carrier = self.carriers.entry(fact.carrier_id.clone()).or_default();
                carrier.down_reason.take_if(|reason| reason == UNREGISTERED);
            }
            Event::CarrierRecovered(fact) => {
                self.carriers.entry(fact.carrier_id.clone()).or_default().down_reason = None;
            }
            _ => self.apply_to_calls(event, at),
        }
    }

    fn apply_to_calls(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::LegStarted(fact) => {
                if let LegKind::Customer(carrier_id) = &fact.kind {
                    self.legs.insert(fact.leg_id, carrier_id.clone());
                    self.carriers.entry(carrier_id.clone()).or_default().attempts += 1;
                    if let Some(call) = self.calls.get_mut(&fact.call_id) {
                        call.carrier_id = Some(carrier_id.clone());
                    }
                }
            }
            Event::LegProgressed(fact) => {
                let is_customer = self.legs.contains_key(&fact.leg_id);
                if let Some(call) = self.calls.get_mut(&fact.call_id).filter(|_| is_customer) {
                    call.state = CurrentCallState::Ringing;
                }
            }
            Event::LegAnswered(fact) => {
                if let Some(carrier_id) = self.legs.get(&fact.leg_id) {
                    self.carriers.entry(carrier_id.clone()).or_default().answered += 1;
                }
            }
            Event::LegEnded(fact) => {
                let carrier_id = self.legs.remove(&fact.leg_id);
                let is_failed =
                    fact.failure.is_some() || fact.sip_status.is_some_and(|status| status >= 500);
                if let (Some(carrier_id), true) = (carrier_id, is_failed) {
                    self.carriers.entry(carrier_id).or_default().failed += 1;
                }
            }
            Event::CallAnswered(fact) => {
                self.campaign(&fact.campaign_id).answered += 1;
                self.bucket(at).answered += 1;
                if let Some(call) = self.calls.get_mut(&fact.call_id) {
                    call.state = CurrentCallState::Answered;
                    call.answered_at = Some(at);
                }
            }
            Event::HandlerChosen(fact) => {
                if let (Some(call), Some(handler)) =
                    (self.calls.get_mut(&fact.call_id), &fact.chosen)
                {
                    call.state = match handler {
                        Handler::Robot => CurrentCallState::Robot,
                        Handler::Agent(_) => CurrentCallState::Agent,
                    };
                    call.handler = Some(handler.clone());
                }
            }
            Event::TurnSpoken(fact) => {
                if let Some(call) = self.calls.get_mut(&fact.call_id) {
                    call.stage = Some(fact.stage.clone());
                }
            }
            _ => {}
        }
    }

    fn campaign(&mut self, campaign_id: &CampaignId) -> &mut CampaignCounts {
        self.campaigns.entry(campaign_id.clone()).or_default()
    }

    fn attempt_started(&mut self, fact: &crate::event::AttemptStarted, at: Timestamp) {
        let campaign = self.campaign(&fact.campaign_id);
        campaign.attempts += 1;
        campaign.in_progress += 1;
        campaign.dialled += u64::from(fact.attempt_number == 1);
        self.bucket(at).dials += 1;
        self.calls.insert(
            fact.call_id,
            CurrentCall {
                campaign_id: fact.campaign_id.clone(),
                state: CurrentCallState::Dialling,
                handler: None,
                carrier_id: None,
                stage: None,
                started_at: at,
                answered_at: None,
            },
        );
    }

    fn attempt_ended(&mut self, fact: &crate::event::AttemptEnded, at: Timestamp) {
        let campaign = self.campaign(&fact.campaign_id);
        campaign.in_progress = campaign.in_progress.saturating_sub(1);
        campaign.talk = Millis(campaign.talk.0 + fact.talk_ms.0);
        if fact.disposition.is_contact() {
            campaign.contacts += 1;
            campaign.reached.insert(fact.lead_id);
        }
        self.bucket(at).ended += 1;
        let call = self.calls.remove(&fact.call_id);
        self.recent.push_front(RecentCall {
            call_id: fact.call_id,
            disposition: fact.disposition,
            level: fact.level,
            talk: fact.talk_ms,
            handler: call.as_ref().and_then(|call| call.handler.clone()),
            carrier_id: call.and_then(|call| call.carrier_id),
            ended_at: at,
        });
        self.recent.truncate(RECENT_CALLS);
    }

    /// The bucket a moment falls in; one that is too old counts to the oldest kept.
    fn bucket(&mut self, at: Timestamp) -> &mut SeriesBucket {
        let start = at.as_micros().div_euclid(BUCKET_US) * BUCKET_US;
        let at = Timestamp::from_micros(start);
        let fresh = SeriesBucket { at, dials: 0, answered: 0, ended: 0 };
        let index = match self.series.binary_search_by_key(&at, |bucket| bucket.at) {
            Ok(index) => index,
            Err(index) => {
                self.series.insert(index, fresh);
                if self.series.len() > BUCKETS {
                    self.series.pop_front();
                    index.saturating_sub(1)
                } else {
                    index
                }
            }
        };
        &mut self.series[index]
    }
}
