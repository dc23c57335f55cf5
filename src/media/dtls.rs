//! Keys that two ends agree on over the path of the media itself: DTLS-SRTP, seen from outside.
//!
//! In: what session descriptions say of certificates and roles. Out: whom to agree with
//! ([`DtlsPeer`]), and what a handshake looks like to a session ([`Handshake`]).
//! Invariant: a fingerprint is of a hash that nobody can forge; SHA-1 and MD5 are not read.
//! Deliberately absent: the handshake, which needs the chance and the keys of a process. A session
//! is given [`Handshakes`] that make one.
//! Sources: RFC 5763 (offer and answer), RFC 5764 (keys), RFC 8122 §5 (fingerprints), RFC 4145 §4
//! (who connects), RFC 7983 §7 (which packets are whose).

use std::fmt;

use super::srtp::Crypto;
use crate::base::Timestamp;

/// Bytes of the longest digest.
const DIGEST_MAX: usize = 64;

/// A hash of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateHash {
    /// SHA-256, which everybody knows.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl CertificateHash {
    /// All that are read.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in SDP. Source: RFC 8122 §5.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// Bytes of a digest.
    pub const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The digest of a certificate: who an end is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    hash: CertificateHash,
    /// Padded with zeros where the hash gives fewer.
    digest: [u8; DIGEST_MAX],
}

impl Fingerprint {
    /// A fingerprint from its digest; nothing where that has another length than its hash gives.
    pub fn new(hash: CertificateHash, digest: &[u8]) -> Option<Self> {
        if digest.len() != hash.length() {
            return None;
        }
        let mut padded = [0; DIGEST_MAX];
        padded.get_mut(..digest.len())?.copy_from_slice(digest);
        Some(Self { hash, digest: padded })
    }

    /// Reads the value of an `a=fingerprint` line; nothing where its hash is not read here, or it
    /// is badly written. The case of letters does not count.
    pub fn read(value: &str) -> Option<Self> {
        let (name, digits) = value.trim().split_once(' ')?;
        let is_named = |hash: &CertificateHash| hash.name().eq_ignore_ascii_case(name);
        let hash = CertificateHash::ALL.into_iter().find(is_named)?;
        let mut digest = [0; DIGEST_MAX];
        let mut places = digest.iter_mut().take(hash.length());
        for pair in digits.trim().split(':') {
            let is_hexadecimal =
                pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            *places.next()? = u8::from_str_radix(pair, 16).ok().filter(|_| is_hexadecimal)?;
        }
        places.next().is_none().then_some(Self { hash, digest })
    }

    /// The hash it was made with.
    pub const fn hash(&self) -> CertificateHash {
        self.hash
    }

    /// The digest.
    pub fn digest(&self) -> &[u8] {
        self.digest.get(..self.hash.length()).unwrap_or_default()
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.hash.name())?;
        for (at, byte) in self.digest().iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who begins, as `a=setup` says. Source: RFC 4145 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setup {
    /// The side that says so begins.
    Active,
    /// The other one does.
    Passive,
    /// The other one chooses.
    Actpass,
    /// Nobody does for now.
    Holdconn,
}

impl Setup {
    /// The value of an `a=setup` line.
    pub fn read(value: &str) -> Option<Self> {
        let value = value.trim();
        let all = [Self::Active, Self::Passive, Self::Actpass, Self::Holdconn];
        all.into_iter().find(|setup| setup.name().eq_ignore_ascii_case(value))
    }

    /// The value in SDP.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Actpass => "actpass",
            Self::Holdconn => "holdconn",
        }
    }
}

/// Which end of a handshake we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsRole {
    /// We begin (`active`).
    Client,
    /// The other side begins (`passive`).
    Server,
}

impl DtlsRole {
    /// What we call ourselves in SDP.
    pub const fn setup(self) -> Setup {
        match self {
            Self::Client => Setup::Active,
            Self::Server => Setup::Passive,
        }
    }

    /// Our role as the answer to an offer. Where the choice is ours it is that of before, and at
    /// first to begin: then the way through address translators of ours is open. Nothing for an
    /// offer that nobody begins.
    ///
    /// Source: RFC 5763 §5, RFC 8842 §5.3.
    pub fn answering(offered: Setup, before: Option<Self>) -> Option<Self> {
        match offered {
            Setup::Active => Some(Self::Server),
            Setup::Passive => Some(Self::Client),
            Setup::Actpass => Some(before.unwrap_or(Self::Client)),
            Setup::Holdconn => None,
        }
    }

    /// Our role once they answered an offer that left the choice to them.
    pub const fn answered(answer: Setup) -> Option<Self> {
        match answer {
            Setup::Active => Some(Self::Server),
            Setup::Passive => Some(Self::Client),
            Setup::Actpass | Setup::Holdconn => None,
        }
    }
}

/// Whom to agree on keys with, as session descriptions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DtlsPeer {
    /// Our role.
    pub role: DtlsRole,
    /// The fingerprint of the certificate the other side must have.
    pub fingerprint: Fingerprint,
}

/// Why no keys were agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DtlsFailure {
    /// The other side's certificate is not the one its session description told of: somebody
    /// else answers there.
    Fingerprint,
    /// The handshake was refused, broke off or never came to an end.
    Handshake,
}

impl DtlsFailure {
    /// A stable word for records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fingerprint => "dtls_fingerprint",
            Self::Handshake => "dtls_handshake",
        }
    }
}

/// One handshake, without sockets and clocks.
///
/// Contract: after each change poll until nothing comes any more. It stays after the keys are
/// there, as the other side may not have heard the last of it.
pub trait Handshake: fmt::Debug + Send {
    /// Takes a datagram of the other side's.
    fn receive(&mut self, now: Timestamp, datagram: &[u8]);

    /// Sends again what was not answered in time.
    fn handle_timeout(&mut self, now: Timestamp);

    /// When to call [`Self::handle_timeout`].
    fn poll_timeout(&self) -> Option<Timestamp>;

    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;

    /// How it ended, once: with keys of the peer whose fingerprint was asked for, or without.
    fn poll_outcome(&mut self) -> Option<Result<Crypto, DtlsFailure>>;
}

/// Makes handshakes, all with one certificate.
pub trait Handshakes: fmt::Debug + Send + Sync {
    /// Begins a handshake with a peer.
    fn begin(&self, now: Timestamp, peer: &DtlsPeer) -> Box<dyn Handshake>;
}

/// Whether a datagram is one of DTLS. Source: RFC 7983 §7.
pub fn is_dtls(datagram: &[u8]) -> bool {
    matches!(datagram.first(), Some(20..=63))
}

#[cfg(test)]
mod tests;
