//! Who a call says it comes from: From, P-Asserted-Identity and Privacy.
//!
//! In: an [`Identity`] and our address. Out: header values of an INVITE. Invariant: where privacy
//! is asked for, the number stands nowhere but in the asserted or preferred identity, which the
//! carrier takes out before it hands the call on.
//! Sources: RFC 3323 §4.1 and §4.2; RFC 3325 §9.

use std::fmt;
use std::net::SocketAddr;

use super::header;
use super::message::Message;

/// Which header vouches for the caller besides From.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assertion {
    /// None: the carrier goes by From.
    #[default]
    None,
    /// P-Asserted-Identity: the carrier trusts what we say (RFC 3325 §9.1).
    Asserted,
    /// P-Preferred-Identity: the carrier chooses among identities it knows as ours (§9.2).
    Preferred,
}

/// Who a call says it comes from.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// User part of our own address.
    pub caller: String,
    /// Host of that address; without one, our own address.
    pub domain: Option<String>,
    /// What vouches for it.
    pub assertion: Assertion,
    /// The called party is not shown it (`Privacy: id`).
    pub is_private: bool,
}

impl Identity {
    /// A caller that nothing more is said of.
    pub fn of(caller: impl Into<String>) -> Self {
        Self { caller: caller.into(), ..Self::default() }
    }

    /// The From value without tag.
    pub(super) fn from(&self, local: SocketAddr) -> String {
        if self.is_private {
            // RFC 3323 §4.1.1.3.
            return "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned();
        }
        format!("<{}>", self.uri(local))
    }

    /// The user part of our Contact.
    pub(super) fn contact_user(&self) -> &str {
        if self.is_private { "" } else { &self.caller }
    }

    /// Adds the headers that vouch for the caller.
    pub(super) fn vouch(&self, request: &mut Message, local: SocketAddr) {
        let name = match self.assertion {
            Assertion::None => None,
            Assertion::Asserted => Some("P-Asserted-Identity"),
            Assertion::Preferred => Some("P-Preferred-Identity"),
        };
        if let Some(name) = name {
            request.push(name, format!("<{}>", self.uri(local)));
        }
        if self.is_private {
            request.push("Privacy", "id");
        }
    }

    fn uri(&self, local: SocketAddr) -> String {
        let user = header::escape_user(&self.caller);
        let at = if user.is_empty() { "" } else { "@" };
        match &self.domain {
            Some(domain) => format!("sip:{user}{at}{domain}"),
            None => format!("sip:{user}{at}{local}"),
        }
    }
}

impl fmt::Debug for Identity {
    /// Without the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("assertion", &self.assertion)
            .field("is_private", &self.is_private)
            .finish_non_exhaustive()
    }
}
