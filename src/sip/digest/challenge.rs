//! Challenges we got, and the values that answer them.

use super::algorithm::{Algorithm, Proof};
use super::{Fields, is_auth, quote};
use crate::sip::event::Credentials;

/// A challenge we got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::sip) struct DigestChallenge {
    pub(in crate::sip) realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: bool,
    algorithm: Algorithm,
    /// The credentials were right, only the nonce was old.
    pub(in crate::sip) stale: bool,
}

impl DigestChallenge {
    /// Reads a WWW-Authenticate or Proxy-Authenticate value; nothing where we cannot answer it.
    pub(in crate::sip) fn read(value: &str) -> Option<Self> {
        let fields = Fields::read(value)?;
        let qop = fields.get("qop");
        if qop.as_ref().is_some_and(|list| !list.split(',').any(is_auth)) {
            return None;
        }
        Some(Self {
            realm: fields.get("realm")?,
            nonce: fields.get("nonce")?,
            opaque: fields.get("opaque"),
            qop: qop.is_some(),
            algorithm: Algorithm::read(fields.get("algorithm").as_deref())?,
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The challenges that can be answered: of each realm the strongest, in the order of realms
    /// (RFC 8760 §2.4).
    pub(in crate::sip) fn strongest<'a>(values: impl Iterator<Item = &'a str>) -> Vec<Self> {
        let mut chosen: Vec<Self> = Vec::new();
        for challenge in values.filter_map(Self::read) {
            match chosen.iter_mut().find(|one| one.realm == challenge.realm) {
                Some(one) if one.algorithm < challenge.algorithm => *one = challenge,
                Some(_) => {}
                None => chosen.push(challenge),
            }
        }
        chosen
    }

    /// The Authorization value that answers it. `count` says how often the nonce has been used,
    /// this time included.
    pub(in crate::sip) fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
        count: u32,
    ) -> String {
        let count = format!("{count:08x}");
        let proof = Proof {
            algorithm: self.algorithm,
            user: &credentials.user,
            realm: &self.realm,
            password: &credentials.password,
            nonce: &self.nonce,
            cnonce,
            count: self.qop.then_some(&count),
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{}\", algorithm={}",
            quote(&credentials.user),
            quote(&self.realm),
            quote(&self.nonce),
            proof.response(method, uri),
            self.algorithm.name(),
        );
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        if self.qop {
            value.push_str(&format!(", qop=auth, nc={count}"));
        }
        if self.qop || self.algorithm.is_session() {
            value.push_str(&format!(", cnonce=\"{cnonce}\""));
        }
        value
    }
}
