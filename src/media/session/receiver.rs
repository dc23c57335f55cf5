//! What comes in: packets put in order, taken apart into digits and frames, and listened to.
//!
//! In: packets of the latched source, and the time. Out: events, and frames while forwarding.
//! Invariants: detectors hear an unbroken line, where lost packets are filled in and a stream that
//! stops is silence, so that speech always ends; frames forwarded are only what really came.

use std::collections::VecDeque;

use rtp::packet::Packet;

use super::{DigitPath, Kind, MediaEvent, MediaOutput, Negotiated};
use crate::base::{Millis, Timestamp};
use crate::media::digit::DigitReceiver;
use crate::media::reception::{Place, Reception};
use crate::media::reorder::{Ready, Reorder};
use crate::media::{
    Activity, ActivityChange, ActivitySettings, Codec, Digit, DualToneDetector, FRAME_MILLIS,
    FRAME_SAMPLES, Frame, ProgressDetector, SILENCE, sdp,
};

/// Time without audio after which the line counts as silent. The longest a stream that goes on
/// pauses is 60 ms for a lost packet, two frames, and the jitter of a bad line, some 50 ms each way.
const STOPPED_AFTER: Millis = Millis(200);
/// Longest hole filled with what was last heard, in frames. Source: ITU-T G.711 appendix I.
const FILLED_MAX: u32 = 3;
/// Longest hole filled at all; more is a pause of the sender, or left to `STOPPED_AFTER`.
const HOLE_MAX: u32 = 5;
/// Time after a telephone-event in which tones are its echo: gateways that send both let the
/// tone through before they cut it, and after it by no more than their own delay.
const MUTED_AFTER_EVENT: Millis = Millis(500);
/// Frames in which networks, faxes and voicemails say what they are: two minutes, the longest
/// that is rung. Later a tone says nothing, and listening for it is the dearest part of a leg.
const PROGRESS_FRAMES: u64 = 6_000;

/// Follows one stream.
#[derive(Debug)]
pub(super) struct Receiver {
    reception: Reception,
    reorder: Reorder,
    digits: DigitReceiver,
    /// Digits as tones in the audio.
    dual_tones: DualToneDetector,
    /// Up to when telephone-events stand in for those.
    muted_until: Timestamp,
    activity: Activity,
    /// Nothing once its time is over.
    progress: Option<ProgressDetector>,
    /// Frames heard so far.
    frames: u64,
    /// The payload type of digits in our answer, where the other side offered.
    agreed_event: Option<u8>,
    is_listening: bool,
    is_forwarding: bool,
    has_heard: bool,
    /// Samples that do not make a frame yet.
    partial: Vec<i16>,
    last_frame: Frame,
    /// Timestamp after the last audio.
    next_timestamp: Option<u32>,
    /// Up to when the detectors have heard the line.
    heard_until: Timestamp,
}

impl Receiver {
    pub(super) fn new(activity: ActivitySettings, detect_progress: bool) -> Self {
        Self {
            reception: Reception::default(),
            reorder: Reorder::default(),
            digits: DigitReceiver::default(),
            dual_tones: DualToneDetector::default(),
            muted_until: Timestamp::EPOCH,
            activity: Activity::new(activity),
            progress: detect_progress.then(ProgressDetector::default),
            frames: 0,
            agreed_event: None,
            is_listening: true,
            is_forwarding: false,
            has_heard: false,
            partial: Vec::new(),
            last_frame: SILENCE,
            next_timestamp: None,
            heard_until: Timestamp::from_micros(0),
        }
    }

    pub(super) fn reception(&self) -> &Reception {
        &self.reception
    }

    pub(super) fn set_forwarding(&mut self, on: bool) {
        self.is_forwarding = on;
    }

    /// Takes what SDP agreed. Where the direction is not to here, packets are counted and not
    /// heard.
    pub(super) fn set_agreed(&mut self, negotiated: &Negotiated) {
        self.agreed_event = negotiated.telephone_event;
        self.is_listening = negotiated.direction.receives();
    }

    /// What is in packets of this type. They carry the numbers of our own description: those we
    /// offer, or those of the offer we answered.
    pub(super) fn kind_of(&self, payload_type: u8) -> Kind {
        if let Some(codec) = Codec::from_payload_type(payload_type) {
            Kind::Audio(codec)
        } else if payload_type == sdp::TELEPHONE_EVENT || self.agreed_event == Some(payload_type) {
            Kind::Digit
        } else {
            Kind::Other
        }
    }

    /// Takes a packet; says how many turned out to be malformed.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        packet: Packet,
        outputs: &mut VecDeque<MediaOutput>,
    ) -> u64 {
        let kind = self.kind_of(packet.header.payload_type);
        if !self.has_heard && kind != Kind::Other {
            self.has_heard = true;
            outputs.push_back(MediaOutput::Event(MediaEvent::FirstPacket));
        }
        let header = &packet.header;
        let place = self.reception.place(header.ssrc, header.sequence_number);
        let mut malformed = 0;
        let number = match place {
            Place::Stray => return 0,
            Place::At(number) => number,
            Place::First(number) => {
                malformed += self.restart(now, outputs);
                number
            }
        };
        if let Kind::Audio(_) = kind {
            self.reception.measure(now, header.timestamp);
        }
        self.reorder.push(now, number, packet);
        malformed + self.drain(now, outputs)
    }

    /// Does what is due; says how many packets turned out to be malformed.
    pub(super) fn handle_timeout(
        &mut self,
        now: Timestamp,
        outputs: &mut VecDeque<MediaOutput>,
    ) -> u64 {
        self.reorder.handle_timeout(now);
        let malformed = self.drain(now, outputs);
        let mut digits = Vec::new();
        self.digits.handle_timeout(now, &mut digits);
        report(now, digits, outputs);
        while self.stops_at().is_some_and(|at| at <= now) {
            for _ in 0..STOPPED_AFTER.0 / FRAME_MILLIS {
                self.heard_until = self.heard_until.plus(Millis(FRAME_MILLIS));
                self.listen(now, &SILENCE, outputs);
            }
        }
        malformed
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let due = [self.reorder.poll_timeout(), self.digits.poll_timeout(), self.stops_at()];
        due.into_iter().flatten().min()
    }

    /// When the line counts as silent, where that would end something.
    fn stops_at(&self) -> Option<Timestamp> {
        let is_open = self.activity.is_speaking()
            || self.progress.as_ref().is_some_and(ProgressDetector::is_open)
            || self.dual_tones.is_open();
        is_open.then(|| self.heard_until.plus(STOPPED_AFTER))
    }

    /// Ends what came from another source, or before a jump.
    fn restart(&mut self, now: Timestamp, outputs: &mut VecDeque<MediaOutput>) -> u64 {
        self.reorder.restart();
        let malformed = self.drain(now, outputs);
        let mut digits = Vec::new();
        self.digits.restart(&mut digits);
        report(now, digits, outputs);
        self.partial.clear();
        self.next_timestamp = None;
        malformed
    }

    fn drain(&mut self, now: Timestamp, outputs: &mut VecDeque<MediaOutput>) -> u64 {
        let mut malformed = 0;
        while let Some(Ready { packet, missing }) = self.reorder.pop() {
            if !self.is_listening {
                self.next_timestamp = None;
                continue;
            }
            match self.kind_of(packet.header.payload_type) {
                Kind::Audio(codec) => self.take_audio(now, codec, &packet, missing, outputs),
                Kind::Digit => malformed += self.take_digit(now, &packet, outputs),
                Kind::Other => {}
            }
        }
        malformed
    }

    fn take_digit(
        &mut self,
        now: Timestamp,
        packet: &Packet,
        outputs: &mut VecDeque<MediaOutput>,
    ) -> u64 {
        let mut digits = Vec::new();
        let timestamp = packet.header.timestamp;
        let taken = self.digits.receive(now, timestamp, &packet.payload, &mut digits);
        report(now, digits, outputs);
        self.muted_until = now.plus(MUTED_AFTER_EVENT);
        self.dual_tones.forget();
        u64::from(taken.is_err())
    }

    fn take_audio(
        &mut self,
        now: Timestamp,
        codec: Codec,
        packet: &Packet,
        missing: u64,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        let timestamp = packet.header.timestamp;
        if missing > 0 {
            self.fill_hole(now, timestamp, missing, outputs);
        }
        // A payload has no more than the 64 KiB of its datagram.
        self.next_timestamp = Some(timestamp.wrapping_add(packet.payload.len() as u32));
        self.partial.extend(codec.decode(&packet.payload));
        let samples = std::mem::take(&mut self.partial);
        let (frames, rest) = samples.as_chunks::<FRAME_SAMPLES>();
        for frame in frames {
            self.heard_until = now;
            self.last_frame = *frame;
            self.listen(now, frame, outputs);
            if self.is_forwarding {
                outputs.push_back(MediaOutput::Frame(*frame));
            }
        }
        self.partial.extend_from_slice(rest);
    }

    /// Lets the detectors hear something in place of lost audio.
    fn fill_hole(
        &mut self,
        now: Timestamp,
        timestamp: u32,
        missing: u64,
        outputs: &mut VecDeque<MediaOutput>,
    ) {
        let Some(expected) = self.next_timestamp else {
            return;
        };
        // A packet from the past gives a hole of almost a whole turn of the clock.
        let hole = timestamp.wrapping_sub(expected) / FRAME_SAMPLES as u32;
        if hole > HOLE_MAX {
            return;
        }
        // Some of the hole may have been digits.
        for number in 0..hole.min(u32::try_from(missing).unwrap_or(HOLE_MAX)) {
            let frame = if number < FILLED_MAX { self.last_frame } else { SILENCE };
            self.listen(now, &frame, outputs);
        }
    }

    fn listen(&mut self, now: Timestamp, frame: &Frame, outputs: &mut VecDeque<MediaOutput>) {
        self.frames += 1;
        if self.frames > PROGRESS_FRAMES {
            self.progress = None;
        }
        if let Some(progress) = self.progress.as_mut().and_then(|tones| tones.push(frame)) {
            let event = MediaEvent::ProgressHeard { progress, at: now };
            outputs.push_back(MediaOutput::Event(event));
        }
        // Some phones let the key's tones through beside the telephone-event.
        if self.muted_until <= now
            && let Some((digit, _held)) = self.dual_tones.push(frame)
        {
            let event = MediaEvent::Digit { digit, path: DigitPath::InBand, at: now };
            outputs.push_back(MediaOutput::Event(event));
        }
        let is_key = self.digits.is_under_way() || self.dual_tones.is_sounding();
        let is_tone = self.progress.as_ref().is_some_and(ProgressDetector::is_sounding);
        let is_other = is_tone || is_key;
        let change = if is_other { self.activity.push_other() } else { self.activity.push(frame) };
        let event = match change {
            None => return,
            Some(ActivityChange::Started) => MediaEvent::SpeechStarted { at: now },
            Some(ActivityChange::Ended { duration }) => {
                MediaEvent::SpeechEnded { at: now, duration }
            }
        };
        outputs.push_back(MediaOutput::Event(event));
    }
}

fn report(at: Timestamp, digits: Vec<(Digit, Millis)>, outputs: &mut VecDeque<MediaOutput>) {
    let path = DigitPath::Event;
    let events = digits.into_iter().map(|(digit, _held)| MediaEvent::Digit { digit, path, at });
    outputs.extend(events.map(MediaOutput::Event));
}
