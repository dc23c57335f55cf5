//! What both sides agreed on.
//!
//! In: two descriptions as read. Out: [`Negotiated`], or why there is nothing to agree on.
//! Sources: RFC 3264 §6 and §8.4, RFC 3605 §2.1 and RFC 5761 §5.1.1 (RTCP), RFC 3551 §4.2 (how
//! much audio a packet has).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::capabilities::TELEPHONE_EVENT;
use super::parse::{self, Description, Media};
use super::{Direction, SdpError, names};
use crate::base::Millis;
use crate::media::dtls::{DtlsPeer, DtlsRole};
use crate::media::srtp::{Crypto, CryptoLine};
use crate::media::{Codec, FRAME_MILLIS, Payload, PayloadMap};

/// Least audio put into a packet, and the step in which it grows.
const PTIME_STEP: u64 = 10;
/// Most audio put into a packet, whatever is asked for.
const PTIME_MAX: u64 = 60;

/// What both sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Negotiated {
    /// Where to send, the address of one host.
    pub remote: SocketAddr,
    /// Where to send RTCP.
    pub remote_rtcp: SocketAddr,
    /// Whether RTP and RTCP share one port, both ways (RFC 5761).
    pub rtcp_mux: bool,
    /// How to encode.
    pub codec: Codec,
    /// The payload type to send that with.
    pub payload_type: u8,
    /// What the numbers of packets that come stand for.
    pub receive_types: PayloadMap,
    /// How to send digits, where the other side takes them.
    pub telephone_event: Option<TelephoneEvent>,
    /// The payload type to send comfort noise with, where both sides take it.
    pub comfort_noise: Option<u8>,
    /// Which way, as seen from here.
    pub direction: Direction,
    /// How much audio to put into a packet: what the other side asked for, in steps of 10 ms up
    /// to 60 ms, as its codec can.
    pub ptime: Millis,
    /// What the other side says of its Opus.
    pub opus: OpusFormat,
    /// The keys, where RTP and RTCP are encrypted with keys in session descriptions.
    pub crypto: Option<Crypto>,
    /// With whom keys are agreed on over the media's own path, where that is so.
    pub dtls: Option<DtlsPeer>,
}

/// How digits are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// The payload type.
    pub payload_type: u8,
    /// Steps of a digit's duration per second. Where the other side has digits at another rate
    /// than its audio, it is theirs.
    pub clock_rate: u32,
}

/// What a side wants of the Opus it hears. Source: RFC 7587 §6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OpusFormat {
    /// It makes use of repair data in packets.
    pub use_inband_fec: bool,
    /// Most bits per second it wants.
    pub max_average_bitrate: Option<u32>,
}

impl Negotiated {
    /// G.711 with a peer that lists nothing else: both ways, 20 ms a packet, no digits, RTCP on
    /// the next port.
    pub fn plain(remote: SocketAddr, codec: Codec) -> Self {
        Self {
            remote,
            remote_rtcp: next_port(remote),
            rtcp_mux: false,
            codec,
            payload_type: codec.static_type().unwrap_or(96),
            receive_types: tolerated(std::iter::empty()),
            telephone_event: None,
            comfort_noise: None,
            direction: Direction::SendRecv,
            ptime: Millis(FRAME_MILLIS),
            opus: OpusFormat::default(),
            crypto: None,
            dtls: None,
        }
    }
}

/// What is agreed by an answer to the offer we sent.
///
/// # Errors  [`SdpError`], where the answer cannot be read, does not match the offer, or refuses.
pub fn accept(answer: &str, offered: &str) -> Result<Negotiated, SdpError> {
    accept_again(answer, offered, None)
}

/// What is agreed by an answer to a later offer of ours in the same dialog. `kept` is what was
/// agreed before: where the answer holds by 0.0.0.0, the peer stays there.
///
/// # Errors  As [`accept`].
pub fn accept_again(
    answer: &str,
    offered: &str,
    kept: Option<&Negotiated>,
) -> Result<Negotiated, SdpError> {
    let offered = parse::parse(offered)?;
    let answered = parse::parse(answer)?;
    let (found, wanted) = (answered.media.len(), offered.media.len());
    if found != wanted {
        return Err(SdpError::MediaCount { found, wanted });
    }
    let pair = offered
        .media
        .iter()
        .zip(&answered.media)
        .find(|(ours, _)| ours.kind == "audio" && ours.port != 0);
    let Some((ours, theirs)) = pair else {
        return Err(SdpError::Missing { wanted: "m=audio line" });
    };
    if theirs.port == 0 {
        return Err(SdpError::Refused { line: theirs.line });
    }
    let is_ours = |(_, codec): &(u8, Codec)| ours.codecs().any(|(_, known)| known == *codec);
    let codec = (theirs.kind == ours.kind && theirs.profile() == ours.profile())
        .then(|| theirs.codecs().find(is_ours))
        .flatten()
        .ok_or_else(|| nothing_in_common(theirs, ours.codecs().map(|(_, codec)| codec)))?;
    let numbers: Vec<(u8, Payload)> = ours.payloads().collect();
    let rtcp_mux = ours.rtcp_mux && theirs.rtcp_mux;
    // The answer takes one line of the offer, by its number, with a key of its own.
    let crypto = theirs.crypto.first().and_then(|theirs| {
        let is_same = |ours: &&CryptoLine| {
            ours.tag == theirs.tag && ours.key.profile() == theirs.key.profile()
        };
        let ours = ours.crypto.iter().find(is_same)?;
        Some(Crypto { local: ours.key, remote: theirs.key })
    });
    let dtls = ours.fingerprint.and_then(|_| {
        let role = DtlsRole::answered(answered.setup(theirs))?;
        Some(DtlsPeer { role, fingerprint: answered.fingerprint(theirs)? })
    });
    if dtls.is_none() && ours.fingerprint.is_some() {
        return Err(SdpError::Dtls { line: theirs.line });
    }
    if crypto.is_none() && dtls.is_none() && (theirs.wants_srtp() || is_encrypted(kept)) {
        return Err(SdpError::Srtp { line: theirs.line });
    }
    let sides = Sides { theirs: &answered, media: theirs, ours: &numbers, rtcp_mux, crypto, dtls };
    agree(&sides, codec, kept)
}

/// What there is to agree on.
pub(super) struct Sides<'a> {
    /// The other side's description.
    pub(super) theirs: &'a Description<'a>,
    /// Its audio.
    pub(super) media: &'a Media<'a>,
    /// The numbers of our own.
    pub(super) ours: &'a [(u8, Payload)],
    pub(super) rtcp_mux: bool,
    pub(super) crypto: Option<Crypto>,
    pub(super) dtls: Option<DtlsPeer>,
}

/// A call that is encrypted stays so: nobody who can change a later description may undo it.
pub(super) fn is_encrypted(kept: Option<&Negotiated>) -> bool {
    kept.is_some_and(|kept| kept.crypto.is_some() || kept.dtls.is_some())
}

pub(super) fn agree(
    sides: &Sides<'_>,
    (payload_type, codec): (u8, Codec),
    kept: Option<&Negotiated>,
) -> Result<Negotiated, SdpError> {
    let Sides { theirs, media, ours, rtcp_mux, crypto, dtls } = *sides;
    let address = media
        .connection
        .or(theirs.connection)
        .ok_or(SdpError::Missing { wanted: "c= line for the audio, such as c=IN IP4 192.0.2.1" })?;
    let direction = media.direction.or(theirs.direction).unwrap_or_default().mirrored();
    let (remote, remote_rtcp, direction) = match kept {
        Some(kept) if address.to_canonical().is_unspecified() => {
            (kept.remote, kept.remote_rtcp, direction.without_sending())
        }
        _ if !is_of_a_host(address) => {
            return Err(SdpError::Address { line: media.line, found: address });
        }
        _ => {
            let remote = SocketAddr::new(address, media.port);
            (remote, rtcp_of(media, remote, rtcp_mux), direction)
        }
    };
    let has_noise = ours.iter().any(|(_, payload)| *payload == Payload::ComfortNoise);
    let noise = media.payloads().find(|(_, payload)| *payload == Payload::ComfortNoise);
    Ok(Negotiated {
        remote,
        remote_rtcp,
        rtcp_mux,
        codec,
        payload_type,
        receive_types: tolerated(ours.iter().copied().chain(media.payloads())),
        telephone_event: telephone_event(media, codec),
        comfort_noise: noise.filter(|_| has_noise && codec.clock_rate() == 8_000).map(|(n, _)| n),
        direction,
        ptime: packet_time(theirs, media, codec),
        opus: media.parameters(payload_type).map(OpusFormat::read).unwrap_or_default(),
        crypto,
        dtls,
    })
}

impl OpusFormat {
    fn read(parameters: &str) -> Self {
        let mut format = Self::default();
        for parameter in parameters.split(';') {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.trim() {
                "useinbandfec" => format.use_inband_fec = value.trim() == "1",
                "maxaveragebitrate" => format.max_average_bitrate = value.trim().parse().ok(),
                _ => {}
            }
        }
        format
    }
}

/// Digits at the clock of the audio, as one stream has one clock (RFC 4733 §2.1); some phones
/// have them at 8,000 beside Opus, and hear them so.
pub(super) fn telephone_event(theirs: &Media<'_>, codec: Codec) -> Option<TelephoneEvent> {
    let at = |wanted: u32| {
        theirs.payloads().find_map(|(payload_type, payload)| match payload {
            Payload::TelephoneEvent { clock_rate } if clock_rate == wanted => {
                Some(TelephoneEvent { payload_type, clock_rate })
            }
            _ => None,
        })
    };
    at(codec.clock_rate()).or_else(|| at(8_000))
}

/// The numbers that are understood: those of both sides, and those everybody sends unasked.
fn tolerated(agreed: impl Iterator<Item = (u8, Payload)>) -> PayloadMap {
    let unasked = [
        (0, Payload::Audio(Codec::Pcmu)),
        (8, Payload::Audio(Codec::Pcma)),
        (13, Payload::ComfortNoise),
        (TELEPHONE_EVENT, Payload::TelephoneEvent { clock_rate: 8_000 }),
    ];
    agreed.chain(unasked).collect()
}

/// The other side's wish, as this codec can.
fn packet_time(theirs: &Description<'_>, media: &Media<'_>, codec: Codec) -> Millis {
    let wish = media.ptime.or(theirs.ptime).unwrap_or(Millis(FRAME_MILLIS)).0;
    let most = media.maxptime.map_or(PTIME_MAX, |most| most.0);
    let whole = wish.min(most).clamp(PTIME_STEP, PTIME_MAX) / PTIME_STEP * PTIME_STEP;
    Millis(match (codec, whole) {
        // Opus has frames of 10, 20, 40 and 60 ms: RFC 6716 §2.1.4.
        (Codec::Opus, 30) => 20,
        (Codec::Opus, 50) => 40,
        _ => whole,
    })
}

fn rtcp_of(media: &Media<'_>, remote: SocketAddr, rtcp_mux: bool) -> SocketAddr {
    if rtcp_mux {
        return remote;
    }
    match media.rtcp {
        Some((port, address)) if port != 0 => {
            let address = address.filter(|address| is_of_a_host(*address));
            SocketAddr::new(address.unwrap_or(remote.ip()), port)
        }
        _ => next_port(remote),
    }
}

/// Source: RFC 3550 §11. The last port has none after it, and stands for itself.
fn next_port(remote: SocketAddr) -> SocketAddr {
    SocketAddr::new(remote.ip(), remote.port().saturating_add(1))
}

/// Whether audio can be sent there.
pub(super) fn is_of_a_host(address: IpAddr) -> bool {
    let is_broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    let address = address.to_canonical();
    // 0.0.0.0/8 is "this host on this network": RFC 6890 §2.2.2.
    let is_this_network = matches!(address, IpAddr::V4(host) if host.octets()[0] == 0);
    !(address.is_unspecified() || address.is_multicast() || is_broadcast || is_this_network)
}

pub(super) fn nothing_in_common(media: &Media<'_>, ours: impl Iterator<Item = Codec>) -> SdpError {
    let (line, found, wanted) = (media.line, parse::cut(media.text), names(ours));
    SdpError::NothingInCommon { line, found, wanted }
}
