//! A range of internet addresses, such as a carrier's media servers.
//!
//! In: text such as `10.0.0.0/8`, or one address. Out: whether an address lies inside.
//! Invariants: the prefix fits the family; bits after the prefix are zero, so that equal ranges
//! are equal values; an IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is the IPv4 one.
//! It deliberately knows no names and no lists.
//! Source: RFC 4632 §3.1 and RFC 4291 §2.3 (notation), RFC 4291 §2.5.5.2 (IPv4 in IPv6).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text names no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "read network: {found:?}, wanted an address and the bits that count, such as 10.0.0.0/8 or \
     2001:db8::/32"
)]
pub struct NetworkError {
    /// The text, cut short.
    pub found: String,
}

impl Network {
    /// The range around an address; bits of it after the prefix do not count.
    ///
    /// # Errors
    /// [`NetworkError`] where the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Result<Self, NetworkError> {
        let address = address.to_canonical();
        if prefix > width(address) {
            return Err(NetworkError { found: format!("{address}/{prefix}") });
        }
        Ok(Self { address: masked(address, prefix), prefix })
    }

    /// One address alone.
    pub fn single(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: width(address) }
    }

    /// Whether it is so large that hosts of many owners lie in it: more than a /8 of IPv4 or a
    /// /16 of IPv6, of which nobody has more.
    pub const fn is_vast(&self) -> bool {
        match self.address {
            IpAddr::V4(_) => self.prefix < 8,
            IpAddr::V6(_) => self.prefix < 16,
        }
    }

    /// Whether an address lies inside.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.prefix) == self.address
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError { found: text.chars().take(60).collect() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let Some(prefix) = prefix else { return Ok(Self::single(address)) };
        let is_number = prefix.bytes().all(|byte| byte.is_ascii_digit());
        let prefix = prefix.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
        Self::new(address, prefix).map_err(|_| wrong())
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with zeros after the prefix.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let prefix = u32::from(prefix);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
            Ipv4Addr::from_bits(address.to_bits() & mask).into()
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
            Ipv6Addr::from_bits(address.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests;
