//! Where packets stand in their RTP stream, and how the stream does.
//!
//! In: source, sequence number, timestamp and arrival of each packet. Out: sequence numbers that
//! do not wrap, and the loss and jitter a receiver reports.
//! Invariant: one packet out of line never moves the count; two in a row restart it.
//! Source: RFC 3550, appendix A.1 (sequence), A.3 (loss), A.8 (jitter).

use super::SAMPLES_PER_MILLI;
use super::rtcp::Heard;
use crate::base::Timestamp;

/// Largest gap that is loss and not a restart. Source: RFC 3550 A.1, MAX_DROPOUT.
const DROPOUT_MAX: u16 = 3_000;
/// Furthest a packet may come late. Source: RFC 3550 A.1, MAX_MISORDER.
const MISORDER_MAX: u16 = 100;
/// One turn of the 16-bit counter.
const TURN: u64 = 1 << 16;

/// Where a packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the stream, at this sequence number.
    At(u64),
    /// The first of a stream, new or begun again.
    First(u64),
    /// Far from the stream, and alone so far.
    Stray,
}

/// The count of one source after the other.
#[derive(Clone, Debug, Default)]
pub(super) struct Reception {
    stream: Option<Stream>,
    /// Packets expected from sources before this one.
    expected_before: u64,
    /// Packets that came from them.
    received_before: u64,
    received: u64,
    transit: Option<i64>,
    /// In timestamp units times 16.
    jitter: i64,
}

#[derive(Clone, Copy, Debug)]
struct Stream {
    source: u32,
    base: u64,
    highest: u64,
    /// The number that would show a stray to be a restart.
    restart: Option<u16>,
}

impl Stream {
    fn starting(source: u32, number: u16) -> Self {
        // One turn ahead, so that a packet from before the first has a number too.
        let base = TURN + u64::from(number);
        Self { source, base, highest: base, restart: None }
    }

    fn expected(&self) -> u64 {
        self.highest - self.base + 1
    }
}

impl Reception {
    /// Places a packet and counts it.
    pub(super) fn place(&mut self, source: u32, number: u16) -> Place {
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.source == source) else {
            return self.start(source, number);
        };
        let ahead = number.wrapping_sub(stream.highest as u16);
        let behind = (stream.highest as u16).wrapping_sub(number);
        let place = if ahead < DROPOUT_MAX {
            stream.highest += u64::from(ahead);
            stream.highest
        } else if behind <= MISORDER_MAX {
            stream.highest - u64::from(behind)
        } else if stream.restart == Some(number) {
            return self.start(source, number);
        } else {
            stream.restart = Some(number.wrapping_add(1));
            return Place::Stray;
        };
        self.received += 1;
        Place::At(place)
    }

    fn start(&mut self, source: u32, number: u16) -> Place {
        self.expected_before += self.stream.map_or(0, |stream| stream.expected());
        self.received_before = self.received;
        let stream = Stream::starting(source, number);
        self.stream = Some(stream);
        self.transit = None;
        self.received += 1;
        Place::First(stream.highest)
    }

    /// Measures the jitter of an audio packet. Digits keep one timestamp and would spoil it.
    pub(super) fn measure(&mut self, now: Timestamp, timestamp: u32) {
        let arrival = now.as_micros().saturating_mul(SAMPLES_PER_MILLI as i64) / 1_000;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let change = i64::from((transit.wrapping_sub(before)) as i32).abs();
            self.jitter += change - ((self.jitter + 8) >> 4);
        }
    }

    /// What a report says of the source heard now.
    pub(super) fn report(&self) -> Option<Heard> {
        let stream = self.stream?;
        Some(Heard {
            ssrc: stream.source,
            expected: stream.expected(),
            received: self.received - self.received_before,
            // The first turn here is the one ahead of the first packet.
            highest: stream.highest.wrapping_sub(TURN) as u32,
            jitter: u32::try_from(self.jitter >> 4).unwrap_or(0),
        })
    }

    /// Packets that came, each copy counted.
    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// Packets expected less packets received; duplicates can make it negative.
    pub(super) fn lost(&self) -> i64 {
        let expected = self.expected_before + self.stream.map_or(0, |stream| stream.expected());
        i64::try_from(expected).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(0)
    }

    /// Interarrival jitter in timestamp units.
    #[cfg(test)]
    pub(super) fn jitter(&self) -> u64 {
        u64::try_from(self.jitter >> 4).unwrap_or(0)
    }

    /// Interarrival jitter in microseconds: one timestamp unit is 125.
    pub(super) fn jitter_micros(&self) -> u64 {
        u64::try_from(self.jitter * 125 / 16).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
