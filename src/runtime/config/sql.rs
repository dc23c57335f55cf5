//! What questions in SQL may take, and the servers that clients ask them through.
//!
//! In: settings of a file. Out: the first rule they break. Invariant: a server has users and TLS,
//! or is on loopback and expressly without. Deliberately absent: reading certificates and users.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::served::{Breach, breach};
use crate::base::Millis;

/// Questions in SQL, while the platform runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqlConfig {
    /// Where the Postgres protocol is spoken; port 0 takes a free one. Without it, nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<SocketAddr>,
    /// Where Arrow Flight SQL is spoken; port 0 takes a free one. Without it, nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flight: Option<SocketAddr>,
    /// The certificate with its chain, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_key: Option<PathBuf>,
    /// Users, one a line as `name:role:password`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_file: Option<PathBuf>,
    /// Without TLS, on loopback; users may then be left out.
    pub insecure: bool,
    /// Connections at once, for each server.
    pub connections: usize,
    /// How long one question may take, reading its rows included. Units: ms.
    pub statement_timeout_ms: Millis,
    /// Memory of one question before it spills to disk. Units: MiB.
    pub memory_mib: usize,
    /// Disk that one question may spill to. Units: MiB.
    pub spill_mib: u64,
    /// Threads that one question runs on; without it, half of the processors, eight at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Questions at once; more wait.
    pub running: usize,
    /// Positions of the log after which base tables are put on disk, so that a start after a
    /// crash folds no more than these.
    pub checkpoint_events: u64,
}

impl Default for SqlConfig {
    fn default() -> Self {
        Self {
            postgres: None,
            flight: None,
            tls_cert: None,
            tls_key: None,
            user_file: None,
            insecure: false,
            connections: 100,
            statement_timeout_ms: Millis(60_000),
            memory_mib: 256,
            spill_mib: 8_192,
            threads: None,
            running: 16,
            checkpoint_events: 200_000,
        }
    }
}

impl SqlConfig {
    /// Whether clients can connect at all.
    pub const fn has_servers(&self) -> bool {
        self.postgres.is_some() || self.flight.is_some()
    }

    /// The first rule that is broken; none where there is no server.
    pub fn breach(&self) -> Option<Breach> {
        let listens = [self.postgres, self.flight].into_iter().flatten();
        let reachable = listens.into_iter().find(|address| !address.ip().is_loopback());
        let found =
            breach(self.tls_cert.is_some(), self.tls_key.is_some(), self.insecure, reachable);
        found.filter(|breach| self.has_servers() || *breach != Breach::Neither)
    }

    /// The key that a breach is about.
    pub(super) fn key_of(&self, breach: Breach) -> &'static [&'static str] {
        match breach {
            Breach::Reachable(address) if self.postgres == Some(address) => &["postgres"],
            Breach::Reachable(_) => &["flight"],
            other => other.key(),
        }
    }

    /// Paths that are relative are below this folder.
    pub(super) fn move_to(&mut self, folder: &Path) {
        for path in [&mut self.tls_cert, &mut self.tls_key, &mut self.user_file] {
            *path = path.take().map(|path| folder.join(path));
        }
    }
}
