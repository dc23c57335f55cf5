use super::*;

fn check(text: &str, wanted: Result<&str, AuthorityError>) {
    let read = text.parse::<Authority>().map(|authority| authority.to_string());
    assert_eq!(read, wanted.map(str::to_owned), "{text}");
}

#[test]
fn hosts_are_names_or_numbers() {
    check("sip.example.com", Ok("sip.example.com"));
    check("SIP.Example.COM.", Ok("sip.example.com"));
    check("sip.example.com:5070", Ok("sip.example.com:5070"));
    check("localhost", Ok("localhost"));
    check("3cx.example", Ok("3cx.example"));
    check("192.0.2.1", Ok("192.0.2.1"));
    check("192.0.2.1:5060", Ok("192.0.2.1:5060"));
    check("[2001:db8::1]:5060", Ok("[2001:db8::1]:5060"));
    check("[2001:db8::1]", Ok("[2001:db8::1]"));
    check("2001:db8::1", Ok("[2001:db8::1]"));
}

#[test]
fn what_is_none_is_refused_with_what_would_be_right() {
    use AuthorityError::{Form, Name, Number, Port};
    for (text, wanted) in [
        ("", Form),
        ("sip:example.com", Form),
        ("sip.example.com:", Port),
        ("sip.example.com:0", Port),
        ("sip.example.com:70000", Port),
        ("sip.example.com:+5", Port),
        ("a b", Form),
        ("user@example.com", Form),
        ("example.com;transport=tcp", Form),
        ("[::1", Form),
        ("[::1]5060", Form),
        ("[1.2.3.4]", Number),
        ("192.0.2.300", Number),
        ("192.0.2", Number),
        ("192.0.2.1.", Number),
        ("-a.example", Name),
        ("a-.example", Name),
        ("a..example", Name),
        ("_sip._udp.example", Name),
        ("größe.example", Name),
    ] {
        check(text, Err(wanted));
    }
    check(&format!("{}.example", "a".repeat(64)), Err(Name));
    check(&format!("{}example", "aaaaaaaaa.".repeat(25)), Err(Name));
}
