//! How the log is served to clients of KurrentDB.
//!
//! In: settings, of a file or of a command line. Out: the first rule they break. Deliberately
//! absent: reading certificates and users.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::served::{Breach, breach};

/// The log for clients of KurrentDB, while the platform runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KurrentdbConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
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
    /// The most bytes one append may have. Units: bytes.
    pub max_append_bytes: usize,
}

impl Default for KurrentdbConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 2113)),
            tls_cert: None,
            tls_key: None,
            user_file: None,
            insecure: false,
            max_append_bytes: 1 << 20,
        }
    }
}

impl KurrentdbConfig {
    /// The first rule that is broken. `is_anywhere` is for who knows that others can reach it.
    pub fn breach(&self, is_anywhere: bool) -> Option<Breach> {
        let Self { tls_cert, tls_key, insecure, listen, .. } = self;
        let is_reachable = |address: &SocketAddr| !address.ip().is_loopback() && !is_anywhere;
        let reachable = Some(*listen).filter(is_reachable);
        breach(tls_cert.is_some(), tls_key.is_some(), *insecure, reachable)
    }

    /// Whether clients connect by TLS.
    pub const fn has_tls(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Paths that are relative are below this folder.
    pub(super) fn move_to(&mut self, folder: &Path) {
        for path in [&mut self.tls_cert, &mut self.tls_key, &mut self.user_file] {
            *path = path.take().map(|path| folder.join(path));
        }
    }
}
