//! Headers taken apart: lists, parameters, addresses, Via, CSeq, Reason, Retry-After.
//!
//! Every reader returns nothing for what it cannot read; none panics. IPv6 literals are read
//! (rsip refuses them). Sources: RFC 3261 §20, §25; RFC 3326; RFC 5118.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::base::Millis;

/// The branch of every RFC 3261 transaction starts with this (§8.1.1.7).
pub(super) const COOKIE: &str = "z9hG4bK";

/// The port SIP speaks on where none is written.
const DEFAULT_PORT: u16 = 5060;

/// Whether a text is a token (RFC 3261 §25.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}

/// Splits at a separator that stands outside quotes and angle brackets; trims, drops nothing.
pub(super) fn split(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let (mut quoted, mut escaped, mut angled) = (false, false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angled = true,
            '>' if !quoted => angled = false,
            _ if char == separator && !quoted && !angled => {
                parts.push(text.get(start..at).unwrap_or_default().trim());
                start = at + char.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default().trim());
    parts
}

/// Takes the quotes and escapes off a quoted string; leaves anything else as it is.
pub(super) fn unquote(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::new();
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    plain
}

/// Parameters in order: `;name=value` or `;name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params(Vec<(String, Option<String>)>);

impl Params {
    fn read(text: &str) -> Self {
        let parts = split(text, ';').into_iter().filter(|part| !part.is_empty());
        Self(
            parts
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
                    None => (part.to_owned(), None),
                })
                .collect(),
        )
    }

    /// The value of a parameter; empty where it stands without one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.as_deref().unwrap_or_default())
    }

    fn set(&mut self, name: &str, value: String) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = Some(value),
            None => self.0.push((name.to_owned(), Some(value))),
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

/// One Via element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Via {
    transport: String,
    /// Host and port as written; part of a transaction's key (§17.2.3).
    pub(super) sent_by: String,
    params: Params,
}

impl Via {
    /// Reads one element.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut protocol = text.splitn(3, '/');
        let (name, version) = (protocol.next()?.trim(), protocol.next()?.trim());
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return None;
        }
        let (transport, rest) = protocol.next()?.trim_start().split_once([' ', '\t'])?;
        let (sent_by, params) = rest.split_once(';').unwrap_or((rest, ""));
        let sent_by: String = sent_by.split_whitespace().collect();
        host_and_port(&sent_by)?;
        if !is_token(transport) {
            return None;
        }
        Some(Self { transport: transport.to_owned(), sent_by, params: Params::read(params) })
    }

    /// The branch.
    pub(super) fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// Writes down where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
    pub(super) fn receive(&mut self, source: SocketAddr) {
        let written = host_and_port(&self.sent_by).and_then(|(host, _)| host_ip(&host));
        let wants_port = self.params.get("rport").is_some();
        if wants_port {
            self.params.set("rport", source.port().to_string());
        }
        if wants_port || written != Some(source.ip()) {
            self.params.set("received", source.ip().to_string());
        }
    }

    /// Where answers to a request from `source` go: back there where it asks for that
    /// (RFC 3581 §4), else to the port it names at the address it came from (RFC 3261 §18.2.2).
    pub(super) fn answer_to(&self, source: SocketAddr) -> SocketAddr {
        if self.params.get("rport").is_some() {
            return source;
        }
        let port = host_and_port(&self.sent_by).and_then(|(_, port)| port);
        SocketAddr::new(source.ip(), port.filter(|port| *port != 0).unwrap_or(DEFAULT_PORT))
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}{}", self.transport, self.sent_by, self.params)
    }
}

/// An address with what stands around it: From, To, Contact, Route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameAddr {
    pub(super) uri: String,
    pub(super) params: Params,
}

impl NameAddr {
    /// Reads one element.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let open = unquoted_open(text);
        let (uri, params) = match open {
            Some(open) => text.get(open + 1..)?.split_once('>')?,
            None => text.split_once(';').unwrap_or((text, "")),
        };
        let uri = uri.trim();
        if uri.is_empty() || !uri.contains(':') && uri != "*" || uri.contains([' ', '\t']) {
            return None;
        }
        Some(Self { uri: uri.to_owned(), params: Params::read(params) })
    }

    /// The tag.
    pub(super) fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

/// Where the first `<` outside quotes stands.
fn unquoted_open(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, char) in text.char_indices() {
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A URI as far as we need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uri {
    /// In lower case.
    pub(super) scheme: String,
    /// Unescaped, without password and parameters.
    pub(super) user: String,
    host: String,
    port: Option<u16>,
}

impl Uri {
    /// Reads a `sip:`, `sips:` or `tel:` URI; of any other scheme only the scheme.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        if !is_token(scheme) {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let (user, host, port) = match scheme.as_str() {
            "sip" | "sips" => {
                let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
                let end = rest.find([';', '?']).unwrap_or(rest.len());
                let (host, port) = host_and_port(rest.get(..end)?)?;
                (user, host, port)
            }
            "tel" => (rest, String::new(), None),
            _ => ("", String::new(), None),
        };
        let user = user.split([':', ';']).next().unwrap_or_default();
        Some(Self { scheme, user: unescape(user), host, port })
    }

    /// The address it names, where the host is a literal one can send to.
    pub(super) fn socket_addr(&self) -> Option<SocketAddr> {
        let ip = host_ip(&self.host).filter(|ip| !ip.is_unspecified())?;
        Some(self.port.unwrap_or(DEFAULT_PORT))
            .filter(|port| *port != 0)
            .map(|port| (ip, port).into())
    }
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`.
fn host_and_port(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                format!("[{host}]"),
                if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) },
            )
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (text.to_owned(), None),
        },
    };
    let named = host.starts_with('[')
        || !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    named.then_some((host, port))
}

fn host_ip(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Takes %XX off (RFC 3261 §19.1.2); what is no valid escape stays.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, tail)) = rest.split_first() {
        let digits = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = digits
            .filter(|hex| *byte == b'%' && hex.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(*byte));
        rest = if decoded.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).chars().filter(|char| !char.is_control()).collect()
}

/// Writes a user part, escaping what may not stand there.
pub(super) fn escape_user(user: &str) -> String {
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,?/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Number and method of a CSeq.
pub(super) fn cseq(text: &str) -> Option<(u32, &str)> {
    let (number, method) = text.split_once([' ', '\t'])?;
    let number: u32 =
        number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse().ok())??;
    let method = method.trim();
    (number < 1 << 31 && is_token(method)).then_some((number, method))
}

/// The Q.850 cause of a Reason header's value.
pub(super) fn q850(value: &str) -> Option<u8> {
    split(value, ',').into_iter().find_map(|reason| {
        let (protocol, params) = reason.split_once(';')?;
        if !protocol.trim().eq_ignore_ascii_case("Q.850") {
            return None;
        }
        Params::read(params).get("cause")?.parse().ok().filter(|cause| *cause < 128)
    })
}

/// A Reason header's value (RFC 3326).
pub(super) fn reason(q850: u8) -> String {
    format!("Q.850;cause={q850}")
}

/// How long a Retry-After header asks for.
pub(super) fn retry_after(value: &str) -> Option<Millis> {
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse::<u32>().ok().map(|secs| Millis::from_secs(secs.into()))
}

#[cfg(test)]
mod tests;
