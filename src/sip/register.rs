//! Registration of ours with a registrar of somebody's: the client side of REGISTER.
//!
//! In: [`Registration`]s, answers, timers, chance for the pauses between attempts. Out: REGISTER
//! requests, [`UaEvent::Registered`] and [`UaEvent::RegistrationLost`]. Invariants: no more than
//! one REGISTER of a registration is on its way; one that is wanted always has a timer or a
//! request; each change of its state is told once. Deliberately absent: several contacts of one
//! address of record, GRUU, Path, outbound flows.
//! Sources: RFC 3261 §10.2, §21.4.17; RFC 7616 §3.3 for the count of a nonce used again.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::agent::UserAgent;
use super::client::Owner;
use super::digest::{DigestChallenge, prove};
use super::event::{Credentials, UaEvent};
use super::header::{self, NameAddr, Uri};
use super::hop::Hop;
use super::message::{Message, StartLine};
use super::timers::Timer;
use crate::base::{Millis, Rng, Timestamp};

/// The first pause after a failure; it doubles with each one.
const PAUSE: Millis = Millis(5_000);
/// The longest pause.
const PAUSE_MAX: Millis = Millis(300_000);
/// The longest time a registrar may tell us to stay away with Retry-After.
const RETRY_AFTER_MAX: Millis = Millis(3_600_000);
/// The longest registration we agree to.
const EXPIRES_MAX: Millis = Millis(24 * 3_600_000);
/// Challenges and 423s that are answered at once for one refresh.
const TRIES_MAX: u8 = 5;

/// Names a registration; the caller of the user agent chooses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RegistrationId(pub u16);

/// A registration to keep up.
#[derive(Clone)]
pub struct Registration {
    /// Its name.
    pub id: RegistrationId,
    /// Where REGISTER goes.
    pub to: Hop,
    /// The registrar's domain; without one, its address.
    pub domain: Option<String>,
    /// User part of the address of record, and of our Contact.
    pub user: String,
    /// Used when challenged.
    pub credentials: Credentials,
    /// How long a registration is asked for. Units: ms.
    pub expires: Millis,
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registration")
            .field("id", &self.id)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

/// A challenge that was answered well: its nonce serves again.
struct Session {
    /// The name of the header that carries the proof.
    given: &'static str,
    challenges: Vec<DigestChallenge>,
    count: u32,
}

/// How far a registration is.
struct Registering {
    wanted: Registration,
    call_id: String,
    tag: String,
    /// Number of the last REGISTER.
    number: u32,
    /// What is asked for; a registrar may have asked for more than was wanted.
    expires: Millis,
    session: Option<Session>,
    /// The request that has no final answer yet.
    transaction: Option<u64>,
    /// Challenges and 423s answered since the last refresh began.
    tries: u8,
    /// Failures since the last success.
    failures: u32,
    is_registered: bool,
    /// It is to be removed.
    is_leaving: bool,
    /// The loss that was told last, so that it is told once.
    told: Option<Option<u16>>,
}

/// All registrations of ours.
#[derive(Default)]
pub(super) struct Registrations(BTreeMap<RegistrationId, Registering>);

impl Registrations {
    /// Whether a removal waits for its answer.
    pub(super) fn are_leaving(&self) -> bool {
        self.0.values().any(|one| one.is_leaving && one.transaction.is_some())
    }
}

impl UserAgent {
    /// Registers, and goes on doing so until [`Self::unregister`]. One that is there already
    /// is left alone.
    pub fn register(&mut self, now: Timestamp, registration: Registration) {
        let id = registration.id;
        if self.registrations.0.contains_key(&id) {
            return;
        }
        let registering = Registering {
            call_id: format!("{}{}", self.token(), self.token()),
            tag: self.token(),
            number: 0,
            expires: registration.expires,
            wanted: registration,
            session: None,
            transaction: None,
            tries: 0,
            failures: 0,
            is_registered: false,
            is_leaving: false,
            told: None,
        };
        self.registrations.0.insert(id, registering);
        self.refresh_registration(now, id);
    }

    /// Registers at another of the registrar's addresses from now on, at once. The pauses between
    /// attempts that fail go on growing.
    pub fn move_registration(&mut self, now: Timestamp, id: RegistrationId, to: Hop) {
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        if one.is_leaving || one.wanted.to == to {
            return;
        }
        one.wanted.to = to;
        one.told = None;
        // A nonce of the other one's.
        one.session = None;
        if let Some(before) = one.transaction.take() {
            self.clients.remove(&mut self.wire, before);
        }
        self.refresh_registration(now, id);
    }

    /// Takes a registration back: REGISTER with no time left. No event follows.
    pub fn unregister(&mut self, now: Timestamp, id: RegistrationId) {
        let Some(one) = self.registrations.0.get_mut(&id).filter(|one| !one.is_leaving) else {
            return;
        };
        let is_open = one.is_registered || one.transaction.is_some();
        one.is_leaving = true;
        let before = one.transaction.take();
        self.wire.timers.clear(Timer::RegistrationLapses(id));
        self.wire.timers.clear(Timer::Register(id));
        if let Some(before) = before {
            self.clients.remove(&mut self.wire, before);
        }
        if is_open {
            self.refresh_registration(now, id);
        } else {
            self.registrations.0.remove(&id);
        }
    }

    /// Sends the first REGISTER of a refresh.
    pub(super) fn refresh_registration(&mut self, now: Timestamp, id: RegistrationId) {
        let (via, cnonce) = (self.via(), self.token());
        let local = self.config.local;
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        one.tries = 0;
        let mut request = one.request(via, local);
        if let Some(session) = &mut one.session {
            session.count = session.count.saturating_add(1);
            for challenge in &session.challenges {
                let (credentials, count) = (&one.wanted.credentials, session.count);
                let uri = request.uri().to_owned();
                let proof = challenge.answer(credentials, "REGISTER", &uri, &cnonce, count);
                request.push(session.given, proof);
            }
        }
        self.send_register(now, id, request);
    }

    fn send_register(&mut self, now: Timestamp, id: RegistrationId, request: Message) {
        let Some(to) = self.registrations.0.get(&id).map(|one| one.wanted.to) else { return };
        let owner = Owner::Register(id);
        let request =
            if request.header("User-Agent").is_none() { self.sign(request) } else { request };
        let transaction = self.clients.send(&mut self.wire, now, to, request, owner);
        if let Some(one) = self.registrations.0.get_mut(&id) {
            one.transaction = Some(transaction);
        }
    }

    /// Hears a final answer to a REGISTER of ours.
    pub(super) fn hear_registration(
        &mut self,
        now: Timestamp,
        id: RegistrationId,
        transaction: u64,
        response: &Message,
    ) {
        let StartLine::Response { status, .. } = response.start else { return };
        let Some(sent) = self.clients.get(transaction).map(|one| one.request.clone()) else {
            return;
        };
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        if one.transaction != Some(transaction) {
            return;
        }
        one.transaction = None;
        one.tries = one.tries.saturating_add(1);
        let may_try = one.tries < TRIES_MAX;
        match status {
            200..=299 => self.registered(now, id, response),
            401 | 407 if may_try => self.prove_registration(now, id, sent, response),
            423 if may_try => self.ask_for_longer(now, id, response),
            _ => {
                let after = response.header("Retry-After").and_then(header::retry_after);
                self.registration_failed(now, id, Some(status), after);
            }
        }
    }

    fn registered(&mut self, now: Timestamp, id: RegistrationId, response: &Message) {
        let locals = self.wire.locals;
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        let local = locals.of(one.wanted.to.transport);
        if one.is_leaving {
            self.registrations.0.remove(&id);
            return;
        }
        let Some(granted) = one.granted(response, local) else {
            return self.registration_failed(now, id, None, None);
        };
        one.failures = 0;
        one.told = None;
        let is_news = !std::mem::replace(&mut one.is_registered, true);
        let patience = self.wire.spans.patience();
        self.wire.timers.set(Timer::Register(id), now.plus(refresh_after(granted, patience)));
        self.wire.timers.set(Timer::RegistrationLapses(id), now.plus(granted));
        if is_news {
            self.wire.event(UaEvent::Registered { id, expires: granted });
        }
    }

    fn prove_registration(
        &mut self,
        now: Timestamp,
        id: RegistrationId,
        mut sent: Message,
        response: &Message,
    ) {
        let (via, cnonce) = (self.via(), self.token());
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        let is_proxy = matches!(response.start, StartLine::Response { status: 407, .. });
        let (asked, given) = if is_proxy {
            ("Proxy-Authenticate", "Proxy-Authorization")
        } else {
            ("WWW-Authenticate", "Authorization")
        };
        if one.session.take().is_some_and(|session| session.count > 1) {
            // A nonce of last time: not every registrar says that it is only old.
            sent.remove(given);
        }
        let Some(request) = prove(&sent, response, &one.wanted.credentials, via, &cnonce) else {
            let StartLine::Response { status, .. } = response.start else { return };
            return self.registration_failed(now, id, Some(status), None);
        };
        let challenges = DigestChallenge::strongest(response.all(asked));
        one.session = Some(Session { given, challenges, count: 1 });
        one.number = one.number.saturating_add(1);
        self.send_register(now, id, request);
    }

    /// The registrar takes no registrations as short as ours.
    fn ask_for_longer(&mut self, now: Timestamp, id: RegistrationId, response: &Message) {
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        let wanted = response.header("Min-Expires").and_then(header::retry_after);
        match wanted.filter(|min| *min > one.expires && *min <= EXPIRES_MAX) {
            Some(min) if !one.is_leaving => {
                one.expires = min;
                let tries = one.tries;
                self.refresh_registration(now, id);
                if let Some(one) = self.registrations.0.get_mut(&id) {
                    one.tries = tries;
                }
            }
            _ => self.registration_failed(now, id, Some(423), None),
        }
    }

    /// No registration came of it; `status` is none where nothing usable came back. What was
    /// registered stays so until its time is over, unless the registrar says that it does not
    /// know us.
    pub(super) fn registration_failed(
        &mut self,
        now: Timestamp,
        id: RegistrationId,
        status: Option<u16>,
        retry_after: Option<Millis>,
    ) {
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        if one.is_leaving {
            self.registrations.0.remove(&id);
            return;
        }
        one.transaction = None;
        one.session = None;
        let asked = retry_after.map(|after| after.min(RETRY_AFTER_MAX));
        let pause = pause(one.failures, &mut self.rng).max(asked.unwrap_or_default());
        one.failures = one.failures.saturating_add(1);
        self.wire.timers.set(Timer::Register(id), now.plus(pause));
        if !one.is_registered || matches!(status, Some(401 | 403 | 404 | 407)) {
            self.registration_lost(id, status);
        }
    }

    /// The time of a registration is over.
    pub(super) fn registration_lapsed(&mut self, id: RegistrationId) {
        self.registration_lost(id, None);
    }

    fn registration_lost(&mut self, id: RegistrationId, status: Option<u16>) {
        let Some(one) = self.registrations.0.get_mut(&id) else { return };
        self.wire.timers.clear(Timer::RegistrationLapses(id));
        one.is_registered = false;
        if one.told.replace(status) != Some(status) {
            self.wire.event(UaEvent::RegistrationLost { id, status });
        }
    }
}

impl Registering {
    fn request(&mut self, via: String, local: SocketAddr) -> Message {
        self.number = self.number.saturating_add(1);
        let domain = self.wanted.domain.clone().unwrap_or_else(|| self.wanted.to.to_string());
        let user = header::escape_user(&self.wanted.user);
        let expires = if self.is_leaving { 0 } else { self.expires.0 / 1_000 };
        Message::request("REGISTER", &format!("sip:{domain}"))
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", format!("<sip:{user}@{domain}>;tag={}", self.tag))
            .with("To", format!("<sip:{user}@{domain}>"))
            .with("Call-ID", self.call_id.as_str())
            .with("CSeq", format!("{} REGISTER", self.number))
            .with("Contact", format!("<sip:{user}@{local}>"))
            .with("Expires", expires.to_string())
    }

    /// How long our Contact is registered for; nothing where it is not.
    fn granted(&self, response: &Message, local: SocketAddr) -> Option<Millis> {
        let ours = |contact: &NameAddr| {
            Uri::read(contact.uri)
                .is_some_and(|uri| uri.user == self.wanted.user && uri.socket_addr() == Some(local))
        };
        let contacts: Vec<NameAddr> = response.list("Contact").filter_map(NameAddr::read).collect();
        let contact = contacts.iter().find(|contact| ours(contact));
        // A registrar behind an address translator may have written another address down.
        let contact = contact.or(contacts.first().filter(|_| contacts.len() == 1));
        let param = contact.and_then(|contact| contact.params.get("expires"));
        let granted = param.or(response.header("Expires")).and_then(header::retry_after);
        let granted = granted.unwrap_or(self.expires).min(EXPIRES_MAX);
        (granted.0 > 0).then_some(granted)
    }
}

/// When to refresh: at nine tenths, or so early that a lost request can be sent again until its
/// last timer; never before half of the time.
fn refresh_after(granted: Millis, patience: Millis) -> Millis {
    let early = granted.0.saturating_sub(patience.0).min(granted.0 / 10 * 9);
    Millis(early.max(granted.0 / 2).max(1))
}

/// A pause between half of it and all of it, so that many clients do not come back at once.
fn pause(failures: u32, rng: &mut Rng) -> Millis {
    let whole = PAUSE.0.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX.0);
    Millis(rng.between(whole / 2, whole))
}

#[cfg(test)]
mod tests;
