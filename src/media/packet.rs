//! The strict front of the `rtp` crate.
//!
//! In: a datagram. Out: a packet whose every length was checked, or what is wrong with it.
//! `rtp` 0.17 trusts the lengths inside header extensions and panics where they lie, lets an
//! element reach past its extension into the audio, and leaves the rest of an extension in the
//! payload after element 15; so all of it is walked here before the crate sees a byte.
//! Invariant: [`read`] never panics, whatever the bytes.
//! Sources: RFC 3550 §5.1 and §5.3.1 (header, extension), RFC 8285 §4.2 and §4.3 (elements).

use bytes::Bytes;
use rtp::header::Header;
use rtp::packet::Packet;
use webrtc_util::marshal::{Marshal, MarshalSize, Unmarshal};

/// The fixed part of the header, in bytes.
const FIXED: usize = 12;
/// The bit that announces an extension, in the first byte.
const EXTENSION_BIT: u8 = 0x10;
/// The bit that announces padding, in the first byte.
const PADDING_BIT: u8 = 0x20;

/// A datagram is not an RTP packet. Offsets count bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// It ends before its header does.
    #[error("read RTP header: {length} bytes, wanted {wanted}")]
    Short {
        /// Bytes that came.
        length: usize,
        /// Bytes its own fields ask for.
        wanted: usize,
    },
    /// It is another protocol, or RTP of another version.
    #[error("read RTP header: version {0}, wanted 2")]
    Version(u8),
    /// An extension element reaches past the extension.
    #[error("read RTP header extension: element at byte {offset} ends after byte {end}")]
    Element {
        /// Where the element starts.
        offset: usize,
        /// Where the extension ends.
        end: usize,
    },
    /// The last byte asks for more padding than there is payload, or for none.
    #[error("read RTP padding: {padding} bytes of {payload}, wanted 1 to {payload}")]
    Padding {
        /// Bytes of padding claimed.
        padding: usize,
        /// Bytes of payload with its padding.
        payload: usize,
    },
    /// The lengths are right and the crate refused all the same.
    #[error("read RTP packet: refused by the rtp crate")]
    Refused,
}

/// Reads one RTP packet.
///
/// # Errors  What is wrong with the first field that does not fit.
pub fn read(datagram: &[u8]) -> Result<Packet, PacketError> {
    let Some((&first, _)) = datagram.split_first() else {
        return Err(PacketError::Short { length: 0, wanted: FIXED });
    };
    if first >> 6 != 2 {
        return Err(PacketError::Version(first >> 6));
    }
    let sources_end = FIXED + usize::from(first & 0x0F) * 4;
    need(datagram, sources_end)?;
    let extension = read_extension(datagram, first, sources_end)?;
    check_padding(datagram, first, extension.end)?;
    let unmarshalled = if extension.stopped_early {
        // The crate would read the skipped elements as payload: hand it the packet without them.
        let mut plain = Vec::with_capacity(datagram.len());
        plain.push(first & !EXTENSION_BIT);
        plain.extend_from_slice(datagram.get(1..sources_end).unwrap_or_default());
        plain.extend_from_slice(datagram.get(extension.end..).unwrap_or_default());
        Packet::unmarshal(&mut plain.as_slice())
    } else {
        let mut rest = datagram;
        Packet::unmarshal(&mut rest)
    };
    unmarshalled.map_err(|_| PacketError::Refused)
}

/// The bytes of a packet without sources, extension or padding.
pub(super) fn write(
    payload_type: u8,
    marker: bool,
    sequence_number: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Bytes,
) -> Vec<u8> {
    let header = Header {
        version: 2,
        marker,
        payload_type: payload_type & 0x7F,
        sequence_number,
        timestamp,
        ssrc,
        ..Header::default()
    };
    let packet = Packet { header, payload };
    let mut bytes = vec![0; packet.marshal_size()];
    let written = packet.marshal_to(&mut bytes);
    debug_assert!(written.is_ok(), "a packet without extension fits the size it states");
    bytes
}

/// Where the header ends, and whether an element told readers to stop before that.
struct ExtensionEnd {
    end: usize,
    stopped_early: bool,
}

fn read_extension(datagram: &[u8], first: u8, start: usize) -> Result<ExtensionEnd, PacketError> {
    if first & EXTENSION_BIT == 0 {
        return Ok(ExtensionEnd { end: start, stopped_early: false });
    }
    let body = start + 4;
    need(datagram, body)?;
    let profile = u16_at(datagram, start);
    let end = body + usize::from(u16_at(datagram, start + 2)) * 4;
    need(datagram, end)?;
    let stopped_early = match profile {
        0xBEDE => walk_elements(datagram, body, end, one_byte_element)?,
        0x1000 => walk_elements(datagram, body, end, two_byte_element)?,
        _ => false,
    };
    Ok(ExtensionEnd { end, stopped_early })
}

/// What one element says about its length.
enum Element {
    /// Bytes of the element with its own header.
    Length(usize),
    /// Nothing after this is to be read. Source: RFC 8285 §4.2, id 15.
    Stop,
}

fn walk_elements(
    datagram: &[u8],
    start: usize,
    end: usize,
    element: fn(u8, Option<u8>) -> Element,
) -> Result<bool, PacketError> {
    let extension = datagram.get(..end).unwrap_or_default();
    let mut offset = start;
    while let Some(&head) = extension.get(offset) {
        if head == 0 {
            offset += 1; // padding between elements
            continue;
        }
        match element(head, extension.get(offset + 1).copied()) {
            Element::Stop => return Ok(true),
            Element::Length(length) if offset + length > end => {
                return Err(PacketError::Element { offset, end });
            }
            Element::Length(length) => offset += length,
        }
    }
    Ok(false)
}

fn one_byte_element(head: u8, _next: Option<u8>) -> Element {
    if head >> 4 == 15 {
        return Element::Stop;
    }
    Element::Length(2 + usize::from(head & 0x0F))
}

fn two_byte_element(_head: u8, next: Option<u8>) -> Element {
    // A missing length byte is an element that reaches past the end.
    Element::Length(2 + usize::from(next.unwrap_or(0)))
}

fn check_padding(datagram: &[u8], first: u8, payload_start: usize) -> Result<(), PacketError> {
    if first & PADDING_BIT == 0 {
        return Ok(());
    }
    let payload = datagram.len() - payload_start;
    let padding = match datagram.last() {
        Some(&last) if payload > 0 => usize::from(last),
        _ => 0,
    };
    if (1..=payload).contains(&padding) {
        Ok(())
    } else {
        Err(PacketError::Padding { padding, payload })
    }
}

fn need(datagram: &[u8], wanted: usize) -> Result<(), PacketError> {
    if datagram.len() < wanted {
        return Err(PacketError::Short { length: datagram.len(), wanted });
    }
    Ok(())
}

fn u16_at(datagram: &[u8], offset: usize) -> u16 {
    match datagram.get(offset..offset + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
