//! The two UDP sockets of a leg, and how they are read.
//!
//! In: an address, ports. Out: sockets that never block, and the datagram that waits at one.
//! Invariant: no datagram costs an allocation. In a turn a leg gets one packet and sends one, each
//! at a port of its own, so there is nothing to batch: a call that reads many costs more than the
//! one that reads the one there is.
//! Deliberately absent: reading datagrams, and waiting.
//! Sources: RFC 3550 §11 (the pair), RFC 4594 §4.1 (DSCP EF for voice).

use std::net::{IpAddr, SocketAddr, UdpSocket};

use nix::sys::socket::{setsockopt, sockopt};

use super::ListenError;

/// Longest datagram read: more than any network carries in one piece.
const LENGTH_MAX: usize = 2_048;
/// Bytes that may wait at a port: a second of packets with what the kernel adds to each.
const RECEIVE_BUFFER: usize = 128 << 10;
/// Bytes that may wait to leave.
const SEND_BUFFER: usize = 64 << 10;
/// Expedited forwarding, as the byte of the header. Source: RFC 4594 §4.1, RFC 3246.
const EXPEDITED: u8 = 46 << 2;
/// Tries for two free ports beside each other.
const TRIES: u32 = 64;

/// A leg's sockets.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) rtp: UdpSocket,
    pub(super) rtcp: UdpSocket,
    /// Where RTP is wanted.
    pub(super) local: SocketAddr,
}

impl Pair {
    /// Opens an even port and the one after it.
    pub(super) fn open(address: IpAddr, port: u16) -> Result<Self, ListenError> {
        let local = SocketAddr::new(address, port);
        let rtp = bind("RTP udp", local)?;
        let rtcp = bind("RTCP udp", SocketAddr::new(address, port.saturating_add(1)))?;
        Ok(Self { rtp, rtcp, local })
    }

    /// Opens any two that lie so.
    pub(super) fn open_any(address: IpAddr) -> Result<Self, ListenError> {
        let any = SocketAddr::new(address, 0);
        let mut tries = 0;
        loop {
            let first = bind("RTP udp", any)?;
            let failed = |source| ListenError { protocol: "RTP udp", address: any, source };
            let port = first.local_addr().map_err(failed)?.port();
            let is_even = port % 2 == 0;
            let beside = SocketAddr::new(address, if is_even { port | 1 } else { port & !1 });
            match bind("RTCP udp", beside) {
                Ok(rtcp) if is_even => {
                    return Ok(Self { rtp: first, rtcp, local: SocketAddr::new(address, port) });
                }
                Ok(rtp) => return Ok(Self { rtp, rtcp: first, local: beside }),
                Err(error) if tries >= TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }
}

fn bind(protocol: &'static str, address: SocketAddr) -> Result<UdpSocket, ListenError> {
    let socket = UdpSocket::bind(address)
        .and_then(|socket| {
            socket.set_nonblocking(true)?;
            Ok(socket)
        })
        .map_err(|source| ListenError { protocol, address, source })?;
    // What the system does not allow is done without.
    let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
    let _ = setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER);
    let _ = match address {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4Tos, &i32::from(EXPEDITED)),
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6TClass, &i32::from(EXPEDITED)),
    };
    Ok(socket)
}

/// Room for a datagram.
pub(super) struct Inbox(Box<[u8; LENGTH_MAX]>);

impl Inbox {
    pub(super) fn new() -> Self {
        Self(Box::new([0; LENGTH_MAX]))
    }

    /// Reads what waits longest at a socket, and where it came from. An error is no packet:
    /// nothing is there, or the network said something.
    pub(super) fn read(&mut self, socket: &UdpSocket) -> Option<(SocketAddr, &mut [u8])> {
        let (length, from) = socket.recv_from(&mut self.0[..]).ok()?;
        Some((from, self.0.get_mut(..length)?))
    }
}
