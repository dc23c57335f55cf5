//! Server transactions: requests of others, each answered once and repeated on demand.
//!
//! In: requests with a Via, our responses, timers. Out: datagrams and timers on the [`Wire`].
//! Invariant: a retransmitted request never reaches the user a second time.
//! Sources: RFC 3261 §17.2, RFC 6026 §7.1.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::agent::Wire;
use super::header::{self, COOKIE, NameAddr, Via};
use super::message::{Message, StartLine};
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Trying or Proceeding: no final answer yet.
    Proceeding,
    Completed,
    /// The ACK for our refusal came.
    Confirmed,
    /// Our 2xx is out; the user sends it again (RFC 6026).
    Accepted,
}

struct ServerTransaction {
    key: String,
    to: SocketAddr,
    is_invite: bool,
    state: State,
    leg: Option<LegId>,
    response: Option<Vec<u8>>,
    interval: Millis,
}

/// All of them.
#[derive(Default)]
pub(super) struct ServerTransactions {
    all: BTreeMap<u64, ServerTransaction>,
    by_key: BTreeMap<String, u64>,
    next: u64,
}

impl ServerTransactions {
    /// How many are live.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// The transaction of a request, where one is live.
    pub(super) fn find(&self, key: &str) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// The leg an INVITE belongs to, while it has no final answer.
    pub(super) fn pending_leg(&self, id: u64) -> Option<LegId> {
        let transaction = self.all.get(&id)?;
        transaction.leg.filter(|_| transaction.state == State::Proceeding)
    }

    /// Opens a transaction for a new request.
    pub(super) fn open(&mut self, key: String, to: SocketAddr, is_invite: bool) -> u64 {
        let id = self.next;
        self.next += 1;
        self.by_key.insert(key.clone(), id);
        let transaction = ServerTransaction {
            key,
            to,
            is_invite,
            state: State::Proceeding,
            leg: None,
            response: None,
            interval: Millis(0),
        };
        self.all.insert(id, transaction);
        id
    }

    /// Ties an INVITE to its leg, so that a CANCEL finds it.
    pub(super) fn belongs_to(&mut self, id: u64, leg: LegId) {
        if let Some(transaction) = self.all.get_mut(&id) {
            transaction.leg = Some(leg);
        }
    }

    /// Answers; returns the datagram and where it went, unless a final answer is out already.
    pub(super) fn respond(
        &mut self,
        wire: &mut Wire,
        now: Timestamp,
        id: u64,
        response: &Message,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let StartLine::Response { status, .. } = response.start else { return None };
        let transaction = self.all.get_mut(&id)?;
        if transaction.state != State::Proceeding {
            return None;
        }
        let bytes = response.write();
        wire.transmit(transaction.to, bytes.clone());
        if status >= 200 {
            wire.timers.set(Timer::ServerEnd(id), now.plus(wire.spans.patience()));
            transaction.state = State::Completed;
        }
        if transaction.is_invite && (200..300).contains(&status) {
            transaction.state = State::Accepted;
            transaction.response = None;
            return Some((transaction.to, bytes));
        }
        if transaction.is_invite && status >= 300 {
            transaction.interval = wire.spans.first_interval();
            wire.timers.set(Timer::ServerRetransmit(id), now.plus(transaction.interval));
        }
        transaction.response = Some(bytes.clone());
        Some((transaction.to, bytes))
    }

    /// Answers a retransmitted request as before.
    pub(super) fn repeat(&self, wire: &mut Wire, id: u64) {
        let Some(transaction) = self.all.get(&id) else { return };
        if let Some(bytes) = &transaction.response
            && transaction.state != State::Confirmed
        {
            wire.transmit(transaction.to, bytes.clone());
        }
    }

    /// Takes an ACK for a refusal; false where it is for a 2xx and belongs to a dialog.
    pub(super) fn acknowledged(&mut self, wire: &mut Wire, now: Timestamp, key: &str) -> bool {
        let Some(id) = self.find(key) else { return false };
        let Some(transaction) = self.all.get_mut(&id) else { return false };
        match transaction.state {
            State::Completed => {
                transaction.state = State::Confirmed;
                wire.timers.clear(Timer::ServerRetransmit(id));
                wire.timers.set(Timer::ServerEnd(id), now.plus(wire.spans.t4));
                true
            }
            State::Confirmed | State::Proceeding => true,
            State::Accepted => false,
        }
    }

    /// Sends a refusal again (timer G).
    pub(super) fn retransmit(&mut self, wire: &mut Wire, now: Timestamp, id: u64) {
        let Some(transaction) = self.all.get_mut(&id) else { return };
        if transaction.state != State::Completed {
            return;
        }
        if let Some(bytes) = &transaction.response {
            wire.transmit(transaction.to, bytes.clone());
        }
        transaction.interval = wire.spans.next_interval(transaction.interval);
        wire.timers.set(Timer::ServerRetransmit(id), now.plus(transaction.interval));
    }

    /// Drops a transaction with its timers.
    pub(super) fn remove(&mut self, wire: &mut Wire, id: u64) {
        if let Some(transaction) = self.all.remove(&id) {
            self.by_key.remove(&transaction.key);
            wire.timers.clear(Timer::ServerRetransmit(id));
            wire.timers.clear(Timer::ServerEnd(id));
        }
    }
}

/// The key of a request's transaction: branch, sent-by and method (RFC 3261 §17.2.3), or, for
/// peers older than that, Call-ID, From tag and CSeq. `method` stands in for the request's own
/// where an ACK or CANCEL looks for its INVITE.
pub(super) fn key(request: &Message, via: &Via, method: &str) -> String {
    if let Some(branch) = via.branch().filter(|branch| branch.starts_with(COOKIE)) {
        return format!("{branch} {} {method}", via.sent_by.to_ascii_lowercase());
    }
    let call_id = request.header("Call-ID").unwrap_or_default();
    let from = request.header("From").and_then(NameAddr::read);
    let tag = from.as_ref().and_then(NameAddr::tag).unwrap_or_default();
    let number = request.header("CSeq").and_then(header::cseq).map_or(0, |(number, _)| number);
    format!("{call_id} {tag} {number} {method}")
}
