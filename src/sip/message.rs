//! The strict front: a datagram in, a [`Message`] out, and back again.
//!
//! A datagram that cannot even be answered is an error; one that can carries its first defect
//! in [`Message::fault`], so that a request gets its 400. Compact header names are expanded,
//! folded lines joined, the body cut to Content-Length. Nothing is interpreted further here.
//! Sources: RFC 3261 §7, §18.3; RFC 4475 for what strangers send.

use super::header;

/// The first line.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum StartLine {
    /// A request.
    Request { method: String, uri: String, version: String },
    /// A response.
    Response { status: u16, reason: String },
}

/// A message: start line, headers in order, body.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) start: StartLine,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// The first defect, where the message is readable but wrong.
    pub(super) fault: Option<&'static str>,
}

/// A datagram is not a SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReadError {
    /// Only line ends: a keep-alive (RFC 5626 §3.5.1).
    #[error("read message: keep-alive")]
    KeepAlive,
    /// No empty line after the headers.
    #[error("read message: headers do not end")]
    Endless,
    /// The first line is neither a request nor a response.
    #[error("read message: start line is not SIP")]
    StartLine,
    /// A response that cannot be used.
    #[error("read response: {0}")]
    Response(&'static str),
}

/// Headers that may stand only once (RFC 3261 §7.3.1).
const SINGLE: [&str; 7] =
    ["Call-ID", "Content-Length", "Content-Type", "CSeq", "From", "Max-Forwards", "To"];

impl Message {
    /// Reads a datagram.
    pub(super) fn read(datagram: &[u8]) -> Result<Self, ReadError> {
        let leading = datagram.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let datagram = datagram.get(leading..).unwrap_or_default();
        if datagram.is_empty() || datagram.iter().all(|byte| *byte == 0) {
            return Err(ReadError::KeepAlive);
        }
        let (head, body) = split_head(datagram).ok_or(ReadError::Endless)?;
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        let mut fault = None;
        let start = read_start(lines.next().unwrap_or_default(), &mut fault)?;
        let headers = read_headers(lines, &mut fault);
        let mut message = Self { start, headers, body: Vec::new(), fault };
        message.take_body(body);
        message.check_single();
        if matches!(message.start, StartLine::Response { .. })
            && let Some(fault) = message.fault
        {
            return Err(ReadError::Response(fault));
        }
        Ok(message)
    }

    /// A request without headers.
    pub(super) fn request(method: &str, uri: &str) -> Self {
        Self {
            start: StartLine::Request {
                method: method.to_owned(),
                uri: uri.to_owned(),
                version: "SIP/2.0".to_owned(),
            },
            headers: Vec::new(),
            body: Vec::new(),
            fault: None,
        }
    }

    /// A response without headers.
    pub(super) fn response(status: u16) -> Self {
        Self {
            start: StartLine::Response { status, reason: reason_phrase(status) },
            headers: Vec::new(),
            body: Vec::new(),
            fault: None,
        }
    }

    /// The method of a request; empty for a response.
    pub(super) fn method(&self) -> &str {
        match &self.start {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => "",
        }
    }

    /// The Request-URI; empty for a response.
    pub(super) fn uri(&self) -> &str {
        match &self.start {
            StartLine::Request { uri, .. } => uri,
            StartLine::Response { .. } => "",
        }
    }

    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Every header of that name, in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Every element of a header whose values are comma-separated lists, in order.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| header::split(value, ','))
    }

    /// Adds a header at the end.
    pub(super) fn push(&mut self, name: &str, value: impl Into<String>) {
        self.headers.push((name.to_owned(), value.into()));
    }

    /// Adds a header at the end.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.push(name, value);
        self
    }

    /// Copies every header of that name from another message.
    pub(super) fn copy(&mut self, from: &Self, name: &str) {
        for value in from.all(name) {
            self.push(name, value);
        }
    }

    /// Puts another value into the first header of that name, or adds it.
    pub(super) fn replace(&mut self, name: &str, value: String) {
        match self.headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.push(name, value),
        }
    }

    /// Takes every header of that name out.
    pub(super) fn remove(&mut self, name: &str) {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Puts a session description in.
    pub(super) fn with_sdp(mut self, sdp: &str) -> Self {
        self.push("Content-Type", "application/sdp");
        self.body = sdp.as_bytes().to_vec();
        self
    }

    /// The session description, where the body is one.
    pub(super) fn sdp(&self) -> Option<String> {
        let kind = self.header("Content-Type")?.split(';').next()?.trim();
        if self.body.is_empty() || !kind.eq_ignore_ascii_case("application/sdp") {
            return None;
        }
        Some(String::from_utf8_lossy(&self.body).into_owned())
    }

    /// The datagram; Content-Length is counted here.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut text = match &self.start {
            StartLine::Request { method, uri, version } => format!("{method} {uri} {version}\r\n"),
            StartLine::Response { status, reason } => format!("SIP/2.0 {status} {reason}\r\n"),
        };
        for (name, value) in &self.headers {
            if !name.eq_ignore_ascii_case("Content-Length") {
                text.push_str(name);
                text.push_str(": ");
                text.push_str(value);
                text.push_str("\r\n");
            }
        }
        text.push_str(&format!("Content-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn take_body(&mut self, rest: &[u8]) {
        let length = match self.header("Content-Length") {
            None => Some(rest.len()), // A datagram ends the body (RFC 3261 §18.3).
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Some(_) => None,
        };
        match length.map(|length| rest.get(..length)) {
            Some(Some(body)) => self.body = body.to_vec(),
            Some(None) => note(&mut self.fault, "body is shorter than Content-Length"),
            None => note(&mut self.fault, "Content-Length is not a number"),
        }
    }

    fn check_single(&mut self) {
        for name in SINGLE {
            if self.all(name).nth(1).is_some() {
                note(&mut self.fault, "a header that stands once is repeated");
            }
        }
    }
}

fn note(fault: &mut Option<&'static str>, found: &'static str) {
    fault.get_or_insert(found);
}

/// Splits at the first empty line.
fn split_head(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut line_start = 0;
    while let Some(rest) = datagram.get(line_start..) {
        let length = rest.iter().position(|byte| *byte == b'\n')?;
        if matches!(rest.get(..length), Some([] | [b'\r'])) {
            let head = datagram.get(..line_start.saturating_sub(1))?;
            return Some((head, rest.get(length + 1..).unwrap_or_default()));
        }
        line_start += length + 1;
    }
    None
}

fn read_start(line: &str, fault: &mut Option<&'static str>) -> Result<StartLine, ReadError> {
    if let Some((version, rest)) = line.split_once(' ')
        && version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
    {
        if !version.eq_ignore_ascii_case("SIP/2.0") {
            return Err(ReadError::Response("version is not SIP/2.0"));
        }
        let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
        let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        return match status.parse() {
            Ok(status @ 100..=699) if is_status => {
                Ok(StartLine::Response { status, reason: printable(reason) })
            }
            _ => Err(ReadError::Response("status is not 100 to 699")),
        };
    }
    let (method, rest) = line.split_once(' ').ok_or(ReadError::StartLine)?;
    let (uri, version) = rest.trim_end().rsplit_once(' ').ok_or(ReadError::StartLine)?;
    if !header::is_token(method)
        || !version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
    {
        return Err(ReadError::StartLine);
    }
    if uri.is_empty() || uri.contains([' ', '\t', '<', '>', '"']) || has_control(uri) {
        note(fault, "Request-URI is malformed");
    }
    Ok(StartLine::Request {
        method: method.to_owned(),
        uri: uri.to_owned(),
        version: version.to_ascii_uppercase(),
    })
}

fn read_headers<'a>(
    lines: impl Iterator<Item = &'a str>,
    fault: &mut Option<&'static str>,
) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if has_control(line) {
            note(fault, "a header holds a control character");
            continue;
        }
        if line.starts_with([' ', '\t']) {
            match headers.last_mut() {
                Some((_, value)) => {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                None => note(fault, "the first header is a continuation"),
            }
            continue;
        }
        match line.split_once(':') {
            Some((name, value)) if header::is_token(name.trim_end()) => {
                headers.push((expand(name.trim_end()).to_owned(), value.trim().to_owned()));
            }
            _ => note(fault, "a header line has no name"),
        }
    }
    headers
}

fn has_control(text: &str) -> bool {
    text.chars().any(|char| char.is_control() && char != '\t')
}

fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}

/// The long form of a compact header name (RFC 3261 §7.3.3 and IANA).
fn expand(name: &str) -> &str {
    let mut chars = name.chars();
    let (Some(letter), None) = (chars.next(), chars.next()) else { return name };
    match letter.to_ascii_lowercase() {
        'b' => "Referred-By",
        'c' => "Content-Type",
        'e' => "Content-Encoding",
        'f' => "From",
        'i' => "Call-ID",
        'k' => "Supported",
        'l' => "Content-Length",
        'm' => "Contact",
        'o' => "Event",
        'r' => "Refer-To",
        's' => "Subject",
        't' => "To",
        'u' => "Allow-Events",
        'v' => "Via",
        'x' => "Session-Expires",
        _ => name,
    }
}

/// The reason phrase of a status: rsip's name for it, with the words apart.
fn reason_phrase(status: u16) -> String {
    if status == 481 {
        return "Call/Transaction Does Not Exist".to_owned();
    }
    let name = rsip::StatusCode::from(status).to_string();
    let mut phrase = String::new();
    let mut before = ' ';
    for char in name.chars().skip_while(|char| char.is_ascii_digit() || *char == ' ') {
        if char.is_ascii_uppercase() && before.is_ascii_lowercase() {
            phrase.push(' ');
        }
        phrase.push(char);
        before = char;
    }
    phrase
}

#[cfg(test)]
mod tests;
