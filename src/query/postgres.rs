//! The Postgres wire protocol, for clients that others wrote.
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::Sessions;
use crate::access::Access;
use crate::tls::Tls;

/// A port that clients come to.
#[derive(Debug)]
pub struct Door {
    /// The port.
    pub listener: TcpListener,
    /// Its address.
    pub address: SocketAddr,
    /// Certificate and key; nothing for plain text.
    pub tls: Option<Tls>,
    /// Who may ask.
    pub access: Arc<Access>,
    /// Connections at once; more are refused.
    pub connections: usize,
}

/// Serves clients until `stop` is true, or its sender gone.
pub async fn serve(door: Door, sessions: Sessions, mut stop: watch::Receiver<bool>) {
    drop((door, sessions));
    drop(stop.wait_for(|stop| *stop).await);
}
