//! Offer and answer: which codec, which address, which way.
//!
//! In: our address and the other side's session description. Out: ours, and what was agreed.
//! Invariants: reading never panics, whatever the text; an answer has as many media lines as its
//! offer, in the same order; every error names the line and what was wanted there.
//! Audio never goes to an address that is no host's.
//! It deliberately knows one audio stream of PCMU or PCMA with telephone-events, over plain RTP:
//! no SRTP, ICE or bundles, and no host names; other media are refused with port 0.
//! Sources: RFC 3264 §5, §6 and §8.4 (offer, answer, hold; hold by 0.0.0.0 is left out), RFC 8866
//! (format), RFC 4733 §2.4.

mod parse;

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Codec, FRAME_MILLIS};
use crate::base::Millis;
use parse::{Description, Media};

/// The payload type we offer for telephone-events.
pub(super) const TELEPHONE_EVENT: u8 = 101;

/// Which way audio may go, as seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// From here only: the other side is on hold.
    SendOnly,
    /// To here only: this side is on hold.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// True where this side may send.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// True where this side is to hear what comes.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same, as seen from the other side.
    pub const fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            other => other,
        }
    }

    const fn attribute(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }
}

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where to send, the address of one host.
    pub remote: SocketAddr,
    /// How to encode.
    pub codec: Codec,
    /// The payload type to send digits with, where the other side takes them.
    pub telephone_event: Option<u8>,
    /// Which way, as seen from here.
    pub direction: Direction,
    /// How much audio the other side would like in a packet. We send 20 ms whatever it says.
    pub ptime: Millis,
}

/// A session description cannot be read or agreed to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It is too long to be one.
    #[error("read session description: {length} bytes, wanted at most {most}")]
    TooLong {
        /// Its bytes.
        length: usize,
        /// The bytes allowed.
        most: usize,
    },
    /// A line does not say what it must.
    #[error("read session description line {line}: {found:?}, wanted {wanted}")]
    Line {
        /// From 1.
        line: usize,
        /// The line, cut short.
        found: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// The address for the audio is none that audio can be sent to.
    #[error("agree on media line {line}: audio to {found}, wanted the unicast address of a host")]
    Address {
        /// The media line, from 1.
        line: usize,
        /// The address.
        found: IpAddr,
    },
    /// Something is missing altogether.
    #[error("read session description: no {wanted}")]
    Missing {
        /// What.
        wanted: &'static str,
    },
    /// The media line offers nothing that we take, or accepts nothing that we offered.
    #[error("agree on media line {line}: {found:?}, wanted PCMU or PCMA over RTP/AVP")]
    NothingInCommon {
        /// From 1.
        line: usize,
        /// The media line, cut short.
        found: String,
    },
    /// The other side refused the audio with port 0.
    #[error("agree on media line {line}: refused with port 0")]
    Refused {
        /// From 1.
        line: usize,
    },
    /// An answer has another number of media lines than the offer.
    #[error("match answer with offer: {found} media lines, wanted {wanted}")]
    MediaCount {
        /// Lines in the answer.
        found: usize,
        /// Lines in the offer.
        wanted: usize,
    },
}

/// An offer of both codecs and digits, both ways.
pub fn offer(local: SocketAddr, session_id: u64) -> String {
    offer_again(local, session_id, 0, Direction::SendRecv)
}

/// A later offer in the same dialog, such as hold. `version` grows with every one.
///
/// Source: RFC 3264 §8.
pub fn offer_again(
    local: SocketAddr,
    session_id: u64,
    version: u64,
    direction: Direction,
) -> String {
    let mut text = session_lines(local, session_id, version);
    let both = [Codec::Pcmu, Codec::Pcma];
    write_audio(&mut text, local.port(), &both, Some(TELEPHONE_EVENT), direction);
    text
}

/// Our answer to an offer, and what is agreed with it.
///
/// The first audio line we can take is taken, with the first of its codecs that is ours; the
/// other lines are refused.
///
/// # Errors  [`SdpError`], where the offer cannot be read (SIP 400) or has nothing for us (488).
pub fn answer(
    offer: &str,
    local: SocketAddr,
    session_id: u64,
) -> Result<(String, Negotiated), SdpError> {
    answer_again(offer, local, session_id, 0)
}

/// Our answer to a later offer in the same dialog. `version` grows with every description.
///
/// # Errors  As [`answer`].
/// Source: RFC 3264 §8.
pub fn answer_again(
    offer: &str,
    local: SocketAddr,
    session_id: u64,
    version: u64,
) -> Result<(String, Negotiated), SdpError> {
    let offered = parse::parse(offer)?;
    let (chosen, codec) = choose(&offered)?;
    let negotiated = agree(&offered, chosen, codec)?;
    let mut text = session_lines(local, session_id, version);
    for media in &offered.media {
        if std::ptr::eq(media, chosen) {
            write_audio(
                &mut text,
                local.port(),
                &[codec],
                negotiated.telephone_event,
                negotiated.direction,
            );
        } else {
            let formats = media.formats.join(" ");
            line(&mut text, format_args!("m={} 0 {} {formats}", media.kind, media.protocol));
        }
    }
    Ok((text, negotiated))
}

/// What is agreed by an answer to the offer we sent.
///
/// # Errors  [`SdpError`], where the answer cannot be read, does not match the offer, or refuses.
pub fn accept(answer: &str, offered: &str) -> Result<Negotiated, SdpError> {
    let offered = parse::parse(offered)?;
    let answered = parse::parse(answer)?;
    let (found, wanted) = (answered.media.len(), offered.media.len());
    if found != wanted {
        return Err(SdpError::MediaCount { found, wanted });
    }
    let pair = offered.media.iter().zip(&answered.media).find(|(ours, _)| ours.kind == "audio");
    let Some((ours, theirs)) = pair else {
        return Err(SdpError::Missing { wanted: "m=audio line" });
    };
    if theirs.port == 0 {
        return Err(SdpError::Refused { line: theirs.line });
    }
    let codec = theirs
        .is_plain_audio()
        .then(|| theirs.codecs().find(|codec| ours.codecs().any(|known| known == *codec)))
        .flatten()
        .ok_or_else(|| nothing_in_common(theirs))?;
    agree(&answered, theirs, codec)
}

fn choose<'a>(offered: &'a Description<'a>) -> Result<(&'a Media<'a>, Codec), SdpError> {
    let mut audio = offered.media.iter().filter(|media| media.kind == "audio").peekable();
    let Some(first) = audio.peek().copied() else {
        return Err(SdpError::Missing { wanted: "m=audio line" });
    };
    let usable = audio.filter(|media| media.is_plain_audio() && media.port != 0);
    match usable.filter_map(|media| Some((media, media.codecs().next()?))).next() {
        Some(chosen) => Ok(chosen),
        None if first.port == 0 => Err(SdpError::Refused { line: first.line }),
        None => Err(nothing_in_common(first)),
    }
}

fn agree(theirs: &Description, media: &Media, codec: Codec) -> Result<Negotiated, SdpError> {
    let address = media
        .connection
        .or(theirs.connection)
        .ok_or(SdpError::Missing { wanted: "c= line for the audio, such as c=IN IP4 192.0.2.1" })?;
    if !is_of_a_host(address) {
        return Err(SdpError::Address { line: media.line, found: address });
    }
    let direction = media.direction.or(theirs.direction).unwrap_or_default().mirrored();
    Ok(Negotiated {
        remote: SocketAddr::new(address, media.port),
        codec,
        telephone_event: media.telephone_event(),
        direction,
        ptime: media.ptime.or(theirs.ptime).unwrap_or(Millis(FRAME_MILLIS)),
    })
}

/// Whether audio can be sent there. 0.0.0.0 meant hold before RFC 3264, whose peers say
/// `a=inactive` instead; here it is refused, as it says nothing of where the peer is.
fn is_of_a_host(address: IpAddr) -> bool {
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    let address = address.to_canonical();
    // 0.0.0.0/8 is "this host on this network": RFC 6890 §2.2.2.
    let is_this_network = matches!(address, IpAddr::V4(host) if host.octets()[0] == 0);
    !(address.is_unspecified() || address.is_multicast() || is_broadcast || is_this_network)
}

fn nothing_in_common(media: &Media) -> SdpError {
    SdpError::NothingInCommon { line: media.line, found: parse::cut(media.text) }
}

fn session_lines(local: SocketAddr, session_id: u64, version: u64) -> String {
    let family = match local.ip() {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    let address = local.ip();
    let mut text = String::with_capacity(320);
    line(&mut text, format_args!("v=0"));
    line(&mut text, format_args!("o=- {session_id} {version} IN {family} {address}"));
    line(&mut text, format_args!("s=-"));
    line(&mut text, format_args!("c=IN {family} {address}"));
    line(&mut text, format_args!("t=0 0"));
    text
}

fn write_audio(
    text: &mut String,
    port: u16,
    codecs: &[Codec],
    telephone_event: Option<u8>,
    direction: Direction,
) {
    let numbers = codecs.iter().map(|codec| codec.payload_type()).chain(telephone_event);
    let formats: Vec<String> = numbers.map(|number| number.to_string()).collect();
    line(text, format_args!("m=audio {port} RTP/AVP {}", formats.join(" ")));
    for codec in codecs {
        line(text, format_args!("a=rtpmap:{} {codec}/8000", codec.payload_type()));
    }
    if let Some(number) = telephone_event {
        line(text, format_args!("a=rtpmap:{number} telephone-event/8000"));
        line(text, format_args!("a=fmtp:{number} 0-15"));
    }
    line(text, format_args!("a=ptime:{FRAME_MILLIS}"));
    line(text, format_args!("a={}", direction.attribute()));
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let written = text.write_fmt(content);
    debug_assert!(written.is_ok(), "a String takes all text");
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests;
