//! Answers that come after their INVITE's transaction is gone.
//!
//! A peer that was silent for 64·T1 may ring a phone all the same. What is left of an INVITE
//! without a final answer is kept for [`KEPT`], by its branch: a late provisional is cancelled,
//! a late 2xx gets its ACK and a BYE, a late refusal its ACK, and nobody hears of it, as the leg
//! is over. Invariants: at most [`KEPT_MAX`] are kept, the oldest goes first; there are no
//! timers, what is too old is dropped when the next one comes.
//! Sources: RFC 3261 §9.1, §13.2.2.4, §16.7 step 10 (a proxy forwards every 2xx).

use std::collections::{BTreeMap, VecDeque};

use super::agent::UserAgent;
use super::client::{ClientTransaction, Owner, acknowledge};
use super::dialog::Dialog;
use super::header::{self, NameAddr, Via};
use super::hop::Hop;
use super::message::{Message, StartLine};
use crate::base::{Millis, Timestamp};

/// How long an INVITE is remembered: a proxy may hold a branch for three minutes (timer C,
/// RFC 3261 §16.6 step 11), and the answer is then sent again for 32 s.
const KEPT: Millis = Millis::from_secs(240);
/// How many are: 64 unanswered INVITEs each second for [`KEPT`].
const KEPT_MAX: usize = 16_384;
/// Numbers that PRACKs to one fork may have used.
const PRACKS_MAX: u32 = 100;
/// Forks of one INVITE that are told apart.
const FORKS_MAX: usize = 16;

/// What is left of an INVITE.
struct Remains {
    /// Without body.
    invite: Message,
    to: Hop,
    is_cancelled: bool,
    /// ACKs sent, by the peer's tag.
    acks: BTreeMap<String, (Hop, Vec<u8>)>,
}

/// All of them, by branch.
#[derive(Default)]
pub(super) struct LateAnswers {
    by_branch: BTreeMap<String, Remains>,
    order: VecDeque<(Timestamp, String)>,
}

impl LateAnswers {
    /// Keeps an INVITE that ended without a final answer.
    pub(super) fn keep(&mut self, now: Timestamp, gone: &ClientTransaction) {
        self.forget(now);
        let mut invite = gone.request.clone();
        let Some(branch) = branch_of(&invite).filter(|_| invite.method() == "INVITE") else {
            return;
        };
        invite.body.clear();
        let (is_cancelled, acks) = (false, BTreeMap::new());
        let remains = Remains { invite, to: gone.to, is_cancelled, acks };
        if self.by_branch.insert(branch.clone(), remains).is_none() {
            self.order.push_back((now.plus(KEPT), branch));
        }
        if self.order.len() > KEPT_MAX {
            self.forget_first();
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_branch.len()
    }

    fn find(&mut self, now: Timestamp, response: &Message) -> Option<&mut Remains> {
        let (_, method) = header::cseq(response.header("CSeq")?)?;
        if method != "INVITE" {
            return None;
        }
        self.forget(now);
        self.by_branch.get_mut(&branch_of(response)?)
    }

    fn forget(&mut self, now: Timestamp) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, branch)) = self.order.pop_front() {
            self.by_branch.remove(&branch);
        }
    }
}

impl UserAgent {
    /// Hears a response that no transaction waits for.
    pub(super) fn hear_late(&mut self, now: Timestamp, from: Hop, response: &Message) {
        let StartLine::Response { status, .. } = response.start else { return };
        let via = self.via();
        let Some(remains) = self.late.find(now, response) else { return };
        let (invite, to) = (&remains.invite, remains.to);
        match status {
            100..=199 if !remains.is_cancelled => {
                remains.is_cancelled = true;
                let cancel = cancel(invite);
                self.clients.send(&mut self.wire, now, to, cancel, Owner::Late);
            }
            100..=199 => {}
            200..=299 => {
                let tag = response.header("To").and_then(NameAddr::read);
                let tag = tag.as_ref().and_then(NameAddr::tag).unwrap_or_default().to_owned();
                if let Some((hop, ack)) = remains.acks.get(&tag) {
                    return self.wire.transmit(*hop, ack.clone());
                }
                if remains.acks.len() >= FORKS_MAX {
                    return;
                }
                let mut dialog = Dialog::of_caller(invite, response, from);
                // PRACKs to this fork may have taken the next numbers.
                dialog.local_seq = dialog.local_seq.saturating_add(PRACKS_MAX);
                let mut ack = dialog.ack_of(invite, via);
                let hop = dialog.next_hop();
                self.wire.locals.stamp(&mut ack, hop);
                let bytes = ack.write();
                remains.acks.insert(tag, (hop, bytes.clone()));
                self.wire.transmit(hop, bytes);
                let via = self.via();
                let bye = self.sign(dialog.request("BYE", via));
                self.clients.send(&mut self.wire, now, hop, bye, Owner::Late);
            }
            _ => {
                let ack = acknowledge(invite, response).write();
                self.wire.transmit(to, ack);
            }
        }
    }
}

/// The CANCEL of an INVITE: its branch, number and target (RFC 3261 §9.1).
pub(super) fn cancel(invite: &Message) -> Message {
    let number = invite.header("CSeq").and_then(header::cseq).map_or(1, |(number, _)| number);
    let mut cancel = Message::request("CANCEL", invite.uri());
    for name in ["Via", "Max-Forwards", "From", "To", "Call-ID"] {
        cancel.copy(invite, name);
    }
    cancel.with("CSeq", format!("{number} CANCEL"))
}

fn branch_of(message: &Message) -> Option<String> {
    Via::read(message.list("Via").next()?)?.branch().map(str::to_owned)
}
