//! REFER: one end of a dialog asks the other to call somebody, and hears what comes of it.
//!
//! In: REFER requests inside dialogs, what the application says to them, NOTIFY requests for a
//! REFER of ours. Out: [`UaEvent::Referred`], [`UaEvent::ReferProgress`], answers and NOTIFYs.
//! Invariants: a REFER gets one final answer, by the application or after [`PATIENCE`]; one that
//! was accepted gets 100 and one final NOTIFY, in this order and one after the other; nothing
//! stays of a subscription longer than [`EXPIRES`].
//! Deliberately absent: calling the target, which is the application's part; REFER outside
//! dialogs; SUBSCRIBE to refresh; the option norefersub (RFC 4488).
//! Sources: RFC 3515, RFC 3891, RFC 3892, RFC 5057 §5.1, RFC 5589, RFC 6665.

use super::agent::UserAgent;
use super::call::Call;
use super::client::Owner;
use super::event::UaEvent;
use super::header::{self, NameAddr, Uri};
use super::message::{Message, StartLine};
use super::negotiation::Asked;
use super::replaces::Replaces;
use super::reply::{ALLOW, reply};
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// How long the application may think about a REFER.
const PATIENCE: Millis = Millis(2_000);
/// How long a call that was referred to may take to be answered.
const EXPIRES: Millis = Millis::from_secs(180);
/// The event package (RFC 3515 §3.1).
const PACKAGE: &str = "refer";
/// What a NOTIFY carries (RFC 3420).
const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// What a leg's REFERs are at.
#[derive(Default)]
pub(super) struct Refers {
    /// The peer's REFER that waits for the application.
    asked: Option<Asked>,
    /// The subscription of the peer's last REFER.
    theirs: Option<Subscription>,
    /// The peer's REFERs so far.
    count: u32,
    /// A REFER of ours that has not come to its end.
    ours: bool,
}

impl Refers {
    /// Whether the leg's dialog is still needed.
    pub(super) const fn is_open(&self) -> bool {
        self.asked.is_some() || self.theirs.is_some()
    }
}

/// What the peer is told about the call it asked for.
struct Subscription {
    /// Tells a second one in a dialog from the first (RFC 3515 §2.4.6): the number of its REFER.
    id: Option<u32>,
    /// A NOTIFY has no answer yet.
    is_telling: bool,
    /// The last NOTIFY was the final one.
    is_told: bool,
    /// What to say next.
    next: Option<u16>,
}

/// Where a REFER leads.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    user: String,
    replaces: Option<Replaces>,
}

/// Reads Refer-To.
///
/// # Errors
/// The status to refuse it with: 400 malformed, 403 for another method than INVITE, 416 for a URI
/// that is no address.
fn target(request: &Message) -> Result<Target, u16> {
    let mut values = request.list("Refer-To");
    let (Some(value), None) = (values.next(), values.next()) else { return Err(400) };
    let address = NameAddr::read(value).ok_or(400_u16)?;
    let (uri, headers) = address.uri.split_once('?').unwrap_or((address.uri, ""));
    let read = Uri::read(uri).ok_or(400_u16)?;
    if !["sip", "sips", "tel"].contains(&read.scheme.as_ref()) {
        return Err(416);
    }
    let asks_other = |param: &str| {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        name.eq_ignore_ascii_case("method") && value != "INVITE"
    };
    if uri.split(';').skip(1).any(asks_other) {
        return Err(403);
    }
    let mut replaces = None;
    for (name, value) in headers.split('&').filter_map(|one| one.split_once('=')) {
        if name.eq_ignore_ascii_case("Replaces") {
            let read = Replaces::read(&header::unescape(value)).ok_or(400_u16)?;
            if replaces.replace(read).is_some() {
                return Err(400);
            }
        }
    }
    Ok(Target { user: read.user.into_owned(), replaces })
}

/// The status a sipfrag begins with.
fn fragment(notify: &Message) -> Option<u16> {
    let kind = notify.header("Content-Type")?.split(';').next()?.trim();
    let text = std::str::from_utf8(&notify.body).ok()?;
    let (version, rest) = text.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok().filter(|status| (100..700).contains(status));
    let is_known = kind.eq_ignore_ascii_case("message/sipfrag");
    status.filter(|_| is_known && version.eq_ignore_ascii_case("SIP/2.0"))
}

impl UserAgent {
    /// Agrees to what [`UaEvent::Referred`] asks: 202, and NOTIFY with 100. Say with
    /// [`Self::notify_refer`] what came of it. Without a question it does nothing.
    pub fn accept_refer(&mut self, now: Timestamp, leg: LegId) {
        self.wire.timers.clear(Timer::ReferPatience(leg));
        let contact = self.contact("");
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(asked) = call.refers.asked.take() else { return };
        call.refers.count += 1;
        let number = asked.request.header("CSeq").and_then(header::cseq).map(|(number, _)| number);
        call.refers.theirs = Some(Subscription {
            id: number.filter(|_| call.refers.count > 1),
            is_telling: false,
            is_told: false,
            next: None,
        });
        let response = reply(&asked.request, 202, None).with("Contact", contact);
        self.servers.respond(&mut self.wire, now, asked.transaction, &response);
        self.wire.timers.set(Timer::ReferEnd(leg), now.plus(EXPIRES));
        self.notify_refer(now, leg, 100);
    }

    /// Does not do what [`UaEvent::Referred`] asks: a status from 300 to 699, else 603.
    pub fn refuse_refer(&mut self, now: Timestamp, leg: LegId, status: u16) {
        self.wire.timers.clear(Timer::ReferPatience(leg));
        let status = if (300..700).contains(&status) { status } else { 603 };
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(asked) = call.refers.asked.take() else { return };
        self.respond(now, asked.transaction, &asked.request, status);
        self.look_at(leg);
        self.drop_loose();
    }

    /// Tells the peer how the call stands that it asked for: 100 to 699, where 200 and more is
    /// the end. It may be told after the leg is over, as long as its dialog was not ended from
    /// here.
    pub fn notify_refer(&mut self, now: Timestamp, leg: LegId, status: u16) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(theirs) = &mut call.refers.theirs else { return };
        // What was said last counts, but an end stays one.
        if !theirs.is_told && theirs.next.is_none_or(|next| next < 200) {
            theirs.next = Some(status);
            if !theirs.is_telling {
                self.tell(now, leg);
            }
        }
        self.drop_loose();
    }

    /// Asks the peer of a leg that is up to call somebody instead of us; with `replaces`, to take
    /// our place in that leg. [`UaEvent::ReferProgress`] says what comes of it. One at a time.
    pub fn refer(&mut self, now: Timestamp, leg: LegId, user: &str, replaces: Option<LegId>) {
        let other = match replaces.map(|other| self.calls.get(&other)) {
            None => None,
            Some(call) => {
                let dialog = call.and_then(|call| Some((call, call.dialog.as_ref()?)));
                let Some((call, dialog)) = dialog else { return };
                let value = Replaces::write(&dialog.call_id, &dialog.remote_tag, &call.local_tag);
                let target = dialog.target().split('?').next().unwrap_or_default();
                Some(format!("<{target}?Replaces={}>", header::escape_header(&value)))
            }
        };
        let to = other.unwrap_or_else(|| {
            format!("<sip:{}@{}>", header::escape_user(user), self.config.local)
        });
        let (via, contact) = (self.via(), self.contact(""));
        let by = format!("<sip:{}>", self.config.local);
        let call = self.calls.get_mut(&leg).filter(|call| !call.is_over && !call.refers.ours);
        let Some(call) = call else { return };
        let Some(dialog) = &mut call.dialog else { return };
        call.refers.ours = true;
        let request = dialog.request("REFER", via).with("Contact", contact);
        let hop = dialog.next_hop();
        let request = self.sign(request.with("Refer-To", to).with("Referred-By", by));
        self.clients.send(&mut self.wire, now, hop, request, Owner::Refer(leg));
        self.wire.timers.set(Timer::ReferLapse(leg), now.plus(EXPIRES));
    }

    /// The peer asks us to call somebody.
    pub(super) fn hear_refer(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        let Some(call) = self.calls.get(&leg) else { return };
        if call.is_over {
            return self.respond(now, id, request, 481);
        }
        if call.refers.is_open() {
            return self.respond(now, id, request, 491);
        }
        let found = target(request).and_then(|target| match &target.replaces {
            None => Ok((target.user, None)),
            Some(replaces) => Ok((target.user, Some(self.leg_of(replaces)?))),
        });
        match found {
            Err(status) => self.respond(now, id, request, status),
            Ok((user, replaces)) => {
                let asked = Asked { transaction: id, request: request.clone() };
                if let Some(call) = self.calls.get_mut(&leg) {
                    call.refers.asked = Some(asked);
                }
                self.wire.timers.set(Timer::ReferPatience(leg), now.plus(PATIENCE));
                self.wire.event(UaEvent::Referred { leg, user, replaces });
            }
        }
    }

    /// The peer says how the call stands that we asked it for.
    pub(super) fn hear_notify(&mut self, now: Timestamp, leg: LegId, id: u64, request: &Message) {
        let package = request.header("Event").map(|event| event.split(';').next());
        if package.flatten().map(str::trim) != Some(PACKAGE) {
            let tag = self.token();
            let response = reply(request, 489, Some(&tag)).with("Allow-Events", PACKAGE);
            self.servers.respond(&mut self.wire, now, id, &response);
            return;
        }
        let is_ours = self.calls.get(&leg).is_some_and(|call| call.refers.ours && !call.is_over);
        if !is_ours {
            return self.respond(now, id, request, 481);
        }
        let Some(state) = request.header("Subscription-State") else {
            return self.respond(now, id, request, 400);
        };
        let is_end = state.trim_start().to_ascii_lowercase().starts_with("terminated");
        self.respond(now, id, request, 200);
        match (fragment(request), is_end) {
            (Some(status), is_end) => self.refer_progress(leg, status, is_end),
            // It ended and does not say how.
            (None, true) => self.refer_progress(leg, 408, true),
            (None, false) => {}
        }
    }

    /// A REFER of ours has its final answer, or none came.
    pub(super) fn refer_answered(&mut self, leg: LegId, status: Option<u16>) {
        let status = status.unwrap_or(408);
        if status >= 300 {
            self.refer_progress(leg, status, true);
        }
        self.look_at(leg);
    }

    /// Nobody said what became of a REFER of ours.
    pub(super) fn refer_lapsed(&mut self, leg: LegId) {
        self.refer_progress(leg, 408, true);
    }

    fn refer_progress(&mut self, leg: LegId, status: u16, is_end: bool) {
        let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.is_over) else { return };
        if !call.refers.ours {
            return;
        }
        if is_end || status >= 200 {
            call.refers.ours = false;
            self.wire.timers.clear(Timer::ReferLapse(leg));
        }
        self.wire.event(UaEvent::ReferProgress { leg, status });
    }

    /// Our NOTIFY has its final answer, or none came. Where the peer does not know the
    /// subscription, or is not there, only the subscription is over (RFC 5057 §5.1).
    pub(super) fn notify_answered(&mut self, now: Timestamp, leg: LegId, status: Option<u16>) {
        self.look_at(leg);
        let Some(call) = self.calls.get_mut(&leg) else { return };
        let Some(theirs) = &mut call.refers.theirs else { return };
        theirs.is_telling = false;
        let is_heard = status.is_some_and(|status| (200..300).contains(&status));
        if !is_heard || theirs.is_told {
            self.end_subscription(leg);
        } else if theirs.next.is_some() {
            self.tell(now, leg);
        }
    }

    /// The application never said what came of it.
    pub(super) fn refer_ended(&mut self, now: Timestamp, leg: LegId) {
        self.notify_refer(now, leg, 408);
        self.end_subscription(leg);
    }

    /// The leg is about to be ended by us: the peer hears before what came of its REFER.
    pub(super) fn close_refers(&mut self, now: Timestamp, leg: LegId) {
        self.refuse_refer_asked(now, leg);
        let theirs = self.calls.get(&leg).and_then(|call| call.refers.theirs.as_ref());
        if theirs.is_some_and(|theirs| theirs.next.is_some_and(|next| next >= 200)) {
            self.tell(now, leg);
        }
        self.end_subscription(leg);
    }

    /// The leg is over: what the peer asks is answered.
    pub(super) fn refuse_refer_asked(&mut self, now: Timestamp, leg: LegId) {
        self.wire.timers.clear(Timer::ReferPatience(leg));
        let asked = self.calls.get_mut(&leg).and_then(|call| call.refers.asked.take());
        if let Some(asked) = asked {
            self.respond(now, asked.transaction, &asked.request, 487);
        }
    }

    fn end_subscription(&mut self, leg: LegId) {
        self.wire.timers.clear(Timer::ReferEnd(leg));
        if let Some(call) = self.calls.get_mut(&leg) {
            call.refers.theirs = None;
        }
        self.look_at(leg);
    }

    /// Sends what is to be said next.
    fn tell(&mut self, now: Timestamp, leg: LegId) {
        let (via, contact) = (self.via(), self.contact(""));
        let Some(Call { dialog: Some(dialog), refers, .. }) = self.calls.get_mut(&leg) else {
            return;
        };
        let Some(theirs) = &mut refers.theirs else { return };
        let Some(status) = theirs.next.take() else { return };
        theirs.is_telling = true;
        theirs.is_told = status >= 200;
        let event = theirs.id.map_or(PACKAGE.to_owned(), |id| format!("{PACKAGE};id={id}"));
        let state = if theirs.is_told {
            "terminated;reason=noresource".to_owned()
        } else {
            format!("active;expires={}", EXPIRES.0 / 1_000)
        };
        let StartLine::Response { reason, .. } = Message::response(status).start else { return };
        let mut request = dialog
            .request("NOTIFY", via)
            .with("Contact", contact)
            .with("Event", event)
            .with("Subscription-State", state)
            .with("Allow", ALLOW)
            .with("Content-Type", SIPFRAG);
        request.body = format!("SIP/2.0 {status} {reason}\r\n").into_bytes();
        let hop = dialog.next_hop();
        let request = self.sign(request);
        self.clients.send(&mut self.wire, now, hop, request, Owner::Notify(leg));
    }
}
