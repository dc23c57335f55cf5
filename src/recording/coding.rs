//! The coding of both channels: a form of G.711, that of the leg where it has one, so that
//! nothing is lost by it.

use crate::media::Law;

/// How a sample becomes a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// G.711 µ-law.
    MuLaw,
    /// G.711 A-law.
    ALaw,
}

impl Coding {
    /// The coding for a leg with a codec of this name, such as `PCMA`.
    pub fn for_codec(name: &str) -> Self {
        if name.eq_ignore_ascii_case("PCMA") { Self::ALaw } else { Self::MuLaw }
    }

    /// The name of the codec that writes so: `PCMU` or `PCMA`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MuLaw => "PCMU",
            Self::ALaw => "PCMA",
        }
    }

    /// What a header has: the codec's payload type (RFC 3551 §6).
    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::MuLaw => 0,
            Self::ALaw => 8,
        }
    }

    pub(super) const fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            0 => Some(Self::MuLaw),
            8 => Some(Self::ALaw),
            _ => None,
        }
    }

    const fn law(self) -> Law {
        match self {
            Self::MuLaw => Law::Mu,
            Self::ALaw => Law::A,
        }
    }

    pub(super) const fn encode(self, sample: i16) -> u8 {
        self.law().encode_sample(sample)
    }

    pub(super) fn decode(self, bytes: &[u8]) -> impl Iterator<Item = i16> + '_ {
        let law = self.law();
        bytes.iter().map(move |byte| law.decode_sample(*byte))
    }
}
