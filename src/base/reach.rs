//! How far away an address means anything.
//!
//! In: an address. Out: from where it can be sent to. Deliberately absent: routes; who has two
//! private networks joined knows more than an address says.
//! Sources: RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5, RFC 6598, RFC 6890.

use std::net::{IpAddr, Ipv4Addr};

/// From where an address can be sent to, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// From the same machine.
    Machine,
    /// From the same link.
    Link,
    /// From the same private network, or the same provider's.
    Site,
    /// From anywhere.
    World,
}

impl Reach {
    /// From where an address can be sent to.
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) if address.is_loopback() => Self::Machine,
            IpAddr::V4(address) if address.is_link_local() => Self::Link,
            IpAddr::V4(address) if address.is_private() || is_shared(address) => Self::Site,
            IpAddr::V6(address) if address.is_loopback() => Self::Machine,
            IpAddr::V6(address) if address.is_unicast_link_local() => Self::Link,
            IpAddr::V6(address) if address.is_unique_local() => Self::Site,
            IpAddr::V4(_) | IpAddr::V6(_) => Self::World,
        }
    }
}

/// 100.64.0.0/10, between a provider and its customers (RFC 6598).
const fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart_by_where_they_mean_anything() {
        for (text, wanted) in [
            ("127.0.0.1", Reach::Machine),
            ("127.255.0.9", Reach::Machine),
            ("::1", Reach::Machine),
            ("::ffff:127.0.0.1", Reach::Machine),
            ("169.254.7.7", Reach::Link),
            ("fe80::1", Reach::Link),
            ("10.0.0.1", Reach::Site),
            ("172.31.255.255", Reach::Site),
            ("192.168.1.1", Reach::Site),
            ("100.64.0.1", Reach::Site),
            ("100.127.255.255", Reach::Site),
            ("fd00::2", Reach::Site),
            ("100.63.255.255", Reach::World),
            ("100.128.0.0", Reach::World),
            ("172.32.0.1", Reach::World),
            ("203.0.113.1", Reach::World),
            ("2001:db8::1", Reach::World),
        ] {
            assert_eq!(Reach::of(text.parse().expect("an address")), wanted, "{text}");
        }
    }
}
