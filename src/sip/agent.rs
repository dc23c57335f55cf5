//! The user agent itself: what it holds, its clockwork, and responses on their way to a leg.
//!
//! Requests of others are screened in `reply`, the two sides of a call live in `outgoing` and
//! `incoming`. Invariant: a leg is dropped once its terminal event is out and neither a client
//! transaction nor an unacknowledged 200 needs it.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use super::call::Call;
use super::client::{ClientTransactions, Owner};
use super::digest::{Doorkeeper, prove};
use super::event::{FailureCause, Output, Timers, UaEvent, UserAgentConfig};
use super::header::{self, COOKIE};
use super::hop::{Hop, Locals, LongRequests};
use super::late::LateAnswers;
use super::message::{Message, ReadError, StartLine};
use super::register::Registrations;
use super::registrar::Registrar;
use super::reply::ALLOW;
use super::screen::Screen;
use super::server::ServerTransactions;
use super::timers::{Timer, TimerQueue};
use crate::base::{LegId, Millis, Rng, Timestamp};

/// How long an OPTIONS may stay unanswered; a health check wants to know sooner than 64·T1.
const OPTIONS_PATIENCE: Millis = Millis(2_000);

/// What leaves the user agent, and its timers.
pub(super) struct Wire {
    outputs: VecDeque<Output>,
    pub(super) timers: TimerQueue,
    pub(super) spans: Timers,
    pub(super) locals: Locals,
    pub(super) long: LongRequests,
}

impl Wire {
    /// Queues a message.
    pub(super) fn transmit(&mut self, to: Hop, bytes: Vec<u8>) {
        self.outputs.push_back(Output::Transmit { to, bytes });
    }

    /// Queues an event.
    pub(super) fn event(&mut self, event: UaEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// A SIP user agent without sockets and clock; the module doc of `sip` has its contract.
pub struct UserAgent {
    pub(super) config: UserAgentConfig,
    pub(super) rng: Rng,
    pub(super) wire: Wire,
    pub(super) clients: ClientTransactions,
    pub(super) servers: ServerTransactions,
    pub(super) calls: BTreeMap<LegId, Call>,
    /// Legs by our tag.
    pub(super) legs: BTreeMap<String, LegId>,
    pub(super) doorkeeper: Doorkeeper,
    /// Goes into the tags of answers that nothing is remembered of.
    pub(super) tag_secret: u64,
    /// INVITEs that ended without a final answer.
    pub(super) late: LateAnswers,
    pub(super) registrations: Registrations,
    /// Where phones register with us; nothing where none may.
    pub(super) registrar: Option<Registrar>,
    /// Keeps strangers at a distance, where it is to.
    pub(super) screen: Option<Screen>,
    /// Legs to look at once the current input is dealt with.
    loose: Vec<LegId>,
}

impl UserAgent {
    /// A user agent with nothing going on. All its tags, branches and nonces follow from `rng`.
    pub fn new(mut config: UserAgentConfig, mut rng: Rng) -> Self {
        config.product.retain(|char| !char.is_control());
        let mut secret = [0; 16];
        rng.fill(&mut secret);
        let tag_secret = rng.bits();
        let (spans, locals) = (config.timers, Locals::udp(config.local));
        Self {
            config,
            rng,
            wire: Wire {
                outputs: VecDeque::new(),
                timers: TimerQueue::default(),
                spans,
                locals,
                long: LongRequests::default(),
            },
            clients: ClientTransactions::default(),
            servers: ServerTransactions::default(),
            calls: BTreeMap::new(),
            legs: BTreeMap::new(),
            tag_secret,
            doorkeeper: Doorkeeper::new(secret),
            late: LateAnswers::default(),
            registrations: Registrations::default(),
            registrar: None,
            screen: None,
            loose: Vec::new(),
        }
    }

    /// Speaks TCP and TLS, too. Peers reach us at these addresses; where one is none, over
    /// connections we open alone. `long` sends requests too long for a datagram by TCP first
    /// (RFC 3261 §18.1.1).
    pub fn speak_streams(&mut self, tcp: Option<SocketAddr>, tls: Option<SocketAddr>, long: bool) {
        self.wire.locals = Locals { udp: self.config.local, tcp, tls };
        self.wire.long = LongRequests::new(long);
    }

    /// Takes a message: a datagram, or what was framed of a stream.
    pub fn receive(&mut self, now: Timestamp, from: impl Into<Hop>, datagram: &[u8]) {
        let from = from.into();
        if !self.admits(now, from, datagram) {
            return;
        }
        match Message::read(datagram) {
            Ok(message) if matches!(message.start, StartLine::Response { .. }) => {
                self.hear_response(now, from, &message);
            }
            Ok(message) => self.hear_request(now, from, message),
            Err(ReadError::KeepAlive) => {}
            Err(error) => self.malformed(now, from, error.to_string()),
        }
        self.drop_loose();
    }

    /// Learns that a peer cannot be reached (ICMP): calls and questions it never answered have
    /// failed.
    ///
    /// What it did answer goes on, as do BYE and CANCEL: they are sent again, and timers notice
    /// where that is in vain. A call that rings must not end by a moment's error.
    pub fn transport_failed(&mut self, now: Timestamp, to: impl Into<Hop>) {
        let to = to.into();
        self.clients.send_otherwise(&mut self.wire, now, to);
        for id in self.clients.unanswered_by(to) {
            let Some(gone) = self.clients.remove(&mut self.wire, id) else { continue };
            match gone.owner {
                Owner::Invite(leg) => {
                    self.late.keep(now, &gone);
                    if !self.next_target(now, leg, None) {
                        self.invite_lost(leg, FailureCause::Transport);
                    }
                }
                Owner::Options => self.wire.event(UaEvent::OptionsTimedOut { to }),
                // None of these is among them.
                Owner::Late
                | Owner::Cancel(_)
                | Owner::Bye(_)
                | Owner::Reinvite(_)
                | Owner::Refresh(_)
                | Owner::Prack(_)
                | Owner::Refer(_)
                | Owner::Notify(_) => {}
                Owner::Register(one) => self.registration_failed(now, one, None, None),
            }
        }
        self.drop_loose();
    }

    /// Asks a peer whether it is there.
    pub fn options(&mut self, now: Timestamp, to: impl Into<Hop>) {
        let to = to.into();
        let (tag, call_id) = (self.token(), self.token());
        let request = Message::request("OPTIONS", &format!("sip:{to}"))
            .with("Via", self.via())
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{}>;tag={tag}", self.config.local))
            .with("To", format!("<sip:{to}>"))
            .with("Call-ID", call_id)
            .with("CSeq", "1 OPTIONS")
            .with("Contact", self.contact(""))
            .with("Accept", "application/sdp")
            .with("User-Agent", self.config.product.as_str());
        let id = self.clients.send(&mut self.wire, now, to, request, Owner::Options);
        self.wire.timers.set(Timer::ClientGiveUp(id), now.plus(OPTIONS_PATIENCE));
    }

    /// Takes the next output.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.wire.outputs.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.wire.timers.next()
    }

    /// Does everything that is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some(timer) = self.wire.timers.pop_due(now) {
            self.fire(now, timer);
        }
        self.drop_loose();
    }

    /// Transactions that are not over yet, both sides.
    pub fn live_transactions(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether an INVITE, CANCEL or BYE of ours, or the end of a registration, has no final answer
    /// yet. Where it has not, the peer may not know that a leg is over.
    pub fn awaits_answer(&self) -> bool {
        self.clients.awaits_answer() || self.registrations.are_leaving()
    }

    /// Legs that are not over yet, or whose last messages are still on their way.
    pub fn live_dialogs(&self) -> usize {
        self.calls.len()
    }

    fn fire(&mut self, now: Timestamp, timer: Timer) {
        match timer {
            Timer::ClientRetransmit(id) => self.clients.retransmit(&mut self.wire, now, id),
            Timer::ClientTimeout(id) | Timer::ClientGiveUp(id) => {
                let Some(gone) = self.clients.remove(&mut self.wire, id) else { return };
                match gone.owner {
                    Owner::Invite(leg) => {
                        self.late.keep(now, &gone);
                        self.invite_lost(leg, FailureCause::Timeout);
                    }
                    Owner::Options => self.wire.event(UaEvent::OptionsTimedOut { to: gone.to }),
                    Owner::Cancel(leg) | Owner::Prack(leg) => self.look_at(leg),
                    Owner::Bye(leg) => self.released(now, leg, None, gone.since),
                    Owner::Reinvite(leg) | Owner::Refresh(leg) => {
                        self.dialog_gone(now, leg, id, None);
                    }
                    Owner::Refer(leg) => self.refer_answered(leg, None),
                    Owner::Notify(leg) => self.notify_answered(now, leg, None),
                    Owner::Late => {}
                    Owner::Register(one) => self.registration_failed(now, one, None, None),
                }
            }
            Timer::ClientLinger(id) => {
                let gone = self.clients.remove(&mut self.wire, id);
                if let Some(leg) = gone.and_then(|gone| gone.owner.leg()) {
                    self.look_at(leg);
                }
            }
            Timer::ServerRetransmit(id) => self.servers.retransmit(&mut self.wire, now, id),
            Timer::ServerEnd(id) => self.servers.remove(&mut self.wire, id),
            Timer::NoProvisional(leg) => self.nothing_came(now, leg),
            Timer::Ring(leg) => self.rang_out(now, leg),
            Timer::CancelReport(leg) => self.cancel_unheard(leg),
            Timer::CancelGiveUp(leg) => self.cancel_in_vain(now, leg),
            Timer::AnswerRetransmit(leg) => self.answer_again(now, leg),
            Timer::AnswerTimeout(leg) => self.answer_lost(now, leg, FailureCause::Timeout),
            Timer::OfferPatience(leg) => self.refuse_offer(now, leg, 488),
            Timer::Reoffer(leg) => self.offer_again(now, leg),
            Timer::Reliable(leg) => self.ring_again(now, leg),
            Timer::Refresh(leg) => self.refresh_session(now, leg),
            Timer::SessionEnd(leg) => self.session_ended(now, leg),
            Timer::ReferPatience(leg) => self.refuse_refer(now, leg, 603),
            Timer::ReferEnd(leg) => self.refer_ended(now, leg),
            Timer::ReferLapse(leg) => self.refer_lapsed(leg),
            Timer::Register(one) => self.refresh_registration(now, one),
            Timer::RegistrationLapses(one) => self.registration_lapsed(one),
            Timer::Bindings => self.expire_bindings(now),
        }
    }

    fn hear_response(&mut self, now: Timestamp, from: Hop, response: &Message) {
        let StartLine::Response { status, .. } = response.start else { return };
        let missing = ["Via", "From", "To", "Call-ID", "CSeq"]
            .into_iter()
            .any(|name| response.header(name).is_none());
        if missing || response.header("CSeq").and_then(header::cseq).is_none() {
            let reason = "read response: a mandatory header is missing or malformed".to_owned();
            return self.malformed(now, from, reason);
        }
        let Some(id) = self.clients.find(response) else {
            return self.hear_late(now, from, response);
        };
        if !self.clients.receive(&mut self.wire, now, id, response) {
            return;
        }
        let Some(one) = self.clients.get(id) else { return };
        let (owner, since, to) = (one.owner, one.since, one.to);
        match owner {
            Owner::Invite(leg) => self.hear_answer(now, leg, id, from, response),
            Owner::Options => self.wire.event(UaEvent::OptionsAnswered { to, status }),
            Owner::Bye(leg) => {
                let is_challenge = status == 401 || status == 407;
                if !(is_challenge && self.prove_inside(now, leg, id, response).is_some()) {
                    self.released(now, leg, Some(status), since);
                }
            }
            Owner::Cancel(leg) | Owner::Prack(leg) => self.look_at(leg),
            Owner::Reinvite(leg) => self.hear_reanswer(now, leg, id, response),
            Owner::Refresh(leg) => self.hear_refreshed(now, leg, id, response),
            Owner::Refer(leg) => {
                let is_challenge = status == 401 || status == 407;
                if !(is_challenge && self.prove_again(now, leg, id, response)) {
                    self.refer_answered(leg, Some(status));
                }
            }
            Owner::Notify(leg) => self.notify_answered(now, leg, Some(status)),
            Owner::Late => {}
            Owner::Register(one) => self.hear_registration(now, one, id, response),
        }
    }

    /// Sends a request inside a dialog again with a proof, once; gives back its transaction,
    /// where it was.
    pub(super) fn prove_inside(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        response: &Message,
    ) -> Option<u64> {
        let via = self.via();
        let cnonce = self.token();
        let transaction = self.clients.get(id)?;
        let (to, request) = (transaction.to, transaction.request.clone());
        let (since, owner) = (transaction.since, transaction.owner);
        let call = self.calls.get_mut(&leg)?;
        let credentials = call.outgoing().and_then(|out| out.invite.credentials.clone());
        let is_early = since.plus(self.wire.spans.patience()) > now;
        let credentials = credentials.filter(|_| is_early)?;
        let request = prove(&request, response, &credentials, via, &cnonce)?;
        let again = self.clients.send(&mut self.wire, now, to, request, owner);
        self.clients.count_from(again, since);
        Some(again)
    }

    /// A BYE of ours has its final answer, or none came.
    fn released(&mut self, now: Timestamp, leg: LegId, status: Option<u16>, since: Timestamp) {
        let after = now.since(since);
        self.wire.event(UaEvent::Released { leg, status, after });
        self.look_at(leg);
    }

    /// Emits a leg's terminal event, unless one is out already.
    pub(super) fn report(&mut self, leg: LegId, event: UaEvent) {
        if let Some(call) = self.calls.get_mut(&leg)
            && !call.is_over
        {
            call.is_over = true;
            self.wire.event(event);
        }
        self.look_at(leg);
    }

    /// Has the leg checked, once the current input is dealt with.
    pub(super) fn look_at(&mut self, leg: LegId) {
        self.loose.push(leg);
    }

    /// Drops legs that are over.
    pub(super) fn drop_loose(&mut self) {
        for leg in std::mem::take(&mut self.loose) {
            let Some(call) = self.calls.get(&leg) else { continue };
            let is_quiet = call.unacknowledged.is_none()
                && !call.negotiation.is_asked()
                && !call.refers.is_open();
            if call.is_over && is_quiet && !self.clients.any_of(leg) {
                self.legs.remove(&call.local_tag);
                self.calls.remove(&leg);
                self.wire.timers.clear_leg(leg);
            }
        }
    }

    /// 64 random bits as text: tags, Call-IDs, client nonces.
    pub(super) fn token(&mut self) -> String {
        format!("{:016x}", self.rng.bits())
    }

    /// A Via of ours with a fresh branch.
    pub(super) fn via(&mut self) -> String {
        let branch = self.rng.bits();
        format!("SIP/2.0/UDP {};branch={COOKIE}{branch:016x};rport", self.config.local)
    }

    /// Our Contact.
    pub(super) fn contact(&self, user: &str) -> String {
        let at = if user.is_empty() { "" } else { "@" };
        format!("<sip:{}{at}{}>", header::escape_user(user), self.config.local)
    }

    /// Adds what every request of ours that opens or ends a dialog carries.
    pub(super) fn sign(&self, mut request: Message) -> Message {
        if request.method() == "INVITE" {
            request.push("Allow", ALLOW);
        }
        request.with("User-Agent", self.config.product.as_str())
    }
}

#[cfg(test)]
mod tests;
