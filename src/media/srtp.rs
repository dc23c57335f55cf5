//! SRTP: packets that only the two ends can read or make.
//!
//! In: keys that SDP agreed, packets in buffers of the caller's. Out: the same packets protected
//! or opened, in place. Invariants: nothing is allocated per packet; nothing is decrypted before
//! it is proved genuine; no packet is taken twice; no two packets are ever protected with the
//! same piece of key stream; keys show in no `Debug` and no log.
//! Deliberately absent: master key identifiers, key derivation rates other than zero, packets
//! that are authenticated and not encrypted, and the agreement on keys by DTLS, which is in `dtls`.
//! Sources: RFC 3711 (SRTP), RFC 7714 (AES-GCM), RFC 4568 (keys in SDP).

mod cipher;
mod context;
mod key;
mod replay;
mod sdes;

pub use context::{SrtpError, SrtpReceiver, SrtpSender};
pub use key::{MasterKey, Profile};
pub use sdes::{Crypto, CryptoError, CryptoLine, SRTP_ENTROPY, SrtpKeys, read as read_crypto};

/// Bytes that protection adds behind a packet at most: a tag, and the index of SRTCP.
pub const TRAILER_MAX: usize = 20;
