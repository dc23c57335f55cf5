//! Reads a session description into the lines that matter here.
//!
//! In: text with CRLF or LF line ends. Out: addresses, directions, packet times and media lines,
//! borrowed from it. Lines of other types are checked for their shape and passed over.
//! Source: RFC 8866 §5 and §9.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Direction, SdpError};
use crate::base::Millis;
use crate::media::dtls::{Fingerprint, Setup};
use crate::media::srtp::{CryptoLine, read_crypto};
use crate::media::{Codec, Payload};

/// Longest description read; a SIP message over UDP is shorter.
const LENGTH_MAX: usize = 65_536;
/// Longest piece of a line put into an error.
const FOUND_MAX: usize = 80;

/// The protocol of audio in the open, and that of encrypted audio. Source: RFC 3711 §12.
pub(super) const RTP: &str = "RTP/AVP";
pub(super) const SRTP: &str = "RTP/SAVP";
/// That of audio whose keys are agreed on over its own path. Source: RFC 5764 §8.
pub(super) const DTLS: &str = "UDP/TLS/RTP/SAVP";

/// A description: what holds for the session, and its media in order.
#[derive(Debug, Default)]
pub(super) struct Description<'a> {
    pub(super) connection: Option<IpAddr>,
    pub(super) direction: Option<Direction>,
    pub(super) ptime: Option<Millis>,
    pub(super) fingerprint: Option<Fingerprint>,
    pub(super) setup: Option<Setup>,
    pub(super) media: Vec<Media<'a>>,
}

/// One media line with its attributes.
#[derive(Debug)]
pub(super) struct Media<'a> {
    /// Number of its line, from 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
    pub(super) kind: &'a str,
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) formats: Vec<&'a str>,
    pub(super) connection: Option<IpAddr>,
    pub(super) direction: Option<Direction>,
    pub(super) ptime: Option<Millis>,
    /// Most audio in a packet (RFC 8866 §6.4).
    pub(super) maxptime: Option<Millis>,
    /// Where RTCP goes, where that is said: a port, and an address where it is another one.
    pub(super) rtcp: Option<(u16, Option<IpAddr>)>,
    /// RTCP on the port of RTP (RFC 5761).
    pub(super) rtcp_mux: bool,
    /// Keys of SRTP that are understood, as they prefer them (RFC 4568).
    pub(super) crypto: Vec<CryptoLine>,
    /// The first fingerprint of a hash that is read here (RFC 8122).
    pub(super) fingerprint: Option<Fingerprint>,
    /// Who begins (RFC 4145).
    pub(super) setup: Option<Setup>,
    /// Payload type and encoding, as in `a=rtpmap:101 telephone-event/8000`.
    maps: Vec<(u8, &'a str)>,
    /// Payload type and parameters, as in `a=fmtp:101 0-15`.
    parameters: Vec<(u8, &'a str)>,
}

impl Media<'_> {
    /// True for audio over RTP or SRTP.
    pub(super) fn is_audio(&self) -> bool {
        self.kind == "audio" && [RTP, SRTP, DTLS].contains(&self.profile())
    }

    /// True where nothing but SRTP will do. Over RTP, keys are a wish (RFC 8643).
    pub(super) fn wants_srtp(&self) -> bool {
        self.profile() == SRTP
    }

    /// True where nothing but SRTP with keys by DTLS will do.
    pub(super) fn wants_dtls(&self) -> bool {
        self.profile() == DTLS
    }

    /// The protocol, whether or not feedback may be sent at once (RFC 4585, RFC 5124): it may,
    /// and is not.
    pub(super) fn profile(&self) -> &str {
        self.protocol.strip_suffix('F').unwrap_or(self.protocol)
    }

    /// What each of its numbers stands for, where we know that, as they prefer them.
    pub(super) fn payloads(&self) -> impl Iterator<Item = (u8, Payload)> + '_ {
        self.payload_types().filter_map(|number| {
            // The map may be left out for static numbers; where it is there, it counts.
            let payload = match self.encoding(number) {
                Some(encoding) => Payload::of_encoding(encoding),
                None => Payload::of_static_type(number),
            };
            Some((number, payload?))
        })
    }

    /// The codecs we know, as they prefer them.
    pub(super) fn codecs(&self) -> impl Iterator<Item = (u8, Codec)> + '_ {
        self.payloads().filter_map(|(number, payload)| match payload {
            Payload::Audio(codec) => Some((number, codec)),
            _ => None,
        })
    }

    /// The parameters of a number, as its `a=fmtp` has them.
    pub(super) fn parameters(&self, number: u8) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| *known == number).map(|(_, text)| *text)
    }

    fn payload_types(&self) -> impl Iterator<Item = u8> + '_ {
        self.formats.iter().filter_map(|format| format.parse().ok()).filter(|number| *number < 128)
    }

    fn encoding(&self, number: u8) -> Option<&str> {
        self.maps.iter().find(|(known, _)| *known == number).map(|(_, encoding)| *encoding)
    }
}

/// Reads a description.
pub(super) fn parse(text: &str) -> Result<Description<'_>, SdpError> {
    if text.len() > LENGTH_MAX {
        return Err(SdpError::TooLong { length: text.len(), most: LENGTH_MAX });
    }
    let mut description = Description::default();
    let mut has_version = false;
    for (index, content) in text.lines().enumerate() {
        let line = Line { number: index + 1, content };
        if content.is_empty() {
            // Some peers send an empty line at the end; nothing but such may follow.
            continue;
        }
        let Some((kind, value)) = content.split_once('=').filter(|(kind, _)| is_type(kind)) else {
            return Err(line.wanted("a letter and =, such as v=0"));
        };
        if !has_version {
            if content != "v=0" {
                return Err(line.wanted("v=0"));
            }
            has_version = true;
            continue;
        }
        match kind {
            "m" => description.media.push(line.media(value)?),
            "c" => *description.connection_mut() = Some(line.connection(value)?),
            "o" => line.origin(value)?,
            "a" => line.attribute(value, &mut description)?,
            _ => {}
        }
    }
    if !has_version {
        return Err(SdpError::Missing { wanted: "v=0 line" });
    }
    Ok(description)
}

/// A piece of text short enough for an error.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(FOUND_MAX).collect()
}

impl Description<'_> {
    /// The fingerprint that holds for a media line of it.
    pub(super) fn fingerprint(&self, media: &Media<'_>) -> Option<Fingerprint> {
        media.fingerprint.or(self.fingerprint)
    }

    /// Who begins there. Where nobody says, it is who wrote it: RFC 4145 §4.1.
    pub(super) fn setup(&self, media: &Media<'_>) -> Setup {
        media.setup.or(self.setup).unwrap_or(Setup::Active)
    }

    fn connection_mut(&mut self) -> &mut Option<IpAddr> {
        match self.media.last_mut() {
            Some(media) => &mut media.connection,
            None => &mut self.connection,
        }
    }

    fn direction_mut(&mut self) -> &mut Option<Direction> {
        match self.media.last_mut() {
            Some(media) => &mut media.direction,
            None => &mut self.direction,
        }
    }

    fn fingerprint_mut(&mut self) -> &mut Option<Fingerprint> {
        match self.media.last_mut() {
            Some(media) => &mut media.fingerprint,
            None => &mut self.fingerprint,
        }
    }

    fn setup_mut(&mut self) -> &mut Option<Setup> {
        match self.media.last_mut() {
            Some(media) => &mut media.setup,
            None => &mut self.setup,
        }
    }

    fn ptime_mut(&mut self) -> &mut Option<Millis> {
        match self.media.last_mut() {
            Some(media) => &mut media.ptime,
            None => &mut self.ptime,
        }
    }
}

/// A line under reading, to name in errors.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    content: &'a str,
}

impl<'a> Line<'a> {
    fn wanted(self, wanted: &'static str) -> SdpError {
        SdpError::Line { line: self.number, found: cut(self.content), wanted }
    }

    fn origin(self, value: &str) -> Result<(), SdpError> {
        if value.split_ascii_whitespace().count() == 6 {
            return Ok(());
        }
        Err(self.wanted("six fields, such as o=- 1 1 IN IP4 192.0.2.1"))
    }

    fn media(self, value: &'a str) -> Result<Media<'a>, SdpError> {
        let mut fields = value.split_ascii_whitespace();
        let (Some(kind), Some(ports), Some(protocol)) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err(self.wanted("m=, kind, port, protocol, formats"));
        };
        let (port, count) = ports.split_once('/').unwrap_or((ports, "1"));
        let (Ok(port), Ok(1..)) = (port.parse(), count.parse::<u16>()) else {
            return Err(self.wanted("a port from 0 to 65535"));
        };
        let formats: Vec<&str> = fields.collect();
        if formats.is_empty() {
            return Err(self.wanted("at least one format after the protocol"));
        }
        Ok(Media {
            line: self.number,
            text: self.content,
            kind,
            port,
            protocol,
            formats,
            connection: None,
            direction: None,
            ptime: None,
            maxptime: None,
            rtcp: None,
            rtcp_mux: false,
            crypto: Vec::new(),
            fingerprint: None,
            setup: None,
            maps: Vec::new(),
            parameters: Vec::new(),
        })
    }

    fn connection(self, value: &str) -> Result<IpAddr, SdpError> {
        let mut fields = value.split_ascii_whitespace();
        let address = match (fields.next(), fields.next(), fields.next(), fields.next()) {
            (Some("IN"), Some("IP4"), Some(address), None) => {
                without_ttl(address).parse::<Ipv4Addr>().ok().map(IpAddr::V4)
            }
            (Some("IN"), Some("IP6"), Some(address), None) => {
                without_ttl(address).parse::<Ipv6Addr>().ok().map(IpAddr::V6)
            }
            _ => None,
        };
        address.ok_or_else(|| self.wanted("IN, IP4 or IP6, and one address"))
    }

    fn attribute(self, value: &'a str, into: &mut Description<'a>) -> Result<(), SdpError> {
        let (name, rest) = value.split_once(':').unwrap_or((value, ""));
        let direction = match name {
            "sendrecv" => Direction::SendRecv,
            "sendonly" => Direction::SendOnly,
            "recvonly" => Direction::RecvOnly,
            "inactive" => Direction::Inactive,
            "ptime" => {
                *into.ptime_mut() = Some(self.ptime(rest)?);
                return Ok(());
            }
            // Those that cannot be read are as good as none, and of several the first will do.
            "fingerprint" => {
                let known = into.fingerprint_mut();
                *known = known.or_else(|| Fingerprint::read(rest));
                return Ok(());
            }
            "setup" => {
                *into.setup_mut() = Setup::read(rest);
                return Ok(());
            }
            _ => {
                return into
                    .media
                    .last_mut()
                    .map_or(Ok(()), |media| self.of_media(name, rest, media));
            }
        };
        *into.direction_mut() = Some(direction);
        Ok(())
    }

    /// An attribute that only means something below a media line.
    fn of_media(self, name: &str, rest: &'a str, media: &mut Media<'a>) -> Result<(), SdpError> {
        match name {
            "rtpmap" => media.maps.push(self.rtpmap(rest)?),
            "maxptime" => media.maxptime = Some(self.ptime(rest)?),
            "rtcp-mux" => media.rtcp_mux = true,
            // A line badly written is one that is not spoken here; no error may show its key.
            "crypto" => media.crypto.extend(read_crypto(rest).ok().flatten()),
            "rtcp" => media.rtcp = Some(self.rtcp(rest)?),
            "fmtp" => {
                // Parameters of what we do not know may look like anything.
                let (number, text) = rest.trim().split_once(' ').unwrap_or((rest, ""));
                media.parameters.extend(number.parse().ok().map(|number| (number, text.trim())));
            }
            _ => {}
        }
        Ok(())
    }

    /// Source: RFC 3605 §2.1.
    fn rtcp(self, value: &str) -> Result<(u16, Option<IpAddr>), SdpError> {
        let value = value.trim();
        let (port, address) = value.split_once(' ').unwrap_or((value, ""));
        let Ok(port) = port.parse() else {
            return Err(self.wanted("a port, such as a=rtcp:5001"));
        };
        if address.is_empty() {
            return Ok((port, None));
        }
        Ok((port, Some(self.connection(address)?)))
    }

    fn ptime(self, value: &str) -> Result<Millis, SdpError> {
        // Some peers write 20.0.
        let whole = value.trim().split('.').next().unwrap_or_default();
        match whole.parse() {
            Ok(millis @ 1..=1_000) => Ok(Millis(millis)),
            _ => Err(self.wanted("milliseconds from 1 to 1000")),
        }
    }

    fn rtpmap(self, value: &'a str) -> Result<(u8, &'a str), SdpError> {
        let (number, encoding) = value.trim().split_once(' ').unwrap_or((value, ""));
        match number.parse() {
            Ok(number @ 0..128) if encoding.contains('/') => Ok((number, encoding.trim())),
            _ => Err(self.wanted("a payload type, an encoding and a rate, such as 0 PCMU/8000")),
        }
    }
}

/// A multicast address stands before its time to live and a count; others stand alone.
/// Source: RFC 8866 §5.7.
fn without_ttl(address: &str) -> &str {
    match address.split_once('/') {
        Some((host, _)) if host.parse::<IpAddr>().is_ok_and(|host| host.is_multicast()) => host,
        _ => address,
    }
}

fn is_type(kind: &str) -> bool {
    matches!(kind.as_bytes(), [b'a'..=b'z'])
}
