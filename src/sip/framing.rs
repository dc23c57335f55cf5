//! Messages out of a stream: TCP and TLS know bytes, not datagrams.
//!
//! In: bytes as they come, in any pieces. Out: whole messages, and keep-alives to answer.
//! Invariants: how the bytes are cut changes nothing; memory is bounded by [`HEAD_MAX`] and
//! [`BODY_MAX`]; after an error nothing more comes, as nobody knows where a message begins.
//! Deliberately absent: what a message says; `message` reads it.
//! Sources: RFC 3261 §18.3 (Content-Length is a must on streams), RFC 5626 §3.5.1 (keep-alive).

/// The longest start line with headers. Units: bytes.
const HEAD_MAX: usize = 16 * 1_024;
/// The longest body. Units: bytes.
const BODY_MAX: usize = 64 * 1_024;

/// What a stream holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message, from its start line to the end of its body.
    Message(Vec<u8>),
    /// Two line ends between messages: the peer asks whether we are there, and wants one back.
    Ping,
}

/// A stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// The headers do not end.
    #[error("read stream: headers of more than 16 KiB")]
    HeadTooLong,
    /// The body is too long.
    #[error("read stream: a body of more than 64 KiB")]
    BodyTooLong,
    /// There is no telling where the message ends.
    #[error("read stream: Content-Length is missing, malformed or there twice")]
    NoLength,
}

/// Cuts a stream into messages.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the search for the end of the headers goes on.
    searched: usize,
    error: Option<FramingError>,
}

impl Framer {
    /// Takes bytes that came; ask [`Self::poll`] until it has nothing before the next ones.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.error.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next message or keep-alive, where one is complete.
    ///
    /// # Errors
    /// See [`FramingError`]; the same each time from then on.
    pub fn poll(&mut self) -> Result<Option<Frame>, FramingError> {
        match self.error {
            Some(error) => Err(error),
            None => self.cut().inspect_err(|error| {
                self.error = Some(*error);
                self.buffer = Vec::new();
            }),
        }
    }

    fn cut(&mut self) -> Result<Option<Frame>, FramingError> {
        if self.searched == 0 {
            loop {
                match self.buffer.as_slice() {
                    [b'\r', b'\n', b'\r', b'\n', ..] => {
                        self.buffer.drain(..4);
                        return Ok(Some(Frame::Ping));
                    }
                    // It may become a keep-alive.
                    [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Ok(None),
                    // A line end alone answers a keep-alive of ours.
                    [b'\r' | b'\n', ..] => drop(self.buffer.drain(..1)),
                    _ => break,
                }
            }
        }
        let Some(head) = self.head_end() else {
            let is_too_long = self.buffer.len() > HEAD_MAX;
            return if is_too_long { Err(FramingError::HeadTooLong) } else { Ok(None) };
        };
        if head > HEAD_MAX {
            return Err(FramingError::HeadTooLong);
        }
        let length = content_length(self.buffer.get(..head).unwrap_or_default())?;
        if length > BODY_MAX {
            return Err(FramingError::BodyTooLong);
        }
        if self.buffer.len() < head + length {
            return Ok(None);
        }
        let rest = self.buffer.split_off(head + length);
        self.searched = 0;
        Ok(Some(Frame::Message(std::mem::replace(&mut self.buffer, rest))))
    }

    /// Where the empty line after the headers ends. The search goes on where it stopped.
    fn head_end(&mut self) -> Option<usize> {
        loop {
            let rest = self.buffer.get(self.searched..)?;
            let length = rest.iter().position(|byte| *byte == b'\n')?;
            let next = self.searched + length + 1;
            if matches!(rest.get(..length), Some([] | [b'\r'])) {
                return Some(next);
            }
            self.searched = next;
        }
    }
}

/// The length of the body, as the headers say.
fn content_length(head: &[u8]) -> Result<usize, FramingError> {
    let mut lengths = head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = line.get(..colon)?.trim_ascii_end();
        let is_it = name.eq_ignore_ascii_case(b"Content-Length") || name.eq_ignore_ascii_case(b"l");
        is_it.then(|| line.get(colon + 1..).unwrap_or_default().trim_ascii())
    });
    let (Some(length), None) = (lengths.next(), lengths.next()) else {
        return Err(FramingError::NoLength);
    };
    if length.is_empty() || !length.iter().all(u8::is_ascii_digit) {
        return Err(FramingError::NoLength);
    }
    // More digits than fit are too many bytes.
    let text = std::str::from_utf8(length).map_err(|_| FramingError::NoLength)?;
    text.parse().map_err(|_| FramingError::BodyTooLong)
}

#[cfg(test)]
mod tests;
