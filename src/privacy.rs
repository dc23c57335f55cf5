//! People are references: keyed hashes to find them, ciphertext to reach them.
//!
//! In: numbers and names. Out: an HMAC to look a number up by, and ciphertext that only the
//! subject's own key opens. Invariants: keys lie in a folder of their own, readable by their
//! owner only, never in the log nor its backups; a subject's key is on disk before any event
//! names the subject; destroying it makes every ciphertext of that subject unreadable.
//! Deliberately absent: roles and reveals, which are decided and recorded elsewhere.
//! Sources: RFC 2104 (HMAC), RFC 8439 (ChaCha20-Poly1305); a bare salted hash of a phone number
//! can be reversed by trying them all, so the key is what protects it.

mod key_file;
mod vault;

pub use vault::{Vault, VaultError};

#[cfg(test)]
mod tests;
