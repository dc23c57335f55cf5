//! Media of one leg, without I/O: what is said in SDP, what goes over RTP, and what is heard in it.
//!
//! In: session descriptions as text, RTP packets as bytes with the address they came from, clips
//! to play, digits to send, frames from a bridge, and the time. Out: packets to send and events
//! (digits, speech, tones, the progress of clips), through [`MediaSession`].
//! Invariants: audio inside is 8 kHz, mono, 16 bit, in frames of 20 ms; nothing read from the
//! network can panic; the same inputs at the same times give the same outputs.
//! It deliberately does not open sockets, resolve names, send RTCP, encrypt, or mix: joining two
//! legs is carrying frames and digits from one session to the other.
//! Sources: RFC 3264 and RFC 8866 (SDP), RFC 3550 and RFC 3551 (RTP), RFC 4733 (digits),
//! ITU-T G.711 (codecs).

mod activity;
mod clip;
mod digit;
mod dual_tone;
mod g711;
mod goertzel;
mod latch;
mod packet;
mod progress;
mod quality;
mod reception;
mod reorder;
mod sdp;
mod session;
mod wav;

pub use activity::{Activity, ActivityChange, ActivitySettings};
pub use clip::Clip;
pub use digit::{Digit, DigitError};
pub use dual_tone::DualToneDetector;
pub use g711::Codec;
pub use packet::{PacketError, read as read_packet};
pub use progress::{Progress, ProgressDetector, SitKind};
pub use quality::Quality;
pub use sdp::{Direction, Negotiated, SdpError, accept, answer, answer_again, offer, offer_again};
pub use session::{
    DigitPath, MediaEvent, MediaOutput, MediaSession, MediaSettings, MediaStatistics,
};
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
