//! The group alone, without sockets, files or clocks.

mod delivery;
mod histories;
mod progress;
mod stage;
mod strategies;
