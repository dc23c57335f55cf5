//! What is wrong with a request, and the status that says so.
//!
//! In: a request as it was read. Out: the first fault with its status. Nothing is remembered.
//! Deliberately absent: 483, which only who forwards may answer with (RFC 3261 §16.3).
//! Sources: RFC 3261 §8.2, §19.1.5, §20; RFC 4475 and RFC 5118 for the cases.

use super::header::{self, NameAddr, Uri, Via};
use super::message::Message;

/// Whether a datagram is a message that can be used: it is read, and so is every header that
/// decides what becomes of it. The same work, and no more, stands before every transaction.
pub fn is_usable(datagram: &[u8]) -> bool {
    let Ok(message) = Message::read(datagram) else { return false };
    let via = message.header("Via").and_then(|value| header::split(value, b',').next());
    if via.and_then(Via::read).is_none_or(|via| via.branch().is_none()) {
        return false;
    }
    if !message.method().is_empty() {
        return request(&message).is_ok();
    }
    let tagged = |name| message.header(name).and_then(NameAddr::read).is_some();
    let is_sequenced = message.header("CSeq").and_then(header::cseq).is_some();
    let contacts = message.list("Contact").all(|one| NameAddr::read(one).is_some());
    tagged("From")
        && tagged("To")
        && message.header("Call-ID").is_some()
        && is_sequenced
        && contacts
}

/// A status, and what it is for.
type Fault = (u16, &'static str);

/// Checks what every request must have, and that addresses in it can be read.
pub(super) fn request(request: &Message) -> Result<(), Fault> {
    if !request.is_version_2 {
        return Err((505, "version is not SIP/2.0"));
    }
    if let Some(fault) = request.fault {
        return Err((400, fault));
    }
    request_uri(request.uri())?;
    for (name, fault) in
        [("From", "From is missing or malformed"), ("To", "To is missing or malformed")]
    {
        if request.header(name).and_then(NameAddr::read).is_none() {
            return Err((400, fault));
        }
    }
    if request.header("Call-ID").is_none_or(str::is_empty) {
        return Err((400, "Call-ID is missing"));
    }
    match request.header("CSeq").and_then(header::cseq) {
        None => return Err((400, "CSeq is missing or malformed")),
        Some((_, named)) if named != request.method() => {
            return Err((400, "CSeq names another method"));
        }
        Some(_) => {}
    }
    if request.header("Max-Forwards").is_some_and(|text| text.parse::<u8>().is_err()) {
        return Err((400, "Max-Forwards is not 0 to 255"));
    }
    if request.list("Via").skip(1).any(|one| Via::read(one).is_none()) {
        return Err((400, "a Via is malformed"));
    }
    if request.list("Contact").any(|one| NameAddr::read(one).is_none()) {
        return Err((400, "Contact is malformed"));
    }
    Ok(())
}

/// An address of SIP must be one, and may not bring headers with it (RFC 3261 §19.1.1). Other
/// schemes are not judged here.
fn request_uri(text: &str) -> Result<(), Fault> {
    let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
        return Ok(());
    }
    if Uri::read(text).is_none() {
        return Err((400, "Request-URI is malformed"));
    }
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    if host.contains('?') { Err((400, "Request-URI brings headers")) } else { Ok(()) }
}

/// Whether the sender reads session descriptions: it says so, or says nothing (RFC 3261 §20.1).
pub(super) fn reads_sdp(request: &Message) -> bool {
    let mut kinds = request.list("Accept").filter(|kind| !kind.is_empty()).peekable();
    let takes = |kind: &str| {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
    };
    kinds.peek().is_none() || kinds.any(takes)
}
