//! How the log is served to clients of KurrentDB, and what would be unsafe.
//!
//! In: settings, of a file or of a command line. Out: the first rule they break, in the words of
//! whoever gave them. Invariant: without TLS the log is served on loopback only. Deliberately
//! absent: reading certificates and users.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

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

/// How settings are called where they are given.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// The certificate.
    pub tls_cert: &'static str,
    /// Its key.
    pub tls_key: &'static str,
    /// The users.
    pub user_file: &'static str,
    /// To do without TLS.
    pub insecure: &'static str,
    /// To do without it where others can reach it; nothing where that cannot be set.
    pub insecure_anywhere: Option<&'static str>,
}

impl Names {
    /// Keys of a configuration.
    pub const KEYS: Self = Self {
        tls_cert: "tls_cert",
        tls_key: "tls_key",
        user_file: "user_file",
        insecure: "insecure = true",
        insecure_anywhere: None,
    };
    /// Options of a command line.
    pub const OPTIONS: Self = Self {
        tls_cert: "--tls-cert",
        tls_key: "--tls-key",
        user_file: "--user-file",
        insecure: "--insecure",
        insecure_anywhere: Some("--insecure-anywhere"),
    };
}

/// A way to serve the log that is not safe, or not clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// A certificate without its key.
    NoKey,
    /// A key without its certificate.
    NoCertificate,
    /// With TLS and without it.
    Both,
    /// Neither with TLS nor expressly without it.
    Neither,
    /// Without TLS, on an address that others can reach.
    Reachable(SocketAddr),
}

impl Breach {
    /// The key that it is about.
    pub(super) const fn key(self) -> &'static [&'static str] {
        match self {
            Self::NoKey => &["tls_cert"],
            Self::NoCertificate => &["tls_key"],
            Self::Both => &["insecure"],
            Self::Neither => &[],
            Self::Reachable(_) => &["listen"],
        }
    }

    /// What is wrong and what would be right.
    pub fn message(self, names: &Names) -> String {
        let Names { tls_cert, tls_key, insecure, .. } = names;
        match self {
            Self::NoKey => format!("wanted with {tls_key}, or neither"),
            Self::NoCertificate => format!("wanted with {tls_cert}, or neither"),
            Self::Both => format!("wanted {tls_cert} and {tls_key}, or {insecure}, not both"),
            Self::Neither => {
                format!("give {tls_cert} and {tls_key}, or {insecure} to do without TLS")
            }
            Self::Reachable(address) => {
                let or = match names.insecure_anywhere {
                    Some(anywhere) => format!("add {anywhere}"),
                    None => "an address such as 127.0.0.1:2113".to_owned(),
                };
                format!(
                    "{address}: without TLS others on the way read and change everything; give {tls_cert} and {tls_key}, or {or}"
                )
            }
        }
    }
}

impl KurrentdbConfig {
    /// The first rule that is broken. `is_anywhere` is for who knows that others can reach it.
    pub fn breach(&self, is_anywhere: bool) -> Option<Breach> {
        match (&self.tls_cert, &self.tls_key, self.insecure) {
            (Some(_), None, _) => Some(Breach::NoKey),
            (None, Some(_), _) => Some(Breach::NoCertificate),
            (Some(_), Some(_), true) => Some(Breach::Both),
            (Some(_), Some(_), false) => None,
            (None, None, false) => Some(Breach::Neither),
            (None, None, true) => {
                let is_reachable = !self.listen.ip().is_loopback() && !is_anywhere;
                is_reachable.then_some(Breach::Reachable(self.listen))
            }
        }
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
