//! Handshakes of DTLS for media legs: the certificate of this process, and one end of a handshake.
//!
//! In: whom a session wants keys with, datagrams, the time. Out: datagrams, and keys of SRTP.
//! Invariants: keys are given out only where the certificate that proved itself has the
//! fingerprint that was asked for; the certificate lives as long as the process and is nowhere
//! stored; what the library does with bytes of strangers can end a handshake and nothing else.
//! Deliberately absent: DTLS 1.0 and 1.3, resumption, renegotiation, and data other than keys.
//! Sources: RFC 6347, RFC 5764 §4.1 and §4.2, RFC 5763 §5; ADR 0029 says why `rtc-dtls`.

mod repeats;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, HandshakeConfig, VerifyPeerCertificateFn};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use self::repeats::Repeats;
use crate::base::{Clock, Timestamp};
use crate::media::dtls::{
    CertificateHash, DtlsFailure, DtlsPeer, DtlsRole, Fingerprint, Handshake, Handshakes,
};
use crate::media::srtp::{Crypto, MasterKey, Profile};
use crate::runtime::clock::instant;

/// How long an answer is waited for before a flight is sent again: short beside the second of
/// RFC 6347 §4.2.4.1, as somebody is on the line.
const RESEND_AFTER: Duration = Duration::from_millis(500);
/// How much longer after each time, and at most; the library gives a flight up after seven.
const MORE_EACH_TIME: Duration = Duration::from_millis(250);
const MORE_MAX: Duration = Duration::from_millis(1_500);
/// What handshakes are cut into: fits the path of any phone.
const DATAGRAM: usize = 1_200;
/// What keys are exported as. Source: RFC 5764 §4.2.
const LABEL: &str = "EXTRACTOR-dtls_srtp";
/// The library tells peers apart by address; each handshake here has one and its own endpoint.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Forward secret and authenticated, for keys of both kinds that certificates have.
const SUITES: [CipherSuiteId; 4] = [
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_Aes_128_Gcm_Sha256,
    CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
    CipherSuiteId::Tls_Ecdhe_Rsa_With_ChaCha20_Poly1305_Sha256,
];
/// What is spoken here of SRTP, the best first. A tag of 32 bits is too little to ask for.
const PROFILES: [SrtpProtectionProfile; 2] = [
    SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
    SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
];

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("make a certificate for DTLS: {0}")]
pub struct DtlsError(String);

/// What this process proves itself with, made when it starts.
pub struct DtlsIdentity {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    fingerprint: Fingerprint,
    /// The same moment on both clocks: the library counts from one, sessions from the other.
    began: (Instant, Timestamp),
}

impl DtlsIdentity {
    /// Makes a key and signs a certificate with it: ECDSA on P-256, which every peer can check.
    ///
    /// # Errors
    /// [`DtlsError`], where the system has no randomness.
    pub fn generate(clock: &dyn Clock) -> Result<Self, DtlsError> {
        let failed = |error: &dyn fmt::Display| DtlsError(error.to_string());
        let provider = rtc_crypto::default_provider().map_err(|error| failed(&error))?;
        let names = vec!["media.invalid".to_owned()];
        let certificate = Certificate::generate_self_signed(names, provider.crypto())
            .map_err(|error| failed(&error))?;
        let own = certificate.certificate.first().ok_or_else(|| failed(&"it is empty"))?;
        let fingerprint = fingerprint(CertificateHash::Sha256, own.as_ref());
        Ok(Self { provider, certificate, fingerprint, began: (instant(), clock.now()) })
    }

    /// What session descriptions tell of it.
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn config(
        &self,
        role: DtlsRole,
        verify: VerifyPeerCertificateFn,
    ) -> Result<Arc<HandshakeConfig>, DtlsFailure> {
        // Nobody's name is checked, and no authority's: the fingerprint says who it must be.
        ConfigBuilder::default()
            .with_crypto_provider(self.provider.clone())
            .with_certificates(vec![self.certificate.clone()])
            .with_cipher_suites(SUITES.to_vec())
            .with_srtp_protection_profiles(PROFILES.to_vec())
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(verify))
            .with_flight_interval(RESEND_AFTER)
            .with_server_name("media.invalid".to_owned())
            .with_mtu(DATAGRAM)
            .build(role == DtlsRole::Client, None)
            .map(Arc::new)
            .map_err(|_| DtlsFailure::Handshake)
    }

    fn open(&self, now: Timestamp, peer: DtlsPeer) -> Result<End, DtlsFailure> {
        let is_other = Arc::new(AtomicBool::new(false));
        let flag = is_other.clone();
        let verify: VerifyPeerCertificateFn = Arc::new(move |certificates, _| {
            if is_of(peer.fingerprint, certificates) {
                return Ok(());
            }
            flag.store(true, Ordering::Relaxed);
            // Whatever is said here, the other side hears that its certificate is bad.
            Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into())
        });
        let config = self.config(peer.role, verify)?;
        let server = (peer.role == DtlsRole::Server).then(|| config.clone());
        let mut endpoint = Endpoint::new(PEER, Default::default(), server);
        let began = self.began;
        if peer.role == DtlsRole::Client {
            let begun = endpoint.connect(moment(began, now), PEER, config, None);
            begun.map_err(|_| DtlsFailure::Handshake)?;
        }
        Ok(End {
            endpoint,
            began,
            peer,
            is_other,
            outcome: None,
            is_told: false,
            is_over: false,
            resent: 0,
            repeats: Repeats::default(),
        })
    }
}

impl fmt::Debug for DtlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsIdentity")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Handshakes for DtlsIdentity {
    fn begin(&self, now: Timestamp, peer: &DtlsPeer) -> Box<dyn Handshake> {
        match self.open(now, *peer) {
            Ok(end) => Box::new(end),
            Err(failure) => Box::new(Stillborn(Some(failure))),
        }
    }
}

/// One end of a handshake.
struct End {
    endpoint: Endpoint,
    began: (Instant, Timestamp),
    peer: DtlsPeer,
    /// A certificate was shown that is not the peer's.
    is_other: Arc<AtomicBool>,
    outcome: Option<Result<Crypto, DtlsFailure>>,
    /// There was an outcome.
    is_told: bool,
    /// Nothing more is read.
    is_over: bool,
    /// How often something was sent again.
    resent: u32,
    repeats: Repeats,
}

impl End {
    /// Has the library do something.
    fn go(&mut self, step: impl FnOnce(&mut Endpoint) -> Result<Vec<EndpointEvent>, ()>) {
        if self.is_over {
            return;
        }
        let endpoint = &mut self.endpoint;
        // Its reader is others' code: where it gives up, this handshake is over and no more.
        let done = catch_unwind(AssertUnwindSafe(|| step(endpoint))).unwrap_or(Err(()));
        let is_complete = matches!(&done, Ok(events) if events
            .iter()
            .any(|event| matches!(event, EndpointEvent::HandshakeComplete)));
        self.is_over = done.is_err();
        let outcome = match done {
            _ if self.is_told => return,
            Ok(_) if is_complete => Some(self.keys()),
            Ok(_) => None,
            Err(()) if self.is_other.load(Ordering::Relaxed) => Some(Err(DtlsFailure::Fingerprint)),
            Err(()) => Some(Err(DtlsFailure::Handshake)),
        };
        if outcome.is_some() {
            (self.outcome, self.is_told) = (outcome, true);
        }
    }

    /// The keys, once it is complete. Source: RFC 5764 §4.2.
    fn keys(&self) -> Result<Crypto, DtlsFailure> {
        let state = self.endpoint.get_connection_state(PEER).ok_or(DtlsFailure::Handshake)?;
        if !is_of(self.peer.fingerprint, &state.peer_certificates) {
            return Err(DtlsFailure::Fingerprint);
        }
        let profile = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => Profile::AeadAes128Gcm,
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80 => Profile::AesCm128HmacSha1_80,
            _ => return Err(DtlsFailure::Handshake),
        };
        let (both, key) = (profile.key_length() * 2, Profile::KEY_LENGTH);
        let exported = state.export_keying_material(LABEL, &[], both);
        let exported = exported.map_err(|_| DtlsFailure::Handshake)?;
        let (keys, salts) =
            exported.as_ref().split_at_checked(2 * key).ok_or(DtlsFailure::Handshake)?;
        let (client_key, server_key) = keys.split_at(key);
        let (client_salt, server_salt) = salts.split_at(salts.len() / 2);
        let master = |key: &[u8], salt: &[u8]| {
            MasterKey::from_bytes(profile, &[key, salt].concat()).ok_or(DtlsFailure::Handshake)
        };
        let client = master(client_key, client_salt)?;
        let server = master(server_key, server_salt)?;
        Ok(match self.peer.role {
            DtlsRole::Client => Crypto { local: client, remote: server },
            DtlsRole::Server => Crypto { local: server, remote: client },
        })
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl Handshake for End {
    fn receive(&mut self, now: Timestamp, datagram: &[u8]) {
        // A server is asked for its first answer again by the first message; once there are keys
        // what comes again asks for the last of ours.
        let first = u16::from(self.peer.role == DtlsRole::Server);
        if self.repeats.has_nothing_new(datagram, first) && !self.is_told {
            return;
        }
        let now = moment(self.began, now);
        self.go(|endpoint| endpoint.read(now, PEER, None, datagram.into()).map_err(drop));
    }

    fn handle_timeout(&mut self, now: Timestamp) {
        // Before the first datagram a server has nobody to send to again.
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.resent = self.resent.saturating_add(1);
            let now = moment(self.began, now);
            self.go(|endpoint| {
                endpoint.handle_timeout(PEER, now).map(|()| Vec::new()).map_err(drop)
            });
        }
    }

    fn poll_timeout(&self) -> Option<Timestamp> {
        let due = self.endpoint.poll_timeout(&PEER)? + MORE_MAX.min(MORE_EACH_TIME * self.resent);
        let micros = due.saturating_duration_since(self.began.0).as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Some(Timestamp::from_micros(self.began.1.as_micros().saturating_add(micros)))
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.endpoint.poll_transmit().map(|datagram| datagram.message.to_vec())
    }

    fn poll_outcome(&mut self) -> Option<Result<Crypto, DtlsFailure>> {
        self.outcome.take()
    }
}

/// A handshake that could not begin.
#[derive(Debug)]
struct Stillborn(Option<DtlsFailure>);

impl Handshake for Stillborn {
    fn receive(&mut self, _now: Timestamp, _datagram: &[u8]) {}

    fn handle_timeout(&mut self, _now: Timestamp) {}

    fn poll_timeout(&self) -> Option<Timestamp> {
        None
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn poll_outcome(&mut self) -> Option<Result<Crypto, DtlsFailure>> {
        self.0.take().map(Err)
    }
}

/// A moment on the library's clock.
fn moment((instant, timestamp): (Instant, Timestamp), now: Timestamp) -> Instant {
    let micros = now.as_micros().saturating_sub(timestamp.as_micros());
    instant + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Whether the first certificate of a chain, which is the one that proved itself, is the one.
fn is_of(wanted: Fingerprint, certificates: &[Vec<u8>]) -> bool {
    certificates.first().is_some_and(|own| fingerprint(wanted.hash(), own) == wanted)
}

/// The fingerprint of a certificate in DER.
fn fingerprint(hash: CertificateHash, certificate: &[u8]) -> Fingerprint {
    let fingerprint = match hash {
        CertificateHash::Sha256 => Fingerprint::new(hash, &Sha256::digest(certificate)),
        CertificateHash::Sha384 => Fingerprint::new(hash, &Sha384::digest(certificate)),
        CertificateHash::Sha512 => Fingerprint::new(hash, &Sha512::digest(certificate)),
    };
    fingerprint.unwrap_or_else(|| unreachable!("a hash gives digests of its length"))
}

#[cfg(test)]
mod tests;
