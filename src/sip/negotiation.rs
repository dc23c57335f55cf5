//! Offer and answer of one leg after the first: whose offer is out, and what may follow it.
//!
//! In: what either side wants. Out: whether it may, and the status that says why not. The texts
//! are not read here. Invariant: one offer at a time, of one side (RFC 3264 §4).
//! Sources: RFC 6337 §2 and §4; RFC 3261 §14; RFC 3311 §5.2.

use super::message::Message;
use crate::base::{Millis, Rng};

/// Where a leg stands.
#[derive(Default)]
pub(super) enum Negotiation {
    /// Both sides agree.
    #[default]
    Stable,
    /// Our offer is out, in a request.
    Ours { transaction: u64, offer: String },
    /// Theirs, or their wish for one, waits for the application.
    Theirs(Asked),
    /// Our offer is out in a 200; the ACK brings the answer.
    InAnswer { offer: String },
}

/// A request of the peer that the application has to answer.
pub(super) struct Asked {
    /// The request's transaction.
    pub(super) transaction: u64,
    pub(super) request: Message,
}

/// Why an offer of the peer's cannot be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clash {
    /// Ours is out: 491, and both try again later (RFC 3261 §14.2).
    Glare,
    /// Its last one has no answer yet: 500 with Retry-After (RFC 3311 §5.2).
    TooSoon,
}

impl Negotiation {
    /// Whether either side may make an offer.
    pub(super) const fn is_stable(&self) -> bool {
        matches!(self, Self::Stable)
    }

    /// Whether the application owes an answer.
    pub(super) const fn is_asked(&self) -> bool {
        matches!(self, Self::Theirs(_))
    }

    /// Whether the peer may make an offer now.
    pub(super) const fn clash(&self) -> Option<Clash> {
        match self {
            Self::Stable => None,
            Self::Ours { .. } | Self::InAnswer { .. } => Some(Clash::Glare),
            Self::Theirs(_) => Some(Clash::TooSoon),
        }
    }

    /// Takes what the peer asks, where it does.
    pub(super) fn take_asked(&mut self) -> Option<Asked> {
        match std::mem::take(self) {
            Self::Theirs(asked) => Some(asked),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes our offer, where it is out in that transaction.
    pub(super) fn take_ours(&mut self, id: u64) -> Option<String> {
        match std::mem::take(self) {
            Self::Ours { transaction, offer } if transaction == id => Some(offer),
            other => {
                *self = other;
                None
            }
        }
    }

    /// Takes our offer, where the ACK is to bring its answer.
    pub(super) fn take_in_answer(&mut self) -> Option<String> {
        match std::mem::take(self) {
            Self::InAnswer { offer } => Some(offer),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// How long to wait after a 491 (RFC 3261 §14.1): 2.1 to 4 s for who made the Call-ID, else up
/// to 2 s, in steps of 10 ms, so that the two sides do not meet again.
pub(super) fn back_off(owns_call_id: bool, rng: &mut Rng) -> Millis {
    let (least, most) = if owns_call_id { (210, 400) } else { (0, 200) };
    Millis(rng.between(least, most) * 10)
}

#[cfg(test)]
mod tests;
