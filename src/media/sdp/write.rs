//! Writes a session description.
//!
//! In: addresses, numbers with their meanings, a direction. Out: text with CRLF line ends.
//! Source: RFC 8866 §5 and §6; the parameters of Opus are those of RFC 7587 §6.1.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::Direction;
use super::parse::Media;
use crate::media::dtls::{Fingerprint, Setup};
use crate::media::srtp::CryptoLine;
use crate::media::{Codec, FRAME_MILLIS, Payload};

/// What we like to hear of Opus: audio here has 8,000 samples a second and one channel, so more
/// would be sent for nothing.
const OPUS_PARAMETERS: &str = "maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1";

/// A media line of ours with audio.
pub(super) struct Audio<'a> {
    pub(super) port: u16,
    pub(super) protocol: &'a str,
    pub(super) crypto: &'a [CryptoLine],
    pub(super) dtls: Option<(Fingerprint, Setup)>,
    pub(super) payloads: &'a [(u8, Payload)],
    pub(super) rtcp_mux: bool,
    pub(super) direction: Direction,
}

/// The lines before the first media line.
pub(super) fn session(local: SocketAddr, session_id: u64, version: u64) -> String {
    let family = match local.ip() {
        IpAddr::V4(_) => "IP4",
        IpAddr::V6(_) => "IP6",
    };
    let address = local.ip();
    let mut text = String::with_capacity(512);
    line(&mut text, format_args!("v=0"));
    line(&mut text, format_args!("o=- {session_id} {version} IN {family} {address}"));
    line(&mut text, format_args!("s=-"));
    line(&mut text, format_args!("c=IN {family} {address}"));
    line(&mut text, format_args!("t=0 0"));
    text
}

/// A media line with audio, and its attributes.
pub(super) fn audio(text: &mut String, media: &Audio<'_>) {
    let formats: Vec<String> =
        media.payloads.iter().map(|(number, _)| number.to_string()).collect();
    let (port, protocol) = (media.port, media.protocol);
    line(text, format_args!("m=audio {port} {protocol} {}", formats.join(" ")));
    for crypto in media.crypto {
        text.push_str("a=crypto:");
        crypto.write(text);
        text.push_str("\r\n");
    }
    if let Some((fingerprint, setup)) = media.dtls {
        line(text, format_args!("a=fingerprint:{fingerprint}"));
        line(text, format_args!("a=setup:{}", setup.name()));
    }
    for (number, payload) in media.payloads {
        line(text, format_args!("a=rtpmap:{number} {payload}"));
        match payload {
            Payload::TelephoneEvent { .. } => line(text, format_args!("a=fmtp:{number} 0-15")),
            Payload::Audio(Codec::Opus) => {
                line(text, format_args!("a=fmtp:{number} {OPUS_PARAMETERS}"));
            }
            _ => {}
        }
    }
    line(text, format_args!("a=ptime:{FRAME_MILLIS}"));
    if media.rtcp_mux {
        line(text, format_args!("a=rtcp-mux"));
    }
    line(text, format_args!("a={}", media.direction.attribute()));
}

/// A media line of theirs, refused. Source: RFC 3264 §6.
pub(super) fn refused(text: &mut String, media: &Media<'_>) {
    let formats = media.formats.join(" ");
    line(text, format_args!("m={} 0 {} {formats}", media.kind, media.protocol));
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let written = text.write_fmt(content);
    debug_assert!(written.is_ok(), "a String takes all text");
    text.push_str("\r\n");
}
