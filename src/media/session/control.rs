//! RTCP and the quality of a leg, beside its audio.
//!
//! In: what SDP agreed, RTCP of the peer, what was sent and heard, and the time. Out: compounds
//! and what the quality was ([`MediaEvent::QualityInterval`]). Invariants: RTCP goes to the peer alone, and is taken from it alone;
//! where packets are encrypted, RTCP is, too; each leg has a name of its own.
//! Sources: RFC 3550 §6 and §11, RFC 5761 (one port for both), RFC 3605 (`a=rtcp`).

use std::net::{IpAddr, SocketAddr};

use super::{Lock, MediaPort, Negotiated};
use crate::base::{Millis, Rng, Timestamp};
use crate::media::quality::QualityMeter;
use crate::media::rtcp::{COMPOUND_MAX, Heard, RtcpSession, Sent};
use crate::media::srtp::TRAILER_MAX;
use crate::media::{Codec, MediaEvent, MediaSink, MediaStatistics};

/// The buffer of a compound with its protection.
const ROOM: usize = COMPOUND_MAX + TRAILER_MAX;

/// How often quality is told: a report of the other side falls into nearly each interval.
const INTERVAL: Millis = Millis(5_000);
/// How often it is told for the record: long enough to cost little, short enough to show when.
const SAMPLE: Millis = Millis(30_000);

/// What a leg does beside its audio.
#[derive(Debug)]
pub(super) struct Control {
    rtcp: RtcpSession,
    meter: QualityMeter,
    sampler: QualityMeter,
    /// Where the peer said it takes RTCP.
    remote: SocketAddr,
    /// Where its RTCP comes from.
    source: Option<SocketAddr>,
    is_muxed: bool,
    codec: Codec,
}

impl Control {
    pub(super) fn new(now: Timestamp, negotiated: &Negotiated, rng: Rng) -> Self {
        Self {
            rtcp: RtcpSession::new(now, rng),
            meter: QualityMeter::new(now, INTERVAL),
            sampler: QualityMeter::new(now, SAMPLE),
            remote: negotiated.remote_rtcp,
            source: None,
            is_muxed: negotiated.rtcp_mux,
            codec: negotiated.codec,
        }
    }

    /// Takes what SDP agreed again.
    pub(super) fn set_agreed(&mut self, negotiated: &Negotiated) {
        if self.remote != negotiated.remote_rtcp {
            (self.remote, self.source) = (negotiated.remote_rtcp, None);
        }
        (self.is_muxed, self.codec) = (negotiated.rtcp_mux, negotiated.codec);
    }

    /// True where RTCP shares the port of RTP.
    pub(super) const fn is_muxed(&self) -> bool {
        self.is_muxed
    }

    /// The port it goes out of.
    pub(super) const fn port(&self) -> MediaPort {
        if self.is_muxed { MediaPort::Rtp } else { MediaPort::Rtcp }
    }

    /// True where the peer said its RTCP comes from this address.
    pub(super) fn is_peer(&self, address: IpAddr) -> bool {
        self.remote.ip().to_canonical() == address.to_canonical()
    }

    /// Takes a datagram of the peer, opened; false where it is no RTCP.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        from: SocketAddr,
        ssrc: u32,
        datagram: &[u8],
    ) -> bool {
        let is_read = self.rtcp.receive(now, ssrc, datagram).is_ok();
        if is_read {
            self.source = Some(from);
        }
        is_read
    }

    /// The round trip, where it is known.
    pub(super) fn round_trip(&self) -> Option<Millis> {
        self.rtcp.round_trip()
    }

    /// Packets of ours that the peer says never came; copies can make it negative.
    pub(super) fn peer_lost(&self) -> Option<i32> {
        self.rtcp.remote().map(|block| block.cumulative_lost)
    }

    pub(super) fn poll_timeout(&self) -> Timestamp {
        let quality = self.meter.poll_timeout().min(self.sampler.poll_timeout());
        self.rtcp.poll_timeout().min(quality)
    }

    /// Sends the report that is due. `latched` is where the peer's RTP comes from.
    pub(super) fn report(
        &mut self,
        now: Timestamp,
        figures: (Sent, Option<Heard>),
        latched: Option<SocketAddr>,
        lock: Lock<'_>,
        sink: &mut dyn MediaSink,
    ) {
        if self.rtcp.poll_timeout() > now {
            return;
        }
        let mut packet = [0; ROOM];
        let (sent, heard) = figures;
        let room = packet.get_mut(..COMPOUND_MAX).unwrap_or_default();
        let length = self.rtcp.handle_timeout(now, sent, heard, room);
        self.transmit(&mut packet, length, latched, lock, sink);
    }

    /// Says goodbye.
    pub(super) fn finish(
        &mut self,
        now: Timestamp,
        figures: (Sent, Option<Heard>),
        latched: Option<SocketAddr>,
        lock: Lock<'_>,
        sink: &mut dyn MediaSink,
    ) {
        let mut packet = [0; ROOM];
        let (sent, heard) = figures;
        let room = packet.get_mut(..COMPOUND_MAX).unwrap_or_default();
        let length = self.rtcp.goodbye(now, sent, heard, room);
        self.transmit(&mut packet, length, latched, lock, sink);
    }

    /// Tells the quality of the intervals that are over; with `is_last`, of those under way.
    pub(super) fn tell(
        &mut self,
        now: Timestamp,
        heard: &MediaStatistics,
        is_last: bool,
        sink: &mut dyn MediaSink,
    ) {
        let codec = self.codec;
        let cut = |meter: &mut QualityMeter| {
            let is_over = is_last || meter.poll_timeout() <= now;
            let interval = is_over.then(|| meter.cut(now, heard, codec))?;
            (interval.packets_received + interval.packets_lost > 0).then_some(interval)
        };
        if let Some(interval) = cut(&mut self.meter) {
            sink.event(MediaEvent::QualityInterval(interval));
        }
        if let Some(sample) = cut(&mut self.sampler) {
            sink.event(MediaEvent::QualitySampled(sample));
        }
    }

    fn transmit(
        &self,
        packet: &mut [u8; ROOM],
        length: usize,
        latched: Option<SocketAddr>,
        mut lock: Lock<'_>,
        sink: &mut dyn MediaSink,
    ) {
        let port = self.port();
        let to = match port {
            MediaPort::Rtp => latched.unwrap_or(self.remote),
            MediaPort::Rtcp => self.source.unwrap_or(self.remote),
        };
        if length == 0 || to.ip().is_unspecified() || to.port() == 0 {
            return;
        }
        let length = lock.seal_report(packet, length);
        if let Some(packet) = length.and_then(|length| packet.get(..length)) {
            sink.transmit(port, to, packet);
        }
    }
}
