//! Sockets: the thin shell around the SIP and media cores.
//!
//! The platform and the simulated world both stand on it, so that the wire between them is the
//! same on both sides. Invariants: a media leg is two UDP sockets in one of a few threads;
//! dropping its handle ends it and frees them. Deliberately absent: knowing what a call is.

mod dtls;
mod leg;
mod media_leg;
mod port;
mod priority;
mod prompt;
mod socket;
mod thread;
mod threads;
mod wheel;

pub use dtls::{DtlsError, DtlsIdentity};
pub use media_leg::{MediaLeg, MediaNews};
pub use port::{PortRange, PortRangeError};
pub use priority::MediaPriority;
pub use prompt::{Speaker, Voice};
pub use threads::{MediaOptions, MediaThreads};

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;

use crate::base::Timestamp;

/// The longest datagram read. SIP over UDP stays below it; RTP by far.
pub const DATAGRAM_MAX: usize = 65_535;

/// A socket cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("listen on {protocol} {address}: {source}{}", hint(source))]
pub struct ListenError {
    /// `SIP udp`, `RTP udp` or `HTTP tcp`.
    pub protocol: &'static str,
    /// Where.
    pub address: SocketAddr,
    /// Why.
    pub source: std::io::Error,
}

fn hint(source: &std::io::Error) -> &'static str {
    match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            "; another program has this port: stop it or configure another one"
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "; this machine does not have that address: configure one of its own"
        }
        std::io::ErrorKind::PermissionDenied => "; ports below 1024 need privileges",
        _ => "",
    }
}

/// Binds a UDP socket.
///
/// # Errors
/// [`ListenError`], which names the address and what to do.
pub async fn bind_udp(
    protocol: &'static str,
    address: SocketAddr,
) -> Result<UdpSocket, ListenError> {
    UdpSocket::bind(address).await.map_err(|source| ListenError { protocol, address, source })
}

/// Time left until a moment; a day where there is none to wait for.
pub fn until(due: Option<Timestamp>, now: Timestamp) -> Duration {
    due.map_or(Duration::from_secs(86_400), |due| {
        let micros = due.as_micros().saturating_sub(now.as_micros());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    })
}
