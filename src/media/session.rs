//! One leg's audio: paces what is sent, follows what is heard.
//!
//! In: what SDP agreed, datagrams with where they came from, clips, digits, frames from a bridge,
//! and the time. Out: [`MediaOutput`].
//! Contract: make one change (any `&mut self` call), then take [`MediaSession::poll_output`] until
//! it is empty, then sleep until [`MediaSession::poll_timeout`] and call
//! [`MediaSession::handle_timeout`].
//! Invariants: the RTP timestamp runs with the clock, at 8000 a second from the first
//! [`MediaSession::set_remote`], whether or not anything is sent; every clip given to
//! [`MediaSession::play`] starts once and ends once, and what it `played` was sent; a key press is
//! one event; nothing is sent, or heard, where the agreed direction says no; nobody but the agreed
//! peer is heard or sent to.
//! It deliberately keeps no playout buffer (packets are put in order, not spaced), sends no RTCP,
//! and makes no in-band digits: toward a side that takes no telephone-events they are dropped.
//! Sources: RFC 3550 §5.1 (numbering), RFC 3551 §4.1 (marker), RFC 4733 §2.5 (digits),
//! RFC 4961 (symmetric RTP).

mod player;
mod receiver;
mod sender;

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::latch::{Admission, Latch, Seen};
use super::{ActivitySettings, Clip, Codec, Digit, Frame, Negotiated, Progress, packet};
use crate::base::{Millis, Network, Rng, Timestamp};
use receiver::Receiver;
use sender::Sender;

/// Payload types that are RTCP on the same port. Source: RFC 5761 §4.
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

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

/// What a session wants done, or has noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "frames are the most frequent output when there are any: a box each would cost more"
)]
pub enum MediaOutput {
    /// Send this datagram from the session's socket.
    Transmit {
        /// Where to.
        to: SocketAddr,
        /// One RTP packet.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(MediaEvent),
    /// Audio that was heard, while forwarding.
    Frame(Frame),
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
    /// A tone of a network, a fax or a voicemail was heard.
    ProgressHeard {
        /// What it says.
        progress: Progress,
        /// When that was certain.
        at: Timestamp,
    },
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
    /// Interarrival jitter (RFC 3550 A.8), in microseconds.
    pub jitter_us: u64,
    /// Datagrams that are no RTP, and telephone-events cut short.
    pub malformed: u64,
    /// RTP packets that came from somebody else once a peer was agreed: not heard.
    pub strangers: u64,
    /// Round trip (RFC 3550 §6.4.1). A session here neither sends nor reads RTCP, so it knows
    /// none.
    pub round_trip_ms: Option<Millis>,
}

/// The media of one leg.
#[derive(Debug)]
pub struct MediaSession {
    sender: Sender,
    receiver: Receiver,
    latch: Latch,
    malformed: u64,
    outputs: VecDeque<MediaOutput>,
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
            outputs: VecDeque::new(),
        }
    }

    /// Takes what SDP agreed, at first or again: sending starts, moves, pauses or goes on.
    pub fn set_remote(&mut self, now: Timestamp, negotiated: &Negotiated) {
        self.latch.set_remote(negotiated.remote);
        self.receiver.set_agreed(negotiated);
        self.sender.set_remote(now, negotiated);
    }

    /// Takes one datagram.
    ///
    /// Only the agreed peer is heard: the address of its SDP at any port, and the networks in
    /// [`MediaSettings::peer_networks`]. Packets go where it is heard. Those of others are
    /// counted and dropped.
    pub fn receive(&mut self, now: Timestamp, from: SocketAddr, datagram: &[u8]) {
        let Ok(packet) = packet::read(datagram) else {
            self.malformed += 1;
            return;
        };
        let number = packet.header.payload_type;
        if RTCP_TYPES.contains(&number) {
            return;
        }
        let seen = Seen {
            source: from,
            ssrc: packet.header.ssrc,
            payload_type: number,
            number: packet.header.sequence_number,
            is_good: self.receiver.kind_of(number) != Kind::Other,
        };
        if self.latch.admit(now, seen) == Admission::Peer {
            self.malformed += self.receiver.receive(now, packet, &mut self.outputs);
        }
    }

    /// Plays a clip from its start, in place of what plays.
    pub fn play(&mut self, now: Timestamp, id: u64, clip: Clip) {
        self.sender.player.play(now, id, clip, &mut self.outputs);
    }

    /// Stops the clip that plays, where there is one.
    pub fn stop_playing(&mut self, now: Timestamp) {
        self.sender.player.stop(now, &mut self.outputs);
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
        self.sender.feed(frame);
    }

    /// Turns [`MediaOutput::Frame`] on or off.
    pub fn set_forwarding(&mut self, on: bool) {
        self.receiver.set_forwarding(on);
    }

    /// Does what is due. Frames missed by up to 100 ms are sent at once; beyond that they are
    /// skipped: clips wait for it, the RTP timestamp does not.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.malformed += self.receiver.handle_timeout(now, &mut self.outputs);
        self.sender.handle_timeout(now, self.latch.source(), &mut self.outputs);
    }

    /// When to call [`Self::handle_timeout`]: every 20 ms once there is a remote.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        [self.sender.poll_timeout(), self.receiver.poll_timeout()].into_iter().flatten().min()
    }

    /// The next thing to do or to know, oldest first.
    pub fn poll_output(&mut self) -> Option<MediaOutput> {
        self.outputs.pop_front()
    }

    /// Counts so far.
    pub fn statistics(&self) -> MediaStatistics {
        let reception = self.receiver.reception();
        MediaStatistics {
            packets_sent: self.sender.packets_sent(),
            packets_received: reception.received(),
            packets_lost: u64::try_from(reception.lost()).unwrap_or(0),
            jitter_us: reception.jitter_micros(),
            malformed: self.malformed,
            strangers: self.latch.strangers(),
            round_trip_ms: None,
        }
    }
}

/// What a payload type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Audio(Codec),
    Digit,
    /// Comfort noise and the like: counted, so that it is no loss, and not heard.
    Other,
}
