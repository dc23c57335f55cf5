//! A histogram of whole numbers that many threads fill without a lock: the library's own one
//! takes a lock for each observation.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of values by upper bound.
#[derive(Debug)]
pub(super) struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all of them.
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

/// What a histogram held at one moment.
#[derive(Debug, PartialEq)]
pub(super) struct Snapshot {
    /// Of all values. Units: the histogram's, divided by what a shown unit has of them.
    pub(super) sum: f64,
    pub(super) count: u64,
    /// Upper bound and values in this bucket alone; the last bound is
    /// infinite.
    pub(super) buckets: Vec<(f64, u64)>,
}

impl Histogram {
    /// Without values; bounds grow.
    pub(super) fn new(bounds: &'static [u64]) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: AtomicU64::new(0) }
    }

    /// Counts a value.
    pub(super) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// The present counts, bounds and sum divided by `per_unit`. The count is that of the
    /// buckets, so the two agree whatever is counted meanwhile.
    pub(super) fn snapshot(&self, per_unit: f64) -> Snapshot {
        let bounds =
            self.bounds.iter().map(|bound| *bound as f64 / per_unit).chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds
            .zip(&self.counts)
            .map(|(bound, count)| (bound, count.load(Ordering::Relaxed)))
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        Snapshot { sum: self.sum.load(Ordering::Relaxed) as f64 / per_unit, count, buckets }
    }
}
