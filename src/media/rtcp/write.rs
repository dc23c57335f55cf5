//! Writes compound RTCP packets in place.
//!
//! In: the figures. Out: bytes in a buffer of the caller's. Invariants: what is written is read
//! back by [`super::read`]; nothing is allocated; a packet that does not fit is left out whole.
//! Source: RFC 3550 §6.4 to §6.6.

use super::report::{
    BLOCK, CNAME, GOODBYE, RECEIVER_REPORT, ReportBlock, SENDER_REPORT, SOURCE_DESCRIPTION,
    SenderInfo,
};

/// Bytes written so far.
#[derive(Debug)]
pub(super) struct Writer<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Bytes of the compound.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// SR where there is something to say of our own stream, RR where not.
    pub(super) fn report(
        &mut self,
        ssrc: u32,
        info: Option<SenderInfo>,
        block: Option<ReportBlock>,
    ) {
        let count = u8::from(block.is_some());
        let packet_type = if info.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let body = 4 + if info.is_some() { 20 } else { 0 } + usize::from(count) * BLOCK;
        if !self.header(count, packet_type, body) {
            return;
        }
        self.word(ssrc);
        if let Some(info) = info {
            self.word((info.ntp >> 32) as u32);
            self.word(info.ntp as u32);
            self.word(info.rtp);
            self.word(info.packets);
            self.word(info.octets);
        }
        if let Some(block) = block {
            self.word(block.ssrc);
            // 24 bits, and what does not fit them stays at their end.
            let lost = block.cumulative_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
            self.word(u32::from(block.fraction_lost) << 24 | lost);
            self.word(block.highest);
            self.word(block.jitter);
            self.word(block.last_report);
            self.word(block.delay);
        }
    }

    /// SDES with the CNAME alone.
    pub(super) fn description(&mut self, ssrc: u32, cname: &[u8]) {
        let Ok(length) = u8::try_from(cname.len()) else {
            return;
        };
        // The item, at least one zero to end the list, and zeros up to a word.
        let items = (2 + cname.len()) / 4 * 4 + 4;
        if !self.header(1, SOURCE_DESCRIPTION, 4 + items) {
            return;
        }
        self.word(ssrc);
        self.bytes(&[CNAME, length]);
        self.bytes(cname);
        let zeros = items - 2 - cname.len();
        self.bytes([0; 4].get(..zeros).unwrap_or_default());
    }

    /// BYE.
    pub(super) fn goodbye(&mut self, ssrc: u32) {
        if self.header(1, GOODBYE, 4) {
            self.word(ssrc);
        }
    }

    /// The header of a packet with a body of so many bytes; false where there is no room.
    fn header(&mut self, count: u8, packet_type: u8, body: usize) -> bool {
        let Ok(words) = u16::try_from(body / 4) else {
            return false;
        };
        if self.buffer.len() < self.length + 4 + body {
            return false;
        }
        let [high, low] = words.to_be_bytes();
        self.bytes(&[0x80 | count, packet_type, high, low]);
        true
    }

    fn word(&mut self, word: u32) {
        self.bytes(&word.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(place) = self.buffer.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
            self.length = end;
        }
    }
}
