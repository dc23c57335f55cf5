//! What a session can set and show, under PostgreSQL's names.
//!
//! Invariants: what the engine obeys (`as_of`, `statement_timeout`) is checked by the engine;
//! what would change how values look is accepted only where it is as it is: UTF-8, ISO dates,
//! UTC. Everything else that PostgreSQL has and clients set is kept and shown, and does nothing.

use std::collections::BTreeMap;

use super::fault::Fault;

/// What may be done with a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is as it is.
    Fixed,
    /// Kept and shown.
    Free,
    /// Kept, shown, and told to the client where it changes.
    Told,
    /// As `Fixed`, and told to the client when it connects.
    FixedTold,
    /// The engine obeys it.
    Engine,
}

/// Name, value at first, what may be done.
const KNOWN: &[(&str, &str, Kind)] = &[
    ("application_name", "", Kind::Told),
    ("as_of", "head", Kind::Engine),
    ("bytea_output", "hex", Kind::Free),
    ("client_encoding", "UTF8", Kind::Told),
    ("client_min_messages", "notice", Kind::Free),
    ("DateStyle", "ISO, MDY", Kind::Told),
    ("default_tablespace", "", Kind::Free),
    ("default_transaction_deferrable", "off", Kind::Free),
    ("default_transaction_isolation", "read committed", Kind::Free),
    ("default_transaction_read_only", "on", Kind::Told),
    ("enable_seqscan", "on", Kind::Free),
    ("escape_string_warning", "on", Kind::Free),
    ("extra_float_digits", "1", Kind::Free),
    ("geqo", "on", Kind::Free),
    ("idle_in_transaction_session_timeout", "0", Kind::Free),
    ("idle_session_timeout", "0", Kind::Free),
    ("in_hot_standby", "off", Kind::FixedTold),
    ("integer_datetimes", "on", Kind::FixedTold),
    ("IntervalStyle", "postgres", Kind::Told),
    ("is_superuser", "off", Kind::FixedTold),
    ("jit", "off", Kind::Free),
    ("lc_collate", "C", Kind::Fixed),
    ("lc_ctype", "C.UTF-8", Kind::Fixed),
    ("lc_messages", "C", Kind::Free),
    ("lc_monetary", "C", Kind::Free),
    ("lc_numeric", "C", Kind::Free),
    ("lc_time", "C", Kind::Free),
    ("lock_timeout", "0", Kind::Free),
    ("max_connections", "100", Kind::Fixed),
    ("max_identifier_length", "63", Kind::Fixed),
    ("max_index_keys", "32", Kind::Fixed),
    ("quote_all_identifiers", "off", Kind::Free),
    ("role", "none", Kind::Free),
    ("row_security", "on", Kind::Free),
    ("search_path", "public", Kind::Free),
    ("server_encoding", "UTF8", Kind::FixedTold),
    ("server_version", SERVER_VERSION, Kind::FixedTold),
    ("server_version_num", "160006", Kind::Fixed),
    ("session_authorization", "", Kind::FixedTold),
    ("ssl", "on", Kind::Fixed),
    ("standard_conforming_strings", "on", Kind::FixedTold),
    ("statement_timeout", "", Kind::Engine),
    ("synchronize_seqscans", "on", Kind::Free),
    ("TimeZone", "UTC", Kind::Told),
    ("timezone_abbreviations", "Default", Kind::Free),
    ("transaction_deferrable", "off", Kind::Free),
    ("transaction_isolation", "read committed", Kind::Free),
    ("transaction_read_only", "on", Kind::Free),
    ("transaction_timeout", "0", Kind::Free),
    ("work_mem", "4MB", Kind::Free),
    ("xmloption", "content", Kind::Free),
];

/// The version whose protocol and catalogue are spoken: what clients take their questions by.
pub(super) const SERVER_VERSION: &str = "16.6";

/// A session's settings, under their names in small letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    values: BTreeMap<String, String>,
    user: String,
}

/// What came of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// Nothing more to do.
    Kept,
    /// The client is told this name and value.
    Told(&'static str, String),
}

impl Settings {
    /// Those of a user who just signed in.
    pub(super) fn new(user: &str) -> Self {
        Self { values: BTreeMap::new(), user: user.to_owned() }
    }

    /// The name of a setting that the engine obeys.
    pub(super) fn of_engine(name: &str) -> Option<&'static str> {
        find(name).filter(|(.., kind)| *kind == Kind::Engine).map(|(name, ..)| *name)
    }

    /// What was set for the engine.
    pub(super) fn engine(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.values.iter();
        all.filter(|(name, _)| Self::of_engine(name).is_some())
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// What a client is told when it connects.
    pub(super) fn told(&self) -> Vec<(&'static str, String)> {
        let told = |kind| matches!(kind, Kind::Told | Kind::FixedTold);
        let known = KNOWN.iter().filter(|(.., kind)| told(*kind));
        known.filter_map(|(name, ..)| Some((*name, self.show(name)?))).collect()
    }

    /// Sets one. Those of the engine are to be tried with the engine before.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<Changed, Fault> {
        let wrong = |wanted: &str| {
            let said = format!("invalid value for parameter {name:?}: {value:?}; {wanted}");
            Fault::new("22023", said)
        };
        let Some((name, _, kind)) = find(name) else {
            // A name with a dot is the client's own.
            if name.contains('.') {
                self.values.insert(name.to_ascii_lowercase(), value.to_owned());
                return Ok(Changed::Kept);
            }
            let said = format!("unrecognized configuration parameter {name:?}");
            return Err(Fault::new("42704", said));
        };
        let small = value.to_ascii_lowercase();
        let value = match *name {
            "client_encoding" => {
                let is_utf8 = matches!(small.as_str(), "utf8" | "utf-8" | "unicode");
                if !is_utf8 {
                    return Err(wrong("only UTF8 is spoken here"));
                }
                "UTF8"
            }
            "DateStyle" if !small.starts_with("iso") => {
                return Err(wrong("only ISO is written here"));
            }
            "DateStyle" => "ISO, MDY",
            "IntervalStyle" if small != "postgres" => {
                return Err(wrong("only postgres is written here"));
            }
            // Clients set their own zone as they connect, and read moments with their offset.
            "TimeZone" => "UTC",
            _ => value,
        };
        match kind {
            Kind::Fixed | Kind::FixedTold => {
                Err(Fault::new("55P02", format!("parameter {name:?} cannot be changed")))
            }
            Kind::Free | Kind::Engine => {
                self.values.insert(name.to_ascii_lowercase(), value.to_owned());
                Ok(Changed::Kept)
            }
            Kind::Told => {
                self.values.insert(name.to_ascii_lowercase(), value.to_owned());
                Ok(Changed::Told(name, value.to_owned()))
            }
        }
    }

    /// As it was when the session began.
    pub(super) fn reset(&mut self, name: Option<&str>) {
        match name {
            None => self.values.clear(),
            Some(name) => drop(self.values.remove(&name.to_ascii_lowercase())),
        }
    }

    /// What one is; for those of the engine that were never set, the engine knows.
    pub(super) fn show(&self, name: &str) -> Option<String> {
        let small = name.to_ascii_lowercase();
        if small == "session_authorization" {
            return Some(self.user.clone());
        }
        let set = self.values.get(&small).cloned();
        set.or_else(|| find(name).map(|(_, first, _)| (*first).to_owned()))
    }

    /// All of them, in order of name.
    pub(super) fn all(&self) -> Vec<(&'static str, String)> {
        KNOWN.iter().filter_map(|(name, ..)| Some((*name, self.show(name)?))).collect()
    }
}

fn find(name: &str) -> Option<&'static (&'static str, &'static str, Kind)> {
    KNOWN.iter().find(|(known, ..)| known.eq_ignore_ascii_case(name))
}

/// Settings in the option `options` of a client that connects: `-c name=value --name=value`.
pub(super) fn in_options(text: &str) -> Vec<(String, String)> {
    let mut words = text.split_ascii_whitespace();
    let mut found = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--") {
            Some(rest) => rest,
            None if word == "-c" => words.next().unwrap_or_default(),
            None => word.strip_prefix("-c").unwrap_or_default(),
        };
        if let Some((name, value)) = pair.split_once('=') {
            found.push((name.replace('-', "_"), value.to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests;
