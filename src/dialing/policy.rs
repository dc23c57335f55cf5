//! Versions of the decisions: a log says which one took each, and a replay asks that one again.
//!
//! In: the name that stands in a decision. Out: the rules it was taken by. Invariant: what a
//! version decides from the same facts never changes; new rules are a new version.
//! Deliberately absent: the rules themselves.

/// The version of the dial decision; it stands in every one.
pub const DIAL_POLICY: &str = DialPolicy::CURRENT.name();
/// The version of the choice of a carrier; it stands in every one.
pub const CARRIER_POLICY: &str = CarrierPolicy::CURRENT.name();

/// A version of the dial decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialPolicy {
    /// Lines are the free channels of carriers that are up.
    Progressive1,
    /// Lines are what [`CarrierPolicy::Swrr2`] would give a call at this moment.
    Progressive2,
}

impl DialPolicy {
    /// What decides today.
    pub const CURRENT: Self = Self::Progressive2;

    /// The name in decisions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Progressive1 => "progressive-1",
            Self::Progressive2 => "progressive-2",
        }
    }

    /// The version of a name; today's where the name is not known, so that a comparison says so.
    pub fn named(name: &str) -> Self {
        let is_it = |policy: &Self| policy.name() == name;
        [Self::Progressive1].into_iter().find(is_it).unwrap_or(Self::CURRENT)
    }
}

/// A version of the choice of a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarrierPolicy {
    /// Smooth weighted round robin; every final answer but 5xx counts as the carrier's success.
    Swrr1,
    /// The same round robin; health goes by who is to blame, and a carrier may be suspended, at
    /// its calls per second, or on trial.
    Swrr2,
}

impl CarrierPolicy {
    /// What decides today.
    pub const CURRENT: Self = Self::Swrr2;

    /// The name in decisions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Swrr1 => "swrr-1",
            Self::Swrr2 => "swrr-2",
        }
    }

    /// The version of a name; today's where the name is not known, so that a comparison says so.
    pub fn named(name: &str) -> Self {
        let is_it = |policy: &Self| policy.name() == name;
        [Self::Swrr1].into_iter().find(is_it).unwrap_or(Self::CURRENT)
    }
}
