use super::*;

fn check(text: &str, want: &str) {
    let error = Config::parse(Path::new("l.toml"), text).expect_err("must be refused").to_string();
    assert!(error.contains(want), "wanted {want:?} in {error:?}");
}

const CARRIER: &str =
    "[[carriers]]\nid = \"north\"\naddress = \"127.0.0.1:5060\"\nweight = 2\nchannels = 10\n";

#[test]
fn an_empty_file_starts() {
    let config = Config::parse(Path::new("l.toml"), "").expect("defaults");
    assert_eq!(config.http.listen.port(), 8080);
}

#[test]
fn a_wrong_key_names_its_line_and_the_right_ones() {
    check(
        "node = \"a\"\n[http]\nlisten_on = 1\n",
        "line 3, column 1: unknown field `listen_on`, expected `listen`",
    );
}

#[test]
fn a_wrong_value_names_its_line_and_what_would_be_right() {
    check("[http]\nlisten = \"here\"\n", "line 2, column 10");
    check("[[campaigns]]\nid = \"Bad Id\"\n", "a-z, 0-9");
    check(
        "[[campaigns]]\nid=\"a\"\nname=\"a\"\nscript=\"s\"\nmode = \"turbo\"\n",
        "unknown variant `turbo`, expected `progressive`",
    );
}

#[test]
fn settings_that_do_not_go_together_are_named() {
    check(&format!("{CARRIER}{CARRIER}"), "carrier north stands twice");
    check(&format!("{CARRIER}user = \"a\"\n"), "user and password go together");
    check(&CARRIER.replace("= 2", "= 0"), "weight must be 1 to 1000");
}

#[test]
fn secrets_never_print() {
    let text = format!("{CARRIER}user = \"a\"\npassword = \"hunter2\"\n");
    let config = Config::parse(Path::new("l.toml"), &text).expect("a good file");
    assert_eq!(config.carriers[0].password.as_ref().map(Secret::reveal), Some("hunter2"));
    let printed = format!("{config:?} {}", serde_json::to_string(&config).expect("JSON"));
    assert!(!printed.contains("hunter2"));
}
