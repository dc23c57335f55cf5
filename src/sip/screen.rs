//! Strangers kept at a distance: how much one source may ask for, and who asked wrongly too often.
//!
//! In: each datagram before it is read, faults, and proofs that do not hold. Out: whether a
//! datagram is looked at; counts; an event for a source at most once a minute.
//! Invariants: what is dropped is not answered, so a forged address is sent nothing; what is
//! kept is bounded, whoever sends; carriers are never held up. A source is shut out only after
//! wrong proofs for challenges of ours, which who forges an address never sees.
//! Deliberately absent: lists of addresses to block; a firewall does that sooner.
//! Sources: RFC 3261 §26.3.2.4 and RFC 6314 §4 for the idea; limits are our own.

mod sources;

use std::net::SocketAddr;

use super::agent::UserAgent;
use super::event::UaEvent;
use super::hop::Hop;
use crate::base::{Millis, Network, Timestamp};
use sources::{Source, Sources};

/// New calls, registrations and questions that a stranger may send each second, and at once.
const NEW: (u64, u64) = (10, 20);
/// The same for all else: what belongs to calls, answers, noise.
const OTHER: (u64, u64) = (100, 200);
/// A source is heard of once in this time.
const TELL_AGAIN: Millis = Millis::from_secs(60);
/// This many wrong proofs…
const WRONG_MAX: u32 = 10;
/// …within this time…
const WRONG_WITHIN: Millis = Millis::from_secs(60);
/// …shut a source out for this one.
const SHUT_OUT: Millis = Millis::from_secs(600);

/// What came of datagrams since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Screened {
    /// Dropped, as their source sent too many.
    pub too_many: u64,
    /// Dropped, as their source was shut out.
    pub shut_out: u64,
    /// Looked at, but unreadable or without what a request must have.
    pub malformed: u64,
    /// Proofs that did not hold.
    pub wrong_proofs: u64,
    /// New calls refused, as nobody may call here.
    pub calls: u64,
}

/// Why something of a source was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScreenReason {
    /// It sends more than a stranger may.
    TooMany,
    /// Its proofs were wrong too often; nothing of it is looked at for ten minutes.
    ShutOut,
}

impl ScreenReason {
    /// The stable name, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooMany => "too_many",
            Self::ShutOut => "shut_out",
        }
    }
}

/// The state behind it.
pub(super) struct Screen {
    known: Vec<Network>,
    sources: Sources,
    counts: Screened,
}

impl Screen {
    pub(super) fn new(known: Vec<Network>) -> Self {
        Self { known, sources: Sources::default(), counts: Screened::default() }
    }

    /// Whether a datagram is looked at; and if not, why, where that is to be said.
    fn admit(
        &mut self,
        now: Timestamp,
        from: SocketAddr,
        datagram: &[u8],
        is_phone: impl FnOnce() -> bool,
    ) -> Result<(), Option<(ScreenReason, u64)>> {
        if self.known.iter().any(|network| network.contains(from.ip())) {
            return Ok(());
        }
        let source = self.sources.of(from.ip(), now);
        let reason = if source.shut_out_until.is_some_and(|until| until > now) {
            self.counts.shut_out += 1;
            ScreenReason::ShutOut
        } else {
            let is_paid = if is_new(datagram) {
                source.new.pay(now, NEW)
            } else {
                source.other.pay(now, OTHER)
            };
            if is_paid || is_phone() {
                return Ok(());
            }
            self.counts.too_many += 1;
            ScreenReason::TooMany
        };
        source.dropped += 1;
        Err(source.tell(now, TELL_AGAIN).then(|| (reason, std::mem::take(&mut source.dropped))))
    }

    /// Counts an unusable datagram; true where that is to be said.
    fn malformed(&mut self, now: Timestamp, from: SocketAddr) -> bool {
        self.counts.malformed += 1;
        self.sources.of(from.ip(), now).tell_malformed(now, TELL_AGAIN)
    }

    /// Counts a wrong proof; true where it was one too many.
    fn wrong_proof(&mut self, now: Timestamp, from: SocketAddr) -> bool {
        self.counts.wrong_proofs += 1;
        if self.known.iter().any(|network| network.contains(from.ip())) {
            return false;
        }
        let source: &mut Source = self.sources.of(from.ip(), now);
        if source.wrong_since.plus(WRONG_WITHIN) < now {
            (source.wrong_since, source.wrong) = (now, 0);
        }
        source.wrong += 1;
        if source.wrong < WRONG_MAX {
            return false;
        }
        source.wrong = 0;
        source.shut_out_until = Some(now.plus(SHUT_OUT));
        self.sources.keep(from.ip(), now);
        true
    }
}

impl UserAgent {
    /// Limits from now on what strangers may send; carriers and others in these networks, and
    /// phones that are registered, are not limited. Said again, it changes who is no stranger.
    pub fn screen_strangers(&mut self, known: Vec<Network>) {
        match &mut self.screen {
            Some(screen) => screen.known = known,
            None => self.screen = Some(Screen::new(known)),
        }
    }

    /// What came of datagrams since strangers are screened.
    pub fn screened(&self) -> Screened {
        self.screen.as_ref().map(|screen| screen.counts).unwrap_or_default()
    }

    /// Whether a datagram is looked at.
    pub(super) fn admits(&mut self, now: Timestamp, from: Hop, datagram: &[u8]) -> bool {
        let (registrar, from) = (self.registrar.as_ref(), from.address);
        let Some(screen) = &mut self.screen else { return true };
        let is_phone = || registrar.is_some_and(|registrar| registrar.has_phone_at(from.ip()));
        match screen.admit(now, from, datagram, is_phone) {
            Ok(()) => true,
            Err(told) => {
                if let Some((reason, dropped)) = told {
                    self.wire.event(UaEvent::Screened { from: from.ip(), reason, dropped });
                }
                false
            }
        }
    }

    /// Says that a datagram could not be used; where strangers are screened, once a minute of
    /// one source.
    pub(super) fn malformed(&mut self, now: Timestamp, from: Hop, reason: String) {
        if self.screen.as_mut().is_none_or(|screen| screen.malformed(now, from.address)) {
            self.wire.event(UaEvent::Malformed { from, reason });
        }
    }

    /// Somebody calls where nobody may.
    pub(super) const fn called_in_vain(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.counts.calls += 1;
        }
    }

    /// A proof for a challenge of ours did not hold.
    pub(super) fn proved_wrong(&mut self, now: Timestamp, from: Hop) {
        if self.screen.as_mut().is_some_and(|screen| screen.wrong_proof(now, from.address)) {
            let (from, reason) = (from.address.ip(), ScreenReason::ShutOut);
            self.wire.event(UaEvent::Screened { from, reason, dropped: 0 });
        }
    }
}

/// Whether a datagram asks for something new, by its first word.
fn is_new(datagram: &[u8]) -> bool {
    let start = datagram.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
    let rest = start.and_then(|start| datagram.get(start..)).unwrap_or_default();
    let word = rest.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_other = [&b"ACK"[..], b"BYE", b"CANCEL", b"PRACK", b"UPDATE", b"INFO"].contains(&word);
    !(is_other
        || rest.is_empty()
        || word.get(..4).is_some_and(|it| it.eq_ignore_ascii_case(b"SIP/")))
}

#[cfg(test)]
mod tests;
