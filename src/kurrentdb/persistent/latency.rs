//! How long a consumer takes to answer: the last thousand times, as clients expect to read them.

use std::collections::VecDeque;

use crate::base::Millis;

const KEPT: usize = 1_000;

/// The last answers of one consumer.
#[derive(Debug, Default)]
pub(crate) struct Latencies(VecDeque<u64>);

impl Latencies {
    pub(crate) fn add(&mut self, latency: Millis) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(latency.0);
    }

    /// Names and milliseconds; none before the first answer.
    ///
    /// Source: KurrentDB's names of observed measurements.
    pub(crate) fn measurements(&self) -> Vec<(&'static str, i64)> {
        let mut sorted: Vec<_> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        let Some((lowest, highest)) = sorted.first().zip(sorted.last()) else {
            return Vec::new();
        };
        let mean = sorted.iter().sum::<u64>() / sorted.len() as u64;
        let share = |permille: usize| {
            let at = (sorted.len() * permille).div_ceil(1_000).saturating_sub(1);
            sorted.get(at).copied().unwrap_or(*highest)
        };
        let named = [
            ("Mean", mean),
            ("Median", share(500)),
            ("Fastest", *lowest),
            ("Quintile 1", share(200)),
            ("Quintile 2", share(400)),
            ("Quintile 3", share(600)),
            ("Quintile 4", share(800)),
            ("Quintile 5", share(1_000)),
            ("90%", share(900)),
            ("95%", share(950)),
            ("99%", share(990)),
            ("99.5%", share(995)),
            ("99.9%", share(999)),
            ("Highest", *highest),
        ];
        named.map(|(name, value)| (name, i64::try_from(value).unwrap_or(i64::MAX))).into()
    }
}
