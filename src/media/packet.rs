//! The strict front of the `rtp` crate.
//!
//! In: a datagram. Out: its header and its payload where it lies, or what is wrong with it; and
//! headers written in place. No packet costs an allocation.
//! `rtp` 0.17 trusts the lengths inside header extensions and panics where they lie, lets an
//! element reach past its extension into the audio, and leaves the rest of an extension in the
//! payload after element 15; so all of it is walked here, and the crate sees the fixed part alone.
//! Invariant: [`read`] never panics, whatever the bytes.
//! Sources: RFC 3550 §5.1 and §5.3.1 (header, extension), RFC 8285 §4.2 and §4.3 (elements).

use rtp::header::Header;
use webrtc_util::marshal::{Marshal as _, Unmarshal as _};

/// The fixed part of the header, in bytes.
pub(super) const FIXED: usize = 12;
/// The bits of the version, in the first byte.
const VERSION_BITS: u8 = 0xC0;
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

/// One RTP packet, read where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The fixed part of its header: contributing sources and extensions are left out.
    pub header: Header,
    /// What it carries, without padding.
    pub payload: &'a [u8],
}

/// Reads one RTP packet.
///
/// # Errors  What is wrong with the first field that does not fit.
pub fn read(datagram: &[u8]) -> Result<Packet<'_>, PacketError> {
    let Some((&first, _)) = datagram.split_first() else {
        return Err(PacketError::Short { length: 0, wanted: FIXED });
    };
    if first >> 6 != 2 {
        return Err(PacketError::Version(first >> 6));
    }
    let sources_end = FIXED + usize::from(first & 0x0F) * 4;
    need(datagram, sources_end)?;
    let start = extension_end(datagram, first, sources_end)?;
    let padding = padding(datagram, first, start)?;
    let payload = datagram.get(start..datagram.len() - padding).unwrap_or_default();
    // The crate keeps sources and extensions in memory of their own; nobody here asks for them.
    let mut fixed = [0; FIXED];
    fixed.iter_mut().zip(datagram).for_each(|(slot, byte)| *slot = *byte);
    fixed[0] = first & VERSION_BITS;
    let header = Header::unmarshal(&mut fixed.as_slice()).map_err(|_| PacketError::Refused)?;
    Ok(Packet { header, payload })
}

/// Writes the header of a packet without sources, extension or padding.
pub(super) fn write_header(
    packet: &mut [u8],
    payload_type: u8,
    marker: bool,
    sequence_number: u16,
    timestamp: u32,
    ssrc: u32,
) {
    let header = Header {
        version: 2,
        marker,
        payload_type: payload_type & 0x7F,
        sequence_number,
        timestamp,
        ssrc,
        ..Header::default()
    };
    let written = packet.get_mut(..FIXED).map(|fixed| header.marshal_to(fixed));
    debug_assert!(matches!(written, Some(Ok(FIXED))), "a header needs {FIXED} bytes");
}

/// The bytes of a packet without sources, extension or padding.
#[cfg(test)]
pub(super) fn write(
    payload_type: u8,
    marker: bool,
    sequence_number: u16,
    timestamp: u32,
    ssrc: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; FIXED];
    write_header(&mut bytes, payload_type, marker, sequence_number, timestamp, ssrc);
    bytes.extend_from_slice(payload);
    bytes
}

/// Where the extension ends, or the sources where there is none.
fn extension_end(datagram: &[u8], first: u8, start: usize) -> Result<usize, PacketError> {
    if first & EXTENSION_BIT == 0 {
        return Ok(start);
    }
    let body = start + 4;
    need(datagram, body)?;
    let profile = u16_at(datagram, start);
    let end = body + usize::from(u16_at(datagram, start + 2)) * 4;
    need(datagram, end)?;
    match profile {
        0xBEDE => walk_elements(datagram, body, end, one_byte_element)?,
        0x1000 => walk_elements(datagram, body, end, two_byte_element)?,
        _ => {}
    }
    Ok(end)
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
) -> Result<(), PacketError> {
    let extension = datagram.get(..end).unwrap_or_default();
    let mut offset = start;
    while let Some(&head) = extension.get(offset) {
        if head == 0 {
            offset += 1; // padding between elements
            continue;
        }
        match element(head, extension.get(offset + 1).copied()) {
            Element::Stop => return Ok(()),
            Element::Length(length) if offset + length > end => {
                return Err(PacketError::Element { offset, end });
            }
            Element::Length(length) => offset += length,
        }
    }
    Ok(())
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

/// Bytes of padding behind the payload.
fn padding(datagram: &[u8], first: u8, payload_start: usize) -> Result<usize, PacketError> {
    if first & PADDING_BIT == 0 {
        return Ok(0);
    }
    let payload = datagram.len() - payload_start;
    let padding = match datagram.last() {
        Some(&last) if payload > 0 => usize::from(last),
        _ => 0,
    };
    if (1..=payload).contains(&padding) {
        Ok(padding)
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
