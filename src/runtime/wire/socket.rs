//! The two UDP sockets of a leg, and how they are read: many datagrams with one call.
//!
//! In: an address, ports. Out: sockets that never block, and the datagrams that wait at one.
//! Invariants: a call to the system reads up to [`BATCH`] datagrams; none of them costs an
//! allocation. What a thread sends in a turn is one packet per leg, each from a port of its own,
//! so there is nothing to batch there.
//! Deliberately absent: reading datagrams, and waiting.
//! Sources: RFC 3550 §11 (the pair), RFC 4594 §4.1 (DSCP EF for voice).

use std::io::IoSliceMut;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd as _;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, setsockopt, sockopt};

use super::ListenError;

/// Datagrams read with one call. A flood at one port gets no more than these in a millisecond.
const BATCH: usize = 16;
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

/// Room for the datagrams of one call.
pub(super) struct Inbox {
    buffers: Box<[[u8; LENGTH_MAX]; BATCH]>,
    headers: MultiHeaders<SockaddrStorage>,
    /// Bytes in each buffer, and where they came from.
    found: [(usize, Option<SocketAddr>); BATCH],
}

impl Inbox {
    pub(super) fn new() -> Self {
        let buffers = Box::new([[0; LENGTH_MAX]; BATCH]);
        let headers = MultiHeaders::preallocate(BATCH, None);
        Self { buffers, headers, found: [(0, None); BATCH] }
    }

    /// Reads what waits at a socket, up to a batch.
    pub(super) fn fill(&mut self, socket: &UdpSocket) {
        self.found = [(0, None); BATCH];
        let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        // An error is no packet: nothing is there, or the network said something.
        let messages = recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None);
        for (slot, message) in self.found.iter_mut().zip(messages.into_iter().flatten()) {
            *slot = (message.bytes, message.address.and_then(address_of));
        }
    }

    /// The datagrams that were read, and their sources.
    pub(super) fn datagrams(&mut self) -> impl Iterator<Item = (SocketAddr, &mut [u8])> {
        let both = self.buffers.iter_mut().zip(self.found);
        both.filter_map(|(buffer, (length, from))| Some((from?, buffer.get_mut(..length)?)))
    }
}

fn address_of(storage: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| SocketAddr::from(*address));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| SocketAddr::from(*address)))
}
