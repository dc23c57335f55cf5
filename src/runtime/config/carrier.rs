//! What a carrier and an agent's phone are to SIP: registrations, identities, hashes.

use serde::{Deserialize, Serialize};

use super::{AgentConfig, CarrierConfig, SipConfig};
use crate::base::Millis;
use crate::sip::{Assertion, Credentials, DigestHash, Identity, Registration, RegistrationId};

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

pub(super) const fn default_register_expires() -> u64 {
    3_600
}

impl CarrierConfig {
    /// Who we are to it when it asks.
    pub fn credentials(&self) -> Option<Credentials> {
        let (user, password) = self.user.clone().zip(self.password.as_ref())?;
        Some(Credentials { user, password: password.reveal().to_owned() })
    }

    /// The registration it wants, where it wants one.
    pub fn registration(&self, id: RegistrationId) -> Option<Registration> {
        let credentials = self.credentials().filter(|_| self.register)?;
        Some(Registration {
            id,
            to: self.address,
            domain: self.domain.clone(),
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

impl AgentConfig {
    /// What the agent's phone registers with, where it does.
    pub fn credentials(&self) -> Option<Credentials> {
        let (user, password) = self.user.clone().zip(self.password.as_ref())?;
        Some(Credentials { user, password: password.reveal().to_owned() })
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
