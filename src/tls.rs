//! Certificate and key for TLS, for every server that has one, and trust for SIP's client side.
//!
//! In: PEM files, and the protocols that a server speaks. Out: what connections agree on keys
//! with, or what is wrong. Invariant: the provider of the primitives belongs to this
//! configuration alone. The process-wide one is never installed, since the `eventstore` crate
//! panics where somebody did. Deliberately absent: who may connect, which is in `access`.

mod accept;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsConnector, client};

pub use self::accept::{Connection, accept};

/// What a server proves itself with.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: CertificateDer<'static>,
}

/// Certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of certificates.
    #[error("read certificates from {path}: {what}; PEM is expected, the server's own first")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The file of the key. What is wrong with it says nothing of what is in it.
    #[error("read the private key from {path}: it is not there or is no PEM of a private key")]
    Key {
        /// The file.
        path: PathBuf,
    },
    /// They do not fit.
    #[error("use certificate and key for TLS")]
    Config(#[from] rustls::Error),
}

impl Tls {
    /// Reads PEM files: the certificate with its chain, and its private key. `alpn` are the
    /// protocols to agree on, the best first.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(certificate: &Path, key: &Path, alpn: &[&[u8]]) -> Result<Self, TlsError> {
        let bad = |what: String| TlsError::Certificate { path: certificate.to_owned(), what };
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|error| bad(error.to_string()))?;
        let Some(own) = chain.first().cloned() else {
            return Err(bad("there is none in it".to_owned()));
        };
        let key = PrivateKeyDer::from_pem_file(key)
            .map_err(|_| TlsError::Key { path: key.to_owned() })?;
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(chain, key)?;
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate: own })
    }

    /// What agrees on keys with a client that connects.
    pub const fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// The server's own certificate, PEM.
    pub fn certificate_pem(&self) -> String {
        let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
        for line in self.certificate.chunks(48) {
            text.extend(line.chunks(3).flat_map(base64));
            text.push('\n');
        }
        text + "-----END CERTIFICATE-----\n"
    }
}

/// Up to three bytes in base64, RFC 4648 §4.
fn base64(bytes: &[u8]) -> [char; 4] {
    let bits = [16, 8, 0].into_iter().zip(bytes);
    let bits = bits.fold(0, |bits, (shift, byte)| bits | u32::from(*byte) << shift);
    let mut letters = ['='; 4];
    for (letter, shift) in letters.iter_mut().zip([18, 12, 6, 0]).take(bytes.len() + 1) {
        let value = u8::try_from(bits >> shift & 63).unwrap_or_default();
        *letter = char::from(match value {
            0..=25 => b'A' + value,
            26..=51 => b'a' + value - 26,
            52..=61 => b'0' + value - 52,
            62 => b'+',
            _ => b'/',
        });
    }
    letters
}

/// Whom a client trusts.
#[derive(Clone)]
pub struct TlsClient(TlsConnector);

impl TlsClient {
    /// Trusts who is vouched for in a PEM file, or, without one, by the system's authorities.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn read(authorities: Option<&Path>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        match authorities {
            Some(path) => {
                let bad = |what: String| TlsError::Certificate { path: path.to_owned(), what };
                for certificate in
                    CertificateDer::pem_file_iter(path).map_err(|error| bad(error.to_string()))?
                {
                    roots.add(certificate.map_err(|error| bad(error.to_string()))?)?;
                }
                if roots.is_empty() {
                    return Err(bad("there is none in it".to_owned()));
                }
            }
            None => {
                // One that cannot be read is one less that is trusted.
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Agrees on keys with a server whose certificate has this name or address.
    ///
    /// # Errors
    /// Where the server cannot prove that it is that one.
    pub async fn connect(
        &self,
        stream: TcpStream,
        name: String,
    ) -> std::io::Result<client::TlsStream<TcpStream>> {
        let name = ServerName::try_from(name).map_err(std::io::Error::other)?;
        self.0.connect(name, stream).await
    }
}

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsClient")
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn bytes_are_written_as_the_standard_has_them() {
        // RFC 4648 §10.
        for (bytes, text) in [("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v")] {
            assert_eq!(base64(bytes.as_bytes()).iter().collect::<String>(), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]).iter().collect::<String>(), "+/+/");
    }
}
