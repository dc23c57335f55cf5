//! Digest authentication with qop=auth, both sides: MD5 and SHA-256, each also as `-sess`.
//!
//! In: challenges and proofs as header values, the time, random bits. Out: the values that answer
//! them, and verdicts. Invariants: of several challenges of one realm the strongest is answered;
//! a proof holds for one Request-URI and one use; nothing here prints a password.
//! Deliberately absent: auth-int (proxies change bodies), `userhash`, SHA-512-256.
//! Sources: RFC 2617 §3.2; RFC 7616; RFC 8760; RFC 3261 §22.

mod algorithm;
mod answer;
mod challenge;
mod doorkeeper;

pub(super) use algorithm::Algorithm;
pub(super) use answer::prove;
pub(super) use challenge::DigestChallenge;
pub(super) use doorkeeper::{Asked, Doorkeeper, Verdict, username};

use super::header::{split, unquote};

/// The `name=value` pairs after `Digest`.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn read(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let pairs = split(rest, b',').filter_map(|pair| pair.split_once('='));
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

#[cfg(test)]
mod tests;
