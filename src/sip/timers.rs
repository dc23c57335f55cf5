//! Every timer of the user agent as one named enum, in one queue.

use std::collections::{BTreeMap, BTreeSet};

use super::event::Timers;
use super::register::RegistrationId;
use crate::base::{LegId, Millis, Timestamp};

/// What is to happen. Setting a timer again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Timers A and E: send the request again.
    ClientRetransmit(u64),
    /// Timers B and F: no answer came.
    ClientTimeout(u64),
    /// Timers D, K and M: retransmitted answers have died out.
    ClientLinger(u64),
    /// Our own limit on an OPTIONS.
    ClientGiveUp(u64),
    /// Timer G: send the refusal again.
    ServerRetransmit(u64),
    /// Timers H, I, J and L: the transaction is over.
    ServerEnd(u64),
    /// Nothing came back for an INVITE.
    NoProvisional(LegId),
    /// It rang long enough.
    Ring(LegId),
    /// A CANCEL has shown no effect: report it all the same.
    CancelReport(LegId),
    /// A cancelled INVITE never got its final answer (RFC 3261 §9.1).
    CancelGiveUp(LegId),
    /// Send our 200 again (§13.3.1.4).
    AnswerRetransmit(LegId),
    /// Our 200 was never acknowledged.
    AnswerTimeout(LegId),
    /// The application owes an answer to an offer.
    OfferPatience(LegId),
    /// An offer that met the peer's may be made again.
    Reoffer(LegId),
    /// Send a provisional answer again that nobody acknowledged (RFC 3262 §3).
    Reliable(LegId),
    /// Half a session is over and we refresh it (RFC 4028 §10).
    Refresh(LegId),
    /// Nobody refreshed the session.
    SessionEnd(LegId),
    /// The application owes an answer to a REFER.
    ReferPatience(LegId),
    /// A call the peer referred to takes too long.
    ReferEnd(LegId),
    /// A REFER of ours: its peer says nothing more.
    ReferLapse(LegId),
    /// Register again: a refresh, or another attempt after a pause.
    Register(RegistrationId),
    /// A registration of ours was not refreshed in time.
    RegistrationLapses(RegistrationId),
    /// A phone's registration here is over.
    Bindings,
}

/// The timers that are running.
#[derive(Debug, Default)]
pub(super) struct TimerQueue {
    at: BTreeMap<Timer, Timestamp>,
    order: BTreeSet<(Timestamp, Timer)>,
}

impl TimerQueue {
    /// Starts a timer, or moves it.
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        self.clear(timer);
        self.at.insert(timer, at);
        self.order.insert((at, timer));
    }

    /// Stops a timer, if it runs.
    pub(super) fn clear(&mut self, timer: Timer) {
        if let Some(at) = self.at.remove(&timer) {
            self.order.remove(&(at, timer));
        }
    }

    /// Stops every timer of a leg.
    pub(super) fn clear_leg(&mut self, leg: LegId) {
        self.clear(Timer::NoProvisional(leg));
        self.clear(Timer::Ring(leg));
        self.clear(Timer::CancelReport(leg));
        self.clear(Timer::CancelGiveUp(leg));
        self.clear(Timer::AnswerRetransmit(leg));
        self.clear(Timer::AnswerTimeout(leg));
        self.clear(Timer::OfferPatience(leg));
        self.clear(Timer::Reoffer(leg));
        self.clear(Timer::Reliable(leg));
        self.clear(Timer::Refresh(leg));
        self.clear(Timer::SessionEnd(leg));
        self.clear(Timer::ReferPatience(leg));
        self.clear(Timer::ReferEnd(leg));
        self.clear(Timer::ReferLapse(leg));
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes the next one that is due.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = self.order.first().copied()?;
        if at > now {
            return None;
        }
        self.clear(timer);
        Some(timer)
    }
}

impl Timers {
    /// 64·T1: how long a transaction tries (RFC 3261 §17.1.1.2, timer B).
    pub(super) fn patience(&self) -> Millis {
        Millis(self.t1.0.max(1).saturating_mul(64))
    }

    /// The first retransmission interval; never nothing, or a zero would loop for ever.
    pub(super) fn first_interval(&self) -> Millis {
        Millis(self.t1.0.max(1))
    }

    /// The interval after `interval`, up to T2.
    pub(super) fn next_interval(&self, interval: Millis) -> Millis {
        Millis(interval.0.saturating_mul(2).min(self.t2.0).max(1))
    }
}
