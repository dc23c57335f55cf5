//! Headers taken apart: lists, parameters, addresses, Via, CSeq, Reason, Retry-After.
//!
//! Every reader returns nothing for what it cannot read; none panics. IPv6 literals are read
//! (rsip refuses them). What is read borrows from the header's text and copies a piece only where
//! it has to be written differently, so that checking a message costs no memory. Sources: RFC 3261 §20, §25; RFC 3326; RFC 5118.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use memchr::{memchr, memchr2, memchr3};

use super::hop::{Hop, Transport};

use crate::base::Millis;

/// The branch of every RFC 3261 transaction starts with this (§8.1.1.7).
pub(super) const COOKIE: &str = "z9hG4bK";

/// The port SIP speaks on where none is written.
const DEFAULT_PORT: u16 = 5060;

/// Whether a text is a token (RFC 3261 §25.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| TOKEN[byte as usize])
}

/// How many bytes at the beginning of a text make a token.
pub(super) fn token_length(text: &str) -> usize {
    text.bytes().take_while(|byte| TOKEN[*byte as usize]).count()
}

/// Which bytes a token may hold.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~');
        byte += 1;
    }
    table
};

/// Splits at the first of an ASCII character.
pub(super) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = memchr(at, text.as_bytes())?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Splits at a separator that stands outside quotes and angle brackets; trims, drops nothing.
pub(super) fn split(text: &str, separator: u8) -> Pieces<'_> {
    Pieces { rest: Some(text), separator }
}

/// The pieces of a list.
#[derive(Clone, Debug)]
pub(super) struct Pieces<'a> {
    rest: Option<&'a str>,
    /// An ASCII character.
    separator: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let end = piece_end(rest, self.separator);
        let piece = rest.get(..end).unwrap_or_default().trim();
        self.rest = rest.get(end + 1..);
        Some(piece)
    }
}

/// Where the first piece of a list ends.
fn piece_end(text: &str, separator: u8) -> usize {
    let bytes = text.as_bytes();
    let first = memchr3(b'"', b'<', separator, bytes).unwrap_or(bytes.len());
    let (mut quoted, mut escaped, mut angled) = (false, false, false);
    for (at, byte) in bytes.iter().copied().enumerate().skip(first) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => angled = true,
            b'>' if !quoted => angled = false,
            _ if byte == separator && !quoted && !angled => return at,
            _ => {}
        }
    }
    text.len()
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

/// Parameters as they were written: `;name=value` or `;name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Params<'a>(Cow<'a, str>);

impl<'a> Params<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        Self(Cow::Borrowed(text.trim()))
    }

    fn into_owned(self) -> Params<'static> {
        Params(Cow::Owned(self.0.into_owned()))
    }

    /// Names and values in order; a name may stand without a value.
    fn pairs(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        split(&self.0, b';').filter(|part| !part.is_empty()).map(|part| {
            let pair = cut(part, b'=');
            pair.map_or((part, None), |(name, value)| (name.trim(), Some(value.trim())))
        })
    }

    /// The value of a parameter; empty where it stands without one.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.unwrap_or_default())
    }

    fn set(&mut self, name: &str, value: &str) {
        let mut text = String::with_capacity(self.0.len() + name.len() + value.len() + 2);
        let mut is_set = false;
        for (known, old) in self.pairs() {
            let is_it = !is_set && known.eq_ignore_ascii_case(name);
            is_set |= is_it;
            add_param(&mut text, known, if is_it { Some(value) } else { old });
        }
        if !is_set {
            add_param(&mut text, name, Some(value));
        }
        self.0 = Cow::Owned(text);
    }
}

fn add_param(text: &mut String, name: &str, value: Option<&str>) {
    let value = value.map(|value| ["=", value]);
    for part in [";", name].into_iter().chain(value.into_iter().flatten()) {
        text.push_str(part);
    }
}

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in self.pairs() {
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
pub(super) struct Via<'a> {
    transport: Cow<'a, str>,
    /// Host and port as written; part of a transaction's key (§17.2.3).
    pub(super) sent_by: Cow<'a, str>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one element.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let mut protocol = text.splitn(3, '/');
        let (name, version) = (protocol.next()?.trim(), protocol.next()?.trim());
        if !name.eq_ignore_ascii_case("SIP") || version != "2.0" {
            return None;
        }
        let (transport, rest) = protocol.next()?.trim_start().split_once([' ', '\t'])?;
        let (sent_by, params) = cut(rest, b';').unwrap_or((rest, ""));
        let sent_by = without_blanks(sent_by.trim());
        host_and_port(&sent_by)?;
        if !is_token(transport) {
            return None;
        }
        let transport = Cow::Borrowed(transport);
        Some(Self { transport, sent_by, params: Params::read(params) })
    }

    /// The same, whatever becomes of the text it was read from.
    pub(super) fn into_owned(self) -> Via<'static> {
        Via {
            transport: Cow::Owned(self.transport.into_owned()),
            sent_by: Cow::Owned(self.sent_by.into_owned()),
            params: self.params.into_owned(),
        }
    }

    /// The branch.
    pub(super) fn branch(&self) -> Option<&str> {
        self.params.get("branch").filter(|branch| !branch.is_empty())
    }

    /// Writes down where the request really came from (RFC 3261 §18.2.1, RFC 3581 §4).
    pub(super) fn receive(&mut self, source: SocketAddr) {
        let written = host_and_port(&self.sent_by).and_then(|(host, _)| host_ip(host));
        let wants_port = self.params.get("rport").is_some();
        if wants_port {
            self.params.set("rport", &source.port().to_string());
        }
        if wants_port || written != Some(source.ip()) {
            self.params.set("received", &source.ip().to_string());
        }
    }

    /// Where answers to a request from `source` go: back there where it asks for that
    /// (RFC 3581 §4), else to the port it names at the address it came from (RFC 3261 §18.2.2).
    /// Over a connection, back over it.
    pub(super) fn answer_to(&self, source: Hop) -> Hop {
        if source.transport.is_reliable() || self.params.get("rport").is_some() {
            return source;
        }
        let port = host_and_port(&self.sent_by).and_then(|(_, port)| port);
        let port = port.filter(|port| *port != 0).unwrap_or(DEFAULT_PORT);
        Hop { address: SocketAddr::new(source.address.ip(), port), ..source }
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}{}", self.transport, self.sent_by, self.params)
    }
}

/// A text without the white space in it.
fn without_blanks(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Cow::Borrowed(text)
    } else {
        text.split_whitespace().collect()
    }
}

/// An address with what stands around it: From, To, Contact, Route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameAddr<'a> {
    pub(super) uri: &'a str,
    pub(super) params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one element.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let open = unquoted_open(text);
        let (uri, params) = match open {
            Some(open) => cut(text.get(open + 1..)?, b'>')?,
            // Commas, semicolons and question marks need brackets around them (§20.10).
            None => cut(text, b';')
                .filter(|(uri, _)| !uri.contains('?'))
                .or_else(|| (!text.contains([';', '?'])).then_some((text, "")))?,
        };
        let uri = uri.trim();
        let has_scheme = memchr(b':', uri.as_bytes()).is_some() || uri == "*";
        if !has_scheme || memchr2(b' ', b'\t', uri.as_bytes()).is_some() {
            return None;
        }
        Some(Self { uri, params: Params::read(params) })
    }

    /// The tag.
    pub(super) fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }
}

/// Where the first `<` outside quotes stands.
fn unquoted_open(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let first = memchr2(b'"', b'<', bytes)?;
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate().skip(first) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'<' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// A URI as far as we need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Uri<'a> {
    /// In lower case.
    pub(super) scheme: Cow<'a, str>,
    /// Unescaped, without password and parameters.
    pub(super) user: Cow<'a, str>,
    host: &'a str,
    port: Option<u16>,
    /// What its `transport` parameter names; TLS for `sips`.
    pub(super) transport: Option<Transport>,
}

impl<'a> Uri<'a> {
    /// Reads a `sip:`, `sips:` or `tel:` URI; of any other scheme only the scheme.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (scheme, rest) = cut(text, b':')?;
        if !is_token(scheme) {
            return None;
        }
        let scheme = in_lower_case(scheme);
        let mut transport = None;
        let (user, host, port) = match scheme.as_ref() {
            "sip" | "sips" => {
                let (user, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
                let end = rest.find([';', '?']).unwrap_or(rest.len());
                let (host, port) = host_and_port(rest.get(..end)?)?;
                transport = transport_of(&scheme, rest.get(end..)?);
                (user, host, port)
            }
            "tel" => (rest, "", None),
            _ => ("", "", None),
        };
        let user = user.split([':', ';']).next().unwrap_or_default();
        Some(Self { scheme, user: unescape(user), host, port, transport })
    }

    /// Where a request for it goes, where the host is a literal: to a peer that is connected, over
    /// that connection (RFC 5923). One that names no transport means that of a peer at the same
    /// host, else UDP (RFC 3263 §4.1).
    pub(super) fn hop(&self, peer: Hop) -> Option<Hop> {
        let port =
            if self.transport == Some(Transport::Tls) { DEFAULT_PORT + 1 } else { DEFAULT_PORT };
        let address = self.socket_addr()?;
        let port = self.port.unwrap_or(port);
        let is_peer = address.ip() == peer.address.ip();
        let transport = self.transport.or_else(|| is_peer.then_some(peer.transport));
        let transport = transport.unwrap_or_default();
        if is_peer && transport.is_reliable() && transport == peer.transport {
            return Some(peer);
        }
        Some(Hop { transport, address: SocketAddr::new(address.ip(), port) })
    }

    /// The address it names, where the host is a literal one can send to.
    pub(super) fn socket_addr(&self) -> Option<SocketAddr> {
        let ip = host_ip(self.host).filter(|ip| !ip.is_unspecified())?;
        Some(self.port.unwrap_or(DEFAULT_PORT))
            .filter(|port| *port != 0)
            .map(|port| (ip, port).into())
    }
}

fn in_lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// The transport a URI names (RFC 3261 §19.1.1, §26.2.2).
fn transport_of(scheme: &str, params: &str) -> Option<Transport> {
    if scheme == "sips" {
        return Some(Transport::Tls);
    }
    let params = params.split('?').next()?;
    let named = params.split(';').filter_map(|param| param.split_once('='));
    named
        .filter(|(name, _)| name.eq_ignore_ascii_case("transport"))
        .find_map(|(_, value)| Transport::read(value))
}

/// Splits `host`, `host:port`, `[v6]` and `[v6]:port`. The brackets stay with the host.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
            (text.get(..host.len() + 2)?, port)
        }
        None => {
            let (host, port) =
                cut(text, b':').map_or((text, None), |(host, port)| (host, Some(port)));
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || !host.bytes().all(is_name) {
                return None;
            }
            (host, port)
        }
    };
    let port = match port {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((host, port))
}

fn host_ip(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Takes %XX off (RFC 3261 §19.1.2); what is no valid escape stays.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
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

/// Writes a header's value into a URI, escaping what may not stand there (`hvalue`, §25.1).
pub(super) fn escape_header(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()[]/:+$".contains(&byte) {
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
    split(value, b',').find_map(|reason| {
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
