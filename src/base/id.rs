//! Ids. Random ones are UUIDv7 (RFC 9562 §5.7), so they sort by time and their partition
//! follows from them; chosen ones are short slugs a person types.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Rng, Timestamp};

/// A text is not an id of the wanted kind.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    /// Not a UUID.
    #[error("read {kind} id: {text:?} is not a UUID")]
    NotUuid { kind: &'static str, text: String },
    /// Not a slug.
    #[error(
        "read {kind} id: {text:?} must be 1 to 64 of a-z, 0-9, '-' and '_', and start with a letter"
    )]
    NotSlug { kind: &'static str, text: String },
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a UUIDv7 from the time and the generator handed in.
            pub fn generate(now: Timestamp, rng: &mut Rng) -> Self {
                Self(uuid_v7(now, rng))
            }

            /// Makes a UUIDv7 from the time and the next number of a sequence.
            pub fn next(now: Timestamp, ids: &mut IdSequence) -> Self {
                Self(ids.next(now))
            }

            /// The millisecond the id was made in, as far as it is a UUIDv7.
            pub fn made_at(self) -> Option<Timestamp> {
                let (secs, nanos) = self.0.get_timestamp()?.to_unix();
                let secs = i64::try_from(secs).ok()?;
                Some(Timestamp::from_micros(secs * 1_000_000 + i64::from(nanos / 1_000)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", $kind, self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text)
                    .map(Self)
                    .map_err(|_| IdError::NotUuid { kind: $kind, text: text.to_owned() })
            }
        }
    };
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a slug.
            ///
            /// # Errors
            /// [`IdError::NotSlug`] where the text is empty, too long or has other characters.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if is_slug(&text) {
                    Ok(Self(text))
                } else {
                    Err(IdError::NotSlug { kind: $kind, text })
                }
            }

            /// The slug as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", $kind, self.0)
            }
        }
    };
}

uuid_id!(
    /// One event.
    EventId,
    "event"
);
uuid_id!(
    /// One dial of one number and all that came of it.
    CallId,
    "call"
);
uuid_id!(
    /// One SIP side of a call.
    LegId,
    "leg"
);
uuid_id!(
    /// One row of a list: a subject in a campaign.
    LeadId,
    "lead"
);
uuid_id!(
    /// One person. Events name people only by this.
    SubjectId,
    "subject"
);
uuid_id!(
    /// One message, to a person or from one, on any channel but the phone.
    MessageId,
    "message"
);
uuid_id!(
    /// One recording of one leg.
    RecordingId,
    "recording"
);
slug_id!(
    /// A campaign.
    CampaignId,
    "campaign"
);
slug_id!(
    /// A human agent.
    AgentId,
    "agent"
);
slug_id!(
    /// A carrier: a SIP peer that terminates calls.
    CarrierId,
    "carrier"
);
slug_id!(
    /// A SIM card in a carrier's GSM gateway.
    SimId,
    "SIM"
);
slug_id!(
    /// A plan by which reports are made.
    ReportPlanId,
    "report plan"
);
slug_id!(
    /// A conversation script.
    ScriptId,
    "script"
);

/// Numbers for ids that one part of the program makes one after the other.
///
/// The 74 bits of a UUIDv7 that are not time start at random, and each id has one step more than
/// the one before (RFC 9562 §6.2, method 2, but the start is drawn once and not for each
/// millisecond). So ids differ whatever the clock does, those of two sequences differ as random
/// ones do, and many of them side by side compress to almost nothing. They can be guessed:
/// nothing may take an id for a secret.
#[derive(Clone, Debug)]
pub struct IdSequence {
    next: u128,
    step: u128,
}

impl IdSequence {
    /// A sequence that starts at random.
    pub fn new(rng: &mut Rng) -> Self {
        Self::with_room(rng, 0)
    }

    /// A sequence that leaves so many numbers free behind each id, for ids that belong to it.
    pub fn with_room(rng: &mut Rng, room: u32) -> Self {
        let start = (u128::from(rng.bits()) << 64) | u128::from(rng.bits());
        Self { next: start & NUMBER_MASK, step: u128::from(room) + 1 }
    }

    fn next(&mut self, now: Timestamp) -> Uuid {
        let number = self.next;
        self.next = (number + self.step) & NUMBER_MASK;
        numbered(now, number)
    }
}

impl LegId {
    /// The id of a call's nth leg, from 1: in the room behind the call's own number.
    pub fn of_call(now: Timestamp, call_id: CallId, leg: u32) -> Self {
        Self(numbered(now, number_of(call_id.0) + u128::from(leg)))
    }
}

/// Bits of a UUIDv7 that are neither time nor fixed.
const NUMBER_BITS: u32 = 74;
const NUMBER_MASK: u128 = (1 << NUMBER_BITS) - 1;
/// Of these, the bits behind the variant.
const LOW_BITS: u32 = 62;
const LOW_MASK: u128 = (1 << LOW_BITS) - 1;

/// A UUIDv7 with this number in it.
fn numbered(now: Timestamp, number: u128) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    let time = u128::from(millis) << 80;
    let high = ((number & NUMBER_MASK) >> LOW_BITS) << 64;
    Uuid::from_u128(time | (7 << 76) | high | (2 << LOW_BITS) | (number & LOW_MASK))
}

/// The number in a UUIDv7.
const fn number_of(id: Uuid) -> u128 {
    let bits = id.as_u128();
    (((bits >> 64) & 0xFFF) << LOW_BITS) | (bits & LOW_MASK)
}

fn is_slug(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
}

/// Source: RFC 9562 §5.7: 48 bits of Unix milliseconds, then version, then random bits.
fn uuid_v7(now: Timestamp, rng: &mut Rng) -> Uuid {
    let millis = u64::try_from(now.as_micros() / 1_000).unwrap_or(0);
    let mut random = [0u8; 10];
    rng.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
