//! Digest authentication with MD5 and qop=auth, both sides.
//!
//! Our nonces are stateless: the time they were made and a hash over it, the peer's address and
//! a secret drawn at start; a stranger's flood of INVITEs leaves nothing behind.
//! Sources: RFC 2617 §3.2; RFC 3261 §22.

use std::net::SocketAddr;

use md5::{Digest as _, Md5};

use super::event::{Challenge, Credentials};
use super::header::{split, unquote};
use crate::base::{Millis, Timestamp, hex};

/// How long a nonce of ours is good for.
const NONCE_LIFE: Millis = Millis::from_secs(60);

/// A challenge we got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DigestChallenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    qop: bool,
    /// The credentials were right, only the nonce was old.
    pub(super) stale: bool,
}

/// What the peer's proof is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It holds.
    Good,
    /// It holds, but for a nonce that is too old.
    Stale,
    /// It does not hold.
    Bad,
}

impl DigestChallenge {
    /// Reads a WWW-Authenticate or Proxy-Authenticate value; nothing where we cannot answer it.
    pub(super) fn read(value: &str) -> Option<Self> {
        let fields = Fields::read(value)?;
        if fields.get("algorithm").is_some_and(|name| !name.eq_ignore_ascii_case("MD5")) {
            return None;
        }
        let qop = fields.get("qop");
        if qop.as_ref().is_some_and(|list| !list.split(',').any(is_auth)) {
            return None;
        }
        Some(Self {
            realm: fields.get("realm")?,
            nonce: fields.get("nonce")?,
            opaque: fields.get("opaque"),
            qop: qop.is_some(),
            stale: fields.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }

    /// The Authorization value that answers it.
    pub(super) fn answer(
        &self,
        credentials: &Credentials,
        method: &str,
        uri: &str,
        cnonce: &str,
    ) -> String {
        let count = "00000001";
        let proof = Proof {
            user: &credentials.user,
            realm: &self.realm,
            password: &credentials.password,
            nonce: &self.nonce,
            qop: self.qop.then_some((count, cnonce)),
        };
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{}\", algorithm=MD5",
            quote(&credentials.user),
            quote(&self.realm),
            quote(&self.nonce),
            proof.response(method, uri),
        );
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque={}", quote(opaque)));
        }
        if self.qop {
            value.push_str(&format!(", qop=auth, nc={count}, cnonce=\"{cnonce}\""));
        }
        value
    }
}

/// What goes into a response value.
struct Proof<'a> {
    user: &'a str,
    realm: &'a str,
    password: &'a str,
    nonce: &'a str,
    /// Count and client nonce.
    qop: Option<(&'a str, &'a str)>,
}

impl Proof<'_> {
    fn response(&self, method: &str, uri: &str) -> String {
        let who = md5_hex(&format!("{}:{}:{}", self.user, self.realm, self.password));
        let what = md5_hex(&format!("{method}:{uri}"));
        md5_hex(&match self.qop {
            Some((count, cnonce)) => {
                format!("{who}:{}:{count}:{cnonce}:auth:{what}", self.nonce)
            }
            None => format!("{who}:{}:{what}", self.nonce),
        })
    }
}

/// The side that challenges.
pub(super) struct Doorkeeper {
    secret: [u8; 16],
}

impl Doorkeeper {
    /// With a secret nobody else knows.
    pub(super) fn new(secret: [u8; 16]) -> Self {
        Self { secret }
    }

    /// A Proxy-Authenticate value with a fresh nonce.
    pub(super) fn challenge(
        &self,
        challenge: &Challenge,
        now: Timestamp,
        peer: SocketAddr,
        stale: bool,
    ) -> String {
        rsip::typed::WwwAuthenticate {
            realm: challenge.realm.replace(['"', '\\'], ""),
            nonce: self.nonce(now.as_micros(), peer),
            stale: stale.then(|| "true".to_owned()),
            algorithm: Some(rsip::headers::auth::Algorithm::Md5),
            qop: Some(rsip::headers::auth::Qop::Auth),
            ..Default::default()
        }
        .to_string()
    }

    /// Checks a Proxy-Authorization value.
    pub(super) fn verify(
        &self,
        challenge: &Challenge,
        value: &str,
        method: &str,
        now: Timestamp,
        peer: SocketAddr,
    ) -> Verdict {
        let Some(fields) = Fields::read(value) else { return Verdict::Bad };
        let text = |name| fields.get(name).unwrap_or_default();
        let (nonce, count, cnonce) = (text("nonce"), text("nc"), text("cnonce"));
        let proof = Proof {
            user: &challenge.user,
            realm: &challenge.realm.replace(['"', '\\'], ""),
            password: &challenge.password,
            nonce: &nonce,
            qop: fields.get("qop").map(|_| (count.as_str(), cnonce.as_str())),
        };
        if fields.get("qop").is_some_and(|qop| !is_auth(&qop))
            || text("username") != challenge.user
            || !same(&proof.response(method, &text("uri")), &text("response"))
        {
            return Verdict::Bad;
        }
        let made = nonce.get(..16).and_then(|hex| i64::from_str_radix(hex, 16).ok());
        let Some(made) = made.filter(|made| same(&self.nonce(*made, peer), &nonce)) else {
            return Verdict::Stale; // Of another run of ours, or nobody's.
        };
        let made = Timestamp::from_micros(made);
        if made > now || made.plus(NONCE_LIFE) < now { Verdict::Stale } else { Verdict::Good }
    }

    fn nonce(&self, made_us: i64, peer: SocketAddr) -> String {
        let mut hash = Md5::new();
        hash.update(self.secret);
        hash.update(format!("{made_us}:{peer}"));
        hash.update(self.secret);
        format!("{made_us:016x}{}", hex(&hash.finalize()))
    }
}

/// The `name=value` pairs after `Digest`.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let pairs = split(rest, ',').into_iter().filter_map(|pair| pair.split_once('='));
        Some(Self(
            pairs.map(|(name, value)| (name.trim().to_owned(), unquote(value.trim()))).collect(),
        ))
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.clone())
    }
}

fn is_auth(qop: &str) -> bool {
    qop.trim().eq_ignore_ascii_case("auth")
}

fn quote(text: &str) -> String {
    let clean: String = text.chars().filter(|char| !char.is_control()).collect();
    format!("\"{}\"", clean.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Equality in a time that does not tell where two texts differ.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}

fn md5_hex(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests;
