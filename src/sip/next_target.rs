//! One call, several targets: a peer that has more than one address is asked at the next one
//! where the first is dead.
//!
//! In: an INVITE that got nothing within the time for a provisional, whose target cannot be
//! reached, or that was answered with 503. Out: the same INVITE to the next target, with another
//! branch; [`UaEvent::TargetFailed`]. Invariants: nobody is rung twice: what has said more than 100
//! keeps the call, and an answer that comes late from a target given up is cancelled or hung up;
//! a leg changes its target only in the time one of them may be silent, and a quarter of it, so
//! that it finds one, or fails, within little more than twice that time.
//! The INVITE stays the same one, so that two targets before one server are seen by it as one
//! call that came twice (482, RFC 3261 §8.2.2.2). Deliberately absent: which targets there are;
//! `locate` says so.
//! Source: RFC 3263 §4.3, RFC 3261 §21.5.4.

use std::collections::VecDeque;

use super::agent::UserAgent;
use super::call::Progress;
use super::client::Owner;
use super::event::UaEvent;
use super::header;
use super::hop::Hop;
use super::message::Message;
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// The targets of one INVITE.
pub(super) struct Targets {
    left: VecDeque<Hop>,
    /// There was more than one to begin with.
    are_several: bool,
    since: Timestamp,
}

impl Targets {
    /// Those after the first, at the moment that is sent to.
    pub(super) fn new(others: Vec<Hop>, now: Timestamp) -> Self {
        Self { are_several: !others.is_empty(), left: others.into(), since: now }
    }
}

impl UserAgent {
    /// The present target did not do it. Whether the next one is asked; what was sent to this one
    /// is forgotten then, but for a late answer.
    pub(super) fn next_target(
        &mut self,
        now: Timestamp,
        leg: LegId,
        retry_after: Option<Millis>,
    ) -> bool {
        let via = self.via();
        let patience = self.wire.spans.no_provisional;
        let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.is_over) else {
            return false;
        };
        let Some(out) = call.outgoing().filter(|out| out.targets.are_several) else { return false };
        let is_silent = matches!(out.progress, Progress::Calling | Progress::Proceeding);
        if !is_silent || out.last_status > 100 {
            return false;
        }
        self.wire.event(UaEvent::TargetFailed { to: out.invite.to, retry_after });
        // A timer may be seen a little late.
        if now.since(out.targets.since) > Millis(patience.0 + patience.0 / 4) {
            return false;
        }
        let Some(to) = out.targets.left.pop_front() else { return false };
        out.invite.to = to;
        out.forks.clear();
        out.request.replace("Via", via);
        out.progress = Progress::Calling;
        let before = out.transaction;
        let is_open = self.clients.get(before).is_some_and(|one| !one.is_answered());
        if is_open && let Some(gone) = self.clients.remove(&mut self.wire, before) {
            self.late.keep(now, &gone);
        }
        let request = out.request.clone();
        out.transaction = self.clients.send(&mut self.wire, now, to, request, Owner::Invite(leg));
        self.wire.timers.set(Timer::NoProvisional(leg), now.plus(patience));
        true
    }

    /// A target says that it takes no calls at present. Whether another one is asked.
    pub(super) fn is_unavailable(
        &mut self,
        now: Timestamp,
        leg: LegId,
        response: &Message,
    ) -> bool {
        let retry_after = response.header("Retry-After").and_then(header::retry_after);
        self.next_target(now, leg, retry_after)
    }
}
