//! Why a log cannot be opened.
//!
//! Out: messages that name the file and say what to do. Invariant: none of them follows from a
//! file of the index, which is a cache.

use super::contract::ReadError;
use super::sealed::SealedDamage;

/// Bytes that should be events and are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} is damaged at byte {offset}, where position {position} should be ({what})")]
pub struct Damage {
    /// The file.
    pub path: String,
    /// The first byte that cannot be explained.
    pub offset: u64,
    /// The first event that cannot be read.
    pub position: u64,
    /// What is wrong.
    pub what: &'static str,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "open log: {path} is held by {holder}; stop that process, or open the log for reading only"
    )]
    Locked {
        /// The lock file.
        path: String,
        /// The process, as far as the lock file says.
        holder: String,
    },
    /// Events that were acknowledged may be unreadable.
    #[error(
        "open log: {0}; it is not a torn tail, so nothing was cut: keep the folder, restore this file from a backup, and run `ledgerline log verify`"
    )]
    Corrupt(#[source] Damage),
    /// The log ends before events that were durable.
    #[error(
        "open log: {damage}; {mark} says that everything before position {durable} was durable, so nothing was cut: keep the folder, restore this file from a backup, and run `ledgerline log verify`; only if the folder is a copy that was made while the log was written, or was shortened on purpose, delete {mark}"
    )]
    BehindMark {
        /// Where the log ends.
        #[source]
        damage: Damage,
        /// The file that says so.
        mark: String,
        /// The position after the last event that was durable.
        durable: u64,
    },
    /// A newer program wrote it.
    #[error(
        "open log: {path} has format version {version}, this program knows {known}; use the program that wrote it"
    )]
    Version {
        /// The file.
        path: String,
        /// The version found.
        version: u16,
        /// The version known.
        known: u16,
    },
    /// What is sealed cannot be read.
    #[error("open log: {0}")]
    Sealed(#[source] ReadError),
    /// What is sealed is not what was written.
    #[error("open log: {0}; keep the folder, restore this file from a backup")]
    SealedDamage(#[source] SealedDamage),
    /// An option that cannot be.
    #[error("open log: {0}")]
    Options(&'static str),
    /// The disk failed.
    #[error("open log: {action} {path} ({source})")]
    Io {
        /// `read`, `lock` and the like.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}
