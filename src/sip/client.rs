//! Client transactions: our requests, sent until answered.
//!
//! In: requests with a branch of their own, responses, timers. Out: datagrams and timers on the
//! [`Wire`], and what the user has to hear. Invariants: each response reaches the user at most
//! once, save the 2xx of an INVITE, which the user acknowledges every time; a transaction that
//! is gone has no timer. Sources: RFC 3261 §17.1, RFC 6026 §7.2.

use std::collections::BTreeMap;

use super::agent::Wire;
use super::header::{self, Via};
use super::hop::Hop;
use super::message::{Message, StartLine};
use super::register::RegistrationId;
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// Who sent the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The INVITE of an outgoing leg.
    Invite(LegId),
    /// The CANCEL of an outgoing leg.
    Cancel(LegId),
    /// The BYE of a leg.
    Bye(LegId),
    /// A re-INVITE of a leg.
    Reinvite(LegId),
    /// An UPDATE of a leg that refreshes its session.
    Refresh(LegId),
    /// The PRACK for a provisional answer to a leg's INVITE.
    Prack(LegId),
    /// A REFER of ours inside a leg.
    Refer(LegId),
    /// The NOTIFY for a REFER of the peer's.
    Notify(LegId),
    /// An OPTIONS outside any leg.
    Options,
    /// The CANCEL or BYE for an answer that came after its leg was over.
    Late,
    /// A REGISTER of ours.
    Register(RegistrationId),
}

impl Owner {
    /// The leg.
    pub(super) fn leg(self) -> Option<LegId> {
        match self {
            Self::Invite(leg)
            | Self::Cancel(leg)
            | Self::Bye(leg)
            | Self::Reinvite(leg)
            | Self::Refresh(leg)
            | Self::Prack(leg)
            | Self::Refer(leg)
            | Self::Notify(leg) => Some(leg),
            Self::Options | Self::Late | Self::Register(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Calling or Trying: nothing came back.
    Calling,
    Proceeding,
    Completed,
    /// A 2xx to an INVITE came (RFC 6026).
    Accepted,
}

/// One of our requests.
pub(super) struct ClientTransaction {
    pub(super) owner: Owner,
    pub(super) to: Hop,
    /// Where and how it goes where the peer takes no stream; only of a request that is too long
    /// for a datagram.
    fallback: Option<(Hop, Message)>,
    pub(super) request: Message,
    /// When it was first sent, or the request whose challenge it answers.
    pub(super) since: Timestamp,
    key: String,
    state: State,
    interval: Millis,
    /// It was sent once more over a new connection.
    is_again: bool,
    /// The ACK for a refusal, sent again with every copy of it.
    ack: Option<Vec<u8>>,
}

/// All of them.
#[derive(Default)]
pub(super) struct ClientTransactions {
    all: BTreeMap<u64, ClientTransaction>,
    by_key: BTreeMap<String, u64>,
    per_leg: BTreeMap<LegId, u32>,
    next: u64,
}

impl ClientTransactions {
    /// How many are live.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether any belongs to the leg.
    pub(super) fn any_of(&self, leg: LegId) -> bool {
        self.per_leg.contains_key(&leg)
    }

    /// Whether any of a leg, or of one that is over, still waits for its final answer.
    pub(super) fn awaits_answer(&self) -> bool {
        let waiting = |one: &ClientTransaction| {
            let is_of_a_leg = one.owner.leg().is_some() || one.owner == Owner::Late;
            is_of_a_leg && matches!(one.state, State::Calling | State::Proceeding)
        };
        self.all.values().any(waiting)
    }

    /// One of them.
    pub(super) fn get(&self, id: u64) -> Option<&ClientTransaction> {
        self.all.get(&id)
    }

    /// Sends a request and keeps at it.
    pub(super) fn send(
        &mut self,
        wire: &mut Wire,
        now: Timestamp,
        to: Hop,
        mut request: Message,
        owner: Owner,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        let branch = top_branch(&request).unwrap_or_default();
        let key = format!("{branch} {}", request.method());
        let interval = wire.spans.first_interval();
        let by_datagram = to;
        let to = wire.long.hop(by_datagram, request.write().len());
        let fallback = (to != by_datagram).then(|| (by_datagram, request.clone()));
        wire.locals.stamp(&mut request, to);
        wire.transmit(to, request.write());
        if !to.transport.is_reliable() {
            wire.timers.set(Timer::ClientRetransmit(id), now.plus(interval));
        }
        wire.timers.set(Timer::ClientTimeout(id), now.plus(wire.spans.patience()));
        self.by_key.insert(key.clone(), id);
        if let Some(leg) = owner.leg() {
            *self.per_leg.entry(leg).or_default() += 1;
        }
        let state = State::Calling;
        let (since, ack, is_again) = (now, None, false);
        let transaction = ClientTransaction {
            owner,
            to,
            fallback,
            request,
            since,
            key,
            state,
            interval,
            ack,
            is_again,
        };
        self.all.insert(id, transaction);
        id
    }

    /// A request that answers a challenge counts from the one that was challenged.
    pub(super) fn count_from(&mut self, id: u64, since: Timestamp) {
        if let Some(transaction) = self.all.get_mut(&id) {
            transaction.since = since;
        }
    }

    /// The transaction a response belongs to (RFC 3261 §17.1.3).
    pub(super) fn find(&self, response: &Message) -> Option<u64> {
        let branch = top_branch(response)?;
        let (_, method) = header::cseq(response.header("CSeq")?)?;
        self.by_key.get(&format!("{branch} {method}")).copied()
    }

    /// Takes a response to a transaction. Whether its user must hear it.
    pub(super) fn receive(
        &mut self,
        wire: &mut Wire,
        now: Timestamp,
        id: u64,
        response: &Message,
    ) -> bool {
        let StartLine::Response { status, .. } = response.start else { return false };
        let Some(transaction) = self.all.get_mut(&id) else { return false };
        if transaction.request.method() == "INVITE" {
            transaction.hear_invite(wire, now, id, status, response)
        } else {
            transaction.hear_other(wire, now, id, status)
        }
    }

    /// Sends the request again (timers A and E).
    pub(super) fn retransmit(&mut self, wire: &mut Wire, now: Timestamp, id: u64) {
        let Some(transaction) = self.all.get_mut(&id) else { return };
        let is_invite = transaction.request.method() == "INVITE";
        match transaction.state {
            State::Calling if is_invite => {
                transaction.interval = Millis(transaction.interval.0.saturating_mul(2));
            }
            State::Calling => {
                transaction.interval = wire.spans.next_interval(transaction.interval);
            }
            State::Proceeding if !is_invite => {
                transaction.interval = Millis(wire.spans.t2.0.max(1))
            }
            _ => return,
        }
        wire.transmit(transaction.to, transaction.request.write());
        wire.timers.set(Timer::ClientRetransmit(id), now.plus(transaction.interval));
    }

    /// Stops sending a request again, but goes on listening for its answer.
    pub(super) fn quiet(&self, wire: &mut Wire, id: u64) {
        wire.timers.clear(Timer::ClientRetransmit(id));
    }

    /// Drops a transaction with its timers.
    pub(super) fn remove(&mut self, wire: &mut Wire, id: u64) -> Option<ClientTransaction> {
        let transaction = self.all.remove(&id)?;
        self.by_key.remove(&transaction.key);
        wire.timers.clear(Timer::ClientRetransmit(id));
        wire.timers.clear(Timer::ClientTimeout(id));
        wire.timers.clear(Timer::ClientLinger(id));
        wire.timers.clear(Timer::ClientGiveUp(id));
        if let Some(leg) = transaction.owner.leg()
            && let Some(count) = self.per_leg.get_mut(&leg)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.per_leg.remove(&leg);
            }
        }
        Some(transaction)
    }

    /// A stream broke or did not come about: what was too long for a datagram goes by one all the
    /// same (RFC 3261 §18.1.1); a BYE or CANCEL without answer goes once more, over a new stream.
    pub(super) fn send_otherwise(&mut self, wire: &mut Wire, now: Timestamp, to: Hop) {
        if !to.transport.is_reliable() {
            return;
        }
        for (id, one) in &mut self.all {
            if one.to != to || one.state != State::Calling {
                continue;
            }
            if let Some((hop, request)) = one.fallback.take() {
                wire.long.refused(to.address);
                (one.to, one.request) = (hop, request);
                wire.timers.set(Timer::ClientRetransmit(*id), now.plus(one.interval));
            } else if matches!(one.owner, Owner::Bye(_) | Owner::Cancel(_) | Owner::Late)
                && !one.is_again
            {
                one.is_again = true;
            } else {
                continue;
            }
            wire.transmit(one.to, one.request.write());
        }
    }

    /// New calls and OPTIONS to that peer of which it answered nothing.
    pub(super) fn unanswered_by(&self, to: Hop) -> Vec<u64> {
        let unanswered = |one: &ClientTransaction| {
            one.to == to
                && one.state == State::Calling
                && matches!(one.owner, Owner::Invite(_) | Owner::Options | Owner::Register(_))
        };
        self.all.iter().filter(|(_, one)| unanswered(one)).map(|(id, _)| *id).collect()
    }
}

impl ClientTransaction {
    /// Whether its final answer came.
    pub(super) const fn is_answered(&self) -> bool {
        matches!(self.state, State::Completed | State::Accepted)
    }

    fn hear_invite(
        &mut self,
        wire: &mut Wire,
        now: Timestamp,
        id: u64,
        status: u16,
        response: &Message,
    ) -> bool {
        match (self.state, status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                wire.timers.clear(Timer::ClientRetransmit(id));
                wire.timers.clear(Timer::ClientTimeout(id));
                true
            }
            (State::Calling | State::Proceeding, 200..=299) => {
                self.settle(wire, id, State::Accepted, now.plus(wire.spans.patience()));
                true
            }
            // A fork that answers after another one refused is hung up by the user, too.
            (State::Accepted | State::Completed, 200..=299) => true,
            (State::Calling | State::Proceeding, 300..) => {
                let ack = acknowledge(&self.request, response).write();
                wire.transmit(self.to, ack.clone());
                self.ack = Some(ack);
                // Timer D.
                let wait =
                    if self.to.transport.is_reliable() { Millis(0) } else { wire.spans.patience() };
                self.settle(wire, id, State::Completed, now.plus(wait));
                true
            }
            (State::Completed, 300..) => {
                if let Some(ack) = &self.ack {
                    wire.transmit(self.to, ack.clone());
                }
                false
            }
            _ => false,
        }
    }

    fn hear_other(&mut self, wire: &mut Wire, now: Timestamp, id: u64, status: u16) -> bool {
        match (self.state, status) {
            (State::Calling | State::Proceeding, 100..=199) => {
                self.state = State::Proceeding;
                false
            }
            (State::Calling | State::Proceeding, _) => {
                // Timer K.
                let wait = if self.to.transport.is_reliable() { Millis(0) } else { wire.spans.t4 };
                self.settle(wire, id, State::Completed, now.plus(wait));
                true
            }
            _ => false,
        }
    }

    fn settle(&mut self, wire: &mut Wire, id: u64, state: State, until: Timestamp) {
        self.state = state;
        wire.timers.clear(Timer::ClientRetransmit(id));
        wire.timers.clear(Timer::ClientTimeout(id));
        wire.timers.clear(Timer::ClientGiveUp(id));
        wire.timers.set(Timer::ClientLinger(id), until);
    }
}

fn top_branch(message: &Message) -> Option<String> {
    Via::read(message.list("Via").next()?)?.branch().map(str::to_owned)
}

/// The ACK for a refusal: the INVITE's own branch and target (RFC 3261 §17.1.1.3).
pub(super) fn acknowledge(invite: &Message, response: &Message) -> Message {
    let mut ack = Message::request("ACK", invite.uri());
    ack.push("Via", invite.header("Via").unwrap_or_default());
    ack.copy(invite, "Route");
    ack.push("Max-Forwards", "70");
    ack.copy(invite, "From");
    ack.copy(response, "To");
    ack.copy(invite, "Call-ID");
    let number = invite.header("CSeq").and_then(header::cseq).map_or(1, |(number, _)| number);
    ack.with("CSeq", format!("{number} ACK"))
}
