//! Cryptographic contexts: what an end remembers to protect its packets, or to open the other's.
//!
//! In: RTP and RTCP packets in buffers. Out: the same as SRTP and SRTCP, and back.
//! Invariants: the sender protects each index once, so no key stream is used twice; the receiver
//! changes nothing it remembers for a packet that is not genuine.
//! Source: RFC 3711 §3.2 and §3.3, appendix A (index), RFC 7714 §14 (limits).

use super::cipher::{SessionCipher, TAG_MAX, Use};
use super::key::MasterKey;
use super::replay::Replay;

/// Bytes of an RTP header without sources.
const RTP_HEADER: usize = 12;
/// Bytes of an RTCP packet that stay readable: the header and the first SSRC.
const RTCP_HEADER: usize = 8;
/// Bytes of the word behind SRTCP: the E flag and the index.
const INDEX_WORD: usize = 4;
/// The E flag: encrypted.
const ENCRYPTED: u32 = 1 << 31;
/// Packets that one master key protects. Source: RFC 3711 §9.2.
const RTP_MAX: u64 = 1 << 48;
const RTCP_MAX: u64 = 1 << 31;
/// Streams of the other end that are remembered: it may begin a new one after a transfer.
const STREAMS: usize = 4;

/// A packet cannot be protected or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// It ends before its own fields do.
    #[error("read SRTP packet: {length} bytes, wanted at least {wanted}")]
    Short {
        /// Bytes there are.
        length: usize,
        /// Bytes wanted.
        wanted: usize,
    },
    /// Its tag is not the one that the keys give: it is forged, damaged, or of other keys.
    #[error("authenticate SRTP packet: wrong tag")]
    Authentication,
    /// It was taken before, or is older than the 64 packets that are remembered.
    #[error("take SRTP packet: index {index} was taken or is too old")]
    Replayed {
        /// Its index.
        index: u64,
    },
    /// SRTCP that says it is not encrypted, which was not agreed.
    #[error("open SRTCP packet: not encrypted, wanted the E flag")]
    NotEncrypted,
    /// The sequence numbers did not go on from the packet before.
    #[error("protect RTP packet: index {index} does not follow {last}")]
    Order {
        /// Its index.
        index: u64,
        /// The last one protected.
        last: u64,
    },
    /// The key has protected as many packets as it may.
    #[error("protect packet: the master key is used up")]
    Exhausted,
}

/// Protects what one end sends.
#[derive(Clone)]
pub struct SrtpSender {
    rtp: SessionCipher,
    rtcp: SessionCipher,
    /// The source and index of the last packet.
    last: Option<(u32, u64)>,
    /// The index of the next SRTCP packet.
    next_rtcp: u64,
}

impl std::fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpSender").field("last", &self.last).finish_non_exhaustive()
    }
}

impl SrtpSender {
    /// A context without history. The key must be new: two contexts with one key would use its
    /// key stream twice.
    pub fn new(key: &MasterKey) -> Self {
        Self {
            rtp: SessionCipher::new(key, Use::Rtp),
            rtcp: SessionCipher::new(key, Use::Rtcp),
            last: None,
            next_rtcp: 1,
        }
    }

    /// Protects the RTP packet in the first `length` bytes; gives back its new length, at most
    /// [`super::TRAILER_MAX`] more.
    ///
    /// # Errors
    /// [`SrtpError::Short`] where the buffer has no room for the tag, [`SrtpError::Order`] where
    /// the packet does not follow the one before: each source's sequence numbers must go up, and
    /// there is one source to a key.
    pub fn protect(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let header = header_length(buffer.get(..length).unwrap_or_default())?;
        let (ssrc, number) = (u32_at(buffer, 8), u16_at(buffer, 2));
        let index = match self.last {
            None => u64::from(number),
            Some((source, last)) => {
                let ahead = number.wrapping_sub(last as u16);
                let index = last + u64::from(ahead);
                if source != ssrc || ahead == 0 || ahead > u16::MAX / 2 {
                    return Err(SrtpError::Order { index, last });
                }
                index
            }
        };
        if index >= RTP_MAX {
            return Err(SrtpError::Exhausted);
        }
        let end = room(buffer, length, self.rtp.tag_length())?;
        let (clear, secret, after) = parts(buffer, header, length);
        let trailer = ((index >> 16) as u32).to_be_bytes();
        let tag = self.rtp.seal(Use::Rtp, ssrc, index, trailer, clear, secret);
        put(after, &tag, self.rtp.tag_length());
        self.last = Some((ssrc, index));
        Ok(end)
    }

    /// Protects the compound RTCP packet in the first `length` bytes; gives back its new length,
    /// at most [`super::TRAILER_MAX`] more.
    ///
    /// # Errors  [`SrtpError::Short`] where the buffer has no room.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        need(buffer.get(..length).unwrap_or_default(), RTCP_HEADER)?;
        if self.next_rtcp >= RTCP_MAX {
            return Err(SrtpError::Exhausted);
        }
        let tag_length = self.rtcp.tag_length();
        let end = room(buffer, length, tag_length + INDEX_WORD)?;
        let index = self.next_rtcp;
        let word = (ENCRYPTED | index as u32).to_be_bytes();
        let ssrc = u32_at(buffer, 4);
        let (clear, secret, after) = parts(buffer, RTCP_HEADER, length);
        let tag = self.rtcp.seal(Use::Rtcp, ssrc, index, word, clear, secret);
        if self.rtcp.seals_in_one() {
            put(after, &tag, tag_length);
            put(after.get_mut(tag_length..).unwrap_or_default(), &word, INDEX_WORD);
        } else {
            put(after, &word, INDEX_WORD);
            put(after.get_mut(INDEX_WORD..).unwrap_or_default(), &tag, tag_length);
        }
        self.next_rtcp += 1;
        Ok(end)
    }
}

/// One stream of the other end.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    ssrc: u32,
    rtp: Replay,
    rtcp: Replay,
    /// Packets all streams had taken when this one took its last.
    used: u64,
}

/// Opens what the other end sends.
#[derive(Clone)]
pub struct SrtpReceiver {
    rtp: SessionCipher,
    rtcp: SessionCipher,
    streams: [Option<Stream>; STREAMS],
    taken: u64,
}

impl std::fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpReceiver").field("taken", &self.taken).finish_non_exhaustive()
    }
}

impl SrtpReceiver {
    /// A context without history.
    pub fn new(key: &MasterKey) -> Self {
        Self {
            rtp: SessionCipher::new(key, Use::Rtp),
            rtcp: SessionCipher::new(key, Use::Rtcp),
            streams: [None; STREAMS],
            taken: 0,
        }
    }

    /// Opens an SRTP packet in place; gives back the length of the RTP packet.
    ///
    /// # Errors  Why it is not taken. The buffer is then as it was.
    pub fn unprotect(&mut self, buffer: &mut [u8]) -> Result<usize, SrtpError> {
        let header = header_length(buffer)?;
        let tag_length = self.rtp.tag_length();
        need(buffer, header + tag_length)?;
        let end = buffer.len() - tag_length;
        let (ssrc, number) = (u32_at(buffer, 8), u16_at(buffer, 2));
        let mut stream = self.stream(ssrc);
        let index = guess(stream.rtp.highest(), number);
        if !stream.rtp.allows(index) {
            return Err(SrtpError::Replayed { index });
        }
        let trailer = ((index >> 16) as u32).to_be_bytes();
        let (clear, secret, tag) = parts(buffer, header, end);
        if !self.rtp.open(Use::Rtp, ssrc, index, trailer, clear, secret, tag) {
            return Err(SrtpError::Authentication);
        }
        stream.rtp.take(index);
        self.keep(stream);
        Ok(end)
    }

    /// Opens an SRTCP packet in place; gives back the length of the RTCP packet.
    ///
    /// # Errors  Why it is not taken. The buffer is then as it was.
    pub fn unprotect_rtcp(&mut self, buffer: &mut [u8]) -> Result<usize, SrtpError> {
        let tag_length = self.rtcp.tag_length();
        need(buffer, RTCP_HEADER + INDEX_WORD + tag_length)?;
        let end = buffer.len() - INDEX_WORD - tag_length;
        let in_one = self.rtcp.seals_in_one();
        let word = u32_at(buffer, if in_one { buffer.len() - INDEX_WORD } else { end });
        if word & ENCRYPTED == 0 {
            return Err(SrtpError::NotEncrypted);
        }
        let (index, ssrc) = (u64::from(word & !ENCRYPTED), u32_at(buffer, 4));
        let mut stream = self.stream(ssrc);
        if !stream.rtcp.allows(index) {
            return Err(SrtpError::Replayed { index });
        }
        let (clear, secret, after) = parts(buffer, RTCP_HEADER, end);
        let start = if in_one { 0 } else { INDEX_WORD };
        let tag = after.get(start..start + tag_length).unwrap_or_default();
        if !self.rtcp.open(Use::Rtcp, ssrc, index, word.to_be_bytes(), clear, secret, tag) {
            return Err(SrtpError::Authentication);
        }
        stream.rtcp.take(index);
        self.keep(stream);
        Ok(end)
    }

    fn stream(&self, ssrc: u32) -> Stream {
        let known = self.streams.iter().flatten().find(|stream| stream.ssrc == ssrc);
        known.copied().unwrap_or(Stream { ssrc, ..Stream::default() })
    }

    /// Remembers a stream, in place of the one that was silent longest where there is no room.
    fn keep(&mut self, mut stream: Stream) {
        self.taken += 1;
        stream.used = self.taken;
        let ssrc = stream.ssrc;
        let place = self.streams.iter_mut().min_by_key(|place| match place {
            Some(known) if known.ssrc == ssrc => (0, 0),
            None => (1, 0),
            Some(known) => (2, known.used),
        });
        if let Some(place) = place {
            *place = Some(stream);
        }
    }
}

/// The index that a sequence number most likely has. Source: RFC 3711 appendix A.
fn guess(highest: Option<u64>, number: u16) -> u64 {
    let Some(highest) = highest else {
        return u64::from(number);
    };
    let ahead = number.wrapping_sub(highest as u16) as i16;
    // One from before the first has no index: it stands where a later turn would put it, and
    // fails to authenticate there.
    highest.checked_add_signed(i64::from(ahead)).unwrap_or(u64::from(number))
}

/// Bytes of an RTP header with its sources and extension.
fn header_length(packet: &[u8]) -> Result<usize, SrtpError> {
    need(packet, RTP_HEADER)?;
    let first = packet.first().copied().unwrap_or(0);
    let sources_end = RTP_HEADER + usize::from(first & 0x0F) * 4;
    if first & 0x10 == 0 {
        need(packet, sources_end)?;
        return Ok(sources_end);
    }
    need(packet, sources_end + 4)?;
    let end = sources_end + 4 + usize::from(u16_at(packet, sources_end + 2)) * 4;
    need(packet, end)?;
    Ok(end)
}

/// The end of a packet with so many more bytes, where the buffer has them.
fn room(buffer: &[u8], length: usize, more: usize) -> Result<usize, SrtpError> {
    need(buffer, length + more)?;
    Ok(length + more)
}

fn need(bytes: &[u8], wanted: usize) -> Result<(), SrtpError> {
    if bytes.len() < wanted {
        return Err(SrtpError::Short { length: bytes.len(), wanted });
    }
    Ok(())
}

/// A buffer in three: up to `header`, up to `end`, and the rest.
fn parts(buffer: &mut [u8], header: usize, end: usize) -> (&[u8], &mut [u8], &mut [u8]) {
    let end = end.min(buffer.len());
    let (packet, after) = buffer.split_at_mut(end);
    let (clear, secret) = packet.split_at_mut(header.min(end));
    (clear, secret, after)
}

fn put(place: &mut [u8], bytes: &[u8], length: usize) {
    for (place, byte) in place.iter_mut().zip(bytes).take(length.min(TAG_MAX)) {
        *place = *byte;
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    match bytes.get(offset..offset + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    match bytes.get(offset..offset + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
