//! The SIP user agent: both sides of a call over UDP, TCP or TLS.
//!
//! In: datagrams, commands by leg ([`UserAgent::invite`], [`UserAgent::answer`], …; as data:
//! [`UaCommand`]) and the time.
//! Out: [`Output`] — datagrams to send and [`UaEvent`]s. Drain contract: one input, then
//! [`UserAgent::poll_output`] until it is empty, then sleep until [`UserAgent::poll_timeout`].
//!
//! Invariants: every leg gets exactly one terminal event ([`UaEvent::is_terminal`]) and none
//! after it; arbitrary bytes never panic; once all legs are over and 64·T1 has passed, no
//! transaction and no dialog is left; no output carries a phone number in its `Debug`.
//!
//! Deliberately absent: sockets and connections; WebSocket; forwarding; questions to the DNS:
//! [`locate`] says what to ask, and a host name inside a dialog falls back to the address the peer
//! wrote from.
//! Sources: RFC 3261, RFC 3262 (PRACK), RFC 6026 (accepted state), RFC 3264 and RFC 6337
//! (offers), RFC 3311 (UPDATE), RFC 4028 (session timers), RFC 3515 and RFC 3891 (REFER,
//! Replaces), RFC 3581 (rport), RFC 3326 and RFC 6432 (Reason), RFC 7616 and RFC 8760 (digest),
//! RFC 3323 and RFC 3325 (identity).

mod agent;
mod authority;
mod call;
mod check;
mod client;
mod command;
mod dialog;
mod digest;
mod early;
mod event;
mod framing;
mod header;
mod hop;
mod identity;
mod incoming;
mod info;
mod late;
mod locate;
mod message;
mod negotiation;
mod next_target;
mod offer;
mod outgoing;
mod refer;
mod register;
mod registrar;
mod reliable;
mod replaces;
mod reply;
mod screen;
mod server;
mod session_timer;
mod timers;

pub use agent::UserAgent;
pub use authority::{Authority, AuthorityError, Host};
pub use check::is_usable;
pub use command::UaCommand;
pub use event::{
    Challenge, Credentials, FailureCause, Invite, Output, Party, Timers, UaEvent, UserAgentConfig,
};
pub use framing::{Frame, Framer, FramingError};
pub use hop::{Hop, Transport};
pub use identity::{Assertion, Identity};
pub use locate::{Known, Located, Naptr, Question, Records, STEPS_MAX, Srv, Step, Wanted, locate};
pub use register::{Registration, RegistrationId};
pub use registrar::{DigestHash, Phone, PhoneGone};
pub use screen::{ScreenReason, Screened};
