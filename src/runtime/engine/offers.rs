//! Offers inside a leg that is up: the peer holds, resumes, moves its media or changes the codec
//! (RFC 3264 §8). The answer is ours to make, and media follow it at once.

use super::Engine;
use super::legs::Leg;
use crate::base::{LegId, Timestamp};
use crate::call::CallInput;
use crate::event::LegQualitySampled;
use crate::media::{self, Direction, Negotiated, QualityInterval};
use crate::runtime::journal::Draft;
use crate::sip::UaCommand;

impl Leg {
    /// Media follow what was agreed.
    pub(super) fn agree(&mut self, now: Timestamp, negotiated: Negotiated) {
        self.media.set_remote(negotiated);
        self.agreed = Some(negotiated);
        // A side that holds need not send anything.
        self.is_held = negotiated.direction != Direction::SendRecv;
        if let Some(seen) = &mut self.seen {
            seen.begin_again(self.media.statistics().packets_received, now);
        }
    }
}

impl Engine {
    /// The peer makes an offer, or asks for one of ours.
    pub(super) fn offered(&mut self, leg_id: LegId, sdp: Option<&str>) {
        let now = self.parts.journal.now();
        let line = &self.parts.line;
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            return line.send(UaCommand::RefuseOffer { leg: leg_id, status: 488 });
        };
        let (local, session_id, version) = (leg.local, leg.session_id, leg.version + 1);
        let Some(sdp) = sdp else {
            leg.version = version;
            let (both, before) = (Direction::SendRecv, Some(leg.described.as_str()));
            let offer = leg.capabilities.offer_again(local, session_id, version, both, before);
            leg.described.clone_from(&offer);
            return line.send(UaCommand::AnswerOffer { leg: leg_id, sdp: offer });
        };
        let was_held = leg.is_held;
        let kept = leg.agreed.as_ref();
        match leg.capabilities.answer_again(sdp, local, session_id, version, kept) {
            Ok((answer, negotiated)) => {
                tracing::debug!(%leg_id, direction = ?negotiated.direction, "session changed");
                leg.version = version;
                leg.described.clone_from(&answer);
                leg.agree(now, negotiated);
                line.send(UaCommand::AnswerOffer { leg: leg_id, sdp: answer });
                self.tell_hold(leg_id, was_held);
            }
            Err(error) => {
                tracing::warn!(%leg_id, %error, "an offer cannot be taken, the leg goes on as it was");
                line.send(UaCommand::RefuseOffer { leg: leg_id, status: 488 });
            }
        }
    }

    /// A leg was listened to for half a minute.
    pub(super) fn sampled(&mut self, leg_id: LegId, sample: &QualityInterval) {
        let now = self.parts.journal.now();
        let Some(call_id) = self.legs.get(&leg_id).map(|leg| leg.call_id) else { return };
        let fact = LegQualitySampled {
            call_id,
            leg_id,
            span_ms: sample.to.since(sample.from),
            packets_received: sample.packets_received,
            packets_lost: sample.packets_lost,
            jitter_us: sample.jitter_us,
            round_trip_ms: sample.round_trip_ms,
            r_milli: sample.quality.map(|quality| quality.r_milli),
            mos_milli: sample.quality.map(|quality| quality.mos_milli),
        };
        self.drafts.push(Draft::new(fact, now, "runtime"));
    }

    /// The peer answered an offer of ours.
    pub(super) fn offer_answered(&mut self, leg_id: LegId, offer: &str, sdp: &str) {
        let now = self.parts.journal.now();
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        let was_held = leg.is_held;
        match media::accept_again(sdp, offer, leg.agreed.as_ref()) {
            Ok(negotiated) => {
                leg.agree(now, negotiated);
                self.tell_hold(leg_id, was_held);
            }
            Err(error) => {
                tracing::warn!(%leg_id, %error, "an answer cannot be used, the leg goes on as it was");
            }
        }
    }

    /// A key came by INFO. Where keys are agreed to come beside the audio, those count: some
    /// gateways send each both ways.
    pub(super) fn pressed_by_info(&mut self, leg_id: LegId, digit: char) {
        let agreed = self.legs.get(&leg_id).and_then(|leg| leg.agreed);
        if agreed.is_some_and(|agreed| agreed.telephone_event.is_none()) {
            self.give(leg_id, CallInput::Digit { leg_id, digit });
        }
    }
}
