//! Where in a damaged frame the damage begins.
//!
//! In: the bytes of a frame that fails its checksum. Out: the first byte and the first event that
//! cannot be read, as far as the checksums of single records tell.

use super::frame::{self, FRAME_HEADER};
use super::record::{self, Stamp};

/// The first record of a damaged frame whose own checksum fails, where the records before it
/// are whole; else the frame's first byte and event.
pub(super) fn first_bad(bytes: &[u8], base: u64) -> (usize, u64) {
    let Some(claim) = frame::claim(bytes) else { return (0, base) };
    let end = FRAME_HEADER.saturating_add(claim.body).min(bytes.len());
    let (mut at, mut position) = (FRAME_HEADER, base);
    for _ in 0..claim.count {
        let body = bytes.get(at..end).unwrap_or_default();
        match record::decode(body, Stamp { position, recorded_at: claim.recorded_at }) {
            Ok(record) => {
                at += record.len;
                position += 1;
            }
            Err(_) if position > base && !frame::is_blank(body) => return (at, position),
            Err(_) => break,
        }
    }
    (0, base)
}
