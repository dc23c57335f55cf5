//! What comes in: packets put in order, taken apart into digits and frames, and listened to.
//!
//! In: packets of the latched source, and the time. Out: events, and frames while forwarding or
//! recording.
//! Invariants: detectors hear an unbroken line, where lost packets are filled in and a stream that
//! stops is silence, so that speech always ends; frames forwarded are spaced evenly, whatever the
//! network does.

use super::clock::SampleClock;
use super::{DigitPath, Kind, MediaEvent, Negotiated, Out};
use crate::base::{Millis, Timestamp};
use crate::media::comfort::ComfortNoise;
use crate::media::digit::DigitReceiver;
use crate::media::packet::Packet;
use crate::media::playout::{Played, Playout};
use crate::media::reception::{Place, Reception};
use crate::media::reorder::{Piece, Ready, Reorder};
use crate::media::{
    Activity, ActivityChange, ActivitySettings, Codec, Decoder, Digit, DualToneDetector,
    FRAME_MILLIS, FRAME_SAMPLES, Frame, GreetingListener, Payload, PayloadMap, ProgressDetector,
    SILENCE, WordChange,
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

/// Samples of the longest packet that anybody sends: 120 ms. A longer one costs memory, once.
const SAMPLES_USUAL: usize = 960;
/// Frames in which a greeting may come: it may ring on for 30 s after the answer.
const GREETING_FRAMES: u64 = 2_000;

/// Follows one stream.
#[derive(Debug)]
pub(super) struct Receiver {
    reception: Reception,
    reorder: Reorder,
    ear: Ear,
    has_heard: bool,
    /// Timestamps of audio, whatever its clock, in samples of 8 kHz.
    clock: SampleClock,
    /// Runs of packets that were missing in their turn.
    loss_runs: u64,
}

/// Hears what is in the packets, once they are in order.
#[derive(Debug)]
struct Ear {
    digits: DigitReceiver,
    /// Digits as tones in the audio.
    dual_tones: DualToneDetector,
    /// Up to when telephone-events stand in for those.
    muted_until: Timestamp,
    activity: Activity,
    /// What the detectors were made by.
    settings: (ActivitySettings, bool),
    /// Nothing once its time is over.
    progress: Option<ProgressDetector>,
    /// Nothing once its time is over, or where nobody asks who answers.
    greeting: Option<GreetingListener>,
    /// Frames heard so far.
    frames: u64,
    /// What the numbers of packets stand for.
    receive_types: PayloadMap,
    is_listening: bool,
    /// What goes on to a bridge, while there is one.
    playout: Option<Box<Playout>>,
    decoder: Decoder,
    /// What a packet held, on its way to frames.
    samples: Vec<i16>,
    /// The noise of a silence that is not sent.
    noise: Option<ComfortNoise>,
    /// A frame under way, and how many of its samples are there.
    partial: (Frame, usize),
    last_frame: Frame,
    /// Timestamp after the last audio.
    next_timestamp: Option<u32>,
    /// Up to when the detectors have heard the line.
    heard_until: Timestamp,
}

impl Receiver {
    pub(super) fn new(activity: ActivitySettings, detect_progress: bool) -> Self {
        let ear = Ear {
            digits: DigitReceiver::default(),
            dual_tones: DualToneDetector::default(),
            muted_until: Timestamp::EPOCH,
            activity: Activity::new(activity),
            settings: (activity, detect_progress),
            progress: detect_progress.then(ProgressDetector::default),
            greeting: detect_progress.then(GreetingListener::default),
            frames: 0,
            receive_types: PayloadMap::default(),
            is_listening: true,
            playout: None,
            decoder: Decoder::default(),
            samples: Vec::with_capacity(SAMPLES_USUAL),
            noise: None,
            partial: (SILENCE, 0),
            last_frame: SILENCE,
            next_timestamp: None,
            heard_until: Timestamp::from_micros(0),
        };
        let (reception, reorder) = (Reception::default(), Reorder::default());
        let clock = SampleClock::default();
        Self { reception, reorder, ear, has_heard: false, clock, loss_runs: 0 }
    }

    pub(super) fn reception(&self) -> &Reception {
        &self.reception
    }

    pub(super) fn set_forwarding(&mut self, on: bool) {
        match (on, &self.ear.playout) {
            (true, None) => self.ear.playout = Some(Box::default()),
            (false, _) => self.ear.playout = None,
            (true, Some(_)) => {}
        }
    }

    /// The jitter buffer, while there is a bridge.
    pub(super) fn playout(&self) -> Option<&Playout> {
        self.ear.playout.as_deref()
    }

    pub(super) fn loss_runs(&self) -> u64 {
        self.loss_runs
    }

    /// Gives a bridge the frames of so many steps of 20 ms.
    pub(super) fn play(&mut self, steps: usize, out: &mut Out<'_>) {
        let Ear { playout, noise, .. } = &mut self.ear;
        let Some(playout) = playout else {
            return;
        };
        for _ in 0..steps {
            let mut frame = SILENCE;
            if playout.pull(out.now, &mut frame) != Played::Silence {
                out.sink.frame(&frame);
            } else if let Some(noise) = noise {
                out.sink.frame(&noise.frame());
            }
        }
    }

    /// Takes what SDP agreed. Where the direction is not to here, packets are counted and not
    /// heard.
    pub(super) fn set_agreed(&mut self, negotiated: &Negotiated) {
        self.ear.receive_types = negotiated.receive_types;
        self.ear.is_listening = negotiated.direction.receives();
    }

    /// Somebody answered: what was heard before says nothing of who did. Detectors begin anew.
    pub(super) fn listen_anew(&mut self) {
        let (activity, detect_progress) = self.ear.settings;
        self.ear.activity = Activity::new(activity);
        self.ear.progress = detect_progress.then(ProgressDetector::default);
        self.ear.greeting = detect_progress.then(GreetingListener::default);
        self.ear.frames = 0;
    }

    /// What is in packets of this type. They carry the numbers of our own description: those we
    /// offer, or those of the offer we answered.
    pub(super) fn kind_of(&self, payload_type: u8) -> Kind {
        self.ear.kind_of(payload_type)
    }

    /// Takes a packet; says how many turned out to be malformed.
    pub(super) fn receive(&mut self, packet: &Packet<'_>, out: &mut Out<'_>) -> u64 {
        let header = &packet.header;
        let kind = self.kind_of(header.payload_type);
        if !self.has_heard && kind != Kind::Other {
            self.has_heard = true;
            out.sink.event(MediaEvent::FirstPacket);
        }
        let place = self.reception.place(header.ssrc, header.sequence_number);
        let mut malformed = 0;
        let number = match place {
            Place::Stray => return 0,
            Place::At(number) => number,
            Place::First(number) => {
                malformed += self.restart(out);
                number
            }
        };
        let mut timestamp = header.timestamp;
        if let Kind::Audio(codec) = kind {
            timestamp = self.clock.samples(timestamp, codec.clock_rate());
            self.reception.measure(out.now, timestamp);
        }
        if let Kind::Audio(codec) = kind {
            self.ear.play_at_once(codec, number, packet, out.now);
        }
        let piece = Piece { payload_type: header.payload_type, timestamp, payload: packet.payload };
        if let Some(ready) = self.reorder.push(out.now, number, piece) {
            self.loss_runs += u64::from(ready.missing > 0);
            malformed += self.ear.take(&ready, out);
        }
        malformed + self.drain(out)
    }

    /// Does what is due; says how many packets turned out to be malformed.
    pub(super) fn handle_timeout(&mut self, out: &mut Out<'_>) -> u64 {
        self.reorder.handle_timeout(out.now);
        let malformed = self.drain(out);
        self.ear.handle_timeout(out);
        malformed
    }

    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        let due =
            [self.reorder.poll_timeout(), self.ear.digits.poll_timeout(), self.ear.stops_at()];
        due.into_iter().flatten().min()
    }

    /// Ends what came from another source, or before a jump.
    fn restart(&mut self, out: &mut Out<'_>) -> u64 {
        self.reorder.restart();
        self.clock = SampleClock::default();
        let malformed = self.drain(out);
        self.ear.restart(out);
        malformed
    }

    fn drain(&mut self, out: &mut Out<'_>) -> u64 {
        let mut malformed = 0;
        while let Some(ready) = self.reorder.pop() {
            self.loss_runs += u64::from(ready.missing > 0);
            malformed += self.ear.take(&ready, out);
        }
        malformed
    }
}

impl Ear {
    fn kind_of(&self, payload_type: u8) -> Kind {
        match self.receive_types.get(payload_type) {
            Some(Payload::Audio(codec)) => Kind::Audio(codec),
            Some(Payload::TelephoneEvent { clock_rate }) => Kind::Digit(clock_rate),
            Some(Payload::ComfortNoise) => Kind::Noise,
            None => Kind::Other,
        }
    }

    fn handle_timeout(&mut self, out: &mut Out<'_>) {
        let mut digits = Vec::new();
        self.digits.handle_timeout(out.now, &mut digits);
        report(digits, out);
        while self.stops_at().is_some_and(|at| at <= out.now) {
            for _ in 0..STOPPED_AFTER.0 / FRAME_MILLIS {
                self.heard_until = self.heard_until.plus(Millis(FRAME_MILLIS));
                self.listen(&SILENCE, out);
            }
        }
    }

    /// Gives frames to the jitter buffer before they are in order, which it does itself: only
    /// decoders with a memory, and frames in pieces, have to wait for their turn.
    fn play_at_once(&mut self, codec: Codec, number: u64, packet: &Packet<'_>, now: Timestamp) {
        let Some(playout) = self.playout.as_deref_mut().filter(|_| self.is_listening) else {
            return;
        };
        let Some(law) = codec.law().filter(|_| is_whole(codec, packet.payload)) else {
            return;
        };
        for (count, bytes) in (0_u32..).zip(packet.payload.chunks(FRAME_SAMPLES)) {
            let mut frame = SILENCE;
            frame.iter_mut().zip(law.decode(bytes)).for_each(|(slot, sample)| *slot = sample);
            let ahead = count.wrapping_mul(FRAME_SAMPLES as u32);
            playout.push(now, number, packet.header.timestamp.wrapping_add(ahead), &frame);
        }
    }

    /// When the line counts as silent, where that would end something.
    fn stops_at(&self) -> Option<Timestamp> {
        let is_open = self.activity.is_speaking()
            || self.progress.as_ref().is_some_and(ProgressDetector::is_open)
            || self.dual_tones.is_open();
        is_open.then(|| self.heard_until.plus(STOPPED_AFTER))
    }

    fn restart(&mut self, out: &mut Out<'_>) {
        let mut digits = Vec::new();
        self.digits.restart(&mut digits);
        report(digits, out);
        self.partial.1 = 0;
        self.next_timestamp = None;
        self.decoder = Decoder::default();
        self.noise = None;
        if let Some(playout) = &mut self.playout {
            playout.restart();
        }
        out.restarted();
    }

    /// Takes a packet in its turn; says how many turned out to be malformed.
    fn take(&mut self, ready: &Ready<'_>, out: &mut Out<'_>) -> u64 {
        if !self.is_listening {
            self.next_timestamp = None;
            return 0;
        }
        match self.kind_of(ready.piece.payload_type) {
            Kind::Audio(codec) => {
                self.take_audio(codec, ready, out);
                0
            }
            Kind::Digit(clock_rate) => {
                self.digits.set_clock_rate(clock_rate);
                self.take_digit(&ready.piece, out)
            }
            Kind::Noise => {
                self.take_noise(ready.piece.payload);
                0
            }
            Kind::Other => 0,
        }
    }

    fn take_digit(&mut self, piece: &Piece<'_>, out: &mut Out<'_>) -> u64 {
        // Costs nothing until a digit is over.
        let mut digits = Vec::new();
        let taken = self.digits.receive(out.now, piece.timestamp, piece.payload, &mut digits);
        report(digits, out);
        self.muted_until = out.now.plus(MUTED_AFTER_EVENT);
        self.dual_tones.forget();
        u64::from(taken.is_err())
    }

    fn take_audio(&mut self, codec: Codec, ready: &Ready<'_>, out: &mut Out<'_>) {
        let Ready { piece: Piece { timestamp, payload, .. }, missing, number } = *ready;
        if missing > 0 && !self.repair(codec, ready, out) {
            self.fill_hole(timestamp, missing, out);
        }
        self.noise = None;
        self.samples.clear();
        self.decoder.decode(codec, payload, &mut self.samples);
        // A payload has no more than the 64 KiB of its datagram.
        self.next_timestamp = Some(timestamp.wrapping_add(self.samples.len() as u32));
        // Those that are whole went to the jitter buffer when they came.
        self.take_decoded(timestamp, (!is_whole(codec, payload)).then_some(number), out);
    }

    /// Takes what the decoder gave, which begins at a timestamp.
    fn take_decoded(&mut self, begins: u32, number: Option<u64>, out: &mut Out<'_>) {
        let samples = std::mem::take(&mut self.samples);
        self.take_samples(begins, &samples, number, out);
        self.samples = samples;
    }

    /// Silence begins, and is not sent.
    fn take_noise(&mut self, payload: &[u8]) {
        match (&mut self.noise, ComfortNoise::read(payload)) {
            (Some(noise), Some(level)) => noise.follow(&level),
            (noise, level) => *noise = level,
        }
    }

    /// Takes decoded audio, of any length, that begins at a timestamp. Frames are heard once they
    /// are whole. `number` is that of the packet, where the jitter buffer is still to get them.
    fn take_samples(
        &mut self,
        begins: u32,
        samples: &[i16],
        number: Option<u64>,
        out: &mut Out<'_>,
    ) {
        let mut rest = samples;
        while !rest.is_empty() {
            let (frame, filled) = &mut self.partial;
            let room = frame.get_mut(*filled..).unwrap_or_default();
            let (taken, after) = rest.split_at(rest.len().min(room.len()));
            room.iter_mut().zip(taken).for_each(|(slot, sample)| *slot = *sample);
            *filled += taken.len();
            if *filled < FRAME_SAMPLES {
                return;
            }
            let frame = *frame;
            *filled = 0;
            // The timestamp of its first sample, which may be of the packet before.
            let ended = (samples.len() - after.len()) as u32;
            let place = begins.wrapping_add(ended).wrapping_sub(FRAME_SAMPLES as u32);
            rest = after;
            self.heard_until = out.now;
            self.last_frame = frame;
            self.listen(&frame, out);
            if let (Some(playout), Some(number)) = (&mut self.playout, number) {
                playout.push(out.now, number, place, &frame);
            }
            out.heard(place, &frame);
        }
    }

    /// Hears lost audio by the repair data in the packet after it, where the codec has any.
    fn repair(&mut self, codec: Codec, ready: &Ready<'_>, out: &mut Out<'_>) -> bool {
        let Ready { piece: Piece { timestamp, payload, .. }, number, .. } = *ready;
        let Some(expected) = self.next_timestamp else {
            return false;
        };
        let hole = timestamp.wrapping_sub(expected) as usize;
        if hole == 0 || hole > FILLED_MAX as usize * FRAME_SAMPLES {
            return false;
        }
        self.samples.clear();
        let is_repaired = self.decoder.repair(codec, hole, payload, &mut self.samples);
        if is_repaired {
            self.take_decoded(expected, Some(number.saturating_sub(1)), out);
        }
        is_repaired
    }

    /// Lets the detectors hear something in place of lost audio.
    fn fill_hole(&mut self, timestamp: u32, missing: u64, out: &mut Out<'_>) {
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
            self.listen(&frame, out);
        }
    }

    fn listen(&mut self, frame: &Frame, out: &mut Out<'_>) {
        let at = out.now;
        self.frames += 1;
        if self.frames > PROGRESS_FRAMES {
            self.progress = None;
        }
        if let Some(progress) = self.progress.as_mut().and_then(|tones| tones.push(frame)) {
            out.sink.event(MediaEvent::ProgressHeard { progress, at });
        }
        // Some phones let the key's tones through beside the telephone-event.
        if self.muted_until <= at
            && let Some((digit, _held)) = self.dual_tones.push(frame)
        {
            out.sink.event(MediaEvent::Digit { digit, path: DigitPath::InBand, at });
        }
        let is_key = self.digits.is_under_way() || self.dual_tones.is_sounding();
        let is_tone = self.progress.as_ref().is_some_and(ProgressDetector::is_sounding);
        let is_other = is_tone || is_key;
        if self.frames > GREETING_FRAMES {
            self.greeting = None;
        }
        if let Some(change) = self.greeting.as_mut().and_then(|it| it.push(frame, is_other)) {
            let event = match change {
                WordChange::Started { ago } => MediaEvent::WordStarted { at, ago },
                WordChange::Ended { duration, ago } => MediaEvent::WordEnded { at, duration, ago },
            };
            out.sink.event(event);
        }
        let change = if is_other { self.activity.push_other() } else { self.activity.push(frame) };
        match change {
            None => {}
            Some(ActivityChange::Started) => out.sink.event(MediaEvent::SpeechStarted { at }),
            Some(ActivityChange::Ended { duration }) => {
                out.sink.event(MediaEvent::SpeechEnded { at, duration });
            }
        }
    }
}

/// True for a packet of whole frames of G.711, which decode without those before.
fn is_whole(codec: Codec, payload: &[u8]) -> bool {
    codec.law().is_some() && payload.len().is_multiple_of(FRAME_SAMPLES)
}

fn report(digits: Vec<(Digit, Millis)>, out: &mut Out<'_>) {
    let (path, at) = (DigitPath::Event, out.now);
    for (digit, _held) in digits {
        out.sink.event(MediaEvent::Digit { digit, path, at });
    }
}
