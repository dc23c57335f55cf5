//! Events put aside: which there are, which are given again, below which they may be cut off.
//!
//! Invariant: a parked event stays in its stream until it was given again and is done; one
//! truncation at a time.

#[derive(Debug)]
pub(crate) struct Parked {
    /// Everything below is cut off.
    first: u64,
    /// Everything below was given again.
    taken: u64,
    /// Give again what is below.
    stop: u64,
    /// One more than the last.
    end: u64,
    truncating: Option<u64>,
}

impl Parked {
    pub(crate) fn new(first: u64, end: u64) -> Self {
        let end = end.max(first);
        Self { first, taken: first, stop: first, end, truncating: None }
    }

    /// One was added at this revision.
    pub(crate) fn added(&mut self, revision: u64) {
        self.end = self.end.max(revision.saturating_add(1));
    }

    /// Give again what is there, or what is there below a revision.
    pub(crate) fn replay(&mut self, stop_at: Option<u64>) {
        let stop = stop_at.map_or(self.end, |stop| stop.min(self.end));
        self.stop = self.stop.max(stop);
    }

    /// From which revision on how many are to be read.
    pub(crate) fn wanted(&self) -> Option<(u64, u64)> {
        (self.taken < self.stop).then(|| (self.taken, self.stop - self.taken))
    }

    /// What of a page is to be given again. No page: nothing more can be read.
    pub(crate) fn take<T>(&mut self, page: Option<Vec<(u64, T)>>) -> Vec<(u64, T)> {
        let Some(mut page) = page.filter(|page| !page.is_empty()) else {
            self.taken = self.taken.max(self.stop);
            return Vec::new();
        };
        page.retain(|(revision, _)| (self.taken..self.stop).contains(revision));
        // A page that starts at or past the end leaves nothing in between.
        self.taken = page.last().map_or(self.stop, |(revision, _)| revision + 1).max(self.taken);
        page
    }

    /// The revision below which to cut off, if there is something to cut. `unfinished` is the
    /// first that was given again and is not done.
    pub(crate) fn take_truncation(&mut self, unfinished: Option<u64>) -> Option<u64> {
        let before = unfinished.unwrap_or(self.taken);
        if self.truncating.is_some() || before <= self.first {
            return None;
        }
        self.truncating = Some(before);
        Some(before)
    }

    pub(crate) fn truncated(&mut self, is_written: bool) {
        if let Some(before) = self.truncating.take()
            && is_written
        {
            self.first = before;
        }
    }

    /// Parked, and not given again.
    pub(crate) fn count(&self) -> u64 {
        self.end.saturating_sub(self.taken)
    }
}
