//! Tokio tasks, sockets and timers that drive the cores.
//!
//! In: a configuration and a log. Out: calls on the wire and facts in the log. Invariants: a
//! command to the world is given only after the facts that precede it are durable; decisions
//! are taken on the live state at the position they name; when the log refuses a fact, no new
//! call is begun. Deliberately absent: deciding, parsing packets, knowing SQL.

pub mod config;

pub use config::{Config, ConfigError};
