use super::*;

#[test]
fn what_clients_set_as_they_connect_is_taken() {
    let mut settings = Settings::new("ann");
    for (name, value) in [
        ("client_encoding", "'utf-8'".trim_matches('\'')),
        ("DateStyle", "ISO"),
        ("TimeZone", "Europe/Berlin"),
        ("extra_float_digits", "3"),
        ("application_name", "a board"),
        ("my.own", "1"),
        ("search_path", "public, funnel"),
    ] {
        settings.set(name, value).expect(name);
    }
    assert_eq!(settings.show("timezone").as_deref(), Some("UTC"));
    assert_eq!(settings.show("EXTRA_FLOAT_DIGITS").as_deref(), Some("3"));
    assert_eq!(settings.show("my.own").as_deref(), Some("1"));
    assert_eq!(settings.show("session_authorization").as_deref(), Some("ann"));
    settings.reset(None);
    assert_eq!(settings.show("extra_float_digits").as_deref(), Some("1"));
}

#[test]
fn what_would_change_how_values_look_is_refused() {
    let mut settings = Settings::new("ann");
    let mut code = |name, value| settings.set(name, value).expect_err(name).code;
    assert_eq!(code("client_encoding", "LATIN1"), "22023");
    assert_eq!(code("datestyle", "German"), "22023");
    assert_eq!(code("server_version", "9"), "55P02");
    assert_eq!(code("no_such_setting", "1"), "42704");
}

#[test]
fn options_of_a_connection_are_settings() {
    let found = in_options("-c as_of=1200 --statement-timeout=5s -cgeqo=off -x");
    let expected = [("as_of", "1200"), ("statement_timeout", "5s"), ("geqo", "off")];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}
