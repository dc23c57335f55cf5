//! Media of one leg, without I/O: what is said in SDP, what goes over RTP, and what is heard in it.
//!
//! In: session descriptions as text, RTP and RTCP packets as bytes with the address they came from, clips
//! to play, digits to send, frames from a bridge, and the time. Out: packets to send and events
//! (digits, speech, tones, the progress of clips), through [`MediaSession`].
//! Invariants: audio inside is 8 kHz, mono, 16 bit, in frames of 20 ms; nothing read from the
//! network can panic; the same inputs at the same times give the same outputs.
//! It deliberately does not open sockets or resolve names; joining legs is carrying frames and
//! digits from one session to others, each of which mixes what it gets.
//! Sources: RFC 3264 and RFC 8866 (SDP), RFC 3550 and RFC 3551 (RTP), RFC 3711 (SRTP), RFC 4733
//! (digits), ITU-T G.107 (quality), ITU-T G.711 and G.722, RFC 6716 and RFC 7587
//! (codecs), RFC 3389 (comfort noise).

mod activity;
mod clip;
mod codec;
mod comfort;
mod digit;
pub mod dtls;
mod dual_tone;
mod g711;
mod goertzel;
mod greeting;
mod latch;
mod mixer;
mod packet;
pub mod playout;
mod progress;
mod quality;
mod reception;
mod reorder;
pub mod rtcp;
mod sdp;
mod session;
mod sink;
pub mod srtp;
mod tap;
mod wav;

pub use activity::{Activity, ActivityChange, ActivitySettings};
pub use clip::Clip;
pub use codec::{Codec, CodecError, Decoder, Encoder, PAYLOAD_MAX, Payload, PayloadMap};
pub use digit::{Digit, DigitError};
pub use dual_tone::DualToneDetector;
pub use g711::Law;
pub use greeting::{GreetingListener, WordChange};
pub use mixer::{Mixer, PORTS};
pub use packet::{Packet, PacketError, read as read_packet};
pub use progress::{Progress, ProgressDetector, SitKind};
pub use quality::{Quality, QualityInterval};
pub use sdp::{
    Capabilities, Direction, Negotiated, OpusFormat, SdpError, TelephoneEvent, accept,
    accept_again, answer, answer_again, offer, offer_again,
};
pub use session::{DigitPath, MediaEvent, MediaSession, MediaSettings, MediaStatistics};
pub use sink::{MediaOutput, MediaPort, MediaSink, PACKET_MAX};
pub use tap::{Pair, Tap};
pub use wav::{Wav, WavError};

/// Samples per second of all audio inside.
pub const SAMPLE_RATE: u32 = 8_000;

/// Samples in one frame: 20 ms.
pub const FRAME_SAMPLES: usize = 160;

/// One frame of audio: 20 ms, 8 kHz, mono.
pub type Frame = [i16; FRAME_SAMPLES];

/// Length of one frame, in milliseconds.
pub(crate) const FRAME_MILLIS: u64 = 20;

/// Audio units (samples) in one millisecond.
pub(crate) const SAMPLES_PER_MILLI: u64 = 8;

/// A frame with nothing in it.
pub const SILENCE: Frame = [0; FRAME_SAMPLES];

#[cfg(test)]
mod tests;
