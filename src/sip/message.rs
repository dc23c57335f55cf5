//! The strict front: a datagram in, a [`Message`] out, and back again.
//!
//! A datagram that cannot even be answered is an error; one that can carries its first defect
//! in [`Message::fault`], so that a request gets its 400. Compact header names are expanded,
//! folded lines joined, the body cut to Content-Length. Nothing is interpreted further here.
//! A message is one text with places in it, so that reading costs few allocations. Invariant:
//! bytes that are no UTF-8 come out of [`Message::write`] as they came in.
//! Sources: RFC 3261 §7, §18.3; RFC 4475 for what strangers send.

mod raw;
mod read;

use super::header;

pub(super) use read::ReadError;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StartLine {
    /// A request; [`Message::method`] and [`Message::uri`] say of what.
    Request,
    /// A response.
    Response { status: u16, reason: String },
}

/// A message: start line, headers in order, body.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) start: StartLine,
    /// All that places point into.
    text: String,
    method: Place,
    uri: Place,
    fields: Vec<Field>,
    pub(super) body: Vec<u8>,
    /// The first defect, where the message is readable but wrong.
    pub(super) fault: Option<&'static str>,
    /// Whether the first line says SIP/2.0.
    pub(super) is_version_2: bool,
}

/// Where a piece of a message's text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    from: u32,
    to: u32,
}

/// A header, its name in the long form.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: Place,
    value: Place,
}

impl Place {
    /// A text too long for these numbers is no message; what lies outside reads as empty.
    fn new(from: usize, to: usize) -> Self {
        let number = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Self { from: number(from), to: number(to) }
    }

    fn length(self) -> usize {
        self.to.saturating_sub(self.from) as usize
    }

    fn of(self, text: &str) -> &str {
        text.get(self.from as usize..self.to as usize).unwrap_or_default()
    }
}

impl Field {
    fn is_named(&self, text: &str, name: &str) -> bool {
        self.name.length() == name.len() && self.name.of(text).eq_ignore_ascii_case(name)
    }
}

impl Message {
    fn empty(start: StartLine) -> Self {
        Self {
            start,
            text: String::new(),
            method: Place::default(),
            uri: Place::default(),
            fields: Vec::new(),
            body: Vec::new(),
            fault: None,
            is_version_2: true,
        }
    }

    /// A request without headers.
    pub(super) fn request(method: &str, uri: &str) -> Self {
        let mut request = Self::empty(StartLine::Request);
        request.method = request.add(method);
        request.uri = request.add(uri);
        request
    }

    /// A response without headers.
    pub(super) fn response(status: u16) -> Self {
        Self::empty(StartLine::Response { status, reason: reason_phrase(status) })
    }

    /// The method of a request; empty for a response.
    pub(super) fn method(&self) -> &str {
        self.method.of(&self.text)
    }

    /// The Request-URI; empty for a response.
    pub(super) fn uri(&self) -> &str {
        self.uri.of(&self.text)
    }

    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|field| field.is_named(&self.text, name))?;
        Some(found.value.of(&self.text))
    }

    /// Every header of that name, in order.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields
            .iter()
            .filter(move |field| field.is_named(&self.text, name))
            .map(|field| field.value.of(&self.text))
    }

    /// Every element of a header whose values are comma-separated lists, in order.
    pub(super) fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| header::split(value, b','))
    }

    /// Adds a header at the end.
    pub(super) fn push(&mut self, name: &str, value: impl AsRef<str>) {
        let field = Field { name: self.add(name), value: self.add(value.as_ref()) };
        self.fields.push(field);
    }

    /// Adds a header at the end.
    pub(super) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.push(name, value);
        self
    }

    /// Copies every header of that name from another message.
    pub(super) fn copy(&mut self, from: &Self, name: &str) {
        for value in from.all(name) {
            self.push(name, value);
        }
    }

    /// Copies the first header of that name from another message.
    pub(super) fn copy_first(&mut self, from: &Self, name: &str) {
        if let Some(value) = from.header(name) {
            self.push(name, value);
        }
    }

    /// Puts another value into the first header of that name, or adds it.
    pub(super) fn replace(&mut self, name: &str, value: impl AsRef<str>) {
        let Some(at) = self.fields.iter().position(|field| field.is_named(&self.text, name)) else {
            return self.push(name, value);
        };
        let value = self.add(value.as_ref());
        if let Some(field) = self.fields.get_mut(at) {
            field.value = value;
        }
    }

    /// Takes every header of that name out.
    pub(super) fn remove(&mut self, name: &str) {
        let text = &self.text;
        self.fields.retain(|field| !field.is_named(text, name));
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
        let mut text = String::with_capacity(self.text.len() + self.fields.len() * 4 + 64);
        match &self.start {
            StartLine::Request => {
                let version = if self.is_version_2 { "SIP/2.0" } else { "SIP/0.0" };
                for part in [self.method(), " ", self.uri(), " ", version] {
                    text.push_str(part);
                }
            }
            StartLine::Response { status, reason } => {
                text.push_str(&format!("SIP/2.0 {status} {reason}"));
            }
        }
        for field in &self.fields {
            let name = field.name.of(&self.text);
            if !name.eq_ignore_ascii_case("Content-Length") {
                for part in ["\r\n", name, ": ", field.value.of(&self.text)] {
                    text.push_str(part);
                }
            }
        }
        text.push_str(&format!("\r\nContent-Length: {}\r\n\r\n", self.body.len()));
        let mut bytes = raw::encode(text);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    fn add(&mut self, text: &str) -> Place {
        let from = self.text.len();
        self.text.push_str(text);
        Place::new(from, self.text.len())
    }

    fn note(&mut self, found: &'static str) {
        self.fault.get_or_insert(found);
    }
}

/// The reason phrase of a status: rsip's name for it, with the words apart.
fn reason_phrase(status: u16) -> String {
    match status {
        202 => return "Accepted".to_owned(),
        481 => return "Call/Transaction Does Not Exist".to_owned(),
        _ => {}
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
