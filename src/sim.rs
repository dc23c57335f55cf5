//! The world on the other side of the wire, seeded: carriers, the people they reach, agents.
//!
//! In: lead files, seeds, SIP and RTP. Out: SIP and RTP, nothing else: what a customer means
//! travels only over the wire. Invariants: the same seed gives the same people; a person
//! reacts only to what arrived, after a human delay. Deliberately absent: any knowledge of the
//! log, the script or the campaign.

pub mod person;
pub mod population;
