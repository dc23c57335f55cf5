//! Which codec audio is in: its name, its clock, and the payload type that stands for it.
//!
//! In: encoding names of SDP (`opus/48000/2`), payload types. Out: [`Codec`], [`Payload`],
//! [`PayloadMap`]. Invariant: a codec is an identity; the number it has on the line is agreed
//! call by call, and only numbers of RFC 3551 are known beforehand.
//! It deliberately keeps no state: encoders and decoders do.
//! Sources: RFC 3551 §6 (static numbers, the clock of G.722), RFC 7587 §4.1 (Opus), RFC 4733 §7.1
//! (telephone-event), RFC 3389 §5 (comfort noise).

mod decoder;
mod encoder;
mod g722;
mod half_band;
mod opus;
mod payload;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::g711::Law;

pub use decoder::Decoder;
pub use encoder::{Encoder, PAYLOAD_MAX};
pub use payload::{Payload, PayloadMap};

/// How audio is written into packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// G.711 µ-law: North America and Japan.
    Pcmu,
    /// G.711 A-law: everywhere else.
    Pcma,
    /// G.722 at 64 kbit/s: wide-band voice between desk phones.
    G722,
    /// Opus: phones in browsers and on mobile networks.
    Opus,
}

/// A word names no codec.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read codec: {0:?}, wanted pcmu, pcma, g722 or opus")]
pub struct CodecError(pub String);

impl Codec {
    /// Every codec.
    pub const ALL: [Self; 4] = [Self::Pcmu, Self::Pcma, Self::G722, Self::Opus];

    /// The RTP payload type, for those that have one without any agreement.
    ///
    /// Source: RFC 3551 §6.
    pub const fn static_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus => None,
        }
    }

    /// The name SDP uses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::Opus => "opus",
        }
    }

    /// Steps of the RTP timestamp per second. G.722 counts 8,000 though it has 16,000 samples.
    ///
    /// Sources: RFC 3551 §4.5.2, RFC 7587 §4.1.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8_000,
            Self::Opus => 48_000,
        }
    }

    /// Its form of G.711, where it is one.
    pub(super) const fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            Self::G722 | Self::Opus => None,
        }
    }

    /// Samples as bytes, one each; nothing for a codec that is not G.711.
    #[cfg(test)]
    pub(super) fn encode(self, samples: &[i16]) -> Vec<u8> {
        self.law().map(|law| law.encode(samples)).unwrap_or_default()
    }

    /// Bytes as samples, one each; nothing for a codec that is not G.711.
    #[cfg(test)]
    pub(super) fn decode(self, bytes: &[u8]) -> impl Iterator<Item = i16> + '_ {
        self.law().into_iter().flat_map(|law| law.decode(bytes))
    }
}

impl FromStr for Codec {
    type Err = CodecError;

    fn from_str(text: &str) -> Result<Self, CodecError> {
        let is_named = |codec: &Self| codec.name().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(is_named).ok_or_else(|| CodecError(text.to_owned()))
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
