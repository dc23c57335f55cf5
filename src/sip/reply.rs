//! Requests of others: screened, matched to transaction, dialog or a new call, and answered.
//!
//! What cannot be answered safely (no usable Via, a broken ACK) is only reported. Messages that
//! fail the screening, and all that strangers are refused or challenged for, are answered once
//! and without a transaction. Sources: RFC 3261 §8.2, §17.2.3; RFC 4475 for the cases.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::agent::UserAgent;
use super::check;
use super::digest::{Algorithm, Asked, Verdict};
use super::early;
use super::header::{self, NameAddr, Uri, Via};
use super::hop::Hop;
use super::incoming::Screened;
use super::message::Message;
use super::server;
use super::session_timer::{self, MIN_SE, is_too_brief};
use crate::base::{LegId, Timestamp};

/// The methods we take.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY";

/// The extensions we know.
const SUPPORTED: [&str; 3] = [early::RELIABLE, session_timer::TIMER, "replaces"];

/// Starts a response: what RFC 3261 §8.2.6.2 copies from the request, in SIPp's order.
pub(super) fn reply(request: &Message, status: u16, tag: Option<&str>) -> Message {
    let mut response = Message::response(status);
    response.copy(request, "Via");
    response.copy_first(request, "From");
    let to = request.header("To").unwrap_or_default();
    match tag.filter(|_| to_tag(request).is_none() && !to.is_empty()) {
        Some(tag) => response.push("To", format!("{to};tag={tag}")),
        None => response.copy_first(request, "To"),
    }
    response.copy_first(request, "Call-ID");
    response.copy_first(request, "CSeq");
    response
}

impl UserAgent {
    /// Takes a request.
    pub(super) fn hear_request(&mut self, now: Timestamp, from: Hop, mut request: Message) {
        let Some(via) = take_via(&mut request, from) else {
            let reason = "read request: no usable Via".to_owned();
            return self.malformed(now, from, reason);
        };
        let to = via.answer_to(from);
        if let Err((status, fault)) = check::request(&request) {
            if request.method() != "ACK" {
                self.refuse_once(to, &request, status);
            }
            let reason = format!("read request: {fault}");
            return self.malformed(now, from, reason);
        }
        if request.method() == "ACK" {
            return self.hear_ack(now, &via, &request);
        }
        let key = server::key(&request, &via, request.method());
        if let Some(id) = self.servers.find(&key) {
            return self.servers.repeat(&mut self.wire, id);
        }
        if request.method() == "REGISTER" && self.is_registrar() {
            return self.hear_register(now, key, (from, to), &request);
        }
        if request.method() == "CANCEL" {
            return self.hear_cancel(now, key, to, &via, &request);
        }
        let scheme = Uri::read(request.uri()).map(|uri| uri.scheme).unwrap_or_default();
        if scheme != "sip" && scheme != "tel" {
            return self.refuse_once(to, &request, 416);
        }
        let unknown: Vec<&str> =
            request.list("Require").filter(|option| !SUPPORTED.contains(option)).collect();
        if !unknown.is_empty() {
            let response = self.stateless(&request, 420).with("Unsupported", unknown.join(", "));
            return self.wire.transmit(to, response.write());
        }
        match to_tag(&request) {
            Some(tag) => match self.legs.get(&tag).copied() {
                Some(leg) => {
                    let id = self.servers.open(key, to, request.method() == "INVITE");
                    self.hear_inside(now, leg, id, &request);
                }
                None => self.refuse_once(to, &request, 481),
            },
            None if request.method() == "INVITE" => self.hear_invite(now, key, (from, to), request),
            None => {
                let response = self.other_reply(&request);
                self.wire.transmit(to, response.write());
            }
        }
    }

    fn hear_ack(&mut self, now: Timestamp, via: &Via, request: &Message) {
        let key = server::key(request, via, "INVITE");
        if self.servers.acknowledged(&mut self.wire, now, &key) {
            return;
        }
        let leg = to_tag(request).and_then(|tag| self.legs.get(&tag).copied());
        if let Some(leg) = leg {
            self.acknowledged(now, leg, request);
        }
    }

    fn hear_cancel(&mut self, now: Timestamp, key: String, to: Hop, via: &Via, request: &Message) {
        let Some(invite) = self.servers.find(&server::key(request, via, "INVITE")) else {
            return self.refuse_once(to, request, 481);
        };
        let id = self.servers.open(key, to, false);
        let leg: Option<LegId> = self.servers.pending_leg(invite);
        let tag = leg.and_then(|leg| self.calls.get(&leg)).map(|call| call.local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.token());
        let response = reply(request, 200, Some(&tag));
        self.servers.respond(&mut self.wire, now, id, &response);
        if let Some(leg) = leg {
            self.cancelled(now, leg);
        }
    }

    /// A new call. Nothing is remembered of one that is refused or challenged.
    fn hear_invite(
        &mut self,
        now: Timestamp,
        key: String,
        (from, to): (Hop, Hop),
        request: Message,
    ) {
        // Where phones register, they may call, and the others are challenged.
        if let Some(status) = self.config.refuse_calls.filter(|_| !self.is_registrar()) {
            self.called_in_vain();
            return self.refuse_once(to, &request, status);
        }
        if !request.body.is_empty() && request.sdp().is_none() {
            let response = self.stateless(&request, 415).with("Accept", "application/sdp");
            return self.wire.transmit(to, response.write());
        }
        if !check::reads_sdp(&request) {
            return self.refuse_once(to, &request, 406);
        }
        if is_too_brief(&request) {
            let response = self.stateless(&request, 422).with("Min-SE", MIN_SE);
            return self.wire.transmit(to, response.write());
        }
        if let Some(challenge) = &self.config.challenge {
            let asked = Asked {
                realm: &challenge.realm,
                algorithms: &[Algorithm::Sha256, Algorithm::Md5],
                method: "INVITE",
                uri: request.uri(),
                peer: from.address,
            };
            let known = |user: &str| (user == challenge.user).then_some(&*challenge.password);
            let verdict = request
                .all("Proxy-Authorization")
                .map(|value| self.doorkeeper.verify(value, asked, now, known))
                .find(|verdict| *verdict != Verdict::Bad)
                .unwrap_or(Verdict::Bad);
            if verdict != Verdict::Good {
                let stale = verdict == Verdict::Stale;
                let mut proofs = request.all("Proxy-Authorization");
                let is_wrong =
                    !stale && proofs.any(|value| self.doorkeeper.has_asked(value, from.address));
                let values = self.doorkeeper.challenge(asked, now, stale);
                let mut response = self.stateless(&request, 407);
                for value in values {
                    response.push("Proxy-Authenticate", value);
                }
                self.wire.transmit(to, response.write());
                if is_wrong {
                    self.proved_wrong(now, from);
                }
                return;
            }
        }
        let phone = match self.admit_phone(now, from, &request) {
            Ok(phone) => phone,
            Err(challenges) => {
                let mut response = self.stateless(&request, 401);
                for value in challenges {
                    response.push("WWW-Authenticate", value);
                }
                return self.wire.transmit(to, response.write());
            }
        };
        let replaces = match self.replaced_by(&request) {
            Ok(replaces) => replaces,
            Err(status) => return self.refuse_once(to, &request, status),
        };
        if self.servers.is_merged(&request) {
            return self.refuse_once(to, &request, 482);
        }
        let id = self.servers.open(key, to, true);
        self.servers.began(id, &request);
        self.hear_call(now, id, from, request, Screened { phone, replaces });
    }

    /// The answer to OPTIONS, and to methods we do not take.
    pub(super) fn other_reply(&self, request: &Message) -> Message {
        let status = match request.method() {
            "OPTIONS" => 200,
            "BYE" | "INFO" | "UPDATE" | "PRACK" | "NOTIFY" => 481, // They make sense inside a dialog only.
            "REFER" => 403, // Nobody is called on behalf of a stranger.
            // rsip knows the methods of the RFCs; the case counts (RFC 3261 §7.1).
            method if rsip::Method::all().iter().any(|known| known.to_string() == method) => 405,
            _ => 501,
        };
        let mut response = self.stateless(request, status);
        if status != 481 {
            response.push("Allow", ALLOW);
        }
        if status == 200 {
            response.push("Accept", "application/sdp");
            response.push("Supported", SUPPORTED.join(", "));
            response.push("Server", self.config.product.as_str());
        }
        response
    }

    /// Refuses a request of a stranger: one datagram for one, whatever becomes of it, so that
    /// nothing is remembered and nobody behind a forged address is flooded (§8.2.7).
    fn refuse_once(&mut self, to: Hop, request: &Message, status: u16) {
        let response = self.stateless(request, status);
        self.wire.transmit(to, response.write());
    }

    /// A response whose tag is the same for each copy of its request (§8.2.7).
    fn stateless(&self, request: &Message, status: u16) -> Message {
        let mut hash = DefaultHasher::new();
        self.tag_secret.hash(&mut hash);
        for name in ["Via", "From", "Call-ID", "CSeq"] {
            request.header(name).hash(&mut hash);
        }
        reply(request, status, Some(&format!("{:016x}", hash.finish())))
    }

    /// Answers with a bare status.
    pub(super) fn respond(&mut self, now: Timestamp, id: u64, request: &Message, status: u16) {
        let tag = self.token();
        let response = reply(request, status, Some(&tag));
        self.servers.respond(&mut self.wire, now, id, &response);
    }
}

/// Reads the topmost Via and writes down in it where the request came from.
fn take_via(request: &mut Message, from: Hop) -> Option<Via<'static>> {
    let first = request.header("Via")?;
    let mut elements = header::split(first, b',');
    let mut via = Via::read(elements.next()?)?;
    via.receive(from.address);
    let mut value = via.to_string();
    for element in elements {
        value.push_str(", ");
        value.push_str(element);
    }
    let via = via.into_owned();
    request.replace("Via", value);
    Some(via)
}

fn to_tag(request: &Message) -> Option<String> {
    NameAddr::read(request.header("To")?)?.tag().map(str::to_owned)
}
