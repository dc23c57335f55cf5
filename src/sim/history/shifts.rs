//! Agents: when they come and go, and when they rest.
//!
//! In: how many, the days, a seed. Out: each agent's sign-ins, breaks and sign-outs as things
//! due. Whether an agent may leave just then is the world's to see: nobody walks away from a
//! call. The figures are chosen, not measured.

use super::calendar::{shifts, weekday};
use super::world::{agent_slug, market};
use crate::base::{AgentId, IdError, Millis, Ppm, Rng, Timestamp};

const MINUTE: u64 = 60_000;

/// What an agent does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AgentDue {
    SignsIn,
    /// Takes a break, for so long and for that reason.
    Rests(Millis, &'static str),
    /// Comes back from a break, or is done with the work after a call.
    IsFree,
    SignsOut,
}

/// An agent.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    pub(super) id: AgentId,
    pub(super) skill: Ppm,
    pub(super) phone: String,
    /// What an hour costs. Units: minor units of the currency.
    pub(super) per_hour_minor: u64,
}

/// Plans an agent's days: the agent, and what is due when.
pub(super) fn plan(
    number: usize,
    campaigns: usize,
    (start, days): (Timestamp, u32),
    rng: &mut Rng,
) -> Result<(Desk, Vec<(Timestamp, AgentDue)>), IdError> {
    let market = market(number % campaigns.clamp(1, 4));
    let mut due = Vec::new();
    // Half come early, half late; who works on Saturdays is free another day.
    let comes = if number.is_multiple_of(2) { 0 } else { 3 * 60 };
    let free = if number.is_multiple_of(3) { rng.below(5) as usize } else { 5 };
    for shift in shifts(start, days, market) {
        let day = weekday(shift.opens, market);
        if day == 6 || day == free || rng.below(40) == 0 {
            continue;
        }
        let at = |minutes: u64| shift.opens.plus(Millis(minutes * MINUTE));
        let spread = |rng: &mut Rng, about: u64| comes + about + rng.below(25);
        let first = rng.below(12);
        due.push((at(comes + first), AgentDue::SignsIn));
        for (about, minutes, reason) in
            [(90, 12, "pause"), (195, 40, "lunch"), (330, 12, "pause"), (400, 8, "pause")]
        {
            let long = Millis((minutes + rng.below(6)) * MINUTE);
            due.push((at(spread(rng, about)), AgentDue::Rests(long, reason)));
        }
        if rng.below(10) == 0 {
            let long = Millis(45 * MINUTE);
            due.push((at(spread(rng, 260)), AgentDue::Rests(long, "training")));
        }
        due.push((at(comes + 470 + rng.below(12)), AgentDue::SignsOut));
    }
    let name = agent_slug(number);
    let phone = format!("sip:{name}@127.0.0.1:{}", 5_100 + number);
    let skill = Ppm(rng.between(250_000, 700_000) as u32);
    // The more skilled earn more: 15 to 24 dollars.
    let per_hour_minor = 1_500 + u64::from(skill.0 - 250_000) / 500;
    Ok((Desk { id: AgentId::new(name)?, skill, phone, per_hour_minor }, due))
}
