//! One connection: a task that reads messages from a stream and writes them to it.
//!
//! In: bytes to send, over a channel. Out: [`Heard`]. Invariants: it ends where the peer closes
//! it, where what comes is not SIP, where nothing happens for [`IDLE`], and where its handle is
//! dropped, after what was to be sent; its end is told, once.
//! Sources: RFC 3261 §18, RFC 5626 §3.5.1 and §4.4.1 (keep-alive).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::security::Security;
use crate::sip::{Frame, Framer, Hop, Transport};

/// A connection that carries nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(120);
/// How long a peer may take to be connected to: less than a carrier may take to say anything.
const CONNECT_WITHIN: Duration = Duration::from_millis(800);
/// How long a peer that connects may take to agree on keys.
const ACCEPT_WITHIN: Duration = Duration::from_secs(5);
/// How long a peer may take to take a message.
const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// Read at once. Units: bytes.
const READ: usize = 8 * 1_024;

/// A stream under whatever protects it.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What a task of a stream tells.
pub(super) enum Heard {
    /// Somebody connected.
    Accepted { stream: TcpStream, hop: Hop },
    /// A message.
    Message { from: Hop, bytes: Vec<u8> },
    /// A connection is over; where no keys were agreed on with a peer we called, why.
    Gone { hop: Hop, id: u64, distrusted: Option<io::Error> },
}

/// A connection's task, before it has a stream.
pub(super) struct Conversation {
    pub(super) hop: Hop,
    pub(super) id: u64,
    pub(super) outgoing: mpsc::Receiver<Vec<u8>>,
    pub(super) heard: mpsc::Sender<Heard>,
    pub(super) security: Security,
}

impl Conversation {
    /// Connects to the peer, then goes on.
    pub(super) async fn connect(self) {
        match timeout(CONNECT_WITHIN, self.reach()).await {
            Ok(Ok(stream)) => return self.run(stream).await,
            // That is how rustls says that it does not like what it was shown.
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                return self.end(Some(error)).await;
            }
            Ok(Err(error)) => tracing::debug!(to = %self.hop, %error, "SIP not connected"),
            Err(_) => tracing::debug!(to = %self.hop, "SIP not connected in time"),
        }
        self.end(None).await;
    }

    async fn reach(&self) -> io::Result<Box<dyn Stream>> {
        let stream = TcpStream::connect(self.hop.address).await?;
        stream.set_nodelay(true)?;
        if self.hop.transport == Transport::Tls {
            return self.security.connect(stream, self.hop.address).await;
        }
        Ok(Box::new(stream))
    }

    /// Takes a connection the peer made, then goes on.
    pub(super) async fn accept(self, stream: TcpStream) {
        // Small messages must not wait for the acknowledgement of the one before.
        drop(stream.set_nodelay(true));
        if self.hop.transport != Transport::Tls {
            return self.run(Box::new(stream)).await;
        }
        match timeout(ACCEPT_WITHIN, self.security.accept(stream)).await {
            Ok(Ok(stream)) => return self.run(stream).await,
            Ok(Err(error)) => tracing::debug!(from = %self.hop, %error, "no TLS agreed on"),
            Err(_) => tracing::debug!(from = %self.hop, "no TLS agreed on in time"),
        }
        self.end(None).await;
    }

    async fn run(mut self, stream: Box<dyn Stream>) {
        if let Err(error) = self.talk(stream).await {
            tracing::debug!(peer = %self.hop, %error, "SIP connection closed");
        }
        self.end(None).await;
    }

    async fn end(self, distrusted: Option<io::Error>) {
        let gone = Heard::Gone { hop: self.hop, id: self.id, distrusted };
        drop(self.heard.send(gone).await);
    }

    async fn talk(&mut self, stream: Box<dyn Stream>) -> io::Result<()> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let (mut framer, mut buffer) = (Framer::default(), vec![0; READ]);
        loop {
            tokio::select! {
                read = reader.read(&mut buffer) => {
                    let length = read?;
                    if length == 0 {
                        return Ok(());
                    }
                    framer.push(buffer.get(..length).unwrap_or_default());
                    while let Some(frame) = framer.poll().map_err(io::Error::other)? {
                        match frame {
                            Frame::Message(bytes) => {
                                let message = Heard::Message { from: self.hop, bytes };
                                // Whoever listened is gone.
                                if self.heard.send(message).await.is_err() {
                                    return Ok(());
                                }
                            }
                            Frame::Ping => write(&mut writer, b"\r\n").await?,
                        }
                    }
                }
                bytes = self.outgoing.recv() => match bytes {
                    Some(bytes) => write(&mut writer, &bytes).await?,
                    None => return writer.shutdown().await,
                },
                () = tokio::time::sleep(IDLE) => return Ok(()),
            }
        }
    }
}

async fn write(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let sent = async {
        writer.write_all(bytes).await?;
        writer.flush().await
    };
    timeout(WRITE_WITHIN, sent).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}
