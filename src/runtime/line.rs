//! The SIP shell: one task that owns the user agent, its sockets and its timers.
//!
//! In: [`UaCommand`]s, messages by UDP, TCP and TLS, and the time. Out: messages and
//! [`UaEvent`]s.
//! It is a task of its own because SIP does not wait: whoever decides about calls waits for a
//! disk between two decisions, and an answer that lies unread in a socket meanwhile must not
//! count as one that never came. Invariants: what lies in the socket is read before any timer
//! fires; commands are carried out in the order they were given; no error of a socket ends the
//! task; a line that is dropped ends it at once.
//! Deliberately absent: what a call is, and the log. Who wants a command to follow a fact sends
//! it after the append.

mod connections;
mod datagram;
mod security;
mod stream;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

pub use self::connections::Streams;
use self::connections::{Connections, News};
use self::datagram::Datagrams;
pub use self::security::Security;
use super::screened::SipScreened;
use super::wire::{DATAGRAM_MAX, until};
use crate::base::{Clock, LegId, Millis, Timestamp};
use crate::sip::{Hop, Output, Transport, UaCommand, UaEvent, UserAgent};

/// Messages read in one go before timers are looked at. A socket's buffer holds fewer, so that
/// all that came before a moment is read before its timers, and a flood does not stop them.
const READ_MAX: usize = 4_096;
/// A socket that cannot be read is left alone this long.
const REST: Millis = Millis(10);

/// The handle of a line.
pub struct Line {
    orders: mpsc::UnboundedSender<Order>,
    /// What happened, in order.
    events: mpsc::UnboundedReceiver<UaEvent>,
    screened: Arc<SipScreened>,
}

/// What the task is asked for.
enum Order {
    Do(UaCommand),
    /// These names stand in the certificates of peers at these addresses.
    Trust(BTreeMap<SocketAddr, String>),
    /// Wait until nobody owes us an answer, at most until then. Whether it came to that.
    Settle {
        until: Timestamp,
        done: oneshot::Sender<bool>,
    },
}

impl Line {
    /// Takes sockets and a user agent into a task of their own. Streams go to peers that are
    /// called by them even where nothing is listened on.
    pub fn open(
        socket: UdpSocket,
        streams: Streams,
        user_agent: UserAgent,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (orders, waiting) = mpsc::unbounded_channel();
        let (sender, events) = mpsc::unbounded_channel();
        let screened = Arc::<SipScreened>::default();
        let shell = Shell {
            user_agent,
            datagrams: Datagrams::new(socket),
            connections: Connections::new(streams),
            clock,
            events: sender,
            screened: screened.clone(),
            buffer: vec![0; DATAGRAM_MAX],
            rests_until: None,
            settling: None,
        };
        tokio::spawn(shell.run(waiting));
        Self { orders, events, screened }
    }

    /// What is counted of messages that are not taken.
    pub(super) fn screened(&self) -> Arc<SipScreened> {
        self.screened.clone()
    }

    /// Has a command carried out. Nothing happens where the task is gone; [`Self::next`] says so.
    pub fn send(&self, command: UaCommand) {
        drop(self.orders.send(Order::Do(command)));
    }

    /// Says what the certificates of peers must be made out to, for connections to come; of
    /// others, to their address.
    pub fn trust(&self, names: BTreeMap<SocketAddr, String>) {
        drop(self.orders.send(Order::Trust(names)));
    }

    /// Ends a leg.
    pub fn hang_up(&self, leg: LegId, q850: Option<u8>) {
        self.send(UaCommand::HangUp { leg, q850 });
    }

    /// Waits for the next event; nothing where the task is gone.
    pub async fn next(&mut self) -> Option<UaEvent> {
        self.events.recv().await
    }

    /// Takes an event that is there already.
    pub fn try_next(&mut self) -> Option<UaEvent> {
        self.events.try_recv().ok()
    }

    /// Waits until no INVITE, CANCEL or BYE of ours and no end of a registration is without its
    /// final answer, at most until a moment. Whether it came to that.
    pub async fn settle(&mut self, until: Timestamp) -> bool {
        let (done, settled) = oneshot::channel();
        drop(self.orders.send(Order::Settle { until, done }));
        settled.await.unwrap_or(false)
    }
}

/// What the task holds.
struct Shell {
    user_agent: UserAgent,
    datagrams: Datagrams,
    connections: Connections,
    clock: Arc<dyn Clock>,
    events: mpsc::UnboundedSender<UaEvent>,
    screened: Arc<SipScreened>,
    buffer: Vec<u8>,
    /// Set while the socket cannot be read.
    rests_until: Option<Timestamp>,
    settling: Option<(Timestamp, oneshot::Sender<bool>)>,
}

impl Shell {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            self.read_waiting();
            self.run_timers();
            self.flush().await;
            self.look_settled();
            let wait = until(self.next_due(), self.clock.now());
            let may_read = self.rests_until.is_none();
            tokio::select! {
                // Read above; an error shows there, too.
                () = self.datagrams.ready(), if may_read => {}
                news = self.connections.next() => if let Some(news) = news {
                    self.hear(news);
                },
                order = orders.recv() => {
                    let Some(order) = order else { return };
                    self.obey(order);
                    while let Ok(order) = orders.try_recv() {
                        self.obey(order);
                    }
                    self.flush().await;
                }
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Reads what lies in the sockets.
    fn read_waiting(&mut self) {
        for _ in 0..READ_MAX {
            let Some(news) = self.connections.try_next() else { break };
            self.hear(news);
        }
        let now = self.clock.now();
        if self.rests_until.is_some_and(|until| until > now) {
            return;
        }
        self.rests_until = None;
        for _ in 0..READ_MAX {
            match self.datagrams.try_recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    let datagram = self.buffer.get(..length).unwrap_or_default();
                    self.user_agent.receive(self.clock.now(), from, datagram);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                // An earlier datagram met a closed port; the error queue says whose.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(error) => {
                    tracing::warn!(%error, "SIP not received, tried again");
                    self.rests_until = Some(now.plus(REST));
                    break;
                }
            }
        }
        for peer in self.datagrams.unreachable() {
            self.failed(peer.into());
        }
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Message { from, bytes } => {
                self.user_agent.receive(self.clock.now(), from, &bytes);
            }
            News::Gone(hop) => self.failed(hop),
        }
    }

    fn failed(&mut self, hop: Hop) {
        tracing::debug!(%hop, "peer cannot be reached");
        self.user_agent.transport_failed(self.clock.now(), hop);
    }

    fn run_timers(&mut self) {
        let now = self.clock.now();
        if self.user_agent.poll_timeout().is_some_and(|due| due <= now) {
            self.user_agent.handle_timeout(now);
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Do(command) => self.user_agent.handle(self.clock.now(), command),
            Order::Trust(names) => self.connections.trust(names),
            Order::Settle { until, done } => self.settling = Some((until, done)),
        }
    }

    /// Sends what is to be sent and hands on what happened.
    async fn flush(&mut self) {
        while let Some(output) = self.user_agent.poll_output() {
            match output {
                Output::Transmit { to, bytes } => self.transmit(to, bytes).await,
                Output::Event(UaEvent::Malformed { from, reason }) => {
                    // Nothing to decide, and anybody can send any number of them.
                    tracing::debug!(%from, reason, "malformed SIP");
                }
                Output::Event(event) => drop(self.events.send(event)),
            }
        }
        self.screened.set(self.user_agent.screened());
    }

    async fn transmit(&mut self, to: Hop, bytes: Vec<u8>) {
        if to.transport != Transport::Udp {
            if !self.connections.send(to, bytes) {
                self.failed(to);
            }
            return;
        }
        for peer in self.datagrams.send(&bytes, to.address).await {
            self.failed(peer.into());
        }
    }

    fn look_settled(&mut self) {
        let Some((until, done)) = self.settling.take() else { return };
        let is_settled = !self.user_agent.awaits_answer();
        if is_settled || until <= self.clock.now() {
            // Nobody may wait for it any more.
            done.send(is_settled).ok();
        } else {
            self.settling = Some((until, done));
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        let settling = self.settling.as_ref().map(|(until, _)| *until);
        let timers = self.user_agent.poll_timeout();
        timers.into_iter().chain(settling).chain(self.rests_until).min()
    }
}

#[cfg(test)]
mod tests;
