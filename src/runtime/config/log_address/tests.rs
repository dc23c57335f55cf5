use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> LogAddress {
    LogAddress::parse(text).expect(text)
}

#[test]
fn everything_a_connection_string_says_is_taken() {
    let address = parse("esdb://admin:p%40ss%3A%25@log.example.com:2114?tls=true&tlsCaFile=ca.pem");
    assert_eq!(address.server(), "log.example.com:2114");
    assert_eq!(address.credentials(), Some(("admin".to_owned(), "p@ss:%".to_owned())));
    assert_eq!(address.files(), [PathBuf::from("ca.pem")]);
    assert_eq!(
        address.connection(),
        "esdb://log.example.com:2114?tls=true&tlsCaFile=ca.pem&discoveryInterval=10"
    );
    let cluster = parse("kurrentdb://a,b:7,c/?tls=false&discoveryInterval=100");
    assert_eq!(cluster.server(), "a:2113,b:7,c:2113");
    assert_eq!(cluster.connection(), "esdb://a:2113,b:7,c:2113?tls=false&discoveryInterval=100");
    assert_eq!(
        parse("esdb+discover://a").connection(),
        "esdb+discover://a:2113?discoveryInterval=10"
    );
    let mut moved = address;
    moved.move_to(Path::new("/etc/ledgerline"));
    assert_eq!(moved.files(), [PathBuf::from("/etc/ledgerline/ca.pem")]);
}

#[test]
fn what_is_wrong_is_named_and_nothing_repeated() {
    for (text, what) in [
        ("", "begins with no esdb://"),
        ("http://host", "neither esdb:// nor"),
        ("esdb://", "no name and no IPv4"),
        ("esdb://:hunter2@host", "no user"),
        ("esdb://hunter2:hunter2/x@host:hunter2", "no number from 1 to 65535"),
        ("esdb://admin:hunter2/host", "no number from 1 to 65535"),
        ("esdb://admin:hunter2?@host", "no number from 1 to 65535"),
        ("esdb://admin:x?hunter2@host", "no number from 1 to 65535"),
        ("esdb://host?hunter2=1", "none of tls,"),
        ("esdb://host?tls=hunter2", "neither true nor false"),
        ("esdb://host?tls=true&tls=true", "stands twice"),
        ("esdb://host?maxDiscoverAttempts=1", "from 2 to 1000"),
        ("esdb://host?keepAliveInterval=-1", "from 10000"),
        ("esdb://host?nodePreference=hunter2", "leader"),
        ("esdb://host?userKeyFile=hunter2", "go together"),
        ("esdb://hunter2%4:x@host", "hexadecimal"),
        ("esdb://host:0", "65535"),
        ("esdb://a,,b", "no name"),
        ("esdb://host?tls", "no value"),
    ] {
        let error = LogAddress::parse(text).expect_err(text).to_string();
        assert!(error.contains(what), "{text}: {error}");
        assert!(!error.contains("hunter2"), "{text}: {error}");
        assert!(error.contains("esdb://user:password@host:2113"), "{text}: {error}");
    }
}

#[test]
fn the_password_prints_nowhere() {
    let address = parse("esdb://admin:hunter2@host?tls=false");
    let json = serde_json::to_string(&address).expect("JSON");
    assert_eq!(json, "\"esdb://admin:‹secret›@host:2113?tls=false\"");
    assert!(!format!("{address:?} {address}").contains("hunter2"));
    assert!(!address.connection().contains("hunter2"));
}

proptest! {
    #[test]
    fn any_password_survives_its_encoding(password in "\\PC{0,20}", user in "[a-z]{1,8}") {
        let address = parse(&format!("esdb://{user}:{}@host", percent_encoded(&password)));
        prop_assert_eq!(address.credentials(), Some((user, password)));
    }

    #[test]
    fn any_text_is_taken_or_refused(text in "\\PC{0,60}") {
        drop(LogAddress::parse(&text));
        drop(LogAddress::parse(&format!("esdb://{text}")));
    }
}
