//! Who may do what: users with passwords, and three roles.
//!
//! In: lines `name:role:password`, and what a client shows of itself: a header, or a name for the
//! exchange of SCRAM-SHA-256. Out: the caller, or nothing. Invariants: a password is kept only as
//! a keyed hash under a key of this process, and salted and hashed as SCRAM wants it; it stands in
//! no log, error or debug output; a wrong name takes as long, and looks like, a wrong password.
//! Deliberately absent: what a role may do to a stream, which its server knows; changing users
//! while running.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hmac::Mac as _;
use sha2::Sha256;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Read and follow, and ask questions in SQL.
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
    #[error("read users: the operating system gives no random bytes for keys and salts")]
    Key(#[source] getrandom::Error),
}

/// Who may do what.
pub struct Access(Option<Users>);

struct Users {
    key: [u8; 32],
    by_name: BTreeMap<String, User>,
}

struct User {
    role: Role,
    hash: [u8; 32],
    #[cfg(feature = "sql-servers")]
    scram: ScramSecret,
}

/// What SCRAM-SHA-256 compares a client's proof with. Source: RFC 5802 §3.
#[cfg(feature = "sql-servers")]
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret {
    /// What the password was salted with.
    pub salt: [u8; 16],
    /// `Hi(password, salt, iterations)`.
    pub salted_password: Vec<u8>,
}

/// How often a password is hashed for SCRAM; RFC 7677 asks for no less, and PostgreSQL has it.
#[cfg(feature = "sql-servers")]
pub const SCRAM_ITERATIONS: usize = 4_096;

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
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
            let user = User {
                role,
                hash: users.hash(password.as_bytes()),
                #[cfg(feature = "sql-servers")]
                scram: ScramSecret::of(password)?,
            };
            if users.by_name.insert(name.to_owned(), user).is_some() {
                return Err(AccessError::Twice { name: name.to_owned() });
            }
        }
        if users.by_name.is_empty() {
            return Err(AccessError::Nobody);
        }
        Ok(Self(Some(users)))
    }

    /// Whether whoever can connect may do everything.
    pub const fn is_open(&self) -> bool {
        self.0.is_none()
    }

    /// Who sent a request, by its header `authorization` of basic authentication, RFC 7617.
    /// Nobody where there are users and the header names none of them.
    pub fn check_basic(&self, header: Option<&[u8]>) -> Option<Caller> {
        if self.0.is_none() {
            return Some(Caller::anonymous());
        }
        let text = String::from_utf8(basic(header?)?).ok()?;
        let (name, password) = text.split_once(':')?;
        self.check(name, password)
    }

    /// Who knows this password. Nobody where there are users, and it is none of theirs.
    pub fn check(&self, name: &str, password: &str) -> Option<Caller> {
        match &self.0 {
            None => Some(Caller::anonymous()),
            Some(users) => users.find(name, password),
        }
    }

    /// A user whose password was proved by other means.
    #[cfg(feature = "sql-servers")]
    pub fn known(&self, name: &str) -> Option<Caller> {
        match &self.0 {
            None => Some(Caller::anonymous()),
            Some(users) => {
                let user = users.by_name.get(name)?;
                Some(Caller { name: name.into(), role: user.role })
            }
        }
    }

    /// What a user's proof is compared with, or what nobody can prove where there is no such
    /// user: its salt stays the same as long as this process runs, as that of a user does.
    /// Nothing where everybody may connect.
    #[cfg(feature = "sql-servers")]
    pub fn scram(&self, name: &str) -> Option<ScramSecret> {
        let users = self.0.as_ref()?;
        let made_up = users.made_up(name);
        Some(users.by_name.get(name).map_or(made_up, |user| user.scram.clone()))
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
        let hash = known.map_or([0; 32], |user| user.hash);
        // Compares in constant time, and also where there is no such user.
        let is_right = self.mac(password.as_bytes()).verify_slice(&hash).is_ok();
        let user = known.filter(|_| is_right)?;
        Some(Caller { name: name.into(), role: user.role })
    }

    /// A secret for a name that nobody has.
    #[cfg(feature = "sql-servers")]
    fn made_up(&self, name: &str) -> ScramSecret {
        let salt = self.hash(format!("salt of {name}").as_bytes());
        let mut short = [0; 16];
        short.iter_mut().zip(salt).for_each(|(to, from)| *to = from);
        let salted_password = self.hash(format!("secret of {name}").as_bytes()).to_vec();
        ScramSecret { salt: short, salted_password }
    }
}

#[cfg(feature = "sql-servers")]
impl ScramSecret {
    fn of(password: &str) -> Result<Self, AccessError> {
        use pgwire::api::auth::sasl::scram::gen_salted_password;

        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(AccessError::Key)?;
        let salted_password = gen_salted_password(password, &salt, SCRAM_ITERATIONS);
        Ok(Self { salt, salted_password })
    }
}

#[cfg(feature = "sql-servers")]
impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret")
    }
}

impl Caller {
    /// Somebody of this name with this role.
    pub fn new(name: &str, role: Role) -> Self {
        Self { name: name.into(), role }
    }

    fn anonymous() -> Self {
        Self::new("anonymous", Role::Admin)
    }

    /// The user's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the user may do.
    pub const fn role(&self) -> Role {
        self.role
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
