//! Lifts old records: an upcaster turns the fields of one version into those of the next.

use serde_json::Value;

use super::catalog::{CATALOG, Event};

/// Turns the fields of `from` into the fields of `from + 1`.
#[derive(Clone, Copy)]
pub struct Upcaster {
    /// The event's stable name.
    pub event_type: &'static str,
    /// The version it reads.
    pub from: u16,
    /// The change itself. Pure.
    pub lift: fn(Value) -> Value,
}

/// Every upcaster, in the order they were added. Never removed.
const UPCASTERS: &[Upcaster] = &[];

/// A record is not a fact this program knows.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A name that is in no catalogue: a newer program wrote it.
    #[error("decode event: type {0:?} is not known to this version")]
    UnknownType(String),
    /// A version above the one this program writes.
    #[error("decode event: {event_type} has version {version}, this program knows up to {known}")]
    NewerVersion {
        /// The event's name.
        event_type: String,
        /// The version found.
        version: u16,
        /// The highest known.
        known: u16,
    },
    /// A version for which nothing lifts it.
    #[error("decode event: nothing lifts {event_type} from version {version}")]
    NoUpcaster {
        /// The event's name.
        event_type: String,
        /// The version found.
        version: u16,
    },
    /// Fields that do not fit.
    #[error("decode event: {event_type} version {version} has wrong fields")]
    Fields {
        /// The event's name.
        event_type: String,
        /// The version found.
        version: u16,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl DecodeError {
    pub(super) fn fields(event_type: &str, version: u16, source: serde_json::Error) -> Self {
        Self::Fields { event_type: event_type.to_owned(), version, source }
    }
}

/// Reads a fact from its name, version and fields.
///
/// # Errors
/// See [`DecodeError`].
pub fn upcast(event_type: &str, version: u16, fields: Value) -> Result<Event, DecodeError> {
    let known = CATALOG
        .iter()
        .find(|entry| entry.name == event_type)
        .ok_or_else(|| DecodeError::UnknownType(event_type.to_owned()))?;
    let fields = lift(UPCASTERS, event_type, version, known.version, fields)?;
    Event::decode(event_type, fields)
        .map_err(|source| DecodeError::fields(event_type, version, source))
}

/// Applies upcasters one after the other until the fields have the wanted version.
pub(super) fn lift(
    upcasters: &[Upcaster],
    event_type: &str,
    version: u16,
    known: u16,
    mut fields: Value,
) -> Result<Value, DecodeError> {
    if version > known {
        return Err(DecodeError::NewerVersion {
            event_type: event_type.to_owned(),
            version,
            known,
        });
    }
    for from in version..known {
        let upcaster = upcasters
            .iter()
            .find(|upcaster| upcaster.event_type == event_type && upcaster.from == from)
            .ok_or_else(|| DecodeError::NoUpcaster {
                event_type: event_type.to_owned(),
                version: from,
            })?;
        fields = (upcaster.lift)(fields);
    }
    Ok(fields)
}
