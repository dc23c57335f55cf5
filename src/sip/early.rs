//! Early dialogs of a call we make: one for each fork that answered provisionally, with the
//! provisionals that are acknowledged by PRACK.
//!
//! In: provisional answers. Out: PRACKs. Invariants: of a fork's reliable answers each is taken
//! once and in order, and others are dropped unheard; at most [`FORKS_MAX`] forks are told apart.
//! Sources: RFC 3261 §12.1, RFC 3262 §4.

use std::collections::BTreeMap;

use super::agent::UserAgent;
use super::call::Call;
use super::client::Owner;
use super::dialog::Dialog;
use super::header::{self, NameAddr};
use super::hop::Hop;
use super::message::Message;
use super::reply::{ALLOW, reply};
use super::session_timer::names;
use crate::base::{LegId, Timestamp};

/// The option tag.
pub(super) const RELIABLE: &str = "100rel";
/// Forks of one INVITE that are told apart.
const FORKS_MAX: usize = 16;

/// One fork before it accepts.
struct Early {
    dialog: Dialog,
    /// Number of its last reliable answer.
    last: Option<u32>,
    sdp: Option<String>,
}

/// The forks of an INVITE, by their tags.
#[derive(Default)]
pub(super) struct Forks(BTreeMap<String, Early>);

/// What a provisional answer that is news says.
pub(super) struct ForkNews {
    /// The session of its fork, where that is news, too.
    pub(super) sdp: Option<String>,
}

/// What a provisional answer asks for.
enum Heard {
    /// Nothing.
    Plain,
    /// PRACK, to that address.
    Reliable(Message, Hop),
    /// It was heard before, or came too early.
    OutOfOrder,
}

impl Forks {
    /// Forgets all: the INVITE goes out anew.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a fork of that name answered.
    pub(super) fn has(&self, tag: &str) -> bool {
        self.0.contains_key(tag)
    }

    /// The session description a fork gave before it accepted. One of a fork without name stands
    /// for any, as old peers put no tag into provisionals.
    pub(super) fn sdp(&self, tag: &str) -> Option<String> {
        let of = |tag: &str| self.0.get(tag).and_then(|fork| fork.sdp.clone());
        of(tag).or_else(|| of(""))
    }

    /// The session description that the fork of an answer gave before it.
    fn own_sdp(&self, response: &Message) -> Option<String> {
        self.0.get(&tag_of(response)).and_then(|fork| fork.sdp.clone())
    }

    /// The number of the last request in a fork's early dialog.
    pub(super) fn local_seq(&self, tag: &str) -> Option<u32> {
        self.0.get(tag).map(|fork| fork.dialog.local_seq)
    }

    /// The number of the peer's last request in a fork's early dialog.
    pub(super) fn remote_seq(&self, tag: &str) -> Option<u32> {
        self.0.get(tag).and_then(|fork| fork.dialog.remote_seq)
    }

    /// The early dialog a request of the peer's belongs to.
    fn of(&mut self, request: &Message) -> Option<&mut Dialog> {
        self.0.values_mut().map(|fork| &mut fork.dialog).find(|dialog| dialog.owns(request))
    }

    fn hear(&mut self, invite: &Message, response: &Message, from: Hop, via: String) -> Heard {
        let tag = tag_of(response);
        if !self.0.contains_key(&tag) && self.0.len() >= FORKS_MAX {
            return Heard::OutOfOrder;
        }
        let fork = self.0.entry(tag).or_insert_with(|| Early {
            dialog: Dialog::of_caller(invite, response, from),
            last: None,
            sdp: None,
        });
        let number = response.header("RSeq").and_then(|text| text.trim().parse::<u32>().ok());
        let number = number.filter(|_| names(response, "Require", RELIABLE));
        if let (Some(number), Some(last)) = (number, fork.last)
            && last.checked_add(1) != Some(number)
        {
            return Heard::OutOfOrder;
        }
        fork.dialog.refresh(response);
        fork.sdp = response.sdp().or(fork.sdp.take());
        let Some(number) = number else { return Heard::Plain };
        fork.last = Some(number);
        let invited = invite.header("CSeq").unwrap_or_default();
        let prack = fork.dialog.request("PRACK", via).with("RAck", format!("{number} {invited}"));
        Heard::Reliable(prack, fork.dialog.next_hop())
    }
}

impl UserAgent {
    /// Keeps what a provisional answer says of its fork, and acknowledges it where it asks for
    /// that. Nothing where it is no news.
    pub(super) fn hear_fork(
        &mut self,
        now: Timestamp,
        leg: LegId,
        from: Hop,
        response: &Message,
    ) -> Option<ForkNews> {
        let via = self.via();
        let out = self.calls.get_mut(&leg).and_then(Call::outgoing)?;
        let before = out.forks.own_sdp(response);
        let heard = out.forks.hear(&out.request, response, from, via);
        let sdp = response.sdp().filter(|sdp| before.as_ref() != Some(sdp));
        match heard {
            Heard::Plain => Some(ForkNews { sdp }),
            Heard::OutOfOrder => None,
            Heard::Reliable(prack, hop) => {
                let prack = self.sign(prack);
                self.clients.send(&mut self.wire, now, hop, prack, Owner::Prack(leg));
                Some(ForkNews { sdp })
            }
        }
    }
}

impl UserAgent {
    /// A request inside an early dialog of a call we make. An offer is refused there: what was
    /// agreed stands until the call is answered.
    pub(super) fn hear_inside_early(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        request: &Message,
    ) {
        let number = request.header("CSeq").and_then(header::cseq).map_or(0, |(number, _)| number);
        let out = self.calls.get_mut(&leg).and_then(Call::outgoing);
        let Some(dialog) = out.and_then(|out| out.forks.of(request)) else {
            return self.respond(now, id, request, 481);
        };
        if dialog.remote_seq.is_some_and(|last| number < last) {
            return self.respond(now, id, request, 500);
        }
        dialog.remote_seq = Some(number);
        match request.method() {
            "UPDATE" if request.body.is_empty() => {
                dialog.refresh(request);
                let contact = self.contact("");
                let response = reply(request, 200, None).with("Contact", contact);
                self.servers.respond(&mut self.wire, now, id, &response.with("Allow", ALLOW));
            }
            "UPDATE" => self.respond(now, id, request, 488),
            "INFO" => self.hear_info(now, leg, id, request),
            "OPTIONS" => {
                let response = self.other_reply(request);
                self.servers.respond(&mut self.wire, now, id, &response);
            }
            _ => self.respond(now, id, request, 481),
        }
    }
}

/// The name of a fork; empty where it has none.
fn tag_of(response: &Message) -> String {
    let to = response.header("To").and_then(NameAddr::read);
    to.as_ref().and_then(NameAddr::tag).unwrap_or_default().to_owned()
}

/// Number of the answer and of the INVITE that a PRACK acknowledges (RFC 3262 §7.2).
pub(super) fn rack(prack: &Message) -> Option<(u32, u32)> {
    let (answer, invite) = prack.header("RAck")?.trim().split_once([' ', '\t'])?;
    let (number, method) = header::cseq(invite.trim())?;
    (method == "INVITE").then_some((answer.parse().ok()?, number))
}
