//! Reading: start line, header lines and body of a datagram, and what is wrong with them.

use memchr::{memchr, memmem};

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

/// Headers of most messages.
const FIELDS_USUAL: usize = 20;
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
        let is_repeated = message.read_head()?;
        message.take_body(body);
        if is_repeated {
            message.note("a header that stands once is repeated");
        }
        match (&message.start, message.fault) {
            (StartLine::Response { .. }, Some(fault)) => Err(ReadError::Response(fault)),
            _ => Ok(message),
        }
    }

    /// Says whether a header that may stand only once is repeated.
    fn read_head(&mut self) -> Result<bool, ReadError> {
        let text = std::mem::take(&mut self.text);
        let mut lines = Lines { text: &text, at: 0 };
        self.read_start(lines.next().map_or("", |(_, first)| first))?;
        let mut fields = Fields {
            head: &text,
            is_plain: !has_control(&text),
            more: String::new(),
            all: Vec::with_capacity(FIELDS_USUAL),
            singles: 0,
            is_repeated: false,
        };
        for (at, line) in lines {
            if let Err(found) = fields.take(at, line) {
                self.note(found);
            }
        }
        let Fields { more, all, is_repeated, .. } = fields;
        self.fields = all;
        self.text = text;
        self.text.push_str(&more);
        Ok(is_repeated)
    }

    fn read_start(&mut self, line: &str) -> Result<(), ReadError> {
        if let Some((version, rest)) = header::cut(line, b' ')
            && is_sip(version)
        {
            if !version.eq_ignore_ascii_case("SIP/2.0") {
                return Err(ReadError::Response("version is not SIP/2.0"));
            }
            self.start = read_status(rest)?;
            return Ok(());
        }
        let (method, rest) = header::cut(line, b' ').ok_or(ReadError::StartLine)?;
        let (uri, version) = rest.trim_end().rsplit_once(' ').ok_or(ReadError::StartLine)?;
        if !header::is_token(method) || !is_sip(version) {
            return Err(ReadError::StartLine);
        }
        let is_wrong =
            |byte: &u8| matches!(byte, b' ' | b'<' | b'>' | b'"') || byte.is_ascii_control();
        if uri.is_empty() || uri.as_bytes().iter().any(is_wrong) {
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
}

/// Header lines on their way to be fields.
struct Fields<'t> {
    head: &'t str,
    /// True where the head has no control characters but line ends and tabs. A line's end may
    /// still have one before it.
    is_plain: bool,
    /// What is to stand after the head: folded values in one piece, names in their long form.
    more: String,
    all: Vec<Field>,
    /// Which of [`SINGLE`] were there, as bits.
    singles: u8,
    is_repeated: bool,
}

impl Fields<'_> {
    /// Takes the line that stands in the head at `from`; the error is a fault.
    fn take(&mut self, from: usize, line: &str) -> Result<(), &'static str> {
        if line.is_empty() {
            return Ok(());
        }
        let is_clean = self.is_plain && memchr(b'\r', line.as_bytes()).is_none();
        if !is_clean && !is_escaped(line) {
            return Err("a header holds a control character");
        }
        if line.starts_with([' ', '\t']) {
            let (start, end) = trimmed(line, 0);
            return self.unfold(line.get(start..end).unwrap_or_default());
        }
        let length = header::token_length(line);
        let (name, rest) = line.split_at_checked(length).unwrap_or_default();
        let colon = length + blanks(rest.bytes());
        if name.is_empty() || line.as_bytes().get(colon) != Some(&b':') {
            return Err("a header line has no name");
        }
        if self.all.len() == FIELDS_MAX {
            return Err("more than 256 headers");
        }
        let (name, long) = match expand(name) {
            Some(long) => (self.add(long), long),
            None => (Place::new(from, from + length), name),
        };
        self.count(long);
        let (start, end) = trimmed(line, colon + 1);
        self.all.push(Field { name, value: Place::new(from + start, from + end) });
        Ok(())
    }

    /// Notes a header that may stand only once.
    fn count(&mut self, name: &str) {
        let place = SINGLE
            .iter()
            .position(|single| single.len() == name.len() && single.eq_ignore_ascii_case(name));
        if let Some(place) = place {
            self.is_repeated |= self.singles & 1 << place != 0;
            self.singles |= 1 << place;
        }
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

/// The lines of a head, and where they begin.
struct Lines<'t> {
    text: &'t str,
    /// Where the next one begins; behind the text after the last.
    at: usize,
}

impl<'t> Iterator for Lines<'t> {
    type Item = (usize, &'t str);

    fn next(&mut self) -> Option<Self::Item> {
        let from = self.at;
        let rest = self.text.get(from..)?;
        let length = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        self.at = from + length + 1;
        let line = rest.get(..length)?;
        Some((from, line.strip_suffix('\r').unwrap_or(line)))
    }
}

/// Splits at the first empty line. The datagram does not begin with one.
fn split_head(datagram: &[u8]) -> Option<(&[u8], &[u8])> {
    let with_return = memmem::find(datagram, b"\n\r\n");
    // Lines may end without a carriage return, so one of these may come first.
    let before = with_return.map_or(datagram, |at| datagram.get(..at + 1).unwrap_or_default());
    let (head, body) = match (memmem::find(before, b"\n\n"), with_return) {
        (Some(at), _) => (at, at + 2),
        (None, Some(at)) => (at, at + 3),
        (None, None) => return None,
    };
    Some((datagram.get(..head)?, datagram.get(body..)?))
}

/// How many blanks a text begins with, from either end.
fn blanks(bytes: impl Iterator<Item = u8>) -> usize {
    bytes.take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// Where a line from some place on begins and ends without the blanks around it.
fn trimmed(line: &str, from: usize) -> (usize, usize) {
    let rest = line.get(from..).unwrap_or_default();
    let start = from + blanks(rest.bytes());
    let end = line.len() - blanks(rest.bytes().rev());
    (start, end.max(start))
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

/// Whether a text has other control characters than line ends and tabs. It looks at every byte, so
/// that many are looked at in one step.
fn has_control(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_control() & !matches!(byte, b'\t' | b'\r' | b'\n');
    text.bytes().fold(false, |found, byte| found | is_one(byte))
}

/// Whether control characters of a line, if any, are escaped inside quotes: the only place where
/// they may stand (RFC 3261 §25.1, quoted-pair).
fn is_escaped(line: &str) -> bool {
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
