//! Offers inside a leg that is up: the peer holds, resumes, moves its media or changes the codec
//! (RFC 3264 §8). The answer is ours to make, and media follow it at once.

use super::Engine;
use super::legs::Leg;
use crate::base::{LegId, Timestamp};
use crate::media::{self, Direction, Negotiated};

impl Leg {
    /// Media follow what was agreed.
    pub(super) fn agree(&mut self, now: Timestamp, negotiated: Negotiated) {
        self.media.set_remote(negotiated);
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
        let user_agent = &mut self.parts.user_agent;
        let Some(leg) = self.legs.get_mut(&leg_id) else {
            return user_agent.refuse_offer(now, leg_id, 488);
        };
        let (local, session_id, version) = (leg.media.local(), leg.session_id, leg.version + 1);
        let Some(sdp) = sdp else {
            leg.version = version;
            let offer = media::offer_again(local, session_id, version, Direction::SendRecv);
            return user_agent.answer_offer(now, leg_id, offer);
        };
        match media::answer_again(sdp, local, session_id, version) {
            Ok((answer, negotiated)) => {
                tracing::debug!(%leg_id, direction = ?negotiated.direction, "session changed");
                leg.version = version;
                leg.agree(now, negotiated);
                user_agent.answer_offer(now, leg_id, answer);
            }
            Err(error) => {
                tracing::warn!(%leg_id, %error, "an offer cannot be taken, the leg goes on as it was");
                user_agent.refuse_offer(now, leg_id, 488);
            }
        }
    }

    /// The peer answered an offer of ours.
    pub(super) fn offer_answered(&mut self, leg_id: LegId, offer: &str, sdp: &str) {
        let now = self.parts.journal.now();
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        match media::accept(sdp, offer) {
            Ok(negotiated) => leg.agree(now, negotiated),
            Err(error) => {
                tracing::warn!(%leg_id, %error, "an answer cannot be used, the leg goes on as it was");
            }
        }
    }
}
