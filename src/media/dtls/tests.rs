use proptest::prelude::*;

use super::*;

const SHA256: &str = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:\
                      AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89";

#[test]
fn fingerprints_are_read_as_they_are_written() {
    let read = Fingerprint::read(&format!("SHA-256 {}", SHA256.to_lowercase())).expect("one");
    assert_eq!(read.hash(), CertificateHash::Sha256);
    assert_eq!(read.to_string(), format!("sha-256 {SHA256}"));
    assert_eq!(Fingerprint::new(CertificateHash::Sha256, read.digest()), Some(read));
    for bad in [
        format!("sha-1 {SHA256}"),
        format!("md5 {SHA256}"),
        format!("sha-256 {SHA256}:00"),
        format!("sha-512 {SHA256}"),
        format!("sha-256 {}", &SHA256[3..]),
        format!("sha-256 +1{}", &SHA256[2..]),
        "sha-256".to_owned(),
        String::new(),
    ] {
        assert_eq!(Fingerprint::read(&bad), None, "{bad}");
    }
}

#[test]
fn who_begins_is_settled_by_both() {
    use DtlsRole::{Client, Server};
    let check = |offered, before, want| assert_eq!(DtlsRole::answering(offered, before), want);
    check(Setup::Actpass, None, Some(Client));
    check(Setup::Actpass, Some(Server), Some(Server));
    check(Setup::Active, Some(Client), Some(Server));
    check(Setup::Passive, None, Some(Client));
    check(Setup::Holdconn, None, None);
    for role in [Client, Server] {
        assert_ne!(DtlsRole::answered(role.setup()), Some(role), "the other one");
    }
    assert_eq!(Setup::read(" ACTPASS "), Some(Setup::Actpass));
    assert_eq!(Setup::read("both"), None);
}

proptest! {
    #[test]
    fn whatever_is_read_is_written_the_same(text in "\\PC{0,80}", digest in any::<[u8; 48]>()) {
        let _ = Fingerprint::read(&text);
        let one = Fingerprint::new(CertificateHash::Sha384, &digest).expect("48 bytes");
        prop_assert_eq!(Fingerprint::read(&one.to_string()), Some(one));
    }
}
