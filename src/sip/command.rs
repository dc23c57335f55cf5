//! What a user agent is asked to do, as data: so it can wait in a queue and be made at random.
//!
//! In: one [`UaCommand`] and the time. Out: whatever its method puts out. Invariant: a command
//! for a leg that does not exist, or not any more, changes nothing.
//! Deliberately absent: answers. What became of a command comes as [`UaEvent`](super::UaEvent)s.

use std::fmt;

use super::agent::UserAgent;
use super::event::{Credentials, Invite};
use super::hop::Hop;
use super::register::{Registration, RegistrationId};
use super::registrar::DigestHash;
use crate::base::{LegId, Network, Timestamp};

/// One thing to do. Phone numbers and passwords never appear in `Debug`.
#[derive(Clone)]
pub enum UaCommand {
    /// Make a call: see [`UserAgent::invite_with`].
    Invite {
        /// The call.
        invite: Box<Invite>,
        /// Header fields of the peer's own.
        headers: Vec<(String, String)>,
    },
    /// Say that it rings: see [`UserAgent::ring`].
    Ring {
        /// The leg.
        leg: LegId,
    },
    /// Accept a call: see [`UserAgent::answer`].
    Answer {
        /// The leg.
        leg: LegId,
        /// The answer.
        sdp: String,
    },
    /// Refuse a call: see [`UserAgent::reject`].
    Reject {
        /// The leg.
        leg: LegId,
        /// 300 to 699.
        status: u16,
        /// For the Reason header.
        q850: Option<u8>,
    },
    /// End a leg: see [`UserAgent::hang_up`].
    HangUp {
        /// The leg.
        leg: LegId,
        /// For the Reason header.
        q850: Option<u8>,
    },
    /// Make an offer inside a leg that is up: see [`UserAgent::offer`].
    Offer {
        /// The leg.
        leg: LegId,
        /// The offer.
        sdp: String,
    },
    /// Answer the peer's offer: see [`UserAgent::answer_offer`].
    AnswerOffer {
        /// The leg.
        leg: LegId,
        /// The answer, or the offer the peer asked for.
        sdp: String,
    },
    /// Refuse the peer's offer: see [`UserAgent::refuse_offer`].
    RefuseOffer {
        /// The leg.
        leg: LegId,
        /// 300 to 699.
        status: u16,
    },
    /// Agree to what the peer's REFER asks: see [`UserAgent::accept_refer`].
    AcceptRefer {
        /// The leg.
        leg: LegId,
    },
    /// Do not do what the peer's REFER asks: see [`UserAgent::refuse_refer`].
    RefuseRefer {
        /// The leg.
        leg: LegId,
        /// 300 to 699.
        status: u16,
    },
    /// Say what came of the peer's REFER: see [`UserAgent::notify_refer`].
    NotifyRefer {
        /// The leg.
        leg: LegId,
        /// 100 to 699.
        status: u16,
    },
    /// Ask the peer to call somebody: see [`UserAgent::refer`].
    Refer {
        /// The leg.
        leg: LegId,
        /// Whom.
        user: String,
        /// Whose other end it is to replace us at.
        replaces: Option<LegId>,
    },
    /// Ask whether a peer is there: see [`UserAgent::options`].
    Options {
        /// Whom.
        to: Hop,
    },
    /// Register, and go on doing so: see [`UserAgent::register`].
    Register(Registration),
    /// Register at another address: see [`UserAgent::move_registration`].
    MoveRegistration {
        /// Which.
        id: RegistrationId,
        /// Where to.
        to: Hop,
    },
    /// Take a registration back: see [`UserAgent::unregister`].
    Unregister(RegistrationId),
    /// Take registrations of these users: see [`UserAgent::admit_phones`].
    AdmitPhones {
        /// The protection space.
        realm: String,
        /// What they may prove themselves with, best first.
        hashes: Vec<DigestHash>,
        /// Who they are.
        users: Vec<Credentials>,
    },
    /// Limit what strangers may send: see [`UserAgent::screen_strangers`].
    ScreenStrangers {
        /// Networks that are not limited.
        known: Vec<Network>,
    },
}

impl UaCommand {
    /// The leg it is about.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Self::Invite { invite, .. } => Some(invite.leg),
            Self::Ring { leg }
            | Self::Answer { leg, .. }
            | Self::Reject { leg, .. }
            | Self::HangUp { leg, .. }
            | Self::Offer { leg, .. }
            | Self::AnswerOffer { leg, .. }
            | Self::RefuseOffer { leg, .. }
            | Self::AcceptRefer { leg }
            | Self::RefuseRefer { leg, .. }
            | Self::NotifyRefer { leg, .. }
            | Self::Refer { leg, .. } => Some(*leg),
            Self::Options { .. }
            | Self::Register(_)
            | Self::MoveRegistration { .. }
            | Self::Unregister(_)
            | Self::AdmitPhones { .. }
            | Self::ScreenStrangers { .. } => None,
        }
    }

    /// What it asks for.
    const fn name(&self) -> &'static str {
        match self {
            Self::Invite { .. } => "Invite",
            Self::Ring { .. } => "Ring",
            Self::Answer { .. } => "Answer",
            Self::Reject { .. } => "Reject",
            Self::HangUp { .. } => "HangUp",
            Self::Offer { .. } => "Offer",
            Self::AnswerOffer { .. } => "AnswerOffer",
            Self::RefuseOffer { .. } => "RefuseOffer",
            Self::AcceptRefer { .. } => "AcceptRefer",
            Self::RefuseRefer { .. } => "RefuseRefer",
            Self::NotifyRefer { .. } => "NotifyRefer",
            Self::Refer { .. } => "Refer",
            Self::Options { .. } => "Options",
            Self::Register(_) => "Register",
            Self::MoveRegistration { .. } => "MoveRegistration",
            Self::Unregister(_) => "Unregister",
            Self::AdmitPhones { .. } => "AdmitPhones",
            Self::ScreenStrangers { .. } => "ScreenStrangers",
        }
    }
}

impl fmt::Debug for UaCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.leg() {
            Some(leg) => write!(f, "{}({leg:?})", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

impl UserAgent {
    /// Carries out a command.
    pub fn handle(&mut self, now: Timestamp, command: UaCommand) {
        match command {
            UaCommand::Invite { invite, headers } => self.invite_with(now, *invite, &headers),
            UaCommand::Ring { leg } => self.ring(now, leg),
            UaCommand::Answer { leg, sdp } => self.answer(now, leg, sdp),
            UaCommand::Reject { leg, status, q850 } => self.reject(now, leg, status, q850),
            UaCommand::HangUp { leg, q850 } => self.hang_up(now, leg, q850),
            UaCommand::Offer { leg, sdp } => self.offer(now, leg, sdp),
            UaCommand::AnswerOffer { leg, sdp } => self.answer_offer(now, leg, sdp),
            UaCommand::RefuseOffer { leg, status } => self.refuse_offer(now, leg, status),
            UaCommand::AcceptRefer { leg } => self.accept_refer(now, leg),
            UaCommand::RefuseRefer { leg, status } => self.refuse_refer(now, leg, status),
            UaCommand::NotifyRefer { leg, status } => self.notify_refer(now, leg, status),
            UaCommand::Refer { leg, user, replaces } => self.refer(now, leg, &user, replaces),
            UaCommand::Options { to } => self.options(now, to),
            UaCommand::Register(registration) => self.register(now, registration),
            UaCommand::MoveRegistration { id, to } => self.move_registration(now, id, to),
            UaCommand::Unregister(id) => self.unregister(now, id),
            UaCommand::AdmitPhones { realm, hashes, users } => {
                self.admit_phones(&realm, &hashes, users);
            }
            UaCommand::ScreenStrangers { known } => self.screen_strangers(known),
        }
    }
}
