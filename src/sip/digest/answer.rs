//! A request again, with the proofs its refusal asked for.

use super::{DigestChallenge, Fields};
use crate::sip::event::Credentials;
use crate::sip::header;
use crate::sip::message::{Message, StartLine};

/// The request again with the next number, a new branch and a proof for every realm that asked:
/// proofs for other realms stay, as a proxy and the server behind it ask one after the other
/// (RFC 3261 §22.3).
///
/// Nothing where no challenge can be answered, or where a realm has had a proof already and does
/// not say that only its nonce was old: the password is wrong then.
pub(in crate::sip) fn prove(
    request: &Message,
    response: &Message,
    credentials: &Credentials,
    via: String,
    cnonce: &str,
) -> Option<Message> {
    let (asked, given) = match response.start {
        StartLine::Response { status: 401, .. } => ("WWW-Authenticate", "Authorization"),
        _ => ("Proxy-Authenticate", "Proxy-Authorization"),
    };
    let challenges = DigestChallenge::strongest(response.all(asked));
    let realm_of = |value: &str| Fields::read(value)?.get("realm");
    let knows =
        |realm: &str| request.all(given).any(|value| realm_of(value).as_deref() == Some(realm));
    if challenges.is_empty() || challenges.iter().any(|one| !one.stale && knows(&one.realm)) {
        return None;
    }
    let (number, method) = request.header("CSeq").and_then(header::cseq)?;
    let mut again = request.clone();
    again.replace("Via", via);
    again.replace("CSeq", format!("{} {method}", number.saturating_add(1)));
    again.remove(given);
    for value in request.all(given) {
        let realm = realm_of(value).unwrap_or_default();
        if challenges.iter().all(|one| one.realm != realm) {
            again.push(given, value);
        }
    }
    for challenge in &challenges {
        again.push(given, challenge.answer(credentials, method, request.uri(), cnonce, 1));
    }
    Some(again)
}
