//! What we can do, offered and used to answer.
//!
//! In: our address, the offers of others, our last description. Out: descriptions of ours.
//! Invariant: numbers in a later offer mean what they meant before, and its media lines are
//! those of before. Source: RFC 3264 §5, §6, §8.

use std::net::SocketAddr;

use super::negotiated::{Sides, agree, is_encrypted, nothing_in_common};
use super::parse::{self, DTLS, Description, Media, RTP, SRTP};
use super::write::{self, Audio};
use super::{Direction, Negotiated, SdpError};
use crate::media::dtls::{DtlsPeer, DtlsRole, Fingerprint, Setup};
use crate::media::srtp::{Crypto, CryptoLine, SrtpKeys};
use crate::media::{Codec, Payload, PayloadMap};

/// What we like to call digits at 8,000 steps a second.
pub(super) const TELEPHONE_EVENT: u8 = 101;
/// What we like to call digits beside Opus.
const TELEPHONE_EVENT_WIDE: u8 = 110;
/// What we like to call Opus.
const OPUS: u8 = 111;
/// What comfort noise is called everywhere. Source: RFC 3551 §6.
const COMFORT_NOISE: u8 = 13;
/// Numbers that only a description gives a meaning. Source: RFC 3551 §6.
const DYNAMIC: std::ops::RangeInclusive<u8> = 96..=127;

/// What we offer, and accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Codecs, the best first. An answer takes the offerer's first that is among them.
    pub codecs: Vec<Codec>,
    /// Whether silence may be sent as comfort noise (RFC 3389). It is understood anyway.
    pub comfort_noise: bool,
    /// Whether RTCP may share the port of RTP (RFC 5761).
    pub rtcp_mux: bool,
    /// The keys of this dialog, where it may or must be encrypted with keys in descriptions.
    pub srtp: Option<SrtpKeys>,
    /// The fingerprint of our certificate, where keys may be agreed on by DTLS. Beside keys of
    /// [`Self::srtp`] that is taken where it is offered; alone it is offered, and nothing else
    /// will do.
    pub dtls: Option<Fingerprint>,
}

/// Where the keys for a media line of theirs come from.
#[derive(Clone, Copy)]
enum Keys {
    Described(CryptoLine),
    Dtls(DtlsPeer),
}

impl Default for Capabilities {
    /// G.711, which is what the telephone network speaks: all else is transcoded by the carrier.
    fn default() -> Self {
        Self {
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            comfort_noise: false,
            rtcp_mux: false,
            srtp: None,
            dtls: None,
        }
    }
}

impl Capabilities {
    /// An offer, both ways.
    pub fn offer(&self, local: SocketAddr, session_id: u64) -> String {
        self.offer_again(local, session_id, 0, Direction::SendRecv, None)
    }

    /// A later offer in the same dialog, such as hold. `version` grows with every one;
    /// `previous` is our last description in the dialog, whose media lines and numbers are kept.
    ///
    /// Source: RFC 3264 §8.
    pub fn offer_again(
        &self,
        local: SocketAddr,
        session_id: u64,
        version: u64,
        direction: Direction,
        previous: Option<&str>,
    ) -> String {
        let previous = previous.and_then(|text| parse::parse(text).ok()).unwrap_or_default();
        let audio = previous.media.iter().find(|media| media.is_audio() && media.port != 0);
        let known = audio.into_iter().flat_map(Media::payloads).collect();
        let payloads = self.payloads(&known);
        let is_required = self.srtp.is_some_and(|srtp| srtp.is_required);
        // Whoever agreed by DTLS before does so again.
        let is_by_dtls = audio.map_or(self.demands_dtls(), |audio| audio.fingerprint.is_some());
        let protocol = match audio {
            Some(audio) => audio.protocol,
            None if is_by_dtls => DTLS,
            None if is_required => SRTP,
            None => RTP,
        };
        let crypto = self.srtp.filter(|_| !is_by_dtls).map(|srtp| srtp.lines());
        let crypto = crypto.as_ref().map_or(&[][..], |lines| &lines[..]);
        // The answer to this keeps the roles: RFC 8842 §5.5.
        let dtls = self.dtls.filter(|_| is_by_dtls).map(|ours| (ours, Setup::Actpass));
        let rtcp_mux = self.rtcp_mux || dtls.is_some();
        let port = local.port();
        let ours = Audio { port, protocol, crypto, dtls, payloads: &payloads, rtcp_mux, direction };
        let mut text = write::session(local, session_id, version);
        for media in &previous.media {
            if audio.is_some_and(|audio| std::ptr::eq(media, audio)) {
                write::audio(&mut text, &ours);
            } else {
                write::refused(&mut text, media);
            }
        }
        if audio.is_none() {
            write::audio(&mut text, &ours);
        }
        text
    }

    /// Our answer to an offer, and what is agreed with it.
    ///
    /// The first audio line we can take is taken, with the first of its codecs that is ours; the
    /// other lines are refused.
    ///
    /// # Errors  [`SdpError`], where the offer cannot be read (SIP 400) or has nothing for us
    /// (488).
    pub fn answer(
        &self,
        offer: &str,
        local: SocketAddr,
        session_id: u64,
    ) -> Result<(String, Negotiated), SdpError> {
        self.answer_again(offer, local, session_id, 0, None)
    }

    /// Our answer to a later offer in the same dialog. `version` grows with every description;
    /// `kept` is what was agreed before: where the offer holds by 0.0.0.0, the peer stays there.
    ///
    /// # Errors  As [`Self::answer`].
    /// Source: RFC 3264 §8.
    pub fn answer_again(
        &self,
        offer: &str,
        local: SocketAddr,
        session_id: u64,
        version: u64,
        kept: Option<&Negotiated>,
    ) -> Result<(String, Negotiated), SdpError> {
        let offered = parse::parse(offer)?;
        let (chosen, codec) = self.choose(&offered, kept)?;
        let payloads = self.answering(chosen, codec);
        let (line, dtls) = match self.secured(&offered, chosen, kept) {
            Some(Keys::Described(line)) => (Some(line), None),
            Some(Keys::Dtls(peer)) => (None, Some(peer)),
            None => (None, None),
        };
        let rtcp_mux = (self.rtcp_mux || dtls.is_some()) && chosen.rtcp_mux;
        let local_line = line.zip(self.srtp).map(|(line, srtp)| srtp.answering(&line));
        let crypto = line
            .zip(local_line)
            .map(|(theirs, ours)| Crypto { local: ours.key, remote: theirs.key });
        let sides =
            Sides { theirs: &offered, media: chosen, ours: &payloads, rtcp_mux, crypto, dtls };
        let negotiated = agree(&sides, codec, kept)?;
        let direction = negotiated.direction;
        let (port, protocol, crypto) = (local.port(), chosen.protocol, local_line.as_slice());
        let dtls = self.dtls.zip(dtls).map(|(ours, peer)| (ours, peer.role.setup()));
        let ours = Audio { port, protocol, crypto, dtls, payloads: &payloads, rtcp_mux, direction };
        let mut text = write::session(local, session_id, version);
        for media in &offered.media {
            if std::ptr::eq(media, chosen) {
                write::audio(&mut text, &ours);
            } else {
                write::refused(&mut text, media);
            }
        }
        Ok((text, negotiated))
    }

    /// The numbers we offer, with their meanings: those of before, and others only where the
    /// number is free.
    fn payloads(&self, known: &PayloadMap) -> Vec<(u8, Payload)> {
        let mut numbers: Vec<(u8, Payload)> = Vec::new();
        let mut add = |wish: u8, payload: Payload| {
            let before = known.iter().find(|(_, meaning)| *meaning == payload);
            let is_free = |number: &u8| {
                known.get(*number).is_none() && numbers.iter().all(|(taken, _)| taken != number)
            };
            let number = match before {
                Some((number, _)) => Some(number),
                None => std::iter::once(wish).chain(DYNAMIC).find(is_free),
            };
            numbers.extend(number.map(|number| (number, payload)));
        };
        for codec in &self.codecs {
            add(codec.static_type().unwrap_or(OPUS), Payload::Audio(*codec));
        }
        let has =
            |clock_rate: u32| self.codecs.iter().any(|codec| codec.clock_rate() == clock_rate);
        if has(8_000) {
            add(TELEPHONE_EVENT, Payload::TelephoneEvent { clock_rate: 8_000 });
            if self.comfort_noise {
                add(COMFORT_NOISE, Payload::ComfortNoise);
            }
        }
        if has(48_000) {
            add(TELEPHONE_EVENT_WIDE, Payload::TelephoneEvent { clock_rate: 48_000 });
        }
        numbers
    }

    fn choose<'a>(
        &self,
        offered: &'a Description<'a>,
        kept: Option<&Negotiated>,
    ) -> Result<(&'a Media<'a>, (u8, Codec)), SdpError> {
        let mut audio = offered.media.iter().filter(|media| media.kind == "audio").peekable();
        let Some(first) = audio.peek().copied() else {
            return Err(SdpError::Missing { wanted: "m=audio line" });
        };
        let usable = audio.filter(|media| media.is_audio() && media.port != 0);
        let ours = |(_, codec): &(u8, Codec)| self.codecs.contains(codec);
        let mut spoken =
            usable.filter_map(|media| Some((media, media.codecs().find(ours)?))).peekable();
        let Some((line, _)) = spoken.peek().map(|(media, codec)| (media.line, codec)) else {
            return Err(match first.port {
                0 => SdpError::Refused { line: first.line },
                _ => nothing_in_common(first, self.codecs.iter().copied()),
            });
        };
        let is_required = is_encrypted(kept)
            || self.demands_dtls()
            || self.srtp.is_some_and(|srtp| srtp.is_required);
        let by_dtls = self.demands_dtls() || first.wants_dtls();
        spoken
            .find(|(media, _)| {
                self.secured(offered, media, kept).is_some()
                    || !(is_required || media.wants_srtp() || media.wants_dtls())
            })
            .ok_or(if by_dtls { SdpError::Dtls { line } } else { SdpError::Srtp { line } })
    }

    /// Whether nothing but keys by DTLS will do.
    fn demands_dtls(&self) -> bool {
        self.dtls.is_some() && self.srtp.is_none()
    }

    /// Where keys for a line of theirs come from: by DTLS where we both can, as then they are in
    /// nobody's messages; else the first of theirs that we can take.
    fn secured(
        &self,
        offered: &Description<'_>,
        theirs: &Media<'_>,
        kept: Option<&Negotiated>,
    ) -> Option<Keys> {
        if let Some(fingerprint) = self.dtls.and(offered.fingerprint(theirs)) {
            let before = kept.and_then(|kept| kept.dtls).map(|peer| peer.role);
            let role = DtlsRole::answering(offered.setup(theirs), before);
            return role.map(|role| Keys::Dtls(DtlsPeer { role, fingerprint }));
        }
        if theirs.wants_dtls() {
            return None;
        }
        self.srtp.and(theirs.crypto.first().copied()).map(Keys::Described)
    }

    /// The numbers of an answer: the codec, and of theirs what goes with it.
    fn answering(&self, theirs: &Media<'_>, (number, codec): (u8, Codec)) -> Vec<(u8, Payload)> {
        let mut numbers = vec![(number, Payload::Audio(codec))];
        numbers.extend(super::negotiated::telephone_event(theirs, codec).map(|event| {
            (event.payload_type, Payload::TelephoneEvent { clock_rate: event.clock_rate })
        }));
        if self.comfort_noise && codec.clock_rate() == 8_000 {
            numbers
                .extend(theirs.payloads().find(|(_, payload)| *payload == Payload::ComfortNoise));
        }
        numbers
    }
}
