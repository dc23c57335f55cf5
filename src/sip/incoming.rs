//! Calls we get, requests inside dialogs, and hanging up. Offers inside dialogs: see `offer`.
//!
//! Our 200 is sent again until the ACK comes (RFC 3261 §13.3.1.4); a BYE of ours waits for that
//! ACK (§15). Sources: RFC 3261 §9.2, §12.2.2, §13.3, §15.1.2.

use super::agent::UserAgent;
use super::call::{Answering, Call, Incoming, Side, Unacknowledged};
use super::dialog::Dialog;
use super::event::{FailureCause, Party, UaEvent};
use super::header::{self, NameAddr, Uri};
use super::hop::Hop;
use super::message::Message;
use super::negotiation::Negotiation;
use super::refer::Refers;
use super::reply::{ALLOW, reply};
use super::session_timer::{MIN_SE, is_too_brief};
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// What is known of a new call once it is let in.
#[derive(Debug, Default)]
pub(super) struct Screened {
    /// The phone that proved to send it.
    pub(super) phone: Option<String>,
    /// The leg it wants to replace.
    pub(super) replaces: Option<LegId>,
}

impl UserAgent {
    /// Says that it rings: 180.
    pub fn ring(&mut self, now: Timestamp, leg: LegId) {
        let Some((id, response)) = self.call_reply(leg, 180) else { return };
        if self.takes_reliable(leg) {
            self.answer_reliably(now, leg, id, response);
        } else {
            self.servers.respond(&mut self.wire, now, id, &response);
        }
    }

    /// Accepts: 200, sent again until it is acknowledged.
    pub fn answer(&mut self, now: Timestamp, leg: LegId, sdp: String) {
        let Some((id, response)) = self.call_reply(leg, 200) else { return };
        let Some(request) = self.calls.get_mut(&leg).and_then(Call::incoming) else { return };
        let request = request.request.clone();
        let response = self.grant_session(now, leg, &request, response).with_sdp(&sdp);
        let sent = self.servers.respond(&mut self.wire, now, id, &response);
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if let Some(incoming) = call.incoming() {
            incoming.progress = Answering::Answered;
            if incoming.request.sdp().is_none() {
                call.negotiation = Negotiation::InAnswer { offer: sdp.clone() };
            }
        }
        call.local_sdp = sdp;
        let replaced = call.incoming().and_then(|incoming| incoming.replaces.take());
        self.expect_ack(now, leg, sent, &response);
        if let Some(old) = replaced {
            self.replace(now, old, leg);
        }
    }

    /// A new leg took the place of another one, which ends (RFC 3891 §3).
    fn replace(&mut self, now: Timestamp, old: LegId, new: LegId) {
        if self.calls.get(&old).is_some_and(|call| !call.is_over) {
            self.wire.event(UaEvent::Replaced { old, new });
            self.hang_up(now, old, None);
        }
    }

    /// Refuses with a status from 300 to 699; anything else becomes 480. The leg ends as
    /// [`UaEvent::Ended`] by us.
    pub fn reject(&mut self, now: Timestamp, leg: LegId, status: u16, q850: Option<u8>) {
        let status = if (300..700).contains(&status) { status } else { 480 };
        if self.refuse(now, leg, status, q850) {
            self.report(leg, UaEvent::Ended { leg, by: Party::Local, q850 });
        }
        self.drop_loose();
    }

    /// Ends a leg as its state asks: CANCEL, 480 or BYE. An unknown leg is left alone.
    ///
    /// After a CANCEL the leg ends with the peer's final answer, or T2 later without one.
    pub fn hang_up(&mut self, now: Timestamp, leg: LegId, q850: Option<u8>) {
        let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.is_over) else { return };
        match &mut call.side {
            Side::Outgoing(_) if call.dialog.is_none() => self.withdraw(now, leg),
            Side::Incoming(incoming) if incoming.progress == Answering::Pending => {
                self.reject(now, leg, 480, q850);
            }
            Side::Incoming(incoming) if incoming.progress == Answering::Answered => {
                incoming.bye_after_ack = Some(q850);
                self.report(leg, UaEvent::Ended { leg, by: Party::Local, q850 });
            }
            Side::Incoming(_) | Side::Outgoing(_) => {
                self.withdraw_asked(now, leg);
                self.forget_answer(leg);
                self.bye(now, leg, q850);
                self.report(leg, UaEvent::Ended { leg, by: Party::Local, q850 });
            }
        }
        self.drop_loose();
    }

    /// A new call; 100 goes out at once.
    pub(super) fn hear_call(
        &mut self,
        now: Timestamp,
        id: u64,
        from: Hop,
        request: Message,
        Screened { phone, replaces }: Screened,
    ) {
        let leg = LegId::generate(now, &mut self.rng);
        let tag = self.token();
        self.servers.respond(&mut self.wire, now, id, &reply(&request, 100, None));
        self.servers.belongs_to(id, leg);
        self.legs.insert(tag.clone(), leg);
        let user = |uri: &str| Uri::read(uri).map(|uri| uri.user.into_owned()).unwrap_or_default();
        let caller = request.header("From").and_then(NameAddr::read).map(|from| user(from.uri));
        let event = UaEvent::Incoming {
            leg,
            from,
            called: user(request.uri()),
            caller: caller.unwrap_or_default(),
            phone,
            replaces,
            sdp: request.sdp(),
        };
        let dialog = Dialog::of_called(&request, &tag, from);
        let incoming = Incoming {
            request,
            transaction: id,
            progress: Answering::Pending,
            reliable: None,
            reliable_number: None,
            replaces,
            bye_after_ack: None,
        };
        let call = Call {
            local_tag: tag,
            dialog: Some(dialog),
            local_sdp: String::new(),
            is_over: false,
            unacknowledged: None,
            negotiation: Negotiation::default(),
            wanted_offer: None,
            backs_off: false,
            reack: None,
            session: None,
            takes_update: false,
            refers: Refers::default(),
            side: Side::Incoming(Box::new(incoming)),
        };
        self.calls.insert(leg, call);
        self.wire.event(event);
    }

    /// The caller gave up before we answered: 487, besides the 200 for the CANCEL.
    pub(super) fn cancelled(&mut self, now: Timestamp, leg: LegId) {
        if self.refuse(now, leg, 487, None) {
            self.report(leg, UaEvent::Cancelled { leg, by: Party::Remote });
        }
    }

    /// An ACK for a 200 of ours.
    pub(super) fn acknowledged(&mut self, now: Timestamp, leg: LegId, request: &Message) {
        let number = request.header("CSeq").and_then(header::cseq).map(|(number, _)| number);
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let is_over = call.is_over;
        if call.unacknowledged.as_ref().map(|one| one.number) != number
            || !call.dialog.as_ref().is_some_and(|dialog| dialog.owns(request))
        {
            return;
        }
        let mut bye = None;
        if let Some(incoming) = call.incoming() {
            bye = incoming.bye_after_ack.take();
            let first = std::mem::replace(&mut incoming.progress, Answering::Confirmed);
            if first == Answering::Answered && !is_over {
                self.wire.event(UaEvent::Confirmed { leg });
            }
        }
        self.forget_answer(leg);
        if let Some(q850) = bye {
            self.bye(now, leg, q850);
        }
        self.hear_answer_in_ack(now, leg, request);
    }

    /// A request inside a dialog of the leg.
    pub(super) fn hear_inside(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        let number = request.header("CSeq").and_then(header::cseq).map_or(0, |(number, _)| number);
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let (is_over, is_waiting) = (call.is_over, call.unacknowledged.is_some());
        if call.dialog.is_none() {
            return self.hear_inside_early(now, leg, id, request);
        }
        let Some(dialog) = call.dialog.as_mut().filter(|dialog| dialog.owns(request)) else {
            return self.respond(now, id, request, 481);
        };
        if dialog.remote_seq.is_some_and(|last| number < last) {
            return self.respond(now, id, request, 500);
        }
        dialog.remote_seq = Some(number);
        let is_pending =
            call.incoming().is_some_and(|incoming| incoming.progress == Answering::Pending);
        match request.method() {
            "BYE" => self.hear_bye(now, leg, id, request, is_pending),
            "INVITE" | "UPDATE" if is_over => self.respond(now, id, request, 481),
            "INVITE" | "UPDATE" if is_too_brief(request) => {
                let response = reply(request, 422, None).with("Min-SE", MIN_SE);
                self.servers.respond(&mut self.wire, now, id, &response);
            }
            "UPDATE" if request.body.is_empty() => self.hear_update(now, leg, id, request),
            // The offer of the first INVITE has no answer yet.
            "INVITE" | "UPDATE" if is_pending => self.too_soon(now, id, request),
            "INVITE" | "UPDATE" if is_waiting => self.respond(now, id, request, 491),
            "INVITE" | "UPDATE" => self.hear_offer(now, leg, id, request),
            "INFO" => self.hear_info(now, leg, id, request),
            "REFER" if is_pending => self.too_soon(now, id, request),
            "REFER" => self.hear_refer(now, leg, id, request),
            "NOTIFY" => self.hear_notify(now, leg, id, request),
            "PRACK" => self.hear_prack(now, leg, id, request),
            _ => {
                let response = self.other_reply(request);
                self.servers.respond(&mut self.wire, now, id, &response);
            }
        }
    }

    fn hear_bye(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        request: &Message,
        is_pending: bool,
    ) {
        self.respond(now, id, request, 200);
        if is_pending {
            return self.cancelled(now, leg);
        }
        self.withdraw_asked(now, leg);
        self.refuse_refer_asked(now, leg);
        self.forget_answer(leg);
        let q850 = request.all("Reason").find_map(header::q850);
        self.report(leg, UaEvent::Ended { leg, by: Party::Remote, q850 });
    }

    /// An UPDATE without offer: the peer moved, or only says that it is there.
    fn hear_update(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        let contact = self.contact("");
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if let Some(dialog) = &mut call.dialog {
            dialog.refresh(request);
        }
        let response = reply(request, 200, None).with("Contact", contact).with("Allow", ALLOW);
        let response = self.grant_session(now, leg, request, response);
        self.servers.respond(&mut self.wire, now, id, &response);
    }

    /// Sends our 200 again.
    pub(super) fn answer_again(&mut self, now: Timestamp, leg: LegId) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(one) = &mut call.unacknowledged else { return };
        self.wire.transmit(one.to, one.bytes.clone());
        one.interval = self.wire.spans.next_interval(one.interval);
        self.wire.timers.set(Timer::AnswerRetransmit(leg), now.plus(one.interval));
    }

    /// Our 200 reached nobody.
    pub(super) fn answer_lost(&mut self, now: Timestamp, leg: LegId, cause: FailureCause) {
        self.forget_answer(leg);
        self.bye(now, leg, None);
        self.report(leg, UaEvent::Failed { leg, cause });
    }

    /// Sends the final refusal of a pending INVITE; false where there is none.
    pub(super) fn refuse(
        &mut self,
        now: Timestamp,
        leg: LegId,
        status: u16,
        q850: Option<u8>,
    ) -> bool {
        let Some((id, mut response)) = self.call_reply(leg, status) else { return false };
        if let Some(q850) = q850 {
            response.push("Reason", header::reason(q850));
        }
        self.servers.respond(&mut self.wire, now, id, &response);
        if let Some(incoming) = self.calls.get_mut(&leg).and_then(Call::incoming) {
            incoming.progress = Answering::Refused;
        }
        true
    }

    /// A response to the INVITE of a leg that has no final one yet, and its transaction.
    fn call_reply(&mut self, leg: LegId, status: u16) -> Option<(u64, Message)> {
        let contact = self.contact("");
        let product = self.config.product.clone();
        let call = self.calls.get_mut(&leg)?;
        let tag = call.local_tag.clone();
        let incoming = call.incoming().filter(|one| one.progress == Answering::Pending)?;
        let mut response = reply(&incoming.request, status, Some(&tag));
        if status < 300 {
            response.copy(&incoming.request, "Record-Route");
            response = response.with("Contact", contact).with("Allow", ALLOW);
        }
        Some((incoming.transaction, response.with("Server", product)))
    }

    pub(super) fn expect_ack(
        &mut self,
        now: Timestamp,
        leg: LegId,
        sent: Option<(Hop, Vec<u8>)>,
        response: &Message,
    ) {
        let (Some((to, bytes)), Some(call)) = (sent, self.calls.get_mut(&leg)) else { return };
        let number = response.header("CSeq").and_then(header::cseq).map_or(0, |(number, _)| number);
        let interval: Millis = self.wire.spans.first_interval();
        call.unacknowledged = Some(Unacknowledged { to, bytes, number, interval });
        self.wire.timers.set(Timer::AnswerRetransmit(leg), now.plus(interval));
        self.wire.timers.set(Timer::AnswerTimeout(leg), now.plus(self.wire.spans.patience()));
    }

    pub(super) fn forget_answer(&mut self, leg: LegId) {
        if let Some(call) = self.calls.get_mut(&leg) {
            call.unacknowledged = None;
        }
        self.wire.timers.clear(Timer::AnswerRetransmit(leg));
        self.wire.timers.clear(Timer::AnswerTimeout(leg));
        self.look_at(leg);
    }

    pub(super) fn bye(&mut self, now: Timestamp, leg: LegId, q850: Option<u8>) {
        self.close_refers(now, leg);
        let Some(dialog) = self.calls.get_mut(&leg).and_then(|call| call.dialog.take()) else {
            return;
        };
        self.send_bye(now, leg, dialog, q850);
    }
}
