//! RTCP: what both ends of a stream tell each other about it.
//!
//! In: datagrams, the figures of our own stream and of the one we hear, and the time. Out:
//! compound packets to send every five seconds or so, and what the other side says of ours:
//! the round trip, the loss and jitter it sees, its goodbye.
//! Invariants: nothing read can panic; nothing is allocated; a datagram counts as a whole or not
//! at all.
//! Deliberately absent: feedback for video (RFC 4585), extended reports (RFC 3611), and members
//! beyond the two ends of a call.
//! Sources: RFC 3550 §6 and appendix A, RFC 7022 (names), RFC 5761 (one port for both).

mod report;
mod schedule;
mod session;
mod write;

pub use report::{
    Compound, Descriptions, ReportBlock, ReportBlocks, RtcpError, RtcpPacket, SenderInfo, Sources,
    read,
};
pub(super) use session::{Heard, RtcpSession, Sent};

/// Bytes of the largest compound packet made here.
pub(super) const COMPOUND_MAX: usize = 128;

/// Payload types that are RTCP where both share a port. Source: RFC 5761 §4.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

/// True where a datagram on a shared port is RTCP. Source: RFC 5761 §4.
pub(super) fn is_rtcp(datagram: &[u8]) -> bool {
    datagram.get(1).is_some_and(|second| RTCP_TYPES.contains(&(second & 0x7F)))
}
