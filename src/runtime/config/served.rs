//! What would be unsafe about a server that others connect to.
//!
//! In: settings, of a file or of a command line. Out: the first rule they break, in the words of
//! whoever gave them. Invariant: without TLS nothing is served but on loopback. Deliberately
//! absent: reading certificates and users.

use std::net::SocketAddr;

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

/// A way to serve that is not safe, or not clear.
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
                    None => format!("an address such as 127.0.0.1:{}", address.port()),
                };
                format!(
                    "{address}: without TLS others on the way read and change everything; give {tls_cert} and {tls_key}, or {or}"
                )
            }
        }
    }
}

/// The first rule that is broken. `reachable` is an address that others can reach, where there
/// is one.
pub(super) fn breach(
    has_cert: bool,
    has_key: bool,
    is_insecure: bool,
    reachable: Option<SocketAddr>,
) -> Option<Breach> {
    match (has_cert, has_key, is_insecure) {
        (true, false, _) => Some(Breach::NoKey),
        (false, true, _) => Some(Breach::NoCertificate),
        (true, true, true) => Some(Breach::Both),
        (true, true, false) => None,
        (false, false, false) => Some(Breach::Neither),
        (false, false, true) => reachable.map(Breach::Reachable),
    }
}
