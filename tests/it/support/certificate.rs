//! An authority of our own, and what it signs.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Writes an authority (`ca.pem`), and a certificate for 127.0.0.1 that it signed (`server.pem`,
/// `server.key`).
pub(crate) fn certify(folder: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "an authority for a test");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    let key = KeyPair::generate().expect("a key");
    let ca = authority.self_signed(&key).expect("a certificate");
    let issuer = Issuer::new(authority, key);
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let mut server = CertificateParams::new(names).expect("names");
    server.distinguished_name.push(DnType::CommonName, "a log for a test");
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().expect("a key");
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    let write = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).expect("write PEM");
    };
    write("ca.pem", ca.pem());
    write("server.pem", certificate.pem());
    write("server.key", key.serialize_pem());
}
