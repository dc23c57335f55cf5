//! What goes into the user agent and what comes out: configuration, commands and outputs.
//!
//! Passwords and phone numbers never appear in `Debug`.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::hop::Hop;
use super::identity::Identity;
use super::register::RegistrationId;
use super::registrar::{Phone, PhoneGone};
use super::screen::ScreenReason;
use crate::base::{LegId, Millis};

/// How a user agent is set up.
#[derive(Clone, Debug)]
pub struct UserAgentConfig {
    /// The address peers reach us at by UDP; stands in `Via` and `Contact`.
    pub local: SocketAddr,
    /// Stands in `User-Agent` and `Server`.
    pub product: String,
    /// Protocol timers.
    pub timers: Timers,
    /// Incoming INVITEs must authenticate with these where given.
    pub challenge: Option<Challenge>,
    /// New calls are refused with this status, 300 to 699, where given, and nobody hears of them.
    pub refuse_calls: Option<u16>,
}

/// Protocol timers. Units: ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Round-trip estimate; the first retransmission interval (RFC 3261 §17.1.1.1).
    pub t1: Millis,
    /// The longest retransmission interval of non-INVITE requests and INVITE responses.
    pub t2: Millis,
    /// How long a message may stay in the network.
    pub t4: Millis,
    /// An INVITE that nobody answers at all within this has failed.
    pub no_provisional: Millis,
    /// A session that nobody refreshes within this is over (RFC 4028), 90 s at least; zero asks
    /// for no such limit.
    pub session_expires: Millis,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            t1: Millis(500),
            t2: Millis(4_000),
            t4: Millis(5_000),
            no_provisional: Millis(1_200),
            session_expires: Millis::from_secs(1_800),
        }
    }
}

/// What an incoming INVITE must prove (407, digest).
#[derive(Clone)]
pub struct Challenge {
    /// The protection space.
    pub realm: String,
    /// The user name expected.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// What we prove ourselves with when challenged.
#[derive(Clone)]
pub struct Credentials {
    /// The user name.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// A call to make.
#[derive(Clone)]
pub struct Invite {
    /// The leg; everything about the call names it.
    pub leg: LegId,
    /// Where the INVITE goes.
    pub to: Hop,
    /// Where it goes next, one after the other, while the ones before are dead (RFC 3263 §4.3).
    pub others: Vec<Hop>,
    /// The host of the called address, where it is not that of `to`.
    pub host: Option<String>,
    /// User part of the called address.
    pub called: String,
    /// Who we say calls.
    pub identity: Identity,
    /// Used when challenged.
    pub credentials: Option<Credentials>,
    /// The offer.
    pub sdp: String,
    /// From the INVITE to our giving up. Units: ms.
    pub ring_timeout: Millis,
}

impl fmt::Debug for Invite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invite")
            .field("leg", &self.leg)
            .field("to", &self.to)
            .field("ring_timeout", &self.ring_timeout)
            .finish_non_exhaustive()
    }
}

/// What the caller of the user agent has to do next.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Transmit {
        /// Where to.
        to: Hop,
        /// The datagram.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(UaEvent),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transmit { to, bytes } => write!(f, "Transmit({to}, {} bytes)", bytes.len()),
            Self::Event(event) => event.fmt(f),
        }
    }
}

/// What happened on a leg or with a peer.
#[derive(Clone, PartialEq, Eq)]
pub enum UaEvent {
    /// Somebody calls us; 100 has been sent.
    Incoming {
        /// The new leg.
        leg: LegId,
        /// Who sent it.
        from: Hop,
        /// User part of the Request-URI.
        called: String,
        /// User part of From.
        caller: String,
        /// The registered user that proved to send it.
        phone: Option<String>,
        /// The leg it wants to replace: accepting it ends that one (RFC 3891).
        replaces: Option<LegId>,
        /// The offer, where the INVITE carries one.
        sdp: Option<String>,
    },
    /// Our INVITE got a provisional answer, 100 to 199.
    Progress {
        /// The leg.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// A fork of our call has a session before anybody answers: its ring-back, or an
    /// announcement. Of several, the last one counts.
    EarlyMedia {
        /// The leg.
        leg: LegId,
        /// The answer to our offer, for now.
        sdp: String,
    },
    /// Our INVITE was accepted; ACK has been sent.
    Answered {
        /// The leg.
        leg: LegId,
        /// The answer.
        sdp: String,
    },
    /// The peer makes an offer inside the dialog (hold, resume, a new address), or asks for one
    /// of ours: answer it with `answer_offer` or `refuse_offer` within 2 s.
    Offered {
        /// The leg.
        leg: LegId,
        /// The offer; nothing where the peer wants ours.
        sdp: Option<String>,
    },
    /// The peer answered an offer of ours inside the dialog.
    OfferAnswered {
        /// The leg.
        leg: LegId,
        /// What we offered.
        offer: String,
        /// The answer.
        sdp: String,
    },
    /// An offer of ours came to nothing; the leg goes on as it was.
    OfferRefused {
        /// The leg.
        leg: LegId,
        /// 300 to 699; 200 where the peer accepted and gave no answer.
        status: u16,
    },
    /// The peer asks us to call somebody (RFC 3515): say `accept_refer` or `refuse_refer` within
    /// 2 s, and after the first `notify_refer`.
    Referred {
        /// The leg it was asked on.
        leg: LegId,
        /// User part of Refer-To.
        user: String,
        /// A leg of ours that the call is to replace: an attended transfer.
        replaces: Option<LegId>,
    },
    /// How a call stands that we asked the peer to make: 200 and more is the end.
    ReferProgress {
        /// The leg it was asked on.
        leg: LegId,
        /// The status.
        status: u16,
    },
    /// An incoming call that was accepted took the place of another leg, which ends.
    Replaced {
        /// The leg that ends.
        old: LegId,
        /// The one in its place.
        new: LegId,
    },
    /// The peer pressed a key, and says so by INFO.
    Info {
        /// The leg.
        leg: LegId,
        /// 0 to 9, `*`, `#`, A to D.
        digit: char,
    },
    /// The ACK for our 200 came.
    Confirmed {
        /// The leg.
        leg: LegId,
    },
    /// Our INVITE was refused for good. Terminal.
    Refused {
        /// The leg.
        leg: LegId,
        /// 300 to 699.
        status: u16,
        /// The reason phrase.
        reason: String,
        /// From the Reason header.
        q850: Option<u8>,
        /// From the Retry-After header. Units: ms.
        retry_after: Option<Millis>,
    },
    /// The leg broke. Terminal.
    Failed {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: FailureCause,
    },
    /// Somebody hung up, or we refused an incoming call. Terminal.
    Ended {
        /// The leg.
        leg: LegId,
        /// Who.
        by: Party,
        /// Why, as the one who hung up says.
        q850: Option<u8>,
    },
    /// The call was withdrawn before it was answered. Terminal.
    Cancelled {
        /// The leg.
        leg: LegId,
        /// Who.
        by: Party,
    },
    /// Our BYE got its final answer, or none in time. It comes after the leg's terminal event,
    /// which does not wait for it.
    Released {
        /// The leg.
        leg: LegId,
        /// The status; nothing where no answer came.
        status: Option<u16>,
        /// Since the BYE. Units: ms.
        after: Millis,
    },
    /// A peer answered our OPTIONS.
    OptionsAnswered {
        /// Who was asked; the answer may come from another address.
        to: Hop,
        /// With what.
        status: u16,
    },
    /// A peer left our OPTIONS without answer.
    OptionsTimedOut {
        /// Who.
        to: Hop,
    },
    /// One of the targets of an INVITE is dead or takes no calls.
    TargetFailed {
        /// Which.
        to: Hop,
        /// From the Retry-After header. Units: ms.
        retry_after: Option<Millis>,
    },
    /// A registration of ours holds.
    Registered {
        /// Which.
        id: RegistrationId,
        /// Until it has to be refreshed, which is done here. Units: ms.
        expires: Millis,
    },
    /// A registration of ours does not hold, or not any more; it is tried again after a pause.
    RegistrationLost {
        /// Which.
        id: RegistrationId,
        /// What the registrar says; nothing where no usable answer came.
        status: Option<u16>,
    },
    /// A phone registered with us, or is now reached elsewhere.
    PhoneRegistered {
        /// Whose.
        user: String,
        /// Where it is.
        phone: Phone,
        /// Until it has to register again. Units: ms.
        expires: Millis,
    },
    /// A phone is not registered any more.
    PhoneUnregistered {
        /// Whose.
        user: String,
        /// Why.
        reason: PhoneGone,
    },
    /// A datagram could not be used.
    Malformed {
        /// Who sent it.
        from: Hop,
        /// What is wrong with it; nothing of its content.
        reason: String,
    },
    /// Datagrams of a stranger are dropped unread; said once a minute of one source.
    Screened {
        /// Who sends them.
        from: IpAddr,
        /// Why.
        reason: ScreenReason,
        /// How many since it was last said.
        dropped: u64,
    },
}

impl UaEvent {
    /// The leg it is about.
    pub fn leg(&self) -> Option<LegId> {
        match self {
            Self::Incoming { leg, .. }
            | Self::Progress { leg, .. }
            | Self::EarlyMedia { leg, .. }
            | Self::Answered { leg, .. }
            | Self::Offered { leg, .. }
            | Self::OfferAnswered { leg, .. }
            | Self::OfferRefused { leg, .. }
            | Self::Referred { leg, .. }
            | Self::ReferProgress { leg, .. }
            | Self::Replaced { old: leg, .. }
            | Self::Info { leg, .. }
            | Self::Confirmed { leg }
            | Self::Refused { leg, .. }
            | Self::Failed { leg, .. }
            | Self::Ended { leg, .. }
            | Self::Cancelled { leg, .. }
            | Self::Released { leg, .. } => Some(*leg),
            Self::OptionsAnswered { .. }
            | Self::OptionsTimedOut { .. }
            | Self::TargetFailed { .. }
            | Self::Registered { .. }
            | Self::RegistrationLost { .. }
            | Self::PhoneRegistered { .. }
            | Self::PhoneUnregistered { .. }
            | Self::Malformed { .. }
            | Self::Screened { .. } => None,
        }
    }

    /// Whether nothing more comes about the leg, save the answer to our BYE.
    pub fn is_terminal(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Failed { .. }
                | Self::Ended { .. }
                | Self::Cancelled { .. }
        )
    }
}

impl fmt::Debug for UaEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incoming { leg, from, phone, replaces, sdp, .. } => f
                .debug_struct("Incoming")
                .field("leg", leg)
                .field("from", from)
                .field("is_phone", &phone.is_some())
                .field("replaces", replaces)
                .field("offers", &sdp.is_some())
                .finish_non_exhaustive(),
            Self::Progress { leg, status } => write!(f, "Progress({leg:?}, {status})"),
            Self::EarlyMedia { leg, .. } => write!(f, "EarlyMedia({leg:?})"),
            Self::Answered { leg, .. } => write!(f, "Answered({leg:?})"),
            Self::Offered { leg, sdp } => write!(f, "Offered({leg:?}, {})", sdp.is_some()),
            Self::OfferAnswered { leg, .. } => write!(f, "OfferAnswered({leg:?})"),
            Self::OfferRefused { leg, status } => write!(f, "OfferRefused({leg:?}, {status})"),
            Self::Referred { leg, replaces, .. } => write!(f, "Referred({leg:?}, {replaces:?})"),
            Self::ReferProgress { leg, status } => write!(f, "ReferProgress({leg:?}, {status})"),
            Self::Replaced { old, new } => write!(f, "Replaced({old:?}, {new:?})"),
            // A key may be part of a secret.
            Self::Info { leg, .. } => write!(f, "Info({leg:?})"),
            Self::Confirmed { leg } => write!(f, "Confirmed({leg:?})"),
            Self::Refused { leg, status, q850, retry_after, .. } => f
                .debug_struct("Refused")
                .field("leg", leg)
                .field("status", status)
                .field("q850", q850)
                .field("retry_after", retry_after)
                .finish_non_exhaustive(),
            Self::Failed { leg, cause } => write!(f, "Failed({leg:?}, {})", cause.as_str()),
            Self::Ended { leg, by, q850 } => write!(f, "Ended({leg:?}, {by:?}, {q850:?})"),
            Self::Cancelled { leg, by } => write!(f, "Cancelled({leg:?}, {by:?})"),
            Self::Released { leg, status, after } => {
                write!(f, "Released({leg:?}, {status:?}, {after})")
            }
            Self::OptionsAnswered { to, status } => write!(f, "OptionsAnswered({to}, {status})"),
            Self::OptionsTimedOut { to } => write!(f, "OptionsTimedOut({to})"),
            Self::TargetFailed { to, retry_after } => {
                write!(f, "TargetFailed({to}, {retry_after:?})")
            }
            Self::Registered { id, expires } => write!(f, "Registered({id:?}, {expires})"),
            Self::RegistrationLost { id, status } => {
                write!(f, "RegistrationLost({id:?}, {status:?})")
            }
            Self::PhoneRegistered { phone, expires, .. } => {
                write!(f, "PhoneRegistered({}, {expires})", phone.hop)
            }
            Self::PhoneUnregistered { reason, .. } => write!(f, "PhoneUnregistered({reason:?})"),
            Self::Malformed { from, reason } => write!(f, "Malformed({from}, {reason})"),
            Self::Screened { from, reason, dropped } => {
                write!(f, "Screened({from}, {}, {dropped})", reason.as_str())
            }
        }
    }
}

/// Why a leg broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCause {
    /// Nothing at all came back in time.
    NoProvisional,
    /// A final answer or an ACK never came.
    Timeout,
    /// The peer cannot be reached.
    Transport,
    /// Our credentials were not accepted.
    AuthenticationRefused,
    /// The answer cannot be used: a 2xx without session description.
    BadResponse,
}

impl FailureCause {
    /// The stable name, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoProvisional => "no_provisional",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::AuthenticationRefused => "authentication_refused",
            Self::BadResponse => "bad_response",
        }
    }
}

/// Which end did it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// We did.
    Local,
    /// The peer did.
    Remote,
}
