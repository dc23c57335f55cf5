//! Where the log is kept, when it is not in the data folder.
//!
//! Invariants: user and password print nowhere; a text that cannot be used is never repeated, as
//! what is wrong with it may be that a password broke it apart.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Secret;

/// The port of KurrentDB.
const PORT: u16 = 2113;
/// Parameters that are taken, as they are written; those of files after the bar.
const PARAMETERS: [&str; 9] = [
    "tls",
    "tlsVerifyCert",
    "nodePreference",
    "discoveryInterval",
    "gossipTimeout",
    "maxDiscoverAttempts",
    "keepAliveInterval",
    "keepAliveTimeout",
    "connectionName",
];
/// Parameters that name a file, relative to the configuration's folder.
const FILES: [&str; 3] = ["tlsCaFile", "userCertFile", "userKeyFile"];

/// A KurrentDB or EventStoreDB server.
#[derive(Clone, PartialEq)]
pub struct LogAddress {
    credentials: Option<(String, Secret)>,
    is_discovered: bool,
    hosts: Vec<(String, u16)>,
    parameters: Vec<(&'static str, String)>,
}

/// A text that names no server.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}; wanted esdb://user:password@host:2113?tls=true, with %40 for an @ in a password")]
pub struct LogAddressError(String);

fn wrong<T>(what: impl Into<String>) -> Result<T, LogAddressError> {
    Err(LogAddressError(what.into()))
}

impl LogAddress {
    /// Reads a connection string.
    ///
    /// # Errors
    /// [`LogAddressError`], which repeats nothing of it.
    pub fn parse(text: &str) -> Result<Self, LogAddressError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return wrong("it begins with no esdb://");
        };
        let is_discovered = match scheme {
            "esdb" | "kurrentdb" | "kdb" => false,
            "esdb+discover" | "kurrentdb+discover" | "kdb+discover" => true,
            _ => return wrong("it begins with neither esdb:// nor esdb+discover://"),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, hosts) = match place.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(read_credentials(credentials)?), hosts),
            None => (None, place),
        };
        let hosts = hosts.strip_suffix('/').unwrap_or(hosts);
        let hosts = hosts.split(',').map(read_host).collect::<Result<Vec<_>, _>>()?;
        let mut parameters: Vec<(&'static str, String)> = Vec::new();
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = read_parameter(part)?;
            if parameters.iter().any(|(other, _)| *other == name) {
                return wrong(format!("{name} stands twice"));
            }
            parameters.push((name, value));
        }
        let has = |name| parameters.iter().any(|(other, _)| *other == name);
        if has("userCertFile") != has("userKeyFile") {
            return wrong("userCertFile and userKeyFile go together");
        }
        Ok(Self { credentials, is_discovered, hosts, parameters })
    }

    /// The server as errors and figures name it.
    pub fn server(&self) -> String {
        let hosts: Vec<_> =
            self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        hosts.join(",")
    }

    /// User and password.
    pub fn credentials(&self) -> Option<(String, String)> {
        let (user, password) = self.credentials.as_ref()?;
        Some((user.clone(), password.reveal().to_owned()))
    }

    /// As the `eventstore` crate reads it, without credentials.
    pub fn connection(&self) -> String {
        let scheme = if self.is_discovered { "esdb+discover" } else { "esdb" };
        let mut parameters = self.parameters.clone();
        // The crate pauses so long before its first try (4.0.0), 500 ms by default.
        if !parameters.iter().any(|(name, _)| *name == "discoveryInterval") {
            parameters.push(("discoveryInterval", "10".to_owned()));
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        format!("{scheme}://{}?{}", self.server(), parameters.join("&"))
    }

    /// The files it names.
    pub fn files(&self) -> Vec<PathBuf> {
        let files = self.parameters.iter().filter(|(name, _)| FILES.contains(name));
        files.map(|(_, value)| PathBuf::from(value)).collect()
    }

    /// Makes its files relative to a folder.
    pub(super) fn move_to(&mut self, folder: &Path) {
        for (name, value) in &mut self.parameters {
            if FILES.contains(name) {
                *value = folder.join(&*value).to_string_lossy().into_owned();
            }
        }
    }
}

fn read_credentials(text: &str) -> Result<(String, Secret), LogAddressError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    match (percent_decoded(user), percent_decoded(password)) {
        (Some(user), Some(password)) if !user.is_empty() => Ok((user, Secret::new(password))),
        (Some(_), Some(_)) => wrong("there is no user before the @"),
        _ => wrong("user or password has a % that two hexadecimal digits do not follow"),
    }
}

fn read_host(text: &str) -> Result<(String, u16), LogAddressError> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => match port.parse::<u16>() {
            Ok(port @ 1..) => (host, port),
            _ => return wrong("a port is no number from 1 to 65535"),
        },
        None => (text, PORT),
    };
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    if host.is_empty() || !host.chars().all(is_name) {
        return wrong("a host is no name and no IPv4 address");
    }
    Ok((host.to_owned(), port))
}

fn read_parameter(part: &str) -> Result<(&'static str, String), LogAddressError> {
    let known = || PARAMETERS.iter().chain(&FILES);
    let (name, value) = part.split_once('=').unwrap_or((part, ""));
    let Some(name) = known().find(|known| known.eq_ignore_ascii_case(name)) else {
        let known: Vec<_> = known().copied().collect();
        return wrong(format!("a parameter after ? is none of {}", known.join(", ")));
    };
    let Some(value) = percent_decoded(value).filter(|value| !value.is_empty()) else {
        return wrong(format!("{name} has no value"));
    };
    let number = value.parse::<u32>().unwrap_or(0);
    let is_right = match *name {
        "tls" | "tlsVerifyCert" => value == "true" || value == "false",
        "nodePreference" => {
            let kinds = ["leader", "follower", "random", "readonlyreplica"];
            kinds.contains(&value.to_ascii_lowercase().as_str())
        }
        "discoveryInterval" | "gossipTimeout" => (1..=3_600_000).contains(&number),
        // The crate counts the attempt that finds out where to connect (4.0.0).
        "maxDiscoverAttempts" => (2..=1_000).contains(&number),
        "keepAliveInterval" | "keepAliveTimeout" => (10_000..=3_600_000).contains(&number),
        _ => !value.chars().any(char::is_control),
    };
    if is_right {
        return Ok((name, value));
    }
    wrong(match *name {
        "tls" | "tlsVerifyCert" => format!("{name} is neither true nor false"),
        "nodePreference" => {
            "nodePreference is none of leader, follower, random, readOnlyReplica".to_owned()
        }
        "maxDiscoverAttempts" => "maxDiscoverAttempts is no number from 2 to 1000".to_owned(),
        "keepAliveInterval" | "keepAliveTimeout" => {
            format!("{name} is no number from 10000 to 3600000 (ms)")
        }
        "discoveryInterval" | "gossipTimeout" => {
            format!("{name} is no number from 1 to 3600000 (ms)")
        }
        _ => format!("{name} has control characters"),
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl fmt::Display for LogAddress {
    /// With the password hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_discovered { "esdb+discover://" } else { "esdb://" })?;
        if let Some((user, _)) = &self.credentials {
            write!(f, "{user}:‹secret›@")?;
        }
        f.write_str(&self.server())?;
        for (place, (name, value)) in self.parameters.iter().enumerate() {
            let mark = if place == 0 { '?' } else { '&' };
            write!(f, "{mark}{name}={value}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for LogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for LogAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for LogAddress {
    /// The usual refusals repeat the value they refuse; this one does not.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Other(IgnoredAny),
        }
        let address = match Given::deserialize(deserializer) {
            Ok(Given::Text(text)) => Self::parse(&text),
            Ok(Given::Other(IgnoredAny)) | Err(_) => wrong("it is no text in quotation marks"),
        };
        address.map_err(|error| D::Error::custom(format!("log: {error}")))
    }
}

impl std::str::FromStr for LogAddress {
    type Err = LogAddressError;

    fn from_str(text: &str) -> Result<Self, LogAddressError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
