//! Legs whose peer vanished: they are up, but no RTP packet comes. And those without keys.
//!
//! Silence on the wire is the first sign that the other side is gone, long before its session
//! timer. A leg is judged by the packets it took in since it was last looked at; what the packets
//! say does not matter, as silence is sent in packets too. A leg on hold is left alone: who
//! holds need not send.

use super::Engine;
use crate::base::{LegId, Millis, Timestamp};
use crate::call::LegOver;
use crate::media::dtls::DtlsFailure;

/// Looked at this many times within the time a leg may be silent.
const LOOKS: u64 = 10;

/// What was seen of a leg's media.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    packets: u64,
    at: Timestamp,
}

impl Seen {
    /// A leg that was just answered.
    pub(super) const fn new(at: Timestamp) -> Self {
        Self { packets: 0, at }
    }

    /// Counts anew from here: before this, silence meant nothing.
    pub(super) const fn begin_again(&mut self, packets: u64, at: Timestamp) {
        *self = Self { packets, at };
    }

    /// Looks again. Whether nothing came for as long as `limit`.
    fn is_lost(&mut self, packets: u64, now: Timestamp, limit: Millis) -> bool {
        if packets != self.packets {
            *self = Self { packets, at: now };
        }
        now.since(self.at) >= limit
    }
}

impl Engine {
    /// Ends legs that are up and silent. A limit of zero never does.
    pub(super) fn watch_media(&mut self, now: Timestamp) {
        let limit = self.parts.sip.media_timeout_ms;
        if limit == Millis(0) || self.watch_due > now {
            return;
        }
        self.watch_due = now.plus(Millis((limit.0 / LOOKS).max(1)));
        let mut lost: Vec<LegId> = Vec::new();
        for (leg_id, leg) in &mut self.legs {
            let Some(seen) = &mut leg.seen else { continue };
            if leg.is_held {
                seen.begin_again(leg.media.statistics().packets_received, now);
                continue;
            }
            if leg.cut.is_none()
                && seen.is_lost(leg.media.statistics().packets_received, now, limit)
            {
                leg.cut = Some(LegOver::MediaTimeout);
                lost.push(*leg_id);
            }
        }
        for leg_id in lost {
            tracing::warn!(%leg_id, "no media came, hung up");
            // Q.850 cause 27: destination out of order.
            self.parts.line.hang_up(leg_id, Some(27));
        }
    }

    /// Ends a leg whose keys could not be agreed on: nobody was heard, nor anything said.
    pub(super) fn no_keys(&mut self, leg_id: LegId, failure: DtlsFailure) {
        let Some(leg) = self.legs.get_mut(&leg_id) else { return };
        leg.cut.get_or_insert(LegOver::NoKeys(failure));
        tracing::warn!(%leg_id, cause = failure.as_str(), "no keys for its media, hung up");
        // Q.850 cause 88: incompatible destination.
        self.parts.line.hang_up(leg_id, Some(88));
    }

    /// When to look again.
    pub(super) fn next_watch(&self) -> Option<Timestamp> {
        let is_any_up = self.legs.values().any(|leg| leg.seen.is_some());
        (is_any_up && self.parts.sip.media_timeout_ms > Millis(0)).then_some(self.watch_due)
    }
}

#[cfg(test)]
mod tests;
