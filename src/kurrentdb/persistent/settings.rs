//! How a consumer group works: what clients choose when they make it.

use crate::base::Millis;

/// The order in which consumers get events.
///
/// Source: KurrentDB, "Consumer strategies".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// In turn.
    RoundRobin,
    /// The first until it is full, then the second.
    DispatchToSingle,
    /// Events of one stream to one consumer.
    Pinned,
    /// Events of one correlation id to one consumer.
    PinnedByCorrelation,
}

impl Strategy {
    /// The name that clients use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "RoundRobin",
            Self::DispatchToSingle => "DispatchToSingle",
            Self::Pinned => "Pinned",
            Self::PinnedByCorrelation => "PinnedByCorrelation",
        }
    }

    /// The strategy of a name; case counts, as with KurrentDB.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::RoundRobin, Self::DispatchToSingle, Self::Pinned, Self::PinnedByCorrelation]
            .into_iter()
            .find(|strategy| strategy.name() == name)
    }

    /// Whether an event has one consumer that it goes to.
    pub(crate) const fn is_pinned(self) -> bool {
        matches!(self, Self::Pinned | Self::PinnedByCorrelation)
    }
}

/// Where a group starts that has no checkpoint. A place is a revision in a stream, a position
/// in all streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartFrom {
    /// At this place, which is given.
    Place(u64),
    /// After what there was when the group was made.
    End,
}

/// The choices of one group.
///
/// Source: KurrentDB, "Persistent subscription settings".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Links are given together with what they point at.
    pub(crate) resolve_links: bool,
    /// Where to start without a checkpoint.
    pub(crate) start_from: StartFrom,
    /// Latencies of each consumer are kept.
    pub(crate) extra_statistics: bool,
    /// An event that is not answered in this time goes to somebody again; 0 waits for ever.
    pub(crate) message_timeout: Millis,
    /// How often an event is given again before it is parked.
    pub(crate) max_retry_count: u32,
    /// Events kept ready once the group has caught up.
    pub(crate) live_buffer_size: usize,
    /// Events read at a time.
    pub(crate) read_batch_size: usize,
    /// Events kept ready while the group catches up.
    pub(crate) history_buffer_size: usize,
    /// A checkpoint is due this long after the last; 0 leaves it to the counts.
    pub(crate) checkpoint_after: Millis,
    /// Unless fewer events than this are done since.
    pub(crate) min_checkpoint_count: u32,
    /// So many events done make a checkpoint due at once.
    pub(crate) max_checkpoint_count: u32,
    /// Consumers at a time; 0 for as many as come.
    pub(crate) max_subscriber_count: u32,
    /// Who gets what.
    pub(crate) strategy: Strategy,
}

#[cfg(test)]
impl Settings {
    /// KurrentDB's defaults, from the start.
    pub(crate) fn example() -> Self {
        Self {
            resolve_links: false,
            start_from: StartFrom::Place(0),
            extra_statistics: false,
            message_timeout: Millis(30_000),
            max_retry_count: 10,
            live_buffer_size: 500,
            read_batch_size: 20,
            history_buffer_size: 500,
            checkpoint_after: Millis(2_000),
            min_checkpoint_count: 10,
            max_checkpoint_count: 1_000,
            max_subscriber_count: 0,
            strategy: Strategy::RoundRobin,
        }
    }
}
