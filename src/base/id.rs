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
    /// A plan by which reports are made.
    ReportPlanId,
    "report plan"
);
slug_id!(
    /// A conversation script.
    ScriptId,
    "script"
);

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
