//! What a client sets: for its session, or for one request by headers.
//!
//! In: `SetSessionOptions`, and the headers `ledgerline-as-of` and `ledgerline-statement-timeout`.
//! Out: settings of a session of the engine. Invariant: what cannot be is refused when it is set.
//! The messages are those of Flight.proto, which the crate does not have.

use std::collections::{BTreeMap, HashMap};

use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use super::error;
use crate::query::catalog::{CATALOG, PUBLIC};
use crate::query::{Error, Session};

/// Settings of the engine, by name, with the header for one request.
const SETTINGS: [(&str, &str); 2] =
    [("as_of", "ledgerline-as-of"), ("statement_timeout", "ledgerline-statement-timeout")];
/// What is always so. Clients ask for it and may set it to what it is.
const FIXED: [(&str, &str); 2] = [("catalog", CATALOG), ("schema", PUBLIC)];

/// What was set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options(BTreeMap<&'static str, String>);

impl Options {
    /// With what the headers of one request say.
    pub(super) fn with_headers(mut self, headers: &MetadataMap) -> Result<Self, Status> {
        for (name, header) in SETTINGS {
            let Some(value) = headers.get(header) else { continue };
            let value = value.to_str().map_err(|_| {
                error::said(Code::InvalidArgument, &format!("read header {header}: wanted ASCII"))
            })?;
            drop(self.0.insert(name, value.to_owned()));
        }
        Ok(self)
    }

    /// A session of the engine with these settings.
    pub(super) fn apply(&self, mut session: Session) -> Result<Session, Error> {
        for (name, value) in &self.0 {
            session.set(name, value)?;
        }
        Ok(session)
    }

    /// Sets one option, or back where there is no value.
    pub(super) fn set(
        &mut self,
        name: &str,
        value: Option<&OptionValue>,
        session: &Session,
    ) -> Result<(), ErrorValue> {
        if let Some((_, fixed)) = FIXED.iter().find(|(known, _)| *known == name) {
            let is_it = value.is_none_or(|value| value.text().as_deref() == Some(*fixed));
            return if is_it { Ok(()) } else { Err(ErrorValue::InvalidValue) };
        }
        let known = SETTINGS.iter().find(|(known, _)| *known == name);
        let (name, _) = known.ok_or(ErrorValue::InvalidName)?;
        let Some(value) = value else {
            drop(self.0.remove(name));
            return Ok(());
        };
        let text = value.text().ok_or(ErrorValue::InvalidValue)?;
        session.clone().set(name, &text).map_err(|_| ErrorValue::InvalidValue)?;
        drop(self.0.insert(name, text));
        Ok(())
    }

    /// Every option, as it is.
    pub(super) fn all(&self, session: &Session) -> HashMap<String, SessionOptionValue> {
        let fixed = FIXED.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let set = SETTINGS.iter().filter_map(|(name, _)| Some((*name, session.show(name)?)));
        let value = |text| SessionOptionValue { value: Some(OptionValue::Text(text)) };
        fixed.chain(set).map(|(name, text)| (name.to_owned(), value(text))).collect()
    }
}

/// `SetSessionOptionsRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SetRequest {
    #[prost(map = "string, message", tag = "1")]
    pub(super) options: HashMap<String, SessionOptionValue>,
}

/// `SessionOptionValue`: without a value, the option is set back.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SessionOptionValue {
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub(super) value: Option<OptionValue>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum OptionValue {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(sfixed64, tag = "3")]
    Whole(i64),
    #[prost(double, tag = "4")]
    Number(f64),
    #[prost(message, tag = "5")]
    Texts(Texts),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Texts {
    #[prost(string, repeated, tag = "1")]
    values: Vec<String>,
}

impl OptionValue {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Whole(number) => Some(number.to_string()),
            Self::Bool(_) | Self::Number(_) | Self::Texts(_) => None,
        }
    }
}

/// `SetSessionOptionsResult`: an entry for each option that was not set.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SetResult {
    #[prost(map = "string, message", tag = "1")]
    pub(super) errors: HashMap<String, OptionError>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OptionError {
    #[prost(enumeration = "ErrorValue", tag = "1")]
    pub(super) value: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(super) enum ErrorValue {
    Unspecified = 0,
    InvalidName = 1,
    InvalidValue = 2,
    Error = 3,
}

/// `GetSessionOptionsResult`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetResult {
    #[prost(map = "string, message", tag = "1")]
    pub(super) options: HashMap<String, SessionOptionValue>,
}

/// `CloseSessionResult`.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CloseResult {
    #[prost(int32, tag = "1")]
    pub(super) status: i32,
}

/// The session is closed, as `CloseSessionResult` says it.
pub(super) const CLOSED: i32 = 1;
