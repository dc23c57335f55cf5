//! The connections of a line: made when something is to be sent, taken from who connects, and
//! used both ways while they last (RFC 5923 in its simple form).
//!
//! Invariants: one connection for a hop; at most [`CONNECTIONS_MAX`]; a peer that takes nothing
//! has its connection closed and not our memory filled.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::security::Security;
use super::stream::{Conversation, Heard};
use crate::sip::{Hop, Transport};

/// Connections at once.
const CONNECTIONS_MAX: usize = 1_000;
/// Messages that wait for one peer.
const WAITING_MAX: usize = 256;
/// Messages that came and wait here; more wait in the system.
const HEARD_MAX: usize = 1_024;
/// How long to wait after the system refused a connection: it has no more descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// What a line listens on for streams.
#[derive(Default)]
pub struct Streams {
    /// For TCP.
    pub tcp: Option<TcpListener>,
    /// For TLS.
    pub tls: Option<TcpListener>,
    /// Certificates.
    pub security: Security,
}

/// All connections.
pub(super) struct Connections {
    open: BTreeMap<Hop, Open>,
    security: Security,
    heard: mpsc::Receiver<Heard>,
    sender: mpsc::Sender<Heard>,
    next_id: u64,
    /// Whose certificates were refused, which is said once of each.
    distrusted: BTreeSet<Hop>,
}

struct Open {
    id: u64,
    outgoing: mpsc::Sender<Vec<u8>>,
}

/// What a line learns from its connections.
pub(super) enum News {
    Message { from: Hop, bytes: Vec<u8> },
    Gone(Hop),
}

impl Connections {
    pub(super) fn new(streams: Streams) -> Self {
        let (sender, heard) = mpsc::channel(HEARD_MAX);
        let listeners = [(streams.tcp, Transport::Tcp), (streams.tls, Transport::Tls)];
        for (listener, transport) in listeners {
            if let Some(listener) = listener {
                tokio::spawn(listen(listener, transport, sender.clone()));
            }
        }
        let (open, security) = (BTreeMap::new(), streams.security);
        Self { open, security, heard, sender, next_id: 0, distrusted: BTreeSet::new() }
    }

    /// What the certificates of peers must be made out to, for connections to come.
    pub(super) fn trust(&mut self, names: BTreeMap<SocketAddr, String>) {
        self.security.names = names;
    }

    /// Sends a message, over a new connection where there is none. Whether it may arrive.
    pub(super) fn send(&mut self, to: Hop, bytes: Vec<u8>) -> bool {
        let bytes = match self.open.get(&to) {
            Some(open) => match open.outgoing.try_send(bytes) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    tracing::warn!(%to, "a peer takes no messages, its connection is closed");
                    self.open.remove(&to);
                    return false;
                }
                // It ended just now, which was not told yet.
                Err(mpsc::error::TrySendError::Closed(bytes)) => bytes,
            },
            None => bytes,
        };
        if self.open.len() >= CONNECTIONS_MAX {
            tracing::warn!(%to, "no connection made: there are 1000");
            return false;
        }
        let conversation = self.open(to);
        if let Some(open) = self.open.get(&to) {
            // There is room: it is new.
            drop(open.outgoing.try_send(bytes));
        }
        tokio::spawn(conversation.connect());
        true
    }

    fn open(&mut self, hop: Hop) -> Conversation {
        let (sender, outgoing) = mpsc::channel(WAITING_MAX);
        self.next_id += 1;
        let (id, heard, security) = (self.next_id, self.sender.clone(), self.security.clone());
        self.open.insert(hop, Open { id, outgoing: sender });
        Conversation { hop, id, outgoing, heard, security }
    }

    /// Waits for news.
    pub(super) async fn next(&mut self) -> Option<News> {
        let heard = self.heard.recv().await?;
        self.take(heard)
    }

    /// Takes what is there already. Nothing where there is nothing, or nothing that matters.
    pub(super) fn try_next(&mut self) -> Option<News> {
        while let Ok(heard) = self.heard.try_recv() {
            if let Some(news) = self.take(heard) {
                return Some(news);
            }
        }
        None
    }

    fn take(&mut self, heard: Heard) -> Option<News> {
        match heard {
            Heard::Message { from, bytes } => Some(News::Message { from, bytes }),
            Heard::Accepted { stream, hop } => {
                self.accept(stream, hop);
                None
            }
            Heard::Gone { hop, id, distrusted } => {
                if let Some(error) = distrusted.filter(|_| self.distrusted.insert(hop)) {
                    tracing::warn!(to = %hop, %error, "no SIP over TLS with a peer");
                }
                let is_it = self.open.get(&hop).is_some_and(|open| open.id == id);
                if is_it {
                    self.open.remove(&hop);
                }
                is_it.then_some(News::Gone(hop))
            }
        }
    }

    fn accept(&mut self, stream: TcpStream, hop: Hop) {
        if self.open.len() >= CONNECTIONS_MAX {
            tracing::debug!(from = %hop, "connection refused: there are 1000");
            return;
        }
        let conversation = self.open(hop);
        tokio::spawn(conversation.accept(stream));
    }
}

/// Takes connections until the line is gone.
async fn listen(listener: TcpListener, transport: Transport, heard: mpsc::Sender<Heard>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = heard.closed() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let hop = Hop { transport, address };
                if heard.send(Heard::Accepted { stream, hop }).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
}
