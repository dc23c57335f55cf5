use super::*;

fn read(keys: &str) -> Result<SimConfig, toml::de::Error> {
    toml::from_str(&format!("id = \"sim-1\"\n{keys}\n"))
}

#[test]
fn a_gateway_is_told_by_prefix_or_by_a_header_of_its_own() {
    for (keys, fault) in [
        ("prefix = \"01#\"", None),
        ("header = \"X-Port: 3\"", None),
        ("", Some("prefix")),
        ("prefix = \"+1\"", Some("prefix")),
        ("prefix = \"\"", Some("prefix")),
        ("header = \"Via: 3\"", Some("header")),
        ("header = \"X-Port\"", Some("header")),
        ("header = \"X-Port: 3\\r\\nVia: 1\"", Some("header")),
        ("prefix = \"1\"\ncalls_per_day = 0", Some("calls_per_day")),
    ] {
        let sim = read(keys).expect("readable");
        assert_eq!(sim.fault().map(|(key, _)| key), fault, "{keys}");
    }
    let sim = read("header = \"X-Port: 3\"").expect("readable");
    assert_eq!(sim.header_field(), Some(("X-Port".to_owned(), "3".to_owned())));
}
