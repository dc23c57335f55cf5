//! Reading: start line, header lines and body of a datagram, and what is wrong with them.

use super::{Field, Message, Place, StartLine, raw};
use crate::sip::header;

/// A datagram is not a SIP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::sip) enum ReadError {
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

/// White space within a line.
const BLANK: [char; 2] = [' ', '\t'];

/// More headers than any message needs.
const FIELDS_MAX: usize = 256;

impl Message {
    /// Reads a datagram.
    pub(in crate::sip) fn read(datagram: &[u8]) -> Result<Self, ReadError> {
        let leading = datagram.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let datagram = datagram.get(leading..).unwrap_or_default();
        if datagram.is_empty() || datagram.iter().all(|byte| *byte == 0) {
            return Err(ReadError::KeepAlive);
        }
        let (head, body) = split_head(datagram).ok_or(ReadError::Endless)?;
        let mut message = Self::empty(StartLine::Request);
        message.text = raw::decode(head);
        message.read_head()?;
        message.take_body(body);
        message.check_single();
        match (&message.start, message.fault) {
            (StartLine::Response { .. }, Some(fault)) => Err(ReadError::Response(fault)),
            _ => Ok(message),
        }
    }

    fn read_head(&mut self) -> Result<(), ReadError> {
        let text = std::mem::take(&mut self.text);
        let mut lines = text.split('\n');
        let first = lines.next().unwrap_or_default();
        self.read_start(first.strip_suffix('\r').unwrap_or(first))?;
        let mut fields = Fields { head: &text, more: String::new(), all: Vec::with_capacity(16) };
        let mut at = first.len() + 1;
        for line in lines {
            if let Err(found) = fields.take(at, line.strip_suffix('\r').unwrap_or(line)) {
                self.note(found);
            }
            at += line.len() + 1;
        }
        let Fields { more, all, .. } = fields;
        self.fields = all;
        self.text = text;
        self.text.push_str(&more);
        Ok(())
    }

    fn read_start(&mut self, line: &str) -> Result<(), ReadError> {
        if let Some((version, rest)) = line.split_once(' ')
            && is_sip(version)
        {
            if !version.eq_ignore_ascii_case("SIP/2.0") {
                return Err(ReadError::Response("version is not SIP/2.0"));
            }
            self.start = read_status(rest)?;
            return Ok(());
        }
        let (method, rest) = line.split_once(' ').ok_or(ReadError::StartLine)?;
        let (uri, version) = rest.trim_end().rsplit_once(' ').ok_or(ReadError::StartLine)?;
        if !header::is_token(method) || !is_sip(version) {
            return Err(ReadError::StartLine);
        }
        if uri.is_empty() || uri.contains([' ', '\t', '<', '>', '"']) || has_control(uri) {
            self.note("Request-URI is malformed");
        }
        self.is_version_2 = version.eq_ignore_ascii_case("SIP/2.0");
        let uri_from = method.len() + 1;
        self.method = Place::new(0, method.len());
        self.uri = Place::new(uri_from, uri_from + uri.len());
        Ok(())
    }

    fn take_body(&mut self, rest: &[u8]) {
        let length = match self.header("Content-Length") {
            None => Some(rest.len()), // A datagram ends the body (RFC 3261 §18.3).
            Some(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            Some(_) => None,
        };
        match length.map(|length| rest.get(..length)) {
            Some(Some(body)) => self.body = body.to_vec(),
            Some(None) => self.note("body is shorter than Content-Length"),
            None => self.note("Content-Length is not a number"),
        }
    }

    fn check_single(&mut self) {
        if SINGLE.into_iter().any(|name| self.all(name).nth(1).is_some()) {
            self.note("a header that stands once is repeated");
        }
    }
}

/// Header lines on their way to be fields.
struct Fields<'t> {
    head: &'t str,
    /// What is to stand after the head: folded values in one piece, names in their long form.
    more: String,
    all: Vec<Field>,
}

impl Fields<'_> {
    /// Takes the line that stands in the head at `from`; the error is a fault.
    fn take(&mut self, from: usize, line: &str) -> Result<(), &'static str> {
        if line.is_empty() {
            return Ok(());
        }
        if !is_clean(line) {
            return Err("a header holds a control character");
        }
        if line.starts_with(BLANK) {
            return self.unfold(line.trim_matches(BLANK));
        }
        let (name, value) = line.split_once(':').ok_or("a header line has no name")?;
        let start = from + name.len() + 1 + value.len() - value.trim_start_matches(BLANK).len();
        let (name, value) = (name.trim_end_matches(BLANK), value.trim_matches(BLANK));
        if !header::is_token(name) {
            return Err("a header line has no name");
        }
        if self.all.len() == FIELDS_MAX {
            return Err("more than 256 headers");
        }
        let name = match expand(name) {
            Some(long) => self.add(long),
            None => Place::new(from, from + name.len()),
        };
        self.all.push(Field { name, value: Place::new(start, start + value.len()) });
        Ok(())
    }

    /// Takes a line that goes on with the value before it.
    fn unfold(&mut self, line: &str) -> Result<(), &'static str> {
        let value = self.all.last().ok_or("the first header is a continuation")?.value;
        let mut start = value.from as usize;
        if start < self.head.len() || value == Place::default() {
            start = self.add(value.of(self.head)).from as usize;
        }
        if start < self.head.len() + self.more.len() {
            self.more.push(' ');
        }
        let end = self.add(line).to as usize;
        if let Some(field) = self.all.last_mut() {
            field.value = Place::new(start, end);
        }
        Ok(())
    }

    fn add(&mut self, text: &str) -> Place {
        let from = self.head.len() + self.more.len();
        self.more.push_str(text);
        Place::new(from, from + text.len())
    }
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

fn is_sip(version: &str) -> bool {
    version.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
}

/// What follows the version in a status line.
fn read_status(rest: &str) -> Result<StartLine, ReadError> {
    let (status, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
    match status.parse() {
        Ok(status @ 100..=699) if is_status => {
            let reason = reason.chars().filter(|char| !char.is_control()).collect();
            Ok(StartLine::Response { status, reason })
        }
        _ => Err(ReadError::Response("status is not 100 to 699")),
    }
}

fn has_control(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t')
}

/// Whether control characters of a line, if any, are escaped inside quotes: the only place where
/// they may stand (RFC 3261 §25.1, quoted-pair).
fn is_clean(line: &str) -> bool {
    if !has_control(line) {
        return true;
    }
    let (mut quoted, mut escaped) = (false, false);
    for byte in line.bytes() {
        let was_escaped = std::mem::take(&mut escaped);
        match byte {
            b'\r' => return false,
            _ if was_escaped => {}
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'\t' => {}
            byte if byte.is_ascii_control() => return false,
            _ => {}
        }
    }
    true
}

/// The long form of a compact header name (RFC 3261 §7.3.3 and IANA).
fn expand(name: &str) -> Option<&'static str> {
    let &[letter] = name.as_bytes() else { return None };
    Some(match letter.to_ascii_lowercase() {
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        _ => return None,
    })
}
