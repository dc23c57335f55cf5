//! Session timers: a dialog that nobody refreshes ends, so that a peer that vanished without a
//! BYE does not stay on the books.
//!
//! We ask for [`Timers::session_expires`] and take what the 2xx says. Who refreshes does so at
//! half the interval, by UPDATE where the peer takes it, else by re-INVITE; who does not hangs up
//! shortly before the interval is over. An interval that is too brief gets 422.
//! Invariant: a leg without agreed interval has no session timers. Source: RFC 4028.
//!
//! [`Timers::session_expires`]: super::event::Timers::session_expires

use super::agent::UserAgent;
use super::call::{Call, Progress};
use super::client::Owner;
use super::event::{FailureCause, Timers, UaEvent};
use super::header;
use super::message::{Message, StartLine};
use super::timers::Timer;
use crate::base::{LegId, Millis, Timestamp};

/// The option tag.
pub(super) const TIMER: &str = "timer";
/// The least interval anybody may ask for (§4).
const LEAST: Millis = Millis::from_secs(90);
/// The same as a header's value.
pub(super) const MIN_SE: &str = "90";
/// The longest we agree to: a day.
const MOST: Millis = Millis::from_secs(86_400);
/// A refresh that was refused for the moment is tried again after this.
const AGAIN: Millis = Millis::from_secs(5);
/// Intervals of a call that a peer may find too brief before we give up.
const TOO_BRIEF_MAX: u8 = 3;

/// Which side of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Uac,
    Uas,
}

/// A Session-Expires value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SessionExpires {
    interval: Millis,
    refresher: Option<Role>,
}

/// What a leg agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval: Millis,
    /// We refresh.
    is_ours: bool,
}

impl SessionExpires {
    fn of(message: &Message) -> Option<Self> {
        let (secs, params) = seconds(message.header("Session-Expires")?)?;
        let refresher = params.split(';').find_map(|param| {
            let (name, value) = param.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case("refresher");
            match value.trim().to_ascii_lowercase().as_str() {
                "uac" if is_it => Some(Role::Uac),
                "uas" if is_it => Some(Role::Uas),
                _ => None,
            }
        });
        Some(Self { interval: secs, refresher })
    }
}

impl SessionTimer {
    /// When to refresh (§7.2, §10).
    const fn refresh_after(self) -> Millis {
        Millis(self.interval.0 / 2)
    }

    /// When to give the peer up: a third of the interval before its end, at most 32 s (§10).
    fn ends_after(self) -> Millis {
        let margin = (self.interval.0 / 3).min(32_000);
        Millis(self.interval.0.saturating_sub(margin))
    }
}

/// Whole seconds and what follows them.
fn seconds(value: &str) -> Option<(Millis, &str)> {
    let (digits, params) = value.split_once(';').unwrap_or((value, ""));
    let secs: u32 = digits.trim().parse().ok()?;
    Some((Millis::from_secs(secs.into()).min(MOST), params))
}

fn min_se(message: &Message) -> Option<Millis> {
    Some(seconds(message.header("Min-SE")?)?.0)
}

/// Whether a list header names an option or a method.
pub(super) fn names(message: &Message, list: &str, option: &str) -> bool {
    message.list(list).any(|known| known.trim().eq_ignore_ascii_case(option))
}

impl Timers {
    /// What we ask for; nothing where session timers are off.
    fn session(&self) -> Option<Millis> {
        (self.session_expires.0 > 0).then(|| self.session_expires.clamp(LEAST, MOST))
    }
}

/// Asks for an interval (§7.1), where there shall be one.
pub(super) fn ask(request: Message, spans: &Timers) -> Message {
    match spans.session() {
        Some(interval) => request.with("Session-Expires", (interval.0 / 1_000).to_string()),
        None => request,
    }
}

/// Whether a request wants an interval below ours, which gets 422 and [`MIN_SE`] (§9).
pub(super) fn is_too_brief(request: &Message) -> bool {
    SessionExpires::of(request).is_some_and(|asked| asked.interval < LEAST)
        && names(request, "Supported", TIMER)
}

impl UserAgent {
    /// Asks for the interval again in a request inside the dialog, and says who refreshes.
    pub(super) fn ask_again(&self, leg: LegId, request: Message) -> Message {
        let request = request.with("Supported", TIMER);
        let Some(session) = self.calls.get(&leg).and_then(|call| call.session) else {
            return ask(request, &self.wire.spans);
        };
        let role = if session.is_ours { "uac" } else { "uas" };
        let secs = session.interval.0 / 1_000;
        request.with("Session-Expires", format!("{secs};refresher={role}"))
    }

    /// A 2xx to a request of ours says what is agreed.
    pub(super) fn session_agreed(&mut self, now: Timestamp, leg: LegId, response: &Message) {
        let session = SessionExpires::of(response).map(|agreed| SessionTimer {
            interval: agreed.interval.max(LEAST),
            is_ours: agreed.refresher != Some(Role::Uas),
        });
        self.keep_session(now, leg, session, response);
    }

    /// Writes into our 2xx what we agree to (§9), and keeps to it.
    pub(super) fn grant_session(
        &mut self,
        now: Timestamp,
        leg: LegId,
        request: &Message,
        mut response: Message,
    ) -> Message {
        response.push("Supported", TIMER);
        let session = SessionExpires::of(request).map(|asked| {
            let is_able = names(request, "Supported", TIMER);
            let role = asked.refresher.filter(|_| is_able);
            let role = role.unwrap_or(if is_able { Role::Uac } else { Role::Uas });
            let floor = min_se(request).unwrap_or(LEAST).max(LEAST);
            (SessionTimer { interval: asked.interval.max(floor), is_ours: role == Role::Uas }, role)
        });
        if let Some((session, role)) = session {
            let (name, secs) =
                (if role == Role::Uac { "uac" } else { "uas" }, session.interval.0 / 1_000);
            if role == Role::Uac {
                response.push("Require", TIMER);
            }
            response.push("Session-Expires", format!("{secs};refresher={name}"));
        }
        self.keep_session(now, leg, session.map(|(session, _)| session), request);
        response
    }

    fn keep_session(
        &mut self,
        now: Timestamp,
        leg: LegId,
        session: Option<SessionTimer>,
        theirs: &Message,
    ) {
        self.wire.timers.clear(Timer::Refresh(leg));
        self.wire.timers.clear(Timer::SessionEnd(leg));
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if theirs.header("Allow").is_some() {
            call.takes_update = names(theirs, "Allow", "UPDATE");
        }
        call.session = session;
        if let Some(session) = session.filter(|_| !call.is_over) {
            if session.is_ours {
                self.wire.timers.set(Timer::Refresh(leg), now.plus(session.refresh_after()));
            }
            self.wire.timers.set(Timer::SessionEnd(leg), now.plus(session.ends_after()));
        }
    }

    /// A peer finds the interval of our INVITE too brief: once more with what it wants (§7.3).
    /// Whether it was sent.
    pub(super) fn ask_longer(&mut self, now: Timestamp, leg: LegId, response: &Message) -> bool {
        let via = self.via();
        let Some(wanted) = min_se(response) else { return false };
        let Some(call) = self.calls.get_mut(&leg) else { return false };
        let is_over = call.is_over;
        let Some(out) = call.outgoing() else { return false };
        let asked = SessionExpires::of(&out.request).map(|asked| asked.interval);
        if is_over
            || out.progress == Progress::CancelWanted
            || out.too_brief >= TOO_BRIEF_MAX
            || asked.is_some_and(|asked| asked >= wanted)
        {
            return false;
        }
        out.too_brief += 1;
        out.forks.clear();
        let secs = (wanted.0 / 1_000).to_string();
        let number = out.request.header("CSeq").and_then(header::cseq).map_or(1, |one| one.0);
        out.request.replace("Via", via);
        out.request.replace("CSeq", format!("{} INVITE", number + 1));
        out.request.replace("Session-Expires", secs.clone());
        out.request.replace("Min-SE", secs);
        out.progress = Progress::Calling;
        let (to, request) = (out.invite.to, out.request.clone());
        out.transaction = self.clients.send(&mut self.wire, now, to, request, Owner::Invite(leg));
        self.wire.timers.set(Timer::NoProvisional(leg), now.plus(self.wire.spans.no_provisional));
        true
    }

    /// Half the interval is over, and we refresh.
    pub(super) fn refresh_session(&mut self, now: Timestamp, leg: LegId) {
        let via = self.via();
        let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.is_over) else { return };
        if !call.takes_update {
            let sdp = call.local_sdp.clone();
            call.wanted_offer.get_or_insert(sdp);
            return self.offer_wanted(now, leg);
        }
        let user = call.outgoing().map(|out| out.invite.identity.contact_user().to_owned());
        let user = user.unwrap_or_default();
        let Some(dialog) = &mut call.dialog else { return };
        let (request, hop) = (dialog.request("UPDATE", via), dialog.next_hop());
        let request = self.ask_again(leg, request.with("Contact", self.contact(&user)));
        let request = self.sign(request);
        self.clients.send(&mut self.wire, now, hop, request, Owner::Refresh(leg));
    }

    /// Hears the answer to an UPDATE of ours.
    pub(super) fn hear_refreshed(
        &mut self,
        now: Timestamp,
        leg: LegId,
        id: u64,
        response: &Message,
    ) {
        let StartLine::Response { status, .. } = response.start else { return };
        let Some(call) = self.calls.get_mut(&leg).filter(|call| !call.is_over) else {
            return self.look_at(leg);
        };
        match status {
            200..=299 => {
                if let Some(dialog) = &mut call.dialog {
                    dialog.refresh(response);
                }
                self.session_agreed(now, leg, response);
            }
            401 | 407 if self.prove_again(now, leg, id, response) => {}
            408 | 481 => self.dialog_gone(now, leg, id, Some(status)),
            422 => self.refresh_longer(now, leg, response),
            _ => self.refresh_refused(now, leg, status),
        }
    }

    fn refresh_longer(&mut self, now: Timestamp, leg: LegId, response: &Message) {
        if self.take_longer(leg, response) {
            self.refresh_session(now, leg);
        } else {
            self.refresh_refused(now, leg, 422);
        }
    }

    /// Takes the interval that a 422 asks for, where it is longer than ours. Whether it is.
    pub(super) fn take_longer(&mut self, leg: LegId, response: &Message) -> bool {
        let ours = self.wire.spans.session();
        let Some(call) = self.calls.get_mut(&leg) else { return false };
        let asked = call.session.map(|session| session.interval).or(ours).unwrap_or(LEAST);
        let Some(interval) = min_se(response).filter(|wanted| *wanted > asked) else {
            return false;
        };
        let is_ours = call.session.is_none_or(|session| session.is_ours);
        call.session = Some(SessionTimer { interval, is_ours });
        true
    }

    /// A refresh was refused: later again, until the session ends.
    pub(super) fn refresh_refused(&mut self, now: Timestamp, leg: LegId, status: u16) {
        let Some(call) = self.calls.get_mut(&leg) else { return };
        if matches!(status, 405 | 501) {
            call.takes_update = false;
        }
        if call.session.is_some_and(|session| session.is_ours) && !call.is_over {
            self.wire.timers.set(Timer::Refresh(leg), now.plus(AGAIN));
        }
    }

    /// Nobody refreshed in time.
    pub(super) fn session_ended(&mut self, now: Timestamp, leg: LegId) {
        let is_up = |call: &&mut Call| !call.is_over && call.dialog.is_some();
        if self.calls.get_mut(&leg).filter(is_up).is_some() {
            self.withdraw_asked(now, leg);
            self.forget_answer(leg);
            self.bye(now, leg, None);
            self.report(leg, UaEvent::Failed { leg, cause: FailureCause::Timeout });
        }
    }
}

#[cfg(test)]
mod tests;
