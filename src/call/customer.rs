//! The customer's side: carriers tried one after the other until one gets an answer.

use super::{Call, CallCommand, CallOutput, LegOver};
use crate::base::{CarrierId, LegId, Millis, Timestamp};
use crate::dialing::{
    EarlyTone, LegEnding, LegVerdict, POST_DIAL_DELAY_MAX, judge_ending, suspended_until,
};
use crate::event::{
    CallAnswered, CarrierSuspended, CostKind, Disposition, HangUpParty, LegAnswered, LegEnded,
    LegKind, LegProgressed, LegStarted, RoutePurpose,
};
use crate::media::{Codec, MediaStatistics, Quality};
use crate::sip::{FailureCause, Party};

/// How long a leg may wait until a carrier has its turn: what it may take until the next carrier
/// has the call of one that failed it.
const CARRIER_WAIT_MAX: Millis = Millis(3_000);

/// Where the customer's side is.
#[derive(Debug)]
pub(super) enum CustomerSide {
    /// A carrier is being chosen for the leg.
    Choosing(Choosing),
    /// INVITE is out.
    Dialling(Dialling),
    /// Answered.
    Up { leg_id: LegId, carrier_id: CarrierId, answered_at: Timestamp },
    /// Over, for good.
    Over,
}

/// A leg whose carrier is not chosen yet.
#[derive(Debug)]
pub(super) struct Choosing {
    leg_id: LegId,
    /// Until when a carrier may be waited for.
    wait_until: Timestamp,
    /// When to ask again.
    again: Option<Timestamp>,
}

/// A leg that is not answered yet.
#[derive(Debug)]
pub(super) struct Dialling {
    leg_id: LegId,
    carrier_id: CarrierId,
    since: Timestamp,
    last_status: u16,
    has_rung: bool,
    /// What the network said in tones, the last of them.
    tone: Option<EarlyTone>,
    /// Until when it has to ring; nothing once it did, or was given up.
    rings_until: Option<Timestamp>,
    /// It did not ring in time and is being withdrawn.
    is_given_up: bool,
}

/// The end of a leg as it is recorded.
#[derive(Debug)]
pub(super) struct LegEnd {
    sip_status: Option<u16>,
    q850_cause: Option<u8>,
    failure: Option<String>,
}

impl LegEnd {
    pub(super) fn of(over: LegOver) -> Self {
        let (sip_status, q850_cause, failure) = match over {
            LegOver::Refused { status, q850, .. } => (Some(status), q850, None),
            LegOver::Ended { q850, .. } => (Some(200), q850, None),
            LegOver::Cancelled => (Some(487), None, None),
            LegOver::Failed { cause } => (None, None, Some(cause.as_str())),
            LegOver::BadSession => (None, None, Some("bad_session")),
            LegOver::MediaTimeout => (None, None, Some("media_timeout")),
            LegOver::NoKeys(failure) => (None, None, Some(failure.as_str())),
            LegOver::Barred => (None, None, Some("number_barred")),
        };
        Self { sip_status, q850_cause, failure: failure.map(str::to_owned) }
    }
}

impl CustomerSide {
    /// The leg, while there is one.
    pub(super) const fn leg_id(&self) -> Option<LegId> {
        match self {
            Self::Up { leg_id, .. } => Some(*leg_id),
            Self::Choosing(leg) => Some(leg.leg_id),
            Self::Dialling(leg) => Some(leg.leg_id),
            Self::Over => None,
        }
    }

    /// Whether this leg is the customer's.
    pub(super) fn has(&self, leg_id: LegId) -> bool {
        self.leg_id() == Some(leg_id)
    }

    /// When a carrier is asked for again, or a leg that does not ring is given up.
    pub(super) const fn poll_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Dialling(leg) => leg.rings_until,
            Self::Choosing(leg) => leg.again,
            Self::Up { .. } | Self::Over => None,
        }
    }

    /// Whether the customer can hear us.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

impl Call {
    /// Asks for a carrier of the next leg, which may be waited for, but not for long: somebody
    /// who was to be called now waits with it.
    pub(super) fn want_carrier(&mut self, now: Timestamp) {
        let (leg_id, wait_until) = (self.next_leg(now), now.plus(CARRIER_WAIT_MAX));
        self.customer = CustomerSide::Choosing(Choosing { leg_id, wait_until, again: None });
        self.command(CallCommand::WantCarrier { leg_id, wait_until });
    }

    /// The carrier that could take it has its turn then.
    pub(super) fn carrier_waits(&mut self, leg_id: LegId, until: Timestamp) {
        if let CustomerSide::Choosing(leg) = &mut self.customer
            && leg.leg_id == leg_id
        {
            leg.again = Some(until);
        }
    }

    pub(super) fn carrier_chosen(
        &mut self,
        now: Timestamp,
        leg_id: LegId,
        carrier_id: Option<CarrierId>,
    ) {
        let CustomerSide::Choosing(leg) = &self.customer else { return };
        if leg.leg_id != leg_id {
            return;
        }
        let Some(carrier_id) = carrier_id else {
            self.customer = CustomerSide::Over;
            if self.talk.disposition.is_none() {
                self.talk.disposition = Some(Disposition::CarrierFailed);
                self.reason = Some("no_carrier".to_owned());
            }
            return;
        };
        self.fact(LegStarted {
            call_id: self.setup.call_id,
            leg_id,
            kind: LegKind::Customer(carrier_id.clone()),
        });
        self.command(CallCommand::InviteCustomer {
            leg_id,
            carrier_id: carrier_id.clone(),
            ring_timeout: self.setup.ring_timeout,
        });
        let delay = self.setup.post_dial_delays.get(&carrier_id).copied();
        self.customer = CustomerSide::Dialling(Dialling {
            leg_id,
            carrier_id,
            since: now,
            last_status: 100,
            has_rung: false,
            tone: None,
            rings_until: Some(now.plus(delay.unwrap_or(POST_DIAL_DELAY_MAX))),
            is_given_up: false,
        });
    }

    /// Withdraws a leg that has not rung in time: its carrier is there, but does not get through.
    /// Asks again where a carrier was waited for.
    pub(super) fn dial_timeout(&mut self, now: Timestamp) {
        if let CustomerSide::Choosing(leg) = &mut self.customer
            && leg.again.is_some_and(|again| again <= now)
        {
            leg.again = None;
            let (leg_id, wait_until) = (leg.leg_id, leg.wait_until);
            self.command(CallCommand::WantCarrier { leg_id, wait_until });
        }
        let CustomerSide::Dialling(leg) = &mut self.customer else { return };
        if leg.rings_until.is_none_or(|until| until > now) {
            return;
        }
        leg.rings_until = None;
        if self.ended_by.is_none() {
            leg.is_given_up = true;
            let leg_id = leg.leg_id;
            self.command(CallCommand::HangUp { leg_id });
        }
    }

    /// Takes a hang-up back that nobody carried out yet: the phone rang or was answered in the
    /// same moment. Whether it could be.
    fn keeps(&mut self, leg_id: LegId) -> bool {
        let before = self.outputs.len();
        let unwanted = CallOutput::Command(CallCommand::HangUp { leg_id });
        self.outputs.retain(|output| *output != unwanted);
        self.outputs.len() < before
    }

    pub(super) fn progress(&mut self, now: Timestamp, leg_id: LegId, status: u16) {
        if self.agent.has(leg_id) {
            return;
        }
        let CustomerSide::Dialling(leg) = &mut self.customer else { return };
        if leg.leg_id != leg_id || status <= 100 || leg.last_status == status {
            return;
        }
        leg.last_status = status;
        leg.has_rung |= (180..=189).contains(&status);
        if leg.has_rung {
            leg.rings_until = None;
        }
        let is_late = leg.has_rung && leg.is_given_up;
        let after_ms = now.since(leg.since);
        let call_id = self.setup.call_id;
        self.fact(LegProgressed { call_id, leg_id, sip_status: status, after_ms });
        if is_late
            && self.keeps(leg_id)
            && let CustomerSide::Dialling(leg) = &mut self.customer
        {
            leg.is_given_up = false;
        }
    }

    /// The network says in tones what comes of a leg that nobody answered.
    pub(super) fn heard_early(&mut self, leg_id: LegId, tone: EarlyTone) {
        if let CustomerSide::Dialling(leg) = &mut self.customer
            && leg.leg_id == leg_id
        {
            leg.tone = Some(tone);
        }
    }

    pub(super) fn answered(&mut self, now: Timestamp, leg_id: LegId, codec: &'static str) {
        if self.agent.has(leg_id) {
            return self.agent_answered(now, codec);
        }
        if self.transfer.as_ref().is_some_and(|one| one.has(leg_id)) {
            return self.transfer_answered(now, codec);
        }
        if self.consult.as_ref().is_some_and(|one| one.agent_of(leg_id).is_some()) {
            return self.consult_answered(now, leg_id, codec);
        }
        if self.is_supervisors(leg_id) {
            return self.supervisor_answered(now, codec);
        }
        let CustomerSide::Dialling(leg) = &self.customer else { return };
        if leg.leg_id != leg_id {
            return;
        }
        let carrier_id = leg.carrier_id.clone();
        let after_ms = now.since(leg.since);
        if leg.is_given_up {
            self.keeps(leg_id);
        }
        let call_id = self.setup.call_id;
        self.fact(LegAnswered { call_id, leg_id, after_ms, codec: codec.to_owned() });
        self.fact(CallAnswered {
            call_id,
            campaign_id: self.setup.campaign_id.clone(),
            leg_id,
            ring_ms: after_ms,
        });
        self.customer = CustomerSide::Up { leg_id, carrier_id, answered_at: now };
        (self.talk.disposition, self.talk.sip_status, self.talk.q850_cause) =
            (None, Some(200), None);
        if self.ended_by.is_none() {
            self.command(CallCommand::WantHandler { purpose: RoutePurpose::Answer });
        }
    }

    pub(super) fn customer_over(
        &mut self,
        now: Timestamp,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        match std::mem::replace(&mut self.customer, CustomerSide::Over) {
            CustomerSide::Dialling(leg) => self.dialling_over(now, leg, over, statistics),
            CustomerSide::Up { leg_id, carrier_id, answered_at } => {
                let by = match over {
                    LegOver::Ended { by: Party::Remote, .. } => HangUpParty::Customer,
                    LegOver::Ended { .. } => self.ended_by.unwrap_or(HangUpParty::Platform),
                    _ => HangUpParty::Carrier,
                };
                if matches!(over, LegOver::NoKeys(_)) && statistics.packets_received == 0 {
                    // Nobody could be heard at any time: whoever talks here talked to nobody.
                    self.talk.disposition.get_or_insert(Disposition::Abandoned);
                }
                let length = now.since(answered_at);
                let cost = self.setup.prices.line(&carrier_id, length);
                let payee = carrier_id.to_string();
                let kind = LegKind::Customer(carrier_id);
                self.leg_ended(leg_id, kind, LegEnd::of(over), Some(by), statistics);
                self.book(CostKind::Line, payee, cost, answered_at);
                self.ended_by.get_or_insert(by);
                self.talk.length = length;
                self.hear(now, crate::conversation::Input::HungUp);
                self.release_agent(now);
                self.release_others(now);
            }
            CustomerSide::Choosing(_) | CustomerSide::Over => {}
        }
    }

    /// A leg ended that nobody answered: the next carrier, or the end.
    fn dialling_over(
        &mut self,
        now: Timestamp,
        leg: Dialling,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        if matches!(
            over,
            LegOver::BadSession | LegOver::Failed { cause: FailureCause::BadResponse }
        ) {
            self.answered_in_vain(now, leg, over, statistics);
            return;
        }
        let is_withdrawn = matches!(over, LegOver::Cancelled | LegOver::Ended { .. });
        let mut end = LegEnd::of(over);
        if leg.is_given_up && is_withdrawn {
            end.failure = Some("post_dial_delay".to_owned());
        }
        let ending = LegEnding {
            // Whoever hung up, nobody had answered.
            sip_status: end.sip_status.map(|status| if status == 200 { 487 } else { status }),
            q850_cause: end.q850_cause,
            failure: end.failure.as_deref(),
            has_rung: leg.has_rung,
            tone: leg.tone,
        };
        if let Some(tone) = leg.tone.filter(|_| ending.goes_by_tone()) {
            self.reason.get_or_insert_with(|| tone.as_str().to_owned());
        }
        let verdict = judge_ending(ending, self.bad_numbers);
        self.talk.sip_status = ending.sip_status;
        self.talk.q850_cause = ending.q850_cause;
        let carrier_id = leg.carrier_id.clone();
        self.leg_ended(leg.leg_id, LegKind::Customer(leg.carrier_id), end, None, statistics);
        self.suspend(now, carrier_id, over);
        if self.is_stopping {
            self.talk.disposition = Some(Disposition::Cancelled);
            return;
        }
        match verdict {
            LegVerdict::NextCarrier(disposition) => {
                self.bad_numbers += u32::from(disposition == Disposition::InvalidNumber);
                self.talk.disposition = Some(disposition);
                self.want_carrier(now);
            }
            LegVerdict::End(disposition) => self.talk.disposition = Some(disposition),
        }
    }

    /// Somebody picked up, but nothing can be said: it ends here. Dialled over another carrier,
    /// the phone would ring again in the hand of the one who just answered it.
    fn answered_in_vain(
        &mut self,
        now: Timestamp,
        leg: Dialling,
        over: LegOver,
        statistics: MediaStatistics,
    ) {
        let (call_id, campaign_id) = (self.setup.call_id, self.setup.campaign_id.clone());
        let ring_ms = now.since(leg.since);
        self.fact(CallAnswered { call_id, campaign_id, leg_id: leg.leg_id, ring_ms });
        let (kind, by) = (LegKind::Customer(leg.carrier_id), HangUpParty::Carrier);
        self.leg_ended(leg.leg_id, kind, LegEnd::of(over), Some(by), statistics);
        self.ended_by.get_or_insert(by);
        (self.talk.disposition, self.talk.sip_status, self.talk.q850_cause) =
            (None, Some(200), None);
        if !self.is_stopping {
            self.reason = Some("no_session".to_owned());
        }
    }

    /// Leaves a carrier alone that asks for it: 503 with Retry-After (RFC 3261 §21.5.4).
    fn suspend(&mut self, now: Timestamp, carrier_id: CarrierId, over: LegOver) {
        let LegOver::Refused { status: 503, retry_after: Some(wait), .. } = over else { return };
        if wait > Millis(0) {
            let until = suspended_until(now, wait);
            self.fact(CarrierSuspended { carrier_id, until, reason: "retry_after".to_owned() });
        }
    }

    /// Records a leg's end.
    pub(super) fn leg_ended(
        &mut self,
        leg_id: LegId,
        kind: LegKind,
        end: LegEnd,
        hung_up_by: Option<HangUpParty>,
        statistics: MediaStatistics,
    ) {
        let LegEnd { sip_status, q850_cause, failure } = end;
        // Both codecs are the same to the E-model.
        let quality = Quality::of(&statistics, Codec::Pcmu);
        self.fact(LegEnded {
            call_id: self.setup.call_id,
            leg_id,
            kind,
            sip_status,
            q850_cause,
            failure,
            hung_up_by,
            packets_sent: statistics.packets_sent,
            packets_received: statistics.packets_received,
            packets_lost: statistics.packets_lost,
            jitter_us: statistics.jitter_us,
            round_trip_ms: statistics.round_trip_ms,
            r_milli: quality.map(|quality| quality.r_milli),
            mos_milli: quality.map(|quality| quality.mos_milli),
        });
    }

    /// Ends the customer's leg; its end is recorded when SIP says so.
    pub(super) fn hang_up_customer(&mut self, by: HangUpParty) {
        let leg_id = match &self.customer {
            CustomerSide::Dialling(leg) => leg.leg_id,
            CustomerSide::Up { leg_id, .. } => *leg_id,
            CustomerSide::Choosing(_) | CustomerSide::Over => return,
        };
        if self.ended_by.is_none() {
            self.ended_by = Some(by);
            self.command(CallCommand::HangUp { leg_id });
        }
    }
}
