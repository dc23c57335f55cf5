//! Persistent subscriptions: groups of consumers that share the events of a stream, or of all,
//! and whose progress the server keeps.
//!
//! In: calls of clients, and events of the log. Out: events to consumers, each until somebody
//! answered it; configuration, checkpoints and parked events, all in the log itself.
//!
//! Invariant: every event that a group is for is given to a consumer at least once, whatever
//! fails, as long as the group exists.
//!
//! Deliberately absent: an order across retries, and exactly-once delivery.

mod checkpoint;
mod config;
mod consumers;
mod group;
mod info;
mod latency;
mod parked;
mod records;
mod refusal;
mod runner;
pub(super) mod service;
mod settings;
mod source;
mod statistics;
mod subsystem;

pub(super) use self::subsystem::Subsystem;

#[cfg(test)]
mod tests;
