//! Ledgerline: an outbound-call platform on an append-only event log.
//!
//! Everything that happens is an event; every number shown and every decision taken is a
//! projection of those events at a stated log position. The modules below stand in reading
//! order; `ARCHITECTURE.md` has the picture and the rule which layer may use which.

// Layer 0: words everything else is written in.
/// Ids, units, timestamps, the seeded generator, masked personal values.
pub mod base;

// Layer 1: the facts, and what every server asks for.
/// Who may do what: users with passwords, and three roles.
pub mod access;
/// The facts: one struct each, the envelope, stable names, versions, upcasters.
pub mod event;
/// Certificate and key for TLS.
#[cfg(any(feature = "kurrentdb", feature = "sql-servers"))]
pub mod tls;

// Layer 2: pure cores.
/// One call composed from the cores: inputs in, facts and commands out.
pub mod call;
/// The do-not-call list: may this subject be dialled now?
pub mod compliance;
/// Turn-taking, the script state machine, the intention level.
pub mod conversation;
/// Who is dialled next, over which carrier, and what an ending means.
pub mod dialing;
/// RTP, RTCP, SRTP, SDP, codecs, digits, tones, voice activity.
pub mod media;
/// Who talks: robot or person, by an explained score.
pub mod routing;
/// RFC 3261 messages, transactions, dialogs.
pub mod sip;

// Layer 3: the log and what is derived from it.
/// Takes every decision again from the log and compares.
pub mod audit;
/// Append, read, subscribe; segments and recovery.
pub mod event_log;
/// KurrentDB's protocol over any log.
#[cfg(feature = "kurrentdb")]
pub mod kurrentdb;
/// Keyed hashes and subject keys.
pub mod privacy;
/// Live folds, and SQL views recomputed by dirty window.
pub mod projection;
/// SQL over events, folds and views.
#[cfg(feature = "analytics")]
pub mod query;
/// Recordings of calls: spooled, sealed, stored, deleted.
pub mod recording;

// Layer 4: the world.
/// Named reports from `queries/`.
#[cfg(feature = "analytics")]
pub mod report;
/// Tokio tasks, sockets and timers that drive the cores.
pub mod runtime;
/// Synthesis engines and kept prompts; the trait for recognition.
pub mod speech;

// Layer 5: the edges.
/// HTTP routes and console assets.
pub mod api;
/// The command line.
pub mod cli;

/// The seeded world on the other side of the wire: carriers, people, agents.
pub mod sim;
