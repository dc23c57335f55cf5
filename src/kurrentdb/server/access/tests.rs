use http::HeaderValue;

use super::*;

#[test]
fn a_request_without_a_user_is_refused_in_kurrentdbs_words() {
    let access = Access::parse("ops:admin:changeit\n").expect("users");
    let mut headers = HeaderMap::new();
    let refusal = caller(&access, &headers).expect_err("nobody");
    assert_eq!(refusal.code(), Code::Unauthenticated);
    assert_eq!(refusal.message(), "Not Authenticated");
    // What `printf ops:changeit | base64` gives.
    headers.insert("authorization", HeaderValue::from_static("Basic b3BzOmNoYW5nZWl0"));
    assert_eq!(caller(&access, &headers).expect("somebody").name(), "ops");
}

#[test]
fn roles_decide_what_may_be_written() {
    let may = |role, stream: &str| {
        may_write(&Caller::new("x", role), &StreamName::new(stream).expect("a name"))
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
