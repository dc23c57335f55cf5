use proptest::prelude::*;

use super::*;

const USERS: &str = "# who\nops:admin:chang:eit\nleads:writer:a b\n\nboard:reader:ü\n";

fn check(access: &Access, header: &str, name: Option<&str>) {
    let caller = access.check_basic(Some(header.as_bytes()));
    assert_eq!(caller.as_ref().map(Caller::name), name, "{header}");
}

#[test]
fn passwords_decide_who_is_calling() {
    let access = Access::parse(USERS).expect("users");
    check(&access, "Basic b3BzOmNoYW5nOmVpdA==", Some("ops"));
    check(&access, "basic b3BzOmNoYW5nOmVpdA", Some("ops"));
    check(&access, "Basic bGVhZHM6YSBi", Some("leads"));
    check(&access, "Basic Ym9hcmQ6w7w=", Some("board"));
    // What `printf name:password | base64` gives: ops:change, nobody:x, no colon, not base64, another scheme, nothing.
    check(&access, "Basic b3BzOmNoYW5nZQ==", None);
    check(&access, "Basic bm9ib2R5Ong=", None);
    check(&access, "Basic b3Bz", None);
    check(&access, "Basic ***", None);
    check(&access, "Bearer b3BzOmNoYW5nOmVpdA==", None);
    check(&access, "Basic ", None);
    assert!(access.check_basic(None).is_none());
    assert!(Access::open().check_basic(None).is_some());
}

#[test]
fn a_role_belongs_to_its_user() {
    let access = Access::parse(USERS).expect("users");
    let role = |name, password| access.check(name, password).map(|caller| caller.role());
    assert_eq!(role("ops", "chang:eit"), Some(Role::Admin));
    assert_eq!(role("leads", "a b"), Some(Role::Writer));
    assert_eq!(role("board", "ü"), Some(Role::Reader));
    assert_eq!(role("board", "a b"), None);
}

/// Source: RFC 7677 §3, its example of `user` and `pencil`.
#[cfg(feature = "sql-servers")]
#[test]
fn a_secret_is_what_scram_compares_with() {
    let access = Access::parse("user:reader:pencil\n").expect("users");
    let secret = access.scram("user").expect("a secret");
    let by_hand = {
        use hmac::KeyInit as _;
        let mac = |message: &[u8]| -> [u8; 32] {
            let mut mac = hmac::Hmac::<Sha256>::new_from_slice(b"pencil").expect("a key");
            mac.update(message);
            mac.finalize().into_bytes().into()
        };
        let mut block = mac(&[&secret.salt[..], &1u32.to_be_bytes()].concat());
        let mut sum = block;
        for _ in 1..SCRAM_ITERATIONS {
            block = mac(&block);
            sum.iter_mut().zip(block).for_each(|(to, from)| *to ^= from);
        }
        sum
    };
    assert_eq!(secret.salted_password, by_hand);
    assert_eq!(format!("{secret:?}"), "ScramSecret");
    assert_eq!(access.known("user").expect("a caller").role(), Role::Reader);
}

#[cfg(feature = "sql-servers")]
#[test]
fn a_name_that_nobody_has_looks_like_one() {
    let access = Access::parse(USERS).expect("users");
    let [first, again, other] = ["x", "x", "y"].map(|name| access.scram(name).expect("a secret"));
    assert_eq!(first, again);
    assert_ne!(first.salt, other.salt);
    assert_ne!(first.salted_password, other.salted_password);
    assert_eq!(first.salted_password.len(), 32);
    assert!(access.known("x").is_none());
    assert!(Access::open().scram("x").is_none());
}

#[test]
fn users_that_cannot_be_used_are_named_without_a_password() {
    let message = |text: &str| Access::parse(text).expect_err("no users").to_string();
    for text in ["ops:admin", "ops:root:secret", ":admin:secret", "ops:admin:", "secret"] {
        let said = message(&format!("# one\n{text}"));
        assert!(said.contains("line 2") && !said.contains("secret"), "{said}");
    }
    assert!(message("ops:admin:a\nops:reader:secret").contains("stands twice"));
    assert!(message("\n# none\n").contains("there are none"));
    let said = format!("{:?}", Access::parse(USERS).expect("users"));
    assert_eq!(said, "Access(3 users)");
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users");
    std::fs::write(&path, USERS).expect("write");
    let chmod = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode));
    chmod(0o640).expect("chmod");
    assert!(matches!(Access::read(&path), Err(AccessError::Open { .. })));
    chmod(0o600).expect("chmod");
    assert!(Access::read(&path).is_ok());
    assert!(matches!(Access::read(&folder.path().join("no")), Err(AccessError::Read { .. })));
}

proptest! {
    #[test]
    fn any_header_is_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let access = Access::parse(USERS).expect("users");
        prop_assert!(access.check_basic(Some(&bytes)).is_none());
        drop(base64(&bytes));
    }
}
