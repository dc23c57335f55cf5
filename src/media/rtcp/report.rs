//! The strict reader of compound RTCP packets.
//!
//! In: a datagram. Out: its packets, read in place, or what is wrong with it.
//! Invariants: [`read`] checks every length and count before anything is handed out, so that
//! what it returns can be walked without another error; it never panics and never allocates.
//! Deliberately absent: packets beyond SR, RR, SDES and BYE: they are passed over as
//! [`RtcpPacket::Other`].
//! Source: RFC 3550 §6.4 to §6.7 and A.2 (what a valid compound packet is), RFC 5506 (which need not
//! begin with a report).

/// Bytes of the header that all packets share.
const HEADER: usize = 4;
/// Bytes of the figures a sender gives of itself, behind its SSRC.
const SENDER_INFO: usize = 20;
/// Bytes of one report block.
pub(super) const BLOCK: usize = 24;
/// Packet types. Source: RFC 3550 §12.1.
pub(super) const SENDER_REPORT: u8 = 200;
pub(super) const RECEIVER_REPORT: u8 = 201;
pub(super) const SOURCE_DESCRIPTION: u8 = 202;
pub(super) const GOODBYE: u8 = 203;
/// Types a compound begins with: reports, and what RFC 4585 and RFC 3611 add. Source: RFC 5506.
const FIRST: std::ops::RangeInclusive<u8> = 200..=207;
/// The SDES item that names an end. Source: RFC 3550 §6.5.1.
pub(super) const CNAME: u8 = 1;

/// A datagram is not a compound RTCP packet. Offsets count bytes from its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RtcpError {
    /// A packet ends before its own fields do.
    #[error("read RTCP packet at byte {offset}: {length} bytes, wanted {wanted}")]
    Short {
        /// Where the packet starts.
        offset: usize,
        /// Bytes there are.
        length: usize,
        /// Bytes its own fields ask for.
        wanted: usize,
    },
    /// It is another protocol, or RTCP of another version.
    #[error("read RTCP packet at byte {offset}: version {version}, wanted 2")]
    Version {
        /// Where the packet starts.
        offset: usize,
        /// What it says.
        version: u8,
    },
    /// The first packet is of no type that a compound begins with.
    #[error("read RTCP packet: type {0} comes first, wanted 200 to 207")]
    First(u8),
    /// Padding where none may be, or more or less of it than fits.
    #[error("read RTCP packet at byte {offset}: padding of {padding} bytes does not fit")]
    Padding {
        /// Where the packet starts.
        offset: usize,
        /// Bytes of padding claimed.
        padding: usize,
    },
}

/// A datagram whose every length was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

/// One packet of a compound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtcpPacket<'a> {
    /// SR: an end that sends says how much, and what it hears.
    SenderReport {
        /// Who says it.
        ssrc: u32,
        /// How much it sent.
        info: SenderInfo,
        /// What it hears.
        blocks: ReportBlocks<'a>,
    },
    /// RR: an end that only hears says what.
    ReceiverReport {
        /// Who says it.
        ssrc: u32,
        /// What it hears.
        blocks: ReportBlocks<'a>,
    },
    /// SDES: names of ends.
    SourceDescription(Descriptions<'a>),
    /// BYE: ends that leave.
    Goodbye(Sources<'a>),
    /// Anything else.
    Other {
        /// Its packet type.
        packet_type: u8,
    },
}

/// What an end that sends says of its own stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SenderInfo {
    /// When this was said, by its clock: seconds since 1900 and their fraction of 2³².
    pub ntp: u64,
    /// The same moment on the clock of its RTP timestamps.
    pub rtp: u32,
    /// Packets it sent, modulo 2³².
    pub packets: u32,
    /// Bytes of payload it sent, modulo 2³².
    pub octets: u32,
}

/// What an end hears of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source it is about.
    pub ssrc: u32,
    /// Share lost since its report before. Units: 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the start; copies can make it negative. 24 bits.
    pub cumulative_lost: i32,
    /// Highest sequence number heard, its turns in the upper half.
    pub highest: u32,
    /// Interarrival jitter. Units: RTP timestamp units.
    pub jitter: u32,
    /// LSR: the middle 32 bits of the NTP time in the last SR from that source; 0 for none.
    pub last_report: u32,
    /// DLSR: time since that SR came. Units: 1/65,536 s.
    pub delay: u32,
}

/// The report blocks of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlocks<'a>(&'a [u8]);

impl Iterator for ReportBlocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        let (block, rest) = self.0.split_at_checked(BLOCK)?;
        self.0 = rest;
        let lost = u32_at(block, 4);
        Some(ReportBlock {
            ssrc: u32_at(block, 0),
            fraction_lost: (lost >> 24) as u8,
            // 24 bits with their sign.
            cumulative_lost: ((lost << 8) as i32) >> 8,
            highest: u32_at(block, 8),
            jitter: u32_at(block, 12),
            last_report: u32_at(block, 16),
            delay: u32_at(block, 20),
        })
    }
}

/// The sources of a BYE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources<'a>(&'a [u8]);

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (source, rest) = self.0.split_at_checked(4)?;
        self.0 = rest;
        Some(u32_at(source, 0))
    }
}

/// The sources an SDES names, each with its CNAME where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptions<'a> {
    left: u8,
    bytes: &'a [u8],
}

impl<'a> Iterator for Descriptions<'a> {
    type Item = (u32, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let chunk = read_chunk(self.bytes)?;
        self.bytes = chunk.rest;
        Some((chunk.ssrc, chunk.cname))
    }
}

impl<'a> Compound<'a> {
    /// The packets, in order.
    pub fn packets(self) -> impl Iterator<Item = RtcpPacket<'a>> {
        let mut bytes = self.bytes;
        std::iter::from_fn(move || {
            let (packet, rest) = read_one(bytes, 0).ok()?;
            bytes = rest;
            Some(packet)
        })
    }
}

/// Reads one datagram.
///
/// # Errors  What is wrong with the first field that does not fit.
pub fn read(datagram: &[u8]) -> Result<Compound<'_>, RtcpError> {
    let mut rest = datagram;
    let mut offset = 0;
    loop {
        let (_, after) = read_one(rest, offset)?;
        if offset == 0 {
            check_first(datagram, after)?;
        }
        offset = datagram.len() - after.len();
        rest = after;
        if rest.is_empty() {
            return Ok(Compound { bytes: datagram });
        }
    }
}

/// The first packet is unpadded unless it is the last, too. That it is a report is asked for by
/// RFC 3550 and no more by RFC 5506; some phones open their way out by a lone APP.
fn check_first(datagram: &[u8], rest: &[u8]) -> Result<(), RtcpError> {
    let padded = datagram.first().is_some_and(|first| first & 0x20 != 0);
    let packet_type = datagram.get(1).copied().unwrap_or(0);
    if !FIRST.contains(&packet_type) {
        return Err(RtcpError::First(packet_type));
    }
    if padded && !rest.is_empty() {
        return Err(RtcpError::Padding { offset: 0, padding: 0 });
    }
    Ok(())
}

/// Reads the packet at the start of these bytes, and gives back what follows it.
fn read_one(bytes: &[u8], offset: usize) -> Result<(RtcpPacket<'_>, &[u8]), RtcpError> {
    let short = |wanted| RtcpError::Short { offset, length: bytes.len(), wanted };
    let Some(&[first, packet_type, high, low]) = bytes.first_chunk::<HEADER>() else {
        return Err(short(HEADER));
    };
    if first >> 6 != 2 {
        return Err(RtcpError::Version { offset, version: first >> 6 });
    }
    let length = HEADER + usize::from(u16::from_be_bytes([high, low])) * 4;
    let (packet, rest) = bytes.split_at_checked(length).ok_or(short(length))?;
    let body = packet.get(HEADER..).unwrap_or_default();
    let body = if first & 0x20 == 0 { body } else { unpad(body, rest, offset)? };
    let count = first & 0x1F;
    let lacks = |wanted: usize| RtcpError::Short {
        offset,
        length: HEADER + body.len(),
        wanted: HEADER + wanted,
    };
    let blocks = |start: usize| {
        let end = start + usize::from(count) * BLOCK;
        body.get(start..end).map(ReportBlocks).ok_or(lacks(end))
    };
    let read = match packet_type {
        SENDER_REPORT => RtcpPacket::SenderReport {
            blocks: blocks(4 + SENDER_INFO)?,
            ssrc: u32_at(body, 0),
            info: SenderInfo {
                ntp: u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8)),
                rtp: u32_at(body, 12),
                packets: u32_at(body, 16),
                octets: u32_at(body, 20),
            },
        },
        RECEIVER_REPORT => RtcpPacket::ReceiverReport { blocks: blocks(4)?, ssrc: u32_at(body, 0) },
        SOURCE_DESCRIPTION => {
            let mut left = body;
            for _ in 0..count {
                left = read_chunk(left).ok_or(lacks(body.len() + 4))?.rest;
            }
            RtcpPacket::SourceDescription(Descriptions { left: count, bytes: body })
        }
        GOODBYE => {
            let end = usize::from(count) * 4;
            let sources = body.get(..end).ok_or(lacks(end))?;
            // A reason behind the sources says its length; it is not shown to anybody.
            let reason = body.get(end).map_or(0, |length| 1 + usize::from(*length));
            body.get(end..end + reason).ok_or(lacks(end + reason))?;
            RtcpPacket::Goodbye(Sources(sources))
        }
        packet_type => RtcpPacket::Other { packet_type },
    };
    Ok((read, rest))
}

/// Takes the padding off the last packet. Source: RFC 3550 §6.4.1, padding.
fn unpad<'a>(body: &'a [u8], rest: &[u8], offset: usize) -> Result<&'a [u8], RtcpError> {
    let padding = body.last().map_or(0, |last| usize::from(*last));
    let wrong = RtcpError::Padding { offset, padding };
    if padding == 0 || !padding.is_multiple_of(4) || !rest.is_empty() {
        return Err(wrong);
    }
    body.len().checked_sub(padding).and_then(|length| body.get(..length)).ok_or(wrong)
}

/// What an SDES says of one source.
struct Chunk<'a> {
    ssrc: u32,
    cname: Option<&'a [u8]>,
    rest: &'a [u8],
}

/// Reads the chunk at the start of these bytes: items up to a zero, then zeros up to a word.
fn read_chunk(bytes: &[u8]) -> Option<Chunk<'_>> {
    bytes.get(..4)?;
    let mut cname = None;
    let mut offset = 4;
    loop {
        let item = *bytes.get(offset)?;
        if item == 0 {
            break;
        }
        let length = usize::from(*bytes.get(offset + 1)?);
        let text = bytes.get(offset + 2..offset + 2 + length)?;
        if item == CNAME {
            cname = cname.or(Some(text));
        }
        offset += 2 + length;
    }
    let end = (offset / 4 + 1) * 4;
    Some(Chunk { ssrc: u32_at(bytes, 0), cname, rest: bytes.get(end..)? })
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    match bytes.get(offset..offset + 4) {
        Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
