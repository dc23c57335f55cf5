//! RTCP of one leg: reports out, reports in.
//!
//! In: datagrams of the peer (who that is, the latch decides), the figures of both streams, and
//! the time. Out: compounds to send, and the round trip. Invariants: our name is drawn anew for
//! each leg, so that nobody can tell two calls of one host by it; a report that answers none of
//! ours gives no round trip.
//! Deliberately absent: collisions of SSRCs (RFC 3550 §8.2): with two ends their odds are
//! 1 in 2³², and the streams stay apart by their addresses.
//! Sources: RFC 3550 §6.4.1 (round trip, fractions), RFC 7022 §4.2 (a name for one session).

use super::report::{self, ReportBlock, ReportBlocks, RtcpError, RtcpPacket, SenderInfo};
use super::schedule::Schedule;
use super::write::Writer;
use crate::base::{Millis, Rng, Timestamp};

/// Seconds from 1900, where NTP begins, to 1970.
const NTP_OFFSET: u64 = 2_208_988_800;
/// A round trip beyond this is a mistake. Units: 1/65,536 s.
const ROUND_TRIP_MAX: u32 = 10 << 16;
/// Bytes of our first compound: RR, one block, SDES.
const FIRST_SIZE: usize = 60;
/// The digits of base64. Source: RFC 4648 §4.
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What our own stream is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::media) struct Sent {
    /// Its source.
    pub(in crate::media) ssrc: u32,
    /// Packets since the start.
    pub(in crate::media) packets: u64,
    /// Bytes of payload since the start.
    pub(in crate::media) octets: u64,
    /// Now, on the clock of its timestamps.
    pub(in crate::media) rtp: u32,
}

/// What the stream heard is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::media) struct Heard {
    /// Its source.
    pub(in crate::media) ssrc: u32,
    /// Packets its sequence numbers ask for, since this source began.
    pub(in crate::media) expected: u64,
    /// Packets that came of them, copies counted.
    pub(in crate::media) received: u64,
    /// The highest sequence number, with its turns.
    pub(in crate::media) highest: u32,
    /// Interarrival jitter. Units: RTP timestamp units.
    pub(in crate::media) jitter: u32,
}

/// RTCP of one leg.
#[derive(Clone, Debug)]
pub(in crate::media) struct RtcpSession {
    schedule: Schedule,
    cname: [u8; 16],
    /// The last SR heard: whose, the middle of its NTP time, and when it came.
    last_report: Option<(u32, u32, Timestamp)>,
    /// What was told of the stream heard last time.
    told: Heard,
    /// Packets sent up to the last two reports: an end that sent since is a sender (§6.4).
    sent_before: [u64; 2],
    /// The last time we put into an SR.
    last_ntp: Option<u32>,
    round_trip: Option<Millis>,
    remote: Option<ReportBlock>,
}

impl RtcpSession {
    /// A leg that begins now.
    pub(in crate::media) fn new(now: Timestamp, mut rng: Rng) -> Self {
        // 96 random bits, six to a digit.
        let cname = std::array::from_fn(|_| {
            let digit = rng.below(BASE64.len() as u64) as usize;
            BASE64.get(digit).copied().unwrap_or(b'A')
        });
        Self {
            schedule: Schedule::new(now, FIRST_SIZE, rng),
            cname,
            last_report: None,
            told: Heard::default(),
            sent_before: [0; 2],
            last_ntp: None,
            round_trip: None,
            remote: None,
        }
    }

    /// Takes one datagram of the peer. `ssrc` is the source of our own stream.
    ///
    /// # Errors  It is no compound RTCP packet: nothing of it is taken.
    pub(in crate::media) fn receive(
        &mut self,
        now: Timestamp,
        ssrc: u32,
        datagram: &[u8],
    ) -> Result<(), RtcpError> {
        let compound = report::read(datagram)?;
        self.schedule.heard(datagram.len());
        for packet in compound.packets() {
            match packet {
                RtcpPacket::SenderReport { ssrc: from, info, blocks } => {
                    self.last_report = Some((from, middle(info.ntp), now));
                    self.reported(now, ssrc, blocks);
                }
                RtcpPacket::ReceiverReport { blocks, .. } => self.reported(now, ssrc, blocks),
                RtcpPacket::Goodbye(_) => self.schedule.left(now),
                RtcpPacket::SourceDescription(_) | RtcpPacket::Other { .. } => {}
            }
        }
        Ok(())
    }

    /// What the other end says of our stream.
    fn reported(&mut self, now: Timestamp, ssrc: u32, mut blocks: ReportBlocks<'_>) {
        let Some(block) = blocks.find(|block| block.ssrc == ssrc) else {
            return;
        };
        self.remote = Some(block);
        // Only our last report is answered by a peer that follows the RFC; older ones would
        // give the same, but a made-up one anything.
        if block.last_report == 0 || self.last_ntp != Some(block.last_report) {
            return;
        }
        let gone = middle(ntp(now)).wrapping_sub(block.last_report);
        let trip = gone.wrapping_sub(block.delay);
        if trip <= ROUND_TRIP_MAX {
            self.round_trip = Some(Millis(u64::from(trip) * 1_000 / 65_536));
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub(in crate::media) fn poll_timeout(&self) -> Timestamp {
        self.schedule.poll_timeout()
    }

    /// Writes the report that is due; gives back its bytes, 0 where none is.
    pub(in crate::media) fn handle_timeout(
        &mut self,
        now: Timestamp,
        sent: Sent,
        heard: Option<Heard>,
        buffer: &mut [u8],
    ) -> usize {
        if !self.schedule.is_due(now) {
            return 0;
        }
        let length = self.write(now, sent, heard, false, buffer);
        self.schedule.sent(now, length);
        length
    }

    /// Writes the report that ends the leg; gives back its bytes. Where nothing was ever sent,
    /// nobody is told (§6.3.7).
    pub(in crate::media) fn goodbye(
        &mut self,
        now: Timestamp,
        sent: Sent,
        heard: Option<Heard>,
        buffer: &mut [u8],
    ) -> usize {
        if sent.packets == 0 && self.last_ntp.is_none() {
            return 0;
        }
        self.write(now, sent, heard, true, buffer)
    }

    fn write(
        &mut self,
        now: Timestamp,
        sent: Sent,
        heard: Option<Heard>,
        is_last: bool,
        buffer: &mut [u8],
    ) -> usize {
        let is_sender = sent.packets > self.sent_before[0];
        self.sent_before = [self.sent_before[1], sent.packets];
        let info = is_sender.then(|| SenderInfo {
            ntp: ntp(now),
            rtp: sent.rtp,
            packets: sent.packets as u32,
            octets: sent.octets as u32,
        });
        if let Some(info) = info {
            self.last_ntp = Some((info.ntp >> 16) as u32);
        }
        let block = heard.map(|heard| self.block(now, heard));
        let mut writer = Writer::new(buffer);
        writer.report(sent.ssrc, info, block);
        writer.description(sent.ssrc, &self.cname);
        if is_last {
            writer.goodbye(sent.ssrc);
        }
        writer.length()
    }

    /// What we hear, since the report before and at all. Source: RFC 3550 A.3.
    fn block(&mut self, now: Timestamp, heard: Heard) -> ReportBlock {
        let before = if self.told.ssrc == heard.ssrc { self.told } else { Heard::default() };
        self.told = heard;
        let expected = heard.expected.saturating_sub(before.expected);
        let received = heard.received.saturating_sub(before.received);
        let fraction = expected.saturating_sub(received) * 256 / expected.max(1);
        let lost = i64::try_from(heard.expected).unwrap_or(i64::MAX)
            - i64::try_from(heard.received).unwrap_or(i64::MAX);
        let (last_report, delay) = match self.last_report {
            Some((from, middle, at)) if from == heard.ssrc => {
                let micros = now.as_micros().saturating_sub(at.as_micros());
                let units = u64::try_from(micros).unwrap_or(0).saturating_mul(65_536) / 1_000_000;
                (middle, u32::try_from(units).unwrap_or(u32::MAX))
            }
            _ => (0, 0),
        };
        ReportBlock {
            ssrc: heard.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: lost.clamp(-0x80_0000, 0x7F_FFFF) as i32,
            highest: heard.highest,
            jitter: heard.jitter,
            last_report,
            delay,
        }
    }

    /// The round trip, once a report of ours was answered.
    pub(in crate::media) fn round_trip(&self) -> Option<Millis> {
        self.round_trip
    }

    /// What the other end said last of our stream.
    pub(in crate::media) fn remote(&self) -> Option<ReportBlock> {
        self.remote
    }
}

/// A moment as NTP has it: seconds since 1900, and their fraction of 2³².
fn ntp(at: Timestamp) -> u64 {
    let micros = u64::try_from(at.as_micros()).unwrap_or(0);
    let seconds = (micros / 1_000_000 + NTP_OFFSET) & 0xFFFF_FFFF;
    let fraction = ((micros % 1_000_000) << 32) / 1_000_000;
    seconds << 32 | fraction
}

/// The middle 32 bits of an NTP time.
const fn middle(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

#[cfg(test)]
mod tests;
