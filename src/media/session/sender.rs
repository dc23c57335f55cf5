//! What goes out: one packet every 20 ms, of a digit, a clip, the bridge, or silence.
//!
//! In: what SDP agreed, and the time. Out: packets.
//! Invariants: steps lie 20 ms apart on the clock, counted from the first, so that nothing
//! drifts; sequence numbers have no gaps; a digit's packets are alone on the line.

use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;

use super::player::Player;
use super::{MediaOutput, Negotiated};
use crate::base::{Millis, Rng, Timestamp};
use crate::media::digit::DigitSender;
use crate::media::{Codec, Digit, FRAME_MILLIS, FRAME_SAMPLES, Frame, packet};

/// Most steps made up for at once; later than that, they are skipped.
const LATE_MAX: u64 = 5;
/// Most frames of the bridge that wait: 100 ms.
const BRIDGE_MAX: usize = 5;

/// Numbers, paces and addresses what is sent.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) player: Player,
    negotiated: Option<Negotiated>,
    digits: DigitSender,
    bridge: VecDeque<Frame>,
    silence_when_idle: bool,
    ssrc: u32,
    /// Of the next packet.
    sequence_number: u16,
    /// Of the next step.
    timestamp: u32,
    next_at: Option<Timestamp>,
    last: Last,
    packets_sent: u64,
}

/// What the step before sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// No audio: whatever follows begins a talk spurt.
    Nothing,
    Silence,
    Audio,
}

impl Sender {
    pub(super) fn new(silence_when_idle: bool, rng: &mut Rng) -> Self {
        Self {
            player: Player::default(),
            negotiated: None,
            digits: DigitSender::default(),
            bridge: VecDeque::new(),
            silence_when_idle,
            ssrc: rng.bits() as u32,
            sequence_number: rng.bits() as u16,
            timestamp: rng.bits() as u32,
            next_at: None,
            last: Last::Nothing,
            packets_sent: 0,
        }
    }

    pub(super) fn set_remote(&mut self, now: Timestamp, negotiated: &Negotiated) {
        self.negotiated = Some(*negotiated);
        self.next_at.get_or_insert(now);
        if negotiated.telephone_event.is_none() {
            self.digits = DigitSender::default();
        } else if !negotiated.direction.sends() {
            self.digits.interrupt();
        }
    }

    pub(super) fn send_digit(&mut self, digit: Digit, held: Millis) {
        if self.negotiated.is_none_or(|negotiated| negotiated.telephone_event.is_some()) {
            self.digits.push(digit, held);
        }
    }

    pub(super) fn feed(&mut self, frame: Frame) {
        if self.bridge.len() >= BRIDGE_MAX {
            self.bridge.pop_front();
        }
        self.bridge.push_back(frame);
    }

    pub(super) fn packets_sent(&self) -> u64 {
        self.packets_sent
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_at
    }

    /// Makes the steps that are due. `latched` is where packets come from, if any came.
    pub(super) fn handle_timeout(
        &mut self,
        now: Timestamp,
        latched: Option<SocketAddr>,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        let (Some(negotiated), Some(due)) = (self.negotiated, self.next_at) else {
            return;
        };
        let mut next_at = due;
        let late = now.since(due).0 / FRAME_MILLIS;
        if late > LATE_MAX {
            next_at = due.plus(Millis(late * FRAME_MILLIS));
            let samples = (late as u32).wrapping_mul(FRAME_SAMPLES as u32);
            self.timestamp = self.timestamp.wrapping_add(samples);
            self.last = Last::Nothing;
        }
        while next_at <= now {
            self.step(now, &negotiated, latched, outputs);
            self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
            let following = next_at.plus(Millis(FRAME_MILLIS));
            if following <= next_at {
                break; // the end of time
            }
            next_at = following;
        }
        self.next_at = Some(next_at);
    }

    fn step(
        &mut self,
        now: Timestamp,
        negotiated: &Negotiated,
        latched: Option<SocketAddr>,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        self.player.end_if_done(now, outputs);
        let to = latched.unwrap_or(negotiated.remote);
        if !negotiated.direction.sends() || to.ip().is_unspecified() || to.port() == 0 {
            self.bridge.clear();
            self.last = Last::Nothing;
            return;
        }
        let digit = negotiated.telephone_event.and_then(|number| {
            let packet = self.digits.step(self.timestamp)?;
            Some((number, packet))
        });
        if let Some((number, digit)) = digit {
            let payload = Bytes::copy_from_slice(&digit.payload);
            self.transmit(to, number, digit.marker, digit.timestamp, payload, outputs);
            self.last = Last::Nothing;
        } else {
            self.step_audio(now, to, negotiated.codec, outputs);
        }
    }

    fn step_audio(
        &mut self,
        now: Timestamp,
        to: SocketAddr,
        codec: Codec,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        let frame = match self.player.next_frame(now, outputs) {
            Some(frame) => Some(frame),
            None => self.bridge.pop_front(),
        };
        let (payload, what) = match frame {
            Some(frame) => (Bytes::from(codec.encode(&frame)), Last::Audio),
            None if self.silence_when_idle => (Bytes::from_static(codec.silence()), Last::Silence),
            None => {
                self.last = Last::Nothing;
                return;
            }
        };
        let marker = match self.last {
            Last::Nothing => true,
            Last::Silence => what == Last::Audio,
            Last::Audio => false,
        };
        self.last = what;
        self.transmit(to, codec.payload_type(), marker, self.timestamp, payload, outputs);
    }

    fn transmit(
        &mut self,
        to: SocketAddr,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        payload: Bytes,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        let number = self.sequence_number;
        let bytes = packet::write(payload_type, marker, number, timestamp, self.ssrc, payload);
        self.sequence_number = number.wrapping_add(1);
        self.packets_sent += 1;
        outputs.push_back(MediaOutput::Transmit { to, bytes });
    }
}
