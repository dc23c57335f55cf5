//! Connections of a gRPC server, plain or by TLS, at most so many at once.
//!
//! Invariants: a client that says nothing, or does not agree on keys, holds a connection for
//! seconds only; no connection waits for another one's handshake.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::Tls;

/// How long a client may take to agree on keys.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// How long a client may take to say that it speaks HTTP/2; after that it is asked every now and
/// then whether it is still there.
const PREFACE_WITHIN: Duration = Duration::from_secs(10);
/// What it says first. Units: bytes. Source: RFC 9113 §3.4.
const PREFACE: usize = 24;
/// How long to wait after the system refused a connection: it has no more descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// One connection.
pub struct Connection {
    stream: Stream,
    /// What is still to be heard of its first bytes, and until when; nothing once they came.
    preface: Option<(usize, Pin<Box<Sleep>>)>,
    _permit: OwnedSemaphorePermit,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Takes connections until the server stops: no more than `connections_max` at once, more wait.
pub fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    connections_max: usize,
    mut closing: watch::Receiver<bool>,
) -> mpsc::Receiver<Connection> {
    let (sender, receiver) = mpsc::channel(16);
    let permits = Arc::new(Semaphore::new(connections_max));
    tokio::spawn(async move {
        tokio::select! {
            () = accept_all(listener, tls, permits, sender) => {}
            // A sender that is gone means the same.
            _ = closing.wait_for(|is_closing| *is_closing) => {}
        }
    });
    receiver
}

async fn accept_all(
    listener: TcpListener,
    tls: Option<Tls>,
    permits: Arc<Semaphore>,
    sender: mpsc::Sender<Connection>,
) {
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        // Small answers must not wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection was gone at once");
            continue;
        }
        let (tls, sender) = (tls.clone(), sender.clone());
        tokio::spawn(async move {
            if let Some(stream) = agree(stream, tls).await {
                drop(sender.send(Connection::new(stream, permit)).await);
            }
        });
    }
}

impl Connection {
    fn new(stream: Stream, permit: OwnedSemaphorePermit) -> Self {
        let preface = Some((PREFACE, Box::pin(tokio::time::sleep(PREFACE_WITHIN))));
        Self { stream, preface, _permit: permit }
    }
}

async fn agree(stream: TcpStream, tls: Option<Tls>) -> Option<Stream> {
    let Some(tls) = tls else { return Some(Stream::Plain(stream)) };
    match tokio::time::timeout(HANDSHAKE_MAX, tls.acceptor().accept(stream)).await {
        Ok(Ok(stream)) => Some(Stream::Tls(Box::new(stream))),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a client did not agree on TLS");
            None
        }
        Err(_) => None,
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some((_, limit)) = &mut self.preface
            && limit.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let before = buffer.filled().len();
        let read = match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        let heard = buffer.filled().len() - before;
        if let Some((wanted, _)) = &mut self.preface {
            *wanted = wanted.saturating_sub(heard);
        }
        self.preface.take_if(|(wanted, _)| *wanted == 0);
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }
}
