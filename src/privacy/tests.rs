use std::io::Write as _;

use super::*;
use crate::base::{PersonName, PhoneNumber, Rng, SubjectId, Timestamp};

fn phone() -> PhoneNumber {
    "+12025550123".parse().expect("a good number")
}

fn subject(seed: u64) -> SubjectId {
    SubjectId::generate(Timestamp::EPOCH, &mut Rng::from_seed(seed))
}

fn open(folder: &std::path::Path) -> Result<Vault, VaultError> {
    let mut rng = Rng::from_seed(1);
    Vault::open(folder, &mut |bytes| rng.fill(bytes))
}

/// A vault with one registered subject and what was sealed for it.
fn sealed(folder: &std::path::Path) -> (Vault, SubjectId, String) {
    let mut vault = open(folder).expect("open");
    let mut rng = Rng::from_seed(2);
    let id = subject(3);
    vault.register(&[id], &mut |bytes| rng.fill(bytes)).expect("register");
    let name = PersonName::new("Ada\nArcher");
    let sealed = vault.seal(id, &phone(), &name, &mut |bytes| rng.fill(bytes)).expect("seal");
    (vault, id, sealed)
}

#[test]
fn what_was_sealed_opens_again_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, id, text) = sealed(folder.path());
    let hash = vault.phone_hash(&phone());
    drop(vault);
    let vault = open(folder.path()).expect("open again");
    let (number, name) = vault.open_sealed(id, &text).expect("open");
    assert_eq!((number.reveal(), name.reveal()), ("+12025550123", "Ada\nArcher"));
    assert_eq!(vault.phone_hash(&phone()), hash, "look-ups survive a restart");
    assert!(!text.contains("2025550123") && !hash.contains("2025550123"));
}

#[test]
fn another_installation_hashes_differently() {
    let (one, two) = (tempfile::tempdir().expect("a"), tempfile::tempdir().expect("b"));
    let first = open(one.path()).expect("open");
    let mut rng = Rng::from_seed(9);
    let second = Vault::open(two.path(), &mut |bytes| rng.fill(bytes)).expect("open");
    assert_ne!(first.phone_hash(&phone()), second.phone_hash(&phone()));
}

#[test]
fn a_changed_ciphertext_or_another_subject_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut vault, id, text) = sealed(folder.path());
    for index in [0, 30, text.len() - 1] {
        let mut changed = text.clone().into_bytes();
        changed[index] = if changed[index] == b'0' { b'1' } else { b'0' };
        let changed = String::from_utf8(changed).expect("ASCII");
        assert!(matches!(vault.open_sealed(id, &changed), Err(VaultError::Tampered(_))));
    }
    for broken in ["", "00", "zz", "é0"] {
        assert!(matches!(vault.open_sealed(id, broken), Err(VaultError::Tampered(_))));
    }
    let other = subject(4);
    assert!(matches!(vault.open_sealed(other, &text), Err(VaultError::NoKey(_))));
    vault.register(&[other], &mut |bytes| bytes.fill(7)).expect("register");
    assert!(matches!(vault.open_sealed(other, &text), Err(VaultError::Tampered(_))));
}

#[test]
fn a_destroyed_key_stays_destroyed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut vault, id, text) = sealed(folder.path());
    assert!(vault.destroy(id).expect("destroy"));
    assert!(matches!(vault.open_sealed(id, &text), Err(VaultError::NoKey(_))));
    let later = subject(5);
    vault.register(&[later], &mut |bytes| bytes.fill(8)).expect("register after it");
    drop(vault);
    let vault = open(folder.path()).expect("open again");
    assert!(matches!(vault.open_sealed(id, &text), Err(VaultError::NoKey(_))));
    assert!(vault.seal(later, &phone(), &PersonName::default(), &mut |_| {}).is_ok());
}

#[test]
fn a_destroyed_key_is_gone_from_the_old_file_too_and_no_other_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut vault, id, text) = sealed(folder.path());
    let other = subject(5);
    vault.register(&[other], &mut |bytes| bytes.fill(8)).expect("register");
    let other_text =
        vault.seal(other, &phone(), &PersonName::default(), &mut |_| {}).expect("seal");
    // A second name for the old file: what a copy by links would keep.
    let kept = tempfile::tempdir().expect("a folder");
    for name in ["installation.key", "subjects.keys"] {
        std::fs::hard_link(folder.path().join(name), kept.path().join(name)).expect("a link");
    }
    assert!(vault.destroy(id).expect("destroy"));
    assert!(!vault.destroy(id).expect("once more"), "there is nothing left to destroy");
    let old = open(kept.path()).expect("the old file still reads");
    assert!(matches!(old.open_sealed(id, &text), Err(VaultError::NoKey(_))));
    assert!(old.open_sealed(other, &other_text).is_ok());
}

#[test]
fn a_torn_last_record_is_cut_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vault, id, text) = sealed(folder.path());
    drop(vault);
    let path = folder.path().join("subjects.keys");
    let whole = std::fs::read(&path).expect("read");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("open");
    file.write_all(&whole[..20]).expect("half a record");
    drop(file);
    let vault = open(folder.path()).expect("the torn record is cut");
    assert!(vault.open_sealed(id, &text).is_ok());
    drop(vault);
    let mut damaged = whole;
    damaged[20] ^= 1;
    std::fs::write(&path, damaged).expect("write");
    let error = open(folder.path()).err().expect("must be refused").to_string();
    assert!(error.contains("subjects.keys") && error.contains("byte 0"), "{error}");
}

#[test]
fn keys_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    drop(sealed(folder.path()));
    for name in ["installation.key", "subjects.keys"] {
        let mode =
            std::fs::metadata(folder.path().join(name)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
