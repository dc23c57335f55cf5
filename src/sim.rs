//! The seeded world on the other side of the wire: carriers, people, agents.
//!
//! In: SIP and RTP from the platform, a lead file, a seed. Out: SIP and RTP. Invariants: what a
//! simulated person means travels only through SIP and RTP; the same seed settles the same
//! people; the simulator never reads the platform's log or memory. Deliberately absent: anything
//! the platform's own code depends on.

mod agents;
mod carrier;
mod desk;
mod endpoint;
#[cfg(test)]
mod failover;
pub mod history;
mod person;
mod population;

pub use agents::{AgentsOptions, run_agents};
pub use carrier::{CarrierOptions, run_carrier};
pub use desk::{Desk, DeskInput, DeskOutput};
pub use endpoint::SimError;
pub use person::{Keys, Person, PersonInput, PersonOutput, Utterance};
pub use population::{Population, Reach, Reaction, Temper};
