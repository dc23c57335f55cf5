//! Offer and answer: which codec, which address, which way.
//!
//! In: our address, what we can do ([`Capabilities`]), and the other side's session description.
//! Out: ours, and what was agreed ([`Negotiated`]).
//! Invariants: reading never panics, whatever the text; an answer has as many media lines as its
//! offer, in the same order; a payload type keeps its meaning for a whole dialog; every error
//! names the line and what was wanted there.
//! Audio never goes to an address that is no host's: 0.0.0.0 in a later offer is the hold of
//! RFC 2543, and nothing is sent.
//! A call that is encrypted stays so. No error shows a key.
//! It deliberately knows one audio stream over RTP or SRTP: no ICE or bundles, and no host
//! names; other media (video, fax by T.38) are refused with port 0. `a=tls-id` is passed over:
//! another handshake is told by another fingerprint, role or address.
//! Sources: RFC 3264 §5, §6, §8 (offer, answer, hold), RFC 8866 (format), RFC 3605 and RFC 5761
//! (where RTCP goes), RFC 4733 §2.4 (digits), RFC 7587 §7 (Opus),
//! RFC 4568 (keys) and RFC 8643 (keys over RTP/AVP are a wish, over RTP/SAVP a condition),
//! RFC 5763 and RFC 8842 (keys by DTLS).

mod capabilities;
mod negotiated;
mod parse;
mod write;

use std::net::{IpAddr, SocketAddr};

use super::Codec;

pub use capabilities::Capabilities;
pub use negotiated::{Negotiated, OpusFormat, TelephoneEvent, accept, accept_again};

/// Which way audio may go, as seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// From here only: the other side is on hold.
    SendOnly,
    /// To here only: this side is on hold.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// True where this side may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// True where this side is to hear what comes.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, as seen from the other side.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            other => other,
        }
    }

    /// The same, with nothing sent from here.
    const fn without_sending(self) -> Self {
        match self {
            Self::SendRecv => Self::RecvOnly,
            Self::SendOnly => Self::Inactive,
            other => other,
        }
    }

    const fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// A session description cannot be read or agreed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It is too long to be one.
    #[error("read session description: {length} bytes, wanted at most {most}")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// The bytes allowed.
        most: usize,
    },
    /// A line does not say what it must.
    #[error("read session description line {line}: {found:?}, wanted {wanted}")]
    Line {
        /// From 1.
        line: usize,
        /// The line, cut short.
        found: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The address for the audio is none that audio can be sent to.
    #[error("agree on media line {line}: audio to {found}, wanted the unicast address of a host")]
    Address {
        /// The media line, from 1.
        line: usize,
        /// The address.
        found: IpAddr,
    },
    /// Something is missing altogether.
    #[error("read session description: no {wanted}")]
    Missing {
        /// What.
        wanted: &'static str,
    },
    /// The media line offers nothing that we take, or accepts nothing that we offered.
    #[error("agree on media line {line}: {found:?}, wanted {wanted} over RTP/AVP")]
    NothingInCommon {
        /// From 1.
        line: usize,
        /// The media line, cut short.
        found: String,
        /// The codecs that would do.
        wanted: String,
    },
    /// The audio is to be encrypted, and there is no key for it that we can take; or it was
    /// encrypted, and is not to be any more.
    #[error(
        "agree on media line {line}: no a=crypto with AES_CM_128_HMAC_SHA1_80, \
         AES_CM_128_HMAC_SHA1_32 or AEAD_AES_128_GCM that goes with ours"
    )]
    Srtp {
        /// The media line, from 1.
        line: usize,
    },
    /// The keys are to be agreed on by DTLS, and one side does not say how.
    #[error(
        "agree on media line {line}: no a=fingerprint with sha-256, sha-384 or sha-512 and \
         a=setup that go with ours"
    )]
    Dtls {
        /// The media line, from 1.
        line: usize,
    },
    /// The other side refused the audio with port 0.
    #[error("agree on media line {line}: refused with port 0")]
    Refused {
        /// From 1.
        line: usize,
    },
    /// An answer has another number of media lines than the offer.
    #[error("match answer with offer: {found} media lines, wanted {wanted}")]
    MediaCount {
        /// Lines in the answer.
        found: usize,
        /// Lines in the offer.
        wanted: usize,
    },
}

/// The codecs that would have done, for an error.
fn names(codecs: impl IntoIterator<Item = Codec>) -> String {
    let names: Vec<&str> = codecs.into_iter().map(Codec::name).collect();
    names.join(" or ")
}

/// An offer of what we can do by default, both ways.
pub fn offer(local: SocketAddr, session_id: u64) -> String {
    Capabilities::default().offer(local, session_id)
}

/// A later offer of that in the same dialog. See [`Capabilities::offer_again`].
pub fn offer_again(
    local: SocketAddr,
    session_id: u64,
    version: u64,
    direction: Direction,
) -> String {
    Capabilities::default().offer_again(local, session_id, version, direction, None)
}

/// Our answer by what we can do by default. See [`Capabilities::answer`].
///
/// # Errors  As there.
pub fn answer(
    offer: &str,
    local: SocketAddr,
    session_id: u64,
) -> Result<(String, Negotiated), SdpError> {
    Capabilities::default().answer(offer, local, session_id)
}

/// Our answer to a later offer by what we can do by default. See [`Capabilities::answer_again`].
///
/// # Errors  As there.
pub fn answer_again(
    offer: &str,
    local: SocketAddr,
    session_id: u64,
    version: u64,
) -> Result<(String, Negotiated), SdpError> {
    Capabilities::default().answer_again(offer, local, session_id, version, None)
}

#[cfg(test)]
mod tests;
