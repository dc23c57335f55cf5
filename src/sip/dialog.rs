//! Dialogs: what both ends agreed on, and requests inside them.
//!
//! Routes are taken as loose ones (RFC 3261 §16.12). A target or route that names a host
//! instead of an address is reached at the address the peer wrote from; so is a target that says
//! nothing where we are: a peer behind an address translator that does not know it.
//! Sources: RFC 3261 §12; RFC 3581 and RFC 5626 §1 for the trouble with translators.

use super::header::{self, NameAddr, Uri};
use super::hop::Hop;
use super::message::Message;
use crate::base::Reach;

/// One dialog.
#[derive(Clone)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// Our From value, with tag.
    pub(super) local: String,
    /// The peer's To value, with tag.
    pub(super) remote: String,
    pub(super) remote_tag: String,
    /// Number of our last request.
    pub(super) local_seq: u32,
    /// Number of the peer's last request.
    pub(super) remote_seq: Option<u32>,
    target: String,
    routes: Vec<String>,
    peer: Hop,
}

impl Dialog {
    /// The caller's side, from the request sent and the 2xx (§12.1.2).
    pub(super) fn of_caller(invite: &Message, response: &Message, peer: Hop) -> Self {
        let remote = response.header("To").unwrap_or_default().to_owned();
        let mut routes: Vec<String> = response.list("Record-Route").map(str::to_owned).collect();
        routes.reverse();
        Self {
            call_id: invite.header("Call-ID").unwrap_or_default().to_owned(),
            local: invite.header("From").unwrap_or_default().to_owned(),
            remote_tag: tag_of(&remote),
            remote,
            local_seq: invite.header("CSeq").and_then(header::cseq).map_or(1, |(number, _)| number),
            remote_seq: None,
            target: contact(response).unwrap_or_else(|| invite.uri().to_owned()),
            routes,
            peer,
        }
    }

    /// The called side, from the request received (§12.1.1).
    pub(super) fn of_called(invite: &Message, local_tag: &str, peer: Hop) -> Self {
        let remote = invite.header("From").unwrap_or_default().to_owned();
        let sender = NameAddr::read(&remote).map(|from| from.uri.to_owned());
        Self {
            call_id: invite.header("Call-ID").unwrap_or_default().to_owned(),
            local: format!("{};tag={local_tag}", invite.header("To").unwrap_or_default()),
            remote_tag: tag_of(&remote),
            remote,
            local_seq: 0,
            remote_seq: invite.header("CSeq").and_then(header::cseq).map(|(number, _)| number),
            target: contact(invite).or(sender).unwrap_or_default(),
            routes: invite.list("Record-Route").map(str::to_owned).collect(),
            peer,
        }
    }

    /// Whether a request inside a dialog belongs to this one.
    pub(super) fn owns(&self, request: &Message) -> bool {
        request.header("Call-ID") == Some(self.call_id.as_str())
            && request.header("From").is_some_and(|from| tag_of(from) == self.remote_tag)
    }

    /// A re-INVITE or UPDATE moved the peer (§12.2.2).
    pub(super) fn refresh(&mut self, request: &Message) {
        if let Some(target) = contact(request) {
            self.target = target;
        }
    }

    /// The peer's Contact.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// Where requests go: to the first route, or to the target. A target in a smaller network
    /// than the one the peer wrote from, such as 10.0.0.1 where it wrote from 203.0.113.1, is
    /// out of our reach: then to where it wrote from.
    pub(super) fn next_hop(&self) -> Hop {
        let hop = |uri: &str| Uri::read(uri).and_then(|uri| uri.hop(self.peer));
        if let Some(route) = self.routes.first().and_then(|route| NameAddr::read(route)) {
            return hop(route.uri).unwrap_or(self.peer);
        }
        let reach = |hop: &Hop| Reach::of(hop.address.ip());
        hop(&self.target).filter(|hop| reach(hop) >= reach(&self.peer)).unwrap_or(self.peer)
    }

    /// A new request inside the dialog.
    pub(super) fn request(&mut self, method: &str, via: String) -> Message {
        self.local_seq += 1;
        self.numbered(method, via, self.local_seq)
    }

    /// The ACK for a 2xx: the number of its INVITE, a branch of its own (§13.2.2.4).
    pub(super) fn ack(&self, via: String, number: u32) -> Message {
        self.numbered("ACK", via, number)
    }

    /// The ACK for the 2xx to an INVITE of ours, with the proofs the INVITE carried (§22.1).
    pub(super) fn ack_of(&self, invite: &Message, via: String) -> Message {
        let number = invite.header("CSeq").and_then(header::cseq).map_or(1, |(number, _)| number);
        let mut ack = self.ack(via, number);
        ack.copy(invite, "Authorization");
        ack.copy(invite, "Proxy-Authorization");
        ack
    }

    fn numbered(&self, method: &str, via: String, number: u32) -> Message {
        let mut request = Message::request(method, &self.target).with("Via", via);
        for route in &self.routes {
            request.push("Route", route.as_str());
        }
        request
            .with("Max-Forwards", "70")
            .with("From", self.local.as_str())
            .with("To", self.remote.as_str())
            .with("Call-ID", self.call_id.as_str())
            .with("CSeq", format!("{number} {method}"))
    }
}

fn tag_of(value: &str) -> String {
    NameAddr::read(value).and_then(|addr| addr.tag().map(str::to_owned)).unwrap_or_default()
}

/// The peer's Contact, where it is a SIP address.
fn contact(message: &Message) -> Option<String> {
    let uri = NameAddr::read(message.list("Contact").next()?)?.uri;
    let read = Uri::read(uri)?;
    (read.scheme == "sip" || read.scheme == "sips").then(|| uri.to_owned())
}

#[cfg(test)]
mod tests;
