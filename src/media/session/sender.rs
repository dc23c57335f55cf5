//! What goes out: one packet every 20 ms, of a digit, a clip, the bridge, or silence.
//!
//! In: what SDP agreed, and the time. Out: packets.
//! Invariants: steps lie 20 ms apart on the clock, counted from the first, so that nothing
//! drifts; sequence numbers have no gaps; a digit's packets are alone on the line.

use std::net::SocketAddr;

use super::packing::{Packed, Packing};
use super::player::Player;
use super::{Negotiated, Out, PACKET_MAX};
use crate::base::{Millis, Rng, Timestamp};
use crate::media::digit::DigitSender;
use crate::media::packet::{self, FIXED};
use crate::media::rtcp::Sent;
use crate::media::{Digit, FRAME_MILLIS, Frame, Mixer, SAMPLE_RATE, SILENCE, comfort};

/// Most steps made up for at once; later than that, they are skipped.
const LATE_MAX: u64 = 5;

/// Steps between two packets of comfort noise: 200 ms, so that nobody takes the line for dead.
const NOISE_EVERY: u8 = 10;

/// Steps between two packets that keep the way open before anybody answers: half a second.
const OPENER_EVERY: u8 = 25;

/// Numbers, paces and addresses what is sent.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) player: Player,
    negotiated: Option<Negotiated>,
    /// Nothing until there is something agreed.
    packing: Option<Box<Packing>>,
    digits: DigitSender,
    /// Steps until comfort noise is sent again.
    noise_in: u8,
    /// Nobody answered yet: nothing is said, but now and then a packet of silence, so that address
    /// translators and gateways let what the other side sends through.
    is_early: bool,
    /// Steps until that packet is sent again.
    opener_in: u8,
    bridge: Mixer,
    silence_when_idle: bool,
    ssrc: u32,
    /// Of the next packet.
    sequence_number: u16,
    /// Of the next step.
    timestamp: u32,
    next_at: Option<Timestamp>,
    last: Last,
    packets_sent: u64,
    /// Bytes of payload.
    octets_sent: u64,
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
            packing: None,
            digits: DigitSender::default(),
            noise_in: 0,
            is_early: false,
            opener_in: 0,
            bridge: Mixer::default(),
            silence_when_idle,
            ssrc: rng.bits() as u32,
            sequence_number: rng.bits() as u16,
            timestamp: rng.bits() as u32,
            next_at: None,
            last: Last::Nothing,
            packets_sent: 0,
            octets_sent: 0,
        }
    }

    /// The same before anybody answers: steps go on, and nothing is said.
    pub(super) fn set_early_remote(&mut self, now: Timestamp, negotiated: &Negotiated) {
        self.set_remote(now, negotiated);
        (self.is_early, self.opener_in) = (true, 0);
    }

    pub(super) fn set_remote(&mut self, now: Timestamp, negotiated: &Negotiated) {
        self.is_early = false;
        self.negotiated = Some(*negotiated);
        match &mut self.packing {
            Some(packing) => packing.set_agreed(negotiated),
            None => self.packing = Some(Box::new(Packing::new(negotiated))),
        }
        self.next_at.get_or_insert(now);
        if negotiated.telephone_event.is_none() {
            self.digits = DigitSender::default();
        } else if !negotiated.direction.sends() {
            self.digits.interrupt();
        }
    }

    /// Whether anything was agreed.
    pub(super) const fn has_begun(&self) -> bool {
        self.negotiated.is_some()
    }

    pub(super) fn send_digit(&mut self, digit: Digit, held: Millis) {
        if self.negotiated.is_none_or(|negotiated| negotiated.telephone_event.is_some()) {
            self.digits.push(digit, held);
        }
    }

    pub(super) fn feed(&mut self, port: usize, frame: &Frame) {
        self.bridge.push(port, frame);
    }

    pub(super) fn packets_sent(&self) -> u64 {
        self.packets_sent
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Steps of the timestamp per second.
    pub(super) fn clock_rate(&self) -> u32 {
        self.negotiated.map_or(SAMPLE_RATE, |negotiated| negotiated.codec.clock_rate())
    }

    /// What a report says of the stream.
    pub(super) fn report(&self, now: Timestamp) -> Sent {
        // The timestamp is that of the next step, which is still to come.
        let ahead = self.next_at.map_or(0, |next| next.as_micros() - now.as_micros());
        let steps = ahead.saturating_mul(i64::from(self.clock_rate())) / 1_000_000;
        Sent {
            ssrc: self.ssrc,
            packets: self.packets_sent,
            octets: self.octets_sent,
            rtp: self.timestamp.wrapping_sub(steps as u32),
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.next_at
    }

    /// Makes the steps that are due; says how many. `latched` is where packets come from, if any
    /// came.
    pub(super) fn handle_timeout(
        &mut self,
        latched: Option<SocketAddr>,
        out: &mut Out<'_>,
    ) -> usize {
        let (Some(negotiated), Some(due)) = (self.negotiated, self.next_at) else {
            return 0;
        };
        let per_step = negotiated.codec.clock_rate() / 50;
        let mut steps = 0;
        let mut next_at = due;
        let late = out.now.since(due).0 / FRAME_MILLIS;
        if late > LATE_MAX {
            for step in 0..late {
                out.sent(due.plus(Millis(step * FRAME_MILLIS)), None);
            }
            next_at = due.plus(Millis(late * FRAME_MILLIS));
            self.timestamp = self.timestamp.wrapping_add(per_step.wrapping_mul(late as u32));
            self.last = Last::Nothing;
            self.clear();
        }
        while next_at <= out.now {
            let frame = self.step(&negotiated, latched, out);
            out.sent(next_at, frame.as_ref());
            self.timestamp = self.timestamp.wrapping_add(per_step);
            steps += 1;
            let following = next_at.plus(Millis(FRAME_MILLIS));
            if following <= next_at {
                break; // the end of time
            }
            next_at = following;
        }
        self.next_at = Some(next_at);
        steps
    }

    /// Sends what this step has; gives back the audio in it.
    fn step(
        &mut self,
        negotiated: &Negotiated,
        latched: Option<SocketAddr>,
        out: &mut Out<'_>,
    ) -> Option<Frame> {
        self.player.end_if_done(out);
        let to = latched.unwrap_or(negotiated.remote);
        if !negotiated.direction.sends() || to.ip().is_unspecified() || to.port() == 0 {
            self.bridge.clear();
            self.clear();
            self.last = Last::Nothing;
            return None;
        }
        if self.is_early {
            self.open_way(to, negotiated, out);
            return None;
        }
        let digit = negotiated.telephone_event.and_then(|event| {
            let packet = self.digits.step(self.timestamp, event.clock_rate)?;
            Some((event.payload_type, packet))
        });
        if let Some((number, digit)) = digit {
            self.flush(to, negotiated, out);
            let mut packet = [0; PACKET_MAX];
            let length = put(&mut packet, digit.payload);
            self.transmit(to, number, digit.marker, digit.timestamp, &mut packet, length, out);
            self.last = Last::Nothing;
            return None;
        }
        self.step_audio(to, negotiated, out)
    }

    fn step_audio(
        &mut self,
        to: SocketAddr,
        negotiated: &Negotiated,
        out: &mut Out<'_>,
    ) -> Option<Frame> {
        let frame = match self.player.next_frame(out) {
            Some(frame) => Some(frame),
            None => self.bridge.pull(),
        };
        let what = match (&frame, self.silence_when_idle) {
            (Some(_), _) => Last::Audio,
            (None, true) => Last::Silence,
            (None, false) => Last::Nothing,
        };
        let marker = match self.last {
            Last::Nothing => true,
            Last::Silence => what == Last::Audio,
            Last::Audio => false,
        };
        self.last = what;
        let noise = negotiated.comfort_noise.filter(|_| what == Last::Silence);
        if let Some(number) = noise {
            self.flush(to, negotiated, out);
            self.make_noise(to, number, out);
        } else if what == Last::Nothing {
            self.flush(to, negotiated, out);
        } else {
            self.noise_in = 0;
            if let Some(packing) = &mut self.packing {
                packing.push(frame.as_ref().unwrap_or(&SILENCE), self.timestamp, marker);
            }
            self.transmit_packed(to, negotiated, out);
        }
        frame
    }

    /// Sends silence, from time to time. What was to be said meanwhile is dropped.
    fn open_way(&mut self, to: SocketAddr, negotiated: &Negotiated, out: &mut Out<'_>) {
        self.bridge.clear();
        self.clear();
        if self.opener_in == 0 {
            self.opener_in = OPENER_EVERY;
            if let Some(packing) = &mut self.packing {
                packing.push(&SILENCE, self.timestamp, true);
            }
            self.flush(to, negotiated, out);
        }
        self.opener_in -= 1;
        self.last = Last::Nothing;
    }

    /// Sends comfort noise in place of silence, from time to time.
    fn make_noise(&mut self, to: SocketAddr, number: u8, out: &mut Out<'_>) {
        if self.noise_in == 0 {
            self.noise_in = NOISE_EVERY;
            let mut packet = [0; PACKET_MAX];
            let length = put(&mut packet, comfort::PAYLOAD);
            self.transmit(to, number, false, self.timestamp, &mut packet, length, out);
        }
        self.noise_in -= 1;
    }

    /// Sends the packet under way, before something that is no audio.
    fn flush(&mut self, to: SocketAddr, negotiated: &Negotiated, out: &mut Out<'_>) {
        if let Some(packing) = &mut self.packing {
            packing.flush();
        }
        self.transmit_packed(to, negotiated, out);
    }

    /// Drops the packet under way.
    fn clear(&mut self) {
        if let Some(packing) = &mut self.packing {
            packing.clear();
        }
    }

    /// Sends what packets are full.
    fn transmit_packed(&mut self, to: SocketAddr, negotiated: &Negotiated, out: &mut Out<'_>) {
        let mut packet = [0; PACKET_MAX];
        loop {
            let payload = packet.get_mut(FIXED..).unwrap_or_default();
            let packed = self.packing.as_mut().and_then(|packing| packing.pop(payload));
            let Some(Packed { timestamp, marker, length }) = packed else { return };
            let number = negotiated.payload_type;
            self.transmit(to, number, marker, timestamp, &mut packet, length, out);
        }
    }

    /// Heads a packet and sends it. `length` is that of its payload, which stands in place.
    #[expect(clippy::too_many_arguments, reason = "the fields of one header")]
    fn transmit(
        &mut self,
        to: SocketAddr,
        payload_type: u8,
        marker: bool,
        timestamp: u32,
        packet: &mut [u8; PACKET_MAX],
        length: usize,
        out: &mut Out<'_>,
    ) {
        let number = self.sequence_number;
        packet::write_header(packet, payload_type, marker, number, timestamp, self.ssrc);
        self.sequence_number = number.wrapping_add(1);
        self.packets_sent += 1;
        self.octets_sent += length as u64;
        out.transmit(to, packet, FIXED + length);
    }
}

/// Puts a payload where it belongs in a packet; says how long it is.
fn put(packet: &mut [u8; PACKET_MAX], payload: impl IntoIterator<Item = u8>) -> usize {
    let room = packet.iter_mut().skip(FIXED);
    room.zip(payload).map(|(slot, byte)| *slot = byte).count()
}
