//! The handshakes of a leg: one for each port that it uses.
//!
//! In: whom SDP names, datagrams, the time. Out: datagrams, and contexts or why there are none.
//! Invariants: a handshake has an end within [`WITHIN`]; no end is told twice; a peer that floods
//! costs a bounded amount of work. RTCP on a port of its own has a handshake of its own, without
//! which audio goes on. Source: RFC 5764 §3.2 and §5.1.1.

use std::net::SocketAddr;

use super::secure::Contexts;
use super::{MediaPort, MediaSink, Negotiated};
use crate::base::{Millis, Timestamp};
use crate::media::dtls::{DtlsFailure, DtlsPeer, Handshake, Handshakes};

/// How long a handshake may take: five tries a second apart, and a slow phone.
const WITHIN: Millis = Millis(10_000);
/// Datagrams that are read; a handshake has a dozen, and each may come again a few times.
const DATAGRAMS_MAX: u32 = 300;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing yet, or nothing new.
    Same,
    /// There are keys for audio.
    Keys,
    /// There are none, and will be none.
    Failed(DtlsFailure),
}

/// The handshakes with one peer.
#[derive(Debug)]
pub(super) struct Associations {
    peer: DtlsPeer,
    remote: SocketAddr,
    rtp: Association,
    /// Where RTCP has a port of its own.
    rtcp: Option<Association>,
}

#[derive(Debug)]
struct Association {
    port: MediaPort,
    /// Nothing where nobody makes any.
    handshake: Option<Box<dyn Handshake>>,
    /// Where its datagrams go.
    to: SocketAddr,
    /// Something is to be done.
    due: Option<Timestamp>,
    /// Until when there must be keys; nothing once it ended.
    until: Option<Timestamp>,
    datagrams: u32,
    contexts: Option<Contexts>,
}

impl Associations {
    pub(super) fn new(
        now: Timestamp,
        peer: DtlsPeer,
        negotiated: &Negotiated,
        handshakes: Option<&dyn Handshakes>,
    ) -> Self {
        let remote = negotiated.remote;
        let rtp = Association::begin(now, (MediaPort::Rtp, remote), &peer, handshakes);
        let mut new = Self { peer, remote, rtp, rtcp: None };
        new.agree_again(now, negotiated, handshakes);
        new
    }

    /// Whether they are still those that SDP asks for. Source: RFC 8842 §4.
    pub(super) fn are_with(&self, peer: &DtlsPeer, remote: SocketAddr) -> bool {
        self.peer == *peer && self.remote == remote
    }

    /// Takes where RTCP goes. Whether a handshake begins.
    pub(super) fn agree_again(
        &mut self,
        now: Timestamp,
        negotiated: &Negotiated,
        handshakes: Option<&dyn Handshakes>,
    ) -> bool {
        if negotiated.rtcp_mux {
            self.rtcp = None;
        }
        let begins = !negotiated.rtcp_mux && self.rtcp.is_none();
        if begins {
            let place = (MediaPort::Rtcp, negotiated.remote_rtcp);
            self.rtcp = Some(Association::begin(now, place, &self.peer, handshakes));
        }
        begins
    }

    /// The keys of a port.
    pub(super) fn contexts(&mut self, port: MediaPort) -> Option<&mut Contexts> {
        self.of_mut(port).contexts.as_mut()
    }

    /// Whether there are keys for a port.
    pub(super) fn has_keys(&self, port: MediaPort) -> bool {
        match (port, &self.rtcp) {
            (MediaPort::Rtcp, Some(rtcp)) => rtcp.contexts.is_some(),
            _ => self.rtp.contexts.is_some(),
        }
    }

    fn of_mut(&mut self, port: MediaPort) -> &mut Association {
        match (port, &mut self.rtcp) {
            (MediaPort::Rtcp, Some(rtcp)) => rtcp,
            _ => &mut self.rtp,
        }
    }

    /// Takes a datagram of the peer's.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        port: MediaPort,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        self.of_mut(port).receive(now, from, datagram);
    }

    /// Does what is due, and sends what there is to send.
    pub(super) fn drive(&mut self, now: Timestamp, sink: &mut dyn MediaSink) -> Turn {
        // Without keys for RTCP there is none; audio goes on.
        let beside = self.rtcp.as_mut().map_or(Turn::Same, |rtcp| rtcp.drive(now, sink));
        match (self.rtp.drive(now, sink), beside) {
            (Turn::Same, Turn::Failed(DtlsFailure::Fingerprint)) => {
                self.rtp.end();
                Turn::Failed(DtlsFailure::Fingerprint)
            }
            (turn, _) => turn,
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let rtcp = self.rtcp.as_ref().and_then(Association::poll_timeout);
        self.rtp.poll_timeout().into_iter().chain(rtcp).min()
    }
}

impl Association {
    fn begin(
        now: Timestamp,
        (port, to): (MediaPort, SocketAddr),
        peer: &DtlsPeer,
        handshakes: Option<&dyn Handshakes>,
    ) -> Self {
        let handshake = handshakes.map(|handshakes| handshakes.begin(now, peer));
        let (due, until) = (Some(now), Some(now.plus(WITHIN)));
        Self { port, handshake, to, due, until, datagrams: 0, contexts: None }
    }

    fn receive(&mut self, now: Timestamp, from: SocketAddr, datagram: &[u8]) {
        self.datagrams = self.datagrams.saturating_add(1);
        let is_read = self.datagrams <= DATAGRAMS_MAX;
        if let Some(handshake) = self.handshake.as_mut().filter(|_| is_read) {
            self.to = from;
            handshake.receive(now, datagram);
        }
    }

    /// Forgets what there was.
    fn end(&mut self) {
        (self.handshake, self.contexts, self.until, self.due) = (None, None, None, None);
    }

    fn drive(&mut self, now: Timestamp, sink: &mut dyn MediaSink) -> Turn {
        self.due = None;
        let Some(handshake) = &mut self.handshake else {
            // Nobody here can agree on keys, which is told once.
            return match self.until.take() {
                Some(_) => Turn::Failed(DtlsFailure::Handshake),
                None => Turn::Same,
            };
        };
        if handshake.poll_timeout().is_some_and(|due| due <= now) {
            handshake.handle_timeout(now);
        }
        while let Some(datagram) = handshake.poll_transmit() {
            sink.transmit(self.port, self.to, &datagram);
        }
        let outcome = match handshake.poll_outcome() {
            None if self.until.is_some_and(|until| until <= now) => {
                Some(Err(DtlsFailure::Handshake))
            }
            outcome => outcome,
        };
        match outcome {
            None => Turn::Same,
            Some(Ok(agreed)) => {
                (self.contexts, self.until) = (Some(Contexts::new(agreed)), None);
                Turn::Keys
            }
            Some(Err(failure)) => {
                self.end();
                Turn::Failed(failure)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let timer = self.handshake.as_ref().and_then(|handshake| handshake.poll_timeout());
        [self.due, self.until, timer].into_iter().flatten().min()
    }
}
