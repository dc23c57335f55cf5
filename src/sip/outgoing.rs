//! Calls we make: INVITE, its answers, CANCEL, BYE.
//!
//! Once a cancellation is wanted the leg ends as `Cancelled`, whatever final answer comes: a
//! 2xx that crosses the CANCEL is acknowledged and hung up at once, and so is one that comes
//! after the leg failed for want of a provisional. Sources: RFC 3261 §9.1, §13.2, §15.1, §22.

use std::collections::BTreeMap;

use super::agent::UserAgent;
use super::call::{Call, Outgoing, Progress, Side};
use super::client::Owner;
use super::dialog::Dialog;
use super::digest::prove;
use super::early::{Forks, RELIABLE};
use super::event::{FailureCause, Invite, Party, UaEvent};
use super::header::{self, NameAddr};
use super::hop::Hop;
use super::late::cancel;
use super::message::{Message, StartLine};
use super::negotiation::Negotiation;
use super::next_target::Targets;
use super::refer::Refers;
use super::session_timer;
use super::timers::Timer;
use crate::base::{LegId, Timestamp};

/// Challenges of one call that are answered: proxies on the way ask one after the other, and each
/// may find a nonce old.
const PROOFS_MAX: u8 = 6;

impl UserAgent {
    /// Makes a call. A leg that exists already is left alone.
    pub fn invite(&mut self, now: Timestamp, invite: Invite) {
        self.invite_with(now, invite, &[]);
    }

    /// The same with header fields of the peer's own, such as the port of a GSM gateway. Names
    /// and values go out as they are.
    pub fn invite_with(&mut self, now: Timestamp, invite: Invite, headers: &[(String, String)]) {
        if self.calls.contains_key(&invite.leg) {
            return;
        }
        let (tag, call_id) = (self.token(), format!("{}{}", self.token(), self.token()));
        let (leg, to) = (invite.leg, invite.to);
        let user = header::escape_user(&invite.called);
        let called = match &invite.host {
            Some(host) => format!("sip:{user}@{host}"),
            None => format!("sip:{user}@{to}"),
        };
        let identity = &invite.identity;
        let mut request = Message::request("INVITE", &called)
            .with("Via", self.via())
            .with("Max-Forwards", "70")
            .with("From", format!("{};tag={tag}", identity.from(self.config.local)))
            .with("To", format!("<{called}>"))
            .with("Call-ID", call_id)
            .with("CSeq", "1 INVITE")
            .with("Contact", self.contact(identity.contact_user()));
        for (name, value) in headers {
            request.push(name, value.as_str());
        }
        let known = format!("{RELIABLE}, {}", session_timer::TIMER);
        let mut request = self.sign(request).with("Supported", known);
        identity.vouch(&mut request, self.config.local);
        let request = session_timer::ask(request, &self.wire.spans);
        let request = request.with_sdp(&invite.sdp);
        let transaction =
            self.clients.send(&mut self.wire, now, to, request.clone(), Owner::Invite(leg));
        self.wire.timers.set(Timer::NoProvisional(leg), now.plus(self.wire.spans.no_provisional));
        self.wire.timers.set(Timer::Ring(leg), now.plus(invite.ring_timeout));
        self.legs.insert(tag.clone(), leg);
        let outgoing = Outgoing {
            invite: invite.clone(),
            transaction,
            request,
            progress: Progress::Calling,
            targets: Targets::new(invite.others, now),
            proofs: 0,
            too_brief: 0,
            acks: BTreeMap::new(),
            forks: Forks::default(),
            last_status: 0,
        };
        let call = Call {
            local_tag: tag,
            dialog: None,
            local_sdp: invite.sdp,
            is_over: false,
            unacknowledged: None,
            negotiation: Negotiation::default(),
            wanted_offer: None,
            backs_off: false,
            reack: None,
            session: None,
            takes_update: false,
            refers: Refers::default(),
            side: Side::Outgoing(Box::new(outgoing)),
        };
        self.calls.insert(leg, call);
    }

    /// Hears an answer to an INVITE of ours.
    pub(super) fn hear_answer(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        from: Hop,
        response: &Message,
    ) {
        let StartLine::Response { status, .. } = response.start else { return };
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        if out.transaction != id {
            return;
        }
        match status {
            100..=199 => self.hear_provisional(now, leg, status, from, response),
            200..=299 => self.hear_acceptance(now, leg, from, response),
            401 | 407 if out.progress != Progress::CancelSent => {
                self.hear_challenge(now, leg, response);
            }
            422 if self.ask_longer(now, leg, response) => {}
            503 if self.is_unavailable(now, leg, response) => {}
            _ => self.hear_refusal(leg, response),
        }
    }

    fn hear_provisional(
        &mut self,
        now: Timestamp,
        leg: LegId,
        status: u16,
        from: Hop,
        response: &Message,
    ) {
        self.wire.timers.clear(Timer::NoProvisional(leg));
        let mut sdp = None;
        if status > 100 {
            let Some(news) = self.hear_fork(now, leg, from, response) else { return };
            sdp = news.sdp;
        }
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        match out.progress {
            Progress::CancelWanted => self.send_cancel(now, leg),
            Progress::Calling | Progress::Proceeding => {
                out.progress = Progress::Proceeding;
                if out.last_status != status {
                    out.last_status = status;
                    self.wire.event(UaEvent::Progress { leg, status });
                }
                if let Some(sdp) = sdp {
                    self.wire.event(UaEvent::EarlyMedia { leg, sdp });
                }
            }
            Progress::CancelSent | Progress::Final => {}
        }
    }

    fn hear_acceptance(&mut self, now: Timestamp, leg: LegId, from: Hop, response: &Message) {
        let to = response.header("To").and_then(NameAddr::read);
        let tag = to.as_ref().and_then(NameAddr::tag).unwrap_or_default().to_owned();
        let via = self.via();
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let (is_over, has_dialog) = (call.is_over, call.dialog.is_some());
        let Some(out) = call.outgoing() else { return };
        if let Some((to, ack)) = out.acks.get(&tag) {
            return self.wire.transmit(*to, ack.clone());
        }
        let was = std::mem::replace(&mut out.progress, Progress::Final);
        let mut dialog = Dialog::of_caller(&out.request, response, from);
        dialog.local_seq = out.forks.local_seq(&tag).unwrap_or(dialog.local_seq);
        dialog.remote_seq = out.forks.remote_seq(&tag);
        let mut ack = dialog.ack_of(&out.request, via);
        let hop = dialog.next_hop();
        self.wire.locals.stamp(&mut ack, hop);
        let bytes = ack.write();
        let sdp = response.sdp().or_else(|| out.forks.sdp(&tag));
        out.acks.insert(tag, (hop, bytes.clone()));
        self.wire.transmit(hop, bytes);
        self.stop_waiting(leg);
        let is_wanted = !is_over
            && !has_dialog
            && !matches!(was, Progress::CancelWanted | Progress::CancelSent);
        if let (Some(sdp), true) = (&sdp, is_wanted) {
            let sdp = sdp.clone();
            if let Some(call) = self.calls.get_mut(&leg) {
                call.dialog = Some(dialog);
            }
            self.session_agreed(now, leg, response);
            return self.wire.event(UaEvent::Answered { leg, sdp });
        }
        // Not wanted any more, a second answer of a forking proxy, or of no use.
        self.send_bye(now, leg, dialog, None);
        if has_dialog {
            return;
        }
        self.report(
            leg,
            if is_wanted {
                UaEvent::Failed { leg, cause: FailureCause::BadResponse }
            } else {
                UaEvent::Cancelled { leg, by: Party::Local }
            },
        );
    }

    fn hear_challenge(&mut self, now: Timestamp, leg: LegId, response: &Message) {
        let (via, cnonce) = (self.via(), self.token());
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let is_over = call.is_over;
        let Some(out) = call.outgoing() else { return };
        let is_unwanted = is_over || out.progress == Progress::CancelWanted;
        let Some(credentials) = out.invite.credentials.as_ref().filter(|_| !is_unwanted) else {
            return self.hear_refusal(leg, response);
        };
        let again = prove(&out.request, response, credentials, via, &cnonce)
            .filter(|_| out.proofs < PROOFS_MAX);
        let Some(request) = again else {
            self.stop_waiting(leg);
            let cause = FailureCause::AuthenticationRefused;
            return self.report(leg, UaEvent::Failed { leg, cause });
        };
        out.proofs += 1;
        out.forks.clear();
        out.request = request.clone();
        out.progress = Progress::Calling;
        out.transaction =
            self.clients.send(&mut self.wire, now, out.invite.to, request, Owner::Invite(leg));
        self.wire.timers.set(Timer::NoProvisional(leg), now.plus(self.wire.spans.no_provisional));
    }

    fn hear_refusal(&mut self, leg: LegId, response: &Message) {
        let StartLine::Response { status, reason } = &response.start else { return };
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        let was = std::mem::replace(&mut out.progress, Progress::Final);
        self.stop_waiting(leg);
        if matches!(was, Progress::CancelWanted | Progress::CancelSent) {
            return self.report(leg, UaEvent::Cancelled { leg, by: Party::Local });
        }
        let event = UaEvent::Refused {
            leg,
            status: *status,
            reason: reason.clone(),
            q850: response.all("Reason").find_map(header::q850),
            retry_after: response.header("Retry-After").and_then(header::retry_after),
        };
        self.report(leg, event);
    }

    /// Withdraws an INVITE that has no final answer yet.
    pub(super) fn withdraw(&mut self, now: Timestamp, leg: LegId) {
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        match out.progress {
            Progress::Proceeding => self.send_cancel(now, leg),
            Progress::Calling => {
                // No CANCEL before a provisional; and no more copies of what nobody wants.
                out.progress = Progress::CancelWanted;
                self.clients.quiet(&mut self.wire, out.transaction);
                self.wire.timers.set(Timer::CancelReport(leg), now.plus(self.wire.spans.t2));
            }
            Progress::CancelWanted | Progress::CancelSent | Progress::Final => {}
        }
    }

    fn send_cancel(&mut self, now: Timestamp, leg: LegId) {
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        out.progress = Progress::CancelSent;
        let cancel = cancel(&out.request);
        let to = self.clients.get(out.transaction).map_or(out.invite.to, |invite| invite.to);
        self.clients.send(&mut self.wire, now, to, cancel, Owner::Cancel(leg));
        self.wire.timers.clear(Timer::Ring(leg));
        self.wire.timers.set(Timer::CancelReport(leg), now.plus(self.wire.spans.t2));
        self.wire.timers.set(Timer::CancelGiveUp(leg), now.plus(self.wire.spans.patience()));
    }

    /// Sends a BYE in a dialog and keeps the dialog, so that a BYE crossing it is answered.
    pub(super) fn send_bye(
        &mut self,
        now: Timestamp,
        leg: LegId,
        mut dialog: Dialog,
        q850: Option<u8>,
    ) {
        let via = self.via();
        let mut bye = self.sign(dialog.request("BYE", via));
        if let Some(q850) = q850 {
            bye.push("Reason", header::reason(q850));
        }
        let hop = dialog.next_hop();
        self.clients.send(&mut self.wire, now, hop, bye, Owner::Bye(leg));
        if let Some(call) = self.calls.get_mut(&leg) {
            call.dialog.get_or_insert(dialog);
        }
    }

    fn stop_waiting(&mut self, leg: LegId) {
        self.wire.timers.clear(Timer::NoProvisional(leg));
        self.wire.timers.clear(Timer::Ring(leg));
        self.wire.timers.clear(Timer::CancelReport(leg));
        self.wire.timers.clear(Timer::CancelGiveUp(leg));
    }

    /// An INVITE's transaction ended without a final answer.
    pub(super) fn invite_lost(&mut self, leg: LegId, cause: FailureCause) {
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        let was = std::mem::replace(&mut out.progress, Progress::Final);
        self.stop_waiting(leg);
        self.report(
            leg,
            match was {
                Progress::CancelWanted | Progress::CancelSent => {
                    UaEvent::Cancelled { leg, by: Party::Local }
                }
                _ => UaEvent::Failed { leg, cause },
            },
        );
    }

    /// The time for a first provisional is over.
    pub(super) fn nothing_came(&mut self, now: Timestamp, leg: LegId) {
        let is_calling = self.calls.get_mut(&leg).and_then(Call::outgoing);
        let is_calling = is_calling.is_some_and(|out| out.progress == Progress::Calling);
        if is_calling && self.next_target(now, leg, None) {
            return;
        }
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        let event = match out.progress {
            Progress::Calling => UaEvent::Failed { leg, cause: FailureCause::NoProvisional },
            Progress::CancelWanted => UaEvent::Cancelled { leg, by: Party::Local },
            _ => return,
        };
        // Its transaction listens on: a late provisional is cancelled, a late 200 hung up.
        out.progress = Progress::CancelWanted;
        self.clients.quiet(&mut self.wire, out.transaction);
        self.wire.timers.clear(Timer::Ring(leg));
        self.report(leg, event);
    }

    /// The ring timeout is over.
    pub(super) fn rang_out(&mut self, now: Timestamp, leg: LegId) {
        self.withdraw(now, leg);
    }

    /// The peer ignores our CANCEL.
    pub(super) fn cancel_unheard(&mut self, leg: LegId) {
        self.report(leg, UaEvent::Cancelled { leg, by: Party::Local });
    }

    /// And goes on doing so.
    pub(super) fn cancel_in_vain(&mut self, now: Timestamp, leg: LegId) {
        let Some(out) = self.calls.get_mut(&leg).and_then(Call::outgoing) else { return };
        let transaction = out.transaction;
        if let Some(gone) = self.clients.remove(&mut self.wire, transaction) {
            self.late.keep(now, &gone);
        }
        self.invite_lost(leg, FailureCause::Timeout);
    }
}
