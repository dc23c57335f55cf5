//! Where a message goes and how: a transport and an address; and what our own messages say of it.
//!
//! In: a hop, a message of ours. Out: the message with the Via and Contact of that transport.
//! Invariant: over UDP nothing is changed, so that a message is written once for all transports.
//! Deliberately absent: names. `locate` turns them into addresses.
//! Sources: RFC 3261 §18, §19.1.1, RFC 5923 (alias: answers and later requests may come back over
//! the same connection).

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;

use super::message::Message;

/// A request longer than this goes by a stream where the peer takes one (RFC 3261 §18.1.1).
/// Units: bytes.
const DATAGRAM_MAX: usize = 1_300;
/// Peers remembered as taking no stream.
const WITHOUT_STREAM_MAX: usize = 1_024;

/// What carries a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// Datagrams.
    #[default]
    Udp,
    /// A stream.
    Tcp,
    /// A stream under TLS.
    Tls,
}

impl Transport {
    /// Whether what is sent arrives or an error says that it did not, so that nothing is sent
    /// again (RFC 3261 §17).
    pub const fn is_reliable(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// Its name in Via.
    pub const fn via(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// Its name in a URI's `transport` parameter and in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }

    /// The port of a peer that names none (RFC 3261 §19.1.2).
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => 5_060,
            Self::Tls => 5_061,
        }
    }

    /// The name of its SRV records in a domain (RFC 3263 §4.1).
    pub(super) fn service(self, domain: &str) -> String {
        match self {
            Self::Udp => format!("_sip._udp.{domain}"),
            Self::Tcp => format!("_sip._tcp.{domain}"),
            Self::Tls => format!("_sips._tcp.{domain}"),
        }
    }

    /// The transport of a URI's parameter, in any case.
    pub(super) fn read(name: &str) -> Option<Self> {
        [Self::Udp, Self::Tcp, Self::Tls]
            .into_iter()
            .find(|one| name.eq_ignore_ascii_case(one.name()))
    }
}

/// Where a message goes, or came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where; of a connection the peer opened, the port it opened it from.
    pub address: SocketAddr,
}

impl From<SocketAddr> for Hop {
    /// By UDP.
    fn from(address: SocketAddr) -> Self {
        Self { transport: Transport::Udp, address }
    }
}

impl fmt::Display for Hop {
    /// As in a URI: the address, and the transport where it is not UDP.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)?;
        match self.transport {
            Transport::Udp => Ok(()),
            other => write!(f, ";transport={}", other.name()),
        }
    }
}

/// Where peers reach us, by transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Locals {
    /// By UDP; stands in every message as it is first written.
    pub(super) udp: SocketAddr,
    /// By TCP; without one, answers come over the connection of the request alone.
    pub(super) tcp: Option<SocketAddr>,
    /// By TLS.
    pub(super) tls: Option<SocketAddr>,
}

impl Locals {
    /// By UDP alone.
    pub(super) const fn udp(udp: SocketAddr) -> Self {
        Self { udp, tcp: None, tls: None }
    }

    /// Our address for a transport.
    pub(super) fn of(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Udp => None,
            Transport::Tcp => self.tcp,
            Transport::Tls => self.tls,
        }
        .unwrap_or(self.udp)
    }

    /// Writes a transport into our Via and Contact.
    pub(super) fn stamp(&self, message: &mut Message, hop: Hop) {
        let transport = hop.transport;
        if transport == Transport::Udp {
            return;
        }
        let local = self.of(transport);
        let written = format!("SIP/2.0/UDP {};", self.udp);
        if let Some(rest) = message.header("Via").and_then(|via| via.strip_prefix(&written)) {
            let via = format!("SIP/2.0/{} {local};{rest};alias", transport.via());
            message.replace("Via", via);
        }
        let written = format!("{}>", self.udp);
        if let Some(user) = message.header("Contact").and_then(|one| one.strip_suffix(&written)) {
            let contact = format!("{user}{local};transport={}>", transport.name());
            message.replace("Contact", contact);
        }
    }
}

/// Which peers get long requests by a stream.
#[derive(Debug, Default)]
pub(super) struct LongRequests {
    is_on: bool,
    without_stream: BTreeSet<SocketAddr>,
}

impl LongRequests {
    /// Sends them by a stream where `is_on`.
    pub(super) fn new(is_on: bool) -> Self {
        Self { is_on, without_stream: BTreeSet::new() }
    }

    /// The hop for a request of a length that was meant for another one.
    pub(super) fn hop(&self, hop: Hop, length: usize) -> Hop {
        let by_stream = self.is_on
            && hop.transport == Transport::Udp
            && length > DATAGRAM_MAX
            && !self.without_stream.contains(&hop.address);
        if by_stream { Hop { transport: Transport::Tcp, ..hop } } else { hop }
    }

    /// A peer takes no stream. Where too many do not, all are asked anew.
    pub(super) fn refused(&mut self, address: SocketAddr) {
        if self.without_stream.len() >= WITHOUT_STREAM_MAX {
            self.without_stream.clear();
        }
        self.without_stream.insert(address);
    }
}
