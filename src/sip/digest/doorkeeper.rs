//! The side that challenges.
//!
//! Nonces are made without being remembered: when they were made, a number, and a hash over both,
//! the peer's address and a secret drawn at start; a stranger's flood leaves nothing behind. Only
//! nonces that proved something are kept, with their counts and while they live, so that no
//! proof works twice (RFC 7616 §3.3, §5.4).

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sha2::{Digest as _, Sha256};

use super::algorithm::{Algorithm, Proof};
use super::{Fields, is_auth, quote};
use crate::base::{Millis, Timestamp, hex};
use crate::sip::header::Uri;

/// How long a nonce of ours is good for.
const NONCE_LIFE: Millis = Millis::from_secs(60);
/// Nonces whose counts are kept; where more are in use, the oldest count as stale.
const NONCES_MAX: usize = 10_000;

/// What the peer's proof is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sip) enum Verdict {
    /// It holds.
    Good,
    /// It holds, but for a nonce that is too old or a count that was used.
    Stale,
    /// It does not hold.
    Bad,
}

/// The request a proof came with.
#[derive(Clone, Copy, Debug)]
pub(in crate::sip) struct Asked<'a> {
    pub(in crate::sip) realm: &'a str,
    /// What was offered, best first; a proof by another hash is none.
    pub(in crate::sip) algorithms: &'a [Algorithm],
    pub(in crate::sip) method: &'a str,
    /// The Request-URI.
    pub(in crate::sip) uri: &'a str,
    pub(in crate::sip) peer: SocketAddr,
}

/// Challenges strangers and checks what they prove.
pub(in crate::sip) struct Doorkeeper {
    secret: [u8; 16],
    /// Nonces made so far: two made in one moment differ.
    made: u32,
    /// The highest count seen of each nonce, by when the nonce was made.
    counts: BTreeMap<(i64, String), u32>,
    /// Nonces made up to then are stale: their counts are not known any more.
    forgotten_us: i64,
}

impl Doorkeeper {
    /// With a secret nobody else knows.
    pub(in crate::sip) const fn new(secret: [u8; 16]) -> Self {
        Self { secret, made: 0, counts: BTreeMap::new(), forgotten_us: i64::MIN }
    }

    /// Proxy-Authenticate or WWW-Authenticate values with a fresh nonce, one for each hash in the
    /// order given (RFC 8760 §2.3).
    pub(in crate::sip) fn challenge(
        &mut self,
        asked: Asked<'_>,
        now: Timestamp,
        stale: bool,
    ) -> Vec<String> {
        self.made = self.made.wrapping_add(1);
        let nonce = self.nonce(now.as_micros(), self.made, asked.peer);
        let stale = if stale { ", stale=true" } else { "" };
        let value = |algorithm: &Algorithm| {
            let (realm, name) = (quote(&plain(asked.realm)), algorithm.name());
            format!(
                "Digest realm={realm}, nonce=\"{nonce}\"{stale}, algorithm={name}, qop=\"auth\""
            )
        };
        asked.algorithms.iter().map(value).collect()
    }

    /// Checks an Authorization or Proxy-Authorization value. `password` gives the secret of a
    /// user; it takes as long where there is no such user.
    pub(in crate::sip) fn verify<'p>(
        &mut self,
        value: &str,
        asked: Asked<'_>,
        now: Timestamp,
        password: impl FnOnce(&str) -> Option<&'p str>,
    ) -> Verdict {
        let Some(fields) = Fields::read(value) else { return Verdict::Bad };
        let text = |name| fields.get(name).unwrap_or_default();
        let algorithm = Algorithm::read(fields.get("algorithm").as_deref());
        let Some(algorithm) = algorithm.filter(|one| asked.algorithms.contains(one)) else {
            return Verdict::Bad;
        };
        let (user, nonce, count) = (text("username"), text("nonce"), text("nc"));
        let (cnonce, uri, realm) = (text("cnonce"), text("uri"), plain(asked.realm));
        let password = password(&user);
        let proof = Proof {
            algorithm,
            user: &user,
            realm: &realm,
            password: password.unwrap_or("nobody's"),
            nonce: &nonce,
            cnonce: &cnonce,
            count: fields.get("qop").map(|_| count.as_str()),
        };
        let holds = same(&proof.response(asked.method, &uri), &text("response"));
        if !holds
            || password.is_none()
            || fields.get("qop").is_some_and(|qop| !is_auth(&qop))
            || text("realm") != realm
            || !is_same_uri(&uri, asked.uri)
        {
            return Verdict::Bad;
        }
        let Some(made_us) = self.made_us(&nonce, asked.peer) else {
            return Verdict::Stale; // Of another run of ours, or nobody's.
        };
        let made = Timestamp::from_micros(made_us);
        if made > now || made.plus(NONCE_LIFE) < now {
            return Verdict::Stale;
        }
        // Without qop there is no count: the nonce is good for one proof.
        let count = match fields.get("qop") {
            Some(_) => u32::from_str_radix(&count, 16).unwrap_or(0),
            None => 1,
        };
        self.use_up(made_us, nonce, count, now)
    }

    /// Whether a proof is for a challenge that this peer had from us: its address is not forged.
    pub(in crate::sip) fn has_asked(&self, value: &str, peer: SocketAddr) -> bool {
        let nonce = Fields::read(value).and_then(|fields| fields.get("nonce"));
        nonce.is_some_and(|nonce| self.made_us(&nonce, peer).is_some())
    }

    /// Notes a count. It is good once, and so are those above it.
    fn use_up(&mut self, made_us: i64, nonce: String, count: u32, now: Timestamp) -> Verdict {
        let dead = now.as_micros().saturating_sub(NONCE_LIFE.0.saturating_mul(1_000).cast_signed());
        self.counts = self.counts.split_off(&(dead, String::new()));
        if made_us <= self.forgotten_us || count == 0 {
            return Verdict::Stale;
        }
        let last = self.counts.entry((made_us, nonce)).or_default();
        if count <= *last {
            return Verdict::Stale;
        }
        *last = count;
        if self.counts.len() > NONCES_MAX
            && let Some(((made_us, _), _)) = self.counts.pop_first()
        {
            self.forgotten_us = made_us;
        }
        Verdict::Good
    }

    /// When we made a nonce for a peer; nothing where we did not.
    fn made_us(&self, nonce: &str, peer: SocketAddr) -> Option<i64> {
        let made_us = i64::from_str_radix(nonce.get(..16)?, 16).ok()?;
        let number = u32::from_str_radix(nonce.get(16..24)?, 16).ok()?;
        same(&self.nonce(made_us, number, peer), nonce).then_some(made_us)
    }

    fn nonce(&self, made_us: i64, number: u32, peer: SocketAddr) -> String {
        let mut hash = Sha256::new();
        hash.update(self.secret);
        hash.update(format!("{made_us}:{number}:{peer}"));
        hash.update(self.secret);
        let hash = hex(&hash.finalize());
        format!("{made_us:016x}{number:08x}{}", hash.get(..32).unwrap_or_default())
    }

    /// How many nonces are kept.
    #[cfg(test)]
    pub(in crate::sip) fn kept(&self) -> usize {
        self.counts.len()
    }
}

/// The user a proof names.
pub(in crate::sip) fn username(value: &str) -> Option<String> {
    Fields::read(value)?.get("username")
}

fn plain(realm: &str) -> String {
    realm.replace(['"', '\\'], "")
}

/// Whether a proof is for this request: a sniffed one for another number is not (RFC 3261 §22.4).
fn is_same_uri(proven: &str, asked: &str) -> bool {
    proven == asked || Uri::read(proven).is_some_and(|uri| Some(uri) == Uri::read(asked))
}

/// Equality in a time that does not tell where two texts differ.
fn same(left: &str, right: &str) -> bool {
    left.len() == right.len()
        && left.bytes().zip(right.bytes()).fold(0, |sum, (left, right)| sum | (left ^ right)) == 0
}
