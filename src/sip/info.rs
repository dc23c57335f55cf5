//! Keys that are pressed by INFO.
//!
//! In: requests inside a dialog. Out: the key, where the body is one. Invariant: a body that is
//! something else gives nothing, and the request is answered all the same.
//! It deliberately leaves out other INFO packages (RFC 6086): none is offered.
//! Source: the bodies `application/dtmf-relay` (`Signal=5`, `Duration=160`) and
//! `application/dtmf` (`5`) have no RFC; they are as gateways send them.

use super::agent::UserAgent;
use super::event::UaEvent;
use super::message::Message;
use crate::base::{LegId, Timestamp};

impl UserAgent {
    /// An INFO inside a dialog: answered, and heard where it is a key.
    pub(super) fn hear_info(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        self.respond(now, id, request, 200);
        if let Some(digit) = digit(request) {
            self.wire.event(UaEvent::Info { leg, digit });
        }
    }
}

/// The key in an INFO: 0 to 9, `*`, `#`, A to D.
pub(super) fn digit(request: &Message) -> Option<char> {
    let kind = request.header("Content-Type")?.split(';').next()?.trim();
    let body = std::str::from_utf8(&request.body).ok()?;
    let signal = if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?
    } else if kind.eq_ignore_ascii_case("application/dtmf") {
        body
    } else {
        return None;
    };
    key(signal.trim())
}

/// A key by its sign or by its event code, which some write for `*` and `#` (RFC 4733 §3.2).
fn key(signal: &str) -> Option<char> {
    match signal {
        "10" => return Some('*'),
        "11" => return Some('#'),
        _ => {}
    }
    let mut signs = signal.chars();
    match (signs.next()?.to_ascii_uppercase(), signs.next()) {
        (sign @ ('0'..='9' | '*' | '#' | 'A'..='D'), None) => Some(sign),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: &str, body: &str) -> Option<char> {
        let mut request = Message::request("INFO", "sip:us@192.0.2.1").with("Content-Type", kind);
        request.body = body.as_bytes().to_vec();
        digit(&request)
    }

    #[test]
    fn both_bodies_are_read_and_others_are_not() {
        let relay = "application/dtmf-relay";
        assert_eq!(info(relay, "Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(info(relay, "Duration= 250\nsignal= * \n"), Some('*'));
        assert_eq!(info("Application/DTMF-Relay; x=1", "Signal=d"), Some('D'));
        assert_eq!(info(relay, "Signal=11"), Some('#'));
        assert_eq!(info("application/dtmf", "7\r\n"), Some('7'));
        for (kind, body) in [
            (relay, ""),
            (relay, "Signal="),
            (relay, "Signal=12"),
            (relay, "Signal=x"),
            ("application/dtmf", "77"),
            ("application/media_control+xml", "5"),
        ] {
            assert_eq!(info(kind, body), None, "{kind} {body}");
        }
    }
}
