//! The registrar for phones of ours: the server side of REGISTER.
//!
//! In: REGISTER requests, their time-outs. Out: answers, [`UaEvent::PhoneRegistered`] and
//! [`UaEvent::PhoneUnregistered`]. Invariants: nobody binds who has not proved who it is, and
//! only for that user; a user nobody knows is challenged as every other; strangers leave nothing
//! behind; a request changes all of its bindings or none; bindings are bounded.
//! A phone is reached at the address it registered from and not at the one it names, as phones
//! stand behind address translators that they know nothing of.
//! Deliberately absent: Path, GRUU, q-values: the newest binding is called.
//! Sources: RFC 3261 §10.3, §21.4.17; RFC 5626 §5.3 for the idea of a flow.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::agent::UserAgent;
use super::digest::{Algorithm, Asked, Verdict, username};
use super::event::{Credentials, UaEvent};
use super::header::{self, NameAddr, Uri};
use super::hop::Hop;
use super::message::Message;
use super::reply::reply;
use super::timers::Timer;
use crate::base::{Millis, Timestamp};

/// The shortest registration. Units: s.
const EXPIRES_MIN: u64 = 60;
/// The longest; a phone that asks for more gets this. Units: s.
const EXPIRES_MAX: u64 = 3_600;
/// Bindings of one user; one more takes the place of the one that ends first.
const BINDINGS_MAX: usize = 5;

/// A hash that phones may prove themselves with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DigestHash {
    /// MD5: every phone knows it.
    Md5,
    /// SHA-256 (RFC 8760). Some phones fail where it is so much as offered.
    Sha256,
}

/// Where a phone is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// Where it registered from.
    pub hop: Hop,
    /// User part of its Contact.
    pub user: String,
}

/// Why a phone is not registered any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneGone {
    /// It said so.
    Removed,
    /// It did not register again in time.
    Expired,
}

impl PhoneGone {
    /// The stable name, in snake case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Expired => "expired",
        }
    }
}

/// One contact of one user.
#[derive(Clone, Debug)]
struct Binding {
    uri: String,
    source: Hop,
    call_id: String,
    number: u32,
    registered_at: Timestamp,
    expires_at: Timestamp,
}

/// Who may register, and who has.
pub(super) struct Registrar {
    realm: String,
    algorithms: Vec<Algorithm>,
    passwords: BTreeMap<String, String>,
    bindings: BTreeMap<String, Vec<Binding>>,
}

/// What a request asks to bind: the contact's URI, and for how long.
type Wanted = (String, u64);

/// A status, and a header that says more.
type Refusal = (u16, Option<(&'static str, String)>);

impl Registrar {
    /// The newest binding of a user.
    fn newest(&self, user: &str) -> Option<&Binding> {
        self.bindings.get(user)?.iter().max_by_key(|one| (one.registered_at, one.number))
    }

    /// Where the newest binding of a user leads.
    fn reach(&self, user: &str) -> Option<Phone> {
        let newest = self.newest(user)?;
        let user = Uri::read(&newest.uri).map(|uri| uri.user.into_owned()).unwrap_or_default();
        Some(Phone { hop: newest.source, user })
    }

    /// Whether a phone registered from an address.
    pub(super) fn has_phone_at(&self, address: IpAddr) -> bool {
        self.bindings.values().flatten().any(|one| one.source.address.ip() == address)
    }

    fn next_expiry(&self) -> Option<Timestamp> {
        self.bindings.values().flatten().map(|one| one.expires_at).min()
    }

    /// The user a request proves to come from, or what to challenge it with, and whether only
    /// the nonce of its proof was old.
    fn admit(
        &self,
        door: &mut super::digest::Doorkeeper,
        now: Timestamp,
        from: Hop,
        request: &Message,
    ) -> Result<String, (Vec<String>, bool)> {
        let asked = Asked {
            realm: &self.realm,
            algorithms: &self.algorithms,
            method: request.method(),
            uri: request.uri(),
            peer: from.address,
        };
        let mut is_stale = false;
        for value in request.all("Authorization") {
            let known = |user: &str| self.passwords.get(user).map(String::as_str);
            match (door.verify(value, asked, now, known), username(value)) {
                (Verdict::Good, Some(user)) => return Ok(user),
                (Verdict::Stale, _) => is_stale = true,
                (Verdict::Good | Verdict::Bad, _) => {}
            }
        }
        Err((door.challenge(asked, now, is_stale), is_stale))
    }

    /// Changes the bindings of a user as a request asks.
    fn bind(
        &mut self,
        user: &str,
        now: Timestamp,
        from: Hop,
        request: &Message,
    ) -> Result<(), Refusal> {
        let to = request.header("To").and_then(NameAddr::read).and_then(|to| Uri::read(to.uri));
        if to.is_none_or(|uri| uri.user != user) {
            return Err((403, None));
        }
        let call_id = request.header("Call-ID").unwrap_or_default();
        let number = request.header("CSeq").and_then(header::cseq).map_or(0, |(number, _)| number);
        let mut bindings = self.bindings.get(user).cloned().unwrap_or_default();
        let is_late = |one: &Binding| one.call_id == call_id && one.number >= number;
        for (uri, expires) in wanted(request)? {
            let is_it = |one: &Binding| uri == "*" || is_same(&one.uri, &uri);
            if bindings.iter().any(|one| is_it(one) && is_late(one)) {
                return Err((500, None));
            }
            bindings.retain(|one| !is_it(one));
            if expires > 0 {
                bindings.push(Binding {
                    uri,
                    source: from,
                    call_id: call_id.to_owned(),
                    number,
                    registered_at: now,
                    expires_at: now.plus(Millis::from_secs(expires)),
                });
            }
        }
        bindings.sort_by_key(|one| one.expires_at);
        bindings.drain(..bindings.len().saturating_sub(BINDINGS_MAX));
        if bindings.is_empty() {
            self.bindings.remove(user);
        } else {
            self.bindings.insert(user.to_owned(), bindings);
        }
        Ok(())
    }

    /// Adds what is bound to an answer (RFC 3261 §10.3, step 8).
    fn list(&self, user: &str, now: Timestamp, mut response: Message) -> Message {
        for one in self.bindings.get(user).into_iter().flatten() {
            let left = one.expires_at.since(now).0.div_ceil(1_000);
            response.push("Contact", format!("<{}>;expires={left}", one.uri));
        }
        response
    }
}

impl UserAgent {
    /// Takes registrations of these users from now on. Whom it knew before, and their bindings,
    /// are forgotten.
    pub fn admit_phones(&mut self, realm: &str, hashes: &[DigestHash], users: Vec<Credentials>) {
        let algorithms = hashes.iter().map(|hash| match hash {
            DigestHash::Md5 => Algorithm::Md5,
            DigestHash::Sha256 => Algorithm::Sha256,
        });
        self.registrar = Some(Registrar {
            realm: realm.to_owned(),
            algorithms: algorithms.collect(),
            passwords: users.into_iter().map(|one| (one.user, one.password)).collect(),
            bindings: BTreeMap::new(),
        });
        self.wire.timers.clear(Timer::Bindings);
    }

    /// Where a user's phone is, while it is registered.
    pub fn reach(&self, user: &str) -> Option<Phone> {
        self.registrar.as_ref()?.reach(user)
    }

    /// Whether REGISTER means anything here.
    pub(super) const fn is_registrar(&self) -> bool {
        self.registrar.is_some()
    }

    /// The phone that proves to send a new call, where phones register here. Who is no phone of
    /// ours is challenged as every other.
    ///
    /// # Errors
    /// What to challenge it with.
    pub(super) fn admit_phone(
        &mut self,
        now: Timestamp,
        from: Hop,
        request: &Message,
    ) -> Result<Option<String>, Vec<String>> {
        let Some(registrar) = &self.registrar else { return Ok(None) };
        match registrar.admit(&mut self.doorkeeper, now, from, request) {
            Ok(user) => Ok(Some(user)),
            Err((challenges, is_stale)) => {
                let mut proofs = request.all("Authorization");
                if !is_stale && proofs.any(|value| self.doorkeeper.has_asked(value, from.address)) {
                    self.proved_wrong(now, from);
                }
                Err(challenges)
            }
        }
    }

    /// Hears a REGISTER that has no transaction yet, and answers to where answers go. Only one
    /// that proves who it is gets a transaction.
    pub(super) fn hear_register(
        &mut self,
        now: Timestamp,
        key: String,
        (from, to): (Hop, Hop),
        request: &Message,
    ) {
        let tag = self.token();
        let Some(mut registrar) = self.registrar.take() else { return };
        if request.header("Require").is_some() {
            let mut response = reply(request, 420, Some(&tag));
            request.all("Require").for_each(|value| response.push("Unsupported", value));
            self.wire.transmit(to, response.write());
            self.registrar = Some(registrar);
            return;
        }
        match registrar.admit(&mut self.doorkeeper, now, from, request) {
            Err((challenges, is_stale)) => {
                let mut proofs = request.all("Authorization");
                if !is_stale && proofs.any(|value| self.doorkeeper.has_asked(value, from.address)) {
                    self.proved_wrong(now, from);
                }
                let mut response = reply(request, 401, Some(&tag));
                for value in challenges {
                    response.push("WWW-Authenticate", value);
                }
                self.wire.transmit(to, response.write());
            }
            Ok(user) => {
                let id = self.servers.open(key, to, false);
                let before = registrar.reach(&user);
                let response = match registrar.bind(&user, now, from, request) {
                    Ok(()) => registrar.list(&user, now, reply(request, 200, Some(&tag))),
                    Err((status, more)) => {
                        let mut response = reply(request, status, Some(&tag));
                        if let Some((name, value)) = more {
                            response.push(name, value);
                        }
                        response
                    }
                };
                let response = response.with("Server", self.config.product.as_str());
                self.servers.respond(&mut self.wire, now, id, &response);
                self.tell_phone(&registrar, user, before, now, PhoneGone::Removed);
            }
        }
        self.keep_registrar(registrar);
    }

    /// Drops bindings whose time is over.
    pub(super) fn expire_bindings(&mut self, now: Timestamp) {
        let Some(mut registrar) = self.registrar.take() else { return };
        let users: Vec<String> = registrar.bindings.keys().cloned().collect();
        for user in users {
            let before = registrar.reach(&user);
            let Some(bindings) = registrar.bindings.get_mut(&user) else { continue };
            bindings.retain(|one| one.expires_at > now);
            if bindings.is_empty() {
                registrar.bindings.remove(&user);
            }
            self.tell_phone(&registrar, user, before, now, PhoneGone::Expired);
        }
        self.keep_registrar(registrar);
    }

    /// Says what became of a user's phone, where something did.
    fn tell_phone(
        &mut self,
        registrar: &Registrar,
        user: String,
        before: Option<Phone>,
        now: Timestamp,
        reason: PhoneGone,
    ) {
        match registrar.reach(&user) {
            Some(phone) if Some(&phone) != before.as_ref() => {
                let until = registrar.newest(&user).map_or(now, |one| one.expires_at);
                let expires = until.since(now);
                self.wire.event(UaEvent::PhoneRegistered { user, phone, expires });
            }
            None if before.is_some() => {
                self.wire.event(UaEvent::PhoneUnregistered { user, reason })
            }
            _ => {}
        }
    }

    fn keep_registrar(&mut self, registrar: Registrar) {
        match registrar.next_expiry() {
            Some(at) => self.wire.timers.set(Timer::Bindings, at),
            None => self.wire.timers.clear(Timer::Bindings),
        }
        self.registrar = Some(registrar);
    }
}

/// The contacts a request wants bound, each with its time; `*` stands for all there are.
fn wanted(request: &Message) -> Result<Vec<Wanted>, Refusal> {
    let bad = || (400, None);
    let whole = request.header("Expires").map_or(Some(EXPIRES_MAX), seconds).ok_or_else(bad)?;
    let contacts: Vec<&str> = request.list("Contact").filter(|text| !text.is_empty()).collect();
    if contacts.contains(&"*") {
        let is_alone = contacts.len() == 1 && whole == 0 && request.header("Expires").is_some();
        return if is_alone { Ok(vec![("*".to_owned(), 0)]) } else { Err(bad()) };
    }
    if contacts.len() > BINDINGS_MAX {
        return Err(bad());
    }
    let mut wanted = Vec::new();
    for contact in contacts {
        let contact = NameAddr::read(contact).ok_or_else(bad)?;
        if Uri::read(contact.uri).is_none_or(|uri| uri.scheme != "sip") {
            return Err(bad());
        }
        let expires = contact.params.get("expires").map_or(Some(whole), seconds);
        let expires = expires.ok_or_else(bad)?.min(EXPIRES_MAX);
        if (1..EXPIRES_MIN).contains(&expires) {
            return Err((423, Some(("Min-Expires", EXPIRES_MIN.to_string()))));
        }
        wanted.push((contact.uri.to_owned(), expires));
    }
    Ok(wanted)
}

/// Delta-seconds (RFC 3261 §25.1); a number too large to hold is a long time.
fn seconds(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().unwrap_or(u64::MAX))
}

fn is_same(left: &str, right: &str) -> bool {
    left == right || Uri::read(left).is_some_and(|uri| Some(uri) == Uri::read(right))
}

#[cfg(test)]
mod tests;
