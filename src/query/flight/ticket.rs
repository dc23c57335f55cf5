//! Tickets: what a client shows to fetch the rows of a question that was planned.
//!
//! In: a question, its log position, who asked. Out: bytes that only this process can make.
//! Invariants: the rows of a ticket are those at its position, whether its plan is still kept
//! ([`Plans`]) or made again; a ticket is good for its user only, and no longer than [`VALID`].

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use arrow_flight::Ticket;
use arrow_flight::sql::{ProstMessageExt as _, TicketStatementQuery};
use bytes::Bytes;
use hmac::{KeyInit as _, Mac as _};
use prost::Message as _;
use sha2::Sha256;
use tokio::sync::watch;
use tonic::Status;

use super::error;
use super::rows::Planned;
use crate::base::{Millis, Timestamp};

/// How long a ticket is good for.
const VALID: Millis = Millis(60 * 60 * 1_000);
/// Tickets at once that can be cancelled; the oldest makes room, and can still be fetched.
const ISSUED_MAX: usize = 4_096;
/// Plans that wait to be fetched, and for how long: each keeps the tables of its position.
const KEPT_MAX: usize = 32;
const KEPT: Millis = Millis(60_000);
/// Bytes of the code before the claims.
const CODE: usize = 32;

/// What a ticket says.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Claims {
    /// What it is known by.
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    /// Who asked.
    #[prost(string, tag = "2")]
    user: String,
    /// The question.
    #[prost(string, tag = "3")]
    pub(super) sql: String,
    /// The last log position that it sees; nothing where the log was empty.
    #[prost(uint64, optional, tag = "4")]
    pub(super) position: Option<u64>,
    /// When it ends. Units: microseconds since 1970.
    #[prost(int64, tag = "5")]
    expires: i64,
    /// Whether values were bound to it, which it does not carry.
    #[prost(bool, tag = "6")]
    pub(super) is_bound: bool,
}

/// Signs tickets.
pub(super) struct Tickets([u8; 32]);

impl Tickets {
    /// With a key of this process.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// The claims with a code that proves them.
    pub(super) fn seal(&self, claims: &Claims) -> Ticket {
        let body = claims.encode_to_vec();
        let mut handle = self.code(&body).finalize().into_bytes().to_vec();
        handle.extend(body);
        let message = TicketStatementQuery { statement_handle: Bytes::from(handle) };
        Ticket::new(message.as_any().encode_to_vec())
    }

    /// What a ticket says, where it is one of this process and this user.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(&self, handle: &[u8], user: &str, now: Timestamp) -> Result<Claims, Status> {
        let unknown = || {
            Status::invalid_argument(
                "fetch: the ticket is not one of this server as it runs now; ask for the flight again",
            )
        };
        let (code, body) = handle.split_at_checked(CODE).ok_or_else(unknown)?;
        self.code(body).verify_slice(code).map_err(|_| unknown())?;
        let claims = Claims::decode(body).map_err(|_| unknown())?;
        if claims.user != user {
            return Err(Status::permission_denied("fetch: the ticket was given to another user"));
        }
        if now.as_micros() >= claims.expires {
            return Err(Status::not_found(
                "fetch: the ticket has expired; ask for the flight again",
            ));
        }
        Ok(claims)
    }

    fn code(&self, body: &[u8]) -> hmac::Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "any length will do for this hash's key")]
        let mut mac = hmac::Hmac::<Sha256>::new_from_slice(&self.0).expect("a key of 32 bytes");
        mac.update(body);
        mac
    }
}

/// Plans that wait to be fetched, and tickets that can be cancelled.
#[derive(Default)]
pub(super) struct Plans(Mutex<BTreeMap<Vec<u8>, Issued>>);

struct Issued {
    at: Timestamp,
    /// True once it is cancelled.
    cancelled: watch::Sender<bool>,
    planned: Option<Planned>,
}

/// What is left of a plan.
pub(super) struct Taken {
    /// The plan, where it is kept. It is not any more afterwards.
    pub(super) planned: Option<Planned>,
    /// True once the ticket is cancelled; nothing where nobody can do that any more.
    pub(super) cancelled: Option<watch::Receiver<bool>>,
}

impl Plans {
    fn issued(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Issued>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a plan, and gives the claims of its ticket.
    ///
    /// # Errors
    /// UNAVAILABLE where the system has no randomness.
    pub(super) fn issue(
        &self,
        user: &str,
        sql: String,
        is_bound: bool,
        planned: Planned,
        now: Timestamp,
    ) -> Result<Claims, Status> {
        let mut id = vec![0; 16];
        getrandom::fill(&mut id).map_err(|_| error::no_randomness())?;
        let claims = Claims {
            id: id.clone(),
            user: user.to_owned(),
            sql,
            position: planned.position,
            expires: now.plus(VALID).as_micros(),
            is_bound,
        };
        let (cancelled, _) = watch::channel(false);
        let mut issued = self.issued();
        drop(issued.insert(id, Issued { at: now, cancelled, planned: Some(planned) }));
        make_room(&mut issued, now);
        Ok(claims)
    }

    /// Takes the plan of a ticket.
    ///
    /// # Errors
    /// CANCELLED where it was.
    pub(super) fn take(&self, claims: &Claims) -> Result<Taken, Status> {
        let mut issued = self.issued();
        let Some(found) = issued.get_mut(&claims.id) else {
            return Ok(Taken { planned: None, cancelled: None });
        };
        if *found.cancelled.borrow() {
            return Err(cancelled());
        }
        let cancelled = Some(found.cancelled.subscribe());
        Ok(Taken { planned: found.planned.take(), cancelled })
    }

    /// Cancels a ticket, and what is being fetched by it. Whether it was still known.
    pub(super) fn cancel(&self, claims: &Claims) -> bool {
        let mut issued = self.issued();
        let Some(found) = issued.get_mut(&claims.id) else { return false };
        found.planned = None;
        found.cancelled.send_replace(true);
        true
    }

    /// Lets go of what nobody came for.
    pub(super) fn sweep(&self, now: Timestamp) {
        make_room(&mut self.issued(), now);
    }
}

/// The question was cancelled.
pub(super) fn cancelled() -> Status {
    Status::cancelled("run SQL: cancelled by whoever asked")
}

fn make_room(issued: &mut BTreeMap<Vec<u8>, Issued>, now: Timestamp) {
    issued.retain(|_, issued| now < issued.at.plus(VALID));
    for issued in issued.values_mut().filter(|issued| now >= issued.at.plus(KEPT)) {
        issued.planned = None;
    }
    while issued.len() > ISSUED_MAX {
        let Some(id) = oldest(issued, |_| true) else { return };
        drop(issued.remove(&id));
    }
    let mut kept = issued.values().filter(|issued| issued.planned.is_some()).count();
    while kept > KEPT_MAX {
        let Some(id) = oldest(issued, |issued| issued.planned.is_some()) else { return };
        if let Some(issued) = issued.get_mut(&id) {
            issued.planned = None;
        }
        kept -= 1;
    }
}

fn oldest(issued: &BTreeMap<Vec<u8>, Issued>, is_meant: fn(&Issued) -> bool) -> Option<Vec<u8>> {
    let meant = issued.iter().filter(|(_, issued)| is_meant(issued));
    meant.min_by_key(|(_, issued)| issued.at).map(|(id, _)| id.clone())
}
