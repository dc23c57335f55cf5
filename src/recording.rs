//! Recordings of calls: both sides, sealed with a key of the person, kept for a time.
//!
//! In: 20 ms of both sides at a time through a [`RecordingTap`], and orders to delete. Out:
//! objects in a folder or an S3-compatible store, and [`News`] that somebody else writes down as
//! facts. Pieces go to one spool for all calls, which is synced several times a second, so that
//! a crash costs less than the last second of each; from there a whole recording becomes one
//! object.
//! Invariants: nothing that hears a call ever waits for this; sound is on the disk in sealed form
//! only; the spool keeps a recording until its fact is written down; what was cut, swapped or
//! flipped in an object is noticed and placed in time.
//! Deliberately absent: deciding what is recorded, asking for consent, writing facts, transcripts.
//! Sources: RFC 8439 (ChaCha20-Poly1305), RFC 2104 (HMAC), ITU-T G.711; ADR 0026.

mod coding;
mod header;
mod metrics;
mod object;
mod recorder;
mod retention;
mod seal;
mod spool;
mod store;
mod storing;
mod tap;
mod wav;

pub use coding::Coding;
pub use header::Header;
pub use metrics::{RecordingFigures, RecordingMetrics};
pub use object::{ObjectError, Opened, check, open, path_of};
pub use recorder::{Found, News, Recorder, RecorderError, RecorderOptions, Recording, Removal};
pub use retention::{DAYS_MIN, due, due_at};
pub use seal::RecordingKey;
pub use spool::{Spool, SpoolError};
pub use store::{Store, StoreError};
pub use tap::RecordingTap;
pub use wav::{WavCoding, WavFile, write as write_wav};

/// The name of the format, as facts have it.
pub const FORMAT: &str = "lrec-1";

/// Bytes of a millisecond: two channels, 8 samples each, one byte a sample.
const BYTES_PER_MILLI: usize = 16;

#[cfg(test)]
mod tests;
