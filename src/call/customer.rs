//! The customer's side: carriers tried one after the other until one gets an answer.

use super::{Call, CallCommand, LegOver};
use crate::base::{CarrierId, LegId, Timestamp};
use crate::dialing::{LegEnding, LegVerdict, judge_ending};
use crate::event::{
    CallAnswered, CostKind, Disposition, HangUpParty, LegAnswered, LegEnded, LegKind,
    LegProgressed, LegStarted, RoutePurpose,
};
use crate::media::{Codec, MediaStatistics, Quality};
use crate::sip::Party;

/// Where the customer's side is.
#[derive(Debug)]
pub(super) enum CustomerSide {
    /// A carrier is being chosen for the leg.
    Choosing { leg_id: LegId },
    /// INVITE is out.
    Dialling(Dialling),
    /// Answered.
    Up { leg_id: LegId, carrier_id: CarrierId, answered_at: Timestamp },
    /// Over, for good.
    Over,
}

/// A leg that is not answered yet.
#[derive(Debug)]
pub(super) struct Dialling {
    leg_id: LegId,
    carrier_id: CarrierId,
    since: Timestamp,
    last_status: u16,
    has_rung: bool,
}

impl CustomerSide {
    /// The leg, while there is one.
    pub(super) const fn leg_id(&self) -> Option<LegId> {
        match self {
            Self::Choosing { leg_id } | Self::Up { leg_id, .. } => Some(*leg_id),
            Self::Dialling(leg) => Some(leg.leg_id),
            Self::Over => None,
        }
    }

    /// Whether this leg is the customer's.
    pub(super) fn has(&self, leg_id: LegId) -> bool {
        self.leg_id() == Some(leg_id)
    }

    /// Whether the customer can hear us.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

impl Call {
    pub(super) fn carrier_chosen(
        &mut self,
        now: Timestamp,
        leg_id: LegId,
        carrier_id: Option<CarrierId>,
    ) {
        let CustomerSide::Choosing { leg_id: wanted } = self.customer else { return };
        if wanted != leg_id {
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
        self.customer = CustomerSide::Dialling(Dialling {
            leg_id,
            carrier_id,
            since: now,
            last_status: 100,
            has_rung: false,
        });
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
        let after_ms = now.since(leg.since);
        let call_id = self.setup.call_id;
        self.fact(LegProgressed { call_id, leg_id, sip_status: status, after_ms });
    }

    pub(super) fn answered(&mut self, now: Timestamp, leg_id: LegId, codec: &'static str) {
        if self.agent.has(leg_id) {
            self.agent_answered(now, codec);
            return;
        }
        let CustomerSide::Dialling(leg) = &self.customer else { return };
        if leg.leg_id != leg_id {
            return;
        }
        let carrier_id = leg.carrier_id.clone();
        let after_ms = now.since(leg.since);
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
                let length = now.since(answered_at);
                let cost = self.setup.prices.line(&carrier_id, length);
                let payee = carrier_id.to_string();
                let kind = LegKind::Customer(carrier_id);
                self.leg_ended(leg_id, kind, over, Some(by), statistics);
                self.book(CostKind::Line, payee, cost, answered_at);
                self.ended_by.get_or_insert(by);
                self.talk.length = length;
                self.hear(now, crate::conversation::Input::HungUp);
                self.release_agent(now);
            }
            CustomerSide::Choosing { .. } | CustomerSide::Over => {}
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
        let ending = match over {
            LegOver::Refused { status, q850 } => LegEnding {
                sip_status: Some(status),
                q850_cause: q850,
                is_failure: false,
                has_rung: leg.has_rung,
            },
            LegOver::Cancelled | LegOver::Ended { .. } => LegEnding {
                sip_status: Some(487),
                q850_cause: None,
                is_failure: false,
                has_rung: leg.has_rung,
            },
            LegOver::Failed { .. } | LegOver::BadSession | LegOver::MediaTimeout => LegEnding {
                sip_status: None,
                q850_cause: None,
                is_failure: true,
                has_rung: leg.has_rung,
            },
        };
        self.leg_ended(leg.leg_id, LegKind::Customer(leg.carrier_id), over, None, statistics);
        self.talk.sip_status = ending.sip_status;
        self.talk.q850_cause = ending.q850_cause;
        if self.is_stopping {
            self.talk.disposition = Some(Disposition::Cancelled);
            return;
        }
        match judge_ending(ending) {
            LegVerdict::NextCarrier(disposition) => {
                self.talk.disposition = Some(disposition);
                let leg_id = self.next_leg(now);
                self.customer = CustomerSide::Choosing { leg_id };
                self.command(CallCommand::WantCarrier { leg_id });
            }
            LegVerdict::End(disposition) => self.talk.disposition = Some(disposition),
        }
    }

    /// Records a leg's end.
    pub(super) fn leg_ended(
        &mut self,
        leg_id: LegId,
        kind: LegKind,
        over: LegOver,
        hung_up_by: Option<HangUpParty>,
        statistics: MediaStatistics,
    ) {
        let (sip_status, q850_cause, failure) = match over {
            LegOver::Refused { status, q850 } => (Some(status), q850, None),
            LegOver::Ended { q850, .. } => (Some(200), q850, None),
            LegOver::Cancelled => (Some(487), None, None),
            LegOver::Failed { cause } => (None, None, Some(cause.as_str().to_owned())),
            LegOver::BadSession => (None, None, Some("bad_session".to_owned())),
            LegOver::MediaTimeout => (None, None, Some("media_timeout".to_owned())),
        };
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
            CustomerSide::Choosing { .. } | CustomerSide::Over => return,
        };
        if self.ended_by.is_none() {
            self.ended_by = Some(by);
            self.command(CallCommand::HangUp { leg_id });
        }
    }
}
