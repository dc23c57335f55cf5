//! UDP, with news of datagrams that nobody took.
//!
//! In: datagrams to send. Out: datagrams that came, and peers that cannot be reached.
//! A closed port answers with ICMP, which Linux gives to a socket without peer only through its
//! error queue (`IP_RECVERR`). Without it such a peer is noticed when time is up.
//! Invariant: an error is told of the peer it is about, and not of the one that is sent to when
//! it comes to light. Source: RFC 3261 §18.4, ip(7).

use std::io;
use std::net::SocketAddr;

use tokio::io::Interest;
use tokio::net::UdpSocket;

/// A UDP socket.
pub(super) struct Datagrams(UdpSocket);

impl Datagrams {
    /// Takes a socket over.
    pub(super) fn new(socket: UdpSocket) -> Self {
        queue::turn_on(&socket);
        Self(socket)
    }

    /// Waits until there is something to read, or an error.
    pub(super) async fn ready(&self) {
        // An error is found by reading.
        drop(self.0.ready(Interest::READABLE | Interest::ERROR).await);
    }

    /// Reads a datagram that is there.
    pub(super) fn try_recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.try_recv_from(buffer)
    }

    /// The peers that errors came from since the last look.
    pub(super) fn unreachable(&self) -> Vec<SocketAddr> {
        let mut peers = Vec::new();
        let read = || {
            queue::read(&self.0, &mut peers);
            Err::<(), _>(io::ErrorKind::WouldBlock.into())
        };
        // Read to its end, so that only a new error wakes.
        drop(self.0.try_io(Interest::ERROR, read));
        peers
    }

    /// Sends a datagram; gives back the peers that turn out not to be there.
    pub(super) async fn send(&self, bytes: &[u8], to: SocketAddr) -> Vec<SocketAddr> {
        let Err(error) = self.0.send_to(bytes, to).await else { return Vec::new() };
        // The error may be of an earlier datagram, and this one not sent at all.
        let mut peers = Vec::new();
        queue::read(&self.0, &mut peers);
        let sent = if peers.is_empty() { Err(error) } else { self.0.send_to(bytes, to).await };
        let Err(error) = sent else { return peers };
        // What is lost here is sent again by SIP's timers.
        tracing::debug!(%to, %error, "SIP not sent");
        if is_unreachable(&error) {
            peers.push(to);
        }
        peers
    }
}

/// Whether an error says that the peer is not there; others pass, such as a full buffer or a
/// firewall that lets nothing out for a moment.
fn is_unreachable(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

#[cfg(target_os = "linux")]
mod queue {
    //! The error queue of a socket.

    use std::io::IoSliceMut;
    use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};
    use std::os::fd::AsRawFd as _;

    use nix::errno::Errno;
    use nix::sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
    };
    use tokio::net::UdpSocket;

    /// Room for an error and the address it came from. Units: bytes.
    const CONTROL: usize = 512;
    /// Errors read at once; a queue is bounded by the kernel, and this bounds a flood.
    const ERRORS_MAX: usize = 256;

    /// Asks for errors.
    pub(super) fn turn_on(socket: &UdpSocket) {
        let is_v4 = socket.local_addr().is_ok_and(|local| local.is_ipv4());
        let result = if is_v4 {
            setsockopt(socket, sockopt::Ipv4RecvErr, &true)
        } else {
            setsockopt(socket, sockopt::Ipv6RecvErr, &true)
        };
        if let Err(error) = result {
            tracing::debug!(%error, "closed ports are noticed by time alone");
        }
    }

    /// Takes the errors that are there.
    pub(super) fn read(socket: &UdpSocket, peers: &mut Vec<SocketAddr>) {
        // The datagram that met the error comes along; its beginning is enough.
        let (mut bytes, mut control) = ([0_u8; 64], vec![0_u8; CONTROL]);
        for _ in 0..ERRORS_MAX {
            let mut room = [IoSliceMut::new(&mut bytes)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let read = recvmsg::<SockaddrStorage>(
                socket.as_raw_fd(),
                &mut room,
                Some(&mut control),
                flags,
            );
            let Ok(message) = read else { return };
            let Ok(mut notes) = message.cmsgs() else { continue };
            if notes.any(|note| is_gone(&note))
                && let Some(peer) = message.address.as_ref().and_then(address)
                && !peers.contains(&peer)
            {
                peers.push(peer);
            }
        }
    }

    fn is_gone(note: &ControlMessageOwned) -> bool {
        let number = match note {
            ControlMessageOwned::Ipv4RecvErr(error, _) => error.ee_errno,
            ControlMessageOwned::Ipv6RecvErr(error, _) => error.ee_errno,
            _ => return false,
        };
        let error = i32::try_from(number).map_or(Errno::UnknownErrno, Errno::from_raw);
        matches!(error, Errno::ECONNREFUSED | Errno::EHOSTUNREACH | Errno::ENETUNREACH)
    }

    fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
        let v4 = storage.as_sockaddr_in().map(|one| SocketAddrV4::from(*one).into());
        v4.or_else(|| storage.as_sockaddr_in6().map(|one| SocketAddrV6::from(*one).into()))
    }
}

#[cfg(not(target_os = "linux"))]
mod queue {
    //! Other systems have no error queue.

    use std::net::SocketAddr;

    use tokio::net::UdpSocket;

    pub(super) const fn turn_on(_socket: &UdpSocket) {}

    pub(super) const fn read(_socket: &UdpSocket, _peers: &mut Vec<SocketAddr>) {}
}
