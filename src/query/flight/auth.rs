//! Who is calling, and what was set for them.
//!
//! In: the headers of a request. Out: the caller with their options, or a refusal. A client signs
//! in once with name and password (`Handshake`) and shows the token it got from then on, or shows
//! name and password with each request. Options that are set belong to the token, or to a cookie
//! where there is no token. Invariants: tokens are random, forgotten after [`VALID`], and kept as
//! hashes only; there are never more than [`SESSIONS_MAX`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tonic::Status;
use tonic::metadata::MetadataMap;

use super::error;
use super::option::Options;
use crate::access::Access;
use crate::base::{Millis, Timestamp, hex};

/// How long a token is good for.
const VALID: Millis = Millis(12 * 60 * 60 * 1_000);
/// Tokens at once; the one that ends first makes room.
const SESSIONS_MAX: usize = 4_096;
/// The cookie of a client that has options and no token.
const COOKIE: &str = "ledgerline_session";
const BEARER: &str = "Bearer ";

/// Who sent a request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The user's name.
    pub(super) user: Arc<str>,
    /// What the client was given to be known by, where it showed it.
    pub(super) token: Option<String>,
    /// What was set for the client, and by the headers of this request.
    pub(super) options: Options,
}

/// The clients that are known by a token.
pub(super) struct Auth {
    access: Arc<Access>,
    sessions: Mutex<BTreeMap<[u8; 32], ClientSession>>,
}

struct ClientSession {
    user: Arc<str>,
    until: Timestamp,
    options: Options,
}

impl Auth {
    pub(super) fn new(access: Arc<Access>) -> Self {
        Self { access, sessions: Mutex::new(BTreeMap::new()) }
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], ClientSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who sent a request.
    ///
    /// # Errors
    /// UNAUTHENTICATED where there are users and the headers name none of them.
    pub(super) fn caller(&self, headers: &MetadataMap, now: Timestamp) -> Result<Caller, Status> {
        let header = headers.get("authorization").map(|header| header.as_bytes());
        let bearer = header.and_then(bearer);
        let token = bearer.clone().or_else(|| cookie(headers));
        let known = token.as_deref().and_then(|token| self.known(token, now));
        let user: Arc<str> = match (&bearer, &known) {
            (Some(_), Some((user, _))) => user.clone(),
            (Some(_), None) if !self.access.is_open() => return Err(error::signed_out()),
            _ => {
                let header = if bearer.is_some() { None } else { header };
                let caller = self.access.check_basic(header).ok_or_else(error::unknown_user)?;
                caller.name().into()
            }
        };
        let known = known.filter(|(owner, _)| *owner == user);
        let token = token.filter(|_| known.is_some());
        let options = known.map(|(_, options)| options).unwrap_or_default();
        Ok(Caller { user, token, options: options.with_headers(headers)? })
    }

    fn known(&self, token: &str, now: Timestamp) -> Option<(Arc<str>, Options)> {
        let sessions = self.sessions();
        let session = sessions.get(&key(token)).filter(|session| now < session.until)?;
        Some((session.user.clone(), session.options.clone()))
    }

    /// A new token for a user.
    ///
    /// # Errors
    /// UNAVAILABLE where the system has no randomness.
    pub(super) fn sign_in(&self, user: &Arc<str>, now: Timestamp) -> Result<String, Status> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| error::no_randomness())?;
        let token = hex(&bytes);
        let session = ClientSession {
            user: user.clone(),
            until: now.plus(VALID),
            options: Options::default(),
        };
        let mut sessions = self.sessions();
        sessions.retain(|_, session| now < session.until);
        if sessions.len() >= SESSIONS_MAX {
            let first = sessions.iter().min_by_key(|(_, session)| session.until);
            let first = first.map(|(key, _)| *key);
            first.and_then(|key| sessions.remove(&key));
        }
        drop(sessions.insert(key(&token), session));
        Ok(token)
    }

    /// Keeps options for a token.
    pub(super) fn set(&self, token: &str, options: Options) {
        if let Some(session) = self.sessions().get_mut(&key(token)) {
            session.options = options;
        }
    }

    /// Forgets a token.
    pub(super) fn sign_out(&self, token: &str) {
        drop(self.sessions().remove(&key(token)));
    }

    /// Forgets what has expired.
    pub(super) fn sweep(&self, now: Timestamp) {
        self.sessions().retain(|_, session| now < session.until);
    }
}

/// What makes a client show a token as a cookie.
pub(super) fn set_cookie(token: &str) -> String {
    format!("{COOKIE}={token}; HttpOnly")
}

/// What makes it show it as a header.
pub(super) fn authorization(token: &str) -> String {
    format!("{BEARER}{token}")
}

fn bearer(header: &[u8]) -> Option<String> {
    let (scheme, token) = header.split_at_checked(BEARER.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(BEARER.as_bytes());
    is_bearer.then(|| String::from_utf8_lossy(token.trim_ascii()).into_owned())
}

fn cookie(headers: &MetadataMap) -> Option<String> {
    let mut texts = headers.get_all("cookie").iter().filter_map(|header| header.to_str().ok());
    texts.find_map(|text| {
        let mut pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(name, value)| (name == COOKIE).then(|| value.to_owned()))
    })
}

fn key(token: &str) -> [u8; 32] {
    *blake3::hash(token.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> MetadataMap {
        let mut headers = MetadataMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().expect("ASCII"));
        }
        headers
    }

    fn auth() -> Auth {
        Auth::new(Arc::new(Access::parse("board:reader:secret\n").expect("a user")))
    }

    /// `board:secret`.
    const BASIC: &str = "Basic Ym9hcmQ6c2VjcmV0";

    #[test]
    fn a_token_stands_for_a_user_for_twelve_hours() {
        let (auth, start) = (auth(), Timestamp::EPOCH);
        let caller = auth.caller(&headers(&[("authorization", BASIC)]), start).expect("known");
        assert_eq!((&*caller.user, caller.token), ("board", None));
        let token = auth.sign_in(&caller.user, start).expect("a token");
        let shown = headers(&[("authorization", &authorization(&token))]);
        let caller = auth.caller(&shown, start.plus(Millis(VALID.0 - 1))).expect("still known");
        assert_eq!((&*caller.user, caller.token.as_deref()), ("board", Some(token.as_str())));
        let late = auth.caller(&shown, start.plus(VALID)).expect_err("too late");
        assert_eq!(late.code(), Code::Unauthenticated);
        auth.sign_out(&token);
        assert!(auth.caller(&shown, start).is_err());
    }

    #[test]
    fn who_shows_nothing_or_something_wrong_is_refused() {
        let auth = auth();
        let token = auth.sign_in(&"board".into(), Timestamp::EPOCH).expect("a token");
        let cookie = format!("a=b; {}", set_cookie(&token));
        for shown in [
            headers(&[]),
            headers(&[("authorization", "Basic Ym9hcmQ6d3Jvbmc=")]),
            headers(&[("authorization", "Bearer")]),
            headers(&[("authorization", "Bearer 0011")]),
            headers(&[("authorization", "Basic %%%")]),
            // A cookie carries settings and proves nothing.
            headers(&[("cookie", &cookie)]),
        ] {
            let refused = auth.caller(&shown, Timestamp::EPOCH).expect_err("refused");
            assert_eq!(refused.code(), Code::Unauthenticated, "{shown:?}");
            assert!(!refused.message().contains("secret"));
        }
        let shown = headers(&[("authorization", BASIC), ("cookie", &cookie)]);
        let caller = auth.caller(&shown, Timestamp::EPOCH).expect("known");
        assert_eq!(caller.token, Some(token));
    }

    #[test]
    fn a_header_counts_for_one_request() {
        let auth = auth();
        let with = headers(&[("authorization", BASIC), ("ledgerline-as-of", "1200")]);
        let without = headers(&[("authorization", BASIC)]);
        let options = |shown| auth.caller(shown, Timestamp::EPOCH).expect("known").options;
        assert_ne!(options(&with), options(&without));
        assert_eq!(options(&without), Options::default());
    }

    #[test]
    fn there_are_never_too_many_tokens() {
        let auth = auth();
        let first = auth.sign_in(&"board".into(), Timestamp::EPOCH).expect("a token");
        for _ in 0..SESSIONS_MAX {
            auth.sign_in(&"board".into(), Timestamp::from_micros(1)).expect("a token");
        }
        assert_eq!(auth.sessions().len(), SESSIONS_MAX);
        assert!(auth.known(&first, Timestamp::from_micros(1)).is_none());
    }
}
