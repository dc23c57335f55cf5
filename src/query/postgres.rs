//! The Postgres wire protocol, for clients that others wrote.
//!
//! In: a port, certificate and users, and where sessions of the engine come from. Out: answers to
//! psql, drivers and programs that speak version 3.0 of the protocol. Invariants: nothing is
//! changed by anybody; without TLS nobody is served but where it was said expressly; a client
//! that is gone, cancels, or does not read holds neither a question nor a seat; rows are sent as
//! they come. Deliberately absent: the meaning of SQL, which is the engine's; transactions, which
//! are accepted and change nothing; copy, cursors of SQL and notifications.
//! Source: PostgreSQL 16, chapter 55.

mod cancel;
mod catalog;
mod command;
mod connection;
mod extended;
mod fault;
mod frontend;
mod params;
mod rows;
mod settings;
mod sign_in;
mod simple;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use self::cancel::Cancels;
use self::catalog::Catalog;
use super::{Error, Session, Sessions};
use crate::access::Access;
use crate::tls::Tls;

/// Connections beyond the limit that are told so, or ask to cancel; more wait to be taken.
const BEYOND: usize = 32;
/// How long clients may take to go when the server stops.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long to wait after the system refused a connection: it has no more descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

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
    /// How long a question may take, reading its rows included.
    pub timeout: Duration,
}

/// What every connection works with.
struct Server {
    sessions: Sessions,
    access: Arc<Access>,
    tls: Option<Tls>,
    seats: Arc<Semaphore>,
    cancels: Arc<Cancels>,
    catalog: Catalog,
    timeout_max: Duration,
}

impl Server {
    /// A session that sees everything that is in the log by now.
    async fn session(&self) -> Result<Session, Error> {
        (self.sessions)().await
    }
}

/// Serves clients until `stop` is true, or its sender gone.
pub async fn serve(door: Door, sessions: Sessions, stop: watch::Receiver<bool>) {
    let catalog = match Catalog::new() {
        Ok(catalog) => catalog,
        Err(error) => {
            tracing::error!(%error, "the Postgres protocol is not served: no catalogue");
            return;
        }
    };
    let server = Arc::new(Server {
        sessions,
        access: door.access,
        tls: door.tls,
        seats: Arc::new(Semaphore::new(door.connections)),
        cancels: Arc::default(),
        catalog,
        timeout_max: door.timeout,
    });
    let mut connections = JoinSet::new();
    let mut stopping = stop.clone();
    tokio::select! {
        () = accept(door.listener, door.connections, &server, &stop, &mut connections) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
    let gone = async { while connections.join_next().await.is_some() {} };
    // Whoever is still there then is let go with the set.
    drop(tokio::time::timeout(STOP_WITHIN, gone).await);
}

async fn accept(
    listener: TcpListener,
    most: usize,
    server: &Arc<Server>,
    stop: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let places = Arc::new(Semaphore::new(most.saturating_add(BEYOND)));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a client of the Postgres protocol could not be taken");
                tokio::time::sleep(REFUSED_PAUSE).await;
                continue;
            }
        };
        let serving = connection::serve(stream, server.clone(), stop.clone());
        connections.spawn(async move {
            Box::pin(serving).await;
            drop(place);
        });
    }
}
