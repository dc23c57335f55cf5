//! The host and port of an address: a name, or a number.
//!
//! In: text such as `sip.example.com`, `192.0.2.1:5060` or `[2001:db8::1]`. Out: its parts.
//! Invariants: a name is one that a DNS zone may have for a host, in lower case and without a dot
//! at its end; what is read is written the same way again.
//! Sources: RFC 3261 §25.1 (`hostport`), RFC 1123 §2.1 (names of hosts), RFC 1035 §2.3.4.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest name, and the longest part of one. Units: bytes.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// A host, with or without a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Authority {
    /// Who.
    pub host: Host,
    /// The port, where one is said. Never 0.
    pub port: Option<u16>,
}

/// Who an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// Somebody the DNS knows.
    Name(String),
    /// Somebody the network knows.
    Ip(IpAddr),
}

/// A text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Nothing, or more than a host and a port.
    #[error("wanted a host such as sip.example.com or 192.0.2.1, with or without a port")]
    Form,
    /// The port is none.
    #[error("wanted a port of 1 to 65535 after the colon")]
    Port,
    /// Four numbers or hexadecimal groups that are no address.
    #[error("wanted an IP address such as 192.0.2.1 or [2001:db8::1]")]
    Number,
    /// A name that no host can have.
    #[error(
        "wanted a host name of letters, digits and hyphens, parts of at most 63 between dots; \
         other letters are written in their ASCII form, xn--"
    )]
    Name,
}

impl Authority {
    /// The name, where it is one.
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Name(name) => Some(name),
            Host::Ip(_) => None,
        }
    }
}

impl TryFrom<String> for Authority {
    type Error = AuthorityError;

    fn try_from(text: String) -> Result<Self, AuthorityError> {
        text.parse()
    }
}

impl From<Authority> for String {
    fn from(authority: Authority) -> Self {
        authority.to_string()
    }
}

impl From<SocketAddr> for Authority {
    fn from(address: SocketAddr) -> Self {
        Self { host: Host::Ip(address.ip()), port: Some(address.port()) }
    }
}

impl FromStr for Authority {
    type Err = AuthorityError;

    fn from_str(text: &str) -> Result<Self, AuthorityError> {
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Ok(Self { host: Host::Ip(address.into()), port: None });
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(AuthorityError::Form)?;
            let address: Ipv6Addr = address.parse().map_err(|_| AuthorityError::Number)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(read_port(port)?),
                None if rest.is_empty() => None,
                None => return Err(AuthorityError::Form),
            };
            return Ok(Self { host: Host::Ip(address.into()), port });
        }
        let (host, port) = match text.split_once(':') {
            Some(("sip" | "sips", _)) => return Err(AuthorityError::Form),
            Some((host, port)) => (host, Some(read_port(port)?)),
            None => (text, None),
        };
        Ok(Self { host: read_host(host)?, port })
    }
}

fn read_port(text: &str) -> Result<u16, AuthorityError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse().ok().filter(|port| is_number && *port != 0);
    port.ok_or(AuthorityError::Port)
}

fn read_host(text: &str) -> Result<Host, AuthorityError> {
    if text.is_empty() || text.contains(char::is_whitespace) || text.contains(['/', '@', ';']) {
        return Err(AuthorityError::Form);
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        // No domain at the top is a number (RFC 1123 §2.1).
        return text.parse().map(Host::Ip).map_err(|_| AuthorityError::Number);
    }
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > NAME_MAX || !name.split('.').all(is_label) {
        return Err(AuthorityError::Name);
    }
    Ok(Host::Name(name.to_ascii_lowercase()))
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::Ip(IpAddr::V4(address)) => address.fmt(f)?,
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests;
