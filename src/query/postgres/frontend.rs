//! What clients send, read from bytes.
//!
//! In: bytes of a connection. Out: one message, or what is wrong with it. Invariant: no byte that
//! a client can send makes this panic or take memory that the client did not send.
//! Source: PostgreSQL 16, chapter 55, "Frontend/Backend Protocol".

use bytes::{Buf as _, Bytes};

/// A first packet, before anybody signed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// May we speak TLS?
    Tls,
    /// May we speak GSSAPI?
    Gss,
    /// Cancel what another connection runs.
    Cancel { pid: i32, secret: Bytes },
    /// Here I am.
    Startup { minor: u16, options: Vec<(String, String)> },
}

/// A message of a client that has signed in, or is about to.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe {
        target: Target,
        name: String,
    },
    Execute {
        portal: String,
        rows: usize,
    },
    Close {
        target: Target,
        name: String,
    },
    Flush,
    Sync,
    Terminate,
    /// Whatever is said while signing in.
    Password(Bytes),
    /// Part of a copy, which is never under way here.
    Copy,
}

/// Values for the parameters of a statement.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) formats: Vec<i16>,
    pub(super) values: Vec<Option<Bytes>>,
    pub(super) results: Vec<i16>,
}

/// What is described or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Statement,
    Portal,
}

/// Bytes that are no message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("a message of {0} bytes; {1} at most")]
    Long(usize, usize),
    #[error("a message of type {0:#04x}, which nobody sends")]
    Unknown(u8),
    #[error("a message of type {0:#04x} that does not hold what it should")]
    Content(u8),
    #[error("a first packet that is no start of the protocol")]
    First,
    #[error("protocol {0}.{1}; 3.0 is spoken here")]
    Version(u16, u16),
}

const TLS_REQUEST: (u16, u16) = (1234, 5679);
const GSS_REQUEST: (u16, u16) = (1234, 5680);
const CANCEL_REQUEST: (u16, u16) = (1234, 5678);

impl First {
    /// Reads a first packet without its length.
    pub(super) fn read(body: Bytes) -> Result<Self, Malformed> {
        let mut body = Body(body);
        let version = (body.u16(), body.u16());
        let (Some(major), Some(minor)) = version else { return Err(Malformed::First) };
        match (major, minor) {
            TLS_REQUEST => Ok(Self::Tls),
            GSS_REQUEST => Ok(Self::Gss),
            CANCEL_REQUEST => match body.i32() {
                Some(pid) if !body.0.is_empty() => Ok(Self::Cancel { pid, secret: body.0 }),
                _ => Err(Malformed::First),
            },
            (3, minor) => {
                let mut options = Vec::new();
                loop {
                    let name = body.text().ok_or(Malformed::First)?;
                    if name.is_empty() {
                        break;
                    }
                    options.push((name, body.text().ok_or(Malformed::First)?));
                }
                Ok(Self::Startup { minor, options })
            }
            _ => Err(Malformed::Version(major, minor)),
        }
    }
}

impl Message {
    /// Reads a message without its type and length.
    pub(super) fn read(kind: u8, body: Bytes) -> Result<Self, Malformed> {
        let mut body = Body(body);
        let read = match kind {
            b'Q' => body.text().map(Self::Query),
            b'P' => body.parse(),
            b'B' => body.bind().map(Self::Bind),
            b'D' => body.target().map(|(target, name)| Self::Describe { target, name }),
            b'C' => body.target().map(|(target, name)| Self::Close { target, name }),
            b'E' => body.execute(),
            b'H' => Some(Self::Flush),
            b'S' => Some(Self::Sync),
            b'X' => Some(Self::Terminate),
            b'p' => Some(Self::Password(std::mem::take(&mut body.0))),
            b'd' | b'c' | b'f' => Some(Self::Copy),
            other => return Err(Malformed::Unknown(other)),
        };
        read.ok_or(Malformed::Content(kind))
    }

    /// Whether it is of the extended protocol, whose errors end at the next sync.
    pub(super) const fn is_extended(&self) -> bool {
        matches!(
            self,
            Self::Parse { .. }
                | Self::Bind(_)
                | Self::Describe { .. }
                | Self::Execute { .. }
                | Self::Close { .. }
                | Self::Flush
                | Self::Sync
        )
    }
}

/// What is left of a message.
struct Body(Bytes);

impl Body {
    fn u16(&mut self) -> Option<u16> {
        self.0.try_get_u16().ok()
    }

    fn i16(&mut self) -> Option<i16> {
        self.0.try_get_i16().ok()
    }

    fn i32(&mut self) -> Option<i32> {
        self.0.try_get_i32().ok()
    }

    fn take(&mut self, length: usize) -> Option<Bytes> {
        (length <= self.0.len()).then(|| self.0.split_to(length))
    }

    /// Text up to a zero.
    fn text(&mut self) -> Option<String> {
        let end = self.0.iter().position(|byte| *byte == 0)?;
        let text = self.take(end)?;
        self.0.advance(1);
        String::from_utf8(text.into()).ok()
    }

    /// So many of something; nothing is reserved for what is not there.
    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u16()?;
        (0..count).map(|_| one(self)).collect()
    }

    fn parse(&mut self) -> Option<Message> {
        let (name, sql) = (self.text()?, self.text()?);
        let types = self.many(|body| body.i32().map(i32::cast_unsigned))?;
        Some(Message::Parse { name, sql, types })
    }

    fn bind(&mut self) -> Option<Bind> {
        let (portal, statement) = (self.text()?, self.text()?);
        let formats = self.many(Self::i16)?;
        let values = self.many(|body| match body.i32()? {
            -1 => Some(None),
            length => body.take(usize::try_from(length).ok()?).map(Some),
        })?;
        let results = self.many(Self::i16)?;
        Some(Bind { portal, statement, formats, values, results })
    }

    fn target(&mut self) -> Option<(Target, String)> {
        let target = match self.0.try_get_u8().ok()? {
            b'S' => Target::Statement,
            b'P' => Target::Portal,
            _ => return None,
        };
        Some((target, self.text()?))
    }

    fn execute(&mut self) -> Option<Message> {
        let portal = self.text()?;
        // 0, and in PostgreSQL what is below, means all.
        let rows = usize::try_from(self.i32()?).unwrap_or(0);
        Some(Message::Execute { portal, rows })
    }
}

#[cfg(test)]
mod tests;
