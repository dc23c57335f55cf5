use proptest::prelude::*;

use super::*;

fn contains(network: &str, address: &str) -> bool {
    let network: Network = network.parse().expect("a network");
    network.contains(address.parse().expect("an address"))
}

#[test]
fn an_address_is_inside_where_the_first_bits_agree() {
    assert!(contains("10.0.0.0/8", "10.255.0.1"));
    assert!(!contains("10.0.0.0/8", "11.0.0.1"));
    assert!(contains("192.0.2.129/25", "192.0.2.255"));
    assert!(!contains("192.0.2.129/25", "192.0.2.127"));
    assert!(contains("192.0.2.1", "192.0.2.1") && !contains("192.0.2.1", "192.0.2.2"));
    assert!(contains("0.0.0.0/0", "203.0.113.9") && !contains("0.0.0.0/0", "2001:db8::1"));
    assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(!contains("2001:db8::/32", "2001:db9::1"));
    assert!(contains("::/0", "2001:db8::1") && !contains("::/0", "192.0.2.1"));
    // An IPv6 socket shows IPv4 peers this way.
    assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
}

#[test]
fn what_is_no_network_is_refused_with_what_would_be_right() {
    for text in ["", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "host/8"] {
        let error = text.parse::<Network>().expect_err(text).to_string();
        assert!(error.contains(&format!("{text:?}")) && error.contains("10.0.0.0/8"), "{error}");
    }
}

proptest! {
    #[test]
    fn a_network_reads_as_it_prints_and_holds_its_address(ip in any::<IpAddr>(), prefix in 0_u8..=128) {
        let Ok(network) = Network::new(ip, prefix) else {
            prop_assert!(prefix > 32);
            return Ok(());
        };
        prop_assert!(network.contains(ip));
        prop_assert_eq!(network.to_string().parse(), Ok(network));
    }
}
