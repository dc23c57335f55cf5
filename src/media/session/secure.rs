//! The SRTP of a leg: contexts that live as long as their keys are agreed.
//!
//! In: what SDP agreed, at first and again; handshakes that it asks for. Out: contexts.
//! Invariants: a key that is agreed again keeps its context, so that neither its key stream nor a
//! packet is taken twice; where keys are still to come, or never came, nothing goes out or in.
//! Source: RFC 3711 §3.2, RFC 4568 §7.1.4 and RFC 8842 §5.5 (later offers).

use super::association::Associations;
use super::{MediaPort, Negotiated};
use crate::base::Timestamp;
use crate::media::dtls::Handshakes;
use crate::media::srtp::{Crypto, SrtpError, SrtpReceiver, SrtpSender};

/// How packets of a leg are protected.
#[derive(Debug, Default)]
pub(super) enum Secure {
    /// Not at all.
    #[default]
    Open,
    /// With keys out of session descriptions.
    Described(Box<Contexts>),
    /// With keys that the ends agree on themselves.
    Dtls(Box<Associations>),
}

/// Both directions of one leg.
#[derive(Debug)]
pub(super) struct Contexts {
    agreed: Crypto,
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

/// What a packet has to go through.
#[derive(Debug)]
pub(super) enum Lock<'a> {
    /// Nothing.
    Open,
    /// A cipher.
    Keys(&'a mut Contexts),
    /// Nothing goes through, as there are no keys.
    Shut,
}

impl Contexts {
    pub(super) fn new(agreed: Crypto) -> Self {
        let (sender, receiver) =
            (SrtpSender::new(&agreed.local), SrtpReceiver::new(&agreed.remote));
        Self { agreed, sender, receiver }
    }

    /// Takes keys that may be those of before.
    fn agree(&mut self, agreed: Crypto) {
        if self.agreed.local != agreed.local {
            self.sender = SrtpSender::new(&agreed.local);
        }
        if self.agreed.remote != agreed.remote {
            self.receiver = SrtpReceiver::new(&agreed.remote);
        }
        self.agreed = agreed;
    }
}

impl Secure {
    /// Takes what SDP agreed. Whether a handshake begins.
    pub(super) fn agree(
        &mut self,
        now: Timestamp,
        negotiated: &Negotiated,
        handshakes: Option<&dyn Handshakes>,
    ) -> bool {
        match (self, negotiated.dtls, negotiated.crypto) {
            (Self::Dtls(known), Some(peer), _) if known.are_with(&peer, negotiated.remote) => {
                known.agree_again(now, negotiated, handshakes)
            }
            (secure, Some(peer), _) => {
                *secure =
                    Self::Dtls(Box::new(Associations::new(now, peer, negotiated, handshakes)));
                true
            }
            (Self::Described(contexts), None, Some(agreed)) => {
                contexts.agree(agreed);
                false
            }
            (secure, None, Some(agreed)) => {
                *secure = Self::Described(Box::new(Contexts::new(agreed)));
                false
            }
            // SDP refuses to undo encryption; this is a leg that never had any.
            (secure, None, None) => {
                *secure = Self::Open;
                false
            }
        }
    }

    /// What packets of a port go through.
    pub(super) fn lock(&mut self, port: MediaPort) -> Lock<'_> {
        match self {
            Self::Open => Lock::Open,
            Self::Described(contexts) => Lock::Keys(contexts),
            Self::Dtls(associations) => associations.contexts(port).map_or(Lock::Shut, Lock::Keys),
        }
    }

    /// Whether keys for a port are missing.
    pub(super) fn is_shut(&self, port: MediaPort) -> bool {
        matches!(self, Self::Dtls(associations) if !associations.has_keys(port))
    }

    /// The handshakes, where there are any.
    pub(super) fn associations(&mut self) -> Option<&mut Associations> {
        match self {
            Self::Dtls(associations) => Some(associations),
            Self::Open | Self::Described(_) => None,
        }
    }

    /// When the handshakes are to be looked at.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        match self {
            Self::Dtls(associations) => associations.poll_timeout(),
            Self::Open | Self::Described(_) => None,
        }
    }
}

impl Lock<'_> {
    /// Protects the RTP packet in the first `length` bytes; its new length. A key that is used up
    /// sends nothing any more.
    pub(super) fn seal(&mut self, packet: &mut [u8], length: usize) -> Option<usize> {
        match self {
            Self::Open => Some(length),
            Self::Keys(contexts) => contexts.sender.protect(packet, length).ok(),
            Self::Shut => None,
        }
    }

    /// The same for RTCP.
    pub(super) fn seal_report(&mut self, packet: &mut [u8], length: usize) -> Option<usize> {
        match self {
            Self::Open => Some(length),
            Self::Keys(contexts) => contexts.sender.protect_rtcp(packet, length).ok(),
            Self::Shut => None,
        }
    }

    /// Opens an RTP packet in place; its new length.
    pub(super) fn open(self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        match self {
            Self::Open => Ok(packet.len()),
            Self::Keys(contexts) => contexts.receiver.unprotect(packet),
            Self::Shut => Err(SrtpError::Authentication),
        }
    }

    /// The same for RTCP.
    pub(super) fn open_report(self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        match self {
            Self::Open => Ok(packet.len()),
            Self::Keys(contexts) => contexts.receiver.unprotect_rtcp(packet),
            Self::Shut => Err(SrtpError::Authentication),
        }
    }
}
