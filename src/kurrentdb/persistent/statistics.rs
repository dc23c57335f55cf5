//! What is told of a group when somebody asks.

use super::group::Group;
use crate::base::Timestamp;

/// One consumer in [`Statistics`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsumerStatistics {
    pub(crate) username: String,
    pub(crate) connection_name: String,
    pub(crate) average_per_second: u64,
    pub(crate) total: u64,
    /// Since the last time somebody asked.
    pub(crate) since_last: u64,
    pub(crate) measurements: Vec<(&'static str, i64)>,
    pub(crate) room: usize,
    pub(crate) in_flight: usize,
}

/// A group at one moment. Places are as the group counts them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statistics {
    pub(crate) is_live: bool,
    pub(crate) consumers: Vec<ConsumerStatistics>,
    pub(crate) average_per_second: u64,
    pub(crate) total: u64,
    /// Since the last time somebody asked.
    pub(crate) since_last: u64,
    pub(crate) last_checkpoint: Option<u64>,
    pub(crate) last_known: Option<u64>,
    /// Never given yet.
    pub(crate) waiting: usize,
    /// Given before.
    pub(crate) waiting_again: usize,
    pub(crate) in_flight: usize,
    pub(crate) outstanding: usize,
    pub(crate) parked: u64,
}

impl<E: Clone> Group<E> {
    /// Tells of the group, and starts counting anew.
    pub(crate) fn measure(&mut self, now: Timestamp) -> Statistics {
        let span_ms = now.since(self.measured_at).0;
        let per_second = |count: u64| (count * 1_000).checked_div(span_ms).unwrap_or(0);
        let is_extra = self.settings().extra_statistics;
        let consumers = self.consumers_mut().map(|consumer| {
            let since_last = consumer.total - consumer.measured;
            consumer.measured = consumer.total;
            ConsumerStatistics {
                username: consumer.about.username.clone(),
                connection_name: consumer.about.connection_name.clone(),
                average_per_second: per_second(since_last),
                total: consumer.total,
                since_last,
                measurements: if is_extra { consumer.latencies.measurements() } else { Vec::new() },
                room: consumer.room(),
                in_flight: consumer.in_flight.len(),
            }
        });
        let consumers: Vec<_> = consumers.collect();
        let since_last = self.total - self.measured;
        self.measured = self.total;
        self.measured_at = now;
        let (waiting, waiting_again) = self.waiting_counts();
        Statistics {
            is_live: self.is_live(),
            in_flight: consumers.iter().map(|consumer| consumer.in_flight).sum(),
            consumers,
            average_per_second: per_second(since_last),
            total: self.total,
            since_last,
            last_checkpoint: self.last_checkpoint(),
            last_known: self.last_known(),
            waiting,
            waiting_again,
            outstanding: self.outstanding(),
            parked: self.parked_count(),
        }
    }
}
