//! A connection's bytes: messages in, messages out, plain or by TLS.
//!
//! Invariants: no more than one message and what came with it is kept of what a client sends; what
//! is sent is kept only until it is [`AHEAD`] bytes, so that a client that does not read holds up
//! its own question and nothing else.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use pgwire::messages::PgWireBackendMessage;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, Interest};
use tokio::net::TcpStream;

use super::frontend::{First, Malformed, Message};
use crate::tls::Tls;

/// The most bytes of one message of a client that has signed in.
const MESSAGE_MAX: usize = 16 << 20;
/// The most bytes of one message before that, as PostgreSQL has it.
const GREETING_MAX: usize = 10_000;
/// Bytes that wait to be sent.
const AHEAD: usize = 64 << 10;
/// The first byte of a client that speaks TLS at once. Source: RFC 8446 §5.1, `handshake`.
const TLS_HANDSHAKE: u8 = 22;

/// What bytes go through.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// A connection's bytes.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    read: BytesMut,
    write: BytesMut,
    message_max: usize,
}

/// A connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the connection broke")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("encode a message: {0}")]
    Encode(String),
}

impl Wire {
    fn new(stream: impl Stream + 'static) -> Self {
        let (read, write) = (BytesMut::with_capacity(8 << 10), BytesMut::new());
        Self { stream: Box::new(stream), read, write, message_max: GREETING_MAX }
    }

    /// Agrees on TLS, or on plain text, and reads the first packet that says something else.
    /// Nothing where the client went away. Tells whether it is TLS.
    pub(super) async fn greet(
        stream: TcpStream,
        tls: Option<&Tls>,
    ) -> Result<Option<(Self, bool, First)>, WireError> {
        let mut first = [0; 1];
        if stream.peek(&mut first).await? == 1 && first == [TLS_HANDSHAKE] {
            let Some(tls) = tls else { return Err(Malformed::First.into()) };
            let stream = tls.acceptor().accept(stream).await?;
            // A client that does not say what it speaks may be made to speak by a page elsewhere.
            if stream.get_ref().1.alpn_protocol() != Some(b"postgresql") {
                return Err(Malformed::First.into());
            }
            let mut wire = Self::new(stream);
            let Some(first) = wire.first().await? else { return Ok(None) };
            return Ok(Some((wire, true, first)));
        }
        let mut plain = Greeting { stream, read: BytesMut::with_capacity(1 << 10) };
        loop {
            let Some(first) = plain.first().await? else { return Ok(None) };
            match (first, tls) {
                (First::Tls, Some(tls)) => {
                    // What was sent before the keys were agreed on is not the client's.
                    if !plain.read.is_empty() {
                        return Err(Malformed::First.into());
                    }
                    plain.stream.write_all(b"S").await?;
                    let mut wire = Self::new(tls.acceptor().accept(plain.stream).await?);
                    let Some(first) = wire.first().await? else { return Ok(None) };
                    return Ok(Some((wire, true, first)));
                }
                (First::Tls | First::Gss, _) => plain.stream.write_all(b"N").await?,
                (first, _) => {
                    let mut wire = Self::new(plain.stream);
                    wire.read = plain.read;
                    return Ok(Some((wire, false, first)));
                }
            }
        }
    }

    async fn first(&mut self) -> Result<Option<First>, WireError> {
        loop {
            if let Some(body) = packet(&mut self.read, 0, GREETING_MAX)? {
                return Ok(Some(First::read(body)?));
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// From now on messages may be long.
    pub(super) const fn signed_in(&mut self) {
        self.message_max = MESSAGE_MAX;
    }

    /// The next message; nothing where the client went away. A dropped future loses nothing.
    pub(super) async fn message(&mut self) -> Result<Option<Message>, WireError> {
        loop {
            let kind = self.read.first().copied().unwrap_or_default();
            if let Some(body) = packet(&mut self.read, 1, self.message_max)? {
                return Ok(Some(Message::read(kind, body)?));
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// Puts a message behind what waits to be sent.
    pub(super) fn put(&mut self, message: &PgWireBackendMessage) -> Result<(), WireError> {
        let before = self.write.len();
        message.encode(&mut self.write).map_err(|error| {
            self.write.truncate(before);
            WireError::Encode(error.to_string())
        })
    }

    /// Sends what waits where it is much.
    pub(super) async fn make_room(&mut self) -> Result<(), WireError> {
        if self.write.len() >= AHEAD {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends what waits. A dropped future loses nothing and sends nothing twice.
    pub(super) async fn flush(&mut self) -> Result<(), WireError> {
        while !self.write.is_empty() {
            if self.stream.write_buf(&mut self.write).await? == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero).into());
            }
        }
        Ok(self.stream.flush().await?)
    }

    /// Ends the connection as its protocol wants it.
    pub(super) async fn close(mut self) {
        drop(self.flush().await);
        drop(self.stream.shutdown().await);
    }
}

/// A connection before it is known whether it speaks TLS.
struct Greeting {
    stream: TcpStream,
    read: BytesMut,
}

impl Greeting {
    async fn first(&mut self) -> Result<Option<First>, WireError> {
        loop {
            if let Some(body) = packet(&mut self.read, 0, GREETING_MAX)? {
                return Ok(Some(First::read(body)?));
            }
            if self.stream.read_buf(&mut self.read).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// The body of the packet that the bytes begin with, once it is whole; `skip` bytes stand before
/// its length.
fn packet(bytes: &mut BytesMut, skip: usize, most: usize) -> Result<Option<Bytes>, Malformed> {
    let Some(length) = bytes.get(skip..skip + 4) else { return Ok(None) };
    let length = length.iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    let body = length.checked_sub(4).ok_or(Malformed::First)?;
    if length > most {
        return Err(Malformed::Long(length, most));
    }
    if bytes.len() < skip + length {
        // So much is to come, and no more.
        bytes.reserve(skip + length - bytes.len());
        return Ok(None);
    }
    bytes.advance(skip + 4);
    Ok(Some(bytes.split_to(body).freeze()))
}

/// Knows when the other side of a connection is gone, also while nobody reads from it.
pub(super) struct Watch(TcpStream);

impl Watch {
    /// Watches a connection beside who uses it.
    ///
    /// # Errors
    /// Where the system has no more descriptors.
    pub(super) fn over(stream: TcpStream) -> io::Result<(TcpStream, Self)> {
        let stream = stream.into_std()?;
        let second = stream.try_clone()?;
        Ok((TcpStream::from_std(stream)?, Self(TcpStream::from_std(second)?)))
    }

    /// Comes back when it is.
    pub(super) async fn gone(&self) {
        while let Ok(ready) = self.0.ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            // There is something to read, for somebody else: wait for the next change.
            let again = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            drop(self.0.try_io(Interest::READABLE, again));
        }
    }
}

#[cfg(test)]
mod tests;
