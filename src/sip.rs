//! The SIP user agent: both sides of a call over UDP.
//!
//! In: datagrams, commands by leg ([`UserAgent::invite`], [`UserAgent::answer`], …) and the time.
//! Out: [`Output`] — datagrams to send and [`UaEvent`]s. Drain contract: one input, then
//! [`UserAgent::poll_output`] until it is empty, then sleep until [`UserAgent::poll_timeout`].
//!
//! Invariants: every leg gets exactly one terminal event ([`UaEvent::is_terminal`]) and none
//! after it; arbitrary bytes never panic; once all legs are over and 64·T1 has passed, no
//! transaction and no dialog is left; no output carries a phone number in its `Debug`.
//!
//! Deliberately absent: TCP, TLS and WebSocket; registration; forwarding; names looked up in DNS
//! (a host name falls back to the address the peer wrote from).
//! Sources: RFC 3261, RFC 3262 (PRACK), RFC 3264 and RFC 6337 (offers), RFC 3311 (UPDATE),
//! RFC 4028 (session timers), RFC 6026 (accepted state), RFC 3581 (rport), RFC 3326 and RFC 6432
//! (Reason), RFC 2617 (digest).

mod agent;
mod call;
mod client;
mod dialog;
mod digest;
mod early;
mod event;
mod header;
mod incoming;
mod late;
mod message;
mod negotiation;
mod offer;
mod outgoing;
mod reliable;
mod reply;
mod server;
mod session_timer;
mod timers;

pub use agent::UserAgent;
pub use event::{
    Challenge, Credentials, FailureCause, Invite, Output, Party, Timers, UaEvent, UserAgentConfig,
};
