//! The hashes and what goes into a response value (RFC 7616 §3.4).

use md5::Md5;
use sha2::{Digest as _, Sha256};

use crate::base::hex;

/// A hash, and whether it is keyed to one session; weaker ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sip) enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
}

impl Algorithm {
    /// By its name in a header; none stands for MD5 (RFC 2617 §3.2.1).
    pub(super) fn read(name: Option<&str>) -> Option<Self> {
        let Some(name) = name else { return Some(Self::Md5) };
        let known = [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess];
        known.into_iter().find(|one| one.name().eq_ignore_ascii_case(name))
    }

    /// The name in a header.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    /// Whether the client's nonce goes into the key.
    pub(super) const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    fn hash(self, text: &str) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => hex(&Md5::digest(text.as_bytes())),
            Self::Sha256 | Self::Sha256Sess => hex(&Sha256::digest(text.as_bytes())),
        }
    }
}

/// What goes into a response value.
pub(super) struct Proof<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) user: &'a str,
    pub(super) realm: &'a str,
    pub(super) password: &'a str,
    pub(super) nonce: &'a str,
    pub(super) cnonce: &'a str,
    /// The nonce count, where qop is used.
    pub(super) count: Option<&'a str>,
}

impl Proof<'_> {
    /// The response value for a request.
    pub(super) fn response(&self, method: &str, uri: &str) -> String {
        let hash = |text: &str| self.algorithm.hash(text);
        let (nonce, cnonce) = (self.nonce, self.cnonce);
        let mut who = hash(&format!("{}:{}:{}", self.user, self.realm, self.password));
        if self.algorithm.is_session() {
            who = hash(&format!("{who}:{nonce}:{cnonce}"));
        }
        let what = hash(&format!("{method}:{uri}"));
        hash(&match self.count {
            Some(count) => format!("{who}:{nonce}:{count}:{cnonce}:auth:{what}"),
            None => format!("{who}:{nonce}:{what}"),
        })
    }
}
