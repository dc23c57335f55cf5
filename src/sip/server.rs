//! Server transactions: requests of others, each answered once and repeated on demand.
//!
//! In: requests with a Via, our responses, timers. Out: datagrams and timers on the [`Wire`].
//! Invariant: a retransmitted request never reaches the user a second time.
//! Sources: RFC 3261 §17.2, RFC 6026 §7.1.

use std::collections::BTreeMap;

use super::agent::Wire;
use super::header::{self, COOKIE, NameAddr, Via};
use super::hop::Hop;
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
    to: Hop,
    is_invite: bool,
    /// What tells a request whatever way it came: Call-ID, From tag, CSeq.
    origin: Option<String>,
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
    /// New calls by what tells them whatever way they came.
    by_origin: BTreeMap<String, u64>,
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
    pub(super) fn open(&mut self, key: String, to: Hop, is_invite: bool) -> u64 {
        let id = self.next;
        self.next += 1;
        self.by_key.insert(key.clone(), id);
        let transaction = ServerTransaction {
            key,
            to,
            is_invite,
            origin: None,
            state: State::Proceeding,
            leg: None,
            response: None,
            interval: Millis(0),
        };
        self.all.insert(id, transaction);
        id
    }

    /// Whether a new request is one that came another way already (RFC 3261 §8.2.2.2).
    pub(super) fn is_merged(&self, request: &Message) -> bool {
        self.by_origin.contains_key(&origin(request))
    }

    /// Notes a new call, so that copies of it that come another way are known.
    pub(super) fn began(&mut self, id: u64, request: &Message) {
        if let Some(transaction) = self.all.get_mut(&id) {
            let origin = origin(request);
            transaction.origin = Some(origin.clone());
            self.by_origin.insert(origin, id);
        }
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
    ) -> Option<(Hop, Vec<u8>)> {
        let StartLine::Response { status, .. } = response.start else { return None };
        let transaction = self.all.get_mut(&id)?;
        if transaction.state != State::Proceeding {
            return None;
        }
        let mut response = response.clone();
        wire.locals.stamp(&mut response, transaction.to);
        let bytes = response.write();
        wire.transmit(transaction.to, bytes.clone());
        let is_reliable = transaction.to.transport.is_reliable();
        if status >= 200 {
            // Timer J is zero where nothing is sent twice; timer H is not.
            let wait = if is_reliable && !transaction.is_invite {
                Millis(0)
            } else {
                wire.spans.patience()
            };
            wire.timers.set(Timer::ServerEnd(id), now.plus(wait));
            transaction.state = State::Completed;
        }
        if transaction.is_invite && (200..300).contains(&status) {
            transaction.state = State::Accepted;
            transaction.response = None;
            return Some((transaction.to, bytes));
        }
        if transaction.is_invite && status >= 300 && !is_reliable {
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
                // Timer I.
                let wait =
                    if transaction.to.transport.is_reliable() { Millis(0) } else { wire.spans.t4 };
                wire.timers.set(Timer::ServerEnd(id), now.plus(wait));
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
            if let Some(origin) = transaction.origin {
                self.by_origin.remove(&origin);
            }
            wire.timers.clear(Timer::ServerRetransmit(id));
            wire.timers.clear(Timer::ServerEnd(id));
        }
    }
}

/// The key of a request's transaction: branch, sent-by and method (RFC 3261 §17.2.3), or, for
/// peers older than that, Call-ID, From tag and CSeq. `method` stands in for the request's own
/// where an ACK or CANCEL looks for its INVITE.
pub(super) fn key(request: &Message, via: &Via, method: &str) -> String {
    let is_own = |branch: &&str| branch.len() > COOKIE.len() && branch.starts_with(COOKIE);
    if let Some(branch) = via.branch().filter(is_own) {
        return format!("{branch} {} {method}", via.sent_by.to_ascii_lowercase());
    }
    format!("{} {method}", origin(request))
}

/// Call-ID, From tag and the number of CSeq: the same in all copies of a request.
fn origin(request: &Message) -> String {
    let call_id = request.header("Call-ID").unwrap_or_default();
    let from = request.header("From").and_then(NameAddr::read);
    let tag = from.as_ref().and_then(NameAddr::tag).unwrap_or_default();
    let number = request.header("CSeq").and_then(header::cseq).map_or(0, |(number, _)| number);
    format!("{call_id} {tag} {number}")
}
