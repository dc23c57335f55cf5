//! Requests of others: screened, matched to transaction, dialog or a new call, and answered.
//!
//! What cannot be answered safely (no usable Via, a broken ACK) is only reported. Messages that
//! fail the screening are answered without a transaction. Sources: RFC 3261 §8.2, §17.2.3;
//! RFC 4475 for the cases.

use std::net::SocketAddr;

use super::agent::UserAgent;
use super::digest::{Algorithm, Asked, Verdict};
use super::event::UaEvent;
use super::header::{self, NameAddr, Uri, Via};
use super::message::{Message, StartLine};
use super::server;
use crate::base::{LegId, Timestamp};

/// The methods we take.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// Starts a response: what RFC 3261 §8.2.6.2 copies from the request, in SIPp's order.
pub(super) fn reply(request: &Message, status: u16, tag: Option<&str>) -> Message {
    let mut response = Message::response(status);
    response.copy(request, "Via");
    response.copy(request, "From");
    let to = request.header("To").unwrap_or_default();
    match tag.filter(|_| to_tag(request).is_none() && !to.is_empty()) {
        Some(tag) => response.push("To", format!("{to};tag={tag}")),
        None => response.copy(request, "To"),
    }
    response.copy(request, "Call-ID");
    response.copy(request, "CSeq");
    response
}

impl UserAgent {
    /// Takes a request.
    pub(super) fn hear_request(&mut self, now: Timestamp, from: SocketAddr, mut request: Message) {
        let Some(via) = take_via(&mut request, from) else {
            let reason = "read request: no usable Via".to_owned();
            return self.wire.event(UaEvent::Malformed { from, reason });
        };
        if let Err((status, fault)) = screen(&request) {
            if request.method() != "ACK" {
                let tag = self.token();
                let response = reply(&request, status, Some(&tag));
                self.wire.transmit(from, response.write());
            }
            let reason = format!("read request: {fault}");
            return self.wire.event(UaEvent::Malformed { from, reason });
        }
        if request.method() == "ACK" {
            return self.hear_ack(now, &via, &request);
        }
        let key = server::key(&request, &via, request.method());
        if let Some(id) = self.servers.find(&key) {
            return self.servers.repeat(&mut self.wire, id);
        }
        if request.method() == "REGISTER" && self.is_registrar() {
            return self.hear_register(now, key, (from, from), &request);
        }
        let id = self.servers.open(key, from, request.method() == "INVITE");
        if request.method() == "CANCEL" {
            return self.hear_cancel(now, id, &via, &request);
        }
        let scheme = Uri::read(request.uri()).map(|uri| uri.scheme).unwrap_or_default();
        if scheme != "sip" && scheme != "tel" {
            return self.respond(now, id, &request, 416);
        }
        if request.header("Require").is_some() {
            let tag = self.token();
            let mut response = reply(&request, 420, Some(&tag));
            for value in request.all("Require") {
                response.push("Unsupported", value);
            }
            self.servers.respond(&mut self.wire, now, id, &response);
            return;
        }
        match to_tag(&request) {
            Some(tag) => match self.legs.get(&tag).copied() {
                Some(leg) => self.hear_inside(now, leg, id, &request),
                None => self.respond(now, id, &request, 481),
            },
            None if request.method() == "INVITE" => self.hear_invite(now, id, from, request),
            None => self.hear_other(now, id, &request),
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

    fn hear_cancel(&mut self, now: Timestamp, id: u64, via: &Via, request: &Message) {
        let Some(invite) = self.servers.find(&server::key(request, via, "INVITE")) else {
            return self.respond(now, id, request, 481);
        };
        let leg: Option<LegId> = self.servers.pending_leg(invite);
        let tag = leg.and_then(|leg| self.calls.get(&leg)).map(|call| call.local_tag.clone());
        let tag = tag.unwrap_or_else(|| self.token());
        let response = reply(request, 200, Some(&tag));
        self.servers.respond(&mut self.wire, now, id, &response);
        if let Some(leg) = leg {
            self.cancelled(now, leg);
        }
    }

    fn hear_invite(&mut self, now: Timestamp, id: u64, from: SocketAddr, request: Message) {
        if !request.body.is_empty() && request.sdp().is_none() {
            let tag = self.token();
            let response = reply(&request, 415, Some(&tag)).with("Accept", "application/sdp");
            self.servers.respond(&mut self.wire, now, id, &response);
            return;
        }
        if let Some(challenge) = &self.config.challenge {
            let asked = Asked {
                realm: &challenge.realm,
                algorithms: &[Algorithm::Sha256, Algorithm::Md5],
                method: "INVITE",
                uri: request.uri(),
                peer: from,
            };
            let known = |user: &str| (user == challenge.user).then_some(&*challenge.password);
            let verdict = request
                .all("Proxy-Authorization")
                .map(|value| self.doorkeeper.verify(value, asked, now, known))
                .find(|verdict| *verdict != Verdict::Bad)
                .unwrap_or(Verdict::Bad);
            if verdict != Verdict::Good {
                let stale = verdict == Verdict::Stale;
                let values = self.doorkeeper.challenge(asked, now, stale);
                let tag = self.token();
                let mut response = reply(&request, 407, Some(&tag));
                for value in values {
                    response.push("Proxy-Authenticate", value);
                }
                self.servers.respond(&mut self.wire, now, id, &response);
                return;
            }
        }
        self.hear_call(now, id, from, request);
    }

    /// OPTIONS, and methods we do not take.
    pub(super) fn hear_other(&mut self, now: Timestamp, id: u64, request: &Message) {
        let status = match request.method() {
            "OPTIONS" => 200,
            "BYE" | "INFO" | "UPDATE" => 481, // They make sense inside a dialog only.
            // rsip knows the methods of the RFCs; the case counts (RFC 3261 §7.1).
            method if rsip::Method::all().iter().any(|known| known.to_string() == method) => 405,
            _ => 501,
        };
        let tag = self.token();
        let mut response = reply(request, status, Some(&tag));
        if status != 481 {
            response.push("Allow", ALLOW);
        }
        if status == 200 {
            response.push("Accept", "application/sdp");
            response.push("Server", self.config.product.as_str());
        }
        self.servers.respond(&mut self.wire, now, id, &response);
    }

    /// Answers with a bare status.
    pub(super) fn respond(&mut self, now: Timestamp, id: u64, request: &Message, status: u16) {
        let tag = self.token();
        let response = reply(request, status, Some(&tag));
        self.servers.respond(&mut self.wire, now, id, &response);
    }
}

/// Reads the topmost Via and writes down in it where the request came from.
fn take_via(request: &mut Message, from: SocketAddr) -> Option<Via> {
    let first = request.header("Via")?;
    let mut elements = header::split(first, ',').into_iter();
    let mut via = Via::read(elements.next()?)?;
    via.receive(from);
    let mut value = via.to_string();
    for element in elements {
        value.push_str(", ");
        value.push_str(element);
    }
    request.replace("Via", value);
    Some(via)
}

/// What is wrong with a request, and the status that says so.
fn screen(request: &Message) -> Result<(), (u16, &'static str)> {
    let StartLine::Request { method, version, .. } = &request.start else {
        return Err((400, "not a request"));
    };
    if version != "SIP/2.0" {
        return Err((505, "version is not SIP/2.0"));
    }
    if let Some(fault) = request.fault {
        return Err((400, fault));
    }
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
        Some((_, named)) if named != method => return Err((400, "CSeq names another method")),
        Some(_) => {}
    }
    match request.header("Max-Forwards").map(str::parse::<u8>) {
        Some(Err(_)) => Err((400, "Max-Forwards is not 0 to 255")),
        Some(Ok(_)) | None => Ok(()),
    }
}

fn to_tag(request: &Message) -> Option<String> {
    NameAddr::read(request.header("To")?)?.tag().map(str::to_owned)
}
