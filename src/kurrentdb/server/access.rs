//! Who may do what: users with passwords, and three roles.
//!
//! In: lines `name:role:password`, and the `authorization` header of a request. Out: the caller,
//! or a refusal. Invariants: a password is kept only as a keyed hash under a key of this process;
//! it stands in no log, error or debug output; a wrong name takes as long as a wrong password.
//! Deliberately absent: access lists of single streams, changing users while running.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::Mac as _;
use http::HeaderMap;
use sha2::Sha256;
use tonic::{Code, Status};

use super::status;
use crate::event::StreamName;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read and follow.
    Reader,
    /// That, and append and delete, but not in streams whose name begins with `$`; the metadata
    /// of a stream belong to it.
    Writer,
    /// Everything.
    Admin,
}

/// Users that cannot be used. No message has a password in it.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The file.
    #[error("read users from {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Others could read the passwords.
    #[error("read users from {path}: others may read it; run: chmod 600 {path}")]
    Open {
        /// The file.
        path: PathBuf,
    },
    /// A line that is no user.
    #[error(
        "read users: line {line} is not name:role:password with a role of admin, writer or reader"
    )]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// A name that stands twice.
    #[error("read users: {name:?} stands twice")]
    Twice {
        /// The user.
        name: String,
    },
    /// None at all.
    #[error("read users: there are none; a line is name:role:password")]
    Nobody,
    /// No randomness.
    #[error("read users: the operating system gives no random bytes for the key of their hashes")]
    Key(#[source] getrandom::Error),
}

/// Who may do what.
pub struct Access(Option<Users>);

struct Users {
    key: [u8; 32],
    by_name: BTreeMap<String, (Role, [u8; 32])>,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(in crate::kurrentdb) struct Caller {
    name: Arc<str>,
    role: Role,
}

impl Access {
    /// Whoever can connect may do everything.
    pub fn open() -> Self {
        Self(None)
    }

    /// Users from a file that only its owner may read.
    ///
    /// # Errors
    /// See [`AccessError`].
    pub fn read(path: &Path) -> Result<Self, AccessError> {
        use std::os::unix::fs::PermissionsExt as _;

        let failed = |source| AccessError::Read { path: path.to_owned(), source };
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(AccessError::Open { path: path.to_owned() });
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?)
    }

    /// Users, one a line; empty lines and lines that begin with `#` are passed over.
    ///
    /// # Errors
    /// See [`AccessError`].
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(AccessError::Key)?;
        let mut users = Users { key, by_name: BTreeMap::new() };
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, role, password) = user(line).ok_or(AccessError::Line { line: at + 1 })?;
            let hash = users.hash(password.as_bytes());
            if users.by_name.insert(name.to_owned(), (role, hash)).is_some() {
                return Err(AccessError::Twice { name: name.to_owned() });
            }
        }
        if users.by_name.is_empty() {
            return Err(AccessError::Nobody);
        }
        Ok(Self(Some(users)))
    }

    /// Who sent a request.
    ///
    /// # Errors
    /// UNAUTHENTICATED where there are users and the header names none of them.
    pub(super) fn caller(&self, headers: &HeaderMap) -> Result<Caller, Status> {
        let Some(users) = &self.0 else {
            return Ok(Caller { name: "anonymous".into(), role: Role::Admin });
        };
        let header = headers.get(http::header::AUTHORIZATION);
        let credentials = header.and_then(|header| basic(header.as_bytes()));
        let found = credentials.and_then(|text| {
            let text = String::from_utf8(text).ok()?;
            let (name, password) = text.split_once(':')?;
            users.find(name, password)
        });
        found.ok_or_else(|| {
            let name = "not-authenticated";
            status::exception(Code::Unauthenticated, "Not Authenticated".to_owned(), name, &[])
        })
    }
}

/// The parts of a line.
fn user(line: &str) -> Option<(&str, Role, &str)> {
    let (name, rest) = line.split_once(':')?;
    let (role, password) = rest.split_once(':')?;
    let role = match role {
        "admin" => Role::Admin,
        "writer" => Role::Writer,
        "reader" => Role::Reader,
        _ => return None,
    };
    let is_whole = !name.is_empty() && !password.is_empty();
    is_whole.then_some((name, role, password))
}

impl Users {
    fn mac(&self, password: &[u8]) -> hmac::Hmac<Sha256> {
        use hmac::KeyInit as _;

        #[expect(clippy::expect_used, reason = "any length will do for this hash's key")]
        let mut mac = hmac::Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of 32 bytes");
        mac.update(password);
        mac
    }

    fn hash(&self, password: &[u8]) -> [u8; 32] {
        self.mac(password).finalize().into_bytes().into()
    }

    fn find(&self, name: &str, password: &str) -> Option<Caller> {
        let known = self.by_name.get(name);
        let hash = known.map_or([0; 32], |(_, hash)| *hash);
        // Compares in constant time, and also where there is no such user.
        let is_right = self.mac(password.as_bytes()).verify_slice(&hash).is_ok();
        let (role, _) = known.filter(|_| is_right)?;
        Some(Caller { name: name.into(), role: *role })
    }
}

impl Caller {
    /// The user's name.
    pub(in crate::kurrentdb) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the caller may append to a stream, or delete it.
    pub(in crate::kurrentdb) fn may_write(&self, stream: &StreamName) -> bool {
        let name = stream.as_str();
        let is_system = name.strip_prefix("$$").unwrap_or(name).starts_with('$');
        match self.role {
            Role::Admin => true,
            Role::Writer => !is_system,
            Role::Reader => false,
        }
    }

    /// Whether the caller may change what belongs to nobody else: persistent subscriptions.
    pub(in crate::kurrentdb) fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => f.write_str("Access(open)"),
            Some(users) => write!(f, "Access({} users)", users.by_name.len()),
        }
    }
}

/// What basic authentication carries, RFC 7617.
fn basic(header: &[u8]) -> Option<Vec<u8>> {
    let (scheme, rest) = header.split_at_checked(6)?;
    scheme.eq_ignore_ascii_case(b"basic ").then(|| base64(rest.trim_ascii()))?
}

/// Base64 of RFC 4648 §4, its padding left out or not.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"==").or(text.strip_suffix(b"=")).unwrap_or(text);
    if text.len() % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for letter in group {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        let whole = bits.to_be_bytes();
        bytes.extend(whole.get(1..group.len())?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
