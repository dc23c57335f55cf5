//! One leg's audio: paces what is sent, follows what is heard.
//!
//! In: what SDP agreed, datagrams with where they came from, clips, digits, frames from a bridge,
//! and the time. Out: calls of a [`MediaSink`].
//! Contract: make one change (any `&mut self` call), then sleep until
//! [`MediaSession::poll_timeout`] and call [`MediaSession::handle_timeout`].
//! Invariants: the RTP timestamp runs with the clock, at the rate of the codec agreed, from the
//! first [`MediaSession::set_remote`], whether or not anything is sent; every clip given to
//! [`MediaSession::play`] starts once and ends once, and what it `played` was sent; a key press is
//! one event; before an answer nothing is said, and what is heard says nothing of who answers;
//! nothing is sent, or heard, where the agreed direction says no; nobody but the agreed
//! peer is heard or sent to; a packet that comes in order costs no memory; where keys are agreed,
//! nothing is sent in the open and nothing heard that is not genuine. Where keys come by a
//! handshake, what is to be said waits for it.
//! Detectors hear packets as soon as they are in order; what goes on to a bridge is spaced by the
//! jitter buffer.
//! It deliberately makes no in-band digits: toward a side that takes no telephone-events they are
//! dropped.
//! Sources: RFC 3550 §5.1 (numbering), RFC 3551 §4.1 (marker), RFC 4733 §2.5 (digits),
//! RFC 4961 (symmetric RTP), RFC 3711 (SRTP), RFC 5764 (its keys by DTLS).

mod association;
mod clock;
mod control;
mod packing;
mod player;
mod receiver;
mod secure;
mod sender;

use std::net::SocketAddr;
use std::sync::Arc;

use super::dtls::{DtlsFailure, Handshakes, is_dtls};
use super::latch::{Admission, Latch, Seen};
use super::playout::Playout;
use super::quality::QualityInterval;
use super::rtcp::{Heard, Sent, is_rtcp};
use super::sink::{MediaPort, MediaSink, PACKET_MAX};
use super::srtp::SrtpError;
use super::tap::Pairing;
use super::{
    ActivitySettings, Clip, Codec, Digit, FRAME_MILLIS, Frame, Negotiated, Progress, SAMPLE_RATE,
    packet,
};
use crate::base::{Millis, Network, Rng, Timestamp};
use association::Turn;
use control::Control;
use receiver::Receiver;
use secure::{Lock, Secure};
use sender::Sender;

/// How a session behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSettings {
    /// When somebody counts as speaking.
    pub activity: ActivitySettings,
    /// True to listen for the tones of networks, faxes and voicemails, in the first minutes.
    pub detect_progress: bool,
    /// True to send silence while there is nothing to say, so that address translators keep the
    /// way open and the other side does not take the line for dead.
    pub silence_when_idle: bool,
    /// Networks the peer's media may come from beside the address agreed in SDP, such as a
    /// carrier's relays.
    pub peer_networks: Vec<Network>,
}

impl Default for MediaSettings {
    fn default() -> Self {
        Self {
            activity: ActivitySettings::default(),
            detect_progress: true,
            silence_when_idle: true,
            peer_networks: Vec::new(),
        }
    }
}

/// What happened on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaEvent {
    /// Audio or a digit arrived for the first time.
    FirstPacket,
    /// The other side pressed a key and let it go.
    Digit {
        /// The key.
        digit: Digit,
        /// How it was heard.
        path: DigitPath,
        /// When its end was heard, or given up on.
        at: Timestamp,
    },
    /// The other side speaks.
    SpeechStarted {
        /// When that was certain: one onset after the first sound.
        at: Timestamp,
    },
    /// The other side stopped speaking.
    SpeechEnded {
        /// When that was certain: one hangover after the last sound.
        at: Timestamp,
        /// From the first sound to the last.
        duration: Millis,
    },
    /// The other side begins a word, in the first seconds.
    WordStarted {
        /// When that was certain.
        at: Timestamp,
        /// How long ago it began.
        ago: Millis,
    },
    /// The other side has said a word, in the first seconds. What follows it at once is the next.
    WordEnded {
        /// When that was certain.
        at: Timestamp,
        /// From its first sound to its last.
        duration: Millis,
        /// How long ago it was over.
        ago: Millis,
    },
    /// A tone of a network, a fax or a voicemail was heard.
    ProgressHeard {
        /// What it says.
        progress: Progress,
        /// When that was certain.
        at: Timestamp,
    },
    /// No keys could be agreed on: nothing is heard or said.
    NoKeys(DtlsFailure),
    /// How the leg sounded in the last five seconds; where packets came.
    QualityInterval(QualityInterval),
    /// How it sounded in the last half minute, for the record.
    QualitySampled(QualityInterval),
    /// A clip's first frame goes out.
    PlayStarted {
        /// The clip's id, as given.
        id: u64,
        /// When.
        at: Timestamp,
    },
    /// A clip is over. Each `PlayStarted` has one.
    PlayEnded {
        /// The clip's id, as given.
        id: u64,
        /// How much of it was sent.
        played: Millis,
        /// True where all of it was sent.
        completed: bool,
        /// When.
        at: Timestamp,
    },
}

/// How a key press came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DigitPath {
    /// As telephone-events, beside the audio (RFC 4733).
    Event,
    /// As tones in the audio, which a bridge carries on with it.
    InBand,
}

/// Counts since the session began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaStatistics {
    /// Packets handed out to be sent, audio, silence and digits.
    pub packets_sent: u64,
    /// Packets that belong to the stream heard, copies included.
    pub packets_received: u64,
    /// Packets that never came, as RFC 3550 A.3 counts them.
    pub packets_lost: u64,
    /// Runs of packets that never came or came too late, however long each.
    pub loss_runs: u64,
    /// Interarrival jitter (RFC 3550 A.8), in microseconds.
    pub jitter_us: u64,
    /// Datagrams that are no RTP or RTCP, and telephone-events cut short.
    pub malformed: u64,
    /// Encrypted packets that were not genuine, or were taken before (RFC 3711 §3.3).
    pub unauthentic: u64,
    /// RTP packets that came from somebody else once a peer was agreed: not heard.
    pub strangers: u64,
    /// Frames that a bridge got in place of lost or late ones.
    pub concealed: u64,
    /// How long the jitter buffer holds frames back, while there is a bridge.
    pub playout_ms: Option<Millis>,
    /// Packets of ours that the other side says never came (RFC 3550 §6.4.1).
    pub peer_lost: Option<i32>,
    /// Round trip (RFC 3550 §6.4.1), once the other side answered a report of ours.
    pub round_trip_ms: Option<Millis>,
}

/// The media of one leg.
#[derive(Debug)]
pub struct MediaSession {
    sender: Sender,
    receiver: Receiver,
    latch: Latch,
    malformed: u64,
    unauthentic: u64,
    /// What is recorded, while it is.
    pairing: Option<Box<Pairing>>,
    /// RTCP and quality, from the first remote on.
    control: Option<Box<Control>>,
    secure: Secure,
    /// Who makes handshakes, where there may be some.
    handshakes: Option<Arc<dyn Handshakes>>,
    /// The beginning of a handshake that came before anything was agreed, for each port.
    early: [Option<Box<Early>>; 2],
    /// When something was agreed that waits for keys, and what.
    waiting: Option<Box<(Timestamp, Negotiated)>>,
    /// Nobody answered yet.
    is_early: bool,
    rng: Rng,
}

/// A datagram that came too early, and where from.
type Early = (SocketAddr, Vec<u8>);

/// What parts of a session work with: the time, and where their work goes.
struct Out<'a> {
    now: Timestamp,
    sink: &'a mut dyn MediaSink,
    pairing: Option<&'a mut Pairing>,
    lock: Lock<'a>,
}

impl Out<'_> {
    /// Sends the RTP packet in the first `length` bytes.
    fn transmit(&mut self, to: SocketAddr, packet: &mut [u8; PACKET_MAX], length: usize) {
        let length = self.lock.seal(packet, length);
        if let Some(packet) = length.and_then(|length| packet.get(..length)) {
            self.sink.transmit(MediaPort::Rtp, to, packet);
        }
    }

    /// A frame was heard. Its place is that of its first sample on the other side's clock, in
    /// samples at 8 kHz.
    fn heard(&mut self, place: u32, frame: &Frame) {
        if let Some(pairing) = &mut self.pairing {
            pairing.heard(place, frame);
        }
    }

    /// What is heard from now on is on another clock.
    fn restarted(&mut self) {
        if let Some(pairing) = &mut self.pairing {
            pairing.restarted();
        }
    }

    /// A step of 20 ms is done.
    fn sent(&mut self, at: Timestamp, frame: Option<&Frame>) {
        if let Some(pairing) = &mut self.pairing {
            pairing.sent(at, frame, self.sink);
        }
    }
}

impl MediaSession {
    /// A session that knows nobody yet. It hears nobody, and sends nothing, until there is a
    /// remote.
    pub fn new(settings: MediaSettings, mut rng: Rng) -> Self {
        Self {
            sender: Sender::new(settings.silence_when_idle, &mut rng),
            receiver: Receiver::new(settings.activity, settings.detect_progress),
            latch: Latch::new(settings.peer_networks),
            malformed: 0,
            unauthentic: 0,
            pairing: None,
            control: None,
            secure: Secure::Open,
            handshakes: None,
            early: [None, None],
            waiting: None,
            is_early: false,
            rng,
        }
    }

    /// Lets keys be agreed on by DTLS, where SDP says so.
    pub fn set_handshakes(&mut self, handshakes: Arc<dyn Handshakes>) {
        self.handshakes = Some(handshakes);
    }

    /// Takes what SDP agreed before anybody answers: what comes is heard, and nothing is said.
    /// Where forks agree one after the other, the last one is heard and those before it are not.
    pub fn set_early_remote(&mut self, now: Timestamp, negotiated: &Negotiated) {
        self.is_early = true;
        self.latch.set_remote(negotiated.remote);
        self.receiver.set_agreed(negotiated);
        self.sender.set_early_remote(now, negotiated);
        self.protect(now, negotiated);
    }

    /// Takes what SDP agreed, at first or again: sending starts, moves, pauses or goes on.
    pub fn set_remote(&mut self, now: Timestamp, negotiated: &Negotiated) {
        let was_early = std::mem::take(&mut self.is_early);
        if was_early {
            self.receiver.listen_anew();
        }
        self.latch.set_remote(negotiated.remote);
        match &mut self.control {
            Some(control) => control.set_agreed(negotiated),
            None => {
                let control = Control::new(now, negotiated, self.rng.fork("rtcp"));
                self.control = Some(Box::new(control));
            }
        }
        self.receiver.set_agreed(negotiated);
        self.protect(now, negotiated);
        let is_new = was_early || !self.sender.has_begun();
        if self.secure.is_shut(MediaPort::Rtp) && is_new {
            // What is to be said first is said once it can be heard.
            let since = self.waiting.as_ref().map_or(now, |waiting| waiting.0);
            self.waiting = Some(Box::new((since, *negotiated)));
        } else {
            self.sender.set_remote(now, negotiated);
        }
    }

    /// Takes what SDP agreed of keys, and what came of a handshake before.
    fn protect(&mut self, now: Timestamp, negotiated: &Negotiated) {
        let begins = self.secure.agree(now, negotiated, self.handshakes.as_deref());
        let early = std::mem::take(&mut self.early);
        for (port, early) in [MediaPort::Rtp, MediaPort::Rtcp].into_iter().zip(early) {
            if let Some((from, datagram)) = early.filter(|_| begins).map(|early| *early) {
                self.receive_handshake(now, port, from, &datagram);
            }
        }
    }

    /// Takes a datagram of a handshake. What follows is done at the next timeout, which is due.
    fn receive_handshake(
        &mut self,
        now: Timestamp,
        port: MediaPort,
        from: SocketAddr,
        datagram: &[u8],
    ) {
        if self.control.is_none() && self.secure.associations().is_none() {
            // The offer was ours: the answer may be slower than what follows it.
            let early = self.early.get_mut(usize::from(port == MediaPort::Rtcp));
            if let Some(early) = early.filter(|_| datagram.len() <= PACKET_MAX) {
                *early = Some(Box::new((from, datagram.to_vec())));
            }
            return;
        }
        let of_reports = self.control.as_ref().filter(|_| port == MediaPort::Rtcp);
        let is_of_reports = of_reports.is_some_and(|control| control.is_peer(from.ip()));
        if !self.latch.allows(from.ip()) && !is_of_reports {
            self.latch.refuse();
            return;
        }
        if let Some(associations) = self.secure.associations() {
            associations.receive(now, port, from, datagram);
        }
    }

    /// Goes on with handshakes.
    fn drive(&mut self, now: Timestamp, sink: &mut dyn MediaSink) {
        let Some(associations) = self.secure.associations() else { return };
        match associations.drive(now, sink) {
            Turn::Same => {}
            Turn::Keys => {
                if let Some((since, negotiated)) = self.waiting.take().map(|waiting| *waiting) {
                    self.sender.set_remote(next_step(since, now), &negotiated);
                }
            }
            Turn::Failed(failure) => sink.event(MediaEvent::NoKeys(failure)),
        }
    }

    /// Takes one datagram that came to a port. Its bytes are worked on where they lie.
    ///
    /// Only the agreed peer is heard: the address of its SDP at any port, and the networks in
    /// [`MediaSettings::peer_networks`]. Packets go where it is heard. Those of others are
    /// counted and dropped.
    pub fn receive(
        &mut self,
        now: Timestamp,
        port: MediaPort,
        from: SocketAddr,
        datagram: &mut [u8],
        sink: &mut dyn MediaSink,
    ) {
        if self.handshakes.is_some() && is_dtls(datagram) {
            self.receive_handshake(now, port, from, datagram);
            self.drive(now, sink);
            return;
        }
        if port == MediaPort::Rtcp || is_rtcp(datagram) {
            self.receive_control(now, port, from, datagram);
            return;
        }
        // Strangers are not worth the work of a cipher.
        let length = if self.latch.allows(from.ip()) {
            let opened = self.secure.lock(port).open(datagram);
            self.opened(opened)
        } else {
            Some(datagram.len())
        };
        let Some(datagram) = length.and_then(|length| datagram.get(..length)) else {
            return;
        };
        let Ok(packet) = packet::read(datagram) else {
            self.malformed += 1;
            return;
        };
        let number = packet.header.payload_type;
        let seen = Seen {
            source: from,
            ssrc: packet.header.ssrc,
            payload_type: number,
            number: packet.header.sequence_number,
            is_good: self.receiver.kind_of(number) != Kind::Other,
        };
        if self.latch.admit(now, seen) == Admission::Peer {
            let pairing = self.pairing.as_deref_mut();
            let mut out = Out { now, sink, pairing, lock: Lock::Shut };
            self.malformed += self.receiver.receive(&packet, &mut out);
        }
    }

    /// Takes RTCP. On the port of RTP it is taken where that was agreed.
    fn receive_control(
        &mut self,
        now: Timestamp,
        port: MediaPort,
        from: SocketAddr,
        datagram: &mut [u8],
    ) {
        let Some(control) = &mut self.control else { return };
        if port == MediaPort::Rtp && !control.is_muxed() {
            return;
        }
        if !self.latch.allows(from.ip()) && !control.is_peer(from.ip()) {
            self.latch.refuse();
            return;
        }
        let opened = self.secure.lock(port).open_report(datagram);
        let Some(length) = self.opened(opened) else { return };
        let (ssrc, datagram) = (self.sender.ssrc(), datagram.get(..length).unwrap_or_default());
        let is_read =
            self.control.as_mut().is_some_and(|control| control.receive(now, from, ssrc, datagram));
        self.malformed += u64::from(!is_read);
    }

    /// Counts what could not be opened.
    fn opened(&mut self, opened: Result<usize, SrtpError>) -> Option<usize> {
        match &opened {
            Ok(_) => {}
            Err(SrtpError::Short { .. }) => self.malformed += 1,
            Err(_) => self.unauthentic += 1,
        }
        opened.ok()
    }

    /// Plays a clip from its start, in place of what plays.
    pub fn play(&mut self, now: Timestamp, id: u64, clip: Clip, sink: &mut dyn MediaSink) {
        let lock = Lock::Shut;
        self.sender.player.play(id, clip, &mut Out { now, sink, pairing: None, lock });
    }

    /// Stops the clip that plays, where there is one.
    pub fn stop_playing(&mut self, now: Timestamp, sink: &mut dyn MediaSink) {
        self.sender.player.stop(&mut Out { now, sink, pairing: None, lock: Lock::Shut });
    }

    /// Sends a digit after those still waiting, held 60 ms to 8 s. Audio waits meanwhile.
    ///
    /// It is dropped where the other side takes no telephone-events.
    pub fn send_digit(&mut self, _now: Timestamp, digit: Digit, length: Millis) {
        self.sender.send_digit(digit, length);
    }

    /// Takes a frame from a bridge, to be sent after those waiting; beyond 100 ms of them the
    /// oldest is dropped.
    pub fn feed(&mut self, frame: Frame) {
        self.feed_from(0, &frame);
    }

    /// The same from one of several bridges, each at a port of its own below
    /// [`PORTS`](crate::media::PORTS): what they say is mixed.
    pub fn feed_from(&mut self, port: usize, frame: &Frame) {
        self.sender.feed(port, frame);
    }

    /// Turns [`MediaSink::frame`] on or off.
    pub fn set_forwarding(&mut self, on: bool) {
        self.receiver.set_forwarding(on);
    }

    /// Turns [`MediaSink::pair`] on or off. Off, it gives what is still open.
    pub fn set_recording(&mut self, on: bool, sink: &mut dyn MediaSink) {
        if on {
            self.pairing.get_or_insert_default();
        } else if let Some(mut pairing) = self.pairing.take() {
            pairing.finish(sink);
        }
    }

    /// Does what is due. Frames missed by up to 100 ms are sent at once; beyond that they are
    /// skipped: clips wait for it, the RTP timestamp does not.
    pub fn handle_timeout(&mut self, now: Timestamp, sink: &mut dyn MediaSink) {
        if self.secure.poll_timeout().is_some_and(|due| due <= now) {
            self.drive(now, sink);
        }
        let lock = self.secure.lock(MediaPort::Rtp);
        let mut out = Out { now, sink, pairing: self.pairing.as_deref_mut(), lock };
        self.malformed += self.receiver.handle_timeout(&mut out);
        let steps = self.sender.handle_timeout(self.latch.source(), &mut out);
        self.receiver.play(steps, &mut out);
        self.handle_control(now, sink);
    }

    /// Sends the report and tells the quality that are due.
    fn handle_control(&mut self, now: Timestamp, sink: &mut dyn MediaSink) {
        if self.control_due().is_none_or(|due| due > now) {
            return;
        }
        let (figures, latched) = (self.figures(now), self.latch.source());
        let statistics = self.statistics();
        let Some(control) = &mut self.control else { return };
        let lock = self.secure.lock(control.port());
        control.report(now, figures, latched, lock, sink);
        control.tell(now, &statistics, false, sink);
    }

    /// Ends the leg: the peer is told by RTCP, and the quality of the last seconds is given. Call
    /// it once, as the last.
    pub fn finish(&mut self, now: Timestamp, sink: &mut dyn MediaSink) {
        let (figures, latched) = (self.figures(now), self.latch.source());
        let statistics = self.statistics();
        let Some(control) = &mut self.control else { return };
        let lock = self.secure.lock(control.port());
        control.finish(now, figures, latched, lock, sink);
        control.tell(now, &statistics, true, sink);
    }

    /// What a report says of both streams.
    fn figures(&self, now: Timestamp) -> (Sent, Option<Heard>) {
        // Inside, all audio counts 8,000 a second; a report counts as the codec does.
        let rate = self.sender.clock_rate() / SAMPLE_RATE;
        let heard = self.receiver.reception().report();
        let heard = heard.map(|heard| Heard { jitter: heard.jitter.saturating_mul(rate), ..heard });
        (self.sender.report(now), heard)
    }

    /// When to call [`Self::handle_timeout`]: every 20 ms once there is a remote.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        let (sender, receiver) = (self.sender.poll_timeout(), self.receiver.poll_timeout());
        let due = [sender, receiver, self.control_due(), self.secure.poll_timeout()];
        due.into_iter().flatten().min()
    }

    /// When there is something to report: not before there are keys for audio.
    fn control_due(&self) -> Option<Timestamp> {
        let control = self.control.as_ref().filter(|_| !self.secure.is_shut(MediaPort::Rtp));
        control.map(|control| control.poll_timeout())
    }

    /// Counts so far.
    pub fn statistics(&self) -> MediaStatistics {
        let reception = self.receiver.reception();
        MediaStatistics {
            packets_sent: self.sender.packets_sent(),
            packets_received: reception.received(),
            packets_lost: u64::try_from(reception.lost()).unwrap_or(0),
            loss_runs: self.receiver.loss_runs(),
            jitter_us: reception.jitter_micros(),
            malformed: self.malformed,
            unauthentic: self.unauthentic,
            strangers: self.latch.strangers(),
            concealed: self.receiver.playout().map_or(0, |playout| playout.counts().concealed),
            playout_ms: self.receiver.playout().map(Playout::delay),
            peer_lost: self.control.as_ref().and_then(|control| control.peer_lost()),
            round_trip_ms: self.control.as_ref().and_then(|control| control.round_trip()),
        }
    }
}

/// The first moment from `now` on that lies a number of frames after another.
fn next_step(since: Timestamp, now: Timestamp) -> Timestamp {
    let frames = now.since(since).0.div_ceil(FRAME_MILLIS);
    since.plus(Millis(frames * FRAME_MILLIS))
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audio(Codec),
    /// Digits, whose durations count so many steps a second.
    Digit(u32),
    /// Comfort noise: counted, so that it is no loss, and nobody speaking.
    Noise,
    /// Nothing that was agreed: counted, and not heard.
    Other,
}
