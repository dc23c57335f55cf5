//! Whose packets are heard, and where ours go: symmetric RTP for the negotiated peer alone.
//!
//! In: what SDP agreed, and of each packet its source, numbers and time. Out: whether it belongs
//! to the peer, and the source to send to.
//! Invariants: nobody is heard before a remote was agreed; a source is heard only if its address
//! is the agreed one (at any port: translators change those) or lies in an allowed network; a
//! source other than the agreed address and port is believed after [`PROVED`] packets in
//! sequence of one stream; while the believed one sends, only the agreed one may take over.
//! It deliberately reads no packets and keeps no keys: SRTP would prove more.
//! Sources: RFC 4961 (symmetric RTP), RFC 7362 §4 (latching and who may misuse it), RFC 3550
//! A.1 (probation).

use std::net::{IpAddr, SocketAddr};

use crate::base::{Millis, Network, Timestamp};

/// Packets in sequence after which a new source is believed: a guess of three numbers in a row
/// is a listener, not a stray.
const PROVED: u8 = 3;
/// Quiet time of the believed source after which another may take its place: longer than any
/// pause in a stream that is still there, short enough for a caller whose router changed ports.
const QUIET: Millis = Millis(2_000);

/// What decides about one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) source: SocketAddr,
    pub(super) ssrc: u32,
    pub(super) payload_type: u8,
    pub(super) number: u16,
    /// True for audio and digits; comfort noise moves nobody.
    pub(super) is_good: bool,
}

/// What becomes of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It is the peer's: hear it.
    Peer,
    /// It may become the peer's: not heard yet.
    OnTrial,
    /// It is not: not heard, and counted where a peer is agreed.
    Stranger,
}

#[derive(Clone, Copy, Debug)]
struct Believed {
    source: SocketAddr,
    heard_at: Timestamp,
}

/// A source that may be the peer, and how far it has proved it.
#[derive(Clone, Copy, Debug)]
struct Trial {
    last: Seen,
    in_sequence: u8,
}

/// Follows where the peer's packets come from.
#[derive(Clone, Debug)]
pub(super) struct Latch {
    allowed: Vec<Network>,
    negotiated: Option<SocketAddr>,
    believed: Option<Believed>,
    trial: Option<Trial>,
    strangers: u64,
}

impl Latch {
    /// A latch that believes nobody yet. Sources in these networks count as the peer's address.
    pub(super) fn new(allowed: Vec<Network>) -> Self {
        Self { allowed, negotiated: None, believed: None, trial: None, strangers: 0 }
    }

    /// Takes the agreed address; a new one must be found anew.
    pub(super) fn set_remote(&mut self, remote: SocketAddr) {
        if self.negotiated != Some(remote) {
            (self.negotiated, self.believed, self.trial) = (Some(remote), None, None);
        }
    }

    /// Where the peer was heard, which may differ from what was agreed.
    pub(super) fn source(&self) -> Option<SocketAddr> {
        self.believed.map(|believed| believed.source)
    }

    /// Packets of strangers since the beginning.
    pub(super) fn strangers(&self) -> u64 {
        self.strangers
    }

    /// True where packets from this address may be the peer's.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let sources = [self.negotiated, self.source()];
        sources.into_iter().flatten().any(|source| source.ip().to_canonical() == address)
            || self.allowed.iter().any(|network| network.contains(address))
    }

    /// Counts a packet of a stranger that was not read.
    pub(super) fn refuse(&mut self) {
        self.strangers += 1;
    }

    /// Decides about one packet.
    pub(super) fn admit(&mut self, now: Timestamp, seen: Seen) -> Admission {
        let Some(negotiated) = self.negotiated else { return Admission::Stranger };
        let admission = self.judge(now, seen, negotiated);
        match admission {
            Admission::Peer => {
                self.believed = Some(Believed { source: seen.source, heard_at: now });
                self.trial = None;
            }
            Admission::OnTrial => {}
            Admission::Stranger => self.strangers += 1,
        }
        admission
    }

    fn judge(&mut self, now: Timestamp, seen: Seen, negotiated: SocketAddr) -> Admission {
        let is_believed = self.believed.is_some_and(|believed| believed.source == seen.source);
        if is_believed {
            return Admission::Peer;
        }
        let is_agreed = canonical(seen.source) == canonical(negotiated);
        if is_agreed && (seen.is_good || self.believed.is_none()) {
            return Admission::Peer;
        }
        let address = seen.source.ip();
        let is_allowed = negotiated.ip().to_canonical() == address.to_canonical()
            || self.allowed.iter().any(|network| network.contains(address));
        let is_taken = self.believed.is_some_and(|believed| now.since(believed.heard_at) < QUIET);
        if !is_allowed || is_taken {
            return Admission::Stranger;
        }
        if seen.is_good { self.try_out(seen) } else { Admission::OnTrial }
    }

    fn try_out(&mut self, seen: Seen) -> Admission {
        let follows = |trial: &Trial| {
            let last = trial.last;
            last.source == seen.source
                && last.ssrc == seen.ssrc
                && last.payload_type == seen.payload_type
                && last.number.wrapping_add(1) == seen.number
        };
        let before = self.trial.filter(follows).map_or(0, |trial| trial.in_sequence);
        let in_sequence = before.saturating_add(1);
        self.trial = Some(Trial { last: seen, in_sequence });
        if in_sequence >= PROVED { Admission::Peer } else { Admission::OnTrial }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
