//! The group alone, without sockets, files or clocks; and groups over a log.

mod delivery;
mod histories;
mod kept;
mod progress;
mod rust_client;
mod stage;
mod strategies;
mod words;
