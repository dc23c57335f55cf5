//! What groups there are, as KurrentDB keeps it: one JSON document in the stream
//! `$persistentSubscriptionConfig`, whose last event counts.
//!
//! Invariant: what is not understood in a document is written back as it was read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::settings::{Settings, StartFrom, Strategy};
use crate::base::Millis;
use crate::kurrentdb::filter::{EventFilter, FilterError};
use crate::kurrentdb::messages::streams::read_req::{Expression, Filter, FilterOptions};

/// The name of all streams.
pub(super) const ALL: &str = "$all";
const STREAM_CONTEXT: &str = "streamid";
const TYPE_CONTEXT: &str = "eventtype";
const REGEX: &str = "regex";
const PREFIX: &str = "prefix";

/// All groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Config {
    pub(super) version: String,
    #[serde(default)]
    pub(super) updated: String,
    #[serde(default)]
    pub(super) updated_by: Option<String>,
    #[serde(default)]
    pub(super) entries: Vec<Entry>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: "2".to_owned(),
            updated: String::new(),
            updated_by: None,
            entries: Vec::new(),
            rest: BTreeMap::new(),
        }
    }
}

/// One group, with the numbers as the client gave them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Entry {
    /// A stream's name, or `$all`.
    pub(super) stream: String,
    pub(super) group: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<FilterEntry>,
    pub(super) resolve_link_tos: bool,
    pub(super) extra_statistics: bool,
    /// Units: ms.
    pub(super) message_timeout: i32,
    /// The revision; the lowest number there is for all streams.
    pub(super) start_from: i64,
    /// The same as text, such as `-1` or `C:-1/P:-1`.
    pub(super) start_position: Option<String>,
    /// Where the group starts: what the end was when the group was made. KurrentDB looks for the
    /// end again at every start, and passes over what came in between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_place: Option<u64>,
    pub(super) live_buffer_size: i32,
    pub(super) history_buffer_size: i32,
    pub(super) max_retry_count: i32,
    pub(super) read_batch_size: i32,
    pub(super) prefer_round_robin: bool,
    /// Units: ms.
    pub(super) check_point_after: i32,
    pub(super) min_check_point_count: i32,
    pub(super) max_check_point_count: i32,
    pub(super) max_subscriber_count: i32,
    pub(super) named_consumer_strategy: String,
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

/// Which events of all streams.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterEntry {
    context: String,
    #[serde(rename = "type")]
    kind: String,
    /// An expression, or prefixes with commas between.
    data: String,
    #[serde(default)]
    is_all_stream: bool,
    /// The prefixes, which may have commas themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    prefixes: Vec<String>,
}

/// Settings that no group can have. The text is for the client.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    #[error("Consumer strategy {0} does not exist.")]
    Strategy(String),
    #[error("readBatchSize may not be greater than or equal to bufferSize")]
    BatchSize,
    #[error("Invalid Start From position: {0:?} is neither a revision nor a position.")]
    Start(String),
    #[error(transparent)]
    Filter(#[from] FilterError),
    #[error("Invalid filter: the context {0:?} is not streamid or eventtype.")]
    Context(String),
}

impl Entry {
    /// The name of the group among all groups, and of a subscription to it.
    pub(super) fn key(&self) -> String {
        key(&self.stream, &self.group)
    }

    /// Settings as the group works by them.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        if self.read_batch_size >= self.history_buffer_size {
            return Err(SettingsError::BatchSize);
        }
        let size = |number: i32| usize::try_from(number).unwrap_or(0);
        let count = |number: i32| u32::try_from(number).unwrap_or(0);
        let span = |ms: i32| Millis(u64::try_from(ms).unwrap_or(0));
        Ok(Settings {
            resolve_links: self.resolve_link_tos,
            start_from: self.start()?,
            extra_statistics: self.extra_statistics,
            message_timeout: span(self.message_timeout),
            max_retry_count: count(self.max_retry_count),
            live_buffer_size: size(self.live_buffer_size),
            read_batch_size: size(self.read_batch_size),
            history_buffer_size: size(self.history_buffer_size),
            checkpoint_after: span(self.check_point_after),
            min_checkpoint_count: count(self.min_check_point_count),
            max_checkpoint_count: count(self.max_check_point_count),
            max_subscriber_count: count(self.max_subscriber_count),
            strategy: self.strategy()?,
        })
    }

    fn strategy(&self) -> Result<Strategy, SettingsError> {
        // Version 1 of the document had a choice of two.
        let name = match (self.named_consumer_strategy.as_str(), self.prefer_round_robin) {
            ("", true) => Strategy::RoundRobin.name(),
            ("", false) => Strategy::DispatchToSingle.name(),
            (name, _) => name,
        };
        Strategy::of_name(name).ok_or_else(|| SettingsError::Strategy(name.to_owned()))
    }

    fn start(&self) -> Result<StartFrom, SettingsError> {
        let text = self.start_position.clone().unwrap_or_else(|| self.start_from.to_string());
        match place_of(&text) {
            Some(-1) => Ok(StartFrom::End),
            Some(place) => Ok(StartFrom::Place(u64::try_from(place).unwrap_or(0))),
            None => Err(SettingsError::Start(text)),
        }
    }

    /// The filter, if there is one.
    ///
    /// # Errors
    /// See [`SettingsError`].
    pub(super) fn event_filter(&self) -> Result<Option<EventFilter>, SettingsError> {
        self.filter.as_ref().map(FilterEntry::event_filter).transpose()
    }
}

impl FilterEntry {
    /// A filter as a client sent it; nothing where it says nothing.
    pub(super) fn of(options: &FilterOptions) -> Option<Self> {
        let (context, expression) = match options.filter.as_ref()? {
            Filter::StreamIdentifier(expression) => (STREAM_CONTEXT, expression),
            Filter::EventType(expression) => (TYPE_CONTEXT, expression),
        };
        let is_regex = !expression.regex.is_empty();
        Some(Self {
            context: context.to_owned(),
            kind: if is_regex { REGEX } else { PREFIX }.to_owned(),
            data: if is_regex { expression.regex.clone() } else { expression.prefix.join(",") },
            is_all_stream: true,
            prefixes: if is_regex { Vec::new() } else { expression.prefix.clone() },
        })
    }

    fn event_filter(&self) -> Result<EventFilter, SettingsError> {
        let expression = match (self.kind.as_str(), self.prefixes.is_empty()) {
            (REGEX, _) => Expression { regex: self.data.clone(), prefix: Vec::new() },
            (_, false) => Expression { regex: String::new(), prefix: self.prefixes.clone() },
            (_, true) => {
                let prefixes = self.data.split(',').filter(|prefix| !prefix.is_empty());
                Expression { regex: String::new(), prefix: prefixes.map(str::to_owned).collect() }
            }
        };
        let filter = match self.context.as_str() {
            STREAM_CONTEXT => Filter::StreamIdentifier(expression),
            TYPE_CONTEXT => Filter::EventType(expression),
            other => return Err(SettingsError::Context(other.to_owned())),
        };
        let options = FilterOptions { filter: Some(filter), ..FilterOptions::default() };
        Ok(EventFilter::of(&options)?)
    }
}

/// The name of a group among all groups.
pub(super) fn key(stream: &str, group: &str) -> String {
    format!("{stream}::{group}")
}

/// A place as text: a revision, or both halves of a position.
pub(super) fn place_text(stream: &str, place: i64) -> String {
    if stream == ALL { format!("C:{place}/P:{place}") } else { place.to_string() }
}

/// A place from either text; nothing where it is neither, or below -1.
pub(super) fn place_of(text: &str) -> Option<i64> {
    let number = match text.strip_prefix("C:") {
        Some(position) => position.split_once("/P:")?.0,
        None => text,
    };
    number.parse().ok().filter(|place| *place >= -1)
}
