//! The four terms of the score, in integers, so that replay is exact.

use crate::base::Ppm;
use crate::event::{LegEnded, Portrait, RoutingWeights, ScoreTerms};

/// The version of the score below; it stands in every decision.
pub const ROUTING_POLICY: &str = "score-1";

/// Weight of the prior in a skill: as if that many calls had been seen before.
const PRIOR_CALLS: u64 = 20;
/// The robot's skill before it has talked to anybody.
const ROBOT_PRIOR: Ppm = Ppm(300_000);

/// A customer as the router sees one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Value from recency, frequency and monetary.
    pub value: Ppm,
    /// How well a robot suits a conversation with this customer.
    pub robot_fit: Ppm,
}

impl Default for Customer {
    fn default() -> Self {
        Self { value: Ppm(500_000), robot_fit: Ppm(500_000) }
    }
}

impl Customer {
    /// Robot fit starts at 0.65; people over sixty, those who were called three times or more,
    /// and those who bought before are better off with a person.
    pub fn of(portrait: &Portrait, value: Ppm) -> Self {
        let number = |key: &str| portrait.get(key).and_then(|text| text.parse::<u64>().ok());
        let mut fit: u32 = 650_000;
        if number("age").is_some_and(|age| age >= 60) {
            fit -= 200_000;
        }
        if number("previous_contacts").is_some_and(|contacts| contacts >= 3) {
            fit -= 150_000;
        }
        if portrait.get("previous_outcome").is_some_and(|outcome| outcome == "success") {
            fit -= 250_000;
        }
        Self { value, robot_fit: Ppm(fit) }
    }
}

/// The quality of a carrier's line from the legs it carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineQuality {
    /// Share of packets that arrive, smoothed by an eighth per leg.
    pub delivered: Ppm,
}

impl Default for LineQuality {
    fn default() -> Self {
        Self { delivered: Ppm::ONE }
    }
}

impl LineQuality {
    pub(super) fn leg_ended(&mut self, fact: &LegEnded) {
        let expected = fact.packets_received + fact.packets_lost;
        if expected == 0 {
            return;
        }
        let leg = i64::from(Ppm::ratio(fact.packets_received, expected).0);
        let old = i64::from(self.delivered.0);
        self.delivered = Ppm(u32::try_from(old + (leg - old) / 8).unwrap_or(0));
    }

    /// A percent of loss costs a listener a tenth, a recogniser a fifth.
    fn quality(self, tenths_per_percent: u32) -> u32 {
        let lost = Ppm::ONE.0.saturating_sub(self.delivered.0);
        Ppm::ONE.0.saturating_sub(lost.saturating_mul(10 * tenths_per_percent))
    }
}

/// The robot takes the low-value, robot-fit customers.
pub(super) fn robot_terms(
    customer: &Customer,
    line: LineQuality,
    calls: u64,
    agreed: u64,
) -> ScoreTerms {
    ScoreTerms {
        customer_value: rest(customer.value),
        robot_fit: customer.robot_fit.0,
        agent_skill: shrink(ROBOT_PRIOR, calls, agreed),
        line_quality: line.quality(2),
    }
}

/// A person takes the others.
pub(super) fn agent_terms(
    customer: &Customer,
    line: LineQuality,
    skill: Ppm,
    calls: u64,
    agreed: u64,
) -> ScoreTerms {
    ScoreTerms {
        customer_value: customer.value.0.min(Ppm::ONE.0),
        robot_fit: rest(customer.robot_fit),
        agent_skill: shrink(skill, calls, agreed),
        line_quality: line.quality(1),
    }
}

/// The weighted sum.
pub(super) fn weigh(terms: &ScoreTerms, weights: &RoutingWeights) -> u32 {
    let products = [
        (terms.customer_value, weights.customer_value),
        (terms.robot_fit, weights.robot_fit),
        (terms.agent_skill, weights.agent_skill),
        (terms.line_quality, weights.line_quality),
    ];
    let sum: u64 =
        products.iter().map(|(term, weight)| u64::from(*term) * u64::from(weight.0)).sum();
    u32::try_from(sum / 1_000_000).unwrap_or(u32::MAX)
}

const fn rest(share: Ppm) -> u32 {
    Ppm::ONE.0.saturating_sub(share.0)
}

/// Mean of prior and experience, the prior counting as [`PRIOR_CALLS`] calls.
fn shrink(prior: Ppm, calls: u64, agreed: u64) -> u32 {
    let sum = u64::from(prior.0) * PRIOR_CALLS + agreed * 1_000_000;
    u32::try_from(sum / (PRIOR_CALLS + calls)).unwrap_or(u32::MAX)
}
