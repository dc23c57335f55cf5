use proptest::prelude::*;

use super::*;

#[test]
fn lists_split_outside_quotes_and_brackets() {
    assert_eq!(
        split("a, \"b,c\" <sip:x,y>;p=\"\\\",\" , d", b',').collect::<Vec<_>>(),
        ["a", "\"b,c\" <sip:x,y>;p=\"\\\",\"", "d"]
    );
}

#[test]
fn via_is_read_and_completed() {
    let source = "198.51.100.7:5099".parse().unwrap();
    let check = |text: &str, expected: &str| {
        let mut via = Via::read(text).unwrap_or_else(|| panic!("{text}"));
        via.receive(source);
        assert_eq!(via.to_string(), expected);
    };
    check(
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport",
        "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport=5099;received=198.51.100.7",
    );
    check("SIP/2.0/UDP 198.51.100.7;branch=1", "SIP/2.0/UDP 198.51.100.7;branch=1");
    check(
        "SIP / 2.0 / UDP  example.com : 5060 ; branch=1",
        "SIP/2.0/UDP example.com:5060;branch=1;received=198.51.100.7",
    );
    check(
        "SIP/2.0/UDP [2001:db8::9]:5060;branch=1",
        "SIP/2.0/UDP [2001:db8::9]:5060;branch=1;received=198.51.100.7",
    );
    for bad in ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/UDP [::1", "SIP/2.0/UDP h:port"] {
        assert_eq!(Via::read(bad), None, "{bad}");
    }
}

#[test]
fn addresses_are_read() {
    let check = |text: &str, uri: &str, tag: Option<&str>| {
        let read = NameAddr::read(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((read.uri, read.tag()), (uri, tag), "{text}");
    };
    check("<sip:a@b;lr>;tag=1", "sip:a@b;lr", Some("1"));
    check("sip:a@b;tag=1", "sip:a@b", Some("1"));
    check("\"x <sip:no@no>;tag=9\" <sip:a@b>", "sip:a@b", None);
    check("Bob <sip:a@b>;x;TAG=2", "sip:a@b", Some("2"));
    for bad in ["", "<>", "<sip:a", "bob", "<sip:a b>"] {
        assert_eq!(NameAddr::read(bad), None, "{bad}");
    }
}

#[test]
fn uris_give_user_and_address() {
    let check = |text: &str, user: &str, address: Option<&str>| {
        let uri = Uri::read(text).unwrap_or_else(|| panic!("{text}"));
        let address = address.map(|address| address.parse().unwrap());
        assert_eq!((uri.user.as_ref(), uri.socket_addr()), (user, address), "{text}");
    };
    check("sip:%2B15555550123@192.0.2.1", "+15555550123", Some("192.0.2.1:5060"));
    check(
        "sip:+15555550123;npdi:pw@192.0.2.1:5070;user=phone?a=b",
        "+15555550123",
        Some("192.0.2.1:5070"),
    );
    check("SIP:[2001:db8::1]:6", "", Some("[2001:db8::1]:6"));
    check("sip:a@example.com", "a", None);
    check("sip:a@0.0.0.0", "a", None);
    check("sip:a@192.0.2.1:0", "a", None);
    check("tel:+15555550123;phone-context=x", "+15555550123", None);
    check("sip:a%zz%4@h", "a%zz%4", None);
    assert_eq!(Uri::read("sip:a@192.0.2.1:99999"), None);
    assert_eq!(Uri::read("no scheme"), None);
}

#[test]
fn small_headers() {
    assert_eq!(cseq("4711  INVITE"), Some((4711, "INVITE")));
    for bad in ["", "1", "INVITE", "-1 BYE", "2147483648 BYE", "99999999999 BYE", "+1 BYE"] {
        assert_eq!(cseq(bad), None, "{bad}");
    }
    assert_eq!(q850("SIP;cause=200, Q.850 ;cause=16;text=\"a;cause=3\""), Some(16));
    assert_eq!(q850("Q.850;cause=400"), None);
    assert_eq!(q850(&reason(31)), Some(31));
    assert_eq!(retry_after("120 (in a while);duration=5"), Some(Millis::from_secs(120)));
    assert_eq!(retry_after("soon"), None);
    assert_eq!(unquote("\"a \\\" b\""), "a \" b");
}

proptest! {
    #[test]
    fn readers_never_panic(text in "\\PC{0,60}", source in any::<[u8; 4]>()) {
        let _via = Via::read(&text).map(|mut via| via.receive((source, 1).into()));
        let _name = NameAddr::read(&text);
        let _uri = Uri::read(&text).map(|uri| uri.socket_addr());
        let _others = (cseq(&text), q850(&text), retry_after(&text), unquote(&text));
    }

    #[test]
    fn users_survive_escaping(user in "[^\\p{Cc}]{1,20}") {
        let text = format!("sip:{}@192.0.2.1", escape_user(&user));
        prop_assert_eq!(Uri::read(&text).unwrap().user, user);
    }
}
