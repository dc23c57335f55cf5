//! One leg's state, either side.

use std::collections::BTreeMap;

use super::dialog::Dialog;
use super::early::Forks;
use super::event::Invite;
use super::hop::Hop;
use super::message::Message;
use super::negotiation::Negotiation;
use super::next_target::Targets;
use super::refer::Refers;
use super::reliable::Reliable;
use super::session_timer::SessionTimer;
use crate::base::{LegId, Millis};

/// A leg. It stays after its terminal event while a transaction still needs it.
pub(super) struct Call {
    /// Identifies the dialog's local half; drawn at random, so it finds the leg.
    pub(super) local_tag: String,
    pub(super) dialog: Option<Dialog>,
    /// The last session description of ours.
    pub(super) local_sdp: String,
    /// The terminal event is out.
    pub(super) is_over: bool,
    /// Our 200 that waits for its ACK.
    pub(super) unacknowledged: Option<Unacknowledged>,
    /// Offer and answer after the first.
    pub(super) negotiation: Negotiation,
    /// An offer of ours that waits for its turn.
    pub(super) wanted_offer: Option<String>,
    /// It waits because it met one of the peer's.
    pub(super) backs_off: bool,
    /// The ACK for the last re-INVITE of ours: its transaction, where to, the datagram.
    pub(super) reack: Option<(u64, Hop, Vec<u8>)>,
    /// What RFC 4028 asks of us.
    pub(super) session: Option<SessionTimer>,
    /// The peer takes UPDATE.
    pub(super) takes_update: bool,
    pub(super) refers: Refers,
    pub(super) side: Side,
}

/// Which side of the call we are.
pub(super) enum Side {
    /// We called.
    Outgoing(Box<Outgoing>),
    /// We were called.
    Incoming(Box<Incoming>),
}

/// What only the caller needs.
pub(super) struct Outgoing {
    pub(super) invite: Invite,
    /// The current INVITE's transaction.
    pub(super) transaction: u64,
    /// The current INVITE.
    pub(super) request: Message,
    pub(super) progress: Progress,
    /// Where else it may go.
    pub(super) targets: Targets,
    /// Challenges answered so far.
    pub(super) proofs: u8,
    /// Session intervals the peer found too brief.
    pub(super) too_brief: u8,
    /// ACKs sent, by the peer's tag: a proxy that forks yields several.
    pub(super) acks: BTreeMap<String, (Hop, Vec<u8>)>,
    /// What came with provisionals.
    pub(super) forks: Forks,
    pub(super) last_status: u16,
}

/// How far an INVITE of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing came back.
    Calling,
    /// A provisional came.
    Proceeding,
    /// It shall be cancelled once a provisional allows it (RFC 3261 §9.1).
    CancelWanted,
    /// CANCEL is out.
    CancelSent,
    /// A final answer came.
    Final,
}

/// What only the called side needs.
pub(super) struct Incoming {
    pub(super) request: Message,
    /// The INVITE's transaction.
    pub(super) transaction: u64,
    pub(super) progress: Answering,
    /// The provisional that waits for its PRACK, and the number of the last one.
    pub(super) reliable: Option<Reliable>,
    pub(super) reliable_number: Option<u32>,
    /// The leg whose place this one takes once it is answered.
    pub(super) replaces: Option<LegId>,
    /// We hung up before the ACK came: the cause for the BYE that follows it (§15).
    pub(super) bye_after_ack: Option<Option<u8>>,
}

/// How far we are with an INVITE of somebody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answering {
    /// No final answer yet.
    Pending,
    /// 200 is out.
    Answered,
    /// And acknowledged.
    Confirmed,
    /// Refused or cancelled.
    Refused,
}

/// A 200 of ours to an INVITE.
pub(super) struct Unacknowledged {
    pub(super) to: Hop,
    pub(super) bytes: Vec<u8>,
    /// The INVITE's number, which the ACK repeats.
    pub(super) number: u32,
    pub(super) interval: Millis,
}

impl Outgoing {
    /// Whether a fork of this INVITE has that early dialog.
    pub(super) fn is_early(&self, call_id: &str, remote_tag: &str) -> bool {
        self.request.header("Call-ID") == Some(call_id) && self.forks.has(remote_tag)
    }
}

impl Call {
    /// The caller's half, where we called.
    pub(super) fn outgoing(&mut self) -> Option<&mut Outgoing> {
        match &mut self.side {
            Side::Outgoing(outgoing) => Some(outgoing),
            Side::Incoming(_) => None,
        }
    }

    /// The called half, where we were called.
    pub(super) fn incoming(&mut self) -> Option<&mut Incoming> {
        match &mut self.side {
            Side::Incoming(incoming) => Some(incoming),
            Side::Outgoing(_) => None,
        }
    }
}
