//! TLS for SIP: what we prove ourselves with, and whom we trust.
//!
//! Built without the features that bring TLS, it refuses every connection.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::stream::Stream;
#[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
use crate::tls::{Tls, TlsClient};

/// Certificate and trust of a line.
#[derive(Clone, Default)]
pub struct Security {
    /// What we prove ourselves with to who connects.
    #[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
    pub server: Option<Tls>,
    /// Whom we trust.
    #[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
    pub client: Option<TlsClient>,
    /// The names in the certificates of peers; of others, their address stands there.
    pub names: BTreeMap<SocketAddr, String>,
}

#[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
impl Security {
    /// Agrees on keys with a peer that connected.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        let server = self.server.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        Ok(Box::new(server.acceptor().accept(stream).await?))
    }

    /// Agrees on keys with a peer we connected to.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        to: SocketAddr,
    ) -> io::Result<Box<dyn Stream>> {
        let client = self.client.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let name = self.names.get(&to).cloned().unwrap_or_else(|| to.ip().to_string());
        Ok(Box::new(client.connect(stream, name).await?))
    }
}

#[cfg(not(any(feature = "kurrentdb", feature = "sql-servers")))]
#[expect(clippy::unused_async, reason = "as where there is TLS")]
impl Security {
    /// Nobody does without the features.
    pub(super) async fn accept(&self, _stream: TcpStream) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Nobody does without the features.
    pub(super) async fn connect(
        &self,
        _stream: TcpStream,
        _to: SocketAddr,
    ) -> io::Result<Box<dyn Stream>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
