use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const USERS: &str = "# who\nops:admin:chang:eit\nleads:writer:a b\n\nboard:reader:ü\n";

fn headers(value: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_str(value).expect("a header"));
    headers
}

/// What `printf name:password | base64` gives.
fn check(access: &Access, credentials: &str, name: Option<&str>) {
    let caller = access.caller(&headers(credentials));
    match (caller, name) {
        (Ok(caller), Some(name)) => assert_eq!(caller.name(), name, "{credentials}"),
        (Err(refusal), None) => {
            assert_eq!(refusal.code(), Code::Unauthenticated, "{credentials}");
            assert_eq!(refusal.message(), "Not Authenticated");
        }
        (caller, _) => panic!("{credentials}: {caller:?}"),
    }
}

#[test]
fn passwords_decide_who_is_calling() {
    let access = Access::parse(USERS).expect("users");
    check(&access, "Basic b3BzOmNoYW5nOmVpdA==", Some("ops"));
    check(&access, "basic b3BzOmNoYW5nOmVpdA", Some("ops"));
    check(&access, "Basic bGVhZHM6YSBi", Some("leads"));
    check(&access, "Basic Ym9hcmQ6w7w=", Some("board"));
    // ops:change, nobody:x, no colon, not base64, another scheme, nothing.
    check(&access, "Basic b3BzOmNoYW5nZQ==", None);
    check(&access, "Basic bm9ib2R5Ong=", None);
    check(&access, "Basic b3Bz", None);
    check(&access, "Basic ***", None);
    check(&access, "Bearer b3BzOmNoYW5nOmVpdA==", None);
    check(&access, "Basic ", None);
    assert!(access.caller(&HeaderMap::new()).is_err());
    assert!(Access::open().caller(&HeaderMap::new()).is_ok());
}

#[test]
fn roles_decide_what_may_be_written() {
    let may = |role, stream: &str| {
        let caller = Caller { name: "x".into(), role };
        caller.may_write(&StreamName::new(stream).expect("a name"))
    };
    for (role, mine, meta, system, system_meta) in [
        (Role::Reader, false, false, false, false),
        (Role::Writer, true, true, false, false),
        (Role::Admin, true, true, true, true),
    ] {
        assert_eq!(may(role, "order-1"), mine, "{role:?}");
        assert_eq!(may(role, "$$order-1"), meta, "{role:?}");
        assert_eq!(may(role, "$settings"), system, "{role:?}");
        assert_eq!(may(role, "$$$settings"), system_meta, "{role:?}");
    }
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
        if let Ok(value) = HeaderValue::from_bytes(&bytes) {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", value);
            prop_assert!(access.caller(&headers).is_err());
        }
        drop(base64(&bytes));
    }
}
