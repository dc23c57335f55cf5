//! Offers inside a dialog, both ways: hold, resume, a peer that moves.
//!
//! An offer of the peer's, by re-INVITE or UPDATE, becomes [`UaEvent::Offered`] and waits for
//! [`UserAgent::answer_offer`] or [`UserAgent::refuse_offer`]; nobody answering within
//! [`PATIENCE`] is a refusal. An offer of ours goes out by re-INVITE; where the two cross, both
//! are refused with 491 and ours is made again after a while.
//! Sources: RFC 3261 §14; RFC 3264 §8; RFC 3311 §5; RFC 6337.

use super::agent::UserAgent;
use super::call::{Answering, Call, Progress, Side};
use super::client::Owner;
use super::event::{FailureCause, Party, UaEvent};
use super::header;
use super::message::{Message, StartLine};
use super::negotiation::{Asked, Clash, Negotiation, back_off};
use super::reply::{ALLOW, reply};
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// How long the application may think about an offer.
const PATIENCE: Millis = Millis(2_000);

impl UserAgent {
    /// Makes an offer on a leg that is up, such as hold. It waits where another one is on its
    /// way, and a newer one takes its place; [`UaEvent::OfferAnswered`] or
    /// [`UaEvent::OfferRefused`] says what came of it. A leg that is over is left alone.
    pub fn offer(&mut self, now: Timestamp, leg: LegId, sdp: String) {
        if let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.is_over) {
            call.wanted_offer = Some(sdp);
            self.offer_wanted(now, leg);
        }
        self.drop_loose();
    }

    /// Accepts what [`UaEvent::Offered`] said: with an answer, or with an offer where the peer
    /// asked for one. Without a question it does nothing.
    pub fn answer_offer(&mut self, now: Timestamp, leg: LegId, sdp: String) {
        self.wire.timers.clear(Timer::OfferPatience(leg));
        let contact = self.contact("");
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(asked) = call.negotiation.take_asked() else { return };
        if call.is_over {
            return self.refuse_asked(now, leg, &asked, 487);
        }
        if let Some(dialog) = &mut call.dialog {
            dialog.refresh(&asked.request);
        }
        let is_invite = asked.request.method() == "INVITE";
        if is_invite && asked.request.sdp().is_none() {
            call.negotiation = Negotiation::InAnswer { offer: sdp.clone() };
        }
        let response =
            reply(&asked.request, 200, None).with("Contact", contact).with("Allow", ALLOW);
        call.local_sdp.clone_from(&sdp);
        let response = self.grant_session(now, leg, &asked.request, response).with_sdp(&sdp);
        let sent = self.servers.respond(&mut self.wire, now, asked.transaction, &response);
        if is_invite {
            self.expect_ack(now, leg, sent, &response);
        } else {
            self.offer_wanted(now, leg);
        }
        self.drop_loose();
    }

    /// Refuses what [`UaEvent::Offered`] said, with a status from 300 to 699, else with 488; the
    /// leg goes on as it was.
    pub fn refuse_offer(&mut self, now: Timestamp, leg: LegId, status: u16) {
        self.wire.timers.clear(Timer::OfferPatience(leg));
        let status = if (300..700).contains(&status) { status } else { 488 };
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(asked) = call.negotiation.take_asked() else { return };
        let status = if call.is_over { 487 } else { status };
        self.refuse_asked(now, leg, &asked, status);
        self.drop_loose();
    }

    fn refuse_asked(&mut self, now: Timestamp, leg: LegId, asked: &Asked, status: u16) {
        self.respond(now, asked.transaction, &asked.request, status);
        self.look_at(leg);
        self.offer_wanted(now, leg);
    }

    /// The peer makes an offer inside a dialog, or asks for one.
    pub(super) fn hear_offer(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        if !request.body.is_empty() && request.sdp().is_none() {
            return self.respond(now, id, request, 415);
        }
        let Some(call) = self.calls.get_mut(&leg) else { return };
        match call.negotiation.clash() {
            Some(Clash::Glare) => return self.respond(now, id, request, 491),
            Some(Clash::TooSoon) => return self.too_soon(now, id, request),
            None => {}
        }
        call.negotiation = Negotiation::Theirs(Asked { transaction: id, request: request.clone() });
        if request.method() == "INVITE" {
            let trying = reply(request, 100, None);
            self.servers.respond(&mut self.wire, now, id, &trying);
        }
        self.wire.timers.set(Timer::OfferPatience(leg), now.plus(PATIENCE));
        self.wire.event(UaEvent::Offered { leg, sdp: request.sdp() });
    }

    /// The peer's last request has no final answer yet.
    pub(super) fn too_soon(&mut self, now: Timestamp, id: u64, request: &Message) {
        let secs = self.rng.between(0, 10);
        let tag = self.token();
        let response = reply(request, 500, Some(&tag)).with("Retry-After", secs.to_string());
        self.servers.respond(&mut self.wire, now, id, &response);
    }

    /// The ACK for our 200 came: it carries the answer, where the 200 made an offer.
    pub(super) fn hear_answer_in_ack(&mut self, now: Timestamp, leg: LegId, ack: &Message) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if let Some(offer) = call.negotiation.take_in_answer()
            && !call.is_over
        {
            self.wire.event(match ack.sdp() {
                Some(sdp) => UaEvent::OfferAnswered { leg, offer, sdp },
                None => UaEvent::OfferRefused { leg, status: 200 },
            });
        }
        self.offer_wanted(now, leg);
    }

    /// Sends the offer that waits, where there is one and it may be made.
    pub(super) fn offer_wanted(&mut self, now: Timestamp, leg: LegId) {
        let may = |call: &mut Call| {
            let is_up = match &call.side {
                Side::Outgoing(out) => out.progress == Progress::Final,
                Side::Incoming(incoming) => incoming.progress == Answering::Confirmed,
            };
            let is_free = call.negotiation.is_stable() && call.unacknowledged.is_none();
            is_up && is_free && !call.is_over && call.dialog.is_some() && !call.backs_off
        };
        let via = self.via();
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if !may(call) {
            return;
        }
        let Some(offer) = call.wanted_offer.take() else { return };
        let user = call.outgoing().map(|out| out.invite.identity.contact_user().to_owned());
        let user = user.unwrap_or_default();
        let contact = self.contact(&user);
        let Some(dialog) = self.calls.get_mut(&leg).and_then(|call| call.dialog.as_mut()) else {
            return;
        };
        let request = dialog.request("INVITE", via).with("Contact", contact);
        let hop = dialog.next_hop();
        let request = self.ask_again(leg, self.sign(request)).with_sdp(&offer);
        let id = self.clients.send(&mut self.wire, now, hop, request, Owner::Reinvite(leg));
        let patience = Millis(self.wire.spans.patience().0.saturating_mul(2));
        self.wire.timers.set(Timer::ClientGiveUp(id), now.plus(patience));
        if let Some(call) = self.calls.get_mut(&leg) {
            call.negotiation = Negotiation::Ours { transaction: id, offer };
        }
    }

    /// The wait after a 491 is over.
    pub(super) fn offer_again(&mut self, now: Timestamp, leg: LegId) {
        if let Some(call) = self.calls.get_mut(&leg) {
            call.backs_off = false;
            self.offer_wanted(now, leg);
        }
    }

    /// Hears the answer to a re-INVITE of ours.
    pub(super) fn hear_reanswer(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        response: &Message,
    ) {
        let StartLine::Response { status, .. } = response.start else { return };
        match status {
            100..=199 => {}
            200..=299 => self.hear_agreement(now, leg, id, response),
            401 | 407 if self.prove_again(now, leg, id, response) => {}
            408 | 481 => self.dialog_gone(now, leg, id, Some(status)),
            422 => self.offer_longer(now, leg, id, response),
            _ => self.hear_disagreement(now, leg, id, status),
        }
    }

    /// The peer finds the session interval of a re-INVITE too brief: once more with what it wants.
    fn offer_longer(&mut self, now: Timestamp, leg: LegId, id: u64, response: &Message) {
        if !self.take_longer(leg, response) {
            return self.hear_disagreement(now, leg, id, 422);
        }
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if let Some(offer) = call.negotiation.take_ours(id) {
            call.wanted_offer.get_or_insert(offer);
        }
        self.offer_wanted(now, leg);
    }

    fn hear_agreement(&mut self, now: Timestamp, leg: LegId, id: u64, response: &Message) {
        let via = self.via();
        let Some(request) = self.clients.get(id).map(|one| one.request.clone()) else { return };
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if let Some((_, to, ack)) = call.reack.as_ref().filter(|(of, _, _)| *of == id) {
            return self.wire.transmit(*to, ack.clone());
        }
        let Some(dialog) = &mut call.dialog else { return };
        dialog.refresh(response);
        let (hop, mut ack) = (dialog.next_hop(), dialog.ack_of(&request, via));
        self.wire.locals.stamp(&mut ack, hop);
        let ack = ack.write();
        self.wire.transmit(hop, ack.clone());
        call.reack = Some((id, hop, ack));
        let Some(offer) = call.negotiation.take_ours(id).filter(|_| !call.is_over) else { return };
        match response.sdp() {
            Some(sdp) => {
                call.local_sdp.clone_from(&offer);
                self.wire.event(UaEvent::OfferAnswered { leg, offer, sdp });
            }
            None => self.wire.event(UaEvent::OfferRefused { leg, status: 200 }),
        }
        self.session_agreed(now, leg, response);
        self.offer_wanted(now, leg);
    }

    fn hear_disagreement(&mut self, now: Timestamp, leg: LegId, id: u64, status: u16) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(offer) = call.negotiation.take_ours(id).filter(|_| !call.is_over) else {
            return self.look_at(leg);
        };
        if status == 491 {
            call.wanted_offer.get_or_insert(offer);
            call.backs_off = true;
            let is_ours = call.outgoing().is_some();
            let at = now.plus(back_off(is_ours, &mut self.rng));
            self.wire.timers.set(Timer::Reoffer(leg), at);
            return;
        }
        self.wire.event(UaEvent::OfferRefused { leg, status });
        self.refresh_refused(now, leg, status);
        self.offer_wanted(now, leg);
    }

    /// A request inside a dialog found nobody: the leg is over (§12.2.1.2).
    pub(super) fn dialog_gone(&mut self, now: Timestamp, leg: LegId, id: u64, status: Option<u16>) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        drop(call.negotiation.take_ours(id));
        if call.is_over {
            return self.look_at(leg);
        }
        self.forget_answer(leg);
        self.bye(now, leg, None);
        self.report(
            leg,
            if status == Some(481) {
                UaEvent::Ended { leg, by: Party::Remote, q850: None }
            } else {
                UaEvent::Failed { leg, cause: FailureCause::Timeout }
            },
        );
    }

    /// The leg ends: what the peer still asks gets its answer (§15.1.2).
    pub(super) fn withdraw_asked(&mut self, now: Timestamp, leg: LegId) {
        self.wire.timers.clear(Timer::OfferPatience(leg));
        let asked = self.calls.get_mut(&leg).and_then(|call| call.negotiation.take_asked());
        if let Some(asked) = asked {
            self.respond(now, asked.transaction, &asked.request, 487);
        }
    }

    /// Sends a request inside a dialog again with a proof, once, in the place of the one that
    /// was challenged. Whether it was.
    pub(super) fn prove_again(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        response: &Message,
    ) -> bool {
        let Some(again) = self.prove_inside(now, leg, id, response) else { return false };
        let number = self
            .clients
            .get(again)
            .and_then(|one| header::cseq(one.request.header("CSeq")?).map(|(number, _)| number));
        let Some(call) = self.calls.get_mut(&leg) else { return false };
        if let (Some(dialog), Some(number)) = (&mut call.dialog, number) {
            dialog.local_seq = dialog.local_seq.max(number);
        }
        if let Negotiation::Ours { transaction, .. } = &mut call.negotiation
            && *transaction == id
        {
            *transaction = again;
        }
        let patience = Millis(self.wire.spans.patience().0.saturating_mul(2));
        self.wire.timers.set(Timer::ClientGiveUp(again), now.plus(patience));
        true
    }
}
