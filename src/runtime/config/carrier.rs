//! What a carrier is to SIP: transports, registrations, identities, hashes, keys.

use serde::{Deserialize, Serialize};

use super::{CarrierConfig, SipConfig};
use crate::base::Millis;
use crate::media::Capabilities;
use crate::media::srtp::{SRTP_ENTROPY, SrtpKeys};
use crate::runtime::clock::system_random;
use crate::sip::{
    Assertion, Credentials, DigestHash, Hop, Identity, Registration, RegistrationId, Transport,
    Wanted,
};

/// The header that vouches for the caller, as a file names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityName {
    /// Only From.
    #[default]
    From,
    /// P-Asserted-Identity.
    Asserted,
    /// P-Preferred-Identity.
    Preferred,
}

/// Whether calls are encrypted by SRTP, and where its keys come from, as a file names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SrtpName {
    /// Never: keys that are offered are not taken.
    #[default]
    Off,
    /// Where the other side can, with keys in SDP (RFC 4568, RFC 8643). Keys by DTLS are taken
    /// where the other side offers them.
    Offer,
    /// Always, with keys as before: a call without them fails.
    Require,
    /// Always, with keys by DTLS (RFC 5763): none stand in SIP, and a call without them fails.
    Dtls,
}

/// A hash for digest authentication, as a file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigestName {
    /// MD5.
    #[serde(rename = "md5")]
    Md5,
    /// SHA-256.
    #[serde(rename = "sha-256")]
    Sha256,
}

impl SrtpName {
    /// What is offered and taken in session descriptions: `able`, whose certificate is that of
    /// this process, with keys that are random bytes of the operating system's, new for each leg.
    pub fn capabilities(self, able: &Capabilities) -> Capabilities {
        let keys = |is_required: bool| {
            let mut entropy = [0; SRTP_ENTROPY];
            system_random(&mut entropy);
            SrtpKeys::from_entropy(is_required, &entropy)
        };
        let srtp = match self {
            Self::Off | Self::Dtls => None,
            Self::Offer => Some(keys(false)),
            Self::Require => Some(keys(true)),
        };
        let dtls = able.dtls.filter(|_| self != Self::Off);
        Capabilities { srtp, dtls, ..able.clone() }
    }

    /// Whether keys stand in SIP.
    pub const fn has_keys_in_sip(self) -> bool {
        matches!(self, Self::Offer | Self::Require)
    }
}

/// True for what need not be written down.
pub(super) fn is_off(srtp: &SrtpName) -> bool {
    *srtp == SrtpName::Off
}

/// A transport, as a file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportName {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
}

pub(super) const fn default_register_expires() -> u64 {
    3_600
}

impl CarrierConfig {
    /// What to look for. Where it says nothing of a transport, TLS may be chosen where we can.
    pub fn wanted(&self, can_tls: bool) -> Wanted {
        let transport = self.transport.map(|name| match name {
            TransportName::Udp => Transport::Udp,
            TransportName::Tcp => Transport::Tcp,
            TransportName::Tls => Transport::Tls,
        });
        Wanted { authority: self.address.clone(), transport, can_tls }
    }

    /// Whether the DNS chooses how it is spoken to (RFC 3263 §4.1).
    pub fn may_choose(&self) -> bool {
        let has_name = self.address.name().is_some();
        has_name && self.address.port.is_none() && self.transport.is_none()
    }

    /// The host of addresses of people there, where it has a name.
    pub fn host(&self) -> Option<String> {
        let host = self.address.name().map(|_| self.address.to_string())?;
        Some(match self.transport {
            None | Some(TransportName::Udp) => host,
            Some(TransportName::Tcp) => format!("{host};transport=tcp"),
            Some(TransportName::Tls) => format!("{host};transport=tls"),
        })
    }

    /// What its TLS certificate must say, where that is not its address: what was configured, and
    /// not what the DNS made of it (RFC 5922 §4).
    pub fn certified_name(&self) -> Option<String> {
        self.tls_name.clone().or_else(|| self.address.name().map(str::to_owned))
    }

    /// Who we are to it when it asks.
    pub fn credentials(&self) -> Option<Credentials> {
        let (user, password) = self.user.clone().zip(self.password.as_ref())?;
        Some(Credentials { user, password: password.reveal().to_owned() })
    }

    /// The registration it wants, where it wants one; at one of its addresses.
    pub fn registration(&self, id: RegistrationId, to: Hop) -> Option<Registration> {
        let credentials = self.credentials().filter(|_| self.register)?;
        Some(Registration {
            id,
            to,
            domain: self.domain.clone().or_else(|| self.address.name().map(str::to_owned)),
            user: credentials.user.clone(),
            credentials,
            expires: Millis::from_secs(self.register_expires_s),
        })
    }

    /// Who calls over it say they come from.
    pub fn identity(&self, sip: &SipConfig) -> Identity {
        Identity {
            caller: self.caller.as_ref().unwrap_or(&sip.caller).clone(),
            domain: self.domain.clone(),
            assertion: match self.identity {
                IdentityName::From => Assertion::None,
                IdentityName::Asserted => Assertion::Asserted,
                IdentityName::Preferred => Assertion::Preferred,
            },
            is_private: self.private,
        }
    }

    /// A number as it wants it.
    pub fn called(&self, number: &str) -> String {
        match &self.tech_prefix {
            // The plus stands before a country code; after a prefix it means nothing.
            Some(prefix) => format!("{prefix}{}", number.trim_start_matches('+')),
            None => number.to_owned(),
        }
    }
}

impl SipConfig {
    /// What phones may prove themselves with, best first.
    pub fn phone_hashes(&self) -> Vec<DigestHash> {
        let hash = |name: &DigestName| match name {
            DigestName::Md5 => DigestHash::Md5,
            DigestName::Sha256 => DigestHash::Sha256,
        };
        self.phone_digests.iter().map(hash).collect()
    }
}
