//! Facts about the platform itself.

use serde::{Deserialize, Serialize};

use crate::base::Millis;

/// A node opened the log and began to work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformStarted {
    /// The node's name.
    pub node: String,
    /// The program's version.
    pub program_version: String,
    /// Bytes of a torn tail that were cut when the log was opened; 0 after a clean end.
    pub torn_tail_bytes: u64,
    /// Attempts that an earlier run left open and this one closed.
    pub interrupted_attempts: u32,
}

/// A node ended in good order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlatformStopped {
    /// The node's name.
    pub node: String,
    /// How long it ran. Units: ms.
    pub up_ms: Millis,
}

/// A node read its configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigurationLoaded {
    /// SHA-256 of the settings below, hexadecimal: a hash over a secret would help to guess it.
    pub hash: String,
    /// The settings in force as JSON text, secrets left out.
    pub settings: String,
}
