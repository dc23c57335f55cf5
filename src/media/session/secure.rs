//! The SRTP of a leg: contexts that live as long as their keys are agreed.
//!
//! In: keys as SDP agreed them, at first and again. Out: contexts. Invariant: a key that is agreed
//! again keeps its context, so that neither its key stream nor a packet is taken twice.
//! Source: RFC 3711 §3.2, RFC 4568 §7.1.4 (later offers).

use crate::media::srtp::{Crypto, SrtpReceiver, SrtpSender};

/// Both directions of one leg.
#[derive(Debug)]
pub(super) struct Secure {
    agreed: Crypto,
    pub(super) sender: SrtpSender,
    pub(super) receiver: SrtpReceiver,
}

impl Secure {
    /// Takes what SDP agreed: nothing where packets go in the open.
    pub(super) fn agree(kept: Option<Box<Self>>, agreed: Option<Crypto>) -> Option<Box<Self>> {
        let Some(agreed) = agreed else {
            // SDP refuses to undo encryption; this is a leg that never had any.
            return None;
        };
        let Some(mut secure) = kept else {
            let (sender, receiver) =
                (SrtpSender::new(&agreed.local), SrtpReceiver::new(&agreed.remote));
            return Some(Box::new(Self { agreed, sender, receiver }));
        };
        if secure.agreed.local != agreed.local {
            secure.sender = SrtpSender::new(&agreed.local);
        }
        if secure.agreed.remote != agreed.remote {
            secure.receiver = SrtpReceiver::new(&agreed.remote);
        }
        secure.agreed = agreed;
        Some(secure)
    }
}
