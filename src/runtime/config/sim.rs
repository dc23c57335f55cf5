//! SIM cards of a carrier that is a GSM gateway.

use serde::{Deserialize, Serialize};

use crate::base::{CarrierId, Millis, SimId, UtcOffset};
use crate::event::SimCardAdded;

/// A SIM card: how the gateway is told to use it, and what it may do in a day.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimConfig {
    /// Its name.
    pub id: SimId,
    /// Digits, `*` and `#` put before the number, by which the gateway knows the SIM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A header field of the INVITE by which it does, such as `X-Port: 3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Calls a day; no limit by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calls_per_day: Option<u32>,
    /// Talk a day; no limit by default. Units: s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_per_day: Option<u32>,
    /// How long it gets no call after each. Units: ms.
    #[serde(default)]
    pub rest_ms: Millis,
    /// It gets no call where less is left on it. Units: thousandths of the minor unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balance_min_milli: Option<i64>,
    /// It gets no call where its signal is weaker. Units: dBm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_min_dbm: Option<i32>,
    /// Where its day begins.
    #[serde(default)]
    pub utc_offset: UtcOffset,
}

impl SimConfig {
    /// What the log is told of it.
    pub fn added(&self, carrier_id: &CarrierId) -> SimCardAdded {
        SimCardAdded {
            carrier_id: carrier_id.clone(),
            sim_id: self.id.clone(),
            calls_per_day: self.calls_per_day,
            seconds_per_day: self.seconds_per_day,
            rest_ms: self.rest_ms,
            balance_min_milli: self.balance_min_milli,
            signal_min_dbm: self.signal_min_dbm,
            utc_offset: self.utc_offset,
        }
    }

    /// The header field that names it to the gateway: name and value.
    pub fn header_field(&self) -> Option<(String, String)> {
        let (name, value) = self.header.as_ref()?.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    }

    /// The key that cannot be as it is, and what would be right.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let is_dialled = |prefix: &String| {
            let of = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#');
            (1..=16).contains(&prefix.len()) && prefix.bytes().all(of)
        };
        if self.prefix.as_ref().is_some_and(|prefix| !is_dialled(prefix)) {
            return Some(("prefix", "wanted 1 to 16 of 0-9, * and #"));
        }
        let is_own = |header: &String| {
            header.split_once(':').is_some_and(|(name, value)| {
                let of = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let is_name = name.len() <= 64 && name.bytes().all(of);
                let is_text = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
                let value = value.trim();
                let is_ours = name.get(..2).is_some_and(|it| it.eq_ignore_ascii_case("X-"));
                is_ours && is_name && !value.is_empty() && value.bytes().all(is_text)
            })
        };
        if self.header.as_ref().is_some_and(|header| !is_own(header)) {
            return Some(("header", "wanted a field such as \"X-Port: 3\""));
        }
        if self.prefix.is_none() && self.header.is_none() {
            return Some(("prefix", "wanted a prefix or a header, or every call takes any SIM"));
        }
        let is_zero = |limit: Option<u32>| limit == Some(0);
        if is_zero(self.calls_per_day) || is_zero(self.seconds_per_day) {
            return Some(("calls_per_day", "wanted 1 or more, or the SIM left out"));
        }
        None
    }
}

#[cfg(test)]
mod tests;
