//! KurrentDB's protocol: as a server over any log, and as a client that is a log.
//!
//! In: an [`crate::event_log::EventLog`] to serve, requests over gRPC. Out: answers with the
//! names, numbers and quirks that the official clients of KurrentDB expect. Invariants: the
//! commit and the prepare position of an event are one number, its position here; nothing is
//! confirmed before it is durable; what a client never sent is never given out as if it had.
//! Deliberately absent: projections of clients, users and scavenges over the wire, clusters.
//!
//! Sources: KurrentDB's protocol definitions and documentation; what the clients that the tests
//! run do on the wire. `docs/kurrentdb.md` says what differs.

pub mod backend;
pub mod codec;
mod filter;
pub mod intake;
mod links;
pub mod messages;
mod persistent;
pub mod server;
