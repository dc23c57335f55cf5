//! Provisional answers of ours that must arrive: sent again until their PRACK comes.
//!
//! A caller that knows 100rel is told reliably that it rings. An answer nobody acknowledges
//! within 64·T1 ends the call with 504. Source: RFC 3262 §3.

use super::agent::UserAgent;
use super::call::{Answering, Call};
use super::early::{RELIABLE, rack};
use super::event::{FailureCause, UaEvent};
use super::header;
use super::hop::Hop;
use super::message::Message;
use super::session_timer::names;
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// A provisional answer that waits for its PRACK.
pub(super) struct Reliable {
    to: Hop,
    bytes: Vec<u8>,
    interval: Millis,
    since: Timestamp,
}

impl UserAgent {
    /// Whether the caller of a leg takes provisional answers reliably.
    pub(super) fn takes_reliable(&mut self, leg: LegId) -> bool {
        let incoming = self.calls.get_mut(&leg).and_then(Call::incoming);
        incoming.is_some_and(|incoming| {
            names(&incoming.request, "Supported", RELIABLE)
                || names(&incoming.request, "Require", RELIABLE)
        })
    }

    /// Sends a provisional answer until its PRACK comes; one that still waits is enough.
    pub(super) fn answer_reliably(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        response: Message,
    ) {
        let first = self.rng.between(1, 1 << 30);
        let Some(incoming) = self.calls.get_mut(&leg).and_then(Call::incoming) else { return };
        if incoming.reliable.is_some() {
            return;
        }
        let number = match incoming.reliable_number {
            Some(last) => last + 1,
            None => u32::try_from(first).unwrap_or(1),
        };
        incoming.reliable_number = Some(number);
        let response = response.with("Require", RELIABLE).with("RSeq", number.to_string());
        let Some((to, bytes)) = self.servers.respond(&mut self.wire, now, id, &response) else {
            return;
        };
        let interval = self.wire.spans.first_interval();
        if let Some(incoming) = self.calls.get_mut(&leg).and_then(Call::incoming) {
            incoming.reliable = Some(Reliable { to, bytes, interval, since: now });
            self.wire.timers.set(Timer::Reliable(leg), now.plus(interval));
        }
    }

    /// Sends it again, or gives up.
    pub(super) fn ring_again(&mut self, now: Timestamp, leg: LegId) {
        let patience = self.wire.spans.patience();
        let Some(incoming) = self.calls.get_mut(&leg).and_then(Call::incoming) else { return };
        if incoming.progress != Answering::Pending {
            incoming.reliable = None;
            return;
        }
        let Some(waiting) = &mut incoming.reliable else { return };
        if now.since(waiting.since) >= patience {
            incoming.reliable = None;
            if self.refuse(now, leg, 504, None) {
                self.report(leg, UaEvent::Failed { leg, cause: FailureCause::Timeout });
            }
            return;
        }
        self.wire.transmit(waiting.to, waiting.bytes.clone());
        waiting.interval = Millis(waiting.interval.0.saturating_mul(2));
        let again = now.plus(waiting.interval).min(waiting.since.plus(patience));
        self.wire.timers.set(Timer::Reliable(leg), again);
    }

    /// A PRACK: 200 where it acknowledges our last reliable answer, else 481.
    pub(super) fn hear_prack(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        let acknowledged = rack(request);
        let Some(incoming) = self.calls.get_mut(&leg).and_then(Call::incoming) else {
            return self.respond(now, id, request, 481);
        };
        let number = incoming.request.header("CSeq").and_then(header::cseq).map(|one| one.0);
        let ours = incoming.reliable_number.zip(number);
        if acknowledged.is_none() || acknowledged != ours {
            return self.respond(now, id, request, 481);
        }
        incoming.reliable = None;
        self.wire.timers.clear(Timer::Reliable(leg));
        self.respond(now, id, request, 200);
    }
}
