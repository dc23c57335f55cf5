//! Where a session's work goes: packets, events, frames and pairs, without a queue between.
//!
//! In: calls from within a [`MediaSession`](super::MediaSession). Out: whatever the sink does.
//! Invariant: what is handed over is borrowed, so that a session needs no memory for it.
//! [`MediaOutput`] in a queue is the simplest sink; tests use it.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::{Frame, MediaEvent, Pair};

/// The longest packet a session makes, in bytes: what fits the 1,500 of Ethernet under IPv6 and
/// UDP headers, with what encryption puts behind the payload.
pub const PACKET_MAX: usize = 1_452;

/// Which of a leg's two ports a packet belongs to. Source: RFC 3550 §11.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaPort {
    /// The even one. RTCP comes here, too, where that was agreed (RFC 5761).
    Rtp,
    /// The odd one after it.
    Rtcp,
}

/// Takes what a session does. Nothing here may block.
pub trait MediaSink {
    /// Sends a datagram from one of the session's ports, now.
    fn transmit(&mut self, port: MediaPort, to: SocketAddr, packet: &[u8]);

    /// Something happened.
    fn event(&mut self, event: MediaEvent);

    /// 20 ms that were heard, while forwarding.
    fn frame(&mut self, frame: &Frame);

    /// 20 ms of both directions, while recording.
    fn pair(&mut self, pair: &Pair);
}

/// What a session wants done, or has noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "for tests and tools, which hold few of them")]
pub enum MediaOutput {
    /// Send this datagram from this port of the session.
    Transmit {
        /// Where from.
        port: MediaPort,
        /// Where to.
        to: SocketAddr,
        /// One RTP or RTCP packet.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(MediaEvent),
    /// Audio that was heard, while forwarding.
    Frame(Frame),
    /// Both directions, while recording.
    Pair(Pair),
}

impl MediaSink for VecDeque<MediaOutput> {
    fn transmit(&mut self, port: MediaPort, to: SocketAddr, packet: &[u8]) {
        self.push_back(MediaOutput::Transmit { port, to, bytes: packet.to_vec() });
    }

    fn event(&mut self, event: MediaEvent) {
        self.push_back(MediaOutput::Event(event));
    }

    fn frame(&mut self, frame: &Frame) {
        self.push_back(MediaOutput::Frame(*frame));
    }

    fn pair(&mut self, pair: &Pair) {
        self.push_back(MediaOutput::Pair(*pair));
    }
}
